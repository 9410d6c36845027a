//! What a handler sees of the world.

use std::{any::Any, fmt, sync::Arc};

use carillon_protocol::{
    Cid, Codec, Command, Event, Json, Raw, Topic, UserId, event::Ephemeral, id::Ulid,
};
use serde::Serialize;

use crate::{
    Caller, Committed, Error, Head, Host, Look, Request, Result, Row, Tail, Tx, Value, Window,
    duties::Owner,
};

/// The context of one command. Cheap to clone.
#[derive(Clone)]
pub struct Ctx(Arc<Inner>);

struct Inner {
    host: Host,
    caller: Caller,
    now: i64,
    cid: Option<Cid>,
    prev: Option<Cid>,
    hash: i64,
    owner: Arc<Owner>,
    /// The operation; empty outside of one.
    op: &'static str,
}

impl fmt::Debug for Ctx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ctx").field("caller", &self.0.caller).field("cid", &self.0.cid).finish()
    }
}

impl Ctx {
    pub(crate) fn new(
        host: Host,
        caller: Caller,
        now: i64,
        (cid, prev, hash): (Option<Cid>, Option<Cid>, i64),
        (owner, op): (Arc<Owner>, &'static str),
    ) -> Ctx {
        Ctx(Arc::new(Inner { host, caller, now, cid, prev, hash, owner, op }))
    }

    /// Who calls.
    pub fn caller(&self) -> Caller {
        self.0.caller
    }

    /// The time of the command, in milliseconds since the epoch.
    pub fn now(&self) -> i64 {
        self.0.now
    }

    /// A new id.
    pub fn new_id(&self) -> Ulid {
        self.0.host.new_id()
    }

    /// The intent of the command.
    pub fn cid(&self) -> Option<Cid> {
        self.0.cid
    }

    pub(crate) fn prev(&self) -> Option<Cid> {
        self.0.prev
    }

    pub(crate) fn hash(&self) -> i64 {
        self.0.hash
    }

    /// The name of the plugin whose handler this is.
    pub fn plugin(&self) -> &'static str {
        self.0.owner.name
    }

