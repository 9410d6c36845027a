//! The process of a plugin that runs apart: its handlers, and nothing that is kept.

use std::sync::Arc;

use carillon_protocol::{Codec, Json, Raw};

use super::{
    Done, Link, Node, Order,
    far::{Far, unfit},
    order::{Became, Task},
};
use crate::{
    BoxFuture, Clock, Ctx, Delivery, Error, Host, Period, Plugin, Result, Tx,
    call::bounded,
    duties::{Duties, Owner},
    host::{Inner, Standing, Table},
    plugin::Ran,
};

/// A plugin whose host is a node somewhere else: the other end of a [`Link`]. It serves any number
/// of nodes at a time.
#[derive(Clone)]
pub struct Apart {
    table: Arc<Table>,
    ids: Arc<dyn Clock>,
}

impl Apart {
    /// The plugin's handlers, with new ids from this clock; the time is the node's.
    ///
    /// # Panics
    /// If the plugin may not run apart: a fault of whoever asks for it.
    pub fn new(plugin: Plugin, ids: Arc<dyn Clock>) -> Apart {
        assert!(plugin.may_run_apart(), "{} may not run apart", plugin.name);
        Apart { table: Arc::new(Table::of(vec![plugin])), ids }
    }

    async fn run(&self, order: Order, node: Arc<dyn Node>) -> Result<Done> {
        let name = order.name().to_owned();
        let far = Far::new(node, order.position);
        let became = bounded(self.handle(order, &far)).await.inspect_err(|error| {
            if let Some(source) = error.source() {
                tracing::error!(name, code = %error.code(), %source, "a handler failed");
            }
        })?;
        Ok(Done { pushed: far.take_pushed(), became })
    }

    async fn handle(&self, order: Order, far: &Far) -> Result<Became> {
        let duties = self.table.duties.first().expect("a table of one plugin");
        match order.task.clone() {
            Task::Call { op, args } => self.call(&order, far, &op, &args).await,
            Task::Read { events } => {
                let k = events.first().map_or("", |event| &event.k);
                let reader = duties.reader(k).ok_or_else(|| Error::not_found("reader"))?;
                let ctx = self.ctx(&order, far, &duties.owner, "");
                Ok(decided((reader.handler)(ctx, events).await?))
            }
            Task::Effect { kind, key, payload, tries } => {
                let outlet = duties.outlets.get(kind.as_str());
                let outlet = outlet.ok_or_else(|| Error::not_found("effect"))?;
                let ctx = self.ctx(&order, far, &duties.owner, "");
                let delivery = Delivery { key, payload, tries };
                Ok(decided((outlet.handler)(ctx, delivery)?.await?))
            }
            Task::Fact { name, org, conv, from, to } => {
                self.fact(&order, far, duties, (&name, Period { org, conv, from, to })).await
            }
        }
    }

    async fn call(&self, order: &Order, far: &Far, op: &str, args: &Json) -> Result<Became> {
        let entry = self.table.entries.get(op);
        let (entry, owner) = entry.ok_or_else(|| Error::not_found("operation"))?;
        let args = Raw { codec: Codec::Json, bytes: args.as_str().as_bytes() };
        // What is kept with an intent is the node's.
        let ctx_of = |_| self.ctx(order, far, owner, entry.op);
        match (entry.run)(&ctx_of, args, Codec::Json)?.await? {
            Ran::Answer(answer) => {
                let answer = String::from_utf8(answer).map_err(|_| unfit())?;
                Ok(Became::Answer(Json::trusted(answer)))
            }
            Ran::Commit(tx) => Ok(decided(*tx)),
        }
    }

    async fn fact(
        &self,
        order: &Order,
        far: &Far,
        duties: &Duties,
        (name, period): (&str, Period),
    ) -> Result<Became> {
        let offer = duties.facts.iter().find(|fact| fact.name == name);
        let offer = offer.ok_or_else(|| Error::not_found("fact"))?;
        let fact = (offer.handler)(self.ctx(order, far, &duties.owner, ""), period).await?;
        Ok(Became::Answer(Json::of(&fact)))
    }

    /// What a handler in the node would see.
    fn ctx(&self, order: &Order, far: &Far, owner: &Arc<Owner>, op: &'static str) -> Ctx {
        let host = Host(Arc::new(Inner {
            table: self.table.clone(),
            storage: Arc::new(far.clone()),
            clock: Arc::new(Standing { now: order.now, ids: self.ids.clone() }),
            live: Arc::new(far.clone()),
            refusals: Arc::default(),
            node: Some(far.clone()),
        }));
        Ctx::new(host, order.caller, order.now, (order.cid, None, 0), (owner.clone(), op))
    }
}

impl Link for Apart {
    fn perform(&self, order: Order, node: Arc<dyn Node>) -> BoxFuture<'_, Result<Done>> {
        Box::pin(self.run(order, node))
    }
}

fn decided(tx: Tx) -> Became {
    Became::Decided(Box::new(tx.into()))
}
