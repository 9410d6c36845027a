//! What can be asked: one name, one argument type, one result type, one permission an operation.

use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

/// What a command does to the world; decides whether it needs a `cid` and keeps its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Nothing: it may overtake others and be repeated at will.
    Read,
    /// It sets a state that is the same however often it is set: ordered, without a `cid`.
    State,
    /// It emits an event or creates something: ordered, and takes effect once for each `cid`.
    Once,
}

/// Who may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// Anybody, signed in or not.
    Public,
    /// Whoever is signed in with this scope: `read`, `write` or `admin`.
    Scope(&'static str),
    /// Whoever is signed in with this scope, and guests of a room, there.
    Room(&'static str),
    /// Only the node itself and the command line beside it.
    System,
}

/// The scope that reading needs.
pub const READ: Access = Access::Scope("read");
/// The scope that writing needs.
pub const WRITE: Access = Access::Scope("write");
/// The scope that administration needs.
pub const ADMIN: Access = Access::Scope("admin");

/// What guests of a room may look at, and whoever may read.
pub const GUESTS_READ: Access = Access::Room("read");
/// What guests of a room may do there, and whoever may write.
pub const GUESTS_WRITE: Access = Access::Room("write");

/// The arguments of an operation, which say everything else about it.
pub trait Command: Serialize + DeserializeOwned + JsonSchema + Send + 'static {
    /// What it answers.
    type Reply: Serialize + DeserializeOwned + JsonSchema + Send + 'static;
    /// Its name, `noun.verb`.
    const OP: &'static str;
    /// What it is for, in a sentence.
    const DOC: &'static str;
    /// What it does to the world.
    const EFFECT: Effect;
    /// Who may call it.
    const ACCESS: Access;
}

/// Sees every operation with its types; see [`each`].
pub trait Visitor {
    /// One operation.
    fn operation<C: Command>(&mut self);
}

/// Shows a visitor every operation of this crate: for documents, types and tests that must leave
/// none out.
pub fn each(visitor: &mut impl Visitor) {
    crate::audit::operations(visitor);
    crate::bot::operations(visitor);
    crate::card::operations(visitor);
    crate::conv::operations(visitor);
    crate::department::operations(visitor);
    crate::ding::operations(visitor);
    crate::digest::operations(visitor);
    crate::fact::operations(visitor);
    crate::import::operations(visitor);
    crate::invite::operations(visitor);
    crate::log::operations(visitor);
    crate::msg::operations(visitor);
    crate::node::operations(visitor);
    crate::notify::operations(visitor);
    crate::org::operations(visitor);
    crate::plugin::operations(visitor);
    crate::poll::operations(visitor);
    crate::presence::operations(visitor);
    crate::program::operations(visitor);
    crate::receipt::operations(visitor);
    crate::role::operations(visitor);
    crate::room::operations(visitor);
    crate::schedule::operations(visitor);
    crate::session::operations(visitor);
}

/// Declares operations: doc comment, name, argument type, result type, effect, access.
macro_rules! operations {
    ($(
        $(#[doc = $doc:literal])+
        $op:literal: $args:ty => $reply:ty, $effect:ident, $access:expr;
    )+) => {
        $(impl $crate::operation::Command for $args {
            type Reply = $reply;
            const OP: &'static str = $op;
            const DOC: &'static str = concat!($($doc),+);
            const EFFECT: $crate::operation::Effect = $crate::operation::Effect::$effect;
            const ACCESS: $crate::operation::Access = $access;
        })+

        /// Shows a visitor every operation of this module.
        pub(crate) fn operations(visitor: &mut impl $crate::operation::Visitor) {
            $(visitor.operation::<$args>();)+
        }
    };
}
pub(crate) use operations;
