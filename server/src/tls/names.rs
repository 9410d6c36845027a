//! What this machine is called, and for what names an authority of ours may vouch.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
};

use http::Uri;
use rcgen::{CidrSubnet, GeneralSubtree};
use x509_parser::{certificate::X509Certificate, extensions::GeneralName};

use crate::config::WebOrigin;

/// What people type to reach a machine: names in lower case, and addresses.
pub type Names = BTreeSet<String>;

/// More than people can tell apart; a machine with more networks has something else in front.
const NAMES_MAX: usize = 64;
/// Names that mean something only inside a network.
const LOCAL: [&str; 5] = ["home.arpa", "internal", "lan", "local", "localhost"];
/// Addresses that mean something only inside a network.
const PRIVATE: [(IpAddr, u8); 9] = [
    (IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0)), 8),
    (IpAddr::V4(Ipv4Addr::new(100, 64, 0, 0)), 10),
    (IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8),
    (IpAddr::V4(Ipv4Addr::new(169, 254, 0, 0)), 16),
    (IpAddr::V4(Ipv4Addr::new(172, 16, 0, 0)), 12),
    (IpAddr::V4(Ipv4Addr::new(192, 168, 0, 0)), 16),
    (IpAddr::V6(Ipv6Addr::LOCALHOST), 128),
    (IpAddr::V6(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0)), 7),
    (IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0)), 10),
];
/// An address of the documentation's block (RFC 5737): the way to it is the way out.
const ELSEWHERE: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 1), 9);

/// Everything that this machine answers to.
pub fn of_this_machine(public_url: Option<&WebOrigin>, listen: IpAddr) -> Names {
    let own = ["localhost", "127.0.0.1", "::1"].map(String::from);
    let named = public_url.and_then(host_of);
    let node = rustix::system::uname().nodename().to_string_lossy().to_ascii_lowercase();
    let local = node.split('.').next().map(|first| format!("{first}.local"));
    let listen = (!listen.is_unspecified()).then(|| listen.to_string());
    let names = own.into_iter().chain(named).chain([node]).chain(local).chain(listen);
    let addresses = addresses().into_iter().map(|address| address.to_string());
    names.chain(addresses).filter(|name| is_name(name)).take(NAMES_MAX).collect()
}

/// Where others in the network find what listens here.
pub fn in_the_network(listen: SocketAddr) -> SocketAddr {
    if !listen.ip().is_unspecified() {
        return listen;
    }
    // Connecting a datagram socket sends nothing: it asks which address would be used.
    let way_out = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| {
        socket.connect(ELSEWHERE)?;
        socket.local_addr()
    });
    let way_out = way_out.map(|found| found.ip()).ok().filter(|ip| !ip.is_loopback());
    let found = way_out.or_else(|| addresses().into_iter().next());
    SocketAddr::new(found.unwrap_or(Ipv4Addr::LOCALHOST.into()), listen.port())
}

/// The host of an origin, without its port.
pub fn host_of(origin: &WebOrigin) -> Option<String> {
    let uri: Uri = origin.as_str().parse().ok()?;
    Some(uri.host()?.trim_matches(['[', ']']).to_owned())
}

/// The addresses of this machine's networks, IPv4 first. An address that needs the name of an
/// interface beside it is none that a person can type.
fn addresses() -> BTreeSet<IpAddr> {
    let found = if_addrs::get_if_addrs().unwrap_or_else(|error| {
        tracing::warn!(%error, "the addresses of this machine cannot be listed");
        Vec::new()
    });
    let usable = found.iter().map(if_addrs::Interface::ip).filter(|ip| !ip.is_loopback());
    usable.filter(|ip| !matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local())).collect()
}

/// Whether it can stand in a certificate.
fn is_name(name: &str) -> bool {
    let letters = |label: &str| label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let label = |label: &str| (1..=63).contains(&label.len()) && letters(label);
    name.parse::<IpAddr>().is_ok() || (name.len() <= 253 && name.split('.').all(label))
}

/// Names that belong together: all below one, or all addresses of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subtree {
    /// The name, and whatever ends with a dot and the name.
    Below(String),
    /// The addresses that begin with so many bits of this one.
    Block(IpAddr, u8),
}

