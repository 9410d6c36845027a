//! The log of a model server, and whatever can happen between it and the client.

use carillon_protocol::{ConvId, EventId, Json, frame::TopicPage, id::Ulid, msg};
use proptest::{collection::vec, prelude::*};

use super::*;

const ME: UserId = UserId(Ulid(1));
const ROOM: usize = 1_000;

fn topic(id: u128) -> Topic {
    Topic::Conv(ConvId(Ulid(id)))
}

fn event(topic: &Topic, seq: u64) -> Event {
    let k = if seq == 1 { conv::kind::CREATED } else { msg::kind::SENT };
    event_of(topic, seq, k, Json::default())
}

fn event_of(topic: &Topic, seq: u64, k: &str, data: Json) -> Event {
    let (k, id) = (k.into(), EventId(Ulid(u128::from(seq))));
    Event { topic: topic.clone(), seq, n: seq, k, id, by: ME, at: 0, cid: None, data }
}

fn page(topic: &Topic, head: u64, last: std::ops::RangeInclusive<u64>) -> ServerFrame {
    let last = last.map(|seq| event(topic, seq)).collect();
    let topic = topic.clone();
    ServerFrame::Page(vec![TopicPage { topic, head, n: head, read_seq: None, unread: None, last }])
}

fn ev(topic: &Topic, seq: u64) -> ServerFrame {
    ServerFrame::Ev(Box::new(event(topic, seq)))
}

fn synced(token: &str) -> ServerFrame {
    ServerFrame::Synced { sync: token.into() }
}

fn seqs(effects: &[Effect]) -> Vec<u64> {
    let seq = |effect: &Effect| match effect {
        Effect::Deliver(event) => Some(event.seq),
        _ => None,
    };
    effects.iter().filter_map(seq).collect()
}

fn reads(effects: &[Effect]) -> Vec<log::Read> {
    let read = |effect: &Effect| match effect {
        Effect::Read(read) => Some(read.clone()),
        _ => None,
    };
    effects.iter().filter_map(read).collect()
}

/// What `log.read` answers when the log has these events.
fn answer(log: &[Event], read: &log::Read) -> log::Page {
    let limit = read.limit.unwrap() as usize;
    let (before, after) = (read.before.unwrap_or(u64::MAX), read.after.unwrap_or(0));
    let within: Vec<_> = log.iter().filter(|e| e.seq > after && e.seq < before).cloned().collect();
    let more = within.len() > limit;
    let skip = if read.before.is_some() { within.len().saturating_sub(limit) } else { 0 };
    let events = within.into_iter().skip(skip).take(limit).collect();
    log::Page { events, head: log.last().map_or(0, |e| e.seq), more, floor: 1 }
}

/// A client that was in step at `head`.
fn at(topic: &Topic, head: u64) -> Sync {
    Sync::new(ME, Some("s0".into()), &HashMap::from([(topic.clone(), head)]))
}

#[test]
fn an_event_is_delivered_in_its_turn_and_once() {
    let t = topic(1);
    let mut sync = at(&t, 4);
    assert_eq!(seqs(&sync.apply(ev(&t, 5), 0, ROOM)), [5]);
    assert_eq!(seqs(&sync.apply(ev(&t, 5), 0, ROOM)), [0; 0]);
    assert_eq!(seqs(&sync.apply(ev(&t, 7), 0, ROOM)), [0; 0]);
    assert_eq!(seqs(&sync.apply(ev(&t, 6), 0, ROOM)), [6, 7]);
    assert_eq!(sync.due(ROOM), None);
}

#[test]
fn a_gap_is_read_from_the_log_after_half_a_second() {
    let t = topic(1);
    let mut sync = at(&t, 4);
    assert!(reads(&sync.apply(ev(&t, 7), 1_000, ROOM)).is_empty());
    assert_eq!(sync.due(ROOM), Some(1_500));
    assert!(reads(&sync.tick(1_499, ROOM)).is_empty());
    let read = reads(&sync.tick(1_500, ROOM));
    assert_eq!((read.len(), read[0].after), (1, Some(4)));
    assert!(reads(&sync.tick(9_999, ROOM)).is_empty(), "asked once");
}

