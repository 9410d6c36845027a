//! What an organisation settles about its alerts, whom they are for, and when they come again.

// Clippy knows `#[test]` functions as tests, not what they share.
#![allow(clippy::unwrap_used)]

#[path = "../ding/carrier.rs"]
#[expect(dead_code, reason = "of those who carry alerts only that they are there is needed")]
mod carrier;
mod choosing;
mod planned;
mod recurring;
mod settling;
#[path = "../ding/world.rs"]
#[expect(dead_code, reason = "of the world the people are needed")]
mod world;
