//! What happens when a schedule is due.

use carillon_plugin::{Caller, Ctx, Error, Result, Tx};
use carillon_protocol::{
    Cid, ConvId, ErrorCode, Event, UserId,
    id::Ulid,
    msg::{self, Body},
    org::Names,
    schedule::{Fire, Fired, Missing, Place, Post, Posted, Says, Shift, Shifted, Stopped},
};
use sha2::{Digest as _, Sha256};

use super::{place, row::Planned, times::Times};
use crate::bot::{
    attention,
    digest::{self, permit::Permit, words::Words},
    post,
    region::Region,
    robot::{Robot, author, owns},
};

/// So many robots are planned anew at once when an organisation's clock changes.
const SHIFTED: usize = 50;

/// `bot.schedule.fire`: has the newest time that is due posted everywhere, and plans the one after
/// it. What was due before the newest, while no server ran, is left out.
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
    for place in place::of_schedule(&ctx, planned.robot, &planned.name).await? {
        if place.stopped.is_none() {
            let (conv, schedule) = (place.conv, planned.name.clone());
            let key = format!("post:{}:{schedule}:{conv}:{due}", planned.robot);
            tx.after(0, &key, &Post { robot: planned.robot, schedule, conv, due });
        }
    }
    ctx.commit(tx).await?;
    Ok(Fired {})
}

/// A message of a schedule: in one conversation, for one time.
struct Turn<'a> {
    planned: &'a Planned,
    robot: &'a Robot,
    region: &'a Region,
    conv: ConvId,
    due: i64,
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
    let places = place::of_schedule(&ctx, args.robot, &args.schedule).await?;
    let is_open =
        |it: &Place| it.conv == args.conv && it.stopped.is_none() && it.last != Some(args.due);
    if planned.paused || !places.iter().any(is_open) {
        return Ok(nothing);
    }
    let region = Region::of(&ctx, (robot.user(), planned.org)).await?;
    let (planned, region) = (&planned, &region);
    let turn = Turn { planned, robot: &robot, region, conv: args.conv, due: args.due };
    let (body, missing) = match turn.says(&ctx).await {
        Ok(says) => says,
        Err(error) if is_final(error.code()) => {
            return turn.stop(&ctx, Stopped::Denied).await;
        }
        Err(error) => return Err(error),
    };
    match turn.write(&ctx, args.conv, "post", body).await {
        Ok(()) => {}
        Err(error) if is_final(error.code()) => {
            return turn.stop(&ctx, Stopped::Conversation).await;
        }
        Err(error) if matches!(error.code(), ErrorCode::BadArg | ErrorCode::TooLarge) => {
            return turn.stop(&ctx, Stopped::Refused).await;
        }
        Err(error) => return Err(error),
    }
    let mut tx = ctx.tx();
    place::posted(&mut tx, planned, (args.conv, args.due), &missing);
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

/// An id that follows from what it is for. It begins with a time, as ids do.
fn derived(at: i64, what: &str) -> Ulid {
    let digest = Sha256::digest(what.as_bytes());
    let mut random = [0; 16];
    random.copy_from_slice(&digest[..16]);
    Ulid::from_parts(at.unsigned_abs(), u128::from_be_bytes(random))
}

impl Turn<'_> {
    /// What is posted, and what it lacks.
    async fn says(&self, ctx: &Ctx) -> Result<(Body, Vec<Missing>)> {
        let Turn { planned, region, conv, due, .. } = *self;
        let elsewhere = conv != self.robot.conv;
        let is_text = matches!(planned.says, Says::Text { .. });
        if (elsewhere || !is_text) && has_left(ctx, planned, planned.by).await? {
            return Err(Error::denied("whoever put it has left"));
        }
        let person = Caller::on_behalf_of(planned.by, planned.org);
        if elsewhere && !owns(ctx, person, conv).await? {
            return Err(Error::denied("whoever put it does not own the group"));
        }
        let template = match &planned.says {
            Says::Text { text } => {
                let (title, text) = (Some(planned.title.clone()), text.clone());
                return Ok((Body::Markdown { title, text, mentions: Vec::new() }, Vec::new()));
            }
            Says::Digest { digest } => digest::ready::template(*digest),
            Says::Template { template } => template.clone(),
        };
        let permit = Permit::of_person(ctx, conv, (planned.by, planned.org)).await?;
        let permit = if planned.own { permit.of_program() } else { permit };
        let asked = digest::Asked {
            org: planned.org,
            conv,
            title: &planned.title,
            now: due,
            preview_of: None,
        };
        // Made again, it is the same picture.
        let picture = |nth: usize| self.id(&format!("picture {nth}"), conv);
        digest::compose(ctx, &asked, (&template, permit), (region, &picture)).await
    }

    /// An id that follows from the schedule, the conversation and the time.
    fn id(&self, what: &str, conv: ConvId) -> Ulid {
        let Planned { robot, name, .. } = self.planned;
        derived(self.due, &format!("{what} {robot} {name} {} {conv} {}", self.conv, self.due))
    }

    /// Writes a message once: the same intent again is the same message, also if the numbers have
    /// changed since.
    async fn write(&self, ctx: &Ctx, conv: ConvId, what: &str, body: Body) -> Result<()> {
        let caller = Caller::for_plugin(author(self.planned.robot), self.planned.org);
        let post = msg::Post { conv, body, everybody: false };
        match ctx.call_as(caller, Some(Cid(self.id(what, conv))), &post).await {
            Err(error) if error.code() == ErrorCode::IdempotencyConflict => Ok(()),
            posted => posted.map(drop),
        }
    }

    /// Posts nothing more here until somebody puts the schedule again, and says so: here, and to
    /// whoever put it in the robot's own group.
    async fn stop(&self, ctx: &Ctx, why: Stopped) -> Result<Posted> {
        let words = Words::of(&self.region.locale);
        if why != Stopped::Conversation {
            self.tell(ctx, self.conv, words.stopped(why), Vec::new()).await?;
        }
        if self.conv != self.robot.conv {
            let whom = vec![self.planned.by.to_string()];
            self.tell(ctx, self.robot.conv, words.elsewhere, whom).await?;
        }
        let mut tx = ctx.tx();
        place::stop(&mut tx, self.planned, self.conv, why);
        ctx.commit(tx).await?;
        Ok(Posted { posted: false })
    }

    /// Says something about the schedule, if anybody is there who could be told.
    async fn tell(&self, ctx: &Ctx, conv: ConvId, text: &str, people: Vec<String>) -> Result<()> {
        let (title, text) = (Some(self.planned.title.clone()), text.to_owned());
        let body = Body::Markdown { title, text, mentions: Vec::new() };
        let mut post = post::Post { body, at: post::At { people, everybody: false } };
        attention::call(ctx, self.planned.org, &mut post).await?;
        match self.write(ctx, conv, "stop", post.body).await {
            Err(error) if is_final(error.code()) => Ok(()),
            told => told,
        }
    }
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
