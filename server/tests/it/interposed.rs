//! That nothing about a message leaves the server before the message is on disk: the order of the
//! server's own system calls, seen by a library that stands between it and the kernel.

// The library is loaded by the loader of Linux.
#![cfg(target_os = "linux")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use carillon::{config::Config, node::Start, server::Server};
use carillon_protocol::{Command as _, conv, msg};
use carillon_store::{Durability, Options};
use tokio::net::TcpListener;

use crate::{
    kit::{cid, text_message},
    process::{Process, add_org, add_person, connect},
};

const MESSAGES: usize = 200;
const LIBRARY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interpose/order.c");
/// Tells the server in a process of its own where its data is and how it writes.
const DATA: &str = "IT_DATA";
const DURABILITY: &str = "IT_DURABILITY";

#[tokio::test(flavor = "multi_thread")]
async fn nothing_about_a_message_leaves_before_a_later_sync_has_returned() {
    let (steps, marks) = observe("full").await;
    assert_eq!(too_early(&steps), [] as [&Step; 0]);
    assert_eq!(seen(&steps, |step| matches!(step, Step::Acknowledged { .. })), marks);
    assert_eq!(seen(&steps, |step| matches!(step, Step::Shown { .. })), marks);
}

/// The same with `synchronous=OFF`: a check that cannot fail says nothing.
#[tokio::test(flavor = "multi_thread")]
async fn without_syncs_the_check_finds_every_message_too_early() {
    let (steps, marks) = observe("off").await;
    let early: BTreeSet<&str> = too_early(&steps).into_iter().map(Step::mark).collect();
    assert_eq!(early, marks.iter().map(String::as_str).collect());
    assert_eq!(seen(&steps, |step| matches!(step, Step::Wrote { .. })), marks);
}

/// The process that the tests above start: this program, with this test alone.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "it serves until its standard input ends, for the tests above"]
async fn a_server_in_a_process_of_its_own() {
    let Ok(data) = std::env::var(DATA) else { return };
    let durability = match std::env::var(DURABILITY).as_deref() {
        Ok("full") => Durability::Full,
        Ok("off") => Durability::Off,
        other => panic!("unknown durability {other:?}"),
    };
    let mut config = Config { data: data.into(), ..Config::default() };
    config.rooms.port = 0;
    config.limits.writes_per_s = 100_000.try_into().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let store = Options { durability, ..Options::default() };
    let server = Server::start(&config, listener, Start { store, ..Start::default() }).await;
    println!("listening on {url}");
    tokio::io::copy(&mut tokio::io::stdin(), &mut tokio::io::sink()).await.unwrap();
    server.unwrap().stop().await;
}

/// What the server did, in the order in which it did it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// The message was in a write to the write-ahead log that returned then.
    Wrote { end: u64, mark: String },
    /// A sync of the write-ahead log.
    Synced { begin: u64, end: u64 },
    /// The acknowledgement of the message began to leave.
    Acknowledged { begin: u64, mark: String },
    /// The message itself began to leave, to somebody who listens.
    Shown { begin: u64, mark: String },
}

impl Step {
    fn mark(&self) -> &str {
        match self {
            Step::Wrote { mark, .. }
            | Step::Acknowledged { mark, .. }
            | Step::Shown { mark, .. } => mark,
            Step::Synced { .. } => "",
        }
    }
}

/// The steps with which something left before a sync that began after its message was written
/// had returned.
fn too_early(steps: &[Step]) -> Vec<&Step> {
    let mut safe: BTreeMap<&str, u64> = BTreeMap::new();
    for step in steps {
        if let Step::Wrote { end: written, mark } = step {
            let syncs = steps.iter().filter_map(|step| match step {
                Step::Synced { begin, end } if begin > written => Some(*end),
                _ => None,
            });
            let first = syncs.min().unwrap_or(u64::MAX);
            safe.entry(mark).and_modify(|safe| *safe = first.min(*safe)).or_insert(first);
        }
    }
    let is_early = |begin: &u64, mark: &str| safe.get(mark).is_none_or(|safe| begin < safe);
    let early = steps.iter().filter(|step| match step {
        Step::Acknowledged { begin, mark } | Step::Shown { begin, mark } => is_early(begin, mark),
        Step::Wrote { .. } | Step::Synced { .. } => false,
    });
    early.collect()
}

