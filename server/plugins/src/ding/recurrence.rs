//! When a recurring alert comes: rules of RFC 5545, by the clock on the organisation's wall.
//!
//! A library says which days and hours a rule means; it is shown the wall clock as if there were no
//! time zones. Which moments these are follows from the zone, as the RFC has it: of an hour that
//! comes twice it is the first, and what falls into an hour that is left out comes as much later.
//!
//! Rules are searched from close by, not from where they began, so a rule that has run for years
//! costs as much as a new one; only one that counts (`COUNT`) is counted from its beginning.

use std::collections::{BTreeMap, BTreeSet};

use carillon_plugin::{Error, Result};
use jiff::{
    SignedDuration, Span, Timestamp,
    civil::{Date, DateTime, Weekday},
    tz::TimeZone,
};
use rrule::RRuleSet;

/// The longest rule, in bytes.
const RULE_LEN_MAX: usize = 500;
/// A rule that does not come within five years never does.
const SEARCHED_DAYS: i64 = 5 * 366;
/// The most often that an alert comes, in minutes.
const MINUTES_MIN: u32 = 5;
/// The most times a day where a rule names them: more of them are hourly.
const TIMES_A_DAY_MAX: usize = 24;
/// The longest rule that counts.
const COUNT_MAX: u32 = 1_000;
/// Moments may be as much out of the order of the wall clock, where a zone changes its offset; some
/// have left out a day.
const SHUFFLED: SignedDuration = SignedDuration::from_hours(26);

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Every {
    Hour,
    Day,
    Week,
    Month,
    Year,
}

/// A rule with its beginning.
#[derive(Debug, Clone)]
pub(super) struct Recurrence {
    zone: TimeZone,
    begins: DateTime,
    every: Every,
    interval: i64,
    week_start: Weekday,
    counts: bool,
    until: Option<i64>,
    /// The rule for the library: what follows from the beginning is said, and `UNTIL` is not.
    rule: String,
}

fn refused(msg: impl Into<String>) -> Error {
    Error::bad_arg("repeat", msg)
}

impl Recurrence {
    /// A rule that begins at a moment, or with the next full minute; refused if it cannot be meant:
    /// it never comes, or all the time.
    pub(super) fn read(repeat: &str, zone: TimeZone, from: i64) -> Result<Recurrence> {
        let from = from.saturating_add(MINUTE_MS - 1).div_euclid(MINUTE_MS) * MINUTE_MS;
        let begins = wall(&zone, from)?;
        let mut parts = parts(repeat)?;
        let every = match parts.get("FREQ").map(String::as_str) {
            Some("HOURLY") => Every::Hour,
            Some("DAILY") => Every::Day,
            Some("WEEKLY") => Every::Week,
            Some("MONTHLY") => Every::Month,
            Some("YEARLY") => Every::Year,
            Some("MINUTELY" | "SECONDLY") => {
                let msg = "an alert comes every five minutes at most: \
                           use FREQ=HOURLY with BYMINUTE";
                return Err(refused(msg));
            }
            _ => return Err(refused("say how often: FREQ=DAILY, WEEKLY, MONTHLY, YEARLY, HOURLY")),
        };
        check_times(every, &parts)?;
        let interval = number(&parts, "INTERVAL", 1..=1_000)?.unwrap_or(1);
        let counts = number(&parts, "COUNT", 1..=COUNT_MAX)?.is_some();
        let until = parts.remove("UNTIL").map(|text| read_until(&zone, &text)).transpose()?;
        if counts && until.is_some() {
            return Err(refused("a rule has a COUNT or an UNTIL, not both"));
        }
        let week_start = match parts.get("WKST") {
            Some(day) => weekday(day)?,
            None => Weekday::Monday,
        };
        say_what_follows(&mut parts, every, begins);
        let rule = parts.iter().map(|(name, value)| format!("{name}={value}"));
        let rule = rule.collect::<Vec<_>>().join(";");
        let interval = i64::from(interval);
        let it = Recurrence { zone, begins, every, interval, week_start, counts, until, rule };
        it.set(begins)?;
        match it.after(from - 1, 1).is_empty() {
            true => Err(refused("this never comes within five years; choose another rule")),
            false => Ok(it),
        }
    }

