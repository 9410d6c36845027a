//! What a node and a plugin's process say to each other, and how much at most.

use std::time::Duration;

use carillon_plugin::{
    Error, Result,
    apart::{Ask, Done, Order, Outcome, Told},
};
use carillon_protocol::{Codec, ErrorBody, ErrorCode};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// The version of what is said here.
pub const PROTOCOL: u32 = 1;
/// The version of this program: a plugin's handlers and its tables are of one version.
pub(super) const PROGRAM: &str = env!("CARGO_PKG_VERSION");

/// The longest frame, in bytes: a page of 200 messages of the full length fits, and whoever asks
/// for more than that asks again for less. A batch of events that does not fit is halved.
pub(super) const FRAME_LEN_MAX: usize = 4 << 20;
/// The most orders that one process has under way: about as many calls as a node runs at once.
pub(super) const ORDERS_MAX: usize = 256;
/// The most questions of one order that wait for their answers: handlers ask one after another, or
/// for a few things at once.
pub(super) const ASKS_MAX: usize = 32;
/// The same of all orders of a process together: each may hold an answer in the node's memory.
pub(super) const ASKS_IN_ALL_MAX: usize = 64;
/// The node counts a question until its answer waits to be written, the process until it is read:
/// so many times as many are no fault of the process.
pub(super) const ASKS_SLACK: usize = 2;
/// The most frames that wait to be written; who has one more waits.
pub(super) const QUEUE_MAX: usize = 64;
/// Who says nothing for so long says that it is there …
pub(super) const BEAT_EVERY: Duration = Duration::from_secs(2);
/// … and who is not heard for so long is gone.
pub(super) const SILENCE_MAX: Duration = Duration::from_secs(6);
/// How long each side waits for the other's first frame.
pub(super) const HELLO_TIMEOUT: Duration = Duration::from_secs(10);

/// What a process says.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FromProcess {
    /// First of all: which versions it is of.
    Hello {
        /// [`PROTOCOL`].
        protocol: u32,
        /// Of the program.
        program: String,
    },
    /// What became of an order.
    Done {
        /// Of the order.
        id: u64,
        /// Nothing, if it was refused or failed.
        done: Outcome<Done>,
    },
    /// What a handler asks meanwhile.
    Ask {
        /// Of the question.
        id: u64,
        /// Of the order that it is about.
        order: u64,
        /// The question.
        ask: Ask,
    },
    /// It takes no more orders, and ends when those under way are done.
    Leaving {},
}

/// What a node says.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FromNode {
    /// The process is linked.
    Welcome {},
    /// It is not, or not any more.
    Refused {
        /// Why, and what to do.
        error: ErrorBody,
    },
    /// Something to do.
    Order {
        /// Of the order.
        id: u64,
        /// What.
        order: Box<Order>,
    },
    /// The answer to a question.
    Told {
        /// Of the question.
        id: u64,
        /// The answer.
        told: Outcome<Told>,
    },
    /// Nobody waits for an order any more.
    Drop {
        /// Of the order.
        id: u64,
    },
}

/// Writes a frame.
///
/// # Errors
/// `E_TOO_LARGE`.
pub(super) fn encode<T: Serialize>(frame: &T) -> Result<String> {
    let text = String::from_utf8(Codec::Json.encode(frame)).expect("JSON is UTF-8");
    if text.len() > FRAME_LEN_MAX {
        let msg = format!("this is more than {FRAME_LEN_MAX} bytes; ask for less at once");
        return Err(Error::new(ErrorCode::TooLarge, msg));
    }
    Ok(text)
}

/// Reads a frame.
///
/// # Errors
/// What is wrong with it, in words.
pub(super) fn decode<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| format!("a frame cannot be read: {error}"))
}
