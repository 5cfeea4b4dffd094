//! Reopening the store after an I/O error: until then it refuses every write.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;
use std::{io, thread};

use convodb::{Error, ErrorKind, Store};

use crate::backoff::Backoff;
use crate::errors::chain;

/// A reopening reads the file, and after a sync that failed writes it anew: not too often.
const PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// One thread that reopens the store when it is told to.
pub(crate) struct Healer {
    needed: SyncSender<()>,
    healthy: Arc<AtomicBool>,
}

impl Healer {
    pub(crate) fn new(store: Store) -> io::Result<Self> {
        let (needed, wishes) = sync_channel(1);
        let healthy = Arc::new(AtomicBool::new(true));
        let state = Arc::clone(&healthy);
        thread::Builder::new()
            .name("healer".to_owned())
            .spawn(move || heal(&store, &wishes, &state))?;
        Ok(Self { needed, healthy })
    }

    /// Whether no error of the store waits for its reopening.
    pub(crate) fn is_healthy(&self) -> bool {
        self.healthy.load(Ordering::Relaxed)
    }

    /// Sees to what an error tells of.
    pub(crate) fn notice(&self, error: &Error) {
        if matches!(
            error.kind(),
            ErrorKind::NeedsReopen | ErrorKind::OutcomeUnknown | ErrorKind::Io
        ) {
            self.healthy.store(false, Ordering::Relaxed);
            // Where it is full, a reopening is to come that heals this too.
            let _ = self.needed.try_send(());
        }
    }
}

fn heal(store: &Store, wishes: &Receiver<()>, healthy: &AtomicBool) {
    let mut backoff = Backoff::new(PAUSE, LONGEST_PAUSE);
    let mut needed = false;
    while needed || wishes.recv().is_ok() {
        while let Err(error) = store.reopen() {
            if error.kind() == ErrorKind::Closed {
                return;
            }
            tracing::error!("the store cannot be reopened: {}", chain(&error));
            thread::sleep(backoff.next());
        }
        tracing::info!("the store was reopened");
        // Requests that came meanwhile have wished for what is done. In this order: what is noticed
        // in between is wished for again, and not only forgotten.
        let _ = wishes.try_recv();
        healthy.store(true, Ordering::Relaxed);
        // A disk that fails again at once is not tried at once again.
        thread::sleep(backoff.next());
        needed = wishes.try_recv().is_ok();
        if !needed {
            backoff.reset();
        }
    }
}
