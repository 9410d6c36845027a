//! `carillon nodes`: which nodes there are, and how each is.

use carillon_plugin::Clock as _;
use carillon_protocol::node::{List, Node};

use super::{Outcome, say, system::System};
use crate::{clock::SystemClock, config::Config};

/// A node that said nothing for so long is gone, or cannot reach the database: three beats.
const SILENT_AFTER_MS: i64 = 15_000;

/// What stands above each column.
const HEADS: [&str; 9] =
    ["NODE", "STATE", "VERSION", "UP", "CONNECTIONS", "BEHIND", "REDIS", "LOST HINTS", "LEASES"];

/// Prints a line a node.
pub(super) async fn nodes(config: &Config) -> Outcome {
    let system = System::reach(config).await?;
    let listed = system.call(&List {}).await;
    system.close().await;
    let nodes = listed?.nodes;
    if nodes.is_empty() {
        return say("no node has said anything for a day: only those with a `database` do");
    }
    say(&table(&nodes, SystemClock::default().now()))
}

fn table(nodes: &[Node], now: i64) -> String {
    // What the others know may be newer than what this one last said of itself.
    let newest = nodes.iter().map(|node| node.beat.applied).max().unwrap_or(0);
    let mut rows = vec![HEADS.map(String::from)];
    rows.extend(nodes.iter().map(|node| row(node, newest, now)));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..HEADS.len()).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &[String; HEADS.len()]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

fn row(node: &Node, newest: u64, now: i64) -> [String; HEADS.len()] {
    let Node { beat, seen_at, leases } = node;
    let silent_ms = now - seen_at;
    let state = if silent_ms > SILENT_AFTER_MS {
        format!("silent for {}", duration(silent_ms))
    } else {
        "runs".to_owned()
    };
    let redis = beat.bus_us.map_or("-".into(), |us| format!("{:.1} ms", us as f64 / 1_000.0));
    [
        beat.name.clone(),
        state,
        beat.version.clone(),
        duration(seen_at - beat.started_at),
        beat.connections.to_string(),
        (newest - beat.applied).to_string(),
        redis,
        beat.lost_hints.to_string(),
        if leases.is_empty() { "-".into() } else { leases.join(" ") },
    ]
}

/// A time in the largest unit that it has one of.
fn duration(ms: i64) -> String {
    let seconds = ms.max(0) / 1_000;
    match seconds {
        ..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use carillon_protocol::{RunId, id::Ulid, node::Beat};

    use super::*;

    fn node(name: &str, applied: u64, seen_at: i64) -> Node {
        let beat = Beat {
            run: RunId(Ulid(1)),
            name: name.into(),
            version: "0.1.0".into(),
            started_at: 0,
            applied,
            connections: 812,
            bus_us: (name == "east").then_some(1_412),
            lost_hints: 2,
        };
        Node { beat, seen_at, leases: vec!["reader.chat.12".into()] }
    }

    #[test]
    fn a_node_that_is_gone_or_behind_is_seen_at_once() {
        let nodes = [node("east", 120, 7_200_000), node("harbour-west", 100, 7_140_000)];
        assert_eq!(
            table(&nodes, 7_201_000),
            "NODE          STATE             VERSION  UP   CONNECTIONS  BEHIND  REDIS   \
             LOST HINTS  LEASES\n\
             east          runs              0.1.0    2 h  812          0       1.4 ms  \
             2           reader.chat.12\n\
             harbour-west  silent for 1 min  0.1.0    1 h  812          20      -       \
             2           reader.chat.12\n"
        );
    }
}
