//! Files that are not what they should be are refused, with what to do.

use std::fs;

use carillon_plugin::{Migration, Storage};
use carillon_store::{OpenError, Options, Store};

use crate::bed::*;

async fn open(bed: &Sqlite, migrations: &[Migration]) -> Result<Store, OpenError> {
    Store::open(&bed.path().into(), migrations, Options::default()).await
}

async fn refusal(bed: &Sqlite, migrations: &[Migration]) -> OpenError {
    open(bed, migrations).await.expect_err("it should be refused")
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_as_it_is() {
    let bed = Sqlite::make();
    let text =
        b"This is a letter, long enough to be looked at as the header of a database, and it \
                 goes on and on until there are more than a hundred bytes.";
    fs::write(bed.path(), text).unwrap();
    let refused = refusal(&bed, TABLES).await;
    assert!(matches!(refused, OpenError::Corrupt { .. }), "{refused}");
    assert!(refused.to_string().ends_with("restore the last backup"));
    assert_eq!(fs::read(bed.path()).unwrap(), text);
}

#[tokio::test]
async fn another_programs_database_is_refused_and_left_as_it_is() {
    let bed = Sqlite::make();
    let store = bed.durable().await;
    store.commit(tx().run("PRAGMA application_id = 7", vec![])).await.unwrap();
    store.close().await;
    let before = fs::read(bed.path()).unwrap();
    let refused = refusal(&bed, TABLES).await;
    assert!(matches!(refused, OpenError::Foreign { .. }), "{refused}");
    assert_eq!(fs::read(bed.path()).unwrap(), before);
}

#[tokio::test]
async fn a_newer_database_is_refused() {
    let bed = Sqlite::make();
    let store = bed.durable().await;
    store.commit(tx().run("PRAGMA user_version = 1000", vec![])).await.unwrap();
    store.close().await;
    let refused = refusal(&bed, TABLES).await;
    assert!(matches!(refused, OpenError::Newer { found: 1_000, .. }), "{refused}");
}

#[tokio::test]
async fn a_plugins_newer_tables_are_refused() {
    let bed = Sqlite::make();
    let step = |number, sql| Migration { plugin: "poll", number, sql };
    let two = [TABLES[0], step(2, "ALTER TABLE poll_vote ADD COLUMN extra TEXT")];
    open(&bed, &two).await.unwrap().close().await;
    let refused = refusal(&bed, TABLES).await;
    assert!(matches!(refused, OpenError::Newer { found: 2, known: 1, .. }), "{refused}");
    // Switched off, a plugin keeps its tables; switched on again, it goes on where it was.
    open(&bed, &[]).await.unwrap().close().await;
    let store = open(&bed, &two).await.unwrap();
    store.query("SELECT extra FROM poll_vote", vec![]).await.unwrap();
}

#[tokio::test]
async fn a_step_that_fails_is_named_and_leaves_no_trace() {
    let bed = Sqlite::make();
    let sql = "CREATE TABLE poll_new (id TEXT); INSERT INTO nowhere VALUES (1);";
    let steps = [TABLES[0], Migration { plugin: "poll", number: 2, sql }];
    let refused = refusal(&bed, &steps).await;
    let named = |plugin: &str| plugin == "poll";
    assert!(matches!(refused, OpenError::Migration { plugin, number: 2, .. } if named(&plugin)));
    let store = open(&bed, TABLES).await.unwrap();
    assert!(store.query("SELECT * FROM poll_new", vec![]).await.is_err());
}

#[tokio::test]
async fn a_folder_that_does_not_exist_is_named() {
    let bed = Sqlite::make();
    let path = bed.path().join("nowhere/carillon.db");
    let refused = Store::open(&path.into(), TABLES, Options::default()).await.unwrap_err();
    assert!(refused.to_string().contains("nowhere/carillon.db"), "{refused}");
}
