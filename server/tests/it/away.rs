//! Who was away for a moment comes back without a question to the database, and misses nothing.

use std::collections::BTreeMap;

use carillon_client::{Client, Options, Update};
use carillon_protocol::{
    Codec, ConvId, DeviceId, Topic,
    conv::{self, History},
    frame::TopicPage,
};

use crate::kit::{Person, TestClient, TestServer, new_id};

/// So often an absence is repeated until one of them costs nothing: whatever the node does by
/// itself once in a while asks the database too.
const TRIES: usize = 50;

/// The same person with another device.
fn elsewhere(person: &Person) -> Person {
    Person { device: DeviceId(new_id()), ..person.clone() }
}

/// How many questions it costs at least to come back after something happened, and what came.
async fn least<F>(
    server: &TestServer,
    person: &Person,
    mut happens: impl FnMut() -> F,
) -> (u64, Vec<TopicPage>)
where
    F: Future<Output = ()>,
{
    let mut sync = TestClient::connect(server, person).await.sync;
    let asked = || {
        let asked = server.server().node.store.asked();
        asked.reads + asked.writes
    };
    let mut best = (u64::MAX, Vec::new());
    for _ in 0..TRIES {
        happens().await;
        let before = asked();
        let back = TestClient::resume(server, person, Codec::Json, sync).await;
        let cost = asked() - before;
        if cost <= best.0 {
            best = (cost, back.pages.clone());
        }
        if cost == 0 {
            break;
        }
        sync = back.sync.clone();
    }
    best
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_away_for_a_moment_costs_no_question() {
    let server = TestServer::start().await;
    let org = server.org("Harbour").await;
    let (amy, bob) = (server.person(org, "amy").await, server.person(org, "bob").await);
    let conv = server.group(&[&amy, &bob]).await;
    let amys = tokio::sync::Mutex::new(TestClient::connect(&server, &amy).await);
    let phone = tokio::sync::Mutex::new(TestClient::connect(&server, &elsewhere(&bob)).await);

    let (cost, _) = least(&server, &bob, async || ()).await;
    assert_eq!(cost, 0, "nothing happened");

    let (cost, pages) = least(&server, &bob, async || {
        amys.lock().await.say(conv, "while you were away").await;
    })
    .await;
    assert_eq!(cost, 0, "something was said");
    let last = pages.iter().find(|page| page.topic == Topic::Conv(conv)).map(|page| &page.last);
    assert!(last.is_some_and(|last| !last.is_empty()), "{pages:?}");

    let (cost, pages) = least(&server, &bob, async || {
        let seq = amys.lock().await.say(conv, "read this").await.seq;
        let read = conv::Read { conv, from: None, seq };
        phone.lock().await.call(&read).await.unwrap();
    })
    .await;
    assert_eq!(cost, 0, "something was read on another device");
    let unread = pages.iter().find(|page| page.topic == Topic::Conv(conv));
    assert_eq!(unread.and_then(|page| page.unread), Some(0), "{pages:?}");

    drop((amys, phone));
    server.stop().await;
}

/// What happened in a conversation, as one of its people may know.
#[derive(Debug, Clone, Copy)]
struct Known {
    head: u64,
    cursor: u64,
    /// Whether the person is in it.
    live: bool,
}

/// A world in which people come, go, write and read, by a sequence of numbers.
struct World {
    convs: BTreeMap<ConvId, Known>,
    chance: u64,
}

impl World {
    /// The same numbers for the same seed, below a bound.
    fn chance(&mut self, below: u64) -> u64 {
        self.chance = self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.chance >> 33) % below
    }

    async fn step(&mut self, bob: &Person, [amys, bobs]: &mut [TestClient; 2]) {
        let place = self.chance(self.convs.len() as u64) as usize;
        let (conv, mut known) = self.convs.iter().nth(place).map(|(&id, &it)| (id, it)).unwrap();
        let users = vec![bob.user];
        match (self.chance(8), known.live) {
            (0, true) => {
                let went = amys.call(&conv::RemoveMembers { conv, users }).await.unwrap();
                known = Known { head: went.seq, live: false, ..known };
            }
            (0..4, false) => {
                let came = amys.call(&conv::AddMembers { conv, users }).await.unwrap();
                known = Known { head: came.seq, cursor: came.seq, live: true };
            }
            (1, true) => {
                let seq = bobs.say(conv, "mine").await.seq;
                known = Known { head: seq, cursor: seq, ..known };
            }
            (2, true) => {
                let read = conv::Read { conv, from: None, seq: known.head };
                known.cursor = bobs.call(&read).await.unwrap().read_seq;
            }
            (_, live) => {
                let seq = amys.say(conv, "hers").await.seq;
                // What is said without him is nothing to him.
                known.head = if live { seq } else { known.head };
            }
        }
        self.convs.insert(conv, known);
    }

    /// Whether a catch-up says everything that happened since.
    fn check(&self, since: &BTreeMap<ConvId, Known>, pages: &[TopicPage]) {
        for (&conv, now) in &self.convs {
            let page = pages.iter().find(|page| page.topic == Topic::Conv(conv));
            let then = since[&conv];
            let moved = (now.head, now.cursor, now.live) != (then.head, then.cursor, then.live);
            let Some(page) = page else {
                assert!(!moved, "{conv}: {then:?}, {now:?}");
                continue;
            };
            assert_eq!(page.head, now.head, "{conv}: {page:?}");
            if now.live {
                assert_eq!(page.read_seq, Some(now.cursor), "{conv}: {page:?}");
            }
            let seqs: Vec<u64> = page.last.iter().map(|event| event.seq).collect();
            assert!(seqs.windows(2).all(|pair| pair[0] < pair[1]), "{seqs:?}");
            if now.head > then.head {
                assert_eq!(seqs.last(), Some(&now.head), "{then:?}, {now:?}");
            }
            if now.live && then.live && seqs.len() < 20 {
                let missed = seqs.iter().filter(|&&seq| seq > then.head).count() as u64;
                let past = now.head - then.head;
                assert!(missed <= past && (missed == past || self.went(conv, then)), "{seqs:?}");
            }
        }
    }

    /// Whether the person may have been out meanwhile: then not everything is for them.
    fn went(&self, conv: ConvId, then: Known) -> bool {
        self.convs[&conv].cursor > then.cursor
    }
}

