//! Whether people can meet.

use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket},
    time::Duration,
};

use super::Finding;
use crate::config::Config;

/// How long a datagram may take on this machine.
const PATIENCE: Duration = Duration::from_secs(1);
/// How much of received media is to wait while a thread is busy: what each asks the system for.
const RECEIVED_BYTES: u64 = 4 * 1024 * 1024;
/// Where Linux says how much it lets wait.
const RECEIVED_MAX: &str = "/proc/sys/net/core/rmem_max";

/// Tries the ports of all threads, and sends a datagram through the first.
pub(super) fn rooms(config: &Config) -> Finding {
    let first = config.rooms.listen(config.listen);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    for thread in 0..config.rooms.threads(cores) {
        let port = match first.port() {
            0 => 0,
            port => u16::try_from(usize::from(port) + thread)
                .map_err(|_| "`rooms.port` leaves no ports for its threads: choose a lower one")?,
        };
        let at = SocketAddr::new(first.ip(), port);
        let tried = UdpSocket::bind(at).and_then(|udp| TcpListener::bind(at).map(|_| udp));
        match tried {
            Ok(udp) if thread == 0 => echo(&udp).map_err(|error| {
                format!("a datagram to {at} does not arrive ({error}); see the firewall")
            })?,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                return Ok(format!("{at} is in use, by a running server if that is yours"));
            }
            Err(error) => {
                return Err(format!("cannot use {at} ({error}); choose another `rooms.port`"));
            }
        }
    }
    Ok(format!("UDP and TCP from {first} on are free, {}; {}", door(config), buffers()))
}

/// What is left where neither gets through.
fn door(config: &Config) -> String {
    match config.media_door(config.listen) {
        Some(port) => format!("and TCP comes to port {port} too"),
        None => "which the proxy's port is no way around".to_owned(),
    }
}

/// Sends a datagram to itself.
fn echo(udp: &UdpSocket) -> io::Result<()> {
    let mut to = udp.local_addr()?;
    if to.ip().is_unspecified() {
        let loopback = |ip| match ip {
            IpAddr::V4(_) => IpAddr::from(Ipv4Addr::LOCALHOST),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        to.set_ip(loopback(to.ip()));
    }
    udp.set_read_timeout(Some(PATIENCE))?;
    udp.send_to(b"doctor", to)?;
    udp.recv_from(&mut [0; 16]).map(drop)
}

/// What the system lets wait. Rooms work with less, until many packets come at once.
fn buffers() -> String {
    let max = fs::read_to_string(RECEIVED_MAX).ok().and_then(|max| max.trim().parse().ok());
    match max {
        Some(max @ 0..RECEIVED_BYTES) => format!(
            "but only {} KiB may wait to be read, and in large rooms packets are lost: \
             `sysctl net.core.rmem_max={RECEIVED_BYTES}`",
            max / 1024
        ),
        _ => "enough may wait to be read".to_owned(),
    }
}
