//! Meetings: what a room costs the server, how long packets are in it, and what its people hear
//! and see. Everybody is a real participant with two connections (`str0m`), on one core; the server
//! has another.

mod bare;
mod baseline;
mod gathering;
mod ledger;
mod room;
mod seat;
mod stream;
mod table;

use std::{path::PathBuf, time::Duration};

use carillon_sfu::kit::Weather;
use clap::Args;

use self::{
    bare::Bare,
    gathering::Gathering,
    ledger::{Ledger, no_delays},
    room::Room,
    seat::{Part, Seat},
    stream::{Layer, SIMULCAST},
    table::Matter,
};
use crate::{
    bars::{self, Verdict},
    clock::now_ns,
    fleet::Failed,
    os,
    place::{self, Place, Running},
    process::Process,
    report::Report,
    timeline::Timeline,
};

pub use bare::serve;

/// The core that the server has, and that of everybody else.
const CORES: [usize; 2] = [0, 1];
/// Until estimates and layers have settled.
const WARM_UP: Duration = Duration::from_secs(6);
/// The room's ports are any, and its threads one.
const SETTINGS: &str = "\n[rooms]\nport = 0\nthreads = 1\n";
/// What a camera sends that has one layer.
const ONE_LAYER: (u16, u16) = (640, 360);

/// A meeting.
#[derive(Debug, Clone, Args)]
pub struct RoomArgs {
    /// The server, built with --release; the one beside this program otherwise.
    #[arg(long)]
    server: Option<PathBuf>,
    /// Everything that a room promises, one after the other.
    #[arg(long)]
    table: bool,
    /// Only these of the table.
    #[arg(long, value_enum, value_delimiter = ',', requires = "table")]
    only: Vec<Matter>,
    /// The bare forwarder instead of a server: what a room is compared with.
    #[arg(long, conflicts_with = "table")]
    bare: bool,
    /// How many send. If as many receive, they are the same people.
    #[arg(long, default_value_t = 1)]
    publishers: usize,
    /// How many receive.
    #[arg(long, default_value_t = 50)]
    subscribers: usize,
    /// Cameras send three layers.
    #[arg(long)]
    simulcast: bool,
    /// Nobody has a camera.
    #[arg(long)]
    audio_only: bool,
    /// What a camera of one layer sends, in kbit/s.
    #[arg(long, default_value_t = 1_500)]
    video_kbps: usize,
    /// How many of a hundred datagrams are lost, in each direction.
    #[arg(long, default_value_t = 0.0)]
    loss: f64,
    /// How long each datagram takes, in milliseconds.
    #[arg(long, default_value_t = 0)]
    delay: u64,
    /// How much each connection carries, in kbit/s.
    #[arg(long)]
    kbps: Option<u64>,
    /// How many of those who receive have such connections; all if absent.
    #[arg(long)]
    bad_links: Option<usize>,
    /// For how long, in seconds.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// The folder of report.html and report.json.
    #[arg(long, default_value = "target/loadtest")]
    out: PathBuf,
}

impl RoomArgs {
    fn weather(&self) -> Weather {
        Weather {
            loss: self.loss / 100.0,
            delay: Duration::from_millis(self.delay),
            bits_per_s: self.kbps.map(|kbps| kbps * 1_000),
        }
    }

    /// How many people there are.
    fn people(&self) -> usize {
        let both = self.publishers == self.subscribers;
        if both { self.publishers } else { self.publishers + self.subscribers }
    }

    fn layers(&self) -> Vec<Layer> {
        match (self.audio_only, self.simulcast) {
            (true, _) => Vec::new(),
            (false, true) => SIMULCAST.to_vec(),
            (false, false) => vec![Layer { rid: None, kbps: self.video_kbps, size: ONE_LAYER }],
        }
    }

    /// What the how-manieth of them does.
    fn part(&self, number: usize) -> Part {
        if number >= self.publishers {
            return Part::default();
        }
        Part { voice: Some(number), camera: self.layers() }
    }

