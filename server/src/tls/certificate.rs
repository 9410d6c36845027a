//! A certificate with its key: from files, and until when it is good.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    InconsistentKeys,
    crypto::CryptoProvider,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
    sign::CertifiedKey,
};
use x509_parser::parse_x509_certificate;

use super::TlsError;

/// A file of certificates or a key is a few kilobytes; whatever is larger is something else.
const FILE_LEN_MAX: u64 = 1024 * 1024;
/// Seconds of a day.
pub const DAY_S: i64 = 86_400;

/// What a server shows, and proves to be its own.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The chain and the key.
    pub key: Arc<CertifiedKey>,
    /// From when on it is good, in seconds since the epoch.
    pub not_before: i64,
    /// Until when it is good, in seconds since the epoch.
    pub not_after: i64,
}

impl Certificate {
    /// A chain and its key, checked against each other.
    ///
    /// # Errors
    /// What rustls says of the key, or that the two do not belong together.
    pub fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        provider: &CryptoProvider,
    ) -> Result<Certificate, rustls::Error> {
        let malformed = || rustls::Error::InvalidCertificate(rustls::CertificateError::BadEncoding);
        let own = chain.first().ok_or(rustls::Error::NoCertificatesPresented)?;
        let (not_before, not_after) = {
            let (_, parsed) = parse_x509_certificate(own).map_err(|_| malformed())?;
            let validity = parsed.validity();
            (validity.not_before.timestamp(), validity.not_after.timestamp())
        };
        let key = Arc::new(CertifiedKey::from_der(chain, key, provider)?);
        Ok(Certificate { key, not_before, not_after })
    }

    /// Reads a chain and its key from files.
    ///
    /// # Errors
    /// [`TlsError`], which names the file and what is wrong with it.
    pub fn read(
        cert: &Path,
        key: &Path,
        provider: &CryptoProvider,
    ) -> Result<Certificate, TlsError> {
        let chain = read_chain(cert)?;
        let private = read_key(key)?;
        Certificate::new(chain, private, provider).map_err(|why| match why {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                TlsError::Mismatch { cert: cert.to_owned(), key: key.to_owned() }
            }
            rustls::Error::InvalidCertificate(why) => {
                TlsError::Unusable { path: cert.to_owned(), why: format!("{why:?}") }
            }
            why => TlsError::Unusable { path: key.to_owned(), why: why.to_string() },
        })
    }

    /// How many whole days it is still good for; below zero once it has expired.
    pub fn days_left(&self, now_s: i64) -> i64 {
        (self.not_after - now_s).div_euclid(DAY_S)
    }
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let chain = chain.map_err(|why| not_pem(path, &why))?;
    if !chain.is_empty() {
        return Ok(chain);
    }
    let why = match PrivateKeyDer::from_pem_slice(&text) {
        Ok(_) => "it holds a key; the certificate comes first in files:CERT,KEY",
        Err(_) => "it holds no `-----BEGIN CERTIFICATE-----`",
    };
    Err(TlsError::NotPem { path: path.to_owned(), why: why.into() })
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    const SEALED: &[u8] = b"-----BEGIN ENCRYPTED PRIVATE KEY-----";
    let text = read(path)?;
    let why = match PrivateKeyDer::from_pem_slice(&text) {
        Ok(key) => return Ok(key),
        Err(pem::Error::NoItemsFound) if text.windows(SEALED.len()).any(|part| part == SEALED) => {
            "its key is encrypted; a server needs one without a password"
        }
        Err(pem::Error::NoItemsFound) => "it holds no `-----BEGIN PRIVATE KEY-----`",
        Err(why) => return Err(not_pem(path, &why)),
    };
    Err(TlsError::NotPem { path: path.to_owned(), why: why.into() })
}

fn not_pem(path: &Path, why: &pem::Error) -> TlsError {
    TlsError::NotPem { path: path.to_owned(), why: why.to_string() }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let unreadable = |why| TlsError::Unreadable { path: path.to_owned(), why };
    let mut text = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(FILE_LEN_MAX + 1).read_to_end(&mut text).map_err(unreadable)?;
    if text.len() as u64 > FILE_LEN_MAX {
        return Err(unreadable(io::Error::other("it is larger than 1 MiB")));
    }
    Ok(text)
}

/// What a file looked like: when this differs, it may hold something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    modified: (i64, i64),
    len: u64,
    inode: u64,
}

/// What these files look like now; nothing for one that is not there.
pub fn stamps(files: [&PathBuf; 2]) -> [Option<Stamp>; 2] {
    files.map(|path| {
        let found = fs::metadata(path).ok()?;
        let modified = (found.mtime(), found.mtime_nsec());
        Some(Stamp { modified, len: found.len(), inode: found.ino() })
    })
}
