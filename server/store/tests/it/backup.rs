//! Backups: from either engine into either, and what is wrong with a database is found.

use std::{
    any::Any,
    collections::BTreeSet,
    io::{Cursor, Read as _},
};

use carillon_plugin::{Look, Migration, Storage, Value, Window};
use carillon_store::{
    Database, Durability, Options, Store,
    backup::{self, BackupError, End, Manifest},
};
use flate2::read::GzDecoder;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

use crate::bed::*;

const MADE_AT: i64 = 1_790_000_000_000;

/// Opens it. These cases do not pull the plug.
async fn open(database: &Database, migrations: &[Migration]) -> Store {
    let options = Options { durability: Durability::Off, ..Options::default() };
    Store::open(database, migrations, options).await.unwrap()
}

/// Some conversations of some people, and a plugin's rows of every type that there is.
async fn fill_with_life(store: &Store) {
    for number in 0..300 {
        let mut tx = message(number, &conv(number % 7)).by(user(number % 5));
        if number % 3 == 0 {
            tx = tx.quiet(&conv(number % 11));
        }
        if number % 10 == 0 {
            let odd = format!("\"{number}'\n\u{1f600}");
            tx = tx.run(VOTE, vec![odd.as_str().into(), Value::Seq(0), Value::Null, Value::Pos]);
        }
        store.commit(tx).await.unwrap();
    }
}

async fn write(database: &Database) -> (Vec<u8>, Manifest, End) {
    let mut file = Vec::new();
    let (manifest, end) = backup::write(database, MADE_AT, "1.2.3", &mut file).await.unwrap();
    (file, manifest, end)
}

/// The lines of tables and rows. Engines may sort texts in another order.
fn lines(file: &[u8]) -> BTreeSet<String> {
    let text = std::io::read_to_string(GzDecoder::new(file)).unwrap();
    let mut lines: Vec<&str> = text.lines().skip(1).collect();
    lines.pop();
    lines.into_iter().map(str::to_owned).collect()
}

fn places() -> Vec<(Database, Box<dyn Any>)> {
    let file = || {
        let bed = Sqlite::make();
        (bed.path().into(), Box::new(bed) as Box<dyn Any>)
    };
    let shared = || {
        let Postgres(database, lent) = Postgres::make();
        (database, Box::new(lent) as Box<dyn Any>)
    };
    vec![file(), file(), shared(), shared()]
}

#[tokio::test]
async fn a_backup_of_either_engine_fills_either_one_and_the_log_goes_on_in_a_new_epoch() {
    let (from, to) = (places(), places());
    for (one, other) in [(0, 0), (1, 2), (2, 1), (3, 3)] {
        let (from, to) = (&from[one].0, &to[other].0);
        let store = open(from, TABLES).await;
        fill_with_life(&store).await;
        let (position, epoch) = store.position();
        let (file, manifest, end) = write(from).await;
        store.close().await;
        assert_eq!((manifest.epoch, manifest.position), (epoch, position));

        let filled = backup::fill(to, TABLES, Cursor::new(&file)).await.unwrap();
        assert_eq!(filled, (manifest, end));
        assert_eq!(backup::check(to).await.unwrap(), Vec::<String>::new());
        let store = open(to, TABLES).await;
        assert_eq!(store.position().0, position);
        assert_ne!(store.position().1, epoch);
        assert_eq!(lines(&write(to).await.0), lines(&file));

        let again = store.commit(message(9, &conv(2)).by(user(4))).await.unwrap();
        assert!(again.dup, "an intent stays one");
        let next = store.commit(message(1_000, &conv(77)).by(user(77))).await.unwrap();
        assert_eq!(next.events[0].seq, 1);
        assert_eq!(store.position().0, position + 1);
        store.close().await;
        assert_eq!(backup::check(to).await.unwrap(), Vec::<String>::new());

        let refused = backup::fill(to, TABLES, Cursor::new(&file)).await.unwrap_err();
        assert!(matches!(refused, BackupError::NotEmpty(_)), "{refused}");
    }
}

