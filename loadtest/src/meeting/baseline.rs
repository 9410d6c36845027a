//! How long a datagram takes from a socket of ours to another: what no server can be faster than.

use std::{net::UdpSocket, time::Duration};

use hdrhistogram::Histogram;

use super::{
    ledger::no_delays,
    stream::{self, Stamp},
};
use crate::{
    clock::{Deadline, now_ns},
    fleet::Failed,
    os::{Epoll, Ready},
};

/// For so long …
const TIME: Duration = Duration::from_secs(3);
/// … as many datagrams at a time as a picture has.
const BURST: u64 = 6;
const LEN: usize = 1_150;

/// From stamp to stamp, in nanoseconds, through the same kind of loop as the people have.
pub fn delays() -> Result<Histogram<u64>, Failed> {
    let (sends, receives) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    receives.set_nonblocking(true)?;
    let to = receives.local_addr()?;
    let epoll = Epoll::new()?;
    epoll.add(&receives, 0)?;
    let mut ready = Ready::with_capacity(1);
    let (mut delays, mut datagram) = (no_delays(), vec![0; 2 * LEN]);
    let deadline = Deadline::after(TIME);
    while !deadline.is_over() {
        for number in 0..BURST {
            sends.send_to(&stream::body(Stamp { sent_at: now_ns(), number }, LEN), to)?;
        }
        // Until there is nothing left, and then for the time between two pictures.
        while epoll.wait(&mut ready, 5)?.count() > 0 {
            while let Ok((len, _)) = receives.recv_from(&mut datagram) {
                if let Some(stamp) = stream::stamp(&datagram[..len]) {
                    delays.saturating_record(now_ns().saturating_sub(stamp.sent_at));
                }
            }
        }
    }
    Ok(delays)
}
