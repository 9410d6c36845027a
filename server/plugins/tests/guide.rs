//! The guide "Write a plugin" is followed to the letter: its files are written into a copy of this
//! tree, its lines are added, and its test is run.

// Clippy knows `#[test]` functions as tests, not what they share.
#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// What the guide's plugin is built from.
const PARTS: [&str; 6] =
    ["Cargo.toml", "Cargo.lock", "protocol", "server", "client-sdk/rust", "loadtest"];
const SKIPPED: [&str; 3] = ["target", "node_modules", "dist"];
/// Nothing runs long enough here to earn the time of an optimised build, nor is it debugged.
const QUICK: &[u8] = b"[profile.dev]\ndebug = false\n[profile.dev.package.\"*\"]\nopt-level = 0\n";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Writes a file unless it says this already: what is not touched is not built again.
fn put(path: &Path, bytes: &[u8]) {
    if fs::read(path).is_ok_and(|there| there == bytes) {
        return;
    }
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Makes one folder like the other; what is not in that one any more goes.
fn copy(from: &Path, to: &Path) {
    if from.is_file() {
        return put(to, &fs::read(from).unwrap());
    }
    let names = |folder: &Path| -> BTreeSet<OsString> {
        let entries = fs::read_dir(folder).into_iter().flatten();
        entries.map(|entry| entry.unwrap().file_name()).collect()
    };
    let (kept, there) = (names(from), names(to));
    for name in there.difference(&kept) {
        let gone = to.join(name);
        if gone.is_dir() { fs::remove_dir_all(gone) } else { fs::remove_file(gone) }.unwrap();
    }
    for name in kept.iter().filter(|name| !SKIPPED.contains(&name.to_str().unwrap())) {
        copy(&from.join(name), &to.join(name));
    }
}

/// The text between two marks, and what comes after the second one.
fn between<'a>(text: &'a str, begin: &str, end: &str) -> Option<(&'a str, &'a str)> {
    let (_, rest) = text.split_once(begin)?;
    rest.split_once(end)
}

/// Does what the guide says before each block of code; answers how many steps there were.
fn follow(guide: &str, tree: &Path) -> usize {
    let mut steps = 0;
    for step in guide.split("\n\n```").collect::<Vec<_>>().windows(2) {
        let said = step[0].lines().last().unwrap();
        let (_, code) = step[1].split_once('\n').unwrap();
        let (code, _) = code.split_once("```").unwrap();
        if let Some((path, _)) = between(said, "Write `", "`:") {
            put(&tree.join(path), code.as_bytes());
        } else if let Some((path, rest)) = between(said, "Add to `", "`") {
            let path = tree.join(path);
            let mut text = fs::read_to_string(&path).unwrap();
            let at = between(rest, "before `", "`:").map_or(text.len(), |(mark, _)| {
                let mark = text.find(mark).unwrap_or_else(|| panic!("{mark} in {path:?}"));
                text[..mark].rfind('\n').unwrap() + 1
            });
            text.insert_str(at, code);
            put(&path, text.as_bytes());
        } else {
            continue;
        }
        steps += 1;
    }
    steps
}

#[test]
fn who_follows_the_guide_has_a_plugin_whose_test_passes() {
    let (root, guide) = (root(), include_str!("../../docs/write-a-plugin.md"));
    // A folder of its own, which is kept: the libraries are built once.
    let (tree, built) = (root.join("target/guide/tree"), root.join("target/guide/built"));
    for part in PARTS {
        copy(&root.join(part), &tree.join(part));
    }
    put(&tree.join(".cargo/config.toml"), QUICK);
    assert_eq!(follow(guide, &tree), 5, "three files and two lines");
    let (_, run) = guide.split_once("```sh\n").unwrap();
    let mut words = run.lines().next().unwrap().split(' ');
    assert_eq!(words.next(), Some("cargo"));
    let done = Command::new(env!("CARGO"))
        .args(words)
        .current_dir(&tree)
        .env("CARGO_TARGET_DIR", built)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{said}\n{}", String::from_utf8_lossy(&done.stderr));
    assert!(said.contains("test result: ok. 2 passed"), "{said}");
}
