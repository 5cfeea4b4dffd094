//! The counts of a stream or union computed from its rows alone, bottom-up in one pass.

use convodb_core::Result;

use super::edit::inconsistent;
use super::{All, Entry, HEAD, Levels};
use crate::index::ordered::{Point, Position};

/// The node of each level that is still being filled.
struct Open<const C: usize> {
    first: Position,
    entries: Vec<Entry<C>>,
}

/// Takes the rows of a stream or union in order, and hands out each node once it is complete.
pub struct Builder<const C: usize, F> {
    levels: Levels,
    counts: [u32; C],
    first: Position,
    /// Level 1 first.
    open: Vec<Open<C>>,
    emit: F,
}

impl<const C: usize, F: FnMut(u8, &Position, Vec<Entry<C>>) -> Result<()>> Builder<C, F> {
    /// `emit` gets each node: its level, its first entry, and all of them.
    pub fn new(levels: Levels, emit: F) -> Self {
        Self {
            levels,
            counts: [0; C],
            first: HEAD,
            open: Vec::new(),
            emit,
        }
    }

    /// The next row, and its class.
    pub fn row(&mut self, position: &Position, class: usize) -> Result<()> {
        let level = usize::from(self.levels.of::<C>(position));
        while self.open.len() < level {
            self.open.push(Open {
                first: HEAD,
                entries: vec![(Point::START, self.counts)],
            });
        }
        for (below, open) in self.open.iter_mut().enumerate().take(level) {
            // The position's own level holds it within a node; on those below it begins one.
            if below + 1 < level {
                emit(&mut self.emit, below, open)?;
                open.first = *position;
            }
            open.entries.push((Point::from(position), [0; C]));
        }
        if self.counts == [0; C] {
            self.first = *position;
        }
        let open = self.open.iter_mut();
        let last = open.filter_map(|open| open.entries.last_mut());
        let last = last.map(|(_, counts)| counts);
        for counts in last.chain([&mut self.counts]) {
            *counts.get_mut(class).ok_or_else(inconsistent)? += 1;
        }
        Ok(())
    }

    /// All rows were given. Returns what they are, and the first of them.
    pub fn finish(mut self) -> Result<(All<C>, Position)> {
        for (below, open) in self.open.iter_mut().enumerate() {
            emit(&mut self.emit, below, open)?;
        }
        let all = All {
            height: u8::try_from(self.open.len()).unwrap_or(u8::MAX),
            counts: self.counts,
        };
        Ok((all, self.first))
    }
}

fn emit<const C: usize, F: FnMut(u8, &Position, Vec<Entry<C>>) -> Result<()>>(
    emit: &mut F,
    below: usize,
    open: &mut Open<C>,
) -> Result<()> {
    let level = u8::try_from(below + 1).unwrap_or(u8::MAX);
    emit(level, &open.first, std::mem::take(&mut open.entries))
}
