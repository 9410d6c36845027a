//! Organisations.

use carillon_plugin::{Committed, Ctx, Decision, Error, Result, Row, Tx};
use carillon_protocol::{
    ErrorCode, OrgId, Topic,
    org::{Create, Created, CreatedData, Get, Org, kind},
};

use super::{member, permission::administrators, rules};

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
    Ok(tx.into())
}

/// The topic of the first event is the organisation's.
pub(super) fn created(done: &Committed) -> Result<Created> {
    match done.events.first().map(|event| &event.topic) {
        Some(&Topic::Org(org)) => Ok(Created { org }),
        _ => Err(Error::internal(std::io::Error::other("an organisation without its event"))),
    }
}

/// The caller's organisation. Programs are not counted.
pub(super) async fn get(ctx: Ctx, _: Get) -> Result<Org> {
    let org = org_of(&ctx, None).await?;
    let sql = "SELECT name, (SELECT COUNT(*) FROM directory_user WHERE org = $1 AND app = 0)
               FROM directory_org WHERE id = $1";
    let row = ctx.query_one(sql, [org.into()]).await?;
    let row = row.ok_or_else(|| Error::not_found("organisation"))?;
    let (locale, tz) = (member::LOCALE.to_owned(), member::TZ.to_owned());
    Ok(Org { org, name: row.get(0)?, members: row.get(1)?, locale, tz })
}
