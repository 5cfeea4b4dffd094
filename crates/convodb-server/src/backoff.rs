//! Pauses that grow, each time something fails again.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

/// Doubling pauses up to a longest one, each shortened at random by up to half, so that many that
/// failed together do not retry together.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
    random: RandomState,
    drawn: u64,
}

impl Backoff {
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            next: first,
            random: RandomState::new(),
            drawn: 0,
        }
    }

    /// The next pause.
    pub(crate) fn next(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.longest);
        self.drawn += 1;
        // 0 to 65,535 of as many and one.
        let share = self.random.hash_one(self.drawn) as u16;
        pause - (pause / 2) * u32::from(share) / (1 << 16)
    }

    /// After a success: the next failure is a first one.
    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_begin_anew_after_success() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(5));
        for whole in [1, 2, 4, 5, 5] {
            let whole = Duration::from_secs(whole);
            let pause = backoff.next();
            assert!(
                pause > whole / 2 - Duration::from_millis(1) && pause <= whole,
                "{pause:?}"
            );
        }
        backoff.reset();
        assert!(backoff.next() <= Duration::from_secs(1));
    }

    #[test]
    fn two_that_failed_at_once_do_not_come_back_at_once() {
        let pauses = || {
            let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
            [(); 4].map(|()| backoff.next())
        };
        assert_ne!(pauses(), pauses());
    }
}
