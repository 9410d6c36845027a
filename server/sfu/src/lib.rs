//! The media of rooms: packets in, packets out, on threads of their own.
//!
//! A room lives on one thread, so that no packet waits for a lock or another thread. What is asked
//! of it comes through a short queue ([`Sfu::ask`]); what it comes to by itself it tells
//! ([`Settings::told`]). How a packet goes: `thread` reads it, `mux` knows whose it is, `adapter`
//! hands it to the WebRTC library and gets media back, `room` passes them on, `munge` gives them
//! the numbers of each receiver's stream, and at the end of the lap all of it is sent.

mod adapter;
mod batch;
mod calls;
mod command;
mod door;
mod frame;
mod keyframe;
#[cfg(feature = "kit")]
pub mod kit;
mod look;
pub mod munge;
mod mux;
mod net;
mod publish;
mod relief;
mod room;
mod sdp;
mod select;
mod sfu;
mod slots;
mod socket;
mod speaker;
mod stats;
mod subscribe;
mod tcp;
mod thread;
mod way;

pub use door::{BEGINNING_LEN, check_len, may_begin};
pub use sfu::{LOST_AFTER, PEOPLE_MAX, Settings, Sfu};
pub use stats::{FORWARD_SECONDS, Stats};
