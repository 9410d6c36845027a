//! Listens to the parts of a line.

use std::{convert::Infallible, sync::Arc, sync::atomic::Ordering};

use bytes::{Bytes, BytesMut};

use super::{
    ANSWER_PATIENCE, PROBE_EVERY, SILENCE_MAX, Shared,
    backoff::Backoff,
    frame::{Header, Kind},
    line::{Fault, Line},
    now,
    resp::{self, Reply},
    wire::{Wire, within},
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
async fn session(shared: &Shared, line: &Line, stood: &mut bool) -> Result<Infallible, Fault> {
    let mut wire = line.server.open().await?;
    within(ANSWER_PATIENCE, Fault::Mute, subscribe(shared, line, &mut wire)).await?;
    shared.pulse.begin(&line.parts, now());
    // Whatever was published until the subscription stood was not heard.
    shared.inbox.interrupt();
    line.listening(None);
    *stood = true;
    let mut looks = tokio::time::interval(PROBE_EVERY / 4);
    loop {
        // Nothing waits between the socket and the inbox but this task.
        tokio::select! {
            biased;
            _ = looks.tick() => {
                if shared.pulse.quiet(line.parts.iter().copied(), now()) > SILENCE_MAX {
                    return Err(Fault::Silent(SILENCE_MAX));
                }
            }
            reply = wire.next() => {
                take(shared, reply?)?;
            }
        }
    }
}

async fn subscribe(shared: &Shared, line: &Line, wire: &mut Wire) -> Result<(), Fault> {
    let channels = line.parts.iter().map(|part| shared.channels[part.index()].as_bytes());
    let mut commands = BytesMut::new();
    if shared.sharded {
        // Channels of different slots cannot share a command.
        channels.for_each(|channel| resp::command(&mut commands, &[b"SSUBSCRIBE", channel]));
    } else {
        resp::begin(&mut commands, 1 + line.parts.len());
        resp::word(&mut commands, &[b"SUBSCRIBE"]);
        channels.for_each(|channel| resp::word(&mut commands, &[channel]));
    }
    wire.say(&commands).await?;
    let mut missing = line.parts.len();
    while missing > 0 {
        missing -= usize::from(take(shared, wire.next().await?)? == Taken::Subscribed);
    }
    Ok(())
}

/// What a subscription brought.
#[derive(PartialEq, Eq)]
enum Taken {
    Message,
    /// A channel is listened to from now on.
    Subscribed,
}

fn take(shared: &Shared, reply: Reply) -> Result<Taken, Fault> {
    match reply {
        Reply::Heard([kind, _, frame]) => match &kind[..] {
            b"message" | b"smessage" => hear(shared, &frame),
            b"subscribe" | b"ssubscribe" => return Ok(Taken::Subscribed),
            // A Cluster ends a subscription when the slot moves to another server.
            _ => return Err(Fault::Ended),
        },
        Reply::Refused(why) => return Err(Fault::Refused(why)),
        Reply::Done => {}
    }
    Ok(Taken::Message)
}

fn hear(shared: &Shared, frame: &Bytes) {
    // Others may publish to these channels what is no frame.
    let Some((header, payload)) = Header::read(frame) else { return };
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
