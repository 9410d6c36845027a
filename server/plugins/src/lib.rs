//! The plugins that ship with Carillon. None of them uses another: they call each other's
//! operations and listen to each other's events, with the types of the protocol.

pub mod audit;
pub mod bot;
pub mod chat;
pub mod ding;
pub mod directory;
pub mod log;
pub mod node;
pub mod notify;
mod plain;
pub mod plugin;
pub mod poll;
pub mod presence;
pub mod room;
