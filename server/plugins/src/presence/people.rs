//! Who is connected, as this node knows.
//!
//! What connections do is only noted; a turn, a few times a second, finds out who came and who
//! went since the last one. So whoever is told, people and nodes, is told of one change in one
//! order, a burst costs the nodes 64 messages a turn however many people come back at once, and a
//! person who changes nothing costs nothing.
//!
//! `now` is how long the node runs: a wall clock that is put back would keep people online.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use carillon_protocol::{RunId, SessionId, UserId, presence::Person};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::others::Others;

/// People are told of in so many parts, so that a whole statement is many small messages, and what
/// one of them says replaces a part.
pub const PARTS: usize = 64;
/// Whoever closed the last window is online for so much longer: a page that is loaded again, or
/// a phone between two networks, is back by then.
const GRACE: Duration = Duration::from_secs(5);
/// A node that has just begun to hear the others does not know who is there before they have had
/// the time to say so: they probe each second, and answer within another.
const DOUBT: Duration = Duration::from_secs(3);
/// What is not heard for a shorter time than this changes nothing that was said: a node that is
/// silent is not given up sooner either.
const DEAF: Duration = Duration::from_secs(5);
/// A node that did not say everything is asked again after so long, and then twice as long each
/// time: one of an earlier version never answers, and all others do whenever one is asked.
const ASK: Duration = Duration::from_secs(1);
/// The longest pause.
const ASK_MAX: Duration = Duration::from_secs(60);
/// Of so many people a turn tells at most, the others later: whoever watches somebody is written
/// to, and messages must not wait until thousands were told of thousands.
const NEWS_MAX: usize = 256;

/// The part that a person is told of in: by the random end of the id.
pub fn part(user: UserId) -> u8 {
    (user.0.0 % PARTS as u128) as u8
}

/// What a node says of people of one part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// The part, if it is all of it: who is not named is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all_of: Option<u8>,
    /// The sessions of each that are connected, which are none in the grace; nothing for who is
    /// gone.
    pub people: Vec<(UserId, Option<Vec<SessionId>>)>,
}

/// What a turn found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// Who came or went, wherever.
    pub news: Vec<Person>,
    /// What the other nodes must hear, by part.
    pub said: Vec<(u8, Said)>,
    /// Whether the others must be asked who is with them.
    pub ask: bool,
}

/// Somebody on this node.
#[derive(Debug, Default)]
struct Here {
    /// Each session with the number of its windows.
    sessions: SmallVec<[(SessionId, u32); 1]>,
    /// Until when the person counts as online without any.
    until: Option<Duration>,
}

impl Here {
    fn ids(&self) -> Vec<SessionId> {
        self.sessions.iter().map(|(session, _)| *session).collect()
    }
}

/// The other nodes, as this one hears them.
#[derive(Debug, Default)]
struct Heard {
    nodes: Others,
    /// Since when not all that is said arrives.
    deaf_since: Option<Duration>,
    /// When the others have had the time to say who is there; absent at the start.
    settled_at: Option<Duration>,
    /// Whether they have had it.
    settled: bool,
    /// Whether to ask: something may have been missed.
    missed: bool,
    /// Those who did not say everything: when to ask again, and how long after that.
    asks: HashMap<RunId, (Duration, Duration)>,
}

impl Heard {
    /// Notes whether somebody did not say everything and is to be asked for it now.
    fn ask_again(&mut self, alive: &[RunId], now: Duration) {
        let Heard { nodes, asks, missed, .. } = self;
        asks.retain(|run, _| alive.contains(run) && !nodes.is_whole(*run));
        for run in alive.iter().filter(|run| !nodes.is_whole(**run)) {
            let (at, pause) = asks.entry(*run).or_insert((now, ASK));
            if now >= *at {
                *missed = true;
                *at = now + *pause;
                *pause = ASK_MAX.min(*pause * 2);
            }
        }
    }
}

/// People to look at, in the order in which they came up, each once.
#[derive(Debug, Default)]
struct Touched {
    order: VecDeque<UserId>,
    people: HashSet<UserId>,
}

impl Touched {
    fn extend(&mut self, users: impl IntoIterator<Item = UserId>) {
        self.order.extend(users.into_iter().filter(|user| self.people.insert(*user)));
    }

