//! The bot of the README, as a program of its own.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
};

use carillon_protocol::{DeviceId, msg, session};

use crate::{
    client::TestClient,
    kit::{PATIENCE, Person, TestServer, new_id},
};

#[path = "../../../client-sdk/rust/examples/echo_bot.rs"]
mod echo_bot;

/// The process that the test below starts: this program, with this test alone.
#[test]
#[ignore = "it runs until it is killed, for the test below"]
fn a_bot_in_a_process_of_its_own() {
    if std::env::var_os("CARILLON_TOKEN").is_some() {
        echo_bot::main().unwrap();
    }
}

/// A bot that runs; it is killed when this is dropped.
struct Bot(Child);

impl Bot {
    /// Starts it in its folder and waits until it knows what is old.
    async fn start(folder: &Path, url: &str, token: &str) -> Bot {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "bot::a_bot_in_a_process_of_its_own", "--ignored"])
            .current_dir(folder)
            .env("CARILLON_URL", url)
            .env("CARILLON_TOKEN", token)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let bot = Bot(child);
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
