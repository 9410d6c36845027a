//! Everything at once: starts a server of its own, fills it, measures it, and leaves nothing.

use std::{
    fs,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

use clap::Args;
use tempfile::TempDir;

use crate::{
    ServerArgs,
    fanout::{self, ConvArgs, LoadArgs},
    fleet::Failed,
    idle::{self, IdleArgs},
    seed::{self, SeedArgs, Shape},
    target,
};

/// Which program, and how it is measured.
#[derive(Debug, Clone, Args)]
pub struct BenchArgs {
    /// The server, built with --release.
    #[arg(long)]
    server: PathBuf,
    /// How many threads of the server carry connections.
    #[arg(long, default_value_t = 1)]
    shards: u8,
    #[command(flatten)]
    load: LoadArgs,
    #[command(flatten)]
    idle: IdleArgs,
}

/// Fan-out beside the raw loop, then memory of idle connections, each on a fresh process: what one
/// has allocated and freed would hide what the other needs.
pub fn bench(args: &BenchArgs) -> Result<(), Failed> {
    let place = Place::new(args)?;
    let [room, office] =
        ["room.tokens", "office.tokens"].map(|name| place.folder.path().join(name));
    let conv = {
        let server = place.start()?;
        let token = place.administrator()?;
        let seed = |people, shape, out: &Path| SeedArgs {
            token: token.clone(),
            people,
            shape,
            out: out.to_owned(),
        };
        let target = target(&server.url)?;
        seed::seed(&target, &seed(args.idle.connections, Shape::Office, &office))?;
        seed::seed(&target, &seed(args.load.members, Shape::Room, &room))?
    };
    let server = place.start()?;
    let conv = ConvArgs { conv: conv.expect("a room has an id").to_string() };
    fanout::compare(&server.args(&room), &conv, &args.load)?;
    drop(server);
    let server = place.start()?;
    println!();
    idle::idle(&server.args(&office), &args.idle)
}

/// A data folder and the program that works on it.
struct Place {
    program: PathBuf,
    folder: TempDir,
}

impl Place {
    fn new(args: &BenchArgs) -> Result<Place, Failed> {
        let folder = tempfile::tempdir()?;
        // The limits on calls are not what is measured.
        let config = format!(
            "shards = {}\n[limits]\nwrites_per_s = 1000000\nreads_per_s = 1000000\n",
            args.shards
        );
        fs::write(folder.path().join("server.toml"), config)?;
        Ok(Place { program: args.server.clone(), folder })
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(args).arg("--config").arg(self.folder.path().join("server.toml"));
        command.arg("--data").arg(self.folder.path().join("data"));
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

    /// A token that may do everything in a new organisation.
    fn administrator(&self) -> Result<String, Failed> {
        self.run(&["org", "add", "--name", "Load"])?;
        self.run(&["user", "add", "--login", "load", "--name", "Load", "--admin"])?;
        self.run(&["token", "--user", "load", "--scopes", "read,write,admin"])
    }

    fn start(&self) -> Result<Running, Failed> {
        let mut child = self
            .command(&["serve", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
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

/// A server that ends with this value.
struct Running {
    child: Child,
    /// Kept open: a server that cannot say something ends.
    stdout: BufReader<ChildStdout>,
    url: String,
}

impl Running {
    fn args(&self, tokens: &Path) -> ServerArgs {
        ServerArgs { server_pid: self.child.id(), url: self.url.clone(), tokens: tokens.to_owned() }
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
