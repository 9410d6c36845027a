//! Signing in.

use carillon_plugin::{Audited, Ctx, Error, Result, Tx};
use carillon_protocol::{
    ErrorCode, OrgId, SessionId, UserId,
    id::Ulid,
    operation::Access,
    session::{Ended, Grant, Identity, Login, Password, Ticket, Ticketed, Whoami},
};

use super::{
    Directory,
    attempts::Attempt,
    ending::{end_all, make_room},
    invite::withdraw_for,
    password::Verdict,
    permission::rights,
    rules,
    source::Source,
    token,
};

/// How long a person stays signed in.
pub(super) const LOGIN_TTL_MS: i64 = 30 * 24 * 3_600_000;
/// How long a session is remembered after its end of life, to tell its bearer so.
const REMEMBER_MS: i64 = 30 * 24 * 3_600_000;
/// How long a ticket opens a socket.
const TICKET_TTL_MS: i64 = 60_000;
/// The most unused tickets of a session: windows that reconnect at the same time, with retries.
const TICKETS_MAX: i64 = 32;

/// Whose session is opened.
pub(super) struct Account {
    pub(super) user: UserId,
    pub(super) app: bool,
}

/// Forgets sessions that ended long ago.
pub(super) fn forget_old(ctx: &Ctx, tx: &mut Tx) {
    let before = ctx.now() - REMEMBER_MS;
    tx.run("DELETE FROM directory_session WHERE expires_at < $1", [before.into()]);
}

/// Opens a session in a transaction, in which the account may just have been made. Its token is in
/// the answer and nowhere else.
pub(super) fn open(
    ctx: &Ctx,
    tx: &mut Tx,
    account: &Account,
    scopes: &[&str],
    label: &str,
    ttl_ms: i64,
) -> Result<Grant> {
    let (session, user, now) = (SessionId(ctx.new_id()), account.user, ctx.now());
    let network = Source::of(ctx.caller()).network();
    let (token, expires_at) = (token::of_session(session, account.app)?, now + ttl_ms);
    forget_old(ctx, tx);
    // Who is let go at this moment gets none.
    tx.run_one(
        "INSERT INTO directory_session
             (id, user_id, digest, scopes, label, created_at, seen_at, expires_at, network)
         SELECT $1, id, $3, $4, $5, CAST($6 AS BIGINT), CAST($6 AS BIGINT), CAST($7 AS BIGINT),
             CAST($8 AS TEXT)
         FROM directory_user WHERE id = $2 AND left_at IS NULL",
        [
            session.into(),
            user.into(),
            token::digest_text(&token).into(),
            scopes.join(" ").into(),
            label.into(),
            now.into(),
            expires_at.into(),
            network.into(),
        ],
    );
    Ok(Grant { token, session, user, expires_at })
}

/// Signs a person in. Whoever guesses learns nothing from the answer, nor from how long it takes:
/// an unknown name, a program and a person without a password all cost a hash.
pub(super) async fn login(ctx: Ctx, args: Login) -> Result<Grant> {
    let name = rules::login("login", &args.login)?;
    let label = rules::name_if_any("label", args.label.as_deref())?.unwrap_or_default();
    let known = is_known(&ctx, &name).await?;
    let wrong = || Error::new(ErrorCode::Unauth, "the name or password is wrong");
    let checked = match attempt(&ctx, &name, args.password, known).await {
        Ok(Some(checked)) => Ok(checked),
        Ok(None) => Err(wrong()),
        Err(error) => Err(error),
    };
    if let Err(error) = &checked {
        refused(&ctx, &name, error).await?;
    }
    let (person, rehashed) = checked?;

    let mut tx = ctx.tx().on_behalf_of(person.user, person.org);
    let password = rehashed.unwrap_or_else(|| person.password.clone());
    // Also where it stays as it is: whose password is changed at this moment is looked at again,
    // and nobody comes in by the one before.
    tx.run_one(
        "UPDATE directory_user SET password = $1 WHERE id = $2 AND password = $3",
        [password.into(), person.user.into(), person.password.into()],
    );
    make_room(&ctx, &mut tx, person.user).await?;
    let account = Account { user: person.user, app: false };
    let grant = open(&ctx, &mut tx, &account, &rules::SCOPES, &label, LOGIN_TTL_MS)?;
    tx.audit(Audited::of("session", grant.session));
    ctx.commit(tx).await?;
    Ok(grant)
}

