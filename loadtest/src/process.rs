//! What a process has used, as the kernel counts it.

use std::{fs, io};

use crate::os;

/// The server that is measured.
#[derive(Debug, Clone, Copy)]
pub struct Process(pub u32);

/// Resident memory, in KiB.
#[derive(Debug, Clone, Copy)]
pub struct Resident {
    /// All of it.
    pub total: u64,
    /// What is neither file nor shared: the heap and the stacks.
    pub anonymous: u64,
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("unexpected content of {what}"))
}

impl Process {
    /// Processor time of all threads, user and system, in microseconds. The kernel counts exactly
    /// and shows hundredths of a second: measure seconds.
    pub fn cpu_us(self) -> io::Result<u64> {
        let path = format!("/proc/{}/stat", self.0);
        let stat = fs::read_to_string(&path)?;
        ticks(&stat)
            .map(|ticks| ticks * 1_000_000 / os::clock_ticks_per_s())
            .ok_or_else(|| malformed(&path))
    }

    /// How many files and sockets it has open.
    pub fn files(self) -> io::Result<usize> {
        Ok(fs::read_dir(format!("/proc/{}/fd", self.0))?.count())
    }

    /// How many sockets it has open, each of which has a port or a connection.
    pub fn sockets(self) -> io::Result<usize> {
        let is_socket = |file: &fs::DirEntry| {
            let link = fs::read_link(file.path());
            link.is_ok_and(|link| link.to_string_lossy().starts_with("socket:"))
        };
        let files = fs::read_dir(format!("/proc/{}/fd", self.0))?;
        Ok(files.filter_map(Result::ok).filter(is_socket).count())
    }

    /// Resident memory now.
    pub fn resident(self) -> io::Result<Resident> {
        let path = format!("/proc/{}/status", self.0);
        let status = fs::read_to_string(&path)?;
        let kib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().strip_suffix(" kB")?.parse().ok()
        };
        kib("VmRSS:")
            .zip(kib("RssAnon:"))
            .map(|(total, anonymous)| Resident { total, anonymous })
            .ok_or_else(|| malformed(&path))
    }
}

/// `utime` + `stime`. The name before them is in brackets and may hold anything, also brackets.
fn ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_ascii_whitespace().skip(11).map(str::parse::<u64>);
    Some(times.next()?.ok()? + times.next()?.ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_are_found_behind_a_name_with_brackets() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 1 0 900 1 2 3";
        assert_eq!(ticks(stat), Some(300));
    }

    #[test]
    fn this_process_is_resident_and_has_used_time() {
        let own = Process(std::process::id());
        own.cpu_us().unwrap();
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(own.sockets().unwrap() >= 1 && own.files().unwrap() > own.sockets().unwrap());
        drop(socket);
        assert!(own.resident().unwrap().total >= own.resident().unwrap().anonymous);
    }
}
