//! What nodes tell each other, on the bus. Nodes of two versions run side by side during an
//! upgrade: fields may be added, and whoever does not understand a message reads the log.

use bytes::Bytes;
use carillon_plugins::presence::Said as Present;
use carillon_protocol::{Codec, Event, EventId, RunId, Topic, event::Ephemeral};
use carillon_store::Run;
use serde::{Deserialize, Serialize};

use crate::gateway::Window;

/// More of one commit than this is left to the log: a message holds up all that come after it.
const EVENTS_LEN_MAX: usize = 256 * 1024;

/// What a node heard.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Message {
    /// These events were committed together, at this position and those after it.
    Committed {
        /// The position of the first.
        first: u64,
        /// The event before it. Who is not told reads the log.
        after: Option<EventId>,
        /// All of them, in order.
        events: Vec<Event>,
    },
    /// More was committed than goes into a message.
    Moved {},
    /// A window connected: what another node has of it is over.
    Attached(Window),
    /// Something that matters only now.
    Ephemeral {
        /// Whose listeners get it.
        topic: Topic,
        /// What.
        eph: Ephemeral,
    },
    /// Who is connected to a node.
    Present {
        /// Which run of it.
        run: RunId,
        /// Who came or went there, or all of a part.
        people: Present,
    },
    /// A node asks all others who is connected to them.
    RollCall {},
}

/// The same as a node says it, without copies.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Said<'a> {
    Committed { first: u64, after: Option<EventId>, events: &'a [Event] },
    Moved {},
    Attached(&'a Window),
    Ephemeral { topic: &'a Topic, eph: &'a Ephemeral },
    Present { run: RunId, people: &'a Present },
    RollCall {},
}

/// Says what was committed here.
pub fn committed(run: &Run) -> Bytes {
    let Run { first, after, events } = run;
    let len: usize = events.iter().map(|event| event.data.as_str().len()).sum();
    let said = match len {
        0..=EVENTS_LEN_MAX => Said::Committed { first: *first, after: *after, events },
        _ => Said::Moved {},
    };
    Codec::Json.encode(&said).into()
}

/// Says that a window connected here.
pub fn attached(window: &Window) -> Bytes {
    Codec::Json.encode(&Said::Attached(window)).into()
}

/// Says what matters only now.
pub fn ephemeral(topic: &Topic, eph: &Ephemeral) -> Bytes {
    Codec::Json.encode(&Said::Ephemeral { topic, eph }).into()
}

/// Says who is connected here.
pub fn present(run: RunId, people: &Present) -> Bytes {
    Codec::Json.encode(&Said::Present { run, people }).into()
}

/// Asks who is connected elsewhere.
pub fn roll_call() -> Bytes {
    Codec::Json.encode(&Said::RollCall {}).into()
}

/// What another node said.
pub fn read(payload: &[u8]) -> serde_json::Result<Message> {
    serde_json::from_slice(payload)
}

#[cfg(test)]
mod tests {
    use carillon_protocol::{ConvId, Json, UserId, id::Ulid};

    use super::*;

    fn event(seq: u64, text: &str) -> Event {
        Event {
            topic: Topic::Conv(ConvId(Ulid(1))),
            seq,
            n: seq,
            k: "msg.sent".into(),
            id: EventId(Ulid(seq.into())),
            by: UserId(Ulid(2)),
            at: 1_790_000_000_000,
            cid: None,
            data: Json::of(&serde_json::json!({ "text": text, "rev": seq })),
        }
    }

    #[test]
    fn what_is_said_is_what_is_heard() {
        let events = vec![event(1, "開會"), event(2, "\"\\")];
        let after = Some(EventId(Ulid(40)));
        let run = Run { first: 41, after, events: events.clone() };
        let heard = read(&committed(&run)).unwrap();
        assert_eq!(heard, Message::Committed { first: 41, after, events });

        let topic = Topic::User(UserId(Ulid(7)));
        let eph = Ephemeral { k: "read".into(), topic: None, data: Json::of(&[1, 2]) };
        let heard = read(&ephemeral(&topic, &eph)).unwrap();
        assert_eq!(heard, Message::Ephemeral { topic, eph });

        let run = RunId(Ulid(9));
        let people = vec![(UserId(Ulid(7)), Some(Vec::new())), (UserId(Ulid(71)), None)];
        let people = Present { all_of: Some(7), people };
        let heard = read(&present(run, &people)).unwrap();
        assert_eq!(heard, Message::Present { run, people });
        assert_eq!(read(&roll_call()).unwrap(), Message::RollCall {});
    }

    #[test]
    fn a_commit_too_large_for_a_message_is_left_to_the_log() {
        let large = event(1, &"x".repeat(EVENTS_LEN_MAX));
        let run = Run { first: 1, after: None, events: vec![large] };
        assert_eq!(read(&committed(&run)).unwrap(), Message::Moved {});
    }

    #[test]
    fn what_a_later_version_says_is_an_error_and_not_a_fault() {
        assert!(read(br#"{"sung":{"notes":[1]}}"#).is_err());
        assert!(read(b"\xff").is_err());
        assert!(read(br#"{"moved":{"by":"east"}}"#).is_ok());
    }
}
