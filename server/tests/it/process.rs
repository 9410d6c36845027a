//! Servers that are processes of their own, and the command line.

use std::{
    io::{BufRead, BufReader, Read as _},
    path::Path,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use carillon_protocol::{Codec, DeviceId, OrgId, UserId, frame::Hello};
use rustix::process::{Pid, Signal, kill_process};

use crate::{
    client::TestClient,
    kit::{PATIENCE, Person, http, new_id},
};

/// The shipped program.
pub fn carillon() -> Command {
    Command::new(env!("CARGO_BIN_EXE_carillon"))
}

/// A process that serves; it is killed at the latest when this is dropped.
pub struct Process {
    child: Child,
    /// Kept open: a server must be able to print.
    stdout: BufReader<ChildStdout>,
    /// Where it listens, as `http://127.0.0.1:…`.
    pub url: String,
    /// From its start until `/readyz` said yes.
    pub ready_in: Duration,
}

impl Process {
    /// Starts the shipped program on this data folder, without bounds on what one caller may do.
    pub async fn serve(data: &Path) -> Process {
        let mut serve = carillon();
        serve
            .arg("serve")
            .args(["--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .env("CARILLON_LIMITS__WRITES_PER_S", "100000")
            .env("CARILLON_LIMITS__READS_PER_S", "100000")
            .env("CARILLON_LOG__LEVEL", "warn");
        Process::start(serve).await
    }

    /// Starts a program that prints where it listens, and waits until it is ready.
    #[expect(clippy::disallowed_methods, reason = "the time until it is ready is measured")]
    pub async fn start(mut program: Command) -> Process {
        let started = Instant::now();
        let mut child = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut url = None;
        while url.is_none() {
            let mut line = String::new();
            let len = tokio::task::block_in_place(|| stdout.read_line(&mut line)).unwrap();
            assert!(len > 0, "the program ended before it listened");
            url = line.trim_end().split_once("listening on ").map(|(_, url)| url.to_owned());
        }
        let url = url.expect("the loop ends with it");
        while http(&url, "GET", "/readyz", &[], Vec::new()).await.0 != 200 {
            tokio::task::yield_now().await;
        }
        Process { child, stdout, url, ready_in: started.elapsed() }
    }

    /// Asks it to end, and answers the lines that it printed after the first.
    pub fn last_words(mut self) -> Vec<String> {
        self.terminate();
        let mut words = String::new();
        tokio::task::block_in_place(|| self.stdout.read_to_string(&mut words)).unwrap();
        words.lines().map(|line| line.trim().to_owned()).collect()
    }

    /// Asks it to end in order, by `SIGTERM`.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// How it ended.
    pub async fn status(mut self) -> ExitStatus {
        let ended = async {
            loop {
                match self.child.try_wait().unwrap() {
                    Some(status) => return status,
                    None => tokio::task::yield_now().await,
                }
            }
        };
        tokio::time::timeout(PATIENCE, ended).await.expect("it ends in time")
    }

    /// Ends it between any two of its instructions once it has printed so many lines more, and
    /// answers them and those that were still under way.
    pub fn killed_after(mut self, lines: usize) -> Vec<String> {
        tokio::task::block_in_place(|| {
            let mut words = Vec::new();
            let mut line = String::new();
            while words.len() < lines && self.stdout.read_line(&mut line).unwrap() > 0 {
                words.push(std::mem::take(&mut line));
            }
            self.child.kill().unwrap();
            self.child.wait().unwrap();
            while self.stdout.read_line(&mut line).unwrap() > 0 {
                words.push(std::mem::take(&mut line));
            }
            // The last one may have been cut off.
            let whole = words.iter().filter_map(|line| line.strip_suffix('\n'));
            whole.map(str::to_owned).collect()
        })
    }

    /// Ends it between any two of its instructions (`SIGKILL`).
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Whoever was killed before is gone already.
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// Runs a command beside the server, or without one, and answers what it printed.
pub fn run(data: &Path, args: &[&str]) -> String {
    let output =
        tokio::task::block_in_place(|| carillon().arg("--data").arg(data).args(args).output());
    let output = output.unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "carillon {}: {stderr}", args.join(" "));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// Adds an organisation by the command line.
pub fn add_org(data: &Path, name: &str) -> OrgId {
    run(data, &["org", "add", "--name", name]).parse().unwrap()
}

/// Adds a person with a token by the command line.
pub fn add_person(data: &Path, org: OrgId, login: &str) -> Person {
    let user: UserId =
        run(data, &["user", "add", "--login", login, "--name", login]).parse().unwrap();
    let token = run(data, &["token", "--user", login]);
    Person { user, org, token, device: DeviceId(new_id()) }
}

/// A client of a server in another process, caught up.
pub async fn connect(url: &str, person: &Person) -> TestClient {
    let mut client = TestClient::open(url, Codec::Json).await;
    let (token, device) = (Some(person.token.clone()), person.device);
    let (caps, handles, listens) = (Vec::new(), Vec::new(), Vec::new());
    client
        .hello(&Hello { v: 1, token, device, tab: None, sync: None, caps, handles, listens })
        .await;
    client.synced().await;
    client
}
