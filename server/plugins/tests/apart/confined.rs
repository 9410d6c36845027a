//! What a plugin that runs apart reaches: everything of its own, nothing of anybody else.

use carillon_plugin::protocol::{ConvId, Topic, id::Ulid};
use carillon_store::kit;

use super::{
    thief::{self, Append, Later, Look, Query, Reach, Run, Say},
    *,
};

pub async fn scene() -> Kit {
    Kit::new(vec![thief::victim(), kit::apart(thief::plugin)]).await
}

pub async fn read(kit: &Kit, sql: &str) -> Result<u64> {
    call(kit, Query { sql: sql.into() }).await
}

async fn write(kit: &Kit, sql: &str, rows: &[&[i64]]) -> Result<()> {
    let rows = rows.iter().map(|row| row.to_vec()).collect();
    call(kit, Run { sql: sql.into(), rows }).await
}

/// Whoever asked was refused before the database was asked.
fn assert_forbidden<T>(result: Result<T>, sql: &str) {
    let code = result.err().map(|error| error.code());
    assert_eq!(code, Some(ErrorCode::Forbidden), "{sql:?}");
}

#[tokio::test]
async fn a_plugin_reads_and_writes_its_own_tables_in_all_the_ways_there_are() {
    let kit = scene().await;
    let rows: [&[i64]; 3] = [&[1], &[2], &[3]];
    write(&kit, "INSERT INTO thief_loot (id) VALUES {rows}", &rows).await.unwrap();
    for sql in [
        "INSERT INTO thief_bag (loot, n) SELECT id, 1 FROM thief_loot WHERE id < 3",
        "INSERT INTO thief_loot (id, word) VALUES (1, 'one')
         ON CONFLICT (id) DO UPDATE SET word = excluded.word",
        "UPDATE thief_loot SET word = COALESCE(word, 'it''s') || '!'
         WHERE id IN (SELECT loot FROM thief_bag)",
        "DELETE FROM thief_loot
         WHERE id IN (SELECT old.id FROM (SELECT id FROM thief_loot WHERE id = 3) AS old)",
    ] {
        write(&kit, sql, &[]).await.unwrap();
    }
    for (sql, rows) in [
        ("SELECT * FROM thief_loot", 2),
        ("SELECT l.id, b.n FROM thief_loot AS l JOIN thief_bag b ON b.loot = l.id", 2),
        ("SELECT l.id FROM thief_loot l, thief_bag b WHERE b.loot = l.id ORDER BY l.id, b.n", 2),
        ("SELECT MAX(n), CASE WHEN COUNT(*) > 1 THEN 'many' ELSE 'few' END FROM thief_bag", 1),
        ("SELECT CAST(SUM(n) AS BIGINT) FROM thief_bag", 1),
        ("SELECT 1 FROM (SELECT id FROM thief_loot UNION ALL SELECT loot FROM thief_bag) AS x", 4),
        ("SELECT id, COUNT(*) OVER (ORDER BY id) FROM thief_loot WHERE word LIKE 'o%'", 1),
        ("SELECT 1 WHERE EXISTS (SELECT 1 FROM thief_bag WHERE n = 1) AND NOT (1 = 2)", 1),
    ] {
        assert_eq!(read(&kit, sql).await.unwrap(), rows, "{sql}");
    }
}

