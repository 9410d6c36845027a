//! How the sound and the pictures of meetings reach people.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use axum::http::Uri;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use super::{Config, WebOrigin};

/// The first UDP port of an installation whose operator says nothing else: what others use for it,
/// so firewalls may have it open already.
const PORT: u16 = 7882;

/// How the sound and the pictures of meetings reach people. They do not go through the proxy that
/// HTTP goes through: people send them to this node itself. A node that people reach without a
/// proxy also takes them at the port of its HTTPS, for networks that let nothing else out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rooms {
    /// The port for UDP and TCP of the first thread that carries them, and one more for each
    /// further thread: firewalls let them in. With 0 it is a free one, and also if `listen` asks
    /// for a free one.
    pub port: u16,
    /// The addresses that people reach this node at, if they are not the machine's own, as in a
    /// container or behind a router that translates addresses.
    #[schemars(with = "Vec<String>", example = &["203.0.113.7"])]
    pub addresses: Vec<IpAddr>,
    /// How many threads carry them; 0 means one for each core but one.
    pub threads: u8,
    /// How many people one thread carries at most. Where that is reached, another node carries the
    /// next room; with 0 this one carries none at all.
    pub people_max: u32,
    /// Servers that relay for people whose network lets nothing else out, as coturn does: `turn:`
    /// or `turns:` and a host. People reach the node without one, unless UDP and the port are shut.
    #[schemars(with = "Vec<String>", example = &["turns:relay.example.org:443?transport=tcp"])]
    pub relays: Vec<Relay>,
    /// What the relays know too (`static-auth-secret` of coturn): people are given names and
    /// passwords that are made of it and hold for twelve hours.
    #[schemars(with = "Option<String>", example = &"a long secret")]
    pub relay_secret: Option<RelaySecret>,
}

impl Default for Rooms {
    fn default() -> Rooms {
        Rooms {
            port: PORT,
            addresses: Vec::new(),
            threads: 0,
            people_max: carillon_sfu::PEOPLE_MAX as u32,
            relays: Vec::new(),
            relay_secret: None,
        }
    }
}

