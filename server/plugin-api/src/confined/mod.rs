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
    collections::{BTreeSet, HashSet},
    sync::{Mutex, PoisonError},
};

use carillon_protocol::Topic;

use self::statement::{Kind, Names};
use crate::{Emit, Error, Plugin, Result, Statement, Storage};

/// The longest text of a statement, in bytes.
const SQL_LEN_MAX: usize = 16 * 1024;
/// So many texts are remembered as harmless: a plugin has some dozens.
const PASSED_MAX: usize = 1_024;

/// What a plugin calls its own.
pub(crate) struct Confined {
    plugin: &'static str,
    nouns: Vec<&'static str>,
    tables: BTreeSet<String>,
    /// Texts that were let through.
    passed: Mutex<HashSet<(Kind, String)>>,
}

impl Confined {
    /// What this plugin does: the tables that its migrations make, and what begins with its nouns.
    pub(crate) fn of(plugin: &Plugin) -> Confined {
        let made = plugin.migrations.iter().flat_map(|migration| words::tables(migration.sql));
        Confined {
            plugin: plugin.name,
            nouns: plugin.nouns.clone(),
            tables: made.collect(),
            passed: Mutex::default(),
        }
    }

    /// Refuses a reading statement that touches anything else.
    pub(crate) async fn reads(&self, storage: &dyn Storage, sql: &str) -> Result<()> {
        self.check(storage, Kind::Reads, sql).await
    }

    /// Refuses a statement of a transaction that touches anything else.
    pub(crate) async fn writes(&self, storage: &dyn Storage, statement: &Statement) -> Result<()> {
        self.check(storage, Kind::Writes, &statement.sql).await
    }

    async fn check(&self, storage: &dyn Storage, kind: Kind, sql: &str) -> Result<()> {
        if sql.len() > SQL_LEN_MAX {
            let msg = format!("a statement of a plugin that runs apart has {SQL_LEN_MAX} bytes");
            return Err(Error::too_large("sql", msg));
        }
        let key = (kind, sql.to_owned());
        if self.lock().contains(&key) {
            return Ok(());
        }
        // Other tables come with other versions of the server: they are looked up for each text.
        let relations = storage.relations().await?.into_iter();
        let others = relations.map(|name| name.to_ascii_lowercase());
        let others = others.filter(|name| !self.tables.contains(name)).collect();
        let names = Names { own: &self.tables, others };
        let verdict = words::of(sql).and_then(|tokens| statement::judge(kind, &tokens, &names));
        verdict.map_err(|why| {
            tracing::warn!(plugin = self.plugin, sql, %why, "a statement was refused");
            Error::denied(format!("a plugin that runs apart reaches its own tables only: {why}"))
        })?;
        let mut passed = self.lock();
        if passed.len() >= PASSED_MAX {
            passed.clear();
        }
        passed.insert(key);
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<(Kind, String)>> {
        // Nothing in here panics half way.
        self.passed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses an event that is not the plugin's to append.
    pub(crate) fn appends(&self, emit: &Emit) -> Result<()> {
        let noun = emit.k.split('.').next().unwrap_or_default();
        if !self.owns(&emit.topic) || !self.nouns.contains(&noun) {
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

    /// Refuses to tell live connections something of what is not the plugin's; what concerns one
    /// person may be told to that person.
    pub(crate) fn tells(&self, topic: &Topic) -> Result<()> {
        match self.owns(topic) || matches!(topic, Topic::User(_)) {
            true => Ok(()),
            false => Err(Error::denied("a plugin that runs apart speaks in its own topics only")),
        }
    }

    fn owns(&self, topic: &Topic) -> bool {
        matches!(topic, Topic::Plugin(topic) if topic.plugin == self.plugin)
    }
}
