//! What rules of recurrence promise, against a calendar that is looked through day by day.

use std::{collections::BTreeSet, time::Instant};

use carillon_protocol::ErrorCode;
use jiff::{
    Timestamp, ToSpan as _,
    civil::{Date, DateTime},
    tz::TimeZone,
};
use proptest::prelude::*;

use super::recurrence::Recurrence;

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).expect("a zone")
}

fn at(text: &str) -> i64 {
    text.parse::<Timestamp>().expect("a time").as_millisecond()
}

fn shown(times: &[i64]) -> Vec<String> {
    times.iter().map(|at| Timestamp::from_millisecond(*at).expect("a time").to_string()).collect()
}

/// The next times of a rule that begins then.
fn times(rule: &str, tz: &str, from: &str, many: usize) -> Vec<String> {
    let rule = Recurrence::read(rule, zone(tz), at(from)).expect("a rule");
    shown(&rule.after(at(from) - 1, many))
}

#[test]
fn the_thirty_first_comes_in_months_that_have_one_and_the_last_day_in_all() {
    let hk = "Asia/Hong_Kong";
    let from = "2026-01-31T01:00:00Z";
    assert_eq!(
        times("FREQ=MONTHLY", hk, from, 4),
        [
            "2026-01-31T01:00:00Z",
            "2026-03-31T01:00:00Z",
            "2026-05-31T01:00:00Z",
            "2026-07-31T01:00:00Z"
        ]
    );
    assert_eq!(
        times("FREQ=MONTHLY;BYMONTHDAY=-1", hk, from, 3),
        ["2026-01-31T01:00:00Z", "2026-02-28T01:00:00Z", "2026-03-31T01:00:00Z"]
    );
}

#[test]
fn nine_in_the_morning_stays_nine_in_the_morning_when_clocks_change() {
    // Berlin goes from one to two hours ahead on 29 March, and back on 25 October 2026.
    assert_eq!(
        times("FREQ=WEEKLY;BYDAY=SU,MO", "Europe/Berlin", "2026-03-23T08:00:00Z", 3),
        ["2026-03-23T08:00:00Z", "2026-03-29T07:00:00Z", "2026-03-30T07:00:00Z"]
    );
    assert_eq!(
        times("FREQ=DAILY", "Europe/Berlin", "2026-10-24T07:00:00Z", 3),
        ["2026-10-24T07:00:00Z", "2026-10-25T08:00:00Z", "2026-10-26T08:00:00Z"]
    );
}

#[test]
fn an_hour_that_is_left_out_is_made_up_and_one_that_comes_twice_counts_once() {
    // 2:30 does not exist on 29 March, and comes twice on 25 October.
    assert_eq!(
        times("FREQ=DAILY", "Europe/Berlin", "2026-03-28T01:30:00Z", 3),
        ["2026-03-28T01:30:00Z", "2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"]
    );
    assert_eq!(
        times("FREQ=DAILY", "Europe/Berlin", "2026-10-24T00:30:00Z", 3),
        ["2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]
    );
}

#[test]
fn a_rule_that_counts_or_ends_does() {
    let hk = "Asia/Hong_Kong";
    let from = "2026-11-23T01:00:00Z";
    assert_eq!(times("FREQ=DAILY;COUNT=2", hk, from, 9).len(), 2);
    // Until a day is to its end, there.
    assert_eq!(times("FREQ=DAILY;UNTIL=20261125", hk, from, 9).len(), 3);
    assert_eq!(times("FREQ=DAILY;UNTIL=20261125T005959Z", hk, from, 9).len(), 2);
    let rule = Recurrence::read("FREQ=DAILY;COUNT=3", zone(hk), at(from)).expect("a rule");
    assert_eq!(shown(&rule.after(at("2026-11-24T01:00:00Z"), 9)), ["2026-11-25T01:00:00Z"]);
    assert_eq!(rule.after(at("2026-11-25T01:00:00Z"), 9), [] as [i64; 0]);
}

#[test]
fn a_rule_begins_with_a_full_minute_and_not_before_it_is_set_up() {
    let first = times("FREQ=DAILY", "Asia/Hong_Kong", "2026-11-23T01:00:10Z", 1);
    assert_eq!(first, ["2026-11-23T01:01:00Z"]);
    // A Tuesday: the first Monday is the next one.
    let first = times("FREQ=WEEKLY;BYDAY=MO", "Asia/Hong_Kong", "2026-11-24T01:00:00Z", 1);
    assert_eq!(first, ["2026-11-30T01:00:00Z"]);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "how long it takes is measured")]
