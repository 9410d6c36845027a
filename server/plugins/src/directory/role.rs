//! Roles: what people may administer.

use carillon_plugin::{Audited, Committed, Ctx, Decision, Error, Result, Row, Tx};
use carillon_protocol::{
    OrgId, RoleId, Topic,
    org::kind,
    role::{Changed, ChangedData, Create, Created, List, Listed, ROLES, Remove, Role, Update},
};

use super::{
    org::{Revision, org_of},
    permission::{Rights, administrators, permit, permit_giving},
    rules,
};

/// The most roles of an organisation: one answer holds all of them.
const ROLES_MAX: i64 = 100;

/// The roles, the administrator's first. Who left has none.
pub(super) async fn list(ctx: Ctx, _: List) -> Result<Listed> {
    let org = org_of(&ctx, None).await?;
    let sql = "SELECT r.id, r.name, r.permissions,
                   (SELECT COUNT(*) FROM directory_role_member m WHERE m.role = r.id)
               FROM directory_role r WHERE r.org = $1
               ORDER BY CASE WHEN r.id = $1 THEN 0 ELSE 1 END, r.id";
    let role = |row: &Row| {
        let role = row.get(0)?;
        let rights = rights_in(org, role, &row.get::<String>(2)?);
        Ok(Role {
            role,
            name: row.get(1)?,
            permissions: rights.names().map(str::to_owned).collect(),
            administrator: role == administrators(org),
            members: row.get(3)?,
        })
    };
    let rows = ctx.query(sql, [org.into()]).await?;
    Ok(Listed { roles: rows.iter().map(role).collect::<Result<_>>()? })
}

fn rights_in(org: OrgId, role: RoleId, permissions: &str) -> Rights {
    if role == administrators(org) {
        return Rights::ADMINISTRATOR;
    }
    Rights::read(permissions)
}

/// What a role of the organisation permits.
pub(super) async fn rights_of(ctx: &Ctx, org: OrgId, role: RoleId) -> Result<Rights> {
    let sql = "SELECT permissions FROM directory_role WHERE id = $1 AND org = $2";
    let row = ctx.query_one(sql, [role.into(), org.into()]).await?;
    let row = row.ok_or_else(|| Error::not_found("role"))?;
    Ok(rights_in(org, role, &row.get::<String>(0)?))
}

/// Refuses a role that the organisation does not have.
pub(super) async fn exists(ctx: &Ctx, org: OrgId, role: RoleId) -> Result<()> {
    rights_of(ctx, org, role).await.map(|_| ())
}

/// Makes a role.
pub(super) async fn create(ctx: Ctx, args: Create) -> Result<Decision<Created>> {
    let org = org_of(&ctx, None).await?;
    let revision = Revision::of(&ctx, org).await?;
    permit(&ctx, ROLES).await?;
    let name = rules::name("name", &args.name)?;
    let permissions = rules::permissions(&args.permissions)?;
    permit_giving(&ctx, Rights::read(&permissions)).await?;
    check_name(&ctx, org, &name, None).await?;
    let count = "SELECT COUNT(*) FROM directory_role WHERE org = $1";
    let row = ctx.query_one(count, [org.into()]).await?;
    if row.map_or(Ok(0), |row| row.get::<i64>(0))? >= ROLES_MAX {
        let msg = format!("an organisation has at most {ROLES_MAX} roles");
        return Err(Error::too_large("name", msg));
    }
    let role = RoleId(ctx.new_id());
    let mut tx = begin(&ctx, org, &revision);
    tx.audit(Audited::of("role", role).after(&(&name, &permissions)));
    tx.run(
        "INSERT INTO directory_role (id, org, name, permissions) VALUES ($1, $2, $3, $4)",
        [role.into(), org.into(), name.as_str().into(), permissions.into()],
    );
    tell(&mut tx, org, role, Some(name));
    Ok(tx.into())
}

/// The event names the role.
pub(super) fn created(done: &Committed) -> Result<Created> {
    let missing = || Error::internal(std::io::Error::other("a role without its event"));
    let event = done.events.first().ok_or_else(missing)?;
    let data = event.data.to::<ChangedData>().map_err(Error::internal)?;
    Ok(Created { role: data.role })
}

