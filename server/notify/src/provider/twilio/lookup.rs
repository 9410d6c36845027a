//! Whether Twilio has a message: it lists what went to a number since a day.

use std::time::{Duration, UNIX_EPOCH};

use serde::Deserialize;

use crate::provider::{
    Channel, Message, Refused, TEXT_LEN_MAX, cut,
    signing::{encoded, rfc3339},
};

/// How much earlier than it was begun a message may have been made, in milliseconds: so far the
/// clocks of our nodes may differ. The vendor's own is known from its answer.
const SKEW_MS: i64 = 60_000;
/// The vendor lists by whole days, of its own clock: one more is asked for.
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// The most entries that are looked at: to one person, since a moment.
const ENTRIES: u8 = 50;

#[derive(Deserialize)]
struct Listed {
    #[serde(alias = "messages", alias = "calls")]
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    sid: String,
    to: String,
    direction: String,
    date_created: String,
    body: Option<String>,
}

/// The query for what went to somebody since the day before `since`, the newest first.
pub(super) fn query(message: &Message<'_>, since: i64) -> String {
    let day = &rfc3339(since - DAY_MS)[..10];
    let field = match message.channel {
        Channel::Sms => "DateSent",
        Channel::Call => "StartTime",
    };
    let to = encoded(message.to.as_str());
    format!("To={to}&{field}%3E={day}&PageSize={ENTRIES}")
}

/// The entries that may be this message: for a text message those with the same text, for a call
/// any that we made. The list has no place for our key: which of them other messages of ours are,
/// the caller knows.
pub(super) fn found(
    message: &Message<'_>,
    since: i64,
    body: &[u8],
) -> Result<Vec<String>, Refused> {
    let listed: Listed = serde_json::from_slice(body)
        .map_err(|_| Refused::Unclear("the list of the provider cannot be read".to_owned()))?;
    let text = cut(message.text, TEXT_LEN_MAX);
    let is_it = |entry: &&Entry| {
        let said = message.channel == Channel::Call || entry.body.as_deref() == Some(&text);
        let ours = entry.direction.starts_with("outbound") && entry.to == message.to.as_str();
        // A time that cannot be read is taken for now: rather one too few than one too many.
        ours && said && created(entry).is_none_or(|at| at >= since - SKEW_MS)
    };
    Ok(listed.entries.iter().filter(is_it).map(|entry| entry.sid.clone()).collect())
}

/// When an entry was made: `Mon, 21 Sep 2026 14:13:20 +0000`.
fn created(entry: &Entry) -> Option<i64> {
    let text = entry.date_created.strip_suffix("+0000")?;
    let at = httpdate::parse_http_date(&format!("{text}GMT")).ok()?;
    let since_then: Duration = at.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since_then.as_millis()).ok()
}
