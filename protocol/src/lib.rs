//! The vocabulary of Carillon: what travels on a wire, and the types of every operation.
//!
//! This crate knows nobody: no async, no I/O, no clock. The server, the SDKs and the load tester
//! share it, and the documents are generated from it. The contract in prose is the protocol page
//! in `server/ARCHITECTURE.md`.

pub mod audit;
pub mod bot;
pub mod card;
pub mod channel;
pub mod codec;
pub mod conv;
pub mod department;
pub mod digest;
pub mod ding;
pub mod error;
pub mod event;
pub mod fact;
mod field;
pub mod frame;
pub mod id;
pub mod import;
pub mod invite;
pub mod json;
pub mod limits;
pub mod log;
pub mod msg;
mod msgpack;
pub mod node;
pub mod notify;
pub mod operation;
pub mod org;
pub mod plugin;
pub mod poll;
pub mod presence;
pub mod program;
pub mod receipt;
pub mod role;
pub mod room;
pub mod schedule;
pub mod schemas;
pub mod session;
pub mod topic;

pub use channel::Channel;
pub use codec::{Codec, Raw};
pub use error::{CloseCode, ErrorBody, ErrorCode, Retry};
pub use event::{Ephemeral, Event};
pub use frame::ServerFrame;
pub use id::{
    AttachmentId, Cid, ConvId, DeadLetterId, DepartmentId, DeviceId, DingId, DutyId, EventId,
    InviteId, LinkId, OrgId, ParticipantId, PictureId, PolicyId, PollId, RobotId, RoleId, RoomId,
    RunId, SeriesId, SessionId, UserId,
};
pub use json::Json;
pub use operation::{Access, Command, Effect};
pub use topic::Topic;

/// The version of the protocol that `hello.v` must name.
pub const VERSION: u32 = 1;
