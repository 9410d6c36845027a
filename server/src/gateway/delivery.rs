//! An event on its way to many connections: encoded once a codec, framed once.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use carillon_protocol::{Codec, Event, Topic, event::Ephemeral, frame};

use super::{
    frame::{Opcode, frame as websocket_frame},
    outbox::Kind,
};

/// A protocol frame as the WebSocket frame of its codec.
pub fn framed(codec: Codec, body: &[u8]) -> Bytes {
    let opcode = match codec {
        Codec::Json => Opcode::Text,
        Codec::MsgPack => Opcode::Binary,
    };
    websocket_frame(opcode, body)
}

/// What is delivered.
#[derive(Debug)]
enum What {
    Event(Event),
    Ephemeral(Ephemeral),
}

/// Something for everybody who listens to a topic; shared by the shards.
#[derive(Debug)]
pub struct Delivery {
    topic: Topic,
    what: What,
    frames: [OnceLock<Bytes>; 2],
}

impl Delivery {
    /// A durable event.
    pub fn event(event: Event) -> Delivery {
        let topic = event.topic.clone();
        Delivery { topic, what: What::Event(event), frames: Default::default() }
    }

    /// Something that matters only now.
    pub fn ephemeral(topic: Topic, eph: Ephemeral) -> Delivery {
        Delivery { topic, what: What::Ephemeral(eph), frames: Default::default() }
    }

    /// Whose listeners get it.
    pub fn topic(&self) -> &Topic {
        &self.topic
    }

    /// The WebSocket frame.
    pub fn frame(&self, codec: Codec) -> &Bytes {
        self.frames[codec as usize].get_or_init(|| {
            let body = match &self.what {
                What::Event(event) => frame::server::ev(codec, event),
                What::Ephemeral(eph) => frame::server::eph(codec, eph),
            };
            framed(codec, &body)
        })
    }

    /// What it is, for the outbox.
    pub fn kind(&self) -> Kind {
        match &self.what {
            What::Event(event) => Kind::Event { topic: event.topic.clone(), seq: event.seq },
            What::Ephemeral(eph) => {
                Kind::Ephemeral { k: Arc::clone(&eph.k), topic: eph.topic.clone() }
            }
        }
    }

    #[cfg(test)]
    pub(super) fn ephemeral_kind(&self) -> &str {
        match &self.what {
            What::Ephemeral(eph) => &eph.k,
            What::Event(event) => &event.k,
        }
    }
}
