//! A Redis Cluster.

use crate::{Redis, free_port};

const SLOTS: u32 = 16_384;
/// A server that is not heard for so long is dead, in milliseconds.
const NODE_TIMEOUT_MS: &str = "1000";

/// Masters that share the slots evenly, and a replica of each.
#[derive(Debug)]
pub struct RedisCluster {
    masters: Vec<Redis>,
    replicas: Vec<Redis>,
}

impl RedisCluster {
    /// So many masters, and as many replicas.
    ///
    /// # Panics
    /// If Redis is not installed, or they do not come together.
    pub fn start(masters: u32) -> RedisCluster {
        let mut cluster = RedisCluster {
            masters: (0..masters).map(|_| member()).collect(),
            replicas: (0..masters).map(|_| member()).collect(),
        };
        for (i, master) in (0..).zip(&cluster.masters) {
            let (first, last) = (SLOTS * i / masters, SLOTS * (i + 1) / masters - 1);
            let (first, last) = (first.to_string(), last.to_string());
            master.order(&["CLUSTER", "ADDSLOTSRANGE", &first, &last]);
        }
        let first = &cluster.masters[0];
        for other in cluster.masters[1..].iter().chain(&cluster.replicas) {
            let bus = (other.port() + BUS_OFFSET).to_string();
            let port = other.port().to_string();
            first.order(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
        }
        let size = (2 * masters).to_string();
        cluster.wait(&format!("cluster_known_nodes:{size}\r"));
        for (master, replica) in cluster.masters.iter().zip(&mut cluster.replicas) {
            let id = master.cli(&["CLUSTER", "MYID"]);
            replica.wait_for(&["CLUSTER", "NODES"], &id);
            replica.order(&["CLUSTER", "REPLICATE", &id]);
            replica.wait_for(&["INFO", "replication"], "master_link_status:up");
        }
        cluster.wait("cluster_state:ok");
        cluster.wait(&format!("cluster_size:{masters}\r"));
        cluster
    }

    /// `redis-cluster://127.0.0.1:PORT`, of the last master.
    pub fn url(&self) -> String {
        let last = self.masters.last().expect("there are masters");
        last.url().replacen("redis:", "redis-cluster:", 1)
    }

    /// The masters, as they were at the start.
    pub fn masters(&mut self) -> &mut [Redis] {
        &mut self.masters
    }

    /// The replica of each master, as they were at the start.
    pub fn replicas(&mut self) -> &mut [Redis] {
        &mut self.replicas
    }

    /// All of them.
    pub fn servers(&self) -> impl Iterator<Item = &Redis> {
        self.masters.iter().chain(&self.replicas)
    }

    /// Moves an empty slot from one master to another, as `redis-cli --cluster reshard` does.
    pub fn move_slot(&self, slot: u16, from: usize, to: usize) {
        let (slot, ids) = (slot.to_string(), self.masters.iter());
        let ids: Vec<String> = ids.map(|master| master.cli(&["CLUSTER", "MYID"])).collect();
        let set = |at: usize, what: &[&str]| {
            let words = [&["CLUSTER", "SETSLOT", &slot], what].concat();
            self.masters[at].order(&words);
        };
        set(to, &["IMPORTING", &ids[from]]);
        set(from, &["MIGRATING", &ids[to]]);
        set(to, &["NODE", &ids[to]]);
        set(from, &["NODE", &ids[to]]);
    }

    /// Waits until every server says so of the Cluster.
    fn wait(&mut self, text: &str) {
        for server in self.masters.iter_mut().chain(&mut self.replicas) {
            server.wait_for(&["CLUSTER", "INFO"], text);
        }
    }
}

/// The servers talk to each other on a port that is so far from their own.
const BUS_OFFSET: u16 = 10_000;

fn member() -> Redis {
    // The other port must exist, and be free too.
    let mut ports = std::iter::repeat_with(free_port);
    let fits =
        |port: &u16| port.checked_add(BUS_OFFSET).is_some_and(|bus| !crate::redis::listens(bus));
    let port = ports.by_ref().take(PORTS_TRIED).find(fits);
    let port = port.expect("a pair of ports is free");
    Redis::on(
        port,
        &[
            "--cluster-enabled",
            "yes",
            "--cluster-node-timeout",
            NODE_TIMEOUT_MS,
            // The other masters go on while one is dead, and any replica may take its place.
            "--cluster-require-full-coverage",
            "no",
            "--cluster-replica-validity-factor",
            "0",
            "--repl-diskless-sync-delay",
            "0",
        ],
    )
}

/// Enough for a machine whose ports are mostly free.
const PORTS_TRIED: usize = 1_000;
