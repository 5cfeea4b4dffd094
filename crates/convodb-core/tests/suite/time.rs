//! The bounds of times, and their text.

use chrono::{DateTime, TimeDelta, Utc};
use convodb_core::time;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Time(#[serde(with = "time")] DateTime<Utc>);

fn print(time: DateTime<Utc>) -> String {
    serde_json::to_string(&Time(time)).unwrap()
}

fn parse(text: &str) -> Option<DateTime<Utc>> {
    let parsed = serde_json::from_str::<Time>(&format!("\"{text}\""));
    parsed.ok().map(|Time(time)| time)
}

#[test]
fn whole_seconds_print_without_a_fraction_and_all_else_with_six_digits() {
    let whole = time::from_micros(1_776_240_600_000_000).unwrap();
    assert_eq!(print(whole), r#""2026-04-15T08:10:00Z""#);
    let fraction = time::from_micros(1_776_240_600_000_010).unwrap();
    assert_eq!(print(fraction), r#""2026-04-15T08:10:00.000010Z""#);
    assert_eq!(parse("2026-04-15T10:10:00.00001+02:00"), Some(fraction));
}

#[test]
fn the_bounds_are_the_first_and_the_last_microsecond_of_1970_and_9999() {
    assert!(parse("1970-01-01T00:00:00Z").is_some());
    assert_eq!(parse("1969-12-31T23:59:59.999999Z"), None);
    let last = parse("9999-12-31T23:59:59.999999Z").unwrap();
    assert_eq!(print(last), r#""9999-12-31T23:59:59.999999Z""#);
    let later = last + TimeDelta::microseconds(1);
    assert_eq!(time::from_micros(later.timestamp_micros()), None);
    assert_eq!(time::clamped(later), last);
}

#[test]
fn times_are_read_as_providers_write_them() {
    let whole = time::from_micros(1_776_240_600_000_000);
    for text in [
        "2026-04-15T08:10:00Z",
        "2026-04-15T08:10:00+0000",
        "2026-04-15T13:40:00+0530",
        "2026-04-15T13:40:00+05:30",
        "2026-04-15T00:10:00-0800",
        "2026-04-15T08:10Z",
        "2026-04-15T09:10+0100",
        "1776240600",
        "1776240600000",
        "1776240600000000",
    ] {
        assert_eq!(parse(text), whole, "{text}");
    }
    let number = |number: &str| serde_json::from_str(number).ok().map(|Time(time)| time);
    for text in ["1776240600", "1776240600000", "1776240600000000"] {
        assert_eq!(number(text), whole, "{text}");
    }
    // The bounds between the units.
    assert_eq!(number("99999999999"), parse("5138-11-16T09:46:39Z"));
    assert_eq!(number("100000000000"), parse("1973-03-03T09:46:40Z"));
    assert_eq!(number("99999999999999"), parse("5138-11-16T09:46:39.999Z"));
    assert_eq!(number("100000000000000"), parse("1973-03-03T09:46:40Z"));
    assert_eq!(number("0"), Some(DateTime::UNIX_EPOCH));
    for text in [
        "-1",
        "1.5",
        "null",
        "true",
        "[]",
        "18446744073709551615",
        "253402300800000000",
    ] {
        assert_eq!(number(text), None, "{text}");
        assert_eq!(parse(text), None, "{text}");
    }
    for text in [
        "",
        "+1",
        "2026-04-15",
        "2026-04-15T08:10:00",
        "2026-04-15T08Z",
        "2026-04-15T08:10:00+00",
        "2026-04-15T08:10:00+00:00:00",
        "2026-04-15T08:10:00+000",
        "T:Z",
        "ä",
    ] {
        assert_eq!(parse(text), None, "{text}");
    }
}
