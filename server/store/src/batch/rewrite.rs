//! Messages that say something else from now on, because an event of the transaction says so.

use std::borrow::Cow;

use carillon_plugin::{Expect, Statement, Transaction};
use carillon_protocol::Event;

use crate::log;

/// The statements that put other data in place of messages', for a transaction whose events have
/// their positions. Checked before it was queued.
pub(super) fn statements<'a>(
    tx: &'a Transaction,
    events: &'a [&Event],
) -> impl Iterator<Item = Statement> + use<'a> {
    tx.rewrites.iter().map(|rewrite| {
        let event = events[rewrite.emit];
        let data = log::sealed(&log::unsealed(&rewrite.data), event.seq);
        let sql = "UPDATE event SET data = $1 WHERE seq = $2 AND counts <> 0
             AND topic = (SELECT id FROM topic WHERE name = $3)";
        let row = vec![data.as_str().into(), rewrite.seq.into(), event.topic.to_string().into()];
        Statement { sql: Cow::Borrowed(sql), rows: vec![row], expect: Expect::One }
    })
}
