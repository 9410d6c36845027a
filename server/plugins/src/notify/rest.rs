//! Devices of people whom another of their devices has reached already.

use carillon_plugin::{
    Ctx, Error, Result, Tx,
    protocol::{
        ErrorCode,
        notify::{Alert, Outcome},
    },
};

use super::{
    attempt::{Attempt, COLUMNS, name},
    device::{Device, forget},
    push::{self, Push, Sent},
    withdraw,
};

/// Reaches the devices that did not get what another one of the same person got.
pub(super) async fn reach(
    ctx: &Ctx,
    message: &str,
    alert: &Alert,
    devices: &[String],
    last: bool,
) -> Result<Tx> {
    let shown = [name(Outcome::Accepted), name(Outcome::Delivered)];
    let sql = format!(
        "SELECT {COLUMNS} FROM notify_attempt
         WHERE message = $1 AND state IN ($2, $3) AND withdrawn = $4 ORDER BY key"
    );
    let to = async |withdrawn: bool| -> Result<Vec<Attempt>> {
        let args = [message.into(), shown[0].into(), shown[1].into(), withdrawn.into()];
        ctx.query(&sql, args).await?.iter().map(Attempt::read).collect()
    };
    let reached = to(false).await?;
    let sent = push::reach(ctx, alert, &reached, Some(devices)).await?;
    let mut tx = ctx.tx();
    let gone = sent.values().flatten().filter(|(_, sent)| *sent == Sent::Gone);
    forget(&mut tx, gone.map(|(device, _)| device));
    // Whoever was taken off the list meanwhile has got it.
    let late = to(true).await?;
    let late: Vec<&Attempt> = late.iter().filter(|it| sent.contains_key(&it.user)).collect();
    withdraw::put(ctx, &mut tx, &late);
    let later: Vec<String> = later(sent.values().flatten()).collect();
    if later.is_empty() || last {
        return Ok(tx);
    }
    if later.len() < devices.len() {
        // Nobody who has it by now gets it again.
        put(ctx, &mut tx, message, later);
        return Ok(tx);
    }
    ctx.commit(tx).await?;
    let why = "some devices are to be reached yet";
    Err(Error::new(ErrorCode::Unavailable, why).retry_ms(wait_ms(ctx, sent.values().flatten())))
}

pub(super) fn put(ctx: &Ctx, tx: &mut Tx, message: &str, devices: Vec<String>) {
    let push = Push { message: message.to_owned(), rest: Some(devices) };
    tx.outbox(push::EFFECT, &format!("{message}:{}", ctx.new_id()), &push);
}

/// The devices that are to be reached later.
pub(super) fn later<'a>(
    sent: impl Iterator<Item = &'a (Device, Sent)>,
) -> impl Iterator<Item = String> {
    let is_later = |sent: &Sent| matches!(sent, Sent::Later(..));
    sent.filter(move |(_, sent)| is_later(sent)).map(|(device, _)| device.id.clone())
}

/// How long all who are to be asked again want to be left alone.
pub(super) fn wait_ms<'a>(ctx: &Ctx, sent: impl Iterator<Item = &'a (Device, Sent)>) -> u64 {
    let at = sent.filter_map(|(_, sent)| match sent {
        Sent::Later(_, at) => Some(at.unwrap_or_default()),
        _ => None,
    });
    at.min().map_or(0, |at| (at - ctx.now()).max(0).unsigned_abs())
}
