//! Nodes that talk all the time, and a record of who heard what.
//!
//! The property: what a node publishes is heard by every other node, or else the other is told
//! afterwards that something may be missing.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use carillon_bus::{Bus, Part, Signal};
use tokio::{task::JoinSet, time::Instant};

use crate::bed::{Bed, Node, now, settled, until};

/// Nodes that talk.
const NODES: usize = 3;
/// Each says something so often, on one part after the other.
const SAYS_EVERY: Duration = Duration::from_millis(2);
/// After a fault, messages flow again so soon, on a machine that is busy elsewhere.
const FLOWS_WITHIN: Duration = Duration::from_secs(15);

/// The talk of some nodes, until it is dropped.
pub struct Traffic {
    pub buses: Vec<Arc<dyn Bus>>,
    record: Arc<Vec<Record>>,
    talk: JoinSet<()>,
    ears: JoinSet<()>,
}

/// Of one node.
#[derive(Default)]
struct Record {
    /// When it said each of its messages. The part is the number modulo 64.
    said: Mutex<Vec<Instant>>,
    heard: Mutex<HashSet<(usize, usize)>>,
    interrupted: Mutex<Vec<Instant>>,
}

impl Traffic {
    /// Nodes that work begin to talk.
    pub async fn start(bed: &impl Bed) -> Traffic {
        let nodes: Vec<Node> = (0..NODES).map(|_| bed.start()).collect();
        settled(&nodes).await;
        let record: Arc<Vec<Record>> = Arc::new((0..NODES).map(|_| Record::default()).collect());
        let mut buses = Vec::new();
        let (mut talk, mut ears) = (JoinSet::new(), JoinSet::new());
        for (i, node) in nodes.into_iter().enumerate() {
            buses.push(node.bus.clone());
            talk.spawn(say(record.clone(), i, node.bus));
            ears.spawn(hear(record.clone(), i, node.inbox));
        }
        let traffic = Traffic { buses, record, talk, ears };
        traffic.flows().await;
        traffic
    }

    /// Waits until every node hears what every other says from now on, on every part. Answers how
    /// long it took.
    pub async fn flows(&self) -> Duration {
        let start = now();
        until("messages flow", || self.silent(start).is_none()).await;
        let took = start.elapsed();
        assert!(took < FLOWS_WITHIN, "messages flow only after {took:?}");
        took
    }

    /// Somebody who has not heard a part of somebody since then: (listener, speaker, part).
    fn silent(&self, since: Instant) -> Option<(usize, usize, usize)> {
        for (speaker, said) in self.record.iter().enumerate() {
            let said = said.said.lock().unwrap();
            let new = said.partition_point(|at| *at < since);
            for (listener, record) in self.others(speaker) {
                let heard = record.heard.lock().unwrap();
                let parts: HashSet<usize> = (new..said.len())
                    .filter(|number| heard.contains(&(speaker, *number)))
                    .map(|number| number % Part::COUNT)
                    .collect();
                let missing = (0..Part::COUNT).find(|part| !parts.contains(part));
                if let Some(part) = missing {
                    return Some((listener, speaker, part));
                }
            }
        }
        None
    }

    fn others(&self, node: usize) -> impl Iterator<Item = (usize, &Record)> {
        self.record.iter().enumerate().filter(move |(other, _)| *other != node)
    }

    /// How often nodes were told that something may be missing.
    pub fn interruptions(&self) -> usize {
        self.record.iter().map(|record| record.interrupted.lock().unwrap().len()).sum()
    }

    /// Stops talking, and waits until the property holds. Answers how many messages were said, and
    /// how many times one was not heard.
    pub async fn end(mut self) -> (usize, usize) {
        self.talk.shutdown().await;
        let holds = || self.untold() == 0;
        until("nobody misses anything without having been told", holds).await;
        self.ears.shutdown().await;
        let said: Vec<usize> = self.record.iter().map(|r| r.said.lock().unwrap().len()).collect();
        let all: usize = said.iter().sum();
        let heard = self.record.iter().map(|record| record.heard.lock().unwrap().len());
        (all, all * (NODES - 1) - heard.sum::<usize>())
    }

    /// How many messages were not heard, by somebody who was not told so afterwards.
    fn untold(&self) -> usize {
        let mut untold = 0;
        for (speaker, record) in self.record.iter().enumerate() {
            let said = record.said.lock().unwrap();
            for (_, record) in self.others(speaker) {
                let heard = record.heard.lock().unwrap();
                let told = record.interrupted.lock().unwrap().last().copied();
                let missed = (0..said.len()).filter(|number| !heard.contains(&(speaker, *number)));
                untold += missed.filter(|number| told.is_none_or(|at| at < said[*number])).count();
            }
        }
        untold
    }
}

async fn say(record: Arc<Vec<Record>>, node: usize, bus: Arc<dyn Bus>) {
    let mut ticks = tokio::time::interval(SAYS_EVERY);
    for number in 0_usize.. {
        ticks.tick().await;
        let part = Part::new((number % Part::COUNT) as u8).unwrap();
        let words = [node.to_be_bytes(), number.to_be_bytes()].concat();
        record[node].said.lock().unwrap().push(now());
        bus.publish(part, words.into());
    }
}

async fn hear(record: Arc<Vec<Record>>, node: usize, mut inbox: carillon_bus::Subscription) {
    while let Some(signal) = inbox.next().await {
        match signal {
            Signal::Interrupted => record[node].interrupted.lock().unwrap().push(now()),
            // What else a test says over the same bus is not of this talk.
            Signal::Arrived { payload, .. } if payload.len() != 16 => {}
            Signal::Arrived { payload, .. } => {
                let word =
                    |i: usize| usize::from_be_bytes(payload[8 * i..8 * i + 8].try_into().unwrap());
                let new = record[node].heard.lock().unwrap().insert((word(0), word(1)));
                assert!(new, "a message came twice");
            }
        }
    }
}
