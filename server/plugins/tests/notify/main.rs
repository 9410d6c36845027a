//! What reaching people outside of the app promises. Whoever is on the other side listens on this
//! machine and speaks the real protocol.

#![allow(clippy::unwrap_used, reason = "what cannot be read fails the test")]

mod carriers;
mod contacts;
mod crashes;
mod fairness;
#[path = "../../../notify/tests/it/listener.rs"]
#[allow(dead_code, reason = "the ways out are tested with the rest of it")]
mod listener;
mod moody;
mod own_log;
mod pushing;
#[path = "../../../notify/tests/it/receiver.rs"]
#[allow(dead_code, reason = "the ways out are tested with the rest of it")]
mod receiver;
mod reports;
mod settings;
#[path = "../../../notify/tests/it/smtp.rs"]
#[allow(dead_code, reason = "the ways out are tested with the rest of it")]
mod smtp;
mod texting;
mod twilio;
mod unclear;
#[path = "../../../notify/tests/it/urls.rs"]
mod urls;
#[path = "../../../notify/tests/it/vendors/mod.rs"]
#[allow(dead_code, reason = "the ways out are tested with the rest of it")]
mod vendors;
mod world;
