//! The sources of times and ids, which tests replace.

use std::fmt;

use chrono::{DateTime, Utc};

/// A source of the time. A small step back does not reach the store; see
/// [Time](crate::docs::rules#time).
/// A closure that returns a time is a clock too.
pub trait Clock: Send + Sync {
    /// The present time.
    fn now(&self) -> DateTime<Utc>;
}

impl<F: Fn() -> DateTime<Utc> + Send + Sync> Clock for F {
    fn now(&self) -> DateTime<Utc> {
        self()
    }
}

/// The operating system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// A source of the random part of ids. The store puts the time before it, and keeps its ids ascending
/// until the clock is [corrected](crate::docs::rules#time). Numbers must not come again.
pub trait IdGenerator: Send + Sync {
    /// A random number, of which 80 bits are used.
    fn random(&self) -> u128;
}

/// Random parts from the operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomIds;

impl IdGenerator for RandomIds {
    fn random(&self) -> u128 {
        ulid::Ulid::generate().random()
    }
}

impl fmt::Debug for dyn Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

impl fmt::Debug for dyn IdGenerator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdGenerator")
    }
}
