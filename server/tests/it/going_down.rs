//! A server that is asked to end: everybody hears it, and nothing acknowledged is missing after.

use std::{
    collections::HashMap,
    fs::{self, File},
    sync::Arc,
};

use carillon_protocol::{Command, ConvId, ServerFrame, conv, msg};
use carillon_rig::Postgres;
use tokio::{sync::watch, time::timeout};

use crate::{
    client::TestClient,
    history::{History, Place, Written, read_log},
    kit::{PATIENCE, Person, cid, text_message},
    process::{Process, add_org, add_person, carillon, connect},
    wire::Wire,
};

const PEOPLE: usize = 4;
const DEVICES: usize = 3;
/// Messages that each device has under way at once.
const UNDER_WAY: usize = 8;
/// Acknowledgements before the server is asked to end.
const ACKS: u64 = 400;

/// What a device wrote and was told, and the end that it heard.
struct Heard {
    written: Vec<Written>,
    retry_ms: Option<u64>,
    codes: (Option<u16>, Option<u16>),
}

#[tokio::test(flavor = "multi_thread")]
async fn who_writes_while_the_server_is_asked_to_end_hears_of_every_message_or_a_goodbye() {
    let folder = tempfile::tempdir().unwrap();
    let server = Process::serve(folder.path()).await;
    let org = add_org(folder.path(), "Harbour");
    let people: Vec<Person> =
        (0..PEOPLE).map(|number| add_person(folder.path(), org, &format!("p{number}"))).collect();
    let members = people[1..].iter().map(|person| person.user).collect();
    let create = conv::Create { title: "Shop".into(), members, history: conv::History::All };
    let conv = connect(&server.url, &people[0]).await.call(&create).await.unwrap().conv;

    let acks = Arc::new(watch::Sender::new(0));
    let mut writing = Vec::new();
    for (number, person) in people.iter().enumerate() {
        for device in 0..DEVICES {
            let mut own = person.clone();
            own.device.0 = cid().0;
            let client = connect(&server.url, &own).await;
            let (name, acks) = (format!("{number}-{device}"), Arc::clone(&acks));
            writing.push((number, tokio::spawn(write(client, conv, name, acks))));
        }
    }
    let mut enough = acks.subscribe();
    let reached = timeout(PATIENCE, enough.wait_for(|acks| *acks >= ACKS)).await;
    reached.expect("messages are acknowledged in time").unwrap();
    server.terminate();

    let mut written: HashMap<usize, Vec<Written>> = HashMap::new();
    let mut retries = Vec::new();
    for (number, writing) in writing {
        let heard = timeout(PATIENCE, writing).await.expect("everybody is told in time").unwrap();
        assert_eq!(heard.codes, (Some(4001), Some(4001)), "device of {number}");
        retries.extend(heard.retry_ms);
        written.entry(number).or_default().extend(heard.written);
    }
    assert_eq!(server.status().await.code(), Some(0));
    assert_eq!(retries.len(), PEOPLE * DEVICES, "everybody is told when to come back");
    retries.sort_unstable();
    retries.dedup();
    assert!(retries.len() > PEOPLE * DEVICES / 2, "not all at once: {retries:?}");

    let server = Process::serve(folder.path()).await;
    let log = read_log(&mut connect(&server.url, &people[0]).await, conv).await;
    // A person's devices write side by side: each device's messages have an order, not all.
    let told: u64 = written.values().flatten().filter(|one| one.told.is_some()).count() as u64;
    assert!(told >= ACKS);
    let written = written
        .into_iter()
        .flat_map(|(number, all)| all.into_iter().map(move |one| (number, one)))
        .map(|(number, one)| (people[number].user, vec![one]))
        .collect();
    History { written, log, devices: Vec::new() }.assert_kept();
}

/// Keeps messages under way until the server ends the connection.
async fn write(
    mut client: TestClient,
    conv: ConvId,
    name: String,
    acks: Arc<watch::Sender<u64>>,
) -> Heard {
    let (mut written, mut under_way) = (Vec::new(), HashMap::new());
    let (mut bye, mut retry_ms) = (None, None);
    loop {
        while bye.is_none() && under_way.len() < UNDER_WAY {
            let text = format!("{name}-{}", written.len());
            let send = text_message(conv, &text);
            let id = client.begin(msg::Send::OP, Some(cid()), None, &send).await;
            under_way.insert(id, written.len());
            written.push(Written { text, told: None });
        }
        match client.message().await {
            Ok(ServerFrame::Ok { re, data }) => {
                let at = under_way.remove(&re).expect("an answer to what was asked");
                written[at].told = Some(Place::from(&data.to::<msg::Sent>().unwrap()));
                acks.send_modify(|acks| *acks += 1);
            }
            Ok(ServerFrame::Err { error, .. }) => panic!("refused: {error}"),
            Ok(ServerFrame::Bye { code, retry_ms: retry, .. }) => {
                (bye, retry_ms) = (Some(code), retry);
            }
            Ok(_) => {}
            Err(closed) => return Heard { written, retry_ms, codes: (bye, closed.code) },
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_twice_does_not_wait_for_somebody_who_never_finishes() {
    let folder = tempfile::tempdir().unwrap();
    let words = folder.path().join("words");
    let mut serve = carillon();
    serve.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(folder.path().join("data"));
    serve.env("CARILLON_LOG__LEVEL", "info").stderr(File::create(&words).unwrap());
    let server = Process::start(serve).await;
    let mut dawdler = Wire::connect(&server.url).await;
    let half = "POST /v1/rpc/session.whoami HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\
                Content-Type: application/json\r\nContent-Length: 2\r\n\r\n";
    dawdler.write(half.as_bytes()).await;
    assert!(dawdler.head().await.starts_with("HTTP/1.1 100"));

    server.terminate();
    let said = |what: &str| fs::read_to_string(&words).unwrap().contains(what);
    while !said("going down") {
        tokio::task::yield_now().await;
    }
    server.terminate();
    assert_eq!(server.status().await.code(), Some(0));
    assert!(said("in a hurry"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_answers_nothing_does_not_keep_a_node_from_ending() {
    let folder = tempfile::tempdir().unwrap();
    let database = Postgres::start();
    let mut serve = carillon();
    serve.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(folder.path());
    serve.env("CARILLON_DATABASE", database.url("postgres"));
    let server = Process::start(serve).await;
    let org = add_org(folder.path(), "Harbour");
    let amy = add_person(folder.path(), org, "amy");
    let mut amys = connect(&server.url, &amy).await;
    let create =
        conv::Create { title: "Shop".into(), members: Vec::new(), history: conv::History::All };
    let conv = amys.call(&create).await.unwrap().conv;
    let stalled = database.stall();
    let send = text_message(conv, "into the void");
    amys.begin(msg::Send::OP, Some(cid()), None, &send).await;
    server.terminate();
    let (frames, closed) = amys.until_closed().await;
    assert!(!frames.iter().any(|frame| matches!(frame, ServerFrame::Ok { .. })), "{frames:?}");
    assert!(closed.code.is_none_or(|code| code == 4001), "{closed:?}");
    assert_eq!(server.status().await.code(), Some(0));
    drop(stalled);
}
