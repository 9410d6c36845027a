//! How people and programs come into an organisation.

use carillon_plugin::{Audited, Committed, Ctx, Decision, Error, Result, Tx};
use carillon_protocol::{
    DepartmentId, Event, OrgId, Topic, UserId,
    org::{AddMember, MemberAdded, MemberAddedData, MemberChangedData, kind},
    role::PEOPLE,
};

use super::{
    Directory, department,
    org::{Revision, Start, org_of},
    permission::{Rights, administrators, permit, permit_giving},
    rules,
    source::Source,
};

/// The language and time zone of people whose organisation did not choose one.
pub(super) const LOCALE: &str = "zh-HK";
pub(super) const TZ: &str = "Asia/Hong_Kong";

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
    /// The main one first; each must be there when it is committed, or the handler runs again.
    pub(super) departments: Vec<DepartmentId>,
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
            departments: Vec::new(),
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
        department::put(tx, self.org, self.id, &self.departments);
        let data = MemberAddedData { user: self.id, name: self.name.clone() };
        tx.emit(Topic::Org(self.org), kind::MEMBER_ADDED, &data);
    }
}

/// Adds a person.
pub(super) async fn add(ctx: Ctx, args: AddMember) -> Result<Decision<MemberAdded>> {
    let org = org_of(&ctx, args.org).await?;
    let revision = Revision::of(&ctx, org).await?;
    permit(&ctx, PEOPLE).await?;
    let login = rules::login("login", &args.login)?;
    if let Some(password) = &args.password {
        rules::new_password(password, &login)?;
    }
    let name = rules::name("name", &args.name)?;
    let title = rules::name_if_any("title", args.title.as_deref())?;
    let start = Start::of(&ctx, org).await?;
    let locale = rules::locale(args.locale, &start.locale)?;
    let tz = rules::tag("tz", args.tz, &start.tz)?;
    if args.admin {
        permit_giving(&ctx, Rights::ADMINISTRATOR).await?;
    }
    department::check(&ctx, org, &args.departments).await?;
    free(&ctx, &login).await?;
    let password = match args.password {
        Some(password) => {
            Some(ctx.state::<Directory>().passwords.hash(Source::of(ctx.caller()), password).await?)
        }
        None => None,
    };
    let person = NewAccount {
        name,
        title,
        admin: args.admin,
        locale,
        tz,
        password,
        departments: args.departments,
        ..NewAccount::person(UserId(ctx.new_id()), org, login)
    };
    let mut tx = ctx.tx().on_behalf_of(ctx.caller().user, org);
    revision.hold(&mut tx);
    person.insert(&ctx, &mut tx);
    tx.audit(Audited::of("member", person.id));
    Ok(tx.into())
}

/// Refuses a person's sign-in name that somebody has, also who left: they may come back.
pub(super) async fn free(ctx: &Ctx, login: &str) -> Result<()> {
    let taken = "SELECT id FROM directory_user WHERE login = $1 AND app = 0";
    match ctx.query_one(taken, [login.into()]).await? {
        Some(_) => Err(Error::conflict("that sign-in name is taken").field("login")),
        None => Ok(()),
    }
}

/// The event names the person.
pub(super) fn added(done: &Committed) -> Result<MemberAdded> {
    let missing = || Error::internal(std::io::Error::other("a person without their event"));
    let event = done.events.first().ok_or_else(missing)?;
    let data = event.data.to::<MemberAddedData>().map_err(Error::internal)?;
    Ok(MemberAdded { user: data.user })
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
