//! The short form of the run, with everything that it starts itself.

use super::*;

fn args(nodes: u8, database: Database, seconds: u64) -> ClusterArgs {
    ClusterArgs {
        server: None,
        nodes,
        database,
        seconds,
        short: true,
        people: 60,
        per_s: 130.0,
        seed: 6,
        no_faults: false,
        out: None,
    }
}

/// The seed empties Redis, cuts a node off from it, stops and kills a node, and takes PostgreSQL
/// and Redis away within this time.
#[test]
fn three_nodes_under_faults_keep_every_promise() {
    run(&args(3, Database::Postgres, 44)).unwrap();
}

/// The seed brings the kill within this time.
#[test]
fn one_node_on_sqlite_keeps_every_promise_when_it_is_killed() {
    run(&ClusterArgs { people: 12, per_s: 50.0, ..args(1, Database::Sqlite, 18) }).unwrap();
}

#[test]
fn several_nodes_need_a_database_that_they_share() {
    let refused = run(&args(2, Database::Sqlite, 5)).unwrap_err();
    assert!(refused.to_string().contains("--database postgres"), "{refused}");
}