/// Changes a role.
pub(super) async fn update(ctx: Ctx, args: Update) -> Result<Changed> {
    let (org, revision, before) = changeable(&ctx, args.role).await?;
    let name = args.name.map_or(Ok(before.name.clone()), |name| rules::name("name", &name))?;
    let permissions = args
        .permissions
        .map_or(Ok(before.permissions.clone()), |permissions| rules::permissions(&permissions))?;
    let rights = [&before.permissions, &permissions].map(|list| Rights::read(list));
    // Under another name it could be given to somebody by mistake: that is giving all of it.
    let given = match name == before.name {
        true => rights[0].differing(rights[1]),
        false => rights[0].and(rights[1]),
    };
    permit_giving(&ctx, given).await?;
    check_name(&ctx, org, &name, Some(args.role)).await?;
    if (&name, &permissions) == (&before.name, &before.permissions) {
        return Ok(Changed {});
    }
    let mut tx = begin(&ctx, org, &revision);
    tx.audit(
        Audited::of("role", args.role)
            .before(&(&before.name, &before.permissions))
            .after(&(&name, &permissions)),
    );
    tx.run(
        "UPDATE directory_role SET name = $2, permissions = $3 WHERE id = $1",
        [args.role.into(), name.as_str().into(), permissions.into()],
    );
    tell(&mut tx, org, args.role, Some(name));
    ctx.commit(tx).await?;
    Ok(Changed {})
}

/// Removes a role, which takes it away from those who have it.
pub(super) async fn remove(ctx: Ctx, args: Remove) -> Result<Changed> {
    let (org, revision, before) = changeable(&ctx, args.role).await?;
    permit_giving(&ctx, Rights::read(&before.permissions)).await?;
    let mut tx = begin(&ctx, org, &revision);
    tx.audit(Audited::of("role", args.role).before(&(&before.name, &before.permissions)));
    tx.run("DELETE FROM directory_role_member WHERE role = $1", [args.role.into()]);
    tx.run("DELETE FROM directory_role WHERE id = $1", [args.role.into()]);
    tell(&mut tx, org, args.role, None);
    ctx.commit(tx).await?;
    Ok(Changed {})
}

/// A role as its row has it.
struct Before {
    name: String,
    permissions: String,
}

/// A role that may be changed: any but the administrator's.
async fn changeable(ctx: &Ctx, role: RoleId) -> Result<(OrgId, Revision, Before)> {
    let org = org_of(ctx, None).await?;
    let revision = Revision::of(ctx, org).await?;
    permit(ctx, ROLES).await?;
    let sql = "SELECT name, permissions FROM directory_role WHERE id = $1 AND org = $2";
    let row = ctx.query_one(sql, [role.into(), org.into()]).await?;
    let row = row.ok_or_else(|| Error::not_found("role"))?;
    if role == administrators(org) {
        return Err(Error::denied("the administrator's role stays as it is; make another one"));
    }
    Ok((org, revision, Before { name: row.get(0)?, permissions: row.get(1)? }))
}

async fn check_name(ctx: &Ctx, org: OrgId, name: &str, but: Option<RoleId>) -> Result<()> {
    let sql = "SELECT id FROM directory_role WHERE org = $1 AND name = $2";
    match ctx.query_one(sql, [org.into(), name.into()]).await? {
        Some(row) if Some(row.get(0)?) != but => {
            Err(Error::conflict("a role has that name already").field("name"))
        }
        _ => Ok(()),
    }
}

/// A transaction that is undone if anybody else changed something since.
fn begin(ctx: &Ctx, org: OrgId, revision: &Revision) -> Tx {
    let mut tx = ctx.tx().on_behalf_of(ctx.caller().user, org);
    revision.next(&mut tx);
    tx
}

fn tell(tx: &mut Tx, org: OrgId, role: RoleId, name: Option<String>) {
    tx.emit(Topic::Org(org), kind::ROLE_CHANGED, &ChangedData { role, name });
}
