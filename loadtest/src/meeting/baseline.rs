//! How long a datagram takes from a socket of ours to another: what no server can be faster than.

use std::{net::UdpSocket, time::Duration};

use carillon_sfu::kit::arrivals;
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

/// From stamp to stamp, in nanoseconds, read as the people's sockets are.
pub fn delays() -> Result<Histogram<u64>, Failed> {
    let (sends, receives) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    arrivals::prepare(&receives)?;
    let to = receives.local_addr()?;
    let epoll = Epoll::new()?;
    epoll.add(&receives, 0)?;
    let mut ready = Ready::with_capacity(1);
    let mut delays = no_delays();
    let deadline = Deadline::after(TIME);
    while !deadline.is_over() {
        for number in 0..BURST {
            sends.send_to(&stream::body(Stamp { sent_at: now_ns(), number }, LEN), to)?;
        }
        // Until there is nothing left, and then for the time between two pictures.
        while epoll.wait(&mut ready, 5)?.count() > 0 {
            arrivals::read(&receives, |_, datagram, at| {
                if let Some(stamp) = stream::stamp(datagram) {
                    let at = now_ns().saturating_sub(at.elapsed().as_nanos() as u64);
                    delays.saturating_record(at.saturating_sub(stamp.sent_at));
                }
                Ok(())
            })?;
        }
    }
    Ok(delays)
}
