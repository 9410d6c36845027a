//! A Redis server.

use std::{path::Path, process::Command};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::{Child, free_port};

/// Where the address of the server that tests share stands.
pub const REDIS_VARIABLE: &str = "CARILLON_TEST_REDIS";

/// A running Redis on a loopback port.
#[derive(Debug)]
pub struct Redis {
    child: Child,
    folder: TempDir,
    port: u16,
    settings: Vec<String>,
}

impl Redis {
    /// A plain one that keeps nothing on disk.
    pub fn start() -> Redis {
        Redis::with(&[])
    }

    /// One with these settings too, as on its command line: `["--cluster-enabled", "yes"]`.
    pub fn with(settings: &[&str]) -> Redis {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let settings: Vec<String> = settings.iter().map(|&text| text.to_owned()).collect();
        let port = free_port();
        let child = run(folder.path(), port, &settings);
        Redis { child, folder, port, settings }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address: `redis://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Its folder, for files that its settings name.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The process.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Ends it, and leaves its port to the next [`Redis::begin`].
    pub fn stop(&mut self) {
        self.child.end(Signal::TERM);
    }

    /// Starts it again on the same port, empty.
    pub fn begin(&mut self) {
        self.child = run(self.folder.path(), self.port, &self.settings);
    }
}

fn run(folder: &Path, port: u16, settings: &[String]) -> Child {
    let mut command = Command::new("redis-server");
    command.current_dir(folder);
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1"]);
    command.args(["--save", "", "--appendonly", "no"]).args(settings);
    Child::start(command, &folder.join("redis.log"), port)
}
