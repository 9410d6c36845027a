//! Everybody is cut off at once, and comes back.

use std::{path::Path, time::Duration};

use clap::Args;

use crate::{
    bars::{Bar, Verdict},
    clock::now_ns,
    fleet::Failed,
    herd::Herd,
    report::Report,
};

use super::{
    LOOK_MS, NS, SiteArgs, TokensArgs, counted, delays,
    metrics::{self, Counters},
};

/// How many begin to connect a second, before the storm.
const DIALS_PER_S: u64 = 500;
/// How long all of them may take to come back, in seconds.
const WITHIN_S: u64 = 60;
/// How long nobody comes or goes, before the storm and after it, in seconds.
const REST_S: u64 = 2;
/// Queries of the database for each client that comes back.
const QUERIES_MAX: f64 = 3.0;

/// How many.
#[derive(Debug, Clone, Args)]
pub struct StormArgs {
    #[command(flatten)]
    site: SiteArgs,
    #[command(flatten)]
    tokens: TokensArgs,
    /// How many clients there are.
    #[arg(long, default_value_t = 1_000)]
    clients: usize,
    /// How long all of them may take to come back, in seconds.
    #[arg(long, default_value_t = WITHIN_S, value_parser = clap::value_parser!(u64).range(1..=600))]
    within_s: u64,
}

impl StormArgs {
    /// Of these servers and tokens, with the usual bounds.
    pub fn new(urls: Vec<String>, tokens: &Path, clients: usize, out: &Path) -> StormArgs {
        let tokens = TokensArgs { tokens: tokens.to_owned() };
        StormArgs { site: SiteArgs::new(urls, out), tokens, clients, within_s: WITHIN_S }
    }
}

/// Runs it.
pub fn run(args: &StormArgs) -> Result<Vec<Verdict>, Failed> {
    let targets = args.site.targets()?;
    let mut herd = Herd::new(targets.clone(), args.tokens.read(args.clients)?)?;
    let start = now_ns();
    (0..herd.len()).for_each(|it| herd.dial_at(it, start + it as u64 * NS / DIALS_PER_S));
    // Twice the time that this should take, and a while.
    let end = start + 2 * herd.len() as u64 * NS / DIALS_PER_S + args.within_s * NS;
    if !until_up(&mut herd, end)? {
        let missing = herd.len() - herd.up();
        return Err(Failed::Late { missing, what: "the end of the first catch-up".into() });
    }
    let quiet = metrics::read(&targets);
    rest(&mut herd)?;
    let before = metrics::read(&targets);
    herd.begin();
    let cut = now_ns();
    herd.cut_all();
    let back = until_up(&mut herd, cut + args.within_s * NS)?;
    let back_s = (now_ns() - cut) as f64 / 1e9;
    // What is written behind the clients' backs counts too.
    rest(&mut herd)?;
    let after = metrics::read(&targets);
    let asked_s = (now_ns() - cut) as f64 / 1e9;
    let queries = (|| Queries::of([quiet?, before?, after?], asked_s))();
    finish(args, herd, (back, back_s), queries)
}

/// Queries of the database, as the nodes count them.
struct Queries {
    /// From the cut until everything is quiet again.
    all: f64,
    /// How many of them there would have been anyway: nodes ask for news, and how they are.
    own: f64,
}

impl Queries {
    fn of([quiet, before, after]: [Counters; 3], asked_s: f64) -> Option<Queries> {
        let grown = |from, to| metrics::grown(from, to, "db_queries_total");
        let own = grown(&quiet, &before)? * asked_s / REST_S as f64;
        Some(Queries { all: grown(&before, &after)?, own })
    }

    /// Of each client, to the hundredth.
    fn each(&self, clients: f64) -> f64 {
        (100.0 * (self.all - self.own) / clients).round() / 100.0
    }
}

/// Lets some time go by in which nobody comes or goes.
fn rest(herd: &mut Herd) -> Result<(), Failed> {
    let end = now_ns() + REST_S * NS;
    while now_ns() < end {
        herd.turn(Duration::from_millis(LOOK_MS))?;
    }
    Ok(())
}

/// Waits until everybody is connected; answers whether that came in time.
fn until_up(herd: &mut Herd, end: u64) -> Result<bool, Failed> {
    while herd.up() < herd.len() && now_ns() < end {
        herd.turn(Duration::from_millis(LOOK_MS))?;
    }
    Ok(herd.up() == herd.len())
}

fn finish(
    args: &StormArgs,
    herd: Herd,
    (back, back_s): (bool, f64),
    queries: Option<Queries>,
) -> Result<Vec<Verdict>, Failed> {
    let clients = herd.len() as f64;
    let missing = herd.len() - herd.up();
    let mut facts = vec![
        ("from the cut to caught up".to_owned(), delays(&herd.timeline.joins)),
        ("not back".to_owned(), missing.to_string()),
        ("the most connects of one client".to_owned(), herd.counts.dials_max.to_string()),
    ];
    facts.extend(counted(&herd));
    let mut verdicts = vec![Verdict {
        matter: "storm: until the last is back, s".into(),
        figure: if back { back_s } else { f64::INFINITY },
        bar: Bar::AtMost(args.within_s as f64),
        from: format!("{clients} clients"),
    }];
    match queries {
        Some(queries) => verdicts.push(Verdict {
            matter: "storm: queries of each client".into(),
            figure: queries.each(clients),
            bar: Bar::AtMost(QUERIES_MAX),
            from: format!(
                "{:.0} in all, about {:.0} of them the nodes' own, as /metrics says",
                queries.all, queries.own
            ),
        }),
        None => facts.push(("queries".into(), "/metrics does not tell".into())),
    }
    let report = Report {
        title: "Everybody comes back at once".into(),
        what: format!("{clients} clients are cut off at once"),
        stopped: (!back).then(|| format!("{missing} were not back after {} s", args.within_s)),
        facts,
        verdicts: verdicts.clone(),
        bands: Vec::new(),
        charts: Vec::new(),
        timeline: herd.timeline,
        arrivals: "arrivals",
    };
    args.site.finish(&report)?;
    if back {
        Ok(verdicts)
    } else {
        Err(Failed::Late { missing, what: "the end of the storm".into() })
    }
}
