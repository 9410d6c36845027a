//! What the bus adds to Redis, beside two yardsticks of the same minute: a bare publish and
//! receive, and a bare pipeline of 64.
//!
//! Run with `cargo bench -p carillon-bus`; `redis-server` must be installed.

#![allow(clippy::disallowed_methods, reason = "a bench measures how long things take")]

use std::{
    future::Future,
    time::{Duration, Instant},
};

use bytes::Bytes;
use carillon_bus::{Bus, NodeId, Options, Part, Signal, Subscription, connect};
use carillon_protocol::id::Ulid;
use carillon_rig::Redis;
use futures_util::StreamExt;
use redis::{
    Client, IntoConnectionInfo,
    aio::{MultiplexedConnection, PubSub},
    io::tcp::TcpSettings,
};

/// Runs of each, in turn; the median counts.
const ROUNDS: usize = 7;
/// Messages of a run, one after the other.
const MESSAGES: usize = 2_000;
/// Messages of a run, all at once: what an outbox holds.
const BURST: usize = 16_000;
/// Messages that the bare script sends at once.
const PIPELINE: usize = 64;
/// The size of a message.
const BYTES: usize = 200;
/// The channel of the bare script.
const CHANNEL: &str = "bare";

struct Bare {
    publisher: MultiplexedConnection,
    listener: PubSub,
}

impl Bare {
    async fn connect(url: &str) -> Bare {
        let info = url.into_connection_info().expect("it is an address");
        let info = info.set_tcp_settings(TcpSettings::default().set_nodelay(true));
        let client = Client::open(info).expect("it is an address");
        let mut listener = client.get_async_pubsub().await.expect("Redis runs");
        listener.subscribe(CHANNEL).await.expect("Redis runs");
        let publisher = client.get_multiplexed_async_connection().await.expect("Redis runs");
        Bare { publisher, listener }
    }

    async fn one(&mut self, payload: &[u8]) {
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(CHANNEL).arg(payload);
        let mut messages = self.listener.on_message();
        // It has arrived when it is heard; the answer to the publisher comes at the same time.
        let sent = publish.query_async::<i64>(&mut self.publisher);
        let (sent, heard) = tokio::join!(sent, messages.next());
        assert!(sent.is_ok() && heard.is_some());
    }

    async fn burst(&mut self, payload: &[u8]) {
        let publisher = &mut self.publisher;
        let publish = async {
            for _ in 0..BURST / PIPELINE {
                let mut batch = redis::pipe();
                for _ in 0..PIPELINE {
                    batch.cmd("PUBLISH").arg(CHANNEL).arg(payload);
                }
                batch.query_async::<Vec<i64>>(publisher).await.expect("Redis runs");
            }
        };
        let messages = self.listener.on_message().take(BURST).count();
        let ((), heard) = tokio::join!(publish, messages);
        assert_eq!(heard, BURST);
    }
}

struct Pair {
    publisher: std::sync::Arc<dyn Bus>,
    listener: Subscription,
    _others: (std::sync::Arc<dyn Bus>, Subscription),
}

impl Pair {
    async fn connect(url: &str) -> Pair {
        let node = |number| {
            let options = Options {
                node: NodeId(Ulid(number)),
                namespace: "bench".to_owned(),
                authorities: None,
            };
            connect(&url.parse().expect("it is an address"), options).expect("it can be used")
        };
        let ((publisher, publishers), (bus, listener)) = (node(1), node(2));
        let ready = |bus: &dyn Bus| bus.health().ready && !bus.health().peers.is_empty();
        while !(ready(&*publisher) && ready(&*bus)) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // Every part has been heard once more.
        tokio::time::sleep(2 * carillon_bus::PROBE_EVERY).await;
        Pair { publisher, listener, _others: (bus, publishers) }
    }

    async fn one(&mut self, payload: &Bytes, number: usize) {
        self.publish(payload, number);
        while !matches!(self.listener.next().await, Some(Signal::Arrived { .. })) {}
    }

    async fn burst(&mut self, payload: &Bytes) {
        (0..BURST).for_each(|number| self.publish(payload, number));
        for _ in 0..BURST {
            let heard = self.listener.next().await;
            assert!(matches!(heard, Some(Signal::Arrived { .. })), "{heard:?}");
        }
    }

    fn publish(&self, payload: &Bytes, number: usize) {
        let part = Part::new((number % Part::COUNT) as u8).expect("there are so many");
        self.publisher.publish(part, payload.clone());
    }
}

async fn timed(what: impl Future<Output = ()>) -> Duration {
    let start = Instant::now();
    what.await;
    start.elapsed()
}

/// Of what is sorted.
fn quantile(sorted: &[Duration], of: f64) -> Duration {
    sorted[((sorted.len() - 1) as f64 * of) as usize]
}

/// The median of what is measured in each round.
fn median(mut rounds: Vec<f64>) -> f64 {
    rounds.sort_by(f64::total_cmp);
    rounds[rounds.len() / 2]
}

#[derive(Default)]
struct Column {
    p50_us: Vec<f64>,
    p99_us: Vec<f64>,
    per_s: Vec<f64>,
}

impl Column {
    fn add(&mut self, mut each: Vec<Duration>, burst: Duration) {
        each.sort();
        self.p50_us.push(quantile(&each, 0.5).as_secs_f64() * 1e6);
        self.p99_us.push(quantile(&each, 0.99).as_secs_f64() * 1e6);
        self.per_s.push(BURST as f64 / burst.as_secs_f64());
    }
}

#[tokio::main]
async fn main() {
    let redis = Redis::start();
    let payload = Bytes::from(vec![b'x'; BYTES]);
    let (mut bare, mut pair) =
        (Bare::connect(&redis.url()).await, Pair::connect(&redis.url()).await);
    let (mut of_bare, mut of_bus) = (Column::default(), Column::default());
    for _ in 0..ROUNDS {
        let (mut bares, mut buses) = (Vec::new(), Vec::new());
        for number in 0..MESSAGES {
            bares.push(timed(bare.one(&payload)).await);
            buses.push(timed(pair.one(&payload, number)).await);
        }
        of_bare.add(bares, timed(bare.burst(&payload)).await);
        of_bus.add(buses, timed(pair.burst(&payload)).await);
    }
    println!("{ROUNDS} rounds, {BYTES} B, medians");
    println!("{:28}{:>12}{:>12}{:>8}", "", "bare", "bus", "ratio");
    for (name, bare, bus) in [
        ("publish to receive, p50, us", of_bare.p50_us, of_bus.p50_us),
        ("publish to receive, p99, us", of_bare.p99_us, of_bus.p99_us),
        ("messages a second, at once", of_bare.per_s, of_bus.per_s),
    ] {
        let (bare, bus) = (median(bare), median(bus));
        println!("{name:28}{bare:>12.0}{bus:>12.0}{:>8.2}", bus / bare);
    }
}
