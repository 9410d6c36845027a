//! What rooms promise, through the host as every caller meets it.

// Clippy knows `#[test]` functions as tests, not what they share.
#![allow(clippy::unwrap_used)]

mod carrier;
mod coming;
mod world;

use world::*;
