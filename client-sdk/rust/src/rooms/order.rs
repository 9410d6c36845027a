//! Packets of a stream in the order in which they were sent. What is lost is waited for a while,
//! because it is sent again.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use bytes::Bytes;

/// A lost packet comes within this: a round trip and the time to notice.
const WAIT: Duration = Duration::from_millis(200);
/// Packets behind a hole: more than a large key frame.
const HELD_MAX: usize = 1_024;

/// What is of use of an RTP packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Packet {
    pub number: u16,
    pub time: u32,
    pub marker: bool,
    pub payload: Bytes,
}

/// What comes next in a stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    Packet(Packet),
    /// So many packets are lost for good.
    Lost(u64),
}

/// One stream.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// The number of the next packet, with all its wraps.
    next: Option<u64>,
    held: BTreeMap<u64, (Instant, Packet)>,
}

impl Order {
    /// Takes a packet as it comes; one that is too late is let go.
    pub fn push(&mut self, packet: Packet, now: Instant) {
        // Far enough from zero for a packet before the first one.
        let next = *self.next.get_or_insert(u64::from(packet.number) + (1 << 16));
        let ahead = packet.number.wrapping_sub(next as u16) as i16;
        if let Ok(ahead) = u64::try_from(ahead) {
            self.held.entry(next + ahead).or_insert((now, packet));
        }
    }

    /// What comes next, if it is there or is waited for no more.
    pub fn pop(&mut self, now: Instant) -> Option<Next> {
        let next = self.next?;
        let first = self.held.first_entry()?;
        let number = *first.key();
        if number > next {
            let waited = now.saturating_duration_since(first.get().0) >= WAIT;
            if !waited && self.held.len() <= HELD_MAX {
                return None;
            }
            self.next = Some(number);
            return Some(Next::Lost(number - next));
        }
        self.next = Some(number + 1);
        Some(Next::Packet(first.remove().1))
    }

    /// When [`Order::pop`] gives up what it waits for.
    pub fn due(&self) -> Option<Instant> {
        self.held.first_key_value().map(|(_, (at, _))| *at + WAIT)
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the tests' clock begins somewhere")]
mod tests {
    use super::*;

    fn packet(number: u16) -> Packet {
        Packet { number, time: 0, marker: false, payload: Bytes::new() }
    }

    fn numbers(order: &mut Order, now: Instant) -> Vec<u16> {
        let next = std::iter::from_fn(|| order.pop(now));
        next.map(|next| match next {
            Next::Packet(packet) => packet.number,
            Next::Lost(count) => 60_000 + count as u16,
        })
        .collect()
    }

    #[test]
    fn packets_come_in_their_order_across_the_wrap_and_once() {
        let (mut order, now) = (Order::default(), Instant::now());
        for number in [65_534, 0, 65_535, 65_535, 1, 3, 2] {
            order.push(packet(number), now);
        }
        assert_eq!(numbers(&mut order, now), [65_534, 65_535, 0, 1, 2, 3]);
        order.push(packet(2), now);
        assert!(numbers(&mut order, now).is_empty());
    }

    #[test]
    fn a_hole_is_waited_for_and_then_said() {
        let (mut order, now) = (Order::default(), Instant::now());
        for number in [10, 12, 15] {
            order.push(packet(number), now);
        }
        assert_eq!(numbers(&mut order, now), [10]);
        assert_eq!(order.due(), Some(now + WAIT));
        order.push(packet(11), now);
        assert_eq!(numbers(&mut order, now), [11, 12]);
        assert_eq!(numbers(&mut order, now + WAIT), [60_002, 15]);
    }

    #[test]
    fn what_waits_behind_a_hole_is_bounded() {
        let (mut order, now) = (Order::default(), Instant::now());
        order.push(packet(0), now);
        (2..=HELD_MAX as u16 + 2).for_each(|number| order.push(packet(number), now));
        let popped = numbers(&mut order, now);
        assert_eq!((popped[0], popped[1], popped.len()), (0, 60_001, HELD_MAX + 3));
    }
}