    /// Those who receive.
    fn receivers(&self) -> std::ops::Range<usize> {
        self.people() - self.subscribers..self.people()
    }
}

/// What was measured of one meeting.
#[derive(Debug)]
struct Measured {
    /// Processor time of the server, in microseconds.
    cpu_us: u64,
    /// How long it was measured, in nanoseconds.
    took_ns: u64,
    /// What everybody received.
    received: Vec<Ledger>,
    /// From asking to come in to the first packet, in nanoseconds, of those who received one.
    joins: Vec<u64>,
    /// Memory of the server with everybody in it, and with nobody, in KiB.
    resident: [u64; 2],
}

impl Measured {
    fn packets(&self) -> u64 {
        self.received.iter().map(|ledger| ledger.sum(|_| true).seen).sum()
    }

    fn lost(&self) -> u64 {
        self.received.iter().map(|ledger| ledger.sum(|_| true).lost).sum()
    }

    fn packets_per_s(&self) -> f64 {
        self.packets() as f64 * 1e9 / self.took_ns as f64
    }

    /// Of one core.
    fn load(&self) -> f64 {
        self.cpu_us as f64 * 1e3 / self.took_ns as f64
    }

    fn us_per_packet(&self) -> f64 {
        self.cpu_us as f64 / self.packets().max(1) as f64
    }

    /// How many packets a whole core would forward at this cost.
    fn packets_per_core(&self) -> f64 {
        self.packets_per_s() / self.load().max(f64::MIN_POSITIVE)
    }

    /// Delays of all, in milliseconds.
    fn delay_ms(&self, quantile: f64) -> f64 {
        let mut all = no_delays();
        for ledger in &self.received {
            let added = all.add(&ledger.voices).and_then(|()| all.add(&ledger.pictures));
            added.expect("all have the same bounds");
        }
        all.value_at_quantile(quantile) as f64 / 1e6
    }
}

/// One meeting on a server of its own, or all of them.
pub fn run(args: &RoomArgs) -> Result<(), Failed> {
    let program = place::program(args.server.as_ref())?;
    os::pin(std::process::id(), CORES[1])?;
    if args.table {
        return table::run(&program, &args.only);
    }
    let begun = now_ns();
    let measured = if args.bare {
        meet_bare(args)?
    } else {
        let place = place(&program)?;
        meet(&place, &start(&place)?, args)?
    };
    let report = report(args, &measured, begun);
    report.print();
    report.write(&args.out)
}

/// A server's folder, with rooms on any port.
fn place(program: &std::path::Path) -> Result<Place, Failed> {
    let place = Place::new(program, 1)?;
    place.add(SETTINGS)?;
    Ok(place)
}

/// A server on its own core.
fn start(place: &Place) -> Result<Running, Failed> {
    let server = place.start()?;
    os::pin(server.process().0, CORES[0])?;
    Ok(server)
}

/// People come in, look at each other, and are measured.
fn meet(place: &Place, server: &Running, args: &RoomArgs) -> Result<Measured, Failed> {
    let mut gathering = Gathering::new()?;
    let mut room = Room::open(place, server, args.people())?;
    let empty = server.process().resident()?.anonymous;
    for number in 0..args.people() {
        room.join(&mut gathering, &args.part(number))?;
        if args.receivers().contains(&number) && !args.audio_only {
            room.look(&mut gathering, number, (0..args.publishers.min(number + 1), TILE))?;
        }
    }
    if !args.audio_only {
        for number in args.receivers() {
            room.look(&mut gathering, number, (0..args.publishers, TILE))?;
        }
    }
    let bad = args.bad_links.unwrap_or(args.subscribers);
    for seat in &mut gathering.seats()[args.receivers()].iter_mut().rev().take(bad) {
        seat.client.set_weather(args.weather());
    }
    room.run(&mut gathering, WARM_UP)?;
    let run = |gathering: &mut Gathering, time| room.run(gathering, time);
    let measured = measure(&mut gathering, server.process(), (args, empty), run)?;
    room.leave()?;
    Ok(measured)
}

