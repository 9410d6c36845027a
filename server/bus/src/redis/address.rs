//! Which Redis: the text of an operator's setting.

use std::{fmt, path::Path, str::FromStr, sync::Arc};

use redis::{Client, ConnectionInfo, IntoConnectionInfo, TlsCertificates, io::tcp::TcpSettings};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem, pem::PemObject},
};
use rustls_platform_verifier::BuilderVerifierExt;

use super::{
    line::Server,
    plan::{Kind, Sources},
};

/// The port of a Sentinel whose address names none.
const SENTINEL_PORT: u16 = 26_379;

/// The address of a Redis.
///
/// - `redis://[[USER]:PASSWORD@]HOST[:PORT]` is one server,
/// - `redis-cluster://[[USER]:PASSWORD@]HOST[:PORT],HOST[:PORT]…` some servers of a Cluster,
/// - `redis-sentinel://[[USER]:PASSWORD@]HOST[:PORT],HOST[:PORT]…/MASTER` some Sentinels and the
///   name of their master; user and password are those of the master.
///
/// `rediss`, `rediss-cluster` and `rediss-sentinel` use TLS. In user and password, `%40` stands for
/// `@` and so on. Shown, the password is left out.
///
/// The server is Redis 6 or later, of a Cluster 7 or later. The user needs the channels
/// `&carillon:*` and the commands `+subscribe +publish`, in a Cluster `+ssubscribe +spublish
/// +cluster|slots`.
#[derive(Clone)]
pub struct Address {
    kind: Kind,
    scheme: String,
    servers: Vec<ConnectionInfo>,
}

/// It is not the address of a Redis, or what belongs to it cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// The text is of another form.
    #[error(
        "expected redis://HOST:PORT, redis-cluster://HOST:PORT,HOST:PORT or \
         redis-sentinel://HOST:PORT,HOST:PORT/MASTER (with rediss for TLS): {0}"
    )]
    Form(&'static str),
    /// The name would not be a name.
    #[error("expected a namespace of 1 to 64 letters, digits, `_`, `-` and `.`")]
    Namespace,
    /// The authorities cannot be used.
    #[error("the file of certificates cannot be used: {0}")]
    Authorities(String),
}

impl FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Address, BadAddress> {
        let form = BadAddress::Form;
        let (scheme, rest) = text.split_once("://").ok_or(form("there is no ://"))?;
        if rest.contains(['#', '?']) {
            return Err(form(
                "`#` and `?` have no meaning here, and are %23 and %3F in a password",
            ));
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (tls, kind) = match scheme {
            "redis" | "rediss" => ("s", Kind::Single),
            "redis-cluster" | "rediss-cluster" => ("s", Kind::Cluster),
            "redis-sentinel" | "rediss-sentinel" => ("s", Kind::Sentinel(path.to_owned())),
            _ => return Err(form("the scheme is none of these")),
        };
        let tls = if scheme.starts_with("rediss") { tls } else { "" };
        match &kind {
            Kind::Sentinel(master) if master.is_empty() => {
                return Err(form("the name of the master is missing"));
            }
            Kind::Sentinel(_) => {}
            // Databases have numbers, but all of them have the same channels.
            _ if path.trim_end_matches('/').parse::<u16>().is_ok() || path.is_empty() => {}
            _ => return Err(form("nothing but a number may follow the host")),
        }
        let (login, hosts) = match authority.rsplit_once('@') {
            Some((login, hosts)) => (format!("{login}@"), hosts),
            None => (String::new(), authority),
        };
        let servers: Vec<ConnectionInfo> = hosts
            .split(',')
            .map(|host| server(&format!("redis{tls}://{login}{}", with_port(host, &kind))))
            .collect::<Option<_>>()
            .ok_or(form("a host, a port, the user or the password cannot be read"))?;
        if kind == Kind::Single && servers.len() > 1 {
            return Err(form("several hosts are a redis-cluster or redis-sentinel"));
        }
        Ok(Address { kind, scheme: scheme.to_owned(), servers })
    }
}

