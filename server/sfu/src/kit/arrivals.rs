//! Datagrams as they arrive, each with the time at which the kernel had it: who drives many
//! clients reads late, and what is measured is not how late.

use std::{
    cell::RefCell,
    io,
    net::{SocketAddr, UdpSocket},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use crate::batch::{self, Received};

/// Room for what a socket does not read at once: a second of a few cameras.
const SOCKET_LEN: usize = 1024 * 1024;
/// So many calls of the kernel before the caller has its turn.
const CALLS_MAX: usize = 4;

thread_local! {
    /// One for all sockets of a thread: it is large, and empty between two calls.
    static READ: RefCell<Received> = RefCell::new(Received::new());
}

/// Makes a socket ready for [`read`]; what it cannot have of buffers it goes without.
///
/// # Errors
/// If the socket cannot say when something arrived.
pub fn prepare(socket: &UdpSocket) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    let buffers = socket2::SockRef::from(socket);
    let _smaller = buffers.set_recv_buffer_size(SOCKET_LEN);
    batch::stamp_arrivals(socket)
}

/// Hands over what is there, without waiting: who sent it, its bytes, and when it arrived.
///
/// # Errors
/// If the socket fails, or `each` does.
pub fn read(
    socket: &UdpSocket,
    mut each: impl FnMut(SocketAddr, &[u8], Instant) -> io::Result<()>,
) -> io::Result<()> {
    READ.with_borrow_mut(|read| {
        for _ in 0..CALLS_MAX {
            let len = match read.fill(socket) {
                Ok(len) => len,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // A server that was killed.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => break,
                Err(error) => return Err(error),
            };
            let now = Instant::now();
            let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            for i in 0..len {
                let (from, bytes, at) = read.get(i);
                let ago = at.and_then(|at| since_epoch.checked_sub(at)).unwrap_or_default();
                each(from, bytes, now.checked_sub(ago).unwrap_or(now))?;
            }
            if len < batch::BATCH_MAX {
                break;
            }
        }
        Ok(())
    })
}
