//! A transaction as a value: what a handler decided, not yet done.

use std::{borrow::Cow, mem::take, sync::Arc};

use carillon_protocol::{Cid, EventId, Json, OrgId, Topic, UserId};
use serde::{Deserialize, Serialize};

use crate::{
    Audited, Ctx, Error, Result, Value,
    outbox::Put,
    step::Touched,
    timer::{KEY_LEN_MAX, Set},
};

/// How many rows a statement must change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Expect {
    /// Any number.
    Any,
    /// Exactly one, else the transaction is undone and the handler runs again.
    One,
}

/// A statement on the plugin's own tables.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Statement {
    /// The text, with `$1`, `$2` …; or with `VALUES {rows}` where a list of rows goes.
    pub sql: Cow<'static, str>,
    /// One list of values; or, for a text with `{rows}`, as many as there are rows.
    pub rows: Vec<Vec<Value>>,
    /// How many rows it must change.
    pub expect: Expect,
}

/// An event to be appended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Emit {
    /// Where.
    pub topic: Topic,
    /// What.
    pub k: Arc<str>,
    /// Its id.
    pub id: EventId,
    /// The rest, by kind: a JSON object.
    pub data: Json,
    /// Whether it counts in `n`; then the log writes `rev` into `data`.
    pub counts: bool,
}

/// Other data for a message that is in the log, because an event of the same transaction says so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rewrite {
    /// The number of that event among the transaction's: the message is in the same topic, and
    /// gets the event's position as its `rev`.
    pub emit: usize,
    /// The position of the message, which counts in `n`.
    pub seq: u64,
    /// What it says now, without `rev`: a JSON object.
    pub data: Json,
}

/// What the storage commits, all or nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Transaction {
    /// The tenant that new topics belong to.
    pub org: OrgId,
    /// Who causes it.
    pub by: UserId,
    /// When, in milliseconds since the epoch.
    pub at: i64,
    /// The intent; stands on the first event.
    pub cid: Option<Cid>,
    /// The `cid` that the same person must have committed before.
    pub prev: Option<Cid>,
    /// The hash of the command, kept with `cid`.
    pub hash: i64,
    /// In this order. Those that use [`Value::Seq`], [`Value::N`] or [`Value::Pos`] run after the
    /// events have their positions, the others before.
    pub statements: Vec<Statement>,
    /// In this order.
    pub emits: Vec<Emit>,
    /// In this order, after the statements.
    pub rewrites: Vec<Rewrite>,
}

impl Transaction {
    /// Whether it appends events and does nothing else.
    pub fn only_appends(&self) -> bool {
        self.statements.is_empty() && self.rewrites.is_empty()
    }
}

/// What is owed once a transaction is committed. Whose it is follows from the transaction as it is
/// then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Owed {
    Call(Set),
    /// The call with this key is not owed any more.
    NoCall(String),
    Effect(Put),
}

impl Owed {
    /// The operation that is to be called.
    pub(crate) fn op(&self) -> Option<&str> {
        match self {
            Owed::Call(set) => Some(set.op()),
            Owed::NoCall(_) | Owed::Effect(_) => None,
        }
    }

    /// Refuses what a handler in this process could not have put in.
    pub(crate) fn check(&self, ctx: &Ctx) -> Result<()> {
        let key = match self {
            Owed::Call(set) => set.key(),
            Owed::NoCall(key) => key,
            Owed::Effect(put) if ctx.host().carries_out(ctx.plugin(), put.kind()) => put.key(),
            Owed::Effect(_) => return Err(Error::not_found("effect")),
        };
        match key.len() <= KEY_LEN_MAX {
            true => Ok(()),
            false => Err(Error::too_large("key", format!("a key has at most {KEY_LEN_MAX} bytes"))),
        }
    }
}

/// Builds a [`Transaction`].
#[derive(Debug, Clone)]
pub struct Tx {
    pub(crate) value: Transaction,
    pub(crate) touched: Touched,
    pub(crate) audited: Vec<Audited>,
    pub(crate) owed: Vec<Owed>,
    ctx: Ctx,
}

