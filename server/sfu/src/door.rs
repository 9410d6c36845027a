//! Connections that somebody else accepted, at a port where something else is spoken too: some
//! networks let nothing out but HTTPS, so media come to the port of HTTPS as well.
//!
//! Who comes for media begins with a check of the way (RFC 8445), with its length before it (RFC
//! 4571), and the check names the connection that it is for. That decides which thread goes on.

use std::{
    collections::HashMap,
    net::{SocketAddr, TcpStream},
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::adapter::checked;

/// The longest check with which somebody may begin: what fits into a datagram on every way (RFC
/// 8489, section 6.1).
const CHECK_LEN_MAX: usize = 548;
/// The length before it.
const PREFIX_LEN: usize = 2;
/// The head of a check (RFC 8489, section 5).
const HEAD_LEN: usize = 20;
/// What says in the head that it is one.
const COOKIE: [u8; 4] = 0x2112_A442_u32.to_be_bytes();

/// How much must be read to know whether it is a check.
pub const BEGINNING_LEN: usize = PREFIX_LEN + HEAD_LEN;

/// Whether a check may begin with this byte; TLS and HTTP never do.
pub const fn may_begin(first: u8) -> bool {
    first as usize <= CHECK_LEN_MAX >> 8
}

/// How long the check is that begins like this, with its length before it; nothing if it is none.
pub fn check_len(beginning: &[u8; BEGINNING_LEN]) -> Option<usize> {
    let (prefix, head) = beginning.split_first_chunk::<PREFIX_LEN>()?;
    let len = usize::from(u16::from_be_bytes(*prefix));
    // A request, of the kind "binding".
    let is_check = head[..2] == [0, 1] && head[4..8] == COOKIE;
    (is_check && (HEAD_LEN..=CHECK_LEN_MAX).contains(&len)).then_some(PREFIX_LEN + len)
}

/// A connection, and what was read of it: one check, with its length before it.
pub(crate) struct Handed {
    pub(crate) stream: TcpStream,
    pub(crate) peer: SocketAddr,
    pub(crate) frame: Vec<u8>,
}

impl Handed {
    /// Which connection the check is for.
    pub(crate) fn name(&self) -> Option<String> {
        self.frame.get(PREFIX_LEN..).and_then(checked)
    }
}

/// On which thread the connection is that checks call by a name. Threads write it, and read it
/// nowhere: their own table is theirs alone.
#[derive(Debug, Default)]
pub(crate) struct Names(Mutex<HashMap<String, usize>>);

impl Names {
    fn names(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        // Nothing in here panics between two changes that belong together.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn put(&self, name: &str, thread: usize) {
        self.names().insert(name.to_owned(), thread);
    }

    pub(crate) fn remove(&self, name: &str) {
        self.names().remove(name);
    }

    /// A thread begins anew.
    pub(crate) fn remove_all(&self, thread: usize) {
        self.names().retain(|_, on| *on != thread);
    }

    pub(crate) fn thread(&self, name: &str) -> Option<usize> {
        self.names().get(name).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beginning(len: u16, kind: [u8; 2], cookie: [u8; 4]) -> [u8; BEGINNING_LEN] {
        let mut bytes = [0; BEGINNING_LEN];
        bytes[..2].copy_from_slice(&len.to_be_bytes());
        bytes[2..4].copy_from_slice(&kind);
        bytes[6..10].copy_from_slice(&cookie);
        bytes
    }

    #[test]
    fn only_a_check_of_a_usual_length_is_one() {
        let len = |len, kind, cookie| check_len(&beginning(len, kind, cookie));
        assert_eq!(len(100, [0, 1], COOKIE), Some(102));
        assert_eq!(len(20, [0, 1], COOKIE), Some(22));
        assert_eq!(len(19, [0, 1], COOKIE), None);
        assert_eq!(len(549, [0, 1], COOKIE), None);
        assert_eq!(len(100, [1, 1], COOKIE), None, "an answer");
        assert_eq!(len(100, [0, 1], [0; 4]), None);
    }

    #[test]
    fn neither_tls_nor_http_begins_like_one() {
        for first in [0x16, b'G', b'P', b'\r', b'\n', 0x80] {
            assert!(!may_begin(first), "{first}");
        }
        assert!((0..=2).all(may_begin));
    }
}
