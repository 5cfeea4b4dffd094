//! What a server does to its store by itself: it ends snoozes when they are due, and drops what is older
//! than its retention.
//!
//! Invariant: each step is bounded, so that requests wait for none of them for long.

use std::sync::Arc;
use std::time::Duration;

use convodb::commands::{
    DeleteResolved, PurgeEvents, PurgeIdempotencyKeys, PurgeUnmatched, WakeDue,
};
use convodb::{Command, Context, Retention};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::app::App;

/// How often snoozes are looked for that are due.
const WAKING: Duration = Duration::from_secs(1);
/// How often what is too old is looked for.
const CLEANING: Duration = Duration::from_secs(60);
/// Between two steps, requests have their turn.
const BREATH: Duration = Duration::from_millis(20);

const EVENTS_A_STEP: u64 = 4_096;
const DELETED_A_STEP: u32 = 32;

/// The age of an idempotency key that the store takes no longer.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What is kept, and how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept {
    pub(crate) events: Duration,
    pub(crate) unmatched: Duration,
    /// For at most so many messages that have not come.
    pub(crate) most_unmatched: u64,
    /// Resolved conversations without activity; without an age, all.
    pub(crate) resolved: Option<Duration>,
}

/// Runs until the runtime ends.
pub(crate) async fn run(app: Arc<App>, kept: Kept) {
    let mut ticks = interval(WAKING);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut next_cleaning = Instant::now();
    loop {
        ticks.tick().await;
        steps(&app, || WakeDue, u64::from(WakeDue::MOST)).await;
        if Instant::now() < next_cleaning {
            continue;
        }
        next_cleaning = Instant::now() + CLEANING;
        let events = || PurgeEvents {
            retention: Retention::younger_than(kept.events),
            limit: EVENTS_A_STEP,
        };
        steps(&app, events, EVENTS_A_STEP).await;
        let keys = || PurgeIdempotencyKeys { older_than: DAY };
        steps(&app, keys, u64::MAX).await;
        let unmatched = || PurgeUnmatched {
            older_than: kept.unmatched,
            most: kept.most_unmatched,
        };
        steps(&app, unmatched, u64::MAX).await;
        if let Some(older_than) = kept.resolved {
            let resolved = || DeleteResolved {
                older_than,
                limit: DELETED_A_STEP,
            };
            // A step with many messages ends before it has deleted so many.
            let deleted = steps(&app, resolved, 1).await;
            if deleted > 0 {
                tracing::info!("--keep-resolved: resolved conversations deleted: {deleted}");
            }
        }
    }
}

/// Runs a command until it finds less than a step has room for. Returns how much it did. What fails is
/// tried again at the next occasion: a full disk passes.
async fn steps<C: Command<Output = u64>>(app: &App, command: impl Fn() -> C, full: u64) -> u64 {
    let mut done = 0;
    loop {
        match app.execute(Context::new(), command()).await {
            Ok(outcome) => {
                done += outcome.value;
                if outcome.value < full {
                    return done;
                }
                sleep(BREATH).await;
            }
            Err(error) => {
                tracing::debug!("{} failed: {error}", C::NAME);
                return done;
            }
        }
    }
}
