//! A plugin in the node whose handlers run in a process of their own.

use std::sync::Arc;

use carillon_protocol::{Codec, Effect, Event, Json, Raw};

use super::{
    Link,
    desk::{Desk, Open, told_of},
    far::unfit,
    order::{Became, Order, Task},
};
use crate::{
    BoxFuture, Ctx, Delivery, Period, Plugin, Result, Tx, call,
    confined::Confined,
    plugin::{Entry, Handler, Ran, Running},
};

impl Plugin {
    /// The plugin may run apart: nothing of it is kept in memory beside its tables, it observes
    /// nothing, and it asks its host for nothing but what its context offers.
    ///
    /// # Panics
    /// If it observes events.
    pub fn apart(mut self) -> Plugin {
        assert!(self.observers.is_empty(), "{} observes events: it cannot run apart", self.name);
        self.may_run_apart = true;
        self
    }

    /// The operations of other plugins that it calls, at once or by timers: where it runs apart, it
    /// reaches no others.
    pub fn calls(mut self, ops: &[&'static str]) -> Plugin {
        self.calls.extend(ops);
        self
    }

    /// Whether it may run apart.
    pub fn may_run_apart(&self) -> bool {
        self.may_run_apart
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The plugin in the node, whose handlers run elsewhere: see [`Plugin::may_run_apart`].
    pub fn elsewhere(mut self, link: Arc<dyn Link>) -> Plugin {
        let confined = Arc::new(Confined::of(&self));
        self.link = Some(Arc::clone(&link));
        let away = Away { link, confined };
        for entry in self.entries.values_mut() {
            entry.run = operation(entry, away.clone());
        }
        for reader in &mut self.readers {
            let away = away.clone();
            reader.handler = Arc::new(move |ctx: Ctx, events: Vec<Event>| {
                let away = away.clone();
                Box::pin(async move { away.decides(ctx, Task::Read { events }).await })
            });
        }
        for (&kind, outlet) in &mut self.outlets {
            let away = away.clone();
            outlet.handler = Arc::new(move |ctx: Ctx, it: Delivery<Json>| {
                let Delivery { key, payload, tries } = it;
                let task = Task::Effect { kind: kind.to_owned(), key, payload, tries };
                let away = away.clone();
                Ok(Box::pin(async move { away.decides(ctx, task).await })
                    as BoxFuture<'static, Result<Tx>>)
            });
        }
        for fact in &mut self.facts {
            let (away, name) = (away.clone(), fact.name);
            fact.handler = Arc::new(move |ctx, period| {
                let (name, away) = (name.to_owned(), away.clone());
                let Period { org, conv, from, to } = period;
                let task = Task::Fact { name, org, conv, from, to };
                Box::pin(async move {
                    match away.perform(&ctx, task).await? {
                        Became::Answer(fact) => fact.to().map_err(|_| unfit()),
                        Became::Decided(_) => Err(unfit()),
                    }
                })
            });
        }
        self
    }
}

/// Where the handlers of a plugin are.
#[derive(Clone)]
struct Away {
    link: Arc<dyn Link>,
    confined: Arc<Confined>,
}

impl Away {
    async fn perform(&self, ctx: &Ctx, task: Task) -> Result<Became> {
        let desk = Arc::new(Desk::new(ctx.clone(), self.confined.clone()));
        let open = Open(desk.clone());
        let done = self.link.perform(Order::of(ctx, task), desk.clone()).await;
        let acted = desk.close();
        drop(open);
        let done = done.map_err(|error| told_of(error, acted))?;
        desk.push(done.pushed)?;
        Ok(done.became)
    }

    /// What a handler that returns a transaction decided.
    async fn decides(&self, ctx: Ctx, task: Task) -> Result<Tx> {
        match self.perform(&ctx, task).await? {
            Became::Decided(decided) => decided.tx(&ctx, &self.confined).await,
            Became::Answer(_) => Err(unfit()),
        }
    }
}

/// The handler of an operation. The arguments are read here, so that what does not fit is refused
/// at once and the intent has the same hash wherever the handler runs.
fn operation(entry: &Entry, away: Away) -> Arc<Handler> {
    let (op, json, encode) = (entry.op, entry.json, entry.encode);
    let commits = entry.effect == Effect::Once && entry.replier.is_some();
    Arc::new(move |ctx_of: &(dyn Fn(i64) -> Ctx + Sync), raw: Raw<'_>, codec: Codec| {
        let args = json(raw)?;
        let ctx = ctx_of(if commits { call::hash(op, &args) } else { 0 });
        let args = String::from_utf8(args).expect("JSON is text");
        let task = Task::Call { op: op.to_owned(), args: Json::trusted(args) };
        let away = away.clone();
        Ok(Box::pin(async move {
            match away.perform(&ctx, task).await? {
                Became::Answer(answer) => Ok(Ran::Answer(encode(&answer, codec)?)),
                Became::Decided(decided) if commits => {
                    let tx = decided.tx(&ctx, &away.confined).await?;
                    Ok(Ran::Commit(Box::new(tx)))
                }
                Became::Decided(_) => Err(unfit()),
            }
        }) as Running)
    })
}
