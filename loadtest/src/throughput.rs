//! Durable sends through sockets, beside those at the store itself.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use carillon_protocol::{ConvId, limits::CALLS_IN_FLIGHT_MAX};

use crate::{
    bars::{Bar, Verdict, median},
    clock::now_ns,
    fleet::{Awaited, Failed, Fleet},
    place::Place,
    process::Process,
    room::{heartbeat, send},
    teams::{AUTHORS, Teams},
    wire,
};

/// Durable sends of one repetition: as many as the store's own bench makes.
const SENDS: u32 = 40_000;
/// Through sockets, of what the store does alone.
const SHARE_MIN: f64 = 0.4;

/// One repetition.
#[derive(Debug)]
pub(crate) struct Rate {
    pub(crate) per_s: f64,
    cpu_us: f64,
}

/// As many calls in flight as the protocol lets sixteen connections have. The store's own bench
/// runs before and after, if it is given: disks change their minds within minutes.
pub fn throughput(
    place: &Place,
    text_len: usize,
    repetitions: u16,
    store_bench: Option<&PathBuf>,
) -> Result<Option<Verdict>, Failed> {
    let teams = Teams::seed(&place.start()?.target()?, place.token())?;
    let before = store_bench.map(|program| store_per_s(program)).transpose()?;
    let server = place.start()?;
    let mut fleet = teams.authors(server.target()?)?;
    let mut rates = Vec::new();
    for _ in 0..repetitions {
        rates.push(measure(&mut fleet, server.process(), &teams.convs, text_len, SENDS)?);
    }
    drop(server);
    let after = store_bench.map(|program| store_per_s(program)).transpose()?;
    let per_s = median(rates.iter().map(|rate| rate.per_s));
    println!(
        "throughput: {AUTHORS} sockets with {CALLS_IN_FLIGHT_MAX} sends in flight each, \
         {text_len} B of text; median of {repetitions} repetitions of {SENDS} sends\n\
         {per_s:.0} durable sends/s, {:.1} us of the server's processors each",
        median(rates.iter().map(|rate| rate.cpu_us))
    );
    Ok(before.zip(after).map(|(before, after)| {
        let store = f64::midpoint(before, after);
        Verdict {
            matter: "durable sends through sockets / at the store".into(),
            figure: per_s / store,
            bar: Bar::AtLeast(SHARE_MIN),
            from: format!("{per_s:.0}/s; store {before:.0}/s before and {after:.0}/s after"),
        }
    }))
}

/// One repetition: the first connections write, each in its conversation, and every answer is
/// followed by the next send.
pub(crate) fn measure(
    fleet: &mut Fleet,
    server: Process,
    convs: &[ConvId],
    text_len: usize,
    sends: u32,
) -> Result<Rate, Failed> {
    heartbeat(fleet)?;
    let authors = convs.len();
    let each = sends / authors as u32;
    let mut said = vec![0; authors];
    let mut say = |author: usize, calls: u32| {
        let mut frames = Vec::new();
        for _ in 0..calls.min(each - said[author]) {
            said[author] += 1;
            let text = wire::stamped(now_ns(), text_len);
            let call = send(u64::from(said[author]), convs[author], text);
            wire::append_masked(&mut frames, &call);
        }
        frames
    };
    let (start, cpu_us) = (now_ns(), server.cpu_us()?);
    for author in 0..authors {
        let frames = say(author, CALLS_IN_FLIGHT_MAX as u32);
        fleet.write(author, &frames);
    }
    fleet.converse(0..authors, Awaited::Text("\"t\":\"ok\""), each, say)?;
    let (time_s, cpu_us) = ((now_ns() - start) as f64 / 1e9, server.cpu_us()? - cpu_us);
    let sends = f64::from(each) * authors as f64;
    Ok(Rate { per_s: sends / time_s, cpu_us: cpu_us as f64 / sends })
}

/// What the store's own bench says, which is shown too.
fn store_per_s(program: &Path) -> Result<f64, Failed> {
    let output = Command::new(program).arg("--bench").stderr(Stdio::inherit()).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    println!("{}", text.trim_end());
    let unknown = || Failed::Usage(format!("{} prints no medians", program.display()));
    store_median(&text).filter(|_| output.status.success()).ok_or_else(unknown)
}

/// From the line `medians: bare 1/s, store 2/s, one a batch 3/s`.
fn store_median(text: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.starts_with("medians:"))?;
    let (_, store) = line.split_once(" store ")?;
    store.split_once("/s")?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figure_of_the_store_is_found_in_what_its_bench_prints() {
        let text =
            "round  bare/s\n    0  1\nmedians: bare 30000/s, store 24000/s, one a batch 9/s\n";
        assert_eq!(store_median(text), Some(24_000.0));
        assert_eq!(store_median("store 24000/s"), None);
    }
}
