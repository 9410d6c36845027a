//! When a schedule is due. Pure: no clock, no await.
//!
//! An expression is read by the clock on a wall, which knows no daylight saving; each time on the
//! wall is one moment. What the clock skips is the moment at which it skips; what it shows twice is
//! the first of both. So the moments never go back, and none is left out.

use carillon_plugin::{Error, Result};
use carillon_protocol::limits::CRON_LEN_MAX;
use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};
use jiff::{
    Timestamp, ToSpan,
    civil::DateTime,
    tz::{AmbiguousOffset, Offset, TimeZone},
};

/// The shortest time between two messages of a schedule, in minutes: a conversation is read by
/// people.
const APART_MIN: i64 = 5;
/// A schedule is due at least once in so many years.
const YEARS_MAX: i64 = 5;
/// Of so many times in a row the distance is looked at: twice a day, and more than a year.
const LOOKED_AT: usize = 1_000;
/// So many times a list shows.
pub(super) const SHOWN: usize = 5;
/// Times on the wall that may lie before a moment and after it by the clock: a day, every five
/// minutes. No change of a clock is longer.
const REPEATED_MAX: usize = 300;
/// Looking for the newest of many begins so long before its end, in milliseconds: most schedules
/// are due once a week.
const WEEK_MS: i64 = 7 * 86_400_000;

/// The times of a schedule.
#[derive(Debug, Clone)]
pub(super) struct Times {
    cron: Cron,
    tz: TimeZone,
}

impl Times {
    /// Reads an expression, as somebody wrote it; it may be due too seldom or too often.
    pub(super) fn read(cron: &str, tz: &TimeZone) -> Result<Times> {
        let bad = |why: String| Error::bad_arg("cron", why);
        if cron.chars().count() > CRON_LEN_MAX {
            return Err(bad(format!("an expression has at most {CRON_LEN_MAX} characters")));
        }
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed);
        let shape = "minute, hour, day of the month, month and day of the week, as `0 9 * * 1-5`";
        let read = parser.build().parse(cron.trim());
        let cron = read.map_err(|error| bad(format!("write {shape}: {error}").to_lowercase()))?;
        Ok(Times { cron, tz: tz.clone() })
    }

    /// The same, for what is to be kept: due at least once in five years and at most every five
    /// minutes.
    pub(super) fn checked(cron: &str, tz: &TimeZone, now: i64) -> Result<Times> {
        let times = Times::read(cron, tz)?;
        let begin = times.wall(now)?;
        let end = begin.checked_add(YEARS_MAX.years()).map_err(Error::internal)?;
        let mut before: Option<DateTime> = None;
        for wall in times.walls(begin).take(LOOKED_AT) {
            if wall > end {
                break;
            }
            let close = |it: DateTime| wall < it.saturating_add(APART_MIN.minutes());
            if before.is_some_and(close) {
                let msg = format!("it would post more often than every {APART_MIN} minutes");
                return Err(Error::bad_arg("cron", msg));
            }
            before = Some(wall);
        }
        if before.is_none() {
            let msg = format!("it is never due within {YEARS_MAX} years");
            return Err(Error::bad_arg("cron", msg));
        }
        Ok(times)
    }

    /// The first time after a moment; both in milliseconds since the epoch. None, if it is never
    /// due again.
    pub(super) fn next(&self, after: i64) -> Option<i64> {
        let walls = self.walls(self.wall(after).ok()?);
        walls.take(REPEATED_MAX).filter_map(|wall| self.moment(wall)).find(|&due| due > after)
    }

    /// The next five.
    pub(super) fn shown(&self, after: i64) -> Vec<i64> {
        let next = |due: &i64| self.next(*due);
        std::iter::successors(self.next(after), next).take(SHOWN).collect()
    }

    /// The newest time that is not after now, of those from this one on.
    pub(super) fn newest(&self, due: i64, now: i64) -> i64 {
        let within = |from: i64| {
            let times = std::iter::successors(self.next(from), |due| self.next(*due));
            times.take_while(|&it| it <= now).last()
        };
        let lately = due.max(now.saturating_sub(WEEK_MS));
        within(lately).or_else(|| within(due)).unwrap_or(due).max(due)
    }

    /// What the clock on the wall shows, to the minute.
    fn wall(&self, at: i64) -> Result<DateTime> {
        let at = Timestamp::from_millisecond(at).map_err(Error::internal)?;
        let wall = self.tz.to_datetime(at);
        Ok(wall.date().at(wall.hour(), wall.minute(), 0, 0))
    }

    /// The times on the wall after this one.
    fn walls(&self, after: DateTime) -> impl Iterator<Item = DateTime> {
        let next = |after: &DateTime| {
            let after = after.to_zoned(TimeZone::UTC).ok()?;
            let found = self.cron.find_next_occurrence(&after, false).ok()?;
            Some(found.datetime())
        };
        std::iter::successors(next(&after), next)
    }

    /// The moment at which the wall shows this time, or would have.
    fn moment(&self, wall: DateTime) -> Option<i64> {
        let at = |offset: Offset| offset.to_timestamp(wall).ok();
        let moment = match self.tz.to_ambiguous_timestamp(wall).offset() {
            AmbiguousOffset::Unambiguous { offset } => at(offset)?,
            AmbiguousOffset::Fold { before, .. } => at(before)?,
            AmbiguousOffset::Gap { after, .. } => {
                // By the clock that comes, it is before the change.
                self.tz.following(at(after)?).next()?.timestamp()
            }
        };
        Some(moment.as_millisecond())
    }
}

#[cfg(test)]
#[path = "times_tests.rs"]
mod tests;
