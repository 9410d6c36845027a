//! How robots are made, changed and taken away.

use carillon_plugin::{Audited, Ctx, Error, Result};
use carillon_protocol::{
    RobotId,
    bot::{Create, Granted, Remove, Removed, Rotate, Update, Updated},
    conv::{Get, Kind},
    limits::ROBOTS_PER_CONV_MAX,
    org::{RemoveMember, UpdateMember},
    program::AddProgram,
};
use serde::Serialize;

use super::{
    robot::{Robot, author, must_own, of_conv},
    rules::{PER_MINUTE, checked},
    token::{digest, secret, token},
};

/// `bot.create`.
pub(super) async fn create(ctx: Ctx, args: Create) -> Result<Granted> {
    let asked = digest(&json(&args)?);
    let rules = checked(args.rules.unwrap_or_default())?;
    let conv = ctx.call_as(ctx.caller(), None, &Get { conv: args.conv }).await?;
    if conv.kind != Kind::Group {
        return Err(Error::denied("a robot posts into a group; make one first"));
    }
    must_own(&ctx, args.conv).await?;
    if let Some(robot) = Robot::made_before(&ctx, &asked).await? {
        return grant(&ctx, &robot).await;
    }
    // Of several at the same moment one too many may be let through: nothing breaks by that.
    if of_conv(&ctx, args.conv).await?.len() >= ROBOTS_PER_CONV_MAX {
        let msg = format!("a group has at most {ROBOTS_PER_CONV_MAX} robots; remove one first");
        return Err(Error::conflict(msg));
    }
    let (robot, org) = (RobotId(ctx.new_id()), ctx.caller().org);
    let secret = if rules.signed { Some(secret()?) } else { None };
    let granted = Granted { robot, token: token()?, secret };
    // First, so that a robot never lacks its name; one that is left over has no address.
    ctx.call(&AddProgram { org, user: author(robot), name: args.name }).await?;
    let mut tx = ctx.tx();
    tx.run_one(
        "INSERT INTO bot_robot (id, org, conv, digest, secret, keywords, networks, per_minute,
             enabled, made_by, made_at, intent, asked)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $10, $11, $12)
         ON CONFLICT (made_by, intent) DO NOTHING",
        [
            robot.into(),
            org.into(),
            args.conv.into(),
            digest(&granted.token).into(),
            granted.secret.clone().into(),
            json(&rules.keywords)?.into(),
            json(&rules.networks)?.into(),
            rules.per_minute.unwrap_or(PER_MINUTE).into(),
            ctx.caller().user.into(),
            ctx.now().into(),
            ctx.cid().into(),
            asked.into(),
        ],
    );
    tx.audit(Audited::of("robot", robot).after(&args.conv));
    match ctx.commit(tx).await {
        Ok(_) => Ok(granted),
        // The same intent was faster elsewhere: its robot is the answer, and this one is nobody.
        Err(error) if error.is_raced() => {
            ctx.call(&RemoveMember { user: author(robot) }).await?;
            Err(error)
        }
        Err(error) => Err(error),
    }
}

fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(Error::internal)
}

/// `bot.update`.
pub(super) async fn update(ctx: Ctx, args: Update) -> Result<Updated> {
    let robot = Robot::own(&ctx, args.robot).await?;
    let rules = checked(args.rules.unwrap_or_else(|| robot.rules.clone()))?;
    if let Some(name) = args.name {
        let user = Some(robot.user());
        ctx.call(&UpdateMember { user, name: Some(name), ..UpdateMember::default() }).await?;
    }
    let fresh = if rules.signed && robot.secret.is_none() { Some(secret()?) } else { None };
    let kept = if rules.signed { fresh.clone().or(robot.secret) } else { None };
    let mut tx = ctx.tx();
    tx.run_one(
        "UPDATE bot_robot SET secret = $2, keywords = $3, networks = $4, per_minute = $5,
             enabled = $6 WHERE id = $1",
        [
            robot.id.into(),
            kept.into(),
            json(&rules.keywords)?.into(),
            json(&rules.networks)?.into(),
            rules.per_minute.unwrap_or(PER_MINUTE).into(),
            args.enabled.unwrap_or(robot.enabled).into(),
        ],
    );
    tx.audit(Audited::of("robot", robot.id));
    ctx.commit(tx).await?;
    Ok(Updated { secret: fresh })
}

/// `bot.rotate`.
pub(super) async fn rotate(ctx: Ctx, args: Rotate) -> Result<Granted> {
    grant(&ctx, &Robot::own(&ctx, args.robot).await?).await
}

/// Gives a robot a new address; the one before it is worth nothing.
async fn grant(ctx: &Ctx, robot: &Robot) -> Result<Granted> {
    let secret = if robot.rules.signed { Some(secret()?) } else { None };
    let granted = Granted { robot: robot.id, token: token()?, secret };
    let mut tx = ctx.tx();
    tx.run_one(
        "UPDATE bot_robot SET digest = $2, secret = $3 WHERE id = $1",
        [robot.id.into(), digest(&granted.token).into(), granted.secret.clone().into()],
    );
    tx.audit(Audited::of("robot", robot.id));
    ctx.commit(tx).await?;
    Ok(granted)
}

/// `bot.remove`.
pub(super) async fn remove(ctx: Ctx, args: Remove) -> Result<Removed> {
    let robot = Robot::own(&ctx, args.robot).await?;
    let mut tx = ctx.tx();
    tx.run("DELETE FROM bot_robot WHERE id = $1", [robot.id.into()]);
    tx.run("DELETE FROM bot_delivery WHERE robot = $1", [robot.id.into()]);
    // Their timers find nothing any more.
    tx.run("DELETE FROM bot_schedule WHERE robot = $1", [robot.id.into()]);
    tx.run("DELETE FROM bot_schedule_place WHERE robot = $1", [robot.id.into()]);
    tx.audit(Audited::of("robot", robot.id));
    ctx.commit(tx).await?;
    // The address is worth nothing by now; the name stays, for what it wrote.
    ctx.call(&RemoveMember { user: robot.user() }).await?;
    Ok(Removed {})
}
