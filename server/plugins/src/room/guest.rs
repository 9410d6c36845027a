//! Guests: people without an account, who knock with a link and a name.
//!
//! A guest always waits until somebody who moderates lets them in, whatever the room's rules are:
//! a link travels on, so having it says nothing of who somebody is, and only a person can tell.
//! Nobody of a meeting is left alone with guests: when its last member goes, they go too.
//!
//! The row says who may be here. The session, which the directory keeps, follows it.

use std::collections::BTreeSet;

use carillon_plugin::{Audited, Caller, Ctx, Error, Result, Row, Tx};
use carillon_protocol::{
    ErrorCode, LinkId, OrgId, RoomId, UserId,
    limits::NAME_LEN_MAX,
    org,
    room::{Dismiss, Done, Enter, Entered, Invitation, Look, Phase, Rules},
    session::{Guest, GuestGone},
};

use super::{
    change::Change,
    rows::{self, Meeting, over, read, read_word, unknown},
    rules::locked,
    secret::digest,
};
use crate::plain::plain;

/// How long a guest's session lasts at most: as long as a planned room stays open.
const SESSION_MS: i64 = super::change::PLANNED_LASTS_MS;
/// Guests of one room who may come in at a time: four times those who fit. For one more the oldest
/// who is not in it goes.
const KNOWN_MAX: u32 = 200;
/// How many guests enter one room from one network in ten minutes: all of a visiting company, who
/// share an address. More are somebody who fills the waiting room.
const ENTRIES_MAX: u64 = 30;
const ENTRIES_WITHIN_MS: i64 = 10 * 60_000;
/// When who entered too often may try again.
const ENTRY_RETRY_MS: u64 = 60_000;
/// Guests whose sessions are ended in one go.
const DISMISSED_MAX: usize = 500;

/// A link that works, with its room.
struct Opened {
    link: LinkId,
    room: RoomId,
    org: OrgId,
    by: UserId,
    expires_at: i64,
    title: Option<String>,
    phase: Phase,
    starts_at: Option<i64>,
    rules: Rules,
}

impl Opened {
    /// The link with this secret. Who has a secret that was good once is told what became of it;
    /// who guesses learns nothing.
    async fn by(ctx: &Ctx, secret: &str) -> Result<Opened> {
        let sql = "SELECT l.id, l.room, l.org, l.made_by, l.expires_at, l.revoked_at,
                       m.title, m.phase, m.starts_at, m.rules
                   FROM room_link l JOIN room_meeting m ON m.id = l.room WHERE l.digest = $1";
        let useless =
            || Error::new(ErrorCode::NotFound, "there is no such link; ask for a new one");
        let row = ctx.query_one(sql, [digest(secret).into()]).await?.ok_or_else(useless)?;
        let opened = Opened {
            link: row.get(0)?,
            room: row.get(1)?,
            org: row.get(2)?,
            by: row.get(3)?,
            expires_at: row.get(4)?,
            title: row.get(6)?,
            phase: read_word(&row.get::<String>(7)?)?,
            starts_at: row.get(8)?,
            rules: read(&row.get::<String>(9)?)?,
        };
        if opened.phase == Phase::Ended {
            return Err(over());
        }
        if row.get::<Option<i64>>(5)?.is_some() || opened.expires_at <= ctx.now() {
            let msg = "this link does not work any more; ask whoever invited you for a new one";
            return Err(Error::conflict(msg).field("secret"));
        }
        Ok(opened)
    }
}

/// `room.look`.
pub(super) async fn look(ctx: Ctx, args: Look) -> Result<Invitation> {
    let opened = Opened::by(&ctx, &args.secret).await?;
    let Opened { org, by, title, phase, starts_at, expires_at, .. } = opened;
    let org = ctx.call_as(Caller::on_behalf_of(by, org), None, &org::Get {}).await?.name;
    Ok(Invitation { org, title, phase, starts_at, expires_at })
}