    /// The next times after a moment, at most so many, in milliseconds since the epoch.
    pub(super) fn after(&self, moment: i64, many: usize) -> Vec<i64> {
        let horizon = moment.saturating_add(SEARCHED_DAYS * DAY_MS);
        let horizon = self.until.map_or(horizon, |until| until.min(horizon));
        let Ok(near) = wall(&self.zone, moment) else { return Vec::new() };
        let near = near.saturating_sub(SHUFFLED);
        let Ok(set) = self.set(self.anchor(near)) else { return Vec::new() };
        let mut found = BTreeSet::new();
        let mut enough = None;
        for wall in &set.limit() {
            let Ok(seconds) = Timestamp::from_second(wall.timestamp()) else { break };
            let wall = TimeZone::UTC.to_datetime(seconds);
            if enough.is_some_and(|enough| wall > enough) {
                break;
            }
            if wall < near {
                continue;
            }
            let Some(at) = moment_of(&self.zone, wall) else { break };
            if at > horizon && at - horizon > SHUFFLED.as_millis() as i64 {
                break;
            }
            if at > moment && at <= horizon {
                found.insert(at);
            }
            if found.len() >= many && enough.is_none() {
                enough = Some(wall.saturating_add(SHUFFLED));
            }
        }
        found.into_iter().take(many).collect()
    }

    /// Where the search begins: in step with the beginning, and not after `near`.
    fn anchor(&self, near: DateTime) -> DateTime {
        let begins = self.begins;
        if self.counts || near <= begins {
            return begins;
        }
        let hours = near.duration_since(begins).as_hours();
        let (first, steps) = match self.every {
            Every::Hour => (begins, hours / self.interval),
            Every::Day => (begins, hours / 24 / self.interval),
            Every::Week => {
                let back = begins.weekday().since(self.week_start);
                let first = begins.saturating_sub(Span::new().days(back));
                (first, near.duration_since(first).as_hours() / 168 / self.interval)
            }
            Every::Month => {
                let months = |it: Date| i64::from(it.year()) * 12 + i64::from(it.month());
                let first = begins.with().day(1).build().unwrap_or(begins);
                (first, (months(near.date()) - months(begins.date())) / self.interval)
            }
            Every::Year => {
                let first = begins.with().month(1).day(1).build().unwrap_or(begins);
                (first, i64::from(near.year() - begins.year()) / self.interval)
            }
        };
        if steps == 0 {
            return begins;
        }
        let units = steps * self.interval;
        let step = match self.every {
            Every::Hour => Span::new().hours(units),
            Every::Day => Span::new().days(units),
            Every::Week => Span::new().weeks(units),
            Every::Month => Span::new().months(units),
            Every::Year => Span::new().years(units),
        };
        first.saturating_add(step).max(begins)
    }

    fn set(&self, from: DateTime) -> Result<RRuleSet> {
        let start = from.strftime("%Y%m%dT%H%M%SZ");
        let text = format!("DTSTART:{start}\nRRULE:{}", self.rule);
        text.parse().map_err(|error| refused(format!("this is not a rule of RFC 5545: {error}")))
    }
}

/// What the clock on the wall shows.
fn wall(zone: &TimeZone, at: i64) -> Result<DateTime> {
    let at = Timestamp::from_millisecond(at);
    let at = at.map_err(|_| Error::bad_arg("at", "this is beyond the year 9999"))?;
    Ok(zone.to_datetime(at))
}

/// The moment at which it shows that.
fn moment_of(zone: &TimeZone, wall: DateTime) -> Option<i64> {
    let at = zone.to_ambiguous_timestamp(wall).compatible().ok()?;
    Some(at.as_millisecond())
}

/// The parts of a rule by their names, in upper case.
fn parts(repeat: &str) -> Result<BTreeMap<String, String>> {
    if repeat.is_empty() || repeat.len() > RULE_LEN_MAX {
        return Err(refused(format!("a rule has 1 to {RULE_LEN_MAX} characters")));
    }
    const NAMES: [&str; 13] = [
        "FREQ",
        "INTERVAL",
        "COUNT",
        "UNTIL",
        "WKST",
        "BYSETPOS",
        "BYMONTH",
        "BYMONTHDAY",
        "BYYEARDAY",
        "BYWEEKNO",
        "BYDAY",
        "BYHOUR",
        "BYMINUTE",
    ];
    let mut parts = BTreeMap::new();
    for part in repeat.trim_end_matches(';').split(';') {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let (name, value) = (name.to_ascii_uppercase(), value.to_ascii_uppercase());
        if name == "BYSECOND" {
            return Err(refused("an alert comes at a full minute; leave out BYSECOND"));
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ',' | '+' | '-');
        if !NAMES.contains(&name.as_str()) || value.is_empty() || !value.chars().all(plain) {
            let shown: String = part.chars().filter(|c| !c.is_control()).take(40).collect();
            return Err(refused(format!("`{shown}` is not a part of a rule of RFC 5545")));
        }
        if parts.insert(name.clone(), value).is_some() {
            return Err(refused(format!("`{name}` stands there twice")));
        }
    }
    Ok(parts)
}

fn number(
    parts: &BTreeMap<String, String>,
    name: &str,
    range: std::ops::RangeInclusive<u32>,
) -> Result<Option<u32>> {
    let Some(text) = parts.get(name) else { return Ok(None) };
    let value = text.parse().ok().filter(|value| range.contains(value));
    let wrong = || refused(format!("{name} is {} to {}", range.start(), range.end()));
    value.ok_or_else(wrong).map(Some)
}