/// Ways to another's table, with `@` where its name stands.
const WAYS: [&str; 25] = [
    "SELECT * FROM @",
    "SELECT * FROM main.@",
    "SELECT * FROM public.@",
    "SELECT * FROM\n@\n",
    "SELECT (SELECT word FROM @)",
    "SELECT * FROM thief_loot, @",
    "SELECT * FROM thief_loot NATURAL JOIN @",
    "SELECT * FROM thief_loot LEFT JOIN @ ON 1 = 1",
    "SELECT * FROM (thief_loot, @)",
    "SELECT * FROM (@)",
    "SELECT * FROM (TABLE @) AS x",
    "SELECT 1 FROM thief_loot WHERE EXISTS (SELECT 1 FROM @)",
    "SELECT 1 FROM thief_loot WHERE id IN @",
    "SELECT id FROM thief_loot UNION SELECT id FROM @",
    "SELECT id FROM thief_loot ORDER BY (SELECT MAX(id) FROM @)",
    "WITH x AS (SELECT * FROM @) SELECT * FROM x",
    "WITH thief_loot AS (SELECT 1) SELECT * FROM thief_loot, @",
    "WITH RECURSIVE x AS (SELECT * FROM @) SELECT * FROM x",
    "WITH x AS (DELETE FROM @ RETURNING *) SELECT * FROM x",
    "SELECT * FROM thief_loot AS a JOIN @ AS b USING (id)",
    "SELECT * FROM '@'",
    "SELECT * FROM thief_loot, '@'",
    "SELECT * FROM 'main'.'@'",
    "TABLE @",
    "SELECT * FROM thief_loot; SELECT * FROM @",
];
/// The names of others, in the spellings that the engines take for the same.
pub const NAMES: [&str; 14] = [
    "victim_secret",
    "VICTIM_Secret",
    "victim_view",
    "victim_words",
    "plugin_timer",
    "event",
    "\"victim_secret\"",
    "[victim_secret]",
    "`victim_secret`",
    "U&\"victim\\005fsecret\"",
    "victim_secret/**/",
    "--\nvictim_secret",
    "sqlite_schema",
    "pg_class",
];

#[tokio::test]
async fn nothing_of_others_is_read_by_any_way_and_name() {
    let kit = scene().await;
    for way in WAYS {
        for name in NAMES {
            let sql = way.replace('@', name);
            assert_forbidden(read(&kit, &sql).await, &sql);
        }
    }
}

/// What reaches further than tables, or is read by one engine as something else.
const OTHER_READS: [&str; 67] = [
    "",
    ";",
    "SELECT CAST('victim_secret' AS regclass)",
    "SELECT * INTO thief_new FROM thief_loot",
    "SELECT * FROM thief_loot FOR UPDATE",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT lo_import('/etc/passwd')",
    "SELECT query_to_xml('select 1', true, true, '')",
    "SELECT database_to_xml(true, true, '')",
    "SELECT table_to_xml('thief_loot', true, true, '')",
    "SELECT set_config('role', 'postgres', false)",
    "SELECT current_setting('data_directory')",
    "SELECT nextval('x')",
    "SELECT load_extension('x')",
    "SELECT readfile('/etc/passwd')",
    "SELECT 'lower'('x')",
    "SELECT * FROM json_each('[1]')",
    "SELECT * FROM 'json_each'('[1]')",
    "SELECT * FROM thief_loot, json_each",
    "SELECT * FROM generate_series(1, 1000000000)",
    "SELECT * FROM pragma_table_list",
    "SELECT * FROM thief_loot WHERE id IN json_each",
    "SELECT * FROM (TABLE thief_loot) AS x",
    "SELECT * FROM thief_loot, pragma_table_info('thief_loot')",
    "SELECT * FROM thief_loot, dbstat",
    "SELECT * FROM information_schema.tables",
    "SELECT thief_loot.row_to_json FROM thief_loot",
    "SELECT (thief_loot).row_to_json FROM thief_loot",
    "SELECT (thief_loot.word).upper FROM thief_loot",
    "SELECT s.word FROM (SELECT ((CAST('x' AS text)).ts_stat).word) AS s",
    "SELECT (CAST('x' AS text)).ts_stat",
    "SELECT ('x').upper",
    "SELECT 'x'.upper",
    "SELECT 1 AS upper, main.thief_loot.word FROM thief_loot",
    "WITH x AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM x) SELECT * FROM x",
    "WITH x AS (SELECT 1 FROM y), y AS (SELECT 1 FROM x) SELECT * FROM x",
    "WITH thief_loot AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM thief_loot) SELECT 1",
    "SELECT * FROM (SELECT 1 AS m) AS window, json_each WHERE json = '[1]'",
    "SELECT * FROM (SELECT 1 AS m) AS offset, json_each WHERE json = '[1]'",
    "SELECT 1 FROM thief_loot AS set, thief_bag b, thief_bag c, thief_bag d, thief_bag e",
    "SELECT COUNT(*) FROM (VALUES (1), (2)) AS a",
    "SELECT CAST(CAST(1 AS oid) AS text)",
    "SELECT replace('a', 'a', 'aa')",
    "SELECT 1 FROM thief_bag a, thief_bag b, thief_bag c, thief_bag d, thief_bag e",
    "SELECT $0",
    "SELECT $99999999999999999999",
    "SELECT public.lower('x')",
    "PRAGMA table_list",
    "ATTACH 'x' AS y",
    "COPY thief_loot TO '/tmp/x'",
    "EXPLAIN SELECT 1",
    "VALUES (1)",
    "SET ROLE postgres",
    "DO 'x'",
    "INSERT INTO thief_loot (id) VALUES (9)",
    "WITH x AS (INSERT INTO thief_loot (id) VALUES (9) RETURNING id) SELECT * FROM x",
    "SELECT $$x$$",
    "SELECT $a$x$a$",
    "SELECT E'\\x41'",
    "SELECT X'41'",
    "SELECT U&'\\0041'",
    "SELECT 'a\\'",
    "SELECT 'a' -- b",
    "SELECT 1 /* b",
    "SELECT regclass 'thief_loot'",
    "SELECT '1'::regclass",
    "SELECT \u{ff41} FROM thief_loot",
];

