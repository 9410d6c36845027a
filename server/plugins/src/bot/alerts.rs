//! What Prometheus' Alertmanager sends to a webhook of its own kind.

use carillon_protocol::card::{Card, Item, Tone};
use serde_json::Value;

use super::{
    links::link,
    post::{get, list, one_line, plain_text, some, text},
};

/// Labels that the title says already.
const SAID: [&str; 2] = ["alertname", "severity"];
/// Annotations that explain an alert, the better ones first.
const EXPLAIN: [&str; 3] = ["summary", "description", "message"];

/// Whether a body is Alertmanager's.
pub(super) fn is_some(value: &Value) -> bool {
    get(value, "alerts").is_array() && get(value, "status").is_string()
}

/// A card of the group, an item an alert, and how many alerts were left out before.
pub(super) fn card(value: &Value) -> (Card, u64) {
    let alerts = list(value, "alerts");
    let common = get(value, "commonLabels");
    let card = Card {
        title: some(one_line(&title(value, alerts.len()))),
        text: explained(get(value, "commonAnnotations")),
        url: link(&text(value, "externalURL")),
        tone: Some(tone(&text(value, "status"), &text(common, "severity"))),
        items: alerts.iter().map(item).collect(),
        ..Card::default()
    };
    (card, get(value, "truncatedAlerts").as_u64().unwrap_or(0))
}

fn title(value: &Value, count: usize) -> String {
    let status = text(value, "status").to_uppercase();
    let group = get(value, "groupLabels").as_object().into_iter().flatten();
    let names: Vec<String> = group.map(|(_, value)| plain_text(value)).collect();
    let names = if names.is_empty() { text(value, "receiver") } else { names.join(" ") };
    let status = if status == "FIRING" { format!("{status}:{count}") } else { status };
    format!("[{status}] {names}")
}

fn tone(status: &str, severity: &str) -> Tone {
    match (status, severity) {
        ("resolved", _) => Tone::Good,
        (_, "warning") => Tone::Warning,
        (_, "info" | "none") => Tone::Info,
        _ => Tone::Danger,
    }
}

fn item(alert: &Value) -> Item {
    let labels = get(alert, "labels");
    let name = some(text(labels, "alertname")).unwrap_or_else(|| "alert".to_owned());
    let severity = some(text(labels, "severity")).map(|it| format!(" ({it})")).unwrap_or_default();
    let status = if text(alert, "status") == "resolved" { "✅" } else { "🔥" };
    let rest = labels.as_object().into_iter().flatten();
    let rest = rest.filter(|(key, _)| !SAID.contains(&key.as_str()));
    let rest: Vec<_> = rest.map(|(key, value)| format!("{key}: {}", plain_text(value))).collect();
    let mut lines: Vec<String> = explained(get(alert, "annotations")).into_iter().collect();
    lines.extend(some(rest.join(", ")));
    Item {
        title: one_line(&format!("{status} {name}{severity}")),
        text: some(lines.join("\n\n")),
        image: None,
        url: link(&text(alert, "generatorURL")),
    }
}

fn explained(annotations: &Value) -> Option<String> {
    EXPLAIN.into_iter().find_map(|key| some(text(annotations, key)))
}
