//! Who watches the receipts of which messages, and what they were told of them.
//!
//! Large conversations are quiet about receipts but for those who look: a read there costs a lookup
//! if nobody watches. What people watch is told at once when it changes, and what changes in the
//! second after that at its end, by one task that lives while somebody watches.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use carillon_plugin::{Error, Result};
use carillon_protocol::{
    ConvId, ErrorCode, UserId,
    limits::{WATCH_LASTS_MS, WATCH_MEMBERS_MAX},
    receipt::Counted,
};
use tokio::sync::Notify;

use super::receipt::{Authors, Counts};

/// Nobody is told more often.
const EVERY: Duration = Duration::from_secs(1);
/// What ran out is looked for this often.
const SWEPT_EVERY_MS: i64 = 10_000;
/// The most people who watch one conversation: everybody in one where all messages may be watched.
pub(super) const PER_CONV_MAX: usize = WATCH_MEMBERS_MAX;
/// The most conversations that one person watches: a few windows. The oldest one goes.
pub(super) const PER_PERSON_MAX: usize = 8;
/// The most in all: some 100 MB, if each watches as many messages as a call may name.
pub(super) const MAX: usize = 10_000;
/// How long a client waits if there are too many.
const BUSY_RETRY_MS: u64 = 10_000;

/// A message that somebody watches.
#[derive(Debug)]
struct Watched {
    by: UserId,
    /// How many have read it and of how many, as the person knows it.
    told: Option<(u64, u64)>,
}

/// What one person watches of one conversation.
#[derive(Debug)]
struct Watch {
    messages: BTreeMap<u64, Watched>,
    until: i64,
}

#[derive(Debug, Default)]
struct All {
    convs: HashMap<ConvId, HashMap<UserId, Watch>>,
    /// The same by person, what began first at the front.
    people: HashMap<UserId, VecDeque<ConvId>>,
    len: usize,
    /// Where counts may have changed.
    due: BTreeSet<ConvId>,
    swept_at: i64,
    /// Whether the task has something new to look at.
    woken: bool,
    /// Whether there is a task.
    runs: bool,
}

impl All {
    fn remove(&mut self, conv: ConvId, user: UserId) {
        let Some(watchers) = self.convs.get_mut(&conv) else { return };
        self.len -= usize::from(watchers.remove(&user).is_some());
        if watchers.is_empty() {
            self.convs.remove(&conv);
        }
        if let Some(convs) = self.people.get_mut(&user) {
            convs.retain(|other| *other != conv);
            if convs.is_empty() {
                self.people.remove(&user);
            }
        }
    }

    /// Removes what ran out in a conversation; answers whether somebody still watches it.
    fn expire(&mut self, conv: ConvId, now: i64) -> bool {
        let Some(watchers) = self.convs.get(&conv) else { return false };
        let over = watchers.iter().filter(|(_, watch)| watch.until <= now);
        for user in over.map(|(&user, _)| user).collect::<Vec<_>>() {
            self.remove(conv, user);
        }
        self.convs.contains_key(&conv)
    }

    fn sweep(&mut self, now: i64) {
        self.swept_at = now;
        for conv in self.convs.keys().copied().collect::<Vec<_>>() {
            self.expire(conv, now);
        }
    }

    fn is_full(&self, conv: ConvId) -> bool {
        self.len >= MAX || self.convs.get(&conv).is_some_and(|it| it.len() >= PER_CONV_MAX)
    }
}

/// Everything that is watched.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    all: Mutex<All>,
    wake: Notify,
}

