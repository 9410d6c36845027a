//! Writes the state folder beside the connection: what gathers while one batch is being written
//! goes into the next one, with one `fsync` for all of it.

use std::{io, path::Path, sync::Arc};

use carillon_protocol::Cid;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::{
    journal::{Batch, Folder, Line, Progress, Restored},
    outbox::{Entry, Outbox},
};

/// The outbox's file is written anew when it has so many lines more than twice what is needed.
const LINES_SPARE: usize = 1_000;

/// What was on disk.
#[derive(Default)]
pub(crate) struct Before {
    pub entries: Vec<Entry>,
    pub progress: Option<Progress>,
}

/// A batch was written, or was not.
pub(crate) struct Written {
    /// The messages that it promised to keep.
    pub cids: Vec<Cid>,
    pub result: Result<(), Arc<io::Error>>,
}

type Job = JoinHandle<(Folder, io::Result<()>)>;

/// The state folder, or none.
#[derive(Default)]
pub(crate) struct Disk {
    /// Absent without a state folder, and while a batch is being written.
    folder: Option<Folder>,
    job: Option<(Job, Vec<Cid>)>,
    next: Batch,
    lines: usize,
    /// A batch may lie in the file in part: the next one writes the file anew.
    torn: bool,
    /// Without a folder, and after a loss of it, nothing is kept.
    keeps: bool,
}

impl Disk {
    /// Opens the folder, if there is to be one.
    pub async fn open(dir: Option<&Path>) -> io::Result<(Disk, Before)> {
        let Some(dir) = dir.map(Path::to_owned) else {
            return Ok((Disk::default(), Before::default()));
        };
        let opened = spawn_blocking(move || Folder::open(&dir)).await.map_err(io::Error::other)?;
        let Restored { folder, entries, lines, progress } = opened?;
        let disk = Disk { folder: Some(folder), lines, keeps: true, ..Disk::default() };
        Ok((disk, Before { entries, progress }))
    }

    /// Whether there is a folder: what is queued becomes a promise only when it is written.
    pub fn keeps(&self) -> bool {
        self.keeps
    }

    /// Adds a line to the next batch.
    pub fn line(&mut self, line: Line) {
        if self.keeps {
            self.next.lines.push(line);
        }
    }

    /// Adds the progress to the next batch.
    pub fn progress(&mut self, progress: Progress) {
        if self.keeps {
            self.next.progress = Some(progress);
        }
    }

    /// Starts to write what has gathered, if nothing is being written.
    pub fn start(&mut self, outbox: &Outbox) {
        if self.next.lines.is_empty() && self.next.progress.is_none() {
            return;
        }
        let Some(mut folder) = self.folder.take() else { return };
        let mut batch = std::mem::take(&mut self.next);
        let queued = |line: &Line| match line {
            Line::Queued(entry) => Some(entry.cid),
            Line::Answered(_) => None,
        };
        let cids = batch.lines.iter().filter_map(queued).collect();
        self.lines += batch.lines.len();
        if self.torn || self.lines > 2 * outbox.len() + LINES_SPARE {
            self.lines = outbox.len();
            batch.rewrite = Some(outbox.entries());
        }
        let job = spawn_blocking(move || {
            let result = folder.write(&batch);
            (folder, result)
        });
        self.job = Some((job, cids));
    }

    /// Whether something is being written.
    pub fn busy(&self) -> bool {
        self.job.is_some()
    }

    /// Waits for the batch that is being written. May be dropped and called again.
    pub async fn written(&mut self) -> Written {
        let Some((job, _)) = &mut self.job else { return std::future::pending().await };
        let result = match job.await {
            Ok((folder, result)) => {
                self.folder = Some(folder);
                result
            }
            Err(panicked) => {
                self.keeps = false;
                Err(io::Error::other(panicked))
            }
        };
        self.torn = result.is_err();
        let cids = self.job.take().map(|(_, cids)| cids).unwrap_or_default();
        Written { cids, result: result.map_err(Arc::new) }
    }
}
