//! Many nodes under faults: do they still behave as one server?
//!
//! Real processes, real people who write, and a schedule of faults; afterwards the checker reads
//! what everybody saw beside the log.

mod absence;
mod company;
mod faults;
mod figures;
mod proxy;
pub mod site;
#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use clap::Args;

use self::{
    company::{Cast, DEVICES_EACH, Org},
    faults::{Fault, Lengths, Servers},
    figures::{Episode, Figures},
    site::{Database, Site},
};
use crate::{
    check,
    clock::{new_cid, now_ns},
    device::{Device, Phase, Plan, Samples},
    dice::Dice,
    dump,
    fleet::Failed,
    out::Out,
    place,
};

/// People connect before they write.
const START_NS: u64 = 3_000_000_000;
/// How long everybody may take to have everything, after the last fault.
const SETTLE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(50);
/// A run of so many seconds fails if a bar is missed: it has time for each kind of fault once.
const JUDGED_S_MIN: u64 = 250;
const STACK_LEN: usize = 512 * 1024;
const NS: u64 = 1_000_000_000;

/// What is run.
#[derive(Debug, Clone, Args)]
pub struct ClusterArgs {
    /// The server's program; the one beside this program otherwise.
    #[arg(long)]
    server: Option<PathBuf>,
    /// How many nodes.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=8))]
    nodes: u8,
    /// What the log is kept in.
    #[arg(long, value_enum, default_value = "postgres")]
    database: Database,
    /// How long people write, in seconds.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(5..=3_000))]
    seconds: u64,
    /// Faults of seconds instead of tens of seconds, for runs of a minute.
    #[arg(long)]
    short: bool,
    /// How many people there are, with two devices each.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u16).range(6..=1_000))]
    people: u16,
    /// How many messages all of them together begin a second.
    #[arg(long, default_value_t = 130.0)]
    per_s: f64,
    /// Which faults come when, and who writes when.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Nothing goes wrong.
    #[arg(long)]
    no_faults: bool,
    /// Where histories, the log and the report go; kept only if something is wrong otherwise.
    #[arg(long)]
    out: Option<PathBuf>,
}

impl ClusterArgs {
    /// The run in a line.
    fn what(&self) -> String {
        let ClusterArgs { nodes, people, per_s, seconds, seed, .. } = self;
        format!(
            "{nodes} nodes, {people} people with {DEVICES_EACH} devices each, {per_s:.0} sends/s \
             for {seconds} s, seed {seed}"
        )
    }
}

/// Runs everything, prints the figures and the verdict.
pub fn run(args: &ClusterArgs) -> Result<(), Failed> {
    let out = Out::new(args.out.as_ref())?;
    let ended = play_and_judge(args, out.path());
    out.end("histories, log and report", ended)
}

fn play_and_judge(args: &ClusterArgs, out: &Path) -> Result<(), Failed> {
    let mut dice = Dice::new(args.seed);
    let (figures, wrong) = play(args, out, &mut dice)?;
    let histories = (0..figures.devices).map(|number| out.join(history(number)));
    let histories: Vec<PathBuf> = histories.collect();
    let verdict = check::files(&histories, &out.join("log.jsonl"))?;
    figures.print(&verdict);
    // In less there is no time for what the bars are about.
    let is_long = !args.short && args.seconds >= JUDGED_S_MIN;
    let missed = if is_long { figures.missed(&verdict) } else { 0 };
    wrong.iter().for_each(|wrong| println!("{wrong}"));
    println!("\n{verdict}");
    figures.report(args.what(), &verdict, &wrong).write(out)?;
    match (verdict.faults.len() + wrong.len(), missed) {
        (0, 0) => Ok(()),
        (0, missed) => Err(Failed::Missed(missed)),
        (broken, _) => Err(Failed::Broken(broken)),
    }
}

fn history(number: usize) -> String {
    format!("device-{number}.jsonl")
}