/// The events of catch-ups, by topic and position.
fn events(pages: &[TopicPage]) -> BTreeMap<(Topic, u64), String> {
    let events = pages.iter().flat_map(|page| &page.last);
    events.map(|event| ((event.topic.clone(), event.seq), format!("{event:?}"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_memory_answers_is_what_the_database_would() {
    const STEPS: usize = 60;
    for seed in 1..4 {
        let server = TestServer::start().await;
        let org = server.org("Harbour").await;
        let (amy, bob) = (server.person(org, "amy").await, server.person(org, "bob").await);
        let mut clients = [
            TestClient::connect(&server, &amy).await,
            TestClient::connect(&server, &elsewhere(&bob)).await,
        ];
        let mut world = World { convs: BTreeMap::new(), chance: seed };
        for history in [History::All, History::Joined, History::All, History::Joined] {
            let create = conv::Create { title: "Shop".into(), members: vec![bob.user], history };
            let made = clients[0].call(&create).await.unwrap().conv;
            world.convs.insert(made, Known { head: 1, cursor: 1, live: true });
        }
        let mut absences = Vec::new();
        for _ in 0..STEPS {
            if world.chance(4) == 0 {
                let sync = TestClient::connect(&server, &bob).await.sync;
                absences.push((sync, world.convs.clone()));
            }
            world.step(&bob, &mut clients).await;
        }
        let mut answered = Vec::new();
        for (sync, since) in &absences {
            let back = TestClient::resume(&server, &bob, Codec::Json, sync.clone()).await;
            world.check(since, &back.pages);
            answered.push(events(&back.pages));
        }
        drop(clients);
        // After a restart nothing is in memory.
        let server = server.restart().await;
        for ((sync, since), answered) in absences.iter().zip(answered) {
            let back = TestClient::resume(&server, &bob, Codec::Json, sync.clone()).await;
            world.check(since, &back.pages);
            let read = events(&back.pages);
            for (place, event) in answered {
                assert_eq!(read.get(&place), Some(&event), "seed {seed}");
            }
        }
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_added_again_gets_what_was_said_meanwhile_if_the_history_is_for_all() {
    for history in [History::All, History::Joined] {
        let server = TestServer::start().await;
        let org = server.org("Harbour").await;
        let (amy, bob) = (server.person(org, "amy").await, server.person(org, "bob").await);
        let mut amys = TestClient::connect(&server, &amy).await;
        let create = conv::Create { title: "Shop".into(), members: vec![bob.user], history };
        let conv = amys.call(&create).await.unwrap().conv;
        let client = Client::connect(Options::new(server.url(), &bob.token)).await.unwrap();
        let mut events = client.events();
        while !matches!(events.next().await, Some(Update::Synced)) {}

        let (mut heard, mut due) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            let users = vec![bob.user];
            let remove = conv::RemoveMembers { conv, users: users.clone() };
            due.push(amys.call(&remove).await.unwrap().seq);
            for text in ["without", "him"] {
                let seq = amys.say(conv, text).await.seq;
                due.extend(Some(seq).filter(|_| history == History::All));
            }
            due.push(amys.call(&conv::AddMembers { conv, users }).await.unwrap().seq);
            due.push(amys.say(conv, "with him").await.seq);
            while heard.last() < due.last() {
                if let Some(Update::Event(event)) = events.next().await
                    && event.topic == Topic::Conv(conv)
                {
                    heard.push(event.seq);
                }
            }
        }
        assert_eq!(heard, due, "{history:?}");
        drop((amys, client));
        server.stop().await;
    }
}
