//! Times: microseconds between the years 1970 and 9999, printed as RFC 3339 in UTC, and taken as
//! providers write them.

use std::fmt::{self, Display};
use std::ops::Range;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{InvalidInput, text};

/// The last microsecond of the year 9999: RFC 3339 has years of four digits.
pub(crate) const MAX_MICROS: i64 = 253_402_300_799_999_999;

/// The time of a stored number of microseconds, if it is within the bounds.
#[inline]
pub fn from_micros(micros: i64) -> Option<DateTime<Utc>> {
    (0..=MAX_MICROS)
        .contains(&micros)
        .then(|| DateTime::from_timestamp_micros(micros))
        .flatten()
}

/// The nearest time within the bounds, for a clock that is out of them.
pub fn clamped(time: DateTime<Utc>) -> DateTime<Utc> {
    from_micros(time.timestamp_micros().clamp(0, MAX_MICROS)).unwrap_or_default()
}

/// A step back of more than this is the correction of a clock that was wrong.
const MAX_CLAMPED_STEP: TimeDelta = TimeDelta::minutes(1);

/// The time of a monotonic clock that gave out `newest` last and now shows `shown`.
pub fn monotonic(shown: DateTime<Utc>, newest: DateTime<Utc>) -> DateTime<Utc> {
    let shown = clamped(shown);
    match newest - shown > MAX_CLAMPED_STEP {
        true => shown,
        false => shown.max(newest),
    }
}

/// Brings times in the future back to the present. Returns whether there were any.
pub fn clamp<'a>(
    times: impl IntoIterator<Item = &'a mut DateTime<Utc>>,
    now: DateTime<Utc>,
) -> bool {
    times.into_iter().fold(false, |is_ahead, time| {
        is_ahead | (std::mem::replace(time, now.min(*time)) > now)
    })
}

/// A caller's time, cut to the microsecond.
pub fn checked(field: &'static str, time: DateTime<Utc>) -> Result<DateTime<Utc>, InvalidInput> {
    from_micros(time.timestamp_micros())
        .ok_or_else(|| InvalidInput::new(field, "must lie between the years 1970 and 9999"))
}

/// 2000-01-01: no message was sent before, so an earlier time is a mistake in its unit.
const FIRST_SENT_MICROS: i64 = 946_684_800_000_000;

/// A provider's time of what happens now, cut to the microsecond.
pub(crate) fn recent(
    field: &'static str,
    time: DateTime<Utc>,
) -> Result<DateTime<Utc>, InvalidInput> {
    from_micros(time.timestamp_micros())
        .filter(|time| time.timestamp_micros() >= FIRST_SENT_MICROS)
        .ok_or_else(|| InvalidInput::new(field, "must lie between the years 2000 and 9999"))
}

