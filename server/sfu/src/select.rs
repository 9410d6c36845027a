//! Which layer of each picture one subscriber gets.
//!
//! Times are durations since any fixed moment; rates are bits per second.

use std::{collections::HashMap, hash::Hash, time::Duration};

/// How long there must be room for a better layer before it is sent.
const UPGRADE_AFTER: Duration = Duration::from_secs(2);
/// How long a better layer is kept without room for it, while nothing says that the way is full: an
/// estimate that was wrong has recovered by then.
const LOWER_AFTER: Duration = Duration::from_secs(3);
/// How much room there must be, in percent of what would be sent then. An estimate that wobbles by
/// a tenth either way varies by 22 %: whoever is raised under this stays raised.
const HEADROOM_PERCENT: u64 = 125;
/// The same where what is sent is kept for a while without room for it: a wobble lowers nothing.
const PATIENT_PERCENT: u64 = 110;
/// The share of the estimate that is used.
const USED_PERCENT: u64 = 90;
/// How far the smallest layer of the most important picture may exceed the budget: little enough
/// for sound to get through, and estimates do not grow while nothing is sent.
const OVERDRAFT: u64 = 50_000;

/// What pictures may cost: a share of the estimate, after the sound.
pub fn budget(estimate_bps: u64, audio_bps: u64) -> u64 {
    (estimate_bps / 100 * USED_PERCENT).saturating_sub(audio_bps)
}

/// The estimate under which pictures get this budget.
pub fn estimate_for(budget_bps: u64, audio_bps: u64) -> u64 {
    (budget_bps + audio_bps).div_ceil(USED_PERCENT) * 100
}

/// One of the sizes in which a picture is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerRate {
    /// What it costs; of a layer that is off at its source, what it will cost.
    pub bps: u64,
    /// In pixels; 0 if not known.
    pub width: u16,
    /// In pixels; 0 if not known.
    pub height: u16,
}

/// What a picture is, the most important first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// A shared screen.
    Screen,
    /// Who talks.
    Speaker,
    /// Anything else.
    Other,
}

/// A picture that somebody looks at.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// Its layers, the smallest first.
    pub layers: &'a [LayerRate],
    /// The width of the tile it is seen in, in pixels of the screen.
    pub width: u16,
    /// And its height.
    pub height: u16,
    /// What it is.
    pub class: Class,
}

impl Wish<'_> {
    /// How many of the layers are of use: the smallest that fills the tile in one direction is the
    /// last.
    pub fn useful(&self) -> usize {
        let fills = |layer: &LayerRate| layer.width >= self.width || layer.height >= self.height;
        let enough = self.layers.iter().position(fills);
        enough.map_or(self.layers.len(), |last| last + 1)
    }

    /// What one layer more costs.
    fn step(&self, level: usize) -> u64 {
        let before = level.checked_sub(1).map_or(0, |before| self.layers[before].bps);
        self.layers[level].bps.saturating_sub(before)
    }
}

/// What is sent though there is no room for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeps {
    /// Nothing: the way is full.
    Nothing,
    /// The smallest layer of what is shown, and for a while the better ones: nothing says that the
    /// way is full.
    Shown,
    /// The smallest layer of the most important picture.
    First,
    /// The smallest layer of all pictures.
    All,
}

/// Chooses for one subscriber, and remembers what it chose.
#[derive(Debug)]
pub struct Selector<K> {
    chosen: HashMap<K, Chosen>,
    desired: u64,
    spent: u64,
}

#[derive(Debug, Clone, Copy)]
struct Chosen {
    /// How many layers up.
    levels: usize,
    /// How many were of use.
    useful: usize,
    /// Whether it was ever sent.
    shown: bool,
    /// Since when there is room for one more.
    room_since: Option<Duration>,
    /// Since when there is no room for what is sent.
    short_since: Option<Duration>,
}

/// How a picture fares in one round.
struct Turn {
    held: usize,
    levels: usize,
    useful: usize,
    shown: bool,
    /// Whether it is raised without a wait: it was never sent, or its tile grew.
    at_once: bool,
    /// Whether there is no room for its next layer.
    full: bool,
    /// Whether there is room, but has not been for long enough.
    waits: bool,
    /// Whether its smallest layer is sent whether there is room or not.
    kept: bool,
    /// Whether there is no room for what is sent of it.
    short: bool,
    room_since: Option<Duration>,
    short_since: Option<Duration>,
}

impl<K: Copy + Eq + Hash> Selector<K> {
    /// Nothing was chosen yet.
    pub fn new() -> Selector<K> {
        Selector { chosen: HashMap::new(), desired: 0, spent: 0 }
    }

