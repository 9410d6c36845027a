//! The state folder through restarts, torn lines and rewrites.

use carillon_protocol::{ConvId, id::Ulid, msg};
use proptest::prelude::*;

use super::*;

fn entry(cid: u128) -> Entry {
    let text = format!("message {cid}\n\u{1f514}");
    let body = msg::Body::Text { text, mentions: vec![] };
    let send = msg::Send { conv: ConvId(Ulid(9)), body, reply_to: None, everybody: false };
    Entry { cid: Cid(Ulid(cid)), send }
}

fn queued(cids: std::ops::RangeInclusive<u128>) -> Batch {
    let lines = cids.map(|cid| Line::Queued(entry(cid))).collect();
    Batch { lines, ..Batch::default() }
}

fn cids(restored: &Restored) -> Vec<u128> {
    restored.entries.iter().map(|entry| entry.cid.0.0).collect()
}

#[test]
fn a_restart_finds_what_was_not_answered() {
    let dir = tempfile::tempdir().unwrap();
    let mut folder = Folder::open(dir.path()).unwrap().folder;
    folder.write(&queued(1..=3)).unwrap();
    let lines = vec![Line::Answered(Cid(Ulid(2)))];
    folder.write(&Batch { lines, ..Batch::default() }).unwrap();
    drop(folder);
    let restored = Folder::open(dir.path()).unwrap();
    assert_eq!((cids(&restored), restored.lines), (vec![1, 3], 4));
}

#[test]
fn a_rewritten_file_holds_what_is_left_and_is_appended_to() {
    let dir = tempfile::tempdir().unwrap();
    let mut folder = Folder::open(dir.path()).unwrap().folder;
    folder.write(&queued(1..=100)).unwrap();
    let rewrite = Some(vec![entry(7), entry(8)]);
    folder.write(&Batch { rewrite, ..Batch::default() }).unwrap();
    folder.write(&queued(101..=101)).unwrap();
    drop(folder);
    let restored = Folder::open(dir.path()).unwrap();
    assert_eq!((cids(&restored), restored.lines), (vec![7, 8, 101], 3));
}

#[cfg(unix)]
#[test]
fn nobody_else_reads_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let mut folder = Folder::open(dir.path()).unwrap().folder;
    let (device, topics) = (DeviceId(Ulid(1)), HashMap::new());
    let progress = Some(Progress { device, user: None, sync: None, topics });
    let modes = || {
        let files = fs::read_dir(dir.path()).unwrap().map(Result::unwrap);
        let mode = |file: fs::DirEntry| file.metadata().unwrap().permissions().mode() & 0o777;
        files.map(mode).collect::<Vec<_>>()
    };
    assert_eq!(modes(), [0o600; 2]);
    folder.write(&Batch { rewrite: Some(vec![entry(1)]), progress, ..Batch::default() }).unwrap();
    assert_eq!(modes(), [0o600; 3]);
}

#[test]
fn the_progress_is_replaced_as_a_whole() {
    let dir = tempfile::tempdir().unwrap();
    let opened = Folder::open(dir.path()).unwrap();
    assert!(opened.progress.is_none());
    let mut folder = opened.folder;
    let topics = HashMap::from([("c:01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(), 7)]);
    let device = DeviceId(Ulid(1));
    let progress = Progress { device, user: None, sync: Some("s1".into()), topics };
    folder.write(&Batch { progress: Some(progress.clone()), ..Batch::default() }).unwrap();
    drop(folder);
    assert_eq!(Folder::open(dir.path()).unwrap().progress, Some(progress));
}

#[test]
fn a_damaged_line_is_reported_and_nothing_is_lost_in_silence() {
    let dir = tempfile::tempdir().unwrap();
    let mut folder = Folder::open(dir.path()).unwrap().folder;
    folder.write(&queued(1..=2)).unwrap();
    drop(folder);
    let path = dir.path().join(OUTBOX);
    let text = fs::read_to_string(&path).unwrap().replacen("queued", "qu", 1);
    fs::write(&path, text).unwrap();
    let error = Folder::open(dir.path()).unwrap_err().to_string();
    assert!(error.contains("outbox.jsonl line 1 is damaged"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_file_that_is_cut_anywhere_yields_the_whole_lines_before_the_cut(cut in 0.0..1.0_f64) {
        let dir = tempfile::tempdir().unwrap();
        let mut folder = Folder::open(dir.path()).unwrap().folder;
        folder.write(&queued(1..=5)).unwrap();
        drop(folder);
        let path = dir.path().join(OUTBOX);
        let bytes = fs::read(&path).unwrap();
        let kept = (bytes.len() as f64 * cut) as usize;
        fs::write(&path, &bytes[..kept]).unwrap();
        let whole = bytes[..kept].iter().filter(|byte| **byte == b'\n').count() as u128;
        let mut restored = Folder::open(dir.path()).unwrap();
        prop_assert_eq!(cids(&restored), (1..=whole).collect::<Vec<_>>());
        // What is written after the cut begins a line of its own.
        restored.folder.write(&queued(9..=9)).unwrap();
        drop(restored);
        let after = cids(&Folder::open(dir.path()).unwrap());
        prop_assert_eq!(after, (1..=whole).chain([9]).collect::<Vec<_>>());
    }
}
