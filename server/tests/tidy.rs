//! The shape of the code, as tests. Each rule is tried on a planted violation too: a check that
//! cannot fail says nothing. The rules and their reasons: `server/ARCHITECTURE.md`.

use std::{fs, path::Path};

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;
const COLUMNS_MAX: usize = 100;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 9] =
    ["util", "utils", "common", "helper", "helpers", "types", "manager", "managers", "misc"];
/// Files that only decide: time and ids are arguments.
const PURE_FILES: [&str; 4] = ["rules.rs", "select.rs", "munge.rs", "spans.rs"];
const IMPURE_WORDS: [&str; 9] =
    ["async", "await", "tokio", "tracing", "println", "SystemTime", "Instant", "Clock", "new_id"];
/// Dependencies that only one crate may name.
const GUARDED: [(&str, &str); 4] = [
    ("sqlx", "carillon-store"),
    ("redis", "carillon-bus"),
    ("str0m", "carillon-sfu"),
    ("webrtc", "carillon-client"),
];
/// The crates of ours that a crate may depend on; who is not listed may depend on any but the
/// server.
const LAYERS: [(&str, &[&str]); 6] = [
    ("carillon-protocol", &[]),
    ("carillon-bpmn", &[]),
    ("carillon-sfu", &[]),
    ("carillon-plugin", &["carillon-protocol"]),
    ("carillon-plugins", &["carillon-plugin", "carillon-protocol", "carillon-bpmn"]),
    ("carillon-client", &["carillon-protocol"]),
];
/// Folders that hold no source of ours.
const SKIPPED: [&str; 6] = ["target", ".git", "node_modules", "data", ".venv", "dist"];

struct File {
    /// From the root of the repository.
    path: String,
    text: String,
}

impl File {
    fn new(path: &str, text: &str) -> File {
        File { path: path.to_owned(), text: text.to_owned() }
    }

    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    fn is_test(&self) -> bool {
        let folders = ["tests/", "/benches/", "/examples/"];
        let name = self.name();
        folders.iter().any(|folder| self.path.contains(folder))
            || name == "tests.rs"
            || name.ends_with("_tests.rs")
    }
}

