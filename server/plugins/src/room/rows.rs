//! Rooms and participants as they are kept.

use carillon_plugin::{Ctx, Error, Result, Row};
use carillon_protocol::{
    OrgId, ParticipantId, RoomId, RunId, SessionId, UserId,
    id::Ulid,
    room::{Gone, Head, Participant, Phase, Role, Room},
};
use serde::{Serialize, de::DeserializeOwned};

use super::rules;

/// A room with everybody who is in it or waits, of one moment.
#[derive(Debug, Clone)]
pub(super) struct Meeting {
    pub(super) org: OrgId,
    pub(super) head: Head,
    /// Who carries the media.
    pub(super) owner: Option<RunId>,
    pub(super) locale: String,
    pub(super) tz: String,
    pub(super) created_at: i64,
    /// How often something changed that the rights of others follow from.
    pub(super) rev: u64,
    /// The newest event of its log.
    pub(super) seq: u64,
    /// In the order in which they came.
    pub(super) people: Vec<Person>,
}

/// Somebody in a room, with what nobody else sees.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) seat: Participant,
    pub(super) session: Option<SessionId>,
    pub(super) seen_at: i64,
    pub(super) rev: u64,
}

impl Meeting {
    /// Whether it ends when nobody is left.
    pub(super) fn is_ad_hoc(&self) -> bool {
        self.head.starts_at.is_none()
    }

    /// The seats of everybody, also of those who wait.
    pub(super) fn seats(&self) -> impl Iterator<Item = &Participant> {
        self.people.iter().map(|person| &person.seat)
    }

    /// Those who are in it and do not wait.
    pub(super) fn present(&self) -> impl Iterator<Item = &Participant> {
        self.seats().filter(|seat| !seat.waiting)
    }

    pub(super) fn person(&self, participant: ParticipantId) -> Option<&Person> {
        self.people.iter().find(|person| person.seat.participant == participant)
    }

    /// What somebody may do who is in it.
    pub(super) fn role(&self, user: UserId) -> Option<Role> {
        rules::role_of(self.present(), user)
    }

    /// As those see it who may.
    pub(super) fn shown(&self) -> Room {
        let participants = self.seats().cloned().collect();
        Room { head: self.head.clone(), participants, seq: self.seq }
    }
}

const HEAD: &str = "m.id, m.org, m.conv, m.user_id, m.title, m.phase, m.starts_at, m.started_at,
    m.ended_at, m.rules";
const HEAD_LEN: usize = 10;

/// A room of the caller's organisation, or of any for the system: one statement, so that the
/// people are those of its `seq`.
pub(super) async fn load(ctx: &Ctx, room: RoomId) -> Result<Meeting> {
    let sql = format!(
        "SELECT {HEAD}, m.owner, m.locale, m.tz, m.created_at, m.rev, m.seq,
             p.id, p.user_id, p.name, p.role, p.waiting, p.joined_at, p.hand_at, p.publications,
             p.session, p.seen_at, p.rev
         FROM room_meeting m
         LEFT JOIN room_participant p ON p.room = m.id AND p.left_at IS NULL
         WHERE m.id = $1 ORDER BY p.id"
    );
    let rows = ctx.query(&sql, [room.into()]).await?;
    let first = rows.first().ok_or_else(unknown)?;
    let (org, head) = head(first)?;
    let caller = ctx.caller();
    let is_elsewhere = caller.org != org || caller.room.is_some_and(|own| own != room);
    if is_elsewhere && !caller.is_system() {
        return Err(unknown());
    }
    let owner: String = first.get(HEAD_LEN)?;
    let mut meeting = Meeting {
        org,
        head,
        owner: owner.parse().ok(),
        locale: first.get(HEAD_LEN + 1)?,
        tz: first.get(HEAD_LEN + 2)?,
        created_at: first.get(HEAD_LEN + 3)?,
        rev: first.get(HEAD_LEN + 4)?,
        seq: first.get(HEAD_LEN + 5)?,
        people: Vec::new(),
    };
    for row in &rows {
        let cell = |place: usize| HEAD_LEN + 6 + place;
        let Some(participant) = row.get::<Option<ParticipantId>>(cell(0))? else { break };
        let session: String = row.get(cell(8))?;
        let seat = Participant {
            participant,
            user: row.get(cell(1))?,
            name: row.get(cell(2))?,
            role: read_word(&row.get::<String>(cell(3))?)?,
            waiting: row.get(cell(4))?,
            joined_at: row.get(cell(5))?,
            hand_at: row.get(cell(6))?,
            publications: read(&row.get::<String>(cell(7))?)?,
        };
        meeting.people.push(Person {
            seat,
            session: session.parse().ok(),
            seen_at: row.get(cell(9))?,
            rev: row.get(cell(10))?,
        });
    }
    Ok(meeting)
}

/// Rooms that are not over, as this condition says.
pub(super) async fn heads(
    ctx: &Ctx,
    condition: &str,
    of: impl Into<carillon_plugin::Value>,
    limit: usize,
) -> Result<Vec<Head>> {
    let sql = format!(
        "SELECT {HEAD} FROM room_meeting m WHERE m.phase <> 'ended' AND {condition}
         ORDER BY CASE m.phase WHEN 'open' THEN 0 ELSE 1 END, m.starts_at, m.id LIMIT {limit}"
    );
    let rows = ctx.query(&sql, [of.into()]).await?;
    rows.iter().map(|row| head(row).map(|(_, head)| head)).collect()
}

