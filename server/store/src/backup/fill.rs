//! From a backup to a database.

use std::io::{BufRead, Seek};

use carillon_plugin::Migration;

use super::{
    BackupError, End, Manifest,
    file::{Line, Reader, damaged, prove},
    postgres, sqlite,
    tables::{Cell, Rewritten, Table, Tables},
};
use crate::{Database, Options, Store, log};

/// Rows that are added together, their values, and about their size in memory.
const ROWS_MAX: usize = 500;
const VALUES_MAX: usize = 10_000;
const LEN_MAX: usize = 1024 * 1024;
/// A node that said nothing for so long is gone: it says that it runs three times as often.
const GONE_AFTER_S: i64 = 15;

/// Makes a database of a backup: an empty one becomes what the other one was, with an epoch of its
/// own, so that whoever knew the other one notices. Then its tables are brought up to date. Blocks
/// its thread while it reads.
///
/// # Errors
/// [`BackupError`]; a PostgreSQL database is then as it was, a file is of no use.
pub async fn fill(
    database: &Database,
    migrations: &[Migration],
    mut input: impl BufRead + Seek,
) -> Result<(Manifest, End), BackupError> {
    // All of it, before anything is made of its first line.
    prove(&mut input)?;
    input.rewind()?;
    let mut file = Reader::open(input)?;
    let unknown = || BackupError::Unknown(file.manifest.version.clone());
    for (plugin, &step) in &file.manifest.plugins {
        let own = migrations.iter().filter(|known| known.plugin == plugin);
        if own.map(|known| known.number).max().is_none_or(|newest| newest < step) {
            return Err(unknown());
        }
    }
    // The tables as they were, and no newer: what is in the file fits those.
    let plugins = &file.manifest.plugins;
    let as_then =
        |step: &&Migration| plugins.get(step.plugin).is_some_and(|&last| step.number <= last);
    let steps: Vec<Migration> = migrations.iter().filter(as_then).cloned().collect();
    Store::open(database, &steps, Options::default()).await?.close().await;
    let end = match database {
        Database::Sqlite(path) => {
            let mut side = sqlite::open(path).await?;
            side.begin().await?;
            let end = fill_tables(database, &mut side, &mut file).await?;
            side.close().await?;
            end
        }
        Database::Postgres(url) => {
            let mut side = postgres::open(url).await?;
            side.begin().await?;
            keep_nodes_out(database, &mut side).await?;
            fill_tables(database, &mut side, &mut file).await?
        }
    };
    Store::open(database, migrations, Options::default()).await?.close().await;
    Ok((file.manifest, end))
}

/// Takes the row that every commit of a node needs, and refuses if there are nodes: what they know
/// of the database would be of another one.
async fn keep_nodes_out(database: &Database, to: &mut impl Tables) -> Result<(), BackupError> {
    to.number("SELECT pos FROM meta FOR UPDATE").await?;
    // Of a plugin, which an older backup may be without.
    let is_known = "SELECT 1::BIGINT WHERE to_regclass('node_run') IS NOT NULL";
    if to.number(is_known).await?.is_none() {
        return Ok(());
    }
    let silent = "SELECT floor(extract(epoch FROM clock_timestamp()))::BIGINT
                         - max(seen_at) / 1000 FROM node_run";
    match to.number(silent).await? {
        Some(silent_s) if silent_s < GONE_AFTER_S => {
            Err(BackupError::InUse { database: database.to_string(), silent_s: silent_s.max(0) })
        }
        _ => Ok(()),
    }
}

async fn fill_tables<R: BufRead>(
    database: &Database,
    to: &mut impl Tables,
    file: &mut Reader<R>,
) -> Result<End, BackupError> {
    if to.number("SELECT pos FROM event LIMIT 1").await?.is_some() {
        return Err(BackupError::NotEmpty(database.to_string()));
    }
    let known = to.tables().await?;
    let mut filling: Option<Filling> = None;
    loop {
        match file.next()? {
            Line::Table(table) => {
                if let Some(done) = filling.take() {
                    done.finish(to).await?;
                }
                let columns = known.iter().find(|own| own.table == table.table);
                if !columns.is_some_and(|own| table.columns.iter().all(|c| own.columns.contains(c)))
                {
                    return Err(BackupError::Unknown(format!(
                        "carillon {}",
                        file.manifest.version
                    )));
                }
                to.clear(&table).await?;
                filling = Some(Filling { table, rows: Vec::new(), len: 0 });
            }
            Line::Row(row) => match &mut filling {
                Some(filling) if filling.table.columns.len() == row.len() => {
                    filling.add(to, row).await?;
                }
                _ => return Err(damaged("a row does not fit its table")),
            },
            Line::End { end } => {
                if let Some(done) = filling.take() {
                    done.finish(to).await?;
                }
                lower_revs(to).await?;
                to.commit(file.manifest.position).await?;
                return Ok(end);
            }
        }
    }
}

/// What was changed while the backup was written says so by a position that the log here does not
/// have yet: whoever believed it would take no change that comes before.
async fn lower_revs(to: &mut impl Tables) -> Result<(), BackupError> {
    let mut after = 0;
    loop {
        let page = to.rewritten(after).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.pos;
        for Rewritten { pos, data, head } in page {
            if let Some((unsealed, rev)) = carillon_plugin::rev(&data)
                && rev > head
            {
                to.rewrite(pos, log::sealed(unsealed, head).as_str()).await?;
            }
        }
    }
}

/// A table, and rows on their way into it.
struct Filling {
    table: Table,
    rows: Vec<Vec<Cell>>,
    len: usize,
}

impl Filling {
    async fn add(&mut self, to: &mut impl Tables, row: Vec<Cell>) -> Result<(), BackupError> {
        let values = (self.rows.len() + 1) * row.len();
        self.len += row.iter().map(Cell::len).sum::<usize>();
        self.rows.push(row);
        if self.rows.len() >= ROWS_MAX || values >= VALUES_MAX || self.len >= LEN_MAX {
            to.insert(&self.table, &std::mem::take(&mut self.rows)).await?;
            self.len = 0;
        }
        Ok(())
    }

    async fn finish(self, to: &mut impl Tables) -> Result<(), BackupError> {
        match self.rows.is_empty() {
            true => Ok(()),
            false => Ok(to.insert(&self.table, &self.rows).await?),
        }
    }
}
