//! What was promised of ladders, compared with the calls that a provider was asked to make.

use std::{
    collections::{HashMap, HashSet},
    fmt,
};

/// What somebody confirmed may still be followed by calls that had begun, for so long.
pub const AFTER_MS: i64 = 5_000;
/// No step is later than this.
pub const LATE_MS: i64 = 60_000;

/// A ladder that was climbed.
#[derive(Debug, Clone)]
pub struct Ladder {
    /// `{ding}:{user}`.
    pub name: String,
    /// When it began, in milliseconds since the epoch.
    pub began_at: i64,
    /// If somebody confirmed it.
    pub confirmed: Option<Confirmation>,
}

/// When somebody began to confirm, and when that was acknowledged; in milliseconds since the epoch.
#[derive(Debug, Clone, Copy)]
pub struct Confirmation {
    /// Asked for.
    pub since: i64,
    /// Known to be on disk.
    pub acked: i64,
}

/// What a provider was asked for, and did.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The key of the attempt: `{ding}:{user}:{step}:{try}`.
    pub key: String,
    /// When, in milliseconds since the epoch.
    pub at: i64,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Judgement {
    /// What is wrong; nothing, if all was kept.
    pub wrong: Vec<String>,
    /// How many steps had to be made: nobody confirmed within a minute after they were due.
    pub must: usize,
    /// How many steps must not be made: they were due after a confirmation.
    pub must_not: usize,
    /// How many steps might be made or spared, and were only judged for doubles and times.
    pub may: usize,
    /// How many ladders have a step that had to be made.
    pub ladders: usize,
    /// How many milliseconds after it was due each step was made, the least first.
    pub late_ms: Vec<i64>,
}

/// What is expected of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Made,
    NotMade,
    Either,
}

impl Expected {
    fn of(due: i64, confirmed: Option<Confirmation>) -> Expected {
        match confirmed {
            None => Expected::Made,
            Some(Confirmation { since, .. }) if since > due + LATE_MS => Expected::Made,
            Some(Confirmation { acked, .. }) if due > acked + AFTER_MS => Expected::NotMade,
            // Whoever confirms while a step is due may be spared it.
            Some(_) => Expected::Either,
        }
    }
}

/// Judges what a provider was asked for. Steps are their numbers and how many seconds after the
/// beginning they are due, each tried once.
pub fn judge(ladders: &[Ladder], steps: &[(usize, i64)], asked: &[Asked]) -> Judgement {
    let mut found = Judgement::default();
    let mut at: HashMap<&str, i64> = HashMap::new();
    for asked in asked {
        if at.insert(&asked.key, asked.at).is_some() {
            found.wrong.push(format!("{} was made twice", asked.key));
        }
    }
    let mut due_keys = HashSet::new();
    for ladder in ladders {
        let before = found.must;
        for (step, after_s) in steps {
            let key = format!("{}:{step}:0", ladder.name);
            let due = ladder.began_at + after_s * 1_000;
            found.step(&key, due, ladder.confirmed, at.get(key.as_str()).copied());
            due_keys.insert(key);
        }
        found.ladders += usize::from(found.must > before);
    }
    let unknown = at.keys().filter(|key| !due_keys.contains(**key));
    found.wrong.extend(unknown.map(|key| format!("{key} was not asked for by any ladder")));
    found.wrong.sort();
    found.late_ms.sort_unstable();
    found
}

impl Judgement {
    fn step(&mut self, key: &str, due: i64, confirmed: Option<Confirmation>, at: Option<i64>) {
        let expected = Expected::of(due, confirmed);
        *match expected {
            Expected::Made => &mut self.must,
            Expected::NotMade => &mut self.must_not,
            Expected::Either => &mut self.may,
        } += 1;
        self.late_ms.extend(at.map(|at| at - due));
        self.wrong.extend(match (at, confirmed) {
            (Some(at), _) if at < due => Some(format!("{key} came {} ms early", due - at)),
            (Some(at), Some(Confirmation { acked, .. })) if at > acked + AFTER_MS => {
                Some(format!("{key} came {} ms after it was confirmed", at - acked))
            }
            (Some(at), _) if at > due + LATE_MS => Some(format!("{key} came {} ms late", at - due)),
            (None, _) if expected == Expected::Made => Some(format!("{key} is missing")),
            _ => None,
        });
    }

    /// Whether a step is missing so far.
    pub fn is_missing_some(&self) -> bool {
        self.wrong.iter().any(|wrong| wrong.ends_with("missing"))
    }

