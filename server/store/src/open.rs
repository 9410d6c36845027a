//! Which database, how it is opened, and why that may be refused.

use std::{fmt, path::PathBuf, str::FromStr};

use carillon_plugin::Migration;

/// What stands in place of a password.
const HIDDEN: &str = "***";

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
            Database::Postgres(url) => f.write_str(&without_password(url)),
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The address of a service as it may be shown: scheme, user, host and database. A query may have a
/// password too, and goes; where one could begin or end elsewhere, nothing but the scheme is left.
pub fn without_password(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else { return HIDDEN.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (who, place) = match authority.rsplit_once('@') {
        Some((who, place)) => (Some(who), place),
        None => (None, authority),
    };
    // What looks like the end of the host may stand in a password, which goes on to the last `@`.
    if path.contains('@') || !place.split(',').all(is_host) {
        return format!("{scheme}://{HIDDEN}");
    }
    let who = who.map_or_else(String::new, |who| match who.split_once(':') {
        Some((user, _)) => format!("{user}:{HIDDEN}@"),
        None => format!("{who}@"),
    });
    let path = path.split(['?', '#']).next().unwrap_or_default();
    format!("{scheme}://{who}{place}{path}")
}

/// Whether this is a host, with a port or without: else it may be half of `user:password`.
fn is_host(text: &str) -> bool {
    let is_address = text.starts_with('[') && text.ends_with(']');
    let digits = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let port = text.rsplit_once(':');
    is_address || port.is_none_or(|(host, port)| !host.is_empty() && digits(port))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_password_wherever_that_stands() {
        for (address, shown) in [
            ("postgres://db.example/bell", "postgres://db.example/bell"),
            ("postgres://bell@[::1]:5432/bell", "postgres://bell@[::1]:5432/bell"),
            ("postgres://bell@[::1]/bell", "postgres://bell@[::1]/bell"),
            ("redis-cluster://:hush@one:1,two:2", "redis-cluster://:***@one:1,two:2"),
            ("postgres://bell:hush@db/bell?sslmode=require", "postgres://bell:***@db/bell"),
            ("postgres://bell:hu@s:h@db/bell", "postgres://bell:***@db/bell"),
            ("postgres:///bell?user=u&password=hush", "postgres:///bell"),
            ("postgres://db/bell?password=hu/s#h", "postgres://db/bell"),
            ("postgres://db?password=hush", "postgres://db"),
            ("postgres://db/bell?password=hu@sh", "postgres://***"),
            ("postgres://bell:hu/sh@db/bell", "postgres://***"),
            ("postgres://bell:hu?sh@db/bell", "postgres://***"),
            ("postgres://bell:hu#sh@db/bell", "postgres://***"),
            ("postgres://bell:h@u/s@h@db/bell", "postgres://***"),
            ("postgres://bell:hush/bell", "postgres://***"),
            ("postgres://bell:hush]/bell", "postgres://***"),
            ("redis://:hush", "redis://***"),
            ("hush", "***"),
        ] {
            assert_eq!(without_password(address), shown);
            if address.starts_with("postgres") {
                assert_eq!(address.parse::<Database>().unwrap().to_string(), shown);
            }
        }
    }
}