    fn next(&mut self) -> Option<UserId> {
        let user = self.order.pop_front()?;
        self.people.remove(&user);
        Some(user)
    }
}

#[derive(Debug, Default)]
struct All {
    here: HashMap<UserId, Here>,
    /// Who is in the grace, in the order in which it ends.
    leaving: VecDeque<(Duration, UserId)>,
    /// Whose windows here changed since the last turn.
    changed: HashSet<UserId>,
    /// Who may not be any more as people were told.
    touched: Touched,
    /// Nothing for a node that is alone.
    heard: Option<Heard>,
    /// The other nodes that run, as the database says.
    beating: Vec<RunId>,
    /// Whether somebody asked who is here.
    asked: bool,
    /// Whether those elsewhere are said to be neither here nor away.
    doubts: bool,
    /// Whether it was known in the last turn who is elsewhere.
    was_settled: bool,
    /// Who is online, as people were told.
    online: HashSet<UserId>,
    /// Of whom they were told that it is not known.
    unsure: HashSet<UserId>,
}

/// Who is connected, to this node and to the others.
#[derive(Debug, Default)]
pub struct Presence(Mutex<All>);

impl Presence {
    fn lock(&self) -> MutexGuard<'_, All> {
        // Nothing in here panics half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A window connected here.
    pub fn came(&self, user: UserId, session: SessionId) {
        let mut all = self.lock();
        let here = all.here.entry(user).or_default();
        match here.sessions.iter_mut().find(|(other, _)| *other == session) {
            Some((_, windows)) => *windows += 1,
            None => here.sessions.push((session, 1)),
        }
        all.changed.insert(user);
    }

    /// A window that came is gone.
    pub fn went(&self, user: UserId, session: SessionId) {
        let mut all = self.lock();
        let Some(here) = all.here.get_mut(&user) else { return };
        here.sessions.retain(|(other, windows)| {
            *windows -= u32::from(*other == session);
            *windows > 0
        });
        all.changed.insert(user);
    }

    /// There are other nodes, and this is how they are heard: whether all that is said arrives, and
    /// who was heard of late. Without this a node takes itself for the only one.
    pub fn hears(&self, well: bool, alive: &[RunId], now: Duration) {
        let mut all = self.lock();
        let All { heard, touched, doubts, .. } = &mut *all;
        let heard = heard.get_or_insert_default();
        let begins = heard.settled_at.is_none();
        if begins || !well {
            heard.settled_at = Some(now + DOUBT);
            heard.missed = true;
        }
        heard.deaf_since = if well { None } else { heard.deaf_since.or(Some(now)) };
        heard.settled = heard.settled_at.is_some_and(|at| now >= at);
        let deaf = heard.deaf_since.is_some_and(|since| now >= since + DEAF);
        let doubt = !heard.settled && (*doubts || begins || deaf);
        if mem::replace(doubts, doubt) != doubt {
            touched.extend(heard.nodes.everybody());
        }
        if heard.settled {
            touched.extend(heard.nodes.keep(alive));
        }
        heard.ask_again(alive, now);
    }

    /// These are the other nodes that run, as the database says: who is with one that is not heard
    /// is nowhere else, and yet not away.
    pub fn beating(&self, runs: Vec<RunId>) {
        self.lock().beating = runs;
    }

    /// Whether a node runs that is not among those who are heard.
    pub fn hears_not_all(&self, alive: &[RunId]) -> bool {
        self.lock().beating.iter().any(|run| !alive.contains(run))
    }

    /// A node said who is with it.
    pub fn heard(&self, run: RunId, said: Said) {
        let mut all = self.lock();
        let All { heard, touched, .. } = &mut *all;
        touched.extend(heard.get_or_insert_default().nodes.heard(run, said));
    }

    /// Something that the others said may be missing.
    pub fn missed(&self) {
        self.lock().heard.get_or_insert_default().missed = true;
    }

    /// A node wants to know who is here.
    pub fn asked(&self) {
        self.lock().asked = true;
    }

    /// Whether somebody is online, as those who watch were told; nothing if that is not known,
    /// which they are told when it is.
    pub fn online(&self, user: UserId) -> Option<bool> {
        let mut all = self.lock();
        if all.online.contains(&user) {
            return Some(true);
        }
        let online = all.of_nobody();
        if online.is_none() {
            all.unsure.insert(user);
        }
        online
    }

