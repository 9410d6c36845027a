//! So many people come and stay, one after the other.

use std::time::Duration;

use clap::Args;

use crate::{clock::now_ns, fleet::Failed, herd::Herd, report::Report};

use super::{LOOK_MS, NS, SiteArgs, TokensArgs, counted, delays};

/// How long the last ones may take.
const JOIN_NS_MAX: u64 = 30 * NS;

/// How many and how fast.
#[derive(Debug, Clone, Args)]
pub struct ConnectArgs {
    #[command(flatten)]
    site: SiteArgs,
    #[command(flatten)]
    tokens: TokensArgs,
    /// How many connections there are in the end.
    #[arg(long, default_value_t = 1_000)]
    connections: usize,
    /// How many begin a second.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=20_000))]
    per_s: u64,
    /// How long they stay, in seconds.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(0..=600))]
    hold_s: u64,
}

/// Runs it.
pub fn run(args: &ConnectArgs) -> Result<(), Failed> {
    let mut herd = Herd::new(args.site.targets()?, args.tokens.read(args.connections)?)?;
    let (mut watch, mut stopped) = (args.site.watch(), None);
    herd.begin();
    let start = now_ns();
    let due = |number: usize| start + number as u64 * NS / args.per_s;
    (0..herd.len()).for_each(|number| herd.dial_at(number, due(number)));
    let mut end = due(herd.len()) + JOIN_NS_MAX;
    let mut holds = false;
    while now_ns() < end && stopped.is_none() {
        herd.turn(Duration::from_millis(LOOK_MS))?;
        stopped = watch.look(&herd.timeline);
        if !holds && herd.up() == herd.len() {
            (holds, end) = (true, now_ns() + args.hold_s * NS);
        }
    }
    let mut facts = vec![
        ("connections at the end".to_owned(), format!("{} of {}", herd.up(), herd.len())),
        ("from when it was due to caught up".to_owned(), delays(&herd.timeline.joins)),
    ];
    facts.extend(counted(&herd));
    let (connections, per_s, hold_s) = (args.connections, args.per_s, args.hold_s);
    args.site.finish(&Report {
        title: "Connections that stay".into(),
        what: format!(
            "{connections} connections, {per_s} more each second, then {hold_s} s of rest"
        ),
        stopped,
        facts,
        verdicts: Vec::new(),
        bands: Vec::new(),
        charts: Vec::new(),
        timeline: herd.timeline,
        arrivals: "arrivals",
    })
}
