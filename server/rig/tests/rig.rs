//! What the rig promises.

use std::net::TcpStream;

use carillon_rig::{Postgres, Redis, database};

#[test]
fn a_postgres_keeps_what_was_committed_over_a_restart_on_the_same_port() {
    let mut server = Postgres::start();
    server.sql("postgres", "CREATE TABLE kept (word TEXT)");
    server.sql("postgres", "INSERT INTO kept VALUES ('bell')");
    let port = server.port();
    server.stop();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    server.begin();
    assert_eq!(server.sql("postgres", "SELECT word FROM kept").trim(), "bell");
    assert_eq!(server.port(), port);
}

#[test]
fn every_database_of_the_shared_server_is_empty_and_has_its_own_name() {
    let (one, two) = (database(), database());
    assert_ne!(one, two);
}

#[test]
fn a_redis_is_gone_and_comes_back_on_the_same_port() {
    let mut server = Redis::start();
    let port = server.port();
    server.stop();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    server.begin();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());
}