    /// The connected sessions of a person, and whether these are all.
    pub fn sessions(&self, user: UserId) -> (Vec<SessionId>, bool) {
        let all = self.lock();
        let mut sessions = all.here.get(&user).map(Here::ids).unwrap_or_default();
        for elsewhere in all.heard.iter().flat_map(|heard| heard.nodes.of(user)) {
            sessions.extend(elsewhere);
        }
        (sessions, all.is_settled())
    }

    /// A turn. Only with `whole`, which is seldom, nodes ask each other and say everything.
    pub fn turn(&self, now: Duration, whole: bool) -> Turn {
        self.lock().turn(now, whole)
    }
}

impl All {
    fn turn(&mut self, now: Duration, whole: bool) -> Turn {
        let mut changed = mem::take(&mut self.changed);
        for &user in &changed {
            self.begin_or_end_grace(user, now);
        }
        while let Some(&(until, user)) = self.leaving.front()
            && until <= now
        {
            self.leaving.pop_front();
            if self.here.get(&user).is_some_and(|here| here.until == Some(until)) {
                self.here.remove(&user);
                changed.insert(user);
            }
        }
        let mut turn = Turn::default();
        if let Some(heard) = &mut self.heard {
            turn.ask = whole && mem::take(&mut heard.missed);
            turn.said = match whole && mem::take(&mut self.asked) {
                true => self.everything(),
                false => self.what_changed(&changed),
            };
        }
        let settled = self.is_settled();
        if !mem::replace(&mut self.was_settled, settled) && settled {
            self.touched.extend(self.unsure.iter().copied());
        }
        self.touched.extend(changed);
        turn.news = self.news();
        turn
    }

    fn begin_or_end_grace(&mut self, user: UserId, now: Duration) {
        let Some(here) = self.here.get_mut(&user) else { return };
        match (here.sessions.is_empty(), here.until) {
            (false, _) => here.until = None,
            (true, None) => {
                here.until = Some(now + GRACE);
                self.leaving.push_back((now + GRACE, user));
            }
            (true, Some(_)) => {}
        }
    }

    /// What the other nodes hear of some people here.
    fn what_changed(&self, people: &HashSet<UserId>) -> Vec<(u8, Said)> {
        let mut parts: HashMap<u8, Said> = HashMap::new();
        for &user in people {
            let sessions = self.here.get(&user).map(Here::ids);
            parts.entry(part(user)).or_default().people.push((user, sessions));
        }
        parts.into_iter().collect()
    }

    /// What they hear if they ask: all parts, also those without people.
    fn everything(&self) -> Vec<(u8, Said)> {
        let mut parts: Vec<_> = (0..PARTS as u8)
            .map(|number| (number, Said { all_of: Some(number), people: Vec::new() }))
            .collect();
        for (user, here) in &self.here {
            parts[usize::from(part(*user))].1.people.push((*user, Some(here.ids())));
        }
        parts
    }

    /// Who is not as was told before, of the first to look at.
    fn news(&mut self) -> Vec<Person> {
        let mut news = Vec::new();
        while news.len() < NEWS_MAX
            && let Some(user) = self.touched.next()
        {
            let online = self.is_online(user);
            let moved = match online {
                Some(true) => {
                    self.unsure.remove(&user);
                    self.online.insert(user)
                }
                Some(false) => self.unsure.remove(&user) | self.online.remove(&user),
                None => self.online.remove(&user) && self.unsure.insert(user),
            };
            if moved {
                news.push(Person { user, online });
            }
        }
        news
    }

    fn is_online(&self, user: UserId) -> Option<bool> {
        let elsewhere = || self.heard.as_ref().is_some_and(|it| it.nodes.of(user).next().is_some());
        match self.here.contains_key(&user) {
            true => Some(true),
            false if elsewhere() => (!self.doubts).then_some(true),
            false => self.of_nobody(),
        }
    }

    /// How somebody is of whom nothing is known.
    fn of_nobody(&self) -> Option<bool> {
        self.is_settled().then_some(false)
    }

    /// Whether it is known who is elsewhere.
    fn is_settled(&self) -> bool {
        let heard = self.heard.as_ref();
        let is_whole = |run| heard.is_some_and(|heard| heard.nodes.is_whole(run));
        heard.is_none_or(|heard| heard.settled) && self.beating.iter().copied().all(is_whole)
    }
}
