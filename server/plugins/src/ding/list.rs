//! `ding.get` and `ding.list`: alerts, as their senders and recipients see them.

use std::collections::BTreeMap;

use carillon_plugin::{Ctx, Error, Result, Row, Value};
use carillon_protocol::{
    DingId, UserId,
    ding::{Ding, Get, List, Listed, Mine, State, Tally, Which},
    limits::PEOPLE_PER_PAGE_MAX,
};

use super::{
    alert::Views,
    instead::Waiting,
    rows::{self, Alert, COLUMNS, RECIPIENT, Recipient, WIDTH, place, unknown},
};

/// How many a page has if the caller does not say.
pub(super) const PAGE_LEN: u32 = 50;

/// Refuses a page that is longer than pages are.
pub(super) fn limit(limit: Option<u32>) -> Result<u32> {
    let limit = limit.unwrap_or(PAGE_LEN);
    match (1..=PEOPLE_PER_PAGE_MAX).contains(&limit) {
        true => Ok(limit),
        false => Err(Error::bad_arg("limit", format!("a page has 1 to {PEOPLE_PER_PAGE_MAX}"))),
    }
}

/// An alert that concerns the caller: who sent it, or was shown it.
pub(super) async fn known(ctx: &Ctx, ding: DingId) -> Result<Alert> {
    let caller = ctx.caller();
    let alert = rows::alert(ctx, ding).await?;
    if alert.org != caller.org {
        return Err(unknown());
    }
    let is_known = alert.by == caller.user || mine(ctx, ding).await?.is_some();
    is_known.then_some(alert).ok_or_else(unknown)
}

/// How far an alert has come with the caller, or with one for whom the caller was called.
async fn mine(ctx: &Ctx, ding: DingId) -> Result<Option<Mine>> {
    let user = ctx.caller().user;
    let recipient = rows::recipient(ctx, ding, user).await?.filter(Recipient::is_shown);
    if recipient.as_ref().is_some_and(Recipient::is_open) {
        return Ok(recipient.map(|it| it.mine()));
    }
    // What waits for an answer comes before what has one.
    if let Some(mine) = Waiting::of(ctx, ding, user).await?.mine() {
        return Ok(Some(mine));
    }
    if let Some(recipient) = recipient {
        return Ok(Some(recipient.mine()));
    }
    let sql = format!(
        "SELECT {RECIPIENT} FROM ding_stand_in s
         JOIN ding_recipient r ON r.ding = s.ding AND r.user_id = s.instead_of
         WHERE s.ding = $1 AND s.user_id = $2 ORDER BY r.state, r.user_id LIMIT 1"
    );
    let row = ctx.query_one(&sql, [ding.into(), user.into()]).await?;
    row.map(|row| Ok(instead(&Recipient::of(&row, 0)?))).transpose()
}

/// Whether the caller was called instead of anybody.
pub(super) async fn was_called(ctx: &Ctx, ding: DingId, user: UserId) -> Result<bool> {
    let sql = "SELECT 1 FROM ding_stand_in WHERE ding = $1 AND user_id = $2 LIMIT 1";
    Ok(ctx.query_one(sql, [ding.into(), user.into()]).await?.is_some())
}

/// The same for whoever was called instead.
fn instead(recipient: &Recipient) -> Mine {
    Mine { instead_of: Some(recipient.user), reply: None, ..recipient.mine() }
}

/// `ding.get`.
pub(super) async fn get(ctx: Ctx, args: Get) -> Result<Ding> {
    let alert = known(&ctx, args.ding).await?;
    let views = Views::of(&ctx, std::iter::once(&alert)).await?;
    let mut ding = views.seen_by(&ctx, &alert, ctx.caller().user).await?;
    ding.mine = mine(&ctx, args.ding).await?;
    if alert.by == ctx.caller().user {
        ding.sent = Some(tally(&ctx, args.ding).await?);
    }
    Ok(ding)
}

/// How an alert stands with all.
pub(super) async fn tally(ctx: &Ctx, ding: DingId) -> Result<Tally> {
    let sql = "SELECT state, COUNT(*) FROM ding_recipient WHERE ding = $1 GROUP BY state";
    let mut tally = Tally::default();
    for row in ctx.query(sql, [ding.into()]).await? {
        let people = row.get::<u64>(1)? as u32;
        match rows::state(row.get(0)?)? {
            State::Queued => tally.queued = people,
            State::Delivered => tally.delivered = people,
            State::Seen => tally.seen = people,
            State::Confirmed => tally.confirmed = people,
            State::Declined => tally.declined = people,
            State::Expired => tally.expired = people,
            State::Recalled => tally.recalled = people,
            State::Withdrawn => tally.withdrawn = people,
        }
    }
    Ok(tally)
}

