//! Web push: everybody of one message at once. Getting one twice does a browser no harm, since both
//! have the same tag, so a batch may be repeated after a crash.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use carillon_notify::webpush::{self, Keys, Message, Subscription, Urgency};
use carillon_plugin::{
    Ctx, Delivery, Error, Result, Retries, Tx, Value,
    protocol::{
        ErrorCode, UserId,
        notify::{Alert, Attempted, Outcome},
    },
};
use futures_util::{StreamExt, stream::FuturesUnordered};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::timeout;

use super::{
    Notify,
    attempt::{self, Attempt, COLUMNS, WAITING, name, reason, tell},
    device::{Device, forget},
    rest, withdraw,
};

pub(super) const EFFECT: &str = "push";
/// A push service that is overloaded is asked again for some minutes, or when it says, within an
/// hour.
pub(super) const RETRIES: Retries = Retries { tries: 8, first_ms: 1_000, longest_ms: 3_600_000 };
/// How long a batch may take: shorter than an effect, so that those who answered are known.
const WITHIN: Duration = Duration::from_secs(8);

/// A batch of pushes.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Push {
    pub(super) message: String,
    /// Only these devices, of people whom another of theirs has reached already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) rest: Option<Vec<String>>,
}

/// What became of one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sent {
    /// The push service took it.
    Accepted,
    /// There is no such subscription any more.
    Gone,
    /// Not now; not before this time, in milliseconds since the epoch, if the push service says so.
    Later(String, Option<i64>),
    /// Not at all.
    Failed(String),
}

pub(super) async fn push(ctx: Ctx, it: Delivery<Push>) -> Result<Tx> {
    let last = it.tries + 1 >= RETRIES.tries;
    let Push { message, rest: devices } = it.payload;
    let Some(alert) = attempt::alert(&ctx, &message).await? else { return Ok(ctx.tx()) };
    if let Some(devices) = devices {
        return rest::reach(&ctx, &message, &alert, &devices, last).await;
    }
    let waiting = of_message(&ctx, &message, WAITING).await?;
    let sent = reach(&ctx, &alert, &waiting, None).await?;
    let (ends, again) = ends(&waiting, &sent, last);
    settle(&ctx, &message, &waiting, &ends, &sent).await?;
    // Whoever was taken off the list meanwhile has got it: also before a crash of this very batch.
    let mut tx = ctx.tx();
    let gone = of_message(&ctx, &message, name(Outcome::Cancelled)).await?;
    let reached = |it: &&Attempt| ends.get(&it.key).is_some_and(|end| end.0 == Outcome::Accepted);
    let late: Vec<&Attempt> =
        gone.iter().filter(|attempt| it.tries > 0 || reached(attempt)).collect();
    withdraw::put(&ctx, &mut tx, &late);
    match again {
        None => Ok(tx),
        Some(why) => {
            ctx.commit(tx).await?;
            Err(Error::new(ErrorCode::Unavailable, reason(&why))
                .retry_ms(rest::wait_ms(&ctx, sent.values().flatten())))
        }
    }
}

/// The attempts of a message in a state.
async fn of_message(ctx: &Ctx, message: &str, state: &str) -> Result<Vec<Attempt>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM notify_attempt WHERE message = $1 AND state = $2 ORDER BY key"
    );
    let rows = ctx.query(&sql, [message.into(), state.into()]).await?;
    rows.iter().map(Attempt::read).collect()
}

pub(super) type ByUser = HashMap<UserId, Vec<(Device, Sent)>>;

/// Sends to every device of these people, or to some of them.
pub(super) async fn reach(
    ctx: &Ctx,
    alert: &Alert,
    to: &[Attempt],
    only: Option<&[String]>,
) -> Result<ByUser> {
    let users: Vec<UserId> = to.iter().map(|attempt| attempt.user).collect();
    let mut devices = Device::of(ctx, &users).await?;
    if let Some(only) = only {
        let only: HashSet<&String> = only.iter().collect();
        devices.retain(|device| only.contains(&device.id));
    }
    let made_at = to.iter().map(|attempt| attempt.made_at).min().unwrap_or_default();
    let left_s = i64::from(alert.ttl_s) - (ctx.now() - made_at) / 1_000;
    if left_s < 0 {
        let late = || Sent::Failed("it was too late".to_owned());
        return Ok(grouped(devices.into_iter().map(|device| (device, late()))));
    }
    let text = payload(alert, "alert");
    let message = Message {
        text: &text,
        ttl_s: u32::try_from(left_s).unwrap_or(0),
        urgency: Urgency::High,
        tag: Some(&alert.tag),
    };
    Ok(grouped(to_devices(ctx, devices, &message).await?))
}

