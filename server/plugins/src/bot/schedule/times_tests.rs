use proptest::prelude::*;

use super::*;

const MINUTE_MS: i64 = 60_000;

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

fn at(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_millisecond()
}

fn times(cron: &str, tz: &str) -> Times {
    Times::read(cron, &zone(tz)).unwrap()
}

/// The next times, as the wall shows them with its distance to UTC.
fn shown(cron: &str, tz: &str, after: &str) -> Vec<String> {
    let shown = times(cron, tz).shown(at(after)).into_iter().map(|due| {
        let due = Timestamp::from_millisecond(due).unwrap().to_zoned(zone(tz));
        due.strftime("%m-%d %H:%M %:z").to_string()
    });
    shown.collect()
}

#[test]
fn an_hour_that_does_not_exist_is_made_up_for_at_the_first_moment_after_it() {
    let spring = shown("30 2 * * *", "America/New_York", "2027-03-13T00:00:00Z");
    assert_eq!(spring[..3], ["03-13 02:30 -05:00", "03-14 03:00 -04:00", "03-15 02:30 -04:00"]);
    let spring = shown("15 1 * * *", "Europe/London", "2027-03-27T12:00:00Z");
    assert_eq!(spring[..2], ["03-28 02:00 +01:00", "03-29 01:15 +01:00"]);
    let all = shown("*/30 * * * *", "America/New_York", "2027-03-14T06:00:00Z");
    assert_eq!(all[..3], ["03-14 01:30 -05:00", "03-14 03:00 -04:00", "03-14 03:30 -04:00"]);
    // A midnight that does not exist.
    let midnight = shown("0 0 * * *", "America/Asuncion", "2023-09-30T12:00:00Z");
    assert_eq!(midnight[0], "10-01 01:00 -03:00");
}

#[test]
fn an_hour_that_comes_twice_counts_once() {
    let autumn = shown("30 1 * * *", "America/New_York", "2026-11-01T00:00:00Z");
    assert_eq!(autumn[..2], ["11-01 01:30 -04:00", "11-02 01:30 -05:00"]);
    let autumn = shown("30 1 * * *", "Europe/London", "2026-10-24T12:00:00Z");
    assert_eq!(autumn[..2], ["10-25 01:30 +01:00", "10-26 01:30 +00:00"]);
    // Also for whoever looks in the middle of the hour that comes again.
    let again = shown("*/20 * * * *", "Europe/London", "2026-10-25T01:10:00Z");
    assert_eq!(again[..2], ["10-25 02:00 +00:00", "10-25 02:20 +00:00"]);
}

#[test]
fn months_end_where_they_end() {
    let last = shown("0 9 L * *", "Asia/Hong_Kong", "2028-01-30T00:00:00Z");
    assert_eq!(last[..3], ["01-31 09:00 +08:00", "02-29 09:00 +08:00", "03-31 09:00 +08:00"]);
    let day = shown("0 9 31 * *", "Asia/Hong_Kong", "2027-01-31T05:00:00Z");
    assert_eq!(day[..2], ["03-31 09:00 +08:00", "05-31 09:00 +08:00"]);
}

#[test]
fn of_what_was_missed_the_newest_counts() {
    let hourly = times("0 * * * *", "Asia/Hong_Kong");
    let due = at("2026-09-22T00:00:00Z");
    assert_eq!(hourly.newest(due, due + 8 * 3_600_000 + 1), due + 8 * 3_600_000);
    assert_eq!(hourly.newest(due, due), due);
    // A clock that was set back since.
    assert_eq!(hourly.newest(due, due - 3_600_000), due);
    let yearly = times("0 0 1 1 *", "UTC");
    let first = at("2027-01-01T00:00:00Z");
    assert_eq!(yearly.newest(first, at("2030-06-01T00:00:00Z")), at("2030-01-01T00:00:00Z"));
}

