//! Meetings: what a room costs the server, how long packets are in it, and what its people hear
//! and see. Everybody is a real participant with two connections (`str0m`), on one core; the server
//! has another.

mod bare;
mod baseline;
mod gathering;
mod ledger;
mod measured;
mod page;
mod room;
mod seat;
mod slot;
mod stream;
mod table;
mod told;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use carillon_sfu::kit::Weather;
use clap::Args;

use self::{
    bare::Bare,
    gathering::Gathering,
    measured::Measured,
    room::Room,
    seat::Part,
    stream::{Layer, SIMULCAST},
    table::Matter,
};
use crate::{
    fleet::Failed,
    os,
    place::{self, Place, Running},
};

pub use bare::serve;

/// The core that the server has, and that of everybody else.
const CORES: [usize; 2] = [0, 1];
/// Until estimates and layers have settled.
const WARM_UP: Duration = Duration::from_secs(6);
/// The room's ports are any, and its threads one.
const SETTINGS: &str = "\n[rooms]\nport = 0\nthreads = 1\n";
/// How large a tile is at most, and the window that all of them share.
const TILE: (u16, u16) = (1280, 720);
const SCREEN: (u16, u16) = (1920, 1080);
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
    /// For how long people come and go, in the table.
    #[arg(long, default_value_t = 4, requires = "table")]
    churn_minutes: u64,
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

/// One meeting on a server of its own, or all of them.
pub fn run(args: &RoomArgs) -> Result<(), Failed> {
    let program = place::program(args.server.as_ref())?;
    os::pin(std::process::id(), CORES[1])?;
    if args.table {
        let site = table::Site { program, churn: Duration::from_secs(60 * args.churn_minutes) };
        return table::run(&site, &args.only, &args.out);
    }
    let measured = if args.bare {
        meet_bare(args)?
    } else {
        let place = place(&program)?;
        meet(&start(&place)?, &place, args)?
    };
    let report = page::of_one(args, &measured);
    report.print();
    report.write(&args.out)
}

/// A server's folder, with rooms on any port.
fn place(program: &Path) -> Result<Place, Failed> {
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

/// How large each of so many pictures is, side by side on a large screen.
fn tile(pictures: usize) -> (u16, u16) {
    let columns = (1..).find(|columns| columns * columns >= pictures.max(1)).unwrap_or(1) as u16;
    (TILE.0.min(SCREEN.0 / columns), TILE.1.min(SCREEN.1 / columns))
}

/// People come in, look at each other, and are measured.
fn meet(server: &Running, place: &Place, args: &RoomArgs) -> Result<Measured, Failed> {
    let mut gathering = Gathering::new()?;
    let mut room = Room::open(place, server, args.people())?;
    fill(&mut room, &mut gathering, args)?;
    let mut rooms = [room];
    room::run(&mut rooms, &mut gathering, WARM_UP)?;
    let time = Duration::from_secs(args.seconds);
    let run = |gathering: &mut Gathering| room::run(&mut rooms, gathering, time);
    let measured = measured::measure(&mut gathering, server.process(), run)?;
    rooms[0].leave()?;
    Ok(measured)
}

/// All come into a room and look at each other.
fn fill(room: &mut Room, gathering: &mut Gathering, args: &RoomArgs) -> Result<(), Failed> {
    let first = gathering.seats().len();
    for number in 0..args.people() {
        room.join(gathering, &args.part(number))?;
        if args.receivers().contains(&number) && !args.audio_only {
            let there = args.publishers.min(number + 1);
            room.look(gathering, number, (0..there, tile(args.publishers)))?;
        }
    }
    if !args.audio_only && args.publishers > 1 {
        for number in args.receivers() {
            room.look(gathering, number, (0..args.publishers, tile(args.publishers)))?;
        }
    }
    let bad = args.bad_links.unwrap_or(args.subscribers);
    let receivers = first + args.receivers().start..first + args.people();
    for seat in gathering.seats()[receivers].iter_mut().rev().take(bad) {
        seat.client.set_weather(args.weather());
    }
    Ok(())
}

/// The same with the bare forwarder, which knows one who sends.
fn meet_bare(args: &RoomArgs) -> Result<Measured, Failed> {
    if args.publishers != 1 {
        return Err(Failed::Usage("--bare: one publisher".into()));
    }
    let mut bare = Bare::start()?;
    os::pin(bare.process().0, CORES[0])?;
    let mut gathering = Gathering::new()?;
    bare.fill(&mut gathering, &args.part(0), args.subscribers)?;
    gathering.run(WARM_UP)?;
    let time = Duration::from_secs(args.seconds);
    measured::measure(&mut gathering, bare.process(), |gathering| gathering.run(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_stand_side_by_side() {
        assert_eq!(
            [1, 2, 15, 17, 49].map(tile),
            [(1280, 720), (960, 540), (480, 270), (384, 216), (274, 154)]
        );
    }
}
