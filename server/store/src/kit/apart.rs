//! A plugin that runs apart in a test: both ends are in this process, and what goes between them
//! is written and read again, as on a socket.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
};

use carillon_plugin::{
    BoxFuture, Error, Plugin, Result,
    apart::{Apart, Ask, Done, Link, Node, Order, Outcome, Told},
};
use carillon_protocol::Codec;
use serde::{Serialize, de::DeserializeOwned};

use super::FakeClock;

/// Ids of plugins apart lie above those of tests' hosts.
static SEEDS: AtomicU32 = AtomicU32::new(1 << 31);

/// Where a connection to a plugin's process breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// Nobody is there to take the order.
    Away,
    /// The order arrives, and nothing is done.
    BeforeHandler,
    /// So many asks are answered; the next does not arrive.
    BeforeAsk(usize),
    /// So many asks are answered; the next is carried out, and the answer does not arrive.
    AfterAsk(usize),
    /// The handler has come to its end, and what became of it does not arrive.
    BeforeDone,
}

/// A connection between a plugin in a node and its handlers elsewhere.
pub struct Wire {
    apart: Apart,
    breaks: Mutex<VecDeque<Option<Break>>>,
    orders: AtomicUsize,
}

/// The plugin in the node, whose handlers are those of another value of it.
pub fn apart(plugin: impl Fn() -> Plugin) -> Plugin {
    plugin().elsewhere(Wire::to(plugin()))
}

impl Wire {
    /// A connection to the handlers of this plugin.
    pub fn to(plugin: Plugin) -> Arc<Wire> {
        let ids = Arc::new(FakeClock::new(SEEDS.fetch_add(1, Ordering::Relaxed)));
        let (breaks, orders) = (Mutex::default(), AtomicUsize::new(0));
        Arc::new(Wire { apart: Apart::new(plugin, ids), breaks, orders })
    }

    /// Where the connection breaks with the orders that come next, one after the other; `None` is
    /// an order that all goes well with.
    pub fn breaks(&self, at: impl IntoIterator<Item = Option<Break>>) {
        self.breaks.lock().unwrap_or_else(PoisonError::into_inner).extend(at);
    }

    /// From now on nothing breaks.
    pub fn mends(&self) {
        self.breaks.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// How many orders were sent.
    pub fn orders(&self) -> usize {
        self.orders.load(Ordering::Relaxed)
    }

    async fn carry(&self, order: Order, node: Arc<dyn Node>) -> Result<Done> {
        // Both ways of writing have their turn.
        let codec = Codec::ALL[self.orders.fetch_add(1, Ordering::Relaxed) % 2];
        let at = self.breaks.lock().unwrap_or_else(PoisonError::into_inner).pop_front().flatten();
        match at {
            Some(Break::Away) => return Err(Error::away("no process of this plugin is linked")),
            Some(Break::BeforeHandler) => return Err(lost()),
            _ => {}
        }
        let asks = AtomicUsize::new(0);
        let node = Arc::new(FarEnd { node, codec, at, asks });
        let done = self.apart.perform(across(codec, &order), node.clone()).await;
        match at {
            Some(Break::BeforeDone) => Err(lost()),
            Some(Break::BeforeAsk(left) | Break::AfterAsk(left))
                if node.asks.load(Ordering::Relaxed) > left =>
            {
                Err(lost())
            }
            _ => result(codec, done),
        }
    }
}

impl Link for Wire {
    fn perform(&self, order: Order, node: Arc<dyn Node>) -> BoxFuture<'_, Result<Done>> {
        Box::pin(self.carry(order, node))
    }
}

/// The node as the handler of one order reaches it.
struct FarEnd {
    node: Arc<dyn Node>,
    codec: Codec,
    at: Option<Break>,
    asks: AtomicUsize,
}

impl Node for FarEnd {
    fn ask(&self, ask: Ask) -> BoxFuture<'_, Result<Told>> {
        Box::pin(async move {
            let asked = self.asks.fetch_add(1, Ordering::Relaxed);
            if matches!(self.at, Some(Break::BeforeAsk(left)) if asked >= left) {
                return Err(lost());
            }
            let told = self.node.ask(across(self.codec, &ask)).await;
            if matches!(self.at, Some(Break::AfterAsk(left)) if asked >= left) {
                return Err(lost());
            }
            result(self.codec, told)
        })
    }
}

fn lost() -> Error {
    Error::lost("the connection broke: it may have happened; send the same `cid` again")
}

/// What arrives at the other end.
fn across<T: Serialize + DeserializeOwned>(codec: Codec, value: &T) -> T {
    codec.decode(&codec.encode(value)).expect("what is written can be read")
}

fn result<T: Serialize + DeserializeOwned>(codec: Codec, result: Result<T>) -> Result<T> {
    let outcome: Outcome<T> = result.map_err(Into::into);
    across(codec, &outcome).map_err(Into::into)
}
