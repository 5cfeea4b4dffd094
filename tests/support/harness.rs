//! What would breach a promise of the store, tried at random: each harness says what it tried and
//! what it found.
//!
//! The suite runs each for a moment, and holds it against a positive control, which it must flag;
//! the package `trials` runs the same code at length. A run is the same for the same seed, but
//! where processes race.

pub(crate) mod contents;
pub(crate) mod crash;
pub(crate) mod damage;
pub(crate) mod disk;
pub(crate) mod faults;
pub(crate) mod kill;
pub(crate) mod load;
pub(crate) mod ops;
pub(crate) mod random;
pub(crate) mod report;
pub(crate) mod takeover;
