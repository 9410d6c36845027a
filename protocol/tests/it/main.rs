//! What other programs rely on: the golden frames, the same values in both codecs, and that no
//! bytes at all can do harm.

mod bad;
mod fuzz;
mod golden;
mod kinds;
mod operations;
mod properties;
mod typescript;
mod vectors;
