//! `ding.instead`: whoever is called instead of recipients is called once for all of them.
//!
//! Many recipients have the same manager. What their ladders come to within a minute is one call,
//! one text and one alert on the screen, which says who they are when it is made; it is taken back
//! when the last of them has answered.

use std::collections::{BTreeMap, BTreeSet};

use carillon_plugin::{Caller, Ctx, Result, Tx};
use carillon_protocol::{
    Channel, DingId, Topic, UserId,
    ding::{CalledData, Done, Instead, Mine, Outcome, ReachedData, State, kind},
    notify::{self, To},
};

use super::{
    alert::Views,
    audience::{self, Person},
    deliver::{self, Told},
    plan::{Name, TOGETHER_MS},
    rows::{self, Alert, choice, place, state, topic},
    stop::subject_instead,
    words::Words,
};

/// How many people somebody is told the names of.
const NAMED: u32 = 5;
/// How long a page that is not the last one waits for the next.
const NEXT_PAGE_MS: i64 = 2_000;

/// Lets somebody be told; what was owed to them before is told then, too.
pub(super) fn owe(tx: &mut Tx, ding: DingId, user: UserId, is_last: bool) {
    let delay_ms = if is_last { 0 } else { NEXT_PAGE_MS };
    tx.after(delay_ms, &format!("instead:{ding}:{user}"), &Instead { ding, user });
}

/// Who was called instead of recipients a moment ago, while somebody of those still waits: else the
/// call is over.
pub(super) async fn called(
    ctx: &Ctx,
    ding: DingId,
) -> Result<BTreeMap<(UserId, Channel), (i64, Name)>> {
    let sql = "SELECT a.reached, a.channel, a.at, a.user_id, a.step, a.nth FROM ding_attempt a
               WHERE a.ding = $1 AND a.reached <> a.user_id AND a.at > $2 AND a.sent = a.key
                   AND a.outcome IN ('trying', 'accepted', 'delivered')
                   AND EXISTS (SELECT 1 FROM ding_attempt b JOIN ding_recipient r
                                   ON r.ding = b.ding AND r.user_id = b.user_id
                               WHERE b.ding = a.ding AND b.sent = a.key AND r.state < $3)
               ORDER BY a.at";
    let since = ctx.now() - TOGETHER_MS;
    let mut called = BTreeMap::new();
    let which = [ding.into(), since.into(), place(State::Confirmed)];
    for row in ctx.query(sql, which).await? {
        let (step, nth): (u64, u64) = (row.get(4)?, row.get(5)?);
        let name = (row.get(3)?, step as u32, nth as u32);
        called.insert((row.get(0)?, choice(row.get(1)?)?), (row.get(2)?, name));
    }
    Ok(called)
}

/// Those who have not answered and for whom somebody was called.
pub(super) struct Waiting {
    /// How many.
    pub people: u32,
    /// The first ones, by how far the alert has come with them, with when it did.
    pub first: Vec<(UserId, State, i64)>,
}

impl Waiting {
    pub(super) async fn of(ctx: &Ctx, ding: DingId, user: UserId) -> Result<Waiting> {
        let from = "FROM ding_stand_in s JOIN ding_recipient r
                        ON r.ding = s.ding AND r.user_id = s.instead_of
                    WHERE s.ding = $1 AND s.user_id = $2 AND r.state < $3";
        let which = [ding.into(), user.into(), place(State::Confirmed)];
        let row = ctx.query_one(&format!("SELECT COUNT(*) {from}"), which.clone()).await?;
        let people = row.map_or(Ok(0), |row| row.get::<u64>(0))? as u32;
        let sql = format!(
            "SELECT r.user_id, r.state, r.at {from} ORDER BY r.state, r.user_id LIMIT {NAMED}"
        );
        let rows = ctx.query(&sql, which).await?;
        let first = rows.iter().map(|row| Ok((row.get(0)?, state(row.get(1)?)?, row.get(2)?)));
        Ok(Waiting { people, first: first.collect::<Result<_>>()? })
    }

    /// As whoever was called sees it; nothing if all have answered.
    pub(super) fn mine(&self) -> Option<Mine> {
        let &(user, state, at) = self.first.first()?;
        let others = self.people.saturating_sub(1);
        Some(Mine { state, at, reply: None, instead_of: Some(user), others })
    }
}

/// `ding.instead`.
pub(super) async fn instead(ctx: Ctx, args: Instead) -> Result<Done> {
    let Instead { ding, user } = args;
    let alert = rows::alert(&ctx, ding).await?;
    let waiting = Waiting::of(&ctx, ding, user).await?;
    if waiting.people > 0 && alert.recalled_at.is_none() {
        tell(&ctx, &alert, user, &waiting).await?;
        // Somebody may have answered while it was handed over.
        if Waiting::of(&ctx, ding, user).await?.people > 0 {
            return Ok(Done {});
        }
    }
    let subject = subject_instead(ding, user);
    let cancel = notify::Cancel { subject, users: Vec::new() };
    ctx.call_as(Caller::for_plugin(alert.by, alert.org), None, &cancel).await?;
    Ok(Done {})
}

