//! Fan-out: processor time of the server for one message to one member.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
    time::Duration,
};

use clap::Args;

use crate::{
    ServerArgs,
    bars::{Bar, Verdict, median},
    fleet::{Failed, Target},
    raw::RawServer,
    room::{Cost, Load, Room, Token},
};
use carillon_protocol::ConvId;

/// How often and how long.
#[derive(Debug, Clone, Args)]
pub struct LoadArgs {
    /// How many connections are in the room.
    #[arg(long, default_value_t = 5_000)]
    pub members: usize,
    /// How many messages are written at once; give several to measure each.
    #[arg(long = "window", default_values_t = [1, 16])]
    windows: Vec<u32>,
    /// How many of the connections write them in turn, at most 16.
    #[arg(long, default_value_t = 1)]
    authors: usize,
    /// How long the text of a message is, in bytes.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(22..=16_000))]
    text_len: u16,
    /// How often each figure is measured; the median counts.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub repetitions: u16,
    /// How long one measurement takes, in seconds.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
}

/// What the raw loop costs at these windows on the machine that the bars were set on, in
/// microseconds: a raw loop that is slow would flatter.
const RAW_US: [(u32, f64); 2] = [(1, 10.1), (16, 0.58)];
const RAW_TIMES_MAX: f64 = 1.3;
/// What one delivery may cost, in raw ones, at a window of one message and of more.
const TIMES_MAX: f64 = 1.15;
const TIMES_MAX_BURST: f64 = 1.5;

impl LoadArgs {
    /// How long the text of a message is.
    pub fn text_len(&self) -> usize {
        usize::from(self.text_len)
    }

    fn load(&self, window: u32) -> Load {
        Load {
            window,
            authors: self.authors,
            text_len: self.text_len(),
            time: Duration::from_secs(self.seconds),
        }
    }
}

/// The conversation.
#[derive(Debug, Clone, Args)]
pub struct ConvArgs {
    /// The conversation that all of them are members of.
    #[arg(long)]
    pub conv: String,
}

/// The lines of a file of tokens, as many as are needed.
pub fn tokens(path: &Path, len: usize) -> Result<Vec<Token>, Failed> {
    let lines = BufReader::new(File::open(path)?).lines().take(len);
    let tokens = lines
        .map(|line| serde_json::from_str(&line?).map_err(std::io::Error::from))
        .collect::<Result<Vec<Token>, _>>()?;
    if tokens.len() < len {
        let (path, found) = (path.display(), tokens.len());
        return Err(Failed::Usage(format!("{path} has {found} tokens, {len} are needed")));
    }
    Ok(tokens)
}

fn raw_room(server: &RawServer, members: usize) -> Result<Room, Failed> {
    let target = Target { address: server.address, path: "/".into() };
    Room::raw(target, server.process(), members)
}

fn carillon_room(server: &ServerArgs, conv: &ConvArgs, members: usize) -> Result<Room, Failed> {
    let conv: ConvId =
        conv.conv.parse().map_err(|e| Failed::Usage(format!("--conv {}: {e}", conv.conv)))?;
    let tokens = tokens(&server.tokens, members)?;
    Room::carillon(server.target()?, server.process(), conv, &tokens)
}

/// The raw loop alone.
pub fn raw(args: &LoadArgs) -> Result<(), Failed> {
    let server = RawServer::start()?;
    let mut room = raw_room(&server, args.members)?;
    alone("raw", &mut room, args)
}

fn alone(name: &str, room: &mut Room, args: &LoadArgs) -> Result<(), Failed> {
    heading(args);
    for &window in &args.windows {
        let mut figure = Figure::default();
        for _ in 0..args.repetitions {
            figure.add(room.measure(args.load(window))?);
        }
        figure.print(name, window);
    }
    Ok(())
}

