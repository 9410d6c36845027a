//! The checker passes what is right and finds what is wrong, by the sentence that says it.

mod model;

use proptest::{prelude::*, sample::Index};

use carillon_protocol::{EventId, id::Ulid};

use crate::{
    dump::Logged,
    history::{Record, Via},
};

use self::model::{Bug, run};
use super::{Device, Matter, Verdict, check};

const STEPS: u32 = 200;

fn broken_by(bug: Bug) -> Verdict {
    let (devices, log) = run(7, STEPS, Some(bug));
    check(&devices, log)
}

/// Some sentence of this matter has these words.
fn says(verdict: &Verdict, matter: Matter, words: &str) {
    let of_matter = verdict.faults.iter().filter(|fault| fault.matter == matter);
    let said = of_matter.clone().any(|fault| fault.sentence.contains(words));
    assert!(said, "nothing of {matter:?} says \"{words}\":\n{verdict}");
}

#[test]
fn a_run_that_kept_every_promise_is_told_so() {
    let (devices, log) = run(7, STEPS, None);
    let verdict = check(&devices, log);
    assert!(verdict.is_good(), "{verdict}");
    assert!(verdict.acknowledged > 50 && verdict.unknown > 0 && verdict.received > 500);
    assert!(verdict.to_string().contains("every promise was kept"));
}

#[test]
fn what_was_acknowledged_before_it_was_committed_is_missed() {
    says(&broken_by(Bug::AckBeforeCommit), Matter::Lost, "was acknowledged with position");
}

#[test]
fn a_gap_that_nobody_filled_is_found() {
    says(&broken_by(Bug::SkippedFill), Matter::Gap, "never got");
}

#[test]
fn a_position_that_was_used_twice_is_found() {
    says(&broken_by(Bug::ReusedSeq), Matter::Position, "is used twice");
}

#[test]
fn who_left_and_is_told_all_the_same_is_found() {
    says(&broken_by(Bug::DeliveryToLeft), Matter::Stranger, "may not see");
}

#[test]
fn a_message_that_was_committed_twice_is_found() {
    says(&broken_by(Bug::DoubledMessage), Matter::Doubled, "is in the log twice");
}

#[test]
fn a_stream_that_goes_back_is_found() {
    says(&broken_by(Bug::Reorder), Matter::Order, "live, on one connection");
}

#[test]
fn a_word_of_another_organisation_is_found() {
    let (mut devices, log) = run(7, STEPS, None);
    devices[3].records.push(Record::Canary { at: 0, word: "canary-amber".into() });
    says(&check(&devices, log), Matter::Stranger, "canary-amber");
}

#[test]
fn who_could_not_come_back_is_missed() {
    let (mut devices, log) = run(7, STEPS, None);
    let records = &mut devices[3].records;
    let last = records.iter().rposition(|record| matches!(record, Record::Synced { .. }));
    records.remove(last.unwrap());
    says(&check(&devices, log), Matter::Stalled, "could not ask for everything");
}

#[test]
fn what_came_only_at_the_end_is_found() {
    let (mut devices, log) = run(7, STEPS, None);
    let records = &mut devices[3].records;
    // Nothing at all is heard before.
    let last = records.iter().position(|record| matches!(record, Record::Final { .. })).unwrap();
    let quiet = records.drain(1..last).filter(|record| !matches!(record, Record::Ev { .. }));
    let quiet: Vec<Record> = quiet.collect();
    records.splice(1..1, quiet);
    // And everything is read then.
    let all: Vec<Record> = devices[2].records.clone();
    let late = all.into_iter().filter(|record| matches!(record, Record::Ev { via: Via::Page, .. }));
    let end = devices[3].records.len();
    devices[3].records.splice(end..end, late);
    says(&check(&devices, log), Matter::Stalled, "only when it asked for everything anew");
}

/// One thing that is wrong with a clean run, anywhere; what must be said of it.
#[derive(Debug, Clone, Copy)]
enum Corruption {
    WrongSeq,
    WrongId,
    Unheard,
    HeardTwice,
    Swapped,
    Stranger,
    OtherText,
    Uncommitted,
    CommittedTwice,
}

fn corruptions() -> impl Strategy<Value = Corruption> {
    use Corruption::*;
    prop::sample::select(vec![
        WrongSeq,
        WrongId,
        Unheard,
        HeardTwice,
        Swapped,
        Stranger,
        OtherText,
        Uncommitted,
        CommittedTwice,
    ])
}

/// The places of all records of which this is true.
fn places(devices: &[Device], is: impl Fn(&Record) -> bool) -> Vec<(usize, usize)> {
    let all = devices.iter().enumerate();
    all.flat_map(|(device, it)| (0..it.records.len()).map(move |at| (device, at)))
        .filter(|&(device, at)| is(&devices[device].records[at]))
        .collect()
}

