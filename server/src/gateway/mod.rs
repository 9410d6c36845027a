//! The gateway: from sockets to sessions.

pub mod frame;
