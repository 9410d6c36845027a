//! How the sound and the pictures of meetings reach people.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

/// The first UDP port of an installation whose operator says nothing else: what others use for it,
/// so firewalls may have it open already.
const PORT: u16 = 7882;

/// How the sound and the pictures of meetings reach people. They do not go through the proxy that
/// HTTP goes through: people send them to this node itself.
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
