//! Stopping on a signal, within a bounded time.

use std::time::Duration;
use std::{io, process, thread};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// For the requests and the webhook that are under way.
pub(crate) const DRAIN: Duration = Duration::from_millis(2_500);

/// For everything, including the closing of the store. The next opening recovers what was not closed.
const PATIENCE: Duration = Duration::from_millis(4_800);

/// The signals that stop the server: SIGTERM, and Ctrl-C.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the first.
    pub(crate) async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        tracing::info!("stopping");
    }
}

/// Ends the process if it does not end by itself in time, such as on a disk that hangs. Nothing that
/// was answered is lost, as it is durable.
pub(crate) fn watch() {
    thread::spawn(|| {
        thread::sleep(PATIENCE);
        tracing::error!("the store does not close: its next opening recovers it");
        process::exit(1);
    });
}
