//! `import` into a database: all of it or nothing, in one transaction.

use convodb::{Error, Import, ImportLine};
use convodb_postgres::PgWholeImport;

use super::lines::Item;
use super::{Imported, Importer};
use crate::failure::Failure;
use crate::interrupt;
use crate::postgres::{Remote, failed};

/// So many are stored in a few round trips.
const AT_ONCE: usize = 256;

/// What follows each other and is stored at once, with the numbers of the lines.
#[derive(Default)]
struct Run {
    numbers: Vec<u64>,
    conversations: Vec<Import>,
    others: Vec<ImportLine>,
}

impl Run {
    /// Whether an item has to wait until what is there is stored.
    fn ends_before(&self, item: &Item) -> bool {
        let is_other = match item {
            Item::Conversation(_) => self.conversations.is_empty(),
            Item::Other(_) => self.others.is_empty(),
        };
        self.numbers.len() >= AT_ONCE || !self.numbers.is_empty() && is_other
    }
}

impl Importer {
    pub(super) fn store_at(self, remote: &Remote) -> Result<Imported, Failure> {
        let mut work = remote.answer(remote.store.whole_import())?;
        match self.store_whole(remote, &mut work) {
            Ok(()) => {
                remote.answer(work.commit())?;
                self.lines.borrow().end();
                Ok(self.counts.into_inner().imported)
            }
            Err(failure) => {
                // The failure is what is reported.
                let _ = remote.outcome(work.roll_back());
                Err(failure)
            }
        }
    }

    fn store_whole(&self, remote: &Remote, work: &mut PgWholeImport) -> Result<(), Failure> {
        let mut run = Run::default();
        loop {
            let next = self.lines.borrow_mut().next();
            let item = match next {
                Ok(Some(item)) => item,
                Ok(None) => {
                    self.store_run(remote, work, run)?;
                    // Writing the last conversations may have taken long.
                    return interrupt::check();
                }
                Err(failure @ Failure::Line { .. }) => {
                    // A line before it may be rejected, which is the first.
                    self.store_run(remote, work, run)?;
                    return Err(failure);
                }
                Err(failure) => return Err(failure),
            };
            if run.ends_before(&item) {
                self.store_run(remote, work, std::mem::take(&mut run))?;
            }
            run.numbers.push(self.lines.borrow().line());
            match item {
                Item::Conversation(import) => {
                    self.count_conversation(&import);
                    run.conversations.push(*import);
                }
                Item::Other(line) => {
                    self.count_line(&line);
                    run.others.push(line);
                }
            }
        }
    }

    fn store_run(
        &self,
        remote: &Remote,
        work: &mut PgWholeImport,
        run: Run,
    ) -> Result<(), Failure> {
        let stored = match run.others.is_empty() {
            true => remote.outcome(work.store(&run.conversations)),
            false => remote.outcome(work.store(&run.others)),
        };
        stored.map_err(|(at, error): (usize, Error)| {
            let line = run.numbers.get(at).copied().unwrap_or_default();
            match self.rejected_at(line, error) {
                Failure::Store(error) => failed(error),
                rejected => rejected,
            }
        })
    }
}
