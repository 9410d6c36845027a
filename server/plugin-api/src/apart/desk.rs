//! Where a node answers what the handler of an order asks.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use carillon_protocol::{Effect, ErrorCode, Topic, event::Ephemeral};

use super::{
    Ask, Node, Told,
    far::PUSHED_MAX,
    order::{Asking, Telling},
};
use crate::{BoxFuture, Ctx, Error, Result, Row, call::bounded, confined::Confined, error::Cause};

/// So many rows go into one answer.
const ROWS_MAX: usize = 10_000;
/// So many topics, tails or positions are asked for at once.
const ASKED_MAX: usize = 1_000;
/// So many events of a topic are asked for at once.
const EVENTS_MAX: u32 = 1_000;

/// When to send again what was lost before anything was done: a process starts again soon.
const LOST_RETRY_MS: u64 = 1_000;

/// The handler may ask, and has changed nothing by itself.
const OPEN: u8 = 0;
/// The handler may ask, and may have changed something by itself.
const ACTED: u8 = 1;
/// The order has come to its end, and nothing is answered any more.
const CLOSED: u8 = 2;

/// What the handler of one order may ask.
pub(super) struct Desk {
    ctx: Ctx,
    confined: Arc<Confined>,
    state: AtomicU8,
}

/// Closes a desk when it is dropped: whoever gives up an order answers none of its asks.
pub(super) struct Open(pub(super) Arc<Desk>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// What is said of an order that failed. If nobody will say what became of it, but its handler had
/// changed nothing by itself, nothing has happened: what it decided was to be committed here.
pub(super) fn told_of(error: Error, acted: bool) -> Error {
    if error.cause() != Cause::Lost || acted {
        return error;
    }
    let msg = "the process of this plugin ended; nothing was done, so send it again";
    Error::new(ErrorCode::Unavailable, msg).retry_ms(LOST_RETRY_MS).because(Cause::Lost)
}

/// The order has come to its end.
fn closed() -> Error {
    Error::lost("the order has come to its end; what asks later is answered no more")
}

impl Desk {
    pub(super) fn new(ctx: Ctx, confined: Arc<Confined>) -> Desk {
        Desk { ctx, confined, state: AtomicU8::new(OPEN) }
    }

    /// Answers nothing from now on; whether the handler may have changed something by itself.
    pub(super) fn close(&self) -> bool {
        self.state.swap(CLOSED, Ordering::AcqRel) == ACTED
    }

    /// Notes that something may be changed, before it is: unless the order has come to its end.
    fn act(&self) -> Result<()> {
        let before = self.state.compare_exchange(OPEN, ACTED, Ordering::AcqRel, Ordering::Acquire);
        match before {
            Err(CLOSED) => Err(closed()),
            _ => Ok(()),
        }
    }

    /// Tells live connections what the handler said, all or nothing.
    pub(super) fn push(&self, pushed: Vec<(Topic, Ephemeral)>) -> Result<()> {
        few(pushed.len(), PUSHED_MAX)?;
        pushed.iter().try_for_each(|(whom, eph)| self.confined.tells(whom, eph))?;
        for (whom, eph) in pushed {
            self.ctx.host().live().push(&whom, eph);
        }
        Ok(())
    }

    async fn answer(&self, asking: Asking) -> Result<Telling> {
        let ctx = &self.ctx;
        Ok(match asking {
            Asking::Query { sql, args } => {
                self.confined.reads(ctx.host().storage(), &sql, &args).await?;
                Telling::Rows(fitting(ctx.query(&sql, args).await?)?)
            }
            Asking::Heads(topics) => {
                few(topics.len(), ASKED_MAX)?;
                topics.iter().try_for_each(|topic| self.confined.looks_into(topic))?;
                Telling::Heads(ctx.heads(topics).await?)
            }
            Asking::Events { topic, window, look, counted, limit } => {
                few(limit as usize, EVENTS_MAX as usize)?;
                few(window.0.len(), ASKED_MAX)?;
                self.confined.looks_into(&topic)?;
                Telling::Events(ctx.events(&topic, &window, look, counted, limit).await?)
            }
            Asking::EventsAt(topic, seqs) => {
                few(seqs.len(), ASKED_MAX)?;
                self.confined.looks_into(&topic)?;
                Telling::Events(ctx.events_at(&topic, seqs).await?)
            }
            Asking::Tails(tails, counted) => {
                let spans: usize = tails.iter().map(|tail| tail.window.0.len()).sum();
                let events: usize = tails.iter().map(|tail| tail.limit as usize).sum();
                few(tails.len().max(spans), ASKED_MAX)?;
                few(events, ROWS_MAX)?;
                tails.iter().try_for_each(|tail| self.confined.looks_into(&tail.topic))?;
                Telling::Tails(ctx.tails(tails, counted).await?)
            }
            Asking::Find(by, _) if by != ctx.caller().user => {
                return Err(Error::denied("only what the order's own caller did is looked up"));
            }
            Asking::Find(by, cid) => Telling::Found(ctx.host().storage().find(by, cid).await?),
            Asking::Window(topic) => Telling::Window(ctx.window(&topic).await?),
            Asking::Call { caller, op, cid, args } => {
                self.confined.calls(&op)?;
                if ctx.host().lookup(&op).is_none_or(|(_, effect)| effect != Effect::Read) {
                    self.act()?;
                }
                let caller = caller.from_network(ctx.caller().network);
                Telling::Answer(ctx.call_by_name(caller, cid, &op, &args).await?)
            }
            Asking::Commit(decided) => {
                let tx = decided.tx(ctx, &self.confined).await?;
                self.act()?;
                Telling::Committed(ctx.commit(tx).await?)
            }
        })
    }
}

impl Node for Desk {
    fn ask(&self, Ask(asking): Ask) -> BoxFuture<'_, Result<Told>> {
        Box::pin(async move {
            if self.state.load(Ordering::Acquire) == CLOSED {
                return Err(closed());
            }
            bounded(self.answer(asking)).await.map(Told)
        })
    }
}

fn few(asked: usize, max: usize) -> Result<()> {
    match asked > max {
        true => Err(Error::too_large("limit", format!("ask for at most {max} at once"))),
        false => Ok(()),
    }
}

fn fitting(rows: Vec<Row>) -> Result<Vec<Row>> {
    few(rows.len(), ROWS_MAX)?;
    Ok(rows)
}
