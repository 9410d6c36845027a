//! HTTPS in the process: which certificate the server shows, and what keeps it good.

pub mod authority;
mod certificate;
mod names;
mod page;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use axum::Router;
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};

use authority::Authority;
use certificate::{Certificate, DAY_S, Stamp, stamps};
use names::Names;
pub use names::in_the_network;
pub use page::Page;

use crate::config::{self, Config};

/// How often files are looked at, and the names of the machine.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// With fewer days left, a certificate that somebody else renews deserves a word each day.
const WARN_DAYS: i64 = 14;

/// Why there is no HTTPS, in a sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {} of the setting tls: {why}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system says.
        why: std::io::Error,
    },
    /// A file holds something else.
    #[error("{} is not what the setting tls needs: {why}", path.display())]
    NotPem {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A certificate or key that cannot be used.
    #[error("{} cannot be used for HTTPS: {why}", path.display())]
    Unusable {
        /// Which.
        path: PathBuf,
        /// What the cryptography says.
        why: String,
    },
    /// Two files that do not belong together.
    #[error(
        "the key {} does not belong to the first certificate in {}; \
         the server's own comes first there, then those that vouch for it",
        key.display(), cert.display()
    )]
    Mismatch {
        /// The certificates.
        cert: PathBuf,
        /// The key.
        key: PathBuf,
    },
    /// The authority in the data folder cannot be used.
    #[error(
        "the local authority {} cannot be used: {why}; take it from a backup, or remove it and \
         install the new one on every device",
        path.display()
    )]
    Authority {
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The cryptography does not work.
    #[error("HTTPS is not possible here: {0}")]
    System(#[from] rustls::Error),
}

/// Where the certificate comes from, and what was seen there last.
#[derive(Debug)]
enum Source {
    Files { cert: PathBuf, key: PathBuf, seen: [Option<Stamp>; 2] },
    Own { authority: Arc<Authority>, names: Names },
}

/// HTTPS of a server: one configuration for all connections, whose certificate changes.
#[derive(Debug)]
pub struct Tls {
    config: Arc<ServerConfig>,
    provider: Arc<CryptoProvider>,
    shown: Arc<Shown>,
    source: Mutex<Source>,
    page: Option<Arc<Page>>,
    wanted: Wanted,
}

/// What the names of a certificate of our own depend on.
#[derive(Debug, Clone)]
struct Wanted {
    public_url: Option<config::WebOrigin>,
    listen: SocketAddr,
}

impl Wanted {
    fn names(&self) -> Names {
        names::of_this_machine(self.public_url.as_ref(), self.listen.ip())
    }
}

/// The certificate of now: new connections get it, those that have begun keep theirs.
#[derive(Debug)]
struct Shown(RwLock<Certificate>);

impl Shown {
    fn get(&self) -> Certificate {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.get().key)
    }
}

impl Tls {
    /// HTTPS as it is configured, for a server that listens here; nothing if it is not.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn open(
        config: &Config,
        listen: SocketAddr,
        now_s: i64,
    ) -> Result<Option<Arc<Tls>>, TlsError> {
        let Some(setting) = &config.tls else { return Ok(None) };
        let provider = Arc::new(aws_lc_rs::default_provider());
        let wanted = Wanted { public_url: config.public_url.clone(), listen };
        let (certificate, source, page) = match setting {
            config::Tls::Files { cert, key } => {
                // Looked at before they are read: what changes meanwhile is read again.
                let seen = stamps([cert, key]);
                let certificate = Certificate::read(cert, key, &provider)?;
                (certificate, Source::Files { cert: cert.clone(), key: key.clone(), seen }, None)
            }
            config::Tls::Own => {
                let names = wanted.names();
                let authority = Arc::new(Authority::open(&config.data, &names, now_s)?);
                let named = wanted.public_url.as_ref().and_then(names::host_of);
                if let Some(host) = named.filter(|host| !authority.covers(host)) {
                    tracing::warn!(
                        host,
                        "the local authority may not vouch for the host of public_url, which is \
                         newer; remove {} and install the new one on every device",
                        authority::path(&config.data).display()
                    );
                }
                let names = vouched(&authority, names);
                let certificate = authority.issue(&names, now_s, &provider)?;
                let page = Page::new(Arc::clone(&authority), wanted.clone());
                (certificate, Source::Own { authority, names }, Some(Arc::new(page)))
            }
        };
        let shown = Arc::new(Shown(RwLock::new(certificate)));
        let config = server_config(&provider, Arc::clone(&shown))?;
        let source = Mutex::new(source);
        let tls = Tls { config, provider, shown, source, page, wanted };
        tls.warn(now_s);
        Ok(Some(Arc::new(tls)))
    }

    /// What connections are made with.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// The page that helps people to trust the authority, if it is the server's own.
    pub fn page(&self) -> Option<&Page> {
        self.page.as_deref()
    }

    /// The routes of that page; none if there is no such authority.
    pub fn routes(&self) -> Router {
        self.page.as_ref().map_or_else(Router::new, Page::routes)
    }

    /// What who speaks plain HTTP gets: the page, and for everything else the way to HTTPS.
    pub fn plain_routes(&self) -> Router {
        self.routes().fallback(page::redirect)
    }

    /// Takes a new certificate if there is a reason for one, or `at_once`; the old one stays where
    /// that fails.
    ///
    /// # Errors
    /// Why the new one cannot be used. Of files that stay as they are, that is said once.
    pub fn renew(&self, now_s: i64, at_once: bool) -> Result<bool, TlsError> {
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        let certificate = match &mut *source {
            Source::Files { cert, key, seen } => {
                let now = stamps([cert, key]);
                if std::mem::replace(seen, now) == now && !at_once {
                    return Ok(false);
                }
                Certificate::read(cert, key, &self.provider)?
            }
            Source::Own { authority, names } => {
                let wanted = vouched(authority, self.wanted.names());
                let shown = self.shown.get();
                let ends = shown.days_left(now_s) < authority::RENEW_DAYS
                    && shown.not_after < authority.not_after;
                if wanted == *names && !ends && !at_once {
                    return Ok(false);
                }
                let certificate = authority.issue(&wanted, now_s, &self.provider)?;
                *names = wanted;
                certificate
            }
        };
        *self.shown.0.write().unwrap_or_else(PoisonError::into_inner) = certificate;
        self.warn(now_s);
        Ok(true)
    }

    /// Says what is wrong with the certificate, if something is.
    fn warn(&self, now_s: i64) {
        if let Some(wrong) = wrong(&self.shown.get(), now_s) {
            match &self.page {
                None => tracing::warn!("{wrong}"),
                Some(_) => tracing::warn!("{wrong}; so does the local authority"),
            }
        }
    }

    /// How many whole days the certificate is still good for.
    pub fn days_left(&self, now_s: i64) -> i64 {
        self.shown.get().days_left(now_s)
    }

    /// The same, with what becomes of it in the log.
    pub fn renew_and_tell(&self, now_s: i64, at_once: bool) {
        match self.renew(now_s, at_once) {
            Ok(true) => {
                let days = self.days_left(now_s);
                tracing::info!(days, "new connections get a new certificate");
            }
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "the certificate stays the old one"),
        }
    }
}

