//! What was promised of ladders, compared with the calls that a provider was asked to make.

use std::collections::{HashMap, HashSet};

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

/// What is wrong; nothing, if all was kept. Steps are their numbers and how many seconds after the
/// beginning they are due, each tried once.
pub fn judge(ladders: &[Ladder], steps: &[(usize, i64)], asked: &[Asked]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut at: HashMap<&str, i64> = HashMap::new();
    for asked in asked {
        if at.insert(&asked.key, asked.at).is_some() {
            wrong.push(format!("{} was made twice", asked.key));
        }
    }
    let mut due_keys = HashSet::new();
    for ladder in ladders {
        for (step, after_s) in steps {
            let key = format!("{}:{step}:0", ladder.name);
            let due = ladder.began_at + after_s * 1_000;
            wrong.extend(judge_step(&key, due, ladder.confirmed, at.get(key.as_str()).copied()));
            due_keys.insert(key);
        }
    }
    let unknown = at.keys().filter(|key| !due_keys.contains(**key));
    wrong.extend(unknown.map(|key| format!("{key} was not asked for by any ladder")));
    wrong.sort();
    wrong
}

fn judge_step(
    key: &str,
    due: i64,
    confirmed: Option<Confirmation>,
    at: Option<i64>,
) -> Option<String> {
    match (at, confirmed) {
        (Some(at), _) if at < due => Some(format!("{key} came {} ms early", due - at)),
        (Some(at), Some(Confirmation { acked, .. })) if at > acked + AFTER_MS => {
            Some(format!("{key} came {} ms after it was confirmed", at - acked))
        }
        (Some(at), _) if at > due + LATE_MS => Some(format!("{key} came {} ms late", at - due)),
        (Some(_), _) => None,
        // Whoever confirms while a step is due may be spared it.
        (None, Some(Confirmation { since, .. })) if since <= due + LATE_MS => None,
        (None, _) => Some(format!("{key} is missing")),
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

    fn wrong(confirmed: Option<(i64, i64)>, calls: &[(&str, i64)]) -> String {
        judge(&ladder(confirmed), &STEPS, &asked(calls)).join(", ")
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
    fn every_fault_is_found() {
        let first = ("d:u:0:0", 1_200);
        let cases: [Case<'_>; 6] = [
            (None, &[first, ("d:u:1:0", 10_100), ("d:u:1:0", 10_200)], "twice"),
            (None, &[first], "d:u:1:0 is missing"),
            (None, &[first, ("d:u:1:0", 70_001)], "late"),
            (None, &[("d:u:0:0", 900), ("d:u:1:0", 10_100)], "early"),
            (None, &[first, ("d:u:1:0", 10_100), ("d:x:0:0", 1_000)], "not asked for"),
            (Some((1_002_000, 1_004_000)), &[first, ("d:u:1:0", 10_100)], "after it was confirmed"),
        ];
        for (confirmed, calls, fault) in cases {
            let wrong = wrong(confirmed, calls);
            assert!(wrong.contains(fault), "{fault}: {wrong:?}");
        }
    }
}
