//! Plugins that run apart, in processes of their own: the same plugins, whatever dies.

mod killed;
mod linking;
mod places;

use std::{
    path::Path,
    process::{Child, ExitStatus},
};

use carillon::config::{Config, PluginSettings, Run};
use carillon_protocol::{
    ConvId,
    card::{self, Card, Value},
    msg::{Body, SentData},
    plugin,
    poll::{Close, Get, Open, Vote},
};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::timeout;

use crate::{
    kit::{PATIENCE, TestClient, TestServer, cid},
    process::carillon,
};

/// A process of polls. It is killed at the latest when this is dropped.
pub struct Apart(Child);

impl Apart {
    pub fn start(url: &str, token: &str) -> Apart {
        Apart::trusting(url, token, None)
    }

    /// Where the machine trusts the authorities of this file.
    fn trusting(url: &str, token: &str, authorities: Option<&Path>) -> Apart {
        let mut program = carillon();
        program.envs(authorities.map(|file| ("SSL_CERT_FILE", file)));
        program.args(["plugin", "poll", "--node", url]);
        program.env("CARILLON_PLUGIN_TOKEN", token).env("CARILLON_LOG__LEVEL", "error");
        Apart(program.spawn().unwrap())
    }

    /// Ends it between any two of its instructions.
    pub fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Asks it to end, and answers how it did.
    pub async fn terminate(mut self) -> ExitStatus {
        kill_process(Pid::from_child(&self.0), Signal::TERM).unwrap();
        let ended = async {
            loop {
                match self.0.try_wait().unwrap() {
                    Some(status) => return status,
                    None => tokio::task::yield_now().await,
                }
            }
        };
        timeout(PATIENCE, ended).await.expect("it ends in time")
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        // Whoever was killed before is gone already.
        let _gone = self.0.kill();
        let _gone = self.0.wait();
    }
}

/// Lets polls run apart.
fn remote(config: &mut Config) {
    config.plugins.insert("poll".into(), PluginSettings { run: Run::Remote });
}

/// A server whose polls run apart.
async fn server() -> TestServer {
    TestServer::with(remote).await
}

async fn token(server: &TestServer, plugin: &str) -> String {
    server.system(&plugin::MakeToken { plugin: plugin.into() }).await.token
}

/// Waits until so many processes of polls are linked.
async fn linked(server: &TestServer, count: u32) {
    let waited = timeout(PATIENCE, async {
        loop {
            let plugins = server.system(&plugin::List {}).await.plugins;
            let poll = plugins.into_iter().find(|plugin| plugin.name == "poll").unwrap();
            assert_eq!(poll.run, plugin::Run::Remote);
            if poll.linked == Some(count) {
                return;
            }
        }
    });
    waited.await.unwrap_or_else(|_| panic!("there are not {count} processes in time"));
}

fn lunch(conv: ConvId) -> Open {
    Open {
        conv,
        question: "Lunch?".into(),
        options: ["Rice", "Noodles", "Soup"].map(String::from).into(),
        multiple: false,
        anonymous: false,
        closes_at: None,
    }
}

/// The next card that appears, and where.
async fn card(client: &mut TestClient) -> (u64, Card) {
    loop {
        let event = client.event_of("msg.sent").await;
        let sent: SentData = event.data.to().unwrap();
        if let Body::Card { card, .. } = sent.body {
            return (event.seq, *card);
        }
    }
}

