//! One topic's listeners on a shard, and what they have not been sent yet.
//!
//! Writing to a member costs a system call whether it carries one message or twenty. So every
//! member has a place in the topic's run of frames, and a *lap* visits the members in turn and
//! gives each all that it lacks at that moment: what arrives while a lap is under way goes out
//! with the same write to everybody whom the lap has not reached.

use std::{collections::VecDeque, sync::Arc};

use bytes::{Bytes, BytesMut};
use carillon_protocol::Codec;

use super::delivery::Delivery;

/// A connection that listens: its slot in the shard, and the number of the next frame it lacks.
#[derive(Debug, Clone, Copy)]
struct Listener {
    slot: u32,
    next: u32,
}

/// A lap over the listeners, and the frames that somebody lacks. A topic that rests has none: most
/// topics do, and there are as many as people.
#[derive(Debug)]
struct Lap {
    frames: VecDeque<Arc<Delivery>>,
    /// Frames before this number were there when the lap began: after it, everybody has them.
    end: u32,
    /// Listeners still to visit.
    left: usize,
    joined: Option<Joined>,
}

/// The listeners of one topic.
#[derive(Debug, Default)]
pub struct Fanout {
    listeners: Vec<Listener>,
    lap: Option<Box<Lap>>,
    /// The number of the frame after the newest; numbers wrap around.
    end: u32,
    /// Whom the lap visits next.
    cursor: u32,
}

/// The newest `count` frames in one piece, remembered for the next listener.
#[derive(Debug)]
struct Joined {
    end: u32,
    count: usize,
    codec: Codec,
    bytes: Bytes,
}

/// What one listener lacks.
pub struct Run<'a> {
    lap: &'a mut Lap,
    end: u32,
    count: usize,
}

impl Run<'_> {
    /// The frames in order.
    pub fn frames(&self) -> impl Iterator<Item = &Arc<Delivery>> {
        self.lap.frames.range(self.lap.frames.len() - self.count..)
    }

    /// All of them as one piece.
    pub fn bytes(&mut self, codec: Codec) -> &Bytes {
        let lap = &mut *self.lap;
        if self.count == 1 {
            return lap.frames[lap.frames.len() - 1].frame(codec);
        }
        let wanted = (self.end, self.count, codec);
        let joined = lap.joined.take().filter(|have| (have.end, have.count, have.codec) == wanted);
        let joined = joined.unwrap_or_else(|| {
            let run = lap.frames.range(lap.frames.len() - self.count..);
            let mut bytes = BytesMut::new();
            run.for_each(|delivery| bytes.extend_from_slice(delivery.frame(codec)));
            Joined { end: self.end, count: self.count, codec, bytes: bytes.freeze() }
        });
        &lap.joined.insert(joined).bytes
    }
}

impl Fanout {
    /// Whether nobody listens.
    pub fn is_empty(&self) -> bool {
        self.listeners.is_empty()
    }

    /// How many frames somebody lacks.
    pub fn pending(&self) -> usize {
        self.lap.as_ref().map_or(0, |lap| lap.frames.len())
    }

    /// Whether a lap is under way.
    pub fn is_active(&self) -> bool {
        self.lap.is_some()
    }

    /// A connection listens from the next frame on.
    pub fn join(&mut self, slot: u32) {
        self.listeners.push(Listener { slot, next: self.end });
        if let Some(lap) = &mut self.lap {
            // It may stand between the lap and those whom the lap has not reached.
            lap.left += 1;
        }
    }

