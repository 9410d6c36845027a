//! How schedules are made, looked at and taken away.

use carillon_plugin::{Audited, Ctx, Error, Result};
use carillon_protocol::{
    ConvId, UserId,
    limits::{CARD_KEY_LEN_MAX, CARD_TITLE_LEN_MAX, SCHEDULES_PER_ROBOT_MAX, TEXT_LEN_MAX},
    schedule::{
        Get, List, Listed, Pause, Place, Preview, Previewed, Put, Remove, Removed, Says, Schedule,
    },
};

use super::{place, row::Planned, times::Times};
use crate::bot::{
    digest::{self, permit::Permit},
    post::one_line,
    region::Region,
    robot::Robot,
};

/// `bot.schedule.put`.
pub(super) async fn put(ctx: Ctx, args: Put) -> Result<Schedule> {
    let robot = Robot::own(&ctx, args.robot).await?;
    let permit = Permit::of_caller(&ctx, robot.conv).await?;
    let by = ctx.caller().user;
    keep(&ctx, (&robot, by, false), permit, args).await
}

/// Keeps what somebody who may has planned.
pub(super) async fn keep(
    ctx: &Ctx,
    (robot, by, own): (&Robot, UserId, bool),
    permit: Permit,
    args: Put,
) -> Result<Schedule> {
    let name = named(&args.schedule)?;
    let title = title(&args.title)?;
    check(ctx, &args.says, permit)?;
    let convs = place::chosen(ctx, (robot, own), &args.convs).await?;
    let region = Region::of(ctx, (by, robot.org)).await?;
    let times = Times::checked(&args.cron, &region.tz, ctx.now())?;
    let mine = Planned::of_robot(ctx, robot.id).await?;
    let before = mine.iter().find(|planned| planned.name == name);
    // Of several at the same moment one too many may be let through: nothing breaks by that.
    if before.is_none() && mine.len() >= SCHEDULES_PER_ROBOT_MAX {
        let msg =
            format!("a robot has at most {SCHEDULES_PER_ROBOT_MAX} schedules; remove one first");
        return Err(Error::conflict(msg));
    }
    let known = place::of_schedule(ctx, robot.id, &name).await?;
    let fresh = |conv: ConvId| {
        let last = known.iter().find(|place| place.conv == conv).and_then(|place| place.last);
        Place { conv, last, stopped: None, missing: Vec::new() }
    };
    // A clock that was set back posts nothing twice.
    let last = before.and_then(|before| before.last);
    let after = last.map_or(ctx.now(), |last| last.max(ctx.now()));
    let planned = Planned {
        robot: robot.id,
        name,
        org: robot.org,
        title,
        cron: args.cron.trim().to_owned(),
        says: args.says,
        paused: args.paused,
        by,
        own,
        put_at: ctx.now(),
        due: if args.paused { None } else { times.next(after) },
        last,
    };
    let places: Vec<Place> = convs.into_iter().map(fresh).collect();
    let mut tx = ctx.tx().on_behalf_of(by, robot.org);
    planned.write(&mut tx);
    place::write(&mut tx, &planned, &places);
    planned.arm(&mut tx);
    tx.audit(Audited::of("robot", robot.id).after(&planned.name));
    ctx.commit(tx).await?;
    planned.shown(&region, ctx.now(), places)
}

/// A name that programs read.
fn named(name: &str) -> Result<String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-_".contains(c);
    if (1..=CARD_KEY_LEN_MAX).contains(&name.len()) && name.chars().all(fits) {
        return Ok(name.to_owned());
    }
    let msg = format!("1 to {CARD_KEY_LEN_MAX} of `a-z`, `0-9`, `.`, `-` and `_`");
    Err(Error::bad_arg("schedule", msg))
}

/// A title in one line.
pub(in crate::bot) fn title(text: &str) -> Result<String> {
    if text.chars().count() > CARD_TITLE_LEN_MAX {
        let msg = format!("a title has at most {CARD_TITLE_LEN_MAX} characters");
        return Err(Error::too_large("title", msg));
    }
    match one_line(text) {
        line if line.is_empty() => Err(Error::bad_arg("title", "say what it is about")),
        line => Ok(line),
    }
}

/// Whether it can be posted, and whoever puts it may see what it asks for.
pub(in crate::bot) fn check(ctx: &Ctx, says: &Says, permit: Permit) -> Result<()> {
    match says {
        Says::Text { text } if text.trim().is_empty() => {
            Err(Error::bad_arg("says.text", "a message says something"))
        }
        Says::Text { text } if text.len() > TEXT_LEN_MAX => {
            let msg = format!("at most {TEXT_LEN_MAX} bytes; put the rest behind a link");
            Err(Error::too_large("says.text", msg))
        }
        Says::Text { .. } => Ok(()),
        Says::Digest { digest } => digest::ready::check(ctx, *digest, permit),
        Says::Template { template } => digest::template::check(ctx, template, permit),
    }
}

