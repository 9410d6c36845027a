//! Everything that a room promises, one matter after the other, each on a fresh server.

mod churn;
mod links;
mod load;
mod people;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::ValueEnum;

use super::{Measured, RoomArgs, meet, page, place, start};
use crate::{
    bars::{self, Bar, Verdict},
    clock::now_ns,
    fleet::Failed,
    report::Plot,
};

/// How long most things are measured.
const SECONDS: u64 = 15;

/// What is measured, and for how long what takes as long as one likes.
pub struct Site {
    /// The server.
    pub program: PathBuf,
    /// For how long people come and go.
    pub churn: Duration,
}

/// What a room promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Matter {
    /// How much one core forwards.
    Capacity,
    /// How long packets are in the server when it does half of that.
    Latency,
    /// Processor time a packet, beside the bare forwarder.
    Forwarding,
    /// From asking to come in to the first packet.
    Join,
    /// Memory of each who receives.
    Memory,
    /// A hundred people with sound.
    Hundred,
    /// Many cameras.
    Tiles,
    /// One in twenty datagrams is lost.
    Lossy,
    /// A link becomes narrow, and wide again.
    Narrow,
    /// People come and go.
    Churn,
}

/// What was seen of a matter.
#[derive(Default)]
pub struct Outcome {
    verdicts: Vec<Verdict>,
    /// Figures without a bar.
    facts: Vec<(String, String)>,
    charts: Vec<Plot>,
}

impl Outcome {
    fn bar(&mut self, matter: impl Into<String>, figure: f64, bar: Bar, from: String) {
        self.verdicts.push(Verdict { matter: matter.into(), figure, bar, from });
    }

    fn fact(&mut self, what: impl Into<String>, much: String) {
        self.facts.push((what.into(), much));
    }

    fn append(&mut self, mut other: Outcome) {
        self.verdicts.append(&mut other.verdicts);
        self.facts.append(&mut other.facts);
        self.charts.append(&mut other.charts);
    }
}

impl Matter {
    fn measure(self, site: &Site) -> Result<Outcome, Failed> {
        let program = &site.program;
        match self {
            Matter::Capacity => load::capacity(program),
            Matter::Latency => load::latency(program),
            Matter::Forwarding => load::forwarding(program),
            Matter::Join => load::join(program),
            Matter::Memory => load::memory(program),
            Matter::Hundred => people::hundred(program),
            Matter::Tiles => people::tiles(program),
            Matter::Lossy => links::lossy(program),
            Matter::Narrow => links::narrow(program),
            Matter::Churn => churn::churn(program, site.churn),
        }
    }

    /// What was seen; that it could not be measured, too, is something that was seen.
    fn seen(self, site: &Site) -> Outcome {
        let measured = self.measure(site);
        measured.unwrap_or_else(|failed| Outcome {
            verdicts: vec![Verdict::failed(format!("{self:?}").to_lowercase(), &failed)],
            ..Outcome::default()
        })
    }
}

/// Measures these, or all if none is named; prints them, writes a page into this folder, and fails
/// if a bar was not reached. After each matter the page has all that was seen until then.
pub fn run(site: &Site, only: &[Matter], out: &Path) -> Result<(), Failed> {
    let mut all = Outcome::default();
    for &matter in if only.is_empty() { Matter::value_variants() } else { only } {
        let begun = now_ns();
        let outcome = matter.seen(site);
        println!("# {matter:?}, {:.0} s", (now_ns() - begun) as f64 / 1e9);
        outcome.facts.iter().for_each(|(what, much)| println!("{what:<58}{much}"));
        outcome.verdicts.iter().for_each(|verdict| println!("{verdict}"));
        all.append(outcome);
        page::of_all(&all.verdicts, &all.facts, &all.charts).write(out)?;
    }
    bars::print(&all.verdicts);
    match all.verdicts.iter().filter(|verdict| !verdict.is_reached()).count() {
        0 => Ok(()),
        missed => Err(Failed::Missed(missed)),
    }
}

fn args(publishers: usize, subscribers: usize) -> RoomArgs {
    RoomArgs {
        server: None,
        table: false,
        only: Vec::new(),
        churn_minutes: 0,
        bare: false,
        publishers,
        subscribers,
        simulcast: false,
        audio_only: false,
        video_kbps: 1_500,
        loss: 0.0,
        delay: 0,
        kbps: None,
        bad_links: None,
        seconds: SECONDS,
        out: PathBuf::new(),
    }
}

/// A meeting like this, on a server of its own.
fn measured(program: &Path, args: &RoomArgs) -> Result<Measured, Failed> {
    let place = place(program)?;
    meet(&start(&place)?, &place, args)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matter_that_cannot_be_measured_is_a_row_that_reaches_nothing() {
        let site = Site { program: "/nowhere/carillon".into(), churn: Duration::ZERO };
        for matter in [Matter::Capacity, Matter::Narrow, Matter::Churn] {
            let outcome = matter.seen(&site);
            assert_eq!(outcome.verdicts.len(), 1);
            assert!(!outcome.verdicts[0].is_reached());
            assert_eq!(outcome.verdicts[0].word(), "not measured");
        }
    }

    #[test]
    fn the_command_fails_when_a_row_was_not_measured_and_the_page_says_so() {
        let site = Site { program: "/nowhere/carillon".into(), churn: Duration::ZERO };
        let out = tempfile::tempdir().unwrap();
        let failed = run(&site, &[Matter::Join], out.path());
        assert!(matches!(failed, Err(Failed::Missed(1))), "{failed:?}");
        let page = std::fs::read_to_string(out.path().join("report.html")).unwrap();
        assert!(page.contains("not measured"));
    }
}
