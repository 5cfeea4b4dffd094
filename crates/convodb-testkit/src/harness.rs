//! What would breach a promise of the store, tried at random: each harness reports what it tried and
//! what it found.
//!
//! The suite runs each for a moment, and holds it against a positive control, which it must flag;
//! the package `convodb-trials` runs the same code at length. A run is the same for the same seed, but
//! where processes race.

pub mod contents;
pub mod crash;
pub mod damage;
pub mod disk;
pub mod faults;
pub mod kill;
pub mod load;
pub mod ops;
pub mod random;
pub mod reassignment;
pub mod report;
pub mod views;