/// What is owed to somebody.
#[derive(Default)]
struct Owed {
    /// The tries that are alerts on the screen, and whether any is to be heard.
    shown: Vec<String>,
    sound: bool,
    /// What is handed over.
    tries: BTreeSet<(Channel, String)>,
    /// What is known already, of those who came when it was made: the try, and what came of it.
    known: Vec<(String, String)>,
}

impl Owed {
    async fn of(ctx: &Ctx, ding: DingId, user: UserId) -> Result<Owed> {
        let sql = "SELECT a.key, a.sent, a.channel, a.sound, b.outcome FROM ding_attempt a
                   JOIN ding_attempt b ON b.key = a.sent
                   JOIN ding_recipient r ON r.ding = a.ding AND r.user_id = a.user_id
                   WHERE a.ding = $1 AND a.reached = $2 AND a.reached <> a.user_id
                       AND a.outcome = 'trying' AND r.state < $3
                   ORDER BY a.key";
        let mut owed = Owed::default();
        let which = [ding.into(), user.into(), place(State::Confirmed)];
        for row in ctx.query(sql, which).await? {
            let (channel, first): (Channel, String) = (choice(row.get(2)?)?, row.get(4)?);
            let is_known = !["trying", "cancelled"].contains(&&*first);
            if channel == Channel::App {
                owed.shown.push(row.get(0)?);
                owed.sound |= row.get::<bool>(3)? && !is_known;
            } else if is_known {
                owed.known.push((row.get(0)?, first));
            } else {
                owed.tries.insert((channel, row.get(1)?));
            }
        }
        Ok(owed)
    }
}

async fn tell(ctx: &Ctx, alert: &Alert, user: UserId, waiting: &Waiting) -> Result<()> {
    let owed = Owed::of(ctx, alert.ding, user).await?;
    let named = waiting.first.iter().map(|it| it.0);
    let found = audience::people(ctx, alert.org, &named.chain([user, alert.by]).collect()).await?;
    let Some(person) = found.get(&user) else { return left(ctx, alert.ding, user).await };
    if !owed.shown.is_empty() || !owed.known.is_empty() {
        show(ctx, alert, user, (waiting, &owed)).await?;
    }
    let words = Words::of(&person.locale);
    let name = |user: &UserId| found.get(user).map_or("?", |person: &Person| &person.name);
    let names: Vec<&str> = waiting.first.iter().map(|it| name(&it.0)).collect();
    let first = words.instead(&names, waiting.people);
    let mut taken = Ok(());
    for (channel, key) in owed.tries {
        let (by, first) = (name(&alert.by), Some(&*first));
        let (tag, link) = (format!("{}:instead", alert.ding), link(alert, waiting));
        let told = Told { channel, by, first, words, tag, link };
        let (subject, to) = (subject_instead(alert.ding, user), vec![To { key, user }]);
        taken = taken.and(deliver::hand_over(ctx, alert, told, (subject, to)).await);
    }
    taken
}

/// Says on the board that they left since it was decided to call them.
async fn left(ctx: &Ctx, ding: DingId, user: UserId) -> Result<()> {
    let mut tx = ctx.tx();
    tx.run(
        "UPDATE ding_attempt SET outcome = 'failed', why = 'this person has left'
         WHERE ding = $1 AND reached = $2 AND reached <> user_id AND outcome = 'trying'",
        [ding.into(), user.into()],
    );
    ctx.commit(tx).await.map(drop)
}

/// Whoever confirms from there does so for those of whom they were told.
fn link(alert: &Alert, waiting: &Waiting) -> String {
    let first = waiting.first.first().map(|it| format!("?instead_of={}", it.0));
    let others = if waiting.people > 1 { "&others=true" } else { "" };
    format!("/ding/{}{}{others}", alert.ding, first.unwrap_or_default())
}

/// Puts the alert into their log, once for everybody.
async fn show(
    ctx: &Ctx,
    alert: &Alert,
    user: UserId,
    (waiting, owed): (&Waiting, &Owed),
) -> Result<()> {
    let (ding, channel, outcome) = (alert.ding, Channel::App, Outcome::Accepted);
    let mut tx = ctx.tx();
    for (key, outcome) in &owed.known {
        tx.run(
            "UPDATE ding_attempt SET outcome = $1 WHERE key = $2 AND outcome = 'trying'",
            [outcome.as_str().into(), key.as_str().into()],
        );
    }
    if !owed.shown.is_empty() {
        let views = Views::of(ctx, std::iter::once(alert)).await?;
        let mut view = views.seen_by(ctx, alert, user).await?;
        view.mine = waiting.mine();
        // What a page has written down since is shown after this.
        tx.run_rows(
            "UPDATE ding_attempt SET outcome = 'accepted'
             WHERE outcome = 'trying' AND key IN (VALUES {rows})",
            owed.shown.iter().map(|key| vec![key.as_str().into()]).collect(),
        );
        let called = CalledData { ding: view, sound: owed.sound };
        tx.emit(Topic::User(user), kind::CALLED, &called);
        let reached = ReachedData { ding, channel, outcome, people: owed.shown.len() as u32 };
        tx.emit(topic(ding), kind::REACHED, &reached);
    }
    ctx.commit(tx).await.map(drop)
}
