//! The offline checker: reads what every device did and saw, and the log as it lies in the
//! database, and says in sentences what of the promises was not kept.
//!
//! It shares the protocol's types with the server and the clients, and nothing else: what is held,
//! missing, in order or somebody's to see is worked out here from the two alone.

mod log;
mod members;
mod sends;
mod streams;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt, io, path::PathBuf};

use carillon_protocol::{DeviceId, OrgId, UserId};
use clap::Args;

use crate::{
    dump::Logged,
    fleet::Failed,
    history::{self, Record},
};

use self::log::Log;

/// How many sentences of one matter are printed; the rest is counted.
const SHOWN_MAX: usize = 10;

/// What is read.
#[derive(Debug, Clone, Args)]
pub struct CheckArgs {
    /// The files that the devices wrote.
    #[arg(required = true)]
    histories: Vec<PathBuf>,
    /// What `dump` wrote.
    #[arg(long)]
    log: PathBuf,
}

/// What kind of promise was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Matter {
    /// Acknowledged, and not in the log as it was said.
    Lost,
    /// In the log, or on one connection, more than once.
    Doubled,
    /// Not in the order that was promised.
    Order,
    /// A position of the log is used twice, or none.
    Position,
    /// A device does not have what it should have.
    Gap,
    /// A device got it only after it had asked for everything anew.
    Stalled,
    /// A device was told something else than the log says.
    Differs,
    /// Told to somebody whom it does not concern.
    Stranger,
    /// In the log by half, or though it was refused, or though nobody sent it.
    Half,
}

impl Matter {
    /// All of them.
    pub const ALL: [Matter; 9] = [
        Matter::Lost,
        Matter::Doubled,
        Matter::Order,
        Matter::Position,
        Matter::Gap,
        Matter::Stalled,
        Matter::Differs,
        Matter::Stranger,
        Matter::Half,
    ];

    /// A name for a table.
    pub fn name(self) -> &'static str {
        match self {
            Matter::Lost => "lost",
            Matter::Doubled => "doubled",
            Matter::Order => "out of order",
            Matter::Position => "wrong positions",
            Matter::Gap => "gaps not filled",
            Matter::Stalled => "stalled",
            Matter::Differs => "not as in the log",
            Matter::Stranger => "to a stranger",
            Matter::Half => "half done",
        }
    }
}

/// A broken promise, in a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Of which kind.
    pub matter: Matter,
    /// What exactly.
    pub sentence: String,
}

/// What was looked at, and what was wrong.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    /// Everything that was wrong.
    pub faults: Vec<Fault>,
    /// How many events the log has.
    pub logged: usize,
    /// How many devices wrote a history.
    pub devices: usize,
    /// How many calls were acknowledged.
    pub acknowledged: usize,
    /// Of how many some try was not answered: it may have happened or not.
    pub unknown: usize,
    /// How many of those are in the log.
    pub unknown_in: usize,
    /// How many events arrived.
    pub received: usize,
    /// How often a live stream jumped and the device had to ask for what lay between.
    pub jumps: usize,
}

impl Verdict {
    /// Notes a broken promise.
    fn fault(&mut self, matter: Matter, sentence: String) {
        self.faults.push(Fault { matter, sentence });
    }

    /// How many there are of a kind.
    pub fn count(&self, matter: Matter) -> usize {
        self.faults.iter().filter(|fault| fault.matter == matter).count()
    }

    /// Whether everything was kept.
    pub fn is_good(&self) -> bool {
        self.faults.is_empty()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verdict { logged, devices, acknowledged, received, .. } = self;
        writeln!(
            f,
            "{devices} devices, {acknowledged} acknowledged calls, {logged} events in the log, \
             {received} arrivals"
        )?;
        writeln!(
            f,
            "{} calls with a try that was not answered, {} of them in the log; \
             {} jumps of a live stream",
            self.unknown, self.unknown_in, self.jumps
        )?;
        let mut by_matter = BTreeMap::<Matter, Vec<&str>>::new();
        for fault in &self.faults {
            by_matter.entry(fault.matter).or_default().push(&fault.sentence);
        }
        for (matter, sentences) in by_matter {
            writeln!(f, "{}: {}", matter.name(), sentences.len())?;
            for sentence in sentences.iter().take(SHOWN_MAX) {
                writeln!(f, "  {sentence}")?;
            }
            if sentences.len() > SHOWN_MAX {
                writeln!(f, "  and {} more", sentences.len() - SHOWN_MAX)?;
            }
        }
        let kept = "every promise was kept";
        write!(f, "{}", if self.is_good() { kept } else { "promises were broken" })
    }
}

/// The history of a device, and whose it is.
#[derive(Debug, Clone)]
pub(crate) struct Device {
    pub(crate) device: DeviceId,
    pub(crate) user: UserId,
    pub(crate) org: OrgId,
    pub(crate) records: Vec<Record>,
}

impl Device {
    /// The records of one file.
    pub(crate) fn of(records: Vec<Record>) -> io::Result<Device> {
        match records.first() {
            Some(&Record::Device { device, user, org }) => {
                Ok(Device { device, user, org, records })
            }
            _ => Err(io::Error::other("a history begins with whose it is")),
        }
    }
}

/// Judges.
pub(crate) fn check(devices: &[Device], logged: Vec<Logged>) -> Verdict {
    let mut verdict =
        Verdict { logged: logged.len(), devices: devices.len(), ..Verdict::default() };
    let log = Log::read(logged, &mut verdict);
    sends::check(devices, &log, &mut verdict);
    for device in devices {
        streams::check(device, &log, &mut verdict);
    }
    verdict
}

/// Reads the files and judges.
pub fn files(histories: &[PathBuf], log: &std::path::Path) -> Result<Verdict, Failed> {
    let device = |path: &PathBuf| Device::of(history::lines(path)?);
    let devices = histories.iter().map(device).collect::<io::Result<Vec<_>>>()?;
    Ok(check(&devices, history::lines(log)?))
}

/// Reads, judges and says so.
pub fn run(args: &CheckArgs) -> Result<(), Failed> {
    let verdict = files(&args.histories, &args.log)?;
    println!("{verdict}");
    if verdict.is_good() { Ok(()) } else { Err(Failed::Broken(verdict.faults.len())) }
}
