//! What happens when a schedule is due.

use carillon_plugin::{Caller, Ctx, Error, Result, Tx};
use carillon_protocol::{
    Cid, ErrorCode, Event, UserId,
    id::Ulid,
    msg::{self, Body},
    org::Names,
    schedule::{Fire, Fired, Post, Posted, Says, Shift, Shifted, Stopped},
};
use sha2::{Digest as _, Sha256};

use super::{
    row::{Planned, json},
    times::Times,
};
use crate::bot::{
    digest::{self, permit::Permit, words::Words},
    region::Region,
    robot::{Robot, author},
};

/// So many robots are planned anew at once when an organisation's clock changes.
const SHIFTED: usize = 50;

/// `bot.schedule.fire`: has the newest time that is due posted, and plans the one after it. What
/// was due before the newest, while no server ran, is left out.
pub(super) async fn fire(ctx: Ctx, args: Fire) -> Result<Fired> {
    let planned = Planned::find(&ctx, args.robot, &args.schedule).await?;
    let Some(mut planned) = planned.filter(|it| it.due == Some(args.due)) else {
        return Ok(Fired {});
    };
    let region = Region::of(&ctx, (author(planned.robot), planned.org)).await?;
    let times = Times::read(&planned.cron, &region.tz)?;
    let due = times.newest(args.due, ctx.now());
    planned.due = times.next(due.max(ctx.now()));
    let mut tx = ctx.tx();
    tx.run_one(
        "UPDATE bot_schedule SET due = $4 WHERE robot = $1 AND name = $2 AND due = $3",
        [planned.robot.into(), planned.name.as_str().into(), args.due.into(), planned.due.into()],
    );
    planned.arm(&mut tx);
    let key = format!("post:{}:{}:{due}", planned.robot, planned.name);
    tx.after(0, &key, &Post { robot: planned.robot, schedule: planned.name, due });
    ctx.commit(tx).await?;
    Ok(Fired {})
}

/// `bot.schedule.post`.
pub(super) async fn post(ctx: Ctx, args: Post) -> Result<Posted> {
    let nothing = Posted { posted: false };
    let Some(planned) = Planned::find(&ctx, args.robot, &args.schedule).await? else {
        return Ok(nothing);
    };
    let robot = Robot::by_id(&ctx, args.robot).await?;
    let Some(robot) = robot.filter(|robot| robot.enabled) else { return Ok(nothing) };
    if has_left(&ctx, &planned, robot.user()).await? {
        return Ok(nothing);
    }
    if planned.paused || planned.stopped.is_some() || planned.last == Some(args.due) {
        return Ok(nothing);
    }
    let region = Region::of(&ctx, (robot.user(), planned.org)).await?;
    let body = match says(&ctx, &planned, &region, args.due).await {
        Ok(body) => body,
        Err(error) if is_final(error.code()) => {
            return stop(&ctx, (&planned, &region), args.due, Stopped::Denied).await;
        }
        Err(error) => return Err(error),
    };
    match write(&ctx, &planned, (args.due, "post"), body).await {
        Ok(()) => {}
        Err(error) if is_final(error.code()) => {
            return stop(&ctx, (&planned, &region), args.due, Stopped::Conversation).await;
        }
        Err(error) if matches!(error.code(), ErrorCode::BadArg | ErrorCode::TooLarge) => {
            return stop(&ctx, (&planned, &region), args.due, Stopped::Refused).await;
        }
        Err(error) => return Err(error),
    }
    let mut tx = ctx.tx();
    tx.run(
        "UPDATE bot_schedule SET last = $3
         WHERE robot = $1 AND name = $2 AND (last IS NULL OR last < $3)",
        [planned.robot.into(), planned.name.into(), args.due.into()],
    );
    ctx.commit(tx).await?;
    Ok(Posted { posted: true })
}

/// Whether a refusal will be the same whenever it is asked again.
fn is_final(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::NotFound | ErrorCode::NotMember | ErrorCode::Forbidden)
}

/// Whether an administrator took somebody out of the organisation.
async fn has_left(ctx: &Ctx, planned: &Planned, user: UserId) -> Result<bool> {
    let named = ctx.call(&Names { org: planned.org, users: vec![user] }).await?;
    Ok(named.left.contains(&user))
}