/// `room.enter`.
pub(super) async fn enter(ctx: Ctx, args: Enter) -> Result<Entered> {
    // First the link: who has none learns nothing, not even what a good name is.
    let opened = Opened::by(&ctx, &args.secret).await?;
    let name = name(&args.name)?;
    if opened.rules.locked {
        return Err(locked());
    }
    let Opened { link, room, org, .. } = opened;
    let user = UserId(ctx.new_id());
    write_down(&ctx, &opened, (user, &name)).await?;
    let grant = ctx.call(&Guest { user, org, room, ttl_ms: SESSION_MS }).await?;
    // Whose link was revoked meanwhile had no session yet that could be ended with it.
    if !is_welcome(&ctx, user).await? {
        ctx.call(&GuestGone { user, org }).await?;
        Opened::by(&ctx, &args.secret).await?;
        return Err(rows::put_out());
    }
    tracing::debug!(%link, %user, "a guest entered");
    let (session, expires_at) = (grant.session, grant.expires_at);
    Ok(Entered { token: grant.token, session, user, org, room, name, expires_at })
}

async fn write_down(ctx: &Ctx, opened: &Opened, (user, name): (UserId, &str)) -> Result<()> {
    let Opened { link, room, org, .. } = *opened;
    let now = ctx.now();
    let network = ctx.caller().network.map(|it| it.to_string()).unwrap_or_default();
    let sql = "SELECT COUNT(*) FROM room_guest
               WHERE room = $1 AND network = $2 AND network <> '' AND entered_at > $3";
    let since = now - ENTRIES_WITHIN_MS;
    let row = ctx.query_one(sql, [room.into(), network.as_str().into(), since.into()]).await?;
    if row.map_or(Ok(0), |row| row.get::<u64>(0))? >= ENTRIES_MAX {
        let msg = "too many guests came from your network; wait before the next one";
        return Err(Error::new(ErrorCode::Rate, msg).retry_ms(ENTRY_RETRY_MS));
    }
    let mut tx = ctx.tx().on_behalf_of(user, org);
    // Changes nothing, but only if the link still works.
    tx.run_one(
        "UPDATE room_link SET room = room
         WHERE id = $1 AND revoked_at IS NULL AND expires_at > $2",
        [link.into(), now.into()],
    );
    make_room(&mut tx, room, now);
    tx.run(
        "INSERT INTO room_guest (id, room, org, link, name, network, entered_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        [
            user.into(),
            room.into(),
            org.into(),
            link.into(),
            name.into(),
            network.into(),
            now.into(),
        ],
    );
    // Nobody finds the name under the id.
    tx.audit(Audited::of("guest", format!("{user} {name}")).after(&(room, link)));
    ctx.commit(tx).await.map(drop)
}

/// Of those who entered and are not in the room, only the newest may still come in.
fn make_room(tx: &mut Tx, room: RoomId, now: i64) {
    tx.run(
        "UPDATE room_guest SET gone_at = $1 WHERE id IN (
             SELECT id FROM room_guest WHERE room = $2 AND gone_at IS NULL
             ORDER BY id DESC LIMIT $3 OFFSET $4)
         AND NOT EXISTS (SELECT 1 FROM room_participant p
             WHERE p.user_id = room_guest.id AND p.left_at IS NULL)",
        [now.into(), room.into(), DISMISSED_MAX.into(), (KNOWN_MAX - 1).into()],
    );
    tx.after(0, &dismissing(room), &Dismiss { room });
}

/// A guest's name: as a person's, and with something in it that can be read.
fn name(text: &str) -> Result<String> {
    let text = plain(text);
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    let fits = (1..=NAME_LEN_MAX).contains(&text.chars().count());
    if !fits || text.chars().any(breaks) || !text.chars().any(char::is_alphanumeric) {
        let msg = format!("write your name in one line of 1 to {NAME_LEN_MAX} characters");
        return Err(Error::bad_arg("name", msg));
    }
    Ok(text)
}

async fn is_welcome(ctx: &Ctx, user: UserId) -> Result<bool> {
    let sql = "SELECT 1 FROM room_guest WHERE id = $1 AND gone_at IS NULL";
    Ok(ctx.query_one(sql, [user.into()]).await?.is_some())
}

