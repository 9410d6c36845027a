//! Whether the node should get traffic.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use carillon_store::Store;
use tokio::sync::Mutex;

/// How long an answer counts, in milliseconds. Everybody may ask, and a look costs the writer: so
/// often, and no oftener, it is interrupted. With the time that [`Store::ping`] gives the database
/// it is less than the two seconds after which a proxy must know.
const FRESH_MS: i64 = 400;
/// Less room than this on the disk, and the node is not ready: a commit could fail any time.
const DISK_FREE_MIN: u64 = 64 * 1024 * 1024;

/// How long a failure to follow the log counts: some tries, so that whoever asks sees one of them.
const FOLLOW_FAULT_AGE_MAX: Duration = Duration::from_secs(3);

/// What is wrong; nothing, if it is ready.
type Wrong = Vec<&'static str>;

/// The last look at the store and the disk.
pub struct Readiness {
    store: Store,
    data: PathBuf,
    last: Mutex<Option<(i64, Wrong)>>,
}

impl Readiness {
    /// Nobody has looked yet.
    pub fn new(store: Store, data: PathBuf) -> Readiness {
        Readiness { store, data, last: Mutex::new(None) }
    }

    /// What is wrong now, or was a moment ago.
    pub async fn wrong(&self, now: i64) -> Wrong {
        fresh(&self.last, now, look(&self.store, &self.data)).await
    }
}

/// The last answer, or a new one if it is too old. Who asks meanwhile waits for the same.
async fn fresh(
    last: &Mutex<Option<(i64, Wrong)>>,
    now: i64,
    look: impl Future<Output = Wrong>,
) -> Wrong {
    let mut last = last.lock().await;
    match &*last {
        // Who waited for the lock asked before the answer was there.
        Some((at, wrong)) if now < at + FRESH_MS => wrong.clone(),
        _ => {
            let wrong = look.await;
            *last = Some((now, wrong.clone()));
            wrong
        }
    }
}

async fn look(store: &Store, data: &Path) -> Wrong {
    let mut wrong = Vec::new();
    if store.ping().await.is_err() {
        wrong.push("the database does not answer");
    }
    if store.tail().last_error.is_some_and(|age| age < FOLLOW_FAULT_AGE_MAX) {
        wrong.push("the log cannot be followed");
    }
    let free = rustix::fs::statvfs(data).map(|disk| disk.f_bavail * disk.f_frsize);
    if !free.is_ok_and(|free| free >= DISK_FREE_MIN) {
        wrong.push("the disk is full");
    }
    wrong
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn however_many_ask_one_looks_until_the_answer_is_old() {
        let (last, looks) = (Mutex::new(None), Cell::new(0));
        let ask = |now| {
            fresh(&last, now, async {
                // Everybody asks before the first answer is there.
                tokio::task::yield_now().await;
                looks.set(looks.get() + 1);
                vec!["looked"]
            })
        };
        let answers = futures_util::future::join_all((0..200).map(|n| ask(n % 10))).await;
        assert!(answers.iter().all(|wrong| wrong == &["looked"]));
        assert_eq!(looks.get(), 1);
        ask(FRESH_MS - 1).await;
        assert_eq!(looks.get(), 1);
        ask(FRESH_MS).await;
        assert_eq!(looks.get(), 2, "an answer grows old");
    }
}
