//! TLS of a connection that is a WebSocket, without I/O: from records to what they carry, and back.
//!
//! The handshake and HTTP are over. What this makes is in the caller's hands at once, so that one
//! outbox bounds everything that waits for a socket; of what comes, only the beginning of a record
//! is kept.

use std::{
    io::{self, IoSlice, Read, Write},
    ops::ControlFlow::{self, Break, Continue},
};

use rustls::ServerConnection;

/// What is sealed at a time: the content of one record, of which nothing can be left out any more.
const RECORD_LEN_MAX: usize = 16 * 1024;

/// A TLS session after its handshake.
#[derive(Debug)]
pub(super) struct Tls(Box<ServerConnection>);

impl Tls {
    pub(super) fn new(mut session: Box<ServerConnection>) -> Tls {
        session.set_buffer_limit(Some(RECORD_LEN_MAX));
        Tls(session)
    }

    /// Adds what the records carry to `opened`; breaks when the peer says nothing more. What TLS
    /// itself has to answer is for [`Tls::take`].
    ///
    /// # Errors
    /// If the records are not the peer's, or it breaks the rules: nothing more can be read.
    pub(super) fn open(
        &mut self,
        mut records: &[u8],
        opened: &mut Vec<u8>,
    ) -> io::Result<ControlFlow<()>> {
        loop {
            let state = self.0.process_new_packets().map_err(io::Error::other)?;
            let start = opened.len();
            opened.resize(start + state.plaintext_bytes_to_read(), 0);
            self.0.reader().read_exact(&mut opened[start..])?;
            if state.peer_has_closed() {
                return Ok(Break(()));
            }
            if records.is_empty() || self.0.read_tls(&mut records)? == 0 {
                return Ok(Continue(()));
            }
        }
    }

    /// Seals the beginning of these bytes: how many, and adds the record to `records`.
    ///
    /// # Errors
    /// If the session is broken.
    pub(super) fn seal(
        &mut self,
        bytes: &[IoSlice<'_>],
        records: &mut Vec<u8>,
    ) -> io::Result<usize> {
        let sealed = self.0.writer().write_vectored(bytes)?;
        self.take(records)?;
        Ok(sealed)
    }

    /// Tells the peer that nothing more comes.
    pub(super) fn seal_end(&mut self, records: &mut Vec<u8>) -> io::Result<()> {
        self.0.send_close_notify();
        self.take(records)
    }

    /// Adds what TLS has to say of its own to `records`: alerts, answers to new keys.
    pub(super) fn take(&mut self, records: &mut Vec<u8>) -> io::Result<()> {
        while self.0.wants_write() {
            self.0.write_tls(records)?;
        }
        Ok(())
    }
}
