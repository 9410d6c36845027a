//! Which effects are under way: those of an organisation and of a kind have a lane, so whoever does
//! not answer one organisation holds up no other.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    pin::pin,
    time::Duration,
};

use carillon_protocol::OrgId;
use futures_util::{
    StreamExt,
    future::{Either, select},
    stream::FuturesUnordered,
};
use tokio::time::{MissedTickBehavior, interval};

use super::{COLUMNS, Waiting, longest_pause};
use crate::{BoxFuture, Host, Result, Value, duties::Duties};

/// Effects of a lane that are kept in memory until it has room; the rest stays in the table.
const WAITING_MAX: usize = 64;
/// Effects of a plugin that are under way at the same time.
const AT_ONCE: usize = 128;
/// Of these, of one kind and one organisation: whoever does not answer them holds up nobody else.
const AT_ONCE_IN_LANE: usize = 8;
/// Kept for lanes that have nothing under way, however many others are busy.
const KEPT: usize = 16;
/// Effects that are looked up at once: those under way may not be written down as tried yet.
const DUE_MAX: usize = AT_ONCE + WAITING_MAX;
/// While some are under way, it is looked so often what has become due.
const LOOK_EVERY: Duration = Duration::from_secs(1);

impl Host {
    /// Carries out until nothing is due and nothing under way; whether there was anything.
    pub(super) async fn carry_out(&self, duties: &Duties) -> Result<bool> {
        let (owner, mut lanes) = (&duties.owner, Lanes::default());
        let mut news = FuturesUnordered::<BoxFuture<'_, News>>::new();
        let mut soon = interval(LOOK_EVERY);
        soon.set_missed_tick_behavior(MissedTickBehavior::Delay);
        soon.reset();
        let (mut look, mut looking) = (true, false);
        let (mut any, mut failed) = (false, Ok(()));
        loop {
            let open = failed.is_ok() && !owner.wakes.are_resting();
            while open && let Some(it) = lanes.begin() {
                any = true;
                let (lane, id) = (it.lane(), it.id());
                let outlet = duties.outlets.get(it.kind.as_str());
                let deliver = self.deliver(owner, outlet, it);
                news.push(Box::pin(async move { News::Ended(lane, id, deliver.await) }));
            }
            look |= lanes.want_more();
            if open && look && !looking && lanes.can_wait() {
                (look, looking) = (false, true);
                lanes.looks();
                let (sql, args) = self.due(duties, &lanes);
                news.push(Box::pin(async move {
                    let rows = self.storage().query(&sql, args).await;
                    News::Due(rows.and_then(|rows| rows.iter().map(Waiting::read).collect()))
                }));
            }
            let (woken, soon) = (pin!(owner.wakes.outbox.notified()), pin!(soon.tick()));
            match select(news.next(), select(woken, soon)).await {
                Either::Left((None, _)) => return failed.map(|()| any),
                Either::Left((Some(News::Ended(lane, id, end)), _)) => {
                    lanes.end(&lane, &id);
                    failed = failed.and(end);
                }
                Either::Left((Some(News::Due(due)), _)) => {
                    looking = false;
                    // What is due first may have hidden what is due in other lanes.
                    look |= due.as_ref().is_ok_and(|due| due.len() == DUE_MAX);
                    failed = failed.and(due.map(|due| lanes.wait(due)));
                }
                Either::Right(_) => look = true,
            }
        }
    }

    /// What asks for all that is due of lanes that have room and nothing waiting.
    fn due(&self, duties: &Duties, lanes: &Lanes) -> (String, Vec<Value>) {
        // A pause that is longer than the longest was begun before the clock was set back.
        let (now, longest) = (self.now(), longest_pause(&duties.outlets));
        let from = now.saturating_add(longest);
        let mut args: Vec<Value> = vec![duties.owner.name.into(), now.into(), from.into()];
        let mut sql = format!(
            "SELECT {COLUMNS} FROM plugin_outbox
             WHERE plugin = $1 AND (retry_at <= $2 OR retry_at > $3)"
        );
        for (org, kind) in &lanes.hidden {
            args.extend([(*org).into(), kind.as_str().into()]);
            sql += &format!(" AND NOT (org = ${} AND kind = ${})", args.len() - 1, args.len());
        }
        sql += &format!(" ORDER BY retry_at, kind, key LIMIT {DUE_MAX}");
        (sql, args)
    }
}

/// Whose effects hold up each other only: those of an organisation and of a kind.
type Lane = (OrgId, String);
/// What tells an effect in the outbox: its kind and its key. One that takes the place of another
/// waits until that has come to its end.
type Id = (String, String);

/// What there is to know while effects are under way.
enum News {
    /// What is due.
    Due(Result<Vec<Waiting>>),
    /// One has come to its end, which was written down or not.
    Ended(Lane, Id, Result<()>),
}

impl Waiting {
    fn lane(&self) -> Lane {
        (self.org, self.kind.clone())
    }

    fn id(&self) -> Id {
        (self.kind.clone(), self.key.clone())
    }
}