/// Both in turn, so that what else the machine does meets both; and a third time the raw loop with
/// frames as long as Carillon's, which shows how much of the difference is bytes.
pub fn compare(
    server: &ServerArgs,
    conv: &ConvArgs,
    args: &LoadArgs,
) -> Result<Vec<Verdict>, Failed> {
    let raw_server = RawServer::start()?;
    let mut raw = raw_room(&raw_server, args.members)?;
    let mut carillon = carillon_room(server, conv, args.members)?;
    heading(args);
    let mut verdicts = Vec::new();
    for &window in &args.windows {
        let load = args.load(window);
        let (mut limit, mut ours, mut as_long) =
            (Figure::default(), Figure::default(), Figure::default());
        for _ in 0..args.repetitions {
            limit.add(raw.measure(load)?);
            let cost = carillon.measure(load)?;
            ours.add(cost);
            as_long.add(raw.measure(Load { text_len: payload_len(cost.bytes), ..load })?);
        }
        limit.print("raw", window);
        ours.print("carillon", window);
        as_long.print("raw, as long", window);
        verdicts.extend(judge(window, &limit, &ours, &as_long));
    }
    Ok(verdicts)
}

fn judge(window: u32, raw: &Figure, ours: &Figure, as_long: &Figure) -> Vec<Verdict> {
    let (raw, ours, as_long) = (raw.cpu_us(), ours.cpu_us(), as_long.cpu_us());
    let bar = if window == 1 { TIMES_MAX } else { TIMES_MAX_BURST };
    let usual = RAW_US.iter().find(|(of, _)| *of == window).map(|(_, us)| Verdict {
        matter: format!("fan-out, {window} at once: the raw loop itself, us"),
        figure: raw,
        bar: Bar::AtMost(RAW_TIMES_MAX * us),
        from: format!("{RAW_TIMES_MAX} × {us} us"),
    });
    let times = Verdict {
        matter: format!("fan-out, {window} at once: times the raw loop"),
        figure: ours / raw,
        bar: Bar::AtMost(bar),
        from: format!(
            "{ours:.2} us, raw {raw:.2} us; {:.2} × raw with frames as long ({as_long:.2} us)",
            ours / as_long
        ),
    };
    std::iter::once(times).chain(usual).collect()
}

/// The payload of a frame of so many bytes.
fn payload_len(frame_len: f64) -> usize {
    (frame_len as usize).saturating_sub(4).max(crate::wire::STAMP_LEN)
}

fn heading(args: &LoadArgs) {
    println!(
        "fan-out: {} members, {} B of text, {} author(s); median of {} repetitions of {} s",
        args.members, args.text_len, args.authors, args.repetitions, args.seconds
    );
    println!(
        "{:<14}{:>4}{:>16}{:>18}{:>10}{:>10}{:>10}",
        "server", "W", "us/delivery", "(least … most)", "bytes", "p50 ms", "p99 ms"
    );
}

/// The repetitions of one measurement.
#[derive(Debug, Default)]
struct Figure(Vec<Cost>);

impl Figure {
    fn add(&mut self, cost: Cost) {
        self.0.push(cost);
    }

    fn median(&self, of: impl Fn(&Cost) -> f64) -> f64 {
        median(self.0.iter().map(of))
    }

    fn cpu_us(&self) -> f64 {
        self.median(|cost| cost.cpu_us)
    }

    fn print(&self, name: &str, window: u32) {
        let cpu = || self.0.iter().map(|cost| cost.cpu_us);
        let (least, most) = (cpu().fold(f64::MAX, f64::min), cpu().fold(0.0, f64::max));
        println!(
            "{name:<14}{window:>4}{:>16.2}{:>18}{:>10.0}{:>10.1}{:>10.1}",
            self.cpu_us(),
            format!("({least:.2} … {most:.2})"),
            self.median(|cost| cost.bytes),
            self.median(|cost| cost.p50_ms),
            self.median(|cost| cost.p99_ms),
        );
    }
}
