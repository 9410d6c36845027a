//! What people may administer: asked live, so that a role that is taken away is gone at once, also
//! for sockets that are open.

use carillon_plugin::{Ctx, Error, Result, Row};
use carillon_protocol::{
    Event, OrgId, RoleId, UserId,
    operation::ADMIN,
    org::kind,
    role::{DEPARTMENTS, ORGANISATION, PEOPLE, PERMISSIONS, ROLES, SESSIONS},
};

use super::{Directory, member, memory::Memory};

/// The most people whose rights are kept in memory, at some 100 bytes each.
const KEPT_MAX: usize = 20_000;

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
#[derive(Debug, Clone, Copy)]
struct Known {
    org: OrgId,
    app: bool,
    rights: Rights,
}

/// The rights that were asked for lately.
pub(super) struct Held(Memory<UserId, Known>);

impl Default for Held {
    fn default() -> Held {
        Held(Memory::new(KEPT_MAX))
    }
}

impl Held {
    /// Forgets whose rights changed, on whichever node.
    pub(super) fn observe(&self, event: &Event) {
        match (&*event.k, member::changed(event)) {
            (kind::ROLE_CHANGED | kind::IMPORTED, _) => self.0.forget_all(),
            (_, Some(user)) => self.0.forget(&user),
            _ => {}
        }
    }

    async fn find(&self, ctx: &Ctx, user: UserId) -> Result<Option<Known>> {
        if let Some(known) = self.0.get(&user) {
            return Ok(Some(known));
        }
        let since = self.0.since();
        let sql = "SELECT u.org, u.app, r.id, r.permissions FROM directory_user u
                   LEFT JOIN directory_role_member m ON m.user_id = u.id
                   LEFT JOIN directory_role r ON r.id = m.role
                   WHERE u.id = $1 AND u.left_at IS NULL";
        let rows = ctx.query(sql, [user.into()]).await?;
        let Some(first) = rows.first() else { return Ok(None) };
        let org = first.get(0)?;
        let rights = rows.iter().try_fold(Rights::default(), |rights, row| {
            Ok::<_, Error>(rights.and(of_role(org, row)?))
        })?;
        let known = Known { org, app: first.get(1)?, rights };
        self.0.keep(since, user, known);
        Ok(Some(known))
    }
}

/// The rights of the role in the last two columns, if there is one.
fn of_role(org: OrgId, row: &Row) -> Result<Rights> {
    Ok(match row.get::<Option<RoleId>>(2)? {
        None => Rights::default(),
        Some(role) if role == administrators(org) => Rights::ADMINISTRATOR,
        Some(_) => Rights::read(&row.get::<String>(3)?),
    })
}

/// What a person's roles let them administer; nothing, if there is no such person, or no longer. A
/// program has no roles.
pub(super) async fn rights_of(ctx: &Ctx, org: OrgId, user: UserId) -> Result<Rights> {
    let known = ctx.state::<Directory>().held.find(ctx, user).await?;
    Ok(known.filter(|known| known.org == org).map_or(Rights::default(), |known| known.rights))
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
    let known = ctx.state::<Directory>().held.find(ctx, caller.user).await?;
    let known = known.filter(|known| known.org == caller.org);
    Ok(known.map_or(Rights::default(), |known| match known.app {
        true => Rights::ADMINISTRATOR,
        false => known.rights,
    }))
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