/// Writes down soon that somebody was not let in. What is nobody's name may be a password that was
/// typed into the wrong field, and is not kept. Both cost the same.
async fn refused(ctx: &Ctx, login: &str, error: &Error) -> Result<()> {
    if !matches!(error.code(), ErrorCode::Unauth | ErrorCode::Rate) {
        return Ok(());
    }
    let sql = "SELECT id, org FROM directory_user WHERE login = $1 AND app = 0";
    match ctx.query_one(sql, [login.into()]).await? {
        Some(row) => ctx.refused(row.get(1)?, format!("member:{}", row.get::<UserId>(0)?)),
        None => ctx.refused(OrgId(Ulid::nil()), "member:unknown"),
    }
    Ok(())
}

/// A person who may sign in by password.
struct Person {
    user: UserId,
    org: OrgId,
    password: String,
}

/// A person, with a new hash if there must be one.
type Checked = Option<(Person, Option<String>)>;

/// Whether the owner of this name signed in from this network before, and not long ago: sessions
/// are forgotten. A name of nobody costs the same.
async fn is_known(ctx: &Ctx, login: &str) -> Result<bool> {
    let Some(network) = Source::of(ctx.caller()).network() else { return Ok(false) };
    let sql = "SELECT 1 FROM directory_session s JOIN directory_user u ON u.id = s.user_id
               WHERE u.login = $1 AND u.app = 0 AND s.network = $2 LIMIT 1";
    Ok(ctx.query_one(sql, [login.into(), network.into()]).await?.is_some())
}

/// The person whose name and password these are, if whoever asks may try.
async fn attempt(ctx: &Ctx, login: &str, password: String, known: bool) -> Result<Checked> {
    let (directory, source) = (ctx.state::<Directory>(), Source::of(ctx.caller()));
    let attempt = Attempt::begin(ctx, login, source, known).await?;
    let checked = check(ctx, &directory, login, password).await;
    match &checked {
        Ok(Some(_)) => attempt.right(ctx).await?,
        // Only a wrong password costs; a busy server or database is not the person's fault.
        Err(_) => {
            if let Err(error) = attempt.unseen(ctx).await {
                tracing::warn!(%error, "an attempt to sign in was not paid back");
            }
        }
        Ok(None) => {}
    }
    checked
}

async fn check(ctx: &Ctx, directory: &Directory, login: &str, password: String) -> Result<Checked> {
    let sql = "SELECT id, org, password FROM directory_user
               WHERE login = $1 AND app = 0 AND password IS NOT NULL AND left_at IS NULL";
    let person = match ctx.query_one(sql, [login.into()]).await? {
        Some(row) => Some(Person { user: row.get(0)?, org: row.get(1)?, password: row.get(2)? }),
        None => None,
    };
    let stored = person.as_ref().map(|person| person.password.clone());
    let verdict = directory.passwords.verify(Source::of(ctx.caller()), password, stored).await?;
    Ok(person.and_then(|person| match verdict {
        Verdict::Wrong => None,
        Verdict::Right => Some((person, None)),
        Verdict::Rehashed(hash) => Some((person, Some(hash))),
    }))
}

