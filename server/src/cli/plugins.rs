//! `carillon plugins`: what plugins do besides answering, and what failed for good.

use std::time::Duration;

use carillon_plugin::Clock as _;
use carillon_protocol::{
    DeadLetterId,
    plugin::{
        DeadLetter, DropDead, List, ListDead, Listed, MakeToken, Plugin, Program, Reading,
        RetryDead, Run,
    },
};
use clap::Subcommand;

use super::{Outcome, say, system::System};
use crate::{clock::SystemClock, config::Config};

/// What stands above each column.
const HEADS: [&str; 9] =
    ["PLUGIN", "RUNS", "OPERATIONS", "READS", "BEHIND", "TIMERS", "OUTBOX", "DEAD", "ON"];
/// The same, of programs of others.
const PROGRAM_HEADS: [&str; 4] = ["PROGRAM", "ORGANISATION", "LISTENS", "BEHIND"];
/// Dead letters that are shown at once.
const DEAD_SHOWN: u32 = 200;

/// What failed for good.
#[derive(Debug, Subcommand)]
pub(super) enum PluginsCommand {
    /// Show all of one plugin: its operations, events and effects, and what waits
    Show {
        /// The plugin
        plugin: String,
    },
    /// Make the token for `carillon plugin`, which runs a plugin apart; the one before it ends
    ///
    /// Whoever has it is the plugin: it reads and changes what the plugin keeps, and calls what the
    /// plugin calls, in anybody's name. Keep it as you keep the password of the database.
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
        None => system.call(&List {}).await.map(|listed| overview(&listed)),
        Some(PluginsCommand::Show { plugin }) => show(&system, &plugin).await,
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

async fn show(system: &System<'_>, name: &str) -> Result<String, super::Failure> {
    let listed = system.call(&List {}).await?;
    let plugin = listed.plugins.iter().find(|plugin| plugin.name == name);
    let known = || listed.plugins.iter().map(|plugin| &*plugin.name).collect::<Vec<_>>().join(", ");
    let unknown = || super::Failure(format!("there is no plugin `{name}`, but {}", known()));
    plugin.map(whole).ok_or_else(unknown)
}

/// All of a plugin, a line for each thing.
fn whole(plugin: &Plugin) -> String {
    let list = |what: &[String]| if what.is_empty() { "-".into() } else { what.join("\n") };
    let kinds = plugin.reading.as_ref().map(|reading| list(&reading.kinds));
    let due = plugin.timers_due;
    let mut rows = vec![
        ["runs".to_owned(), format!("{}, on {}", runs(plugin), on(plugin))],
        ["operations".to_owned(), list(&plugin.operations)],
        ["reads".to_owned(), kinds.unwrap_or_else(|| "-".into())],
        ["behind".to_owned(), plugin.reading.as_ref().map_or("-".into(), how_far)],
        ["effects".to_owned(), list(&plugin.effects)],
        ["timers".to_owned(), format!("{}, {due} due", plugin.timers)],
        ["outbox".to_owned(), plugin.outbox.to_string()],
        ["dead".to_owned(), plugin.dead.to_string()],
    ];
    rows.extend(plugin.error.as_ref().map(|error| ["failed last".to_owned(), error.clone()]));
    let lines = rows.into_iter().flat_map(|[head, text]| {
        let lines = text.lines().enumerate().map(|(at, line)| {
            [if at == 0 { head.clone() } else { String::new() }, line.to_owned()]
        });
        lines.collect::<Vec<_>>()
    });
    columns(&lines.collect::<Vec<_>>()).join("\n")
}

fn overview(listed: &Listed) -> String {
    let mut rows = vec![HEADS.map(String::from)];
    rows.extend(listed.plugins.iter().map(row));
    let mut lines = columns(&rows);
    for plugin in &listed.plugins {
        let error = plugin.error.iter();
        lines.extend(error.map(|error| format!("{} failed last: {error}", plugin.name)));
    }
    if !listed.programs.is_empty() {
        let mut rows = vec![PROGRAM_HEADS.map(String::from)];
        rows.extend(listed.programs.iter().map(program));
        lines.push(String::new());
        lines.extend(columns(&rows));
    }
    lines.join("\n")
}

/// Cells below each other, as wide as the widest of their column.
fn columns<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..N).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

fn program(program: &Program) -> [String; PROGRAM_HEADS.len()] {
    [
        program.name.clone(),
        program.org.to_string(),
        program.listens.join(" "),
        behind(program.behind, program.behind_ms),
    ]
}

fn how_far(reading: &Reading) -> String {
    behind(reading.behind, reading.behind_ms)
}

fn behind(positions: u64, ms: i64) -> String {
    if positions == 0 { "0".to_owned() } else { format!("{positions}, {}", ago(ms)) }
}

/// The node that does what the plugin does besides answering.
fn on(plugin: &Plugin) -> String {
    plugin.node.clone().unwrap_or_else(|| "here".into())
}

fn row(plugin: &Plugin) -> [String; HEADS.len()] {
    let (reads, behind) = match &plugin.reading {
        None => ("-".to_owned(), "-".to_owned()),
        Some(reading) => (reading.kinds.join(" "), how_far(reading)),
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
        on(plugin),
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
    use carillon_protocol::{OrgId, UserId, id::Ulid};

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
        let clerk = Program {
            user: UserId(Ulid(1)),
            org: OrgId(Ulid(2)),
            name: "clerk".into(),
            listens: vec!["msg.sent".into(), "org.member_left".into()],
            pos: 7,
            behind: 3,
            behind_ms: 9_000,
        };
        assert_eq!(
            whole(&busy),
            "runs         remote, 2 processes linked, on east\n\
             operations   log.read\n\
             reads        msg.sent\n\
             behind       12, 1 min\n\
             effects      -\n\
             timers       40, 1 due\n\
             outbox       3\n\
             dead         1\n\
             failed last  not now"
        );
        assert_eq!(
            overview(&Listed { plugins: vec![quiet, busy], programs: vec![clerk] }),
            "PLUGIN  RUNS                        OPERATIONS  READS     BEHIND     \
             TIMERS     OUTBOX  DEAD  ON\n\
             log     local                       1           -         -          \
             0          0       0     here\n\
             poll    remote, 2 processes linked  1           msg.sent  12, 1 min  \
             40, 1 due  3       1     east\n\
             poll failed last: not now\n\n\
             PROGRAM  ORGANISATION                LISTENS                   BEHIND\n\
             clerk    00000000000000000000000002  msg.sent org.member_left  3, 9 s"
        );
    }
}