impl Watches {
    fn lock(&self) -> MutexGuard<'_, All> {
        // Nothing in here panics half way.
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self, all: &mut All) {
        all.woken = true;
        self.wake.notify_one();
    }

    /// A person watches these messages of a conversation, instead of what it was before; none to
    /// stop. Answers whether the caller must begin to [`run`] the task.
    pub(crate) fn set(
        &self,
        (conv, user): (ConvId, UserId),
        authors: &Authors,
        now: i64,
    ) -> Result<bool> {
        let mut all = self.lock();
        all.remove(conv, user);
        if authors.is_empty() {
            return Ok(false);
        }
        if all.is_full(conv) || all.swept_at.abs_diff(now) >= SWEPT_EVERY_MS.unsigned_abs() {
            all.sweep(now);
        }
        if all.is_full(conv) {
            let msg = "too many people watch receipts; ask for the counts by receipt.counts";
            return Err(Error::new(ErrorCode::Busy, msg).retry_ms(BUSY_RETRY_MS));
        }
        let watched = |(&seq, &by)| (seq, Watched { by, told: None });
        let messages = authors.iter().map(watched).collect();
        let watch = Watch { messages, until: now.saturating_add(WATCH_LASTS_MS) };
        all.convs.entry(conv).or_default().insert(user, watch);
        all.len += 1;
        let convs = all.people.entry(user).or_default();
        convs.push_back(conv);
        if convs.len() > PER_PERSON_MAX
            && let Some(&oldest) = convs.front()
        {
            all.remove(oldest, user);
        }
        self.wake(&mut all);
        Ok(!mem::replace(&mut all.runs, true))
    }

    /// These counts are answered to who began to watch. What the person was told meanwhile is
    /// newer, and is answered instead.
    pub(crate) fn answered(&self, (conv, user): (ConvId, UserId), mut counts: Counts) -> Counts {
        let mut all = self.lock();
        let watch = all.convs.get_mut(&conv).and_then(|watchers| watchers.get_mut(&user));
        let messages = watch.into_iter().flat_map(|watch| watch.messages.iter_mut());
        for (seq, message) in messages {
            if let Some(count) = counts.get_mut(seq) {
                *count = *message.told.get_or_insert(*count);
            }
        }
        counts
    }

    /// Counts of this conversation may have changed. Costs a lookup if nobody watches it.
    pub(crate) fn touched(&self, conv: ConvId, now: i64) {
        let mut all = self.lock();
        if all.convs.contains_key(&conv) && !all.due.contains(&conv) && all.expire(conv, now) {
            all.due.insert(conv);
            self.wake(&mut all);
        }
    }

    /// The authors of everything that is watched in a conversation.
    pub(crate) fn authors(&self, conv: ConvId) -> Authors {
        let all = self.lock();
        let watches = all.convs.get(&conv).into_iter().flat_map(|watchers| watchers.values());
        let messages = watches.flat_map(|watch| watch.messages.iter());
        messages.map(|(&seq, message)| (seq, message.by)).collect()
    }

    /// Who is to be told what: the counts that differ from what they know. Whoever is no longer a
    /// member watches no more.
    pub(crate) fn news(
        &self,
        conv: ConvId,
        counts: &Counts,
        is_member: impl Fn(UserId) -> bool,
    ) -> Vec<(UserId, Counted)> {
        let mut all = self.lock();
        let watchers = all.convs.get_mut(&conv).into_iter().flatten();
        let (mut news, mut gone) = (Vec::new(), Vec::new());
        for (&user, watch) in watchers {
            if !is_member(user) {
                gone.push(user);
                continue;
            }
            let mut changed = Vec::new();
            for (&seq, message) in &mut watch.messages {
                let Some(&(read, total)) = counts.get(&seq) else { continue };
                if message.told.replace((read, total)) != Some((read, total)) {
                    changed.push((seq, read, total));
                }
            }
            if !changed.is_empty() {
                news.push((user, Counted { counts: changed }));
            }
        }
        gone.into_iter().for_each(|user| all.remove(conv, user));
        news
    }

    /// The conversations in which counts may have changed, as soon as there are any. `None` ends
    /// the task: for longer than a watch lasts nobody watched, and nothing changed for who did.
    async fn due(&self) -> Option<BTreeSet<ConvId>> {
        loop {
            let lasts = Duration::from_millis(WATCH_LASTS_MS.unsigned_abs());
            let woken = tokio::time::timeout(lasts, self.wake.notified()).await.is_ok();
            let mut all = self.lock();
            // Between the last moment and the lock somebody may have come.
            if !mem::take(&mut all.woken) && !woken {
                *all = All::default();
                return None;
            }
            let due = mem::take(&mut all.due);
            if !due.is_empty() {
                return Some(due);
            }
        }
    }
}

/// Tells of conversations in which counts may have changed, at most once a second. It keeps the
/// host alive until the last watch has run out.
pub(crate) async fn run<F>(watches: &Watches, tell: impl Fn(ConvId) -> F)
where
    F: Future<Output = ()>,
{
    while let Some(due) = watches.due().await {
        for conv in due {
            tell(conv).await;
        }
        tokio::time::sleep(EVERY).await;
    }
}
