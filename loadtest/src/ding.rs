//! Alerts that must be confirmed: one for thousands of people, and ladders whose server is killed.

mod crash;
mod crowd;
mod judge;
mod many;
mod open_board;
mod vendor;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::{
    bars::{self, Verdict},
    fleet::Failed,
    out::Out,
    place,
};

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Matter {
    /// One alert for thousands of people.
    Many,
    /// The server is killed again and again while ladders are climbed.
    Crash,
}

/// What is measured, and how much of it.
#[derive(Debug, Clone, Args)]
pub struct DingArgs {
    /// The server's program; the one beside this program otherwise.
    #[arg(long)]
    server: Option<PathBuf>,
    /// Only these; everything otherwise.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Matter>,
    /// many: how many people.
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    people: u32,
    /// many: how often chat with an alert is compared with chat without.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    repetitions: u16,
    /// crash: how many ladders.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    ladders: u32,
    /// crash: how many nodes; two need a PostgreSQL and a Redis, which are started.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    nodes: u8,
    /// crash: for how long servers are killed, in seconds.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(10..=600))]
    time_s: u64,
    /// crash: how long a server that was killed is away, in seconds.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=60))]
    away_s: u64,
    /// crash: what decides when; another one each time if absent.
    #[arg(long)]
    seed: Option<u64>,
    /// Where the servers' logs go; kept only if the run fails otherwise.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// Measures; fails if a bar is not reached.
pub fn run(args: &DingArgs) -> Result<(), Failed> {
    let out = Out::new(args.out.as_ref())?;
    let ended = judge(args, out.path());
    out.end("the servers' logs", ended)
}

fn judge(args: &DingArgs, out: &Path) -> Result<(), Failed> {
    let verdicts = measure(args, out)?;
    bars::print(&verdicts);
    match verdicts.iter().filter(|verdict| !verdict.is_reached()).count() {
        0 => Ok(()),
        missed => Err(Failed::Missed(missed)),
    }
}

fn measure(args: &DingArgs, out: &Path) -> Result<Vec<Verdict>, Failed> {
    let program = place::program(args.server.as_ref())?;
    let all = Matter::value_variants();
    let mut verdicts = Vec::new();
    for &matter in if args.only.is_empty() { all } else { &args.only } {
        verdicts.extend(match matter {
            Matter::Many => many::many((&program, out), args.people as usize, args.repetitions)?,
            Matter::Crash => crash::crash((&program, out), args)?,
        });
        println!();
    }
    Ok(verdicts)
}
