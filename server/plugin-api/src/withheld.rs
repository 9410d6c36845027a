//! Messages that say something else since their reader was there: the log has only what they say
//! now, and that is none of the business of whoever may see the message, but not the change.

use carillon_protocol::{Event, Json};
use serde::{Deserialize, Serialize};

use crate::Window;

/// The kind of a message that is not shown, whatever it was before.
const WITHHELD: &str = "withheld";

/// What such a message says: as little as clients show of a kind that they do not know.
#[derive(Serialize)]
struct Withheld {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<u64>,
    /// As if it had never been changed: a change that the reader hears of is then a newer one.
    rev: u64,
}

/// What a change leaves as it was.
#[derive(Deserialize)]
struct Kept {
    reply_to: Option<u64>,
}

/// Takes out of events what was said outside the window.
pub fn withhold(events: &mut [Event], window: &Window) {
    if *window == Window::all() {
        return;
    }
    for event in events {
        let is_seen = |(_, rev)| rev == event.seq || window.sees(rev);
        if !rev(event.data.as_str()).is_none_or(is_seen) {
            let kept = event.data.to::<Kept>().ok();
            let reply_to = kept.and_then(|kept| kept.reply_to);
            event.data = Json::of(&Withheld { kind: WITHHELD, reply_to, rev: event.seq });
        }
    }
}

/// What the log wrote as the last field of an event's data: the data up to the number that `rev`
/// is, and that number. Read
/// from the end, and not parsed: it is asked of nearly every event that is answered.
pub fn rev(data: &str) -> Option<(&str, u64)> {
    let object = data.strip_suffix('}')?;
    let unsealed = object.trim_end_matches(|digit: char| digit.is_ascii_digit());
    let rev = object[unsealed.len()..].parse().ok()?;
    unsealed.ends_with("\"rev\":").then_some((unsealed, rev))
}
