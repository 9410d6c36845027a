//! Which addresses may be talked to. Only these functions decide that, and they only decide.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// What an operator allows besides the public internet on the ports of the web.
///
/// Without a setting, nothing inside the operator's own networks can be reached: whoever may
/// configure an address (a hook, a push subscription, a provider) could otherwise make the server
/// ask its neighbours.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    networks: Vec<IpNet>,
    ports: Vec<u16>,
}

/// An address that may not be talked to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{address} is {range}, which is not on the public internet: use another address, or ask the \
     operator to list its network in `egress.allow`"
)]
pub struct Denied {
    /// The address as it would have been used.
    pub address: IpAddr,
    /// What stands there, in words.
    pub range: &'static str,
}

/// Ranges of IPv4 that are not the public internet (the registry of RFC 6890, and what stands in
/// nobody's route).
const SPECIAL_V4: [(Ipv4Net, &str); 15] = [
    (v4(0, 0, 0, 0, 8), "an address of this host"),
    (v4(10, 0, 0, 0, 8), "a private address"),
    (v4(100, 64, 0, 0, 10), "an address shared behind a carrier"),
    (v4(127, 0, 0, 0, 8), "a loopback address"),
    (v4(169, 254, 0, 0, 16), "a link-local address"),
    (v4(172, 16, 0, 0, 12), "a private address"),
    (v4(192, 0, 0, 0, 24), "an address for protocols"),
    (v4(192, 0, 2, 0, 24), "an address for documentation"),
    (v4(192, 88, 99, 0, 24), "a relay of 6to4"),
    (v4(192, 168, 0, 0, 16), "a private address"),
    (v4(198, 18, 0, 0, 15), "an address for measurements"),
    (v4(198, 51, 100, 0, 24), "an address for documentation"),
    (v4(203, 0, 113, 0, 24), "an address for documentation"),
    (v4(224, 0, 0, 0, 4), "a multicast address"),
    (v4(240, 0, 0, 0, 4), "a reserved address"),
];

/// Ranges of IPv6 by name. What lies outside of [`GLOBAL_V6`] is denied with or without a name.
const SPECIAL_V6: [(Ipv6Net, &str); 13] = [
    (v6([0; 8], 128), "the unspecified address"),
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), "a loopback address"),
    (v6([0, 0, 0, 0, 0, 0xffff, 0, 0], 96), "an IPv4 address inside of an IPv6 address"),
    (v6([0; 8], 96), "an IPv4 address inside of an IPv6 address"),
    (NAT64, "an address behind NAT64"),
    (v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), "an address behind NAT64"),
    // With Teredo, ORCHID and the rest of what is assigned to protocols.
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), "an address for protocols"),
    (v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), "an address for documentation"),
    (v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), "an address of 6to4"),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), "an address for documentation"),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), "a private address"),
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), "a link-local address"),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), "a multicast address"),
];

/// All that is given out for the public internet.
const GLOBAL_V6: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);
/// Where a network that speaks only IPv6 finds the hosts of IPv4 (RFC 6052).
const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);

/// Where clouds tell a machine its own secrets: Amazon, Google and Azure (which has a public
/// address too), Alibaba, Oracle. Some lie in networks that operators have reason to allow.
const METADATA: [IpAddr; 6] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];
const METADATA_NAME: &str = "where a cloud keeps the secrets of a machine";

/// The ports of the web.
const PORTS: [u16; 2] = [80, 443];

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6(s: [u16; 8], length: u8) -> Ipv6Net {
    let address = Ipv6Addr::new(s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]);
    Ipv6Net::new_assert(address, length)
}

/// An entry of the operator's list is not a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a network: write 10.1.0.0/16, or one address")]
pub struct BadNetwork(pub String);

impl Guard {
    /// Reads an operator's list: networks as `10.1.0.0/16`, or single addresses.
    ///
    /// # Errors
    /// [`BadNetwork`], with the entry.
    pub fn read<S: AsRef<str>>(allow: &[S], ports: Vec<u16>) -> Result<Guard, BadNetwork> {
        let network = |text: &S| {
            let text = text.as_ref().trim();
            let alone = text.parse::<IpAddr>().map(IpNet::from);
            alone.or_else(|_| text.parse()).map_err(|_| BadNetwork(text.to_owned()))
        };
        let networks = allow.iter().map(network).collect::<Result<_, _>>()?;
        Ok(Guard::new(networks, ports))
    }

    /// The public internet, and these networks and ports.
    pub fn new(networks: Vec<IpNet>, ports: Vec<u16>) -> Guard {
        Guard { networks, ports }
    }

    /// Whether this address may be talked to.
    ///
    /// The addresses of clouds' metadata must be listed by themselves: a network that contains one
    /// does not allow it. Behind NAT64 both the network and the IPv4 address inside must be
    /// allowed.
    ///
    /// # Errors
    /// [`Denied`], with the name of the range.
    pub fn allowed(&self, address: IpAddr) -> Result<(), Denied> {
        let denied = |range| Err(Denied { address, range });
        if METADATA.contains(&address) {
            let alone = self.networks.contains(&IpNet::from(address));
            return if alone { Ok(()) } else { denied(METADATA_NAME) };
        }
        let Some(range) = special(address) else { return Ok(()) };
        if !self.networks.iter().any(|network| network.contains(&address)) {
            return denied(range);
        }
        match address {
            IpAddr::V6(inner) if NAT64.contains(&inner) => self.allowed(embedded(inner).into()),
            _ => Ok(()),
        }
    }

    /// Whether this port may be talked to: those of the web, and the listed ones.
    pub fn allows_port(&self, port: u16) -> bool {
        PORTS.contains(&port) || self.ports.contains(&port)
    }
}

/// What an address is, when it is not on the public internet.
fn special(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => {
            SPECIAL_V4.iter().find(|(net, _)| net.contains(&address)).map(|(_, name)| *name)
        }
        IpAddr::V6(address) => {
            let named = SPECIAL_V6.iter().find(|(net, _)| net.contains(&address));
            let unnamed = (!GLOBAL_V6.contains(&address)).then_some("an address in nobody's use");
            named.map(|(_, name)| *name).or(unnamed)
        }
    }
}

/// The IPv4 address in the last four bytes.
fn embedded(address: Ipv6Addr) -> Ipv4Addr {
    let [.., a, b, c, d] = address.octets();
    Ipv4Addr::new(a, b, c, d)
}

#[cfg(test)]
mod tests;
