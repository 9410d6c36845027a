//! Who stands in for somebody, and when: `ding.deputy.get` and `ding.deputy.set`.

use std::collections::{BTreeMap, BTreeSet};

use carillon_plugin::{Audited, Ctx, Error, Result, Row, Value};
use carillon_protocol::{
    OrgId, UserId,
    ding::{Absence, Deputy, DeputyFound, Done, GetDeputy, SetDeputy},
    operation::ADMIN,
};

use super::{audience, gather::ASKED_MAX, revision::Rules};

/// The farthest that somebody says who stands in: 366 days.
const AHEAD_MS: i64 = 366 * 24 * 60 * 60 * 1000;
/// For how many people somebody is shown to stand in.
const SHOWN: usize = 100;

/// Whether somebody stands in at a moment.
pub(super) fn holds(deputy: &Deputy, at: i64) -> bool {
    deputy.from.is_none_or(|from| from <= at) && deputy.until.is_none_or(|until| at < until)
}

/// Who stands in for these people, now or later.
pub(super) async fn load(
    ctx: &Ctx,
    org: OrgId,
    users: &BTreeSet<UserId>,
) -> Result<BTreeMap<UserId, Deputy>> {
    let users: Vec<UserId> = users.iter().copied().collect();
    let mut all = BTreeMap::new();
    for users in users.chunks(ASKED_MAX) {
        let places: Vec<String> = (0..users.len()).map(|place| format!("${}", place + 2)).collect();
        let sql = format!(
            "SELECT user_id, deputy, from_at, until_at FROM ding_deputy
             WHERE org = $1 AND user_id IN ({})",
            places.join(", ")
        );
        let users = users.iter().map(|&user| Value::from(user));
        let row: Vec<Value> = [org.into()].into_iter().chain(users).collect();
        for row in ctx.query(&sql, row).await? {
            all.insert(row.get(0)?, read(&row)?);
        }
    }
    Ok(all)
}

fn read(row: &Row) -> Result<Deputy> {
    Ok(Deputy { deputy: row.get(1)?, from: row.get(2)?, until: row.get(3)? })
}

/// Whom a call is about. About others it is made by who administers, under the rules as they are.
async fn subject(ctx: &Ctx, user: Option<UserId>) -> Result<(UserId, Option<Rules>)> {
    let caller = ctx.caller();
    let user = user.unwrap_or(caller.user);
    let mut rules = None;
    if user != caller.user {
        if !caller.may(ADMIN) {
            return Err(Error::denied("whoever says it for others needs the scope `admin`"));
        }
        rules = Some(Rules::permitted(ctx).await?);
    }
    audience::all_are_here(ctx, caller.org, &[user], |_| "user".to_owned()).await?;
    Ok((user, rules))
}

/// `ding.deputy.get`.
pub(super) async fn get(ctx: Ctx, args: GetDeputy) -> Result<DeputyFound> {
    let org = ctx.caller().org;
    let (user, _) = subject(&ctx, args.user).await?;
    let deputy = load(&ctx, org, &BTreeSet::from([user])).await?.remove(&user);
    let sql = format!(
        "SELECT user_id, from_at, until_at FROM ding_deputy
         WHERE deputy = $1 AND org = $2 AND (until_at IS NULL OR until_at > $3)
         ORDER BY user_id LIMIT {SHOWN}"
    );
    let rows = ctx.query(&sql, [user.into(), org.into(), ctx.now().into()]).await?;
    let absence =
        |row: &Row| Ok(Absence { user: row.get(0)?, from: row.get(1)?, until: row.get(2)? });
    let stands_in_for = rows.iter().map(absence).collect::<Result<_>>()?;
    let is_over = |it: &Deputy| it.until.is_some_and(|until| until <= ctx.now());
    Ok(DeputyFound { deputy: deputy.filter(|it| !is_over(it)), stands_in_for })
}

/// `ding.deputy.set`: alerts that are under way go by it from their next step on.
pub(super) async fn set(ctx: Ctx, args: SetDeputy) -> Result<Done> {
    let org = ctx.caller().org;
    let (user, rules) = subject(&ctx, args.user).await?;
    if let Some(deputy) = &args.deputy {
        check(&ctx, user, deputy)?;
        let place = |_| "deputy.deputy".to_owned();
        audience::all_are_here(&ctx, org, &[deputy.deputy], place).await?;
    }
    let before = load(&ctx, org, &BTreeSet::from([user])).await?.remove(&user);
    if before == args.deputy {
        return Ok(Done {});
    }
    let mut tx = ctx.tx();
    if let Some(rules) = rules {
        rules.hold(&mut tx);
    }
    match args.deputy {
        Some(Deputy { deputy, from, until }) => tx.run(
            "INSERT INTO ding_deputy (user_id, org, deputy, from_at, until_at)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (user_id) DO UPDATE SET deputy = $3, from_at = $4, until_at = $5",
            [user.into(), org.into(), deputy.into(), from.into(), until.into()],
        ),
        None => tx.run("DELETE FROM ding_deputy WHERE user_id = $1", [user.into()]),
    }
    tx.audit(Audited::of("deputy", user).before(&before).after(&args.deputy));
    ctx.commit(tx).await?;
    Ok(Done {})
}

fn check(ctx: &Ctx, user: UserId, deputy: &Deputy) -> Result<()> {
    if deputy.deputy == user {
        return Err(Error::bad_arg(
            "deputy.deputy",
            "nobody stands in for themselves; name another",
        ));
    }
    let now = ctx.now();
    let fits = |at: i64| (now - AHEAD_MS..=now + AHEAD_MS).contains(&at);
    if deputy.from.is_some_and(|from| !fits(from)) {
        return Err(Error::bad_arg("deputy.from", "choose a time within the next 366 days"));
    }
    let first = deputy.from.unwrap_or(now).max(now);
    if deputy.until.is_some_and(|until| until <= first || !fits(until)) {
        let msg = "choose an end after the beginning, within the next 366 days";
        return Err(Error::bad_arg("deputy.until", msg));
    }
    Ok(())
}
