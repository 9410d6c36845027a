//! The store's promises: the same for every engine (`conformance`), against a model (`model`), and
//! what SQLite owes when the disk fails (`disk`) or the file is not what it should be (`opening`),
//! and what nodes that share a PostgreSQL owe each other (`cluster`), whatever breaks (`faults`) or
//! is replaced by another server (`failover`).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod backup;
mod bed;
mod cases;
mod cluster;
mod conformance;
mod disk;
mod failover;
mod faults;
mod model;
mod opening;
mod reading;
mod rewriting;