/// A Sentinel without a port has its own default.
fn with_port(host: &str, kind: &Kind) -> String {
    let named = host.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
    if named || !matches!(kind, Kind::Sentinel(_)) {
        return host.to_owned();
    }
    format!("{host}:{SENTINEL_PORT}")
}

/// What redis-rs makes of the address of one server.
fn server(url: &str) -> Option<ConnectionInfo> {
    let info = redis::parse_redis_url(url)?.into_connection_info().ok()?;
    let settings = info.redis_settings().clone().set_skip_set_lib_name();
    let tcp = TcpSettings::default().set_nodelay(true);
    Some(info.set_redis_settings(settings).set_tcp_settings(tcp))
}

impl Address {
    /// The servers to ask first, ready to be connected to.
    pub(super) fn sources(&self, authorities: Option<&Path>) -> Result<Sources, BadAddress> {
        // Another provider may be in place already: a process has one.
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let unusable = |error: &dyn fmt::Display| BadAddress::Authorities(error.to_string());
        let root_cert =
            authorities.map(std::fs::read).transpose().map_err(|error| unusable(&error))?;
        let tls = Arc::new(tls(root_cert.as_deref()).map_err(|error| unusable(&error))?);
        let certificates = TlsCertificates { client_tls: None, root_cert };
        let mut servers = Vec::new();
        for info in &self.servers {
            let info = info.clone();
            let client = match authorities {
                Some(_) => Client::build_with_tls(info, certificates.clone()),
                None => Client::open(info),
            };
            servers.push(Server::new(client.map_err(|error| unusable(&error))?, Arc::clone(&tls)));
        }
        Ok(Sources::new(self.kind.clone(), servers))
    }
}

/// Whom a server's certificate may be signed by: these, or who the system says.
fn tls(authorities: Option<&[u8]>) -> Result<ClientConfig, BadAuthorities> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config?;
    let Some(pem) = authorities else {
        return Ok(config.with_platform_verifier()?.with_no_client_auth());
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        roots.add(certificate?)?;
    }
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
enum BadAuthorities {
    #[error(transparent)]
    Pem(#[from] pem::Error),
    #[error(transparent)]
    Tls(#[from] rustls::Error),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<String> = self.servers.iter().map(|i| i.addr().to_string()).collect();
        write!(f, "{}://{}", self.scheme, hosts.join(","))?;
        match &self.kind {
            Kind::Sentinel(master) => write!(f, "/{master}"),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        text.parse::<Address>().unwrap().to_string()
    }

    #[test]
    fn an_address_is_shown_without_its_password() {
        for text in [
            "redis://127.0.0.1:6379",
            "rediss://cache.example:6380",
            "redis-cluster://a:7000,b:7001",
            "rediss-sentinel://a:26379,b:5000/main",
        ] {
            assert_eq!(shown(text), text);
            let secret = text.replacen("://", "://me:p%40ss@", 1);
            let address: Address = secret.parse().unwrap();
            assert_eq!(address.to_string(), text);
            assert_eq!(format!("{address:?}"), text);
            assert_eq!(address.servers[0].redis_settings().password(), Some("p@ss"));
        }
    }

    #[test]
    fn ports_have_their_usual_numbers() {
        assert_eq!(shown("redis://one/0"), "redis://one:6379");
        assert_eq!(shown("redis-cluster://one,two:7"), "redis-cluster://one:6379,two:7");
        assert_eq!(shown("redis-sentinel://a,b:7/m"), "redis-sentinel://a:26379,b:7/m");
    }

    #[test]
    fn what_is_no_address_is_refused_without_repeating_it() {
        for text in [
            "hush@host",
            "http://hush@host",
            "redis://hush@",
            "redis://:hush@one,two",
            "redis://:hush@host/folder",
            "redis://:hush@host:port",
            "redis://:hush#@host",
            "redis-sentinel://:hush@one",
        ] {
            let error = text.parse::<Address>().unwrap_err();
            assert!(!error.to_string().contains("hush"), "{error}");
        }
    }
}
