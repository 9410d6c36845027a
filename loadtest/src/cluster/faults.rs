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
    killed: u64,
    away: u64,
}

/// How long it takes to begin and to end a fault, in seconds: servers have to start.
const CHANGE_S: u64 = 1;

impl Lengths {
    /// Of a run of a minute: just long enough for clients to give a silent node up.
    pub const SHORT: Lengths = Lengths { quiet: 2, stopped: 8, frozen: 7, killed: 3, away: 3 };
    /// Of a run of minutes: everything has time to notice, and to come back. Of five minutes two
    /// are faults, whatever their order.
    pub const LONG: Lengths = Lengths { quiet: 14, stopped: 20, frozen: 20, killed: 15, away: 10 };
}

/// What there is to go wrong.
#[derive(Debug, Clone, Copy)]
pub struct Servers {
    /// How many nodes.
    pub nodes: usize,
    /// Whether there are a PostgreSQL and a Redis.
    pub has_services: bool,
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
    /// What goes wrong one after the other in so many seconds: every kind once, and so on as long
    /// as something fits.
    pub fn plan(seconds: u64, lengths: Lengths, of: Servers, dice: &mut Dice) -> Vec<Fault> {
        let mut left = seconds.saturating_sub(lengths.quiet);
        let takes = |fault: Fault| fault.lasts(lengths) + CHANGE_S + lengths.quiet;
        let mut plan = Vec::new();
        loop {
            let mut round = Fault::round(of, dice);
            // What is too long for the rest gives way to what is not.
            while let Some(next) = round.iter().rposition(|fault| takes(*fault) <= left) {
                let fault = round.remove(next);
                left -= takes(fault);
                plan.push(fault);
            }
            if !round.is_empty() {
                return plan;
            }
        }
    }

    /// Every kind once, in an order of the dice, each on a node of the dice.
    fn round(of: Servers, dice: &mut Dice) -> Vec<Fault> {
        let mut node = || dice.below(of.nodes as u64) as usize;
        let mut all = vec![
            Fault::Killed(node()),
            Fault::Stopped(node()),
            Fault::Frozen(node(), Side::Clients),
        ];
        if of.has_services {
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
            Fault::Killed(_) => lengths.killed,
            Fault::RedisAway => lengths.away,
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

#[cfg(test)]
mod tests {
    use super::*;

    const SECONDS: u64 = 300;
    const OF: Servers = Servers { nodes: 3, has_services: true };

    #[test]
    fn whatever_the_dice_say_much_of_five_minutes_is_faults_of_every_kind() {
        for seed in 0..1_000 {
            let plan = Fault::plan(SECONDS, Lengths::LONG, OF, &mut Dice::new(seed));
            let faults: u64 = plan.iter().map(|fault| fault.lasts(Lengths::LONG)).sum();
            assert!(100 * faults >= 38 * SECONDS, "{faults} s of seed {seed}: {plan:?}");
            let mut kinds: Vec<_> = plan.iter().map(|fault| kind(*fault)).collect();
            kinds.sort_unstable();
            kinds.dedup();
            assert_eq!(kinds.len(), 8, "seed {seed}: {plan:?}");
            let breaks = (plan.len() as u64 + 1) * Lengths::LONG.quiet;
            assert!(faults + breaks <= SECONDS, "seed {seed}: {plan:?}");
        }
    }

    fn kind(fault: Fault) -> String {
        fault.to_string().replace(|c: char| c.is_ascii_digit(), "")
    }
}
