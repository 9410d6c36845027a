//! What the cases stand on: a database that can be opened again, and short ways to say things.

use std::path::PathBuf;

use carillon_plugin::{Committed, Emit, Error, Expect, Migration, Statement, Transaction, Value};
use carillon_protocol::{Cid, ConvId, ErrorCode, EventId, Json, OrgId, Topic, UserId, id::Ulid};
use carillon_rig::TempDatabase;
use carillon_store::{Database, Durability, Options, Store};
use tempfile::TempDir;

/// The table that the cases' statements use.
pub const TABLES: &[Migration] = &[Migration {
    plugin: "poll",
    number: 1,
    sql: "CREATE TABLE poll_vote (id TEXT PRIMARY KEY, seq BIGINT, n BIGINT, pos BIGINT);",
}];

/// A database of one's own. Another engine joins the conformance suite by another bed.
pub trait Bed {
    /// A fresh one.
    fn make() -> Self;
    /// Opens it, again and again.
    async fn open(&self) -> Store;
}

/// A file in a folder that is gone when this is dropped.
pub struct Sqlite(TempDir);

impl Sqlite {
    pub fn path(&self) -> PathBuf {
        self.0.path().join("carillon.db")
    }

    pub async fn durable(&self) -> Store {
        Store::open(&self.path().into(), TABLES, Options::default()).await.unwrap()
    }
}

/// A database on the PostgreSQL that all tests share, which goes when the second is dropped.
pub struct Postgres(pub Database, pub TempDatabase);

impl Bed for Postgres {
    fn make() -> Postgres {
        let lent = carillon_rig::database();
        Postgres(lent.url().parse().unwrap(), lent)
    }

    async fn open(&self) -> Store {
        Store::open(&self.0, TABLES, Options::default()).await.unwrap()
    }
}

impl Bed for Sqlite {
    fn make() -> Sqlite {
        Sqlite(tempfile::tempdir().unwrap())
    }

    async fn open(&self) -> Store {
        // These cases do not pull the plug.
        let options = Options { durability: Durability::Off, ..Options::default() };
        Store::open(&self.path().into(), TABLES, options).await.unwrap()
    }
}

fn ulid(kind: u64, number: u64) -> Ulid {
    Ulid::from_parts(number + 1, u128::from(kind))
}

pub fn user(number: u64) -> UserId {
    UserId(ulid(1, number))
}

pub fn conv(number: u64) -> Topic {
    Topic::Conv(ConvId(ulid(2, number)))
}

pub fn cid(number: u64) -> Cid {
    Cid(ulid(3, number))
}

/// A transaction of the first user that does nothing yet.
pub fn tx() -> Transaction {
    Transaction {
        org: OrgId(ulid(4, 0)),
        by: user(0),
        at: 1_790_000_000_000,
        cid: None,
        prev: None,
        hash: 0,
        statements: Vec::new(),
        emits: Vec::new(),
        rewrites: Vec::new(),
    }
}

/// A message, sent with an intent of this number.
pub fn message(number: u64, to: &Topic) -> Transaction {
    tx().intent(number).counted(to, &format!(r#"{{"text":"{number}"}}"#))
}

/// Builds transactions in a line.
pub trait Build: Sized {
    fn by(self, author: UserId) -> Self;
    fn intent(self, number: u64) -> Self;
    fn after(self, number: u64) -> Self;
    fn counted(self, to: &Topic, data: &str) -> Self;
    fn quiet(self, to: &Topic) -> Self;
    fn run(self, sql: &'static str, args: Vec<Value>) -> Self;
    fn run_one(self, sql: &'static str, args: Vec<Value>) -> Self;
    fn run_rows(self, sql: &'static str, rows: Vec<Vec<Value>>) -> Self;
}

impl Build for Transaction {
    fn by(mut self, author: UserId) -> Self {
        self.by = author;
        self
    }

    fn intent(mut self, number: u64) -> Self {
        self.cid = Some(cid(number));
        self.hash = number as i64;
        self
    }

    fn after(mut self, number: u64) -> Self {
        self.prev = Some(cid(number));
        self
    }

    fn counted(mut self, to: &Topic, data: &str) -> Self {
        let id = EventId(ulid(5, self.emits.len() as u64 + 100 * self.hash.unsigned_abs()));
        let data = Json::trusted(data);
        self.emits.push(Emit { topic: to.clone(), k: "msg.sent".into(), id, data, counts: true });
        self
    }

    fn quiet(self, to: &Topic) -> Self {
        let mut tx = self.counted(to, "[1]");
        let emit = tx.emits.last_mut().unwrap();
        (emit.k, emit.counts) = ("msg.edited".into(), false);
        tx
    }

    fn run(self, sql: &'static str, args: Vec<Value>) -> Self {
        self.run_rows(sql, vec![args])
    }

    fn run_one(self, sql: &'static str, args: Vec<Value>) -> Self {
        let mut tx = self.run(sql, args);
        tx.statements.last_mut().unwrap().expect = Expect::One;
        tx
    }

    fn run_rows(mut self, sql: &'static str, rows: Vec<Vec<Value>>) -> Self {
        self.statements.push(Statement { sql: sql.into(), rows, expect: Expect::Any });
        self
    }
}

/// A row of the cases' table.
pub const VOTE: &str = "INSERT INTO poll_vote (id, seq, n, pos) VALUES ($1, $2, $3, $4)";

pub fn vote(id: &str) -> Vec<Value> {
    vec![id.into(), Value::Null, Value::Null, Value::Null]
}

pub fn code(result: Result<Committed, Error>) -> ErrorCode {
    result.expect_err("it should be refused").code()
}

/// The positions of what was committed.
pub fn seqs(result: &Result<Committed, Error>) -> Vec<u64> {
    result.as_ref().unwrap().events.iter().map(|event| event.seq).collect()
}
