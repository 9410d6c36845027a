//! The programs of the guide that stand on the Rust client, each in a process of its own.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
};

use carillon_protocol::{DeviceId, msg, session};
use serde_json::json;

use crate::{
    client::TestClient,
    kit::{PATIENCE, Person, TestServer, new_id},
};

#[path = "../../../client-sdk/rust/examples/echo_bot.rs"]
mod echo_bot;
#[path = "../../../client-sdk/rust/examples/tally.rs"]
mod tally;

/// The process that a test below starts: this program, with this test alone.
#[test]
#[ignore = "it runs until it is killed, for a test below"]
fn a_bot_in_a_process_of_its_own() {
    if std::env::var_os("CARILLON_TOKEN").is_some() {
        echo_bot::main().unwrap();
    }
}

/// The same.
#[test]
#[ignore = "it runs until it is killed, for a test below"]
fn a_tally_in_a_process_of_its_own() {
    if std::env::var_os("CARILLON_TOKEN").is_some() {
        tally::main().unwrap();
    }
}

/// A bot that runs; it is killed when this is dropped.
struct Bot(Child);

impl Bot {
    /// Starts a program in its folder.
    fn spawn(name: &str, folder: &Path, url: &str, token: &str) -> Bot {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &format!("bot::{name}"), "--ignored"])
            .current_dir(folder)
            .env("CARILLON_URL", url)
            .env("CARILLON_TOKEN", token)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Bot(child)
    }

    /// Starts the echo bot and waits until it knows what is old.
    async fn start(folder: &Path, url: &str, token: &str) -> Bot {
        let bot = Bot::spawn("a_bot_in_a_process_of_its_own", folder, url, token);
        let saved = async {
            while !folder.join("echo-bot/progress.json").exists() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, saved).await.expect("the bot catches up");
        bot
    }
}

impl Drop for Bot {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// What the bot says next.
async fn said(client: &mut TestClient, bot: &Person) -> String {
    loop {
        let event = client.event_of(msg::kind::SENT).await;
        if event.by == bot.user {
            let data: msg::SentData = event.data.to().unwrap();
            let msg::Body::Text { text, .. } = data.body else { panic!("a text") };
            return text;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_echo_bot_answers_each_message_once_also_what_came_while_it_was_dead() {
    let server = TestServer::start().await;
    let org = server.org("Harbour").await;
    let amy = server.person(org, "amy").await;
    let app = Some("echo".into());
    let issue = session::Issue { org: Some(org), user: None, app, scopes: None, ttl_ms: None };
    let grant = server.system(&issue).await;
    let bot = Person { user: grant.user, org, token: grant.token, device: DeviceId(new_id()) };
    let conv = server.group(&[&amy, &bot]).await;
    let mut amys = TestClient::connect(&server, &amy).await;
    let folder = tempfile::tempdir().unwrap();

    let running = Bot::start(folder.path(), server.url(), &bot.token).await;
    for text in ["早晨", "收到未？"] {
        amys.say(conv, text).await;
        assert_eq!(said(&mut amys, &bot).await, text);
    }
    drop(running);
    for text in ["while you", "were dead"] {
        amys.say(conv, text).await;
    }
    let running = Bot::start(folder.path(), server.url(), &bot.token).await;
    for text in ["while you", "were dead"] {
        assert_eq!(said(&mut amys, &bot).await, text);
    }
    amys.say(conv, "the end").await;
    assert_eq!(said(&mut amys, &bot).await, "the end", "and nothing was said twice");
    drop((running, amys));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_listens_counts_each_message_once_though_it_is_killed() {
    const BEFORE_KILLED: usize = 20;
    let server = TestServer::start().await;
    let org = server.org("Harbour").await;
    let amy = server.person(org, "amy").await;
    let app = Some("tally".into());
    let issue = session::Issue { org: Some(org), user: None, app, scopes: None, ttl_ms: None };
    let grant = server.system(&issue).await;
    let program = Person { user: grant.user, org, token: grant.token, device: DeviceId(new_id()) };
    let conv = server.group(&[&amy, &program]).await;
    let folder = tempfile::tempdir().unwrap();
    let start = || {
        let name = "a_tally_in_a_process_of_its_own";
        Bot::spawn(name, folder.path(), server.url(), &program.token)
    };
    let count = async || {
        let asked = server.rpc(Some(&amy.token), "app.tally.mine", None, &json!({})).await;
        (asked.0 == 200).then(|| asked.1["count"].as_u64().unwrap() as usize)
    };
    let until = async |wanted: usize| {
        let counted = async { while count().await.is_none_or(|count| count < wanted) {} };
        tokio::time::timeout(PATIENCE, counted).await.expect("it counts");
    };
    let mut running = start();
    let listens = async { while server.host().listener_at(program.user).await.is_err() {} };
    tokio::time::timeout(PATIENCE, listens).await.expect("it listens");
    let mut amys = TestClient::connect(&server, &amy).await;
    let mut said = 0;
    for _ in 0..3 {
        for _ in 0..BEFORE_KILLED {
            amys.say(conv, "again").await;
            said += 1;
        }
        // Killed with some of them on their way.
        until(said - BEFORE_KILLED / 2).await;
        drop(running);
        running = start();
    }
    until(said).await;
    amys.say(conv, "the end").await;
    until(said + 1).await;
    assert_eq!(count().await, Some(said + 1), "none of them twice");
    drop((running, amys));
    server.stop().await;
}
