//! What rooms promise to those in them, over real sockets, with clients that are not browsers.
#![allow(clippy::unwrap_used, reason = "what cannot be done fails the test")]
#![allow(clippy::disallowed_methods, reason = "clients have clocks of their own")]

mod attack;
mod forged;
mod fuzz;
mod hearing;
mod relay;
mod seeing;
mod stage;
mod staying;
mod tunnelled;
