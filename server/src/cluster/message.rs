//! What nodes tell each other, on the bus. Nodes of two versions run side by side during an
//! upgrade: fields may be added, and whoever does not understand a message reads the log.

use bytes::Bytes;
use carillon_plugin::MediaAsked;
use carillon_plugins::presence::Said as Present;
use carillon_protocol::{Codec, Event, EventId, OrgId, RoomId, RunId, Topic, event::Ephemeral};
use carillon_store::Run;
use serde::{Deserialize, Serialize};

use super::calls::{Answer, Call};
use crate::{
    gateway::Window,
    media::{Carried, Load},
};

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
    /// A node looks for a program that answers an operation.
    Wanted {
        /// Which node, and which of its calls.
        call: (RunId, u64),
        /// Whose program.
        org: OrgId,
        /// The operation.
        op: String,
    },
    /// Whether such a program is connected to a node.
    Found {
        /// For which node, and which of its calls.
        call: (RunId, u64),
        /// Which node.
        run: RunId,
        /// Whether it has the program.
        here: bool,
    },
    /// A call for a program.
    Asked {
        /// The node that the program is connected to.
        to: RunId,
        /// Which node asks, and which of its calls it is.
        call: (RunId, u64),
        /// What is asked.
        asked: Call,
    },
    /// What a program answered.
    Answered {
        /// Which node asked, and which of its calls it was.
        call: (RunId, u64),
        /// What became of it.
        answer: Answer,
    },
    /// A call about a room, for the node that carries its media.
    Media {
        /// The node.
        to: RunId,
        /// Which node asks, and which of its calls it is.
        call: (RunId, u64),
        /// What is asked.
        asked: MediaAsked,
    },
    /// What it answers.
    Carried {
        /// Which node asked, and which of its calls it was.
        call: (RunId, u64),
        /// What became of it.
        answer: Carried,
    },
    /// The rooms whose media a node carries, and how much it has to do.
    Carries {
        /// Which run of it.
        run: RunId,
        /// Each, and since when, in milliseconds since the epoch.
        rooms: Vec<(RoomId, i64)>,
        /// Absent if it is of an older version.
        load: Option<Load>,
    },
    /// A node stops: others carry its rooms on.
    Leaves {
        /// Which run of it.
        run: RunId,
    },
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
    Wanted { call: (RunId, u64), org: OrgId, op: &'a str },
    Found { call: (RunId, u64), run: RunId, here: bool },
    Asked { to: RunId, call: (RunId, u64), asked: &'a Call },
    Answered { call: (RunId, u64), answer: &'a Answer },
    Media { to: RunId, call: (RunId, u64), asked: &'a MediaAsked },
    Carried { call: (RunId, u64), answer: &'a Carried },
    Carries { run: RunId, rooms: &'a [(RoomId, i64)], load: Load },
    Leaves { run: RunId },
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

/// Asks who has a program.
pub fn wanted(run: RunId, id: u64, (org, op): (OrgId, &str)) -> Bytes {
    Codec::Json.encode(&Said::Wanted { call: (run, id), org, op }).into()
}

/// Says whether this node has it.
pub fn found(call: (RunId, u64), run: RunId, here: bool) -> Bytes {
    Codec::Json.encode(&Said::Found { call, run, here }).into()
}

/// Hands over a call.
pub fn asked(to: RunId, call: (RunId, u64), asked: &Call) -> Bytes {
    Codec::Json.encode(&Said::Asked { to, call, asked }).into()
}

/// Answers a call that was handed over.
pub fn answered(call: (RunId, u64), answer: &Answer) -> Bytes {
    Codec::Json.encode(&Said::Answered { call, answer }).into()
}

/// Asks the node that carries a room.
pub fn media(to: RunId, call: (RunId, u64), asked: &MediaAsked) -> Bytes {
    Codec::Json.encode(&Said::Media { to, call, asked }).into()
}

/// Answers what was asked about a room.
pub fn carried(call: (RunId, u64), answer: &Carried) -> Bytes {
    Codec::Json.encode(&Said::Carried { call, answer }).into()
}

/// Says which rooms this node carries, and how much it has to do.
pub fn carries(run: RunId, rooms: &[(RoomId, i64)], load: Load) -> Bytes {
    Codec::Json.encode(&Said::Carries { run, rooms, load }).into()
}

/// Says that this node stops.
pub fn leaves(run: RunId) -> Bytes {
    Codec::Json.encode(&Said::Leaves { run }).into()
}

/// What another node said.
pub fn read(payload: &[u8]) -> serde_json::Result<Message> {
    serde_json::from_slice(payload)
}

#[cfg(test)]
mod tests {
    use carillon_protocol::{Cid, ConvId, ErrorBody, ErrorCode, Json, UserId, id::Ulid};

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
    fn a_call_is_handed_over_as_it_was_and_so_is_its_answer() {
        let (run, to) = (RunId(Ulid(9)), RunId(Ulid(10)));
        let (user, org, op) = (UserId(Ulid(1)), OrgId(Ulid(2)), "app.weather.today".to_owned());
        let heard = read(&wanted(run, 7, (org, &op))).unwrap();
        assert_eq!(heard, Message::Wanted { call: (run, 7), org, op: op.clone() });
        let heard = read(&found((run, 7), to, true)).unwrap();
        assert_eq!(heard, Message::Found { call: (run, 7), run: to, here: true });
        for cid in [None, Some(Cid(Ulid(3)))] {
            let args = Json::of(
                &serde_json::json!({ "place": "香港", "days": 9_007_199_254_740_991_u64 }),
            );
            let call = || Call { user, org, op: op.clone(), cid, args: args.clone() };
            let heard = read(&asked(to, (run, 7), &call())).unwrap();
            assert_eq!(heard, Message::Asked { to, call: (run, 7), asked: call() });
        }
        let refusal = ErrorBody::new(ErrorCode::NotFound, "no such place");
        for answer in [Ok(Json::of(&"晴")), Err(refusal)] {
            let heard = read(&answered((run, 7), &answer)).unwrap();
            assert_eq!(heard, Message::Answered { call: (run, 7), answer });
        }
    }

    #[test]
    fn what_is_asked_about_a_room_arrives_as_it_was_and_so_does_the_answer() {
        let (run, to) = (RunId(Ulid(9)), RunId(Ulid(10)));
        let participant = carillon_protocol::ParticipantId(Ulid(4));
        let sdp = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\n".to_owned();
        let what = carillon_plugin::MediaCall::Answer { participant, sdp: sdp.clone() };
        let asked = || MediaAsked { room: carillon_protocol::RoomId(Ulid(3)), what: what.clone() };
        let heard = read(&media(to, (run, 7), &asked())).unwrap();
        assert_eq!(heard, Message::Media { to, call: (run, 7), asked: asked() });
        let answers = [
            Ok(carillon_plugin::MediaAnswer::Description { sdp }),
            Err(ErrorBody::new(ErrorCode::BadArg, "no description")),
        ];
        for answer in answers {
            let heard = read(&carried((run, 7), &answer)).unwrap();
            assert_eq!(heard, Message::Carried { call: (run, 7), answer });
        }
        assert_eq!(read(&leaves(run)).unwrap(), Message::Leaves { run });
        let rooms = vec![(carillon_protocol::RoomId(Ulid(3)), 1_790_000_000_000)];
        let load = Load { people: 3, full: true };
        let said = carries(run, &rooms, load);
        assert_eq!(read(&said).unwrap(), Message::Carries { run, rooms, load: Some(load) });
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
