//! Many datagrams with one call of the kernel: `recvmmsg` and `sendmmsg`.
//!
//! No safe wrapper of the first exists; the second lives beside it, since both lay out the same
//! structures.
#![expect(unsafe_code, reason = "recvmmsg takes raw pointers, and no library wraps it")]

use std::{
    io,
    mem::{MaybeUninit, zeroed},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    os::fd::AsRawFd,
    ptr,
    time::Duration,
};

/// The most datagrams in one call: enough to spare most calls, and few enough that the first of
/// them does not wait long for the last.
pub(crate) const BATCH_MAX: usize = 64;
/// The longest datagram that is read whole: no link that media cross carries more.
const DATAGRAM_LEN_MAX: usize = 2_048;
/// Room for the time at which the kernel received a datagram.
const CONTROL_LEN: usize = 64;
/// Room for the length to which the kernel cuts: a header of 16 bytes, and a word of its own size.
const CUT_LEN: usize = 24;
/// The longest datagram that the kernel is asked to cut: one that no link has to break up, which it
/// refuses to do with what it has cut.
const CUT_EACH_MAX: usize = 1_400;
/// The longest piece: as much as a datagram could carry.
const PIECE_MAX: usize = 65_000;

/// Datagrams that were received.
pub(crate) struct Received {
    bytes: Box<[[u8; DATAGRAM_LEN_MAX]; BATCH_MAX]>,
    control: Box<[[u64; CONTROL_LEN / 8]; BATCH_MAX]>,
    from: Box<[MaybeUninit<libc::sockaddr_storage>; BATCH_MAX]>,
    meta: Vec<Meta>,
}

/// What is known of a datagram besides its bytes.
#[derive(Clone, Copy)]
struct Meta {
    len: usize,
    from: SocketAddr,
    /// When the kernel had it, since the epoch.
    at: Option<Duration>,
}

impl Received {
    pub(crate) fn new() -> Received {
        Received {
            bytes: Box::new([[0; DATAGRAM_LEN_MAX]; BATCH_MAX]),
            control: Box::new([[0; CONTROL_LEN / 8]; BATCH_MAX]),
            from: Box::new([const { MaybeUninit::uninit() }; BATCH_MAX]),
            meta: Vec::with_capacity(BATCH_MAX),
        }
    }

    /// Reads what is there, without waiting, and says how many datagrams that are.
    pub(crate) fn fill(&mut self, socket: &UdpSocket) -> io::Result<usize> {
        self.meta.clear();
        // SAFETY: all-zero bytes are valid values of these plain C structures.
        let mut vectors: [libc::iovec; BATCH_MAX] = unsafe { zeroed() };
        // SAFETY: as above.
        let mut headers: [libc::mmsghdr; BATCH_MAX] = unsafe { zeroed() };
        for i in 0..BATCH_MAX {
            vectors[i] = libc::iovec {
                iov_base: self.bytes[i].as_mut_ptr().cast(),
                iov_len: DATAGRAM_LEN_MAX,
            };
            let header = &mut headers[i].msg_hdr;
            header.msg_name = self.from[i].as_mut_ptr().cast();
            header.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            header.msg_iov = &raw mut vectors[i];
            header.msg_iovlen = 1;
            header.msg_control = self.control[i].as_mut_ptr().cast();
            header.msg_controllen = CONTROL_LEN;
        }
        // SAFETY: every header points to buffers of `self` and of this frame, with their lengths,
        // and they outlive the call.
        let read = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr(),
                BATCH_MAX as libc::c_uint,
                libc::MSG_DONTWAIT,
                ptr::null_mut(),
            )
        };
        if read < 0 {
            return Err(io::Error::last_os_error());
        }
        for header in &headers[..read as usize] {
            // SAFETY: the kernel has filled the name of every header that it counts.
            let from = unsafe { address(&*header.msg_hdr.msg_name.cast()) };
            let cut = header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0;
            let len = if cut { 0 } else { header.msg_len as usize };
            let from = from.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)));
            self.meta.push(Meta { len, from, at: stamp(&header.msg_hdr) });
        }
        Ok(read as usize)
    }

    /// A datagram of the last call: who sent it, its bytes, and when the kernel had it.
    pub(crate) fn get(&self, i: usize) -> (SocketAddr, &[u8], Option<Duration>) {
        let meta = self.meta[i];
        (meta.from, &self.bytes[i][..meta.len], meta.at)
    }
}

