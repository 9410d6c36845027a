//! Several servers that share a database and Redis are one server to everybody.

use std::{collections::BTreeSet, time::Duration};

use carillon_plugin::Caller;
use carillon_protocol::{
    Codec, Command as _, ConvId, DeviceId, ErrorBody, Retry, ServerFrame, Topic, UserId,
    conv::{Read, ReadData, RemoveMembers, ephemeral::READ, kind},
    msg,
    node::List,
    receipt::{Counts, List as Receipts, State},
    session,
};
use tokio::time::timeout;

use crate::{
    kit::{PATIENCE, Person, TestClient, TestServer, cid, new_id},
    sessions::ended_soon,
};

/// Two servers that are one, with two people who are in a group.
struct Pair {
    east: TestServer,
    west: TestServer,
    amy: Person,
    bob: Person,
    conv: ConvId,
}

impl Pair {
    async fn new() -> Pair {
        let mut servers = TestServer::cluster(2).await.into_iter();
        let (east, west) = (servers.next().unwrap(), servers.next().unwrap());
        let org = east.org("Harbour").await;
        let (amy, bob) = (east.person(org, "amy").await, east.person(org, "bob").await);
        let conv = east.group(&[&amy, &bob]).await;
        Pair { east, west, amy, bob, conv }
    }

    async fn stop(self) {
        self.east.stop().await;
        self.west.stop().await;
    }
}

fn on_another_device(person: &Person) -> Person {
    Person { device: DeviceId(new_id()), ..person.clone() }
}

