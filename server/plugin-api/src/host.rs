//! The host: the table of operations over a storage, a clock and the live connections.

use std::{collections::BTreeMap, fmt, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use carillon_protocol::{
    Access, Cid, Codec, Command, Effect, ErrorCode, Event, Raw, SessionId, Topic, event::Ephemeral,
    id::Ulid,
};
use futures_util::FutureExt;
use schemars::{Schema, SchemaGenerator};
use sha2::{Digest, Sha256};

use crate::{
    BoxFuture, Caller, Committed, Ctx, Error, Expect, Listening, LiveChange, Migration, Plugin,
    Result, Storage, Transaction, Window,
    plugin::{Entry, Ran, Topics},
};

/// How often a handler runs again because somebody else was faster.
const RACES_MAX: u32 = 3;
/// How long a call may take: longer, and its outcome is unknown.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Time and ids come only from here.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since the epoch, UTC.
    fn now(&self) -> i64;
    /// A new id; later ones are greater.
    fn new_id(&self) -> Ulid;
}

/// A clock that stands still; its ids come from one that runs, so that they stay unique.
struct Standing {
    now: i64,
    ids: Arc<dyn Clock>,
}

impl Clock for Standing {
    fn now(&self) -> i64 {
        self.now
    }

    fn new_id(&self) -> Ulid {
        self.ids.new_id()
    }
}

/// The live connections.
pub trait Live: Send + Sync + 'static {
    /// Events were committed, in this order; each with what it means for connections.
    fn committed(&self, events: &[(Event, Vec<LiveChange>)]);
    /// Something that matters only now, for who listens to a topic, except one session.
    fn push(&self, topic: &Topic, except: Option<SessionId>, eph: Ephemeral);
    /// A call ended, for metrics.
    fn called(&self, op: &'static str, error: Option<ErrorCode>, took: Duration);
}

/// Which operation, and how.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The operation's name.
    pub op: &'a str,
    /// The intent.
    pub cid: Option<Cid>,
    /// The intent before this one in the same conversation.
    pub prev: Option<Cid>,
    /// The arguments; the answer comes in the same codec.
    pub args: Raw<'a>,
}

/// A result, written in the codec of the request.
pub type Answer = Vec<u8>;

/// A call in two steps, so that a connection can keep the order of its calls without waiting for
/// each commit.
pub enum Outcome {
    /// It is answered.
    Done(Result<Answer>),
    /// It has its place in the commit queue; what comes after it will be committed after it.
    Queued(BoxFuture<'static, Result<Answer>>),
}

/// An operation as documents and tests see it.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Its name.
    pub op: &'static str,
    /// What it is for.
    pub doc: &'static str,
    /// What it does to the world.
    pub effect: Effect,
    /// Who may call it.
    pub access: Access,
    /// The JSON Schema of its arguments.
    pub args: fn(&mut SchemaGenerator) -> Schema,
    /// The JSON Schema of its result.
    pub reply: fn(&mut SchemaGenerator) -> Schema,
}

/// A plugin's own state.
type State = Arc<dyn std::any::Any + Send + Sync>;

/// Everything that plugins stand on. Cheap to clone.
#[derive(Clone)]
pub struct Host(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    entries: BTreeMap<&'static str, (Entry, State)>,
    topics: Vec<(Topics, State)>,
    storage: Arc<dyn Storage>,
    clock: Arc<dyn Clock>,
    live: Arc<dyn Live>,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("operations", &self.0.entries.len()).finish_non_exhaustive()
    }
}

/// The hash that is kept with a `cid`: the first 8 bytes of SHA-256 over the operation and its
/// arguments in canonical JSON.
pub(crate) fn hash(op: &str, args: &[u8]) -> i64 {
    let digest = Sha256::new().chain_update(op).chain_update([0]).chain_update(args).finalize();
    i64::from_be_bytes(digest[..8].try_into().expect("SHA-256 has 32 bytes"))
}

