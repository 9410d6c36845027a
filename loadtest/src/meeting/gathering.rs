//! Everybody who is measured, driven by one thread.

use std::time::Duration;

use super::seat::Seat;
use crate::{
    clock::{Deadline, now_ns},
    fleet::Failed,
    os::{Epoll, Ready},
};

/// How long a connection may take to be made.
const CONNECT_MAX: Duration = Duration::from_secs(15);
/// How many sockets may be ready at a time.
const READY_MAX: usize = 512;
/// Without anything to do the thread looks so often, for what the protocol owes.
const LOOK_MS: u64 = 5;

/// Seats, and how to wait for them.
pub struct Gathering {
    seats: Vec<Seat>,
    awake: Vec<bool>,
    epoll: Epoll,
    ready: Ready,
}

impl Gathering {
    /// Nobody yet.
    pub fn new() -> Result<Gathering, Failed> {
        let (epoll, ready) = (Epoll::new()?, Ready::with_capacity(READY_MAX));
        Ok(Gathering { seats: Vec::new(), awake: Vec::new(), epoll, ready })
    }

    /// Takes somebody in, who is connected when this returns.
    pub fn seat(&mut self, seat: Seat, receives: bool) -> Result<(), Failed> {
        let number = self.seats.len();
        for socket in seat.client.sockets() {
            self.epoll.add(socket, number as u64)?;
        }
        self.seats.push(seat);
        self.awake.push(false);
        let deadline = Deadline::after(CONNECT_MAX);
        while !self.seats[number].is_connected(receives) {
            if deadline.is_over() {
                return Err(Failed::Late { missing: 1, what: "its media".into() });
            }
            self.turn()?;
        }
        Ok(())
    }

    /// Everybody.
    pub fn seats(&mut self) -> &mut [Seat] {
        &mut self.seats
    }

    /// Goes on for so long.
    pub fn run(&mut self, time: Duration) -> Result<(), Failed> {
        let deadline = Deadline::after(time);
        while !deadline.is_over() {
            self.turn()?;
        }
        Ok(())
    }

    /// Waits for the next thing to do, and does it.
    fn turn(&mut self) -> Result<(), Failed> {
        let now = now_ns();
        let due = self.seats.iter().map(|seat| seat.due(now)).min().unwrap_or(u64::MAX);
        // The last part of a millisecond is spent looking: nothing is sent late.
        let wait_ms = (due.saturating_sub(now) / 1_000_000).min(LOOK_MS);
        self.awake.fill(false);
        for number in self.epoll.wait(&mut self.ready, wait_ms as i32)? {
            self.awake[number as usize] = true;
        }
        let now = now_ns();
        for (seat, awake) in self.seats.iter_mut().zip(&self.awake) {
            if *awake || seat.due(now) <= now {
                seat.step()?;
            }
        }
        Ok(())
    }
}
