//! Ports for servers that cannot be told to choose one.

use std::net::{Ipv4Addr, TcpListener};

/// A loopback port that nobody listened on a moment ago.
///
/// # Panics
/// If the machine has none left.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}
