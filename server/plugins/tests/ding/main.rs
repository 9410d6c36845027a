//! What alerts promise, through the host as every caller meets it.

// Clippy knows `#[test]` functions as tests, not what they share.
#![allow(clippy::unwrap_used)]

mod answering;
mod carrier;
mod climbing;
mod many;
mod simulating;
mod world;
