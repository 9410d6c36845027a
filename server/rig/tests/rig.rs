//! What the rig promises.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpStream,
    process::{Command, Stdio},
};

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
fn every_database_of_the_shared_server_has_its_own_name_and_goes_with_what_asked_for_it() {
    let (one, two) = (database(), database());
    assert_ne!(one.url(), two.url());
    let answers = |url: &str| {
        let asked = Command::new("psql").args(["--quiet", "--command", "SELECT 1", url]).output();
        asked.unwrap().status.success()
    };
    let url = one.url();
    assert!(answers(&url));
    // Somebody is still connected, and has nothing more to say.
    let mut sleeper = Command::new("psql");
    let sleeper = sleeper.arg(&url).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut sleeper = sleeper.unwrap();
    let input = sleeper.stdin.as_mut().unwrap();
    input.write_all(b"\\echo connected\n").unwrap();
    let mut said = BufReader::new(sleeper.stdout.as_mut().unwrap());
    said.read_line(&mut String::new()).unwrap();
    drop(one);
    assert!(!answers(&url) && answers(&two.url()));
    drop(sleeper.stdin.take());
    sleeper.wait().unwrap();
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
