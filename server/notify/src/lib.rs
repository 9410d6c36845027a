//! Carillon's ways out: web push, text messages, phone calls and e-mail, all through one guarded
//! client.
//!
//! Nothing here keeps a row, a timer or a queue: a caller says what to send, and learns what became
//! of it. Which numbers and subscriptions people have, and what is tried again, is decided by the
//! plugins. Time is an argument everywhere, in milliseconds since 1970.

pub mod egress;
pub mod mail;
pub mod provider;
pub mod webpush;

mod later;
mod markup;
