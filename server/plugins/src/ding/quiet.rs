//! Quiet hours: when people are left in peace, by the clock on their wall.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use carillon_plugin::{Error, Result};
use carillon_protocol::ding::Quiet;
use jiff::{
    Timestamp, ToSpan as _,
    civil::Date,
    tz::{AmbiguousOffset, TimeZone},
};

/// A day by the clock, in minutes.
const DAY_MIN: u16 = 24 * 60;
const WEEK_MIN: usize = 7 * DAY_MIN as usize;
/// Hours that follow each other without a pause: those of a policy, on each day of a week.
const CHAIN_MAX: usize = 49;

/// A moment's day by the clock of UTC, which finds what is remembered without a conversion.
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// The quiet hours that a plan keeps. When they begin and end somewhere is found out once a day and
/// zone: thousands of people are in few zones, and each of their tries asks.
#[derive(Debug, Default)]
pub(super) struct Calm {
    hours: Vec<Quiet>,
    /// By zone and day; as many as a plan goes through.
    known: Mutex<HashMap<String, HashMap<i64, Spans>>>,
}

/// The beginnings and ends of quiet hours that touch a day, each end with all that follow.
type Spans = Vec<(i64, i64)>;

impl From<Vec<Quiet>> for Calm {
    fn from(hours: Vec<Quiet>) -> Calm {
        Calm { hours, known: <_>::default() }
    }
}

/// When somebody is left in peace.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hours<'a> {
    /// The quiet hours.
    pub calm: &'a Calm,
    /// Where they are.
    pub tz: &'a TimeZone,
}

impl Hours<'_> {
    /// The end of the quiet hours that this moment is in, if it is in any; where others begin by
    /// then, theirs.
    pub(super) fn until(&self, at: i64) -> Option<i64> {
        if self.calm.hours.is_empty() {
            return None;
        }
        let Some(zone) = self.tz.iana_name() else { return self.chain(at) };
        let day = at.div_euclid(DAY_MS);
        let mut known = self.calm.known.lock().unwrap_or_else(PoisonError::into_inner);
        let days = match known.get_mut(zone) {
            Some(days) => days,
            None => known.entry(zone.to_owned()).or_default(),
        };
        let spans = days.entry(day).or_insert_with(|| self.spans(day));
        spans.iter().find(|(begin, end)| (*begin..*end).contains(&at)).map(|(_, end)| *end)
    }

    /// The quiet hours that touch a day of UTC.
    fn spans(&self, day: i64) -> Spans {
        let (from, to) = (day * DAY_MS, (day + 1) * DAY_MS);
        let date = |at| Some(self.tz.to_datetime(Timestamp::from_millisecond(at).ok()?).date());
        let (Some(first), Some(last)) = (date(from), date(to)) else { return Vec::new() };
        let dates = (first - 1.days()).series(1.days()).take_while(|date| *date <= last + 1.days());
        let each = dates.flat_map(|date| self.calm.hours.iter().map(move |it| (date, it)));
        let spans = each.filter_map(|(date, quiet)| self.span(quiet, date));
        let spans = spans.filter(|(begin, end)| *begin < to && from < *end);
        spans.map(|(begin, end)| (begin, self.chain(end).unwrap_or(end))).collect()
    }

    /// The end of the hours that a moment is in and of all that follow them.
    fn chain(&self, at: i64) -> Option<i64> {
        let mut end = at;
        for _ in 0..CHAIN_MAX {
            let ends = self.calm.hours.iter().filter_map(|quiet| self.end_of(quiet, end));
            let Some(later) = ends.max() else { break };
            end = later;
        }
        (end > at).then_some(end)
    }

    /// The end of those that began yesterday, today, or already tomorrow, where the clock was put
    /// back over midnight.
    fn end_of(&self, quiet: &Quiet, at: i64) -> Option<i64> {
        let today = self.tz.to_datetime(Timestamp::from_millisecond(at).ok()?).date();
        (-1i64..=1).find_map(|days| {
            let first = today.checked_add(days.days()).ok()?;
            let (begin, end) = self.span(quiet, first)?;
            (begin..end).contains(&at).then_some(end)
        })
    }

    /// When they begin and end that begin on this day, if any do.
    fn span(&self, quiet: &Quiet, first: Date) -> Option<(i64, i64)> {
        let weekday = first.weekday().to_monday_one_offset().unsigned_abs();
        if !quiet.days.is_empty() && !quiet.days.contains(&weekday) {
            return None;
        }
        let nights = i64::from(quiet.until_min <= quiet.from_min);
        let last = first.checked_add(nights.days()).ok()?;
        Some((self.moment(first, quiet.from_min)?, self.moment(last, quiet.until_min)?))
    }

    /// When the clock shows this: for the first time, or where it never does, when it is put
    /// forward over it.
    fn moment(&self, date: Date, minute: u16) -> Option<i64> {
        let (hour, minute) = (i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?);
        let shown = self.tz.to_ambiguous_timestamp(date.at(hour, minute, 0, 0));
        let at = match shown.offset() {
            AmbiguousOffset::Gap { .. } => {
                let after = shown.later().ok()?;
                self.tz.preceding(after).next()?.timestamp()
            }
            _ => shown.compatible().ok()?,
        };
        Some(at.as_millisecond())
    }
}

