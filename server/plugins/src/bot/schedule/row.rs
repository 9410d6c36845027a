//! A schedule as the tables have it.

use carillon_plugin::{Ctx, Error, Result, Row, Tx, Value};
use carillon_protocol::{
    OrgId, RobotId, UserId,
    limits::SCHEDULES_PER_ROBOT_MAX,
    schedule::{Fire, Place, Says, Schedule},
};
use serde::{Serialize, de::DeserializeOwned};

use super::times::Times;
use crate::bot::region::Region;

const COLUMNS: &str =
    "robot, name, org, title, cron, says, paused, user_id, own, put_at, due, last";

/// A row of `bot_schedule`.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    pub(super) robot: RobotId,
    pub(super) name: String,
    pub(super) org: OrgId,
    pub(super) title: String,
    pub(super) cron: String,
    pub(super) says: Says,
    pub(super) paused: bool,
    /// In whose name a digest asks.
    pub(super) by: UserId,
    /// Whether the robot's own program put it.
    pub(super) own: bool,
    pub(super) put_at: i64,
    pub(super) due: Option<i64>,
    pub(super) last: Option<i64>,
}

impl Planned {
    fn of(row: &Row) -> Result<Planned> {
        Ok(Planned {
            robot: row.get(0)?,
            name: row.get(1)?,
            org: row.get(2)?,
            title: row.get(3)?,
            cron: row.get(4)?,
            says: read(&row.get::<String>(5)?)?,
            paused: row.get(6)?,
            by: row.get(7)?,
            own: row.get(8)?,
            put_at: row.get(9)?,
            due: row.get(10)?,
            last: row.get(11)?,
        })
    }

    /// A schedule of a robot.
    pub(super) async fn find(ctx: &Ctx, robot: RobotId, name: &str) -> Result<Option<Planned>> {
        let sql = format!("SELECT {COLUMNS} FROM bot_schedule WHERE robot = $1 AND name = $2");
        let row = ctx.query_one(&sql, [robot.into(), name.into()]).await?;
        row.as_ref().map(Planned::of).transpose()
    }

    /// All of a robot, by name.
    pub(super) async fn of_robot(ctx: &Ctx, robot: RobotId) -> Result<Vec<Planned>> {
        let sql =
            format!("SELECT {COLUMNS} FROM bot_schedule WHERE robot = $1 ORDER BY name LIMIT $2");
        let rows = ctx.query(&sql, [robot.into(), SCHEDULES_PER_ROBOT_MAX.into()]).await?;
        rows.iter().map(Planned::of).collect()
    }

    /// Those of an organisation that wait for a time, of the robots after one.
    pub(super) async fn waiting(
        ctx: &Ctx,
        (org, after): (OrgId, Option<RobotId>),
        limit: usize,
    ) -> Result<Vec<Planned>> {
        let after = after.map(|robot| robot.to_string()).unwrap_or_default();
        let sql = format!(
            "SELECT {COLUMNS} FROM bot_schedule
             WHERE org = $1 AND due IS NOT NULL AND robot IN (
                 SELECT DISTINCT robot FROM bot_schedule
                 WHERE org = $1 AND due IS NOT NULL AND robot > $2 ORDER BY robot LIMIT $3)
             ORDER BY robot, name"
        );
        let rows = ctx.query(&sql, [org.into(), after.into(), limit.into()]).await?;
        rows.iter().map(Planned::of).collect()
    }

    /// The row as it is to be, whatever it was.
    pub(super) fn write(&self, tx: &mut Tx) {
        let row: [Value; 12] = [
            self.robot.into(),
            self.name.as_str().into(),
            self.org.into(),
            self.title.as_str().into(),
            self.cron.as_str().into(),
            json(&self.says).into(),
            self.paused.into(),
            self.by.into(),
            self.own.into(),
            self.put_at.into(),
            self.due.into(),
            self.last.into(),
        ];
        let sql = format!(
            "INSERT INTO bot_schedule ({COLUMNS})
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
             ON CONFLICT (robot, name) DO UPDATE SET title = excluded.title, cron = excluded.cron,
                 says = excluded.says, paused = excluded.paused, user_id = excluded.user_id,
                 own = excluded.own, put_at = excluded.put_at, due = excluded.due"
        );
        tx.run(sql, row);
    }

    /// Has the timer wait for the next time; or for none.
    pub(super) fn arm(&self, tx: &mut Tx) {
        let key = format!("schedule:{}:{}", self.robot, self.name);
        match self.due {
            Some(due) => {
                let fire = Fire { robot: self.robot, schedule: self.name.clone(), due };
                tx.at(due, &key, &fire);
            }
            None => tx.cancel(&key),
        }
    }

    /// As it is told.
    pub(super) fn shown(self, region: &Region, now: i64, places: Vec<Place>) -> Result<Schedule> {
        let next = match self.due {
            // The one that the timer waits for, also if it is overdue.
            Some(due) => {
                let times = Times::read(&self.cron, &region.tz)?;
                let mut next = vec![due];
                next.extend(times.shown(due.max(now)));
                next.truncate(super::times::SHOWN);
                next
            }
            None => Vec::new(),
        };
        Ok(Schedule {
            robot: self.robot,
            schedule: self.name,
            title: self.title,
            cron: self.cron,
            tz: region.zone.clone(),
            says: self.says,
            paused: self.paused,
            by: self.by,
            put_at: self.put_at,
            next,
            last: self.last,
            places,
        })
    }
}

pub(super) fn read<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(Error::internal)
}

/// What of these is kept as JSON.
pub(super) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("names and texts are JSON")
}
