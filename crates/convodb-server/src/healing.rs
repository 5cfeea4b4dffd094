//! Reopens the store after an I/O error. Until then it rejects every command.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;
use std::{io, thread};

use convodb::{Error, ErrorKind, Store};

use crate::backoff::Backoff;
use crate::errors::chain;

/// A reopening reads the file, and rewrites it after a failed sync, so it is not repeated at once.
const PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A thread that reopens the store on request.
pub(crate) struct Healer {
    requests: SyncSender<()>,
    healthy: Arc<AtomicBool>,
}

impl Healer {
    pub(crate) fn new(store: Store) -> io::Result<Self> {
        let (requests, requested) = sync_channel(1);
        let healthy = Arc::new(AtomicBool::new(true));
        let state = Arc::clone(&healthy);
        thread::Builder::new()
            .name("healer".to_owned())
            .spawn(move || heal(&store, &requested, &state))?;
        Ok(Self { requests, healthy })
    }

    /// Whether no reopening is due.
    pub(crate) fn is_healthy(&self) -> bool {
        self.healthy.load(Ordering::Relaxed)
    }

    /// Requests a reopening, if the error needs one.
    pub(crate) fn notice(&self, error: &Error) {
        if matches!(
            error.kind(),
            ErrorKind::NeedsReopen
                | ErrorKind::CommitUnknown
                | ErrorKind::PathChanged
                | ErrorKind::Io
        ) {
            self.healthy.store(false, Ordering::Relaxed);
            // If the channel is full, a reopening is due anyway.
            let _ = self.requests.try_send(());
        }
    }
}

fn heal(store: &Store, requested: &Receiver<()>, healthy: &AtomicBool) {
    let mut backoff = Backoff::new(PAUSE, LONGEST_PAUSE);
    let mut needed = false;
    while needed || requested.recv().is_ok() {
        while let Err(error) = store.reopen() {
            if error.kind() == ErrorKind::Closed {
                return;
            }
            tracing::error!("the store cannot be reopened: {}", chain(&error));
            thread::sleep(backoff.next());
        }
        tracing::info!("the store was reopened");
        // Errors during the reopening requested what is done now. The order matters: an error after
        // this line requests another reopening.
        let _ = requested.try_recv();
        healthy.store(true, Ordering::Relaxed);
        // A disk that fails again is not tried again at once.
        thread::sleep(backoff.next());
        needed = requested.try_recv().is_ok();
        if !needed {
            backoff.reset();
        }
    }
}
