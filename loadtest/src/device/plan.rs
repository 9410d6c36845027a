//! What all devices of a run share: where to connect, how far it is, and what was acknowledged.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
};

use carillon_protocol::{ConvId, UserId};

use crate::fleet::Target;

/// How far the run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Phase {
    /// People write.
    Talk,
    /// Nobody begins anything; what was begun is finished.
    Quiet,
    /// Everybody asks for everything anew, and ends.
    Final,
}

/// What all devices share.
pub struct Plan {
    /// The nodes.
    pub targets: Vec<Target>,
    /// Where the histories go.
    pub folder: PathBuf,
    /// The words that only one organisation's messages have.
    pub canaries: Vec<String>,
    /// How long a message is, in bytes.
    pub text_len: usize,
    /// When it began, in nanoseconds since the epoch.
    pub start: u64,
    phase: AtomicU8,
    heads: Mutex<HashMap<ConvId, u64>>,
    /// Which devices have everything and mean to do nothing.
    level: Vec<AtomicBool>,
}

impl Plan {
    /// A run of so many devices.
    pub fn new(
        targets: Vec<Target>,
        folder: PathBuf,
        canaries: Vec<String>,
        devices: usize,
        start: u64,
    ) -> Plan {
        Plan {
            targets,
            folder,
            canaries,
            text_len: 160,
            start,
            phase: AtomicU8::new(Phase::Talk as u8),
            heads: Mutex::default(),
            level: (0..devices).map(|_| AtomicBool::new(false)).collect(),
        }
    }

    /// How far the run is.
    pub fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Talk,
            1 => Phase::Quiet,
            _ => Phase::Final,
        }
    }

    /// Goes on.
    pub fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Release);
    }

    /// Something was acknowledged with this position.
    pub fn acknowledged(&self, conv: ConvId, seq: u64) {
        let mut heads = self.heads.lock().expect("nobody panics with it");
        let head = heads.entry(conv).or_default();
        *head = seq.max(*head);
    }

    /// Up to where a conversation was acknowledged.
    pub fn head(&self, conv: ConvId) -> u64 {
        self.heads.lock().expect("nobody panics with it").get(&conv).copied().unwrap_or_default()
    }

    /// A device says whether it has everything and means to do nothing.
    pub fn set_level(&self, number: usize, level: bool) {
        self.level[number].store(level, Ordering::Release);
    }

    /// What devices said counts no longer.
    pub fn ask_again(&self) {
        self.level.iter().for_each(|level| level.store(false, Ordering::Release));
    }

    /// How many devices do not.
    pub fn behind(&self) -> usize {
        self.level.iter().filter(|level| !level.load(Ordering::Acquire)).count()
    }
}

/// What somebody does on a device.
#[derive(Debug, Clone)]
pub enum Part {
    /// Writes: at these times after the start, every so often; in nanoseconds.
    Speaker { first: u64, every: u64 },
    /// Lets people go and come, one every so often, in nanoseconds.
    Foreman { every: u64, groups: Vec<(ConvId, Vec<UserId>)> },
}