/// Waits until a card is changed.
async fn changed(client: &mut TestClient) {
    client.event_of("card.updated").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_that_runs_apart_is_voted_on_and_closes_as_any_other() {
    let server = server().await;
    let process = Apart::start(server.url(), &token(&server, "poll").await);
    linked(&server, 1).await;
    let org = server.org("Harbour").await;
    let (amy, bob) = (server.person(org, "amy").await, server.person(org, "bob").await);
    let conv = server.group(&[&amy, &bob]).await;
    let mut amys = TestClient::connect(&server, &amy).await;
    let mut bobs = TestClient::connect(&server, &bob).await;

    let poll = amys.call(&lunch(conv)).await.unwrap().poll;
    let (seq, shown) = card(&mut bobs).await;
    assert!(serde_json::to_string(&shown).unwrap().contains("Noodles"));
    assert!(!amys.call(&Vote { poll, choices: vec![1] }).await.unwrap().dup);
    changed(&mut bobs).await;
    let values = [("vote".to_owned(), Value::Text("1".into()))].into();
    let act = card::Act { conv, seq, act: "vote".into(), values };
    bobs.call(&act).await.unwrap();
    changed(&mut amys).await;
    let got = bobs.call(&Get { poll }).await.unwrap();
    assert_eq!((got.voters, got.counts, got.mine), (2, Some(vec![0, 2, 0]), Some(vec![1])));
    let refused = bobs.call(&Close { poll }).await.unwrap_err();
    assert_eq!(refused.msg, "only who opened a poll closes it");
    let refused = bobs.call(&Vote { poll, choices: vec![7] }).await.unwrap_err();
    assert_eq!(refused.field.as_deref(), Some("choices"));

    // Of a secret one nothing is shown until its end.
    let secret = Open { anonymous: true, ..lunch(conv) };
    let poll = amys.call(&secret).await.unwrap().poll;
    card(&mut bobs).await;
    let (intent, vote) = (Some(cid()), Vote { poll, choices: vec![2] });
    assert!(!bobs.call_as(intent, None, &vote).await.unwrap().dup);
    assert!(bobs.call_as(intent, None, &vote).await.unwrap().dup);
    assert_eq!(bobs.call(&Get { poll }).await.unwrap().counts, None);
    amys.call(&Close { poll }).await.unwrap();
    changed(&mut bobs).await;
    let got = bobs.call(&Get { poll }).await.unwrap();
    assert_eq!((got.voters, got.counts), (1, Some(vec![0, 0, 1])));

    assert!(process.terminate().await.success());
    linked(&server, 0).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_called_while_no_process_is_linked_can_be_sent_again() {
    let server = server().await;
    let token = token(&server, "poll").await;
    let first = Apart::start(server.url(), &token);
    linked(&server, 1).await;
    let org = server.org("Harbour").await;
    let amy = server.person(org, "amy").await;
    let conv = server.group(&[&amy]).await;
    let mut amys = TestClient::connect(&server, &amy).await;
    let poll = amys.call(&lunch(conv)).await.unwrap().poll;
    first.kill();
    linked(&server, 0).await;
    let (intent, vote) = (Some(cid()), Vote { poll, choices: vec![0] });
    let refused = amys.call_as(intent, None, &vote).await.unwrap_err();
    assert_eq!(refused.code.as_str(), "E_UNAVAILABLE");
    assert!(refused.retry_ms.is_some() && refused.msg.contains("carillon plugin poll"));
    let refused = amys.call(&Get { poll }).await.unwrap_err();
    assert_eq!(refused.code.as_str(), "E_UNAVAILABLE");

    let (second, third) = (Apart::start(server.url(), &token), Apart::start(server.url(), &token));
    linked(&server, 2).await;
    assert!(!amys.call_as(intent, None, &vote).await.unwrap().dup);
    assert!(amys.call_as(intent, None, &vote).await.unwrap().dup);
    assert_eq!(amys.call(&Get { poll }).await.unwrap().voters, 1);
    second.kill();
    linked(&server, 1).await;
    assert_eq!(amys.call(&Get { poll }).await.unwrap().counts, Some(vec![1, 0, 0]));
    let dead = server.system(&plugin::ListDead::default()).await.dead;
    assert_eq!(dead, [], "what waited counts no failure");
    drop(third);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_nodes_the_one_that_has_a_process_does_what_is_owed() {
    let mut servers = TestServer::cluster_with(2, remote).await;
    let (first, second) = (servers.remove(0), servers.remove(0));
    let token = token(&first, "poll").await;
    let process = Apart::start(second.url(), &token);
    linked(&second, 1).await;
    let org = first.org("Harbour").await;
    let (amy, bob) = (first.person(org, "amy").await, first.person(org, "bob").await);
    let conv = first.group(&[&amy, &bob]).await;
    let mut amys = TestClient::connect(&second, &amy).await;
    let mut bobs = TestClient::connect(&first, &bob).await;
    let poll = amys.call(&lunch(conv)).await.unwrap().poll;
    card(&mut bobs).await;
    let refused = bobs.call(&Vote { poll, choices: vec![0] }).await.unwrap_err();
    assert_eq!(refused.code.as_str(), "E_UNAVAILABLE", "the process is linked elsewhere");

    process.kill();
    linked(&second, 0).await;
    let _process = Apart::start(first.url(), &token);
    linked(&first, 1).await;
    bobs.call(&Vote { poll, choices: vec![0] }).await.unwrap();
    changed(&mut amys).await;
    first.stop().await;
    second.stop().await;
}
