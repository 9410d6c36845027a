//! What the standard library does not offer of the system: epoll and a few limits.
#![expect(unsafe_code, reason = "calls into libc; each says why it is sound")]

use std::{
    io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
};

/// Readiness of many sockets, level-triggered.
pub struct Epoll(OwnedFd);

/// Which sockets are ready, by the number they were added under.
pub struct Ready(Vec<libc::epoll_event>);

impl Ready {
    /// Room for so many at a time.
    pub fn with_capacity(len: usize) -> Ready {
        Ready(vec![libc::epoll_event { events: 0, u64: 0 }; len])
    }
}

fn checked(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

impl Epoll {
    /// An empty set.
    pub fn new() -> io::Result<Epoll> {
        // SAFETY: no pointers; the result is checked before it becomes a descriptor that we own.
        let fd = checked(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: the descriptor is new and nobody else's.
        Ok(Epoll(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Watches for something to read. A socket leaves the set when it is closed.
    pub fn add(&self, socket: &impl AsRawFd, number: u64) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, socket, libc::EPOLLIN, number)
    }

    /// Watches a socket that is about to connect: it is ready when that has come to an end.
    pub fn add_dialing(&self, socket: &impl AsRawFd, number: u64) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, socket, libc::EPOLLOUT, number)
    }

    /// From now on it is watched for something to read.
    pub fn dialed(&self, socket: &impl AsRawFd, number: u64) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, socket, libc::EPOLLIN, number)
    }

    /// A socket that is over is not ready any more.
    pub fn remove(&self, socket: &impl AsRawFd) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_DEL, socket, 0, 0)
    }

    fn control(
        &self,
        what: libc::c_int,
        socket: &impl AsRawFd,
        events: libc::c_int,
        number: u64,
    ) -> io::Result<()> {
        let mut event = libc::epoll_event { events: events as u32, u64: number };
        let (set, fd) = (self.0.as_raw_fd(), socket.as_raw_fd());
        // SAFETY: both descriptors are open, and the event outlives the call, which copies it.
        checked(unsafe { libc::epoll_ctl(set, what, fd, &mut event) }).map(|_| ())
    }

    /// Waits until something can be read, or for so long; returns the numbers.
    pub fn wait<'a>(
        &self,
        ready: &'a mut Ready,
        timeout_ms: i32,
    ) -> io::Result<impl Iterator<Item = u64> + use<'a>> {
        let (events, max) = (ready.0.as_mut_ptr(), ready.0.len() as libc::c_int);
        // SAFETY: the kernel writes at most `max` events into the vector, which has that many.
        let waited = unsafe { libc::epoll_wait(self.0.as_raw_fd(), events, max, timeout_ms) };
        let len = match checked(waited) {
            Ok(len) => len as usize,
            // A signal: nothing is ready, the caller asks again.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            Err(error) => return Err(error),
        };
        Ok(ready.0[..len].iter().map(|event| event.u64))
    }
}

/// What can be said to a process.
#[derive(Debug, Clone, Copy)]
pub enum Signal {
    /// Stand still.
    Stop,
    /// Go on.
    Continue,
    /// End, please.
    Terminate,
}

/// Says something to a process.
pub fn signal(pid: u32, signal: Signal) -> io::Result<()> {
    let number = match signal {
        Signal::Stop => libc::SIGSTOP,
        Signal::Continue => libc::SIGCONT,
        Signal::Terminate => libc::SIGTERM,
    };
    let pid = libc::pid_t::try_from(pid).map_err(io::Error::other)?;
    // SAFETY: no pointers; a child that was not waited for keeps its number.
    checked(unsafe { libc::kill(pid, number) }).map(drop)
}

/// How many ticks a second of processor time has in `/proc/PID/stat`.
pub fn clock_ticks_per_s() -> u64 {
    // SAFETY: no pointers; the name is valid.
    unsafe { libc::sysconf(libc::_SC_CLK_TCK) as u64 }
}

/// How many descriptors this process may have open.
pub fn open_files_max() -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel writes one `rlimit` into ours.
    checked(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) })?;
    Ok(limit.rlim_cur)
}

/// Keeps a process, with the threads that it has and will have, on one core.
pub fn pin(pid: u32, core: usize) -> io::Result<()> {
    for thread in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let thread = thread?.file_name();
        let thread = thread.to_str().and_then(|name| name.parse::<libc::pid_t>().ok());
        let thread = thread.ok_or_else(|| io::Error::other("a thread has a number"))?;
        // SAFETY: a set of cores is plain bits, of which all zero is the empty set.
        let mut cores: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        // SAFETY: the number is looked at before the bit is set, and the set is ours.
        unsafe { libc::CPU_SET(core, &mut cores) };
        let len = size_of::<libc::cpu_set_t>();
        // SAFETY: the kernel reads so many bytes of a set that outlives the call.
        checked(unsafe { libc::sched_setaffinity(thread, len, &cores) })?;
    }
    Ok(())
}