/// `bot.schedule.get`.
pub(super) async fn get(ctx: Ctx, args: Get) -> Result<Schedule> {
    let robot = Robot::own(&ctx, args.robot).await?;
    let region = Region::of(&ctx, (ctx.caller().user, robot.org)).await?;
    let planned = Planned::find(&ctx, robot.id, &args.schedule).await?;
    let planned = planned.ok_or_else(|| Error::not_found("schedule"))?;
    let places = place::of_schedule(&ctx, robot.id, &planned.name).await?;
    planned.shown(&region, ctx.now(), places)
}

/// `bot.schedule.list`.
pub(super) async fn list(ctx: Ctx, args: List) -> Result<Listed> {
    let robot = Robot::own(&ctx, args.robot).await?;
    all(&ctx, &robot, ctx.caller().user).await
}

/// The schedules of a robot.
pub(super) async fn all(ctx: &Ctx, robot: &Robot, by: UserId) -> Result<Listed> {
    let region = Region::of(ctx, (by, robot.org)).await?;
    let planned = Planned::of_robot(ctx, robot.id).await?.into_iter();
    let mut places = place::of_robot(ctx, robot.id).await?;
    let shown = |it: Planned| {
        let places = places.remove(&it.name).unwrap_or_default();
        it.shown(&region, ctx.now(), places)
    };
    let schedules = planned.map(shown).collect::<Result<_>>()?;
    Ok(Listed { schedules })
}

/// `bot.schedule.pause`: what is posted, where and in whose name is as it was put, so nothing of
/// that is asked for again.
pub(super) async fn pause(ctx: Ctx, args: Pause) -> Result<Schedule> {
    let robot = Robot::own(&ctx, args.robot).await?;
    let region = Region::of(&ctx, (ctx.caller().user, robot.org)).await?;
    let planned = Planned::find(&ctx, robot.id, &args.schedule).await?;
    let mut planned = planned.ok_or_else(|| Error::not_found("schedule"))?;
    let places = place::of_schedule(&ctx, robot.id, &planned.name).await?;
    if planned.paused == args.paused {
        return planned.shown(&region, ctx.now(), places);
    }
    planned.paused = args.paused;
    let goes_on = !args.paused && places.iter().any(|place| place.stopped.is_none());
    let after = planned.last.map_or(ctx.now(), |last| last.max(ctx.now()));
    let times = Times::read(&planned.cron, &region.tz)?;
    planned.due = if goes_on { times.next(after) } else { None };
    let mut tx = ctx.tx();
    // One that was put anew meanwhile has other times, which are looked at again.
    tx.run_one(
        "UPDATE bot_schedule SET paused = $4, due = $5
         WHERE robot = $1 AND name = $2 AND put_at = $3 AND paused <> $4",
        [
            robot.id.into(),
            planned.name.as_str().into(),
            planned.put_at.into(),
            planned.paused.into(),
            planned.due.into(),
        ],
    );
    planned.arm(&mut tx);
    let name = &planned.name;
    tx.audit(
        Audited::of("robot", robot.id).before(&(name, !args.paused)).after(&(name, args.paused)),
    );
    ctx.commit(tx).await?;
    planned.shown(&region, ctx.now(), places)
}

/// `bot.schedule.remove`.
pub(super) async fn remove(ctx: Ctx, args: Remove) -> Result<Removed> {
    let robot = Robot::own(&ctx, args.robot).await?;
    take_away(&ctx, (&robot, ctx.caller().user), &args.schedule).await
}

/// Takes a schedule away, if it is there.
pub(super) async fn take_away(
    ctx: &Ctx,
    (robot, by): (&Robot, UserId),
    name: &str,
) -> Result<Removed> {
    let Some(planned) = Planned::find(ctx, robot.id, name).await? else { return Ok(Removed {}) };
    let mut tx = ctx.tx().on_behalf_of(by, robot.org);
    tx.run(
        "DELETE FROM bot_schedule WHERE robot = $1 AND name = $2",
        [robot.id.into(), name.into()],
    );
    place::remove(&mut tx, robot.id, name);
    Planned { due: None, ..planned }.arm(&mut tx);
    tx.audit(Audited::of("robot", robot.id).before(&name));
    ctx.commit(tx).await?;
    Ok(Removed {})
}

/// `bot.schedule.preview`.
pub(super) async fn preview(ctx: Ctx, args: Preview) -> Result<Previewed> {
    let region = Region::of(&ctx, (ctx.caller().user, ctx.caller().org)).await?;
    let times = Times::checked(&args.cron, &region.tz, ctx.now())?;
    Ok(Previewed { tz: region.zone, next: times.shown(ctx.now()) })
}
