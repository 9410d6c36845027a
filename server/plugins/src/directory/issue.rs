//! Tokens for programs and devices, made by an administrator or on the command line.

use carillon_plugin::{Audited, Ctx, Error, Result, Tx};
use carillon_protocol::{
    OrgId, UserId,
    operation::Access,
    role::SESSIONS,
    session::{Grant, Issue},
};

use super::{
    member::NewAccount,
    org::{Revision, org_of},
    permission::{Rights, permit, permit_giving, permit_over},
    rules,
    session::{Account, open},
};

/// How long an issued token lives if nothing is said.
const ISSUED_TTL_MS: i64 = 90 * 24 * 3_600_000;
/// What an issued token of a person is called in the list of devices.
const LABEL: &str = "token";

/// Issues a token. Nobody can give away more than they hold.
pub(super) async fn issue(ctx: Ctx, args: Issue) -> Result<Grant> {
    let scopes = rules::scopes(args.scopes.as_deref())?;
    let ttl_ms = rules::ttl(args.ttl_ms, ISSUED_TTL_MS)?;
    let org = org_of(&ctx, args.org).await?;
    let revision = Revision::of(&ctx, org).await?;
    permit(&ctx, SESSIONS).await?;
    for scope in &scopes {
        if !ctx.caller().may(Access::Scope(scope)) {
            let msg = format!("you cannot grant the scope `{scope}`: you do not have it");
            return Err(Error::denied(msg));
        }
    }
    let mut tx = ctx.tx().on_behalf_of(ctx.caller().user, org);
    revision.hold(&mut tx);
    let (account, label) = match (args.user, args.app) {
        (Some(login), None) => (person(&ctx, org, &login).await?, LABEL.to_owned()),
        (None, Some(name)) => (program(&ctx, &mut tx, org, &name).await?, name),
        _ => return Err(Error::bad_arg("user", "name either a `user` or an `app`")),
    };
    if scopes.contains(&"admin") && account.user != ctx.caller().user {
        // Such a program may do everything, and such a token of a person whatever the person may
        // one day.
        permit_giving(&ctx, Rights::ADMINISTRATOR).await?;
    }
    let grant = open(&ctx, &mut tx, &account, &scopes, &label, ttl_ms)?;
    tx.audit(Audited::of("session", grant.session).after(&(account.user, &scopes)));
    ctx.commit(tx).await?;
    Ok(grant)
}

async fn person(ctx: &Ctx, org: OrgId, login: &str) -> Result<Account> {
    let login = rules::login("user", login)?;
    let sql = "SELECT id FROM directory_user
               WHERE org = $1 AND login = $2 AND app = 0 AND left_at IS NULL";
    let row = ctx.query_one(sql, [org.into(), login.into()]).await?;
    let user = row.ok_or_else(|| Error::not_found("person"))?.get(0)?;
    permit_over(ctx, org, user).await?;
    Ok(Account { user, app: false })
}

/// The program of this name; made in the same transaction if there is none.
async fn program(ctx: &Ctx, tx: &mut Tx, org: OrgId, name: &str) -> Result<Account> {
    // The colon keeps people's sign-in names and programs' apart.
    let login = format!("app:{}", rules::login("app", name)?);
    let sql = "SELECT id FROM directory_user WHERE org = $1 AND login = $2 AND app = 1";
    if let Some(row) = ctx.query_one(sql, [org.into(), login.as_str().into()]).await? {
        let user = row.get(0)?;
        permit_over(ctx, org, user).await?;
        return Ok(Account { user, app: true });
    }
    let person = NewAccount::person(UserId(ctx.new_id()), org, login);
    let program = NewAccount { name: name.to_owned(), app: true, ..person };
    program.insert(ctx, tx);
    Ok(Account { user: program.id, app: true })
}
