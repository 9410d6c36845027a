//! Which server, and the way to it: TCP, and TLS over it.

use std::{io, sync::Arc};

use rustls::{
    CertificateError, ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::http::Uri;

use crate::Error;

/// A server: its address, and who vouches for it.
#[derive(Debug, Clone)]
pub struct Server {
    pub(crate) url: String,
    ca: Option<Vec<u8>>,
}

impl Server {
    /// A server at an address like `https://chat.example.org`. Over `https://` and `wss://` it
    /// must have a certificate that this machine trusts, or one that [`Server::ca`] names.
    pub fn new(url: impl Into<String>) -> Server {
        Server { url: url.into(), ca: None }
    }

    /// Trusts the authority of these certificates (PEM), and no other: for a server with a local
    /// authority, as `carillon serve --tls self` has it.
    pub fn ca(mut self, pem: impl Into<Vec<u8>>) -> Server {
        self.ca = Some(pem.into());
        self
    }
}

impl From<&str> for Server {
    fn from(url: &str) -> Server {
        Server::new(url)
    }
}

impl From<String> for Server {
    fn from(url: String) -> Server {
        Server::new(url)
    }
}

impl From<&String> for Server {
    fn from(url: &String) -> Server {
        Server::new(url)
    }
}

/// A server's address, taken apart.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    /// `host:port`, for TCP and the `Host` header.
    pub authority: String,
    /// The path before `/v1`, mostly empty.
    pub base: String,
    /// `ws://host:port/v1/ws`, for the upgrade.
    pub ws: String,
    tls: Option<Tls>,
}

/// How TLS is spoken with a server.
#[derive(Debug, Clone)]
struct Tls {
    /// One for all connections: a client that comes back goes on with the session it had.
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Address {
    /// Takes an address apart; reads, if it needs TLS, whom to trust.
    pub fn of(server: &Server) -> Result<Address, Error> {
        let bad = |why: &str| Error::Url(format!("{}: {why}", server.url));
        let uri: Uri =
            server.url.parse().map_err(|_| bad("expected an address like https://HOST"))?;
        let (ws, port) = match uri.scheme_str() {
            Some("http" | "ws") => ("ws", 80),
            Some("https" | "wss") => ("wss", 443),
            _ => return Err(bad("expected an address that begins with https:// or http://")),
        };
        let host = uri.host().ok_or_else(|| bad("the host is missing"))?;
        let authority = format!("{host}:{}", uri.port_u16().unwrap_or(port));
        let path = uri.path().trim_end_matches('/');
        let base = path.strip_suffix("/v1/ws").unwrap_or(path).to_owned();
        let tls = match ws {
            "wss" => {
                let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
                    .map_err(|_| bad("no certificate can be for such a host"))?;
                let config = trusting(server.ca.as_deref()).map_err(|why| bad(&why))?;
                Some(Tls { config: Arc::new(config), name })
            }
            _ => None,
        };
        Ok(Address { ws: format!("{ws}://{authority}{base}/v1/ws"), base, authority, tls })
    }

    /// Connects, and shakes hands if it is with TLS.
    pub async fn connect(&self) -> io::Result<Stream> {
        let stream = TcpStream::connect(&self.authority).await?;
        stream.set_nodelay(true)?;
        let Some(Tls { config, name }) = self.tls.clone() else { return Ok(Box::new(stream)) };
        let shaken = TlsConnector::from(config).connect(name, stream).await;
        Ok(Box::new(shaken.map_err(explained)?))
    }
}

/// A connection, whatever it is made of.
pub(crate) type Stream = Box<dyn Duplex>;

/// Both directions of a connection.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// Trusts these authorities, or if none are named, those that the machine trusts.
fn trusting(ca: Option<&[u8]>) -> Result<ClientConfig, String> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|why| why.to_string())?;
    let builder = match ca {
        Some(pem) => {
            let roots = roots(pem).map_err(|why| format!("the authority's certificate: {why}"))?;
            builder.with_root_certificates(roots)
        }
        None => builder.with_platform_verifier().map_err(|why| {
            format!("this machine trusts no authority, install some or name one with `ca`: {why}")
        })?,
    };
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn roots(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        roots.add(certificate.map_err(|why| why.to_string())?).map_err(|why| why.to_string())?;
    }
    if roots.is_empty() { Err("expected PEM".into()) } else { Ok(roots) }
}

/// Says what to do about the failures that people meet first.
fn explained(error: io::Error) -> io::Error {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    io::Error::other(match inner {
        Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            "nobody that is trusted here vouches for the server; if it has a local authority, \
             name that with `ca`"
        }
        Some(rustls::Error::InvalidMessage(_)) => {
            "what answers there does not speak TLS; is it an address with http://?"
        }
        _ => return error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(url: &str) -> Result<Address, Error> {
        Address::of(&url.into())
    }

    #[test]
    fn http_and_ws_addresses_lead_to_the_same_socket() {
        for url in ["http://h:81", "ws://h:81/", "http://h:81/v1/ws"] {
            let address = address(url).unwrap();
            assert_eq!((&*address.authority, &*address.ws), ("h:81", "ws://h:81/v1/ws"));
            assert!(address.tls.is_none());
        }
        assert_eq!(address("http://[::1]/chat").unwrap().ws, "ws://[::1]:80/chat/v1/ws");
    }

    #[test]
    fn what_is_no_address_says_what_one_looks_like() {
        for url in ["h:8080", "", "ftp://h"] {
            assert!(address(url).unwrap_err().to_string().contains("https://"), "{url}");
        }
    }

    #[test]
    fn what_is_no_certificate_is_refused_before_anything_is_sent() {
        for pem in ["", "no PEM at all"] {
            let refused = Address::of(&Server::new("https://h").ca(pem)).unwrap_err().to_string();
            assert!(refused.contains("expected PEM"), "{refused}");
        }
    }
}
