//! Who watches the receipts of which messages, and what they were told of them.
//!
//! Large conversations are quiet about receipts but for those who look: a read there costs a lookup
//! if nobody watches. What people watch is told at once when it changes, and what changes in the
//! second after that at its end, by one task that lives while somebody watches.
//!
//! A person may look on several devices, and all of them are told: what they call for adds up, and
//! each message is watched for as long as the last call for it is good for.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use carillon_plugin::{Error, Result};
use carillon_protocol::{
    ConvId, ErrorCode, UserId,
    limits::{RECEIPT_SEQS_MAX, WATCH_LASTS_MS, WATCH_MEMBERS_MAX},
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
/// The most messages that one person watches in a conversation: several full calls, since people
/// scroll and have several devices. Those go that would run out first.
pub(super) const PER_WATCH_MAX: usize = 4 * RECEIPT_SEQS_MAX;
/// The most messages in all, at some 100 bytes each.
pub(super) const MAX: usize = 1_000_000;
/// How long a client waits if there are too many.
const BUSY_RETRY_MS: u64 = 10_000;

/// A message that somebody watches.
#[derive(Debug)]
struct Watched {
    by: UserId,
    /// How many have read it and of how many, as the person knows it.
    told: Option<(u64, u64)>,
    until: i64,
}

/// What one person watches of one conversation.
#[derive(Debug, Default)]
struct Watch {
    messages: BTreeMap<u64, Watched>,
    /// When the last of them runs out.
    until: i64,
}

impl Watch {
    /// How many of some messages are not in it yet.
    fn missing(&self, authors: &Authors) -> usize {
        authors.keys().filter(|seq| !self.messages.contains_key(seq)).count()
    }

    fn add(&mut self, authors: &Authors, until: i64) {
        for (&seq, &by) in authors {
            let message = self.messages.entry(seq).or_insert(Watched { by, told: None, until });
            message.until = until;
        }
        self.until = until;
        let over = self.messages.len().saturating_sub(PER_WATCH_MAX);
        if over > 0 {
            let mut ends: Vec<_> = self.messages.iter().map(|(&seq, it)| (it.until, seq)).collect();
            ends.sort_unstable();
            for (_, seq) in &ends[..over] {
                self.messages.remove(seq);
            }
        }
    }
}

#[derive(Debug, Default)]
struct All {
    convs: HashMap<ConvId, HashMap<UserId, Watch>>,
    /// The same by person, what began first at the front.
    people: HashMap<UserId, VecDeque<ConvId>>,
    /// How many messages.
    len: usize,
    /// Where counts may have changed.
    due: BTreeSet<ConvId>,
    /// The time of the newest call.
    now: i64,
    swept_at: i64,
    /// Whether the task has something new to look at.
    woken: bool,
    /// Whether there is a task.
    runs: bool,
}

impl All {
    fn add(&mut self, (conv, user): (ConvId, UserId), authors: &Authors) {
        let watch = self.convs.entry(conv).or_default().entry(user).or_default();
        let before = watch.messages.len();
        watch.add(authors, self.now.saturating_add(WATCH_LASTS_MS));
        self.len = self.len + watch.messages.len() - before;
        let convs = self.people.entry(user).or_default();
        convs.retain(|other| *other != conv);
        convs.push_back(conv);
        if convs.len() > PER_PERSON_MAX
            && let Some(&oldest) = convs.front()
        {
            self.remove(oldest, user);
        }
    }

    fn remove(&mut self, conv: ConvId, user: UserId) {
        let Some(watchers) = self.convs.get_mut(&conv) else { return };
        self.len -= watchers.remove(&user).map_or(0, |watch| watch.messages.len());
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

    /// Removes what ran out in a conversation.
    fn expire(&mut self, conv: ConvId) {
        let mut over = Vec::new();
        for (&user, watch) in self.convs.get_mut(&conv).into_iter().flatten() {
            let before = watch.messages.len();
            watch.messages.retain(|_, message| message.until > self.now);
            self.len -= before - watch.messages.len();
            if watch.messages.is_empty() {
                over.push(user);
            }
        }
        over.into_iter().for_each(|user| self.remove(conv, user));
    }

    fn sweep(&mut self) {
        self.swept_at = self.now;
        for conv in self.convs.keys().copied().collect::<Vec<_>>() {
            self.expire(conv);
        }
    }

    /// Whether there is no room for somebody to watch these messages, too.
    fn is_full(&self, (conv, user): (ConvId, UserId), authors: &Authors) -> bool {
        let watchers = self.convs.get(&conv);
        let known = watchers.and_then(|watchers| watchers.get(&user));
        let crowded = known.is_none() && watchers.is_some_and(|it| it.len() >= PER_CONV_MAX);
        crowded || self.len + known.map_or(authors.len(), |it| it.missing(authors)) > MAX
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

    /// A person watches these messages of a conversation, too. Answers whether the caller must
    /// begin to [`run`] the task.
    pub(crate) fn add(&self, key: (ConvId, UserId), authors: &Authors, now: i64) -> Result<bool> {
        if authors.is_empty() {
            return Ok(false);
        }
        let mut all = self.lock();
        all.now = all.now.max(now);
        if all.is_full(key, authors) || all.now - all.swept_at >= SWEPT_EVERY_MS {
            all.sweep();
        }
        if all.is_full(key, authors) {
            let msg = "too many people watch receipts; ask for the counts by receipt.counts";
            return Err(Error::new(ErrorCode::Busy, msg).retry_ms(BUSY_RETRY_MS));
        }
        all.add(key, authors);
        self.wake(&mut all);
        Ok(!mem::replace(&mut all.runs, true))
    }

    /// A person watches nothing in a conversation any more.
    pub(crate) fn stop(&self, (conv, user): (ConvId, UserId)) {
        self.lock().remove(conv, user);
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
        let Some(watchers) = all.convs.get(&conv) else { return };
        if watchers.values().any(|watch| watch.until > now) && all.due.insert(conv) {
            all.now = all.now.max(now);
            self.wake(&mut all);
        }
    }

    /// The authors of everything that is watched in a conversation.
    pub(crate) fn authors(&self, conv: ConvId) -> Authors {
        let mut all = self.lock();
        all.expire(conv);
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