impl Rooms {
    /// Where the first thread listens, beside a server that listens there. Who says where people
    /// reach it is reached from elsewhere, whatever stands before the server's own port.
    pub fn listen(&self, server: SocketAddr) -> SocketAddr {
        let ip = match self.addresses.first() {
            None => server.ip(),
            Some(_) if self.addresses.iter().all(IpAddr::is_ipv4) => Ipv4Addr::UNSPECIFIED.into(),
            Some(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        SocketAddr::new(ip, if server.port() == 0 { 0 } else { self.port })
    }

    /// How many threads there are on a machine with so many cores: one core is for everything else.
    pub fn threads(&self, cores: usize) -> usize {
        match self.threads {
            0 => cores.saturating_sub(1).max(1),
            threads => threads.into(),
        }
    }
}

impl Config {
    /// The port at which people who know where this node carries media reach its own listener, for
    /// media over TCP; nothing if somebody stands before it.
    pub fn media_door(&self, listens: SocketAddr) -> Option<u16> {
        let url = self.public_url.as_ref();
        let is_ours = |url: &WebOrigin| url.is_https() == self.tls.is_some();
        let is_behind = !self.trusted_proxies.is_empty() || !url.is_none_or(is_ours);
        let is_hidden = listens.ip().is_loopback() && !self.rooms.addresses.is_empty();
        if is_behind || is_hidden {
            return None;
        }
        let Some(url) = url else { return Some(listens.port()) };
        let port = url.as_str().parse::<Uri>().ok()?.port_u16();
        Some(port.unwrap_or(if url.is_https() { 443 } else { 80 }))
    }
}

/// The address of a server that relays, as browsers name it (RFC 7065).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Relay(String);

impl Relay {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Relay> for String {
    fn from(relay: Relay) -> String {
        relay.0
    }
}

impl TryFrom<String> for Relay {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Relay, Self::Error> {
        let host = text.strip_prefix("turn:").or_else(|| text.strip_prefix("turns:"));
        let fits = |host: &str| host.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[');
        let fits = host.is_some_and(fits) && text.chars().all(|c| c.is_ascii_graphic());
        fits.then_some(Relay(text)).ok_or("expected turn: or turns: and a host")
    }
}

/// What this node and the relays know; never shown.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct RelaySecret(String);

impl RelaySecret {
    /// The whole of it, for who makes passwords of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for RelaySecret {
    type Error = &'static str;

    fn try_from(text: String) -> Result<RelaySecret, Self::Error> {
        (!text.is_empty()).then_some(RelaySecret(text)).ok_or("expected a secret")
    }
}

impl fmt::Debug for RelaySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Serialize for RelaySecret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Tls;

    #[test]
    fn media_are_where_the_server_is_unless_people_reach_it_elsewhere() {
        let server: SocketAddr = "127.0.0.1:8080".parse().unwrap();
        let mut rooms = Rooms::default();
        assert_eq!(rooms.listen(server).to_string(), "127.0.0.1:7882");
        assert_eq!(rooms.listen("0.0.0.0:0".parse().unwrap()).to_string(), "0.0.0.0:0");
        rooms.addresses = vec!["203.0.113.7".parse().unwrap()];
        assert_eq!(rooms.listen(server).to_string(), "0.0.0.0:7882");
        rooms.addresses.push("2001:db8::7".parse().unwrap());
        assert_eq!(rooms.listen(server).to_string(), "[::]:7882");
    }

    #[test]
    fn the_servers_own_port_is_a_way_for_media_unless_somebody_stands_before_it() {
        let door = |listen: &str, change: &dyn Fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            config.media_door(listen.parse().unwrap())
        };
        let url = |config: &mut Config, url: &str| {
            config.public_url = Some(url.to_owned().try_into().unwrap());
        };
        let own = |config: &mut Config| config.tls = Some(Tls::Own);
        assert_eq!(door("0.0.0.0:8443", &|_| {}), Some(8_443));
        let https = "https://chat.example.org";
        assert_eq!(door("0.0.0.0:8443", &|it| (own(it), url(it, https)).0), Some(443));
        let with_port = "https://chat.example.org:8443";
        assert_eq!(door("[::]:443", &|it| (own(it), url(it, with_port)).0), Some(8_443));
        assert_eq!(door("0.0.0.0:80", &|it| url(it, "http://chat.example.org")), Some(80));
        // A proxy has the certificate, or says so.
        assert_eq!(door("0.0.0.0:8080", &|it| url(it, https)), None);
        let proxy = |it: &mut Config| it.trusted_proxies = vec!["10.0.0.1".parse().unwrap()];
        assert_eq!(door("0.0.0.0:8080", &proxy), None);
        let elsewhere = |it: &mut Config| it.rooms.addresses = vec!["203.0.113.7".parse().unwrap()];
        assert_eq!(door("127.0.0.1:8080", &elsewhere), None);
        assert_eq!(door("0.0.0.0:8443", &elsewhere), Some(8_443));
    }

    #[test]
    fn one_core_is_left_for_everything_else() {
        let mut rooms = Rooms::default();
        assert_eq!([1, 2, 8].map(|cores| rooms.threads(cores)), [1, 1, 7]);
        rooms.threads = 3;
        assert_eq!(rooms.threads(2), 3);
    }

    #[test]
    fn a_relay_is_turn_and_its_secret_is_not_shown() {
        for good in ["turn:relay.example.org", "turns:[2001:db8::7]:443?transport=tcp"] {
            assert_eq!(Relay::try_from(good.to_owned()).unwrap().as_str(), good);
        }
        for bad in ["", "turn:", "stun:relay.example.org", "https://relay", "turn:a b"] {
            assert!(Relay::try_from(bad.to_owned()).is_err(), "{bad}");
        }
        let secret = RelaySecret::try_from("hush".to_owned()).unwrap();
        assert_eq!(format!("{secret:?}"), "***");
        assert_eq!(serde_json::to_value(&secret).unwrap(), "***");
    }
}
