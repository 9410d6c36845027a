//! Signing in and out, and the list of devices.

use carillon_plugin::{Ctx, Error, LiveChange, Result, Tx};
use carillon_protocol::{
    ErrorCode, Event, OrgId, SessionId, Topic, UserId,
    operation::Access,
    role::SESSIONS,
    session::{
        Device, Devices, DevicesListed, Ended, EndedData, Grant, Identity, Login, Logout, Revoke,
        Ticket, Ticketed, Whoami, kind,
    },
};

use super::{Directory, password::Verdict, permission::rights, rules, token};

/// How long a person stays signed in.
pub(super) const LOGIN_TTL_MS: i64 = 30 * 24 * 3_600_000;
/// How long a session is remembered after its end of life, to tell its bearer so.
const REMEMBER_MS: i64 = 30 * 24 * 3_600_000;
/// How long a ticket opens a socket.
const TICKET_TTL_MS: i64 = 60_000;
/// The most unused tickets of a session: windows that reconnect at the same time, with retries.
const TICKETS_MAX: i64 = 32;
/// The most sessions in the list of devices.
const DEVICES_MAX: i64 = 100;

/// Whose session is opened.
pub(super) struct Account {
    pub(super) user: UserId,
    pub(super) app: bool,
}

/// Opens a session in a transaction. Its token is in the answer and nowhere else.
pub(super) fn open(
    ctx: &Ctx,
    tx: &mut Tx,
    account: &Account,
    scopes: &[&str],
    label: &str,
    ttl_ms: i64,
) -> Result<Grant> {
    let (session, user, now) = (SessionId(ctx.new_id()), account.user, ctx.now());
    let (token, expires_at) = (token::of_session(session, account.app)?, now + ttl_ms);
    tx.run("DELETE FROM directory_session WHERE expires_at < $1", [(now - REMEMBER_MS).into()]);
    tx.run(
        "INSERT INTO directory_session
             (id, user_id, digest, scopes, label, created_at, seen_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $6, $7)",
        [
            session.into(),
            user.into(),
            token::digest_text(&token).into(),
            scopes.join(" ").into(),
            label.into(),
            now.into(),
            expires_at.into(),
        ],
    );
    Ok(Grant { token, session, user, expires_at })
}

/// Signs a person in. Whoever guesses learns nothing from the answer, nor from how long it takes:
/// an unknown name, a program and a person without a password all cost a hash.
pub(super) async fn login(ctx: Ctx, args: Login) -> Result<Grant> {
    let name = rules::login("login", &args.login)?;
    let label = rules::name_if_any("label", args.label.as_deref())?.unwrap_or_default();
    let directory = ctx.state::<Directory>();
    directory.attempts.begin(&name, ctx.now())?;
    let checked = check(&ctx, &directory, &name, args.password).await;
    // Only a wrong password costs; a busy server or database is not the person's fault.
    if !matches!(checked, Ok(None)) {
        directory.attempts.give_back(&name);
    }
    let wrong = || Error::new(ErrorCode::Unauth, "the name or password is wrong");
    let (person, rehashed) = checked?.ok_or_else(wrong)?;

    let mut tx = ctx.tx().on_behalf_of(person.user, person.org);
    if let Some(password) = rehashed {
        let args = [password.into(), person.user.into(), person.password.into()];
        tx.run("UPDATE directory_user SET password = $1 WHERE id = $2 AND password = $3", args);
    }
    let account = Account { user: person.user, app: false };
    let grant = open(&ctx, &mut tx, &account, &rules::SCOPES, &label, LOGIN_TTL_MS)?;
    ctx.commit(tx).await?;
    Ok(grant)
}

/// A person who may sign in by password.
struct Person {
    user: UserId,
    org: OrgId,
    password: String,
}