fn grouped(sent: impl IntoIterator<Item = (Device, Sent)>) -> ByUser {
    let mut by_user = ByUser::new();
    for (device, sent) in sent {
        by_user.entry(device.user).or_default().push((device, sent));
    }
    by_user
}

/// Sends to devices, all at once: the guarded client has its own limits. Who does not answer in
/// time is tried again later, and holds up nobody.
pub(super) async fn to_devices(
    ctx: &Ctx,
    devices: Vec<Device>,
    message: &Message<'_>,
) -> Result<Vec<(Device, Sent)>> {
    if devices.is_empty() {
        return Ok(Vec::new());
    }
    let (state, keys) = (ctx.state::<Notify>(), super::device::keys(ctx).await?);
    let now = ctx.now();
    let tries: FuturesUnordered<_> = devices
        .into_iter()
        .map(|device| {
            let (state, keys) = (Arc::clone(&state), Arc::clone(&keys));
            async move {
                let sent = timeout(WITHIN, one(&state, &keys, &device, message, now)).await;
                let late = |_| Sent::Later("the push service took too long".to_owned(), None);
                (device, sent.unwrap_or_else(late))
            }
        })
        .collect();
    Ok(tries.collect().await)
}

async fn one(
    state: &Notify,
    keys: &Keys,
    device: &Device,
    message: &Message<'_>,
    now: i64,
) -> Sent {
    let egress = &state.ways.egress;
    let to = Subscription::read(egress, &device.endpoint, &device.p256dh, &device.auth);
    let to = match to {
        Ok(to) => to,
        // It was good when the browser subscribed: the operator allows less by now.
        Err(bad) => return Sent::Failed(bad.to_string()),
    };
    let full = |at| Sent::Later("the push service takes no more".to_owned(), at);
    let (endpoint, service) = (device.endpoint.as_str(), to.service());
    let _alone = match state.backoff.admit(endpoint, &service, now).await {
        Ok(admitted) => admitted,
        Err(at) => return full(Some(at)),
    };
    let request = match webpush::request(&to, message, keys, now) {
        Ok(request) => request,
        Err(too_long) => return Sent::Failed(too_long.to_string()),
    };
    let answer = webpush::send(egress, request, now).await;
    let until = answer.as_ref().ok();
    let until = until.and_then(|it| state.backoff.heard(endpoint, &service, it, now));
    match answer {
        Ok(webpush::Outcome::Accepted) => Sent::Accepted,
        // Or it belongs to keys that this server does not have any more.
        Ok(webpush::Outcome::Gone | webpush::Outcome::Refused { status: 403, .. }) => Sent::Gone,
        Ok(webpush::Outcome::TooLarge) => {
            Sent::Failed("the push service takes shorter ones".to_owned())
        }
        Ok(webpush::Outcome::Later(_) | webpush::Outcome::Away(_)) => full(until),
        Ok(webpush::Outcome::Refused { status, why }) => Sent::Failed(format!("{status} {why}")),
        Err(error) if error.may_pass() => Sent::Later(error.to_string(), None),
        Err(error) => Sent::Failed(error.to_string()),
    }
}

type Ends = BTreeMap<String, (Outcome, Option<String>)>;

/// What became of the attempts, by key, and why some have to be tried again.
fn ends(waiting: &[Attempt], sent: &ByUser, last: bool) -> (Ends, Option<String>) {
    let (mut ends, mut again) = (Ends::new(), None);
    for attempt in waiting {
        let devices = sent.get(&attempt.user).map(Vec::as_slice).unwrap_or_default();
        let all = || devices.iter().map(|(_, sent)| sent);
        let later = all().find_map(|sent| match sent {
            Sent::Later(why, _) => Some(why.clone()),
            _ => None,
        });
        let failed = all().find_map(|sent| match sent {
            Sent::Failed(why) => Some(why.clone()),
            _ => None,
        });
        let end = match (later, failed) {
            _ if all().any(|sent| *sent == Sent::Accepted) => (Outcome::Accepted, None),
            (Some(why), _) if !last => {
                again = Some(why);
                continue;
            }
            (Some(why), _) | (None, Some(why)) => (Outcome::Failed, Some(why)),
            (None, None) => (Outcome::Unreachable, Some("no device has subscribed".to_owned())),
        };
        ends.insert(attempt.key.clone(), end);
    }
    (ends, again)
}