/// The numbers of a list; none, if there is no such part.
fn list(parts: &BTreeMap<String, String>, name: &str, max: u32) -> Result<BTreeSet<u32>> {
    let Some(text) = parts.get(name) else { return Ok(BTreeSet::new()) };
    let read = |it: &str| it.parse().ok().filter(|value| *value <= max);
    let values: Option<BTreeSet<u32>> = text.split(',').map(read).collect();
    values.ok_or_else(|| refused(format!("{name} is a list of numbers up to {max}")))
}

/// Refuses what would come too often. Exact, without looking at any day.
fn check_times(every: Every, parts: &BTreeMap<String, String>) -> Result<()> {
    let (hours, minutes) = (list(parts, "BYHOUR", 23)?, list(parts, "BYMINUTE", 59)?);
    let (times, cycle): (Vec<u32>, u32) = match every {
        Every::Hour => (minutes.into_iter().collect(), 60),
        _ => {
            let or_one = |it: BTreeSet<u32>| if it.is_empty() { [0].into() } else { it };
            let (hours, minutes) = (or_one(hours), or_one(minutes));
            let of = |hour: u32| minutes.iter().map(move |minute| hour * 60 + minute);
            (hours.iter().copied().flat_map(of).collect(), 1_440)
        }
    };
    if every != Every::Hour && times.len() > TIMES_A_DAY_MAX {
        let msg = format!("name at most {TIMES_A_DAY_MAX} times of a day, or use FREQ=HOURLY");
        return Err(refused(msg));
    }
    let next = times.iter().skip(1).copied().chain(times.first().map(|first| first + cycle));
    match times.iter().zip(next).any(|(one, next)| next - one < MINUTES_MIN) {
        true => Err(refused(format!("an alert comes every {MINUTES_MIN} minutes at most"))),
        false => Ok(()),
    }
}

/// What the RFC takes from the beginning stands in the rule, so that it can be searched from
/// elsewhere.
fn say_what_follows(parts: &mut BTreeMap<String, String>, every: Every, begins: DateTime) {
    let has = |parts: &BTreeMap<String, String>, names: &[&str]| {
        names.iter().any(|name| parts.contains_key(*name))
    };
    let say = |parts: &mut BTreeMap<String, String>, name: &str, value: String| {
        parts.entry(name.to_owned()).or_insert(value);
    };
    let days = ["BYWEEKNO", "BYYEARDAY", "BYMONTHDAY", "BYDAY"];
    if !has(parts, &days) {
        match every {
            Every::Year => {
                say(parts, "BYMONTH", begins.month().to_string());
                say(parts, "BYMONTHDAY", begins.day().to_string());
            }
            Every::Month => say(parts, "BYMONTHDAY", begins.day().to_string()),
            Every::Week => say(parts, "BYDAY", name_of(begins.weekday()).to_owned()),
            Every::Hour | Every::Day => {}
        }
    }
    if every != Every::Hour {
        say(parts, "BYHOUR", begins.hour().to_string());
    }
    say(parts, "BYMINUTE", begins.minute().to_string());
}

const WEEK: [(&str, Weekday); 7] = [
    ("MO", Weekday::Monday),
    ("TU", Weekday::Tuesday),
    ("WE", Weekday::Wednesday),
    ("TH", Weekday::Thursday),
    ("FR", Weekday::Friday),
    ("SA", Weekday::Saturday),
    ("SU", Weekday::Sunday),
];

fn weekday(text: &str) -> Result<Weekday> {
    let found = WEEK.iter().find(|(name, _)| *name == text);
    found.map(|(_, day)| *day).ok_or_else(|| refused("WKST is MO, TU, WE, TH, FR, SA or SU"))
}

fn name_of(day: Weekday) -> &'static str {
    WEEK[day.to_monday_zero_offset() as usize].0
}

/// The last moment of a rule: in UTC, or by the clock on the wall; a day to its end.
fn read_until(zone: &TimeZone, text: &str) -> Result<i64> {
    let wrong = || refused("UNTIL is a day as 20271231, or a time as 20271231T180000Z");
    if let Some(text) = text.strip_suffix('Z') {
        let at = DateTime::strptime("%Y%m%dT%H%M%S", text).map_err(|_| wrong())?;
        return moment_of(&TimeZone::UTC, at).ok_or_else(wrong);
    }
    let wall = match text.contains('T') {
        true => DateTime::strptime("%Y%m%dT%H%M%S", text),
        false => Date::strptime("%Y%m%d", text).map(|day| day.at(23, 59, 59, 0)),
    };
    moment_of(zone, wall.map_err(|_| wrong())?).ok_or_else(wrong)
}
