//! What a slow reader has not taken yet, within its bounds.
//!
//! Nothing is allocated for a connection whose socket takes everything at once. Memory grows with
//! topics, not with messages: above half, the events of a topic become one `dirty` entry.

use std::{collections::VecDeque, io::IoSlice, sync::Arc};

use bytes::{Buf, Bytes, BytesMut};
use carillon_protocol::{Codec, Topic, frame};
use smallvec::SmallVec;

use super::delivery::framed;

/// The most bytes that wait for one reader; the kernel holds 64 KiB more.
pub const OUTBOX_LEN_MAX: usize = 256 * 1024;
/// The most frames that wait for one reader: small ones cost more than their bytes.
pub const OUTBOX_FRAMES_MAX: usize = 1024;
/// How many slices one `writev` takes.
const SLICES_MAX: usize = 64;

/// What a queued frame is, as far as it matters for leaving it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A durable event: the reader can fetch it from the log.
    Event {
        /// Where.
        topic: Topic,
        /// Its position.
        seq: u64,
    },
    /// Something that matters only now.
    Ephemeral {
        /// What.
        k: Arc<str>,
        /// Where.
        topic: Option<Topic>,
    },
    /// An answer or a part of the catch-up: never left out.
    Must,
}

/// The reader is too slow even for what must not be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overflow;

/// What became of a frame for which there is a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// The reader gets it, or something newer that says the same, or that its topic is dirty.
    Kept,
    /// It mattered only then, and the reader never hears of it.
    LeftOut,
}

/// A bounded queue of frames, each one a complete WebSocket frame.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Records of TLS that the socket has not taken: nothing goes before them.
    records: BytesMut,
    queue: VecDeque<(Bytes, Kind)>,
    /// Bytes of the records and the queue that are not written.
    len: usize,
    /// Bytes of the front frame that are written, or in records: it must be finished.
    written: usize,
    /// Topics of which events were left out, with their heads.
    dirty: Vec<(Topic, u64)>,
}

