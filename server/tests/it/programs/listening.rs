//! Programs that are told events until they have dealt with them.

use carillon_protocol::{
    Codec, DeviceId, ErrorCode, Event, ServerFrame,
    frame::client,
    plugin::{List, Program},
    session,
};
use tokio::time::timeout;

use super::{hello, program};
use crate::{
    client::TestClient,
    kit::{PATIENCE, Person, TestServer, cid, new_id},
};

/// A connection that listens to messages.
async fn listening(server: &TestServer, who: &Person, codec: Codec) -> TestClient {
    let mut client = TestClient::open(server.url(), codec).await;
    let mut hello = hello(who, &[]);
    hello.device = DeviceId(new_id());
    hello.listens = vec!["msg.sent".into()];
    client.hello(&hello).await;
    client.synced().await;
    placed(server, who).await;
    client
}

/// Waits until a program has a place in the log, and answers it.
async fn placed(server: &TestServer, program: &Person) -> u64 {
    let placed = async {
        loop {
            match server.host().listener_at(program.user).await {
                Ok(at) => return at,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    };
    timeout(PATIENCE, placed).await.expect("it has a place in the log")
}

/// What the listener is told next.
async fn heard(listener: &mut TestClient) -> Event {
    loop {
        if let ServerFrame::Heard(event) = listener.frame().await {
            return *event;
        }
    }
}

async fn ack(listener: &mut TestClient, event: &Event) {
    let frame = client::ack(listener.codec, &event.topic, event.seq);
    listener.send_body(frame).await;
}

/// Waits until the program's place in the log is another one.
async fn moved(server: &TestServer, program: &Person, from: u64) -> u64 {
    let moved = async {
        loop {
            match server.host().listener_at(program.user).await.unwrap() {
                at if at == from => tokio::task::yield_now().await,
                at => return at,
            }
        }
    };
    timeout(PATIENCE, moved).await.expect("the place moves")
}

/// An organisation with a person and a program.
async fn people(server: &TestServer) -> (Person, Person) {
    let org = server.org("Harbour").await;
    let amy = server.person(org, "amy").await;
    let clerk = program(server, &amy, "clerk").await;
    (amy, clerk)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_told_again_until_the_program_has_dealt_with_it() {
    let server = TestServer::start().await;
    let (amy, clerk) = people(&server).await;
    let conv = server.group(&[&amy, &clerk]).await;
    let mut said = TestClient::connect(&server, &amy).await;
    for codec in Codec::ALL {
        let mut listener = listening(&server, &clerk, codec).await;
        let from = server.host().listener_at(clerk.user).await.unwrap();
        let (mut seqs, mut told) = (Vec::new(), Vec::new());
        for text in ["one", "two", "three"] {
            seqs.push(said.say(conv, text).await.seq);
        }
        for seq in &seqs {
            told.push(heard(&mut listener).await);
            assert_eq!(told.last().map(|event| event.seq), Some(*seq));
        }
        // Dealt with out of order, the oldest still counts.
        ack(&mut listener, &told[2]).await;
        ack(&mut listener, &told[0]).await;
        moved(&server, &clerk, from).await;
        drop(listener);

        // What happens while it is away is not lost either.
        seqs.push(said.say(conv, "four").await.seq);
        let mut listener = listening(&server, &clerk, codec).await;
        for seq in &seqs[1..] {
            let event = heard(&mut listener).await;
            assert_eq!(event.seq, *seq);
            let from = server.host().listener_at(clerk.user).await.unwrap();
            ack(&mut listener, &event).await;
            moved(&server, &clerk, from).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_is_told_what_it_may_see_and_nothing_else() {
    let server = TestServer::start().await;
    let (amy, clerk) = people(&server).await;
    let bob = server.person(amy.org, "bob").await;
    let elsewhere = server.org("Elsewhere").await;
    let (eve, guest) =
        (server.person(elsewhere, "eve").await, server.person(elsewhere, "guest").await);
    let (secret, other) = (server.group(&[&amy, &bob]).await, server.group(&[&eve, &guest]).await);
    let conv = server.group(&[&amy, &clerk]).await;
    let mut listener = listening(&server, &clerk, Codec::Json).await;
    TestClient::connect(&server, &eve).await.say(other, "elsewhere").await;
    let mut said = TestClient::connect(&server, &amy).await;
    said.say(secret, "secret").await;
    let sent = said.say(conv, "hello").await;
    let event = heard(&mut listener).await;
    assert_eq!((event.id, event.seq), (sent.id, sent.seq));
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_events_wait_for_a_program_and_the_rest_waits_in_the_log() {
    let server = TestServer::start().await;
    let (amy, clerk) = people(&server).await;
    let conv = server.group(&[&amy, &clerk]).await;
    let mut listener = listening(&server, &clerk, Codec::MsgPack).await;
    let mut said = TestClient::connect(&server, &amy).await;
    let mut seqs = Vec::new();
    for number in 0..70 {
        seqs.push(said.say(conv, &number.to_string()).await.seq);
    }
    let mut told = Vec::new();
    for seq in &seqs[..64] {
        told.push(heard(&mut listener).await);
        assert_eq!(told.last().map(|event| event.seq), Some(*seq));
    }
    // The next frame of the listener's is what it asks for now, however long the log is.
    let id = listener.begin("session.whoami", None, None, &session::Whoami {}).await;
    let answer = async {
        loop {
            match listener.frame().await {
                ServerFrame::Ok { re, .. } if re == id => return,
                ServerFrame::Heard(event) => panic!("{} is too much", event.seq),
                _ => {}
            }
        }
    };
    answer.await;
    for (at, event) in told.iter().enumerate() {
        ack(&mut listener, event).await;
        if let Some(seq) = seqs.get(64 + at) {
            assert_eq!(heard(&mut listener).await.seq, *seq);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_of_a_program_is_told_and_the_next_goes_on_when_it_ends() {
    let server = TestServer::start().await;
    let (amy, clerk) = people(&server).await;
    let conv = server.group(&[&amy, &clerk]).await;
    let mut first = listening(&server, &clerk, Codec::Json).await;
    let mut said = TestClient::connect(&server, &amy).await;
    let one = said.say(conv, "one").await.seq;
    assert_eq!(heard(&mut first).await.seq, one);
    let mut second = listening(&server, &clerk, Codec::MsgPack).await;
    drop(first);
    assert_eq!(heard(&mut second).await.seq, one);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_goes_on_at_another_node() {
    let servers = TestServer::cluster(2).await;
    let (amy, clerk) = people(&servers[0]).await;
    let conv = servers[0].group(&[&amy, &clerk]).await;
    let mut said = TestClient::connect(&servers[0], &amy).await;
    let mut listener = listening(&servers[0], &clerk, Codec::Json).await;
    let from = servers[0].host().listener_at(clerk.user).await.unwrap();
    said.say(conv, "one").await;
    let event = heard(&mut listener).await;
    ack(&mut listener, &event).await;
    moved(&servers[0], &clerk, from).await;
    drop(listener);
    let two = said.say(conv, "two").await.seq;
    let mut listener = listening(&servers[1], &clerk, Codec::Json).await;
    assert_eq!(heard(&mut listener).await.seq, two);
    let three = said.say(conv, "three").await.seq;
    assert_eq!(heard(&mut listener).await.seq, three);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_programs_listen_and_only_to_what_there_is() {
    let server = TestServer::start().await;
    let (amy, clerk) = people(&server).await;
    for (who, kind) in [(&amy, "msg.sent"), (&clerk, "msg.whispered"), (&clerk, "typing")] {
        let mut client = TestClient::open(server.url(), Codec::Json).await;
        let mut hello = hello(who, &[]);
        hello.listens = vec![kind.into()];
        client.hello(&hello).await;
        let ServerFrame::Err { error, .. } = client.frame().await else { panic!("{kind}") };
        assert_eq!((error.code, error.field.as_deref()), (ErrorCode::BadArg, Some("listens")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_stands_on_the_sdk_answers_and_listens() {
    let server = TestServer::start().await;
    let (amy, clerk) = people(&server).await;
    let conv = server.group(&[&amy, &clerk]).await;
    let (told, mut tells) = tokio::sync::mpsc::unbounded_channel();
    let options = carillon_client::Options::new(server.url(), &clerk.token)
        .handle("app.clerk.echo", |asked| async move { Ok(asked.args) })
        .listen(["msg.sent"], move |event| {
            let told = told.send(event.seq);
            async move { told }
        });
    let client = carillon_client::Client::connect(options).await.unwrap();
    drop(client.events());
    let args = serde_json::json!({ "say": "開會" });
    let answer = server.rpc(Some(&amy.token), "app.clerk.echo", None, &args).await;
    assert_eq!(answer, (200, args));
    let from = placed(&server, &clerk).await;
    let sent = TestClient::connect(&server, &amy).await.say(conv, "hello").await;
    assert_eq!(tells.recv().await, Some(sent.seq));
    moved(&server, &clerk, from).await;
    client.close().await;
}

/// The programs that listen, as the operator sees them.
async fn listed(server: &TestServer) -> Vec<Program> {
    server.system(&List {}).await.programs
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_sees_how_far_programs_are_until_they_are_removed() {
    let server = TestServer::start().await;
    let (amy, clerk) = people(&server).await;
    let boss = server.admin(amy.org, "boss").await;
    let conv = server.group(&[&amy, &clerk]).await;
    let secret = server.group(&[&amy, &boss]).await;
    let mut listener = listening(&server, &clerk, Codec::Json).await;
    let mut said = TestClient::connect(&server, &amy).await;
    said.say(secret, "what it may not hear is none of its work").await;
    let before = listed(&server).await;
    assert_eq!((before.len(), before[0].behind, before[0].behind_ms), (1, 0, 0));
    assert_eq!((before[0].user, before[0].org, &*before[0].name), (clerk.user, amy.org, "clerk"));
    assert_eq!(before[0].listens, ["msg.sent"]);

    said.say(conv, "one").await;
    said.say(conv, "two").await;
    let event = heard(&mut listener).await;
    let behind = listed(&server).await[0].behind;
    assert!(behind >= 2, "{behind}");
    ack(&mut listener, &event).await;
    moved(&server, &clerk, before[0].pos).await;
    assert!((1..behind).contains(&listed(&server).await[0].behind));
    drop(listener);
    assert_eq!(listed(&server).await.len(), 1, "it may come back");

    let args = serde_json::json!({ "user": clerk.user });
    let removed = server.rpc(Some(&boss.token), "org.member.remove", Some(cid()), &args).await;
    assert_eq!(removed.0, 200, "{}", removed.1);
    let gone = async {
        while !listed(&server).await.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, gone).await.expect("nothing is kept of it");
}
