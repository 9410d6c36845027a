//! A bus inside one process.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;

use crate::{Bus, Health, NodeId, Part, Peer, Subscription, inbox::Inbox};

/// Where the nodes of one process meet. A node that is alone publishes to nobody.
#[derive(Debug, Clone, Default)]
pub struct Hub(Arc<Mutex<Vec<Member>>>);

#[derive(Debug)]
struct Member {
    node: NodeId,
    inbox: Arc<Inbox>,
}

impl Hub {
    /// Adds a node. It leaves when the bus is dropped.
    pub fn join(&self, node: NodeId) -> (Arc<dyn Bus>, Subscription) {
        let inbox = Arc::<Inbox>::default();
        let published = AtomicU64::new(0);
        let bus = Embedded { hub: self.clone(), node, inbox: inbox.clone(), published };
        self.with(|members| members.push(Member { node, inbox: inbox.clone() }));
        (Arc::new(bus), Subscription(inbox))
    }

    fn with<T>(&self, act: impl FnOnce(&mut Vec<Member>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[derive(Debug)]
struct Embedded {
    hub: Hub,
    node: NodeId,
    inbox: Arc<Inbox>,
    published: AtomicU64,
}

impl Embedded {
    /// Does something with each of the others. Nobody publishes meanwhile, so all of them get what
    /// is published in the same order.
    fn others<T>(&self, act: impl FnMut(&Member) -> T) -> Vec<T> {
        self.hub.with(|members| {
            members.iter().filter(|member| member.node != self.node).map(act).collect()
        })
    }
}

impl Bus for Embedded {
    fn publish(&self, part: Part, payload: Bytes) {
        self.published.fetch_add(1, Ordering::Relaxed);
        self.others(|member| member.inbox.deliver(part, payload.clone()));
    }

    fn health(&self) -> Health {
        let figures = self.inbox.figures();
        Health {
            ready: true,
            round_trip: Some(Duration::ZERO),
            peers: self.others(|member| Peer { node: member.node, heard: Duration::ZERO }),
            published: self.published.load(Ordering::Relaxed),
            received: figures.received,
            dropped: figures.dropped,
            interrupted: figures.interrupted,
            ..Health::default()
        }
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.hub.with(|members| members.retain(|member| member.node != self.node));
        self.inbox.close();
    }
}
