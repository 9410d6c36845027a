//! Chat: conversations, messages and receipts.
//!
//! The event row *is* the message; the tables hold who is in a conversation, how far each person
//! has read, and what each person saw on which day. Every handler reads, decides (`rules`, pure)
//! and commits. Conversations that are in use are in memory ([`roster`]), kept true by the
//! committed events alone, so that sending and counting receipts cost no query.

mod answers;
mod audience;
mod bodies;
mod card;
mod conv;
#[cfg(test)]
mod convergence_tests;
mod digest;
mod fact;
mod limits;
mod lists;
mod load;
mod member;
mod moves;
mod msg;
mod people;
mod reads;
mod receipt;
mod robot;
mod roster;
mod rules;
mod shared;
mod spans;
mod unsettled;
#[cfg(test)]
mod unsettled_tests;
mod watch;
#[cfg(test)]
mod watch_tests;

use std::{sync::Arc, time::Duration};

use carillon_plugin::{Ctx, Error, Listening, LiveChange, Plugin, Result, TopicKind, Window};
use carillon_protocol::{
    ConvId, Event, OrgId, Topic, UserId,
    conv::{CreatedData, MembersChangedData, kind},
};
use dashmap::{DashMap, Entry};
use quick_cache::{
    DefaultHashBuilder, OptionsBuilder, Weighter,
    sync::{Cache, DefaultLifecycle, EntryAction},
};

use self::{
    lists::Lists,
    moves::Moves,
    people::{Leavers, Went},
    reads::Lane,
    roster::{Change, Conversation, Message},
    unsettled::Unsettled,
    watch::Watches,
};

/// How much memory conversations take, in bytes. It holds more than a hundred groups of the full
/// size if everybody has read without holes, or more than twenty thousand small conversations.
const CACHE_BYTES: u64 = 160 << 20;
/// What one conversation weighs, for the size of the cache's index: mostly its newest messages.
const USUAL_BYTES: u64 = 8 << 10;
/// It is weighed again when it has grown by this part of itself: not at every read.
const WEIGHED_AGAIN: u64 = 8;
/// Parts of the cache that are locked apart: few, because a full group must fit into one.
const CACHE_SHARDS: usize = 8;

/// What differs from node to node.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The node's name among those that share the database; none if it is alone.
    pub node: Option<String>,
}

/// The plugin.
pub fn plugin(settings: Settings) -> Plugin {
    with_cache(settings, CACHE_BYTES)
}

/// The plugin with so much in memory.
fn with_cache(settings: Settings, bytes: u64) -> Plugin {
    of(Arc::new(Chat::new(settings, bytes)))
}

fn of(chat: Arc<Chat>) -> Plugin {
    let observed = chat.clone();
    digest::offered(Plugin::new("chat"))
        .nouns(&["card", "conv", "msg", "receipt"])
        .state(chat)
        .migration(1, include_str!("chat_1.sql"))
        .migration(2, include_str!("chat_2.sql"))
        .migration(3, include_str!("chat_3.sql"))
        .migration(4, include_str!("chat_4.sql"))
        .migration(5, include_str!("chat_5.sql"))
        .fact("chat.conversations", "Conversations begun on each day.", fact::conversations)
        .once(conv::open, conv::opened)
        .once(conv::create, conv::opened)
        .command(conv::get)
        .command(conv::list)
        .once(conv::update, member::changed)
        .once(limits::set_rules, member::changed)
        .command(limits::get)
        .command(limits::set)
        .once(member::add, member::changed)
        .once(member::remove, member::changed)
        .command(member::list)
        .command(reads::read)
        .once(msg::send, msg::sent)
        .once(robot::post, msg::sent)
        .command(msg::list)
        .once(card::post, msg::sent)
        .command(card::update)
        .command(card::set)
        .forward(card::act)
        .command(receipt::counts)
        .command(receipt::watch)
        .command(receipt::list)
        .command(audience::audience)
        .topics(TopicKind::Conv, mine, sees)
        .live(means)
        .observe(move |event| observed.observe(event))
}

/// A conversation with what it weighed when it was last weighed.
#[derive(Clone)]
struct Cached {
    conv: Arc<Conversation>,
    weight: u64,
}

impl Cached {
    fn new(conv: Arc<Conversation>) -> Cached {
        let weight = conv.read().bytes() as u64;
        Cached { conv, weight }
    }
}

#[derive(Clone)]
struct ByWeight;

impl Weighter<ConvId, Cached> for ByWeight {
    fn weight(&self, _: &ConvId, cached: &Cached) -> u64 {
        cached.weight
    }
}

