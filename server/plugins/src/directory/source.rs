//! Where somebody tries passwords from.

use std::net::IpAddr;

use carillon_plugin::Caller;
use carillon_protocol::UserId;

/// Who shares a fate with whoever guesses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Source {
    /// Strangers of a network.
    Network(IpAddr),
    /// Somebody who is signed in, wherever: a thousand sockets are one person.
    Person(UserId),
    /// The node itself, and the command line beside it.
    Node,
}

impl Source {
    pub(super) fn of(caller: Caller) -> Source {
        match caller.network {
            _ if caller.is_system() => Source::Node,
            _ if !caller.is_stranger() => Source::Person(caller.user),
            Some(network) => Source::Network(network),
            None => Source::Node,
        }
    }

    /// The network, as the session that is opened there keeps it. A session that somebody is given
    /// says nothing about where they are.
    pub(super) fn network(self) -> Option<String> {
        match self {
            Source::Network(network) => Some(network.to_string()),
            Source::Person(_) | Source::Node => None,
        }
    }
}
