//! Messages that say something else since their reader was there: the log has only what they say
//! now, and that is none of the business of whoever may see the message, but not the change.

use carillon_plugin::Window;
use carillon_protocol::{Event, Json};
use serde::{Deserialize, Serialize};

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
pub(crate) fn withhold(events: &mut [Event], window: &Window) {
    if *window == Window::all() {
        return;
    }
    for event in events {
        let is_seen = |rev| rev == event.seq || window.sees(rev);
        if !rev(&event.data).is_none_or(is_seen) {
            let kept = event.data.to::<Kept>().ok();
            let reply_to = kept.and_then(|kept| kept.reply_to);
            event.data = Json::of(&Withheld { kind: WITHHELD, reply_to, rev: event.seq });
        }
    }
}

/// The `rev` that the log wrote into data as their last field. Read from the end: nearly all events
/// are shown as they are, and none is parsed for that.
fn rev(data: &Json) -> Option<u64> {
    let object = data.as_str().strip_suffix('}')?;
    let before = object.trim_end_matches(|digit: char| digit.is_ascii_digit());
    before.ends_with("\"rev\":").then(|| object[before.len()..].parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{sealed, unsealed};

    #[test]
    fn rev_is_what_the_log_wrote_last() {
        for object in ["{}", r#"{"text":"a}","reply_to":3}"#, r#"{"text":"\"rev\":9}"}"#] {
            let data = Json::trusted(object);
            assert_eq!(rev(&data), None, "{object}");
            assert_eq!(rev(&sealed(&unsealed(&data), 12)), Some(12), "{object}");
        }
        assert_eq!(rev(&Json::trusted(r#"{"rev":}"#)), None);
        assert_eq!(rev(&Json::trusted(r#"{"of":{"rev":7}}"#)), None);
    }
}
