//! What servers count themselves, as Prometheus reads it.

use std::collections::BTreeMap;

use crate::{fleet::Target, http};

/// The sum of each metric over its labels and over all servers.
pub type Counters = BTreeMap<String, f64>;

/// Asks all servers; nothing if one does not tell.
pub fn read(targets: &[Target]) -> Option<Counters> {
    let mut all = Counters::new();
    for target in targets {
        let (status, text) = http::get(target, "/metrics").ok()?;
        if status != 200 {
            return None;
        }
        add(&mut all, &text);
    }
    Some(all)
}

/// Lines of `name{labels} value`; whatever else stands there is passed over.
fn add(all: &mut Counters, text: &str) {
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some((name, value)) = line.rsplit_once(' ') else { continue };
        let (name, Ok(value)) = (name.split('{').next().unwrap_or(name), value.parse::<f64>())
        else {
            continue;
        };
        *all.entry(name.to_owned()).or_insert(0.0) += value;
    }
}

/// By how much everything whose name has this word has grown.
pub fn grown(before: &Counters, after: &Counters, word: &str) -> Option<f64> {
    let named = |counters: &Counters| {
        let named: Vec<f64> =
            counters.iter().filter(|(name, _)| name.contains(word)).map(|it| *it.1).collect();
        (!named.is_empty()).then(|| named.iter().sum::<f64>())
    };
    Some(named(after)? - named(before).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_servers_are_added_up() {
        let (mut before, mut after) = (Counters::new(), Counters::new());
        add(&mut before, "# HELP x\ncarillon_db_queries_total{kind=\"read\"} 3\n");
        add(&mut after, "carillon_db_queries_total{kind=\"read\"} 5\nHTTP/1.1 200 OK\n");
        add(&mut after, "carillon_db_queries_total{kind=\"write\"} 4\nother 1\n");
        assert_eq!(grown(&before, &after, "queries"), Some(6.0));
        assert_eq!(grown(&before, &after, "hints"), None);
    }
}
