//! The key: Ed25519, made at the first start, for its owner only.

use std::{fmt, fs, io::Write as _, path::Path, str::FromStr};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey},
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use super::{AuditError, key_path};
use crate::config::Config;

/// The length of a public key.
const PUBLIC_LEN: usize = 32;

/// The half of a key that proves what the other half signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey([u8; PUBLIC_LEN]);

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64.encode(self.0))
    }
}

impl FromStr for PublicKey {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<PublicKey, Self::Err> {
        let bytes = BASE64.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(PublicKey).ok_or("expected a key as `carillon audit key` prints it")
    }
}

impl PublicKey {
    /// Whether the other half signed this.
    pub fn proves(&self, bytes: &[u8], signature: &str) -> bool {
        let Ok(signature) = BASE64.decode(signature) else { return false };
        UnparsedPublicKey::new(&ED25519, self.0).verify(bytes, &signature).is_ok()
    }
}

/// The half of a key that signs.
#[derive(Debug)]
pub(super) struct Key(Ed25519KeyPair);

impl Key {
    /// Reads the key, or makes it.
    pub(super) fn open(path: &Path) -> Result<Key, AuditError> {
        if !fs::exists(path).map_err(AuditError::file(path))? {
            make(path)?;
        }
        read(path)
    }

    pub(super) fn sign(&self, bytes: &[u8]) -> String {
        BASE64.encode(self.0.sign(bytes))
    }

    pub(super) fn public(&self) -> PublicKey {
        let bytes = self.0.public_key().as_ref();
        PublicKey(bytes.try_into().expect("a public key of Ed25519 has 32 bytes"))
    }
}

/// A file that is whole or not there, whenever the machine stops.
fn make(path: &Path) -> Result<(), AuditError> {
    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())?;
    let text = BASE64.encode(document.as_ref());
    let folder = path.parent().unwrap_or(Path::new("."));
    let write = || {
        // For its owner only; so are temporary files.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        writeln!(file, "{text}")?;
        file.as_file().sync_all()?;
        file.persist_noclobber(path)?;
        fs::File::open(folder)?.sync_all()
    };
    write().map_err(AuditError::file(path))
}

fn read(path: &Path) -> Result<Key, AuditError> {
    let text = fs::read_to_string(path).map_err(AuditError::file(path))?;
    let bytes = BASE64.decode(text.trim()).ok();
    let key = bytes.and_then(|bytes| Ed25519KeyPair::from_pkcs8(&bytes).ok());
    key.map(Key).ok_or_else(|| AuditError::Key(path.to_owned()))
}

/// The public half of this node's key, which its first start made.
///
/// # Errors
/// [`AuditError`] if there is none.
pub fn read_public(config: &Config) -> Result<PublicKey, AuditError> {
    read(&key_path(config)).map(|key| key.public())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_is_made_once_for_its_owner_and_proves_what_it_signed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.key");
        let first = Key::open(&path).unwrap();
        let again = Key::open(&path).unwrap();
        assert_eq!(first.public(), again.public());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let public: PublicKey = first.public().to_string().parse().unwrap();
        let signature = again.sign(b"row 7");
        assert!(public.proves(b"row 7", &signature) && !public.proves(b"row 8", &signature));
        assert!(!public.proves(b"row 7", "not a signature"));
    }

    #[test]
    fn a_file_that_is_no_key_is_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.key");
        fs::write(&path, "something else").unwrap();
        assert!(matches!(Key::open(&path), Err(AuditError::Key(_))));
        assert_eq!(fs::read_to_string(&path).unwrap(), "something else");
    }
}