#[test]
fn the_first_catch_up_is_history_and_later_ones_are_news() {
    let (t, new) = (topic(1), topic(2));
    let mut sync = Sync::new(ME, None, &HashMap::new());
    let effects = sync.apply(page(&t, 9, 8..=9), 0, ROOM);
    assert!(matches!(&effects[..], [Effect::Start(_, 9)]));
    assert!(matches!(&sync.apply(synced("s1"), 0, ROOM)[..], [Effect::Synced(_)]));
    assert_eq!(sync.token(), Some("s1"));
    assert!(matches!(&sync.apply(synced("s2"), 0, ROOM)[..], [Effect::InStep(_)]), "a heartbeat");
    assert_eq!(sync.token(), Some("s2"));
    sync.offline();
    // A conversation that began meanwhile: all of it, though the page shows its last event only.
    let read = reads(&sync.apply(page(&new, 3, 3..=3), 0, ROOM)).remove(0);
    assert_eq!((&read.topic, read.before), (&new, Some(INT_MAX)));
    let log: Vec<_> = (1..=3).map(|seq| event(&new, seq)).collect();
    let read = reads(&sync.read(&new, Read::Page(answer(&log, &read)), 0, ROOM)).remove(0);
    let effects = sync.read(&new, Read::Page(answer(&log, &read)), 0, ROOM);
    assert_eq!(seqs(&effects), [1, 2, 3]);
}

#[test]
fn the_story_of_a_group_begins_when_one_joins() {
    let t = topic(1);
    let added = Json::of(&conv::MembersChangedData { added: vec![ME], removed: vec![] });
    let joined = event_of(&t, 700, conv::kind::MEMBERS_CHANGED, added);
    let mut log: Vec<_> = (1..=1_000).map(|seq| event(&t, seq)).collect();
    log[699] = joined.clone();
    // Seen live: at once.
    let mut live = Sync::new(ME, Some("s".into()), &HashMap::new());
    let frame = ServerFrame::Ev(Box::new(joined));
    assert_eq!(seqs(&live.apply(frame, 0, ROOM)), [700]);
    // Long ago: looked for, then read from there on.
    let mut late = Sync::new(ME, Some("s".into()), &HashMap::new());
    let mut queue = reads(&late.apply(ev(&t, 1_000), 0, ROOM));
    let mut now = 0;
    let mut delivered = Vec::new();
    while let Some(read) = queue.pop().or_else(|| {
        now = late.due(ROOM)?;
        reads(&late.tick(now, ROOM)).pop()
    }) {
        let effects = late.read(&t, Read::Page(answer(&log, &read)), now, ROOM);
        delivered.extend(seqs(&effects));
        queue.extend(reads(&effects));
    }
    assert_eq!(delivered, (700..=1_000).collect::<Vec<_>>());
}

#[test]
fn what_the_log_does_not_show_is_passed_over() {
    let t = topic(1);
    let mut sync = at(&t, 4);
    sync.apply(ServerFrame::Dirty(vec![(t.clone(), 9)]), 0, ROOM);
    let shown = vec![event(&t, 6), event(&t, 8)];
    let shown = log::Page { events: shown, head: 8, more: false, floor: 6 };
    let effects = sync.read(&t, Read::Page(shown), 0, ROOM);
    assert_eq!(seqs(&effects), [6, 8]);
    assert!(matches!(effects.last(), Some(Effect::Repaired(_))));
    assert_eq!(seqs(&sync.apply(ev(&t, 10), 0, ROOM)), [10]);
}

#[test]
fn who_came_back_is_not_taken_for_gone() {
    let t = topic(1);
    let mut sync = at(&t, 4);
    sync.apply(ServerFrame::Dirty(vec![(t.clone(), 6)]), 0, ROOM);
    let changed = conv::MembersChangedData { added: vec![ME], removed: Vec::new() };
    let added = event_of(&t, 9, conv::kind::MEMBERS_CHANGED, Json::of(&changed));
    sync.apply(ServerFrame::Ev(Box::new(added)), 0, ROOM);
    // The answer to what was asked while this person was out.
    let effects = sync.read(&t, Read::Gone, 0, ROOM);
    assert!(matches!(&reads(&effects)[..], [again] if again.after == Some(4)), "{effects:?}");
    let events = (5..=8).map(|seq| event(&t, seq)).collect();
    let shown = log::Page { events, head: 9, more: true, floor: 1 };
    assert_eq!(seqs(&sync.read(&t, Read::Page(shown), 0, ROOM)), [5, 6, 7, 8, 9]);
}

#[test]
fn a_topic_that_one_may_not_read_any_more_holds_nothing_up() {
    let t = topic(1);
    let mut sync = at(&t, 4);
    sync.apply(ServerFrame::Dirty(vec![(t.clone(), 9)]), 0, ROOM);
    assert!(sync.apply(synced("s1"), 0, ROOM).is_empty());
    let effects = sync.read(&t, Read::Gone, 0, ROOM);
    assert!(matches!(&effects[..], [Effect::Forget(_), Effect::Synced(_)]));
}

