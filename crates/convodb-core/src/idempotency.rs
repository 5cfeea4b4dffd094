//! Idempotency keys: the same command under the same key again changes nothing.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::{Effect, Subject, time};

/// What a command with a key did. It holds ids and no content, so that what is erased is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdempotencyRecord {
    #[serde(with = "time")]
    pub at: DateTime<Utc>,
    /// The keyed hash of the command with all that was given with it.
    pub fingerprint: [u8; 16],
    pub subject: Subject,
    pub effect: Effect,
}

/// The time that is this long ago; the earliest of all where none is.
pub(crate) fn before(now: DateTime<Utc>, age: Duration) -> DateTime<Utc> {
    let age = TimeDelta::from_std(age).unwrap_or(TimeDelta::MAX);
    let before = now.checked_sub_signed(age);
    before.map_or(DateTime::UNIX_EPOCH, |before| {
        before.max(DateTime::UNIX_EPOCH)
    })
}