/// Writes down what became of attempts that still wait, and forgets devices that are gone.
async fn settle(
    ctx: &Ctx,
    message: &str,
    waiting: &[Attempt],
    ends: &Ends,
    sent: &ByUser,
) -> Result<()> {
    let mut tx = ctx.tx();
    let mut unreached = Vec::new();
    let mut by_end = BTreeMap::<(&str, Option<&str>), Vec<Vec<Value>>>::new();
    let mut results = Vec::<Attempted>::new();
    for attempt in waiting {
        let Some((outcome, why)) = ends.get(&attempt.key) else { continue };
        let row = vec![attempt.org.into(), attempt.key.as_str().into()];
        by_end.entry((name(*outcome), why.as_deref())).or_default().push(row);
        results.push(attempt.told(*outcome, why.as_deref()));
        if *outcome == Outcome::Accepted {
            unreached.extend(rest::later(sent.get(&attempt.user).into_iter().flatten()));
        }
    }
    if !unreached.is_empty() {
        rest::put(ctx, &mut tx, message, unreached);
    }
    for ((state, why), rows) in by_end {
        let keys = rows.iter().flatten().cloned();
        let list: Vec<String> =
            (0..rows.len()).map(|i| format!("(${}, ${})", 2 * i + 4, 2 * i + 5)).collect();
        let sql = format!(
            "UPDATE notify_attempt SET state = $1, why = $2, done_at = $3
             WHERE state = '{WAITING}' AND (org, key) IN (VALUES {})",
            list.join(", ")
        );
        let head = [state.into(), why.map(reason).into(), ctx.now().into()];
        tx.run(sql, head.into_iter().chain(keys).collect::<Vec<_>>());
    }
    let gone = sent.values().flatten().filter(|(_, sent)| *sent == Sent::Gone);
    forget(&mut tx, gone.map(|(device, _)| device));
    if let Some(first) = waiting.first() {
        tell(&mut tx, first.org, &first.subject, first.channel, results)?;
    }
    ctx.commit(tx).await?;
    Ok(())
}

/// What the service worker gets: as much of the text as a push may have.
pub(super) fn payload(alert: &Alert, kind: &str) -> Vec<u8> {
    let body = if kind == "alert" { alert.body.as_str() } else { "" };
    let with = |len: usize| {
        let text = json!({
            "kind": kind,
            "title": alert.title,
            "body": &body[..body.floor_char_boundary(len)],
            "link": alert.link,
            "tag": alert.tag,
            "confirm": alert.confirm && kind == "alert",
        });
        text.to_string().into_bytes()
    };
    let whole = with(body.len());
    if whole.len() <= webpush::TEXT_LEN_MAX {
        return whole;
    }
    // A character takes up to six times its bytes there, so how much fits is found by halving.
    let (mut fits, mut too_long) = (0, body.len());
    while fits + 1 < too_long {
        let middle = usize::midpoint(fits, too_long);
        if with(middle).len() <= webpush::TEXT_LEN_MAX { fits = middle } else { too_long = middle }
    }
    with(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(body: String) -> Alert {
        Alert {
            title: "T".repeat(100),
            body,
            link: Some("/x".to_owned()),
            tag: "t".to_owned(),
            ttl_s: 60,
            confirm: true,
            lang: None,
            ask: None,
        }
    }

    #[test]
    fn a_long_text_is_cut_until_a_push_holds_it() {
        for body in ["大廈停電".repeat(500), "\u{1}".repeat(2_000), "a".repeat(2_000)] {
            let text = payload(&alert(body.clone()), "alert");
            assert!(text.len() <= webpush::TEXT_LEN_MAX, "{}", text.len());
            let read: serde_json::Value = serde_json::from_slice(&text).unwrap();
            let kept = read["body"].as_str().unwrap();
            assert!(body.starts_with(kept), "{kept}");
            let whole = body == kept;
            assert!(whole || text.len() > webpush::TEXT_LEN_MAX - 6, "{}", text.len());
        }
        let short = payload(&alert("a".repeat(2_000)), "alert");
        let read: serde_json::Value = serde_json::from_slice(&short).unwrap();
        assert_eq!(read["body"].as_str().unwrap().len(), 2_000);
    }
}