#[test]
fn a_failed_read_is_tried_again_later() {
    let t = topic(1);
    let mut sync = at(&t, 4);
    sync.apply(ServerFrame::Dirty(vec![(t.clone(), 9)]), 0, ROOM);
    assert!(sync.read(&t, Read::Failed, 10, ROOM).is_empty());
    assert_eq!(sync.due(ROOM), Some(10 + READ_AGAIN_MS));
}

#[test]
fn a_token_is_kept_only_when_nothing_is_missing() {
    let t = topic(1);
    let mut sync = at(&t, 4);
    sync.apply(page(&t, 9, 9..=9), 0, ROOM);
    assert!(sync.apply(synced("s1"), 0, ROOM).is_empty());
    assert_eq!(sync.token(), Some("s0"));
    let log: Vec<_> = (1..=9).map(|seq| event(&t, seq)).collect();
    let read = log::Read { topic: t.clone(), after: Some(4), before: None, limit: Some(200) };
    let effects = sync.read(&t, Read::Page(answer(&log, &read)), 0, ROOM);
    assert_eq!(seqs(&effects), [5, 6, 7, 8, 9]);
    assert!(matches!(effects.last(), Some(Effect::Synced(token)) if token == "s1"));
}

#[test]
fn a_restored_backup_sets_the_position_back() {
    let t = topic(1);
    let mut sync = at(&t, 9);
    sync.forget_token();
    let effects = sync.apply(page(&t, 6, 6..=6), 0, ROOM);
    assert!(matches!(&effects[..], [Effect::Start(_, 6)]), "for the next run too");
    assert_eq!(seqs(&sync.apply(ev(&t, 7), 0, ROOM)), [7]);
}

#[test]
fn what_was_asked_or_heard_before_a_backup_was_restored_counts_no_more() {
    let t = topic(1);
    let mut sync = at(&t, 4);
    let old = reads(&sync.apply(ServerFrame::Dirty(vec![(t.clone(), 9)]), 0, ROOM)).remove(0);
    sync.apply(ev(&t, 12), 0, ROOM);
    sync.offline();
    sync.forget_token();
    assert!(sync.apply(page(&t, 6, 6..=6), 0, ROOM).is_empty());
    let log: Vec<_> = (1..=6).map(|seq| event(&t, seq)).collect();
    let again = reads(&sync.read(&t, Read::Page(answer(&log[..4], &old)), 0, ROOM)).remove(0);
    let effects = sync.read(&t, Read::Page(answer(&log, &again)), 0, ROOM);
    assert_eq!(seqs(&effects), [5, 6]);
    assert_eq!(seqs(&sync.apply(ev(&t, 7), 0, ROOM)), [7]);
}

#[test]
fn a_topic_that_a_whole_catch_up_does_not_name_begins_anew() {
    let (t, gone) = (Topic::User(ME), topic(2));
    let have = HashMap::from([(t.clone(), 5), (gone.clone(), 5), (topic(3), 5)]);
    let mut sync = Sync::new(ME, Some("s0".into()), &have);
    sync.forget_token();
    sync.apply(page(&topic(3), 5, 5..=5), 0, ROOM);
    let effects = sync.apply(synced("s1"), 0, ROOM);
    let forgotten = |t: &Topic| effects.iter().any(|e| matches!(e, Effect::Forget(f) if f == t));
    assert!(forgotten(&t) && forgotten(&gone) && !forgotten(&topic(3)));
    assert_eq!(seqs(&sync.apply(ev(&t, 1), 0, ROOM)), [1]);
    // With a token a catch-up names only what moved.
    sync.offline();
    sync.apply(synced("s2"), 0, ROOM);
    assert_eq!(seqs(&sync.apply(ev(&t, 2), 0, ROOM)), [2]);
}

/// What happens next between the server and the client.
#[derive(Debug, Clone)]
enum Step {
    /// The server appends to a topic and tells, or the news is lost on the way.
    Append { topic: u8, told: bool },
    /// An event comes (again), in any order.
    Repeat { topic: u8, back: u8 },
    /// Events were left out.
    Dirty { topic: u8 },
    /// The program takes so many events.
    Take(u8),
    /// Time passes.
    Wait(u16),
    /// The answer to a read of the log, or its failure.
    Answer { ok: bool },
    /// The connection is lost, and the next one catches up.
    Reconnect { last: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..3_u8, any::<bool>()).prop_map(|(topic, told)| Step::Append { topic, told }),
        2 => (0..3_u8, 0..20_u8).prop_map(|(topic, back)| Step::Repeat { topic, back }),
        1 => (0..3_u8).prop_map(|topic| Step::Dirty { topic }),
        2 => (0..250_u8).prop_map(Step::Take),
        2 => (0..2_000_u16).prop_map(Step::Wait),
        3 => any::<bool>().prop_map(|ok| Step::Answer { ok }),
        1 => (0..5_u8).prop_map(|last| Step::Reconnect { last }),
    ]
}

