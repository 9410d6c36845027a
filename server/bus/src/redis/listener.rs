//! Listens to the parts of a line.

use std::{convert::Infallible, sync::Arc, sync::atomic::Ordering};

use bytes::Bytes;
use redis::{
    AsyncConnectionConfig, PushInfo, PushKind, RedisResult, Value, aio::MultiplexedConnection, pipe,
};
use tokio::sync::Notify;

use super::{
    PROBE_EVERY, SILENCE_MAX, Shared,
    backoff::Backoff,
    frame::{Header, Kind},
    line::{Fault, Line},
    now,
};

/// Runs until it is aborted.
pub(super) async fn listen(shared: Arc<Shared>, line: Arc<Line>) {
    let mut backoff = Backoff::default();
    loop {
        let start = now();
        let mut stood = false;
        let Err(fault) = session(&shared, &line, &mut stood).await;
        line.listening(Some(fault.to_string()));
        if stood {
            // What was on its way is gone.
            shared.inbox.interrupt();
            shared.reconnects.fetch_add(1, Ordering::Relaxed);
        }
        shared.doubt.notify_one();
        // One that ends as soon as it stands is not made again without end in a hurry.
        if now() - start > PROBE_EVERY {
            backoff.reset();
        }
        backoff.wait().await;
    }
}

/// One subscription, for as long as it is heard. Says when it stands.
async fn session(shared: &Arc<Shared>, line: &Line, stood: &mut bool) -> Result<Infallible, Fault> {
    let ended = Arc::new(Notify::new());
    let (ear, end) = (shared.clone(), ended.clone());
    // Called by the task that reads the socket, so nothing waits between the socket and the inbox.
    let hear = move |push: PushInfo| {
        match push.kind {
            PushKind::Message | PushKind::SMessage => hear(&ear, push.data),
            // A Cluster ends a subscription when the slot moves to another server.
            PushKind::Disconnection | PushKind::Unsubscribe | PushKind::SUnsubscribe => {
                end.notify_one();
            }
            _ => {}
        }
        Ok::<_, Infallible>(())
    };
    let config = AsyncConnectionConfig::new().set_push_sender(hear);
    let mut connection = line.server.connect(config).await?;
    subscribe(shared, line, &mut connection).await?;
    shared.pulse.begin(&line.parts, now());
    // Whatever was published until the subscription stood was not heard.
    shared.inbox.interrupt();
    line.listening(None);
    *stood = true;
    loop {
        tokio::select! {
            () = ended.notified() => return Err(Fault::Ended),
            () = tokio::time::sleep(PROBE_EVERY / 4) => {}
        }
        if shared.pulse.quiet(line.parts.iter().copied(), now()) > SILENCE_MAX {
            return Err(Fault::Silent(SILENCE_MAX));
        }
    }
}

async fn subscribe(
    shared: &Shared,
    line: &Line,
    connection: &mut MultiplexedConnection,
) -> Result<(), Fault> {
    let channels = line.parts.iter().map(|part| shared.channels[part.index()].as_str());
    if !shared.sharded {
        return Ok(connection.subscribe(channels.collect::<Vec<_>>()).await?);
    }
    // Channels of different slots cannot share a command.
    let mut commands = pipe();
    for channel in channels {
        commands.cmd("SSUBSCRIBE").arg(channel);
    }
    commands.ignore_errors();
    let answers: Vec<RedisResult<Value>> = commands.query_async(connection).await?;
    answers.into_iter().collect::<RedisResult<Vec<_>>>()?;
    Ok(())
}

/// Takes a message: `[channel, frame]`.
fn hear(shared: &Shared, mut data: Vec<Value>) {
    let Some(Value::BulkString(frame)) = data.pop() else { return };
    // Others may publish to these channels what is no frame.
    let Some((header, payload)) = Header::read(&Bytes::from(frame)) else { return };
    let now = now();
    if header.node == shared.node {
        if header.kind == Kind::Probe {
            shared.pulse.echo(header.part, &payload, now);
        }
        return;
    }
    let verdict = shared.ledger.note(&header, now);
    if verdict.hole {
        shared.inbox.interrupt();
    }
    if verdict.fresh && header.kind == Kind::Payload {
        shared.inbox.deliver(header.part, payload);
    }
}
