//! What every bus promises (`conformance`), and what Redis does to it (`faults`, `cluster`,
//! `sentinel`, `secure`), on real servers that the tests start.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bed;
mod cases;
mod cluster;
mod conformance;
mod faults;
mod proxy;
mod secure;
mod sentinel;
mod traffic;
