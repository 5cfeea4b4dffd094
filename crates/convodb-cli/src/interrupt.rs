//! Ctrl-C, a hang-up and a termination request, for commands that must not be cut short.

use std::process;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::failure::Failure;

static REQUESTED: AtomicBool = AtomicBool::new(false);
static ENDS_AT_ONCE: AtomicBool = AtomicBool::new(false);

/// From here on the first interruption is recorded, and the command checks for it. The second ends
/// the process; the store survives that as it survives a power failure.
pub(crate) fn watch() -> Result<(), Failure> {
    ctrlc::set_handler(|| {
        let is_second = REQUESTED.swap(true, Ordering::SeqCst);
        if is_second || ENDS_AT_ONCE.load(Ordering::SeqCst) {
            process::exit(130);
        }
    })
    .map_err(|error| Failure::Usage(format!("interruptions cannot be handled: {error}")))
}

/// From here on the first interruption ends the process.
pub(crate) fn end_at_once() -> Result<(), Failure> {
    ENDS_AT_ONCE.store(true, Ordering::SeqCst);
    check()
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
