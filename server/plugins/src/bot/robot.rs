//! A robot as the tables have it, and who may do what with it.

use std::collections::BTreeMap;

use carillon_plugin::{Caller, Ctx, Error, Result, Row};
use carillon_protocol::{
    ConvId, ErrorCode, OrgId, RobotId, UserId,
    bot::{self, Rules},
    conv::{ListMembers, Role},
    id::Ulid,
    limits::ROBOTS_PER_CONV_MAX,
    org::Names,
};
use serde::de::DeserializeOwned;

use super::token::digest;

const COLUMNS: &str =
    "id, org, conv, secret, keywords, networks, per_minute, enabled, made_by, made_at";

/// A row of `bot_robot`.
#[derive(Debug)]
pub(super) struct Robot {
    pub(super) id: RobotId,
    pub(super) org: OrgId,
    pub(super) conv: ConvId,
    pub(super) secret: Option<String>,
    pub(super) rules: Rules,
    pub(super) enabled: bool,
    pub(super) made_by: UserId,
    made_at: i64,
}

impl Robot {
    fn of(row: &Row) -> Result<Robot> {
        let secret: Option<String> = row.get(3)?;
        let rules = Rules {
            keywords: read(&row.get::<String>(4)?)?,
            networks: read(&row.get::<String>(5)?)?,
            signed: secret.is_some(),
            per_minute: u32::try_from(row.get::<i64>(6)?).ok(),
        };
        Ok(Robot {
            id: row.get(0)?,
            org: row.get(1)?,
            conv: row.get(2)?,
            secret,
            rules,
            enabled: row.get(7)?,
            made_by: row.get(8)?,
            made_at: row.get(9)?,
        })
    }

    /// Whom its messages are by.
    pub(super) fn user(&self) -> UserId {
        author(self.id)
    }

    /// The robot whose token this is.
    pub(super) async fn by_token(ctx: &Ctx, token: &str) -> Result<Option<Robot>> {
        let sql = format!("SELECT {COLUMNS} FROM bot_robot WHERE digest = $1");
        let row = ctx.query_one(&sql, [digest(token).into()]).await?;
        row.as_ref().map(Robot::of).transpose()
    }

    /// The robot with this id, for the plugin itself.
    pub(super) async fn by_id(ctx: &Ctx, id: RobotId) -> Result<Option<Robot>> {
        let sql = format!("SELECT {COLUMNS} FROM bot_robot WHERE id = $1");
        let row = ctx.query_one(&sql, [id.into()]).await?;
        row.as_ref().map(Robot::of).transpose()
    }

    /// The robot that the caller's intent made before, by what it asked.
    pub(super) async fn made_before(ctx: &Ctx, asked: &str) -> Result<Option<Robot>> {
        let sql =
            format!("SELECT {COLUMNS}, asked FROM bot_robot WHERE made_by = $1 AND intent = $2");
        let row = ctx.query_one(&sql, [ctx.caller().user.into(), ctx.cid().into()]).await?;
        let Some(row) = row else { return Ok(None) };
        if row.get::<String>(10)? != asked {
            let msg = "this `cid` was used for something else; make a new one for each intent";
            return Err(Error::new(ErrorCode::IdempotencyConflict, msg));
        }
        Robot::of(&row).map(Some)
    }

    /// A robot that the caller, as the owner of its group, may change.
    pub(super) async fn own(ctx: &Ctx, id: RobotId) -> Result<Robot> {
        let sql = format!("SELECT {COLUMNS} FROM bot_robot WHERE id = $1 AND org = $2");
        let row = ctx.query_one(&sql, [id.into(), ctx.caller().org.into()]).await?;
        let unknown = || Error::not_found("robot");
        let robot = Robot::of(&row.ok_or_else(unknown)?)?;
        match must_own(ctx, robot.conv).await {
            Err(error) if error.code() == ErrorCode::NotFound => Err(unknown()),
            may => may.map(|()| robot),
        }
    }
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(Error::internal)
}

/// Whom a robot's messages are by.
pub(super) fn author(robot: RobotId) -> UserId {
    UserId(robot.0)
}

/// Whether somebody owns a conversation; `E_NOT_FOUND` or `E_NOT_MEMBER` if they are not in it.
pub(super) async fn owns(ctx: &Ctx, caller: Caller, conv: ConvId) -> Result<bool> {
    let me = caller.user;
    // The page of one that begins just before the caller.
    let after = me.0.0.checked_sub(1).map(|before| UserId(Ulid(before)));
    let page = ctx.call_as(caller, None, &ListMembers { conv, after, limit: Some(1) }).await?;
    Ok(page.members.iter().any(|member| member.user == me && member.role == Role::Owner))
}

/// Refuses who does not own the conversation.
pub(super) async fn must_own(ctx: &Ctx, conv: ConvId) -> Result<()> {
    if owns(ctx, ctx.caller(), conv).await? {
        return Ok(());
    }
    Err(Error::denied("only the owner of the group makes and changes its robots"))
}

/// `bot.list`.
pub(super) async fn list(ctx: Ctx, args: bot::List) -> Result<bot::Listed> {
    let owns = owns(&ctx, ctx.caller(), args.conv).await?;
    let robots = of_conv(&ctx, args.conv).await?;
    let users = robots.iter().map(Robot::user).collect();
    let named = ctx.call(&Names { org: ctx.caller().org, users }).await?;
    let names: BTreeMap<UserId, String> = named.names.into_iter().collect();
    let shown = robots.into_iter().map(|robot| bot::Robot {
        robot: robot.id,
        user: robot.user(),
        name: names.get(&robot.user()).cloned().unwrap_or_else(|| robot.id.to_string()),
        enabled: robot.enabled && !named.left.contains(&robot.user()),
        rules: owns.then_some(robot.rules),
        made_by: robot.made_by,
        made_at: robot.made_at,
    });
    Ok(bot::Listed { robots: shown.collect() })
}

/// The robots of a conversation, the oldest first.
pub(super) async fn of_conv(ctx: &Ctx, conv: ConvId) -> Result<Vec<Robot>> {
    let sql = format!("SELECT {COLUMNS} FROM bot_robot WHERE conv = $1 ORDER BY id LIMIT $2");
    let rows = ctx.query(&sql, [conv.into(), ROBOTS_PER_CONV_MAX.into()]).await?;
    rows.iter().map(Robot::of).collect()
}
