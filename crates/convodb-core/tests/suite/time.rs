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
