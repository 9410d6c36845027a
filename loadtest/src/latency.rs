//! How long a message takes from its author to another socket, beside what the disk alone takes.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::Path,
    thread,
    time::Duration,
};

use carillon_protocol::ConvId;
use hdrhistogram::Histogram;

use crate::{
    bars::{Bar, Verdict, median},
    clock::{now_ns, paced},
    fleet::{Awaited, Failed, Fleet, no_delays},
    place::Place,
    room::{heartbeat, send},
    teams::{AUTHORS, Teams},
    wire,
};

/// Messages a second, and records of the bare loop.
pub(crate) const PER_S: u64 = 500;
/// How long one repetition takes: long enough for three messages beyond the 99.9th percentile.
const TIME: Duration = Duration::from_secs(6);
/// What a message takes in a log, about.
const RECORD_LEN: usize = 500;
/// The bar: so many times the disk alone, and so much more.
const DISK_TIMES: f64 = 4.0;
const MORE_MS: f64 = 5.0;

/// One repetition, in milliseconds.
pub(crate) struct Delays {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
}

impl Delays {
    pub(crate) fn of(delays: &Histogram<u64>) -> Delays {
        let ms = |quantile| delays.value_at_quantile(quantile) as f64 / 1e6;
        Delays { p50: ms(0.5), p99: ms(0.99), p999: ms(0.999) }
    }
}

/// The bare loop and Carillon in turn, so that what else the disk does meets both.
pub fn latency(place: &Place, text_len: usize, repetitions: u16) -> Result<Verdict, Failed> {
    let teams = Teams::seed(&place.start()?.target()?, place.token())?;
    let server = place.start()?;
    let mut fleet = teams.everybody(server.target()?)?;
    let mut disk = Disk::create(&place.path("disk"))?;
    let (mut bare, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..repetitions {
        bare.push(disk.measure(PER_S, TIME)?);
        ours.push(measure(&mut fleet, &teams.convs, text_len, TIME)?);
    }
    println!(
        "latency: {PER_S} messages/s of {AUTHORS} authors, {} sockets, {text_len} B of text; \
         median of {repetitions} repetitions of {TIME:?}",
        fleet.len()
    );
    println!("{:<26}{:>10}{:>10}{:>10}", "", "p50 ms", "p99 ms", "p99.9 ms");
    let of = |all: &[Delays], of: fn(&Delays) -> f64| median(all.iter().map(of));
    let print = |name: &str, all: &[Delays]| {
        let [p50, p99, p999] = [of(all, |d| d.p50), of(all, |d| d.p99), of(all, |d| d.p999)];
        println!("{name:<26}{p50:>10.2}{p99:>10.2}{p999:>10.2}");
    };
    print("append and fdatasync", &bare);
    print("send to seen by another", &ours);
    let (bare, ours) = (of(&bare, |d| d.p99), of(&ours, |d| d.p99));
    Ok(Verdict {
        matter: format!("send → seen by another, {PER_S}/s: p99, ms"),
        figure: ours,
        bar: Bar::AtMost(DISK_TIMES * bare + MORE_MS),
        from: format!("{DISK_TIMES} × p99 of append and fdatasync {bare:.2} ms + {MORE_MS} ms"),
    })
}

/// One repetition: the first connections write in turn, each in its conversation. The stamps are
/// the times that were meant for the messages, so a server that does not keep up is not waited
/// for.
pub(crate) fn measure(
    fleet: &mut Fleet,
    convs: &[ConvId],
    text_len: usize,
    time: Duration,
) -> Result<Delays, Failed> {
    heartbeat(fleet)?;
    fleet.delays.reset();
    let authors = convs.len();
    let each = PER_S * time.as_millis() as u64 / 1_000 / authors as u64;
    let (mut writers, since) = (fleet.writers(authors)?, now_ns());
    thread::scope(|scope| {
        let writing = scope.spawn(move || {
            let mut number = 0;
            paced(PER_S, each * authors as u64, |due| {
                let author = number % authors;
                number += 1;
                let call = send(number as u64, convs[author], wire::stamped(due, text_len));
                let mut frame = Vec::new();
                wire::append_masked(&mut frame, &call);
                writers[author].write_all(&frame)
            })
        });
        // The authors' own sockets are read too, but they are not others.
        fleet.wait(authors..fleet.len(), Awaited::StampsSince(since), each as u32)?;
        writing.join().expect("the authors do not panic")?;
        Ok(Delays::of(&fleet.delays))
    })
}

/// The bare loop: what the file system takes for a record, with nothing around it.
pub(crate) struct Disk {
    file: File,
}

impl Disk {
    pub(crate) fn create(path: &Path) -> io::Result<Disk> {
        Ok(Disk { file: OpenOptions::new().create_new(true).append(true).open(path)? })
    }

    /// Each record counts from when its own write begins: being late for it is not the disk's.
    pub(crate) fn measure(&mut self, per_s: u64, time: Duration) -> io::Result<Delays> {
        let mut delays = no_delays();
        paced(per_s, per_s * time.as_millis() as u64 / 1_000, |_| {
            let start = now_ns();
            self.file.write_all(&[b'x'; RECORD_LEN])?;
            self.file.sync_data()?;
            delays.saturating_record(now_ns().saturating_sub(start));
            Ok(())
        })?;
        Ok(Delays::of(&delays))
    }
}
