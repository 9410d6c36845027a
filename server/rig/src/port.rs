//! Ports for servers that cannot be told to choose one.

use std::{
    hash::{BuildHasher as _, RandomState},
    net::{Ipv4Addr, TcpListener},
    ops::Range,
};

/// Below the ports that the machine gives to whoever asks for any, also for the near end of a
/// connection: between two runs of a server nobody else gets its port. What is 10,000 above each
/// is left to it as well, for members of a Redis Cluster.
const PORTS: Range<u16> = 12_000..22_000;
/// Enough for a machine whose ports are mostly free.
const TRIED: usize = 1_000;

/// A loopback port that nobody listened on a moment ago.
///
/// # Panics
/// If the machine has none left.
pub fn free_port() -> u16 {
    let any = || PORTS.start + (RandomState::new().hash_one(()) % PORTS.len() as u64) as u16;
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    std::iter::repeat_with(any).take(TRIED).find(is_free).expect("a port is free")
}