/// What the handlers share.
pub(crate) struct Chat {
    settings: Settings,
    cache: Cache<ConvId, Cached, ByWeight>,
    /// What was committed to conversations while they are being loaded: a load that read too early
    /// catches up with it. Bounded by what can be committed while a call lasts.
    loading: DashMap<ConvId, Vec<Change>>,
    unsettled: Unsettled,
    lane: Lane,
    lists: Lists,
    moves: Moves,
    watches: Watches,
    leavers: Leavers,
}

impl Chat {
    fn new(settings: Settings, bytes: u64) -> Chat {
        let options = OptionsBuilder::new()
            .weight_capacity(bytes)
            .estimated_items_capacity((bytes / USUAL_BYTES) as usize)
            .shards(CACHE_SHARDS)
            .build()
            .expect("both capacities are given");
        let (hasher, lifecycle) = (DefaultHashBuilder::default(), DefaultLifecycle::default());
        let is_shared = settings.node.is_some();
        Chat {
            settings,
            cache: Cache::with_options(options, ByWeight, hasher, lifecycle),
            loading: DashMap::new(),
            unsettled: Unsettled::new(is_shared),
            lane: Lane::default(),
            lists: Lists::default(),
            moves: Moves::default(),
            watches: Watches::default(),
            leavers: Leavers::default(),
        }
    }

    /// Whether other nodes work on the same database.
    fn is_shared(&self) -> bool {
        self.settings.node.is_some()
    }

    /// The node's name in the tables.
    fn node(&self) -> &str {
        self.settings.node.as_deref().unwrap_or_default()
    }

    /// When an event happened, for what ends by this machine's clock; 0 says nothing: it may be of
    /// another machine.
    fn time(&self, event: &Event) -> i64 {
        if self.is_shared() { 0 } else { event.at }
    }

    /// A conversation, from memory if it is there; `E_NOT_FOUND` if there is none.
    async fn conversation(&self, ctx: &Ctx, id: ConvId) -> Result<Arc<Conversation>> {
        self.cached(id, || load::conversation(ctx, self, id)).await
    }

    /// A conversation from memory, or as this loads it. Whoever asks meanwhile waits for that load.
    async fn cached<F>(&self, id: ConvId, load: impl FnOnce() -> F) -> Result<Arc<Conversation>>
    where
        F: Future<Output = Result<Conversation>>,
    {
        let guard = match self.cache.get_value_or_guard_async(&id).await {
            Ok(cached) => return Ok(cached.conv),
            Err(guard) => guard,
        };
        let loading = Loading::begin(&self.loading, id);
        let conv = Arc::new(load().await?);
        // Under one lock: what is committed from now on finds the conversation in the cache.
        if let Entry::Occupied(missed) = self.loading.entry(id) {
            {
                let mut roster = conv.write();
                missed.get().iter().try_for_each(|change| roster.apply(change))?;
            }
            // Refused only if the entry was removed meanwhile, which nothing does; the caller has
            // the conversation in any case.
            let _ = guard.insert(Cached::new(conv.clone()));
            missed.remove();
            loading.ended();
        }
        Ok(conv)
    }

    /// Brings memory up to date with what was committed: the only way in which it changes.
    fn apply(&self, id: ConvId, change: Change) {
        if let Some(mut missed) = self.loading.get_mut(&id) {
            missed.push(change);
            return;
        }
        let Some(Cached { conv, weight }) = self.cache.peek(&id) else { return };
        let (applied, bytes) = {
            let mut roster = conv.write();
            (roster.apply(&change), roster.bytes() as u64)
        };
        if let Err(error) = applied {
            tracing::error!(%error, conv = %id, "an event of the log cannot be read");
            self.cache.remove_if(&id, |cached| Arc::ptr_eq(&cached.conv, &conv));
        } else if bytes > weight + weight / WEIGHED_AGAIN {
            self.weigh(id, &conv, bytes);
        }
    }

    /// Tells the cache what a conversation weighs now. By now it may have been evicted and loaded
    /// again: then another stands in its place.
    fn weigh(&self, id: ConvId, conv: &Arc<Conversation>, bytes: u64) {
        let weighed = |_: &ConvId, cached: &mut Cached| {
            if Arc::ptr_eq(&cached.conv, conv) {
                cached.weight = bytes;
            }
            EntryAction::Retain(())
        };
        // If it is not there, what is answered is the right to load it; nobody wants that here.
        drop(self.cache.entry(&id, Some(Duration::ZERO), weighed));
    }

