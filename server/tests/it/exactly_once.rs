//! Connections break at any byte; every message has its effect once, in order, for everybody.

use std::time::Duration;

use carillon_client::{Client, Error, Events, Options, Receipt, Update};
use carillon_protocol::{Cid, Codec, ConvId, Topic};
use tokio::time::timeout;

use crate::{
    cut::{Chance, Proxy},
    history::{History, Place, Written, read_log, text_of},
    kit::{PATIENCE, TestClient, TestServer, cid, text_message},
};

const SENDERS: usize = 4;
const MESSAGES_EACH: usize = 2_500;
/// What a run may take before it counts as stuck; it takes a fraction of it.
const RUN_MAX: Duration = Duration::from_secs(150);
/// Fewer cuts than this, and the run has not tried what it should.
const CUTS_MIN: u64 = 60;
/// The message after which nothing comes.
const END: &str = "end";

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_messages_over_cut_connections_stand_once_and_in_order_everywhere() {
    let mut chance = Chance::from_environment();
    let server = TestServer::start().await;
    let org = server.org("Harbour").await;
    let mut people = Vec::new();
    for number in 0..SENDERS {
        people.push(server.person(org, &format!("sender{number}")).await);
    }
    let reader = server.person(org, "reader").await;
    let conv = server.group(&people.iter().chain([&reader]).collect::<Vec<_>>()).await;
    let proxy = Proxy::cutting(chance.seed()).await;
    proxy.aim(Some(server.url()));

    let mut devices = Vec::new();
    for codec in Codec::ALL {
        let options = Options::new(proxy.url(), &reader.token).codec(codec).seed(chance.seed());
        let listening = timeout(PATIENCE, listen(options)).await;
        let (client, events) = listening.expect("a device catches up in time");
        devices.push(tokio::spawn(async move {
            let _open = client;
            shown_until_end(events, conv).await
        }));
    }
    let senders = people.iter().enumerate().map(|(number, person)| {
        let options = Options::new(proxy.url(), &person.token).seed(chance.seed());
        tokio::spawn(send_all(options, conv, number))
    });
    let history = timeout(RUN_MAX, async {
        let mut written = Vec::new();
        for (person, sender) in people.iter().zip(senders.collect::<Vec<_>>()) {
            written.push((person.user, sender.await.unwrap()));
        }
        let mut direct = TestClient::connect(&server, &reader).await;
        let told = Some(Place::from(&direct.say(conv, END).await));
        written.push((reader.user, vec![Written { text: END.into(), told }]));
        let mut shown = Vec::new();
        for device in devices {
            shown.push(device.await.unwrap());
        }
        History { written, log: read_log(&mut direct, conv).await, devices: shown }
    });
    let history = history.await.expect("everybody gets everything in time");

    history.assert_kept();
    assert_eq!(history.devices[0].len(), SENDERS * MESSAGES_EACH + 1);
    println!("{} connections were cut", proxy.cuts());
    assert!(proxy.cuts() >= CUTS_MIN, "only {} connections were cut", proxy.cuts());
    server.stop().await;
}

/// A device that has caught up with what was there before.
async fn listen(options: Options) -> (Client, Events) {
    let client = connect(options).await;
    let mut events = client.events();
    while !matches!(events.next().await.expect("the client goes on"), Update::Synced) {}
    (client, events)
}

/// Only the first connection is the program's own to try again.
async fn connect(options: Options) -> Client {
    loop {
        match Client::connect(options.clone()).await {
            Ok(client) => return client,
            Err(Error::Connect(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

async fn shown_until_end(mut events: Events, conv: ConvId) -> Vec<Place> {
    let mut shown = Vec::new();
    loop {
        let Update::Event(event) = events.next().await.expect("the client goes on") else {
            continue;
        };
        let Some(text) = text_of(&event).filter(|_| event.topic == Topic::Conv(conv)) else {
            continue;
        };
        shown.push(Place { seq: event.seq, id: event.id });
        if text == END {
            return shown;
        }
    }
}

/// Writes all messages through an outbox, by a program that ends half-way with messages under way
/// and is started again: it sends whatever it knows no answer to, under the same `cid`.
async fn send_all(options: Options, conv: ConvId, sender: usize) -> Vec<Written> {
    let folder = tempfile::tempdir().unwrap();
    let options = options.state_dir(folder.path());
    let mut written: Vec<(Cid, Written)> = (0..MESSAGES_EACH)
        .map(|number| (cid(), Written { text: format!("{sender}-{number}"), told: None }))
        .collect();

    let client = connect(options.clone()).await;
    let receipts = queue(&client, conv, &written[..MESSAGES_EACH / 2]).await;
    client.close().await;
    for (number, receipt) in receipts {
        match receipt.sent().await {
            Ok(sent) => written[number].1.told = Some(Place::from(&sent)),
            Err(Error::Stopped) => {}
            Err(error) => panic!("{error}"),
        }
    }

    let client = connect(options).await;
    for (number, receipt) in queue(&client, conv, &written).await {
        let sent = receipt.sent().await.unwrap();
        written[number].1.told = Some(Place::from(&sent));
    }
    client.close().await;
    written.into_iter().map(|(_, written)| written).collect()
}

/// Gives to the outbox what has no answer.
async fn queue(client: &Client, conv: ConvId, written: &[(Cid, Written)]) -> Vec<(usize, Receipt)> {
    let mut receipts = Vec::new();
    for (number, (cid, written)) in written.iter().enumerate() {
        if written.told.is_none() {
            let message = text_message(conv, &written.text);
            receipts.push((number, client.queue_as(*cid, message).await.unwrap()));
        }
    }
    receipts
}
