//! What rooms promise, through the host as every caller meets it.

// Clippy knows `#[test]` functions as tests, not what they share.
#![allow(clippy::unwrap_used)]

mod cards;
mod carrier;
mod coming;
mod facts;
mod following;
mod guests;
mod moderating;
mod owners;
mod racing;
mod sums;
mod world;

use world::*;
