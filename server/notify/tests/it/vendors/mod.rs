//! Vendors on this machine, which follow what the real ones publish and refuse what does not.

pub mod alibaba;
pub mod tencent;
pub mod vonage;

/// When they live, in milliseconds since 1970: 2026-09-21T14:13:20Z.
pub const NOW: i64 = 1_790_000_000_000;