#[tokio::test]
async fn what_was_changed_while_the_backup_was_written_can_change_again() {
    for ((from, _one), (to, _other)) in places().into_iter().zip(places().into_iter().rev()) {
        let store = open(&from, TABLES).await;
        for number in 1..4 {
            store.commit(message(number, &conv(1))).await.unwrap();
        }
        for number in 4..604 {
            store.commit(message(number, &conv(2))).await.unwrap();
        }
        store.close().await;
        // As a page of the log has it that is read after a change at these positions.
        let later = r#"{"text":"\"rev\":7}","rev":9}"#;
        damage(&from, &format!("UPDATE event SET data = '{later}' WHERE pos = 1")).await;
        let earlier = r#"{"text":"x","rev":3}"#;
        damage(&from, &format!("UPDATE event SET data = '{earlier}' WHERE pos = 2")).await;
        let all = r#"UPDATE event SET data = '{"text":"y","rev":1000}' WHERE pos > 3"#;
        damage(&from, all).await;

        let (file, ..) = write(&from).await;
        backup::fill(&to, TABLES, Cursor::new(&file)).await.unwrap();
        let store = open(&to, TABLES).await;
        let said = async |topic| {
            let look = Look::After(0);
            let events = store.events(topic, Window::all(), look, false, 1_000).await.unwrap();
            events.iter().map(|event| event.data.as_str().to_owned()).collect::<Vec<_>>()
        };
        let lowered = r#"{"text":"\"rev\":7}","rev":3}"#;
        assert_eq!(said(conv(1)).await, [lowered, earlier, r#"{"text":"3","rev":3}"#]);
        assert_eq!(said(conv(2)).await, vec![r#"{"text":"y","rev":600}"#; 600]);
        store.close().await;
    }
}

#[tokio::test]
async fn a_backup_of_older_tables_is_brought_up_to_date_and_one_of_newer_is_refused() {
    let step = |number, sql| Migration { plugin: "poll", number, sql };
    let newer = [
        TABLES[0],
        step(2, "CREATE TABLE poll_count (id TEXT PRIMARY KEY, votes BIGINT NOT NULL)"),
        step(3, "INSERT INTO poll_count SELECT 'all', count(*) FROM poll_vote"),
    ];
    let (old, new, none) = (Sqlite::make(), Sqlite::make(), Sqlite::make());
    let store = open(&old.path().into(), TABLES).await;
    fill_with_life(&store).await;
    let (file, ..) = write(&old.path().into()).await;
    store.close().await;

    backup::fill(&new.path().into(), &newer, Cursor::new(&file)).await.unwrap();
    let store = open(&new.path().into(), &newer).await;
    let rows = store.query("SELECT votes FROM poll_count", vec![]).await.unwrap();
    assert_eq!(rows[0].0, [Value::Int(30)]);
    let (file, ..) = write(&new.path().into()).await;
    store.close().await;
    let refused = backup::fill(&none.path().into(), TABLES, Cursor::new(&file)).await.unwrap_err();
    assert_eq!(refused.to_string(), "the backup was made by carillon 1.2.3: use that version");
}

#[tokio::test]
async fn no_byte_of_a_backup_can_change_without_being_noticed() {
    let bed = Sqlite::make();
    let store = open(&bed.path().into(), TABLES).await;
    for number in 0..5 {
        store.commit(message(number, &conv(0))).await.unwrap();
    }
    let (file, ..) = write(&bed.path().into()).await;
    store.close().await;
    let mut damaged: Vec<Vec<u8>> =
        (0..file.len()).step_by(7).map(|at| file[..at].to_vec()).collect();
    damaged.push([file.as_slice(), b"\n"].concat());
    damaged.push([file.as_slice(), file.as_slice()].concat());
    for at in 0..file.len() {
        let mut bytes = file.clone();
        bytes[at] ^= 1 << (at % 8);
        // What is compressed ends inside a byte: the bits that are left of it say nothing.
        if !says_the_same(&bytes, &file) {
            damaged.push(bytes);
        }
    }
    assert!(damaged.len() > file.len(), "hardly any bit says nothing");
    for bytes in damaged {
        let other = Sqlite::make();
        let refused = backup::fill(&other.path().into(), TABLES, Cursor::new(&bytes)).await;
        let refused = refused.unwrap_err();
        assert!(matches!(refused, BackupError::Damaged(_)), "{refused}");
    }
}

/// Whether two files differ in bits alone that say nothing.
fn says_the_same(one: &[u8], other: &[u8]) -> bool {
    let read = |file: &[u8]| {
        let mut text = Vec::new();
        GzDecoder::new(file).read_to_end(&mut text).map(|_| text)
    };
    const HEADER_LEN: usize = 10;
    one[..HEADER_LEN] == other[..HEADER_LEN]
        && read(one).is_ok_and(|one| read(other).is_ok_and(|other| one == other))
}

/// Runs a statement past everything that would refuse it.
async fn damage(database: &Database, sql: &str) {
    let sql = AssertSqlSafe(sql.to_owned());
    match database {
        Database::Sqlite(path) => {
            let url = format!("sqlite://{}", path.display());
            let mut conn = SqliteConnection::connect(&url).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut conn).await.unwrap();
            conn.close().await.unwrap();
        }
        Database::Postgres(url) => {
            let mut conn = PgConnection::connect(url).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut conn).await.unwrap();
        }
    }
}

#[tokio::test]
async fn what_is_missing_doubled_or_out_of_place_is_found() {
    for (sql, sentence) in [
        ("DELETE FROM event WHERE pos = 50", "lacks the event at 50"),
        ("DELETE FROM event WHERE pos = 50", "have a hole"),
        (
            "DROP INDEX event_seq;
             UPDATE event SET seq = seq - 1
             WHERE pos IN (SELECT max(pos) FROM event GROUP BY topic)",
            "used twice",
        ),
        (
            "DROP INDEX event_seq; DROP INDEX event_cid;
             UPDATE event SET cid = (SELECT cid FROM event WHERE pos = 1), by_id = 1
             WHERE pos IN (1, 2)",
            "took effect 2 times",
        ),
        (
            "DROP INDEX event_seq;
             UPDATE event SET seq = 3 - seq WHERE topic = 1 AND seq IN (1, 2)",
            "was committed before",
        ),
        ("UPDATE event SET n = n + 1 WHERE pos = 50", "a wrong number"),
        ("UPDATE event SET data = '{' WHERE pos = 50", "at 50 cannot be read"),
        ("DELETE FROM topic WHERE id = 3", "in a topic that is not there"),
        ("DELETE FROM author WHERE id = 3", "by somebody who is not there"),
    ] {
        for (database, _folder) in places().into_iter().skip(1).take(2) {
            let store = open(&database, TABLES).await;
            fill_with_life(&store).await;
            store.close().await;
            assert_eq!(backup::check(&database).await.unwrap(), Vec::<String>::new());
            damage(&database, sql).await;
            let found = backup::check(&database).await.unwrap();
            assert!(found.iter().any(|found| found.contains(sentence)), "{sql}: {found:?}");
        }
    }
}

#[tokio::test]
async fn counters_of_postgresql_that_do_not_fit_the_log_are_found() {
    for sql in [
        "UPDATE meta SET pos = pos - 1",
        "DELETE FROM event WHERE pos = (SELECT max(pos) FROM event)",
        "UPDATE meta SET topics = topics - 1",
        "UPDATE meta SET authors = authors - 1",
    ] {
        let Postgres(database, _lent) = Postgres::make();
        let store = open(&database, TABLES).await;
        fill_with_life(&store).await;
        store.close().await;
        assert_eq!(backup::check(&database).await.unwrap(), Vec::<String>::new());
        damage(&database, sql).await;
        let found = backup::check(&database).await.unwrap();
        assert!(found.iter().any(|found| found.contains("counters do not fit")), "{found:?}");
    }
}

#[tokio::test]
async fn a_database_is_not_filled_while_nodes_run() {
    let (from, Postgres(to, _lent)) = (Sqlite::make(), Postgres::make());
    let store = open(&from.path().into(), TABLES).await;
    fill_with_life(&store).await;
    let (file, ..) = write(&from.path().into()).await;
    store.close().await;
    open(&to, TABLES).await.close().await;
    let said = "(SELECT floor(extract(epoch FROM now()) * 1000)::BIGINT)";
    let node = "CREATE TABLE node_run (run TEXT NOT NULL, seen_at BIGINT NOT NULL)";
    damage(&to, &format!("{node}; INSERT INTO node_run VALUES ('one', {said})")).await;
    let refused = backup::fill(&to, TABLES, Cursor::new(&file)).await.unwrap_err();
    assert!(matches!(refused, BackupError::InUse { .. }), "{refused}");
    damage(&to, "UPDATE node_run SET seen_at = seen_at - 20000").await;
    backup::fill(&to, TABLES, Cursor::new(&file)).await.unwrap();
}
