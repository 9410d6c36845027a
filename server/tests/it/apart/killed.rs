//! The process of a plugin is killed between any two of its instructions, again and again: each
//! call that is acknowledged has its effect once, and each event.

use std::{
    collections::BTreeMap,
    env,
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use carillon::{
    apart,
    config::{PluginSettings, Run},
    node::Start,
};
use carillon_plugin::{Caller, Host, Plugin, apart::Place};
use carillon_protocol::{
    Cid, Command as Operation, ErrorBody, PollId, plugin,
    poll::{Close, Get, Open, Vote},
};
use tokio::{sync::watch, time::timeout};

use super::{Apart, linked, lunch, server, token};
use crate::{
    cut::Chance,
    killed::ledger::{self, Note, World},
    kit::{PATIENCE, TestClient, TestServer, cid},
};

/// Who votes, on how many polls: a thousand calls.
const VOTERS: usize = 10;
const POLLS: usize = 100;
/// How often their process is killed, about.
const KILLS: usize = 20;
/// What the ledger notes, and how often its process is killed.
const NOTES: usize = 300;
const LEDGER_KILLS: usize = 10;
/// Between what was seen and the kill: so many other tasks have a turn at most.
const TURNS_MAX: u64 = 200;

/// Where the ledger's process finds its node, and the outside.
const NODE_VARIABLE: &str = "APART_NODE";
const OUTSIDE_VARIABLE: &str = "APART_OUTSIDE";

/// How a run goes on.
struct Progress {
    /// Calls that were acknowledged.
    done: AtomicUsize,
    /// Calls that were refused, and sent again.
    again: AtomicUsize,
    /// Whether a process is linked.
    up: watch::Sender<bool>,
}

impl Progress {
    fn new() -> Arc<Progress> {
        let up = watch::Sender::new(false);
        Arc::new(Progress { done: AtomicUsize::new(0), again: AtomicUsize::new(0), up })
    }

    /// What was acknowledged. Nothing, if it is to be sent again: there is a process then.
    async fn acknowledged<T>(&self, answer: Result<T, ErrorBody>) -> Option<T> {
        let error = match answer {
            Ok(answer) => {
                self.done.fetch_add(1, Relaxed);
                return Some(answer);
            }
            Err(error) => error,
        };
        let may = ["E_UNAVAILABLE", "E_TIMEOUT_UNKNOWN", "E_BUSY"];
        assert!(may.contains(&error.code.as_str()), "{error}");
        self.again.fetch_add(1, Relaxed);
        drop(self.up.subscribe().wait_for(|up| *up).await);
        None
    }

    /// Waits until so many calls were acknowledged, and a little.
    async fn reaches(&self, count: usize, chance: &mut Chance) {
        while self.done.load(Relaxed) < count {
            tokio::task::yield_now().await;
        }
        for _ in 0..chance.below(TURNS_MAX) {
            tokio::task::yield_now().await;
        }
    }
}

async fn vote_on_all(
    mut client: TestClient,
    polls: Vec<PollId>,
    voter: usize,
    progress: Arc<Progress>,
) {
    // Each begins elsewhere: they meet seldom.
    let (before, after) = polls.split_at(voter * POLLS / VOTERS);
    for &poll in after.iter().chain(before) {
        let (intent, vote) = (Some(cid()), Vote { poll, choices: vec![(voter % 3) as u32] });
        while progress.acknowledged(client.call_as(intent, None, &vote).await).await.is_none() {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_votes_count_once_however_often_their_process_is_killed() {
    let mut chance = Chance::from_environment();
    let server = server().await;
    let token = token(&server, "poll").await;
    let org = server.org("Harbour").await;
    let mut people = Vec::new();
    for number in 0..VOTERS {
        people.push(server.person(org, &format!("voter{number}")).await);
    }
    let conv = server.group(&people.iter().collect::<Vec<_>>()).await;
    let mut process = Apart::start(server.url(), &token);
    linked(&server, 1).await;
    let mut owner = TestClient::connect(&server, &people[0]).await;
    let mut polls = Vec::new();
    for number in 0..POLLS {
        // Of a secret poll nothing tells that somebody's vote was counted twice, but the count.
        let open = Open { anonymous: number % 2 == 0, ..lunch(conv) };
        polls.push(owner.call(&open).await.unwrap().poll);
    }

    let progress = Progress::new();
    progress.up.send_replace(true);
    let mut voters = Vec::new();
    for (number, person) in people.iter().enumerate() {
        let client = TestClient::connect(&server, person).await;
        let vote = vote_on_all(client, polls.clone(), number, Arc::clone(&progress));
        voters.push(tokio::spawn(vote));
    }
    let (calls, mut kills) = (VOTERS * POLLS, 0);
    loop {
        let more = chance.below(2 * (calls / KILLS) as u64) as usize;
        let next = (progress.done.load(Relaxed) + more).min(calls);
        let reached = timeout(PATIENCE, progress.reaches(next, &mut chance)).await;
        reached.expect("the votes go on");
        if next == calls {
            break;
        }
        progress.up.send_replace(false);
        process.kill();
        kills += 1;
        process = Apart::start(server.url(), &token);
        linked(&server, 1).await;
        progress.up.send_replace(true);
    }
    for voter in voters {
        voter.await.unwrap();
    }
    let again = progress.again.load(Relaxed);
    println!("{kills} kills, {again} of {calls} calls were sent again");
    assert!(kills >= KILLS / 3 && again > 0, "too few kills to say anything");

    let mut owner = TestClient::connect(&server, &people[0]).await;
    for poll in polls {
        owner.call(&Close { poll }).await.unwrap();
        let got = owner.call(&Get { poll }).await.unwrap();
        assert_eq!((got.voters, got.counts), (VOTERS as u64, Some(vec![4, 3, 3])));
    }
    assert_eq!(server.system(&plugin::ListDead::default()).await.dead, []);
    server.stop().await;
}

/// The ledger, as a process apart runs it and as its node keeps it.
fn ledger_of_process() -> Plugin {
    let outside = env::var_os(OUTSIDE_VARIABLE).map(PathBuf::from);
    let file = outside.map(|path| File::options().create(true).append(true).open(path).unwrap());
    let world = World { file: file.map(Mutex::new), ..World::default() };
    ledger::plugin(Arc::new(world)).apart()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a process for the test below to kill"]
async fn run_the_ledger_until_killed() {
    let Ok(node) = env::var(NODE_VARIABLE) else { return };
    let token = env::var(apart::TOKEN_VARIABLE).unwrap();
    let token = format!("Bearer {token}").parse().unwrap();
    let (_never, down) = watch::channel(false);
    apart::run(ledger_of_process(), vec![node.parse().unwrap()], token, down).await;
}

fn start_ledger(server: &TestServer, token: &str, outside: &PathBuf) -> Child {
    let mut program = Command::new(env::current_exe().unwrap());
    let test = "apart::killed::run_the_ledger_until_killed";
    program.args(["--exact", test, "--ignored", "--nocapture"]);
    program.env(NODE_VARIABLE, server.url()).env(OUTSIDE_VARIABLE, outside);
    program.env(apart::TOKEN_VARIABLE, token).stdout(std::process::Stdio::null());
    program.spawn().unwrap()
}

fn kill(mut process: Child) {
    process.kill().unwrap();
    process.wait().unwrap();
}

/// Waits until so many processes of the ledger are linked.
async fn ledger_linked(host: &Host, count: u32) {
    let waited = timeout(PATIENCE, async {
        let place = Place::Remote { linked: count };
        while !host.plugins().any(|it| it.name == "ledger" && it.place == place) {
            tokio::task::yield_now().await;
        }
    });
    waited.await.expect("it is linked in time");
}

async fn call<C: Operation>(host: &Host, cid: Cid, args: &C) -> Result<C::Reply, ErrorBody> {
    let answer = host.call_typed(Caller::SYSTEM, Some(cid), args).await;
    answer.map_err(carillon_plugin::Error::into_body)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_plugin_apart_owes_is_done_once_however_often_its_process_is_killed() {
    let mut chance = Chance::from_environment();
    let start = Start { plugins: vec![ledger_of_process], ..Start::default() };
    let server = TestServer::made(
        |config| {
            config.plugins.insert("ledger".into(), PluginSettings { run: Run::Remote });
        },
        start,
    )
    .await;
    let token = token(&server, "ledger").await;
    let folder = tempfile::tempdir().unwrap();
    let outside = folder.path().join("outside");
    let progress = Progress::new();
    let (host, noting) = (server.host().clone(), Arc::clone(&progress));
    let notes = tokio::spawn(async move {
        let mut texts = Vec::new();
        for _ in 0..NOTES {
            let cid = cid();
            let note = Note { text: format!("mark {cid}") };
            while noting.acknowledged(call(&host, cid, &note).await).await.is_none() {}
            texts.push(note.text);
        }
        texts
    });
    for kill_number in 1..=LEDGER_KILLS {
        let process = start_ledger(&server, &token, &outside);
        ledger_linked(server.host(), 1).await;
        progress.up.send_replace(true);
        let next = kill_number * NOTES / (LEDGER_KILLS + 1);
        let reached = timeout(PATIENCE, progress.reaches(next, &mut chance)).await;
        reached.expect("the notes go on");
        progress.up.send_replace(false);
        kill(process);
        ledger_linked(server.host(), 0).await;
    }
    let process = start_ledger(&server, &token, &outside);
    ledger_linked(server.host(), 1).await;
    progress.up.send_replace(true);
    let texts = notes.await.unwrap();
    timeout(PATIENCE, until_done(&server)).await.expect("all is done in time");
    kill(process);

    let mut done: BTreeMap<(String, String), u64> = BTreeMap::new();
    let sql = "SELECT what, said, COUNT(*) FROM ledger_row GROUP BY what, said";
    for row in server.host().storage().query(sql, vec![]).await.unwrap() {
        done.insert((row.get(0).unwrap(), row.get(1).unwrap()), row.get(2).unwrap());
    }
    let seen = fs::read_to_string(&outside).unwrap();
    for text in texts {
        for what in ["marked", "fired", "shouted"] {
            assert_eq!(done.remove(&(what.into(), text.clone())), Some(1), "{what} {text}");
        }
        assert!(seen.lines().any(|line| line == text), "{text} is unheard");
    }
    assert!(done.is_empty(), "{done:?}");
    assert_eq!(server.system(&plugin::ListDead::default()).await.dead, []);
    server.stop().await;
}

/// Waits until the ledger has nothing left to do.
async fn until_done(server: &TestServer) {
    let sql = "SELECT (SELECT COUNT(*) FROM plugin_timer) + (SELECT COUNT(*) FROM plugin_outbox)";
    loop {
        let behind = server.host().behind("ledger").await.unwrap().expect("it reads the log");
        let rows = server.host().storage().query(sql, vec![]).await.unwrap();
        let waiting: u64 = rows[0].get(0).unwrap();
        if waiting == 0 && behind.positions == 0 {
            return;
        }
    }
}
