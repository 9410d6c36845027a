//! Chat: conversations, messages and receipts.
//!
//! The event row *is* the message; the tables hold who is in a conversation, how far each person
//! has read, and what each person saw on which day. Every handler reads, decides (`rules`, pure)
//! and commits. Conversations that are in use are in memory ([`roster`]), kept true by the
//! committed events alone, so that sending and counting receipts cost no query.

mod conv;
#[cfg(test)]
mod convergence_tests;
mod load;
mod member;
mod msg;
mod reads;
mod receipt;
mod roster;
mod rules;
mod spans;
mod unsettled;
#[cfg(test)]
mod unsettled_tests;

use std::{collections::BTreeMap, sync::Arc};

use carillon_plugin::{Ctx, Error, Listening, LiveChange, Plugin, Result, TopicKind, Window};
use carillon_protocol::{
    ConvId, Event, OrgId, Topic, UserId,
    conv::{CreatedData, MembersChangedData, kind},
    id::Ulid,
    limits::INT_MAX,
    org,
};
use dashmap::{DashMap, Entry};
use quick_cache::{
    DefaultHashBuilder, OptionsBuilder, Weighter,
    sync::{Cache, DefaultLifecycle},
};

use self::{
    reads::Lane,
    roster::{Change, Conversation, Message},
    unsettled::Unsettled,
};

/// How much of all conversations is in memory, in members: at a few hundred bytes each about
/// 150 MB. It holds eighty groups of the full size, or twelve thousand small conversations.
const MEMBERS_CACHED_MAX: u64 = 400_000;
/// What a conversation weighs besides its members: mostly its recent messages.
const CONVERSATION_WEIGHT: u64 = 32;
/// What one conversation weighs, for the size of the cache's index.
const USUAL_WEIGHT: u64 = 40;
/// Parts of the cache that are locked apart: few, because a full group must fit into one.
const CACHE_SHARDS: usize = 8;

/// The plugin.
pub fn plugin() -> Plugin {
    with_cache(MEMBERS_CACHED_MAX)
}

/// The plugin with so much in memory.
fn with_cache(members: u64) -> Plugin {
    of(Arc::new(Chat::new(members)))
}

fn of(chat: Arc<Chat>) -> Plugin {
    let observed = chat.clone();
    Plugin::new("chat")
        .nouns(&["conv", "msg", "receipt"])
        .state(chat)
        .migration(1, include_str!("chat_1.sql"))
        .once(conv::open, conv::opened)
        .once(conv::create, conv::opened)
        .command(conv::get)
        .command(conv::list)
        .once(member::add, member::changed)
        .once(member::remove, member::changed)
        .command(member::list)
        .command(reads::read)
        .once(msg::send, msg::sent)
        .command(msg::list)
        .command(receipt::counts)
        .command(receipt::list)
        .topics(TopicKind::Conv, mine, sees)
        .live(means)
        .observe(move |event| observed.observe(event))
}

/// A conversation with what it weighed when it came into the cache.
#[derive(Clone)]
struct Cached {
    conv: Arc<Conversation>,
    weight: u64,
}

impl Cached {
    fn new(conv: Arc<Conversation>) -> Cached {
        let weight = CONVERSATION_WEIGHT + conv.read().people().len() as u64;
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
    cache: Cache<ConvId, Cached, ByWeight>,
    /// What was committed to conversations while they are being loaded: a load that read too early
    /// catches up with it. Bounded by what can be committed while a call lasts.
    loading: DashMap<ConvId, Vec<Change>>,
    unsettled: Unsettled,
    lane: Lane,
}

impl Chat {
    fn new(members: u64) -> Chat {
        let options = OptionsBuilder::new()
            .weight_capacity(members)
            .estimated_items_capacity((members / USUAL_WEIGHT) as usize)
            .shards(CACHE_SHARDS)
            .build()
            .expect("both capacities are given");
        let (hasher, lifecycle) = (DefaultHashBuilder::default(), DefaultLifecycle::default());
        Chat {
            cache: Cache::with_options(options, ByWeight, hasher, lifecycle),
            loading: DashMap::new(),
            unsettled: Unsettled::default(),
            lane: Lane::default(),
        }
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
                missed.get().iter().for_each(|change| roster.apply(change));
                for (user, cursor) in self.unsettled.cursors(id) {
                    roster.read_to(user, cursor);
                }
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
        let Some(cached) = self.cache.peek(&id) else { return };
        let (before, after) = {
            let mut roster = cached.conv.write();
            let before = roster.people().len();
            roster.apply(&change);
            (before, roster.people().len())
        };
        if before != after {
            // Refused only if it was evicted meanwhile, which is as well.
            let _ = self.cache.replace(id, Cached::new(cached.conv), true);
        }
    }