#[test]
fn what_is_never_due_or_too_often_is_refused_by_its_field() {
    let hong_kong = zone("Asia/Hong_Kong");
    let refused = |cron: &str| {
        let error = Times::checked(cron, &hong_kong, at("2026-09-22T00:00:00Z")).unwrap_err();
        assert_eq!(error.body().field.as_deref(), Some("cron"), "{cron}: {error}");
        error.body().msg.clone()
    };
    for cron in ["0 0 30 2 *", "0 0 31 4,6,9,11 *"] {
        assert!(refused(cron).contains("never due"), "{cron}");
    }
    for cron in ["* * * * *", "*/4 * * * *", "0,4 9 * * *", "58,2 9,10 * * *", "59,0 23,0 * * *"] {
        assert!(refused(cron).contains("every 5 minutes"), "{cron}");
    }
    for cron in [
        "",
        "x",
        "* * * *",
        "0 0 9 * * *",
        "61 * * * *",
        "0 25 * * *",
        "0 9 * * 9",
        "0 9 32 * *",
        "0 9 * 13 *",
        "-1 9 * * *",
        "0 9 * * 1-5 2027",
        "*/0 * * * *",
        "\u{0} 9 * * *",
    ] {
        refused(cron);
    }
    refused(&"0,".repeat(100));
    for cron in ["*/5 * * * *", "58,2 9 * * *", "0 0 29 2 *", "0 9 * * 1-5", "0 9 * * MON#1"] {
        Times::checked(cron, &hong_kong, at("2026-09-22T00:00:00Z")).unwrap();
    }
}

/// A field of an expression with what it means.
fn field(low: i64, high: i64) -> impl Strategy<Value = (String, Vec<i64>)> {
    let list = prop::collection::btree_set(low..=high, 1..4);
    let step = (low..=high, 1_i64..20);
    prop_oneof![
        Just(("*".to_owned(), (low..=high).collect())),
        list.prop_map(|set| {
            let text: Vec<String> = set.iter().map(i64::to_string).collect();
            (text.join(","), set.into_iter().collect())
        }),
        step.prop_map(move |(from, step)| {
            let values = (from..=high).step_by(usize::try_from(step).unwrap()).collect();
            (format!("{from}-{high}/{step}"), values)
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 50, ..ProptestConfig::default() })]

    /// Minute by minute, with nothing but what the clock on the wall shows.
    #[test]
    fn the_next_time_is_what_looking_at_every_minute_finds(
        (minutes, minute) in field(0, 59),
        (hours, hour) in field(0, 23),
        (days, day) in field(0, 6),
        tz in prop::sample::select(vec![
            "America/New_York", "Europe/London", "Asia/Hong_Kong", "Australia/Lord_Howe",
            "America/Asuncion", "Asia/Kathmandu",
        ]),
        // Around the changes of the clocks, and anywhere.
        start in prop_oneof![
            (0_i64..6 * 1_440).prop_map(|minutes| at("2026-10-30T00:00:00Z") + minutes * MINUTE_MS),
            (0_i64..6 * 1_440).prop_map(|minutes| at("2026-10-22T00:00:00Z") + minutes * MINUTE_MS),
            (0_i64..9 * 1_440).prop_map(|minutes| at("2027-03-11T00:00:00Z") + minutes * MINUTE_MS),
            (0_i64..6 * 1_440).prop_map(|minutes| at("2027-03-25T00:00:00Z") + minutes * MINUTE_MS),
            (0_i64..525_600).prop_map(|minutes| at("2026-01-01T00:00:00Z") + minutes * MINUTE_MS),
        ],
        rest in 0_i64..MINUTE_MS,
    ) {
        let (times, zone) = (times(&format!("{minutes} {hours} * * {days}"), tz), zone(tz));
        let means = |wall: DateTime| {
            minute.contains(&i64::from(wall.minute()))
                && hour.contains(&i64::from(wall.hour()))
                && day.contains(&i64::from(wall.weekday().to_sunday_zero_offset()))
        };
        let wall = |at: i64| zone.to_datetime(Timestamp::from_millisecond(at).unwrap());
        // A minute is due if the wall shows a meant time that it did not show before, or skipped
        // one right before it.
        let is_due = |at: i64| {
            let (now, before) = (wall(at), wall(at - MINUTE_MS));
            let mut skipped = before.saturating_add(1.minutes());
            let mut due = false;
            while skipped < now {
                due |= means(skipped);
                skipped = skipped.saturating_add(1.minutes());
            }
            let is_first = (1..=180).all(|back| wall(at - back * MINUTE_MS) < now);
            due || is_first && means(now)
        };
        let after = start + rest;
        let found = times.next(after);
        // Eight days: every weekday comes.
        let minutes = (1..8 * 1_440).map(|minutes| start + minutes * MINUTE_MS);
        let expected = minutes.filter(|&at| at > after).find(|&at| is_due(at));
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn no_text_is_too_strange(cron in ".{0,40}") {
        let _ = Times::checked(&cron, &zone("Europe/London"), at("2026-09-22T00:00:00Z"));
    }
}