/// The person whose name and password these are, with a new hash if there must be one.
async fn check(
    ctx: &Ctx,
    directory: &Directory,
    login: &str,
    password: String,
) -> Result<Option<(Person, Option<String>)>> {
    let sql = "SELECT id, org, password FROM directory_user
               WHERE login = $1 AND app = 0 AND password IS NOT NULL AND left_at IS NULL";
    let person = match ctx.query_one(sql, [login.into()]).await? {
        Some(row) => Some(Person { user: row.get(0)?, org: row.get(1)?, password: row.get(2)? }),
        None => None,
    };
    let stored = person.as_ref().map(|person| person.password.clone());
    let verdict = directory.passwords.verify(password, stored).await?;
    Ok(person.and_then(|person| match verdict {
        Verdict::Wrong => None,
        Verdict::Right => Some((person, None)),
        Verdict::Rehashed(hash) => Some((person, Some(hash))),
    }))
}

/// Ends the caller's own session.
pub(super) async fn logout(ctx: Ctx, _: Logout) -> Result<Ended> {
    let session = ctx.caller().session.ok_or_else(|| Error::not_found("session"))?;
    revoke(ctx, Revoke { session }).await
}

/// Ends a session of the caller, or of somebody whom the caller administers.
pub(super) async fn revoke(ctx: Ctx, args: Revoke) -> Result<Ended> {
    let (caller, unknown) = (ctx.caller(), || Error::not_found("session"));
    let sql = "SELECT s.user_id, u.org, s.ended_at FROM directory_session s
               JOIN directory_user u ON u.id = s.user_id WHERE s.id = $1";
    let row = ctx.query_one(sql, [args.session.into()]).await?.ok_or_else(unknown)?;
    let (owner, org): (UserId, OrgId) = (row.get(0)?, row.get(1)?);
    let own = owner == caller.user;
    // Whoever may not end it does not learn that it is there.
    let theirs =
        || async { Ok::<_, Error>(org == caller.org && rights(&ctx).await?.has(SESSIONS)) };
    if !(own || caller.is_system() || theirs().await?) {
        return Err(unknown());
    }
    if row.get::<Option<i64>>(2)?.is_some() {
        return Ok(Ended {});
    }
    let mut tx = ctx.tx().on_behalf_of(caller.user, org);
    // Of two at once one changes the row and tells; the other looks again and finds it ended.
    tx.run_one(
        "UPDATE directory_session SET ended_at = $1 WHERE id = $2 AND ended_at IS NULL",
        [ctx.now().into(), args.session.into()],
    );
    tx.emit(Topic::User(owner), kind::ENDED, &EndedData { session: args.session });
    ctx.commit(tx).await?;
    Ok(Ended {})
}

/// The session that an event ended.
pub(super) fn ended(event: &Event) -> Option<SessionId> {
    if &*event.k != kind::ENDED || !matches!(event.topic, Topic::User(_)) {
        return None;
    }
    let data = event.data.to::<EndedData>();
    data.inspect_err(|error| tracing::error!(%error, id = %event.id, "unreadable event"))
        .ok()
        .map(|data| data.session)
}

/// A session that ended takes its sockets along.
pub(super) fn live(event: &Event) -> Option<LiveChange> {
    ended(event).map(LiveChange::End)
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
        permissions: Vec::new(),
        scopes: held.map(str::to_owned).collect(),
    })
}

/// The caller's live sessions, newest first: ids grow with time.
pub(super) async fn devices(ctx: Ctx, _: Devices) -> Result<DevicesListed> {
    let sql = "SELECT id, label, created_at, expires_at FROM directory_session
               WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2
               ORDER BY id DESC LIMIT $3";
    let args = [ctx.caller().user.into(), ctx.now().into(), DEVICES_MAX.into()];
    let rows = ctx.query(sql, args).await?;
    let device = |row: &carillon_plugin::Row| {
        let session = row.get(0)?;
        Ok(Device {
            session,
            label: row.get(1)?,
            created_at: row.get(2)?,
            expires_at: row.get(3)?,
            seen_at: row.get(2)?,
            current: ctx.caller().session == Some(session),
        })
    };
    Ok(DevicesListed { devices: rows.iter().map(device).collect::<Result<_>>()? })
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