/// Has the kernel say when it received each datagram.
pub(crate) fn stamp_arrivals(socket: &UdpSocket) -> io::Result<()> {
    set(socket, (libc::SOL_SOCKET, libc::SO_TIMESTAMPNS), 1)
}

fn set(
    socket: &UdpSocket,
    (level, option): (libc::c_int, libc::c_int),
    value: libc::c_int,
) -> io::Result<()> {
    // SAFETY: the value is an int that outlives the call, and its length is given.
    let set = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw const value).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if set < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// When the kernel received the datagram of a header.
fn stamp(header: &libc::msghdr) -> Option<Duration> {
    // SAFETY: the header is one that the kernel filled; the macros' functions stay inside its
    // control buffer, and a time is read without asking for its alignment.
    unsafe {
        let mut control = libc::CMSG_FIRSTHDR(header);
        while !control.is_null() {
            let kind = ((*control).cmsg_level, (*control).cmsg_type);
            if kind == (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) {
                let time = libc::CMSG_DATA(control).cast::<libc::timespec>().read_unaligned();
                return Some(Duration::new(time.tv_sec as u64, time.tv_nsec as u32));
            }
            control = libc::CMSG_NXTHDR(header, control);
        }
    }
    None
}

/// Whether the kernel cuts what is sent in one piece into datagrams.
pub(crate) fn is_cut(socket: &UdpSocket) -> bool {
    // Nothing is cut without being asked for, as until now: only whoever knows of it takes this.
    set(socket, (libc::SOL_UDP, libc::UDP_SEGMENT), 0).is_ok()
}

/// Sends datagrams, and says how many the kernel took. What it does not take has no room in its
/// buffer: it is dropped by the caller, since late media are worth nothing.
///
/// If the kernel can cut, those that follow each other to one receiver go through it in one piece.
/// Where that piece cannot be sent, that is an error, also if each of them could be.
pub(crate) fn send(
    socket: &UdpSocket,
    datagrams: &[(SocketAddr, Vec<u8>)],
    cuts: bool,
) -> io::Result<usize> {
    let datagrams = &datagrams[..datagrams.len().min(BATCH_MAX)];
    // SAFETY: all-zero bytes are valid values of these plain C structures.
    let mut names: [libc::sockaddr_in6; BATCH_MAX] = unsafe { zeroed() };
    // SAFETY: as above.
    let mut vectors: [libc::iovec; BATCH_MAX] = unsafe { zeroed() };
    // SAFETY: as above.
    let mut headers: [libc::mmsghdr; BATCH_MAX] = unsafe { zeroed() };
    let mut control = [[0u64; CUT_LEN / 8]; BATCH_MAX];
    let (mut pieces, mut at) = (0, 0);
    while at < datagrams.len() {
        let len = if cuts { piece(&datagrams[at..]) } else { 1 };
        for (vector, (_, bytes)) in vectors[at..].iter_mut().zip(&datagrams[at..at + len]) {
            vector.iov_base = bytes.as_ptr().cast_mut().cast();
            vector.iov_len = bytes.len();
        }
        let (to, first) = &datagrams[at];
        let header = &mut headers[pieces].msg_hdr;
        header.msg_namelen = name(*to, &mut names[pieces]);
        header.msg_name = (&raw mut names[pieces]).cast();
        header.msg_iov = (&raw mut vectors[at]).cast();
        header.msg_iovlen = len;
        if len > 1 {
            header.msg_control = (&raw mut control[pieces]).cast();
            header.msg_controllen = CUT_LEN;
            cut(header, first.len() as u16);
        }
        pieces += 1;
        at += len;
    }
    // SAFETY: every header points to a name, bytes and words that outlive the call; the kernel only
    // reads the bytes.
    let sent = unsafe {
        libc::sendmmsg(
            socket.as_raw_fd(),
            headers.as_mut_ptr(),
            pieces as libc::c_uint,
            libc::MSG_DONTWAIT,
        )
    };
    if sent < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(headers[..sent as usize].iter().map(|header| header.msg_hdr.msg_iovlen).sum())
}

