use std::fs;

use super::*;

struct Kept {
    folder: tempfile::TempDir,
    key: Key,
}

impl Kept {
    fn new() -> Kept {
        let folder = tempfile::tempdir().unwrap();
        let key = Key::open(&folder.path().join("audit.key")).unwrap();
        Kept { folder, key }
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("roots.jsonl")
    }

    fn add(&self, rows: impl IntoIterator<Item = u64>) -> Vec<Root> {
        let mut roots = Roots::open(&self.path()).unwrap();
        let root = |n: u64| Root { n, hash: n.to_string().repeat(8), at: 1_000 + n as i64 };
        let all: Vec<_> = rows.into_iter().map(root).collect();
        all.iter().for_each(|root| drop(roots.add(&self.key, root.clone()).unwrap()));
        all
    }

    fn lines(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    fn write(&self, lines: &[String]) {
        fs::write(self.path(), lines.join("\n") + "\n").unwrap();
    }

    /// The numbers of the lines that are told, and the rows that are still proved.
    fn read(&self) -> (Vec<usize>, Vec<u64>) {
        let found = read(&self.path(), &self.key.public()).unwrap();
        let number = |text: &String| text.split(' ').nth(1).unwrap().parse().unwrap();
        (found.broken.iter().map(number).collect(), found.roots.iter().map(|it| it.n).collect())
    }
}

#[test]
fn what_was_signed_is_read_again_also_after_another_start() {
    let kept = Kept::new();
    let mut all = kept.add([3, 6]);
    all.extend(kept.add([9]));
    let found = read(&kept.path(), &kept.key.public()).unwrap();
    assert_eq!(found, Found { roots: all, broken: Vec::new() });
}

#[test]
fn a_line_that_a_crash_cut_off_goes() {
    let kept = Kept::new();
    kept.add([3, 6]);
    let text = fs::read_to_string(kept.path()).unwrap();
    fs::write(kept.path(), &text[..text.len() - 20]).unwrap();
    kept.add([7]);
    assert_eq!(kept.read(), (vec![], vec![3, 7]));
}

#[test]
fn a_line_that_was_changed_is_named() {
    let kept = Kept::new();
    kept.add([3, 6, 9]);
    let lines = kept.lines();
    for (from, to) in [("\"n\":6", "\"n\":5"), ("66666666", "66666661"), ("1006", "1007")] {
        let mut changed = lines.clone();
        changed[1] = changed[1].replacen(from, to, 1);
        assert_ne!(changed, lines);
        kept.write(&changed);
        // The next one says what it came after.
        assert_eq!(kept.read(), (vec![2, 3], vec![3, 9]), "{from}");
    }
    let mut cut = lines.clone();
    cut[1].truncate(30);
    kept.write(&cut);
    assert_eq!(kept.read(), (vec![2, 3], vec![3, 9]));
}

#[test]
fn lines_that_are_missing_or_changed_places_are_named() {
    let kept = Kept::new();
    kept.add([3, 6, 9, 12]);
    let lines = kept.lines();
    let mut missing = lines.clone();
    missing.remove(1);
    kept.write(&missing);
    assert_eq!(kept.read(), (vec![2], vec![3, 9, 12]));
    let mut swapped = lines;
    swapped.swap(1, 2);
    kept.write(&swapped);
    assert_eq!(kept.read(), (vec![2, 3, 4], vec![3, 9, 6, 12]));
}

#[test]
fn what_another_key_signed_proves_nothing() {
    let (kept, other) = (Kept::new(), Kept::new());
    kept.add([3, 6]);
    let found = read(&kept.path(), &other.key.public()).unwrap();
    assert_eq!((found.roots.len(), found.broken.len()), (0, 2));
}
