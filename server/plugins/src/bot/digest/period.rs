//! Periods by the calendar. Pure.

use carillon_plugin::{Error, Result};
use carillon_protocol::digest::Span;
use jiff::{Timestamp, ToSpan, Zoned, civil::Date, tz::TimeZone};

const HOUR_MS: i64 = 3_600_000;

/// From a moment to another, which is not in it, in milliseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) from: i64,
    pub(super) to: i64,
}

/// The days of a period: the first, and the one after the last.
fn days(span: Span, today: Date) -> Result<(Date, Date)> {
    let back = |date: Date, days: i64| date.checked_sub(days.days()).map_err(Error::internal);
    Ok(match span {
        Span::Yesterday => (back(today, 1)?, today),
        Span::Last7Days => (back(today, 7)?, today),
        Span::LastWeek => {
            let monday = back(today, i64::from(today.weekday().to_monday_zero_offset()))?;
            (back(monday, 7)?, monday)
        }
        Span::Month => {
            let first = today.first_of_month();
            (first.checked_sub(1.months()).map_err(Error::internal)?, first)
        }
    })
}

fn begins(date: Date, tz: &TimeZone) -> Result<i64> {
    let zoned = date.to_zoned(tz.clone()).map_err(Error::internal)?;
    Ok(zoned.timestamp().as_millisecond())
}

fn stretch((from, to): (Date, Date), tz: &TimeZone) -> Result<Stretch> {
    Ok(Stretch { from: begins(from, tz)?, to: begins(to, tz)? })
}

fn today(now: i64, tz: &TimeZone) -> Result<Date> {
    let now = Timestamp::from_millisecond(now).map_err(Error::internal)?;
    Ok(Zoned::new(now, tz.clone()).date())
}

/// The period that a span means at a moment.
pub(super) fn of(span: Span, now: i64, tz: &TimeZone) -> Result<Stretch> {
    stretch(days(span, today(now, tz)?)?, tz)
}

/// The period before it, of as many days or the month before.
pub(super) fn before(span: Span, now: i64, tz: &TimeZone) -> Result<Stretch> {
    let (from, _) = days(span, today(now, tz)?)?;
    let earlier = match span {
        Span::Month => from.checked_sub(1.months()),
        Span::Yesterday => from.checked_sub(1.days()),
        Span::Last7Days | Span::LastWeek => from.checked_sub(7.days()),
    };
    stretch((earlier.map_err(Error::internal)?, from), tz)
}

/// The days of a period, as people of every language read them: `2026-09-21`, or the first and the
/// last.
pub(super) fn dates(Stretch { from, to }: Stretch, tz: &TimeZone) -> String {
    let date = |at: i64| {
        let at = Timestamp::from_millisecond(at).unwrap_or(Timestamp::UNIX_EPOCH);
        at.to_zoned(tz.clone()).date()
    };
    let (first, last) = (date(from), date(to - 1));
    if first == last { first.to_string() } else { format!("{first} – {last}") }
}

/// The hours of a day, or the days of a longer period.
pub(super) fn cells(span: Span, now: i64, tz: &TimeZone) -> Result<Vec<Stretch>> {
    let (from, to) = days(span, today(now, tz)?)?;
    if span == Span::Yesterday {
        let Stretch { from, to } = stretch((from, to), tz)?;
        // By the clock of a change they are 23 or 25.
        let hours = std::iter::successors(Some(from), |at| Some(at + HOUR_MS));
        let hours = hours.take_while(|&at| at < to);
        return Ok(hours.map(|at| Stretch { from: at, to: to.min(at + HOUR_MS) }).collect());
    }
    let mut cells = Vec::new();
    let mut day = from;
    while day < to {
        let next = day.tomorrow().map_err(Error::internal)?;
        cells.push(stretch((day, next), tz)?);
        day = next;
    }
    Ok(cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    #[test]
    fn a_day_has_as_many_hours_as_the_clock_gives_it() {
        let london = TimeZone::get("Europe/London").unwrap();
        for (now, hours) in [
            ("2026-10-26T09:00:00Z", 25),
            ("2027-03-29T09:00:00Z", 23),
            ("2026-09-22T09:00:00Z", 24),
        ] {
            let cells = cells(Span::Yesterday, at(now), &london).unwrap();
            let day = of(Span::Yesterday, at(now), &london).unwrap();
            assert_eq!(cells.len(), hours, "{now}");
            assert_eq!((cells[0].from, cells[hours - 1].to), (day.from, day.to), "{now}");
        }
    }

    #[test]
    fn periods_follow_the_calendar_and_touch_the_ones_before() {
        let hong_kong = TimeZone::get("Asia/Hong_Kong").unwrap();
        // A Tuesday, 09:00 there.
        let now = at("2026-03-03T01:00:00Z");
        for (span, from, to, earlier, cells_of) in [
            (Span::Yesterday, "2026-03-02", "2026-03-03", "2026-03-01", 24),
            (Span::Last7Days, "2026-02-24", "2026-03-03", "2026-02-17", 7),
            (Span::LastWeek, "2026-02-23", "2026-03-02", "2026-02-16", 7),
            (Span::Month, "2026-02-01", "2026-03-01", "2026-01-01", 28),
        ] {
            let begins = |day: &str| at(&format!("{day}T00:00:00+08:00"));
            let period = of(span, now, &hong_kong).unwrap();
            assert_eq!(period, Stretch { from: begins(from), to: begins(to) }, "{span:?}");
            let earlier = Stretch { from: begins(earlier), to: begins(from) };
            assert_eq!(before(span, now, &hong_kong).unwrap(), earlier, "{span:?}");
            assert_eq!(cells(span, now, &hong_kong).unwrap().len(), cells_of, "{span:?}");
        }
    }
}
