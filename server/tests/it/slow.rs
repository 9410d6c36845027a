//! A reader that does not read costs a bounded queue and nobody's time, and misses nothing.

use std::collections::{BTreeMap, BTreeSet};

use carillon::config::Tls;
use carillon_protocol::{Cid, Codec, ConvId, ServerFrame, Topic, frame::Hello, log, msg};
use futures_util::{StreamExt, stream};

use crate::{
    client::TestClient,
    kit::{Person, TestServer, new_id, text_message},
    shop::goodbye,
    stream::RECEIVE_BUFFER_LEN,
};

const TOPICS: usize = 5;
/// Far more than the queue of a connection and the kernel's buffers hold, and few: whose socket
/// takes nothing for ten seconds is sent away, so all must be written by then on any machine.
const MESSAGES: usize = 400;
const TEXT_LEN: usize = 8_000;
/// Messages that are written before whoever reads has read them: less than half a queue.
const ROUND: usize = 10;
/// Events that may be on their way to a reader that does not read: 256 KiB in its queue, and what
/// the kernel holds on both sides, which is twice as much as it is told.
const ON_THE_WAY_MAX: usize = (256 * 1024 + 2 * 64 * 1024 + 2 * RECEIVE_BUFFER_LEN) / TEXT_LEN;

/// A reader is slow over HTTP and over HTTPS alike.
const DOORS: [Option<Tls>; 2] = [None, Some(Tls::Own)];

/// Topics, with the positions that somebody has seen.
type Seen = BTreeMap<Topic, Vec<u64>>;

struct Crowd {
    server: TestServer,
    amy: Person,
    convs: Vec<ConvId>,
}

impl Crowd {
    async fn gather(tls: Option<Tls>) -> (Crowd, Person, Person) {
        // On one shard what one reader has heard was also offered to the other one.
        let server = TestServer::with(|config| (config.tls, config.shards) = (tls, 1)).await;
        let org = server.org("Harbour").await;
        let (amy, bob) = (server.person(org, "amy").await, server.person(org, "bob").await);
        let carol = server.person(org, "carol").await;
        let mut convs = Vec::new();
        for _ in 0..TOPICS {
            convs.push(server.group(&[&amy, &bob, &carol]).await);
        }
        (Crowd { server, amy, convs }, bob, carol)
    }

    /// Writes so many messages, the conversations in turn.
    async fn write(&self, messages: usize) {
        let text = "x".repeat(TEXT_LEN);
        let (host, caller) = (self.server.host(), self.amy.caller());
        stream::iter(0..messages)
            .for_each_concurrent(ROUND, async |number| {
                let message = text_message(self.convs[number % TOPICS], &text);
                let intent = Some(Cid(new_id()));
                host.call_typed(caller, intent, &message).await.unwrap();
            })
            .await;
    }

    /// Writes while somebody reads all of it, as it comes.
    async fn write_to(&self, reader: &mut TestClient, messages: usize) -> Seen {
        let mut heard = self.seen();
        for _ in 0..messages / ROUND {
            self.write(ROUND).await;
            for _ in 0..ROUND {
                note(&mut heard, &reader.event_of(msg::kind::SENT).await);
            }
        }
        heard
    }

    fn seen(&self) -> Seen {
        self.convs.iter().map(|conv| (Topic::Conv(*conv), Vec::new())).collect()
    }
}

fn note(seen: &mut Seen, event: &carillon_protocol::Event) {
    if &*event.k == msg::kind::SENT {
        seen.get_mut(&event.topic).expect("one of the topics").push(event.seq);
    }
}

/// Whether somebody has seen every message, each once and in order: the first event of a topic is
/// that of its making.
fn is_whole(seen: &Seen, messages: usize) -> bool {
    let each = (messages / TOPICS) as u64;
    seen.values().all(|seqs| seqs.iter().copied().eq(2..2 + each))
}

/// Whether somebody has seen the last message of every topic.
fn is_over(seen: &Seen, messages: usize) -> bool {
    let last = (messages / TOPICS) as u64 + 1;
    seen.values().all(|seqs| seqs.last() == Some(&last))
}

