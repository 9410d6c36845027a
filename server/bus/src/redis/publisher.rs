//! Keeps the connection that a line publishes through, and probes.

use std::{convert::Infallible, future::poll_fn, sync::Arc, task::Poll};

use super::{
    ANSWER_PATIENCE, PROBE_EVERY, Shared,
    backoff::Backoff,
    line::{Fault, Line},
    now,
    outlet::Outlet,
};

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
    let wire = line.server.open().await?;
    line.outlet.put(Outlet::new(wire));
    let _closed = Closed { shared, line };
    let mut probe_at = now();
    for turn in 0.. {
        let at = now();
        let answer_by = line.outlet.with(|outlet| {
            if at >= probe_at {
                probe_at = at + PROBE_EVERY;
                outlet.probe(shared, &line.parts);
            }
            outlet.take(shared, &line.parts, turn);
            outlet.deadline()
        });
        let answer_by = answer_by.flatten();
        if answer_by.is_some_and(|by| at >= by) {
            return Err(Fault::Mute(ANSWER_PATIENCE));
        }
        let next_at = answer_by.map_or(probe_at, |by| probe_at.min(by));
        let answers = poll_fn(|context| {
            let polled = line.outlet.with(|outlet| outlet.poll(shared, context));
            polled.unwrap_or(Poll::Ready(Err(Fault::Closed)))
        });
        tokio::select! {
            answers = answers => {
                let refused = answers?.refused;
                if refused.is_some() {
                    shared.doubt.notify_one();
                } else {
                    backoff.reset();
                }
                line.publishing(refused);
            }
            () = line.wake.notified() => {}
            () = tokio::time::sleep_until(next_at) => {}
        }
    }
    unreachable!("there are more numbers than turns")
}

/// Closes the connection when the session ends, however it does.
struct Closed<'a> {
    shared: &'a Shared,
    line: &'a Line,
}

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        if let Some(outlet) = self.line.outlet.close() {
            // Some may have arrived, and nobody knows which.
            self.shared.outbox.lost(outlet.payloads());
        }
    }
}
