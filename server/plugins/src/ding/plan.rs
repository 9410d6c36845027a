//! What a ladder does with people, prices and quotas.
//!
//! [`Plan::run`] is what `ding.simulate` shows and what `ding.advance` does, so that the two cannot
//! disagree. What is spent is spent in the order of time, and of recipients' ids where that is the
//! same.

use std::collections::{BTreeMap, BTreeSet};

use carillon_protocol::{
    UserId,
    ding::{Channel, Deputy, Planned, Skip, Whom},
    notify::{Reachable, Reached},
};
use jiff::tz::TimeZone;

use super::{
    audience::Person,
    budget::{Budget, Spans},
    deputy,
    duty::Rotas,
    ladder::{Climb, Due, Ladder, day, is_noisy},
    quiet::{Calm, Hours},
};

/// Where somebody is left in peace of whom nothing is known: they are not reached anyway.
const NOWHERE: &TimeZone = &TimeZone::UTC;

/// Who is called for several recipients through one channel within this time is called once for
/// all of them. Well below the shortest pause between two tries: a page that is late must not make
/// one of them.
pub(super) const TOGETHER_MS: i64 = 45_000;

/// What a plan is made from.
pub(super) struct Plan {
    pub sender: UserId,
    /// When the alert begins.
    pub starts_at: i64,
    pub ladder: Ladder,
    /// The quiet hours; none if they are passed over.
    pub quiet: Calm,
    /// Recipients, and who may be called instead of them.
    pub people: BTreeMap<UserId, Person>,
    pub rotas: Rotas,
    /// Who stands in for recipients.
    pub deputies: BTreeMap<UserId, Deputy>,
    /// Which addresses people have.
    pub reach: BTreeMap<UserId, Reachable>,
    /// What a try costs, of channels that can be used.
    pub prices: BTreeMap<Channel, u64>,
    /// What the alert may cost.
    pub cost_max: u64,
    /// What all of the organisation's may.
    pub budget: Budget,
    /// How many texts and calls one person gets in a day.
    pub paid_a_day: u32,
}

/// What was spent until now.
#[derive(Debug, Clone, Default)]
pub(super) struct Spent {
    /// By the alert.
    pub cost: u64,
    /// By all alerts of the organisation.
    pub all: Spans,
    /// Texts and calls that somebody got on a day of theirs.
    pub paid: BTreeMap<(UserId, i64), u32>,
    /// When somebody was called last instead of a recipient, and by which try.
    pub called: BTreeMap<(UserId, Channel), (i64, Name)>,
}

/// The recipient, the step and the number of a try.
pub(super) type Name = (UserId, u32, u32);

/// A try with a recipient that a plan came to.
pub(super) struct Try {
    /// The recipient.
    pub recipient: UserId,
    /// What is done, or why it is not.
    pub planned: Planned,
    /// Whether it makes a noise.
    pub sound: bool,
    /// Of a text or a call, the day that it counts for.
    pub day: Option<i64>,
    /// The try that it is made with: another one, if somebody was called a moment before.
    pub with: Name,
}

/// A place in the order in which things are done.
pub(super) type Place = (i64, UserId);

impl Plan {
    /// What comes next with a recipient.
    pub(super) fn next(&self, recipient: UserId, climb: &Climb) -> Option<Due> {
        climb.next(&self.ladder, self.starts_at, self.hours(recipient))
    }

    /// Lets ladders go on, through everything that is due up to a place, and says what is done.
    /// Each is done now, or, without a `now`, when it is due.
    pub(super) fn run(
        &self,
        climbs: &mut BTreeMap<UserId, Climb>,
        spent: &mut Spent,
        (until, now): (Place, Option<i64>),
        mut each: impl FnMut(Try),
    ) {
        let next = |user: UserId, climb: &Climb| self.next(user, climb).map(|due| (due.at, user));
        let due = climbs.iter().filter_map(|(&user, climb)| next(user, climb));
        let mut places: BTreeSet<Place> = due.collect();
        while let Some(place) = places.pop_first().filter(|place| *place <= until) {
            let recipient = place.1;
            let Some(climb) = climbs.get_mut(&recipient) else { continue };
            let Some(due) = self.next(recipient, climb) else { continue };
            let at = now.unwrap_or(due.at);
            let who = self.who(recipient, due.rung.whom, at);
            match self.waits(&due, who, at) {
                Some(until) => climb.put_off(&due, until, at),
                None => {
                    each(self.decide(recipient, &due, (who, at), spent));
                    climb.done(&due, at);
                }
            }
            places.extend(next(recipient, climb));
        }
    }

    /// What is done next with a recipient, as far as it is known by now.
    pub(super) fn peek(
        &self,
        recipient: UserId,
        climb: &Climb,
        spent: &mut Spent,
        now: i64,
    ) -> Option<Planned> {
        let due = self.next(recipient, climb)?;
        let at = due.at.max(now);
        let who = self.who(recipient, due.rung.whom, at);
        Some(self.decide(recipient, &due, (who, at), spent).planned)
    }

