//! What servers count themselves, as Prometheus reads it.

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    net::TcpStream,
    time::Duration,
};

use crate::fleet::Target;

const PATIENCE: Duration = Duration::from_secs(5);

/// The sum of each metric over its labels and over all servers.
pub type Counters = BTreeMap<String, f64>;

/// Asks all servers; nothing if one does not tell.
pub fn read(targets: &[Target]) -> Option<Counters> {
    let mut all = Counters::new();
    for target in targets {
        add(&mut all, &text(target).ok()?);
    }
    Some(all)
}

fn text(target: &Target) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&target.address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let host = target.address;
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if !answer.starts_with("HTTP/1.1 200") {
        return Err(io::Error::other("no metrics"));
    }
    Ok(answer)
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
        add(&mut before, "# HELP x\ncarillon_queries_total{kind=\"read\"} 3\n");
        add(&mut after, "carillon_queries_total{kind=\"read\"} 5\nHTTP/1.1 200 OK\n");
        add(&mut after, "carillon_queries_total{kind=\"write\"} 4\nother 1\n");
        assert_eq!(grown(&before, &after, "queries"), Some(6.0));
        assert_eq!(grown(&before, &after, "hints"), None);
    }
}