/// What is under way, and what waits for others of its lane.
#[derive(Default)]
struct Lanes {
    busy: HashMap<Lane, usize>,
    waiting: BTreeMap<Lane, VecDeque<Waiting>>,
    under_way: HashSet<Id>,
    /// Lanes of which the last look left something out.
    hidden: HashSet<Lane>,
}

impl Lanes {
    fn busy(&self, lane: &Lane) -> usize {
        self.busy.get(lane).copied().unwrap_or_default()
    }

    /// Whether more may be looked up. While there is room, lanes that wait have all something
    /// under way, so this hides none that has nothing.
    fn can_wait(&self) -> bool {
        self.waiting.len() < AT_ONCE
    }

    /// Leaves lanes that are full, or have something waiting, out of a look.
    fn looks(&mut self) {
        let full = self.busy.iter().filter(|(_, busy)| **busy >= AT_ONCE_IN_LANE);
        self.hidden = full.map(|(lane, _)| lane).chain(self.waiting.keys()).cloned().collect();
    }

    /// Whether a lane that was left out has room and nothing waiting.
    fn want_more(&self) -> bool {
        let wants = |lane| self.busy(lane) < AT_ONCE_IN_LANE && !self.waiting.contains_key(lane);
        self.hidden.iter().any(wants)
    }

    fn wait(&mut self, due: Vec<Waiting>) {
        for it in due {
            if self.under_way.contains(&it.id()) {
                continue;
            }
            let waiting = self.waiting.entry(it.lane()).or_default();
            if waiting.len() < WAITING_MAX {
                waiting.push_back(it);
            } else {
                self.hidden.insert(it.lane());
            }
        }
    }

    /// The next effect that has room, as its lane has: of the lane with the fewest under way.
    fn begin(&mut self) -> Option<Waiting> {
        let lane = self.waiting.keys().min_by_key(|lane| self.busy(lane))?.clone();
        let free = AT_ONCE - self.under_way.len();
        let has_room = match self.busy(&lane) {
            0 => free > 0,
            busy => busy < AT_ONCE_IN_LANE && free > KEPT,
        };
        if !has_room {
            return None;
        }
        let waiting = self.waiting.get_mut(&lane)?;
        let it = waiting.pop_front()?;
        if waiting.is_empty() {
            self.waiting.remove(&lane);
        }
        self.under_way.insert(it.id());
        *self.busy.entry(lane).or_default() += 1;
        Some(it)
    }

    fn end(&mut self, lane: &Lane, id: &Id) {
        self.under_way.remove(id);
        if let Some(busy) = self.busy.get_mut(lane) {
            *busy -= 1;
            if *busy == 0 {
                self.busy.remove(lane);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use carillon_protocol::id::Ulid;

    use super::*;

    fn due(org: u128, number: usize) -> Waiting {
        Waiting {
            kind: "shout".to_owned(),
            key: format!("{org}:{number}"),
            payload: String::new(),
            org: OrgId(Ulid(org)),
            intent: String::new(),
            failures: 0,
            cut_off: 0,
        }
    }

    fn begin(lanes: &mut Lanes) -> Vec<Waiting> {
        std::iter::from_fn(|| lanes.begin()).collect()
    }

    #[test]
    fn a_busy_lane_is_looked_up_when_nothing_of_it_waits_and_not_after_each_effect() {
        let mut table: VecDeque<_> = (0..1_000).map(|number| due(1, number)).collect();
        let (mut lanes, mut running, mut looks) = (Lanes::default(), VecDeque::new(), 0);
        while !table.is_empty() {
            if looks == 0 || lanes.want_more() {
                looks += 1;
                lanes.looks();
                lanes.wait(table.iter().take(DUE_MAX).cloned().collect());
            }
            running.extend(begin(&mut lanes));
            assert_eq!(running.len(), AT_ONCE_IN_LANE.min(table.len()), "it is never idle");
            let ended: Waiting = running.pop_front().unwrap();
            lanes.end(&ended.lane(), &ended.id());
            table.retain(|it| it.key != ended.key);
        }
        assert!(looks <= 1_000 / WAITING_MAX + 1, "{looks}");
    }

    #[test]
    fn lanes_that_have_nothing_under_way_have_room_beside_all_that_are_busy() {
        let mut lanes = Lanes::default();
        for org in 1..=20 {
            lanes.wait((0..20).map(|number| due(org, number)).collect());
        }
        assert_eq!(begin(&mut lanes).len(), AT_ONCE - KEPT);
        lanes.wait((21..=60).map(|org| due(org, 0)).collect());
        let begun = begin(&mut lanes);
        assert_eq!(begun.len(), KEPT);
        assert!(begun.iter().all(|it| it.org.0.0 > 20));
        assert!(lanes.begin().is_none() && lanes.can_wait());
        // As soon as one ends another one has its place, whoever it was of.
        lanes.end(&due(1, 0).lane(), &due(1, 0).id());
        assert_eq!(lanes.begin().unwrap().org, OrgId(Ulid(37)));
    }
}
