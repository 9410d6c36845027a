//! An authority of the server's own: made once, kept in the data folder, and the certificates it
//! signs.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, NameConstraints,
};
use rustls::{
    crypto::CryptoProvider,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use x509_parser::parse_x509_certificate;

use super::{
    TlsError,
    certificate::{Certificate, DAY_S},
    names::{Names, Subtree},
};

/// Key and certificate in one file: it is there whole, or not at all.
const FILE: &str = "tls-authority.pem";
/// Devices keep it for as long: then everybody installs a new one.
const AUTHORITY_DAYS: i64 = 3650;
/// No browser takes a certificate that is good for longer than 398 days.
const CERTIFICATE_DAYS: i64 = 180;
/// So long before its end a certificate is followed by the next one.
pub const RENEW_DAYS: i64 = 30;
/// Clocks of phones are behind by up to so much.
const EARLIER_S: i64 = DAY_S;

/// Signs certificates for this machine. Whoever has its key can pretend to be this machine to
/// every device that trusts it, and by its bounds nothing else in the world.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    der: CertificateDer<'static>,
    subtrees: Option<Vec<Subtree>>,
    path: PathBuf,
    /// Until when it is good, in seconds since the epoch.
    pub not_after: i64,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Where it is kept.
pub fn path(data: &Path) -> PathBuf {
    data.join(FILE)
}

impl Authority {
    /// The authority of a data folder; made, for these names, if there is none.
    ///
    /// # Errors
    /// If the file cannot be read or written, or does not hold an authority.
    pub fn open(data: &Path, names: &Names, now_s: i64) -> Result<Authority, TlsError> {
        let path = path(data);
        let failed = |why: String| TlsError::Authority { path: path.clone(), why };
        match fs::read(&path) {
            Ok(text) => Authority::parse(&text, path.clone()).map_err(failed),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let text = make(names, now_s).map_err(|why| failed(why.to_string()))?;
                write_once(data, &path, text.as_bytes()).map_err(|why| failed(why.to_string()))?;
                Authority::parse(text.as_bytes(), path.clone()).map_err(failed)
            }
            Err(error) => Err(failed(error.to_string())),
        }
    }

    /// The authority of a data folder, if there is one.
    ///
    /// # Errors
    /// As [`Authority::open`].
    pub fn find(data: &Path) -> Result<Option<Authority>, TlsError> {
        let path = path(data);
        let failed = |why: String| TlsError::Authority { path: path.clone(), why };
        match fs::read(&path) {
            Ok(text) => Authority::parse(&text, path.clone()).map(Some).map_err(failed),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(error.to_string())),
        }
    }

    fn parse(text: &[u8], path: PathBuf) -> Result<Authority, String> {
        let missing = |what: &str, why: &pem::Error| format!("{what}: {why}");
        let der = CertificateDer::from_pem_slice(text)
            .map_err(|why| missing("its certificate is missing", &why))?;
        let key = PrivateKeyDer::from_pem_slice(text)
            .map_err(|why| missing("its key is missing", &why))?;
        let key = KeyPair::try_from(&key).map_err(|why| format!("its key: {why}"))?;
        let (subtrees, not_after, public) = {
            let (_, parsed) = parse_x509_certificate(&der).map_err(|why| why.to_string())?;
            let public = parsed.public_key().subject_public_key.data.to_vec();
            (Subtree::of(&parsed), parsed.validity().not_after.timestamp(), public)
        };
        if public != key.public_key_raw() {
            return Err("its key does not belong to its certificate".into());
        }
        let issuer = Issuer::from_ca_cert_der(&der, key).map_err(|why| why.to_string())?;
        Ok(Authority { issuer, der, subtrees, path, not_after })
    }

    /// Whether it may vouch for a name.
    pub fn covers(&self, name: &str) -> bool {
        self.subtrees.as_ref().is_none_or(|all| all.iter().any(|subtree| subtree.covers(name)))
    }

    /// A certificate for these names, with a key of its own that is kept nowhere.
    ///
    /// # Errors
    /// If it cannot be signed.
    pub fn issue(
        &self,
        names: &Names,
        now_s: i64,
        provider: &CryptoProvider,
    ) -> Result<Certificate, TlsError> {
        let failed = |why: String| TlsError::Authority { path: self.path.clone(), why };
        let signed = || {
            let key = KeyPair::generate()?;
            let mut params = CertificateParams::new(names.iter().cloned().collect::<Vec<_>>())?;
            // Browsers look at the names above; this one is for people.
            params.distinguished_name.push(DnType::CommonName, "Carillon");
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
            params.use_authority_key_identifier_extension = true;
            params.not_before = time(now_s - EARLIER_S);
            params.not_after = time((now_s + CERTIFICATE_DAYS * DAY_S).min(self.not_after));
            let certificate = params.signed_by(&key, &self.issuer)?;
            Ok::<_, rcgen::Error>((certificate.der().clone(), key.serialize_der()))
        };
        let (der, key) = signed().map_err(|why| failed(why.to_string()))?;
        let key = PrivateKeyDer::try_from(key).map_err(|why| failed(why.to_owned()))?;
        Certificate::new(vec![der], key, provider).map_err(|why| failed(why.to_string()))
    }

    /// Its certificate, which devices install.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// What people compare before they install it: SHA-256.
    pub fn fingerprint(&self) -> [u8; 32] {
        Sha256::digest(&self.der).into()
    }
}

/// Bytes as people compare them: pairs of digits, with something between.
pub fn hex(bytes: &[u8], between: &str) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(between)
}

/// A new authority, as its file holds it.
fn make(names: &Names, now_s: i64) -> Result<String, rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    let host = names.iter().find_map(|name| name.strip_suffix(".local")).unwrap_or("this server");
    // Two authorities of one machine need two names, or a device that has the former one says that
    // the latter's signatures are wrong.
    let number = hex(&Sha256::digest(key.public_key_raw())[..4], "");
    let name = format!("Carillon on {host} ({number})");
    params.distinguished_name.push(DnType::CommonName, name);
    params.distinguished_name.push(DnType::OrganizationName, "Carillon");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: Subtree::for_an_authority(names)
            .iter()
            .map(Subtree::to_general)
            .collect(),
        excluded_subtrees: Vec::new(),
    });
    params.not_before = time(now_s - EARLIER_S);
    params.not_after = time(now_s + AUTHORITY_DAYS * DAY_S);
    let certificate = params.self_signed(&key)?;
    Ok(format!("{}{}", certificate.pem(), key.serialize_pem()))
}

fn time(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// Writes a file for its owner only, so that it is there whole or not at all, also after a crash.
fn write_once(data: &Path, path: &Path, text: &[u8]) -> io::Result<()> {
    let draft = path.with_extension("pem.new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    fs::File::open(data)?.sync_all()
}