/// Reads the log of a topic after a position, up to another one.
async fn repair(client: &mut TestClient, topic: &Topic, mut after: u64, head: u64) -> Vec<u64> {
    let mut seqs = Vec::new();
    while after < head {
        let read =
            log::Read { topic: topic.clone(), after: Some(after), before: None, limit: Some(200) };
        let page = client.call(&read).await.unwrap();
        let up_to = page.events.iter().map(|event| event.seq).filter(|seq| *seq <= head);
        seqs.extend(up_to);
        after = page.events.last().expect("there is more up to the head").seq;
    }
    seqs
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_stops_gets_dirty_marks_and_repairs_from_the_log() {
    for tls in DOORS {
        stop_and_repair(tls).await;
    }
}

async fn stop_and_repair(tls: Option<Tls>) {
    let (crowd, bob, carol) = Crowd::gather(tls).await;
    let mut stalled = TestClient::connect(&crowd.server, &bob).await;
    let mut others = TestClient::resume(&crowd.server, &carol, Codec::MsgPack, None).await;

    let heard = crowd.write_to(&mut others, MESSAGES).await;
    assert!(is_whole(&heard, MESSAGES), "whoever reads has it all while another one stalls");

    let (mut seen, mut dirty) = (crowd.seen(), BTreeSet::new());
    let mut on_the_way = 0;
    while !is_over(&seen, MESSAGES) {
        match stalled.frame().await {
            ServerFrame::Ev(event) => {
                on_the_way += 1;
                note(&mut seen, &event);
            }
            // At once: what comes after the mark goes on where the mark ends.
            ServerFrame::Dirty(topics) => {
                for (topic, head) in topics {
                    let after = seen[&topic].last().copied().unwrap_or(1);
                    let missed = repair(&mut stalled, &topic, after, head).await;
                    seen.get_mut(&topic).unwrap().extend(missed);
                    dirty.insert(topic);
                }
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(dirty.len(), TOPICS, "of every topic something was left out");
    assert!(
        on_the_way < ON_THE_WAY_MAX,
        "{on_the_way} events waited for a reader who did not read"
    );
    assert!(is_whole(&seen, MESSAGES));

    // What comes later comes as usual.
    crowd.write(TOPICS).await;
    for _ in 0..TOPICS {
        note(&mut seen, &stalled.event_of(msg::kind::SENT).await);
    }
    assert!(is_whole(&seen, MESSAGES + TOPICS));
    drop((stalled, others));
    crowd.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_does_not_know_dirty_is_sent_away_and_can_resume() {
    for tls in DOORS {
        stop_and_be_sent_away(tls).await;
    }
}

async fn stop_and_be_sent_away(tls: Option<Tls>) {
    let (crowd, bob, carol) = Crowd::gather(tls).await;
    let mut stalled = TestClient::open(crowd.server.url(), Codec::Json).await;
    let (token, device) = (Some(bob.token.clone()), bob.device);
    let (caps, handles, listens) = (Vec::new(), Vec::new(), Vec::new());
    let hello = Hello { v: 1, token, device, tab: None, sync: None, caps, handles, listens };
    stalled.hello(&hello).await;
    stalled.synced().await;
    let sync = stalled.sync.clone();
    let mut others = TestClient::connect(&crowd.server, &carol).await;
    let heard = crowd.write_to(&mut others, MESSAGES).await;
    assert!(is_whole(&heard, MESSAGES));

    let (frames, closed) = stalled.until_closed().await;
    assert_eq!(goodbye(&frames, closed.code), (4008, 4008));
    assert!(frames.len() < ON_THE_WAY_MAX, "{} frames waited", frames.len());
    let mut seen = crowd.seen();
    for frame in &frames {
        if let ServerFrame::Ev(event) = frame {
            note(&mut seen, event);
        }
    }
    let mut again = TestClient::resume(&crowd.server, &bob, Codec::Json, sync).await;
    for page in std::mem::take(&mut again.pages) {
        if let Some(seqs) = seen.get_mut(&page.topic) {
            let after = seqs.last().copied().unwrap_or(1);
            seqs.extend(repair(&mut again, &page.topic, after, page.head).await);
        }
    }
    assert!(is_whole(&seen, MESSAGES));
    drop((again, others));
    crowd.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_stops_in_the_middle_of_its_catch_up_finds_the_rest_when_it_goes_on() {
    for tls in DOORS {
        stop_while_catching_up(tls).await;
    }
}

async fn stop_while_catching_up(tls: Option<Tls>) {
    let (crowd, bob, _) = Crowd::gather(tls).await;
    crowd.write(100).await;
    let mut client = TestClient::open(crowd.server.url(), Codec::MsgPack).await;
    let (token, device) = (Some(bob.token.clone()), bob.device);
    let caps = vec!["dirty".into()];
    let (handles, listens) = (Vec::new(), Vec::new());
    client
        .hello(&Hello { v: 1, token, device, tab: None, sync: None, caps, handles, listens })
        .await;
    let welcomed = client.frame().await;
    assert!(matches!(welcomed, ServerFrame::Welcome(_)), "{welcomed:?}");
    // Written while the catch-up is under way or held back behind it.
    crowd.write(MESSAGES - 100).await;
    let mut seen = crowd.seen();
    let mut synced = false;
    let (mut dirty, mut heads) = (BTreeMap::new(), BTreeMap::<Topic, u64>::new());
    while !(synced && is_over(&seen, MESSAGES)) {
        match client.frame().await {
            ServerFrame::Page(topics) => {
                assert!(!synced);
                for page in topics {
                    if let Some(seqs) = seen.get_mut(&page.topic) {
                        *seqs = (2..=page.head).collect();
                        heads.insert(page.topic, page.head);
                    }
                }
            }
            ServerFrame::Ev(event) => note(&mut seen, &event),
            ServerFrame::Dirty(topics) => dirty.extend(topics),
            ServerFrame::Synced { .. } => synced = true,
            other => panic!("{other:?}"),
        }
        for (topic, head) in std::mem::take(&mut dirty) {
            let after = seen[&topic].last().copied().unwrap_or(1);
            let missed = repair(&mut client, &topic, after, head).await;
            seen.get_mut(&topic).unwrap().extend(missed);
        }
    }
    assert!(is_whole(&seen, MESSAGES), "heads of the pages: {heads:?}");
    drop(client);
    crowd.server.stop().await;
}
