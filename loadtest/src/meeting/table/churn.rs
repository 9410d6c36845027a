//! People who come and go.

use std::{path::Path, thread, time::Duration};

use super::Outcome;
use crate::{
    bars::Bar,
    clock::{Deadline, now_ns},
    fleet::{Failed, Target},
    meeting::{gathering::Gathering, place, room::Room, seat::Part, start, stream::SIMULCAST},
    process::Process,
    report::{Line, Plot},
    scenario::metrics,
};

/// So many people, of whom so many talk and so many have cameras.
const PEOPLE: usize = 20;
const TALKING: usize = 3;
const CAMERAS: usize = 2;
/// Before this part of the time is over, everything that is kept for the next ones is there.
const SETTLED: f64 = 0.5;
/// What they leave behind is gone in this time …
const GONE_MAX: Duration = Duration::from_secs(20);
/// … and looked after so often.
const LOOK: Duration = Duration::from_millis(100);
/// So many of the last rounds make a figure: memory goes up and down a little.
const LAST: usize = 5;

/// What the allocator keeps of freed memory goes up and down by less than this.
const TIMES: f64 = 1.1;

/// What a server has when nobody is there.
#[derive(Debug, Clone, Copy)]
struct Used {
    at: f64,
    kib: f64,
    files: f64,
    sockets: f64,
}

impl Used {
    fn now(server: Process, at: f64) -> Result<Used, Failed> {
        let kib = server.resident()?.anonymous as f64;
        let (files, sockets) = (server.files()? as f64, server.sockets()? as f64);
        Ok(Used { at, kib, files, sockets })
    }
}

/// People who come and go leave nothing behind.
pub fn churn(program: &Path, time: Duration) -> Result<Outcome, Failed> {
    let place = place(program)?;
    let server = start(&place)?;
    let target = server.target()?;
    let mut room = Room::open(&place, &server, PEOPLE)?;
    let begun = now_ns();
    let elapsed = || (now_ns() - begun) as f64 / 1e9;
    let mut rounds = Vec::new();
    while rounds.is_empty() || elapsed() < time.as_secs_f64() {
        if !rounds.is_empty() {
            room.open_again(&place)?;
        }
        let mut gathering = Gathering::new()?;
        for number in 0..PEOPLE {
            let camera = if number < CAMERAS { SIMULCAST.to_vec() } else { Vec::new() };
            let part = Part { voice: (number < TALKING).then_some(number), camera };
            room.join(&mut gathering, &part)?;
        }
        room.leave()?;
        drop(gathering);
        let most = rounds.first().map_or(f64::INFINITY, |first: &Used| first.sockets);
        let deadline = Deadline::after(GONE_MAX);
        while !deadline.is_over()
            && (Used::now(server.process(), 0.0)?.sockets > most || open(&target)? > 0.0)
        {
            thread::sleep(LOOK);
        }
        rounds.push(Used::now(server.process(), elapsed())?);
    }
    Ok(judged(&rounds, open(&target)?))
}

/// Rooms and connections of media that the server still has.
fn open(target: &Target) -> Result<f64, Failed> {
    let told = metrics::read(std::slice::from_ref(target));
    let told = told.ok_or_else(|| std::io::Error::other("/metrics does not answer"))?;
    let of = |name: &str| told.get(name).copied();
    let open = of("carillon_room_open").zip(of("carillon_room_participants"));
    let (rooms, people) =
        open.ok_or_else(|| std::io::Error::other("/metrics says nothing of rooms"))?;
    Ok(rooms + people)
}

