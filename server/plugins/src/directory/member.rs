//! The people and programs of an organisation, and their names.

use std::{
    collections::HashMap,
    iter,
    sync::{Arc, LazyLock},
};

use carillon_plugin::{Committed, Ctx, Decision, Error, Result, Row, Tx, Value};
use carillon_protocol::{
    Event, OrgId, Topic, UserId,
    limits::{PEOPLE_PER_PAGE_MAX, USERS_PER_CALL_MAX},
    org::{
        AddMember, ListMembers, Member, MemberAdded, MemberAddedData, MemberChangedData,
        MembersListed, Named, Names as AskNames, kind,
    },
    role::PEOPLE,
};

use super::{
    Directory,
    memory::Memory,
    org::org_of,
    permission::{Rights, administrators, permit, permit_giving},
    rules,
};

/// The language and time zone of people who did not choose one.
pub(super) const LOCALE: &str = "zh-HK";
pub(super) const TZ: &str = "Asia/Hong_Kong";
/// The people on a page if nothing is said.
const PAGE: u32 = 50;
/// The most names kept in memory, at some 150 bytes each.
const NAMES_MAX: usize = 50_000;
/// The names that one query asks for; one number, so that the statement is prepared once.
const NAMES_PER_QUERY: usize = 100;

/// A person or program to be made.
pub(super) struct NewAccount {
    pub(super) id: UserId,
    pub(super) org: OrgId,
    pub(super) login: String,
    pub(super) name: String,
    pub(super) title: Option<String>,
    pub(super) app: bool,
    pub(super) admin: bool,
    pub(super) locale: String,
    pub(super) tz: String,
    pub(super) password: Option<String>,
}

impl NewAccount {
    /// A person about whom nothing else is known.
    pub(super) fn person(id: UserId, org: OrgId, login: String) -> NewAccount {
        NewAccount {
            id,
            org,
            name: login.clone(),
            login,
            title: None,
            app: false,
            admin: false,
            locale: LOCALE.to_owned(),
            tz: TZ.to_owned(),
            password: None,
        }
    }