impl Outbox {
    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.has_no_frames() && self.dirty.is_empty() && self.records.is_empty()
    }

    /// Whether no frame waits.
    pub fn has_no_frames(&self) -> bool {
        self.queue.is_empty()
    }

    /// The records to write before anything else.
    pub fn records(&self) -> &[u8] {
        &self.records
    }

    /// Adds records to those that wait.
    pub fn push_records(&mut self, records: &[u8]) {
        self.len += records.len();
        self.records.extend_from_slice(records);
    }

    /// The socket took so many bytes of the records.
    pub fn advance_records(&mut self, count: usize) {
        self.len -= count;
        self.records.advance(count);
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.len
    }

    /// Queues the rest of a frame of which the socket took the first `written` bytes.
    pub fn push_rest(&mut self, frame: Bytes, written: usize, kind: Kind) {
        debug_assert!(self.queue.is_empty(), "only the front can be half written");
        self.len += frame.len() - written;
        self.written = written;
        self.queue.push_back((frame, kind));
    }

    /// Queues one of the two frames that end a connection, of which the socket took the first
    /// `written` bytes: there is always room for them.
    pub fn push_last(&mut self, frame: Bytes, written: usize) {
        if self.queue.is_empty() {
            return self.push_rest(frame, written, Kind::Must);
        }
        self.len += frame.len();
        self.queue.push_back((frame, Kind::Must));
    }

    /// Queues a frame, or leaves it out as far as its kind allows.
    ///
    /// # Errors
    /// [`Overflow`] if it must not be left out and there is no room; `dirty_ok` tells whether the
    /// client understands `dirty`.
    pub fn push(&mut self, frame: Bytes, kind: Kind, dirty_ok: bool) -> Result<Pushed, Overflow> {
        match &kind {
            Kind::Ephemeral { .. } if self.fill() > 25 => {
                self.forget(|other| *other == kind);
                if self.is_full(frame.len()) {
                    return Ok(Pushed::LeftOut);
                }
            }
            Kind::Event { topic, seq } => {
                if let Some((_, head)) = self.dirty.iter_mut().find(|(dirty, _)| dirty == topic) {
                    *head = (*head).max(*seq);
                    return Ok(Pushed::Kept);
                }
                if dirty_ok && (self.fill() > 50 || self.is_full(frame.len())) {
                    let (topic, seq) = (topic.clone(), *seq);
                    self.forget(|k| matches!(k, Kind::Event { topic: t, .. } if *t == topic));
                    self.dirty.push((topic, seq));
                    return Ok(Pushed::Kept);
                }
            }
            _ => {}
        }
        if self.is_full(frame.len()) {
            return Err(Overflow);
        }
        self.len += frame.len();
        self.queue.push_back((frame, kind));
        Ok(Pushed::Kept)
    }

    /// How full it is, in per cent.
    fn fill(&self) -> usize {
        (self.len * 100 / OUTBOX_LEN_MAX).max(self.queue.len() * 100 / OUTBOX_FRAMES_MAX)
    }

    fn is_full(&self, more: usize) -> bool {
        self.len + more > OUTBOX_LEN_MAX || self.queue.len() >= OUTBOX_FRAMES_MAX
    }

    /// Drops queued frames of a kind, except a front one that is half written.
    fn forget(&mut self, drop: impl Fn(&Kind) -> bool) {
        let mut place = 0;
        let half_written = self.written > 0;
        let len = &mut self.len;
        self.queue.retain(|(frame, kind)| {
            let keep = (place == 0 && half_written) || !drop(kind);
            place += 1;
            if !keep {
                *len -= frame.len();
            }
            keep
        });
    }

    /// The bytes to write next; a `dirty` frame is made when all that was queued before it is out.
    pub fn slices(&mut self, codec: Codec) -> SmallVec<[IoSlice<'_>; 8]> {
        if self.queue.is_empty() && !self.dirty.is_empty() {
            let topics = std::mem::take(&mut self.dirty);
            let frame = framed(codec, &frame::server::dirty(codec, &topics));
            self.len = frame.len();
            self.queue.push_back((frame, Kind::Must));
        }
        let mut skip = self.written;
        let frames = self.queue.iter().take(SLICES_MAX);
        frames.map(|(frame, _)| IoSlice::new(&frame[std::mem::take(&mut skip)..])).collect()
    }

    /// The socket took so many bytes.
    pub fn advance(&mut self, mut count: usize) {
        self.len -= count;
        while count > 0 {
            let left = self.queue.front().expect("no more is taken than was given").0.len();
            let left = left - self.written;
            if count < left {
                self.written += count;
                return;
            }
            count -= left;
            self.written = 0;
            self.queue.pop_front();
        }
    }

    /// Drops all but a half written front frame: the connection is about to end.
    pub fn clear(&mut self) {
        self.dirty.clear();
        self.forget(|_| true);
    }

    /// Takes out what was held back during a catch-up: frames in order, without the events that
    /// `sent` covers, and the topics of which events were left out.
    pub fn release(
        self,
        sent: impl Fn(&Topic) -> u64,
    ) -> (impl Iterator<Item = (Bytes, Kind)>, Vec<(Topic, u64)>) {
        let known = move |topic: &Topic, seq: u64| seq <= sent(topic);
        let dirty = self.dirty.into_iter().filter(|(topic, head)| !known(topic, *head)).collect();
        let frames = self.queue.into_iter().filter(
            move |(_, kind)| !matches!(kind, Kind::Event { topic, seq } if known(topic, *seq)),
        );
        (frames.collect::<Vec<_>>().into_iter(), dirty)
    }

    /// Marks topics as dirty.
    pub fn mark_dirty(&mut self, topics: Vec<(Topic, u64)>) {
        self.dirty.extend(topics);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use carillon_protocol::{ConvId, id::Ulid};

    fn topic(number: u128) -> Topic {
        Topic::Conv(ConvId(Ulid(number)))
    }

    fn event(number: u128, seq: u64) -> Kind {
        Kind::Event { topic: topic(number), seq }
    }

    fn frame(len: usize) -> Bytes {
        Bytes::from(vec![7; len])
    }

    #[test]
    fn above_a_quarter_only_the_last_ephemeral_frame_of_each_kind_is_kept() {
        let mut outbox = Outbox::default();
        outbox.push(frame(OUTBOX_LEN_MAX / 3), Kind::Must, true).unwrap();
        for _ in 0..100 {
            for k in ["typing", "receipts"] {
                let kind = Kind::Ephemeral { k: k.into(), topic: Some(topic(1)) };
                outbox.push(frame(100), kind, true).unwrap();
            }
        }
        assert_eq!(outbox.queue.len(), 3);
    }

    #[test]
    fn whoever_is_left_without_an_ephemeral_frame_is_known() {
        let mut outbox = Outbox::default();
        let typing = Kind::Ephemeral { k: "typing".into(), topic: Some(topic(1)) };
        outbox.push(frame(OUTBOX_LEN_MAX - 20), Kind::Must, true).unwrap();
        assert_eq!(outbox.push(frame(15), typing.clone(), true), Ok(Pushed::Kept));
        assert_eq!(outbox.push(frame(15), typing, true), Ok(Pushed::Kept), "the newer one");
        let read = Kind::Ephemeral { k: "read".into(), topic: Some(topic(1)) };
        assert_eq!(outbox.push(frame(15), read, true), Ok(Pushed::LeftOut));
    }

    #[test]
    fn above_half_the_events_of_a_topic_become_one_dirty_entry() {
        let mut outbox = Outbox::default();
        outbox.push(frame(OUTBOX_LEN_MAX / 2), event(1, 1), true).unwrap();
        outbox.push(frame(OUTBOX_LEN_MAX / 50), event(2, 1), true).unwrap();
        for seq in 2..10_000 {
            outbox.push(frame(1000), event(1, seq), true).unwrap();
        }
        assert_eq!(outbox.dirty, [(topic(1), 9_999)]);
        assert_eq!(outbox.queue.len(), 1, "the other topic's event is still there");
        assert!(outbox.len() <= OUTBOX_LEN_MAX);
    }

    #[test]
    fn the_dirty_frame_comes_after_what_was_queued_and_later_events_flow_again() {
        let mut outbox = Outbox::default();
        outbox.push(frame(OUTBOX_LEN_MAX * 6 / 10), Kind::Must, true).unwrap();
        outbox.push(frame(10), event(1, 5), true).unwrap();
        outbox.advance(OUTBOX_LEN_MAX * 6 / 10);
        let text: Vec<u8> =
            outbox.slices(Codec::Json).iter().flat_map(|slice| slice.to_vec()).collect();
        assert!(String::from_utf8_lossy(&text).contains("\"dirty\""));
        outbox.advance(text.len());
        assert!(outbox.is_empty());
        outbox.push(frame(10), event(1, 6), true).unwrap();
        assert_eq!(outbox.queue.len(), 1);
    }

    #[test]
    fn a_reader_without_dirty_overflows_at_the_bound() {
        let mut outbox = Outbox::default();
        let pushed = (1..).take_while(|&n| outbox.push(frame(1000), event(1, n), false).is_ok());
        assert_eq!(pushed.count(), OUTBOX_LEN_MAX / 1000);
    }

    #[test]
    fn a_half_written_frame_is_finished_whatever_is_left_out() {
        let mut outbox = Outbox::default();
        outbox.push_rest(frame(1000), 400, event(1, 1));
        outbox.push(frame(OUTBOX_LEN_MAX / 2), Kind::Must, true).unwrap();
        outbox.push(frame(10), event(1, 2), true).unwrap();
        assert_eq!(outbox.slices(Codec::Json)[0].len(), 600);
        outbox.clear();
        assert_eq!(outbox.len(), 600);
    }

    #[test]
    fn records_of_tls_count_like_frames_and_are_never_left_out() {
        let mut outbox = Outbox::default();
        outbox.push_records(&[7; OUTBOX_LEN_MAX / 2]);
        assert!(outbox.has_no_frames() && !outbox.is_empty());
        outbox.push(frame(OUTBOX_LEN_MAX / 2), Kind::Must, false).unwrap();
        assert_eq!(outbox.push(frame(1), Kind::Must, false), Err(Overflow));
        outbox.clear();
        assert_eq!(
            (outbox.len(), outbox.records().len()),
            (OUTBOX_LEN_MAX / 2, OUTBOX_LEN_MAX / 2)
        );
        outbox.advance_records(OUTBOX_LEN_MAX / 2);
        assert!(outbox.is_empty());
    }

    #[test]
    fn releasing_leaves_out_what_the_catch_up_sent() {
        let mut held = Outbox::default();
        for seq in 1..=4 {
            held.push(frame(10), event(1, seq), true).unwrap();
        }
        let (frames, dirty) = held.release(|_| 2);
        let seqs: Vec<_> = frames.map(|(_, kind)| kind).collect();
        assert_eq!(seqs, [event(1, 3), event(1, 4)]);
        assert!(dirty.is_empty());
    }
}
