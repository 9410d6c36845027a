//! What the ways out promise, asked through their doors. Whoever is on the other side listens on
//! this machine and speaks the real protocol.

#![allow(clippy::unwrap_used, reason = "what cannot be read fails the test")]

mod egress;
mod listener;
mod mail;
mod providers;
mod receiver;
mod smtp;
mod urls;
mod vendors;
mod webpush;
