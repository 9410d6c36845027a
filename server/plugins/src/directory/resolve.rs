//! Whom a token belongs to: asked for every connection and every HTTP call, so live sessions are
//! kept in memory.

use std::sync::Arc;

use carillon_plugin::{Ctx, Error, Result};
use carillon_protocol::{
    ErrorCode, Event, OrgId, SessionId, UserId,
    session::{Resolve, Resolved},
};

use super::{
    Directory,
    device::{LastUse, used},
    ending::ended,
    memory::Memory,
    token::{Shown, TokenDigest, digest_text, read_digest, same, token_digest},
};

/// The most sessions kept in memory, at some 200 bytes each; the others cost a query.
const SESSIONS_MAX: usize = 20_000;

/// A session as its tables say.
struct Known {
    digest: TokenDigest,
    user: UserId,
    org: OrgId,
    scopes: Box<str>,
    expires_at: i64,
    ended: bool,
    last_use: LastUse,
}

/// The live sessions that were asked for lately.
pub(super) struct Sessions(Memory<SessionId, Arc<Known>>);

impl Default for Sessions {
    fn default() -> Sessions {
        Sessions(Memory::new(SESSIONS_MAX))
    }
}

impl Sessions {
    /// Forgets a session that ended, on whichever node.
    pub(super) fn observe(&self, event: &Event) {
        if let Some(session) = ended(event) {
            self.0.forget(&session);
        }
    }

    /// When a session was used last, if memory knows.
    pub(super) fn last_use(&self, session: SessionId) -> Option<i64> {
        self.0.get(&session).map(|known| known.last_use.get())
    }

    async fn find(&self, ctx: &Ctx, session: SessionId) -> Result<Option<Arc<Known>>> {
        if let Some(known) = self.0.get(&session) {
            return Ok(Some(known));
        }
        let since = self.0.since();
        // A guest is in no table of people: the session says whose guest it is.
        let sql = "SELECT s.digest, s.user_id, COALESCE(s.guest_of, u.org), s.scopes,
                       s.expires_at, s.ended_at, s.seen_at
                   FROM directory_session s LEFT JOIN directory_user u ON u.id = s.user_id
                   WHERE s.id = $1 AND (u.id IS NOT NULL OR s.guest_of IS NOT NULL)";
        let Some(row) = ctx.query_one(sql, [session.into()]).await? else { return Ok(None) };
        let known = Arc::new(Known {
            digest: read_digest(&row.get::<String>(0)?)?,
            user: row.get(1)?,
            org: row.get(2)?,
            scopes: row.get::<String>(3)?.into(),
            expires_at: row.get(4)?,
            ended: row.get::<Option<i64>>(5)?.is_some(),
            last_use: LastUse::at(row.get(6)?),
        });
        if !known.ended {
            self.0.keep(since, session, known.clone());
        }
        Ok(Some(known))
    }
}

fn unknown() -> Error {
    Error::new(ErrorCode::Unauth, "the token is not valid; sign in again")
}

fn expired() -> Error {
    Error::new(ErrorCode::TokenExpired, "the token is no longer valid; sign in again")
}

/// Whom a token or a ticket belongs to. A ticket is used up by it.
pub(super) async fn resolve(ctx: Ctx, args: Resolve) -> Result<Resolved> {
    let directory = ctx.state::<Directory>();
    let shown = Shown::read(&args.token).ok_or_else(unknown)?;
    let session = match shown {
        Shown::Session(session) => session,
        Shown::Ticket if args.ticket => session_of_ticket(&ctx, &args.token).await?,
        Shown::Ticket => return Err(unknown()),
    };
    let known = directory.sessions.find(&ctx, session).await?.ok_or_else(unknown)?;
    if shown != Shown::Ticket && !same(known.digest, token_digest(&args.token)) {
        return Err(unknown());
    }
    if known.ended || known.expires_at <= ctx.now() {
        return Err(expired());
    }
    if shown == Shown::Ticket {
        use_up(&ctx, &args.token, &known).await?;
    }
    used(&ctx, session, &known.last_use);
    Ok(Resolved {
        session,
        user: known.user,
        org: known.org,
        scopes: known.scopes.split(' ').map(str::to_owned).collect(),
        expires_at: known.expires_at,
    })
}

async fn session_of_ticket(ctx: &Ctx, ticket: &str) -> Result<SessionId> {
    let sql = "SELECT session, expires_at FROM directory_ticket WHERE digest = $1";
    let row = ctx.query_one(sql, [digest_text(ticket).into()]).await?.ok_or_else(unknown)?;
    if row.get::<i64>(1)? <= ctx.now() {
        return Err(expired());
    }
    row.get(0)
}

/// Of two who show the same ticket, on whichever nodes, one deletes its row; for the other the
/// handler runs again and does not find it.
async fn use_up(ctx: &Ctx, ticket: &str, known: &Known) -> Result<()> {
    let mut tx = ctx.tx().on_behalf_of(known.user, known.org);
    tx.run_one("DELETE FROM directory_ticket WHERE digest = $1", [digest_text(ticket).into()]);
    ctx.commit(tx).await?;
    Ok(())
}
