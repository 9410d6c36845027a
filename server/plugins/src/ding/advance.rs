//! `ding.advance`: the ladders of an alert go on, a page of recipients in each transaction.
//!
//! A page holds the alert and its recipients as they were read. Whoever has answered, was reminded
//! or was taken further meanwhile undoes it, and it is read again.

use std::collections::{BTreeMap, BTreeSet};

use carillon_plugin::{Ctx, Error, Result, Tx, Value};
use carillon_protocol::{
    DingId, Topic, UserId,
    ding::{
        Advance, CalledData, Channel, Deliver, Done, Outcome, Planned, ReachedData, Whom, kind,
    },
};

use super::{
    alert::Views,
    expire, gather, instead,
    ladder::{Climb, Rung, Waiting},
    plan::{Place, Plan, Spent, Try},
    planned,
    revision::json,
    rows::{self, Alert, RECIPIENT, Recipient, topic, word},
    simulate::LAST,
};

/// Recipients of one transaction: few enough that nobody else's commit waits for long, many enough
/// that 5,000 are shown an alert within seconds.
pub(super) const PAGE: usize = 200;
/// Pages of one call, so that other alerts have their turn.
const PAGES_MAX: usize = 4;

/// How soon a ladder that could not go on tries again: the later it is, the later.
const PAUSE_MIN_MS: i64 = 1_000;
const PAUSE_MAX_MS: i64 = 60_000;

/// `ding.advance`. A ladder never stops because it could not go on for a while: a timer that fails
/// again and again would be put aside, so it is set anew.
pub(super) async fn advance(ctx: Ctx, args: Advance) -> Result<Done> {
    for _ in 0..PAGES_MAX {
        match page(&ctx, args.ding).await {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) if error.is_raced() => return Err(error),
            Err(error) => return put_off(&ctx, args.ding, &error).await,
        }
    }
    Ok(Done {})
}

async fn put_off(ctx: &Ctx, ding: DingId, error: &Error) -> Result<Done> {
    // Whatever else was not found: only an alert that is not there has no ladder.
    rows::alert(ctx, ding).await?;
    tracing::error!(%ding, %error, "the ladder of an alert cannot go on; it is tried again");
    let sql = "SELECT MIN(next_at) FROM ding_recipient WHERE ding = $1";
    let row = ctx.query_one(sql, [ding.into()]).await?;
    let due: Option<i64> = row.map_or(Ok(None), |row| row.get(0))?;
    let late = due.map_or(PAUSE_MAX_MS, |due| ctx.now() - due);
    let mut tx = ctx.tx();
    let pause = (late / 2).clamp(PAUSE_MIN_MS, PAUSE_MAX_MS);
    tx.after(pause, &ding.to_string(), &Advance { ding });
    ctx.commit(tx).await?;
    Ok(Done {})
}

/// Lets a page of ladders go on, and sets the timer. Says whether more may be due.
async fn page(ctx: &Ctx, ding: DingId) -> Result<bool> {
    let alert = rows::alert(ctx, ding).await?;
    if alert.recalled_at.is_some() {
        return Ok(false);
    }
    let now = ctx.now();
    if !planned::may_begin(ctx, &alert).await? {
        return Ok(false);
    }
    if alert.confirm_by.is_some_and(|by| by <= now) {
        return expire::page(ctx, &alert).await;
    }
    let due = due(ctx, ding, now).await?;
    let bound = match due.last() {
        Some(last) if due.len() == PAGE => (last.next_at.unwrap_or(now), last.user),
        _ => (now, LAST),
    };
    let is_full = due.len() == PAGE;
    let mut step = Step::new(ctx, &alert, bound);
    if !due.is_empty() {
        step.climb(due).await?;
    }
    step.owe_deliveries(is_full);
    step.set_timer(is_full).await?;
    ctx.commit(step.tx).await?;
    Ok(is_full)
}

/// Whose ladder is to go on by now, the first of them.
async fn due(ctx: &Ctx, ding: DingId, now: i64) -> Result<Vec<Recipient>> {
    let sql = format!(
        "SELECT {RECIPIENT} FROM ding_recipient r WHERE r.ding = $1 AND r.next_at <= $2
         ORDER BY r.next_at, r.user_id LIMIT {PAGE}"
    );
    let rows = ctx.query(&sql, [ding.into(), now.into()]).await?;
    rows.iter().map(|row| Recipient::of(row, 0)).collect()
}

/// A page on its way into the log.
struct Step<'a> {
    ctx: &'a Ctx,
    alert: &'a Alert,
    /// Up to where the page goes.
    bound: Place,
    /// When the first of the page's recipients goes on.
    next_at: Option<i64>,
    /// Whether something is to be handed over to recipients, and who is called instead of some.
    delivers: bool,
    others: BTreeSet<UserId>,
    tx: Tx,
}

