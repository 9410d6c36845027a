//! `carillon plugins`: what plugins do besides answering, and what failed for good.

use std::time::Duration;

use carillon_plugin::Clock as _;
use carillon_protocol::{
    DeadLetterId,
    plugin::{DeadLetter, DropDead, List, ListDead, MakeToken, Plugin, RetryDead, Run},
};
use clap::Subcommand;

use super::{Outcome, say, system::System};
use crate::{clock::SystemClock, config::Config};

/// What stands above each column.
const HEADS: [&str; 9] =
    ["PLUGIN", "RUNS", "OPERATIONS", "READS", "BEHIND", "TIMERS", "OUTBOX", "DEAD", "ON"];
/// Dead letters that are shown at once.
const DEAD_SHOWN: u32 = 200;

/// What failed for good.
#[derive(Debug, Subcommand)]
pub(super) enum PluginsCommand {
    /// Make the token for `carillon plugin`, which runs a plugin apart; the one before it ends
    Token {
        /// The plugin
        plugin: String,
    },
    /// Show what failed for good, or try it again, or give it up
    Dead {
        #[command(subcommand)]
        command: Option<DeadCommand>,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum DeadCommand {
    /// Show what failed for good
    List {
        /// Only of this plugin
        #[arg(long)]
        plugin: Option<String>,
    },
    /// Try it again
    Retry {
        /// Its id, as `list` shows it
        id: DeadLetterId,
    },
    /// Give it up
    Drop {
        /// Its id, as `list` shows it
        id: DeadLetterId,
    },
}

pub(super) async fn plugins(config: &Config, command: Option<PluginsCommand>) -> Outcome {
    let system = System::reach(config).await?;
    let text = match command {
        None => system.call(&List {}).await.map(|listed| table(&listed.plugins)),
        Some(PluginsCommand::Token { plugin }) => {
            system.call(&MakeToken { plugin }).await.map(|made| made.token)
        }
        Some(PluginsCommand::Dead { command }) => dead(&system, command).await,
    };
    system.close().await;
    say(&text?)
}

async fn dead(system: &System<'_>, command: Option<DeadCommand>) -> Result<String, super::Failure> {
    let plugin = match command {
        None => None,
        Some(DeadCommand::List { plugin }) => plugin,
        Some(DeadCommand::Retry { id }) => {
            system.call(&RetryDead { id }).await?;
            return Ok(format!("{id} is tried again"));
        }
        Some(DeadCommand::Drop { id }) => {
            system.call(&DropDead { id }).await?;
            return Ok(format!("{id} is given up"));
        }
    };
    let args = ListDead { plugin, after: None, limit: Some(DEAD_SHOWN) };
    let page = system.call(&args).await?;
    if page.dead.is_empty() {
        return Ok("nothing failed for good".into());
    }
    let now = SystemClock::default().now();
    let mut lines: Vec<String> = page.dead.iter().map(|letter| line(letter, now)).collect();
    if page.more {
        lines.push(format!("only the first {DEAD_SHOWN}: retry or drop some to see the rest"));
    }
    Ok(lines.join("\n"))
}

fn line(letter: &DeadLetter, now: i64) -> String {
    let DeadLetter { id, plugin, source, what, error, at, tries } = letter;
    let ago = ago(now - at);
    format!("{id}  {plugin} {source}, {tries} tries, {ago} ago\n  {what}\n  {error}")
}

fn table(plugins: &[Plugin]) -> String {
    let mut rows = vec![HEADS.map(String::from)];
    rows.extend(plugins.iter().map(row));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..HEADS.len()).map(|column| width(column).unwrap_or(0)).collect();
    let mut lines: Vec<String> = Vec::new();
    for row in &rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        lines.push(cells.collect::<Vec<_>>().join("  ").trim_end().to_owned());
    }
    for plugin in plugins {
        let error = plugin.error.iter();
        lines.extend(error.map(|error| format!("{} failed last: {error}", plugin.name)));
    }
    lines.join("\n")
}

fn row(plugin: &Plugin) -> [String; HEADS.len()] {
    let (reads, behind) = match &plugin.reading {
        None => ("-".to_owned(), "-".to_owned()),
        Some(reading) if reading.behind == 0 => (reading.kinds.join(" "), "0".to_owned()),
        Some(reading) => {
            (reading.kinds.join(" "), format!("{}, {}", reading.behind, ago(reading.behind_ms)))
        }
    };
    [
        plugin.name.clone(),
        runs(plugin),
        plugin.operations.len().to_string(),
        reads,
        behind,
        match plugin.timers_due {
            0 => plugin.timers.to_string(),
            due => format!("{}, {due} due", plugin.timers),
        },
        plugin.outbox.to_string(),
        plugin.dead.to_string(),
        plugin.node.clone().unwrap_or_else(|| "here".into()),
    ]
}

/// Where it runs.
fn runs(plugin: &Plugin) -> String {
    match (plugin.run, plugin.linked.unwrap_or(0)) {
        (Run::Local, _) => "local".to_owned(),
        (Run::Off, _) => "off".to_owned(),
        (Run::Remote, 0) => "remote, none linked".to_owned(),
        (Run::Remote, 1) => "remote, 1 process linked".to_owned(),
        (Run::Remote, linked) => format!("remote, {linked} processes linked"),
    }
}

/// A length of time in its largest unit.
fn ago(ms: i64) -> String {
    let time = Duration::from_millis(u64::try_from(ms).unwrap_or(0));
    match time.as_secs() {
        0 => format!("{} ms", time.as_millis()),
        seconds @ 1..60 => format!("{seconds} s"),
        seconds @ 60..3_600 => format!("{} min", seconds / 60),
        seconds @ 3_600..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use carillon_protocol::plugin::Reading;

    use super::*;

    #[test]
    fn a_plugin_is_a_line_and_what_failed_last_is_said_below() {
        let quiet = Plugin {
            name: "log".into(),
            run: Run::Local,
            linked: None,
            operations: vec!["log.read".into()],
            effects: Vec::new(),
            reading: None,
            timers: 0,
            timers_due: 0,
            outbox: 0,
            dead: 0,
            error: None,
            node: None,
        };
        let kinds = vec!["msg.sent".into()];
        let reading = Reading { kinds, pos: 40, behind: 12, behind_ms: 61_000, failures: 2 };
        let busy = Plugin {
            name: "poll".into(),
            run: Run::Remote,
            linked: Some(2),
            reading: Some(reading),
            timers: 40,
            timers_due: 1,
            outbox: 3,
            dead: 1,
            error: Some("not now".into()),
            node: Some("east".into()),
            ..quiet.clone()
        };
        assert_eq!(
            table(&[quiet, busy]),
            "PLUGIN  RUNS                        OPERATIONS  READS     BEHIND     \
             TIMERS     OUTBOX  DEAD  ON\n\
             log     local                       1           -         -          \
             0          0       0     here\n\
             poll    remote, 2 processes linked  1           msg.sent  12, 1 min  \
             40, 1 due  3       1     east\n\
             poll failed last: not now"
        );
    }
}
