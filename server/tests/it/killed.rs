//! A server is killed between any two of its instructions, again and again, while plugins read,
//! are owed calls and have effects on the outside: whatever was acknowledged is done once, and on
//! the outside at least once under the same key.

#[path = "../../plugins/tests/background/ledger.rs"]
#[allow(dead_code, reason = "the plugin's own tests use all of it")]
pub mod ledger;

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex, OnceLock},
};

use carillon::{config::Config, node::Start, server::Server};
use carillon_plugin::{Caller, Host, Plugin, Storage as _, protocol::Command as Operation};
use tokio::{net::TcpListener, time::timeout};

use self::ledger::{Note, Plan, Tell, World};
use crate::{
    cut::Chance,
    kit::{PATIENCE, cid},
    process::Process,
};

/// Names the folder of the server that is to be killed.
const FOLDER_VARIABLE: &str = "KILLED_FOLDER";
/// How often it is killed.
const KILLS: u64 = 8;
/// Between two kills so many acknowledgements are seen at most.
const ACKNOWLEDGED_MAX: u64 = 400;
/// Who calls at the same time.
const CALLERS: usize = 8;

/// Where the outside is in this process.
static OUTSIDE: OnceLock<PathBuf> = OnceLock::new();

/// The ledger, whose outside outlives the server.
fn plugin() -> Plugin {
    let outside = OUTSIDE.get().expect("set before a server starts");
    let file = File::options().create(true).append(true).open(outside).unwrap();
    ledger::plugin(Arc::new(World { file: Some(Mutex::new(file)), ..World::default() }))
}

async fn serve(folder: &Path) -> (Server, String) {
    OUTSIDE.set(folder.join("outside")).unwrap();
    let config = Config { data: folder.join("data"), ..Config::default() };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let start = Start { plugins: vec![plugin], ..Start::default() };
    (Server::start(&config, listener, start).await.unwrap(), url)
}

async fn call<C: Operation>(host: &Host, args: C) {
    host.call_typed(Caller::SYSTEM, Some(cid()), &args).await.unwrap();
}

/// Gives the plugin things to do, and says what was acknowledged.
async fn keep_busy(host: Host) {
    loop {
        let name = cid();
        // A reader writes a row, is owed a call, and has an effect, all in one transaction.
        call(&host, Note { text: format!("mark {name}") }).await;
        println!("mark {name}");
        let due_at = Some(host.now() + i64::try_from(name.0.random() % 50).unwrap());
        let (key, text) = (name.to_string(), format!("timer {name}"));
        call(&host, Plan { key, due_at, text, state: false }).await;
        println!("timer {name}");
        let text = format!("effect {name}");
        call(&host, Tell { key: text.clone(), text: text.clone() }).await;
        println!("{text}");
    }
}

/// Waits until the plugin has nothing left to do.
async fn until_done(server: &Server) {
    let sql = "SELECT (SELECT COUNT(*) FROM plugin_timer) + (SELECT COUNT(*) FROM plugin_outbox)";
    loop {
        let behind = server.node.host.behind("ledger").await.unwrap().expect("it reads the log");
        let rows = server.node.store.query(sql, vec![]).await.unwrap();
        let waiting: u64 = rows[0].get(0).unwrap();
        if waiting == 0 && behind.positions == 0 {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a server for the test below to kill"]
async fn serve_until_killed() {
    let Some(folder) = env::var_os(FOLDER_VARIABLE) else { return };
    let (server, url) = serve(Path::new(&folder)).await;
    println!("\nlistening on {url}");
    for _ in 0..CALLERS {
        tokio::spawn(keep_busy(server.node.host.clone()));
    }
    std::future::pending().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_plugins_owe_is_done_once_however_often_the_server_is_killed() {
    let mut chance = Chance::from_environment();
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = BTreeSet::new();
    for _ in 0..KILLS {
        let mut program = Command::new(env::current_exe().unwrap());
        program.args(["--exact", "killed::serve_until_killed", "--ignored", "--nocapture"]);
        program.env(FOLDER_VARIABLE, folder.path());
        let process = Process::start(program).await;
        let lines = usize::try_from(chance.below(ACKNOWLEDGED_MAX)).unwrap();
        acknowledged.extend(process.killed_after(lines));
    }
    println!("{} were acknowledged", acknowledged.len());
    assert!(acknowledged.len() > 100, "too few to say anything");

    let (server, _) = serve(folder.path()).await;
    timeout(PATIENCE, until_done(&server)).await.expect("all is done in time");
    let mut done: BTreeMap<(String, String), u64> = BTreeMap::new();
    let sql = "SELECT what, said, COUNT(*) FROM ledger_row GROUP BY what, said";
    for row in server.node.store.query(sql, vec![]).await.unwrap() {
        done.insert((row.get(0).unwrap(), row.get(1).unwrap()), row.get(2).unwrap());
    }
    let twice: Vec<_> = done.iter().filter(|(_, count)| **count != 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    let seen = fs::read_to_string(folder.path().join("outside")).unwrap();
    let seen: BTreeSet<&str> = seen.lines().collect();
    let was_done = |what: &str, text: &str| done.contains_key(&(what.into(), text.into()));
    for text in &acknowledged {
        let wanted: &[&str] = match text.split(' ').next().unwrap() {
            "mark" => &["marked", "fired", "shouted"],
            "timer" => &["fired"],
            _ => &["shouted"],
        };
        let missing: Vec<_> = wanted.iter().filter(|what| !was_done(what, text)).collect();
        assert!(missing.is_empty(), "{text}: {missing:?}");
        assert!(!wanted.contains(&"shouted") || seen.contains(text.as_str()), "{text} is unheard");
    }
    // What was not acknowledged happened as a whole or not at all.
    for ((_, text), _) in done.iter().filter(|((_, text), _)| text.starts_with("mark")) {
        assert!(["marked", "fired", "shouted"].iter().all(|what| was_done(what, text)), "{text}");
    }
    server.stop().await;
}
