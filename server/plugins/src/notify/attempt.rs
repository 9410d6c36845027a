//! The rows of attempts, and what is told of them.

use carillon_plugin::{
    Ctx, Error, Result, Row, Tx,
    protocol::{
        Channel, OrgId, UserId,
        notify::{Alert, Attempted, AttemptedData, Outcome, Subject, kind},
    },
};

use super::{private, topic};

/// The longest text of others that is kept, in characters.
const WHY_LEN_MAX: usize = 300;
/// It was not handed over yet.
pub(super) const WAITING: &str = "waiting";
/// It was handed over, and whoever carries it has not said whether they took it.
pub(super) const BEGUN: &str = "begun";

/// The name of an outcome, also as the state of a row.
pub(super) fn name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Accepted => "accepted",
        Outcome::Delivered => "delivered",
        Outcome::Failed => "failed",
        Outcome::Unreachable => "unreachable",
        Outcome::Cancelled => "cancelled",
        Outcome::Unknown => "unknown",
    }
}

/// The outcome that a state is, if it is one.
pub(super) fn outcome(state: &str) -> Option<Outcome> {
    Some(match state {
        "accepted" => Outcome::Accepted,
        "delivered" => Outcome::Delivered,
        "failed" => Outcome::Failed,
        "unreachable" => Outcome::Unreachable,
        "cancelled" => Outcome::Cancelled,
        "unknown" => Outcome::Unknown,
        _ => return None,
    })
}

/// A channel as it stands in a row.
pub(super) fn text(channel: Channel) -> &'static str {
    match channel {
        Channel::App => "app",
        Channel::Push => "push",
        Channel::Email => "email",
        Channel::Sms => "sms",
        Channel::Call => "call",
    }
}

pub(super) fn channel(text: &str) -> Result<Channel> {
    Ok(match text {
        "push" => Channel::Push,
        "email" => Channel::Email,
        "sms" => Channel::Sms,
        "call" => Channel::Call,
        other => {
            let why = format!("there is no channel {other} in the tables");
            return Err(Error::internal(std::io::Error::other(why)));
        }
    })
}

/// An attempt, without what it says.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    pub(super) org: OrgId,
    pub(super) key: String,
    pub(super) message: String,
    pub(super) subject: Subject,
    pub(super) channel: Channel,
    pub(super) user: UserId,
    pub(super) state: String,
    pub(super) turn: u32,
    pub(super) begun_at: Option<i64>,
    pub(super) vendor: Option<String>,
    pub(super) address: Option<String>,
    pub(super) made_at: i64,
}

/// The columns that [`Attempt::read`] reads, in its order.
pub(super) const COLUMNS: &str = "org, key, message, plugin, subject, channel, user_id, state, \
                                  turn, begun_at, vendor, address, made_at";

impl Attempt {
    pub(super) fn read(row: &Row) -> Result<Attempt> {
        Ok(Attempt {
            org: row.get(0)?,
            key: row.get(1)?,
            message: row.get(2)?,
            subject: Subject { plugin: row.get(3)?, id: row.get(4)? },
            channel: channel(&row.get::<String>(5)?)?,
            user: row.get(6)?,
            state: row.get(7)?,
            turn: u32::try_from(row.get::<u64>(8)?).unwrap_or(u32::MAX),
            begun_at: row.get(9)?,
            vendor: row.get(10)?,
            address: row.get(11)?,
            made_at: row.get(12)?,
        })
    }

    /// The attempt with this key.
    pub(super) async fn find(ctx: &Ctx, org: OrgId, key: &str) -> Result<Option<Attempt>> {
        let sql = format!("SELECT {COLUMNS} FROM notify_attempt WHERE org = $1 AND key = $2");
        let row = ctx.query_one(&sql, [org.into(), key.into()]).await?;
        row.as_ref().map(Attempt::read).transpose()
    }

    /// Writes down what became of it, and tells it, unless its state is another one by now.
    pub(super) fn settle(&self, tx: &mut Tx, now: i64, end: &End) -> Result<()> {
        tx.run_one(
            "UPDATE notify_attempt SET state = $1, why = $2, done_at = $3,
                 reference = COALESCE($4, reference)
             WHERE org = $5 AND key = $6 AND state = $7",
            [
                name(end.outcome).into(),
                end.why.as_deref().map(reason).into(),
                now.into(),
                end.reference.clone().into(),
                self.org.into(),
                self.key.as_str().into(),
                self.state.as_str().into(),
            ],
        );
        let result = self.told(end.outcome, end.why.as_deref());
        tell(tx, self.org, &self.subject, self.channel, vec![result])
    }

    /// What is told of it.
    pub(super) fn told(&self, outcome: Outcome, why: Option<&str>) -> Attempted {
        Attempted { key: self.key.clone(), user: self.user, outcome, why: why.map(reason) }
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End {
    pub(super) outcome: Outcome,
    pub(super) why: Option<String>,
    pub(super) reference: Option<String>,
}

impl End {
    pub(super) fn of(outcome: Outcome, why: impl Into<String>) -> End {
        End { outcome, why: Some(why.into()), reference: None }
    }
}

/// Tells what became of attempts about one subject.
pub(super) fn tell(
    tx: &mut Tx,
    org: OrgId,
    subject: &Subject,
    channel: Channel,
    results: Vec<Attempted>,
) -> Result<()> {
    if !results.is_empty() {
        let data = AttemptedData { subject: subject.clone(), channel, results };
        tx.emit(topic(org)?, kind::ATTEMPTED, &data);
    }
    Ok(())
}

/// Why, as whoever carries it says it, without the addresses of people: those who see the outcome
/// may see no numbers. As long as it is kept.
pub(super) fn reason(why: &str) -> String {
    short(&private::masked(why))
}

/// A text, as long as it is kept. PostgreSQL keeps no NUL in a text.
pub(super) fn short(why: &str) -> String {
    why.chars().filter(|&c| c != '\0').take(WHY_LEN_MAX).collect()
}

/// What a message says.
pub(super) async fn alert(ctx: &Ctx, message: &str) -> Result<Option<Alert>> {
    let sql = "SELECT alert FROM notify_message WHERE id = $1";
    let Some(row) = ctx.query_one(sql, [message.into()]).await? else { return Ok(None) };
    let text: String = row.get(0)?;
    serde_json::from_str(&text).map(Some).map_err(Error::internal)
}