impl<'a> Step<'a> {
    fn new(ctx: &'a Ctx, alert: &'a Alert, bound: Place) -> Step<'a> {
        let (delivers, others) = (false, BTreeSet::new());
        Step { ctx, alert, bound, next_at: None, delivers, others, tx: ctx.tx() }
    }

    /// What the page's ladders come to.
    async fn climb(&mut self, due: Vec<Recipient>) -> Result<()> {
        let users = due.iter().map(|it| it.user).collect::<BTreeSet<_>>();
        let plan = gather::plan(self.ctx, self.alert.into(), &users).await?;
        let mut before = gather::spent(self.ctx, &plan, self.alert.cost).await?;
        before.called = instead::called(self.ctx, self.alert.ding).await?;
        let people = due.len();
        let (due, gone): (Vec<_>, Vec<_>) =
            due.into_iter().partition(|it| plan.people.contains_key(&it.user));
        let mut climbs: BTreeMap<UserId, Climb> =
            due.iter().map(|it| (it.user, self.reminded(it))).collect();
        let (mut spent, mut tries) = (before.clone(), Vec::new());
        let now = self.ctx.now();
        plan.run(&mut climbs, &mut spent, (self.bound, Some(now)), |it| tries.push(it));
        self.hold(spent.cost, people);
        let mut gone: Vec<UserId> = gone.iter().map(|it| it.user).collect();
        gone.sort_unstable();
        expire::withdraw(self.ctx, &mut self.tx, self.alert, &gone).await?;
        self.write_climbs(&plan, &climbs)?;
        self.write_tries(&tries);
        self.spend(&before, &tries);
        plan.budget.put(now, (&before.all, &spent.all), &mut self.tx);
        let states = due.into_iter().map(|it| (it.user, it)).collect();
        self.show(&states, &tries).await
    }

    /// A ladder with the reminder that is due.
    fn reminded(&self, recipient: &Recipient) -> Climb {
        let mut climb = recipient.climb.clone();
        let Some(number) = recipient.remind.checked_sub(1) else { return climb };
        let at = recipient.next_at.unwrap_or(self.ctx.now());
        let step = self.alert.rules.steps.len() as u32 + number;
        let channels = std::iter::once(Channel::App).chain(self.alert.reminded_by.iter().copied());
        let rungs = (0..).zip(channels).map(|(nth, channel)| Rung {
            after_ms: 0,
            step,
            nth,
            channel,
            whom: Whom::Recipient,
        });
        climb.waiting.extend(rungs.map(|rung| Waiting { at, rung, waited: false }));
        climb
    }

    /// Undoes the page if anybody in it is not where they were.
    fn hold(&mut self, cost: u64, due: usize) {
        let (at, user) = self.bound;
        self.tx.run_one(
            "UPDATE ding_alert SET turn = turn + 1, cost = $1
             WHERE id = $2 AND turn = $3 AND reminders = $4 AND recalled_at IS NULL
                 AND (SELECT COUNT(*) FROM ding_recipient WHERE ding = $2
                     AND (next_at < $5 OR (next_at = $5 AND user_id <= $6))) = $7",
            [
                cost.into(),
                self.alert.ding.into(),
                self.alert.turn.into(),
                self.alert.reminders.into(),
                at.into(),
                user.into(),
                due.into(),
            ],
        );
    }

    fn write_climbs(&mut self, plan: &Plan, climbs: &BTreeMap<UserId, Climb>) -> Result<()> {
        let (ding, now) = (self.alert.ding, self.ctx.now());
        let end = self.alert.confirm_by.unwrap_or(i64::MAX);
        let mut rows = Vec::new();
        for (&user, climb) in climbs {
            let next_at = plan.next(user, climb).map(|due| due.at).filter(|at| *at < end);
            self.next_at = self.next_at.into_iter().chain(next_at).min();
            let waiting = match climb.waiting.is_empty() {
                true => Value::Null,
                false => json(&climb.waiting)?.into(),
            };
            rows.push(vec![
                ding.into(),
                user.into(),
                now.into(),
                climb.rung.into(),
                climb.shift_ms.into(),
                waiting,
                next_at.into(),
            ]);
        }
        self.tx.run_rows(
            "INSERT INTO ding_recipient (ding, user_id, at, rung, shift_ms, waiting, next_at)
             VALUES {rows}
             ON CONFLICT (ding, user_id) DO UPDATE SET rung = excluded.rung,
                 shift_ms = excluded.shift_ms, waiting = excluded.waiting, remind = 0,
                 next_at = excluded.next_at",
            rows,
        );
        Ok(())
    }

    fn write_tries(&mut self, tries: &[Try]) {
        let (ding, turn) = (self.alert.ding, self.alert.turn + 1);
        let row = |it: &Try| {
            let Planned { at, step, nth, channel, user, skip, cost } = &it.planned;
            vec![
                rows::key(ding, it.recipient, *step, *nth).into(),
                rows::key(ding, it.with.0, it.with.1, it.with.2).into(),
                ding.into(),
                it.recipient.into(),
                (*user).into(),
                (*step).into(),
                (*nth).into(),
                word(channel).into(),
                (*at).into(),
                turn.into(),
                it.sound.into(),
                word(outcome(it)).into(),
                skip.map(word).into(),
                (*cost).into(),
            ]
        };
        self.tx.run_rows(
            "INSERT INTO ding_attempt (key, sent, ding, user_id, reached, step, nth, channel, at,
                 turn, sound, outcome, skip, cost)
             VALUES {rows}",
            tries.iter().map(row).collect(),
        );
        let others = tries.iter().filter(|it| it.planned.skip.is_none());
        let others = others.filter_map(|it| Some((it.planned.user?, it.recipient)));
        let others: BTreeSet<_> = others.filter(|(user, recipient)| user != recipient).collect();
        let row = |(user, of): (UserId, UserId)| vec![ding.into(), user.into(), of.into()];
        self.tx.run_rows(
            "INSERT INTO ding_stand_in (ding, user_id, instead_of) VALUES {rows}
             ON CONFLICT DO NOTHING",
            others.into_iter().map(row).collect(),
        );
        let trying = tries.iter().filter(|it| outcome(it) == Outcome::Trying);
        for (user, recipient) in trying.filter_map(|it| Some((it.planned.user?, it.recipient))) {
            match user == recipient {
                true => self.delivers = true,
                false => drop(self.others.insert(user)),
            }
        }
    }

    /// Lets what was written down be handed over. Whoever is called instead of recipients hears of
    /// all of them, so that waits for the last page.
    fn owe_deliveries(&mut self, is_full: bool) {
        let (ding, turn) = (self.alert.ding, self.alert.turn + 1);
        if self.delivers {
            self.tx.after(0, &format!("deliver:{ding}:{turn}"), &Deliver { ding, turn });
        }
        for &user in &self.others {
            instead::owe(&mut self.tx, ding, user, !is_full);
        }
    }

    /// Counts texts and calls, unless another alert has counted one for the same person meanwhile.
    fn spend(&mut self, before: &Spent, tries: &[Try]) {
        let mut counted = before.paid.clone();
        let paid = tries.iter().filter_map(|it| Some((it.planned.user?, it.day?)));
        for (user, day) in paid {
            let tries = counted.entry((user, day)).or_default();
            self.tx.run_one(
                "INSERT INTO ding_spending (user_id, day, tries) VALUES ($1, $2, $3 + 1)
                 ON CONFLICT (user_id, day) DO UPDATE SET tries = $3 + 1
                     WHERE ding_spending.tries = $3",
                [user.into(), day.into(), (*tries).into()],
            );
            *tries += 1;
        }
    }

    /// Puts alerts into people's logs, and tells the sender's board what is tried.
    async fn show(&mut self, states: &BTreeMap<UserId, Recipient>, tries: &[Try]) -> Result<()> {
        let views = Views::of(self.ctx, std::iter::once(self.alert)).await?;
        let mut reached: BTreeMap<(Channel, String), (Outcome, u32)> = BTreeMap::new();
        for it in tries {
            let outcome = outcome(it);
            let key = (it.planned.channel, word(outcome));
            reached.entry(key).or_insert((outcome, 0)).1 += 1;
            let user = it.planned.user.filter(|_| outcome == Outcome::Accepted);
            let (Some(user), Some(recipient)) = (user, states.get(&it.recipient)) else { continue };
            let mut ding = views.seen_by(self.ctx, self.alert, user).await?;
            ding.mine = Some(recipient.mine());
            let called = CalledData { ding, sound: it.sound };
            self.tx.emit(Topic::User(user), kind::CALLED, &called);
        }
        let ding = self.alert.ding;
        for ((channel, _), (outcome, people)) in reached {
            let reached = ReachedData { ding, channel, outcome, people };
            self.tx.emit(topic(ding), kind::REACHED, &reached);
        }
        Ok(())
    }

    /// Goes on at once if the page was full, else when the next recipient is due or the time is up.
    async fn set_timer(&mut self, is_full: bool) -> Result<()> {
        let (ding, key) = (self.alert.ding, self.alert.ding.to_string());
        if is_full {
            self.tx.after(0, &key, &Advance { ding });
            return Ok(());
        }
        let sql = "SELECT MIN(next_at) FROM ding_recipient WHERE ding = $1 AND next_at > $2";
        let row = self.ctx.query_one(sql, [ding.into(), self.ctx.now().into()]).await?;
        let others: Option<i64> = row.map_or(Ok(None), |row| row.get(0))?;
        let all = [others, self.next_at, self.alert.confirm_by];
        if let Some(next_at) = all.into_iter().flatten().min() {
            self.tx.at(next_at, &key, &Advance { ding });
        }
        if self.next_at.is_none() {
            // Nobody was taken further; a reminder since has set the timer already.
            self.tx.run_one(
                "UPDATE ding_alert SET turn = turn WHERE id = $1 AND reminders = $2",
                [ding.into(), self.alert.reminders.into()],
            );
        }
        Ok(())
    }
}

/// What is known of a try that is written down: in the recipient's app it is done with that.
fn outcome(it: &Try) -> Outcome {
    match (it.planned.skip, it.planned.channel) {
        (Some(_), _) => Outcome::Skipped,
        (None, Channel::App) if it.planned.user == Some(it.recipient) => Outcome::Accepted,
        (None, _) => Outcome::Trying,
    }
}