    fn hours(&self, user: UserId) -> Hours<'_> {
        let tz = self.people.get(&user).map_or(NOWHERE, |person| &person.tz);
        Hours { calm: &self.quiet, tz }
    }

    /// Until when something waits by itself. Whoever is on duty is not left in peace.
    fn waits(&self, due: &Due, who: Option<UserId>, at: i64) -> Option<i64> {
        let waits = is_noisy(due.rung.channel) && !due.waited;
        let waits = waits && !matches!(due.rung.whom, Whom::OnDuty { .. });
        who.filter(|_| waits).and_then(|who| self.hours(who).until(at))
    }

    /// Who is reached: neither the sender, nor the recipient in place of themselves.
    fn who(&self, recipient: UserId, whom: Whom, at: i64) -> Option<UserId> {
        let person = self.people.get(&recipient);
        let who = match whom {
            Whom::Recipient => return person.map(|person| person.user),
            Whom::Manager => person?.manager?,
            Whom::ManagerAbove => person?.manager_above?,
            Whom::Deputy => {
                let deputy = self.deputies.get(&recipient).filter(|it| deputy::holds(it, at));
                let deputy = deputy.map(|it| it.deputy).filter(|who| self.can(*who, recipient));
                deputy.or(person?.manager)?
            }
            Whom::OnDuty { duty } => self.rotas.on_duty(duty, at)?,
            Whom::User { user } => user,
        };
        self.can(who, recipient).then_some(who)
    }

    /// Whether somebody can be called instead of a recipient.
    fn can(&self, who: UserId, recipient: UserId) -> bool {
        ![self.sender, recipient].contains(&who) && self.people.contains_key(&who)
    }

    fn decide(
        &self,
        recipient: UserId,
        due: &Due,
        (who, at): (Option<UserId>, i64),
        spent: &mut Spent,
    ) -> Try {
        let (step, nth, channel) = (due.rung.step, due.rung.nth, due.rung.channel);
        let instead = who.filter(|who| *who != recipient).map(|who| (who, channel));
        let last = instead.and_then(|it| spent.called.get(&it));
        // Another try of the same step is meant to be one more.
        let again = |with: &Name| with.1 == step && with.2 != nth;
        let last =
            last.filter(|(last, with)| (0..TOGETHER_MS).contains(&(at - last)) && !again(with));
        let with = last.map_or((recipient, step, nth), |(_, with)| *with);
        // What is made with another try costs nothing more.
        let price = self.prices.get(&channel).copied().filter(|_| last.is_none());
        let price = price.unwrap_or_default();
        let is_paid = matches!(channel, Channel::Sms | Channel::Call) && last.is_none();
        let hours = self.hours(who.unwrap_or(recipient));
        let day = is_paid.then(|| day(at, hours.tz));
        let skip = match who {
            None => Some(Skip::Nobody),
            Some(who) => self.refused(who, (channel, at), (price, day), spent),
        };
        if let (Some(who), None) = (who, skip) {
            spent.cost += price;
            if price > 0 {
                self.budget.spend(at, price, &mut spent.all);
            }
            if let Some(day) = day {
                *spent.paid.entry((who, day)).or_default() += 1;
            }
            if let Some(it) = instead.filter(|_| with == (recipient, step, nth)) {
                spent.called.insert(it, (at, with));
            }
        }
        let cost = if skip.is_none() { price } else { 0 };
        let on_duty = matches!(due.rung.whom, Whom::OnDuty { .. });
        let sound = on_duty || hours.until(at).is_none();
        let planned = Planned { at, step, nth, channel, user: who, skip, cost };
        Try { recipient, planned, sound, day: day.filter(|_| skip.is_none()), with }
    }

    fn refused(
        &self,
        who: UserId,
        (channel, at): (Channel, i64),
        (price, day): (u64, Option<i64>),
        spent: &Spent,
    ) -> Option<Skip> {
        if !self.has(who, channel) {
            return Some(Skip::NoAddress);
        }
        let had = |day| spent.paid.get(&(who, day)).copied().unwrap_or_default();
        if day.is_some_and(|day| had(day) >= self.paid_a_day) {
            return Some(Skip::Quota);
        }
        if price == 0 {
            return None;
        }
        if spent.cost + price > self.cost_max {
            return Some(Skip::Cost);
        }
        (!self.budget.allows(at, price, &spent.all)).then_some(Skip::Budget)
    }

    /// Whether somebody can be reached through a channel.
    pub(super) fn has(&self, who: UserId, channel: Channel) -> bool {
        if channel == Channel::App {
            return true;
        }
        let Some(person) = self.reach.get(&who) else { return false };
        let has = match channel {
            Channel::App => true,
            Channel::Push => person.push > 0,
            Channel::Email => person.email,
            Channel::Sms | Channel::Call => person.phone,
        };
        has && self.prices.contains_key(&channel)
    }

    /// Takes in which addresses people have, and what channels cost.
    pub(super) fn reached(&mut self, reached: Reached) {
        self.reach.extend(reached.people.into_iter().map(|person| (person.user, person)));
        let prices = reached.ways.into_iter().map(|way| (way.channel, u64::from(way.cents)));
        self.prices.extend(prices);
    }
}
