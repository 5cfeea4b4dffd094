//! Ctrl-C, a hang-up and a request to end, where a command must not just be cut.

use std::process;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::failure::Failure;

static ASKED: AtomicBool = AtomicBool::new(false);

/// From here on the first interruption is noted, for the command to give up what it does. The
/// second ends the process: the store survives that as it does a power cut.
pub(crate) fn watch() -> Result<(), Failure> {
    ctrlc::set_handler(|| {
        if ASKED.swap(true, Ordering::SeqCst) {
            process::exit(130);
        }
    })
    .map_err(|error| Failure::Usage(format!("interruptions cannot be watched: {error}")))
}

pub(crate) fn is_asked() -> bool {
    ASKED.load(Ordering::SeqCst)
}

/// An error once somebody has asked to end.
pub(crate) fn check() -> Result<(), Failure> {
    match is_asked() {
        true => Err(Failure::Interrupted),
        false => Ok(()),
    }
}
