//! Links by which guests knock: made, listed and revoked by whoever keeps the room.

use std::collections::BTreeSet;

use super::{
    change::{Change, Holds, again},
    guest, media,
    open::{keeps, seen},
    rows::over,
    secret::{digest, secret},
};
use carillon_plugin::{Audited, Ctx, Error, Result, Row};
use carillon_protocol::{
    ErrorCode, LinkId, OrgId, ParticipantId, RoomId, UserId,
    limits::{GUEST_LINK_TTL_MAX_MS, ROOM_LINKS_MAX},
    room::{Done, Gone, GuestLink, Link, Linked, Links, LinksListed, Phase, Unlink},
};

/// How long a link works if nothing is said: for the meeting, and for who comes back next day.
const TTL_MS: i64 = 24 * 3_600_000;
/// How long a link is remembered after its end, to tell whoever has it so.
const REMEMBER_MS: i64 = 30 * 24 * 3_600_000;

/// `room.link`. Its secret is in the answer and nowhere else.
pub(super) async fn link(ctx: Ctx, args: Link) -> Result<Linked> {
    let ttl_ms = args.ttl_ms.unwrap_or(TTL_MS);
    if !(1..=GUEST_LINK_TTL_MAX_MS).contains(&ttl_ms) {
        let msg = "`ttl_ms` is more than 0 and at most 30 days, in milliseconds";
        return Err(Error::bad_arg("ttl_ms", msg));
    }
    let meeting = seen(&ctx, args.room).await?;
    keeps(&ctx, &meeting).await?;
    if meeting.head.phase == Phase::Ended {
        return Err(over());
    }
    let now = ctx.now();
    if working(&ctx, args.room).await?.len() >= ROOM_LINKS_MAX {
        let msg = format!("there are {ROOM_LINKS_MAX} links already; revoke one that nobody needs");
        return Err(Error::new(ErrorCode::Quota, msg));
    }
    let begins_at = meeting.head.starts_at.filter(|_| meeting.head.phase == Phase::Planned);
    let expires_at = begins_at.unwrap_or(now).max(now) + ttl_ms;
    let (link, secret) = (LinkId(ctx.new_id()), secret()?);
    let mut tx = ctx.tx().on_behalf_of(ctx.caller().user, meeting.org);
    tx.run("DELETE FROM room_link WHERE expires_at < $1", [(now - REMEMBER_MS).into()]);
    tx.run(
        "INSERT INTO room_link (id, room, org, digest, made_by, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        [
            link.into(),
            args.room.into(),
            meeting.org.into(),
            digest(&secret).into(),
            ctx.caller().user.into(),
            now.into(),
            expires_at.into(),
        ],
    );
    tx.audit(Audited::of("room_link", link).after(&(args.room, expires_at)));
    ctx.commit(tx).await?;
    Ok(Linked { link, secret, expires_at })
}

/// `room.links`.
pub(super) async fn links(ctx: Ctx, args: Links) -> Result<LinksListed> {
    let meeting = seen(&ctx, args.room).await?;
    keeps(&ctx, &meeting).await?;
    let links = match meeting.head.phase {
        Phase::Ended => Vec::new(),
        Phase::Planned | Phase::Open => working(&ctx, args.room).await?,
    };
    Ok(LinksListed { links })
}

async fn working(ctx: &Ctx, room: RoomId) -> Result<Vec<GuestLink>> {
    let sql = "SELECT l.id, l.made_by, l.created_at, l.expires_at,
                   (SELECT COUNT(*) FROM room_guest g WHERE g.link = l.id AND g.gone_at IS NULL)
               FROM room_link l
               WHERE l.room = $1 AND l.revoked_at IS NULL AND l.expires_at > $2
               ORDER BY l.id DESC LIMIT $3";
    let read = |row: &Row| {
        Ok(GuestLink {
            link: row.get(0)?,
            by: row.get(1)?,
            created_at: row.get(2)?,
            expires_at: row.get(3)?,
            guests: u32::try_from(row.get::<u64>(4)?).map_err(Error::internal)?,
        })
    };
    let rows = ctx.query(sql, [room.into(), ctx.now().into(), ROOM_LINKS_MAX.into()]).await?;
    rows.iter().map(read).collect()
}

/// `room.unlink`: again, it is done already.
pub(super) async fn unlink(ctx: Ctx, args: Unlink) -> Result<Done> {
    let gone = again(|| revoke(&ctx, args.link)).await?;
    media::tell(&ctx, &gone).await;
    Ok(Done {})
}

/// Revokes a link with everybody who came by it; answers who went.
async fn revoke(ctx: &Ctx, link: LinkId) -> Result<Vec<ParticipantId>> {
    let unknown = || Error::not_found("link");
    let sql = "SELECT room, org, revoked_at FROM room_link WHERE id = $1";
    let row = ctx.query_one(sql, [link.into()]).await?.ok_or_else(unknown)?;
    let (caller, org): (_, OrgId) = (ctx.caller(), row.get(1)?);
    if caller.org != org && !caller.is_system() {
        return Err(unknown());
    }
    let meeting = seen(ctx, row.get(0)?).await.map_err(|error| match error.code() {
        ErrorCode::NotFound => unknown(),
        _ => error,
    })?;
    keeps(ctx, &meeting).await?;
    if meeting.head.phase == Phase::Ended || row.get::<Option<i64>>(2)?.is_some() {
        return Ok(Vec::new());
    }
    let guests = guest::of_link(ctx, link).await?;
    let mut change = Change::of(ctx, meeting, Holds::All);
    // First the link: who enters by it at this moment does so before or not at all.
    change.tx.run_one(
        "UPDATE room_link SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL",
        [ctx.now().into(), link.into()],
    );
    change.tx.run(
        "UPDATE room_guest SET gone_at = $1 WHERE link = $2 AND gone_at IS NULL",
        [ctx.now().into(), link.into()],
    );
    let gone = places(&change, &guests);
    gone.iter().for_each(|&participant| change.leave(participant, Gone::Kicked));
    guest::dismiss_soon(&mut change);
    if !gone.is_empty() {
        change.tell_media_soon();
    }
    change.tx.audit(Audited::of("room_link", link));
    change.commit(ctx).await?;
    Ok(gone)
}

fn places(change: &Change, users: &BTreeSet<UserId>) -> Vec<ParticipantId> {
    let seats = change.meeting.seats().filter(|seat| users.contains(&seat.user));
    seats.map(|seat| seat.participant).collect()
}