    /// A connection listens no more. The listener that takes its place in the list, and the one
    /// that goes, get what they lack now, so that the lap misses nobody.
    pub fn leave(&mut self, slot: u32, mut write: impl FnMut(u32, Run<'_>)) {
        let Some(place) = self.listeners.iter().position(|listener| listener.slot == slot) else {
            return;
        };
        let last = self.listeners.len() - 1;
        self.visit(place, &mut write);
        self.visit(last, &mut write);
        self.listeners.swap_remove(place);
        if let Some(lap) = &mut self.lap {
            lap.left = lap.left.min(self.listeners.len());
        }
        if self.listeners.is_empty() {
            self.lap = None;
        }
    }

    /// Takes a frame for everybody; the caller goes on with [`Fanout::step`] while it is active.
    pub fn push(&mut self, delivery: Arc<Delivery>) {
        self.end = self.end.wrapping_add(1);
        let (end, left) = (self.end, self.listeners.len());
        let begin = || Box::new(Lap { frames: VecDeque::new(), end, left, joined: None });
        self.lap.get_or_insert_with(begin).frames.push_back(delivery);
    }

    /// Writes to at most `budget` listeners and answers how many it wrote to.
    pub fn step(&mut self, budget: usize, mut write: impl FnMut(u32, Run<'_>)) -> usize {
        let mut written = 0;
        while written < budget {
            let Some(lap) = &mut self.lap else { break };
            if lap.left == 0 {
                self.end_lap();
                continue;
            }
            lap.left -= 1;
            if self.cursor as usize >= self.listeners.len() {
                self.cursor = 0;
            }
            written += usize::from(self.visit(self.cursor as usize, &mut write));
            self.cursor += 1;
        }
        written
    }

    /// Gives a listener what it lacks; answers whether that was anything.
    fn visit(&mut self, place: usize, write: &mut impl FnMut(u32, Run<'_>)) -> bool {
        let Some(lap) = &mut self.lap else { return false };
        let listener = &mut self.listeners[place];
        let count = self.end.wrapping_sub(listener.next) as usize;
        listener.next = self.end;
        if count > 0 {
            write(listener.slot, Run { lap, end: self.end, count });
        }
        count > 0
    }

    /// Forgets the frames that everybody has; begins another lap if there are newer ones.
    fn end_lap(&mut self) {
        let Some(lap) = &mut self.lap else { return };
        let newer = self.end.wrapping_sub(lap.end) as usize;
        if newer == 0 {
            self.lap = None;
            return;
        }
        lap.frames.drain(..lap.frames.len() - newer);
        lap.end = self.end;
        lap.left = self.listeners.len();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use carillon_protocol::{ConvId, Topic, event::Ephemeral, id::Ulid};
    use proptest::prelude::*;

    use super::*;

    fn numbered(number: usize) -> Arc<Delivery> {
        let eph = Ephemeral { k: number.to_string().into(), topic: None, data: Default::default() };
        Arc::new(Delivery::ephemeral(Topic::Conv(ConvId(Ulid(1))), eph))
    }

    fn numbers(run: &Run<'_>) -> Vec<usize> {
        run.frames().map(|frame| frame.ephemeral_kind().parse().unwrap()).collect()
    }

    #[derive(Debug, Clone)]
    enum Step {
        Join,
        Leave(usize),
        Push,
        Write(usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            2 => Just(Step::Join),
            1 => (0..20_usize).prop_map(Step::Leave),
            4 => Just(Step::Push),
            4 => (1..4_usize).prop_map(Step::Write),
        ];
        proptest::collection::vec(step, 1..200)
    }

    proptest! {
        #[test]
        fn everybody_gets_every_frame_since_joining_once_and_in_order(steps in steps()) {
            let mut fanout = Fanout::default();
            let mut got: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
            let mut due: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
            let (mut present, mut slots, mut frames) = (Vec::new(), 0, 0);
            for step in steps {
                match step {
                    Step::Join => {
                        fanout.join(slots);
                        present.push(slots);
                        slots += 1;
                    }
                    Step::Leave(place) if !present.is_empty() => {
                        let slot = present.remove(place % present.len());
                        fanout.leave(slot, |slot, run| {
                            got.entry(slot).or_default().extend(numbers(&run));
                        });
                    }
                    Step::Leave(_) => {}
                    Step::Push => {
                        fanout.push(numbered(frames));
                        present.iter().for_each(|slot| due.entry(*slot).or_default().push(frames));
                        frames += 1;
                    }
                    Step::Write(budget) => {
                        fanout.step(budget, |slot, run| {
                            got.entry(slot).or_default().extend(numbers(&run));
                        });
                    }
                }
            }
            while fanout.is_active() {
                fanout.step(7, |slot, run| got.entry(slot).or_default().extend(numbers(&run)));
            }
            prop_assert_eq!(got, due);
            prop_assert_eq!(fanout.pending(), 0);
        }
    }

    #[test]
    fn a_burst_during_a_lap_costs_one_write_more_for_those_already_visited() {
        let mut fanout = Fanout::default();
        (0..1000).for_each(|slot| fanout.join(slot));
        fanout.push(numbered(0));
        let mut writes = fanout.step(100, |_, _| {});
        (1..16).for_each(|number| fanout.push(numbered(number)));
        while fanout.is_active() {
            writes += fanout.step(100, |_, _| {});
        }
        assert_eq!(writes, 1100);
    }
}
