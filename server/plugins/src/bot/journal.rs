//! The last calls of each robot, for who wonders why nothing arrives: most programs that call never
//! look at what they are answered.
//!
//! Written behind the answers, all that waits in one transaction: a message is on disk without it,
//! and a flood of refused calls costs one write at a time.

use std::{
    collections::BTreeSet,
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use carillon_plugin::{Ctx, Error, Result, Value};
use carillon_protocol::{
    RobotId,
    bot::{Deliveries, Delivery, ListDeliveries, Refusal},
};

use super::{Bot, robot::Robot};

/// So many calls of each robot are kept: a few screens.
const KEPT: i64 = 50;
/// So many may wait to be written: seconds of a flood. More are forgotten, and counted.
const WAITING_MAX: usize = 4_096;

/// What waits to be written.
#[derive(Debug, Default)]
pub(super) struct Journal {
    waiting: Mutex<Waiting>,
    /// Held by who writes.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Waiting {
    rows: Vec<Vec<Value>>,
    robots: BTreeSet<RobotId>,
    forgotten: u64,
}

impl Journal {
    fn take(&self) -> Waiting {
        // Nothing in here panics half way.
        mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes a call, to be written soon.
    pub(super) fn note(
        self: &Arc<Journal>,
        ctx: &Ctx,
        (robot, from): (RobotId, Option<&str>),
        refused: Option<&Refusal>,
    ) {
        let refused = refused.map(|it| serde_json::to_string(it).expect("a refusal is JSON"));
        let row = vec![
            robot.into(),
            ctx.new_id().to_string().into(),
            ctx.now().into(),
            from.into(),
            refused.into(),
        ];
        let is_first = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if waiting.rows.len() >= WAITING_MAX {
                waiting.forgotten += 1;
                return;
            }
            waiting.rows.push(row);
            waiting.robots.insert(robot);
            waiting.rows.len() == 1
        };
        // Who comes first writes it, and what comes until then with it.
        if is_first {
            let (journal, ctx) = (Arc::clone(self), ctx.clone());
            tokio::spawn(async move {
                if let Err(error) = journal.write(&ctx).await {
                    tracing::warn!(%error, "calls of robots are missing in their lists");
                }
            });
        }
    }

    async fn write(&self, ctx: &Ctx) -> Result<()> {
        let _alone = self.writing.lock().await;
        let Waiting { rows, robots, forgotten } = self.take();
        if forgotten > 0 {
            tracing::warn!(forgotten, "too many calls of robots to list them all");
        }
        if rows.is_empty() {
            return Ok(());
        }
        let mut tx = ctx.tx();
        tx.run_rows(
            "INSERT INTO bot_delivery (robot, id, at, source, refused) VALUES {rows}",
            rows,
        );
        for robot in robots {
            tx.run(
                "DELETE FROM bot_delivery WHERE robot = $1 AND id NOT IN (
                     SELECT id FROM bot_delivery WHERE robot = $1 ORDER BY id DESC LIMIT $2)",
                [robot.into(), KEPT.into()],
            );
        }
        ctx.commit(tx).await.map(drop)
    }
}

/// `bot.deliveries`.
pub(super) async fn list(ctx: Ctx, args: ListDeliveries) -> Result<Deliveries> {
    let robot = Robot::own(&ctx, args.robot).await?;
    ctx.state::<Bot>().journal.write(&ctx).await?;
    let sql = "SELECT at, source, refused FROM bot_delivery WHERE robot = $1
               ORDER BY id DESC LIMIT $2";
    let mut deliveries = Vec::new();
    for row in ctx.query(sql, [robot.id.into(), KEPT.into()]).await? {
        let refused: Option<String> = row.get(2)?;
        let refused = refused.map(|text| serde_json::from_str(&text)).transpose();
        let refused = refused.map_err(Error::internal)?;
        deliveries.push(Delivery { at: row.get(0)?, from: row.get(1)?, refused });
    }
    Ok(Deliveries { deliveries })
}
