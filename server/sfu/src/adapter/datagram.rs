//! Datagrams: where they go, and what they are.

use std::net::SocketAddr;

use str0m::ice::StunMessage;

use super::caught;

/// How datagrams travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Transport {
    Udp,
    Tcp,
}

/// Where somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Peer {
    pub(crate) transport: Transport,
    pub(crate) address: SocketAddr,
}

/// A datagram that is to be sent.
pub(crate) type Outgoing = (Peer, Vec<u8>);

/// Which connection a check of a way is for: the first half of its user name.
pub(crate) fn checked(datagram: &[u8]) -> Option<String> {
    // Checks begin with two zero bits and are of type 0 or 1, media and handshakes are not.
    if datagram.first().is_none_or(|first| *first >= 2) {
        return None;
    }
    let message = caught(|| StunMessage::parse(datagram)).ok()?.ok()?;
    message.split_username().map(|(local, _)| local.to_owned())
}

/// Whether a datagram is a packet of media, and not a report, a handshake or a check (RFC 7983 and
/// RFC 5761).
pub(crate) fn is_media(datagram: &[u8]) -> bool {
    matches!(datagram, [128..192, kind, ..] if !(64..96).contains(&(kind & 0x7f)))
}
