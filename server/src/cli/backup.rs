//! `carillon backup`, `restore` and `verify`.

use std::{
    fs::{self, File},
    io::{self, BufReader},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use carillon_plugin::{Caller, Clock as _, Host, Live, LiveChange, Migration, Plugin};
use carillon_plugins::audit::verify::RESTORE;
use carillon_protocol::{ErrorCode, Event, Topic, audit::Note, event::Ephemeral};
use carillon_store::{
    Database, Options, Store,
    backup::{self, End, Manifest},
};
use clap::Args;

use super::{Failure, Outcome, say};
use crate::{clock::SystemClock, config::Config, node, registry};

/// What is added to the name of a file until it is complete.
const UNFINISHED: &str = ".part";
/// What SQLite keeps beside a database.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

#[derive(Debug, Args)]
pub(super) struct RestoreArgs {
    /// The backup
    file: PathBuf,
    /// Give up the database that the data folder has now; one on PostgreSQL must be empty
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct VerifyArgs {
    /// The backup; it is restored into a temporary folder (TMPDIR), and that is looked at
    file: Option<PathBuf>,
    /// The database itself, beside a running server or without one
    #[arg(long)]
    database: bool,
}

/// Writes a backup; a running server goes on meanwhile.
pub(super) async fn backup(config: &Config, file: &Path) -> Outcome {
    if file.exists() {
        return Err(taken(file));
    }
    // A name of its own, which goes with it, and for nobody else to read: it has all secrets.
    let mut unfinished = tempfile::Builder::new().suffix(UNFINISHED).tempfile_in(folder(file))?;
    let (manifest, end) = write(config, unfinished.as_file_mut()).await?;
    unfinished.persist_noclobber(file).map_err(|refused| match refused.error.kind() {
        io::ErrorKind::AlreadyExists => taken(file),
        _ => refused.error.into(),
    })?;
    flush_folder(file)?;
    say(&format!("{}\n{}", file.display(), summary(&manifest, &end)))
}

fn taken(file: &Path) -> Failure {
    Failure(format!("{} is there already: name another file", file.display()))
}

async fn write(config: &Config, out: &mut File) -> Result<(Manifest, End), Failure> {
    let (now, version) = (SystemClock::default().now(), env!("CARGO_PKG_VERSION"));
    let written = backup::write(&node::database(config), now, version, &mut *out).await?;
    out.sync_all()?;
    Ok(written)
}

/// Makes the database of a backup. No server may have it.
pub(super) async fn restore(config: &Config, args: &RestoreArgs) -> Outcome {
    let input = BufReader::new(open(&args.file)?);
    let (manifest, end) = match node::database(config) {
        Database::Sqlite(path) => replace(config, &path, args.force, input).await?,
        database => backup::fill(&database, &migrations(), input).await?,
    };
    note(config, &manifest).await?;
    say(&summary(&manifest, &end))?;
    say("restored, with a new epoch: clients notice, and ask for everything again")
}

/// Says in the audit log of the new database what it was made of. Nobody hears of it yet.
async fn note(config: &Config, manifest: &Manifest) -> Outcome {
    let _lock = node::lock(&config.data)?;
    let object = format!("backup:{}@{}", manifest.epoch, manifest.position);
    let store = Store::open(&node::database(config), &migrations(), Options::default()).await?;
    let (storage, clock) = (Arc::new(store.clone()), Arc::new(SystemClock::default()));
    let host = Host::new(plugins(), storage, clock, Arc::new(Nobody));
    let note = Note { op: RESTORE.to_owned(), object };
    let noted = host.call_typed(Caller::SYSTEM, None, &note).await;
    store.close().await;
    noted?;
    Ok(())
}

/// The connections of a database that no server has.
struct Nobody;

impl Live for Nobody {
    fn committed(&self, _: &[(Event, Vec<LiveChange>)]) {}

    fn push(&self, _: &Topic, _: Ephemeral) {}

    fn called(&self, _: &'static str, _: Option<ErrorCode>, _: Duration) {}
}

/// Fills a file beside the database, which takes its place when it is complete.
async fn replace(
    config: &Config,
    path: &Path,
    force: bool,
    input: impl io::BufRead + io::Seek,
) -> Result<(Manifest, End), Failure> {
    let (_lock, data) = (node::lock(&config.data)?, &config.data);
    if !force && !node::is_unused(data)? {
        return Err(Failure(format!(
            "{} is not empty: choose another --data, or give up its database with --force",
            data.display()
        )));
    }
    let unfinished = beside(path, UNFINISHED);
    remove(&unfinished)?;
    let filled = backup::fill(&unfinished.clone().into(), &migrations(), input).await;
    let filled = match filled {
        Ok(filled) => filled,
        Err(error) => {
            remove(&unfinished)?;
            return Err(error.into());
        }
    };
    File::open(&unfinished)?.sync_all()?;
    // First, or they would be taken for the new one's.
    BESIDE.iter().try_for_each(|name| remove_file(&beside(path, name)))?;
    fs::rename(&unfinished, path)?;
    flush_folder(path)?;
    Ok(filled)
}

/// Looks whether a backup or the database keeps what was promised.
pub(super) async fn verify(config: &Config, args: &VerifyArgs) -> Outcome {
    let broken = match &args.file {
        None => backup::check(&node::database(config)).await?,
        Some(file) => {
            let folder = tempfile::tempdir()?;
            let restored = node::database_path(folder.path()).into();
            let input = BufReader::new(open(file)?);
            let (manifest, end) = backup::fill(&restored, &migrations(), input).await?;
            say(&summary(&manifest, &end))?;
            backup::check(&restored).await?
        }
    };
    if broken.is_empty() {
        return say("everything is as it was promised");
    }
    broken.iter().try_for_each(|promise| say(&format!("broken: {promise}")))?;
    Err(Failure("this is not what was written: restore the last good backup".into()))
}

fn plugins() -> Vec<Plugin> {
    registry::unused()
}

fn migrations() -> Vec<Migration> {
    Host::migrations(&plugins())
}

fn summary(manifest: &Manifest, end: &End) -> String {
    let Manifest { version, epoch, position, .. } = manifest;
    let End { rows, sha256 } = end;
    format!(
        "of carillon {version}, epoch {epoch}, up to position {position}\n\
         {rows} rows, sha256 {sha256}"
    )
}

fn open(file: &Path) -> Result<File, Failure> {
    File::open(file).map_err(|error| Failure(format!("{}: {error}", file.display())))
}

fn beside(path: &Path, name: &str) -> PathBuf {
    let mut longer = path.as_os_str().to_owned();
    longer.push(name);
    longer.into()
}

/// Removes a database, if it is there.
fn remove(path: &Path) -> io::Result<()> {
    BESIDE.iter().try_for_each(|name| remove_file(&beside(path, name)))?;
    remove_file(path)
}

fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// A new name is on disk only with its folder.
fn flush_folder(path: &Path) -> io::Result<()> {
    File::open(folder(path))?.sync_all()
}

/// The folder that a name is in.
fn folder(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}