/// What is posted at a time.
async fn says(ctx: &Ctx, planned: &Planned, region: &Region, due: i64) -> Result<Body> {
    let template = match &planned.says {
        Says::Text { text } => {
            return Ok(Body::Markdown {
                title: Some(planned.title.clone()),
                text: text.clone(),
                mentions: Vec::new(),
            });
        }
        Says::Digest { digest } => digest::ready::template(*digest),
        Says::Template { template } => template.clone(),
    };
    if has_left(ctx, planned, planned.by).await? {
        return Err(Error::denied("whoever put it has left"));
    }
    let permit = Permit::of_person(ctx, planned.conv, (planned.by, planned.org)).await?;
    let permit = if planned.own { permit.of_program() } else { permit };
    let picture = |nth: usize| picture_id(planned, due, nth);
    let asked = digest::Asked {
        org: planned.org,
        conv: planned.conv,
        title: &planned.title,
        now: due,
        preview_of: None,
    };
    digest::compose(ctx, &asked, (&template, permit), (region, &picture)).await
}

/// The picture of a digest: the same again if it is made again.
fn picture_id(planned: &Planned, due: i64, nth: usize) -> Ulid {
    derived(due, &format!("picture {} {} {due} {nth}", planned.robot, planned.name))
}

/// An id that follows from what it is for. It begins with a time, as ids do.
fn derived(at: i64, what: &str) -> Ulid {
    let digest = Sha256::digest(what.as_bytes());
    let mut random = [0; 16];
    random.copy_from_slice(&digest[..16]);
    Ulid::from_parts(at.unsigned_abs(), u128::from_be_bytes(random))
}

/// Writes a message of a schedule once: the same intent again is the same message, also if the
/// numbers have changed since.
async fn write(ctx: &Ctx, planned: &Planned, (due, what): (i64, &str), body: Body) -> Result<()> {
    let cid = Cid(derived(due, &format!("{what} {} {} {due}", planned.robot, planned.name)));
    let caller = Caller::for_plugin(author(planned.robot), planned.org);
    let post = msg::Post { conv: planned.conv, body, everybody: false };
    match ctx.call_as(caller, Some(cid), &post).await {
        Err(error) if error.code() == ErrorCode::IdempotencyConflict => Ok(()),
        posted => posted.map(drop),
    }
}

/// Stops a schedule until somebody puts it again, and says so where it would have posted.
async fn stop(
    ctx: &Ctx,
    (planned, region): (&Planned, &Region),
    due: i64,
    why: Stopped,
) -> Result<Posted> {
    if why != Stopped::Conversation {
        let text = Words::of(&region.locale).stopped(why).to_owned();
        let title = Some(planned.title.clone());
        let body = Body::Markdown { title, text, mentions: Vec::new() };
        match write(ctx, planned, (due, "stop"), body).await {
            // Nobody is there who could be told.
            Err(error) if is_final(error.code()) => {}
            told => told?,
        }
    }
    let mut tx = ctx.tx();
    tx.run(
        "UPDATE bot_schedule SET due = NULL, stopped = $3 WHERE robot = $1 AND name = $2",
        [planned.robot.into(), planned.name.as_str().into(), json(&why).into()],
    );
    Planned { due: None, ..planned.clone() }.arm(&mut tx);
    ctx.commit(tx).await?;
    Ok(Posted { posted: false })
}

/// An organisation changed: perhaps its time zone.
pub(super) async fn moved(ctx: Ctx, _: Event) -> Result<Tx> {
    let mut tx = ctx.tx();
    let key = format!("shift:{}", ctx.caller().org);
    tx.after(0, &key, &Shift { after: None });
    Ok(tx)
}

/// `bot.schedule.shift`.
pub(super) async fn shift(ctx: Ctx, args: Shift) -> Result<Shifted> {
    let org = ctx.caller().org;
    let waiting = Planned::waiting(&ctx, (org, args.after), SHIFTED).await?;
    let Some(robot) = waiting.last().map(|planned| planned.robot) else { return Ok(Shifted {}) };
    let region = Region::of(&ctx, (author(robot), org)).await?;
    let mut tx = ctx.tx();
    for mut planned in waiting {
        let Some(due) = planned.due.filter(|&due| due > ctx.now()) else { continue };
        let times = Times::read(&planned.cron, &region.tz)?;
        planned.due = times.next(planned.last.map_or(ctx.now(), |last| last.max(ctx.now())));
        tx.run_one(
            "UPDATE bot_schedule SET due = $4 WHERE robot = $1 AND name = $2 AND due = $3",
            [planned.robot.into(), planned.name.as_str().into(), due.into(), planned.due.into()],
        );
        planned.arm(&mut tx);
    }
    tx.after(0, &format!("shift:{org}"), &Shift { after: Some(robot) });
    ctx.commit(tx).await?;
    Ok(Shifted {})
}