/// How many of these the kernel can cut out of one piece: all are as long as the first, but the
/// last, which may be shorter.
pub(crate) fn piece(datagrams: &[(SocketAddr, Vec<u8>)]) -> usize {
    let Some((to, first)) = datagrams.first() else { return 0 };
    if first.is_empty() || first.len() > CUT_EACH_MAX {
        return datagrams.len().min(1);
    }
    let most = datagrams.len().min(PIECE_MAX / first.len());
    let same = |(other, bytes): &&(SocketAddr, Vec<u8>)| other == to && bytes.len() == first.len();
    let equal = datagrams[..most].iter().take_while(same).count();
    let shorter = datagrams[..most]
        .get(equal)
        .is_some_and(|(other, bytes)| other == to && (1..first.len()).contains(&bytes.len()));
    equal + usize::from(shorter)
}

/// Asks the kernel to cut a message into datagrams of this length.
fn cut(header: &mut libc::msghdr, len: u16) {
    // SAFETY: the header has a control buffer, with room for one word of two bytes.
    unsafe {
        let word = libc::CMSG_FIRSTHDR(header);
        (*word).cmsg_level = libc::SOL_UDP;
        (*word).cmsg_type = libc::UDP_SEGMENT;
        (*word).cmsg_len = libc::CMSG_LEN(size_of::<u16>() as libc::c_uint) as usize;
        libc::CMSG_DATA(word).cast::<u16>().write_unaligned(len);
    }
}

/// Writes an address as the kernel reads it, and says how long that is.
fn name(address: SocketAddr, into: &mut libc::sockaddr_in6) -> libc::socklen_t {
    match address {
        SocketAddr::V4(v4) => {
            // SAFETY: a name of version 6 is larger than one of version 4, and as aligned.
            let name = unsafe { &mut *(&raw mut *into).cast::<libc::sockaddr_in>() };
            name.sin_family = libc::AF_INET as libc::sa_family_t;
            name.sin_port = v4.port().to_be();
            name.sin_addr.s_addr = u32::from(*v4.ip()).to_be();
            size_of::<libc::sockaddr_in>() as libc::socklen_t
        }
        SocketAddr::V6(v6) => {
            into.sin6_family = libc::AF_INET6 as libc::sa_family_t;
            into.sin6_port = v6.port().to_be();
            into.sin6_addr.s6_addr = v6.ip().octets();
            into.sin6_scope_id = v6.scope_id();
            size_of::<libc::sockaddr_in6>() as libc::socklen_t
        }
    }
}

/// The address that the kernel wrote. One of version 4 that came over a socket of version 6 is
/// itself again: the same peer has one name.
fn address(storage: &libc::sockaddr_storage) -> Option<SocketAddr> {
    let at = &raw const *storage;
    match i32::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says which kind of address this is.
            let name = unsafe { &*at.cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(u32::from_be(name.sin_addr.s_addr));
            Some((ip, u16::from_be(name.sin_port)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let name = unsafe { &*at.cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(name.sin6_addr.s6_addr).to_canonical();
            Some((ip, u16::from_be(name.sin6_port)).into())
        }
        _ => None,
    }
}
