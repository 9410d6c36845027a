//! How sessions end, with their sockets.

use carillon_plugin::{Audited, Ctx, Error, LiveChange, Result, Tx};
use carillon_protocol::{
    Event, OrgId, SessionId, Topic, UserId,
    role::SESSIONS,
    session::{Ended, EndedData, Logout, Revoke, kind},
};

use super::{
    org::Revision,
    permission::{rights, rights_of},
};

/// The most sessions that one transaction ends.
const AT_ONCE: usize = 500;
/// The most live sessions of a person who signs in: more than people have devices, and no more
/// than the list of devices shows.
pub(super) const SESSIONS_MAX: i64 = 100;

/// Ends the caller's own session.
pub(super) async fn logout(ctx: Ctx, _: Logout) -> Result<Ended> {
    let session = ctx.caller().session.ok_or_else(|| Error::not_found("session"))?;
    revoke(ctx, Revoke { session }).await
}

/// Ends a session of the caller, or of somebody who may do no more than the caller.
pub(super) async fn revoke(ctx: Ctx, args: Revoke) -> Result<Ended> {
    let (caller, unknown) = (ctx.caller(), || Error::not_found("session"));
    let sql = "SELECT s.user_id, u.org, s.ended_at FROM directory_session s
               JOIN directory_user u ON u.id = s.user_id WHERE s.id = $1";
    let row = ctx.query_one(sql, [args.session.into()]).await?.ok_or_else(unknown)?;
    let (owner, org): (UserId, OrgId) = (row.get(0)?, row.get(1)?);
    let mut tx = ctx.tx().on_behalf_of(caller.user, org);
    if owner != caller.user && !caller.is_system() {
        let revision = Revision::of(&ctx, org).await?;
        let held = rights(&ctx).await?;
        let covered = org == caller.org && held.cover(rights_of(&ctx, org, owner).await?);
        // Whoever may not end it does not learn that it is there.
        if !held.has(SESSIONS) || !covered {
            ctx.refused(caller.org, format!("session:{}", args.session));
            return Err(unknown());
        }
        revision.hold(&mut tx);
    }
    if row.get::<Option<i64>>(2)?.is_some() {
        return Ok(Ended {});
    }
    end(&ctx, &mut tx, owner, args.session);
    tx.audit(Audited::of("session", args.session));
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

/// Ends those that a person has not used for longest, if one more would be too many.
pub(super) async fn make_room(ctx: &Ctx, tx: &mut Tx, user: UserId) -> Result<()> {
    let sql = "SELECT id FROM directory_session
               WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2
               ORDER BY seen_at DESC, id DESC LIMIT $3 OFFSET $4";
    let args = [user.into(), ctx.now().into(), AT_ONCE.into(), (SESSIONS_MAX - 1).into()];
    for row in ctx.query(sql, args).await? {
        end(ctx, tx, user, row.get(0)?);
    }
    Ok(())
}

/// Ends all sessions of a person, but for one. A session that is opened at this moment makes the
/// handler look again.
pub(super) async fn end_all(
    ctx: &Ctx,
    tx: &mut Tx,
    (org, user): (OrgId, UserId),
    but: Option<SessionId>,
) -> Result<()> {
    let but = but.map(|session| session.to_string()).unwrap_or_default();
    let sql = "SELECT id FROM directory_session
               WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2 AND id <> $3 LIMIT $4";
    loop {
        let args = [user.into(), ctx.now().into(), but.as_str().into(), AT_ONCE.into()];
        let rows = ctx.query(sql, args).await?;
        let sessions = rows.iter().map(|row| row.get(0)).collect::<Result<Vec<SessionId>>>()?;
        if sessions.len() < AT_ONCE {
            sessions.into_iter().for_each(|session| end(ctx, tx, user, session));
            break;
        }
        let mut few = ctx.tx().on_behalf_of(ctx.caller().user, org);
        sessions.into_iter().for_each(|session| end(ctx, &mut few, user, session));
        ctx.commit(few).await?;
    }
    // Changes nothing, but only if none is left.
    tx.run_one(
        "UPDATE directory_user SET org = org WHERE id = $1 AND NOT EXISTS (
             SELECT 1 FROM directory_session
             WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2 AND id <> $3)",
        [user.into(), ctx.now().into(), but.into()],
    );
    Ok(())
}

/// Of two who end it at once one changes the row and tells; the other looks again.
pub(super) fn end(ctx: &Ctx, tx: &mut Tx, user: UserId, session: SessionId) {
    tx.run_one(
        "UPDATE directory_session SET ended_at = $1 WHERE id = $2 AND ended_at IS NULL",
        [ctx.now().into(), session.into()],
    );
    tx.emit(Topic::User(user), kind::ENDED, &EndedData { session });
}