/// Makes one thing wrong; what the checker must find, or nothing if there is no place for it.
fn corrupt(
    devices: &mut [Device],
    log: &mut Vec<Logged>,
    corruption: Corruption,
    at: Index,
) -> Option<Matter> {
    let pick = |places: Vec<(usize, usize)>| (!places.is_empty()).then(|| *at.get(&places));
    let ok = |record: &Record| matches!(record, Record::Ok { .. });
    let ev = |record: &Record| matches!(record, Record::Ev { .. });
    let live = |record: &Record| matches!(record, Record::Ev { via: Via::Live, .. });
    let sent = |record: &Record| matches!(record, Record::Ev { event, .. } if event.cid.is_some());
    match corruption {
        Corruption::WrongSeq | Corruption::WrongId => {
            let (device, at) = pick(places(devices, ok))?;
            let Record::Ok { seq, id, .. } = &mut devices[device].records[at] else { return None };
            match corruption {
                Corruption::WrongSeq => *seq += 1,
                _ => *id = Some(EventId(Ulid(1))),
            }
            Some(Matter::Lost)
        }
        Corruption::Unheard => {
            // Of a message that its author still may see at the end: the organisations' first
            // person is in everything.
            let all = places(devices, sent);
            let owners =
                all.into_iter().filter(|&(device, _)| devices[device].user.0.0.is_multiple_of(100));
            let (device, at) = pick(owners.collect())?;
            let Record::Ev { event, .. } = devices[device].records[at].clone() else { return None };
            devices[device].records.retain(
                |record| !matches!(record, Record::Ev { event: it, .. } if it.id == event.id),
            );
            Some(Matter::Gap)
        }
        Corruption::HeardTwice => {
            let (device, at) = pick(places(devices, live))?;
            let again = devices[device].records[at].clone();
            devices[device].records.insert(at + 1, again);
            Some(Matter::Doubled)
        }
        Corruption::Swapped => swap(devices, at),
        Corruption::Stranger => {
            let (device, at) = pick(places(devices, live))?;
            let heard = devices[device].records[at].clone();
            let other = (device + devices.len() / 2) % devices.len();
            devices[other].records.push(heard);
            Some(Matter::Stranger)
        }
        Corruption::OtherText => {
            let (device, at) = pick(places(devices, ev))?;
            let Record::Ev { event, .. } = &mut devices[device].records[at] else { return None };
            event.sum ^= 1;
            Some(Matter::Differs)
        }
        Corruption::Uncommitted => {
            let (device, place) = pick(places(devices, ok))?;
            let Record::Ok { cid, .. } = devices[device].records[place] else { return None };
            log.retain(|event| event.cid != Some(cid));
            Some(Matter::Lost)
        }
        Corruption::CommittedTwice => commit_twice(log, at),
    }
}

fn commit_twice(log: &mut Vec<Logged>, at: Index) -> Option<Matter> {
    let all: Vec<Logged> = log.iter().filter(|event| event.cid.is_some()).cloned().collect();
    let mut twice = (!all.is_empty()).then(|| at.get(&all).clone())?;
    let head = log.iter().rfind(|event| event.topic == twice.topic)?;
    (twice.seq, twice.n) = (head.seq + 1, head.n + 1);
    twice.pos = log.len() as u64 + 1;
    log.push(twice);
    Some(Matter::Doubled)
}

/// Two events of one topic that follow each other arrive the other way round.
fn swap(devices: &mut [Device], at: Index) -> Option<Matter> {
    let topic = |record: &Record| match record {
        Record::Ev { via: Via::Live, event, .. } => Some(event.topic.clone()),
        _ => None,
    };
    let mut pairs = places(devices, |record| topic(record).is_some());
    pairs.retain(|&(device, at)| {
        let next = devices[device].records.get(at + 1).and_then(topic);
        next.is_some() && next == topic(&devices[device].records[at])
    });
    let (device, at) = (!pairs.is_empty()).then(|| *at.get(&pairs))?;
    devices[device].records.swap(at, at + 1);
    Some(Matter::Order)
}

proptest! {
    #[test]
    fn clean_runs_pass(seed: u64, steps in 0..300_u32) {
        let (devices, log) = run(seed, steps, None);
        let verdict = check(&devices, log);
        prop_assert!(verdict.is_good(), "{verdict}");
    }

    #[test]
    fn one_wrong_thing_is_found(
        seed: u64,
        steps in 100..300_u32,
        corruption in corruptions(),
        at: Index,
    ) {
        let (mut devices, mut log) = run(seed, steps, None);
        let Some(matter) = corrupt(&mut devices, &mut log, corruption, at) else {
            return Err(TestCaseError::reject("there is no place for it"));
        };
        let verdict = check(&devices, log);
        prop_assert!(verdict.count(matter) > 0, "{corruption:?} is not found:\n{verdict}");
    }
}
