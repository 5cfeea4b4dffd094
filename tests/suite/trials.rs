//! Each harness for a moment, and beside the positive control that it must flag. The package
//! `convodb-trials` runs them at length.

mod crash;
mod damage;
mod faults;
mod kill;
mod load;
mod ops;
mod reassignment;
