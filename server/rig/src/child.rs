//! A server process that ends with its owner, and the faults one can do to it.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// How long a server may take until it answers: minutes only on a machine that is busy elsewhere.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// How often it is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A running server process. It is killed when this is dropped.
#[derive(Debug)]
pub struct Child {
    process: std::process::Child,
    log: PathBuf,
}

impl Child {
    /// Starts a program whose output goes to a file, and waits until something listens on `port`.
    ///
    /// # Panics
    /// If it cannot be started or ends before it listens: with what it wrote.
    pub fn start(mut command: Command, log: &Path, port: u16) -> Child {
        let file = File::create(log).expect("the folder of the server can be written");
        let errors = file.try_clone().expect("a handle can be copied");
        let name = command.get_program().to_string_lossy().into_owned();
        let process = command
            .stdin(std::process::Stdio::null())
            .stdout(file)
            .stderr(errors)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} cannot be started ({error}): `make services`"));
        let mut child = Child { process, log: log.to_owned() };
        child.wait_until("listens", |_| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
        child
    }

    /// Waits until something is so.
    ///
    /// # Panics
    /// If the process ends before, or it takes too long: with what it wrote.
    pub fn wait_until(&mut self, what: &str, is: impl Fn(&Child) -> bool) {
        #[expect(clippy::disallowed_methods, reason = "it waits for a real process")]
        let start = Instant::now();
        while !is(self) {
            let ended = self.process.try_wait().expect("it is a child of ours");
            let wrote = || fs::read_to_string(&self.log).unwrap_or_default();
            assert!(ended.is_none(), "the server ended before it {what}:\n{}", wrote());
            assert!(start.elapsed() < START_TIMEOUT, "the server never {what}:\n{}", wrote());
            thread::sleep(LOOK_EVERY);
        }
    }

    /// The number of the process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Stops it in its tracks (`SIGSTOP`): its sockets stay open, and nobody answers.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets a frozen one go on.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// Ends it as a power cut would (`kill -9`), and waits until it is gone.
    pub fn kill(&mut self) {
        // An error means that it is gone already.
        drop(self.process.kill());
        drop(self.process.wait());
    }

    /// Sends a signal, then waits until it has ended by itself.
    pub fn end(&mut self, signal: Signal) {
        self.signal(signal);
        drop(self.process.wait());
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw);
        let pid = pid.expect("a process has a positive number");
        kill_process(pid, signal).expect("it is a child of ours");
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}
