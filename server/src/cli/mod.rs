//! The command line.

mod admin;
mod audit;
mod backup;
mod doctor;
mod nodes;
mod people;
mod plugin;
mod plugins;
mod serve;
mod system;

use std::{fmt, io::Write as _, net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use clap::{Args, Parser, Subcommand};
use rustix::fs::Mode;

use crate::{
    config::{Config, ConfigError, Origins, Sources},
    node::StartError,
    telemetry,
};

/// What files are never made with: access for anybody but their owner.
const OTHERS: Mode = Mode::RWXG.union(Mode::RWXO);

/// How long tasks that block a thread may take when everything else has ended.
const LAST_TASKS_TIMEOUT: Duration = Duration::from_secs(1);

/// Office communication that a company runs itself.
#[derive(Debug, Parser)]
#[command(name = "carillon", version, about)]
pub struct Cli {
    #[command(flatten)]
    sources: SourceArgs,
    #[command(subcommand)]
    command: Command,
}

/// Where the settings come from, besides the environment.
#[derive(Debug, Args)]
struct SourceArgs {
    /// The configuration file (TOML)
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder of the database
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve {
        /// Seed a demo company, and answer on this machine only
        #[arg(long)]
        demo: bool,
        #[command(flatten)]
        door: DoorArgs,
    },
    /// Make a token for a person's device or for a program
    Token(admin::TokenArgs),
    /// Manage people
    User {
        #[command(subcommand)]
        command: admin::UserCommand,
    },
    /// Manage organisations
    Org {
        #[command(subcommand)]
        command: admin::OrgCommand,
    },
    /// Show the configuration
    Config {
        #[command(subcommand)]
        command: Option<ConfigCommand>,
    },
    /// Write everything into one file, while the server runs
    Backup {
        /// A new file
        file: PathBuf,
    },
    /// Make the database of a backup; the server must not run
    Restore(backup::RestoreArgs),
    /// Look whether a backup or the database is whole
    Verify(backup::VerifyArgs),
    /// Run a plugin apart from the server, in a process of its own
    Plugin(plugin::PluginArgs),
    /// Show what plugins do besides answering, and how far each is
    Plugins {
        #[command(subcommand)]
        command: Option<plugins::PluginsCommand>,
    },
    /// Show who administered what, and prove it
    Audit {
        #[command(subcommand)]
        command: audit::AuditCommand,
    },
    /// Show the nodes that share the database, and how each is
    Nodes,
    /// Look at everything that the server needs, and say what is wrong
    Doctor(DoorArgs),
}

/// How people reach the server.
#[derive(Debug, Default, Args)]
struct DoorArgs {
    /// The address to listen on; port 0 picks a free one
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Speak HTTPS: `files:CERT,KEY`, or `self` for a local authority
    #[arg(long, value_name = "WHENCE")]
    tls: Option<String>,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Check the settings and show where each comes from
    Check,
    /// Print a commented file with the defaults
    Print,
}

/// What ends the program, in a sentence for people.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Failure {
        Failure(error.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

type Outcome = Result<(), Failure>;

/// Runs a command; 0 if it did what it should.
pub fn run(cli: Cli) -> ExitCode {
    // Before the first file: the database's own files are made with what this leaves.
    rustix::process::umask(OTHERS);
    match try_run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("carillon: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn try_run(cli: Cli) -> Outcome {
    let door = match &cli.command {
        Command::Serve { door, .. } | Command::Doctor(door) => door,
        _ => &DoorArgs::default(),
    };
    let loaded = cli.sources.load(door);
    if let Command::Config { command } = &cli.command {
        return show_config(command.as_ref(), loaded);
    }
    let (config, _) = loaded?;
    telemetry::log(&config.log);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(async {
        match cli.command {
            Command::Serve { demo, .. } => serve::serve(&config, demo).await,
            Command::Token(args) => admin::token(&config, args).await,
            Command::User { command } => admin::user(&config, command).await,
            Command::Org { command } => admin::org(&config, command).await,
            Command::Backup { file } => backup::backup(&config, &file).await,
            Command::Restore(args) => backup::restore(&config, &args).await,
            Command::Verify(args) => backup::verify(&config, &args).await,
            Command::Plugin(args) => plugin::plugin(args).await,
            Command::Plugins { command } => plugins::plugins(&config, command).await,
            Command::Audit { command } => audit::audit(&config, command).await,
            Command::Nodes => nodes::nodes(&config).await,
            Command::Doctor(_) => doctor::doctor(&config).await,
            Command::Config { .. } => Ok(()),
        }
    });
    // Whatever still runs has had its time.
    runtime.shutdown_timeout(LAST_TASKS_TIMEOUT);
    outcome
}

impl SourceArgs {
    fn load(&self, door: &DoorArgs) -> Result<(Config, Origins), ConfigError> {
        let data = self.data.as_ref().map(|data| ("data".into(), data.display().to_string()));
        let listen = door.listen.map(|listen| ("listen".into(), listen.to_string()));
        let tls = door.tls.clone().map(|tls| ("tls".into(), tls));
        let flags = data.into_iter().chain(listen).chain(tls).collect();
        Config::load(&Sources::of_process(self.config.clone(), flags))
    }
}

fn show_config(
    command: Option<&ConfigCommand>,
    loaded: Result<(Config, Origins), ConfigError>,
) -> Outcome {
    match command {
        None | Some(ConfigCommand::Print) => say(&Config::commented_default()),
        Some(ConfigCommand::Check) => {
            let (config, origins) = loaded?;
            say(&config.explain(&origins))
        }
    }
}

/// Prints to standard output, at once: what a program reads must not wait for a buffer.
pub(crate) fn say(text: &str) -> Outcome {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", text.trim_end())?;
    out.flush()?;
    Ok(())
}

/// The data folder is taken by a server that does not answer.
pub(crate) fn in_use(error: &StartError) -> bool {
    matches!(error, StartError::InUse(_))
}
