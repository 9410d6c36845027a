//! Where a node answers what the handler of an order asks.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use carillon_protocol::{Effect, ErrorCode, Topic, event::Ephemeral};

use super::{
    Ask, Node, Told,
    far::PUSHED_MAX,
    order::{Asking, Telling},
};
use crate::{BoxFuture, Ctx, Error, Result, Row, confined::Confined, error::Cause};

/// So many rows go into one answer.
const ROWS_MAX: usize = 10_000;
/// So many topics, tails or positions are asked for at once.
const ASKED_MAX: usize = 1_000;
/// So many events of a topic are asked for at once.
const EVENTS_MAX: u32 = 1_000;

/// What the handler of one order may ask.
pub(super) struct Desk {
    ctx: Ctx,
    confined: Arc<Confined>,
    /// Whether the handler may have changed something by itself.
    acted: AtomicBool,
}

impl Desk {
    pub(super) fn new(ctx: Ctx, confined: Arc<Confined>) -> Desk {
        Desk { ctx, confined, acted: AtomicBool::new(false) }
    }

    /// What is said of an order that failed. If nobody will say what became of it, but its handler
    /// had changed nothing by itself, nothing has happened: what it decided was to be committed
    /// here.
    pub(super) fn told_of(&self, error: Error) -> Error {
        if error.cause() != Cause::Lost || self.acted.load(Ordering::Acquire) {
            return error;
        }
        let msg = "the process of this plugin ended; nothing was done, so send it again";
        Error::new(ErrorCode::Unavailable, msg).retry_ms(LOST_RETRY_MS).because(Cause::Lost)
    }

    /// Tells live connections what the handler said.
    pub(super) fn push(&self, pushed: Vec<(Topic, Ephemeral)>) -> Result<()> {
        for (topic, eph) in pushed.into_iter().take(PUSHED_MAX) {
            self.confined.tells(&topic)?;
            self.ctx.host().live().push(&topic, eph);
        }
        Ok(())
    }

    async fn answer(&self, asking: Asking) -> Result<Telling> {
        let ctx = &self.ctx;
        Ok(match asking {
            Asking::Query { sql, args } => {
                self.confined.reads(ctx.host().storage(), &sql).await?;
                Telling::Rows(fitting(ctx.query(&sql, args).await?)?)
            }
            Asking::Heads(topics) => {
                few(topics.len(), ASKED_MAX)?;
                Telling::Heads(ctx.heads(topics).await?)
            }
            Asking::Events { topic, window, look, counted, limit } => {
                few(limit as usize, EVENTS_MAX as usize)?;
                Telling::Events(ctx.events(&topic, &window, look, counted, limit).await?)
            }
            Asking::EventsAt(topic, seqs) => {
                few(seqs.len(), ASKED_MAX)?;
                Telling::Events(ctx.events_at(&topic, seqs).await?)
            }
            Asking::Tails(tails, counted) => {
                let events = tails.iter().map(|tail| tail.limit as usize).sum();
                few(tails.len().max(events), ROWS_MAX)?;
                Telling::Tails(ctx.tails(tails, counted).await?)
            }
            Asking::Find(by, cid) => Telling::Found(ctx.host().storage().find(by, cid).await?),
            Asking::Window(topic) => Telling::Window(ctx.window(&topic).await?),
            Asking::Call { caller, op, cid, args } => {
                let reads = ctx.host().lookup(&op).is_some_and(|(_, it)| it == Effect::Read);
                self.acted.fetch_or(!reads, Ordering::AcqRel);
                Telling::Answer(ctx.call_by_name(caller, cid, &op, &args).await?)
            }
            Asking::Commit(decided) => {
                let tx = decided.tx(ctx, &self.confined).await?;
                self.acted.store(true, Ordering::Release);
                Telling::Committed(ctx.commit(tx).await?)
            }
        })
    }
}

impl Node for Desk {
    fn ask(&self, Ask(asking): Ask) -> BoxFuture<'_, Result<Told>> {
        Box::pin(async move { self.answer(asking).await.map(Told) })
    }
}

/// When to send again what was lost before anything was done: a process starts again soon.
const LOST_RETRY_MS: u64 = 1_000;

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
