//! Numbers that are the same for the same seed.

use convodb::IdGenerator as _;
use convodb::testing::SeededIds;

/// A stream of numbers.
#[derive(Clone, Debug)]
pub struct Random(SeededIds);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(SeededIds::new(seed))
    }

    pub fn word(&mut self) -> u64 {
        let Self(ids) = self;
        // The lower half of 128 bits, each as random as the other.
        ids.random() as u64
    }

    /// A number below the bound, which is not 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.word() % bound
    }

    pub fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }
}