    fn observe(&self, event: &Event) {
        let Topic::Conv(id) = event.topic else { return };
        if let Some(message) = Message::of(event) {
            self.unsettled.note(id, message);
        }
        self.apply(id, Change::Event(event.clone()));
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

/// The names of people of the caller's organisation, by id; whoever does not exist is missing.
async fn names(ctx: &Ctx, users: Vec<UserId>) -> Result<BTreeMap<UserId, String>> {
    if users.is_empty() {
        return Ok(BTreeMap::new());
    }
    let named = ctx.call(&org::Names { org: ctx.caller().org, users }).await?;
    Ok(named.names.into_iter().collect())
}

/// Somebody's name; whoever is gone from the directory is called by the id.
fn name_of(names: &BTreeMap<UserId, String>, user: UserId) -> String {
    names.get(&user).cloned().unwrap_or_else(|| user.to_string())
}

/// Refuses people who do not exist in the caller's organisation.
async fn all_exist(ctx: &Ctx, field: &str, asked: &[UserId], users: &[UserId]) -> Result<()> {
    let names = names(ctx, users.to_vec()).await?;
    match users.iter().find(|user| !names.contains_key(user)) {
        Some(&user) => Err(rules::nobody(field, asked, user)),
        None => Ok(()),
    }
}

/// The conversations that the caller listens to, and those that a device which was away may still
/// believe to be among them.
async fn mine(ctx: Ctx) -> Result<Vec<Listening>> {
    let chat = ctx.state::<Chat>();
    let mut seats = load::seats(&ctx, &chat, load::from(Ulid::nil()), INT_MAX).await?;
    let left = load::left(&ctx, &chat).await?;
    // Whoever is added or removed between the two may be in both.
    seats.retain(|seat| left.binary_search_by_key(&seat.conv, |it| it.conv).is_err());
    seats.extend(left);
    let listening = seats.into_iter().map(|seat| Listening {
        topic: Topic::Conv(seat.conv),
        window: seat.window(),
        live: seat.is_active(),
        read: Some(seat.cursor),
        changed_pos: seat.changed_pos,
    });
    Ok(listening.collect())
}

/// What of a conversation the caller may see.
async fn sees(ctx: Ctx, topic: Topic) -> Result<Window> {
    let Topic::Conv(id) = topic else { return Err(Error::not_found("topic")) };
    let conv = ctx.state::<Chat>().conversation(&ctx, id).await?;
    let roster = conv.read();
    Ok(rules::known((&conv, &roster), who(&ctx))?.window(conv.history))
}

/// What events mean for live connections.
fn means(event: &Event) -> Option<LiveChange> {
    match &*event.k {
        kind::CREATED => event.data.to::<CreatedData>().ok().map(|it| LiveChange::Join(it.members)),
        kind::MEMBERS_CHANGED => {
            let data: MembersChangedData = event.data.to().ok()?;
            // One call adds or removes, never both.
            Some(match data.removed.is_empty() {
                true => LiveChange::Join(data.added),
                false => LiveChange::Leave(data.removed),
            })
        }
        _ => None,
    }
}
