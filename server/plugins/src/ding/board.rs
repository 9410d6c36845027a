//! `ding.status`: the board of a sender.

use std::collections::{BTreeMap, BTreeSet};

use carillon_plugin::{Caller, Ctx, Result, Row, Value};
use carillon_protocol::{
    DingId, UserId,
    ding::{Board, Channel, Outcome, Planned, Recipient as Shown, State, Status, Tried},
};

use super::{
    alert::Views,
    gather, list,
    plan::{Plan, Spent},
    remind::PAUSE_MS,
    rows::{self, Alert, RECIPIENT, Recipient, choice, place, unknown},
    settings,
};

/// Tries that are shown of a recipient.
const TRIES_MAX: usize = 20;
/// The states that a board can be asked for.
const STATES_MAX: usize = 8;

/// `ding.status`.
pub(super) async fn status(ctx: Ctx, args: Status) -> Result<Board> {
    let limit = list::limit(args.limit)?;
    let alert = rows::sent_by_caller(&ctx, args.ding).await?;
    let after = args.after.map(|user| user.to_string()).unwrap_or_default();
    let mut found = page(&ctx, &alert, &args.states, (after, limit + 1)).await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let users: BTreeSet<UserId> = found.iter().map(|it| it.user).collect();
    let plan = gather::plan(&ctx, (&alert).into(), &users).await?;
    let spent = gather::spent(&ctx, &plan, alert.cost).await?;
    let mut tries = tries(&ctx, &alert, &found).await?;
    let names = names(&ctx, &users).await?;
    let recipients = found.into_iter().map(|it| {
        let next = next(&ctx, &alert, (&plan, &spent), &it);
        Shown {
            user: it.user,
            name: names.get(&it.user).cloned().unwrap_or_default(),
            state: it.state,
            at: it.at,
            late: it.late,
            handled_by: it.handled_by,
            reply: it.reply,
            tries: tries.remove(&it.user).unwrap_or_default(),
            next,
        }
    });
    let recipients = recipients.collect();
    let views = Views::of(&ctx, std::iter::once(&alert)).await?;
    let mut ding = views.seen_by(&ctx, &alert, alert.by).await?;
    ding.sent = Some(list::tally(&ctx, alert.ding).await?);
    Ok(Board {
        ding,
        policy: alert.policy,
        recipients,
        more,
        remind_from: alert.reminded_at.map_or(alert.begins_at, |at| at + PAUSE_MS),
        cost: alert.cost,
        currency: settings::load(&ctx, alert.org).await?.currency,
    })
}

async fn page(
    ctx: &Ctx,
    alert: &Alert,
    states: &[State],
    (after, limit): (String, u32),
) -> Result<Vec<Recipient>> {
    let mut states = states.to_vec();
    states.sort_unstable();
    states.dedup();
    let mut row: Vec<Value> = vec![alert.ding.into(), after.into(), limit.into()];
    let mut which = String::new();
    if !states.is_empty() && states.len() < STATES_MAX {
        row.extend(states.iter().map(|&state| place(state)));
        let places: Vec<String> = (4..=row.len()).map(|place| format!("${place}")).collect();
        which = format!("AND r.state IN ({})", places.join(", "));
    }
    let sql = format!(
        "SELECT {RECIPIENT} FROM ding_recipient r
         WHERE r.ding = $1 AND r.user_id > $2 {which} ORDER BY r.user_id LIMIT $3"
    );
    let rows = ctx.query(&sql, row).await?;
    rows.iter().map(|row| Recipient::of(row, 0)).collect()
}

/// What was tried, the newest first.
async fn tries(
    ctx: &Ctx,
    alert: &Alert,
    page: &[Recipient],
) -> Result<BTreeMap<UserId, Vec<Tried>>> {
    if page.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut row: Vec<Value> = vec![alert.ding.into()];
    row.extend(page.iter().map(|it| Value::from(it.user)));
    let places: Vec<String> = (2..=row.len()).map(|place| format!("${place}")).collect();
    let sql = format!(
        "SELECT user_id, reached, step, nth, channel, at, outcome, why, skip, cost
         FROM ding_attempt WHERE ding = $1 AND user_id IN ({})
         ORDER BY user_id, at DESC, step DESC, nth DESC",
        places.join(", ")
    );
    let rows = ctx.query(&sql, row).await?;
    let mut all = rows::by::<UserId, Tried>(&rows, 0, tried)?;
    all.values_mut().for_each(|tries| tries.truncate(TRIES_MAX));
    Ok(all)
}

fn tried(row: &Row) -> Result<Tried> {
    let skip: Option<String> = row.get(8)?;
    let what = Planned {
        user: row.get(1)?,
        step: row.get::<u64>(2)? as u32,
        nth: row.get::<u64>(3)? as u32,
        channel: choice::<Channel>(row.get(4)?)?,
        at: row.get(5)?,
        skip: skip.map(choice).transpose()?,
        cost: row.get(9)?,
    };
    Ok(Tried { what, outcome: choice::<Outcome>(row.get(6)?)?, why: row.get(7)? })
}

/// What comes next with a recipient, if nobody else is reached until then.
fn next(
    ctx: &Ctx,
    alert: &Alert,
    (plan, spent): (&Plan, &Spent),
    recipient: &Recipient,
) -> Option<Planned> {
    let next_at = recipient.next_at.filter(|_| recipient.is_open())?;
    if recipient.remind > 0 {
        let step = alert.rules.steps.len() as u32 + recipient.remind - 1;
        let (channel, user) = (Channel::App, Some(recipient.user));
        return Some(Planned { at: next_at, step, nth: 0, channel, user, skip: None, cost: 0 });
    }
    let mut spent = spent.clone();
    plan.peek(recipient.user, &recipient.climb, &mut spent, ctx.now())
}

async fn names(ctx: &Ctx, users: &BTreeSet<UserId>) -> Result<BTreeMap<UserId, String>> {
    let users = users.iter().copied().collect();
    let names = carillon_protocol::org::Names { org: ctx.caller().org, users };
    Ok(ctx.call(&names).await?.names.into_iter().collect())
}

/// Who has not answered an alert; `E_NOT_FOUND` if somebody else sent it.
pub(super) async fn unanswered(ctx: &Ctx, by: Caller, ding: DingId) -> Result<Vec<UserId>> {
    let alert = rows::alert(ctx, ding).await?;
    if alert.by != by.user || alert.org != by.org {
        return Err(unknown());
    }
    let sql = "SELECT user_id FROM ding_recipient WHERE ding = $1 AND state IN (0, 1, 2, 5)
               ORDER BY user_id";
    let rows = ctx.query(sql, [ding.into()]).await?;
    rows.iter().map(|row| row.get(0)).collect()
}