fn judged(rounds: &[Used], open: f64) -> Outcome {
    let end = rounds.last().map_or(0.0, |used| used.at);
    let settled: Vec<_> = rounds.iter().filter(|used| used.at >= end * SETTLED).collect();
    let base: Vec<_> = settled.iter().take(LAST).copied().collect();
    let last: Vec<_> = settled.iter().rev().take(LAST).copied().collect();
    let least = |of: fn(&Used) -> f64, rounds: &mut dyn Iterator<Item = &&Used>| {
        rounds.map(|used| of(used)).fold(f64::INFINITY, f64::min)
    };
    let change = |of| (least(of, &mut base.iter()), least(of, &mut last.iter()));
    // Two parts of the same few rounds would say nothing.
    let enough = settled.len() >= 2 * LAST;
    let or_nothing = |figure: f64| if enough { figure } else { f64::NAN };
    let (files, sockets) = (change(|used| used.files), change(|used| used.sockets));
    let kib = change(|used| used.kib);
    let from = |(before, after): (f64, f64)| format!("{before:.0} to {after:.0}");
    let people = rounds.len() * PEOPLE;
    let mut outcome = Outcome::default();
    let matter = "come and gone: more descriptors";
    let files_from = format!("{}; {people} people in {end:.0} s", from(files));
    outcome.bar(matter, or_nothing(files.1 - files.0), Bar::AtMost(0.0), files_from);
    let more = or_nothing(sockets.1 - sockets.0);
    outcome.bar("… more sockets, that is ports", more, Bar::AtMost(0.0), from(sockets));
    outcome.bar("… rooms and people that are left", open, Bar::AtMost(0.0), String::new());
    let bytes = (kib.1 - kib.0) * 1024.0 / (settled.len() * PEOPLE) as f64;
    let kib_from = format!(
        "{} KiB, {bytes:.0} bytes for each who came; after the first round {:.0} KiB",
        from(kib),
        rounds[0].kib
    );
    outcome.bar("… memory, times", or_nothing(kib.1 / kib.0), Bar::AtMost(TIMES), kib_from);
    let line = |name, of: fn(&Used) -> f64| Line {
        name,
        points: rounds.iter().map(|used| (used.at, of(used))).collect(),
    };
    let chart = |title, unit, line| Plot {
        title,
        unit,
        log: false,
        lines: vec![line],
        bands: Vec::new(),
        marks: Vec::new(),
    };
    outcome.charts = vec![
        chart("people come and go: memory", "MiB", line("memory", |used| used.kib / 1024.0)),
        chart("people come and go: descriptors", "open", line("descriptors", |used| used.files)),
    ];
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(rounds: usize, used: impl Fn(f64) -> Used, open: f64) -> Vec<bool> {
        let rounds: Vec<_> = (1..=rounds).map(|round| used(round as f64)).collect();
        judged(&rounds, open).verdicts.iter().map(|verdict| verdict.is_reached()).collect()
    }

    #[test]
    fn what_grows_with_each_round_is_found() {
        let steady = |at: f64| Used { at, kib: 50_000.0 + at % 3.0, files: 40.0, sockets: 20.0 };
        assert_eq!(reached(60, steady, 0.0), [true; 4]);
        let files = |at: f64| Used { files: 40.0 + (at / 20.0_f64).floor(), ..steady(at) };
        assert_eq!(reached(60, files, 0.0), [false, true, true, true]);
        let sockets = |at| Used { sockets: 20.0 + at, ..steady(at) };
        assert_eq!(reached(60, sockets, 0.0), [true, false, true, true]);
        let memory = |at| Used { kib: 50_000.0 + 500.0 * at, ..steady(at) };
        assert_eq!(reached(60, memory, 0.0), [true, true, true, false]);
        assert_eq!(reached(60, steady, 2.0), [true, true, false, true]);
    }

    #[test]
    fn what_grows_once_at_first_is_kept_for_the_next_ones() {
        let at_first =
            |at: f64| Used { at, kib: 60_000.0 - 30_000.0 / at, files: 9.0, sockets: 9.0 };
        assert_eq!(reached(60, at_first, 0.0), [true; 4]);
    }

    #[test]
    fn too_few_rounds_say_nothing() {
        let steady = |at: f64| Used { at, kib: 50_000.0, files: 40.0, sockets: 20.0 };
        assert_eq!(reached(8, steady, 0.0), [false, false, true, false]);
    }
}
