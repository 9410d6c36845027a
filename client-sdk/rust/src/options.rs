//! How a client is set up.

use std::path::PathBuf;

use carillon_protocol::{Codec, DeviceId};
use tokio_tungstenite::tungstenite::http::Uri;

use crate::Error;

/// Where to connect, as whom, and how.
#[derive(Clone)]
pub struct Options {
    pub(crate) url: String,
    pub(crate) token: String,
    pub(crate) state_dir: Option<PathBuf>,
    pub(crate) codec: Codec,
    pub(crate) device: Option<DeviceId>,
    pub(crate) tab: Option<String>,
    pub(crate) seed: Option<u64>,
}

impl Options {
    /// A server's address, as `http://127.0.0.1:8080`, and a bearer token or ticket.
    pub fn new(url: impl Into<String>, token: impl Into<String>) -> Options {
        Options {
            url: url.into(),
            token: token.into(),
            state_dir: None,
            codec: Codec::MsgPack,
            device: None,
            tab: None,
            seed: None,
        }
    }

    /// Keeps the outbox, the device id and what has been dealt with in this folder, so that a
    /// restart goes on where the program stopped. One program at a time; made if it is missing.
    pub fn state_dir(mut self, path: impl Into<PathBuf>) -> Options {
        self.state_dir = Some(path.into());
        self
    }

    /// How frames are written; MessagePack if not said.
    pub fn codec(mut self, codec: Codec) -> Options {
        self.codec = codec;
        self
    }

    /// The installation; if not said, the state folder's, or a new one for each client.
    pub fn device(mut self, device: DeviceId) -> Options {
        self.device = Some(device);
        self
    }

    /// Tells several connections of one installation apart.
    pub fn tab(mut self, tab: impl Into<String>) -> Options {
        self.tab = Some(tab.into());
        self
    }

    /// Makes jitter and the random part of new ids repeatable, for tests. Clients of one person
    /// need different seeds.
    pub fn seed(mut self, seed: u64) -> Options {
        self.seed = Some(seed);
        self
    }
}

/// The token stays out of logs.
impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("url", &self.url)
            .field("state_dir", &self.state_dir)
            .field("codec", &self.codec)
            .field("device", &self.device)
            .field("tab", &self.tab)
            .finish_non_exhaustive()
    }
}

/// A server's address, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// `host:port`, for TCP and the `Host` header.
    pub authority: String,
    /// The path before `/v1`, mostly empty.
    pub base: String,
    /// `ws://host:port/v1/ws`, for the upgrade.
    pub ws: String,
}

impl Address {
    pub fn parse(url: &str) -> Result<Address, Error> {
        let bad = |why: &str| Error::Url(format!("{url}: {why}"));
        let uri: Uri = url.parse().map_err(|_| bad("expected an address like http://HOST:PORT"))?;
        match uri.scheme_str() {
            Some("http" | "ws") => {}
            Some("https" | "wss") => {
                return Err(bad("this version has no TLS: use http:// behind a local TLS proxy"));
            }
            _ => return Err(bad("expected an address that begins with http:// or ws://")),
        }
        let host = uri.host().ok_or_else(|| bad("the host is missing"))?;
        let authority = format!("{host}:{}", uri.port_u16().unwrap_or(80));
        let path = uri.path().trim_end_matches('/');
        let base = path.strip_suffix("/v1/ws").unwrap_or(path).to_owned();
        Ok(Address { ws: format!("ws://{authority}{base}/v1/ws"), base, authority })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_and_ws_addresses_lead_to_the_same_socket() {
        for url in ["http://h:81", "ws://h:81/", "http://h:81/v1/ws"] {
            let address = Address::parse(url).unwrap();
            assert_eq!((&*address.authority, &*address.ws), ("h:81", "ws://h:81/v1/ws"));
        }
        assert_eq!(Address::parse("http://[::1]/chat").unwrap().ws, "ws://[::1]:80/chat/v1/ws");
    }

    #[test]
    fn an_address_with_tls_is_refused_with_the_reason() {
        let refused = Address::parse("wss://h").unwrap_err().to_string();
        assert!(refused.contains("no TLS"), "{refused}");
        assert!(Address::parse("h:8080").is_err());
        assert!(Address::parse("").is_err());
    }

    #[test]
    fn the_token_is_not_shown() {
        assert!(!format!("{:?}", Options::new("http://h", "secret")).contains("secret"));
    }
}
