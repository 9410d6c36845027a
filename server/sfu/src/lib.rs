//! The media of rooms: packets in, packets out, on threads of their own.

#[cfg(feature = "kit")]
pub mod kit;
pub mod keyframe;
pub mod munge;
pub mod select;
pub mod speaker;
