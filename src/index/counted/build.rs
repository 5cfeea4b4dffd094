//! The counts of a stream computed from its rows alone, bottom-up in one pass.

use convodb_core::Result;

use super::{Entry, HEAD, Levels, Total};
use crate::index::ordered::Position;

/// The node of each level that is still being filled.
struct Open {
    first: Position,
    entries: Vec<Entry>,
}

/// Takes the rows of a stream in order, and hands out each node once it is complete.
pub struct Builder<F> {
    levels: Levels,
    rows: u32,
    first: Position,
    /// Level 1 first.
    open: Vec<Open>,
    emit: F,
}

impl<F: FnMut(u8, &Position, Vec<Entry>) -> Result<()>> Builder<F> {
    /// `emit` gets each node: its level, its first entry, and all of them.
    pub fn new(levels: Levels, emit: F) -> Self {
        Self {
            levels,
            rows: 0,
            first: HEAD,
            open: Vec::new(),
            emit,
        }
    }

    /// The next row.
    pub fn row(&mut self, position: &Position) -> Result<()> {
        let level = usize::from(self.levels.of(position));
        while self.open.len() < level {
            self.open.push(Open {
                first: HEAD,
                entries: vec![(HEAD, self.rows)],
            });
        }
        for (below, open) in self.open.iter_mut().enumerate().take(level) {
            // The position's own level holds it within a node; on those below it begins one.
            if below + 1 < level {
                emit(&mut self.emit, below, open)?;
                open.first = *position;
            }
            open.entries.push((*position, 0));
        }
        for open in &mut self.open {
            if let Some((_, count)) = open.entries.last_mut() {
                *count += 1;
            }
        }
        if self.rows == 0 {
            self.first = *position;
        }
        self.rows += 1;
        Ok(())
    }

    /// All rows were given.
    pub fn finish(mut self) -> Result<Total> {
        for (below, open) in self.open.iter_mut().enumerate() {
            emit(&mut self.emit, below, open)?;
        }
        Ok(Total {
            rows: u64::from(self.rows),
            height: u8::try_from(self.open.len()).unwrap_or(u8::MAX),
            first: self.first,
        })
    }
}

fn emit<F: FnMut(u8, &Position, Vec<Entry>) -> Result<()>>(
    emit: &mut F,
    below: usize,
    open: &mut Open,
) -> Result<()> {
    let level = u8::try_from(below + 1).unwrap_or(u8::MAX);
    emit(level, &open.first, std::mem::take(&mut open.entries))
}