fn seen(steps: &[Step], wanted: impl Fn(&Step) -> bool) -> BTreeSet<String> {
    steps.iter().filter(|step| wanted(step)).map(|step| step.mark().to_owned()).collect()
}

/// Writes messages one after the other to a server under observation; answers what it did and the
/// marks in the messages.
async fn observe(durability: &str) -> (Vec<Step>, BTreeSet<String>) {
    let folder = tempfile::tempdir().unwrap();
    let (data, trace) = (folder.path().join("data"), folder.path().join("trace"));
    let mut program = Command::new(std::env::current_exe().unwrap());
    program
        .args(["--exact", "interposed::a_server_in_a_process_of_its_own"])
        .args(["--ignored", "--nocapture"])
        .env("LD_PRELOAD", build(folder.path()))
        .env("ORDER_TRACE", &trace)
        .env(DATA, &data)
        .env(DURABILITY, durability);
    let server = Process::start(program).await;
    let org = add_org(&data, "Harbour");
    let (amy, bob) = (add_person(&data, org, "amy"), add_person(&data, org, "bob"));
    let mut amys = connect(&server.url, &amy).await;
    let mut bobs = connect(&server.url, &bob).await;
    let conv = amys.call(&conv::Open { user: bob.user }).await.unwrap().conv;

    let mut mark_of = BTreeMap::new();
    for number in 0..MESSAGES {
        let mark = format!("mark-{number:06}");
        let message = text_message(conv, &mark);
        let id = amys.begin(msg::Send::OP, Some(cid()), None, &message).await;
        amys.answer(id).await.unwrap();
        bobs.event_of(msg::kind::SENT).await;
        mark_of.insert(id, mark);
    }
    server.kill();
    let trace = fs::read_to_string(trace).unwrap();
    let steps = trace.lines().map(|line| read_step(line, &mark_of)).collect();
    (steps, mark_of.into_values().collect())
}

/// A line of the trace; `tests/interpose/order.c` says what it holds.
fn read_step(line: &str, mark_of: &BTreeMap<u64, String>) -> Step {
    let words: Vec<&str> = line.split(' ').collect();
    let number = |word: &str| word.parse::<u64>().unwrap();
    match words[..] {
        ["wrote", end, mark] => Step::Wrote { end: number(end), mark: mark.into() },
        ["synced", begin, end] => Step::Synced { begin: number(begin), end: number(end) },
        ["ok", begin, re] => {
            Step::Acknowledged { begin: number(begin), mark: mark_of[&number(re)].clone() }
        }
        ["shown", begin, mark] => Step::Shown { begin: number(begin), mark: mark.into() },
        _ => panic!("unknown line {line:?}"),
    }
}

/// Compiles the library with the compiler that Rust links with.
fn build(folder: &Path) -> PathBuf {
    let library = folder.join("order.so");
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(LIBRARY);
    assert!(cc.status().expect("there is a C compiler").success(), "{LIBRARY} does not compile");
    library
}

#[test]
fn what_leaves_before_its_write_or_its_sync_is_too_early() {
    let wrote = |end| Step::Wrote { end, mark: "m".into() };
    let synced = |begin, end| Step::Synced { begin, end };
    let ok = |begin| Step::Acknowledged { begin, mark: "m".into() };
    let shown = |begin| Step::Shown { begin, mark: "m".into() };
    assert!(too_early(&[wrote(1), synced(2, 3), ok(4), shown(5)]).is_empty());
    // A sync of something else in between does no harm; the first that covers the write counts.
    assert!(too_early(&[wrote(1), synced(2, 3), ok(4), wrote(5), synced(6, 7)]).is_empty());
    for planted in [
        vec![ok(1)],
        vec![wrote(1), ok(2)],
        vec![synced(1, 2), ok(3)],
        vec![ok(1), wrote(2), synced(3, 4)],
        vec![wrote(1), ok(2), synced(3, 4)],
        vec![wrote(1), synced(2, 4), ok(3)],
        vec![synced(1, 3), wrote(2), ok(4)],
        vec![wrote(1), synced(2, 4), shown(3)],
    ] {
        assert_eq!(too_early(&planted).len(), 1, "{planted:?}");
    }
}
