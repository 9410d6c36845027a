//! A PostgreSQL server.

use std::{
    env, fs, io,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::atomic::{AtomicU64, Ordering},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{Child, free_port};

/// Where the address of the server that tests share stands.
pub const POSTGRES_VARIABLE: &str = "RIG_POSTGRES";

/// Debian keeps the programs of each version here.
const VERSIONS: &str = "/usr/lib/postgresql";
/// The account that the package makes: PostgreSQL refuses to run as root.
const ACCOUNT: &str = "postgres";
/// Connections of all tests that share a server.
const CONNECTIONS_MAX: u32 = 200;

/// A running PostgreSQL on a loopback port.
#[derive(Debug)]
pub struct Postgres {
    child: Child,
    folder: TempDir,
    port: u16,
    settings: Vec<String>,
}

impl Postgres {
    /// One that is as durable as in production.
    ///
    /// # Panics
    /// If PostgreSQL is not installed, or does not start.
    pub fn start() -> Postgres {
        Postgres::with(&[])
    }

    /// One that forgets everything in a power cut, for tests that cut no power, and that keeps no
    /// more of its journal than it must.
    ///
    /// # Panics
    /// If PostgreSQL is not installed, or does not start.
    pub fn hasty() -> Postgres {
        Postgres::with(&[
            "fsync=off",
            "synchronous_commit=off",
            "full_page_writes=off",
            "wal_level=minimal",
            "max_wal_senders=0",
            "min_wal_size=32MB",
            "max_wal_size=128MB",
        ])
    }

    /// One with these settings too: `["fsync=off"]`.
    ///
    /// # Panics
    /// If PostgreSQL is not installed, or does not start.
    pub fn with(settings: &[&str]) -> Postgres {
        let folder = tempfile::tempdir().expect("a temporary folder");
        give_away(folder.path());
        let init = as_account("initdb")
            .args(["--auth=trust", "--username=carillon", "--encoding=UTF8", "--locale=C"])
            .args(["--no-sync", "-D"])
            .arg(folder.path().join("data"))
            .output()
            .expect("initdb can be run: `make services` installs it");
        assert!(init.status.success(), "initdb: {}", String::from_utf8_lossy(&init.stderr));
        let settings: Vec<String> = settings.iter().map(|&text| text.to_owned()).collect();
        let port = free_port();
        let child = run(folder.path(), port, &settings);
        Postgres { child, folder, port, settings }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address of a database: `postgres://carillon@127.0.0.1:PORT/NAME`.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://carillon@127.0.0.1:{}/{database}", self.port)
    }

    /// Runs a statement with `psql` and answers what it printed.
    ///
    /// # Panics
    /// If the server refuses.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        psql(&self.url(database), sql)
    }

    /// The process.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Stops all its processes in their tracks (`SIGSTOP`): connections stay open, and nobody
    /// answers, until what this returns is dropped.
    ///
    /// # Panics
    /// If its processes cannot be seen.
    pub fn stall(&self) -> Stalled {
        let first = self.child.id();
        // The first one makes the others, so it has to be the first to stop.
        self.child.freeze();
        let others = fs::read_to_string(format!("/proc/{first}/task/{first}/children"));
        let others = others.expect("Linux says which processes a process has");
        let others = others.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?));
        let all: Vec<Pid> = Pid::from_raw(first.cast_signed()).into_iter().chain(others).collect();
        Stalled::of(all)
    }

    /// Ends it at once, as an operator does (`fast`): connections break, and what was committed is
    /// there again after [`Postgres::begin`].
    pub fn stop(&mut self) {
        self.child.end(Signal::INT);
    }

    /// Starts it again on the same port.
    ///
    /// # Panics
    /// If it does not start.
    pub fn begin(&mut self) {
        self.child = run(self.folder.path(), self.port, &self.settings);
    }

    /// Keeps a copy of all that it has, for [`Postgres::set_back`].
    ///
    /// # Panics
    /// If it does not start again, or the disk is full.
    pub fn keep(&mut self) {
        self.stop();
        copy(&self.folder.path().join("data"), &self.folder.path().join("kept"));
        self.begin();
    }

    /// Begins again from the copy: what has been committed since is gone, as when a standby takes
    /// over that had not got it yet.
    ///
    /// # Panics
    /// If there is no copy, or it does not start.
    pub fn set_back(&mut self) {
        self.stop();
        copy(&self.folder.path().join("kept"), &self.folder.path().join("data"));
        self.begin();
    }
}

/// A PostgreSQL that stands still; it goes on when this is dropped.
#[derive(Debug)]
pub struct Stalled(Vec<Pid>);

