//! Changes of people.

use std::collections::HashSet;

use carillon_plugin::{Audited, Ctx, Error, Result, Tx, Value};
use carillon_protocol::{
    OrgId, RoleId, Topic, UserId,
    org::{Member, MemberChangedData, MemberUpdated, UpdateMember, kind},
    role::{PEOPLE, ROLES},
};

use super::{
    department, list,
    member::free,
    org::Revision,
    permission::{Rights, administrators, permit, permit_giving, permit_over},
    role, rules,
};

/// Changes a person.
pub(super) async fn update(ctx: Ctx, args: UpdateMember) -> Result<MemberUpdated> {
    let caller = ctx.caller();
    let user = match args.user {
        None if caller.is_system() => return Err(Error::bad_arg("user", "name a `user`")),
        named => named.unwrap_or(caller.user),
    };
    let revision = Revision::of_person(&ctx, user).await?;
    permitted(&ctx, &args, user, revision.org).await?;
    let before = list::person(&ctx, user).await?;
    let org = revision.org;
    if !before.active {
        let msg = "this person has left; take them back before you change something";
        return Err(Error::conflict(msg));
    }
    if before.app {
        refuse_of_program(&args)?;
    }
    let after = changed(&ctx, org, &before, args).await?;
    if after == before {
        return Ok(MemberUpdated { member: before });
    }
    let mut tx = ctx.tx().on_behalf_of(caller.user, org);
    let is_preference = is_preference(&before, &after);
    if is_preference {
        revision.hold(&mut tx);
    } else {
        revision.next(&mut tx);
    }
    write(&mut tx, org, &before, &after);
    // How one reads one's own pages is nobody's administration: signing in may set it.
    if !is_preference || user != caller.user {
        tx.audit(Audited::of("member", user).before(&before).after(&after));
    }
    tell(&mut tx, org, kind::MEMBER_UPDATED, &after);
    ctx.commit(tx).await?;
    Ok(MemberUpdated { member: list::person(&ctx, user).await? })
}

/// Whether only the language or the time zone changes: nothing is decided by them. Anybody may
/// change their own as often as they like, and must not hold up who administers by it.
fn is_preference(before: &Member, after: &Member) -> bool {
    let (locale, tz) = (before.locale.clone(), before.tz.clone());
    Member { locale, tz, ..after.clone() } == *before
}

/// One's own language and time zone are one's own affair.
async fn permitted(ctx: &Ctx, args: &UpdateMember, user: UserId, org: OrgId) -> Result<()> {
    let UpdateMember { name, login, title, departments, manager, roles, locale, tz, .. } = args;
    let own = user == ctx.caller().user;
    let theirs = locale.is_some() || tz.is_some();
    let profile = name.is_some() || login.is_some() || title.is_some();
    let place = departments.is_some() || manager.is_some();
    if profile || place || theirs && !own || roles.is_none() && !own {
        permit(ctx, PEOPLE).await?;
    }
    if login.is_some() {
        // Whoever takes away an administrator's sign-in name locks them out, and may take it.
        permit_over(ctx, org, user).await?;
    }
    if roles.is_some() {
        permit(ctx, ROLES).await?;
    }
    Ok(())
}

fn refuse_of_program(args: &UpdateMember) -> Result<()> {
    let UpdateMember { login, departments, manager, roles, .. } = args;
    let asked = [
        ("login", login.is_some()),
        ("departments", departments.is_some()),
        ("manager", manager.is_some()),
        ("roles", roles.is_some()),
    ];
    match asked.into_iter().find(|(_, asked)| *asked) {
        Some((field, _)) => Err(Error::bad_arg(field, format!("a program has no `{field}`"))),
        None => Ok(()),
    }
}

/// The person as they are to be.
async fn changed(ctx: &Ctx, org: OrgId, before: &Member, args: UpdateMember) -> Result<Member> {
    let mut after = before.clone();
    if let Some(name) = &args.name {
        after.name = rules::name("name", name)?;
    }
    if let Some(title) = &args.title {
        after.title = rules::name_if_any("title", Some(title))?;
    }
    if let Some(login) = &args.login {
        after.login = rules::login("login", login)?;
        if after.login != before.login {
            free(ctx, &after.login).await?;
        }
    }
    after.locale = rules::locale(args.locale, &before.locale)?;
    after.tz = rules::tag("tz", args.tz, &before.tz)?;
    if let Some(departments) = args.departments {
        department::check(ctx, org, &departments).await?;
        after.departments = departments;
    }
    if let Some(manager) = args.manager {
        if let Some(manager) = manager {
            check_manager(ctx, before.user, manager).await?;
        }
        after.manager = manager;
    }
    if let Some(mut roles) = args.roles {
        roles.sort_unstable();
        check_roles(ctx, org, &before.roles, &roles).await?;
        after.admin = roles.contains(&administrators(org));
        after.roles = roles;
    }
    Ok(after)
}

