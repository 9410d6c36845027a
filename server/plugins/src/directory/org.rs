//! Organisations.

use carillon_plugin::{Audited, Committed, Ctx, Decision, Error, Result, Row, Tx};
use carillon_protocol::{
    ErrorCode, OrgId, Topic, UserId,
    org::{Create, Created, CreatedData, Get, Org, Update, Updated, UpdatedData, kind},
    role::ORGANISATION,
};

use super::{
    permission::{administrators, permit},
    rules,
};

/// How many organisations a message lists to choose from.
const CHOICE_MAX: i64 = 10;

/// What the administrator's role is called.
const ADMINISTRATOR: &str = "Administrator";

/// An organisation to be made.
pub(super) struct NewOrg {
    pub(super) id: OrgId,
    pub(super) name: String,
}

impl NewOrg {
    pub(super) fn insert(&self, ctx: &Ctx, tx: &mut Tx) {
        tx.run(
            "INSERT INTO directory_org (id, name, created_at) VALUES ($1, $2, $3)",
            [self.id.into(), self.name.as_str().into(), ctx.now().into()],
        );
        tx.run(
            "INSERT INTO directory_role (id, org, name, permissions) VALUES ($1, $2, $3, '')",
            [administrators(self.id).into(), self.id.into(), ADMINISTRATOR.into()],
        );
        let data = CreatedData { name: self.name.clone() };
        tx.emit(Topic::Org(self.id), kind::CREATED, &data);
    }
}

/// An organisation as a handler finds it, before it looks at everything else that it decides by:
/// what changes after it is noticed.
pub(super) struct Revision {
    pub(super) org: OrgId,
    number: i64,
}

impl Revision {
    pub(super) async fn of(ctx: &Ctx, org: OrgId) -> Result<Revision> {
        let row =
            ctx.query_one("SELECT rev FROM directory_org WHERE id = $1", [org.into()]).await?;
        let row = row.ok_or_else(|| Error::not_found("organisation"))?;
        Ok(Revision { org, number: row.get(0)? })
    }

    /// Of the organisation of a person: the caller's own, but for the system.
    pub(super) async fn of_person(ctx: &Ctx, user: UserId) -> Result<Revision> {
        if !ctx.caller().is_system() {
            return Revision::of(ctx, ctx.caller().org).await;
        }
        let sql = "SELECT o.id, o.rev FROM directory_org o
                   JOIN directory_user u ON u.org = o.id WHERE u.id = $1";
        let row = ctx.query_one(sql, [user.into()]).await?;
        let row = row.ok_or_else(|| Error::not_found("person"))?;
        Ok(Revision { org: row.get(0)?, number: row.get(1)? })
    }

    /// Of two changes that found the same, the second changes no row, and looks again.
    pub(super) fn next(&self, tx: &mut Tx) {
        tx.run_one(
            "UPDATE directory_org SET rev = rev + 1 WHERE id = $1 AND rev = $2",
            [self.org.into(), self.number.into()],
        );
    }

    /// For a change that others do not decide by, but which is itself decided by what somebody may
    /// do: who loses it at this moment looks again. Two such changes do not keep each other back.
    pub(super) fn hold(&self, tx: &mut Tx) {
        tx.run_one(
            "UPDATE directory_org SET rev = rev WHERE id = $1 AND rev = $2",
            [self.org.into(), self.number.into()],
        );
    }
}

/// What the people of an organisation start with.
pub(super) struct Start {
    pub(super) locale: String,
    pub(super) tz: String,
}

impl Start {
    pub(super) async fn of(ctx: &Ctx, org: OrgId) -> Result<Start> {
        let sql = "SELECT locale, tz FROM directory_org WHERE id = $1";
        let row = ctx.query_one(sql, [org.into()]).await?;
        let row = row.ok_or_else(|| Error::not_found("organisation"))?;
        Ok(Start { locale: row.get(0)?, tz: row.get(1)? })
    }
}

