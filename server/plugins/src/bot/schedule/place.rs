//! Where a schedule posts, as the tables have it.

use std::collections::BTreeMap;

use carillon_plugin::{Ctx, Error, Result, Row, Tx};
use carillon_protocol::{
    ConvId, RobotId,
    limits::{SCHEDULE_PLACES_MAX, SCHEDULES_PER_ROBOT_MAX},
    schedule::{Missing, Place, Stopped},
};

use super::row::{Planned, json, read};
use crate::bot::robot::{Robot, must_own};

/// Where somebody wants it posted: the robot's own group if nowhere is named, and others only that
/// they own. A robot's program reaches its own group alone.
pub(super) async fn chosen(
    ctx: &Ctx,
    (robot, own): (&Robot, bool),
    convs: &[ConvId],
) -> Result<Vec<ConvId>> {
    if convs.len() > SCHEDULE_PLACES_MAX {
        let msg = format!("a schedule posts to at most {SCHEDULE_PLACES_MAX} groups");
        return Err(Error::too_large("convs", msg));
    }
    let mut chosen: Vec<ConvId> = Vec::with_capacity(convs.len().max(1));
    for (nth, &conv) in convs.iter().enumerate() {
        let at = format!("convs[{nth}]");
        if chosen.contains(&conv) {
            continue;
        }
        if conv != robot.conv {
            if own {
                let msg = "a robot's address is for its own group";
                return Err(Error::denied(msg).field(&at));
            }
            must_own(ctx, conv).await.map_err(|error| error.field(&at))?;
        }
        chosen.push(conv);
    }
    if chosen.is_empty() {
        chosen.push(robot.conv);
    }
    Ok(chosen)
}

fn of(row: &Row) -> Result<Place> {
    let (stopped, missing): (Option<String>, Option<String>) = (row.get(3)?, row.get(4)?);
    Ok(Place {
        conv: row.get(1)?,
        last: row.get(2)?,
        stopped: stopped.as_deref().map(read).transpose()?,
        missing: missing.as_deref().map(read).transpose()?.unwrap_or_default(),
    })
}

/// The places of a schedule.
pub(super) async fn of_schedule(ctx: &Ctx, robot: RobotId, name: &str) -> Result<Vec<Place>> {
    let sql = "SELECT name, conv, last, stopped, missing FROM bot_schedule_place
               WHERE robot = $1 AND name = $2 ORDER BY conv LIMIT $3";
    let rows = [robot.into(), name.into(), SCHEDULE_PLACES_MAX.into()];
    ctx.query(sql, rows).await?.iter().map(of).collect()
}

/// The places of all schedules of a robot, by the names of these.
pub(super) async fn of_robot(ctx: &Ctx, robot: RobotId) -> Result<BTreeMap<String, Vec<Place>>> {
    let sql = "SELECT name, conv, last, stopped, missing FROM bot_schedule_place
               WHERE robot = $1 ORDER BY name, conv LIMIT $2";
    let most = SCHEDULES_PER_ROBOT_MAX * SCHEDULE_PLACES_MAX;
    let mut places: BTreeMap<String, Vec<Place>> = BTreeMap::new();
    for row in ctx.query(sql, [robot.into(), most.into()]).await? {
        places.entry(row.get(0)?).or_default().push(of(&row)?);
    }
    Ok(places)
}

/// These and no others.
pub(super) fn write(tx: &mut Tx, planned: &Planned, places: &[Place]) {
    remove(tx, planned.robot, &planned.name);
    let row = |place: &Place| {
        let (robot, name) = (planned.robot.into(), planned.name.as_str().into());
        vec![robot, name, place.conv.into(), place.last.into()]
    };
    tx.run_rows(
        "INSERT INTO bot_schedule_place (robot, name, conv, last) VALUES {rows}",
        places.iter().map(row).collect(),
    );
}

/// None any more.
pub(super) fn remove(tx: &mut Tx, robot: RobotId, name: &str) {
    tx.run(
        "DELETE FROM bot_schedule_place WHERE robot = $1 AND name = $2",
        [robot.into(), name.into()],
    );
}

/// Notes what was posted for a time.
pub(super) fn posted(
    tx: &mut Tx,
    planned: &Planned,
    (conv, due): (ConvId, i64),
    missing: &[Missing],
) {
    let missing = (!missing.is_empty()).then(|| json(&missing));
    let (robot, name) = (planned.robot, planned.name.as_str());
    tx.run(
        "UPDATE bot_schedule_place SET last = $4, missing = $5
         WHERE robot = $1 AND name = $2 AND conv = $3 AND (last IS NULL OR last < $4)",
        [robot.into(), name.into(), conv.into(), due.into(), missing.into()],
    );
    tx.run(
        "UPDATE bot_schedule SET last = $3
         WHERE robot = $1 AND name = $2 AND (last IS NULL OR last < $3)",
        [robot.into(), name.into(), due.into()],
    );
}

/// Nothing more is posted there; where nothing is posted at all, no timer waits.
pub(super) fn stop(tx: &mut Tx, planned: &Planned, conv: ConvId, why: Stopped) {
    let (robot, name) = (planned.robot, planned.name.as_str());
    tx.run(
        "UPDATE bot_schedule_place SET stopped = $4 WHERE robot = $1 AND name = $2 AND conv = $3",
        [robot.into(), name.into(), conv.into(), json(&why).into()],
    );
    tx.run(
        "UPDATE bot_schedule SET due = NULL WHERE robot = $1 AND name = $2 AND NOT EXISTS (
             SELECT 1 FROM bot_schedule_place
             WHERE robot = $1 AND name = $2 AND stopped IS NULL)",
        [robot.into(), name.into()],
    );
}