fn what_cannot_be_meant_is_refused_soon() {
    let rules = [
        "",
        "FREQ",
        "FREQ=NEVER",
        "DAILY",
        "FREQ=SECONDLY",
        "FREQ=MINUTELY",
        "FREQ=MINUTELY;INTERVAL=5",
        "FREQ=HOURLY;BYMINUTE=0,4",
        "FREQ=HOURLY;BYMINUTE=0,58",
        "FREQ=DAILY;BYHOUR=0,23;BYMINUTE=0,57",
        "FREQ=DAILY;BYMINUTE=0,5,10,15,20,25,30;BYHOUR=1,2,3,4",
        "FREQ=DAILY;BYSECOND=0,30",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;INTERVAL=-1",
        "FREQ=DAILY;INTERVAL=99999999999",
        "FREQ=DAILY;COUNT=0",
        "FREQ=DAILY;COUNT=1000000",
        "FREQ=DAILY;COUNT=2;UNTIL=20271231",
        "FREQ=DAILY;UNTIL=20200101",
        "FREQ=DAILY;UNTIL=tomorrow",
        "FREQ=DAILY;UNTIL=99999999",
        "FREQ=DAILY;FREQ=WEEKLY",
        "FREQ=DAILY;BYDAY=XX",
        "FREQ=DAILY;WKST=XX",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=YEARLY;BYMONTH=13",
        "FREQ=YEARLY;BYYEARDAY=366;BYMONTH=1",
        "FREQ=YEARLY;BYWEEKNO=53;BYMONTH=6",
        "FREQ=MONTHLY;BYMONTHDAY=31;BYMONTH=2,4,6,9,11",
        "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=20",
        "FREQ=MONTHLY;INTERVAL=1000;BYMONTH=7",
        "FREQ=HOURLY;INTERVAL=24;BYHOUR=3",
        "FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=31",
        "FREQ=HOURLY;INTERVAL=1000;BYMONTH=2;BYMONTHDAY=31",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=31",
        "FREQ=WEEKLY;INTERVAL=1000;BYMONTH=1",
        "FREQ=DAILY\nRRULE:FREQ=SECONDLY",
        "FREQ=DAILY;X-EVIL=1",
        "FREQ=DAILY;BYEASTER=0",
        "FREQ=DAILY;;BYHOUR=1",
    ];
    let begun = Instant::now();
    for rule in rules {
        let read = Recurrence::read(rule, zone("Europe/Berlin"), at("2026-11-23T01:00:00Z"));
        let error = read.err().unwrap_or_else(|| panic!("`{rule}` was taken"));
        assert_eq!(error.code(), ErrorCode::BadArg, "{rule}");
        assert_eq!(error.body().field.as_deref(), Some("repeat"), "{rule}");
    }
    let each = begun.elapsed() / rules.len() as u32;
    assert!(each.as_millis() < 500, "each of them took {each:?}");
}

/// A rule of the kinds that people choose, and what it means for a day and a time of day.
#[derive(Debug, Clone)]
struct Plain {
    every: &'static str,
    interval: i64,
    days: Vec<usize>,
    month_days: Vec<i8>,
    months: Vec<i8>,
    hours: Vec<i8>,
}

const DAYS: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];

impl Plain {
    fn text(&self) -> String {
        let list = |name: &str, values: Vec<String>| match values.is_empty() {
            true => String::new(),
            false => format!(";{name}={}", values.join(",")),
        };
        let texts = |values: &[i8]| values.iter().map(ToString::to_string).collect();
        let days = self.days.iter().map(|day| DAYS[*day].to_owned()).collect();
        format!(
            "FREQ={};INTERVAL={}{}{}{}{}",
            self.every,
            self.interval,
            list("BYDAY", days),
            list("BYMONTHDAY", texts(&self.month_days)),
            list("BYMONTH", texts(&self.months)),
            list("BYHOUR", texts(&self.hours)),
        )
    }