fn head(row: &Row) -> Result<(OrgId, Head)> {
    let head = Head {
        room: row.get(0)?,
        conv: row.get(2)?,
        by: row.get(3)?,
        title: row.get(4)?,
        phase: read_word(&row.get::<String>(5)?)?,
        starts_at: row.get(6)?,
        started_at: row.get(7)?,
        ended_at: row.get(8)?,
        rules: read(&row.get::<String>(9)?)?,
    };
    Ok((row.get(1)?, head))
}

/// Where somebody stands who may have left by now.
#[derive(Debug, Clone)]
pub(super) struct Stand {
    pub(super) room: RoomId,
    pub(super) org: OrgId,
    pub(super) user: UserId,
    session: Option<SessionId>,
    pub(super) owner: Option<RunId>,
    pub(super) phase: Phase,
    /// Why they are not in it any more.
    pub(super) gone: Option<Gone>,
    pub(super) waiting: bool,
    pub(super) rev: u64,
    pub(super) seat: Participant,
    pub(super) rules: carillon_protocol::room::Rules,
}

/// Where a participant stands, whoever asks.
pub(super) async fn stand(ctx: &Ctx, participant: ParticipantId) -> Result<Option<Stand>> {
    let sql = "SELECT p.room, m.org, p.user_id, m.owner, m.phase, p.gone, p.waiting, p.rev,
                   p.name, p.role, p.joined_at, p.hand_at, p.publications, m.rules,
                   p.session
               FROM room_participant p JOIN room_meeting m ON m.id = p.room WHERE p.id = $1";
    let Some(row) = ctx.query_one(sql, [participant.into()]).await? else { return Ok(None) };
    let (owner, gone): (String, Option<String>) = (row.get(3)?, row.get(5)?);
    let (user, waiting): (UserId, bool) = (row.get(2)?, row.get(6)?);
    let seat = Participant {
        participant,
        user,
        name: row.get(8)?,
        role: read_word(&row.get::<String>(9)?)?,
        waiting,
        joined_at: row.get(10)?,
        hand_at: row.get(11)?,
        publications: read(&row.get::<String>(12)?)?,
    };
    Ok(Some(Stand {
        room: row.get(0)?,
        org: row.get(1)?,
        user,
        owner: owner.parse().ok(),
        phase: read_word(&row.get::<String>(4)?)?,
        gone: gone.as_deref().map(read_word).transpose()?,
        waiting,
        rev: row.get(7)?,
        seat,
        rules: read(&row.get::<String>(13)?)?,
        session: row.get::<String>(14)?.parse().ok(),
    }))
}

/// The caller's own place in a room, which they have not left and do not wait for.
pub(super) async fn own(ctx: &Ctx, participant: ParticipantId) -> Result<Stand> {
    let caller = ctx.caller();
    let stand = stand(ctx, participant).await?;
    let stand = stand.filter(|stand| (stand.org, stand.user) == (caller.org, caller.user));
    let stand = stand.ok_or_else(|| Error::not_found("participant"))?;
    match stand.gone {
        Some(Gone::Kicked) => Err(put_out()),
        Some(_) => Err(Error::not_found("participant any more; join again")),
        None if stand.waiting => Err(Error::denied("wait until somebody lets you in")),
        None => Ok(stand),
    }
}

/// The same for what is sent and heard: only through the session that came in, so that they end
/// with it. Who came with another one joins again.
pub(super) async fn seated(ctx: &Ctx, participant: ParticipantId) -> Result<Stand> {
    let stand = own(ctx, participant).await?;
    match stand.session == ctx.caller().session {
        true => Ok(stand),
        false => Err(Error::not_found("connection of this session; join again")),
    }
}

/// Whether a moderator put the caller out of a room. Who was turned away may knock again.
pub(super) async fn was_put_out(ctx: &Ctx, room: RoomId) -> Result<bool> {
    let sql = "SELECT 1 FROM room_participant
               WHERE room = $1 AND user_id = $2 AND gone = 'kicked' AND waiting = 0 LIMIT 1";
    let row = ctx.query_one(sql, [room.into(), ctx.caller().user.into()]).await?;
    Ok(row.is_some())
}

pub(super) fn put_out() -> Error {
    Error::denied("a moderator put you out of this meeting; ask them, or open another one")
}

pub(super) fn unknown() -> Error {
    Error::not_found("room")
}

pub(super) fn over() -> Error {
    Error::conflict("this meeting is over; open another one")
}

/// Whether nobody in particular is meant.
pub(super) fn is_nobody(user: UserId) -> bool {
    user.0 == Ulid::nil()
}

/// How a word of the protocol stands in a table.
pub(super) fn word<T: Serialize>(value: T) -> String {
    json(&value).trim_matches('"').to_owned()
}

pub(super) fn read_word<T: DeserializeOwned>(word: &str) -> Result<T> {
    read(&format!("\"{word}\""))
}

pub(super) fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("what the protocol has can be written")
}

pub(super) fn read<T: DeserializeOwned>(json: &str) -> Result<T> {
    serde_json::from_str(json).map_err(Error::internal)
}
