//! Which database, how it is opened, and why that may be refused.

use std::{fmt, path::PathBuf, str::FromStr};

use carillon_plugin::Migration;

/// Where the log and the tables are.
#[derive(Clone, PartialEq, Eq)]
pub enum Database {
    /// A file of this node.
    Sqlite(PathBuf),
    /// The address of a server that several nodes may share: `postgres://user@host/name`.
    Postgres(String),
}

impl FromStr for Database {
    type Err = std::convert::Infallible;

    /// An address begins with `postgres://` or `postgresql://`; anything else is a file.
    fn from_str(text: &str) -> Result<Database, Self::Err> {
        let is_address = ["postgres://", "postgresql://"].iter().any(|head| text.starts_with(head));
        Ok(match is_address {
            true => Database::Postgres(text.to_owned()),
            false => Database::Sqlite(text.into()),
        })
    }
}

impl From<PathBuf> for Database {
    fn from(path: PathBuf) -> Database {
        Database::Sqlite(path)
    }
}

/// Without a password: it stands in logs.
impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Database::Sqlite(path) => path.display().fmt(f),
            Database::Postgres(url) => {
                let place = url.split(['?', '#']).next().unwrap_or_default();
                let place = place.split_once("://").map_or(place, |(_, place)| place);
                let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
                write!(f, "postgres://{place}")
            }
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// When a commit counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// When it is on disk.
    Full,
    /// When the operating system has it. Only for tests: those of plugins, which need no disk, and
    /// those that must fail.
    Off,
}

/// How a store works.
#[derive(Debug, Clone)]
pub struct Options {
    /// When a commit counts as done.
    pub durability: Durability,
    /// Connections that read side by side; 0 means as many as suit the engine.
    pub readers: u32,
    /// The most work that is committed together: an event and a statement's row count one each.
    pub batch_max: usize,
}

impl Default for Options {
    fn default() -> Options {
        // A batch of a thousand takes a few milliseconds: longer ones make everybody wait without
        // sparing anything that is left to spare.
        Options { durability: Durability::Full, readers: 0, batch_max: 1_000 }
    }
}

/// Why a store cannot be opened, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A newer version wrote it.
    #[error(
        "the database is at {what} {found}, this program knows {known}: \
         start the newer version again, or restore the backup made before the upgrade"
    )]
    Newer {
        /// Whose tables: the log, or a plugin's name.
        what: String,
        /// What the database has.
        found: u32,
        /// The newest that this program knows.
        known: u32,
    },
    /// It is a database, but not of Carillon.
    #[error("{database} belongs to another program: choose another one")]
    Foreign {
        /// Which.
        database: String,
    },
    /// It is damaged, or no database at all.
    #[error("{database} is not a readable database ({why}): restore the last backup")]
    Corrupt {
        /// Which.
        database: String,
        /// What the database said.
        why: String,
    },
    /// A step of a plugin's tables failed.
    #[error("step {number} of the tables of `{plugin}` failed: {source}")]
    Migration {
        /// Whose.
        plugin: String,
        /// Which.
        number: u32,
        /// What the database said.
        source: sqlx::Error,
    },
    /// Anything else, as a folder that may not be written.
    #[error("{database} cannot be opened: {source}")]
    Unavailable {
        /// Which.
        database: String,
        /// What the database said.
        source: sqlx::Error,
    },
}

impl OpenError {
    pub(crate) fn step(step: &Migration, source: sqlx::Error) -> OpenError {
        let (plugin, number) = (step.plugin.to_owned(), step.number);
        OpenError::Migration { plugin, number, source }
    }
}
