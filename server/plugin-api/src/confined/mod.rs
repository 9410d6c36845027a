//! What a plugin that runs apart may touch: its own tables and topics.
//!
//! A statement is judged by its words before anything runs, in the same way for both engines.
//! Neither engine's own means would do: SQLite's authorizer is a C callback on a connection that
//! every plugin shares, and PostgreSQL's `SET ROLE` confines no text, since `set_config('role', …)`
//! leads out of it again. So [`words`] reads only what no two readers can read differently, and
//! [`statement`] lets through what names own tables and nothing else. What a plugin needs and is
//! refused here is written in another way; whoever wants to get out finds no words for it.

mod statement;
mod words;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use carillon_protocol::{Topic, event::Ephemeral};

use self::statement::{Kind, Names, Wants};
use crate::{Emit, Error, Plugin, Result, Statement, Storage, Value};

/// The longest text of a statement, in bytes.
const SQL_LEN_MAX: usize = 16 * 1024;
/// So much of a refused text is logged, in bytes.
const SHOWN_LEN_MAX: usize = 200;
/// So many texts are remembered as harmless: a plugin has some dozens.
const PASSED_MAX: usize = 1_024;

/// What a plugin calls its own.
pub(crate) struct Confined {
    plugin: &'static str,
    nouns: Vec<&'static str>,
    /// Its own operations, and those of others that it calls.
    ops: BTreeSet<&'static str>,
    tables: BTreeSet<String>,
    /// All words of its migrations, the names of its columns among them.
    words: BTreeSet<String>,
    /// Texts that were let through, and what they want of their values.
    passed: Mutex<HashMap<(Kind, String), Wants>>,
}

impl Confined {
    /// What this plugin does: the tables that its migrations make, and what begins with its nouns.
    pub(crate) fn of(plugin: &Plugin) -> Confined {
        let made = plugin.migrations.iter().flat_map(|migration| words::tables(migration.sql));
        let words = plugin.migrations.iter().flat_map(|it| words::of_migration(it.sql));
        Confined {
            plugin: plugin.name,
            nouns: plugin.nouns.clone(),
            ops: plugin.entries.keys().chain(&plugin.calls).copied().collect(),
            words: words.collect(),
            tables: made.collect(),
            passed: Mutex::default(),
        }
    }

    /// Refuses a reading statement that touches anything else.
    pub(crate) async fn reads(
        &self,
        storage: &dyn Storage,
        sql: &str,
        args: &[Value],
    ) -> Result<()> {
        self.check(storage, Kind::Reads, sql).await?.of([args.len()])
    }

    /// Refuses a statement of a transaction that touches anything else.
    pub(crate) async fn writes(&self, storage: &dyn Storage, statement: &Statement) -> Result<()> {
        let wants = self.check(storage, Kind::Writes, &statement.sql).await?;
        wants.of(statement.rows.iter().map(Vec::len))
    }

    async fn check(&self, storage: &dyn Storage, kind: Kind, sql: &str) -> Result<Wants> {
        if sql.len() > SQL_LEN_MAX {
            let msg = format!("a statement of a plugin that runs apart has {SQL_LEN_MAX} bytes");
            return Err(Error::too_large("sql", msg));
        }
        let key = (kind, sql.to_owned());
        if let Some(wants) = self.lock().get(&key) {
            return Ok(*wants);
        }
        // Other tables come with other versions of the server: they are looked up for each text.
        let relations = storage.relations().await?.into_iter();
        let others = relations.map(|name| name.to_ascii_lowercase());
        let others = others.filter(|name| !self.tables.contains(name)).collect();
        let names = Names { own: &self.tables, words: &self.words, others };
        let verdict = words::of(sql).and_then(|tokens| statement::judge(kind, &tokens, &names));
        let wants = verdict.map_err(|why| {
            let shown = &sql[..sql.floor_char_boundary(SHOWN_LEN_MAX)];
            tracing::warn!(plugin = self.plugin, sql = shown, %why, "a statement was refused");
            Error::denied(format!("a plugin that runs apart reaches its own tables only: {why}"))
        })?;
        let mut passed = self.lock();
        if passed.len() >= PASSED_MAX {
            passed.clear();
        }
        passed.insert(key, wants);
        Ok(wants)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(Kind, String), Wants>> {
        // Nothing in here panics half way.
        self.passed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses to call what is neither its own nor declared.
    pub(crate) fn calls(&self, op: &str) -> Result<()> {
        match self.ops.contains(op) {
            true => Ok(()),
            false => {
                let op = op.escape_debug();
                Err(Error::denied(format!("`{op}` is not among what this plugin says it calls")))
            }
        }
    }

    /// Refuses to read the log of a topic that is not its own.
    pub(crate) fn looks_into(&self, topic: &Topic) -> Result<()> {
        match self.owns(topic) {
            true => Ok(()),
            false => Err(Error::denied("a plugin that runs apart reads its own topics only")),
        }
    }

    /// Refuses an event that is not the plugin's to append.
    pub(crate) fn appends(&self, emit: &Emit) -> Result<()> {
        if !self.owns(&emit.topic) || !self.is_own_kind(&emit.k) {
            let msg =
                format!("a plugin that runs apart appends its own events, in x:{}:…", self.plugin);
            return Err(Error::denied(msg));
        }
        // The log writes into the data of what counts.
        if emit.counts && !emit.data.as_str().starts_with('{') {
            return Err(Error::bad_arg("data", "the data of an event that counts is an object"));
        }
        Ok(())
    }

    /// Refuses to tell live connections something of what is not the plugin's; whoever listens to
    /// its topic may be told, or one person.
    pub(crate) fn tells(&self, whom: &Topic, eph: &Ephemeral) -> Result<()> {
        let is_whom = self.owns(whom) || matches!(whom, Topic::User(_));
        let is_own = eph.topic.as_ref().is_some_and(|topic| self.owns(topic));
        match is_whom && is_own && self.is_own_kind(&eph.k) {
            true => Ok(()),
            false => Err(Error::denied("a plugin that runs apart speaks in its own topics only")),
        }
    }

    fn is_own_kind(&self, kind: &str) -> bool {
        self.nouns.contains(&kind.split('.').next().unwrap_or_default())
    }

    fn owns(&self, topic: &Topic) -> bool {
        matches!(topic, Topic::Plugin(topic) if topic.plugin == self.plugin)
    }
}