/// The client, the server's log and what travels between them.
struct World {
    sync: Sync,
    logs: Vec<Vec<Event>>,
    delivered: Vec<Vec<u64>>,
    reads: Vec<log::Read>,
    room: usize,
    now: u64,
}

impl World {
    fn new(room: usize) -> World {
        let have = (0..3).map(|id| (topic(id), 0)).collect();
        let sync = Sync::new(ME, Some("s0".into()), &have);
        let (logs, delivered) = (vec![Vec::new(); 3], vec![Vec::new(); 3]);
        World { sync, logs, delivered, reads: Vec::new(), room, now: 0 }
    }

    fn frame(&mut self, frame: ServerFrame) {
        let effects = self.sync.apply(frame, self.now, self.room);
        self.effects(effects);
    }

    fn effects(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Deliver(event) => {
                    let at = (0..3).position(|id| topic(id) == event.topic).unwrap();
                    self.delivered[at].push(event.seq);
                    self.room = self.room.checked_sub(1).expect("no more than there is room for");
                }
                Effect::Read(read) => self.reads.push(read),
                Effect::Synced(_) | Effect::InStep(_) | Effect::Repaired(_) => self.room -= 1,
                Effect::Start(..) | Effect::Forget(_) => panic!("every topic is known"),
            }
        }
        assert!(self.reads.len() <= READS_MAX);
        assert!(self.sync.early_total <= EARLY_TOTAL_MAX + 1);
        let early: usize = self.sync.topics.values().map(|held| held.early.len()).sum();
        assert_eq!(early, self.sync.early_total);
    }

    fn answer(&mut self, ok: bool) {
        let Some(read) = self.reads.pop() else { return };
        let at = (0..3).position(|id| topic(id) == read.topic).unwrap();
        let result = if ok { Read::Page(answer(&self.logs[at], &read)) } else { Read::Failed };
        let effects = self.sync.read(&read.topic, result, self.now, self.room);
        self.effects(effects);
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Append { topic: at, told } => {
                let log = &mut self.logs[usize::from(at)];
                let new = event(&topic(at.into()), log.len() as u64 + 1);
                log.push(new.clone());
                if told {
                    self.frame(ServerFrame::Ev(Box::new(new)));
                }
            }
            Step::Repeat { topic, back } => {
                let log = &self.logs[usize::from(topic)];
                let again = log.len().checked_sub(1 + usize::from(back));
                if let Some(again) = again.map(|at| log[at].clone()) {
                    self.frame(ServerFrame::Ev(Box::new(again)));
                }
            }
            Step::Dirty { topic: at } => {
                let head = self.logs[usize::from(at)].len() as u64;
                self.frame(ServerFrame::Dirty(vec![(topic(at.into()), head)]));
            }
            Step::Take(n) => self.room = (self.room + usize::from(n)).min(ROOM),
            Step::Wait(ms) => {
                self.now += u64::from(ms);
                let effects = self.sync.tick(self.now, self.room);
                self.effects(effects);
            }
            Step::Answer { ok } => self.answer(ok),
            Step::Reconnect { last } => self.reconnect(last.into()),
        }
    }

    fn reconnect(&mut self, last: u64) {
        self.sync.offline();
        for id in 0..3 {
            let head = self.logs[id].len() as u64;
            let from = head.saturating_sub(last) + 1;
            self.frame(page(&topic(id as u128), head, from..=head));
        }
        self.frame(synced("s"));
    }
}

proptest! {
    #[test]
    fn whatever_happens_each_topic_is_delivered_whole_in_order_and_once(
        steps in vec(step(), 0..400),
        room in 0..500_usize,
    ) {
        let mut world = World::new(room);
        for step in steps {
            world.run(step);
            for delivered in &world.delivered {
                prop_assert!(delivered.iter().copied().eq(1..=delivered.len() as u64));
            }
        }
        // In the end the connection holds and the program takes what comes.
        world.room = ROOM;
        world.reconnect(1);
        while world.sync.due(ROOM).is_some() || !world.reads.is_empty() {
            world.room = ROOM;
            world.answer(true);
            world.run(Step::Wait(5_000));
        }
        let heads: Vec<_> = world.logs.iter().map(Vec::len).collect();
        let delivered: Vec<_> = world.delivered.iter().map(Vec::len).collect();
        prop_assert_eq!(heads, delivered);
        prop_assert_eq!(world.sync.token(), Some("s"));
        prop_assert_eq!(world.sync.early_total, 0);
    }
}
