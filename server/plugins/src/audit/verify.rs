//! Whether the rows are those that were written: each against its hash, its hash against the row
//! after it, and all against what was signed and kept outside of the database.
//!
//! Whoever changes a row and leaves its hash is found by the row itself; whoever writes that anew,
//! by the next one; whoever writes all of them anew, or takes away the last ones, by what was
//! signed. What was never signed, the last minute, can be taken away unseen.

use std::collections::{BTreeMap, BTreeSet};

use carillon_protocol::audit::Link;

use super::chain::{self, AT, BEGINNING, COLUMNS, HASH, OP, PREV};

/// The operation that makes a database out of a backup.
pub const RESTORE: &str = "server.restore";

/// What was signed: the log had this row as its last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// The number of the row.
    pub n: u64,
    /// Its hash.
    pub hash: String,
    /// When, in milliseconds since the epoch.
    pub at: i64,
}

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broken {
    /// A row does not fit its hash.
    Changed(u64),
    /// A row cannot be read.
    Unreadable(u64),
    /// These rows are not there, and later ones are.
    Missing(u64, u64),
    /// A row fits its hash, but the next one was written after another.
    Replaced(u64),
    /// These rows were signed, and are not there.
    CutOff {
        /// The first and the last of them.
        rows: (u64, u64),
        /// When the last one was signed.
        signed_at: i64,
    },
    /// These rows fit each other, but not what was signed.
    Rewritten {
        /// The first that may differ, and the one that was signed.
        rows: (u64, u64),
        /// When that was.
        signed_at: i64,
    },
    /// These rows were signed; then the database was made of a backup that did not have them.
    Restored {
        /// The row that says so.
        row: u64,
        /// The last row that was signed before.
        lost: u64,
    },
}

impl Broken {
    /// The row at which it is, or begins.
    pub fn row(&self) -> u64 {
        match *self {
            Broken::Changed(n) | Broken::Unreadable(n) | Broken::Replaced(n) => n,
            Broken::Missing(from, _) => from,
            Broken::CutOff { rows: (from, _), .. } | Broken::Rewritten { rows: (from, _), .. } => {
                from
            }
            Broken::Restored { row, .. } => row,
        }
    }
}

impl Broken {
    /// What is said of it, with times as a function writes them.
    pub fn sentence(&self, time: fn(i64) -> String) -> String {
        match *self {
            Broken::Changed(n) => format!("row {n} was changed: it does not fit its hash"),
            Broken::Unreadable(n) => {
                format!("row {n} was changed: it holds something that is no text")
            }
            Broken::Missing(from, to) if from == to => format!("row {from} is missing"),
            Broken::Missing(from, to) => format!("rows {from} to {to} are missing"),
            Broken::Replaced(n) => format!(
                "row {n} was replaced: row {} was written after one with another hash",
                n + 1
            ),
            Broken::CutOff { rows: (from, to), signed_at } => format!(
                "rows {from} to {to} are missing at the end: row {to} was signed at {}; the \
                 table is older than that, or was cut off",
                time(signed_at)
            ),
            Broken::Rewritten { rows: (from, to), signed_at } => format!(
                "rows {from} to {to} were written anew: row {to} is not the one that was signed \
                 at {}",
                time(signed_at)
            ),
            Broken::Restored { row, lost } => format!(
                "row {row} says that the database was restored from a backup: what was signed \
                 before, up to row {lost}, is not in it"
            ),
        }
    }
}

/// Looks at rows in their order.
#[derive(Debug)]
pub struct Verifier {
    roots: Vec<Root>,
    signed: BTreeSet<u64>,
    /// The hashes that a row with a root could have been signed with.
    hashes: BTreeMap<u64, [String; 2]>,
    restores: BTreeSet<u64>,
    last: Last,
    broken: Vec<Broken>,
    rows: u64,
}

