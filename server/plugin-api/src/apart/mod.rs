//! A plugin apart: the same value, whose handlers run in a process of their own.
//!
//! Only handlers go elsewhere. In the node the plugin keeps its tables, its topics and what its
//! events mean; each of its handlers is replaced by one that sends an [`Order`] over a [`Link`]. In
//! the other process [`Apart`] runs the handler of the same plugin, which asks its [`Node`] for
//! whatever it reads or calls meanwhile, and sends back what became of it: an answer, or its
//! transaction as a value. The node commits that with its own `cid`, its cursor, its timer or its
//! row of the outbox, as ever: whatever dies on the way, what a handler decided happens once or is
//! decided again.
//!
//! What arrives from the process is confined to the plugin's own tables and topics, and to the
//! operations that the plugin says it calls. Those it calls as whomever it names: it is a plugin of
//! this server, and no program of others. So whoever holds its token can do what the plugin's own
//! handlers could do, to all organisations, and can keep the database busy with its own tables.

mod decided;
mod desk;
mod elsewhere;
mod far;
mod order;
mod process;
mod refused;

use std::sync::Arc;

pub(crate) use self::far::Far;
pub use self::{
    order::{Ask, Done, Order, Told},
    process::Apart,
    refused::{Outcome, Refused},
};
use crate::{BoxFuture, Result};

/// The way from a node to a plugin's process. [`Apart`] is its other end.
pub trait Link: Send + Sync + 'static {
    /// Hands an order over and waits for what became of it. What its handler asks meanwhile `node`
    /// answers; afterwards nothing is asked any more. Whoever gives up waiting drops the future,
    /// and the order may be given up too.
    ///
    /// # Errors
    /// [`crate::Error::away`] if nothing of the order was begun, [`crate::Error::lost`] if nobody
    /// will say what became of it, or what its handler refused.
    fn perform(&self, order: Order, node: Arc<dyn Node>) -> BoxFuture<'_, Result<Done>>;

    /// Where it leads to, for operators.
    fn place(&self) -> Place {
        Place::Remote { linked: 1 }
    }
}

/// Where the handlers of a plugin run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the node.
    Local,
    /// In processes of their own.
    Remote {
        /// So many are linked to this node.
        linked: u32,
    },
    /// Nowhere: the plugin is switched off, and what it is owed waits.
    Off,
}

/// The way from a plugin's process to the node, for one order.
pub trait Node: Send + Sync + 'static {
    /// Asks for something that the order's handler needs.
    ///
    /// # Errors
    /// What the node refuses; [`crate::Error::lost`] if nobody will say what became of it.
    fn ask(&self, ask: Ask) -> BoxFuture<'_, Result<Told>>;
}