/// How large everybody's tile is.
const TILE: (u16, u16) = (1280, 720);

/// The same with the bare forwarder, which knows one who sends.
fn meet_bare(args: &RoomArgs) -> Result<Measured, Failed> {
    if args.publishers != 1 {
        return Err(Failed::Usage("--bare: one publisher".into()));
    }
    let mut bare = Bare::start()?;
    os::pin(bare.process().0, CORES[0])?;
    let mut gathering = Gathering::new()?;
    let empty = bare.process().resident()?.anonymous;
    bare.fill(&mut gathering, &args.part(0), args.subscribers)?;
    gathering.run(WARM_UP)?;
    let run = |gathering: &mut Gathering, time| gathering.run(time);
    measure(&mut gathering, bare.process(), (args, empty), run)
}

fn measure(
    gathering: &mut Gathering,
    server: Process,
    (args, empty): (&RoomArgs, u64),
    run: impl FnOnce(&mut Gathering, Duration) -> Result<(), Failed>,
) -> Result<Measured, Failed> {
    let joins = gathering.seats().iter().filter_map(|seat| seat.first_packet_ns).collect();
    gathering.seats().iter_mut().for_each(Seat::reset);
    let (cpu, begun) = (server.cpu_us()?, now_ns());
    run(gathering, Duration::from_secs(args.seconds))?;
    let (cpu_us, took_ns) = (server.cpu_us()? - cpu, now_ns() - begun);
    let full = server.resident()?.anonymous;
    let seats = gathering.seats().iter_mut();
    let received = seats.map(|seat| std::mem::take(&mut seat.ledger)).collect();
    Ok(Measured { cpu_us, took_ns, received, joins, resident: [full, empty] })
}

fn report(args: &RoomArgs, measured: &Measured, begun: u64) -> Report {
    let sum = |of: fn(bool) -> bool| {
        let sums = measured.received.iter().map(|ledger| ledger.sum(of));
        sums.fold((0, 0, 0), |all, sum| (all.0 + sum.seen, all.1 + sum.lost, all.2 + sum.freezes))
    };
    let (voices, pictures) = (sum(|is_picture| !is_picture), sum(|is_picture| is_picture));
    let joins = (!measured.joins.is_empty())
        .then(|| bars::median(measured.joins.iter().map(|ns| *ns as f64 / 1e6)));
    let mut facts = vec![
        ("packets forwarded a second".to_owned(), format!("{:.0}", measured.packets_per_s())),
        ("of one core".into(), format!("{:.1} %", measured.load() * 100.0)),
        ("processor time a packet".into(), format!("{:.1} us", measured.us_per_packet())),
        ("packets a whole core would forward".into(), {
            format!("{:.0}/s", measured.packets_per_core())
        }),
        ("stamp to stamp, p50".into(), format!("{:.2} ms", measured.delay_ms(0.5))),
        ("stamp to stamp, p99".into(), format!("{:.2} ms", measured.delay_ms(0.99))),
        ("voices: arrived, missing".into(), format!("{}, {}", voices.0, voices.1)),
        ("pictures: arrived, missing".into(), format!("{}, {}", pictures.0, pictures.1)),
        ("pictures stood still".into(), pictures.2.to_string()),
    ];
    if let Some(joins) = joins {
        facts.push(("join to first packet, p50".into(), format!("{joins:.0} ms")));
    }
    Report {
        title: "meeting".into(),
        what: format!(
            "{} people send and {} receive in one room, for {} s.",
            args.publishers, args.subscribers, args.seconds
        ),
        stopped: None,
        facts,
        verdicts: Vec::<Verdict>::new(),
        bands: Vec::new(),
        timeline: Timeline::new(begun),
        arrivals: "packets",
    }
}
