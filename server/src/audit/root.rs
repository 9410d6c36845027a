//! Roots: lines that say which row was the last one at a time, signed, each with the hash of the
//! line before it.

use std::{
    fmt::Write as _,
    fs::{File, OpenOptions},
    io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use carillon_plugins::audit::verify::Root;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    AuditError,
    key::{Key, PublicKey},
};

/// What is signed says what it is: nothing else that was signed means the same.
const DOMAIN: &str = "carillon audit root 1";
/// The longest line: three hashes and some numbers are half of it.
const LINE_LEN_MAX: u64 = 1_024;

/// A line of the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    n: u64,
    hash: String,
    at: i64,
    /// The SHA-256 of the line before, in hexadecimal; 64 zeros in the first.
    former: String,
    signature: String,
}

/// What is signed of a line: a JSON array.
fn signed(n: u64, hash: &str, at: i64, former: &str) -> Vec<u8> {
    serde_json::to_vec(&(DOMAIN, n, hash, at, former)).expect("numbers and texts can be written")
}

fn digest(line: &[u8]) -> String {
    Sha256::digest(line).iter().fold(String::with_capacity(64), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a text takes everything");
        text
    })
}

fn no_former() -> String {
    "0".repeat(64)
}

/// The file as its node adds to it.
#[derive(Debug)]
pub(super) struct Roots {
    file: File,
    former: String,
    /// What was signed last.
    pub(super) last: Option<Root>,
}

impl Roots {
    /// Opens the file, or makes it. A line that a crash cut off was never signed, and goes.
    pub(super) fn open(path: &Path) -> Result<Roots, AuditError> {
        let open = || {
            let mut file = OpenOptions::new()
                .create(true)
                .truncate(false)
                .read(true)
                .write(true)
                .mode(0o600)
                .open(path)?;
            let (mut whole, mut last) = (0, Vec::new());
            let mut lines = BufReader::new(&file);
            while let Some(line) = next_line(&mut lines)? {
                if line.last() != Some(&b'\n') {
                    break;
                }
                whole += line.len() as u64;
                last = line;
            }
            file.set_len(whole)?;
            file.seek(SeekFrom::End(0))?;
            Ok((file, last))
        };
        let (file, last) = open().map_err(AuditError::file(path))?;
        let text = last.strip_suffix(b"\n").unwrap_or_default();
        let former = if text.is_empty() { no_former() } else { digest(text) };
        // A line that somebody made unreadable is for `carillon audit verify` to tell.
        let line = serde_json::from_slice::<Line>(text).ok();
        let last = line.map(|Line { n, hash, at, .. }| Root { n, hash, at });
        Ok(Roots { file, former, last })
    }

    /// Adds a line, which is on disk when this returns. Answers its signature.
    pub(super) fn add(&mut self, key: &Key, root: Root) -> io::Result<String> {
        let Root { n, hash, at } = root.clone();
        let former = self.former.clone();
        let signature = key.sign(&signed(n, &hash, at, &former));
        let line = Line { n, hash, at, former, signature: signature.clone() };
        let mut text = serde_json::to_vec(&line)?;
        let former = digest(&text);
        text.push(b'\n');
        let end = self.file.stream_position()?;
        let written = self.file.write_all(&text).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // Nothing half stays before the next one.
            self.file.set_len(end)?;
            self.file.seek(SeekFrom::Start(end))?;
            return Err(error);
        }
        (self.former, self.last) = (former, Some(root));
        Ok(signature)
    }
}

/// The next line with its end; none longer than [`LINE_LEN_MAX`].
fn next_line(lines: &mut impl io::BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    lines.take(LINE_LEN_MAX).read_until(b'\n', &mut line)?;
    Ok((!line.is_empty()).then_some(line))
}

/// What a file of roots says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// What was signed, in order.
    pub roots: Vec<Root>,
    /// Lines that are not as they were written, a sentence each.
    pub broken: Vec<String>,
}

/// Reads a file of roots that this key signed.
///
/// # Errors
/// If it cannot be read.
pub fn read(path: &Path, key: &PublicKey) -> Result<Found, AuditError> {
    let file = File::open(path).map_err(AuditError::file(path))?;
    let (mut lines, mut found, mut before) = (BufReader::new(file), Found::default(), no_former());
    let mut number = 0;
    while let Some(line) = next_line(&mut lines).map_err(AuditError::file(path))? {
        number += 1;
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let mut tell = |what: &str| {
            found.broken.push(format!("line {number} of {}: {what}", path.display()));
        };
        match serde_json::from_slice::<Line>(text) {
            Err(_) => tell("it cannot be read"),
            Ok(Line { n, hash, at, former, signature }) => {
                let is_next = former == before;
                if !key.proves(&signed(n, &hash, at, &former), &signature) {
                    tell("it was changed, or signed with another key");
                } else {
                    if !is_next {
                        tell("the line before it was changed, or lines before it are missing");
                    }
                    found.roots.push(Root { n, hash, at });
                }
            }
        }
        before = digest(text);
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
