//! How others reach a media thread: what they ask goes through a short queue, and wakes it.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
};

use carillon_plugin::{Error, MediaAnswer, MediaAsked, Result};
use carillon_protocol::ErrorCode;
use rustix::event::{EventfdFlags, eventfd};
use tokio::sync::oneshot;

use crate::door::Handed;

/// So many calls wait for a thread at most. Each takes about a millisecond, so the last of them
/// waits for half a second; whoever comes then shall ask again.
const CALLS_MAX: usize = 512;
/// So many connections that were accepted elsewhere wait for a thread at most, as many as the
/// kernel holds of its own.
const HANDED_MAX: usize = 128;
/// When to ask a busy thread again.
const BUSY_RETRY_MS: u64 = 500;

/// A call and where its answer goes.
pub(crate) struct Call {
    pub(crate) asked: MediaAsked,
    pub(crate) reply: oneshot::Sender<Result<MediaAnswer>>,
}

/// The asking side. When the last one is gone, the thread ends.
#[derive(Clone)]
pub(crate) struct Caller {
    calls: SyncSender<Call>,
    handed: SyncSender<Handed>,
    bell: Arc<Bell>,
}

/// Wakes a thread that waits in `poll`; rung once more when it is dropped.
pub(crate) struct Bell(OwnedFd);

impl Drop for Bell {
    fn drop(&mut self) {
        ring(&self.0);
    }
}

/// The thread's side.
pub(crate) struct Called {
    pub(crate) calls: Receiver<Call>,
    pub(crate) handed: Receiver<Handed>,
    bell: OwnedFd,
}

impl Called {
    /// What becomes readable when somebody asks.
    pub(crate) fn bell(&self) -> impl AsFd + '_ {
        &self.bell
    }

    /// Silences the bell, before anything is taken.
    pub(crate) fn silence(&self) {
        let mut count = [0; 8];
        // It has not rung: there is nothing to silence.
        let _nothing = rustix::io::read(&self.bell, &mut count);
    }

    /// More may wait than was taken: the thread is woken for them.
    pub(crate) fn again(&self) {
        ring(&self.bell);
    }
}

/// Rings. A bell that rings already needs no second time.
fn ring(bell: &OwnedFd) {
    let rung = rustix::io::write(bell, &1u64.to_ne_bytes());
    debug_assert!(matches!(rung, Ok(_) | Err(rustix::io::Errno::AGAIN)), "{rung:?}");
}

/// Both sides.
pub(crate) fn line() -> io::Result<(Caller, Called)> {
    let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
    let (sender, calls) = sync_channel(CALLS_MAX);
    let (hands, handed) = sync_channel(HANDED_MAX);
    let called = Called { calls, handed, bell: bell.try_clone()? };
    Ok((Caller { calls: sender, handed: hands, bell: Arc::new(Bell(bell)) }, called))
}

impl Caller {
    pub(crate) async fn ask(&self, asked: MediaAsked) -> Result<MediaAnswer> {
        let (reply, answer) = oneshot::channel();
        match self.calls.try_send(Call { asked, reply }) {
            Ok(()) => ring(&self.bell.0),
            Err(TrySendError::Full(_)) => return Err(busy("too many calls wait: ask again")),
            Err(TrySendError::Disconnected(_)) => return Err(ended()),
        }
        answer.await.unwrap_or_else(|_| Err(ended()))
    }

    /// Hands a connection over; answers whether there was room for it.
    pub(crate) fn hand(&self, handed: Handed) -> bool {
        let has_room = self.handed.try_send(handed).is_ok();
        if has_room {
            ring(&self.bell.0);
        }
        has_room
    }
}

/// There is too much to do now.
pub(crate) fn busy(msg: &str) -> Error {
    Error::new(ErrorCode::Busy, msg).retry_ms(BUSY_RETRY_MS)
}

fn ended() -> Error {
    Error::new(ErrorCode::Unavailable, "the media of this node have ended: join again")
}
