//! Programs that listen: told each event of their kinds until they have dealt with it.
//!
//! What is told is read from the log, from the program's place in it on. The place moves to before
//! the oldest event that is not acknowledged, so a program that went away is told that one again.
//! One connection of a program is told at a time; when it ends, the next one goes on.

use std::{sync::Arc, time::Duration};

use carillon_plugin::{Caller, Error, Hearing, Host, Result, kind_of};
use carillon_protocol::{Codec, ErrorCode, frame, frame::server};
use tokio::{
    sync::{Notify, oneshot},
    time::sleep,
};

use super::{ConnId, Hub, delivery::framed, shard::Cmd};

/// So many events may wait for their `ack`.
pub(super) const UNACKED_MAX: usize = 64;
/// Where nothing concerns a program its place is written down after so many positions.
const STRIDE: u64 = 8_192;
/// How long to wait after the database did not answer.
const UNAVAILABLE_PAUSE: Duration = Duration::from_secs(1);

/// A connection that is told events.
pub(super) struct Listener {
    pub(super) hub: Arc<Hub>,
    pub(super) host: Host,
    pub(super) conn: ConnId,
    pub(super) codec: Codec,
    pub(super) caller: Caller,
    pub(super) kinds: Vec<&'static str>,
}

/// Checks the kinds of events that a program listens to.
pub(super) fn check(listens: &[String]) -> Result<Vec<&'static str>> {
    if listens.len() > frame::LISTENS_MAX {
        let msg = format!("a program listens to {} kinds at most", frame::LISTENS_MAX);
        return Err(Error::bad_arg("listens", msg));
    }
    let kind = |k: &String| {
        kind_of(k).ok_or_else(|| {
            let shown: String = k.chars().take(64).collect();
            let msg = format!("there are no events of the kind `{}`", shown.escape_debug());
            Error::bad_arg("listens", msg)
        })
    };
    listens.iter().map(kind).collect()
}

impl Listener {
    /// Tells it events for as long as it is connected.
    pub(super) async fn run(self) {
        let Some(changed) = self.hub.links.listen(self.conn, self.caller.user, &self.kinds) else {
            return;
        };
        while let Err(error) = self.tell(&changed).await {
            if error.code() == ErrorCode::NotFound {
                // It was removed, and its connection is about to end.
                return;
            }
            tracing::warn!(program = %self.caller.user, %error, "a listener waits");
            sleep(UNAVAILABLE_PAUSE).await;
        }
    }

    /// Tells events until the connection is gone.
    async fn tell(&self, changed: &Notify) -> Result<()> {
        let mut place: Option<(u64, u64)> = None;
        loop {
            let change = changed.notified();
            let Some(turn) = self.hub.links.turn(self.conn) else { return Ok(()) };
            if !turn.mine {
                change.await;
                continue;
            }
            let (stored, sent) = match place {
                Some(place) => place,
                None => {
                    let at = self.host.listens(self.caller, &self.kinds).await?;
                    (at, at)
                }
            };
            let done = turn.oldest.map_or(sent, |oldest| oldest - 1);
            let stored = self.settle(stored, done, turn.acked).await?;
            let heard = self.hear(sent, turn.room).await?;
            place = Some((stored, heard.seen));
            if !self.say(&heard).await {
                return Ok(());
            }
            if heard.seen == sent {
                change.await;
            }
        }
    }

    /// Writes down how far it has come, if that is worth it.
    async fn settle(&self, stored: u64, done: u64, acked: bool) -> Result<u64> {
        if done <= stored || !(acked || done - stored >= STRIDE) {
            return Ok(stored);
        }
        self.host.listener_moves(self.caller.user, stored, done).await
    }

    async fn hear(&self, after: u64, room: usize) -> Result<Hearing> {
        if room == 0 {
            return Ok(Hearing { events: Vec::new(), seen: after });
        }
        self.host.hears(self.caller, after, &self.kinds, room).await
    }

    /// Sends events, no faster than the program reads; whether it is still there.
    async fn say(&self, heard: &Hearing) -> bool {
        for (pos, event) in &heard.events {
            self.hub.links.told(self.conn, *pos, (event.topic.clone(), event.seq));
            let frame = framed(self.codec, &server::heard(self.codec, event));
            let (done, taken) = oneshot::channel();
            self.hub.send(self.conn.shard, Cmd::Page { conn: self.conn, frame, done }).await;
            if taken.await.is_err() {
                return false;
            }
        }
        true
    }
}
