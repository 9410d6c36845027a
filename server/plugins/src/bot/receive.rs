//! What arrives at a robot's address: who may send it, how often, and what becomes of it.

use std::net::IpAddr;

use carillon_plugin::{Caller, Ctx, Error, Result};
use carillon_protocol::{
    Cid, ErrorCode,
    bot::{IsKnown, Known, Reason, Receive, Received, Refusal, Shape, Signature},
    msg,
    org::Names,
};

use super::{
    Bot, attention, dingtalk, hook, network::Network, post::Post, robot::Robot, rules::PER_MINUTE,
    signature,
};

/// So many refusals of each robot are listed in a minute: whoever is refused all the time pushes
/// neither what was posted out of the list, nor writes without end.
const NOTED_PER_MINUTE: u32 = 40;

/// `bot.known`.
pub(super) async fn known(ctx: Ctx, args: Known) -> Result<IsKnown> {
    Ok(IsKnown { known: Robot::by_token(&ctx, &args.token).await?.is_some() })
}

/// `bot.receive`. A refusal is an answer, and is listed with the robot's calls.
pub(super) async fn receive(ctx: Ctx, args: Receive) -> Result<Received> {
    let Some(robot) = Robot::by_token(&ctx, &args.token).await? else {
        return Ok(Received { refused: Some(because(Reason::Token)) });
    };
    let refused = accept(&ctx, &robot, &args).await.err();
    let bot = ctx.state::<Bot>();
    let may_note = || bot.noted.take(robot.id, NOTED_PER_MINUTE, ctx.now()).is_ok();
    if refused.is_none() || may_note() {
        bot.journal.note(&ctx, (robot.id, args.from.as_deref()), refused.as_ref());
    }
    Ok(Received { refused })
}

fn because(reason: Reason) -> Refusal {
    Refusal { reason, detail: String::new(), retry_ms: None }
}

/// In DingTalk's order.
async fn accept(ctx: &Ctx, robot: &Robot, args: &Receive) -> Result<(), Refusal> {
    if !robot.enabled || has_left(ctx, robot).await.map_err(failed)? {
        return Err(because(Reason::Disabled));
    }
    may_call(robot, args.from.as_deref())?;
    is_signed(ctx, robot, &args.signatures)?;
    let windows = &ctx.state::<Bot>().windows;
    let per_minute = robot.rules.per_minute.unwrap_or(PER_MINUTE);
    windows.take(robot.id, per_minute, ctx.now()).map_err(|wait| Refusal {
        detail: per_minute.to_string(),
        retry_ms: Some(wait),
        ..because(Reason::Rate)
    })?;
    let posted = post(ctx, robot, args).await;
    // What the caller sent is read and costs its place, whatever it was; what is not the caller's
    // fault does not.
    if posted.as_ref().is_err_and(|refusal| is_ours(refusal.reason)) {
        windows.give_back(robot.id);
    }
    posted
}

/// Whether the same call may succeed when it is repeated.
fn is_ours(reason: Reason) -> bool {
    matches!(reason, Reason::Failed | Reason::Conversation)
}

/// Whether an administrator took the robot out of the organisation.
async fn has_left(ctx: &Ctx, robot: &Robot) -> Result<bool> {
    let user = robot.user();
    let named = ctx.call(&Names { org: robot.org, users: vec![user] }).await?;
    Ok(named.left.contains(&user))
}

fn may_call(robot: &Robot, from: Option<&str>) -> Result<(), Refusal> {
    let networks = &robot.rules.networks;
    let address: Option<IpAddr> = from.and_then(|from| from.parse().ok());
    let holds =
        |address| networks.iter().filter_map(|it| Network::parse(it)).any(|it| it.holds(address));
    if networks.is_empty() || address.is_some_and(holds) {
        return Ok(());
    }
    let detail = from.unwrap_or_default().to_owned();
    Err(Refusal { detail, ..because(Reason::Address) })
}

/// A robot without a secret looks at no signature: some programs always send one.
fn is_signed(ctx: &Ctx, robot: &Robot, signatures: &[Signature]) -> Result<(), Refusal> {
    match &robot.secret {
        Some(secret) => signature::check(secret, signatures, ctx.now()).map_err(because),
        None => Ok(()),
    }
}

/// Refuses whoever may not call as a robot, where no more than that is asked.
pub(super) async fn may_enter(
    ctx: &Ctx,
    robot: &Robot,
    (from, signatures): (Option<&str>, &[Signature]),
) -> Result<()> {
    if !robot.enabled || has_left(ctx, robot).await? {
        return Err(Error::denied("this robot is switched off"));
    }
    may_call(robot, from).map_err(|_| Error::denied("the robot is not called from there"))?;
    is_signed(ctx, robot, signatures).map_err(|_| {
        let msg = "sign the call with the robot's secret and the time it is now";
        Error::denied(msg)
    })
}

async fn post(ctx: &Ctx, robot: &Robot, args: &Receive) -> Result<(), Refusal> {
    let mut post = match args.shape {
        Shape::Dingtalk => dingtalk::parse(&args.body),
        Shape::Hook => hook::parse(&args.body),
    }
    .map_err(because)?;
    let keywords = &robot.rules.keywords;
    if !keywords.is_empty() && !post.says_one_of(keywords) {
        return Err(because(Reason::Keywords));
    }
    attention::call(ctx, robot.org, &mut post).await.map_err(failed)?;
    write(ctx, robot, post).await.map_err(failed)
}

async fn write(ctx: &Ctx, robot: &Robot, post: Post) -> Result<()> {
    let Post { body, at } = post;
    let args = msg::Post { conv: robot.conv, body, everybody: at.everybody };
    let caller = Caller::for_plugin(robot.user(), robot.org);
    ctx.call_as(caller, Some(Cid(ctx.new_id())), &args).await.map(drop)
}

/// What another operation's refusal is to whoever sent the message.
fn failed(error: Error) -> Refusal {
    let reason = match error.code() {
        ErrorCode::TooLarge => Reason::Large,
        ErrorCode::BadArg | ErrorCode::ContentRejected => Reason::Body,
        ErrorCode::NotFound | ErrorCode::NotMember | ErrorCode::Forbidden | ErrorCode::Blocked => {
            Reason::Conversation
        }
        _ => Reason::Failed,
    };
    let body = error.into_body();
    Refusal { reason, detail: body.msg, retry_ms: body.retry_ms }
}