impl Stalled {
    fn of(all: Vec<Pid>) -> Stalled {
        let stalled = Stalled(all);
        stalled.signal(Signal::STOP);
        stalled
    }

    fn signal(&self, signal: Signal) {
        for pid in &self.0 {
            // An error means that it has ended.
            let _ended = kill_process(*pid, signal);
        }
    }
}

impl Drop for Stalled {
    fn drop(&mut self) {
        self.signal(Signal::CONT);
    }
}

/// Replaces a folder by a copy of another one, with its owner.
fn copy(from: &Path, to: &Path) {
    if to.exists() {
        fs::remove_dir_all(to).expect("the folder is ours");
    }
    let copied = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(copied.is_ok_and(|status| status.success()), "{} is copied", from.display());
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Its own children go with it; killed, it would leave them and its shared memory behind.
        self.child.end(Signal::QUIT);
    }
}

/// A database on the server that all tests share. It goes when this is dropped, whoever is still
/// connected to it.
#[derive(Debug)]
pub struct TempDatabase {
    server: String,
    name: String,
}

impl TempDatabase {
    /// Its address: `postgres://carillon@127.0.0.1:PORT/NAME`.
    pub fn url(&self) -> String {
        let (server, _) = self.server.rsplit_once('/').expect("an address ends with a database");
        format!("{server}/{}", self.name)
    }
}

impl Drop for TempDatabase {
    fn drop(&mut self) {
        // What cannot be dropped goes with the server, and a test that fails says something else.
        drop(asked(&self.server, &format!("DROP DATABASE {} WITH (FORCE)", self.name)));
    }
}

/// Makes an empty database on the server that all tests share.
///
/// # Panics
/// If there is no such server: it stands beside what `carillon-rig` runs.
pub fn database() -> TempDatabase {
    let server = env::var(POSTGRES_VARIABLE).unwrap_or_else(|_| {
        panic!("run the tests with `cargo run -p carillon-rig -- cargo nextest run …`")
    });
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    // Processes that share a server must not choose the same name.
    let name = format!("carillon_{}_{number}", std::process::id());
    psql(&server, &format!("CREATE DATABASE {name} TEMPLATE template0"));
    TempDatabase { server, name }
}

/// Runs a statement and answers what it printed.
fn psql(url: &str, sql: &str) -> String {
    let done = asked(url, sql).expect("psql can be run: `make services` installs it");
    assert!(done.status.success(), "psql: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).into_owned()
}

/// What came of a statement.
fn asked(url: &str, sql: &str) -> io::Result<Output> {
    Command::new(program("psql"))
        .args(["--no-psqlrc", "--tuples-only", "--no-align", "--quiet"])
        .args(["--set=ON_ERROR_STOP=1", "--command", sql, url])
        .output()
}

fn run(folder: &Path, port: u16, settings: &[String]) -> Child {
    let mut command = as_account("postgres");
    command.arg("-D").arg(folder.join("data"));
    command.args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1"]);
    command.arg("-c").arg(format!("unix_socket_directories={}", folder.display()));
    command.arg("-c").arg(format!("max_connections={CONNECTIONS_MAX}"));
    settings.iter().for_each(|setting| {
        command.args(["-c", setting]);
    });
    let mut child = Child::start(command, &folder.join("postgres.log"), port);
    // It listens before it has recovered.
    let address = port.to_string();
    child.wait_until("is ready", |_| {
        let asked = Command::new(program("pg_isready"))
            .args(["--quiet", "--host=127.0.0.1", "--port", &address])
            .status();
        asked.is_ok_and(|status| status.success())
    });
    child
}

/// The newest of the programs with this name.
fn program(name: &str) -> PathBuf {
    let versions = fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> =
        versions.map(|entry| entry.path().join("bin").join(name)).collect();
    found.retain(|path| path.exists());
    found.sort();
    found.pop().unwrap_or_else(|| panic!("{name} is not installed: `make services` installs it"))
}

/// Runs a program as ourselves, or as the package's account if we are root.
fn as_account(name: &str) -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new(program(name));
    }
    // `setpriv` replaces itself, so that signals reach the server.
    let mut command = Command::new("setpriv");
    command.args(["--reuid", ACCOUNT, "--regid", ACCOUNT, "--init-groups"]).arg(program(name));
    command
}

/// Lets the package's account write a folder, if we are root.
fn give_away(folder: &Path) {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let accounts = fs::read_to_string("/etc/passwd").expect("every Debian has it");
    let fields = accounts.lines().find_map(|line| line.strip_prefix("postgres:x:"));
    let mut ids = fields.expect("the package makes the account").split(':');
    let mut next = || ids.next().and_then(|id| id.parse().ok());
    chown(folder, next(), next()).expect("root may give a folder away");
}