/// Refuses who cannot manage the person: others' people, programs, who left, and whoever the
/// person manages.
async fn check_manager(ctx: &Ctx, user: UserId, manager: UserId) -> Result<()> {
    let person = list::person(ctx, manager).await?;
    rules::answerable("manager", &person)?;
    let sql = "WITH RECURSIVE above (id) AS (
                   SELECT id FROM directory_user WHERE id = $1
                   UNION
                   SELECT u.manager FROM directory_user u JOIN above a ON u.id = a.id
                   WHERE u.manager IS NOT NULL)
               SELECT 1 FROM above WHERE id = $2";
    match ctx.query_one(sql, [manager.into(), user.into()]).await? {
        Some(_) => {
            let msg = "nobody manages themselves, not even over others";
            Err(Error::bad_arg("manager", msg))
        }
        None => Ok(()),
    }
}

/// Refuses roles that the caller cannot give, or cannot take.
async fn check_roles(ctx: &Ctx, org: OrgId, before: &[RoleId], after: &[RoleId]) -> Result<()> {
    rules::distinct("roles", after, rules::ROLES_MAX)?;
    let sets = [before, after].map(|roles| roles.iter().copied().collect::<HashSet<_>>());
    let mut moved = Rights::default();
    for role in sets[0].symmetric_difference(&sets[1]) {
        moved = moved.and(role::rights_of(ctx, org, *role).await?);
    }
    permit_giving(ctx, moved).await?;
    let administrators = administrators(org);
    if sets[0].contains(&administrators) && !sets[1].contains(&administrators) {
        spare_administrator(ctx, org).await?;
    }
    Ok(())
}

/// Refuses to lose the last one who administers the organisation.
pub(super) async fn spare_administrator(ctx: &Ctx, org: OrgId) -> Result<()> {
    let sql = "SELECT COUNT(*) FROM directory_role_member m
               JOIN directory_user u ON u.id = m.user_id
               WHERE m.role = $1 AND u.left_at IS NULL";
    let row = ctx.query_one(sql, [administrators(org).into()]).await?;
    if row.map_or(Ok(0), |row| row.get::<i64>(0))? <= 1 {
        let msg = "this is the last administrator; give somebody else the role first";
        return Err(Error::conflict(msg));
    }
    Ok(())
}

fn write(tx: &mut Tx, org: OrgId, before: &Member, after: &Member) {
    let user = Value::from(after.user);
    // Apart: the person may change these at any time.
    if (&before.locale, &before.tz) != (&after.locale, &after.tz) {
        tx.run(
            "UPDATE directory_user SET locale = $2, tz = $3 WHERE id = $1",
            [user.clone(), after.locale.as_str().into(), after.tz.as_str().into()],
        );
    }
    tx.run(
        "UPDATE directory_user SET name = $2, login = $3, title = $4, manager = $5 WHERE id = $1",
        [
            user.clone(),
            after.name.as_str().into(),
            after.login.as_str().into(),
            after.title.as_deref().into(),
            after.manager.into(),
        ],
    );
    if before.departments != after.departments {
        tx.run("DELETE FROM directory_department_member WHERE user_id = $1", [user.clone()]);
        department::put(tx, org, after.user, &after.departments);
    }
    if before.roles != after.roles {
        tx.run("DELETE FROM directory_role_member WHERE user_id = $1", [user.clone()]);
        let rows = after.roles.iter().map(|role| vec![(*role).into(), user.clone()]);
        let sql = "INSERT INTO directory_role_member (role, user_id) VALUES {rows}";
        tx.run_rows(sql, rows.collect());
    }
}

/// Tells the organisation that a person changed, left or came back.
pub(super) fn tell(tx: &mut Tx, org: OrgId, k: &str, person: &Member) {
    let data = MemberChangedData { user: person.user, name: person.name.clone() };
    tx.emit(Topic::Org(org), k, &data);
}
