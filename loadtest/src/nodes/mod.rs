//! Figures of several nodes, each matter with servers of its own: a PostgreSQL that is as durable
//! as in production, a Redis, and nodes without anything in between.

mod across;
mod bare;
mod million;
mod site;
mod stall;
mod storm;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use self::site::Site;
use crate::{
    bars::{self, Verdict},
    fleet::Failed,
    place,
};

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Matter {
    /// How much later a message is seen at another node than at its author's.
    Across,
    /// What happens while PostgreSQL stands still.
    Stall,
    /// Everybody is cut off at once, and comes back.
    Storm,
    /// A log of a million messages, and how soon a node is ready on it after `kill -9`.
    Million,
}

/// What is measured, and how much of it.
#[derive(Debug, Clone, Args)]
pub struct NodesArgs {
    /// The server's program; the one beside this program otherwise.
    #[arg(long)]
    server: Option<PathBuf>,
    /// Only these; everything otherwise.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Matter>,
    /// across: how many messages, one after the other.
    #[arg(long, default_value_t = 4_000, value_parser = clap::value_parser!(u32).range(7..))]
    across: u32,
    /// stall: for how long, in seconds.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(2..=60))]
    stall_s: u64,
    /// storm: how many clients.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    clients: u32,
    /// million: how many messages.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(16..))]
    messages: u32,
    /// The folder of the report of the storm.
    #[arg(long, default_value = "target/loadtest")]
    out: PathBuf,
}

/// Measures; fails if a bar is not reached.
pub fn run(args: &NodesArgs) -> Result<(), Failed> {
    let verdicts = measure(args)?;
    bars::print(&verdicts);
    match verdicts.iter().filter(|verdict| !verdict.is_reached()).count() {
        0 => Ok(()),
        missed => Err(Failed::Missed(missed)),
    }
}

fn measure(args: &NodesArgs) -> Result<Vec<Verdict>, Failed> {
    let program = place::program(args.server.as_ref())?;
    let all = Matter::value_variants();
    let mut verdicts = Vec::new();
    for &matter in if args.only.is_empty() { all } else { &args.only } {
        let site = |nodes| Site::start(&program, nodes);
        verdicts.extend(match matter {
            Matter::Across => vec![across::across(&site(2)?, args.across)?],
            Matter::Stall => stall::stall(&site(1)?, args.stall_s)?,
            Matter::Storm => storm::storm(&site(2)?, args.clients as usize, &args.out)?,
            Matter::Million => million::million(&mut site(1)?, args.messages)?,
        });
        println!();
    }
    Ok(verdicts)
}