/// The name of the caller, who is a guest of this room.
pub(super) async fn named(ctx: &Ctx, meeting: &Meeting) -> Result<String> {
    if meeting.head.phase == Phase::Ended {
        return Err(over());
    }
    let sql = "SELECT name, gone_at FROM room_guest WHERE id = $1 AND room = $2 AND org = $3";
    let Caller { user, org, .. } = ctx.caller();
    let row = ctx.query_one(sql, [user.into(), meeting.head.room.into(), org.into()]).await?;
    let row = row.ok_or_else(unknown)?;
    match row.get::<Option<i64>>(1)? {
        None => row.get(0),
        Some(_) => Err(rows::put_out()),
    }
}

/// Whether somebody let the caller into this room who left it by themselves, or was lost.
pub(super) async fn was_let_in(ctx: &Ctx, room: RoomId) -> Result<bool> {
    let sql = "SELECT 1 FROM room_participant p
               WHERE p.room = $1 AND p.user_id = $2 AND p.waiting = 0 AND p.gone IN ('left', 'lost')
                   AND NOT EXISTS (SELECT 1 FROM room_participant k
                       WHERE k.room = $1 AND k.user_id = $2 AND k.gone = 'kicked') LIMIT 1";
    Ok(ctx.query_one(sql, [room.into(), ctx.caller().user.into()]).await?.is_some())
}

/// Who came by a link and may still be here.
pub(super) async fn of_link(ctx: &Ctx, link: LinkId) -> Result<BTreeSet<UserId>> {
    let sql = "SELECT id FROM room_guest WHERE link = $1 AND gone_at IS NULL";
    ctx.query(sql, [link.into()]).await?.iter().map(|row| row.get(0)).collect()
}

/// The timer that ends the sessions of guests who are gone.
fn dismissing(room: RoomId) -> String {
    format!("guests:{room}")
}

/// What follows for guests who may not be here any more: their sessions end.
pub(super) fn dismiss_soon(change: &mut Change) {
    let room = change.room();
    change.tx.after(0, &dismissing(room), &Dismiss { room });
}

/// A guest is put out: the token is worth nothing from now on.
pub(super) fn put_out(change: &mut Change, user: UserId) {
    change.tx.run(
        "UPDATE room_guest SET gone_at = $1 WHERE id = $2 AND gone_at IS NULL",
        [change.now().into(), user.into()],
    );
    dismiss_soon(change);
}

/// The same for everybody who came by a link: the room is over.
pub(super) fn put_out_all(change: &mut Change) {
    change.tx.run(
        "UPDATE room_guest SET gone_at = $1 WHERE room = $2 AND gone_at IS NULL",
        [change.now().into(), change.room().into()],
    );
    dismiss_soon(change);
}

/// `room.dismiss`. A guest who is gone leaves nothing but what the attendance list says.
pub(super) async fn dismiss(ctx: Ctx, args: Dismiss) -> Result<Done> {
    let sql = "SELECT id, org FROM room_guest WHERE room = $1 AND gone_at IS NOT NULL
               ORDER BY id LIMIT $2";
    loop {
        let rows = ctx.query(sql, [args.room.into(), DISMISSED_MAX.into()]).await?;
        let read = |row: &Row| Ok(GuestGone { user: row.get(0)?, org: row.get(1)? });
        let gone = rows.iter().map(read).collect::<Result<Vec<_>>>()?;
        let mut tx = ctx.tx();
        for guest in &gone {
            ctx.call(guest).await?;
            tx.run("DELETE FROM room_guest WHERE id = $1", [guest.user.into()]);
        }
        if gone.is_empty() {
            return Ok(Done {});
        }
        ctx.commit(tx).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guests_name_is_one_line_that_can_be_read_and_turns_nothing() {
        assert_eq!(name(" 陳美 Mei ").unwrap(), "陳美 Mei");
        assert_eq!(name("\u{202e}Mei\u{2066}").unwrap(), "Mei");
        let long = "x".repeat(NAME_LEN_MAX + 1);
        for bad in ["", "  ", "\u{202e}", "\u{200b}", "🙂", "a\nb", "a\u{0}b", "a\u{2028}b", &long]
        {
            let error = name(bad).unwrap_err();
            assert_eq!(error.body().field.as_deref(), Some("name"), "{bad:?}");
        }
    }
}
