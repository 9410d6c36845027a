//! A bus through Redis: one server, a master that Sentinels know, or a Cluster.
//!
//! A *line* is what there is to one server: a connection that publishes, another that listens, and
//! the parts that go through them. One task (`keeper`) finds out which server has which parts
//! (`plan`) and keeps a line to each; a line keeps itself alive (`publisher`, `listener`). Every
//! payload carries the number that it has among those of its node and part, and a probe carries
//! the newest number: so whatever is lost on the way, a receiver finds the hole (`ledger`), a
//! second later at the latest.
//!
//! A hint leaves from whoever publishes it and arrives where the socket is read: no task and no
//! channel stands between (`outlet`, `listener`), because each would cost as much as Redis does. So
//! these connections are ours (`wire`, `resp`). `redis-rs` reads addresses, and asks who has which
//! part. It has connections to Clusters and Sentinels too; they would also hide which connection
//! carries a subscription: a silent one could not be found or torn down.

mod address;
mod backoff;
mod frame;
mod keeper;
mod ledger;
mod line;
mod listener;
mod outbox;
mod outlet;
mod plan;
mod publisher;
mod pulse;
mod resp;
mod wire;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::{sync::Notify, task::AbortHandle, time::Instant};

pub use address::{Address, BadAddress};
pub use outbox::{OUTBOX_BYTES_MAX, OUTBOX_MESSAGES_MAX};

use crate::{Bus, Health, NodeId, Part, Subscription, inbox::Inbox};
use keeper::Lines;
use ledger::Ledger;
use outbox::Outbox;
use pulse::Pulse;

/// How often every part is probed.
pub const PROBE_EVERY: Duration = Duration::from_secs(1);
/// A subscription that has not heard one of its own probes for so long is made again.
pub const SILENCE_MAX: Duration = Duration::from_secs(3);
/// A server that has not accepted, encrypted and authenticated a connection by then is not well.
const CONNECT_PATIENCE: Duration = Duration::from_secs(2);
/// A server that has not answered by then is not well.
const ANSWER_PATIENCE: Duration = Duration::from_secs(2);

/// What a bus through Redis has to know besides the address.
#[derive(Debug, Clone)]
pub struct Options {
    /// This run of this node.
    pub node: NodeId,
    /// Carillons that share a Redis have different names: letters, digits, `_`, `-` and `.`.
    pub namespace: String,
    /// A file with certificates (PEM) that sign those of the servers, instead of the system's.
    pub authorities: Option<PathBuf>,
}

/// Joins the nodes that use this Redis and namespace. It answers at once: connections are made,
/// and made again, in the background, on the tokio runtime that this is called in. They end when
/// the bus is dropped.
///
/// # Errors
/// If the namespace or the file of authorities cannot be used.
pub fn connect(
    address: &Address,
    options: Options,
) -> Result<(Arc<dyn Bus>, Subscription), BadAddress> {
    let channels = frame::channels(&options.namespace)?;
    let sources = address.sources(options.authorities.as_deref())?;
    let inbox = Arc::<Inbox>::default();
    let shared = Arc::new(Shared {
        node: options.node,
        channels,
        sharded: sources.is_cluster(),
        outbox: Outbox::default(),
        ledger: Ledger::default(),
        inbox: inbox.clone(),
        pulse: Pulse::new(now()),
        lines: Lines::default(),
        doubt: Notify::new(),
        published: AtomicU64::new(0),
        reconnects: AtomicU64::new(0),
    });
    let keeper = tokio::spawn(keeper::keep(shared.clone(), sources)).abort_handle();
    Ok((Arc::new(Redis { shared, keeper }), Subscription(inbox)))
}

/// What the tasks of a bus share.
struct Shared {
    node: NodeId,
    /// The channel of each part.
    channels: Vec<String>,
    /// Whether channels belong to servers, as in a Cluster.
    sharded: bool,
    outbox: Outbox,
    ledger: Ledger,
    inbox: Arc<Inbox>,
    pulse: Pulse,
    lines: Lines,
    /// Rung by who doubts that the parts go through the right servers.
    doubt: Notify,
    published: AtomicU64,
    reconnects: AtomicU64,
}

struct Redis {
    shared: Arc<Shared>,
    keeper: AbortHandle,
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redis").field("node", &self.shared.node).finish_non_exhaustive()
    }
}

impl Bus for Redis {
    fn publish(&self, part: Part, payload: Bytes) {
        if let Some(line) = self.shared.outbox.push(part, payload, now()) {
            line.publish(&self.shared, part);
        }
    }

    fn health(&self) -> Health {
        let Shared { outbox, ledger, inbox, pulse, lines, .. } = &*self.shared;
        let (now, figures) = (now(), inbox.figures());
        let quiet = pulse.quiet(Part::all(), now);
        let suspects = lines.suspects();
        Health {
            ready: suspects.is_empty() && lines.complete() && quiet < SILENCE_MAX,
            round_trip: pulse.round_trip(),
            quiet,
            suspects,
            peers: ledger.peers(now),
            published: self.shared.published.load(Ordering::Relaxed),
            received: figures.received,
            dropped: figures.dropped + outbox.dropped(),
            interrupted: figures.interrupted,
            reconnects: self.shared.reconnects.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // The keeper owns the tasks of all lines: they end with it.
        self.keeper.abort();
        self.shared.inbox.close();
    }
}

#[expect(clippy::disallowed_methods, reason = "it measures how long servers are silent")]
fn now() -> Instant {
    Instant::now()
}
