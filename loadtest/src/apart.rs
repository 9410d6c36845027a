//! What a call of a plugin costs that runs in a process of its own, beside the same call of the
//! same plugin in the node.

use std::path::Path;

use carillon_protocol::{
    Command, PollId,
    conv::{Create, History},
    poll::{Get, Open, Vote},
};

use crate::{
    bars::{Bar, Verdict, median},
    clock::now_ns,
    fleet::Failed,
    link::Link,
    place::{Beside, Place, Running},
    seed::caller,
};

/// Calls of one kind in a row, before it is the other server's turn.
const CALLS: usize = 300;
/// Calls that nobody counts: whatever is made at the first call is made by them.
const FIRST: usize = 50;
/// The bar: so many times as long.
const TIMES: f64 = 3.0;

/// A server with a poll, and who votes on it.
struct Site {
    link: Link,
    poll: PollId,
    _process: Option<Beside>,
    _server: Running,
    _place: Place,
}

/// Half of the calls took at most so long, in milliseconds.
struct Halves {
    commits: Vec<f64>,
    reads: Vec<f64>,
}

/// A server whose polls run in it and one whose polls run apart, in turn.
pub fn apart(program: &Path, shards: u8, repetitions: u16) -> Result<Vec<Verdict>, Failed> {
    let mut local = Site::start(program, shards, false)?;
    let mut remote = Site::start(program, shards, true)?;
    let new = || Halves { commits: Vec::new(), reads: Vec::new() };
    let (mut here, mut there) = (new(), new());
    for _ in 0..repetitions {
        for (site, halves) in [(&mut local, &mut here), (&mut remote, &mut there)] {
            halves.commits.push(site.votes(CALLS)?);
            halves.reads.push(site.reads(CALLS)?);
        }
    }
    println!("apart: {CALLS} calls in a row, one after another, {repetitions} times");
    Ok(vec![
        verdict("a call that commits (poll.vote)", &here.commits, &there.commits),
        verdict("a call that reads (poll.get)", &here.reads, &there.reads),
    ])
}

fn verdict(what: &str, here: &[f64], there: &[f64]) -> Verdict {
    let of = |halves: &[f64]| median(halves.iter().copied());
    let ratio = median(here.iter().zip(there).map(|(here, there)| there / here));
    let (here, there) = (of(here), of(there));
    println!("{what:<34}{here:>9.3} in the node{there:>9.3} apart (p50, ms)");
    Verdict {
        matter: format!("{what}, apart ÷ in the node: p50"),
        figure: ratio,
        bar: Bar::AtMost(TIMES),
        from: format!("median of rounds; {there:.3} ms ÷ {here:.3} ms"),
    }
}

impl Site {
    fn start(program: &Path, shards: u8, apart: bool) -> Result<Site, Failed> {
        let place = Place::node(program, &format!("shards = {shards}\n"))?;
        let token = place.organisation("Load", "load")?;
        if apart {
            place.add("[plugins.poll]\nrun = \"remote\"\n")?;
        }
        let server = place.start()?;
        let process = if apart { Some(place.beside("poll", &server)?) } else { None };
        let mut link = Link::open(&server.target()?, &caller(&token))?;
        let create = Create { title: "Load".into(), members: vec![], history: History::All };
        let conv = link.calls(vec![create])?[0].conv;
        let open = Open {
            conv,
            question: "Lunch?".into(),
            options: ["Rice", "Noodles"].map(String::from).into(),
            multiple: false,
            anonymous: false,
            closes_at: None,
        };
        // It waits until the process is linked, if it is apart.
        let poll = link.calls(vec![open])?[0].poll;
        let mut site = Site { link, poll, _process: process, _server: server, _place: place };
        site.votes(FIRST)?;
        site.reads(FIRST)?;
        Ok(site)
    }

    fn votes(&mut self, calls: usize) -> Result<f64, Failed> {
        let poll = self.poll;
        self.half(calls, |number| Vote { poll, choices: vec![(number % 2) as u32] })
    }

    fn reads(&mut self, calls: usize) -> Result<f64, Failed> {
        let poll = self.poll;
        self.half(calls, |_| Get { poll })
    }

    /// Calls one after another, and answers the time that half of them kept to.
    fn half<C: Command>(&mut self, calls: usize, args: impl Fn(usize) -> C) -> Result<f64, Failed> {
        let mut times = Vec::with_capacity(calls);
        for number in 0..calls {
            let since = now_ns();
            self.link.calls(vec![args(number)])?;
            times.push((now_ns() - since) as f64 / 1e6);
        }
        Ok(median(times))
    }
}
