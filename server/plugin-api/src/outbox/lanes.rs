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
use tokio::time::sleep;

use super::{Waiting, longest_pause};
use crate::{BoxFuture, Host, Result, Value, duties::Duties};

/// Effects that are looked up at once.
const DUE_MAX: usize = 64;
/// Effects of a plugin that are under way at the same time.
const AT_ONCE: usize = 128;
/// Of these, of one kind and one organisation: whoever does not answer them holds up nobody else.
const AT_ONCE_IN_LANE: usize = 8;
/// While some are under way, it is looked so often what has become due.
const LOOK_EVERY: Duration = Duration::from_secs(1);

impl Host {
    /// Carries out until nothing is due and nothing under way; whether there was anything.
    pub(super) async fn carry_out(&self, duties: &Duties) -> Result<bool> {
        let (owner, mut lanes) = (&duties.owner, Lanes::default());
        let mut news = FuturesUnordered::<BoxFuture<'_, News>>::new();
        let (mut look, mut looking) = (true, false);
        let (mut any, mut failed) = (false, Ok(()));
        loop {
            let open = failed.is_ok() && !owner.wakes.are_resting();
            while open && let Some(it) = lanes.begin() {
                any = true;
                // A lane that is full by now hid what is due in others.
                look |= lanes.is_full(&it.lane());
                let (lane, id) = (it.lane(), it.id());
                let outlet = duties.outlets.get(it.kind.as_str());
                let deliver = self.deliver(owner, outlet, it);
                news.push(Box::pin(async move { News::Ended(lane, id, deliver.await) }));
            }
            if open && look && !looking && lanes.have_room() {
                (look, looking) = (false, true);
                let (sql, args) = self.due(duties, &lanes);
                news.push(Box::pin(async move {
                    let rows = self.storage().query(&sql, args).await;
                    News::Due(rows.and_then(|rows| rows.iter().map(Waiting::read).collect()))
                }));
            }
            let (woken, soon) = (pin!(owner.wakes.outbox.notified()), pin!(sleep(LOOK_EVERY)));
            match select(news.next(), select(woken, soon)).await {
                Either::Left((None, _)) => return failed.map(|()| any),
                Either::Left((Some(News::Ended(lane, id, end)), _)) => {
                    look |= lanes.end(&lane, &id);
                    failed = failed.and(end);
                }
                Either::Left((Some(News::Due(due)), _)) => {
                    looking = false;
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
        let mut sql = "SELECT kind, key, payload, org, intent, failures FROM plugin_outbox
             WHERE plugin = $1 AND (retry_at <= $2 OR retry_at > $3)"
            .to_owned();
        for (org, kind) in lanes.closed() {
            args.extend([(*org).into(), kind.as_str().into()]);
            sql += &format!(" AND NOT (org = ${} AND kind = ${})", args.len() - 1, args.len());
        }
        // Those under way may not be written down as tried yet.
        sql += &format!(" ORDER BY retry_at, kind, key LIMIT {}", DUE_MAX + AT_ONCE);
        (sql, args)
    }
}

/// Whose effects hold up each other only: those of an organisation and of a kind.
type Lane = (OrgId, String);
/// What tells an effect in the outbox: its kind, its key, and which one under this key it is.
type Id = (String, String, String);

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
        (self.kind.clone(), self.key.clone(), self.intent.clone())
    }
}

/// What is under way, and what waits for others of its lane.
#[derive(Default)]
struct Lanes {
    busy: HashMap<Lane, usize>,
    waiting: BTreeMap<Lane, VecDeque<Waiting>>,
    under_way: HashSet<Id>,
}

impl Lanes {
    fn is_full(&self, lane: &Lane) -> bool {
        self.busy.get(lane).is_some_and(|&busy| busy >= AT_ONCE_IN_LANE)
    }

    fn have_room(&self) -> bool {
        self.under_way.len() < AT_ONCE
    }

    /// Lanes of which no more is looked up.
    fn closed(&self) -> impl Iterator<Item = &Lane> {
        let full = self.busy.keys().filter(|lane| self.is_full(lane));
        full.chain(self.waiting.keys().filter(|lane| !self.is_full(lane)))
    }

    fn wait(&mut self, due: Vec<Waiting>) {
        for it in due {
            if !self.under_way.contains(&it.id()) {
                self.waiting.entry(it.lane()).or_default().push_back(it);
            }
        }
    }

    /// The next effect that has room, as its lane has: of the lane with the fewest under way.
    fn begin(&mut self) -> Option<Waiting> {
        if !self.have_room() {
            return None;
        }
        let busy = |lane: &Lane| self.busy.get(lane).copied().unwrap_or_default();
        let lane = self.waiting.keys().min_by_key(|lane| busy(lane))?.clone();
        if self.is_full(&lane) {
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

    /// Whether more of this lane has to be looked up.
    fn end(&mut self, lane: &Lane, id: &Id) -> bool {
        self.under_way.remove(id);
        if let Some(busy) = self.busy.get_mut(lane) {
            *busy -= 1;
            if *busy == 0 {
                self.busy.remove(lane);
            }
        }
        !self.waiting.contains_key(lane)
    }
}
