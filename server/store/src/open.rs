//! How a store is opened, and why it may refuse.

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
    /// Connections that read side by side.
    pub readers: u32,
    /// The most work that is committed together: an event and a statement's row count one each.
    pub batch_max: usize,
}

impl Default for Options {
    fn default() -> Options {
        // More readers than cores only wait for each other; four hide the wait for a slow disk.
        // A batch of a thousand takes a few milliseconds: longer ones make everybody wait without
        // sparing anything that is left to spare.
        Options { durability: Durability::Full, readers: 4, batch_max: 1_000 }
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
    #[error("{path} belongs to another program: choose another data folder")]
    Foreign {
        /// The file.
        path: String,
    },
    /// It is damaged, or no database at all.
    #[error("{path} is not a readable database ({why}): restore the last backup")]
    Corrupt {
        /// The file.
        path: String,
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
    #[error("{path} cannot be opened: {source}")]
    Unavailable {
        /// The file.
        path: String,
        /// What the database said.
        source: sqlx::Error,
    },
}