impl Tx {
    pub(crate) fn new(ctx: &Ctx) -> Tx {
        let caller = ctx.caller();
        let value = Transaction {
            org: caller.org,
            by: caller.user,
            at: ctx.now(),
            cid: ctx.cid(),
            prev: ctx.prev(),
            hash: ctx.hash(),
            statements: Vec::new(),
            emits: Vec::new(),
            rewrites: Vec::new(),
        };
        let (touched, audited, owed) = (Touched::default(), Vec::new(), Vec::new());
        Tx { value, touched, audited, owed, ctx: ctx.clone() }
    }

    /// The context that it was begun in.
    pub(crate) fn ctx(&self) -> &Ctx {
        &self.ctx
    }

    /// Runs a statement on the plugin's tables.
    pub fn run(&mut self, sql: impl Into<Cow<'static, str>>, args: impl Into<Vec<Value>>) {
        self.push(sql.into(), vec![args.into()], Expect::Any);
    }

    /// Runs a statement that must change exactly one row.
    pub fn run_one(&mut self, sql: impl Into<Cow<'static, str>>, args: impl Into<Vec<Value>>) {
        self.push(sql.into(), vec![args.into()], Expect::One);
    }

    /// Runs a statement once for a list of rows, as
    /// `INSERT INTO poll_vote (poll, user_id) VALUES {rows} ON CONFLICT DO NOTHING`.
    pub fn run_rows(&mut self, sql: impl Into<Cow<'static, str>>, rows: Vec<Vec<Value>>) {
        if !rows.is_empty() {
            self.push(sql.into(), rows, Expect::Any);
        }
    }

    /// Runs a statement before all others: whoever was overtaken does nothing in vain.
    pub(crate) fn put_first(&mut self, statement: Statement) {
        self.value.statements.insert(0, statement);
    }

    pub(crate) fn push_statement(&mut self, statement: Statement) {
        self.value.statements.push(statement);
    }

    fn push(&mut self, sql: Cow<'static, str>, rows: Vec<Vec<Value>>, expect: Expect) {
        self.value.statements.push(Statement { sql, rows, expect });
    }

    /// Appends an event. Answers its number, for [`Value::Seq`] and [`Value::N`].
    pub fn emit<T: Serialize>(&mut self, topic: Topic, k: &str, data: &T) -> usize {
        self.append(topic, k, data, false)
    }

    /// Appends an event that is worth an unread badge.
    pub fn emit_counted<T: Serialize>(&mut self, topic: Topic, k: &str, data: &T) -> usize {
        self.append(topic, k, data, true)
    }

    /// Puts other data in place of a message's, whose `rev` becomes the position of the event with
    /// this number: whoever reads the log from now on reads what the event says. If the message is
    /// not there, the transaction is undone and the handler runs again.
    pub fn rewrite<T: Serialize>(&mut self, emit: usize, seq: u64, data: &T) {
        self.value.rewrites.push(Rewrite { emit, seq, data: Json::of(data) });
    }

    fn append<T: Serialize>(&mut self, topic: Topic, k: &str, data: &T, counts: bool) -> usize {
        self.value.emits.push(Emit { counts, ..emit_of(&self.ctx, topic, k, data) });
        self.value.emits.len() - 1
    }

    /// Says whose tenant the transaction belongs to and who causes it, where that is not the
    /// caller: the system makes an organisation, a stranger signs in.
    pub fn on_behalf_of(mut self, user: UserId, org: OrgId) -> Tx {
        self.value.by = user;
        self.value.org = org;
        self
    }
}

impl Tx {
    /// Puts in what depends on whose the transaction is. The handler's own come first.
    pub(crate) fn seal(&mut self) {
        for audited in take(&mut self.audited) {
            self.write_down(audited);
        }
        for owed in take(&mut self.owed) {
            match owed {
                Owed::Call(set) => self.set(set),
                Owed::NoCall(key) => self.unset(&key),
                Owed::Effect(put) => self.put(put),
            }
        }
    }
}

/// An event that does not count.
pub(crate) fn emit_of<T: Serialize>(ctx: &Ctx, topic: Topic, k: &str, data: &T) -> Emit {
    let id = EventId(ctx.new_id());
    Emit { topic, k: k.into(), id, data: Json::of(data), counts: false }
}