impl Subtree {
    /// What an authority that is made now may vouch for: what means something only inside a
    /// network, and what this machine is called already. With its key nobody can pretend to be
    /// anything else in the world.
    pub fn for_an_authority(names: &Names) -> Vec<Subtree> {
        let local = LOCAL.iter().map(|name| Subtree::Below((*name).to_owned()));
        let private = PRIVATE.iter().map(|(address, bits)| Subtree::Block(*address, *bits));
        let mut all: Vec<Subtree> = local.chain(private).collect();
        for name in names {
            if !all.iter().any(|subtree| subtree.covers(name)) {
                all.push(match name.parse::<IpAddr>() {
                    Ok(address @ IpAddr::V4(_)) => Subtree::Block(address, 32),
                    Ok(address @ IpAddr::V6(_)) => Subtree::Block(address, 128),
                    Err(_) => Subtree::Below(name.clone()),
                });
            }
        }
        all
    }

    /// What the authority of this certificate may vouch for; nothing where it is not bound.
    pub fn of(authority: &X509Certificate<'_>) -> Option<Vec<Subtree>> {
        let bounds = authority.name_constraints().ok()??;
        let permitted = bounds.value.permitted_subtrees.as_ref()?;
        let subtrees = permitted.iter().filter_map(|subtree| match subtree.base {
            GeneralName::DNSName(name) => Some(Subtree::Below(name.to_owned())),
            GeneralName::IPAddress(bytes) => block(bytes),
            _ => None,
        });
        Some(subtrees.collect())
    }

    /// Whether the name belongs to it.
    pub fn covers(&self, name: &str) -> bool {
        match (self, name.parse::<IpAddr>()) {
            (Subtree::Below(top), Err(_)) => {
                name.strip_suffix(top.as_str()).is_some_and(|r| r.is_empty() || r.ends_with('.'))
            }
            (Subtree::Block(IpAddr::V4(block), bits), Ok(IpAddr::V4(v4))) => {
                let differ = block.to_bits() ^ v4.to_bits();
                differ.leading_zeros() >= u32::from(*bits)
            }
            (Subtree::Block(IpAddr::V6(block), bits), Ok(IpAddr::V6(v6))) => {
                let differ = block.to_bits() ^ v6.to_bits();
                differ.leading_zeros() >= u32::from(*bits)
            }
            _ => false,
        }
    }

    /// As a certificate has it.
    pub fn to_general(&self) -> GeneralSubtree {
        match self {
            Subtree::Below(name) => GeneralSubtree::DnsName(name.clone()),
            Subtree::Block(address, bits) => {
                GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(*address, *bits))
            }
        }
    }
}

/// An address and its mask, one behind the other.
fn block(bytes: &[u8]) -> Option<Subtree> {
    let (address, mask) = bytes.split_at(bytes.len() / 2);
    let bits = mask.iter().map(|byte| byte.leading_ones() as u8).sum();
    let v4 = <[u8; 4]>::try_from(address).map(IpAddr::from);
    let address = v4.or_else(|_| <[u8; 16]>::try_from(address).map(IpAddr::from)).ok()?;
    Some(Subtree::Block(address, bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_answers_to_its_own_name_and_to_where_it_listens() {
        let origin = WebOrigin::try_from("https://chat.example.org:8443".to_owned()).unwrap();
        let names = of_this_machine(Some(&origin), [192, 0, 2, 7].into());
        for name in ["localhost", "127.0.0.1", "::1", "chat.example.org", "192.0.2.7"] {
            assert!(names.contains(name), "{name}: {names:?}");
        }
        assert!(names.iter().any(|name| name.ends_with(".local")), "{names:?}");
        assert!(!of_this_machine(None, Ipv6Addr::UNSPECIFIED.into()).contains("::"));
    }

    #[test]
    fn an_authority_vouches_for_networks_inside_and_for_the_names_it_was_made_with() {
        let names = Names::from(["chat.example.org".into(), "203.0.113.9".into()]);
        let subtrees = Subtree::for_an_authority(&names);
        let covers = |name: &str| subtrees.iter().any(|subtree| subtree.covers(name));
        for name in ["localhost", "shop.local", "192.168.1.5", "fd00::5", "10.1.2.3"] {
            assert!(covers(name), "{name}");
        }
        assert!(covers("chat.example.org") && covers("203.0.113.9"));
        for name in ["example.org", "xchat.example.org", "203.0.113.8", "8.8.8.8", "2001:db8::1"] {
            assert!(!covers(name), "{name}");
        }
    }

    #[test]
    fn what_cannot_stand_in_a_certificate_is_left_out() {
        for name in ["", "a b", "under_score", "a..b", "münchen", "*.local"] {
            assert!(!is_name(name), "{name}");
        }
    }
}
