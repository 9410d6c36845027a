//! The guide "Write a bot": what stands there is run.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use carillon_protocol::{DeviceId, msg, session};
use serde_json::json;

use crate::{
    client::TestClient,
    kit::{PATIENCE, Person, TestServer, new_id},
};

const GUIDE: &str = include_str!("../../docs/write-a-bot.md");

/// The guide's block of code in a language.
fn block(language: &str) -> &'static str {
    let (_, rest) = GUIDE.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```\n").unwrap().0
}

#[test]
fn the_bots_of_the_sdks_are_those_that_their_tests_run() {
    let example = |path: &str| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        fs::read_to_string(root.join("client-sdk").join(path)).unwrap()
    };
    assert_eq!(block("ts"), example("typescript/examples/echo-bot.ts"));
    assert_eq!(block("rust"), example("rust/examples/echo_bot.rs"));
    assert_eq!(block("ts tally"), example("typescript/examples/tally.ts"));
    assert_eq!(block("rust tally"), example("rust/examples/tally.rs"));
}

#[test]
fn the_bot_in_python_has_forty_lines() {
    let is_code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with(['#', '"']);
    assert!(block("python").lines().filter(is_code).count() <= 40);
}

/// The bot in Python; it is killed when this is dropped.
struct Bot(Child);

impl Bot {
    /// Starts it in its folder.
    fn start(folder: &Path, url: &str, token: &str) -> Bot {
        let python_env = env::var_os("CONFORMANCE_PYTHON_ENV").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/python-env"),
            PathBuf::from,
        );
        fs::write(folder.join("bot.py"), block("python")).unwrap();
        let child = Command::new(python_env.join("bin/python"))
            .arg("bot.py")
            .current_dir(folder)
            .env("CARILLON_URL", url)
            .env("CARILLON_TOKEN", token)
            .stdout(Stdio::null())
            .spawn()
            .expect("run `make target/python-env/.ready`");
        Bot(child)
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
async fn the_bot_in_python_answers_each_message_once_also_what_came_while_it_was_dead() {
    let server = TestServer::start().await;
    let org = server.org("Harbour").await;
    let amy = server.person(org, "amy").await;
    let app = Some("echo".into());
    let issue = session::Issue { org: Some(org), user: None, app, scopes: None, ttl_ms: None };
    let grant = server.system(&issue).await;
    let bot = Person { user: grant.user, org, token: grant.token, device: DeviceId(new_id()) };
    let conv = server.group(&[&amy, &bot]).await;
    let mut amys = TestClient::connect(&server, &amy).await;
    amys.say(conv, "before it came").await;
    let folder = tempfile::tempdir().unwrap();

    let running = Bot::start(folder.path(), server.url(), &bot.token);
    // What is said before it listens for the first time is history to it.
    let listens = async {
        while server.host().listener_at(bot.user).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, listens).await.expect("the bot listens");
    for text in ["早晨", "收到未？"] {
        amys.say(conv, text).await;
        assert_eq!(said(&mut amys, &bot).await, text);
    }
    let (args, shout) = (json!({ "text": "hello 香港" }), json!({ "text": "HELLO 香港" }));
    let answer = server.rpc(Some(&amy.token), "app.echo.upper", None, &args).await;
    assert_eq!(answer, (200, shout), "it is asked as the server is");
    drop(running);
    for text in ["while you", "were dead"] {
        amys.say(conv, text).await;
    }
    let running = Bot::start(folder.path(), server.url(), &bot.token);
    for text in ["while you", "were dead"] {
        assert_eq!(said(&mut amys, &bot).await, text);
    }
    // More than it is told at once.
    for number in 0..90 {
        amys.say(conv, &number.to_string()).await;
    }
    for number in 0..90 {
        assert_eq!(said(&mut amys, &bot).await, number.to_string());
    }
    amys.say(conv, "the end").await;
    assert_eq!(said(&mut amys, &bot).await, "the end", "and nothing was said twice");
    drop((running, amys));
    server.stop().await;
}
