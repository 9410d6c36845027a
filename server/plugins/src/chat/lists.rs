//! What people listen to, in memory: who was away for a moment comes back without a question to
//! the database.
//!
//! The first time a person comes the tables say it; then committed events alone keep it true. Who
//! is added somewhere or removed is asked about anew. A cursor that moves is noted: reads are so
//! frequent that forgetting would be the same as not keeping.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use carillon_plugin::{Listening, Result, Window};
use carillon_protocol::{ConvId, OrgId, Topic, UserId};
use quick_cache::{
    DefaultHashBuilder, OptionsBuilder, Weighter,
    sync::{Cache, DefaultLifecycle},
};

/// How much memory lists take, in bytes: of some six thousand people who are in a hundred
/// conversations each. Whoever is not among them costs one query more.
const LISTS_BYTES: u64 = 64 << 20;
/// What one list weighs, for the size of the cache's index.
const USUAL_BYTES: u64 = 2 << 10;
/// What a list weighs besides its conversations.
const EMPTY_BYTES: usize = 128;
/// Parts of the cache that are locked apart: few, because the longest list must fit into one.
const CACHE_SHARDS: usize = 8;

/// A conversation that a person listens to, or left.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    pub(crate) conv: ConvId,
    pub(crate) window: Window,
    /// Whether the person is in it.
    pub(crate) live: bool,
    pub(crate) cursor: (u64, u64),
    pub(crate) changed_pos: u64,
}

/// A conversation of a list.
#[derive(Debug)]
struct Entry {
    listed: Listed,
    moved: Moved,
}

/// Whether the cursor moved since the tables were read: at which position is not said with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moved {
    No,
    /// Nobody has looked since.
    Lately,
    /// By now; but everybody here may have been told of less than that when this was seen.
    By(u64),
}

impl Entry {
    /// The position at which the cursor moved, or later, when everybody here was told of
    /// everything up to `position`. What moves it may be observed a little before that is said, so
    /// only a later position is surely later.
    fn changed_pos(&mut self, position: u64) -> u64 {
        match self.moved {
            Moved::No => return self.listed.changed_pos,
            Moved::Lately => self.moved = Moved::By(position),
            Moved::By(seen) if seen < position => {
                self.moved = Moved::No;
                self.listed.changed_pos = position;
            }
            Moved::By(_) => {}
        }
        position.max(self.listed.changed_pos)
    }
}

/// All of one person's.
#[derive(Debug)]
pub(crate) struct List {
    /// Of which organisation the conversations are.
    org: OrgId,
    /// By conversation.
    entries: Mutex<Vec<Entry>>,
    bytes: u64,
}

impl List {
    fn new(org: OrgId, mut listed: Vec<Listed>) -> List {
        listed.sort_unstable_by_key(|one| one.conv);
        let spans: usize = listed.iter().map(|one| one.window.0.len()).sum();
        let bytes =
            EMPTY_BYTES + listed.len() * size_of::<Entry>() + spans * size_of::<(u64, u64)>();
        let entry = |listed| Entry { listed, moved: Moved::No };
        let entries = Mutex::new(listed.into_iter().map(entry).collect());
        List { org, entries, bytes: bytes as u64 }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        // Nothing in here panics half way.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn moved(&self, conv: ConvId, cursor: (u64, u64), moved: Moved) {
        let mut entries = self.lock();
        let place = entries.binary_search_by_key(&conv, |entry| entry.listed.conv);
        if let Ok(place) = place
            && let entry = &mut entries[place]
            && entry.listed.cursor < cursor
        {
            entry.listed.cursor = cursor;
            if moved != Moved::No {
                entry.moved = moved;
            }
        }
    }

    /// The list, when everybody here was told of everything up to a position.
    pub(crate) fn listening(&self, position: u64) -> Vec<Listening> {
        let listening = |entry: &mut Entry| Listening {
            changed_pos: entry.changed_pos(position),
            topic: Topic::Conv(entry.listed.conv),
            window: entry.listed.window.clone(),
            live: entry.listed.live,
            read: Some(entry.listed.cursor),
        };
        self.lock().iter_mut().map(listening).collect()
    }
}

#[derive(Clone)]
struct ByLength;

impl Weighter<UserId, Arc<List>> for ByLength {
    fn weight(&self, _: &UserId, list: &Arc<List>) -> u64 {
        list.bytes
    }
}

/// The lists of those who came lately.
pub(crate) struct Lists(Cache<UserId, Arc<List>, ByLength>);

impl Default for Lists {
    fn default() -> Lists {
        let options = OptionsBuilder::new()
            .weight_capacity(LISTS_BYTES)
            .estimated_items_capacity((LISTS_BYTES / USUAL_BYTES) as usize)
            .shards(CACHE_SHARDS)
            .build()
            .expect("both capacities are given");
        let (hasher, lifecycle) = (DefaultHashBuilder::default(), DefaultLifecycle::default());
        Lists(Cache::with_options(options, ByLength, hasher, lifecycle))
    }
}

