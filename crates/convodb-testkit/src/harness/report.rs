//! What a harness tried, and what it found.

use std::fmt;

/// How a promise can be breached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breach {
    /// What was acknowledged, or seen by a reader, is not there.
    Lost,
    /// Something is there in part, or was never written, or does not agree with itself.
    Torn,
    /// The store does not open.
    Unopened,
    /// An error, or a success, says what is not so.
    Overclaimed,
    /// A call panicked.
    Panicked,
    /// The process ended.
    Aborted,
    /// A call did not return in time.
    Hung,
    /// An answer is not what was written.
    Wrong,
    /// A call fails that should not.
    Failed,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lost => "lost",
            Self::Torn => "torn",
            Self::Unopened => "unopened",
            Self::Overclaimed => "overclaimed",
            Self::Panicked => "panicked",
            Self::Aborted => "aborted",
            Self::Hung => "hung",
            Self::Wrong => "wrong answers",
            Self::Failed => "errors",
        })
    }
}

/// How many breaches are reported in full. The others are counted.
const DETAILED: usize = 5;

/// What was tried, how often, and what was found.
#[derive(Clone, Debug)]
pub struct Report {
    tried: Vec<(&'static str, u64)>,
    found: Vec<(Breach, u64)>,
    details: Vec<String>,
    noted: Vec<String>,
}

impl Report {
    /// A report of a harness that looks for these breaches.
    pub fn new(breaches: &[Breach]) -> Self {
        Self {
            tried: Vec::new(),
            found: breaches.iter().map(|breach| (*breach, 0)).collect(),
            details: Vec::new(),
            noted: Vec::new(),
        }
    }

    /// A figure to print behind what was found.
    pub fn note(&mut self, figure: String) {
        self.noted.push(figure);
    }

    /// So many more of these were tried.
    pub fn tried(&mut self, what: &'static str, count: u64) {
        match self.tried.iter_mut().find(|(known, _)| *known == what) {
            Some((_, total)) => *total += count,
            None => self.tried.push((what, count)),
        }
    }

    /// Reports a breach, and what reproduces it.
    pub fn found(&mut self, breach: Breach, what: impl FnOnce() -> String) {
        match self.found.iter_mut().find(|(known, _)| *known == breach) {
            Some((_, count)) => *count += 1,
            None => self.found.push((breach, 1)),
        }
        if self.details.len() < DETAILED {
            self.details.push(format!("{breach}: {}", what()));
        }
    }

    /// What another run of the same harness tried and found.
    pub fn merge(&mut self, other: Self) {
        for (what, count) in other.tried {
            self.tried(what, count);
        }
        for (breach, count) in other.found {
            match self.found.iter_mut().find(|(known, _)| *known == breach) {
                Some((_, total)) => *total += count,
                None => self.found.push((breach, count)),
            }
        }
        let room = DETAILED - self.details.len();
        self.details.extend(other.details.into_iter().take(room));
    }

    /// How often a breach was found.
    pub fn count(&self, breach: Breach) -> u64 {
        let known = self.found.iter().find(|(known, _)| *known == breach);
        known.map_or(0, |(_, count)| *count)
    }

    /// How many of these were tried.
    pub fn count_tried(&self, what: &str) -> u64 {
        let known = self.tried.iter().find(|(known, _)| *known == what);
        known.map_or(0, |(_, count)| *count)
    }

    pub fn is_clean(&self) -> bool {
        self.found.iter().all(|(_, count)| *count == 0)
    }

    /// The breaches, a line each; the rest are only counted.
    pub fn details(&self) -> &[String] {
        &self.details
    }

    /// The test fails where anything was found.
    pub fn assert_clean(&self) {
        assert!(self.is_clean(), "{self}\n{}", self.details().join("\n"));
    }
}

/// `21,034 states, 0 lost, 0 torn`.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tried = self
            .tried
            .iter()
            .map(|(what, count)| (*count, what.to_string()));
        let found = self
            .found
            .iter()
            .map(|(breach, count)| (*count, breach.to_string()));
        for (place, (count, what)) in tried.chain(found).enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            write!(f, "{comma}{} {what}", Thousands(count))?;
        }
        self.noted
            .iter()
            .try_for_each(|figure| write!(f, "; {figure}"))
    }
}

struct Thousands(u64);

impl fmt::Display for Thousands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(number) = *self;
        if number >= 1_000 {
            write!(f, "{},{:03}", Self(number / 1_000), number % 1_000)
        } else {
            write!(f, "{number}")
        }
    }
}

/// Receives the progress of a harness.
pub trait Progress: Sync {
    /// So many steps are done, of so many.
    fn at(&self, done: u64, of: u64);
}

/// No receiver.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Progress for Silent {
    fn at(&self, _: u64, _: u64) {}
}
