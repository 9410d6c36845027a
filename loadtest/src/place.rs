//! A server of our own in a folder that goes away.

use std::{
    env, fs,
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    thread,
    time::Duration,
};

use tempfile::TempDir;

use crate::{
    ServerArgs,
    clock::Deadline,
    fleet::{Failed, Target},
    os,
    process::Process,
    target,
};

/// A data folder and the program that works on it.
pub struct Place {
    program: PathBuf,
    folder: TempDir,
    token: String,
}

/// The server's program: this one, or the one that was built beside this program.
pub fn program(given: Option<&PathBuf>) -> Result<PathBuf, Failed> {
    let own = env::current_exe()?;
    // Tests lie one folder deeper.
    let beside = || own.ancestors().skip(1).take(2).map(|folder| folder.join("carillon"));
    let program = given.cloned().into_iter().chain(beside()).find(|program| program.is_file());
    program.ok_or_else(|| Failed::Usage("build the server first: cargo build -p carillon".into()))
}

/// What is asked to end has this time …
const END_MAX: Duration = Duration::from_secs(30);
/// … and is looked after so often.
const LOOK: Duration = Duration::from_millis(20);

/// The limits on calls are not what is measured.
const NO_LIMITS: &str = "[limits]\nwrites_per_s = 1000000\nreads_per_s = 1000000\n";

impl Place {
    /// An empty organisation with an administrator.
    pub fn new(program: &Path, shards: u8) -> Result<Place, Failed> {
        let mut place = Place::bare(program, &format!("shards = {shards}\n{NO_LIMITS}"))?;
        place.token = place.organisation("Load", "load")?;
        Ok(place)
    }

    /// A node of several, with these settings before the limits.
    pub fn node(program: &Path, settings: &str) -> Result<Place, Failed> {
        Place::bare(program, &format!("{settings}{NO_LIMITS}"))
    }

    /// Nothing yet, beside the program: a folder for temporary files may be memory, and this is
    /// about a disk.
    fn bare(program: &Path, config: &str) -> Result<Place, Failed> {
        let program = program.canonicalize()?;
        let folder = tempfile::tempdir_in(program.parent().unwrap_or(Path::new(".")))?;
        fs::write(folder.path().join("server.toml"), config)?;
        Ok(Place { program, folder, token: String::new() })
    }

    /// Adds an organisation with an administrator; answers the administrator's token, which may
    /// do everything.
    pub fn organisation(&self, name: &str, login: &str) -> Result<String, Failed> {
        let org = self.run(&["org", "add", "--name", name])?;
        self.run(&["user", "add", "--login", login, "--name", name, "--admin", "--org", &org])?;
        self.run(&["token", "--user", login, "--scopes", "read,write,admin", "--org", &org])
    }

    /// The administrator's token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// A file in the same file system as the server's.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(args).arg("--config").arg(self.path("server.toml"));
        command.arg("--data").arg(self.path("data"));
        command
    }

    /// What the command prints, on one line.
    fn run(&self, args: &[&str]) -> Result<String, Failed> {
        let output = self.command(args).stderr(Stdio::inherit()).output()?;
        if !output.status.success() {
            return Err(Failed::Usage(format!("`{}` failed", args.join(" "))));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Adds settings behind the others.
    pub fn add(&self, settings: &str) -> io::Result<()> {
        let mut file = fs::OpenOptions::new().append(true).open(self.path("server.toml"))?;
        file.write_all(settings.as_bytes())
    }

    /// A process of a plugin that runs apart from this server.
    pub fn beside(&self, plugin: &str, server: &Running) -> Result<Beside, Failed> {
        let token = self.run(&["plugins", "token", plugin])?;
        let node = server.url.replacen("ws://", "http://", 1).replace("/v1/ws", "");
        let mut command = Command::new(&self.program);
        command.args(["plugin", plugin, "--node", &node]).env("CARILLON_PLUGIN_TOKEN", token);
        Ok(Beside(command.stderr(Stdio::null()).spawn()?))
    }

    /// A fresh process.
    pub fn start(&self) -> Result<Running, Failed> {
        self.start_saying(Stdio::null())
    }

    /// A fresh process that says what it does at the end of this file.
    pub fn start_logged(&self, log: &Path) -> Result<Running, Failed> {
        self.start_saying(fs::OpenOptions::new().create(true).append(true).open(log)?.into())
    }

    fn start_saying(&self, log: Stdio) -> Result<Running, Failed> {
        let mut child = self
            .command(&["serve", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()?;
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut running = Running { child, stdout, url: String::new() };
        let mut line = String::new();
        running.stdout.read_line(&mut line)?;
        let address = line.trim().strip_prefix("listening on http://");
        let address = address.ok_or_else(|| io::Error::other("the server does not listen"))?;
        running.url = format!("ws://{address}/v1/ws");
        Ok(running)
    }
}

/// A process beside a server, that ends with this value.
pub struct Beside(Child);

impl Drop for Beside {
    fn drop(&mut self) {
        if let Err(error) = self.0.kill().and_then(|()| self.0.wait().map(|_| ())) {
            eprintln!("a plugin's process is not over: {error}");
        }
    }
}

/// A server that ends with this value.
pub struct Running {
    child: Child,
    /// Kept open: a server that cannot say something ends.
    stdout: BufReader<ChildStdout>,
    url: String,
}

impl Running {
    /// The same as an address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where to connect to.
    pub fn target(&self) -> Result<Target, Failed> {
        target(&self.url)
    }

    /// The process.
    pub fn process(&self) -> Process {
        Process(self.child.id())
    }

    /// The same for connections with these tokens.
    pub fn args(&self, tokens: &Path) -> ServerArgs {
        ServerArgs { server_pid: self.child.id(), url: self.url.clone(), tokens: tokens.to_owned() }
    }
}

impl Running {
    /// Stops it in its tracks: its sockets stay open, and nobody answers.
    pub fn freeze(&self) -> io::Result<()> {
        os::signal(self.child.id(), os::Signal::Stop)
    }

    /// Lets it go on.
    pub fn thaw(&self) -> io::Result<()> {
        os::signal(self.child.id(), os::Signal::Continue)
    }

    /// Asks it to end, and waits until it has; answers how, or nothing if it takes too long.
    pub fn end(&mut self) -> io::Result<Option<ExitStatus>> {
        os::signal(self.child.id(), os::Signal::Terminate)?;
        let deadline = Deadline::after(END_MAX);
        while self.ended()?.is_none() && !deadline.is_over() {
            thread::sleep(LOOK);
        }
        self.ended()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Without ceremony: what it acknowledged is on disk.
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait().map(|_| ())) {
            eprintln!("the server is not over: {error}");
        }
    }
}