    /// The name of the operation that runs; the plugin's, where it acts by itself.
    pub fn op(&self) -> &'static str {
        if self.0.op.is_empty() { self.plugin() } else { self.0.op }
    }

    /// What all plugins stand on: for those that show it.
    pub fn host(&self) -> &Host {
        &self.0.host
    }

    pub(crate) fn owner(&self) -> &Arc<Owner> {
        &self.0.owner
    }

    /// The plugin's own state, as it was given to [`crate::Plugin::state`].
    ///
    /// # Panics
    /// If the plugin has no state of this type: a fault of the plugin.
    pub fn state<S: Any + Send + Sync>(&self) -> Arc<S> {
        self.0.owner.state.clone().downcast().expect("the plugin registered a state of this type")
    }

    /// The time that all nodes agree on, whatever their own clocks say: the database's, in
    /// milliseconds since the epoch.
    ///
    /// # Errors
    /// `E_UNAVAILABLE` if the database cannot answer.
    pub async fn shared_now(&self) -> Result<i64> {
        Ok(self.0.host.storage().clock().await?.unwrap_or_else(|| self.now()))
    }

    /// Runs a reading statement on the plugin's tables.
    ///
    /// # Errors
    /// `E_UNAVAILABLE` if the database cannot answer.
    pub async fn query(&self, sql: &str, args: impl Into<Vec<Value>>) -> Result<Vec<Row>> {
        self.0.host.storage().query(sql, args.into()).await
    }

    /// The first row of a reading statement.
    ///
    /// # Errors
    /// `E_UNAVAILABLE` if the database cannot answer.
    pub async fn query_one(&self, sql: &str, args: impl Into<Vec<Value>>) -> Result<Option<Row>> {
        Ok(self.query(sql, args).await?.into_iter().next())
    }

    /// The newest position in commit order up to which everybody here was told of every event.
    pub fn position(&self) -> u64 {
        self.0.host.storage().position().0
    }

    /// The newest positions of a topic.
    ///
    /// # Errors
    /// `E_UNAVAILABLE` if the database cannot answer.
    pub async fn head(&self, topic: &Topic) -> Result<Head> {
        let heads = self.0.host.storage().heads(vec![topic.clone()]).await?;
        Ok(heads.first().copied().unwrap_or_default())
    }

    /// The newest positions of many topics, in the order asked.
    ///
    /// # Errors
    /// `E_UNAVAILABLE` if the database cannot answer.
    pub async fn heads(&self, topics: Vec<Topic>) -> Result<Vec<Head>> {
        self.0.host.storage().heads(topics).await
    }

    /// Events of a topic inside a window, oldest first; with `counted` only those that count.
    ///
    /// # Errors
    /// `E_UNAVAILABLE` if the database cannot answer.
    pub async fn events(
        &self,
        topic: &Topic,
        window: &Window,
        look: Look,
        counted: bool,
        limit: u32,
    ) -> Result<Vec<Event>> {
        let (topic, window) = (topic.clone(), window.clone());
        self.0.host.storage().events(topic, window, look, counted, limit).await
    }

    /// The events at some positions of a topic.
    ///
    /// # Errors
    /// `E_UNAVAILABLE` if the database cannot answer.
    pub async fn events_at(&self, topic: &Topic, seqs: Vec<u64>) -> Result<Vec<Event>> {
        self.0.host.storage().events_at(topic.clone(), seqs).await
    }

    /// The newest events of many topics, in the order asked, each oldest first.
    ///
    /// # Errors
    /// `E_UNAVAILABLE` if the database cannot answer.
    pub async fn tails(&self, tails: Vec<Tail>, counted: bool) -> Result<Vec<Vec<Event>>> {
        self.0.host.storage().tails(tails, counted).await
    }

    /// The host's window on a topic, as its plugin declares it for this caller.
    ///
    /// # Errors
    /// `E_NOT_FOUND` if the caller may not listen.
    pub async fn window(&self, topic: &Topic) -> Result<Window> {
        self.0.host.window(self.0.caller, topic).await
    }

    /// Whether an earlier try of this command, with the same caller and `cid`, was committed.
    ///
    /// # Errors
    /// `E_UNAVAILABLE` if the database cannot answer.
    pub async fn is_repeated(&self) -> Result<bool> {
        let Some(cid) = self.cid() else { return Ok(false) };
        Ok(self.0.host.storage().find(self.caller().user, cid).await?.is_some())
    }

    /// Begins a transaction.
    pub fn tx(&self) -> Tx {
        Tx::new(self)
    }

    /// Commits a transaction that sets a state. Handlers of operations that take effect once
    /// return theirs instead: the intent of the command is theirs, never this transaction's.
    ///
    /// # Errors
    /// What [`crate::Storage::commit`] says.
    pub async fn commit(&self, mut tx: Tx) -> Result<Committed> {
        (tx.value.cid, tx.value.prev, tx.value.hash) = (None, None, 0);
        self.0.host.commit(tx).await
    }

    /// Calls another plugin's operation as the system.
    ///
    /// # Errors
    /// What that operation answers.
    pub async fn call<C: Command>(&self, args: &C) -> Result<C::Reply> {
        let system = Caller::SYSTEM.from_network(self.caller().network);
        self.0.host.call_typed(system, None, args).await.map_err(Error::begun)
    }

    /// Calls another plugin's operation as somebody, with an intent: in a handler given to
    /// [`crate::Plugin::forward`], the command's own.
    ///
    /// # Errors
    /// What that operation answers.
    pub async fn call_as<C: Command>(
        &self,
        caller: Caller,
        cid: Option<Cid>,
        args: &C,
    ) -> Result<C::Reply> {
        self.0.host.call_typed(caller, cid, args).await.map_err(Error::begun)
    }

    /// The same for an operation whose types are not known here, as a card's owner's.
    ///
    /// # Errors
    /// What that operation answers; `E_UNKNOWN_OP` if there is none.
    pub async fn call_by_name(
        &self,
        caller: Caller,
        cid: Option<Cid>,
        op: &str,
        args: &Json,
    ) -> Result<Json> {
        let args = Raw { codec: Codec::Json, bytes: args.as_str().as_bytes() };
        let answer = self.0.host.call(caller, Request { op, cid, prev: None, args }).await;
        Ok(Codec::Json.decode(&answer.map_err(Error::begun)?)?)
    }

    /// Tells the live connections that listen to a topic something that matters only now.
    pub fn push<T: Serialize>(&self, topic: &Topic, k: &str, data: &T) {
        let eph = Ephemeral { k: k.into(), topic: Some(topic.clone()), data: Json::of(data) };
        self.0.host.live().push(topic, eph);
    }

    /// Tells all of one person's live connections something about a topic that matters only now.
    /// The caller's own too: the windows of a browser share a session.
    pub fn push_to<T: Serialize>(&self, user: UserId, topic: &Topic, k: &str, data: &T) {
        let eph = Ephemeral { k: k.into(), topic: Some(topic.clone()), data: Json::of(data) };
        self.0.host.live().push(&Topic::User(user), eph);
    }
}