/// Every text file of the repository, by path.
fn tree() -> Vec<File> {
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

/// The tree keeps a rule, and the rule finds what is planted.
fn check(rule: impl Fn(&File) -> Vec<String>, planted: &[(&str, &str)]) {
    for (path, text) in planted {
        assert!(!rule(&File::new(path, text)).is_empty(), "the rule misses {path}: {text}");
    }
    let found: Vec<String> = tree().iter().flat_map(&rule).collect();
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

/// The code with comments, strings and characters blanked out, line for line.
fn code(text: &str) -> String {
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
fn tokens(code: &str) -> Vec<(&str, usize)> {
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
fn closing(tokens: &[(&str, usize)], open: usize) -> usize {
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

fn long_functions(file: &File) -> Vec<String> {
    let code = if file.is_rust() { code(&file.text) } else { String::new() };
    let tokens = tokens(&code);
    let mut found = Vec::new();
    for (i, (token, first)) in tokens.iter().enumerate() {
        // `fn(…)` is a type, not a function.
        let named = *token == "fn" && tokens.get(i + 1).is_some_and(|(name, _)| *name != "(");
        let mut body = i + 2;
        while named && body < tokens.len() && tokens[body].0 != ";" {
            let end = closing(&tokens, body);
            if tokens[body].0 == "{" {
                let lines = tokens[end].1 + 1 - first;
                if lines > FUNCTION_LINES_MAX {
                    let name = tokens[i + 1].0;
                    found.push(format!("{}:{first}: `{name}` has {lines} lines", file.path));
                }
                break;
            }
            // Brackets of the signature are stepped over; of anything else the end is itself.
            body = if "([".contains(tokens[body].0) { end + 1 } else { body + 1 };
        }
    }
    found
}

#[test]
fn no_function_is_longer_than_one_can_see_at_once() {
    let long = format!("fn long(a: [u8; 3]) -> u8 {{\n{}}}\n", "    step();\n".repeat(70));
    check(long_functions, &[("server/src/a.rs", &long)]);
    let short = format!("fn short() {{\n{}}}\n", "    step(\"{\");\n".repeat(68));
    assert!(long_functions(&File::new("server/src/a.rs", &short.repeat(3))).is_empty());
}

#[test]
fn no_file_is_longer_than_one_can_keep_in_mind() {
    let rule = |file: &File| {
        let lines = file.text.lines().count();
        let long = file.is_rust() && lines > FILE_LINES_MAX;
        long.then(|| format!("{} has {lines} lines", file.path)).into_iter().collect()
    };
    check(rule, &[("server/src/a.rs", &"//\n".repeat(401))]);
}

#[test]
fn no_line_is_wider_than_the_page() {
    let rule = |file: &File| {
        let lines = file.text.lines().enumerate().filter(|_| file.is_rust());
        let wide = lines.filter(|(_, line)| line.chars().count() > COLUMNS_MAX);
        wide.map(|(i, _)| format!("{}:{} is too wide", file.path, i + 1)).collect()
    };
    check(rule, &[("server/src/a.rs", &"x".repeat(101))]);
}

#[test]
fn every_file_name_says_what_is_inside() {
    let rule = |file: &File| {
        let empty = file.path.split('/').map(|part| part.split('.').next().unwrap_or_default());
        let empty = empty.filter(|stem| EMPTY_NAMES.contains(stem));
        empty.map(|stem| format!("{}: `{stem}` says nothing", file.path)).collect()
    };
    check(rule, &[("server/src/utils.rs", ""), ("client-sdk/typescript/src/common/a.ts", "")]);
}

#[test]
fn files_that_decide_take_time_and_ids_as_arguments_and_never_wait() {
    let rule = |file: &File| {
        if !PURE_FILES.contains(&file.name()) && !file.path.starts_with("server/bpmn/src/") {
            return Vec::new();
        }
        let code = code(&file.text);
        let impure = tokens(&code).into_iter().filter(|(token, _)| IMPURE_WORDS.contains(token));
        impure.map(|(word, line)| format!("{}:{line} uses `{word}`", file.path)).collect()
    };
    check(
        rule,
        &[
            ("server/plugins/src/chat/rules.rs", "async fn accept() {}"),
            ("server/plugins/src/chat/spans.rs", "fn f() { tracing::info!(\"x\") }"),
            ("server/bpmn/src/step.rs", "let now = SystemTime::now();"),
        ],
    );
}

/// Test modules come last in a file: what stands after the first `#[cfg(test)]` is a test.
#[test]
fn nothing_but_tests_unwraps() {
    let rule = |file: &File| {
        if !file.is_rust() || file.is_test() {
            return Vec::new();
        }
        let code = code(&file.text);
        let code = code.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        let lines = code.lines().enumerate().filter(|(_, line)| line.contains(".unwrap()"));
        lines.map(|(i, _)| format!("{}:{} unwraps", file.path, i + 1)).collect()
    };
    check(rule, &[("server/src/a.rs", "fn f() { g().unwrap(); }\n#[cfg(test)]\nmod tests {}")]);
}

/// The names after `crate::`, also in `crate::{…}`.
fn crate_paths<'a>(tokens: &[(&'a str, usize)]) -> Vec<(&'a str, usize)> {
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

#[test]
fn no_plugin_uses_another() {
    const ROOT: &str = "server/plugins/src/";
    let lib = tree().into_iter().find(|file| file.path == format!("{ROOT}lib.rs")).unwrap();
    let lib = code(&lib.text);
    let public = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let plugins: Vec<&str> = public.collect();
    let rule = |file: &File| {
        let Some(inside) = file.path.strip_prefix(ROOT) else { return Vec::new() };
        let own = inside.split(['/', '.']).next().unwrap_or_default();
        let code = code(&file.text);
        let used = crate_paths(&tokens(&code)).into_iter();
        let others = used.filter(|(name, _)| *name != own && plugins.contains(name));
        let others = others.filter(|_| own != "lib");
        others.map(|(name, line)| format!("{}:{line} uses `{name}`", file.path)).collect()
    };
    check(
        rule,
        &[
            ("server/plugins/src/directory/names.rs", "use crate::chat::send;"),
            ("server/plugins/src/directory.rs", "use crate::{page::{a, b}, chat};"),
            ("server/plugins/src/chat.rs", "fn f() { crate::directory::names() }"),
        ],
    );
}

/// The rules about who may depend on whom, for one `Cargo.toml`.
fn dependencies(file: &File) -> Vec<String> {
    if file.name() != "Cargo.toml" {
        return Vec::new();
    }
    let manifest: toml::Table = file.text.parse().unwrap();
    let Some(name) = manifest.get("package").and_then(|p| p.get("name")?.as_str()) else {
        return Vec::new();
    };
    let names = |key: &str| -> Vec<String> {
        let table = manifest.get(key).and_then(toml::Value::as_table);
        table.into_iter().flat_map(|table| table.keys().cloned()).collect()
    };
    let shipped = [names("dependencies"), names("build-dependencies")].concat();
    let all = [shipped.clone(), names("dev-dependencies")].concat();
    let mut found = Vec::new();
    for (guarded, owner) in GUARDED {
        if name != owner && all.iter().any(|dependency| dependency == guarded) {
            found.push(format!("{name} names {guarded}: only {owner} may"));
        }
    }
    if all.iter().any(|dependency| dependency == "carillon") {
        found.push(format!("{name} depends on the server"));
    }
    for (_, allowed) in LAYERS.iter().filter(|(layer, _)| *layer == name) {
        let ours = shipped.iter().filter(|dependency| dependency.starts_with("carillon"));
        let wrong = ours.filter(|dependency| !allowed.contains(&dependency.as_str()));
        found.extend(wrong.map(|dependency| format!("{name} may not depend on {dependency}")));
    }
    found
}

#[test]
fn no_crate_depends_on_one_above_it() {
    let manifest = |name: &str, section: &str, dependency: &str| {
        format!("[package]\nname = \"{name}\"\n[{section}]\n{dependency}.workspace = true\n")
    };
    for (name, section, dependency) in [
        ("carillon-protocol", "dependencies", "carillon-plugin"),
        ("carillon-plugins", "dependencies", "carillon-store"),
        ("carillon-plugins", "dev-dependencies", "sqlx"),
        ("carillon", "dependencies", "redis"),
        ("carillon-loadtest", "dev-dependencies", "carillon"),
    ] {
        check(dependencies, &[("x/Cargo.toml", &manifest(name, section, dependency))]);
    }
}

#[test]
fn nothing_names_the_machine_it_was_written_on() {
    let words = [
        concat!("/ho", "me/"),
        concat!("/ro", "ot/"),
        concat!("/Us", "ers/"),
        concat!("/wo", "rk/"),
        concat!("py", "pi.org"),
        concat!("npm", "js."),
        concat!("deb.", "debian.org"),
        concat!("crates", ".io"),
    ];
    let rule = |file: &File| {
        let words = words.iter().filter(|word| file.text.contains(**word));
        words.map(|word| format!("{} contains `{word}`", file.path)).collect()
    };
    let path = concat!("cd /ho", "me/me/carillon");
    let host = concat!("index = \"https://index.crates", ".io\"");
    check(rule, &[("Makefile", path), ("a.toml", host)]);
}
