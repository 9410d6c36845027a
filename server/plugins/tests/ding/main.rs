//! What alerts promise, through the host as every caller meets it.

// Clippy knows `#[test]` functions as tests, not what they share.
#![allow(clippy::unwrap_used)]

mod answering;
mod budget;
mod carrier;
mod climbing;
mod deputies;
mod instead;
mod leaving;
mod many;
mod quiet;
mod simulating;
mod world;
