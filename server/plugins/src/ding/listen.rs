//! Who hears of an alert: its sender, whose board follows its log.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use carillon_plugin::{Caller, Ctx, Error, Listening, LiveChange, Result, Row, Window};
use carillon_protocol::{DingId, Event, Topic, UserId, ding::kind};

use super::rows::topic;

/// For how long a sender is told without asking, after an alert began.
const TOLD_MS: i64 = 7 * 24 * 60 * 60 * 1000;
/// Alerts of which a sender is told, the newest ones.
const TOLD_MAX: usize = 50;

/// Who sent an alert lately, in memory: most people sent none, and that costs no question when they
/// connect. It may name somebody whose alerts are old by now, never leave out somebody: the tables
/// are asked once, and committed events are noted from before that on. Whoever is named is looked
/// up. It is as long as the list of those who sent one since the node started, and a week before.
#[derive(Debug, Default)]
pub(super) struct Senders(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Whether the tables were asked.
    whole: bool,
    users: HashSet<UserId>,
}

impl Senders {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether somebody may have sent an alert since this time.
    async fn has(&self, ctx: &Ctx, since: i64) -> Result<bool> {
        let user = ctx.caller().user;
        {
            let state = self.lock();
            if state.whole {
                return Ok(state.users.contains(&user));
            }
        }
        let sql = "SELECT DISTINCT user_id FROM ding_alert WHERE begins_at > $1";
        let rows = ctx.query(sql, [since.into()]).await?;
        let users = rows.iter().map(|row| row.get(0)).collect::<Result<Vec<UserId>>>()?;
        let mut state = self.lock();
        state.users.extend(users);
        state.whole = true;
        Ok(state.users.contains(&user))
    }

    /// Notes who sends one.
    pub(super) fn observe(&self, event: &Event) {
        if &*event.k == kind::SENT {
            self.lock().users.insert(event.by);
        }
    }
}

/// The alerts that the caller sent lately.
pub(super) async fn mine(ctx: Ctx) -> Result<Vec<Listening>> {
    let Caller { user, org, .. } = ctx.caller();
    let since = ctx.now() - TOLD_MS;
    if !ctx.state::<Senders>().has(&ctx, since).await? {
        return Ok(Vec::new());
    }
    let sql = "SELECT id, pos FROM ding_alert WHERE user_id = $1 AND org = $2 AND begins_at > $3
               ORDER BY id DESC LIMIT $4";
    let row = [user.into(), org.into(), since.into(), TOLD_MAX.into()];
    let listening = |row: &Row| {
        let (ding, changed_pos): (DingId, u64) = (row.get(0)?, row.get(1)?);
        let window = Window::all();
        Ok(Listening { topic: topic(ding), window, live: true, read: None, changed_pos })
    };
    ctx.query(sql, row).await?.iter().map(listening).collect()
}

/// The whole log, for its sender.
pub(super) async fn sees(ctx: Ctx, topic: Topic) -> Result<Window> {
    let unknown = || Error::not_found("topic");
    let Topic::Plugin(topic) = topic else { return Err(unknown()) };
    let ding: DingId = topic.id.parse().map_err(|_| unknown())?;
    let Caller { user, org, .. } = ctx.caller();
    let sql = "SELECT 1 FROM ding_alert WHERE id = $1 AND user_id = $2 AND org = $3";
    let row = ctx.query_one(sql, [ding.into(), user.into(), org.into()]).await?;
    row.map(|_| Window::all()).ok_or_else(unknown)
}

/// Whoever sends an alert hears of it from then on.
pub(super) fn means(event: &Event) -> Option<LiveChange> {
    (&*event.k == kind::SENT).then(|| LiveChange::Join(vec![event.by]))
}
