//! A plugin as a value.

use std::{any::Any, borrow::Cow, collections::BTreeMap, future::Future, sync::Arc};

use carillon_protocol::{
    Codec, Command, Effect, Event, Json, Raw, SessionId, Topic, UserId, operation::Access,
};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::{
    BoxFuture, Committed, Ctx, Error, Migration, Result, Tx, apart::Link, call, fact::Offer,
    outbox::Outlets, reader::Reader, step::Wakes,
};

/// What a handler of an operation that takes effect once decided.
#[expect(clippy::large_enum_variant, reason = "it is moved twice; a box would cost each message")]
pub enum Decision<R> {
    /// Do this; the answer follows from what it becomes.
    Commit(Tx),
    /// Nothing needs to be done: this is the answer.
    Answer(R),
}

impl<R> From<Tx> for Decision<R> {
    fn from(tx: Tx) -> Decision<R> {
        Decision::Commit(tx)
    }
}

/// The kinds of topics; each belongs to one plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TopicKind {
    /// `c:`.
    Conv,
    /// `u:`.
    User,
    /// `o:`.
    Org,
    /// `x:{plugin}:`, of the plugin that declares it.
    Plugin(&'static str),
}

impl TopicKind {
    /// Whether a topic is of this kind.
    pub fn holds(self, topic: &Topic) -> bool {
        match (self, topic) {
            (TopicKind::Conv, Topic::Conv(_))
            | (TopicKind::User, Topic::User(_))
            | (TopicKind::Org, Topic::Org(_)) => true,
            (TopicKind::Plugin(name), Topic::Plugin(topic)) => topic.plugin == name,
            _ => false,
        }
    }
}

/// What of a topic somebody may see: spans `from..=to` of positions, ascending and apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(u64, u64)>", into = "Vec<(u64, u64)>")]
pub struct Window(pub SmallVec<[(u64, u64); 1]>);

impl From<Vec<(u64, u64)>> for Window {
    fn from(spans: Vec<(u64, u64)>) -> Window {
        Window(spans.into())
    }
}

impl From<Window> for Vec<(u64, u64)> {
    fn from(Window(spans): Window) -> Self {
        spans.into_vec()
    }
}

impl Window {
    /// All of it.
    pub fn all() -> Window {
        Window(SmallVec::from_buf([(1, u64::MAX)]))
    }

    /// Whether a position lies in it.
    pub fn sees(&self, seq: u64) -> bool {
        self.0.iter().any(|&(from, to)| (from..=to).contains(&seq))
    }

    /// What of it is not newer than a position.
    pub fn up_to(&self, last: u64) -> Window {
        let spans = self.0.iter().filter(|&&(from, _)| from <= last);
        Window(spans.map(|&(from, to)| (from, to.min(last))).collect())
    }

    /// The oldest position in it; `u64::MAX` if it is empty.
    pub fn floor(&self) -> u64 {
        self.0.first().map_or(u64::MAX, |&(from, _)| from)
    }

    /// The newest position in it, of a topic with this head.
    pub fn head(&self, head: u64) -> u64 {
        self.0.last().map_or(0, |&(_, to)| to.min(head))
    }
}

/// A topic that a person listens to, as the catch-up needs it.
#[derive(Debug, Clone, PartialEq)]
pub struct Listening {
    /// Which.
    pub topic: Topic,
    /// What of it the person may see.
    pub window: Window,
    /// Whether the person hears what happens in it. If not, the person left it, and a device that
    /// was away when `changed_pos` passed has yet to learn that.
    pub live: bool,
    /// The person's read cursor, `(read_seq, read_n)`; conversations only.
    pub read: Option<(u64, u64)>,
    /// The position in commit order at which the person's own cursor last moved, or later.
    pub changed_pos: u64,
}

/// What an event means for live connections. It follows from the event alone, so that every node
/// comes to the same conclusion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LiveChange {
    /// People listen to the event's topic from now on, beginning with this event.
    Join(Vec<UserId>),
    /// This event is the last of its topic that people hear.
    Leave(Vec<UserId>),
    /// A session is over: its sockets close.
    End(SessionId),
}