impl Host {
    /// A host for these plugins.
    ///
    /// # Panics
    /// If two plugins handle the same operation or kind of topics: a fault of the registry.
    pub fn new(
        plugins: Vec<Plugin>,
        storage: Arc<dyn Storage>,
        clock: Arc<dyn Clock>,
        live: Arc<dyn Live>,
    ) -> Host {
        let mut entries = BTreeMap::new();
        let mut topics: Vec<(Topics, State)> = Vec::new();
        for plugin in plugins {
            for (op, entry) in plugin.entries {
                let before = entries.insert(op, (entry, plugin.state.clone()));
                assert!(before.is_none(), "{op} is handled by two plugins");
            }
            for rule in plugin.topics {
                let taken = topics.iter().any(|(other, _)| other.kind == rule.kind);
                assert!(!taken, "{:?} topics belong to two plugins", rule.kind);
                topics.push((rule, plugin.state.clone()));
            }
        }
        Host(Arc::new(Inner { entries, topics, storage, clock, live }))
    }

    /// The steps of all plugins' tables, in order.
    pub fn migrations(plugins: &[Plugin]) -> Vec<Migration> {
        plugins.iter().flat_map(|plugin| plugin.migrations.iter().copied()).collect()
    }

    /// What the storage calls after each commit, before it answers: observers first, so that who
    /// got an answer reads what it wrote; then the live connections.
    pub fn after_commit(
        plugins: &[Plugin],
        live: Arc<dyn Live>,
    ) -> Arc<dyn Fn(Vec<Event>) + Send + Sync> {
        let observers: Vec<_> = plugins.iter().flat_map(|p| p.observers.iter().cloned()).collect();
        let changes: Vec<_> = plugins.iter().flat_map(|p| p.live.iter().copied()).collect();
        Arc::new(move |events| {
            let described: Vec<_> = events
                .into_iter()
                .map(|event| {
                    observers.iter().for_each(|observe| observe(&event));
                    let means = changes.iter().filter_map(|change| change(&event)).collect();
                    (event, means)
                })
                .collect();
            live.committed(&described);
        })
    }

