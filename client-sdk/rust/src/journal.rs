//! The state folder: the outbox as an append-only file of JSON lines, and the progress.
//!
//! `outbox.jsonl` has a line for each message that was taken and one for each that was answered.
//! A line counts when it ends: one that a crash has torn off was never promised to anybody.
//! `progress.json` is replaced as a whole.

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use carillon_protocol::{Cid, DeviceId, Topic, UserId};
use serde::{Deserialize, Serialize};

use crate::outbox::Entry;

const OUTBOX: &str = "outbox.jsonl";
const PROGRESS: &str = "progress.json";

/// A line of the outbox's file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Line {
    /// A message was taken.
    Queued(Entry),
    /// It was answered for good.
    Answered(Cid),
}

/// How far the program has dealt with what came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// The installation.
    pub device: DeviceId,
    /// Whose progress it is, once known.
    #[serde(default)]
    pub user: Option<UserId>,
    /// The token up to which everything was dealt with.
    #[serde(default)]
    pub sync: Option<String>,
    /// For each topic the last event that was dealt with.
    #[serde(default)]
    pub topics: HashMap<Topic, u64>,
}

/// What is to be written at once.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// New lines of the outbox.
    pub lines: Vec<Line>,
    /// Every message that is not answered, if the file is to be written anew instead.
    pub rewrite: Option<Vec<Entry>>,
    /// The progress, if it changed.
    pub progress: Option<Progress>,
}

/// The folder, held by one program at a time.
#[derive(Debug)]
pub(crate) struct Folder {
    dir: PathBuf,
    outbox: File,
    /// Locked as long as it is open.
    _lock: File,
}

/// What the folder held.
#[derive(Debug)]
pub(crate) struct Restored {
    pub folder: Folder,
    pub entries: Vec<Entry>,
    /// How many lines the outbox's file has.
    pub lines: usize,
    pub progress: Option<Progress>,
}

impl Folder {
    /// Opens the folder, made if it is missing, and reads what it holds.
    pub fn open(dir: &Path) -> io::Result<Restored> {
        fs::create_dir_all(dir)?;
        let lock = create(&dir.join("lock"))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => {
                let why = format!("{} is in use by another program", dir.display());
                io::Error::new(io::ErrorKind::AlreadyExists, why)
            }
            TryLockError::Error(error) => error,
        })?;
        let progress = match fs::read(dir.join(PROGRESS)) {
            Ok(text) => Some(serde_json::from_slice(&text).map_err(|e| bad(PROGRESS, &e))?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let mut outbox = open_outbox(dir)?;
        let mut bytes = Vec::new();
        outbox.read_to_end(&mut bytes)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if whole < bytes.len() {
            outbox.set_len(whole as u64)?;
        }
        // A promise is on disk only if the name of its file is.
        sync_folder(dir)?;
        let (entries, lines) = unanswered(&bytes[..whole])?;
        let folder = Folder { dir: dir.to_owned(), outbox, _lock: lock };
        Ok(Restored { folder, entries, lines, progress })
    }

    /// Writes a batch; when this returns, it is on disk.
    pub fn write(&mut self, batch: &Batch) -> io::Result<()> {
        if let Some(entries) = &batch.rewrite {
            let lines = entries.iter().cloned().map(Line::Queued);
            replace(&self.dir, OUTBOX, &text(lines))?;
            self.outbox = open_outbox(&self.dir)?;
        } else if !batch.lines.is_empty() {
            self.outbox.write_all(&text(batch.lines.iter().cloned()))?;
            // An answer that is forgotten in a crash is asked for again: only a promise needs
            // the disk.
            if batch.lines.iter().any(|line| matches!(line, Line::Queued(_))) {
                self.outbox.sync_data()?;
            }
        }
        if let Some(progress) = &batch.progress {
            let text = serde_json::to_vec(progress).expect("the progress is JSON");
            replace(&self.dir, PROGRESS, &text)?;
        }
        Ok(())
    }
}

fn open_outbox(dir: &Path) -> io::Result<File> {
    private().read(true).append(true).create(true).open(dir.join(OUTBOX))
}

fn create(path: &Path) -> io::Result<File> {
    private().write(true).create(true).truncate(true).open(path)
}

/// What is made holds the texts of messages: nobody else on the machine reads it.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn sync_folder(dir: &Path) -> io::Result<()> {
    // Not every system lets a folder be opened.
    #[cfg(unix)]
    File::open(dir)?.sync_data()?;
    Ok(())
}

/// Puts a new file in the place of an old one; after a crash there is the one or the other.
fn replace(dir: &Path, name: &str, text: &[u8]) -> io::Result<()> {
    let new = dir.join(format!("{name}.new"));
    let mut file = create(&new)?;
    file.write_all(text)?;
    file.sync_data()?;
    fs::rename(&new, dir.join(name))?;
    // The rename is on disk when the folder is.
    sync_folder(dir)
}

fn text(lines: impl Iterator<Item = Line>) -> Vec<u8> {
    let mut text = Vec::new();
    for line in lines {
        serde_json::to_writer(&mut text, &line).expect("a line is JSON");
        text.push(b'\n');
    }
    text
}

/// The messages without an answer, in order, and the count of lines.
fn unanswered(bytes: &[u8]) -> io::Result<(Vec<Entry>, usize)> {
    let (mut entries, mut at, mut lines) = (Vec::new(), HashMap::new(), 0);
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        lines += 1;
        match serde_json::from_slice(line)
            .map_err(|e| bad(&format!("{OUTBOX} line {lines}"), &e))?
        {
            Line::Queued(entry) => {
                at.insert(entry.cid, entries.len());
                entries.push(Some(entry));
            }
            Line::Answered(cid) => {
                if let Some(at) = at.remove(&cid) {
                    entries[at] = None;
                }
            }
        }
    }
    Ok((entries.into_iter().flatten().collect(), lines))
}

fn bad(what: &str, error: &serde_json::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{what} is damaged: {error}"))
}

#[cfg(test)]
mod tests;