pub(crate) type Running = BoxFuture<'static, Result<Ran>>;
/// Reads the arguments, asks for the context that goes with their hash, and starts the handler.
pub(crate) type Handler =
    dyn Fn(&(dyn Fn(i64) -> Ctx + Sync), Raw<'_>, Codec) -> Result<Running> + Send + Sync;
type Replier = dyn Fn(&Committed, Codec) -> Result<Vec<u8>> + Send + Sync;
type Mine = dyn Fn(Ctx) -> BoxFuture<'static, Result<Vec<Listening>>> + Send + Sync;
type Sees = dyn Fn(Ctx, Topic) -> BoxFuture<'static, Result<Window>> + Send + Sync;
type Observer = dyn Fn(&Event) + Send + Sync;

/// What a handler came to: an answer in the codec asked for, or a transaction to commit first.
pub(crate) enum Ran {
    Answer(Vec<u8>),
    Commit(Box<Tx>),
}

/// An operation with its handler.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) op: &'static str,
    pub(crate) doc: &'static str,
    pub(crate) effect: Effect,
    pub(crate) access: Access,
    pub(crate) types: fn() -> [Cow<'static, str>; 2],
    pub(crate) args: fn(&mut SchemaGenerator) -> Schema,
    pub(crate) reply: fn(&mut SchemaGenerator) -> Schema,
    /// The arguments in canonical JSON.
    pub(crate) json: fn(Raw<'_>) -> Result<Vec<u8>>,
    /// A result in JSON, in another codec.
    pub(crate) encode: fn(&Json, Codec) -> Result<Vec<u8>>,
    pub(crate) run: Arc<Handler>,
    pub(crate) replier: Option<Arc<Replier>>,
}

/// Who may listen to a kind of topics.
#[derive(Clone)]
pub(crate) struct Topics {
    pub(crate) kind: TopicKind,
    pub(crate) mine: Arc<Mine>,
    pub(crate) sees: Arc<Sees>,
    /// Whether guests of a room may listen.
    pub(crate) guests: bool,
}

/// A table of handlers, migrations and rules. Chat is one; nothing is privileged.
pub struct Plugin {
    pub(crate) name: &'static str,
    pub(crate) state: Arc<dyn Any + Send + Sync>,
    pub(crate) migrations: Vec<Migration>,
    pub(crate) entries: BTreeMap<&'static str, Entry>,
    pub(crate) topics: Vec<Topics>,
    pub(crate) live: Vec<fn(&Event) -> Option<LiveChange>>,
    pub(crate) observers: Vec<Arc<Observer>>,
    pub(crate) nouns: Vec<&'static str>,
    pub(crate) readers: Vec<Reader>,
    pub(crate) from_the_beginning: bool,
    pub(crate) outlets: Outlets,
    pub(crate) facts: Vec<Offer>,
    pub(crate) wakes: Arc<Wakes>,
    pub(crate) may_run_apart: bool,
    /// The operations of others that its handlers call.
    pub(crate) calls: Vec<&'static str>,
    /// To where its handlers run, if that is elsewhere.
    pub(crate) link: Option<Arc<dyn Link>>,
}

impl Plugin {
    /// A plugin with this name: lower-case letters, digits and `_`. Its operations begin with it,
    /// its tables too.
    pub fn new(name: &'static str) -> Plugin {
        Plugin {
            name,
            state: Arc::new(()),
            migrations: Vec::new(),
            entries: BTreeMap::new(),
            topics: Vec::new(),
            live: Vec::new(),
            observers: Vec::new(),
            nouns: vec![name],
            readers: Vec::new(),
            from_the_beginning: false,
            outlets: Outlets::new(),
            facts: Vec::new(),
            wakes: Arc::default(),
            may_run_apart: false,
            calls: Vec::new(),
            link: None,
        }
    }

    /// The nouns that its operations may begin with, where they differ from its name.
    pub fn nouns(mut self, nouns: &[&'static str]) -> Plugin {
        self.nouns.extend(nouns);
        self
    }

    /// What its handlers share, as caches: `ctx.state()` gives it back.
    pub fn state<S: Any + Send + Sync>(mut self, state: Arc<S>) -> Plugin {
        self.state = state;
        self
    }

    /// The next step of its tables.
    pub fn migration(mut self, number: u32, sql: &'static str) -> Plugin {
        self.migrations.push(Migration { plugin: self.name, number, sql });
        self
    }

    /// An operation that reads or sets a state. Its name and types follow from the function.
    ///
    /// # Panics
    /// If the operation takes effect once (use [`Plugin::once`]), is not the plugin's, or is
    /// handled twice.
    pub fn command<C, F>(self, handler: fn(Ctx, C) -> F) -> Plugin
    where
        C: Command,
        F: Future<Output = Result<C::Reply>> + Send + 'static,
    {
        assert!(C::EFFECT != Effect::Once, "{} takes effect once: use .once()", C::OP);
        self.answering(handler)
    }

    /// An operation that takes effect once for each `cid`: the first function decides, the second
    /// says what the outcome means, now and for every later try.
    ///
    /// # Panics
    /// If the operation does not take effect once, is not the plugin's, or is handled twice.
    pub fn once<C, F>(
        self,
        handler: fn(Ctx, C) -> F,
        reply: fn(&Committed) -> Result<C::Reply>,
    ) -> Plugin
    where
        C: Command,
        F: Future<Output = Result<Decision<C::Reply>>> + Send + 'static,
    {
        assert!(C::EFFECT == Effect::Once, "{} does not take effect once: use .command()", C::OP);
        let run = move |ctx_of: &(dyn Fn(i64) -> Ctx + Sync), raw: Raw<'_>, codec: Codec| {
            let args = raw.decode::<C>()?;
            let hash = call::hash(C::OP, &Codec::Json.encode(&args));
            let future = handler(ctx_of(hash), args);
            let run = async move {
                Ok(match future.await? {
                    Decision::Commit(tx) => Ran::Commit(Box::new(tx)),
                    Decision::Answer(answer) => Ran::Answer(codec.encode(&answer)),
                })
            };
            Ok(Box::pin(run) as Running)
        };
        let replier = move |done: &Committed, codec: Codec| Ok(codec.encode(&reply(done)?));
        self.entry::<C>(Arc::new(run), Some(Arc::new(replier)))
    }

    /// An operation that takes effect once by what another operation, which it calls with the same
    /// caller and `cid`, commits: see [`Ctx::call_as`]. It commits nothing itself.
    ///
    /// # Panics
    /// If the operation does not take effect once, is not the plugin's, or is handled twice.
    pub fn forward<C, F>(self, handler: fn(Ctx, C) -> F) -> Plugin
    where
        C: Command,
        F: Future<Output = Result<C::Reply>> + Send + 'static,
    {
        assert!(C::EFFECT == Effect::Once, "{} does not take effect once: use .command()", C::OP);
        self.answering(handler)
    }

    fn answering<C, F>(self, handler: fn(Ctx, C) -> F) -> Plugin
    where
        C: Command,
        F: Future<Output = Result<C::Reply>> + Send + 'static,
    {
        let run = move |ctx_of: &(dyn Fn(i64) -> Ctx + Sync), raw: Raw<'_>, codec: Codec| {
            let args = raw.decode::<C>()?;
            let future = handler(ctx_of(0), args);
            let run = async move { Ok(Ran::Answer(codec.encode(&future.await?))) };
            Ok(Box::pin(run) as Running)
        };
        self.entry::<C>(Arc::new(run), None)
    }

    /// Names of what a plugin offers begin with one of its nouns.
    pub(crate) fn assert_own(&self, name: &str) {
        let noun = name.split('.').next().unwrap_or_default();
        assert!(self.nouns.contains(&noun), "{name} is not {}'s", self.name);
    }

    fn entry<C: Command>(mut self, run: Arc<Handler>, replier: Option<Arc<Replier>>) -> Plugin {
        self.assert_own(C::OP);
        let entry = Entry {
            op: C::OP,
            doc: C::DOC,
            effect: C::EFFECT,
            access: C::ACCESS,
            types: || [C::schema_id(), C::Reply::schema_id()],
            args: |schemas| schemas.subschema_for::<C>(),
            reply: |schemas| schemas.subschema_for::<C::Reply>(),
            json: |raw| Ok(Codec::Json.encode(&raw.decode::<C>()?)),
            encode: |json, codec| {
                let reply = json.to::<C::Reply>().map_err(Error::internal)?;
                Ok(codec.encode(&reply))
            },
            run,
            replier,
        };
        let before = self.entries.insert(C::OP, entry);
        assert!(before.is_none(), "{} is handled twice", C::OP);
        self
    }

    /// Who may listen to a kind of topics: all of the caller's, and the window on one (or
    /// `E_NOT_FOUND`).
    pub fn topics<M, S>(
        mut self,
        kind: TopicKind,
        mine: fn(Ctx) -> M,
        sees: fn(Ctx, Topic) -> S,
    ) -> Plugin
    where
        M: Future<Output = Result<Vec<Listening>>> + Send + 'static,
        S: Future<Output = Result<Window>> + Send + 'static,
    {
        self.topics.push(Topics {
            kind,
            mine: Arc::new(move |ctx| Box::pin(mine(ctx))),
            sees: Arc::new(move |ctx, topic| Box::pin(sees(ctx, topic))),
            guests: false,
        });
        self
    }

    /// Guests of a room may listen to the kind of topics that was declared last, as far as its
    /// rules let them; of kinds without this they hear nothing.
    ///
    /// # Panics
    /// If none was declared: a fault of the plugin.
    pub fn open_to_guests(mut self) -> Plugin {
        self.topics.last_mut().expect("a kind of topics was declared").guests = true;
        self
    }

    /// What events mean for live connections.
    pub fn live(mut self, change: fn(&Event) -> Option<LiveChange>) -> Plugin {
        self.live.push(change);
        self
    }

    /// Keeps caches true: called for every committed event, in commit order, before its command
    /// is acknowledged. Must not block.
    pub fn observe(mut self, observer: impl Fn(&Event) + Send + Sync + 'static) -> Plugin {
        self.observers.push(Arc::new(observer));
        self
    }
}
