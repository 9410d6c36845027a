//! The shape of the code, as tests. Each rule is tried on a planted violation too: a check that
//! cannot fail says nothing. The rules and their reasons: `server/ARCHITECTURE.md`.

#![allow(clippy::unwrap_used, reason = "what cannot be read fails the test")]

#[path = "tidy/source.rs"]
mod source;

use std::path::Path;

use source::{File, closing, code, crate_paths, tokens, tree};

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;
const COLUMNS_MAX: usize = 100;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 9] =
    ["util", "utils", "common", "helper", "helpers", "types", "manager", "managers", "misc"];
/// Files that only decide: time and ids are arguments.
const PURE_FILES: [&str; 6] =
    ["rules.rs", "select.rs", "munge.rs", "speaker.rs", "keyframe.rs", "spans.rs"];
const IMPURE_WORDS: [&str; 9] =
    ["async", "await", "tokio", "tracing", "println", "SystemTime", "Instant", "Clock", "new_id"];
/// Dependencies that only one crate may name.
const GUARDED: [(&str, &str); 6] = [
    ("sqlx", "carillon-store"),
    ("redis", "carillon-bus"),
    ("lettre", "carillon-notify"),
    ("str0m", "carillon-sfu"),
    ("webrtc", "carillon-client"),
    ("rtc", "carillon-client"),
];
/// The crates of ours that a crate may depend on; who is not listed may depend on any but the
/// server.
const LAYERS: [(&str, &[&str]); 8] = [
    ("carillon-protocol", &[]),
    ("carillon-bus", &["carillon-protocol"]),
    ("carillon-bpmn", &[]),
    ("carillon-notify", &[]),
    ("carillon-sfu", &["carillon-plugin", "carillon-protocol"]),
    ("carillon-plugin", &["carillon-protocol"]),
    (
        "carillon-plugins",
        &["carillon-plugin", "carillon-protocol", "carillon-bpmn", "carillon-notify"],
    ),
    ("carillon-client", &["carillon-protocol"]),
];
/// The tree keeps a rule, and the rule finds what is planted.
fn check(rule: impl Fn(&File) -> Vec<String>, planted: &[(&str, &str)]) {
    for (path, text) in planted {
        assert!(!rule(&File::new(path, text)).is_empty(), "the rule misses {path}: {text}");
    }
    let found: Vec<String> = tree().iter().flat_map(&rule).collect();
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
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

#[test]
fn no_plugin_uses_another() {
    const ROOT: &str = "server/plugins/src/";
    let lib = tree().into_iter().find(|file| file.path == format!("{ROOT}lib.rs")).unwrap();
    let lib = code(&lib.text);
    let public = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let plugins: Vec<&str> = public.collect();
    let rule = |file: &File| {
        // A plugin's tests run beside the plugins that it calls.
        let inside = file.path.strip_prefix(ROOT).filter(|_| !file.is_test());
        let Some(inside) = inside else { return Vec::new() };
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

#[test]
fn tables_of_plugins_carry_the_name_of_the_plugin_and_no_bytes() {
    let rule = |file: &File| {
        let inside = file.path.strip_prefix("server/plugins/src/");
        let Some(inside) = inside.filter(|path| path.ends_with(".sql")) else { return Vec::new() };
        let first = inside.split('/').next().unwrap_or_default();
        // A plugin of one file has its tables beside it, as `poll_1.sql`.
        let beside = first.strip_suffix(".sql");
        let plugin = beside.map_or(first, |name| name.trim_end_matches(char::is_numeric));
        let plugin = plugin.trim_end_matches('_');
        let words = file.text.split(|c: char| !c.is_alphanumeric() && c != '_');
        let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
        let made = words.windows(2).filter(|pair| matches!(pair[0], "TABLE" | "INDEX" | "ON"));
        // `IF`, `DELETE`, `CONFLICT` and the like are not names.
        let names = made.map(|pair| pair[1]).filter(|name| *name != name.to_uppercase());
        let wrong = names.filter(|name| !name.starts_with(&format!("{plugin}_")));
        let wrong = wrong.map(|name| format!("{}: `{name}` is not {plugin}'s", file.path));
        let bytes = words.iter().filter(|word| matches!(**word, "BLOB" | "BYTEA"));
        let bytes = bytes.map(|word| format!("{}: a column of {word}", file.path));
        wrong.chain(bytes).collect()
    };
    check(
        rule,
        &[
            ("server/plugins/src/chat/1_tables.sql", "CREATE TABLE member (id TEXT)"),
            ("server/plugins/src/chat/1_tables.sql", "CREATE INDEX chat_i ON directory_user (id)"),
            ("server/plugins/src/chat/1_tables.sql", "CREATE TABLE chat_a (hash BLOB)"),
            ("server/plugins/src/poll_1.sql", "CREATE TABLE vote (id TEXT)"),
        ],
    );
}

#[test]
fn documents_link_only_to_what_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let rule = |file: &File| {
        let links = file.text.split("](").skip(1).filter(|_| file.path.ends_with(".md"));
        let links = links.map(|rest| rest.split([')', '#']).next().unwrap_or_default());
        let inside = links.filter(|link| !link.is_empty() && !link.contains("://"));
        let folder = root.join(&file.path).parent().unwrap().to_owned();
        let broken = inside.filter(|link| !folder.join(link).exists());
        broken.map(|link| format!("{} links to {link}", file.path)).collect()
    };
    check(rule, &[("README.md", "see [the map](server/NO_SUCH.md#top)")]);
}

#[test]
fn the_programs_of_the_readme_are_those_that_tests_run() {
    let text = |path: &str| tree().into_iter().find(|file| file.path == path).unwrap().text;
    let readme = text("README.md");
    for (language, path) in [
        ("rust", "client-sdk/rust/examples/echo_bot.rs"),
        ("ts", "client-sdk/typescript/examples/daily.ts"),
        ("python", "server/tests/it/robots/programs/daily.py"),
        ("rust", "client-sdk/rust/examples/daily.rs"),
    ] {
        let program = text(path);
        let says = |line: &&str| {
            let line = line.trim();
            !(line.is_empty() || line.starts_with("//") || line.starts_with("# "))
        };
        assert!(program.lines().filter(says).count() <= 15, "{path} must stay short");
        let same = readme.contains(&format!("```{language}\n{program}```\n"));
        assert!(same, "copy {path} into README.md:\n{program}");
    }
}