/// The next messages of a conversation, as they come: position and text.
async fn heard(client: &mut TestClient, count: usize) -> Vec<(u64, String)> {
    let mut heard = Vec::new();
    while heard.len() < count {
        let event = client.event_of(msg::kind::SENT).await;
        let text = event.data.to::<serde_json::Value>().unwrap()["text"].clone();
        heard.push((event.seq, text.as_str().unwrap().to_owned()));
    }
    heard
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_hears_the_same_in_the_same_order_on_whichever_node_they_are() {
    const EACH: usize = 40;
    let pair = Pair::new().await;
    let mut listeners = Vec::new();
    for server in [&pair.east, &pair.west] {
        for person in [&pair.amy, &pair.bob] {
            listeners.push(TestClient::connect(server, &on_another_device(person)).await);
        }
    }
    let mut writers = Vec::new();
    for (server, person, word) in [(&pair.east, &pair.amy, "east"), (&pair.west, &pair.bob, "west")]
    {
        let mut client = TestClient::connect(server, person).await;
        let conv = pair.conv;
        writers.push(tokio::spawn(async move {
            for number in 0..EACH {
                client.say(conv, &format!("{word} {number}")).await;
            }
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let mut all = Vec::new();
    for listener in &mut listeners {
        all.push(heard(listener, 2 * EACH).await);
    }
    let seqs: Vec<u64> = all[0].iter().map(|(seq, _)| *seq).collect();
    assert!(seqs.windows(2).all(|two| two[0] + 1 == two[1]), "without holes: {seqs:?}");
    assert!(all.iter().all(|heard| *heard == all[0]), "the same for all");
    let texts: BTreeSet<&str> = all[0].iter().map(|(_, text)| &**text).collect();
    assert_eq!(texts.len(), 2 * EACH, "each once");
    drop(listeners);
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_connected_to_one_node_comes_back_at_another_and_has_missed_nothing() {
    let pair = Pair::new().await;
    let other = pair.east.group(&[&pair.amy, &pair.bob]).await;
    let mut amys = TestClient::connect(&pair.east, &pair.amy).await;
    amys.say(pair.conv, "seen").await;
    let bobs = TestClient::connect(&pair.east, &pair.bob).await;
    let sync = bobs.sync.clone();
    drop(bobs);
    let sent = amys.say(pair.conv, "while you changed trains").await;
    let back = TestClient::resume(&pair.west, &pair.bob, Codec::Json, sync).await;
    let page = |conv| back.pages.iter().find(|page| page.topic == Topic::Conv(conv));
    assert_eq!(page(pair.conv).map(|page| page.head), Some(sent.seq));
    assert_eq!(page(other), None, "nothing moved there");
    drop((amys, back));
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ends_on_one_node_ends_its_sockets_on_all() {
    let pair = Pair::new().await;
    let mut here = TestClient::connect(&pair.east, &pair.bob).await;
    let elsewhere = TestClient::connect(&pair.west, &on_another_device(&pair.bob)).await;
    here.call(&session::Logout {}).await.unwrap();
    assert_eq!(ended_soon(elsewhere).await.0, 4502);
    drop(here);
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_comes_back_at_another_node_is_gone_from_the_first() {
    let pair = Pair::new().await;
    let before = TestClient::connect(&pair.east, &pair.bob).await;
    let other = TestClient::connect(&pair.east, &on_another_device(&pair.bob)).await;
    let mut now = TestClient::connect(&pair.west, &pair.bob).await;
    assert_eq!(ended_soon(before).await.0, 4504);
    // The other device, and the new connection, go on.
    let mut other = other;
    let sent = now.say(pair.conv, "here I am").await;
    for client in [&mut other, &mut now] {
        assert_eq!(client.event_of(msg::kind::SENT).await.id, sent.id);
    }
    drop((other, now));
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_removed_through_one_node_hears_nothing_more_on_another() {
    let pair = Pair::new().await;
    let mut amys = TestClient::connect(&pair.east, &pair.amy).await;
    let mut bobs = TestClient::connect(&pair.west, &pair.bob).await;
    let aside = pair.east.group(&[&pair.amy, &pair.bob]).await;
    amys.call(&RemoveMembers { conv: pair.conv, users: vec![pair.bob.user] }).await.unwrap();
    amys.say(pair.conv, "he is gone").await;
    let last = amys.say(aside, "here he is").await;
    bobs.event_of(kind::MEMBERS_CHANGED).await;
    let next = bobs.event_of(msg::kind::SENT).await;
    assert_eq!((next.topic, next.id), (Topic::Conv(aside), last.id));
    let refused = bobs.call(&msg_in(pair.conv)).await.unwrap_err();
    assert_eq!(refused.code, carillon_protocol::ErrorCode::NotMember);
    drop((amys, bobs));
    pair.stop().await;
}

fn msg_in(conv: ConvId) -> msg::Send {
    crate::kit::text_message(conv, "let me in")
}

/// Who has read a message, as this node says.
async fn readers(server: &TestServer, asks: &Person, (conv, seq): (ConvId, u64)) -> Vec<UserId> {
    let args = Receipts { conv, seq, state: State::Read, after: None, limit: None };
    let listed = server.host().call_typed(asks.caller(), None, &args).await.unwrap();
    listed.people.into_iter().map(|person| person.user).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_through_either_node_is_read_on_both_and_none_of_it_is_lost() {
    let pair = Pair::new().await;
    let conv = pair.conv;
    let mut amys = TestClient::connect(&pair.east, &pair.amy).await;
    let mut seqs = Vec::new();
    for number in 0..6 {
        seqs.push(amys.say(conv, &format!("{number}")).await.seq);
    }
    // Both nodes have the conversation in memory from here on.
    for server in [&pair.east, &pair.west] {
        assert_eq!(readers(server, &pair.amy, (conv, seqs[0])).await, []);
    }
    let mut phone = TestClient::connect(&pair.east, &on_another_device(&pair.bob)).await;
    let mut desk = TestClient::connect(&pair.west, &pair.bob).await;
    let read = |index: usize| Read { conv, from: Some(seqs[index]), seq: seqs[index] };
    // The phone shows every second message, the desk the others, both at once.
    let (by_phone, by_desk) = tokio::join!(
        async {
            for index in [0, 2, 4] {
                phone.call(&read(index)).await.unwrap();
            }
        },
        async {
            for index in [1, 3, 5] {
                desk.call(&read(index)).await.unwrap();
            }
        },
    );
    let ((), ()) = (by_phone, by_desk);
    let told = loop {
        match phone.frame().await {
            ServerFrame::Eph(eph) if &*eph.k == READ => {
                let data: ReadData = eph.data.to().unwrap();
                if data.read_seq == seqs[5] {
                    break data;
                }
            }
            _ => {}
        }
    };
    assert_eq!((told.user, told.unread), (pair.bob.user, 0));
    let everything = |server| {
        let (amy, seqs) = (&pair.amy, &seqs);
        async move {
            let mut all = Vec::new();
            for &seq in seqs {
                all.push(readers(server, amy, (conv, seq)).await);
            }
            all
        }
    };
    // What a node hears of the other's last read may be a moment behind.
    let full = vec![vec![pair.bob.user]; 6];
    for server in [&pair.east, &pair.west] {
        eventually(async || everything(server).await == full).await;
    }
    drop((amys, phone, desk));
    let Pair { east, west, amy, bob, .. } = pair;
    // A node that starts reads what both have written down.
    let west = west.restart().await;
    let args = Counts { conv, seqs: seqs.clone() };
    let counts = west.host().call_typed(amy.caller(), None, &args).await.unwrap().counts;
    assert_eq!(counts, seqs.iter().map(|&seq| (seq, 1, 1)).collect::<Vec<_>>());
    drop(bob);
    east.stop().await;
    west.stop().await;
}

/// Waits until something is so, as long as patience lasts.
async fn eventually(is: impl AsyncFn() -> bool) {
    let until = async {
        while !is().await {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, until).await.expect("it becomes so");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_node_is_listed_with_its_place_in_the_log() {
    let pair = Pair::new().await;
    let list =
        async || pair.west.host().call_typed(Caller::SYSTEM, None, &List {}).await.unwrap().nodes;
    eventually(async || list().await.len() == 2).await;
    let nodes = list().await;
    assert_ne!(nodes[0].beat.run, nodes[1].beat.run);
    assert!(nodes.iter().all(|node| node.beat.version == env!("CARGO_PKG_VERSION")));
    pair.east.stop().await;
    let left = pair.west.host().call_typed(Caller::SYSTEM, None, &List {}).await.unwrap().nodes;
    let runs: Vec<_> = left.iter().map(|node| Some(node.beat.run)).collect();
    assert_eq!(runs, [pair.west.server().node.lease], "who stopped is not waited for");
    pair.west.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_messages_still_come_only_later() {
    let mut redis = carillon_rig::Redis::start();
    let [east, west] = TestServer::pair_on(Some(redis.url())).await;
    let org = east.org("Harbour").await;
    let (amy, bob) = (east.person(org, "amy").await, east.person(org, "bob").await);
    let conv = east.group(&[&amy, &bob]).await;
    let mut amys = TestClient::connect(&east, &amy).await;
    let mut bobs = TestClient::connect(&west, &bob).await;
    amys.say(conv, "with").await;
    assert_eq!(heard(&mut bobs, 1).await[0].1, "with");
    tokio::task::block_in_place(|| redis.stop());
    amys.say(conv, "without").await;
    assert_eq!(heard(&mut bobs, 1).await[0].1, "without");
    timeout(PATIENCE, until_says(&west, 200)).await.expect("chat goes on");
    tokio::task::block_in_place(|| redis.begin());
    amys.say(conv, "again").await;
    assert_eq!(heard(&mut bobs, 1).await[0].1, "again");
    drop((amys, bobs));
    east.stop().await;
    west.stop().await;
}

/// Waits until `/readyz` says this.
async fn until_says(server: &TestServer, wanted: u16) {
    while crate::kit::http(server.url(), "GET", "/readyz", &[], Vec::new()).await.0 != wanted {
        tokio::task::yield_now().await;
    }
}

/// Sends until one is refused; those before may be written later.
async fn refusal(client: &mut TestClient, conv: ConvId) -> ErrorBody {
    loop {
        let send = crate::kit::text_message(conv, "waits or is refused");
        let asked = client.begin(msg::Send::OP, Some(cid()), None, &send).await;
        let answer = timeout(Duration::from_millis(200), client.answer(asked)).await;
        if let Ok(Err(error)) = answer {
            return error;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_stands_still_the_node_says_so_and_acknowledges_nothing() {
    let postgres = carillon_rig::Postgres::start();
    let database = postgres.url("postgres");
    let server = TestServer::with(|config| {
        config.database = Some(database.clone().try_into().unwrap());
    })
    .await;
    let org = server.org("Harbour").await;
    let amy = server.person(org, "amy").await;
    let conv = server.group(&[&amy]).await;
    let mut amys = TestClient::connect(&server, &amy).await;
    amys.say(conv, "before").await;
    until_says(&server, 200).await;

    let stalled = tokio::task::block_in_place(|| postgres.stall());
    let (intent, send) = (cid(), crate::kit::text_message(conv, "meanwhile"));
    let asked = amys.begin(msg::Send::OP, Some(intent), None, &send).await;
    timeout(PATIENCE, until_says(&server, 503)).await.expect("it says so");
    let early = timeout(Duration::ZERO, amys.answer(asked)).await.ok();
    assert!(!matches!(early, Some(Ok(_))), "nothing is in the log: {early:?}");
    let refused = timeout(PATIENCE, refusal(&mut amys, conv)).await;
    assert_eq!(refused.expect("nobody is made to wait for long").retry, Retry::After);
    drop(stalled);

    timeout(PATIENCE, until_says(&server, 200)).await.expect("it is ready again");
    // Whatever the answer was, the same again is answered by the one message in the log.
    let answer = match early {
        Some(answer) => answer,
        None => amys.answer(asked).await,
    };
    if let Err(error) = answer {
        assert!(matches!(error.retry, Retry::Same | Retry::After), "{error}");
    }
    let sent = amys.call_as(Some(intent), None, &send).await.unwrap();
    let sql = "SELECT count(*), min(seq) FROM event WHERE data LIKE '%meanwhile%'";
    assert_eq!(postgres.sql("postgres", sql).trim(), format!("1|{}", sent.seq));
    drop(amys);
    server.stop().await;
}
