//! What must be there after a crash at a position of a history, and what may be.

use std::path::PathBuf;
use std::sync::Arc;

use crate::harness::contents::Contents;
use crate::model::Model;

/// A copy that a backup made.
#[derive(Clone, Debug)]
pub struct Copied {
    pub path: PathBuf,
    begun: usize,
    done: usize,
    pub contents: Arc<Contents>,
}

/// Positions count the events before them; each list ascends by them.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    /// From here on somebody knows this commit: it was acknowledged, or a reader saw it.
    known: Vec<(usize, u64)>,
    /// From here on no later commit than this one was begun.
    begun: Vec<(usize, u64)>,
    /// From here on this is what a commit leaves.
    contents: Vec<(usize, u64, Arc<Contents>)>,
    copies: Vec<Copied>,
}

impl Claims {
    /// A command is given that makes this commit, if it changes anything.
    pub fn begin(&mut self, at: usize, sequence: u64) {
        self.begun.push((at, sequence));
    }

    /// The command that began there has left this, and says so here.
    pub fn acknowledge(&mut self, begun: usize, at: usize, model: &Model) {
        let contents = Arc::new(Contents::of_model(model));
        self.contents.push((begun, model.sequence, contents));
        self.see(at, model.sequence);
        self.begun.push((at, model.sequence));
    }

    /// Somebody knows a commit from here on.
    pub fn see(&mut self, at: usize, sequence: u64) {
        let place = self.known.partition_point(|(known, _)| *known <= at);
        self.known.insert(place, (at, sequence));
    }

    /// Readers see each commit when it is begun: a positive control.
    pub fn see_early(&mut self) {
        for (at, sequence) in self.begun.clone() {
            // Of a command that changed nothing there is nothing to see.
            if self.contents.iter().any(|(_, of, _)| *of == sequence) {
                self.see(at, sequence);
            }
        }
    }

    pub fn copied(&mut self, path: PathBuf, (begun, done): (usize, usize), model: &Model) {
        let contents = Arc::new(Contents::of_model(model));
        self.copies.push(Copied {
            path,
            begun,
            done,
            contents,
        });
    }

    /// The commit that must be there, or nothing where not even the file must.
    pub fn known(&self, at: usize) -> Option<u64> {
        let so_far = self.known.iter().take_while(|(known, _)| *known <= at);
        so_far.map(|(_, sequence)| *sequence).max()
    }

    /// The last commit that may be there.
    pub fn most(&self, at: usize) -> u64 {
        let so_far = self.begun.iter().take_while(|(begun, _)| *begun <= at);
        so_far.last().map_or(0, |(_, sequence)| *sequence)
    }

    /// What a commit leaves, as reported up to a position.
    pub fn contents(&self, at: usize, sequence: u64) -> Option<&Arc<Contents>> {
        let begun_by_then = self.contents.iter().rev();
        begun_by_then
            .filter(|(begun, ..)| *begun <= at)
            .find(|(_, of, _)| *of == sequence)
            .map(|(_, _, contents)| contents)
    }

    /// The copies that a crash could touch, and whether each must be there.
    pub fn copies(&self, at: usize) -> impl Iterator<Item = (&Copied, bool)> {
        // So long after a copy is done, it has been looked at often enough.
        const LONG: usize = 32;
        self.copies
            .iter()
            .filter(move |copy| copy.begun <= at && at <= copy.done + LONG)
            .map(move |copy| (copy, copy.done <= at))
    }

    /// The same up to a position, which then is the beginning of another history.
    pub fn up_to(&self, at: usize) -> Self {
        let mut claims = Self::default();
        claims
            .known
            .extend(self.known(at).map(|sequence| (0, sequence)));
        claims.begun.push((0, self.most(at)));
        let begun_by_then = self.contents.iter().filter(|(begun, ..)| *begun <= at);
        claims.contents = begun_by_then
            .map(|(_, sequence, contents)| (0, *sequence, Arc::clone(contents)))
            .collect();
        claims
    }
}
