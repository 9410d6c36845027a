//! What the product promises, through the doors that people use.
#![expect(clippy::unwrap_used, reason = "a test stops where something unexpected happens")]

mod backups;
mod bad_input;
mod bot;
mod browser;
mod certificates;
mod chat;
mod client;
mod company;
mod cut;
mod doctor;
mod durable;
mod exactly_once;
mod going_down;
mod guessing;
mod hello;
mod history;
mod http;
mod import;
mod interposed;
mod isolation;
mod kit;
mod limits;
mod page;
mod panics;
mod process;
mod receipts;
mod resume;
mod sessions;
mod shop;
mod slow;
mod stream;
mod tls;
mod too_much;
mod web_app;
mod wire;
