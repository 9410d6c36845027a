//! A Redis master whose replica takes its place when Sentinels find it dead.

use std::fs;

use crate::Redis;

/// What the Sentinels call the master.
const MASTER: &str = "bells";
/// How many watch.
const SENTINELS: usize = 3;
/// How many must find the master dead.
const QUORUM: usize = 2;
/// A master that is not heard for so long is dead, in milliseconds.
const DOWN_AFTER_MS: u32 = 500;
/// A failover that takes longer is tried again, in milliseconds.
const FAILOVER_MS: u32 = 3_000;

/// A master, a replica and Sentinels.
#[derive(Debug)]
pub struct RedisSentinel {
    master: Redis,
    replica: Redis,
    sentinels: Vec<Redis>,
}

impl RedisSentinel {
    /// Starts them, and waits until they know each other.
    ///
    /// # Panics
    /// If Redis is not installed, or they do not come together.
    pub fn start() -> RedisSentinel {
        let mut master = Redis::with(&["--repl-diskless-sync-delay", "0"]);
        let port = master.port().to_string();
        let mut replica = Redis::with(&["--replicaof", "127.0.0.1", &port]);
        replica.wait_for(&["INFO", "replication"], "master_link_status:up");
        // Sentinels ask the master once in ten seconds who its replicas are, and first at once.
        master.wait_for(&["INFO", "replication"], "state=online");
        let mut sentinels: Vec<Redis> = (0..SENTINELS).map(|_| sentinel(&port)).collect();
        let others = format!("num-other-sentinels\n{}", SENTINELS - 1);
        for sentinel in &mut sentinels {
            sentinel.wait_for(&["SENTINEL", "MASTER", MASTER], "num-slaves\n1");
            sentinel.wait_for(&["SENTINEL", "MASTER", MASTER], &others);
        }
        RedisSentinel { master, replica, sentinels }
    }

    /// `redis-sentinel://127.0.0.1:PORT,127.0.0.1:PORT,…/MASTER`.
    pub fn url(&self) -> String {
        let hosts = self.sentinels.iter().map(|one| format!("127.0.0.1:{}", one.port()));
        format!("redis-sentinel://{}/{MASTER}", hosts.collect::<Vec<_>>().join(","))
    }

    /// The master and its replica.
    pub fn servers(&self) -> [&Redis; 2] {
        [&self.master, &self.replica]
    }

    /// The first master.
    pub fn master(&mut self) -> &mut Redis {
        &mut self.master
    }

    /// Its replica, which is the master after a failover.
    pub fn replica(&mut self) -> &mut Redis {
        &mut self.replica
    }
}

fn sentinel(master: &str) -> Redis {
    let folder = tempfile::tempdir().expect("a temporary folder");
    // Sentinels write what they learn into their file.
    let text = format!(
        "sentinel monitor {MASTER} 127.0.0.1 {master} {QUORUM}\n\
         sentinel down-after-milliseconds {MASTER} {DOWN_AFTER_MS}\n\
         sentinel failover-timeout {MASTER} {FAILOVER_MS}\n",
    );
    let file = folder.path().join("sentinel.conf");
    fs::write(&file, text).expect("the folder of the server can be written");
    Redis::sentinel(folder, &file)
}