/// Changes the caller's password. Whoever had the old one, or a link to set another, is out.
pub(super) async fn password(ctx: Ctx, args: Password) -> Result<Ended> {
    let (caller, directory) = (ctx.caller(), ctx.state::<Directory>());
    let sql = "SELECT login FROM directory_user WHERE id = $1 AND app = 0";
    let row = ctx.query_one(sql, [caller.user.into()]).await?;
    let login: String = row.ok_or_else(|| Error::not_found("person"))?.get(0)?;
    rules::new_password(&args.new, &login).map_err(|error| error.field("new"))?;
    if args.new == args.old {
        return Err(Error::bad_arg("new", "the new password must differ from the present one"));
    }
    // Who found a screen unlocked guesses no faster here than at the door, and who guesses at the
    // door holds up nobody here.
    let wrong = || Error::bad_arg("old", "that is not the present password");
    let checked = attempt(&ctx, &login, args.old, true).await;
    let is_busy = |error: &Error| error.code() != ErrorCode::Rate;
    if !matches!(&checked, Ok(Some(_))) && !checked.as_ref().is_err_and(is_busy) {
        ctx.refused(caller.org, format!("member:{}", caller.user));
    }
    let (person, _) = checked?.ok_or_else(wrong)?;
    let hashed = directory.passwords.hash(Source::of(caller), args.new).await?;
    let mut tx = ctx.tx();
    tx.run_one(
        "UPDATE directory_user SET password = $1 WHERE id = $2 AND password = $3",
        [hashed.into(), person.user.into(), person.password.into()],
    );
    withdraw_for(&ctx, &mut tx, person.user);
    tx.audit(Audited::of("member", person.user));
    end_all(&ctx, &mut tx, (person.org, person.user), caller.session).await?;
    ctx.commit(tx).await?;
    Ok(Ended {})
}

/// Who the caller is.
pub(super) async fn whoami(ctx: Ctx, _: Whoami) -> Result<Identity> {
    let caller = ctx.caller();
    let sql =
        "SELECT name, locale, tz, login, title FROM directory_user WHERE id = $1 AND org = $2";
    let row = ctx.query_one(sql, [caller.user.into(), caller.org.into()]).await?;
    let row = row.ok_or_else(|| Error::not_found("person"))?;
    let held = rules::SCOPES.into_iter().filter(|scope| caller.may(Access::Scope(scope)));
    Ok(Identity {
        user: caller.user,
        org: caller.org,
        login: row.get(3)?,
        name: row.get(0)?,
        title: row.get(4)?,
        locale: row.get(1)?,
        tz: row.get(2)?,
        permissions: rights(&ctx).await?.names().map(str::to_owned).collect(),
        scopes: held.map(str::to_owned).collect(),
    })
}

/// A ticket of the caller's session. It is a row, so that any node can take it.
pub(super) async fn token(ctx: Ctx, _: Ticket) -> Result<Ticketed> {
    let session = ctx.caller().session.ok_or_else(|| Error::not_found("session"))?;
    let (now, token) = (ctx.now(), token::ticket()?);
    let sql = "SELECT COUNT(*), MIN(expires_at) FROM directory_ticket
               WHERE session = $1 AND expires_at > $2";
    let row = ctx.query_one(sql, [session.into(), now.into()]).await?;
    let unused = row.as_ref().map_or(Ok(0), |row| row.get::<i64>(0))?;
    if let (Some(row), true) = (row, unused >= TICKETS_MAX) {
        let wait_ms = row.get::<i64>(1)?.saturating_sub(now).unsigned_abs();
        let msg = "too many unused tickets; use one, or wait until they expire";
        return Err(Error::new(ErrorCode::Rate, msg).retry_ms(wait_ms));
    }
    let expires_at = now + TICKET_TTL_MS;
    let mut tx = ctx.tx();
    tx.run("DELETE FROM directory_ticket WHERE expires_at <= $1", [now.into()]);
    tx.run(
        "INSERT INTO directory_ticket (digest, session, expires_at) VALUES ($1, $2, $3)",
        [token::digest_text(&token).into(), session.into(), expires_at.into()],
    );
    ctx.commit(tx).await?;
    Ok(Ticketed { token, expires_at })
}