/// `ding.list`.
pub(super) async fn list(ctx: Ctx, args: List) -> Result<Listed> {
    let limit = limit(args.limit)?;
    // No id is greater than this text.
    let before = args.after.map_or_else(|| "~".to_owned(), |ding| ding.to_string());
    let mut found = match args.which {
        Which::Sent => sent(&ctx, &before, limit + 1).await?,
        Which::Received => received(&ctx, "", &before, limit + 1).await?,
        Which::Open => received(&ctx, "AND r.state < 3", &before, limit + 1).await?,
    };
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let views = Views::of(&ctx, found.iter().map(|(alert, _)| alert)).await?;
    let user = ctx.caller().user;
    let mut dings = Vec::new();
    let waiting = waiting(&ctx, &found).await?;
    for (alert, mut mine) in found {
        // Of those for whom the caller was called it is the first one who waits, if anybody does.
        if let Some(mine) = mine.as_mut().filter(|mine| mine.instead_of.is_some()) {
            mine.others = waiting.get(&alert.ding).map_or(0, |people| people.saturating_sub(1));
        }
        let mut ding = views.seen_by(&ctx, &alert, user).await?;
        if mine.is_none() {
            ding.sent = Some(tally(&ctx, alert.ding).await?);
        }
        dings.push(Ding { mine, ..ding });
    }
    Ok(Listed { dings, more })
}

type Found = Vec<(Alert, Option<Mine>)>;

/// How many wait in each of these alerts for whom the caller was called.
async fn waiting(ctx: &Ctx, found: &Found) -> Result<BTreeMap<DingId, u32>> {
    let instead = |mine: &Option<Mine>| mine.as_ref().is_some_and(|it| it.instead_of.is_some());
    let dings = found.iter().filter(|(_, mine)| instead(mine)).map(|(alert, _)| alert.ding.into());
    let which: Vec<Value> =
        [ctx.caller().user.into(), place(State::Confirmed)].into_iter().chain(dings).collect();
    if which.len() == 2 {
        return Ok(BTreeMap::new());
    }
    let places: Vec<String> = (3..=which.len()).map(|place| format!("${place}")).collect();
    let sql = format!(
        "SELECT s.ding, COUNT(*) FROM ding_stand_in s
         JOIN ding_recipient r ON r.ding = s.ding AND r.user_id = s.instead_of
         WHERE s.user_id = $1 AND r.state < $2 AND s.ding IN ({}) GROUP BY s.ding",
        places.join(", ")
    );
    let rows = ctx.query(&sql, which).await?;
    rows.iter().map(|row| Ok((row.get(0)?, row.get::<u64>(1)? as u32))).collect()
}

async fn sent(ctx: &Ctx, before: &str, limit: u32) -> Result<Found> {
    let sql = format!(
        "SELECT {COLUMNS} FROM ding_alert a WHERE a.user_id = $1 AND a.id < $2 AND a.org = $3
         ORDER BY a.id DESC LIMIT $4"
    );
    let caller = ctx.caller();
    let row = [caller.user.into(), before.into(), caller.org.into(), limit.into()];
    let rows = ctx.query(&sql, row).await?;
    rows.iter().map(|row| Ok((Alert::of(row)?, None))).collect()
}

/// What the caller received, and what the caller was called for instead of somebody.
async fn received(ctx: &Ctx, which: &str, before: &str, limit: u32) -> Result<Found> {
    let caller = ctx.caller();
    let row = [caller.user.into(), before.into(), caller.org.into(), limit.into()];
    let own = format!(
        "SELECT {COLUMNS}, {RECIPIENT} FROM ding_recipient r JOIN ding_alert a ON a.id = r.ding
         WHERE r.user_id = $1 AND r.ding < $2 AND a.org = $3
             AND (r.rung > 0 OR r.state = 5) {which}
         ORDER BY r.ding DESC LIMIT $4"
    );
    let others = format!(
        "SELECT {COLUMNS}, {RECIPIENT} FROM ding_stand_in s
         JOIN ding_recipient r ON r.ding = s.ding AND r.user_id = s.instead_of
         JOIN ding_alert a ON a.id = r.ding
         WHERE s.user_id = $1 AND s.ding < $2 AND a.org = $3 {which}
             AND NOT EXISTS (SELECT 1 FROM ding_stand_in t
                 JOIN ding_recipient q ON q.ding = t.ding AND q.user_id = t.instead_of
                 WHERE t.ding = s.ding AND t.user_id = s.user_id
                     AND (q.state < r.state OR (q.state = r.state AND q.user_id < r.user_id)))
         ORDER BY s.ding DESC LIMIT $4"
    );
    let read = |row: &Row| -> Result<_> { Ok((Alert::of(row)?, Recipient::of(row, WIDTH)?)) };
    let mut found: BTreeMap<DingId, (Alert, Option<Mine>)> = BTreeMap::new();
    for row in ctx.query(&others, row.clone()).await? {
        let (alert, recipient) = read(&row)?;
        found.insert(alert.ding, (alert, Some(instead(&recipient))));
    }
    for row in ctx.query(&own, row).await? {
        let (alert, recipient) = read(&row)?;
        found.insert(alert.ding, (alert, Some(recipient.mine())));
    }
    Ok(found.into_values().rev().collect())
}
