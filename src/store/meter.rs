//! What the writer has come to, for who asks without waiting for it.

use std::sync::{Mutex, PoisonError};

use crate::storage::Journaled;

#[derive(Debug, Default)]
pub(super) struct Meter(Mutex<Reading>);

/// Since the store was opened.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reading {
    pub(super) groups: u64,
    pub(super) commands: u64,
    pub(super) largest: u64,
    pub(super) journaled: Option<Journaled>,
}

impl Meter {
    /// So many commands were committed as one; none by a commit that is nobody's command.
    pub(super) fn group(&self, commands: u64, journaled: Journaled) {
        self.update(|reading| {
            reading.groups += u64::from(commands > 0);
            reading.commands += commands;
            reading.largest = reading.largest.max(commands);
            reading.journaled = Some(journaled);
        });
    }

    pub(super) fn journaled(&self, journaled: Journaled) {
        self.update(|reading| reading.journaled = Some(journaled));
    }

    pub(super) fn read(&self) -> Reading {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, update: impl FnOnce(&mut Reading)) {
        update(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
