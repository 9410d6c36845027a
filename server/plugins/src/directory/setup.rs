//! The first organisation and its administrator.

use carillon_plugin::{Audited, Ctx, Error, Result};
use carillon_protocol::{
    ErrorCode, OrgId, UserId,
    id::Ulid,
    session::{Grant, Setup},
};

use super::{
    Directory,
    member::NewAccount,
    org::NewOrg,
    rules,
    session::{Account, LOGIN_TTL_MS, open},
    source::Source,
    token::{same, token_digest},
};

/// What the first session is called in the list of devices.
const LABEL: &str = "setup";

/// Makes the first organisation. The token is looked at first: a stranger learns nothing.
pub(super) async fn setup(ctx: Ctx, args: Setup) -> Result<Grant> {
    let directory = ctx.state::<Directory>();
    let shown = token_digest(&args.token);
    if !directory.setup_token.is_some_and(|expected| same(expected, shown)) {
        ctx.refused(OrgId(Ulid::nil()), "");
        let msg = "the setup token is wrong; the server prints it at its first start";
        return Err(Error::new(ErrorCode::Unauth, msg));
    }
    if ctx.query_one("SELECT id FROM directory_org LIMIT 1", []).await?.is_some() {
        return Err(Error::conflict("there is an organisation already; sign in"));
    }
    let login = rules::login("login", &args.login)?;
    rules::new_password(&args.password, &login)?;
    let org = NewOrg { id: OrgId(ctx.new_id()), name: rules::name("org", &args.org)? };
    let admin = NewAccount {
        name: rules::name("name", &args.name)?,
        admin: true,
        password: Some(directory.passwords.hash(Source::of(ctx.caller()), args.password).await?),
        ..NewAccount::person(UserId(ctx.new_id()), org.id, login)
    };
    let mut tx = ctx.tx().on_behalf_of(admin.id, org.id);
    // Two setups at once insert the same key: one changes no row and runs again to be refused.
    tx.run_one(
        "INSERT INTO directory_setup (id, org, at)
         SELECT 1, $1, $2 WHERE NOT EXISTS (SELECT 1 FROM directory_org)
         ON CONFLICT DO NOTHING",
        [org.id.into(), ctx.now().into()],
    );
    org.insert(&ctx, &mut tx);
    admin.insert(&ctx, &mut tx);
    let account = Account { user: admin.id, app: false };
    let grant = open(&ctx, &mut tx, &account, &rules::SCOPES, LABEL, LOGIN_TTL_MS)?;
    tx.audit(Audited::of("org", org.id));
    ctx.commit(tx).await?;
    Ok(grant)
}