/// Refuses hours that no clock shows, and days that no week has.
pub(super) fn check(field: &str, quiet: &Quiet) -> Result<()> {
    let Quiet { from_min, until_min, days } = quiet;
    for (name, minute) in [("from_min", from_min), ("until_min", until_min)] {
        if *minute >= DAY_MIN {
            let msg = "a day has the minutes 0 to 1,439";
            return Err(Error::bad_arg(&format!("{field}.{name}"), msg));
        }
    }
    if days.len() > 7 || !days.iter().all(|day| (1..=7).contains(day)) {
        let msg = "name days from 1 (Monday) to 7 (Sunday), each once, or none for every day";
        return Err(Error::bad_arg(&format!("{field}.days"), msg));
    }
    Ok(())
}

/// Whether quiet hours end sometime.
pub(super) fn leave_time(quiet: &[Quiet]) -> bool {
    let mut taken = vec![false; WEEK_MIN];
    for Quiet { from_min, until_min, days } in quiet {
        let (from, until) = (usize::from(*from_min), usize::from(*until_min));
        let day = usize::from(DAY_MIN);
        let length = if until > from { until - from } else { until + day - from };
        for weekday in (1u8..=7).filter(|it| days.is_empty() || days.contains(it)) {
            let begin = usize::from(weekday - 1) * day + from;
            (begin..begin + length).for_each(|minute| taken[minute % WEEK_MIN] = true);
        }
    }
    taken.contains(&false)
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;

    fn at(moment: &str) -> i64 {
        moment.parse::<Timestamp>().unwrap().as_millisecond()
    }

    /// When somebody somewhere is left in peace until, as the clock there and its offset say.
    fn until(zone: &str, quiet: &[Quiet], moment: &str) -> Option<String> {
        let tz = TimeZone::get(zone).unwrap();
        let calm = Calm::from(quiet.to_vec());
        let end = Hours { calm: &calm, tz: &tz }.until(at(moment))?;
        let end = Timestamp::from_millisecond(end).unwrap().to_zoned(tz);
        Some(end.strftime("%a %H:%M%:z").to_string())
    }

    fn hours(from: u16, until: u16, days: &[u8]) -> Quiet {
        Quiet { from_min: from, until_min: until, days: days.to_vec() }
    }

    #[test]
    fn a_night_in_which_the_clock_changes_ends_when_it_shows_the_end() {
        let night = [hours(22 * 60, 7 * 60, &[])];
        for (zone, evening, morning) in [
            ("Europe/London", "2026-03-28T22:30Z", "Sun 07:00+01:00"),
            ("Europe/London", "2026-10-24T21:30Z", "Sun 07:00+00:00"),
            ("America/New_York", "2026-03-08T03:30Z", "Sun 07:00-04:00"),
            ("America/New_York", "2026-11-01T03:30Z", "Sun 07:00-05:00"),
        ] {
            assert_eq!(until(zone, &night, evening).as_deref(), Some(morning), "{zone}");
        }
    }

    #[test]
    fn hours_at_a_time_that_the_clock_leaves_out_end_or_begin_when_it_is_put_forward() {
        // London leaves out 1:00 to 2:00, New York 2:00 to 3:00.
        for (zone, minute, before, then) in [
            ("Europe/London", 90, "2026-03-29T00:59:59Z", "Sun 02:00+01:00"),
            ("America/New_York", 150, "2026-03-08T06:59:59Z", "Sun 03:00-04:00"),
        ] {
            let ends = [hours(23 * 60, minute, &[])];
            assert_eq!(until(zone, &ends, before).as_deref(), Some(then), "{zone}");
            let change = at(before) + 1_000;
            let change = Timestamp::from_millisecond(change).unwrap().to_string();
            assert_eq!(until(zone, &ends, &change), None, "{zone}: it is over");
            let begins = [hours(minute, 7 * 60, &[])];
            assert_eq!(until(zone, &begins, before), None, "{zone}: not yet");
            assert!(until(zone, &begins, &change).is_some(), "{zone}: now");
        }
    }

    #[test]
    fn of_a_time_that_the_clock_shows_twice_the_first_counts() {
        // Both show 1:00 to 2:00 twice; 1:30 is first at the first of these moments.
        for (zone, first, second) in [
            ("Europe/London", "2026-10-25T00:30Z", "2026-10-25T01:30Z"),
            ("America/New_York", "2026-11-01T05:30Z", "2026-11-01T06:30Z"),
        ] {
            let minutes = |from: &str, by: i64| {
                Timestamp::from_millisecond(at(from) + by * 60_000).unwrap().to_string()
            };
            let ends = [hours(23 * 60, 90, &[])];
            assert!(until(zone, &ends, &minutes(first, -1)).is_some(), "{zone}");
            assert_eq!(until(zone, &ends, first), None, "{zone}");
            assert_eq!(until(zone, &ends, &minutes(second, -15)), None, "{zone}: not again");
            let begins = [hours(90, 7 * 60, &[])];
            assert_eq!(until(zone, &begins, &minutes(first, -1)), None, "{zone}");
            assert!(until(zone, &begins, first).is_some(), "{zone}");
            assert!(until(zone, &begins, &minutes(second, -15)).is_some(), "{zone}: still");
        }
    }

    #[test]
    fn hours_of_some_days_begin_on_those_and_may_follow_each_other() {
        let (zone, weekend) = ("Asia/Hong_Kong", [hours(0, 0, &[6, 7]), hours(18 * 60, 0, &[5])]);
        // 2026-11-27 is a Friday; Hong Kong is eight hours ahead.
        assert_eq!(until(zone, &weekend, "2026-11-27T09:59Z"), None);
        for moment in ["2026-11-27T10:00Z", "2026-11-28T04:00Z", "2026-11-29T15:59Z"] {
            let end = until(zone, &weekend, moment);
            assert_eq!(end.as_deref(), Some("Mon 00:00+08:00"), "{moment}");
        }
        assert_eq!(until(zone, &weekend, "2026-11-29T16:00Z"), None);
        // Hours over midnight are those of the day on which they begin.
        let friday = [hours(22 * 60, 7 * 60, &[5])];
        assert_eq!(until(zone, &friday, "2026-11-27T20:00Z").as_deref(), Some("Sat 07:00+08:00"));
        assert_eq!(until(zone, &friday, "2026-11-26T20:00Z"), None);
    }

    proptest! {
        #[test]
        fn what_is_remembered_of_a_day_is_what_its_moments_come_to(
            quiet in vec((0..DAY_MIN, 0..DAY_MIN, vec(1u8..=7, 0..3)), 1..5),
            zone in select(vec![
                "Asia/Hong_Kong",
                "Europe/London",
                "America/New_York",
                "America/Havana",
                "Australia/Lord_Howe",
                "Pacific/Apia",
            ]),
            // The year in which each of these puts its clock forward and back.
            moments in vec(0..525_600i64, 1..30),
        ) {
            let hours = quiet.into_iter().map(|(from, until, days)| hours(from, until, &days));
            let hours: Vec<Quiet> = hours.collect();
            prop_assume!(leave_time(&hours));
            let (tz, calm) = (TimeZone::get(zone).unwrap(), Calm::from(hours));
            let hours = Hours { calm: &calm, tz: &tz };
            for minute in moments {
                let at = at("2026-01-01T00:00Z") + minute * 60_000;
                prop_assert_eq!(hours.until(at), hours.chain(at), "{}", minute);
            }
        }
    }

    #[test]
    fn each_day_of_a_zone_is_looked_at_once_however_often_it_is_asked_for() {
        let calm = Calm::from(vec![hours(22 * 60, 7 * 60, &[])]);
        let start = at("2026-11-23T00:00Z");
        for zone in ["Asia/Hong_Kong", "Europe/London"] {
            let tz = TimeZone::get(zone).unwrap();
            for minute in 0..3 * i64::from(DAY_MIN) {
                Hours { calm: &calm, tz: &tz }.until(start + minute * 60_000);
            }
        }
        let known = calm.known.lock().unwrap();
        let days: Vec<usize> = known.values().map(HashMap::len).collect();
        assert_eq!(days, [3, 3]);
    }

    #[test]
    fn hours_that_never_end_leave_no_time() {
        assert!(leave_time(&[]));
        assert!(leave_time(&[hours(60, 59, &[])]));
        assert!(leave_time(&[hours(0, 0, &[1, 2, 3, 4, 5, 6])]));
        assert!(!leave_time(&[hours(60, 60, &[])]));
        assert!(!leave_time(&[hours(0, 720, &[]), hours(700, 0, &[])]));
    }
}