/// The time that a provider reports for what happened, but never one in the future; without it, the
/// present.
pub(crate) fn reported(
    field: &'static str,
    time: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<DateTime<Utc>, InvalidInput> {
    time.map_or(Ok(now), |time| {
        recent(field, time).map(|time| time.min(now))
    })
}

/// What a time means that a provider gives: the whole of its second where it has no fraction, else
/// its microsecond.
pub(crate) fn within(time: DateTime<Utc>) -> Range<DateTime<Utc>> {
    let length = match time.timestamp_subsec_micros() {
        0 => TimeDelta::seconds(1),
        _ => TimeDelta::microseconds(1),
    };
    time..time + length
}

/// The next microsecond, if there is one.
pub(crate) fn next(time: DateTime<Utc>) -> DateTime<Utc> {
    clamped(time + TimeDelta::microseconds(1))
}

/// The milliseconds since 1970: the time of an id.
pub fn millis(time: DateTime<Utc>) -> u64 {
    u64::try_from(time.timestamp_millis()).unwrap_or(0)
}

/// The time that is this long ago; the earliest of all where none is.
pub(crate) fn before(now: DateTime<Utc>, age: Duration) -> DateTime<Utc> {
    let age = TimeDelta::from_std(age).unwrap_or(TimeDelta::MAX);
    let before = now.checked_sub_signed(age).unwrap_or_default();
    before.max(DateTime::UNIX_EPOCH)
}

/// Prints whole seconds without a fraction, other times with six digits.
fn print(time: DateTime<Utc>) -> String {
    let format = match time.timestamp_subsec_micros() {
        0 => SecondsFormat::Secs,
        _ => SecondsFormat::Micros,
    };
    time.to_rfc3339_opts(format, true)
}

/// Takes RFC 3339, also without seconds or without the colon of its offset, and digits as
/// [`from_number`] does.
fn parse(text: &str) -> Result<DateTime<Utc>, String> {
    if let Some(number) = text::digits(text) {
        return from_number(number).ok_or_else(|| out_of_bounds(text));
    }
    let time = DateTime::parse_from_rfc3339(text)
        .or_else(|error| DateTime::parse_from_rfc3339(&completed(text).ok_or(error)?))
        .map_err(|_| format!("`{text}` is not an ISO 8601 time"))?;
    from_micros(time.timestamp_micros()).ok_or_else(|| out_of_bounds(text))
}

fn out_of_bounds(time: impl Display) -> String {
    format!("`{time}` must lie between the years 1970 and 9999")
}

/// A time in RFC 3339 with its seconds and the colon of its offset.
fn completed(text: &str) -> Option<String> {
    let (date, rest) = text.split_once(['T', 't', ' '])?;
    let (time, offset) = rest.split_at(rest.find(['Z', 'z', '+', '-'])?);
    let seconds = if time.matches(':').count() == 1 {
        ":00"
    } else {
        ""
    };
    let offset = match offset.split_at_checked(3) {
        Some((hours, minutes)) if minutes.len() == 2 => format!("{hours}:{minutes}"),
        _ => offset.to_owned(),
    };
    Some(format!("{date}T{time}{seconds}{offset}"))
}

/// A time as a number since 1970: seconds below 10^11, milliseconds below 10^14, else microseconds.
fn from_number(number: u64) -> Option<DateTime<Utc>> {
    let micros = match number {
        0..100_000_000_000 => number * 1_000_000,
        100_000_000_000..100_000_000_000_000 => number * 1_000,
        _ => number,
    };
    from_micros(i64::try_from(micros).ok()?)
}

struct TimeVisitor;

impl Visitor<'_> for TimeVisitor {
    type Value = DateTime<Utc>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an ISO 8601 time")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<DateTime<Utc>, E> {
        parse(text).map_err(E::custom)
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<DateTime<Utc>, E> {
        // JSON may write a whole number with a fraction of zero.
        let is_whole = number.fract() == 0.0 && (0.0..=MAX_MICROS as f64).contains(&number);
        let time = is_whole.then(|| from_number(number as u64)).flatten();
        time.ok_or_else(|| E::custom(out_of_bounds(number)))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<DateTime<Utc>, E> {
        from_number(number).ok_or_else(|| E::custom(out_of_bounds(number)))
    }
}

/// A time where serde takes no attribute, as in a tuple.
#[derive(PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Time(#[serde(with = "self")] pub(crate) DateTime<Utc>);

impl Time {
    pub(crate) const fn get(self) -> DateTime<Utc> {
        self.0
    }
}

/// A text in JSON, a number of microseconds in records.
pub fn serialize<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    match serializer.is_human_readable() {
        true => serializer.serialize_str(&print(*time)),
        false => serializer.serialize_i64(time.timestamp_micros()),
    }
}

pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime<Utc>, D::Error> {
    if deserializer.is_human_readable() {
        return deserializer.deserialize_any(TimeVisitor);
    }
    let micros = i64::deserialize(deserializer)?;
    from_micros(micros).ok_or_else(|| de::Error::custom("a time is out of bounds"))
}

/// The same for an optional time.
pub mod optional {
    use chrono::{DateTime, Utc};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Time;

    pub fn serialize<S: Serializer>(
        time: &Option<DateTime<Utc>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        time.map(Time).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<DateTime<Utc>>, D::Error> {
        let time = Option::<Time>::deserialize(deserializer)?;
        Ok(time.map(Time::get))
    }
}
