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
    push::{Sent, payload, to_devices},
};

pub(super) const EFFECT: &str = "withdraw";
/// Whoever opens the app sees that it is over anyway.
pub(super) const RETRIES: Retries = Retries { tries: 4, first_ms: 1_000, longest_ms: 30_000 };

/// Whose devices take away what.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Withdraw {
    message: String,
    users: Vec<UserId>,
}

/// Lets the devices of these people take it away.
pub(super) fn put(ctx: &Ctx, tx: &mut Tx, shown: &[&Attempt]) {
    let mut by_message = BTreeMap::<&str, Vec<UserId>>::new();
    for attempt in shown {
        by_message.entry(&attempt.message).or_default().push(attempt.user);
    }
    for (message, users) in by_message {
        for users in users.chunks(ATTEMPTS_PER_CALL_MAX) {
            let key = format!("{message}:{}", ctx.new_id());
            let withdraw = Withdraw { message: message.to_owned(), users: users.to_vec() };
            tx.outbox(EFFECT, &key, &withdraw);
        }
    }
}

pub(super) async fn withdraw(ctx: Ctx, it: Delivery<Withdraw>) -> Result<Tx> {
    let mut tx = ctx.tx();
    let Withdraw { message, users } = it.payload;
    let Some(alert) = attempt::alert(&ctx, &message).await? else { return Ok(tx) };
    let text = payload(&alert, "withdrawn");
    let message =
        Message { text: &text, ttl_s: alert.ttl_s, urgency: Urgency::High, tag: Some(&alert.tag) };
    let devices = Device::of(&ctx, &users).await?;
    let sent = to_devices(&ctx, devices, &message).await?;
    let gone = sent.iter().filter(|(_, sent)| *sent == Sent::Gone);
    forget(&mut tx, gone.map(|(device, _)| device));
    let later = sent.iter().find_map(|(_, sent)| match sent {
        Sent::Later(why, _) => Some(why.clone()),
        _ => None,
    });
    match later.filter(|_| it.tries + 1 < RETRIES.tries) {
        None => Ok(tx),
        Some(why) => {
            ctx.commit(tx).await?;
            Err(Error::new(ErrorCode::Unavailable, why))
        }
    }
}
