//! Connections that break at random bytes: each message is written once, in order, and everybody
//! sees the same.

use carillon_client::{Client, Options, Update, text};
use carillon_protocol::{Codec, msg};
use tokio::task::JoinSet;

use crate::{
    kit::{CONV, next_seq, until},
    model::Model,
};

const MESSAGES: u64 = 100;

async fn connect(options: &Options) -> Client {
    loop {
        // The first connection may be cut too, and is the program's business.
        if let Ok(client) = Client::connect(options.clone()).await {
            return client;
        }
    }
}

async fn run(seed: u64) {
    println!("SEED={seed}");
    let codec = Codec::ALL[seed as usize % 2];
    let (model, url) = Model::start(seed).await;
    let dir = tempfile::tempdir().unwrap();
    let options = |tab| Options::new(&url, "t").codec(codec).seed(seed).tab(tab);
    let reader = connect(&options("reader")).await;
    let mut seen = reader.events();
    let reading = tokio::spawn(async move {
        until(&mut seen, |update| matches!(update, Update::Synced)).await;
        let mut seqs = Vec::new();
        while seqs.last() != Some(&MESSAGES) {
            seqs.push(next_seq(&mut seen).await);
        }
        drop(reader);
        seqs
    });

    let stored = options("writer").state_dir(dir.path());
    let mut receipts = Vec::new();
    let mut writer = connect(&stored).await;
    for number in 1..=MESSAGES {
        let body = msg::Body::Text { text: number.to_string(), mentions: vec![] };
        let send = msg::Send { conv: CONV, body, reply_to: None, everybody: false };
        receipts.push((writer.queue(send).await.unwrap(), number));
        if number == MESSAGES / 2 {
            // The program ends with messages on their way, and starts again.
            writer.close().await;
            writer = connect(&stored).await;
        }
    }
    for (receipt, number) in receipts {
        let sent = receipt.sent().await;
        if number > MESSAGES / 2 {
            assert_eq!(sent.unwrap().seq, number, "SEED={seed}");
        }
    }
    let texts: Vec<_> = model.events().iter().map(|event| text(event).unwrap()).collect();
    let wanted: Vec<_> = (1..=MESSAGES).map(|number| number.to_string()).collect();
    assert_eq!(texts, wanted, "SEED={seed}");
    let seqs = reading.await.unwrap();
    assert!(seqs.iter().copied().eq(seqs[0]..=MESSAGES), "SEED={seed}: {seqs:?}");
    writer.close().await;
}

#[tokio::test]
async fn connections_that_break_at_random_bytes_lose_and_double_nothing() {
    let mut runs: JoinSet<()> = (1..=4).map(run).collect();
    while let Some(done) = runs.join_next().await {
        done.unwrap();
    }
}