    /// The layer that each picture is to be sent in, as an index of its layers; `None` if there is
    /// no room for it. `wishes` are in the order of their importance within a class.
    ///
    /// Everybody's smallest layer comes first, then screens, speakers and the rest are raised,
    /// within a class one layer at a time. Nothing exceeds the budget but what is kept, and the
    /// smallest layer of the most important picture by a little.
    pub fn select(
        &mut self,
        now: Duration,
        (budget_bps, keeps): (u64, Keeps),
        wishes: &[(K, Wish)],
    ) -> Vec<Option<usize>> {
        let turn = |(key, wish): &(K, Wish)| self.turn(*key, wish, keeps);
        let mut turns: Vec<Turn> = wishes.iter().map(turn).collect();
        let mut order: Vec<usize> = (0..wishes.len()).collect();
        order.sort_by_key(|nth| wishes[*nth].1.class);
        let first = order.iter().find(|nth| turns[**nth].useful > 0);
        if let (Keeps::First, Some(first)) = (keeps, first) {
            turns[*first].kept = true;
        }
        let patient = keeps == Keeps::Shown;
        let mut funds = Funds { budget: budget_bps, spent: 0, planned: 0, patient };
        for (nth, level) in steps(&order, wishes, &turns) {
            let first = level == 0 && Some(&nth) == order.first();
            funds.budget = budget_bps + if first { OVERDRAFT } else { 0 };
            turns[nth].take(now, level, wishes[nth].1.step(level), &mut funds);
        }
        self.desired =
            wishes.iter().map(|(_, wish)| top_bps(wish)).sum::<u64>() * HEADROOM_PERCENT / 100;
        self.spent = funds.spent;
        let outcomes = wishes.iter().zip(&turns);
        self.chosen = outcomes.map(|((key, _), turn)| (*key, turn.chosen())).collect();
        turns.iter().map(|turn| turn.levels.checked_sub(1)).collect()
    }

    /// Nothing but smallest layers is held any more: better ones are chosen as if for the first
    /// time.
    pub fn lower(&mut self) {
        for chosen in self.chosen.values_mut() {
            (chosen.levels, chosen.room_since) = (chosen.levels.min(1), None);
        }
    }

    /// The budget under which all wishes of the last round come true.
    pub fn desired_bps(&self) -> u64 {
        self.desired
    }

    /// What the choice of the last round costs.
    pub fn spent_bps(&self) -> u64 {
        self.spent
    }

    fn turn(&self, key: K, wish: &Wish, keeps: Keeps) -> Turn {
        let useful = wish.useful();
        let before = self.chosen.get(&key);
        let held = before.map_or(0, |before| before.levels.min(useful));
        Turn {
            held,
            levels: 0,
            useful,
            shown: before.is_some_and(|before| before.shown),
            at_once: before.is_none_or(|before| !before.shown || useful > before.useful),
            full: false,
            waits: false,
            kept: keeps == Keeps::All || keeps == Keeps::Shown && held > 0,
            short: false,
            room_since: before.and_then(|before| before.room_since),
            short_since: before.and_then(|before| before.short_since),
        }
    }
}

impl Turn {
    /// Decides about the next layer.
    fn take(&mut self, now: Duration, level: usize, cost: u64, funds: &mut Funds) {
        if self.levels < level && !self.waits {
            return;
        }
        if level == 0 && self.kept {
            funds.spend(cost);
            self.levels += 1;
            return;
        }
        if level < self.held {
            if funds.holds(cost) || funds.patient && self.bears(now) {
                funds.spend(cost);
                self.levels += 1;
            }
            return;
        }
        // Where nothing says that the way is full, a picture comes back as soon as it fits.
        let exactly = level == 0 && (self.at_once || funds.patient);
        if self.full || !funds.has_room(cost, exactly) {
            self.full = true;
            return;
        }
        let since = *self.room_since.get_or_insert(now);
        self.waits |= !self.at_once && now.saturating_sub(since) < UPGRADE_AFTER;
        if self.waits {
            funds.planned += cost;
        } else {
            funds.spend(cost);
            self.levels += 1;
        }
    }

    /// Whether what has no room stays for a while.
    fn bears(&mut self, now: Duration) -> bool {
        self.short = true;
        let since = *self.short_since.get_or_insert(now);
        now.saturating_sub(since) < LOWER_AFTER
    }

    fn chosen(&self) -> Chosen {
        let room_since = self.room_since.filter(|_| self.waits);
        let short_since = self.short_since.filter(|_| self.short);
        let shown = self.shown || self.levels > 0;
        Chosen { levels: self.levels, useful: self.useful, shown, room_since, short_since }
    }
}

/// What is left to give.
struct Funds {
    budget: u64,
    /// What is sent.
    spent: u64,
    /// And with what will be sent soon, if there is room that long.
    planned: u64,
    /// Whether what is sent is kept for a while without room for it.
    patient: bool,
}

impl Funds {
    /// Whether there is room for what was sent so far.
    fn holds(&self, cost: u64) -> bool {
        self.spent + cost <= self.budget
    }

    /// Whether something more could be sent; `exactly` without headroom.
    fn has_room(&self, cost: u64, exactly: bool) -> bool {
        let percent = match (exactly, self.patient) {
            (true, _) => 100,
            (false, true) => PATIENT_PERCENT,
            (false, false) => HEADROOM_PERCENT,
        };
        (self.planned + cost) * percent <= self.budget * 100
    }

    fn spend(&mut self, cost: u64) {
        self.spent += cost;
        self.planned += cost;
    }
}

/// The order in which layers are given: the smallest of all, then class by class.
fn steps<K>(order: &[usize], wishes: &[(K, Wish)], turns: &[Turn]) -> Vec<(usize, usize)> {
    let given = |nth: usize| (0..turns[nth].useful).map(move |level| (nth, level));
    let mut steps: Vec<_> = order.iter().flat_map(|nth| given(*nth)).collect();
    steps.sort_by_key(|(nth, level)| (*level > 0, wishes[*nth].1.class, *level));
    steps
}

fn top_bps(wish: &Wish) -> u64 {
    wish.useful().checked_sub(1).map_or(0, |top| wish.layers[top].bps)
}

#[cfg(test)]
mod tests;