/// Looks for reasons to renew until dropped; `now_s` is the clock.
pub async fn keep(tls: Arc<Tls>, now_s: impl Fn() -> i64) {
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut warned = tls.days_left(now_s());
    loop {
        look.tick().await;
        let (looking, now_s) = (Arc::clone(&tls), now_s());
        // Files may be on a disk that has gone to sleep.
        let looked = tokio::task::spawn_blocking(move || looking.renew_and_tell(now_s, false));
        if let Err(error) = looked.await {
            tracing::error!(%error, "looking for a new certificate failed");
        }
        let days_left = tls.days_left(now_s);
        if days_left < WARN_DAYS && days_left != std::mem::replace(&mut warned, days_left) {
            tls.warn(now_s);
        }
    }
}

/// What is wrong with the certificate of a configuration, or how many days it has left; reads, and
/// changes nothing.
///
/// # Errors
/// A sentence that says what to do.
pub fn check(setting: &config::Tls, data: &Path, now_s: i64) -> Result<String, String> {
    let days = match setting {
        config::Tls::Files { cert, key } => {
            let read = Certificate::read(cert, key, &aws_lc_rs::default_provider());
            let certificate = read.map_err(|error| error.to_string())?;
            if let Some(wrong) = wrong(&certificate, now_s) {
                return Err(wrong);
            }
            certificate.days_left(now_s)
        }
        config::Tls::Own => match Authority::find(data).map_err(|error| error.to_string())? {
            None => return Ok("a local authority will be made at the first start".into()),
            Some(authority) => (authority.not_after - now_s).div_euclid(DAY_S),
        },
    };
    match (setting, days) {
        (config::Tls::Files { .. }, days) => Ok(format!("good for {days} more days")),
        (config::Tls::Own, 0..) => Ok(format!("the local authority is good for {days} more days")),
        (config::Tls::Own, _) => {
            let path = authority::path(data);
            Err(format!(
                "the local authority has expired; remove {}, start the server, and install the \
                 new one on every device",
                path.display()
            ))
        }
    }
}

/// The names that the authority may vouch for.
fn vouched(authority: &Authority, names: Names) -> Names {
    names.into_iter().filter(|name| authority.covers(name)).collect()
}

/// What is wrong with the time of a certificate, in a sentence.
fn wrong(certificate: &Certificate, now_s: i64) -> Option<String> {
    if certificate.not_before > now_s {
        let days = (certificate.not_before - now_s).div_euclid(DAY_S) + 1;
        return Some(format!("the certificate is good only in {days} days; check the clock"));
    }
    match certificate.days_left(now_s) {
        ..0 => Some("the certificate has expired: browsers refuse it".into()),
        days @ 0..WARN_DAYS => Some(format!("the certificate expires in {days} days")),
        _ => None,
    }
}

fn server_config(
    provider: &Arc<CryptoProvider>,
    shown: Arc<Shown>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_no_client_auth()
        .with_cert_resolver(shown);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // Who comes back, as every phone does all day, need not be shown the certificate again; and
    // the server remembers nobody for that.
    config.ticketer = aws_lc_rs::Ticketer::new()?;
    Ok(Arc::new(config))
}

#[cfg(test)]
pub(crate) mod tests;
