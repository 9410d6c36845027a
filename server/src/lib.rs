//! The Carillon node.
//!
//! [`server::Server`] is the whole of it; `main` only reads the command line. The map of the
//! code is `server/ARCHITECTURE.md`.

pub mod apart;
pub mod audit;
pub mod cli;
pub mod clock;
pub mod cluster;
pub mod config;
pub mod demo;
pub mod docs;
pub mod gateway;
mod html;
pub mod http;
pub mod media;
pub mod node;
pub mod rates;
pub mod registry;
pub mod runner;
pub mod server;
pub mod telemetry;
pub mod tls;
mod ways;