#[tokio::test]
async fn nothing_but_tables_is_read() {
    let kit = scene().await;
    for sql in OTHER_READS {
        assert_forbidden(read(&kit, sql).await, sql);
    }
    for sql in ["SELECT $1", "SELECT $2"] {
        assert_eq!(code(read(&kit, sql).await), ErrorCode::BadArg, "{sql}");
    }
    for control in
        ['\0', '\r', '\u{b}', '\u{c}', '\u{1b}', '\u{7f}', '\u{85}', '\u{a0}', '\u{2028}']
    {
        let sql = format!("SELECT{control}1");
        assert_forbidden(read(&kit, &sql).await, &sql);
    }
    let long = format!("SELECT 1{}", " + 1".repeat(5_000));
    assert_eq!(code(read(&kit, &long).await), ErrorCode::TooLarge);
}

#[tokio::test]
async fn nothing_of_others_is_changed() {
    let kit = scene().await;
    for sql in [
        "INSERT INTO victim_secret (id, word) VALUES (2, 'x')",
        "INSERT INTO 'victim_secret' (id, word) VALUES (2, 'x')",
        "INSERT INTO main.victim_secret (id, word) VALUES (2, 'x')",
        "INSERT OR REPLACE INTO victim_secret (id, word) VALUES (1, 'x')",
        "REPLACE INTO victim_secret (id, word) VALUES (1, 'x')",
        "UPDATE victim_secret SET word = 'x'",
        "UPDATE ONLY victim_secret SET word = 'x'",
        "UPDATE OR IGNORE victim_secret SET word = 'x'",
        "UPDATE thief_loot SET word = v.word FROM victim_secret AS v",
        "UPDATE thief_loot SET word = (SELECT MAX(word) FROM Victim_Secret)",
        "DELETE FROM victim_secret",
        "DELETE FROM thief_loot USING victim_secret",
        "DELETE FROM thief_loot USING json_each",
        "DELETE FROM thief_loot USING (SELECT 1 AS n) AS a, thief_bag b, thief_bag c",
        "INSERT INTO thief_bag SELECT a.n, b.n FROM thief_bag a, thief_bag b, thief_bag c",
        "DELETE FROM thief_loot RETURNING (SELECT word FROM victim_secret)",
        "WITH x AS (DELETE FROM victim_secret RETURNING *) INSERT INTO thief_loot SELECT * FROM x",
        "WITH x AS (SELECT 1) DELETE FROM victim_secret",
        "INSERT INTO thief_loot SELECT id, word FROM victim_secret",
        "INSERT INTO thief_loot VALUES (1, 'x'); DELETE FROM victim_secret",
        "INSERT INTO thief_loot VALUES (1, 'VALUES {rows}')",
        "INSERT INTO plugin_timer DEFAULT VALUES",
        "DELETE FROM plugin_dead",
        "DELETE FROM event",
        "DELETE FROM sqlite_schema",
        "UPDATE pg_class SET relname = 'x'",
        "DROP TABLE victim_secret",
        "DROP TABLE thief_loot",
        "CREATE TABLE thief_more (id BIGINT)",
        "CREATE VIEW thief_view AS SELECT 1",
        "ALTER TABLE thief_loot RENAME TO victim_secret",
        "TRUNCATE victim_secret",
        "GRANT ALL ON victim_secret TO public",
        "COMMIT",
        "ROLLBACK TO tx",
        "PRAGMA writable_schema = 1",
        "VACUUM INTO '/tmp/x'",
        "SELECT 1",
    ] {
        assert_forbidden(write(&kit, sql, &[]).await, sql);
    }
    let word = kit.store().query("SELECT id, word FROM victim_secret", vec![]).await.unwrap();
    let word: Vec<(u64, String)> =
        word.iter().map(|row| (row.get(0).unwrap(), row.get(1).unwrap())).collect();
    assert_eq!(word, [(1, "swordfish".to_owned())]);
    assert_eq!(read(&kit, "SELECT * FROM thief_loot").await.unwrap(), 0);
}

