//! Alerts and recipients as they are kept.

use std::collections::BTreeMap;

use carillon_plugin::{Ctx, Error, FromValue, Result, Row, Value};
use carillon_protocol::{
    AttachmentId, ConvId, DingId, OrgId, PolicyId, SeriesId, Topic, UserId,
    ding::{Channel, Mine, MsgRef, Rules, State},
};
use serde::{Serialize, de::DeserializeOwned};

use super::{ladder::Climb, revision::read};

/// An alert.
#[derive(Debug, Clone)]
pub(super) struct Alert {
    pub ding: DingId,
    pub org: OrgId,
    pub by: UserId,
    pub text: String,
    pub about: Option<MsgRef>,
    pub attachment: Option<AttachmentId>,
    pub policy: PolicyId,
    pub rules: Rules,
    /// Whether quiet hours are passed over.
    pub urgent: bool,
    pub begins_at: i64,
    pub confirm_by: Option<i64>,
    pub reply_required: bool,
    pub series: Option<SeriesId>,
    pub recalled_at: Option<i64>,
    pub reminders: u32,
    pub reminded_at: Option<i64>,
    pub reminded_by: Vec<Channel>,
    pub turn: u64,
    pub cost: u64,
    /// The conversations of which it is for everybody, or for who has not read something.
    pub groups: Vec<ConvId>,
}

/// The columns that [`Alert::of`] reads, of a table that is called `a`.
pub(super) const COLUMNS: &str = "a.id, a.org, a.user_id, a.body, a.about_conv, a.about_seq, \
    a.attachment, a.policy, a.rules, a.urgent, a.begins_at, a.confirm_by, a.reply_required, \
    a.series, a.recalled_at, a.reminders, a.reminded_at, a.reminded_by, a.turn, \
    a.cost, a.convs";
/// How many these are.
pub(super) const WIDTH: usize = 21;

impl Alert {
    pub(super) fn of(row: &Row) -> Result<Alert> {
        let about: (Option<ConvId>, Option<u64>) = (row.get(4)?, row.get(5)?);
        let small = |column| row.get::<u64>(column).map(|number| number as u32);
        Ok(Alert {
            ding: row.get(0)?,
            org: row.get(1)?,
            by: row.get(2)?,
            text: row.get(3)?,
            about: about.0.zip(about.1).map(|(conv, seq)| MsgRef { conv, seq }),
            attachment: row.get(6)?,
            policy: row.get(7)?,
            rules: read(&row.get::<String>(8)?)?,
            urgent: row.get(9)?,
            begins_at: row.get(10)?,
            confirm_by: row.get(11)?,
            reply_required: row.get(12)?,
            series: row.get(13)?,
            recalled_at: row.get(14)?,
            reminders: small(15)?,
            reminded_at: row.get(16)?,
            reminded_by: read(&row.get::<String>(17)?)?,
            turn: row.get(18)?,
            cost: row.get(19)?,
            groups: read(&row.get::<String>(20)?)?,
        })
    }
}

/// That there is no such alert, or that it is none of the caller's business.
pub(super) fn unknown() -> Error {
    Error::not_found("alert")
}

/// An alert, whoever asks.
pub(super) async fn alert(ctx: &Ctx, ding: DingId) -> Result<Alert> {
    let sql = format!("SELECT {COLUMNS} FROM ding_alert a WHERE a.id = $1");
    Alert::of(&ctx.query_one(&sql, [ding.into()]).await?.ok_or_else(unknown)?)
}

/// An alert that the caller sent.
pub(super) async fn sent_by_caller(ctx: &Ctx, ding: DingId) -> Result<Alert> {
    let caller = ctx.caller();
    let alert = alert(ctx, ding).await?;
    match alert.org == caller.org && alert.by == caller.user {
        true => Ok(alert),
        false => Err(unknown()),
    }
}

/// How far an alert has come with a recipient.
#[derive(Debug, Clone)]
pub(super) struct Recipient {
    pub user: UserId,
    pub state: State,
    pub at: i64,
    pub late: bool,
    pub handled_by: Option<UserId>,
    pub reply: Option<String>,
    pub climb: Climb,
    /// The reminder that is due; 0 if none is.
    pub remind: u32,
    pub next_at: Option<i64>,
}

