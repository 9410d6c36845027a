//! Publishes what waits for a line, in batches, and probes.

use std::{convert::Infallible, sync::Arc, sync::atomic::Ordering};

use redis::{AsyncConnectionConfig, RedisResult, aio::MultiplexedConnection, pipe};

use super::{
    PROBE_EVERY, Shared,
    backoff::Backoff,
    frame::{Header, Kind},
    line::{Fault, Line},
    now,
    outbox::Item,
};

/// Payloads that are sent at once. Beyond it waiting grows, and the cost of each does not fall.
const BATCH_MAX: usize = 64;

/// Runs until it is aborted.
pub(super) async fn publish(shared: Arc<Shared>, line: Arc<Line>) {
    let mut backoff = Backoff::default();
    loop {
        let Err(fault) = session(&shared, &line, &mut backoff).await;
        line.publishing(Some(fault.to_string()));
        shared.doubt.notify_one();
        backoff.wait().await;
    }
}

/// One connection, for as long as it works.
async fn session(shared: &Shared, line: &Line, backoff: &mut Backoff) -> Result<Infallible, Fault> {
    let mut connection = line.server.connect(AsyncConnectionConfig::new()).await?;
    let mut probe_at = now();
    for turn in 0.. {
        let at = now();
        let items = shared.outbox.take(&line.parts, turn, BATCH_MAX, at);
        let probe = at >= probe_at;
        if items.is_empty() && !probe {
            tokio::select! {
                () = line.wake.notified() => {}
                () = tokio::time::sleep_until(probe_at) => {}
            }
            continue;
        }
        if probe {
            probe_at = at + PROBE_EVERY;
        }
        let sent = send(shared, line, &mut connection, &items, probe).await;
        if sent.is_err() {
            // Some may have arrived, and nobody knows which.
            shared.outbox.lost(items.len() as u64);
        }
        let refused = sent?;
        if refused.is_some() {
            shared.doubt.notify_one();
        } else {
            backoff.reset();
        }
        line.publishing(refused);
    }
    unreachable!("there are more numbers than batches")
}

/// Sends a batch, and answers the last thing that the server refused.
async fn send(
    shared: &Shared,
    line: &Line,
    connection: &mut MultiplexedConnection,
    items: &[Item],
    probe: bool,
) -> Result<Option<String>, Fault> {
    let probes: &[_] = if probe { &line.parts } else { &[] };
    let mut batch = pipe();
    let mut add = |kind, part: crate::Part, number, payload: &[u8]| {
        let frame = Header { node: shared.node, kind, part, number }.frame(payload);
        let command = if shared.sharded { "SPUBLISH" } else { "PUBLISH" };
        batch.cmd(command).arg(&shared.channels[part.index()]).arg(frame);
    };
    for item in items {
        add(Kind::Payload, item.part, item.number, &item.payload);
    }
    let stamp = shared.pulse.stamp(now());
    for part in probes {
        add(Kind::Probe, *part, shared.outbox.left(*part), &stamp);
    }
    batch.ignore_errors();
    let answers: Vec<RedisResult<i64>> = batch.query_async(connection).await?;
    let refused = |answers: &[RedisResult<i64>]| answers.iter().filter(|a| a.is_err()).count();
    let (of_items, _) = answers.split_at(items.len().min(answers.len()));
    let lost = refused(of_items) as u64;
    shared.outbox.lost(lost);
    shared.published.fetch_add(of_items.len() as u64 - lost, Ordering::Relaxed);
    Ok(answers.into_iter().find_map(Result::err).map(|error| error.to_string()))
}
