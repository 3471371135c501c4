use super::*;

fn schedule(zone: &str, start: &str, end: &str) -> Schedule {
    Schedule {
        zone: Zone::parse(zone).unwrap(),
        start: Expression::parse(start).unwrap(),
        end: Expression::parse(end).unwrap(),
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// What it is at each of some moments, and until when.
fn stands(schedule: &Schedule, wanted: &[(&str, bool, &str)]) {
    for (moment, inside, until) in wanted {
        let standing = schedule.at(at(moment));
        assert_eq!(
            (standing.inside, standing.until),
            (*inside, at(until)),
            "at {moment}: {} until {}",
            standing.inside,
            standing.until
        );
    }
}

#[test]
fn working_hours_by_a_zones_clock() {
    let tokyo = schedule("Asia/Tokyo", "0 8 * * 1-5", "0 20 * * MON-FRI");
    stands(
        &tokyo,
        &[
            // A Monday.
            ("2026-11-30T07:59:59+09", false, "2026-11-30T08:00:00+09"),
            ("2026-11-30T08:00:00+09", true, "2026-11-30T20:00:00+09"),
            ("2026-11-30T19:59:59.9+09", true, "2026-11-30T20:00:00+09"),
            ("2026-11-30T20:00:00+09", false, "2026-12-01T08:00:00+09"),
            // From Friday's end to Monday, over a year's end.
            ("2026-12-04T20:00:00+09", false, "2026-12-07T08:00:00+09"),
            ("2027-01-02T12:00:00+09", false, "2027-01-04T08:00:00+09"),
        ],
    );
}

#[test]
fn a_window_over_midnight() {
    let night = schedule("Europe/Berlin", "0 22 * * *", "0 6 * * *");
    stands(
        &night,
        &[
            ("2026-06-01T21:59:00+02", false, "2026-06-01T22:00:00+02"),
            ("2026-06-01T23:59:59+02", true, "2026-06-02T06:00:00+02"),
            ("2026-06-02T00:00:00+02", true, "2026-06-02T06:00:00+02"),
            ("2026-06-02T06:00:00+02", false, "2026-06-02T22:00:00+02"),
        ],
    );
}

#[test]
fn a_window_goes_on_where_one_ends_and_the_next_begins() {
    let always = schedule("UTC", "0 8 * * 1-5", "0 8 * * 2-6");
    stands(
        &always,
        &[
            ("2026-11-30T07:00:00Z", false, "2026-11-30T08:00:00Z"),
            ("2026-11-30T09:00:00Z", true, "2026-12-01T08:00:00Z"),
            ("2026-12-01T08:00:00Z", true, "2026-12-02T08:00:00Z"),
            ("2026-12-05T08:00:00Z", false, "2026-12-07T08:00:00Z"),
        ],
    );
}

#[test]
fn what_the_clock_skips_comes_at_the_change() {
    // 2026-03-29: 02:00 is followed by 03:00.
    let early = schedule("Europe/Berlin", "30 2 * * *", "0 4 * * *");
    stands(
        &early,
        &[
            ("2026-03-28T02:29:00+01", false, "2026-03-28T02:30:00+01"),
            ("2026-03-29T01:59:59+01", false, "2026-03-29T03:00:00+02"),
            ("2026-03-29T03:00:00+02", true, "2026-03-29T04:00:00+02"),
        ],
    );
    // A window that lies in the gap as a whole is none on that day; its neighbours are as always.
    let gone = schedule("Europe/Berlin", "10 2 * * *", "50 2 * * *");
    let standing = gone.at(at("2026-03-29T03:10:00+02"));
    assert!(standing.until <= at("2026-03-30T02:50:00+02"));
    stands(
        &gone,
        &[
            ("2026-03-28T02:20:00+01", true, "2026-03-28T02:50:00+01"),
            ("2026-03-30T02:20:00+02", true, "2026-03-30T02:50:00+02"),
        ],
    );
    // The end of a window in the gap: it does not last until the next day.
    let end = schedule("Europe/Berlin", "0 1 * * *", "30 2 * * *");
    stands(
        &end,
        &[
            ("2026-03-29T01:30:00+01", true, "2026-03-29T03:00:00+02"),
            ("2026-03-29T03:00:00+02", false, "2026-03-30T01:00:00+02"),
        ],
    );
    // In New York at another date.
    let york = schedule("America/New_York", "30 2 * * *", "0 4 * * *");
    stands(
        &york,
        &[("2026-03-08T01:00:00-05", false, "2026-03-08T03:00:00-04")],
    );
}

#[test]
fn what_the_clock_shows_twice_comes_once() {
    // 2026-10-25: 03:00 is followed by 02:00.
    let early = schedule("Europe/Berlin", "30 2 * * *", "45 2 * * *");
    stands(
        &early,
        &[
            ("2026-10-25T02:30:00+02", true, "2026-10-25T02:45:00+02"),
            ("2026-10-25T02:45:00+02", false, "2026-10-26T02:30:00+01"),
            ("2026-10-25T02:30:00+01", false, "2026-10-26T02:30:00+01"),
        ],
    );
    // A window about the change is an hour longer, as the clock says.
    let night = schedule("Europe/Berlin", "0 1 * * *", "0 4 * * *");
    stands(
        &night,
        &[("2026-10-25T01:00:00+02", true, "2026-10-25T04:00:00+01")],
    );
    // Half of every hour is half of each of the two.
    let half = schedule("Europe/Berlin", "0 * * * *", "30 * * * *");
    stands(
        &half,
        &[
            ("2026-10-25T02:10:00+02", true, "2026-10-25T02:30:00+02"),
            ("2026-10-25T02:40:00+02", false, "2026-10-25T02:00:00+01"),
            ("2026-10-25T02:10:00+01", true, "2026-10-25T02:30:00+01"),
            ("2026-10-25T02:40:00+01", false, "2026-10-25T03:00:00+01"),
        ],
    );
}

#[test]
fn zones_with_changes_that_are_rare() {
    // Half an hour, in the other hemisphere.
    let howe = schedule("Australia/Lord_Howe", "15 2 * * *", "0 3 * * *");
    stands(
        &howe,
        &[("2026-10-04T01:00:00+10:30", false, "2026-10-04T02:30:00+11")],
    );
    // The 30th of December 2011 was left out.
    let apia = schedule("Pacific/Apia", "0 8 30 12 *", "0 9 30 12 *");
    let standing = apia.at(at("2011-12-29T12:00:00-10"));
    assert!(standing.until <= at("2012-12-30T09:00:00+14"));
    let fixed = schedule("UTC", "0 0 29 2 *", "0 0 1 3 *");
    stands(
        &fixed,
        &[
            ("2096-03-01T00:00:00Z", false, "2104-02-29T00:00:00Z"),
            ("2104-02-29T10:00:00Z", true, "2104-03-01T00:00:00Z"),
        ],
    );
}

#[test]
fn it_is_looked_at_again_at_every_change_and_never_in_between() {
    let zones = ["Europe/Berlin", "Asia/Kolkata"];
    let pairs = [
        ("0 8 * * 1-5", "0 20 * * 1-5"),
        ("30 2 * * *", "15 3 * * *"),
        ("*/7 1-3 * * *", "5 */2 * * SUN"),
        ("0 0 1 * *", "0 0 15 * 3"),
    ];
    for zone in zones {
        for (start, end) in pairs {
            let schedule = schedule(zone, start, end);
            for from in ["2026-03-28T12:00:00Z", "2026-10-24T12:00:00Z"] {
                let mut now = at(from);
                let mut standing = schedule.at(now);
                for _ in 0..24 * 60 {
                    now += SignedDuration::from_mins(1);
                    let next = schedule.at(now);
                    assert!(next.until > now, "{zone} {start} {end} at {now}");
                    if now < standing.until {
                        assert_eq!(next, standing, "{zone} {start} {end} at {now}");
                    }
                    standing = next;
                }
            }
        }
    }
}

#[test]
fn expressions_as_crontab_has_them() {
    let same = |a: &str, b: &str| {
        assert_eq!(
            Expression::parse(a).unwrap(),
            Expression::parse(b).unwrap(),
            "{a} and {b}"
        );
    };
    same("0 8 * * 0", "0 8 * * 7");
    same("0 8 * * SUN", "0   8 ? *   sun");
    same("5/15 * * * *", "5,20,35,50 * * * *");
    same("0-30/10 * * * *", "0,10,20,30 * * * *");
    same("0 0 * JAN-MAR *", "0 0 * 1,2,3 *");
    same("0 0 * * 5-7", "0 0 * * FRI,SAT,SUN");
    let one_of_both = Expression::parse("0 0 13 * FRI").unwrap();
    let on = |date: &str| one_of_both.is_on(date.parse().unwrap());
    assert!(on("2026-11-13") && on("2026-12-13") && on("2026-11-27"));
    assert!(!on("2026-11-14"));
}

#[test]
fn what_is_no_expression_is_told_what_would_be() {
    for (text, wanted) in [
        ("0 8 * *", "has 4 fields; five are wanted"),
        ("", "has 0 fields"),
        ("0 8 * * * *", "has 6 fields"),
        ("@daily", "has 1 fields"),
        (
            "60 8 * * *",
            "minute is \"60\": it must be *, or from 0 to 59",
        ),
        ("0 24 * * *", "hour is \"24\""),
        (
            "0 8 0 * *",
            "day of month is \"0\": it must be *, or from 1 to 31",
        ),
        (
            "0 8 * 13 *",
            "month is \"13\": it must be *, or from 1 to 12, or JAN to DEC",
        ),
        ("0 8 * * 8", "day of week is \"8\""),
        ("0 8 * * mo", "or SUN to SAT"),
        ("0 20-8 * * *", "hour is 20-8: a range goes up; write 8-20"),
        ("*/0 8 * * *", "a step is a number from 1 to 59"),
        ("*/x 8 * * *", "a step is a number"),
        ("-1 8 * * *", "minute is \"\""),
        ("1,,2 8 * * *", "minute is \"\""),
        ("+1 8 * * *", "minute is \"+1\""),
        ("0 0 30 2 *", "never comes"),
        ("0 0 31 4,6,9,11 *", "never comes"),
    ] {
        let error = Expression::parse(text).unwrap_err();
        assert!(error.contains(wanted), "{text}: {error}");
    }
    assert!(Expression::parse("0 0 30 2 MON").is_ok());
    assert!(Expression::parse(&"0,".repeat(100)).is_err());
}

#[test]
fn zones_by_name() {
    assert_eq!(Zone::parse("asia/tokyo").unwrap().to_string(), "Asia/Tokyo");
    assert!(Zone::parse("UTC").is_ok());
    let error = Zone::parse("Asia/Tokio").unwrap_err();
    assert!(error.ends_with("did you mean Asia/Tokyo?"), "{error}");
    for none in ["", "JST9", "+09:00", "Mars/Phobos", "Local"] {
        assert!(Zone::parse(none).is_err(), "{none}");
    }
    assert!(Zone::parse(&"x".repeat(1000)).unwrap_err().len() < 200);
}
