//! Scenarios against servers that run already: bounded, and over by themselves when the servers or
//! this machine have enough.

mod chat;
mod connect;
pub mod metrics;
mod storm;
#[cfg(test)]
mod tests;
mod watch;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use hdrhistogram::Histogram;

use crate::{
    bars::{self, Verdict},
    fanout,
    fleet::{Failed, Target},
    herd::Herd,
    report::Report,
    room::Token,
    target,
};

use self::{
    chat::{ChatArgs, FanoutArgs},
    connect::ConnectArgs,
    storm::StormArgs,
    watch::Watch,
};

/// How long nothing is looked at while nothing happens, in milliseconds.
const LOOK_MS: u64 = 20;
const NS: u64 = 1_000_000_000;
/// When a scenario has enough, unless it is told otherwise.
const STOP_P99_MS: u64 = 5_000;
const STOP_FAILED_PERCENT: u64 = 10;

/// What is tried.
#[derive(Debug, Clone, Subcommand)]
pub enum Scenario {
    /// So many people come and stay, one after the other.
    Connect(ConnectArgs),
    /// One conversation, and many who listen to it.
    Fanout(FanoutArgs),
    /// People write to each other in groups.
    Chat(ChatArgs),
    /// Everybody is cut off at once, and comes back, at another node if there are several.
    Storm(StormArgs),
}

/// The servers, and where what was measured goes.
#[derive(Debug, Clone, Args)]
pub struct SiteArgs {
    /// Where a node listens, as ws://127.0.0.1:8080/v1/ws; once for each node.
    #[arg(long = "url", required = true)]
    urls: Vec<String>,
    /// The folder of report.html and report.json.
    #[arg(long, default_value = "target/loadtest")]
    out: PathBuf,
    /// It stops when the slowest of a hundred took longer than this, in milliseconds, for three
    /// seconds on end.
    #[arg(long, default_value_t = STOP_P99_MS)]
    stop_p99_ms: u64,
    /// It stops when more than this of a hundred failed, for three seconds on end.
    #[arg(long, default_value_t = STOP_FAILED_PERCENT)]
    stop_failed_percent: u64,
}

/// Connections that exist already, from a file that `seed` wrote.
#[derive(Debug, Clone, Args)]
pub struct TokensArgs {
    /// A file with a line {"token": "…", "device": "…"} for each connection.
    #[arg(long)]
    tokens: PathBuf,
}

impl TokensArgs {
    fn read(&self, len: usize) -> Result<Vec<Token>, Failed> {
        fanout::tokens(&self.tokens, len)
    }
}

impl SiteArgs {
    /// These servers, with the usual bounds.
    fn new(urls: Vec<String>, out: &Path) -> SiteArgs {
        let (stop_p99_ms, stop_failed_percent) = (STOP_P99_MS, STOP_FAILED_PERCENT);
        SiteArgs { urls, out: out.to_owned(), stop_p99_ms, stop_failed_percent }
    }

    fn targets(&self) -> Result<Vec<Target>, Failed> {
        self.urls.iter().map(|url| target(url)).collect()
    }

    fn watch(&self) -> Watch {
        Watch::new(self.stop_p99_ms as f64, self.stop_failed_percent)
    }

    fn finish(&self, report: &Report) -> Result<(), Failed> {
        report.print();
        report.write(&self.out)?;
        println!("{}", self.out.join("report.html").display());
        Ok(())
    }
}

/// Runs one.
pub fn run(scenario: &Scenario) -> Result<(), Failed> {
    match scenario {
        Scenario::Connect(args) => connect::run(args),
        Scenario::Fanout(args) => chat::fanout(args),
        Scenario::Chat(args) => chat::chat(args),
        Scenario::Storm(args) => storm::run(args).map(|verdicts| bars::print(&verdicts)),
    }
}

/// A storm at these servers, with the usual bounds.
pub fn storm(
    urls: Vec<String>,
    tokens: &Path,
    clients: usize,
    out: &Path,
) -> Result<Vec<Verdict>, Failed> {
    storm::run(&StormArgs::new(urls, tokens, clients, out))
}

/// The usual percentiles, for a person.
fn delays(of: &Histogram<u64>) -> String {
    let ms = |quantile| of.value_at_quantile(quantile) as f64 / 1e3;
    let [p50, p99, p999, max] = [0.5, 0.99, 0.999, 1.0].map(ms);
    format!("{p50:.1} ms p50, {p99:.1} ms p99, {p999:.1} ms p99.9, {max:.1} ms max")
}

/// What the clients counted.
fn counted(herd: &Herd) -> Vec<(String, String)> {
    let counts = herd.counts;
    [
        ("connects", counts.dials),
        ("of them told to come back later (E_BUSY)", counts.busy),
        ("of them refused otherwise", counts.refused),
        ("connections that were lost", counts.lost),
        ("calls answered with an error", counts.errors),
    ]
    .map(|(what, much)| (what.to_owned(), much.to_string()))
    .into()
}
