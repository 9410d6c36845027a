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
    /// If the session is broken; also if there is nothing to seal.
    pub(super) fn seal(
        &mut self,
        bytes: &[IoSlice<'_>],
        records: &mut Vec<u8>,
    ) -> io::Result<usize> {
        let sealed = self.0.writer().write_vectored(bytes)?;
        self.take(records)?;
        if sealed == 0 { Err(io::ErrorKind::WriteZero.into()) } else { Ok(sealed) }
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

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};
    use rustls::ClientConnection;

    use super::*;
    use crate::tls::tests::pair::pair;

    /// The two ends of a session after its handshake.
    fn ends() -> (ClientConnection, Tls) {
        let (client, server) = pair();
        let name = "localhost".try_into().unwrap();
        let mut client = ClientConnection::new(client, name).unwrap();
        let mut server = ServerConnection::new(server).unwrap();
        while client.is_handshaking() || server.is_handshaking() {
            let mut wire = Vec::new();
            while client.wants_write() {
                client.write_tls(&mut wire).unwrap();
            }
            server.read_tls(&mut wire.as_slice()).unwrap();
            server.process_new_packets().unwrap();
            let mut wire = Vec::new();
            while server.wants_write() {
                server.write_tls(&mut wire).unwrap();
            }
            client.read_tls(&mut wire.as_slice()).unwrap();
            client.process_new_packets().unwrap();
        }
        (client, Tls::new(Box::new(server)))
    }

    fn said(client: &mut ClientConnection) -> Vec<u8> {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        wire
    }

    /// What the client makes of these records, however many there are.
    fn heard(client: &mut ClientConnection, mut records: &[u8]) -> Vec<u8> {
        let mut all = Vec::new();
        while !records.is_empty() {
            client.read_tls(&mut records).unwrap();
            let count = client.process_new_packets().unwrap().plaintext_bytes_to_read();
            let start = all.len();
            all.resize(start + count, 0);
            client.reader().read_exact(&mut all[start..]).unwrap();
        }
        all
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn records_that_come_in_any_pieces_carry_what_was_said(
            texts in vec(vec(any::<u8>(), 0..20_000), 1..6),
            pieces in vec(1..5_000_usize, 1..50),
        ) {
            let (mut client, mut tls) = ends();
            let mut wire = Vec::new();
            for text in &texts {
                client.writer().write_all(text).unwrap();
                wire.extend(said(&mut client));
            }
            let (mut opened, mut left) = (Vec::new(), wire.as_slice());
            for piece in pieces.iter().cycle() {
                let (now, later) = left.split_at((*piece).min(left.len()));
                prop_assert_eq!(tls.open(now, &mut opened).unwrap(), Continue(()));
                left = later;
                if left.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(opened, texts.concat());
        }

        #[test]
        fn what_is_sealed_is_a_record_at_a_time_and_is_heard_in_order(
            texts in vec(vec(any::<u8>(), 1..40_000), 1..6),
        ) {
            let (mut client, mut tls) = ends();
            let all = texts.concat();
            let (mut records, mut sealed) = (Vec::new(), 0);
            while sealed < all.len() {
                let before = records.len();
                let now = tls.seal(&[IoSlice::new(&all[sealed..])], &mut records).unwrap();
                prop_assert!(0 < now && now <= RECORD_LEN_MAX);
                prop_assert!(records.len() - before < now + 64, "one record");
                sealed += now;
            }
            prop_assert_eq!(heard(&mut client, &records), all);
        }
    }

    #[test]
    fn what_waits_together_is_sealed_together() {
        let (mut client, mut tls) = ends();
        let mut records = Vec::new();
        let parts = [IoSlice::new(b"one, "), IoSlice::new(b"two, "), IoSlice::new(b"three")];
        assert_eq!(tls.seal(&parts, &mut records).unwrap(), 15);
        assert_eq!(heard(&mut client, &records), b"one, two, three");
    }

    #[test]
    fn the_end_is_said_once_and_heard_on_both_sides() {
        let (mut client, mut tls) = ends();
        let mut records = Vec::new();
        tls.seal_end(&mut records).unwrap();
        let once = records.len();
        tls.seal_end(&mut records).unwrap();
        assert_eq!(records.len(), once);
        client.read_tls(&mut records.as_slice()).unwrap();
        assert!(client.process_new_packets().unwrap().peer_has_closed());
        client.send_close_notify();
        let wire = said(&mut client);
        assert_eq!(tls.open(&wire, &mut Vec::new()).unwrap(), Break(()));
    }

    #[test]
    fn new_keys_are_answered_and_damage_is_an_alert() {
        let (mut client, mut tls) = ends();
        client.refresh_traffic_keys().unwrap();
        client.writer().write_all(b"after").unwrap();
        let mut opened = Vec::new();
        assert_eq!(tls.open(&said(&mut client), &mut opened).unwrap(), Continue(()));
        assert_eq!(opened, b"after");
        let mut records = Vec::new();
        tls.seal(&[IoSlice::new(b"too")], &mut records).unwrap();
        assert_eq!(heard(&mut client, &records), b"too");
        records.clear();
        let damaged =
            [0x17, 3, 3, 0, 20, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9];
        assert!(tls.open(&damaged, &mut opened).is_err());
        tls.take(&mut records).unwrap();
        assert!(!records.is_empty(), "an alert");
    }
}
