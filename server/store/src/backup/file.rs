//! The file of a backup, a line at a time.

use std::io::{self, BufRead, BufReader, Read, Write};

use flate2::{Compression, GzBuilder, bufread::GzDecoder, write::GzEncoder};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use super::{
    BackupError, End, FORMAT, Manifest,
    tables::{Cell, Table},
};

/// The longest line: a row's texts are bounded by what a frame carries, and this is far above.
const LINE_LEN_MAX: u64 = 64 * 1024 * 1024;
/// How a file begins. Nothing else in it may differ without being noticed, so neither may this.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// A line after the first.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Line {
    Row(Vec<Cell>),
    Table(Table),
    End { end: End },
}

/// Writes a backup.
pub(super) struct Writer<W: Write> {
    out: GzEncoder<W>,
    hash: Sha256,
    rows: u64,
}

impl<W: Write> Writer<W> {
    pub(super) fn new(out: W, manifest: &Manifest) -> io::Result<Writer<W>> {
        let out =
            GzBuilder::new().mtime(0).operating_system(255).write(out, Compression::default());
        let mut writer = Writer { out, hash: Sha256::new(), rows: 0 };
        writer.line(manifest)?;
        Ok(writer)
    }

    pub(super) fn table(&mut self, table: &Table) -> io::Result<()> {
        self.line(table)
    }

    pub(super) fn row(&mut self, row: &[Cell]) -> io::Result<()> {
        self.rows += 1;
        self.line(row)
    }

    pub(super) fn end(mut self) -> io::Result<End> {
        let end = End { rows: self.rows, sha256: hex(self.hash.clone()) };
        self.line(&Line::End { end: end.clone() })?;
        self.out.finish()?.flush()?;
        Ok(end)
    }

    fn line<T: Serialize + ?Sized>(&mut self, line: &T) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        self.hash.update(&bytes);
        self.out.write_all(&bytes)
    }
}

/// Looks whether a file is what was written, from its first byte to its last. The end of a file is
/// the same in every version.
pub(super) fn prove(input: impl BufRead) -> Result<(), BackupError> {
    let mut lines = Lines::open(input)?;
    let (mut hash, mut last) = (Sha256::new(), Vec::new());
    while let Some(line) = lines.next()? {
        hash.update(std::mem::replace(&mut last, line));
    }
    if lines.go_on()? {
        return Err(damaged("something stands behind its end"));
    }
    match serde_json::from_slice(&last) {
        Ok(Line::End { end }) if end.sha256 == hex(hash) => Ok(()),
        Ok(Line::End { .. }) => Err(damaged("its lines are not those that were written")),
        _ => Err(damaged("it ends too early")),
    }
}

/// Reads a backup that is proved.
pub(super) struct Reader<R: BufRead> {
    lines: Lines<R>,
    pub(super) manifest: Manifest,
}

impl<R: BufRead> Reader<R> {
    pub(super) fn open(input: R) -> Result<Reader<R>, BackupError> {
        let mut lines = Lines::open(input)?;
        let manifest: Manifest = parse(lines.next()?)?;
        match manifest.carillon_backup {
            1..=FORMAT => Ok(Reader { lines, manifest }),
            _ => Err(BackupError::Unknown(manifest.version)),
        }
    }

    /// The next table, row, or the end.
    pub(super) fn next(&mut self) -> Result<Line, BackupError> {
        parse(self.lines.next()?)
    }
}

/// The lines of a file.
struct Lines<R: BufRead>(BufReader<GzDecoder<io::Chain<io::Cursor<[u8; HEADER.len()]>, R>>>);

impl<R: BufRead> Lines<R> {
    fn open(mut input: R) -> Result<Lines<R>, BackupError> {
        let mut header = [0; HEADER.len()];
        input.read_exact(&mut header).map_err(|_| damaged("it is too short"))?;
        if header != HEADER {
            return Err(damaged("it does not begin like a backup"));
        }
        Ok(Lines(BufReader::new(GzDecoder::new(io::Cursor::new(HEADER).chain(input)))))
    }

    /// The next line, up to the end of what is compressed, whose own checksum is then looked at.
    fn next(&mut self) -> Result<Option<Vec<u8>>, BackupError> {
        let mut bytes = Vec::new();
        let read = (&mut self.0).take(LINE_LEN_MAX).read_until(b'\n', &mut bytes);
        read.map_err(|error| damaged(&error.to_string()))?;
        match bytes.last() {
            None => Ok(None),
            Some(b'\n') => Ok(Some(bytes)),
            Some(_) => Err(damaged("it ends too early")),
        }
    }

    /// Whether anything follows after that.
    fn go_on(&mut self) -> Result<bool, BackupError> {
        Ok(self.0.get_mut().get_mut().read(&mut [0])? > 0)
    }
}

fn parse<T: DeserializeOwned>(line: Option<Vec<u8>>) -> Result<T, BackupError> {
    let line = line.ok_or_else(|| damaged("it ends too early"))?;
    serde_json::from_slice(&line).map_err(|error| damaged(&error.to_string()))
}

pub(super) fn damaged(why: &str) -> BackupError {
    BackupError::Damaged(why.to_owned())
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
