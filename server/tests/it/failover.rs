//! A database that lost commits: what its node does.

use std::fs::{self, File};

use crate::process::{Process, add_org, carillon};

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_database_lost_commits_ends_and_whoever_starts_it_again_gets_a_new_epoch() {
    let mut postgres = carillon_rig::Postgres::start();
    let (folder, database) = (tempfile::tempdir().unwrap(), postgres.url("postgres"));
    let said = folder.path().join("said");
    let serve = || {
        let mut serve = carillon();
        serve.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(folder.path());
        serve.env("CARILLON_DATABASE", &database);
        serve.stderr(File::create(&said).unwrap());
        Process::start(serve)
    };
    let node = serve().await;
    add_org(folder.path(), "Harbour");
    tokio::task::block_in_place(|| postgres.keep());
    add_org(folder.path(), "Lost");
    let before = postgres.sql("postgres", "SELECT epoch FROM meta");
    tokio::task::block_in_place(|| postgres.set_back());

    let status = node.status().await;
    let why = fs::read_to_string(&said).unwrap();
    assert_eq!(status.code(), Some(1), "{why}");
    let last = why.lines().last().unwrap();
    assert!(last.starts_with("carillon: the database lost commits"), "{why}");
    assert_ne!(postgres.sql("postgres", "SELECT epoch FROM meta"), before);
    serve().await;
    let orgs = "SELECT count(*) FROM directory_org";
    assert_eq!(postgres.sql("postgres", orgs).trim(), "1");
}
