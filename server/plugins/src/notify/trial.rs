//! `notify.settings.test`: whether a channel works, at once and with the reason if it does not.

use carillon_notify::webpush::{Message, Urgency};
use carillon_plugin::{
    Ctx, Error, Result,
    protocol::{
        Channel,
        notify::{Alert, Outcome, Subject, Test, Tested},
        role::ORGANISATION,
        session::Whoami,
    },
};

use super::{
    attempt::{Attempt, WAITING},
    carry,
    device::Device,
    permit, person,
    push::{Sent, payload, to_devices},
    words,
};

pub(super) async fn test(ctx: Ctx, args: Test) -> Result<Tested> {
    permit(&ctx, ORGANISATION).await?;
    let caller = person(&ctx)?;
    let alert = words::trial(&ctx.call_as(caller, None, &Whoami {}).await?.locale);
    match args.channel {
        Channel::App => Err(Error::bad_arg("channel", "choose a channel outside of the app")),
        Channel::Push => push(&ctx, &alert).await,
        channel => {
            let id = ctx.new_id().to_string();
            let attempt = Attempt {
                org: caller.org,
                key: format!("test:{id}"),
                message: String::new(),
                subject: Subject { plugin: ctx.plugin().to_owned(), id },
                channel,
                user: caller.user,
                state: WAITING.to_owned(),
                turn: 0,
                begun_at: None,
                vendor: None,
                address: None,
                made_at: ctx.now(),
            };
            carry::now(&ctx, &attempt, &alert).await
        }
    }
}

/// Sends to each of the caller's devices.
async fn push(ctx: &Ctx, alert: &Alert) -> Result<Tested> {
    let caller = ctx.caller();
    let text = payload(alert, "alert");
    let message =
        Message { text: &text, ttl_s: alert.ttl_s, urgency: Urgency::High, tag: Some(&alert.tag) };
    let devices = Device::of(ctx, &[caller.user]).await?;
    let sent = to_devices(ctx, devices, &message).await?;
    if sent.iter().any(|(_, sent)| *sent == Sent::Accepted) {
        return Ok(Tested { outcome: Outcome::Accepted, why: None });
    }
    let why = sent.into_iter().find_map(|(_, sent)| match sent {
        Sent::Later(why, _) | Sent::Failed(why) => Some(why),
        Sent::Accepted | Sent::Gone => None,
    });
    let none = || "none of your devices has subscribed".to_owned();
    let outcome = if why.is_some() { Outcome::Failed } else { Outcome::Unreachable };
    Ok(Tested { outcome, why: Some(why.unwrap_or_else(none)) })
}
