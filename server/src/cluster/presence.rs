//! Who is online, told to the people of this node and to the other nodes.

use std::{sync::Arc, time::Duration};

use carillon_bus::Part;
use carillon_plugins::presence::{PARTS, Presence, Turn};
use carillon_protocol::RunId;
use tokio::{
    sync::Notify,
    time::{MissedTickBehavior, interval},
};

use super::{Cluster, GONE_AFTER, message};
use crate::gateway::Hub;

/// How often people are told who came and who went: soon enough to be called at once.
const EVERY: Duration = Duration::from_millis(250);
/// In one turn of so many nodes ask each other, answer in full and look who is gone: 64 messages a
/// second at most, however many ask.
const WHOLE_EVERY: u64 = 4;

/// Of a node that was not heard for so long the database is asked whether it stopped, before it
/// counts as gone: two probes and some delay.
const SILENT_AFTER: Duration = Duration::from_millis(2_500);

// What is said of one part goes by the way of that number.
const _: () = assert!(PARTS == Part::COUNT);

/// Tells it, turn by turn.
#[derive(Debug)]
pub struct Presences {
    /// What this node knows.
    pub presence: Arc<Presence>,
    /// The people of this node.
    pub hub: Arc<Hub>,
    /// The others, if there is Redis.
    pub cluster: Option<Cluster>,
    /// Which run of this node.
    pub run: RunId,
    /// Is rung when one of the others is not heard.
    pub silent: Arc<Notify>,
}

impl Presences {
    /// Goes on until it is dropped.
    pub async fn run(self) {
        let mut turns = interval(EVERY);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let begin = turns.tick().await;
        turns.reset_immediately();
        for number in 0_u64.. {
            let at = turns.tick().await;
            let (now, whole) = (at - begin, number % WHOLE_EVERY == 0);
            if whole {
                self.listen(now);
            }
            let Turn { news, said, ask } = self.presence.turn(now, whole);
            self.hub.tell(news);
            let Some(cluster) = &self.cluster else { continue };
            for (number, said) in said {
                let part = Part::new(number).expect("there are as many parts as ways");
                cluster.bus.publish(part, message::present(self.run, &said));
            }
            if ask {
                cluster.bus.publish(Part::of_bytes(b"presence"), message::roll_call());
            }
        }
    }

    /// Looks who is heard.
    fn listen(&self, now: Duration) {
        let mut alive = Vec::new();
        if let Some(cluster) = &self.cluster {
            let health = cluster.health();
            let lately = || health.peers.iter().filter(|peer| peer.heard < GONE_AFTER);
            alive.extend(lately().map(|peer| RunId(peer.node.0)));
            if lately().any(|peer| peer.heard >= SILENT_AFTER) {
                self.silent.notify_one();
            }
            self.presence.hears(health.ready, &alive, now);
        }
        if self.presence.hears_not_all(&alive) {
            self.hub.missed();
        }
    }
}
