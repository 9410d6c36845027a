//! The outbox against a server that loses, refuses and delays.

use carillon_protocol::id::Ulid;
use proptest::{collection::vec, prelude::*};

use super::*;

fn entry(cid: u128, conv: u128) -> Entry {
    let body = msg::Body::Text { text: cid.to_string(), mentions: vec![] };
    let send = msg::Send { conv: ConvId(Ulid(conv)), body, reply_to: None, everybody: false };
    Entry { cid: Cid(Ulid(cid)), send }
}

fn next(outbox: &mut Outbox, now: u64) -> Option<(u128, Option<u128>)> {
    outbox.next(now).map(|out| (out.cid.0.0, out.prev.map(|prev| prev.0.0)))
}

#[test]
fn a_message_is_sent_once_it_is_on_disk_and_names_the_one_before() {
    let mut outbox = Outbox::default();
    outbox.push(entry(1, 9));
    outbox.push(entry(2, 9));
    assert_eq!(next(&mut outbox, 0), None);
    outbox.saved(Cid(Ulid(2)));
    assert_eq!(next(&mut outbox, 0), None, "the first one is not saved yet");
    outbox.saved(Cid(Ulid(1)));
    assert_eq!(next(&mut outbox, 0), Some((1, None)));
    assert_eq!(next(&mut outbox, 0), Some((2, Some(1))));
    assert_eq!(next(&mut outbox, 0), None);
}

#[test]
fn a_message_that_waits_holds_up_its_conversation_and_no_other() {
    let mut outbox = Outbox::restore(vec![entry(1, 8), entry(2, 8), entry(3, 9)]);
    assert_eq!(next(&mut outbox, 0), Some((1, None)));
    outbox.again(Cid(Ulid(1)), 100);
    assert_eq!(next(&mut outbox, 99), Some((3, None)));
    assert_eq!((next(&mut outbox, 99), outbox.due(99)), (None, Some(100)));
    assert_eq!(next(&mut outbox, 100), Some((1, None)));
}

#[test]
fn few_messages_travel_at_once() {
    let mut outbox = Outbox::restore((1..100).map(|cid| entry(cid, 9)).collect());
    assert_eq!(std::iter::from_fn(|| next(&mut outbox, 0)).count(), IN_FLIGHT_MAX);
    outbox.answered(Cid(Ulid(1)));
    assert_eq!(next(&mut outbox, 0), Some((9, Some(8))));
}

#[test]
fn conversations_take_turns() {
    let entries = (1..=100).map(|cid| entry(cid, 8)).chain([entry(101, 7), entry(102, 9)]);
    let mut outbox = Outbox::restore(entries.collect());
    let mut first: Vec<_> = std::iter::from_fn(|| next(&mut outbox, 0)).take(4).collect();
    first.sort();
    assert_eq!(first, [(1, None), (2, Some(1)), (101, None), (102, None)]);
}

#[test]
fn a_server_that_keeps_missing_the_message_before_is_not_asked_in_a_tight_loop() {
    let mut outbox = Outbox::restore(vec![entry(1, 9)]);
    for _ in 0..PREV_MISSING_MAX {
        assert!(next(&mut outbox, 0).is_some());
        outbox.prev_missing(Cid(Ulid(1)), 0);
    }
    assert!(next(&mut outbox, 0).is_some());
    outbox.prev_missing(Cid(Ulid(1)), 0);
    assert_eq!((next(&mut outbox, 0), outbox.due(0)), (None, Some(PREV_MISSING_MS)));
}

/// What the server does with the next message that arrives.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Commit,
    /// Committed, and the connection is lost before the answer.
    CommitAndCut,
    Cut,
    Refuse,
    Busy,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        6 => Just(Fate::Commit),
        1 => Just(Fate::CommitAndCut),
        1 => Just(Fate::Cut),
        1 => Just(Fate::Refuse),
        2 => Just(Fate::Busy),
    ]
}

proptest! {
    #[test]
    fn each_message_that_is_not_refused_is_committed_once_and_in_order(
        convs in vec(0..3_u128, 1..60),
        fates in vec(fate(), 0..200),
    ) {
        let entries: Vec<_> = convs.iter().zip(1..).map(|(conv, cid)| entry(cid, *conv)).collect();
        let mut outbox = Outbox::restore(entries.clone());
        let (mut log, mut refused) = (Vec::<Cid>::new(), Vec::new());
        let mut travelling = VecDeque::new();
        let mut fates = fates.into_iter();
        let mut now = 0;
        while outbox.len() > 0 {
            now += 10;
            travelling.extend(std::iter::from_fn(|| outbox.next(now)));
            // The server answers the oldest: calls on a conversation run in their order.
            let Some(out) = travelling.pop_front() else { continue };
            let fate = fates.next().unwrap_or(Fate::Commit);
            if matches!(fate, Fate::Cut) {
                outbox.offline();
                travelling.clear();
                continue;
            }
            if !log.contains(&out.cid) {
                if out.prev.is_some_and(|prev| !log.contains(&prev)) {
                    outbox.prev_missing(out.cid, now);
                    continue;
                }
                match fate {
                    Fate::Busy => {
                        outbox.again(out.cid, now + 50);
                        continue;
                    }
                    Fate::Refuse => {
                        refused.push(out.cid);
                        outbox.answered(out.cid);
                        continue;
                    }
                    _ => log.push(out.cid),
                }
            }
            match fate {
                Fate::CommitAndCut => {
                    outbox.offline();
                    travelling.clear();
                }
                _ => outbox.answered(out.cid),
            }
        }
        prop_assert_eq!(outbox.in_flight, 0);
        for conv in 0..3 {
            let of = |cid: &Cid| convs[usize::try_from(cid.0.0).unwrap() - 1] == conv;
            let committed: Vec<_> = log.iter().copied().filter(of).collect();
            let all = entries.iter().map(|entry| entry.cid).filter(of);
            let wanted: Vec<_> = all.filter(|cid| !refused.contains(cid)).collect();
            prop_assert_eq!(committed, wanted);
        }
    }
}