#[tokio::test]
async fn a_plugin_speaks_in_its_own_topics() {
    let kit = scene().await;
    let (own, conv) = ("x:thief:it".parse().unwrap(), Topic::Conv(ConvId(Ulid(1))));
    let append = async |topic: &Topic, kind: &str, event| {
        call(&kit, Append { topic: topic.clone(), kind: kind.into(), event }).await
    };
    append(&own, "thief.took", 0).await.unwrap();
    let audit = "x:audit:server".parse().unwrap();
    for topic in [&conv, &audit] {
        assert_eq!(code(append(topic, "thief.took", 0).await), ErrorCode::Forbidden);
        assert_eq!(code(call(&kit, Say { topic: topic.clone() }).await), ErrorCode::Forbidden);
    }
    assert_eq!(code(append(&own, "msg.sent", 0).await), ErrorCode::Forbidden);
    assert_eq!(code(append(&own, "thief.took", 1).await), ErrorCode::BadArg);
    call(&kit, Say { topic: own.clone() }).await.unwrap();
    assert_eq!(kit.pushed().len(), 1);
    assert_eq!(kit.committed().len(), 1);
}

#[tokio::test]
async fn a_plugin_calls_what_it_says_and_reads_its_own_logs() {
    let kit = scene().await;
    let reaches = async |op: &str| call(&kit, Reach { op: op.into() }).await;
    reaches("thief.nothing").await.unwrap();
    for op in ["victim.open", "plugin.token", "log.read", "app.theirs.act", ""] {
        assert_eq!(code(reaches(op).await), ErrorCode::Forbidden, "{op}");
    }
    assert_eq!(code(reaches("victim.told").await), ErrorCode::UnknownOp, "declared, not there");
    assert_eq!(code(call(&kit, Later {}).await), ErrorCode::Forbidden);
    assert_eq!(count(&kit, "plugin_timer").await, 0);
    let looks = async |topic: &str| call(&kit, Look { topic: topic.parse().unwrap() }).await;
    looks("x:thief:it").await.unwrap();
    for topic in ["x:audit:server", "x:thiefs:it", "c:00000000000000000000000001"] {
        assert_eq!(code(looks(topic).await), ErrorCode::Forbidden, "{topic}");
    }
}

#[tokio::test]
async fn rows_that_do_not_fit_a_statement_fail_before_they_meet_others() {
    let kit = scene().await;
    for (sql, row) in [
        ("INSERT INTO thief_loot (id) VALUES ($1)", &[1, 2][..]),
        ("INSERT INTO thief_loot (id) VALUES ($2)", &[1]),
        ("INSERT INTO thief_loot (id) VALUES {rows}", &[]),
        ("INSERT INTO thief_loot (id) VALUES {rows}", &[1; 101]),
    ] {
        assert_eq!(code(write(&kit, sql, &[row]).await), ErrorCode::BadArg, "{sql} {row:?}");
    }
}

#[tokio::test]
async fn what_is_asked_for_at_once_is_bounded() {
    let kit = scene().await;
    let rows: Vec<Vec<i64>> = (0..10_001).map(|id| vec![id]).collect();
    let sql = "INSERT INTO thief_loot (id) VALUES {rows}";
    let all = call(&kit, Run { sql: sql.into(), rows: rows.clone() }).await;
    assert_eq!(code(all), ErrorCode::TooLarge);
    for half in rows.chunks(5_001) {
        call(&kit, Run { sql: sql.into(), rows: half.to_vec() }).await.unwrap();
    }
    let all = read(&kit, "SELECT id FROM thief_loot").await;
    assert_eq!(code(all), ErrorCode::TooLarge);
    assert_eq!(read(&kit, "SELECT id FROM thief_loot LIMIT 10").await.unwrap(), 10);
}
