//! The files that a run leaves: what servers said, and what was recorded.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use crate::fleet::Failed;

/// A folder that goes away, unless the run fails or somebody asked for the files.
pub struct Out {
    path: PathBuf,
    temporary: Option<TempDir>,
}

impl Out {
    /// The folder that was asked for, or another one.
    pub fn new(asked: Option<&PathBuf>) -> io::Result<Out> {
        match asked {
            Some(path) => {
                fs::create_dir_all(path)?;
                Ok(Out { path: path.clone(), temporary: None })
            }
            None => {
                let folder = tempfile::Builder::new().prefix("carillon-loadtest-").tempdir()?;
                Ok(Out { path: folder.path().to_owned(), temporary: Some(folder) })
            }
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// After a run: says where the files are if they stay. A run that never began leaves none.
    pub fn end<T>(self, what: &str, ended: Result<T, Failed>) -> Result<T, Failed> {
        let has_files = fs::read_dir(&self.path).is_ok_and(|mut files| files.next().is_some());
        if has_files && (ended.is_err() || self.temporary.is_none()) {
            self.temporary.map(TempDir::keep);
            println!("{what}: {}", self.path.display());
        }
        ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_stay_if_the_run_failed_or_somebody_asked_for_them() {
        let parent = tempfile::tempdir().unwrap();
        let asked = parent.path().join("asked");
        for (asked, has_files, is_good, stays) in [
            (None, true, true, false),
            (None, true, false, true),
            (None, false, false, false),
            (Some(&asked), true, true, true),
        ] {
            let out = Out::new(asked).unwrap();
            let log = out.path().join("server.log");
            if has_files {
                fs::write(&log, "started").unwrap();
            }
            let ended = if is_good { Ok(()) } else { Err(Failed::Missed(1)) };
            assert_eq!(out.end("logs", ended).is_ok(), is_good);
            assert_eq!(log.exists(), stays);
            assert_eq!(log.parent().unwrap().exists(), stays);
            if stays {
                fs::remove_dir_all(log.parent().unwrap()).unwrap();
            }
        }
    }
}
