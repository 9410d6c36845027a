//! Any statement that has another's table in it, wherever it stands, is refused.

use proptest::{
    prelude::*,
    test_runner::{Config, TestCaseError, TestRunner},
};

use super::{
    confined::{NAMES, read, scene},
    *,
};

/// What statements are made of, and pieces that end something early.
fn pieces() -> impl Strategy<Value = String> {
    let pieces = [
        "SELECT",
        "*",
        "FROM",
        "thief_loot",
        "thief_bag",
        "AS",
        "x",
        ",",
        "(",
        ")",
        "WHERE",
        "id",
        "=",
        "1",
        "'a'",
        "''",
        "'",
        "JOIN",
        "ON",
        "USING (id)",
        "UNION",
        "WITH",
        "IN",
        "LIMIT",
        "$1",
        "COUNT(",
        "lower(",
        "--",
        "/*",
        "*/",
        ";",
        "\"",
        "`",
        "[",
        "]",
        "\\",
        "$$",
        "||",
        ".",
        "main.",
        "ORDER BY",
        "NOT",
        "EXISTS (",
        "VALUES",
        "{rows}",
        "DISTINCT",
        "E'",
        "U&'",
        "::",
        "\n",
        "\t",
    ];
    prop::sample::select(pieces.to_vec()).prop_map(str::to_owned)
}

/// What a statement names, or may name.
fn words(sql: &str) -> Vec<String> {
    let between = |c: char| !c.is_alphanumeric() && c != '_';
    let words = sql.split(between).filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect()
}

#[test]
fn no_statement_around_anothers_table_is_let_through() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let kit = runtime.block_on(scene());
    let some = || prop::collection::vec(pieces(), 0..8);
    let name = prop::sample::select(NAMES.to_vec());
    let statement = (any::<bool>(), some(), name, some(), any::<bool>());
    let mut runner =
        TestRunner::new(Config { cases: 3_000, failure_persistence: None, ..Config::default() });
    let result = runner.run(&statement, |(begins, before, name, after, spaced)| {
        let space = if spaced { " " } else { "" };
        let first = if begins { "SELECT * FROM thief_loot WHERE id = 1 " } else { "" };
        let sql = [first, &before.join(space), space, name, space, &after.join(space)].concat();
        // Glued to its neighbours it may be another name, which is nobody's.
        let there = words(&sql);
        let names_it = words(name).iter().all(|word| there.contains(word));
        match runtime.block_on(read(&kit, &sql)) {
            Err(error) if error.code() == ErrorCode::Forbidden => Ok(()),
            _ if !names_it => Ok(()),
            other => Err(TestCaseError::fail(format!("{other:?}: {sql}"))),
        }
    });
    result.unwrap();
}
