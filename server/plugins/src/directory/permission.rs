//! What people may administer: asked live, so that a role that is taken away is gone at once, also
//! for sockets that are open.

use carillon_plugin::{Ctx, Error, Result, Row};
use carillon_protocol::{
    OrgId, RoleId, UserId,
    operation::ADMIN,
    role::{DEPARTMENTS, ORGANISATION, PEOPLE, PERMISSIONS, ROLES, SESSIONS},
};

/// A set of permissions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Rights(u8);

impl Rights {
    /// An administrator's: every permission, also those of a later version.
    pub(super) const ADMINISTRATOR: Rights = Rights(u8::MAX);

    /// Those of a role, as its column names them. What no version knows any more counts nothing.
    pub(super) fn read(text: &str) -> Rights {
        text.split(' ').fold(Rights::default(), |rights, name| Rights(rights.0 | bit(name)))
    }

    pub(super) fn and(self, other: Rights) -> Rights {
        Rights(self.0 | other.0)
    }

    /// What only one of both has.
    pub(super) fn differing(self, other: Rights) -> Rights {
        Rights(self.0 ^ other.0)
    }

    /// Whether every permission of the other is here, too.
    pub(super) fn cover(self, other: Rights) -> bool {
        self.0 & other.0 == other.0
    }

    pub(super) fn has(self, permission: &str) -> bool {
        self.0 & bit(permission) != 0
    }

    /// The permissions in the order in which they are shown.
    pub(super) fn names(self) -> impl Iterator<Item = &'static str> {
        PERMISSIONS.into_iter().filter(move |name| self.has(name))
    }
}

/// The bit of a permission; none for one that does not exist. The highest is the administrator's.
fn bit(permission: &str) -> u8 {
    PERMISSIONS.iter().position(|known| *known == permission).map_or(0, |index| 1 << index)
}

/// The administrator's role has the id of its organisation.
pub(super) fn administrators(org: OrgId) -> RoleId {
    RoleId(org.0)
}

/// A person or program, as far as rights depend on it.
struct Known {
    app: bool,
    /// What the roles permit.
    rights: Rights,
}

/// Asked of the tables each time: a change of the organisation is decided by it, and what memory
/// says may be a moment older than the revision that the change is committed on.
async fn find(ctx: &Ctx, org: OrgId, user: UserId) -> Result<Option<Known>> {
    let sql = "SELECT u.app, r.id, r.permissions FROM directory_user u
               LEFT JOIN directory_role_member m ON m.user_id = u.id
               LEFT JOIN directory_role r ON r.id = m.role
               WHERE u.id = $1 AND u.org = $2 AND u.left_at IS NULL";
    let rows = ctx.query(sql, [user.into(), org.into()]).await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let rights = rows.iter().try_fold(Rights::default(), |rights, row| {
        Ok::<_, Error>(rights.and(of_role(org, row)?))
    })?;
    Ok(Some(Known { app: first.get(0)?, rights }))
}

/// The rights of the role in the last two columns, if there is one.
fn of_role(org: OrgId, row: &Row) -> Result<Rights> {
    Ok(match row.get::<Option<RoleId>>(1)? {
        None => Rights::default(),
        Some(role) if role == administrators(org) => Rights::ADMINISTRATOR,
        Some(_) => Rights::read(&row.get::<String>(2)?),
    })
}

/// What somebody may administer; nothing, if there is nobody of that id, or no longer. Of a person
/// it follows from the roles, of a program from its tokens: it may everything as long as one of
/// them has the scope `admin`.
pub(super) async fn rights_of(ctx: &Ctx, org: OrgId, user: UserId) -> Result<Rights> {
    let tokens = "SELECT 1 FROM directory_session
                  WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2
                      AND scopes LIKE '%admin%' LIMIT 1";
    Ok(match find(ctx, org, user).await? {
        None => Rights::default(),
        Some(Known { app: false, rights }) => rights,
        Some(_) => match ctx.query_one(tokens, [user.into(), ctx.now().into()]).await? {
            Some(_) => Rights::ADMINISTRATOR,
            None => Rights::default(),
        },
    })
}

/// What the caller may administer: nothing without the scope `admin`. A program with that scope
/// may do what an administrator may.
pub(super) async fn rights(ctx: &Ctx) -> Result<Rights> {
    let caller = ctx.caller();
    if caller.is_system() {
        return Ok(Rights::ADMINISTRATOR);
    }
    if !caller.may(ADMIN) {
        return Ok(Rights::default());
    }
    Ok(match find(ctx, caller.org, caller.user).await? {
        None => Rights::default(),
        Some(Known { app: true, .. }) => Rights::ADMINISTRATOR,
        Some(Known { rights, .. }) => rights,
    })
}

/// Refuses whoever has not this one of [`PERMISSIONS`].
pub(super) async fn permit(ctx: &Ctx, permission: &str) -> Result<()> {
    if rights(ctx).await?.has(permission) {
        return Ok(());
    }
    let to = match permission {
        PEOPLE => "administer people",
        DEPARTMENTS => "change departments",
        ROLES => "change roles and who has them",
        ORGANISATION => "change the organisation",
        SESSIONS => "sign others out and issue tokens",
        other => other,
    };
    Err(Error::denied(format!("this needs the permission to {to}; ask an administrator")))
}

/// Refuses whoever would give or take away what they do not have.
pub(super) async fn permit_giving(ctx: &Ctx, given: Rights) -> Result<()> {
    let held = rights(ctx).await?;
    if held.cover(given) {
        return Ok(());
    }
    let missing: Vec<_> = given.names().filter(|name| !held.has(name)).collect();
    let what = match missing.as_slice() {
        [] => "everything that an administrator may".to_owned(),
        names => format!("`{}`", names.join("`, `")),
    };
    let msg = format!("nobody gives or takes permissions that they do not have: {what}");
    Err(Error::denied(msg))
}

/// Refuses to act on a person who may do what the caller may not: whoever could change an
/// administrator's password would be one.
pub(super) async fn permit_over(ctx: &Ctx, org: OrgId, user: UserId) -> Result<()> {
    if rights(ctx).await?.cover(rights_of(ctx, org, user).await?) {
        return Ok(());
    }
    let msg = "this person has permissions that you do not have; ask an administrator";
    Err(Error::denied(msg))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_administrator_covers_everybody_and_nobody_else_an_administrator() {
        let all = PERMISSIONS.map(bit).into_iter().fold(Rights::default(), |rights, bit| {
            assert!(bit != 0 && bit != 1 << 7, "the highest is the administrator's");
            rights.and(Rights(bit))
        });
        assert!(Rights::ADMINISTRATOR.cover(all) && !all.cover(Rights::ADMINISTRATOR));
        assert_eq!(Rights::ADMINISTRATOR.names().collect::<Vec<_>>(), PERMISSIONS);
    }

    #[test]
    fn a_role_of_a_later_version_gives_what_is_known_of_it() {
        let read = Rights::read("roles flying people");
        assert_eq!(read.names().collect::<Vec<_>>(), [PEOPLE, ROLES]);
        assert_eq!(Rights::read(""), Rights::default());
    }
}
