//! Who is in the organisation, with everything that is shown of a person.

use std::{collections::HashMap, sync::LazyLock};

use carillon_plugin::{Ctx, Error, Result, Row};
use carillon_protocol::{
    DepartmentId, OrgId, RoleId, UserId,
    limits::PEOPLE_PER_PAGE_MAX,
    org::{GetMembers, ListMembers, Member, MembersGot, MembersListed},
};

use super::{batch, department, org::org_of, permission::administrators, role, rules};

/// The people on a page if nothing is said.
const PAGE: u32 = 50;

/// What [`member`] reads, of `directory_user u`.
const COLUMNS: &str = "u.id, u.org, u.login, u.name, u.title, u.app, u.left_at, u.manager, \
                       u.locale, u.tz, CASE WHEN u.password IS NULL THEN 0 ELSE 1 END";

static LIST: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {COLUMNS} FROM directory_user u
         WHERE u.org = $1 AND u.id > $2
             AND CASE WHEN u.left_at IS NULL THEN 0 ELSE 1 END = $3
             AND ($4 = '' OR LOWER(u.name) LIKE LOWER($4) ESCAPE '!'
                 OR LOWER(u.login) LIKE LOWER($4) ESCAPE '!'
                 OR LOWER(COALESCE(u.title, '')) LIKE LOWER($4) ESCAPE '!')
             AND ($5 = '' OR EXISTS (SELECT 1 FROM directory_department_member m
                 WHERE m.department = $5 AND m.user_id = u.id))
             AND ($6 = '' OR EXISTS (SELECT 1 FROM directory_role_member m
                 WHERE m.role = $6 AND m.user_id = u.id))
         ORDER BY u.id LIMIT $7"
    )
});

static GET: LazyLock<String> = LazyLock::new(|| {
    format!("SELECT {COLUMNS} FROM directory_user u WHERE u.id IN {}", batch::places())
});

static BY_LOGIN: LazyLock<String> = LazyLock::new(|| {
    let places = batch::places();
    format!("SELECT {COLUMNS} FROM directory_user u WHERE u.app = 0 AND u.login IN {places}")
});

static DEPARTMENTS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT user_id, department FROM directory_department_member WHERE user_id IN {}
         ORDER BY user_id, position, department",
        batch::places()
    )
});

static ROLES: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT user_id, role FROM directory_role_member WHERE user_id IN {}
         ORDER BY user_id, role",
        batch::places()
    )
});

/// The people and programs of the caller's organisation.
pub(super) async fn list(ctx: Ctx, args: ListMembers) -> Result<MembersListed> {
    let limit = rules::limit(args.limit, PAGE, PEOPLE_PER_PAGE_MAX)?;
    let pattern = args.query.as_deref().map_or(Ok(String::new()), rules::pattern)?;
    let org = org_of(&ctx, None).await?;
    if let Some(department) = args.department {
        department::exists(&ctx, org, department).await?;
    }
    if let Some(role) = args.role {
        role::exists(&ctx, org, role).await?;
    }
    let text = |id: Option<String>| id.unwrap_or_default();
    let values = [
        org.into(),
        text(args.after.map(|user| user.to_string())).into(),
        args.left.into(),
        pattern.into(),
        text(args.department.map(|department| department.to_string())).into(),
        text(args.role.map(|role| role.to_string())).into(),
        // One more than asked for tells whether there are more.
        (limit + 1).into(),
    ];
    let mut rows = ctx.query(&LIST, values).await?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    Ok(MembersListed { members: members(&ctx, &rows).await?, more })
}

/// Some people of the caller's organisation. Those of another one are left out like those who do
/// not exist.
pub(super) async fn get(ctx: Ctx, args: GetMembers) -> Result<MembersGot> {
    if args.users.len() > PEOPLE_PER_PAGE_MAX as usize {
        let msg = format!("at most {PEOPLE_PER_PAGE_MAX} people a call");
        return Err(Error::bad_arg("users", msg));
    }
    let caller = ctx.caller();
    let mut rows = batch::query(&ctx, &GET, &args.users).await?;
    if !caller.is_system() {
        let mut kept = Vec::with_capacity(rows.len());
        for row in rows {
            if row.get::<OrgId>(1)? == caller.org {
                kept.push(row);
            }
        }
        rows = kept;
    }
    let members = members(&ctx, &rows).await?;
    let known: HashMap<UserId, Member> = members.into_iter().map(|m| (m.user, m)).collect();
    let asked = args.users.iter().filter_map(|user| known.get(user).cloned());
    Ok(MembersGot { members: asked.collect() })
}

/// A person or program that the caller may know of; also one who left.
pub(super) async fn person(ctx: &Ctx, user: UserId) -> Result<Member> {
    let got = get(ctx.clone(), GetMembers { users: vec![user] }).await?;
    got.members.into_iter().next().ok_or_else(|| Error::not_found("person"))
}

/// The people of the whole installation with these sign-in names, each with the organisation.
pub(super) async fn by_login(ctx: &Ctx, logins: &[String]) -> Result<Vec<(OrgId, Member)>> {
    let rows = batch::query(ctx, &BY_LOGIN, logins).await?;
    let orgs = rows.iter().map(|row| row.get(1)).collect::<Result<Vec<_>>>()?;
    Ok(orgs.into_iter().zip(members(ctx, &rows).await?).collect())
}

/// The people of some rows, in their order.
async fn members(ctx: &Ctx, rows: &[Row]) -> Result<Vec<Member>> {
    let users = rows.iter().map(|row| row.get(0)).collect::<Result<Vec<UserId>>>()?;
    let mut departments: HashMap<UserId, Vec<DepartmentId>> = HashMap::new();
    for row in batch::query(ctx, &DEPARTMENTS, &users).await? {
        departments.entry(row.get(0)?).or_default().push(row.get(1)?);
    }
    let mut roles: HashMap<UserId, Vec<RoleId>> = HashMap::new();
    for row in batch::query(ctx, &ROLES, &users).await? {
        roles.entry(row.get(0)?).or_default().push(row.get(1)?);
    }
    let mut members = Vec::with_capacity(rows.len());
    for row in rows {
        let user = row.get(0)?;
        let departments = departments.remove(&user).unwrap_or_default();
        members.push(member(row, departments, roles.remove(&user).unwrap_or_default())?);
    }
    Ok(members)
}

fn member(row: &Row, departments: Vec<DepartmentId>, roles: Vec<RoleId>) -> Result<Member> {
    Ok(Member {
        user: row.get(0)?,
        login: row.get(2)?,
        name: row.get(3)?,
        title: row.get(4)?,
        app: row.get(5)?,
        admin: roles.contains(&administrators(row.get(1)?)),
        active: row.get::<Option<i64>>(6)?.is_none(),
        departments,
        manager: row.get(7)?,
        roles,
        locale: row.get(8)?,
        tz: row.get(9)?,
        password: row.get(10)?,
    })
}
