//! What goes wrong in a run, and when.

use std::{fmt, path::Path};

use crate::{dice::Dice, fleet::Failed};

use super::site::{Side, Site};

/// Something that goes wrong, and later is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// `kill -9` of a node; later it starts again.
    Killed(usize),
    /// A node stands still.
    Stopped(usize),
    /// Nothing comes through on one side of a node.
    Frozen(usize, Side),
    /// Redis ends, and comes back empty.
    RedisAway,
    /// Redis forgets everything.
    RedisFlushed,
    /// PostgreSQL ends, and comes back.
    PostgresAway,
}

/// How long each lasts, in seconds.
#[derive(Debug, Clone, Copy)]
pub struct Lengths {
    /// Before the first fault, and after each.
    pub quiet: u64,
    stopped: u64,
    frozen: u64,
    away: u64,
}

impl Lengths {
    /// Of a run of a minute: just long enough for clients to give a silent node up.
    pub const SHORT: Lengths = Lengths { quiet: 2, stopped: 8, frozen: 7, away: 3 };
    /// Of a run of minutes: everything has time to notice, and to come back.
    pub const LONG: Lengths = Lengths { quiet: 20, stopped: 20, frozen: 15, away: 10 };
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Killed(node) => write!(f, "kill -9 of node {node}"),
            Fault::Stopped(node) => write!(f, "node {node} stands still"),
            Fault::Frozen(node, Side::Clients) => write!(f, "node {node} cut off from clients"),
            Fault::Frozen(node, Side::Postgres) => write!(f, "node {node} cut off from PostgreSQL"),
            Fault::Frozen(node, Side::Redis) => write!(f, "node {node} cut off from Redis"),
            Fault::RedisAway => f.write_str("Redis away"),
            Fault::RedisFlushed => f.write_str("Redis forgets everything"),
            Fault::PostgresAway => f.write_str("PostgreSQL away"),
        }
    }
}

impl Fault {
    /// Every kind once, in an order of the dice, each on a node of the dice.
    pub fn round(site: &Site, dice: &mut Dice) -> Vec<Fault> {
        let mut node = || dice.below(site.len() as u64) as usize;
        let mut all = vec![
            Fault::Killed(node()),
            Fault::Stopped(node()),
            Fault::Frozen(node(), Side::Clients),
        ];
        if site.has_services() {
            all.extend([
                Fault::Frozen(node(), Side::Postgres),
                Fault::Frozen(node(), Side::Redis),
                Fault::RedisAway,
                Fault::RedisFlushed,
                Fault::PostgresAway,
            ]);
        }
        dice.shuffle(&mut all);
        all
    }

    /// How long it lasts, in seconds.
    pub fn lasts(self, lengths: Lengths) -> u64 {
        match self {
            Fault::Stopped(_) => lengths.stopped,
            Fault::Frozen(..) => lengths.frozen,
            Fault::Killed(_) | Fault::RedisAway => lengths.away,
            Fault::PostgresAway | Fault::RedisFlushed => 1,
        }
    }

    /// It begins.
    pub fn begin(self, site: &mut Site) -> Result<(), Failed> {
        match self {
            Fault::Killed(node) => site.kill(node),
            Fault::Stopped(node) => site.freeze(node)?,
            Fault::Frozen(node, side) => {
                if let Some(proxy) = site.proxy(node, side) {
                    proxy.freeze();
                }
            }
            Fault::RedisFlushed => site.flush()?,
            Fault::RedisAway => {
                if let Some(redis) = site.redis() {
                    redis.stop();
                }
            }
            Fault::PostgresAway => {
                if let Some(postgres) = site.postgres() {
                    postgres.stop();
                }
            }
        }
        Ok(())
    }

    /// It is over.
    pub fn end(self, site: &mut Site, logs: &Path) -> Result<(), Failed> {
        match self {
            Fault::Killed(node) => site.start(node, logs)?,
            Fault::Stopped(node) => site.thaw(node)?,
            Fault::Frozen(node, side) => {
                if let Some(proxy) = site.proxy(node, side) {
                    proxy.thaw();
                }
            }
            Fault::RedisFlushed => {}
            Fault::RedisAway => {
                if let Some(redis) = site.redis() {
                    redis.begin();
                }
            }
            Fault::PostgresAway => {
                if let Some(postgres) = site.postgres() {
                    postgres.begin();
                }
            }
        }
        Ok(())
    }
}
