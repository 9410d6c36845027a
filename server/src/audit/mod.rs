//! What this node signs of the audit log, with a key and into a file that are not in the database:
//! whoever changes the database cannot change them with it.

mod key;
mod root;
mod witness;

use std::path::{Path, PathBuf};

pub use self::{
    key::{PublicKey, read_public},
    root::{Found, read},
    witness::{Signer, Witness},
};
use crate::config::Config;

/// What stands in the data folder.
const KEY_FILE: &str = "audit.key";
const ROOTS_FILE: &str = "audit-roots.jsonl";

/// Why nothing can be signed, in a sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// A file cannot be used.
    #[error("{0}: {1}")]
    File(PathBuf, std::io::Error),
    /// The key is none.
    #[error(
        "{0} is not the key that this server made: take it from a backup, or move it away, and a \
         new one is made; keep the old public key for what it signed"
    )]
    Key(PathBuf),
    /// The system has no randomness.
    #[error("no key can be made: {0}")]
    Made(#[from] aws_lc_rs::error::Unspecified),
}

impl AuditError {
    fn file(path: &Path) -> impl Fn(std::io::Error) -> AuditError {
        let path = path.to_owned();
        move |error| AuditError::File(path.clone(), error)
    }
}

/// Where the key is.
fn key_path(config: &Config) -> PathBuf {
    config.data.join(KEY_FILE)
}

/// Where the roots are.
pub fn roots_path(config: &Config) -> PathBuf {
    config.audit.roots.clone().unwrap_or_else(|| config.data.join(ROOTS_FILE))
}
