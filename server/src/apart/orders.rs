//! What a process has under way for one node: orders, and what their handlers ask.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use carillon_plugin::{
    BoxFuture, Error, Result,
    apart::{Apart, Ask, Link as _, Node, Order, Told},
};
use tokio::sync::{Semaphore, oneshot};

use super::{
    frame::{ASKS_IN_ALL_MAX, ASKS_MAX, FromNode, FromProcess, ORDERS_MAX, encode},
    talk::{Mouth, Say},
};

/// The orders of one node.
pub(super) struct Orders {
    apart: Apart,
    say: Mouth,
    underway: Mutex<Underway>,
    /// So many questions of all orders wait at once.
    places: Semaphore,
}

#[derive(Default)]
struct Underway {
    last_ask: u64,
    /// Whoever drops what stands here gives the order up.
    orders: HashMap<u64, oneshot::Sender<()>>,
    /// Who waits for the answers.
    asks: HashMap<u64, oneshot::Sender<Result<Told>>>,
}

impl Orders {
    pub(super) fn new(apart: Apart, say: Mouth) -> Orders {
        let places = Semaphore::new(ASKS_IN_ALL_MAX);
        Orders { apart, say, underway: Mutex::default(), places }
    }

    fn underway(&self) -> MutexGuard<'_, Underway> {
        // Nothing in here panics between two changes that belong together.
        self.underway.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says something to the node. If the link has ended, nobody hears it.
    pub(super) async fn say(&self, it: Say) {
        let _ended = self.say.send(it).await;
    }

    /// Takes no more orders: when those under way are done, the node ends the link.
    pub(super) async fn leave(&self) {
        let leaving = encode(&FromProcess::Leaving {}).expect("it is short");
        self.say(Say::Frame(leaving)).await;
    }

    /// The link is gone: whatever is under way is given up, and whoever asked gets no answer.
    pub(super) fn end(&self) {
        *self.underway() = Underway::default();
    }

    /// A frame of the node.
    ///
    /// # Errors
    /// Why the link ends.
    pub(super) fn hear(self: &Arc<Self>, frame: FromNode) -> Result<(), String> {
        match frame {
            FromNode::Welcome {} => Err("it said welcome twice".into()),
            FromNode::Refused { error } => Err(error.msg),
            FromNode::Order { id, order } => self.begin(id, *order),
            FromNode::Drop { id } => {
                self.underway().orders.remove(&id);
                Ok(())
            }
            FromNode::Told { id, told } => {
                // Its handler may have been given up.
                let asked = self.underway().asks.remove(&id);
                if let Some(asked) = asked {
                    let _gone = asked.send(told.map_err(Error::from));
                }
                Ok(())
            }
        }
    }

    fn begin(self: &Arc<Self>, id: u64, order: Order) -> Result<(), String> {
        let (kept, given_up) = oneshot::channel();
        {
            let mut underway = self.underway();
            if underway.orders.len() >= ORDERS_MAX {
                return Err(format!("it orders more than {ORDERS_MAX} things at once"));
            }
            underway.orders.insert(id, kept);
        }
        let orders = Arc::clone(self);
        tokio::spawn(async move {
            tokio::select! {
                () = orders.perform(id, order) => {}
                _ = given_up => {}
            }
            orders.underway().orders.remove(&id);
        });
        Ok(())
    }

    async fn perform(self: &Arc<Self>, id: u64, order: Order) {
        let places = Semaphore::new(ASKS_MAX);
        let node = Asking { orders: Arc::clone(self), order: id, places };
        let done = self.apart.perform(order, Arc::new(node)).await.map_err(Into::into);
        let frame = encode(&FromProcess::Done { id, done })
            .or_else(|error| encode(&FromProcess::Done { id, done: Err(error.into()) }));
        self.say(Say::Frame(frame.expect("a refusal is shorter than the longest frame"))).await;
    }
}

/// The node, as the handler of one order sees it.
struct Asking {
    orders: Arc<Orders>,
    order: u64,
    /// So many questions wait at once, and further ones for them.
    places: Semaphore,
}

/// A question under way. Whoever gives up forgets it.
struct Asked<'a> {
    orders: &'a Orders,
    id: u64,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        self.orders.underway().asks.remove(&self.id);
    }
}

impl Asking {
    async fn told(&self, ask: Ask) -> Result<Told> {
        let _place = self.places.acquire().await.expect("it is never closed");
        let _place_in_all = self.orders.places.acquire().await.expect("it is never closed");
        let (answer, told) = oneshot::channel();
        let asked = {
            let mut underway = self.orders.underway();
            underway.last_ask += 1;
            let id = underway.last_ask;
            underway.asks.insert(id, answer);
            Asked { orders: &self.orders, id }
        };
        let frame = encode(&FromProcess::Ask { id: asked.id, order: self.order, ask })?;
        self.orders.say(Say::Frame(frame)).await;
        let lost = |_| Err(Error::lost("the node is gone; it may have happened or not"));
        told.await.unwrap_or_else(lost)
    }
}

impl Node for Asking {
    fn ask(&self, ask: Ask) -> BoxFuture<'_, Result<Told>> {
        Box::pin(self.told(ask))
    }
}