    /// The delay that so many of a thousand steps do not exceed, in milliseconds.
    fn late(&self, permille: usize) -> i64 {
        let place = (self.late_ms.len() * permille / 1_000).min(self.late_ms.len().max(1) - 1);
        self.late_ms.get(place).copied().unwrap_or_default()
    }
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Judgement { must, must_not, may, ladders, .. } = self;
        let [half, most, all] = [500, 990, 1_000].map(|permille| self.late(permille));
        write!(
            f,
            "{must} steps of {ladders} ladders had to be made, {must_not} must not be made, {may} \
             might be; half came within {half} ms, 99 % within {most} ms, all within {all} ms"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: [(usize, i64); 2] = [(0, 1), (1, 10)];

    /// What a case is: when it was confirmed, the calls, and the fault.
    type Case<'a> = (Option<(i64, i64)>, &'a [(&'a str, i64)], &'a str);

    fn ladder(confirmed: Option<(i64, i64)>) -> Vec<Ladder> {
        let confirmed = confirmed.map(|(since, acked)| Confirmation { since, acked });
        vec![Ladder { name: "d:u".into(), began_at: 1_000_000, confirmed }]
    }

    fn asked(calls: &[(&str, i64)]) -> Vec<Asked> {
        let asked = |&(key, after): &(&str, i64)| Asked { key: key.into(), at: 1_000_000 + after };
        calls.iter().map(asked).collect()
    }

    fn found(confirmed: Option<(i64, i64)>, calls: &[(&str, i64)]) -> Judgement {
        judge(&ladder(confirmed), &STEPS, &asked(calls))
    }

    fn wrong(confirmed: Option<(i64, i64)>, calls: &[(&str, i64)]) -> String {
        found(confirmed, calls).wrong.join(", ")
    }

    #[test]
    fn a_ladder_that_was_climbed_as_promised_is_right() {
        let whole = [("d:u:0:0", 1_200), ("d:u:1:0", 69_999)];
        assert_eq!(wrong(None, &whole), "");
        assert_eq!(wrong(Some((1_004_000, 1_005_000)), &whole[..1]), "");
        // What had begun may still come.
        assert_eq!(
            wrong(Some((1_007_000, 1_008_000)), &[("d:u:0:0", 1_200), ("d:u:1:0", 12_000)]),
            ""
        );
    }

    #[test]
    fn every_fault_is_found_and_nothing_else() {
        let first = ("d:u:0:0", 1_200);
        let second = ("d:u:1:0", 10_100);
        let cases: [Case<'_>; 8] = [
            (None, &[first, second, ("d:u:1:0", 10_200)], "d:u:1:0 was made twice"),
            (None, &[first], "d:u:1:0 is missing"),
            // A confirmation that came later than the last moment for a step excuses nothing.
            (Some((1_070_001, 1_070_100)), &[first], "d:u:1:0 is missing"),
            (None, &[first, ("d:u:1:0", 70_001)], "d:u:1:0 came 60001 ms late"),
            (None, &[("d:u:0:0", 900), second], "d:u:0:0 came 100 ms early"),
            (None, &[first, second, ("d:x:0:0", 1_000)], "d:x:0:0 was not asked for by any ladder"),
            (
                None,
                &[first, second, ("d:u:1:1", 10_300)],
                "d:u:1:1 was not asked for by any ladder",
            ),
            (
                Some((1_002_000, 1_004_000)),
                &[first, second],
                "d:u:1:0 came 6100 ms after it was confirmed",
            ),
        ];
        for (confirmed, calls, fault) in cases {
            assert_eq!(wrong(confirmed, calls), fault);
        }
    }

    #[test]
    fn what_was_judged_is_counted_by_what_was_expected_of_it() {
        let counts = |confirmed| {
            let found = found(confirmed, &[("d:u:0:0", 1_200)]);
            (found.must, found.must_not, found.may, found.ladders)
        };
        assert_eq!(counts(None), (2, 0, 0, 1));
        assert_eq!(counts(Some((1_002_000, 1_003_000))), (0, 1, 1, 0));
        assert_eq!(counts(Some((1_002_000, 1_006_000))), (0, 0, 2, 0));
        assert_eq!(counts(Some((1_062_000, 1_063_000))), (1, 0, 1, 1));
    }

    #[test]
    fn delays_are_shown_by_their_rank() {
        let ladders: Vec<Ladder> = (0..100)
            .map(|n| Ladder { name: format!("d:{n}"), began_at: 0, confirmed: None })
            .collect();
        let calls = (0..100).map(|n| Asked { key: format!("d:{n}:0:0"), at: 1_000 + n });
        let found = judge(&ladders, &[(0, 1)], &calls.collect::<Vec<_>>());
        assert!(found.to_string().ends_with("within 50 ms, 99 % within 99 ms, all within 99 ms"));
        assert!(judge(&[], &[], &[]).to_string().ends_with("all within 0 ms"));
    }
}
