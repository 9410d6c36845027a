//! Where a node is, and the way to it: TCP, and TLS over it.

use std::{io, str::FromStr, sync::Arc};

use rustls::{ClientConfig, crypto::aws_lc_rs, pki_types::ServerName};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;
use tungstenite::http::Uri;

/// An address that leads to no node.
#[derive(Debug, thiserror::Error)]
#[error("expected an address like https://chat.example.org or http://127.0.0.1:8080: {0}")]
pub struct BadAddress(String);

/// The address of a node, taken apart.
#[derive(Debug, Clone)]
pub struct Address {
    /// `host:port`.
    authority: String,
    /// `ws://host:port`, and the path before `/v1`, mostly none.
    base: String,
    tls: Option<Tls>,
}

/// How TLS is spoken with a node: one for all connections to it.
#[derive(Debug, Clone)]
struct Tls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl FromStr for Address {
    type Err = BadAddress;

    /// `http`, `https`, `ws` and `wss` addresses. Over TLS, the node's certificate must be one that
    /// this machine trusts.
    fn from_str(text: &str) -> Result<Address, BadAddress> {
        let bad = |why: &str| BadAddress(why.to_owned());
        let uri: Uri = text.parse().map_err(|_| bad("this is none"))?;
        let (scheme, port) = match uri.scheme_str() {
            Some("http" | "ws") => ("ws", 80),
            Some("https" | "wss") => ("wss", 443),
            _ => return Err(bad("it begins with https:// or http://")),
        };
        let host = uri.host().ok_or_else(|| bad("the host is missing"))?;
        let authority = format!("{host}:{}", uri.port_u16().unwrap_or(port));
        let tls = match scheme {
            "wss" => Some(Tls {
                name: ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
                    .map_err(|_| bad("no certificate can be for such a host"))?,
                config: Arc::new(trusting().map_err(|why| BadAddress(why.to_string()))?),
            }),
            _ => None,
        };
        let path = uri.path().trim_end_matches('/');
        Ok(Address { base: format!("{scheme}://{authority}{path}"), authority, tls })
    }
}

impl Address {
    /// The host with its port, for logs.
    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    /// Where processes of a plugin link themselves.
    pub(super) fn link(&self, plugin: &str) -> String {
        format!("{}/v1/plugin/{plugin}", self.base)
    }

    /// Connects, and shakes hands if it is with TLS.
    pub(super) async fn connect(&self) -> io::Result<Stream> {
        let stream = TcpStream::connect(&self.authority).await?;
        stream.set_nodelay(true)?;
        let Some(Tls { config, name }) = self.tls.clone() else { return Ok(Box::new(stream)) };
        Ok(Box::new(TlsConnector::from(config).connect(name, stream).await?))
    }
}

/// A connection, whatever it is made of.
pub(super) type Stream = Box<dyn Duplex>;

/// Both directions of a connection.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// Trusts whom this machine trusts.
fn trusting() -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_platform_verifier()?;
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_a_node_leads_to_where_processes_link_themselves() {
        for (text, link) in [
            ("http://127.0.0.1:8080", "ws://127.0.0.1:8080/v1/plugin/poll"),
            ("ws://[::1]/", "ws://[::1]:80/v1/plugin/poll"),
            ("http://h:81/chat", "ws://h:81/chat/v1/plugin/poll"),
        ] {
            assert_eq!(text.parse::<Address>().unwrap().link("poll"), link);
        }
        for text in ["h:8080", "", "ftp://h", "127.0.0.1"] {
            let refused = text.parse::<Address>().unwrap_err().to_string();
            assert!(refused.contains("https://chat.example.org"), "{text}: {refused}");
        }
    }
}
