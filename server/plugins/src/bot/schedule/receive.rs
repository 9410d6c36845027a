//! What a robot's program may do with the robot's schedules, with nothing but the robot's address.
//!
//! It asks for facts in the name of whoever made the robot, and for none that are more than its own
//! conversation's: the address is worth no more than what the group sees anyway.

use carillon_plugin::{Ctx, Error, Result};
use carillon_protocol::{
    ErrorCode,
    schedule::{List, Put, Receive, Received, Remove, Verb},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::put::{all, keep, take_away};
use crate::bot::{Bot, digest::permit::Permit, receive, robot::Robot, rules::PER_MINUTE};

/// `bot.schedule.receive`.
pub(super) async fn receive(ctx: Ctx, args: Receive) -> Result<Received> {
    let unknown = || Error::not_found("robot");
    let robot = Robot::by_token(&ctx, &args.token).await?.ok_or_else(unknown)?;
    let (from, signatures) = (args.from.as_deref(), &args.signatures);
    receive::may_enter(&ctx, &robot, (from, signatures)).await?;
    let per_minute = robot.rules.per_minute.unwrap_or(PER_MINUTE);
    let windows = &ctx.state::<Bot>().windows;
    windows.take(robot.id, per_minute, ctx.now()).map_err(|wait| {
        let msg = format!("this robot may call {per_minute} times a minute");
        Error::new(ErrorCode::Rate, msg).retry_ms(wait)
    })?;
    let by = robot.made_by;
    match args.verb {
        Verb::Put => {
            let put: Put = read(&robot, &args.body)?;
            let permit = Permit::of_person(&ctx, robot.conv, (by, robot.org)).await?.of_program();
            answer(&keep(&ctx, (&robot, by, true), permit, put).await?)
        }
        Verb::List => {
            let _: List = read(&robot, &args.body)?;
            answer(&all(&ctx, &robot, by).await?)
        }
        Verb::Remove => {
            let remove: Remove = read(&robot, &args.body)?;
            answer(&take_away(&ctx, (&robot, by), &remove.schedule).await?)
        }
    }
}

/// The arguments, which name no robot: it is the address's.
fn read<T: DeserializeOwned>(robot: &Robot, body: &str) -> Result<T> {
    let bad = |error: serde_json::Error| Error::bad_arg("body", error.to_string().to_lowercase());
    let mut value: Value = serde_json::from_str(body).map_err(bad)?;
    let fields = value.as_object_mut();
    let fields = fields.ok_or_else(|| Error::bad_arg("body", "expected an object"))?;
    fields.insert("robot".to_owned(), robot.id.to_string().into());
    serde_json::from_value(value).map_err(bad)
}

fn answer(value: &impl Serialize) -> Result<Received> {
    Ok(Received { body: serde_json::to_string(value).map_err(Error::internal)? })
}