/// The row before.
#[derive(Debug)]
struct Last {
    n: u64,
    /// As it says, and as it is. If they differ, the row is known to be broken, and what fits
    /// either of them is not.
    hashes: Option<[String; 2]>,
    /// When it was written.
    at: Option<i64>,
}

impl Verifier {
    /// A verifier of the whole log that knows what was signed, in the order in which that was.
    pub fn new(roots: Vec<Root>) -> Verifier {
        Verifier::after(0, BEGINNING, roots)
    }

    /// One that begins after a row with this hash.
    pub fn after(n: u64, hash: &str, roots: Vec<Root>) -> Verifier {
        let hashes = Some([hash.to_owned(), hash.to_owned()]);
        Verifier {
            signed: roots.iter().map(|root| root.n).collect(),
            roots,
            hashes: BTreeMap::new(),
            restores: BTreeSet::new(),
            last: Last { n, hashes, at: None },
            broken: Vec::new(),
            rows: 0,
        }
    }

    /// Looks at the next row.
    pub fn row(&mut self, link: &Link) {
        let n = link.n;
        self.rows += 1;
        if n > self.last.n + 1 {
            self.broken.push(Broken::Missing(self.last.n + 1, n - 1));
            self.last.hashes = None;
        }
        let cell = |place: usize| link.cells.get(place).cloned().flatten();
        let Some(stored) = cell(HASH).filter(|_| link.cells.len() == COLUMNS.len()) else {
            self.broken.push(Broken::Unreadable(n));
            self.last = Last { n, hashes: None, at: None };
            return;
        };
        let computed = chain::hash(&link.cells);
        let is_whole = stored == computed;
        if !is_whole {
            self.broken.push(Broken::Changed(n));
        } else if let Some(before) = &self.last.hashes {
            let prev = cell(PREV).unwrap_or_default();
            let is_known = self.broken.last().is_some_and(|broken| broken.row() == n - 1);
            if !before.contains(&prev) && !is_known {
                // The first row has none before it that could have been replaced.
                self.broken.push(match n {
                    1 => Broken::Changed(1),
                    _ => Broken::Replaced(n - 1),
                });
            }
        }
        if is_whole && cell(OP).as_deref() == Some(RESTORE) {
            self.restores.insert(n);
        }
        let hashes = [stored, computed];
        if self.signed.contains(&n) {
            self.hashes.insert(n, hashes.clone());
        }
        let at = cell(AT).and_then(|at| at.parse().ok());
        self.last = Last { n, hashes: Some(hashes), at };
    }

    /// How many rows there were, the time of the last one, and what is broken.
    pub fn end(mut self) -> (u64, Option<i64>, Vec<Broken>) {
        let mut good = 0;
        let mut lost: Option<(u64, Root)> = None;
        for root in std::mem::take(&mut self.roots) {
            let fits = self.hashes.get(&root.n).is_some_and(|known| known.contains(&root.hash));
            if fits {
                if let Some(lost) = lost.take() {
                    self.tell(lost);
                }
                good = root.n;
                continue;
            }
            // Of many that are lost together, the furthest says it all.
            let (from, before) = lost.unwrap_or((good + 1, root.clone()));
            lost = Some((from, if before.n > root.n { before } else { root }));
        }
        if let Some(lost) = lost {
            self.tell(lost);
        }
        (self.rows, self.last.at, self.broken)
    }

    /// Says that what was signed is not there, unless the rows themselves have said why.
    fn tell(&mut self, (from, root): (u64, Root)) {
        if let Some(&row) = self.restores.range(from..).next() {
            self.broken.push(Broken::Restored { row, lost: root.n });
            return;
        }
        let known = |broken: &Broken| (from..=root.n).contains(&broken.row());
        let (last, signed_at) = (self.last.n, root.at);
        if root.n > last {
            let rows = (from.max(last + 1), root.n);
            self.broken.push(Broken::CutOff { rows, signed_at });
        } else if !self.broken.iter().any(known) {
            self.broken.push(Broken::Rewritten { rows: (from, root.n), signed_at });
        }
    }
}