impl Lists {
    /// A person's list from memory, or as this loads it. Whoever asks meanwhile waits for that.
    pub(crate) async fn of<F>(
        &self,
        (org, user): (OrgId, UserId),
        load: impl FnOnce() -> F,
    ) -> Result<Arc<List>>
    where
        F: Future<Output = Result<Vec<Listed>>>,
    {
        let guard = match self.0.get_value_or_guard_async(&user).await {
            Ok(list) if list.org == org => return Ok(list),
            // Nobody is in two organisations; whoever says so is shown none of this.
            Ok(_) => return Ok(Arc::new(List::new(org, load().await?))),
            Err(guard) => guard,
        };
        let list = Arc::new(List::new(org, load().await?));
        // Refused if something was committed meanwhile that it may not know: then it is not kept.
        let _ = guard.insert(list.clone());
        Ok(list)
    }

    /// A person's memberships changed.
    pub(crate) fn forget(&self, user: UserId) {
        self.0.remove(&user);
    }

    /// A person wrote a message, up to which the own cursor moves with it.
    pub(crate) fn wrote(&self, user: UserId, conv: ConvId, cursor: (u64, u64)) {
        self.note(user, conv, cursor, Moved::No);
    }

    /// A person has read.
    pub(crate) fn read(&self, user: UserId, conv: ConvId, cursor: (u64, u64)) {
        self.note(user, conv, cursor, Moved::Lately);
    }

    fn note(&self, user: UserId, conv: ConvId, cursor: (u64, u64), moved: Moved) {
        match self.0.peek(&user) {
            Some(list) => list.moved(conv, cursor, moved),
            // It may be about to be loaded, from tables that did not say this yet.
            None => self.forget(user),
        }
    }
}

#[cfg(test)]
mod tests {
    use carillon_protocol::id::Ulid;

    use super::*;

    const AMY: UserId = UserId(Ulid(1));
    const SHOP: ConvId = ConvId(Ulid(2));
    const OF_HARBOUR: (OrgId, UserId) = (OrgId(Ulid(3)), AMY);

    fn shop(cursor: u64) -> Vec<Listed> {
        let (window, cursor) = (Window::all(), (cursor, cursor));
        vec![Listed { conv: SHOP, window, live: true, cursor, changed_pos: 5 }]
    }

    async fn cursor(lists: &Lists, loaded: u64) -> Option<(u64, u64)> {
        let list = lists.of(OF_HARBOUR, async || Ok(shop(loaded))).await.unwrap();
        list.listening(9)[0].read
    }

    #[tokio::test]
    async fn what_moves_while_a_list_is_loaded_is_not_missed_afterwards() {
        for change in [
            |lists: &Lists| lists.forget(AMY),
            |lists: &Lists| lists.wrote(AMY, SHOP, (7, 7)),
            |lists: &Lists| lists.read(AMY, SHOP, (7, 7)),
        ] {
            let lists = Lists::default();
            let load = async || {
                change(&lists);
                Ok(shop(3))
            };
            lists.of(OF_HARBOUR, load).await.unwrap();
            assert_eq!(cursor(&lists, 7).await, Some((7, 7)), "it is loaded again");
            assert_eq!(cursor(&lists, 8).await, Some((7, 7)), "and then kept");
        }
    }

    #[tokio::test]
    async fn a_cursor_never_goes_back() {
        let lists = Lists::default();
        assert_eq!(cursor(&lists, 3).await, Some((3, 3)));
        lists.read(AMY, SHOP, (6, 6));
        lists.wrote(AMY, SHOP, (4, 4));
        assert_eq!(cursor(&lists, 0).await, Some((6, 6)));
    }

    #[tokio::test]
    async fn a_cursor_that_moved_is_said_to_have_moved_no_earlier_than_it_did() {
        let lists = Lists::default();
        let list = lists.of(OF_HARBOUR, async || Ok(shop(3))).await.unwrap();
        let changed = |position| list.listening(position)[0].changed_pos;
        assert_eq!((changed(9), changed(10)), (5, 5));
        lists.wrote(AMY, SHOP, (6, 6));
        assert_eq!(changed(10), 5, "the message itself says so");
        // At 12, say, while everybody here was told of what came before 11.
        lists.read(AMY, SHOP, (7, 7));
        assert_eq!((changed(10), changed(10)), (10, 10));
        assert_eq!((changed(13), changed(20)), (13, 13));
        lists.read(AMY, SHOP, (6, 6));
        assert_eq!(changed(30), 13, "it did not move");
    }
}
