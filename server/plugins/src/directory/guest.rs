//! Sessions of guests: people without an account, who are let into one room.
//!
//! Who is a guest, and how long, the rooms know; the directory keeps their sessions as it keeps
//! everybody's, so that a token, its end and its sockets mean the same.

use carillon_plugin::{Caller, Ctx, Result};
use carillon_protocol::{
    SessionId,
    session::{Ended, Grant, Guest, GuestGone},
};

use super::{ending::end, session::forget_old, token};

/// The most sessions of one guest: the rooms open one each.
const SESSIONS_MAX: usize = 100;

/// `session.guest`.
pub(super) async fn open(ctx: Ctx, args: Guest) -> Result<Grant> {
    let (session, now) = (SessionId(ctx.new_id()), ctx.now());
    let (token, expires_at) = (token::of_session(session, false)?, now + args.ttl_ms);
    let mut tx = ctx.tx().on_behalf_of(args.user, args.org);
    forget_old(&ctx, &mut tx);
    tx.run(
        "INSERT INTO directory_session
             (id, user_id, digest, scopes, label, created_at, seen_at, expires_at, guest_of)
         VALUES ($1, $2, $3, $4, '', $5, $5, $6, $7)",
        [
            session.into(),
            args.user.into(),
            token::digest_text(&token).into(),
            Caller::scope_of_guest(args.room).into(),
            now.into(),
            expires_at.into(),
            args.org.into(),
        ],
    );
    ctx.commit(tx).await?;
    Ok(Grant { token, session, user: args.user, expires_at })
}

/// `session.guest_gone`: again, it is done already. Nobody but a guest loses a session by it.
pub(super) async fn gone(ctx: Ctx, args: GuestGone) -> Result<Ended> {
    let GuestGone { user, org }: GuestGone = args;
    let sql = "SELECT id FROM directory_session
               WHERE user_id = $1 AND guest_of = $2 AND ended_at IS NULL LIMIT $3";
    let rows = ctx.query(sql, [user.into(), org.into(), SESSIONS_MAX.into()]).await?;
    if rows.is_empty() {
        return Ok(Ended {});
    }
    let mut tx = ctx.tx().on_behalf_of(user, org);
    for row in &rows {
        end(&ctx, &mut tx, user, row.get(0)?);
    }
    ctx.commit(tx).await?;
    Ok(Ended {})
}
