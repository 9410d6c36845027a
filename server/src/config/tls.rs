//! The setting `tls`, in the words of the file.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What stands before the two files.
const FILES: &str = "files:";
/// The local authority's name.
const OWN: &str = "self";

/// Where the certificate of the server comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Tls {
    /// From files that somebody else renews, in PEM.
    Files {
        /// The server's certificate, and after it those that vouch for it.
        cert: PathBuf,
        /// Its key.
        key: PathBuf,
    },
    /// From an authority of the server's own, which devices must be told to trust.
    Own,
}

impl From<Tls> for String {
    fn from(tls: Tls) -> String {
        match tls {
            Tls::Files { cert, key } => format!("{FILES}{},{}", cert.display(), key.display()),
            Tls::Own => OWN.to_owned(),
        }
    }
}

impl TryFrom<String> for Tls {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Tls, Self::Error> {
        if text == OWN {
            return Ok(Tls::Own);
        }
        let files = text.strip_prefix(FILES).and_then(|files| files.split_once(','));
        match files.map(|(cert, key)| (cert.trim(), key.trim())) {
            Some((cert, key)) if !cert.is_empty() && !key.is_empty() => {
                Ok(Tls::Files { cert: cert.into(), key: key.into() })
            }
            _ => Err("expected self, or files: with two paths and a comma between"),
        }
    }
}