    fn observe(&self, event: &Event) {
        match event.topic {
            Topic::Conv(id) => self.happened(id, event),
            Topic::Org(_) => {
                if let Some(went) = Went::of(event) {
                    self.went(went, self.time(event));
                }
            }
            Topic::Plugin(_) => {
                for (id, change) in shared::told(event) {
                    if let Change::Saw(saw) = &change {
                        self.lists.read(saw.user, id, saw.cursor);
                    }
                    self.apply(id, change);
                    self.watches.touched(id, self.time(event));
                }
            }
            Topic::User(_) => {}
        }
    }

    fn happened(&self, id: ConvId, event: &Event) {
        if let Some(message) = Message::of(event) {
            self.unsettled.note(id, message);
            self.lists.wrote(event.by, id, (event.seq, event.n));
        }
        self.apply(id, Change::Event(event.clone()));
        let (added, removed) = comes_and_goes(event);
        if &*event.k == kind::MEMBERS_CHANGED {
            for user in self.leavers.among(&added) {
                self.apply(id, Change::Went(Went { user, away: true }));
            }
            self.watches.touched(id, self.time(event));
        }
        added.into_iter().chain(removed).for_each(|user| self.lists.forget(user));
    }

    /// Brings every conversation in memory up to date with who left the organisation or came back.
    /// Rare enough to look at all of them.
    fn went(&self, went: Went, at: i64) {
        self.leavers.note(went);
        self.loading.iter_mut().for_each(|mut missed| missed.push(Change::Went(went)));
        // What is not in memory by now is loaded later, and so asks the directory later.
        for (id, cached) in self.cache.iter() {
            if cached.conv.read().person(went.user).is_some() {
                self.apply(id, Change::Went(went));
                self.watches.touched(id, at);
            }
        }
    }
}

/// While it lives, changes of a conversation are kept for the load.
struct Loading<'a> {
    all: &'a DashMap<ConvId, Vec<Change>>,
    id: ConvId,
    ended: bool,
}

impl<'a> Loading<'a> {
    fn begin(all: &'a DashMap<ConvId, Vec<Change>>, id: ConvId) -> Loading<'a> {
        all.insert(id, Vec::new());
        Loading { all, id, ended: false }
    }

    /// The changes were taken out; what stands there now is the next load's.
    fn ended(mut self) {
        self.ended = true;
    }
}

impl Drop for Loading<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.all.remove(&self.id);
        }
    }
}

/// Who calls, as the rules ask for it.
fn who(ctx: &Ctx) -> (OrgId, UserId) {
    (ctx.caller().org, ctx.caller().user)
}

/// The conversations that the caller listens to, and those that a device which was away may still
/// believe to be among them.
async fn mine(ctx: Ctx) -> Result<Vec<Listening>> {
    let chat = ctx.state::<Chat>();
    let list = chat.lists.of(who(&ctx), || load::list(&ctx, &chat)).await?;
    Ok(list.listening(ctx.position()))
}

/// What of a conversation the caller may see.
async fn sees(ctx: Ctx, topic: Topic) -> Result<Window> {
    let Topic::Conv(id) = topic else { return Err(Error::not_found("topic")) };
    let conv = ctx.state::<Chat>().conversation(&ctx, id).await?;
    let roster = conv.read();
    let window = rules::known((&conv, &roster), who(&ctx))?.window(conv.history);
    // What is newer than memory is by another node: so may be that the person was removed.
    Ok(window.up_to(roster.head))
}

/// Who comes with an event, and who goes.
fn comes_and_goes(event: &Event) -> (Vec<UserId>, Vec<UserId>) {
    let people = match &*event.k {
        kind::CREATED => event.data.to().map(|it: CreatedData| (it.members, Vec::new())),
        kind::MEMBERS_CHANGED => {
            event.data.to().map(|it: MembersChangedData| (it.added, it.removed))
        }
        _ => return Default::default(),
    };
    let log = |error: &_| {
        tracing::error!(%error, topic = %event.topic, seq = event.seq, "an event cannot be read");
    };
    people.inspect_err(log).unwrap_or_default()
}

/// What events mean for live connections. One call adds or removes, never both.
fn means(event: &Event) -> Option<LiveChange> {
    match comes_and_goes(event) {
        (added, removed) if added.is_empty() && removed.is_empty() => None,
        (added, removed) if removed.is_empty() => Some(LiveChange::Join(added)),
        (_, removed) => Some(LiveChange::Leave(removed)),
    }
}
