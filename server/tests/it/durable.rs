//! What is acknowledged survives the end of the process, whenever it comes.

use std::{path::Path, sync::Arc, time::Duration};

use carillon_client::{Client, Options, Receipt};
use carillon_protocol::{ConvId, UserId, conv};
use tokio::{
    sync::{mpsc, watch},
    time::{MissedTickBehavior, interval, timeout},
};

use crate::{
    cut::{Chance, Proxy},
    history::{History, Place, Written, read_log},
    kit::{PATIENCE, Person, text_message},
    process::{Process, add_org, add_person, connect},
};

const KILLS: usize = 20;
const SENDERS: usize = 3;
/// Each sender writes so often: together 300 messages a second.
const PACE: Duration = Duration::from_millis(10);
/// A server is killed after so many acknowledgements, at least and at most.
const ACKS_MIN: u64 = 30;
const ACKS_MAX: u64 = 170;
/// How soon a server that was killed answers again, at least every other time: a machine that is
/// busy elsewhere keeps some of them waiting.
const READY_MAX: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn after_twenty_kills_nothing_acknowledged_is_missing_and_the_server_is_soon_ready() {
    let mut chance = Chance::from_environment();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    // The command line works without a server, and beside one.
    let org = add_org(&data, "Harbour");
    let mut server = Process::serve(&data).await;
    let people: Vec<Person> =
        (0..SENDERS).map(|number| add_person(&data, org, &format!("sender{number}"))).collect();
    let conv = group(&server.url, &people).await;

    let proxy = Proxy::start().await;
    proxy.aim(Some(&server.url));
    let load = Load::start(&proxy, &people, conv, folder.path(), &mut chance).await;
    let mut ready_in = Vec::new();
    for _ in 0..KILLS {
        load.acknowledged(ACKS_MIN + chance.below(ACKS_MAX - ACKS_MIN)).await;
        proxy.aim(None);
        server.kill();
        server = Process::serve(&data).await;
        ready_in.push(server.ready_in);
        proxy.aim(Some(&server.url));
    }
    let written = timeout(PATIENCE, load.end()).await.expect("everything is answered in time");

    let log = read_log(&mut connect(&server.url, &people[0]).await, conv).await;
    let messages = log.len();
    let history = History { written, log, devices: Vec::new() };
    history.assert_kept();
    ready_in.sort();
    println!("{KILLS} kills, {messages} events, ready again in {ready_in:?}");
    assert!(ready_in[KILLS / 2] <= READY_MAX, "ready again only after {ready_in:?}");
}

async fn group(url: &str, people: &[Person]) -> ConvId {
    let members = people[1..].iter().map(|person| person.user).collect();
    let create = conv::Create { title: "Shop".into(), members, history: conv::History::All };
    connect(url, &people[0]).await.call(&create).await.unwrap().conv
}

/// People who write at a steady pace, whatever becomes of the server.
struct Load {
    acks: Arc<watch::Sender<u64>>,
    stop: watch::Sender<bool>,
    people: Vec<Person>,
    writing: Vec<tokio::task::JoinHandle<Vec<Written>>>,
}

impl Load {
    async fn start(
        proxy: &Proxy,
        people: &[Person],
        conv: ConvId,
        folder: &Path,
        chance: &mut Chance,
    ) -> Load {
        let acks = Arc::new(watch::Sender::new(0));
        let stop = watch::Sender::new(false);
        let mut writing = Vec::new();
        for (number, person) in people.iter().enumerate() {
            let state = folder.join(format!("sender{number}"));
            let options = Options::new(proxy.url(), &person.token).state_dir(state);
            let client = Client::connect(options.seed(chance.seed())).await.unwrap();
            let (receipts, answered) = mpsc::unbounded_channel();
            let (stopped, acks) = (stop.subscribe(), Arc::clone(&acks));
            writing.push(tokio::spawn(async move {
                let writing = write(&client, conv, number, receipts, stopped);
                tokio::join!(writing, collect(answered, acks)).1
            }));
        }
        Load { acks, stop, people: people.to_vec(), writing }
    }

    /// Waits for so many more acknowledgements.
    async fn acknowledged(&self, more: u64) {
        let mut acks = self.acks.subscribe();
        let goal = *acks.borrow() + more;
        let reached = timeout(PATIENCE, acks.wait_for(|acks| *acks >= goal)).await;
        reached.expect("messages are acknowledged in time").expect("the load goes on");
    }

    /// Stops writing and waits for the answers that are still to come.
    async fn end(self) -> Vec<(UserId, Vec<Written>)> {
        self.stop.send_replace(true);
        let mut written = Vec::new();
        for (person, writing) in self.people.iter().zip(self.writing) {
            written.push((person.user, writing.await.unwrap()));
        }
        written
    }
}

/// Gives messages to the outbox until it is told to stop.
async fn write(
    client: &Client,
    conv: ConvId,
    sender: usize,
    receipts: mpsc::UnboundedSender<(String, Receipt)>,
    mut stop: watch::Receiver<bool>,
) {
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for number in 0.. {
        tokio::select! {
            _ = pace.tick() => {}
            stopped = stop.wait_for(|stop| *stop) => {
                stopped.expect("the load holds the other end");
                break;
            }
        }
        let text = format!("{sender}-{number}");
        let receipt = client.queue(text_message(conv, &text)).await.unwrap();
        receipts.send((text, receipt)).expect("the answers are collected until the end");
    }
}

/// Waits for the answers until there is no more to come.
async fn collect(
    mut receipts: mpsc::UnboundedReceiver<(String, Receipt)>,
    acks: Arc<watch::Sender<u64>>,
) -> Vec<Written> {
    let mut written = Vec::new();
    while let Some((text, receipt)) = receipts.recv().await {
        let told = Place::from(&receipt.sent().await.unwrap());
        written.push(Written { text, told: Some(told) });
        acks.send_modify(|acks| *acks += 1);
    }
    written
}
