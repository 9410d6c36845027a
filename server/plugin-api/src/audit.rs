//! What leaves a trace: whoever administers is written down in the transaction that does it, so the
//! trace can neither be missing nor stand for something that did not happen.
//!
//! An event in a log of the organisation that nobody listens to; the plugin `audit` makes rows of
//! them. Contents stay out of it: of what was there before and is there now it has digests.

use std::fmt::{Display, Write as _};

use carillon_protocol::{
    OrgId, Topic,
    audit::{Outcome, RecordedData, kind},
    topic::PluginTopic,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Emit, Tx, tx::emit_of};

/// Whose log is that of the server as a whole.
const SERVER: &str = "server";
/// The plugin whose topics these are.
const PLUGIN: &str = "audit";
/// How often it happened, if it was done.
const ONCE: u32 = 1;

/// What was administered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audited {
    /// The operation, if it is not the one that runs.
    op: Option<String>,
    object: String,
    before: Option<String>,
    after: Option<String>,
}

impl Audited {
    /// Something of a kind, as a `member` by its id.
    pub fn of(kind: &str, id: impl Display) -> Audited {
        Audited { op: None, object: format!("{kind}:{id}"), before: None, after: None }
    }

    /// Something under a name of its own, which no operation has.
    pub fn named(op: impl Into<String>, object: impl Into<String>) -> Audited {
        Audited { op: Some(op.into()), object: object.into(), before: None, after: None }
    }

    /// What was there before. Never a secret: a digest of what can be guessed tells it.
    pub fn before<T: Serialize + ?Sized>(self, value: &T) -> Audited {
        Audited { before: Some(digest(value)), ..self }
    }

    /// What is there now. Never a secret.
    pub fn after<T: Serialize + ?Sized>(self, value: &T) -> Audited {
        Audited { after: Some(digest(value)), ..self }
    }
}

/// SHA-256 over JSON whose names are sorted, in hexadecimal.
fn digest<T: Serialize + ?Sized>(value: &T) -> String {
    // A value's maps are sorted by name.
    let value = serde_json::to_value(value).expect("what the protocol has can be written");
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(value.to_string()) {
        write!(text, "{byte:02x}").expect("a text takes everything");
    }
    text
}

/// The log of an organisation's administration; of the server's, without one.
pub(crate) fn topic(org: OrgId) -> Topic {
    let id = if org.0.is_nil() { SERVER.to_owned() } else { org.to_string() };
    Topic::Plugin(Box::new(PluginTopic { plugin: PLUGIN.to_owned(), id }))
}

impl Tx {
    /// Writes into the audit log that the operation did this, in the name of whoever the
    /// transaction is of when it is committed, and from where the caller is.
    pub fn audit(&mut self, audited: Audited) {
        self.audited.push(audited);
    }

    /// Appends what was audited. The operation's own events stay the first ones.
    pub(crate) fn write_down(&mut self, audited: Audited) {
        let Audited { op, object, before, after } = audited;
        let data = RecordedData {
            op: op.unwrap_or_else(|| self.ctx().op().to_owned()),
            actor: self.value.by,
            address: self.ctx().caller().network.map(|network| network.to_string()),
            object,
            before,
            after,
            outcome: Outcome::Done,
            times: ONCE,
        };
        self.record(&data);
    }

    pub(crate) fn record(&mut self, data: &RecordedData) {
        let emit: Emit = emit_of(self.ctx(), topic(self.value.org), kind::RECORDED, data);
        self.value.emits.push(emit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_does_not_depend_on_the_order_of_names() {
        #[derive(Serialize)]
        struct Ab {
            a: u8,
            b: u8,
        }
        #[derive(Serialize)]
        struct Ba {
            b: u8,
            a: u8,
        }
        assert_eq!(digest(&Ab { a: 1, b: 2 }), digest(&Ba { b: 2, a: 1 }));
        assert_ne!(digest(&Ab { a: 1, b: 2 }), digest(&Ab { a: 2, b: 2 }));
    }
}
