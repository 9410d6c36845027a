//! Load tests for Carillon.
//!
//! Costs: `raw` is the limit, what the kernel alone takes; `compare` measures it and a server that
//! runs already in turn, `idle` memory; `seed` makes whom they need; `bench` does all of it with a
//! server of its own.
//!
//! `nodes` does so for several nodes, with PostgreSQL and Redis: what lies between two of them, a
//! database that stands still, everybody who comes back at once, a long log.
//!
//! Scenarios against servers that run: `connect`, `fanout`, `chat`, `storm`; each writes a page.
//!
//! `room` lets people meet, with a bare forwarder beside it.
//!
//! `ding` alerts thousands at once, and kills servers while ladders are climbed.
//!
//! Promises: `cluster` starts nodes, lets people write and things go wrong, and compares what
//! everybody saw with the log, as `dump` and `check` do for themselves.
//!
//! Everything stays on loopback and ends by itself.

mod apart;
mod bars;
mod bench;
mod check;
mod clock;
mod cluster;
mod device;
mod dice;
mod ding;
mod dump;
mod fanout;
mod fleet;
mod frames;
mod herd;
mod history;
mod hook;
mod http;
mod idle;
mod latency;
mod link;
mod meeting;
mod nodes;
mod os;
mod out;
mod place;
mod process;
mod raw;
mod report;
mod resume;
mod room;
mod scenario;
mod seed;
mod teams;
#[cfg(test)]
mod tests;
mod throughput;
mod timeline;
mod wire;

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

use crate::{
    bench::BenchArgs,
    check::CheckArgs,
    cluster::ClusterArgs,
    fanout::{ConvArgs, LoadArgs},
    fleet::{Failed, Target},
    idle::IdleArgs,
    nodes::NodesArgs,
    process::Process,
    scenario::Scenario,
    seed::SeedArgs,
};

#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Fan-out of the raw loop: what the kernel alone costs.
    Raw {
        #[command(flatten)]
        load: LoadArgs,
    },
    /// The raw loop itself, until standard input ends.
    #[command(hide = true)]
    RawServer,
    /// Start a server in a temporary folder, fill it, and measure everything.
    Bench {
        #[command(flatten)]
        bench: BenchArgs,
    },
    /// Make people and conversations to measure with.
    Seed {
        /// Where the server listens, as ws://127.0.0.1:8080/v1/ws.
        #[arg(long)]
        url: String,
        #[command(flatten)]
        seed: SeedArgs,
    },
    #[command(flatten)]
    Scenario(Scenario),
    /// Fan-out of the raw loop and of a server that runs, in turn.
    Compare {
        #[command(flatten)]
        server: ServerArgs,
        #[command(flatten)]
        conv: ConvArgs,
        #[command(flatten)]
        load: LoadArgs,
    },
    /// Memory of a server that runs, for each idle connection.
    Idle {
        #[command(flatten)]
        server: ServerArgs,
        #[command(flatten)]
        idle: IdleArgs,
    },
    /// Start several nodes, let people write and things go wrong, and check what everybody saw.
    Cluster {
        #[command(flatten)]
        cluster: ClusterArgs,
    },
    /// Start several nodes with a PostgreSQL and a Redis, and measure what they are together.
    Nodes {
        #[command(flatten)]
        nodes: NodesArgs,
    },
    /// Let people meet in a room of a server of its own: what it costs, how long packets take, and
    /// what everybody hears and sees.
    Room {
        #[command(flatten)]
        room: meeting::RoomArgs,
    },
    /// Alert people with a server of its own: thousands at once, and ladders while it is killed.
    Ding {
        #[command(flatten)]
        ding: ding::DingArgs,
    },
    /// The bare forwarder that a room is compared with, until standard input ends.
    #[command(hide = true)]
    RoomForwarder,
    /// Write every event of a database to a file, a JSON object a line.
    Dump {
        /// `postgres://…`, or the path of a file of SQLite.
        #[arg(long)]
        database: String,
        /// The file.
        #[arg(long)]
        out: PathBuf,
    },
    /// Compare what devices did and saw with the log, and say what was promised and not kept.
    Check {
        #[command(flatten)]
        check: CheckArgs,
    },
}

/// The server that is measured.
#[derive(Debug, Clone, Args)]
struct ServerArgs {
    /// Its process.
    #[arg(long)]
    server_pid: u32,
    /// Where it listens, as ws://127.0.0.1:8080/v1/ws.
    #[arg(long)]
    url: String,
    /// A file with a line {"token": "…", "device": "…"} for each connection.
    #[arg(long)]
    tokens: PathBuf,
}

impl ServerArgs {
    fn process(&self) -> Process {
        Process(self.server_pid)
    }

    fn target(&self) -> Result<Target, Failed> {
        target(&self.url)
    }
}

/// Load is for one's own machine: somebody else's server is not to be tried by mistake.
fn target(url: &str) -> Result<Target, Failed> {
    let wrong =
        || Failed::Usage(format!("--url {url}: expected ws://127.0.0.1:PORT/PATH on loopback"));
    let rest = url.strip_prefix("ws://").ok_or_else(wrong)?;
    let (address, path) = rest.split_once('/').unwrap_or((rest, ""));
    let address: SocketAddr = address.parse().map_err(|_| wrong())?;
    if !address.ip().is_loopback() {
        return Err(wrong());
    }
    Ok(Target { address, path: format!("/{path}") })
}

fn run(command: &Command) -> Result<(), Failed> {
    match command {
        Command::Raw { load } => fanout::raw(load),
        Command::RawServer => Ok(raw::serve()?),
        Command::Bench { bench } => bench::bench(bench),
        Command::Seed { url, seed } => {
            if let Some(room) = seed::seed(&target(url)?, seed)? {
                println!("{room}");
            }
            Ok(())
        }
        Command::Scenario(scenario) => scenario::run(scenario),
        Command::Compare { server, conv, load } => {
            bars::print(&fanout::compare(server, conv, load)?);
            Ok(())
        }
        Command::Cluster { cluster } => cluster::run(cluster),
        Command::Nodes { nodes } => nodes::run(nodes),
        Command::Room { room } => meeting::run(room),
        Command::Ding { ding } => ding::run(ding),
        Command::RoomForwarder => meeting::serve(),
        Command::Dump { database, out } => dump::dump(database, out),
        Command::Check { check } => check::run(check),
        Command::Idle { server, idle } => {
            bars::print(&[idle::idle(server, idle)?]);
            Ok(())
        }
    }
}

fn main() -> ExitCode {
    match run(&Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            eprintln!("error: {failed}");
            ExitCode::FAILURE
        }
    }
}