    /// Whether it comes on a day, beginning on another one.
    fn is_on(&self, day: Date, begins: Date) -> bool {
        let monday =
            |it: Date| it.saturating_sub(i64::from(it.weekday().to_monday_zero_offset()).days());
        let between = |one: Date, other: Date| other.duration_since(one).as_hours() / 24;
        let months = |it: Date| i64::from(it.year()) * 12 + i64::from(it.month());
        let (units, implied) = match self.every {
            "DAILY" => (between(begins, day), true),
            "WEEKLY" => {
                (between(monday(begins), monday(day)) / 7, day.weekday() == begins.weekday())
            }
            "MONTHLY" => (months(day) - months(begins), day.day() == begins.day()),
            "YEARLY" => {
                let month = !self.months.is_empty() || day.month() == begins.month();
                let years = i64::from(day.year() - begins.year());
                (years, month && day.day() == begins.day())
            }
            other => panic!("{other}"),
        };
        let named = |wanted: i8| match wanted {
            ..0 => day.days_in_month() + 1 + wanted == day.day(),
            _ => wanted == day.day(),
        };
        let weekday = day.weekday().to_monday_zero_offset() as usize;
        let free = self.days.is_empty() && self.month_days.is_empty();
        units % self.interval == 0
            && (!free || implied)
            && (self.days.is_empty() || self.days.contains(&weekday))
            && (self.month_days.is_empty() || self.month_days.iter().any(|it| named(*it)))
            && (self.months.is_empty() || self.months.contains(&day.month()))
    }

    /// Every time of it, in so many days.
    fn all(&self, begins: DateTime, tz: &TimeZone, days: i64) -> BTreeSet<i64> {
        let hours = if self.hours.is_empty() { vec![begins.hour()] } else { self.hours.clone() };
        let mut found = BTreeSet::new();
        for day in (0..days).map(|day| begins.date().saturating_add(day.days())) {
            for hour in hours.iter().filter(|_| self.is_on(day, begins.date())) {
                let wall = day.at(*hour, begins.minute(), 0, 0);
                let at = tz.to_ambiguous_timestamp(wall).compatible().expect("a time");
                if wall >= begins {
                    found.insert(at.as_millisecond());
                }
            }
        }
        found
    }
}

fn plain() -> impl Strategy<Value = Plain> {
    let some = |max: usize, of: std::ops::RangeInclusive<i8>| {
        prop::collection::btree_set(of, 0..max).prop_map(|it| it.into_iter().collect::<Vec<_>>())
    };
    let every = prop::sample::select(vec!["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]);
    let month_days = prop_oneof![2 => Just(vec![]), 1 => some(4, 1..=31), 1 => some(3, -5..=-1)];
    let months = prop_oneof![2 => Just(vec![]), 1 => some(7, 1..=12)];
    let hours = prop_oneof![1 => Just(vec![]), 1 => some(5, 0..=23)];
    (every, 1i64..5, some(4, 0..=6), month_days, months, hours).prop_map(
        |(every, interval, days, month_days, months, hours)| Plain {
            every,
            interval,
            days: days.into_iter().map(|day| day as usize).collect(),
            // The RFC does not have it for weeks.
            month_days: if every == "WEEKLY" { vec![] } else { month_days },
            months,
            hours,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_rule_comes_exactly_when_a_calendar_says(
        rule in plain(),
        tz in prop::sample::select(vec![
            "Asia/Hong_Kong", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe",
            "Pacific/Apia", "UTC",
        ]),
        from in 0i64..60 * 24 * 366,
        later in 0i64..60 * 24 * 1_000,
    ) {
        let tz = zone(tz);
        let from = at("2026-01-01T00:00:00Z") + from * 60_000;
        let begins = tz.to_datetime(Timestamp::from_millisecond(from).expect("a time"));
        let all = rule.all(begins, &tz, 3_200);
        let Ok(read) = Recurrence::read(&rule.text(), tz, from) else {
            // Nothing within five years is refused.
            prop_assert!(all.range(from..from + 1_800 * 86_400_000).next().is_none());
            return Ok(());
        };
        for moment in [from - 1, from + later * 60_000] {
            // No farther ahead than five years.
            let horizon = moment + 5 * 366 * 86_400_000;
            let expected: Vec<i64> = all.range(moment + 1..=horizon).take(5).copied().collect();
            prop_assert_eq!(shown(&read.after(moment, 5)), shown(&expected), "{}", rule.text());
        }
    }

    #[test]
    fn the_hours_of_a_day_come_each_once(interval in 1i64..30, later in 0i64..24 * 900) {
        let tz = zone("Asia/Hong_Kong");
        let from = at("2026-01-01T00:30:00Z");
        let rule = Recurrence::read(&format!("FREQ=HOURLY;INTERVAL={interval}"), tz, from);
        let moment = from + later * 3_600_000;
        let next = (moment - from).div_euclid(interval * 3_600_000) + 1;
        let expected: Vec<i64> =
            (next..next + 4).map(|it| from + it * interval * 3_600_000).collect();
        prop_assert_eq!(rule.expect("a rule").after(moment, 4), expected);
    }
}
