//! Rate limits of API keys.

use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);

/// The limit of one key, by the generic cell rate algorithm, whose state is one instant. An idle key
/// can use its whole minute at once; after that each request waits for its share of a minute.
#[derive(Debug)]
pub(crate) struct RateLimit {
    share: Duration,
    /// When the requests so far are paid off.
    paid_at: Mutex<Option<Instant>>,
}

impl RateLimit {
    pub(crate) fn a_minute(requests: NonZeroU32) -> Self {
        Self {
            share: MINUTE / requests.get(),
            paid_at: Mutex::new(None),
        }
    }

    /// Counts a request. One above the limit is not counted.
    ///
    /// # Errors
    ///
    /// How long to wait before the next attempt.
    pub(crate) fn take(&self, now: Instant) -> Result<(), Duration> {
        let mut paid_at = self.paid_at.lock().unwrap_or_else(PoisonError::into_inner);
        let debt = paid_at.map_or(Duration::ZERO, |paid| paid.saturating_duration_since(now));
        let next = debt + self.share;
        match next.checked_sub(MINUTE) {
            None | Some(Duration::ZERO) => {
                *paid_at = Some(now + next);
                Ok(())
            }
            Some(wait) => Err(wait),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(requests: u32) -> RateLimit {
        RateLimit::a_minute(NonZeroU32::new(requests).unwrap_or(NonZeroU32::MIN))
    }

    #[test]
    fn a_minutes_requests_come_at_once_and_the_next_waits_for_its_share() {
        let limit = limit(3);
        let start = Instant::now();
        for _ in 0..3 {
            assert_eq!(limit.take(start), Ok(()));
        }
        let share = Duration::from_secs(20);
        assert_eq!(limit.take(start), Err(share));
        let early = start + share - Duration::from_millis(1);
        assert_eq!(limit.take(early), Err(Duration::from_millis(1)));
        assert_eq!(limit.take(start + share), Ok(()));
        assert_eq!(limit.take(start + share), Err(share));
    }

    #[test]
    fn a_key_that_was_idle_for_long_has_no_more_than_a_minutes_requests() {
        let limit = limit(2);
        let start = Instant::now();
        assert_eq!(limit.take(start), Ok(()));
        let later = start + 10 * MINUTE;
        assert_eq!(limit.take(later), Ok(()));
        assert_eq!(limit.take(later), Ok(()));
        assert!(limit.take(later).is_err());
    }
}
