//! Plugins that run in processes of their own.
//!
//! A plugin is the same value here and there: the node keeps its tables, its place in the log, its
//! timers and its outbox, and has its handlers run by a process that is linked to it
//! (`carillon_plugin::apart` says what that means). This is the link: a WebSocket that the process
//! opens (`process`), with frames of JSON in both directions (`frame`, `talk`), and on the node's
//! side who is linked (`links`) and which plugin runs where (`place`).

mod address;
mod frame;
mod links;
mod orders;
mod place;
mod process;
mod talk;

pub use address::{Address, BadAddress};
pub use frame::{FromNode, FromProcess, PROTOCOL};
pub use links::Processes;
pub use place::{Misplaced, Places, place};
pub use process::run;

/// Where a process finds its token, if no file has it: never among its arguments, which everybody
/// on the machine can read.
pub const TOKEN_VARIABLE: &str = "CARILLON_PLUGIN_TOKEN";
