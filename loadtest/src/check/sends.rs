//! What was acknowledged is in the log as it was said; what was refused is not; what is unknown is
//! in or out; and one after the other, as it was written.

use std::collections::{BTreeMap, HashMap, HashSet};

use carillon_protocol::{Cid, EventId, Retry, UserId, msg};

use crate::history::Record;

use super::{Device, Matter, Verdict, log::Log};

/// What a device knows of one of its calls.
#[derive(Default)]
struct Call {
    /// What it was told, each time.
    answers: Vec<(u64, Option<EventId>)>,
    /// For good.
    refused: bool,
    /// Some try was not answered, or by "it may have happened".
    unsure: bool,
    /// What has to be in the log before, as the last try said.
    prev: Option<Cid>,
}

/// Judges the calls of all devices.
pub(crate) fn check(devices: &[Device], log: &Log, verdict: &mut Verdict) {
    let mut known = HashMap::<UserId, HashSet<Cid>>::new();
    for device in devices {
        let calls = calls(device);
        known.entry(device.user).or_default().extend(calls.keys());
        for (&cid, call) in &calls {
            judge(device, cid, call, log, verdict);
        }
    }
    for entry in log.intents().filter(|entry| entry.event.k == msg::kind::SENT) {
        let event = &entry.event;
        let cid = event.cid.as_ref();
        let wrote = known.get(&event.by).zip(cid).is_none_or(|(cids, cid)| cids.contains(cid));
        if !wrote {
            let (topic, seq, by) = (&event.topic, event.seq, event.by);
            verdict
                .fault(Matter::Half, format!("{topic}/{seq} is a message that {by} never wrote"));
        }
    }
}

/// The calls of a device, by when they were made: the time is what a `cid` begins with.
fn calls(device: &Device) -> BTreeMap<Cid, Call> {
    let mut calls = BTreeMap::<Cid, Call>::new();
    for record in &device.records {
        match record {
            Record::Invoke { cid, prev, .. } => {
                calls.entry(*cid).or_default().prev = *prev;
            }
            Record::Ok { cid, seq, id, .. } => {
                calls.entry(*cid).or_default().answers.push((*seq, *id));
            }
            Record::Err { cid, retry, .. } => match retry {
                Retry::Same => calls.entry(*cid).or_default().unsure = true,
                Retry::After => {}
                _ => calls.entry(*cid).or_default().refused = true,
            },
            Record::Unknown { cid, .. } => calls.entry(*cid).or_default().unsure = true,
            _ => {}
        }
    }
    calls
}

fn judge(device: &Device, cid: Cid, call: &Call, log: &Log, verdict: &mut Verdict) {
    let entry = log.intent(device.user, cid);
    for (seq, id) in &call.answers {
        match entry {
            None => {
                let what =
                    format!("{cid} was acknowledged with position {seq}, and is not in the log");
                verdict.fault(Matter::Lost, what);
            }
            Some(entry) if entry.event.seq != *seq || id.is_some_and(|id| id != entry.event.id) => {
                let at = format!("{}/{}", entry.event.topic, entry.event.seq);
                let what =
                    format!("{cid} was acknowledged with position {seq}, and is at {at} instead");
                verdict.fault(Matter::Lost, what);
            }
            Some(_) => {}
        }
    }
    if call.answers.is_empty() {
        if call.refused && !call.unsure && entry.is_some() {
            verdict.fault(Matter::Half, format!("{cid} was refused, and is in the log"));
        }
    } else {
        verdict.acknowledged += 1;
    }
    verdict.unknown += usize::from(call.unsure);
    verdict.unknown_in += usize::from(call.unsure && entry.is_some());
    let Some(entry) = entry else { return };
    // A later try may leave it out, never add it: if the last one has it, all had.
    if let Some(prev) = call.prev {
        let before = log.intent(device.user, prev).map(|before| &before.event);
        let before = before.filter(|before| before.topic == entry.event.topic);
        let (topic, seq) = (&entry.event.topic, entry.event.seq);
        match before {
            Some(before) if before.seq < seq => {}
            Some(before) => {
                let what =
                    format!("{topic}/{seq} was written after {}, and stands before", before.seq);
                verdict.fault(Matter::Order, what);
            }
            None => {
                let what =
                    format!("{topic}/{seq} is in the log without {prev}, which comes before");
                verdict.fault(Matter::Order, what);
            }
        }
    }
}
