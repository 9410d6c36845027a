//! One slot shows now this stream, now that one, and a decoder sees a single one: sequence
//! numbers, timestamps and VP8 picture ids go on where they were.
//!
//! Times are durations since any fixed moment.

use std::time::Duration;

/// How far packets may come late, and jump ahead, in packets: two seconds of a large picture. What
/// is older is of no use to a decoder; what jumps further is taken for a new stream, because a
/// receiver of SRTP loses count after jumps of 2^15.
const REACH: u64 = 1_024;
/// The longest pause that timestamps show: after a longer one nobody needs to know how long.
const PAUSE_MAX: Duration = Duration::from_secs(3_600);

/// The ids in the payload descriptor of VP8 (RFC 7741). Whatever a packet does not have is 0 here,
/// and of no meaning in what comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Vp8Ids {
    /// The picture, 15 bits.
    pub picture: u16,
    /// The count of pictures in the lowest temporal layer.
    pub tl0: u8,
}

/// A packet that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct In {
    /// Its sequence number, with the rounds it has made.
    pub seq: u64,
    /// Its timestamp.
    pub ts: u32,
    /// How many of these go by in a second.
    pub clock_rate: u32,
    /// When it arrived.
    pub at: Duration,
    /// Its ids, if it is VP8 and has a picture id.
    pub vp8: Option<Vp8Ids>,
}

/// The numbers that a packet is sent on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Out {
    /// The sequence number, with the rounds it has made.
    pub seq: u64,
    /// The timestamp.
    pub ts: u32,
    /// The ids, if the packet had some.
    pub vp8: Option<Vp8Ids>,
}

/// Numbers the packets of one slot.
#[derive(Debug)]
pub struct Munger {
    /// What the next stream begins with.
    next: Vp8Ids,
    /// The timestamp of the newest packet sent; at first, the one to begin with.
    ts: u32,
    /// When the first packet with that timestamp was sent.
    at: Option<Duration>,
    sent: Sent,
    stream: Option<Stream>,
}

/// The stream that is shown.
#[derive(Debug)]
struct Stream {
    /// Its first sequence number: what is older belongs before the switch.
    first: u64,
    /// The newest sequence number that arrived.
    newest: u64,
    /// What is taken off its numbers.
    off: Off,
}

/// Differences between two streams.
#[derive(Debug, Clone, Copy)]
struct Off {
    seq: u64,
    ts: u32,
    picture: u16,
    tl0: u8,
}

impl Munger {
    /// A slot whose first packet has these numbers.
    pub fn new(seq: u64, ts: u32, vp8: Vp8Ids) -> Munger {
        let sent = Sent { next: seq, bits: [0; SENT_WORDS] };
        Munger { next: vp8, ts, at: None, sent, stream: None }
    }

    /// The next packet is of another stream: it follows what was sent last.
    pub fn switch(&mut self) {
        self.stream = None;
    }

    /// What a packet of the stream is sent on with. `None` if it must not be sent: it is older than
    /// the switch or much too late, or its number was used before. Using one twice for two payloads
    /// would give away the key that encrypts them.
    pub fn forward(&mut self, packet: &In) -> Option<Out> {
        let known = self.stream.as_ref();
        if known.is_none_or(|stream| packet.seq > stream.newest.saturating_add(REACH)) {
            self.begin(packet);
        }
        let stream = self.stream.as_mut().filter(|stream| stream.first <= packet.seq)?;
        let off = stream.off;
        let out = Out {
            seq: packet.seq.wrapping_sub(off.seq),
            ts: packet.ts.wrapping_sub(off.ts),
            vp8: packet.vp8.map(|ids| Vp8Ids {
                picture: ids.picture.wrapping_sub(off.picture) & PICTURE_MASK,
                tl0: ids.tl0.wrapping_sub(off.tl0),
            }),
        };
        let newest = out.seq >= self.sent.next;
        if !self.sent.first_time(out.seq) {
            return None;
        }
        stream.newest = stream.newest.max(packet.seq);
        if newest {
            self.newest_is(out, packet.at);
        }
        Some(out)
    }

    fn begin(&mut self, packet: &In) {
        let ts = self.at.map_or(self.ts, |at| {
            let passed = packet.at.saturating_sub(at).min(PAUSE_MAX);
            let ticks = passed.as_micros() * u128::from(packet.clock_rate) / 1_000_000;
            self.ts.wrapping_add((ticks as u32).max(1))
        });
        let ids = packet.vp8.unwrap_or_default();
        let off = Off {
            seq: packet.seq.wrapping_sub(self.sent.next),
            ts: packet.ts.wrapping_sub(ts),
            picture: ids.picture.wrapping_sub(self.next.picture),
            tl0: ids.tl0.wrapping_sub(self.next.tl0),
        };
        self.stream = Some(Stream { first: packet.seq, newest: packet.seq, off });
    }

    fn newest_is(&mut self, out: Out, at: Duration) {
        // The packets of a large picture come spread over time: its time is that of the first.
        if self.at.is_none() || out.ts != self.ts {
            self.at = Some(at);
            self.ts = out.ts;
        }
        if let Some(ids) = out.vp8 {
            let picture = ids.picture.wrapping_add(1) & PICTURE_MASK;
            self.next = Vp8Ids { picture, tl0: ids.tl0.wrapping_add(1) };
        }
    }
}

const PICTURE_MASK: u16 = 0x7fff;

const SENT_WORDS: usize = REACH as usize / 64;

/// Which of the last sequence numbers were used.
#[derive(Debug)]
struct Sent {
    /// The one after the highest.
    next: u64,
    bits: [u64; SENT_WORDS],
}

impl Sent {
    /// Marks a number; whether it was not used before, as far as one remembers.
    fn first_time(&mut self, seq: u64) -> bool {
        if seq >= self.next {
            let skipped = (seq - self.next).min(REACH);
            (0..=skipped).for_each(|back| self.set(seq - back, false));
            self.next = seq + 1;
        } else if self.next - seq > REACH || self.is_set(seq) {
            return false;
        }
        self.set(seq, true);
        true
    }

    fn is_set(&self, seq: u64) -> bool {
        let place = seq % REACH;
        self.bits[place as usize / 64] & (1 << (place % 64)) != 0
    }

    fn set(&mut self, seq: u64, used: bool) {
        let place = seq % REACH;
        let bit = 1 << (place % 64);
        let word = &mut self.bits[place as usize / 64];
        *word = if used { *word | bit } else { *word & !bit };
    }
}

#[cfg(test)]
mod tests;