    /// Of two at once with the same sign-in name, one changes no row and runs again.
    pub(super) fn insert(&self, ctx: &Ctx, tx: &mut Tx) {
        tx.run_one(
            "INSERT INTO directory_user
                 (id, org, login, name, title, app, locale, tz, password, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             ON CONFLICT DO NOTHING",
            [
                self.id.into(),
                self.org.into(),
                self.login.as_str().into(),
                self.name.as_str().into(),
                self.title.as_deref().into(),
                self.app.into(),
                self.locale.as_str().into(),
                self.tz.as_str().into(),
                self.password.as_deref().into(),
                ctx.now().into(),
            ],
        );
        if self.admin {
            tx.run(
                "INSERT INTO directory_role_member (role, user_id) VALUES ($1, $2)",
                [administrators(self.org).into(), self.id.into()],
            );
        }
        let data = MemberAddedData { user: self.id, name: self.name.clone() };
        tx.emit(Topic::Org(self.org), kind::MEMBER_ADDED, &data);
    }
}

/// Adds a person.
pub(super) async fn add(ctx: Ctx, args: AddMember) -> Result<Decision<MemberAdded>> {
    permit(&ctx, PEOPLE).await?;
    let login = rules::login("login", &args.login)?;
    if let Some(password) = &args.password {
        rules::new_password(password, &login)?;
    }
    let name = rules::name("name", &args.name)?;
    let title = rules::name_if_any("title", args.title.as_deref())?;
    let locale = rules::tag("locale", args.locale, LOCALE)?;
    let tz = rules::tag("tz", args.tz, TZ)?;
    let org = org_of(&ctx, args.org).await?;
    if args.admin {
        permit_giving(&ctx, Rights::ADMINISTRATOR).await?;
    }
    let taken = "SELECT id FROM directory_user WHERE login = $1 AND app = 0";
    if ctx.query_one(taken, [login.as_str().into()]).await?.is_some() {
        return Err(Error::conflict("that sign-in name is taken"));
    }
    let password = match args.password {
        Some(password) => Some(ctx.state::<Directory>().passwords.hash(password).await?),
        None => None,
    };
    let person = NewAccount::person(UserId(ctx.new_id()), org, login);
    let person = NewAccount { name, title, admin: args.admin, locale, tz, password, ..person };
    let mut tx = ctx.tx().on_behalf_of(ctx.caller().user, org);
    person.insert(&ctx, &mut tx);
    Ok(tx.into())
}

/// The event names the person.
pub(super) fn added(done: &Committed) -> Result<MemberAdded> {
    let missing = || Error::internal(std::io::Error::other("a person without their event"));
    let event = done.events.first().ok_or_else(missing)?;
    let data = event.data.to::<MemberAddedData>().map_err(Error::internal)?;
    Ok(MemberAdded { user: data.user })
}

/// The people and programs of the caller's organisation.
pub(super) async fn list(ctx: Ctx, args: ListMembers) -> Result<MembersListed> {
    let limit = rules::limit(args.limit, PAGE, PEOPLE_PER_PAGE_MAX)?;
    let org = org_of(&ctx, None).await?;
    let after = args.after.map(|user| user.to_string()).unwrap_or_default();
    let sql = "SELECT id, login, name, title, app,
                   EXISTS (SELECT 1 FROM directory_role_member WHERE role = org AND user_id = id),
                   locale, tz, password IS NOT NULL
               FROM directory_user
               WHERE org = $1 AND id > $2 ORDER BY id LIMIT $3";
    // One more than asked for tells whether there are more.
    let mut rows = ctx.query(sql, [org.into(), after.into(), (limit + 1).into()]).await?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let member = |row: &Row| {
        Ok(Member {
            user: row.get(0)?,
            login: row.get(1)?,
            name: row.get(2)?,
            title: row.get(3)?,
            app: row.get(4)?,
            admin: row.get(5)?,
            active: true,
            departments: Vec::new(),
            manager: None,
            roles: Vec::new(),
            locale: row.get(6)?,
            tz: row.get(7)?,
            password: row.get(8)?,
        })
    };
    Ok(MembersListed { members: rows.iter().map(member).collect::<Result<_>>()?, more })
}

/// The person whom an event changed.
pub(super) fn changed(event: &Event) -> Option<UserId> {
    if !matches!(&*event.k, kind::MEMBER_UPDATED | kind::MEMBER_LEFT | kind::MEMBER_RETURNED) {
        return None;
    }
    let data = event.data.to::<MemberChangedData>();
    data.inspect_err(|error| tracing::error!(%error, id = %event.id, "unreadable event"))
        .ok()
        .map(|data| data.user)
}

/// The names that were asked for lately.
pub(super) struct Names(Memory<UserId, Arc<Name>>);

impl Names {
    /// Forgets who was renamed, on whichever node.
    pub(super) fn observe(&self, event: &Event) {
        match (&*event.k, changed(event)) {
            (kind::IMPORTED, _) => self.0.forget_all(),
            (_, Some(user)) => self.0.forget(&user),
            _ => {}
        }
    }
}

struct Name {
    org: OrgId,
    name: String,
}

impl Default for Names {
    fn default() -> Names {
        Names(Memory::new(NAMES_MAX))
    }
}

/// The names of some people. Those of another organisation are left out like those who do not
/// exist.
pub(super) async fn names(ctx: Ctx, args: AskNames) -> Result<Named> {
    if args.users.len() > USERS_PER_CALL_MAX {
        let msg = format!("at most {USERS_PER_CALL_MAX} people a call");
        return Err(Error::bad_arg("users", msg));
    }
    let memory = &ctx.state::<Directory>().names.0;
    let since = memory.since();
    let mut found: HashMap<UserId, Arc<Name>> = HashMap::with_capacity(args.users.len());
    let mut missing = Vec::new();
    for user in &args.users {
        match memory.get(user) {
            Some(name) => drop(found.insert(*user, name)),
            None => missing.push(*user),
        }
    }
    for users in missing.chunks(NAMES_PER_QUERY) {
        for (user, name) in look_up(&ctx, users).await? {
            memory.keep(since, user, name.clone());
            found.insert(user, name);
        }
    }
    let here = |user: UserId| {
        let name = found.get(&user).filter(|name| name.org == args.org)?;
        Some((user, name.name.clone()))
    };
    Ok(Named { names: args.users.iter().filter_map(|user| here(*user)).collect() })
}

/// `id IN ($1, $2 …)`; places that are not needed are NULL, which is equal to nothing.
static LOOK_UP: LazyLock<String> = LazyLock::new(|| {
    let places: Vec<_> = (1..=NAMES_PER_QUERY).map(|place| format!("${place}")).collect();
    format!("SELECT id, org, name FROM directory_user WHERE id IN ({})", places.join(", "))
});

async fn look_up(ctx: &Ctx, users: &[UserId]) -> Result<Vec<(UserId, Arc<Name>)>> {
    let args = users.iter().map(|user| Value::from(*user)).chain(iter::repeat(Value::Null));
    let args: Vec<_> = args.take(NAMES_PER_QUERY).collect();
    let rows = ctx.query(&LOOK_UP, args).await?;
    let name =
        |row: &Row| Ok((row.get(0)?, Arc::new(Name { org: row.get(1)?, name: row.get(2)? })));
    rows.iter().map(name).collect()
}
