//! Times: microseconds between the years 1970 and 9999, printed as ISO 8601 in UTC.

use std::fmt::{self, Display};

use chrono::{DateTime, Datelike, Timelike, Utc};
use serde::{Deserialize, Deserializer, Serializer, de};

use crate::InvalidInput;

/// The last microsecond of the year 9999: what the specification's format can still print.
pub(crate) const MAX_MICROS: i64 = 253_402_300_799_999_999;

/// The time of a stored number of microseconds, if it lies within the bounds.
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

/// R7: a caller's time, cut to the microsecond, or refused outside 1970 to 9999.
pub fn checked(field: &'static str, time: DateTime<Utc>) -> Result<DateTime<Utc>, InvalidInput> {
    from_micros(time.timestamp_micros())
        .ok_or_else(|| InvalidInput::new(field, "must lie between the years 1970 and 9999"))
}

/// Prints whole seconds without a fraction, all else with six digits.
struct Iso8601(DateTime<Utc>);

impl Display for Iso8601 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(time) = self;
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
            time.year(),
            time.month(),
            time.day(),
            time.hour(),
            time.minute(),
            time.second()
        )?;
        match time.timestamp_subsec_micros() {
            0 => f.write_str("Z"),
            micros => write!(f, ".{micros:06}Z"),
        }
    }
}

pub(crate) fn serialize<S: Serializer>(
    time: &DateTime<Utc>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&Iso8601(*time))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<DateTime<Utc>, D::Error> {
    let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
    parse(&text).map_err(de::Error::custom)
}

fn parse(text: &str) -> Result<DateTime<Utc>, String> {
    let time = DateTime::parse_from_rfc3339(text)
        .map_err(|error| format!("`{text}` is no ISO 8601 time: {error}"))?;
    from_micros(time.timestamp_micros())
        .ok_or_else(|| format!("`{text}` must lie between the years 1970 and 9999"))
}

/// The same for a time that may be missing.
pub(crate) mod optional {
    use chrono::{DateTime, Utc};
    use serde::{Deserialize, Deserializer, Serializer, de};

    #[expect(
        clippy::ref_option,
        reason = "serde's `with` hands over a reference to the field"
    )]
    pub(crate) fn serialize<S: Serializer>(
        time: &Option<DateTime<Utc>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => super::serialize(time, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<DateTime<Utc>>, D::Error> {
        Option::<std::borrow::Cow<'de, str>>::deserialize(deserializer)?
            .map(|text| super::parse(&text).map_err(de::Error::custom))
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_seconds_print_without_a_fraction_and_all_else_with_six_digits() {
        let whole = from_micros(1_776_240_600_000_000).unwrap_or_default();
        assert_eq!(Iso8601(whole).to_string(), "2026-04-15T08:10:00Z");
        let fraction = from_micros(1_776_240_600_000_010).unwrap_or_default();
        assert_eq!(Iso8601(fraction).to_string(), "2026-04-15T08:10:00.000010Z");
        assert_eq!(parse("2026-04-15T10:10:00.00001+02:00"), Ok(fraction));
    }

    #[test]
    fn the_bounds_are_the_first_and_the_last_microsecond_of_1970_and_9999() {
        assert!(parse("1970-01-01T00:00:00Z").is_ok());
        assert!(parse("1969-12-31T23:59:59.999999Z").is_err());
        assert_eq!(
            from_micros(MAX_MICROS).map(|time| Iso8601(time).to_string()),
            Some("9999-12-31T23:59:59.999999Z".to_owned())
        );
        assert_eq!(from_micros(MAX_MICROS + 1), None);
    }
}
