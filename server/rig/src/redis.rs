//! A Redis server.

use std::{
    env,
    net::{Ipv4Addr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::{Child, free_port};

/// Where the address of the server that tests share stands.
pub const REDIS_VARIABLE: &str = "RIG_REDIS";

/// The address of the Redis that all tests share.
///
/// # Panics
/// If there is none: it stands beside what `carillon-rig` runs.
pub fn shared() -> String {
    env::var(REDIS_VARIABLE).unwrap_or_else(|_| {
        panic!("run the tests with `cargo run -p carillon-rig -- cargo nextest run …`")
    })
}

/// A running Redis on a loopback port.
#[derive(Debug)]
pub struct Redis {
    child: Child,
    folder: TempDir,
    port: u16,
    tls: Option<Tls>,
    settings: Vec<String>,
}

/// The files (PEM) of a Redis that speaks TLS.
#[derive(Debug, Clone)]
pub struct Tls {
    /// The server's certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl Redis {
    /// A plain one that keeps nothing on disk.
    pub fn start() -> Redis {
        Redis::with(&[])
    }

    /// One with these settings too, as on its command line: `["--cluster-enabled", "yes"]`.
    pub fn with(settings: &[&str]) -> Redis {
        Redis::made(free_port(), None, settings)
    }

    /// One that speaks TLS, and nothing else.
    pub fn with_tls(tls: Tls, settings: &[&str]) -> Redis {
        Redis::made(free_port(), Some(tls), settings)
    }

    /// One on a port that was free a moment ago.
    pub(crate) fn on(port: u16, settings: &[&str]) -> Redis {
        Redis::made(port, None, settings)
    }

    /// A Sentinel, which reads and writes this file.
    pub(crate) fn sentinel(folder: TempDir, file: &Path) -> Redis {
        let port = free_port();
        let settings = vec![file.display().to_string(), "--sentinel".to_owned()];
        let child = run(folder.path(), port, None, &settings);
        Redis { child, folder, port, tls: None, settings }
    }

    fn made(port: u16, tls: Option<Tls>, settings: &[&str]) -> Redis {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let settings: Vec<String> = settings.iter().map(|&text| text.to_owned()).collect();
        let child = run(folder.path(), port, tls.as_ref(), &settings);
        Redis { child, folder, port, tls, settings }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address: `redis://127.0.0.1:PORT`, or `rediss://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        let tls = if self.tls.is_some() { "s" } else { "" };
        format!("redis{tls}://127.0.0.1:{}", self.port)
    }

    /// Its folder, for files that its settings name.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The process.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Runs a command with `redis-cli` and answers what it printed. Not with TLS.
    ///
    /// # Panics
    /// If the server cannot be asked.
    pub fn cli(&self, command: &[&str]) -> String {
        let port = self.port.to_string();
        let done = Command::new("redis-cli")
            .args(["-h", "127.0.0.1", "-p", &port])
            .args(command)
            .output()
            .expect("redis-cli can be run: `make services` installs it");
        assert!(done.status.success(), "redis-cli: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).trim_end().to_owned()
    }

    /// Runs a command that must be answered with `OK`.
    ///
    /// # Panics
    /// If it is not.
    pub fn order(&self, command: &[&str]) {
        assert_eq!(self.cli(command), "OK", "{command:?}");
    }

    /// Waits until the answer to a command has this text in it.
    ///
    /// # Panics
    /// If the server ends before, or it takes too long.
    pub fn wait_for(&mut self, command: &[&str], text: &str) {
        let port = self.port;
        self.child.wait_until(&format!("said `{text}` to {command:?}"), |_| {
            let port = port.to_string();
            let asked = Command::new("redis-cli").args(["-p", &port]).args(command).output();
            asked.is_ok_and(|done| String::from_utf8_lossy(&done.stdout).contains(text))
        });
    }

    /// Ends it, and leaves its port to the next [`Redis::begin`].
    pub fn stop(&mut self) {
        self.child.end(Signal::TERM);
    }

    /// Starts it again on the same port, empty.
    pub fn begin(&mut self) {
        self.child = run(self.folder.path(), self.port, self.tls.as_ref(), &self.settings);
    }
}

fn run(folder: &Path, port: u16, tls: Option<&Tls>, settings: &[String]) -> Child {
    let mut command = Command::new("redis-server");
    let text = port.to_string();
    command.current_dir(folder);
    // A file of settings comes before all others.
    let (file, settings) = match settings {
        [file, rest @ ..] if !file.starts_with("--") => (Some(file), rest),
        all => (None, all),
    };
    command.args(file);
    match tls {
        None => command.args(["--port", &text]),
        Some(Tls { certificate, key }) => command
            .args(["--port", "0", "--tls-port", &text, "--tls-auth-clients", "no"])
            .arg("--tls-cert-file")
            .arg(certificate)
            .arg("--tls-key-file")
            .arg(key)
            // It insists on authorities of clients, whom it does not ask for certificates.
            .arg("--tls-ca-cert-file")
            .arg(certificate),
    };
    command.args(["--bind", "127.0.0.1"]).args(settings);
    if file.is_none() {
        command.args(["--save", "", "--appendonly", "no"]);
    }
    Child::start(command, &folder.join("redis.log"), port)
}

/// Whether somebody listens on a loopback port.
pub(crate) fn listens(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}
