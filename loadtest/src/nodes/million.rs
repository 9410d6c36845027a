//! A long log, and how soon a node is ready on it after `kill -9`.

use carillon_protocol::msg;

use super::Site;
use crate::{
    bars::{Bar, Verdict},
    clock::{Deadline, now_ns},
    fleet::Failed,
    http,
    teams::{AUTHORS, Teams},
    throughput,
};

/// Messages between two looks at how far it is.
const PART: u32 = 100_000;
/// How often the node is killed; the slowest start counts.
const KILLS: usize = 3;
const READY_S_MAX: f64 = 3.0;
/// When there is no hope left.
const READY_MAX: std::time::Duration = std::time::Duration::from_secs(60);
const TEXT_LEN: usize = 200;

/// So many messages through sockets; then the kills.
pub fn million(site: &mut Site, messages: u32) -> Result<Vec<Verdict>, Failed> {
    let teams = Teams::seed(&site.target(0)?, site.token())?;
    let mut fleet = teams.authors(site.target(0)?)?;
    let process = site.node(0)?.process();
    let (mut acknowledged, start) = (0, now_ns());
    while acknowledged < messages {
        // Every author writes as many.
        let part = PART.min(messages - acknowledged).next_multiple_of(AUTHORS as u32);
        let rate = throughput::measure(&mut fleet, process, &teams.convs, TEXT_LEN, part)?;
        acknowledged += part;
        println!("{acknowledged} acknowledged, the last {part} at {:.0}/s", rate.per_s);
    }
    let per_s = f64::from(acknowledged) / ((now_ns() - start) as f64 / 1e9);
    drop(fleet);
    let mut slowest = 0.0_f64;
    for _ in 0..KILLS {
        site.kill(0);
        let ready_s = ready_s(site)?;
        println!("ready {:.0} ms after kill -9", 1e3 * ready_s);
        slowest = slowest.max(ready_s);
    }
    let count = format!("SELECT count(*) FROM event WHERE k = '{}'", msg::kind::SENT);
    let found: u32 = site.sql(&count).parse().map_err(std::io::Error::other)?;
    Ok(vec![
        Verdict {
            matter: format!("{acknowledged} messages: ready after kill -9, s"),
            figure: slowest,
            bar: Bar::AtMost(READY_S_MAX),
            from: format!("the slowest of {KILLS}; written at {per_s:.0}/s through one node"),
        },
        Verdict {
            matter: "acknowledged and not in the log".into(),
            figure: f64::from(acknowledged.abs_diff(found)),
            bar: Bar::AtMost(0.0),
            from: format!("{found} are in the log"),
        },
    ])
}

/// Starts the node, and waits until it says that it is ready.
fn ready_s(site: &mut Site) -> Result<f64, Failed> {
    let (start, deadline) = (now_ns(), Deadline::after(READY_MAX));
    site.begin(0)?;
    let target = site.target(0)?;
    while !http::is_ready(&target) {
        if deadline.is_over() {
            return Err(Failed::Late { missing: 1, what: "a node that is ready".into() });
        }
    }
    Ok((now_ns() - start) as f64 / 1e9)
}
