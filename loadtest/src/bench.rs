//! Everything at once: starts a server of its own, fills it, measures it, and leaves nothing.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::{
    apart::apart,
    bars::{self, Verdict},
    fanout::{self, ConvArgs, LoadArgs},
    fleet::Failed,
    hook::hook,
    idle::{self, IdleArgs},
    latency::latency,
    place::Place,
    resume::resume,
    seed::{self, SeedArgs, Shape},
    throughput::throughput,
};

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Matter {
    /// Processor time for a message to each of many members.
    Fanout,
    /// Memory for each idle connection.
    Idle,
    /// Time from an author to another socket.
    Latency,
    /// Time from a program that posts to a robot to somebody's socket.
    Hook,
    /// Calls of a plugin that runs apart.
    Apart,
    /// Durable sends through sockets.
    Throughput,
    /// Time until somebody with many conversations has the first of them.
    Resume,
}

/// Which program, and how it is measured.
#[derive(Debug, Clone, Args)]
pub struct BenchArgs {
    /// The server, built with --release.
    #[arg(long)]
    server: PathBuf,
    /// How many threads of the server carry connections.
    #[arg(long, default_value_t = 1)]
    shards: u8,
    /// Only these; everything otherwise.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Matter>,
    /// The store's own bench, built: throughput through sockets is a share of its figure.
    #[arg(long)]
    store_bench: Option<PathBuf>,
    #[command(flatten)]
    load: LoadArgs,
    #[command(flatten)]
    idle: IdleArgs,
}

/// Each on a fresh process: what one has allocated and freed would hide what the other needs.
pub fn bench(args: &BenchArgs) -> Result<(), Failed> {
    let place = Place::new(&args.server, args.shards)?;
    let (text_len, repetitions) = (args.load.text_len(), args.load.repetitions);
    let mut verdicts = Vec::new();
    let all = Matter::value_variants();
    for &matter in if args.only.is_empty() { all } else { &args.only } {
        match matter {
            Matter::Fanout => verdicts.extend(fanout(&place, args)?),
            Matter::Idle => verdicts.push(idle(&place, args)?),
            Matter::Latency => verdicts.push(latency(&place, text_len, repetitions)?),
            Matter::Hook => verdicts.push(hook(&place, text_len, repetitions)?),
            Matter::Apart => verdicts.extend(apart(&args.server, args.shards, repetitions)?),
            Matter::Throughput => {
                let bench = args.store_bench.as_ref();
                verdicts.extend(throughput(&place, text_len, repetitions, bench)?);
            }
            Matter::Resume => verdicts.extend(resume(&place)?),
        }
        println!();
    }
    bars::print(&verdicts);
    Ok(())
}

fn fanout(place: &Place, args: &BenchArgs) -> Result<Vec<Verdict>, Failed> {
    let tokens = place.path("room.tokens");
    let seed = seed_args(place, args.load.members, Shape::Room, &tokens);
    let conv = seed::seed(&place.start()?.target()?, &seed)?;
    let conv = ConvArgs { conv: conv.expect("a room has an id").to_string() };
    let server = place.start()?;
    fanout::compare(&server.args(&tokens), &conv, &args.load)
}

fn idle(place: &Place, args: &BenchArgs) -> Result<Verdict, Failed> {
    let tokens = place.path("office.tokens");
    let seed = seed_args(place, args.idle.connections, Shape::Office, &tokens);
    seed::seed(&place.start()?.target()?, &seed)?;
    let server = place.start()?;
    idle::idle(&server.args(&tokens), &args.idle)
}

fn seed_args(place: &Place, people: usize, shape: Shape, out: &std::path::Path) -> SeedArgs {
    SeedArgs { token: place.token().to_owned(), people, shape, out: out.to_owned() }
}