/// The organisation that a command is about: the caller's, or for the system the one named, or the
/// only one.
pub(super) async fn org_of(ctx: &Ctx, named: Option<OrgId>) -> Result<OrgId> {
    let (caller, unknown) = (ctx.caller(), || Error::not_found("organisation"));
    if !caller.is_system() {
        return match named {
            Some(org) if org != caller.org => Err(unknown()),
            _ => Ok(caller.org),
        };
    }
    if let Some(org) = named {
        let found = ctx.query_one("SELECT id FROM directory_org WHERE id = $1", [org.into()]);
        return found.await?.map(|_| org).ok_or_else(unknown);
    }
    let sql = "SELECT id, name FROM directory_org ORDER BY id LIMIT $1";
    let orgs = ctx.query(sql, [CHOICE_MAX.into()]).await?;
    match &*orgs {
        [] => Err(Error::new(ErrorCode::NotFound, "there is no organisation yet; make one first")),
        [only] => only.get(0),
        several => Err(ambiguous(several)?),
    }
}

fn ambiguous(orgs: &[Row]) -> Result<Error> {
    let named = |row: &Row| Ok(format!("{} ({})", row.get::<OrgId>(0)?, row.get::<String>(1)?));
    let list = orgs.iter().map(named).collect::<Result<Vec<_>>>()?.join(", ");
    Ok(Error::bad_arg("org", format!("there are several organisations; name one as `org`: {list}")))
}

/// Makes an organisation.
pub(super) async fn create(ctx: Ctx, args: Create) -> Result<Decision<Created>> {
    let org = NewOrg { id: OrgId(ctx.new_id()), name: rules::name("name", &args.name)? };
    let mut tx = ctx.tx().on_behalf_of(ctx.caller().user, org.id);
    org.insert(&ctx, &mut tx);
    tx.audit(Audited::of("org", org.id).after(&org.name));
    Ok(tx.into())
}

/// The topic of the first event is the organisation's.
pub(super) fn created(done: &Committed) -> Result<Created> {
    match done.events.first().map(|event| &event.topic) {
        Some(&Topic::Org(org)) => Ok(Created { org }),
        _ => Err(Error::internal(std::io::Error::other("an organisation without its event"))),
    }
}

/// The caller's organisation. Programs are not counted, nor who left.
pub(super) async fn get(ctx: Ctx, _: Get) -> Result<Org> {
    let org = org_of(&ctx, None).await?;
    let sql = "SELECT name, locale, tz,
                   (SELECT COUNT(*) FROM directory_user
                    WHERE org = $1 AND app = 0 AND left_at IS NULL)
               FROM directory_org WHERE id = $1";
    let row = ctx.query_one(sql, [org.into()]).await?;
    let row = row.ok_or_else(|| Error::not_found("organisation"))?;
    let (name, locale, tz) = (row.get(0)?, row.get(1)?, row.get(2)?);
    Ok(Org { org, name, members: row.get(3)?, locale, tz })
}

/// Changes the organisation.
pub(super) async fn update(ctx: Ctx, args: Update) -> Result<Updated> {
    let revision = Revision::of(&ctx, org_of(&ctx, None).await?).await?;
    permit(&ctx, ORGANISATION).await?;
    let before = get(ctx.clone(), Get {}).await?;
    let name = args.name.map_or(Ok(before.name.clone()), |name| rules::name("name", &name))?;
    let locale = rules::locale(args.locale, &before.locale)?;
    let tz = rules::tag("tz", args.tz, &before.tz)?;
    if (&name, &locale, &tz) == (&before.name, &before.locale, &before.tz) {
        return Ok(Updated {});
    }
    let mut tx = ctx.tx().on_behalf_of(ctx.caller().user, before.org);
    revision.next(&mut tx);
    tx.audit(
        Audited::of("org", before.org)
            .before(&(&before.name, &before.locale, &before.tz))
            .after(&(&name, &locale, &tz)),
    );
    tx.run(
        "UPDATE directory_org SET name = $2, locale = $3, tz = $4 WHERE id = $1",
        [before.org.into(), name.as_str().into(), locale.into(), tz.into()],
    );
    tx.emit(Topic::Org(before.org), kind::UPDATED, &UpdatedData { name });
    ctx.commit(tx).await?;
    Ok(Updated {})
}
