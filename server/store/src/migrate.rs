//! The tables: the store's own, then each plugin's, forward only. Which steps are to be done.

use std::{borrow::Cow, collections::BTreeMap};

use carillon_plugin::Migration;

use crate::OpenError;

/// Why it did not come to the end.
pub(crate) enum Stop {
    Refused(OpenError),
    Failed(sqlx::Error),
}

impl From<sqlx::Error> for Stop {
    fn from(error: sqlx::Error) -> Stop {
        Stop::Failed(error)
    }
}

/// The steps that come after the newest one of each plugin.
pub(crate) fn due<'a>(
    migrations: &'a [Migration],
    done: &BTreeMap<String, i64>,
) -> impl Iterator<Item = &'a Migration> {
    migrations
        .iter()
        .filter(|step| done.get(step.plugin).is_none_or(|&last| last < i64::from(step.number)))
}

/// Refuses tables that a newer version of their plugin made.
pub(crate) fn refuse_newer(
    done: &BTreeMap<String, i64>,
    migrations: &[Migration],
) -> Result<(), Stop> {
    for (plugin, &found) in done {
        // A plugin that is switched off keeps its tables as they are.
        let own = migrations.iter().filter(|step| step.plugin == plugin);
        match own.map(|step| step.number).max() {
            Some(known) if found > i64::from(known) => {
                return Err(newer(&format!("step of `{plugin}`"), found as u32, known));
            }
            _ => {}
        }
    }
    Ok(())
}

pub(crate) fn newer(what: &str, found: u32, known: u32) -> Stop {
    Stop::Refused(OpenError::Newer { what: what.to_owned(), found, known })
}

/// How a line of a step begins that says that rows of a table are never changed nor taken away.
/// Engines have no words in common for that.
const INSERT_ONLY: &str = "INSERT ONLY ";

/// A step in which such lines are what an engine says for them.
pub(crate) fn with_insert_only<'a>(sql: &'a str, says: fn(&str) -> String) -> Cow<'a, str> {
    if !sql.contains(INSERT_ONLY) {
        return Cow::Borrowed(sql);
    }
    let lines = sql.lines().map(|line| match line.strip_prefix(INSERT_ONLY) {
        Some(table) => says(table.trim_end_matches(';')),
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n").into()
}
