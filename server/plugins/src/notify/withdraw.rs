//! Devices take away what they show, because it is over.

use std::collections::BTreeMap;

use carillon_notify::webpush::{Message, Urgency};
use carillon_plugin::{
    Ctx, Delivery, Error, Result, Retries, Tx,
    protocol::{ErrorCode, UserId, limits::ATTEMPTS_PER_CALL_MAX},
};
use serde::{Deserialize, Serialize};

use super::{
    attempt::{self, Attempt},
    device::{Device, forget},
    push::{self, Sent, payload, to_devices},
    rest,
};

pub(super) const EFFECT: &str = "withdraw";
/// More tries than fit into the day for which a message is of use at most: it ends with that.
pub(super) const RETRIES: Retries = Retries { tries: 40, ..push::RETRIES };

/// Whose devices take away what.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Withdraw {
    message: String,
    users: Vec<UserId>,
    /// When the message was sent, in milliseconds since the epoch.
    made_at: i64,
    /// Only these devices: the others have taken it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rest: Option<Vec<String>>,
}

/// Lets the devices of these people take it away.
pub(super) fn put(ctx: &Ctx, tx: &mut Tx, shown: &[&Attempt]) {
    let mut by_message = BTreeMap::<(&str, i64), Vec<UserId>>::new();
    for attempt in shown {
        let message = (attempt.message.as_str(), attempt.made_at);
        by_message.entry(message).or_default().push(attempt.user);
    }
    for ((message, made_at), users) in by_message {
        for users in users.chunks(ATTEMPTS_PER_CALL_MAX) {
            let (message, users) = (message.to_owned(), users.to_vec());
            Withdraw { message, users, made_at, rest: None }.put(ctx, tx);
        }
    }
}

impl Withdraw {
    fn put(&self, ctx: &Ctx, tx: &mut Tx) {
        tx.outbox(EFFECT, &format!("{}:{}", self.message, ctx.new_id()), self);
    }
}

pub(super) async fn withdraw(ctx: Ctx, it: Delivery<Withdraw>) -> Result<Tx> {
    let (mut tx, it, last) = (ctx.tx(), it.payload, it.tries + 1 >= RETRIES.tries);
    let Some(alert) = attempt::alert(&ctx, &it.message).await? else { return Ok(tx) };
    let text = payload(&alert, "withdrawn");
    let message =
        Message { text: &text, ttl_s: alert.ttl_s, urgency: Urgency::High, tag: Some(&alert.tag) };
    let mut devices = Device::of(&ctx, &it.users).await?;
    if let Some(rest) = &it.rest {
        devices.retain(|device| rest.contains(&device.id));
    }
    let sent = to_devices(&ctx, devices, &message).await?;
    let gone = sent.iter().filter(|(_, sent)| *sent == Sent::Gone);
    forget(&mut tx, gone.map(|(device, _)| device));
    let later: Vec<String> = rest::later(sent.iter()).collect();
    let over = ctx.now() - it.made_at > i64::from(alert.ttl_s) * 1_000;
    if later.is_empty() || over || last {
        return Ok(tx);
    }
    if later.len() < sent.len() {
        Withdraw { rest: Some(later), ..it }.put(&ctx, &mut tx);
        return Ok(tx);
    }
    ctx.commit(tx).await?;
    let why = "some devices are to take it away yet";
    Err(Error::new(ErrorCode::Unavailable, why).retry_ms(rest::wait_ms(&ctx, sent.iter())))
}
