//! A connection's socket: what is written, what it does not take, and how it ends; plain, or
//! through TLS.

use std::{
    cell::RefCell,
    io::{self, IoSlice},
    net::Shutdown,
    ops::ControlFlow,
    os::fd::BorrowedFd,
};

use rustix::net::SendFlags;

use super::conn::{Conn, Phase, Sent};

thread_local! {
    /// Records on their way from TLS to the kernel; every connection of a shard has the same place.
    static RECORDS: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Runs with an empty place for records.
fn with_records<T>(run: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    RECORDS.with_borrow_mut(|records| {
        records.clear();
        run(records)
    })
}

impl Conn {
    /// How many of these bytes are on their way. Through TLS that may be all of them while the
    /// socket has not taken them: then the connection is backlogged afterwards.
    #[inline]
    pub(super) fn try_write(&mut self, bytes: &[u8]) -> usize {
        if self.sealed { self.write_sealed(bytes) } else { self.offer(bytes) }
    }

    /// How many bytes the socket takes now. A broken connection takes all: the reading task finds
    /// out and ends it.
    ///
    /// It asks the kernel and not the runtime, whose view of the socket is two cache misses away:
    /// a tenth of what a delivery costs. A task that waits for a full socket goes through the
    /// runtime, which finds out then.
    #[inline]
    fn offer(&self, bytes: &[u8]) -> usize {
        // SAFETY: `seldom.stream` owns the descriptor and lives as long as this connection.
        #[expect(unsafe_code, reason = "the stream that owns the descriptor is too far away")]
        let socket = unsafe { BorrowedFd::borrow_raw(self.socket) };
        match rustix::net::send(socket, bytes, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
            Ok(written) => written,
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => 0,
            Err(_) => bytes.len(),
        }
    }

    /// Seals and sends record by record, until the socket is full.
    #[inline(never)]
    fn write_sealed(&mut self, bytes: &[u8]) -> usize {
        let mut left = bytes;
        while !left.is_empty() && !self.is_backlogged() {
            with_records(|records| {
                let Some(tls) = &mut self.tls else { return };
                match tls.seal(&[IoSlice::new(left)], records) {
                    Ok(sealed) => left = &left[sealed..],
                    Err(_) => left = &[],
                }
                self.send_records(records);
            });
        }
        bytes.len() - left.len()
    }

    /// Sends records; what the socket does not take waits before everything else.
    fn send_records(&mut self, records: &[u8]) {
        let sent = if self.is_backlogged() { 0 } else { self.offer(records) };
        if sent < records.len() {
            self.outbox.get_or_insert_default().push_records(&records[sent..]);
        }
    }

    /// Adds what records carry to `opened`; breaks when nothing more comes.
    pub(super) fn open(&mut self, records: &[u8], opened: &mut Vec<u8>) -> (ControlFlow<()>, Sent) {
        let Some(tls) = &mut self.tls else { return (ControlFlow::Break(()), Sent::Done) };
        let flow = tls.open(records, opened).unwrap_or(ControlFlow::Break(()));
        let backlogged = self.is_backlogged();
        with_records(|records| {
            if let Some(Ok(())) = self.tls.as_mut().map(|tls| tls.take(records)) {
                self.send_records(records);
            }
        });
        (flow, if self.is_backlogged() && !backlogged { Sent::Stalled } else { Sent::Done })
    }

    /// Writes what waits, as far as the socket takes it.
    ///
    /// # Errors
    /// If the connection is broken.
    pub(super) fn drain(&mut self, second: u32) -> io::Result<()> {
        loop {
            while self.is_backlogged() {
                match self.write_waiting() {
                    Ok(()) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                    Err(error) => return Err(error),
                }
                // Who takes the last frames byte by byte does not live on by that.
                if !matches!(self.phase, Phase::Closing) {
                    self.progress = second;
                }
            }
            if let Some(paced) = self.paced.take() {
                let _gone = paced.send(());
            }
            if !self.is_closing() || self.finish() == Sent::Done {
                return Ok(());
            }
        }
    }

    /// Writes something of what waits.
    fn write_waiting(&mut self) -> io::Result<()> {
        let codec = self.codec;
        let Conn { outbox: waiting, seldom, .. } = self;
        let Some(outbox) = waiting else { return Ok(()) };
        match &mut seldom.tls {
            None => {
                let written = seldom.stream.try_write_vectored(&outbox.slices(codec))?;
                outbox.advance(written);
            }
            Some(tls) => {
                if outbox.records().is_empty() {
                    with_records(|records| {
                        let sealed = tls.seal(&outbox.slices(codec), records)?;
                        outbox.advance(sealed);
                        outbox.push_records(records);
                        io::Result::Ok(())
                    })?;
                }
                let sent = seldom.stream.try_write(outbox.records())?;
                outbox.advance_records(sent);
            }
        }
        if outbox.is_empty() {
            *waiting = None;
        }
        Ok(())
    }

    /// Everything is written: says so, and shuts the writing side.
    pub(super) fn finish(&mut self) -> Sent {
        if self.sealed {
            with_records(|records| {
                // After the first time it has nothing to say.
                if let Some(Ok(())) = self.tls.as_mut().map(|tls| tls.seal_end(records)) {
                    self.send_records(records);
                }
            });
            if self.is_backlogged() {
                return Sent::Stalled;
            }
        }
        self.shut(Shutdown::Write);
        Sent::Done
    }

    /// Shuts the socket; the reading task sees its end.
    pub(super) fn shut(&self, how: Shutdown) {
        // It fails only if the peer was faster.
        let _gone = socket2::SockRef::from(&*self.stream).shutdown(how);
    }
}