    /// The table of operations, for documents and tests.
    pub fn operations(&self) -> impl Iterator<Item = Operation> + '_ {
        self.0.entries.values().map(|(entry, _)| Operation {
            op: entry.op,
            doc: entry.doc,
            effect: entry.effect,
            access: entry.access,
            args: entry.args,
            reply: entry.reply,
        })
    }

    /// An operation's name, as the table spells it, and what it does to the world.
    pub fn lookup(&self, op: &str) -> Option<(&'static str, Effect)> {
        self.0.entries.get(op).map(|(entry, _)| (entry.op, entry.effect))
    }

    /// The time, in milliseconds since the epoch.
    pub fn now(&self) -> i64 {
        self.0.clock.now()
    }

    /// A new id.
    pub fn new_id(&self) -> Ulid {
        self.0.clock.new_id()
    }

    /// The same host at a moment that stands still: what it commits happened then. For writing
    /// down what happened before, as an import does.
    pub fn at(&self, now: i64) -> Host {
        let clock = Arc::new(Standing { now, ids: self.0.clock.clone() });
        Host(Arc::new(Inner { clock, ..Inner::clone(&self.0) }))
    }

    /// The log and the tables.
    pub fn storage(&self) -> &dyn Storage {
        &*self.0.storage
    }

    pub(crate) fn live(&self) -> &dyn Live {
        &*self.0.live
    }

    pub(crate) fn commit(&self, tx: Transaction) -> BoxFuture<'static, Result<Committed>> {
        self.0.storage.commit(tx)
    }

    /// Calls an operation and waits for its answer.
    ///
    /// # Errors
    /// What the operation refuses, or the host on its behalf.
    pub async fn call(&self, caller: Caller, request: Request<'_>) -> Result<Answer> {
        match self.begin(caller, request).await {
            Outcome::Done(answer) => answer,
            Outcome::Queued(rest) => rest.await,
        }
    }

    /// Calls an operation by the type of its arguments.
    ///
    /// # Errors
    /// What the operation refuses, or the host on its behalf.
    pub async fn call_typed<C: Command>(
        &self,
        caller: Caller,
        cid: Option<Cid>,
        args: &C,
    ) -> Result<C::Reply> {
        let bytes = Codec::Json.encode(args);
        let args = Raw { codec: Codec::Json, bytes: &bytes };
        let answer = self.call(caller, Request { op: C::OP, cid, prev: None, args }).await?;
        Ok(Codec::Json.decode(&answer)?)
    }

    /// Runs a call until it is answered or has its place in the commit queue.
    pub async fn begin(&self, caller: Caller, request: Request<'_>) -> Outcome {
        // How long a call took is a measurement, not a time that anything depends on.
        #[allow(clippy::disallowed_methods)]
        let started = std::time::Instant::now();
        let Some((entry, state)) = self.0.entries.get(request.op) else {
            let msg = format!("there is no operation `{}`", request.op.escape_debug());
            return Outcome::Done(Err(Error::new(ErrorCode::UnknownOp, msg)));
        };
        let (op, live) = (entry.op, self.0.live.clone());
        let finish = move |result: Result<Answer>| {
            if let Err(error) = &result {
                log_failure(op, error);
            }
            live.called(op, result.as_ref().err().map(Error::code), started.elapsed());
            result
        };
        match self.admit(entry, caller, request) {
            Err(error) => Outcome::Done(finish(Err(error))),
            Ok(hash) => match self.run(entry, state, caller, request, hash).await {
                Outcome::Done(result) => Outcome::Done(finish(result)),
                Outcome::Queued(rest) => {
                    Outcome::Queued(Box::pin(async move { finish(rest.await) }))
                }
            },
        }
    }

    /// Checks what the table says of the operation; answers the hash of the command.
    fn admit(&self, entry: &Entry, caller: Caller, request: Request<'_>) -> Result<i64> {
        if !caller.may(entry.access) {
            return Err(match (entry.access, caller.is_stranger()) {
                (Access::System, _) => {
                    let msg = format!("there is no operation `{}`", entry.op);
                    Error::new(ErrorCode::UnknownOp, msg)
                }
                (_, true) => Error::new(ErrorCode::Unauth, "sign in first"),
                (Access::Scope(scope), false) => {
                    Error::denied(format!("this needs the scope `{scope}`; ask an administrator"))
                }
                (Access::Public, false) => unreachable!("everybody may"),
            });
        }
        if entry.effect != Effect::Once {
            return Ok(0);
        }
        if request.cid.is_none() {
            return Err(Error::bad_arg(
                "cid",
                "a `cid` is needed: an id made once for each intent",
            ));
        }
        (entry.hash)(request.args)
    }

    async fn run(
        &self,
        entry: &Entry,
        state: &State,
        caller: Caller,
        request: Request<'_>,
        hash: i64,
    ) -> Outcome {
        let codec = request.args.codec;
        for races in 0.. {
            // A `cid` sent along with a state that is set would make a second, different one look
            // like a repetition of the first: it means nothing there.
            let intent = match entry.effect {
                Effect::Once => (request.cid, request.prev, hash),
                Effect::Read | Effect::State => (None, None, 0),
            };
            let ctx = Ctx::new(self.clone(), caller, self.now(), intent, state.clone());
            let error = match self.attempt(entry, ctx, request.args, codec).await {
                Ok(outcome) => return outcome,
                Err(error) if error.is_raced() && races < RACES_MAX => continue,
                Err(error) => error,
            };
            // A refusal must not hide that an earlier try succeeded: the person may have left the
            // group since, but the message is there.
            let intent = (caller, request.cid, hash);
            let earlier = self.earlier(entry, intent, codec).await;
            return Outcome::Done(earlier.and_then(|answer| answer.ok_or(error)));
        }
        unreachable!("the loop ends after RACES_MAX")
    }

    /// Runs the handler once. A transaction that can lose a race is waited for, so that the
    /// handler can look again; any other only takes its place in the queue.
    async fn attempt(
        &self,
        entry: &Entry,
        ctx: Ctx,
        args: Raw<'_>,
        codec: Codec,
    ) -> Result<Outcome> {
        let intent = (ctx.caller(), ctx.cid(), ctx.hash());
        let tx = match bounded((entry.run)(ctx, args, codec)?).await? {
            Ran::Answer(answer) => {
                // Nothing is left to be done, perhaps because an earlier try did it.
                let earlier = self.earlier(entry, intent, codec).await?;
                return Ok(Outcome::Done(Ok(earlier.unwrap_or(answer))));
            }
            Ran::Commit(tx) => tx.value,
        };
        let replier = entry.replier.clone().expect("an operation that commits has a reply");
        let can_race = tx.statements.iter().any(|statement| statement.expect == Expect::One);
        let commit = bounded(self.commit(tx));
        if can_race {
            let done = commit.await?;
            return Ok(Outcome::Done(replier(&done, codec)));
        }
        Ok(Outcome::Queued(Box::pin(async move { replier(&commit.await?, codec) })))
    }

    /// What an earlier try with the same `cid` answered, if there was one.
    async fn earlier(
        &self,
        entry: &Entry,
        (caller, cid, hash): (Caller, Option<Cid>, i64),
        codec: Codec,
    ) -> Result<Option<Answer>> {
        let (Some(cid), Some(replier)) = (cid, &entry.replier) else { return Ok(None) };
        match self.0.storage.find(caller.user, cid).await? {
            Some((event, before)) if before == hash => {
                replier(&Committed { dup: true, events: vec![event] }, codec).map(Some)
            }
            Some(_) => Err(Error::new(
                ErrorCode::IdempotencyConflict,
                "this `cid` was used for something else; make a new one for each intent",
            )),
            None => Ok(None),
        }
    }

    /// The topics that the caller listens to.
    ///
    /// # Errors
    /// `E_UNAVAILABLE` if the database cannot answer.
    pub async fn listening(&self, caller: Caller) -> Result<Vec<Listening>> {
        let mut all = Vec::new();
        for (rule, state) in &self.0.topics {
            all.extend((rule.mine)(self.reading(caller, state)).await?);
        }
        Ok(all)
    }

    /// What of a topic the caller may see.
    ///
    /// # Errors
    /// `E_NOT_FOUND` if nothing, or if there is no such topic.
    pub async fn window(&self, caller: Caller, topic: &Topic) -> Result<Window> {
        let rule = self.0.topics.iter().find(|(rule, _)| rule.kind.holds(topic));
        let (rule, state) = rule.ok_or_else(|| Error::not_found("topic"))?;
        (rule.sees)(self.reading(caller, state), topic.clone()).await
    }

    fn reading(&self, caller: Caller, state: &State) -> Ctx {
        Ctx::new(self.clone(), caller, self.now(), (None, None, 0), state.clone())
    }
}

/// A handler that panics or takes too long fails its call and nothing else.
async fn bounded<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    let caught = AssertUnwindSafe(future).catch_unwind();
    match tokio::time::timeout(CALL_TIMEOUT, caught).await {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => Err(Error::internal(std::io::Error::other(panic_text(&*panic)))),
        Err(_) => Err(Error::new(
            ErrorCode::TimeoutUnknown,
            "no answer in time: it may have happened; send the same `cid` again",
        )),
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panicked: {}", text.unwrap_or("without a message"))
}

/// Faults of the server are logged here and nowhere else.
fn log_failure(op: &str, error: &Error) {
    if let Some(source) = error.source() {
        tracing::error!(op, code = %error.code(), %source, "call failed");
    }
}
