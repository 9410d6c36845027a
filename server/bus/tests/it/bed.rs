//! What the cases stand on: a bus that nodes can join, and short ways to say things.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use carillon_bus::{
    Address, Bus, Health, Hub, NodeId, Options, Part, Signal, Subscription, connect,
};
use carillon_protocol::id::Ulid;
use carillon_rig::Redis;
use tokio::time::Instant;

/// How long anything may take: much more than it does, on a machine that is busy elsewhere.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Something that nodes can join. Another bus joins the conformance suite by another bed.
pub trait Bed {
    /// A node that has just started.
    fn start(&self) -> Node;
}

/// A node, as far as the bus knows it.
pub struct Node {
    pub id: NodeId,
    pub bus: Arc<dyn Bus>,
    pub inbox: Subscription,
}

fn number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

pub fn node_id() -> NodeId {
    NodeId(Ulid::from_parts(1_790_000_000_000, u128::from(number())))
}

pub fn part(number: u8) -> Part {
    Part::new(number).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "it waits for real servers")]
pub fn now() -> Instant {
    Instant::now()
}

/// Waits until something is so.
pub async fn until(what: &str, is: impl Fn() -> bool) {
    let start = now();
    while !is() {
        assert!(start.elapsed() < PATIENCE, "it never came to this: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

impl Node {
    pub fn join(address: &str, options: Options) -> Node {
        let (id, address) = (options.node, address.parse::<Address>().unwrap());
        let (bus, inbox) = connect(&address, options).unwrap();
        Node { id, bus, inbox }
    }

    pub fn health(&self) -> Health {
        self.bus.health()
    }

    pub fn publish(&self, part: Part, payload: impl Into<Bytes>) {
        self.bus.publish(part, payload.into());
    }

    /// The next payload.
    pub async fn hear(&mut self) -> (Part, Bytes) {
        loop {
            match self.signal().await {
                Signal::Arrived { part, payload } => return (part, payload),
                Signal::Interrupted => {}
            }
        }
    }

    /// Waits until something may have been lost, and passes over what arrives before.
    pub async fn interruption(&mut self) {
        while self.signal().await != Signal::Interrupted {}
    }

    pub async fn signal(&mut self) -> Signal {
        let next = tokio::time::timeout(PATIENCE, self.inbox.next()).await;
        next.expect("something should come").expect("the bus is there")
    }
}

/// So many nodes that work and know each other.
pub async fn nodes<const N: usize>(bed: &impl Bed) -> [Node; N] {
    let nodes = std::array::from_fn(|_| bed.start());
    settled(&nodes).await;
    nodes
}

/// Waits until all of them work, and each has heard all parts of all others.
pub async fn settled(nodes: &[Node]) {
    let settled = |node: &Node| {
        let health = node.health();
        health.ready && health.round_trip.is_some() && health.peers.len() + 1 == nodes.len()
    };
    until("all nodes work and know each other", || nodes.iter().all(settled)).await;
}

/// In this process.
pub struct Embedded(Hub);

impl Embedded {
    pub fn make() -> Embedded {
        Embedded(Hub::default())
    }
}

impl Bed for Embedded {
    fn start(&self) -> Node {
        let id = node_id();
        let (bus, inbox) = self.0.join(id);
        Node { id, bus, inbox }
    }
}

/// A Redis of its own.
pub struct Plain(pub Redis);

impl Plain {
    pub fn make() -> Plain {
        Plain(Redis::start())
    }
}

impl Bed for Plain {
    fn start(&self) -> Node {
        Node::join(&self.0.url(), options("test"))
    }
}

/// A namespace in a Redis that others use too.
pub struct Space {
    url: String,
    namespace: String,
}

impl Space {
    pub fn of(url: &str) -> Space {
        Space { url: url.to_owned(), namespace: format!("test-{}", number()) }
    }

    /// The same, as a user who may do what the bus needs, and nothing else.
    pub fn of_user<'a>(url: &str, servers: impl IntoIterator<Item = &'a Redis>) -> Space {
        let user = ["ACL", "SETUSER", "carillon", "on", ">p@ss", "&carillon:*", "-@all"];
        let rights = ["+subscribe", "+publish", "+ssubscribe", "+spublish", "+cluster|slots"];
        let order = [&user[..], &rights].concat();
        servers.into_iter().for_each(|server| server.order(&order));
        Space::of(&url.replacen("://", "://carillon:p%40ss@", 1))
    }
}

impl Bed for Space {
    fn start(&self) -> Node {
        Node::join(&self.url, options(&self.namespace))
    }
}

pub fn options(namespace: &str) -> Options {
    Options { node: node_id(), namespace: namespace.to_owned(), authorities: None }
}
