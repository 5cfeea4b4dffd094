//! What a store can do: one state machine, which incidents alone change.

use std::mem;
use std::sync::{Arc, PoisonError, RwLock};

use convodb_core::{Error, ErrorKind, Result};

/// What a store can do. [`Store::health`](crate::Store::health) returns it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Health {
    /// It reads and writes.
    Healthy,
    /// It reads. A command returns this error.
    ReadOnly(Error),
    /// Reopening failed. A command or a query returns this error; [`reopen`](crate::Store::reopen)
    /// tries again.
    Offline(Error),
    /// It was closed.
    Closed,
}

/// What changes what a store can do.
#[derive(Clone, Debug)]
pub(crate) enum Incident {
    /// The last commit may have happened, or what was acknowledged cannot be checkpointed.
    WriteFailed(Error),
    /// The path leads to another file, or to none.
    PathChanged(Error),
    Reopened,
    ReopenFailed(Error),
    Closed,
}

impl Health {
    fn on(self, incident: Incident, opened: &Self) -> Self {
        match (self, incident) {
            (Self::Closed, _) | (_, Incident::Closed) => Self::Closed,
            (_, Incident::Reopened) => opened.clone(),
            (_, Incident::ReopenFailed(error)) => Self::Offline(needs_reopen(error)),
            (Self::Healthy, Incident::WriteFailed(error)) => Self::ReadOnly(needs_reopen(error)),
            (Self::Healthy, Incident::PathChanged(error)) => Self::ReadOnly(error),
            // What came first explains what came after.
            (state, _) => state,
        }
    }
}

fn needs_reopen(cause: Error) -> Error {
    let message = format!("an error came before, and the store has to be reopened: {cause}");
    match cause.kind() {
        // Reopening does not mend it.
        ErrorKind::Corrupted => cause,
        _ => Error::new(ErrorKind::NeedsReopen, message).with_source(cause),
    }
}

/// The health of a store, which its parts share.
#[derive(Clone, Debug)]
pub(crate) struct Monitor {
    health: Arc<RwLock<Health>>,
    /// The health after an opening.
    opened: Health,
}

impl Monitor {
    pub(crate) fn new(read_only: bool) -> Self {
        let opened = match read_only {
            true => Health::ReadOnly(Error::new(
                ErrorKind::ReadOnly,
                "the store was opened for reading alone",
            )),
            false => Health::Healthy,
        };
        Self {
            health: Arc::new(RwLock::new(opened.clone())),
            opened,
        }
    }

    pub(crate) fn health(&self) -> Health {
        let health = self.health.read();
        health.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn report(&self, incident: Incident) {
        let mut health = self.health.write().unwrap_or_else(PoisonError::into_inner);
        *health = mem::replace(&mut *health, Health::Closed).on(incident, &self.opened);
    }

    /// An error where nothing can be written.
    pub(crate) fn check_write(&self) -> Result<()> {
        match self.health() {
            Health::Healthy => Ok(()),
            Health::ReadOnly(error) | Health::Offline(error) => Err(error),
            Health::Closed => Err(Error::closed()),
        }
    }

    /// Whether a write failed: what the file holds is for the next opening to find out.
    pub(crate) fn has_failed(&self) -> bool {
        match self.health() {
            Health::Offline(_) => true,
            Health::ReadOnly(error) => {
                !matches!(error.kind(), ErrorKind::ReadOnly | ErrorKind::PathChanged)
            }
            Health::Healthy | Health::Closed => false,
        }
    }
}
