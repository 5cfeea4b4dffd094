//! Ctrl-C, a hang-up and a termination request, for commands that must not be cut short.

use std::process;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::failure::Failure;

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// From here on the first interruption is recorded, and the command checks for it. The second ends
/// the process; the store survives that as it survives a power failure.
pub(crate) fn watch() -> Result<(), Failure> {
    ctrlc::set_handler(|| {
        if REQUESTED.swap(true, Ordering::SeqCst) {
            process::exit(130);
        }
    })
    .map_err(|error| Failure::Usage(format!("interruptions cannot be handled: {error}")))
}

pub(crate) fn is_requested() -> bool {
    REQUESTED.load(Ordering::SeqCst)
}

/// Returns an error after an interruption.
pub(crate) fn check() -> Result<(), Failure> {
    match is_requested() {
        true => Err(Failure::Interrupted),
        false => Ok(()),
    }
}