/// The columns that [`Recipient::of`] reads, of a table that is called `r`.
pub(super) const RECIPIENT: &str = "r.user_id, r.state, r.at, r.late, r.handled_by, r.reply, \
    r.rung, r.shift_ms, r.waiting, r.remind, r.next_at";

impl Recipient {
    /// Reads one, beginning with this column.
    pub(super) fn of(row: &Row, from: usize) -> Result<Recipient> {
        let waiting: Option<String> = row.get(from + 8)?;
        let climb = Climb {
            rung: row.get::<u64>(from + 6)? as usize,
            shift_ms: row.get(from + 7)?,
            waiting: waiting.map_or(Ok(Vec::new()), |waiting| read(&waiting))?,
        };
        Ok(Recipient {
            user: row.get(from)?,
            state: state(row.get(from + 1)?)?,
            at: row.get(from + 2)?,
            late: row.get(from + 3)?,
            handled_by: row.get(from + 4)?,
            reply: row.get(from + 5)?,
            climb,
            remind: row.get::<u64>(from + 9)? as u32,
            next_at: row.get(from + 10)?,
        })
    }

    /// Whether it waits for an answer.
    pub(super) fn is_open(&self) -> bool {
        self.state < State::Confirmed
    }

    /// Whether anything was done yet.
    pub(super) fn is_shown(&self) -> bool {
        self.climb.rung > 0
    }

    /// As the recipient sees it.
    pub(super) fn mine(&self) -> Mine {
        let (state, at, reply) = (self.state, self.at, self.reply.clone());
        Mine { state, at, reply, instead_of: None, others: 0 }
    }
}

/// A recipient of an alert.
pub(super) async fn recipient(ctx: &Ctx, ding: DingId, user: UserId) -> Result<Option<Recipient>> {
    let sql =
        format!("SELECT {RECIPIENT} FROM ding_recipient r WHERE r.ding = $1 AND r.user_id = $2");
    let row = ctx.query_one(&sql, [ding.into(), user.into()]).await?;
    row.map(|row| Recipient::of(&row, 0)).transpose()
}

/// Who was called instead of a recipient.
pub(super) async fn stand_ins(ctx: &Ctx, ding: DingId, of: UserId) -> Result<Vec<UserId>> {
    let sql = "SELECT user_id FROM ding_stand_in WHERE ding = $1 AND instead_of = $2";
    let rows = ctx.query(sql, [ding.into(), of.into()]).await?;
    rows.iter().map(|row| row.get(0)).collect()
}

/// The states in the order of their places, which stand in the table.
const STATES: [State; 8] = [
    State::Queued,
    State::Delivered,
    State::Seen,
    State::Confirmed,
    State::Declined,
    State::Expired,
    State::Recalled,
    State::Withdrawn,
];

/// The place of a state.
pub(super) fn place(state: State) -> Value {
    (state as i64).into()
}

/// The state at a place.
pub(super) fn state(place: u64) -> Result<State> {
    let state = usize::try_from(place).ok().and_then(|place| STATES.get(place).copied());
    state.ok_or_else(|| Error::internal(std::io::Error::other("there is no such state")))
}

/// Where an alert's events are.
pub(super) fn topic(ding: DingId) -> Topic {
    format!("x:ding:{ding}").parse().expect("an id makes a topic")
}

/// The key of an attempt, here and with whoever carries it.
pub(super) fn key(ding: DingId, recipient: UserId, step: u32, nth: u32) -> String {
    format!("{ding}:{recipient}:{step}:{nth}")
}

/// A choice as it stands in a table: as it is written in answers, without the quotes.
pub(super) fn word(choice: impl Serialize) -> String {
    let json = serde_json::to_value(choice).expect("a choice is a word");
    json.as_str().expect("a choice is a word").to_owned()
}

/// The choice that stands there.
pub(super) fn choice<T: DeserializeOwned>(word: String) -> Result<T> {
    serde_json::from_value(serde_json::Value::String(word)).map_err(Error::internal)
}

/// Rows by a column of theirs.
pub(super) fn by<K: FromValue + Ord, T>(
    rows: &[Row],
    column: usize,
    read: impl Fn(&Row) -> Result<T>,
) -> Result<BTreeMap<K, Vec<T>>> {
    let mut all: BTreeMap<K, Vec<T>> = BTreeMap::new();
    for row in rows {
        all.entry(row.get(column)?).or_default().push(read(row)?);
    }
    Ok(all)
}
