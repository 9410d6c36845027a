//! The files of the repository, and enough of the language to look at them: tokens with lines.

use std::{fs, path::Path};

/// Folders that hold no source of ours.
const SKIPPED: [&str; 6] = ["target", ".git", "node_modules", "data", ".venv", "dist"];

pub struct File {
    /// From the root of the repository.
    pub path: String,
    pub text: String,
}

impl File {
    pub fn new(path: &str, text: &str) -> File {
        File { path: path.to_owned(), text: text.to_owned() }
    }

    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    pub fn is_test(&self) -> bool {
        let folders = ["tests/", "/benches/", "/examples/"];
        let name = self.name();
        folders.iter().any(|folder| self.path.contains(folder))
            || name == "tests.rs"
            || name.ends_with("_tests.rs")
    }
}

/// Every text file of the repository, by path.
pub fn tree() -> Vec<File> {
    fn walk(folder: &Path, root: &Path, files: &mut Vec<File>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() && !SKIPPED.contains(&name) {
                walk(&path, root, files);
            } else if path.is_file() && !name.ends_with(".lock") {
                let Ok(text) = fs::read_to_string(&path) else { continue };
                let path = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                files.push(File { path, text });
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut files = Vec::new();
    walk(root, root, &mut files);
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// The code with comments, strings and characters blanked out, line for line.
pub fn code(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = blank_end(&chars, at);
        if end > at {
            out.extend(chars[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            at = end;
        } else {
            out.push(chars[at]);
            at += 1;
        }
    }
    out
}

/// Where the comment, string or character that begins here ends; `at` if none begins here.
fn blank_end(chars: &[char], at: usize) -> usize {
    let rest = &chars[at..];
    let begins = |text: &str| text.chars().enumerate().all(|(i, c)| rest.get(i) == Some(&c));
    let in_word = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    let find = |from: usize, end: &str| {
        let end: Vec<char> = end.chars().collect();
        let found =
            rest.get(from..).and_then(|tail| tail.windows(end.len()).position(|w| w == end));
        found.map_or(chars.len(), |i| at + from + i + end.len())
    };
    if begins("//") {
        return rest.iter().position(|c| *c == '\n').map_or(chars.len(), |i| at + i);
    }
    if begins("/*") {
        return find(2, "*/");
    }
    let raw = rest.iter().skip(1).take_while(|c| **c == '#').count();
    if rest[0] == 'r' && rest.get(raw + 1) == Some(&'"') && (!in_word || chars[at - 1] == 'b') {
        return find(raw + 2, &format!("\"{}", "#".repeat(raw)));
    }
    let quote = rest[0];
    let is_char = quote == '\'' && (rest.get(1) == Some(&'\\') || rest.get(2) == Some(&'\''));
    if quote != '"' && !is_char {
        return at;
    }
    let mut i = 1;
    while i < rest.len() && rest[i] != quote {
        i += if rest[i] == '\\' { 2 } else { 1 };
    }
    (at + i + 1).min(chars.len())
}

/// Identifiers and single other characters, each with its line.
pub fn tokens(code: &str) -> Vec<(&str, usize)> {
    let mut tokens = Vec::new();
    for (number, line) in code.lines().enumerate() {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let word = |c: char| c.is_alphanumeric() || c == '_';
            let word_end = rest.find(|c| !word(c)).unwrap_or(rest.len());
            let (token, tail) = rest.split_at(word_end.max(first.len_utf8()));
            tokens.push((token, number + 1));
            rest = tail.trim_start();
        }
    }
    tokens
}

/// Where the bracket that opens here is closed.
pub fn closing(tokens: &[(&str, usize)], open: usize) -> usize {
    let mut depth = 0_i32;
    for (i, (token, _)) in tokens.iter().enumerate().skip(open) {
        depth += match *token {
            "{" | "(" | "[" => 1,
            "}" | ")" | "]" => -1,
            _ => 0,
        };
        if depth == 0 {
            return i;
        }
    }
    tokens.len() - 1
}

/// The names after `crate::`, also in `crate::{…}`.
pub fn crate_paths<'a>(tokens: &[(&'a str, usize)]) -> Vec<(&'a str, usize)> {
    let mut paths = Vec::new();
    for i in 0..tokens.len().saturating_sub(3) {
        if tokens[i].0 != "crate" || tokens[i + 1].0 != ":" || tokens[i + 2].0 != ":" {
            continue;
        }
        let mut at = i + 3;
        if tokens[at].0 != "{" {
            paths.push(tokens[at]);
            continue;
        }
        let end = closing(tokens, at);
        while at < end {
            if matches!(tokens[at].0, "{" | ",") {
                paths.push(tokens[at + 1]);
            }
            let inner = at + 1 < end && tokens[at + 1].0 == "{";
            at = if inner { closing(tokens, at + 1) } else { at + 1 };
        }
    }
    paths
}