/// The run itself: leaves the files; answers the figures, and what the servers did wrong.
fn play(args: &ClusterArgs, out: &Path, dice: &mut Dice) -> Result<(Figures, Vec<String>), Failed> {
    let program = place::program(args.server.as_ref())?;
    let mut site = Site::new(&program, usize::from(args.nodes), args.database)?;
    let mut orgs = Vec::new();
    for name in ["amber", "birch"] {
        let token = site.organisation(name, name)?;
        // A word that nobody says by chance.
        let canary = format!("canary-{name}-{}", new_cid());
        orgs.push(Org { token, canary });
    }
    for number in 0..site.len() {
        site.start(number, out)?;
    }
    let people = (usize::from(args.people), args.per_s);
    let cast = company::seed(&site.targets()[0], &orgs, people, dice)?;
    let devices = cast.len();
    println!("{}", args.what());
    let canaries = orgs.into_iter().map(|org| org.canary).collect();
    let start = now_ns() + START_NS;
    let plan = Plan::new(site.targets(), out.to_owned(), canaries, devices, start);
    let plan = Arc::new(plan);
    let running = devices_of(cast, &plan, dice.next())?;
    let talk = (start, start + args.seconds * NS);
    let episodes =
        if args.no_faults { Vec::new() } else { faults(args, &mut site, out, talk, dice)? };
    sleep_until(talk.1);
    plan.enter(Phase::Quiet);
    let (quiet, settled) = (now_ns(), settle(&plan));
    let settled_s = (now_ns() - quiet) as f64 / 1e9;
    plan.enter(Phase::Final);
    let samples = join(running)?;
    let mut wrong = site.end()?;
    if !settled {
        wrong.push(format!("{} devices had not everything after {SETTLE:?}", plan.behind()));
    }
    dump::dump(&site.database(), &out.join("log.jsonl"))?;
    Ok((Figures::new(talk, episodes, &samples, (site.len(), settled_s)), wrong))
}

type Handle = thread::JoinHandle<Result<Samples, Failed>>;

fn devices_of(cast: Vec<Cast>, plan: &Arc<Plan>, seed: u64) -> Result<Vec<Handle>, Failed> {
    let start = |(number, (owner, part)): (usize, Cast)| -> Result<Handle, Failed> {
        let device = Device::new((number, owner, part), plan.clone(), seed)?;
        Ok(thread::Builder::new().stack_size(STACK_LEN).spawn(move || device.run())?)
    };
    cast.into_iter().enumerate().map(start).collect()
}

fn join(devices: Vec<Handle>) -> Result<Vec<Samples>, Failed> {
    let ended = |device: Handle| match device.join() {
        Ok(samples) => samples,
        Err(panic) => std::panic::resume_unwind(panic),
    };
    devices.into_iter().map(ended).collect()
}

/// Lets one fault after the other happen, as long as there is time for its end.
fn faults(
    args: &ClusterArgs,
    site: &mut Site,
    logs: &Path,
    (start, end): (u64, u64),
    dice: &mut Dice,
) -> Result<Vec<Episode>, Failed> {
    let lengths = if args.short { Lengths::SHORT } else { Lengths::LONG };
    let quiet = lengths.quiet * NS;
    let servers = Servers { nodes: site.len(), has_services: site.has_services() };
    let mut episodes = Vec::new();
    sleep_until(start + quiet);
    for fault in Fault::plan(args.seconds, lengths, servers, dice) {
        let (began, lasts) = (now_ns(), fault.lasts(lengths) * NS);
        if began + lasts + quiet > end {
            break;
        }
        fault.begin(site)?;
        sleep_until(began + lasts);
        fault.end(site, logs)?;
        let ended = now_ns();
        episodes.push(Episode { fault, began, ended });
        sleep_until(ended + quiet);
    }
    Ok(episodes)
}

/// Waits until everybody has everything; answers whether that came.
fn settle(plan: &Plan) -> bool {
    let deadline = now_ns() + SETTLE.as_nanos() as u64;
    // Once until nobody means to do anything, and once more until everybody has the last of it.
    for _ in 0..2 {
        plan.ask_again();
        while plan.behind() > 0 && now_ns() < deadline {
            thread::sleep(LOOK);
        }
    }
    plan.behind() == 0
}

fn sleep_until(time: u64) {
    thread::sleep(Duration::from_nanos(time.saturating_sub(now_ns())));
}
