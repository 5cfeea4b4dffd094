//! `import --lines` into a database.

use std::iter;

use convodb::{ImportLine, ImportName, ImportOptions, ImportProgress, InvalidInput};
use convodb_postgres::PgRead as _;

use super::each::{Answer, TakesLines};
use crate::failure::Failure;
use crate::postgres::Remote;

/// Behind so many commits what they have left to do is done, so that it is never much.
const WORKED_OFF_BEHIND: u64 = 64;

impl TakesLines for Remote {
    type Line = Result<ImportLine, InvalidInput>;

    fn parse(line: &[u8]) -> Self::Line {
        ImportLine::parse(line)
    }

    fn progress(&self, name: &ImportName) -> Result<Option<ImportProgress>, Failure> {
        self.answer(self.store.import_progress(name))
    }

    fn answers<'a>(
        &'a self,
        lines: impl Iterator<Item = (u64, Self::Line)> + 'a,
        options: &ImportOptions,
    ) -> Box<dyn Iterator<Item = Result<Answer, Failure>> + 'a> {
        let mut import = self.store.import(lines, options);
        let is_atomic = options.is_atomic;
        let mut commits = 0_u64;
        let batches = iter::from_fn(move || {
            // An atomic import is one commit.
            if is_atomic && commits > 0 {
                return None;
            }
            let is_due = commits > 0 && commits.is_multiple_of(WORKED_OFF_BEHIND);
            commits += 1;
            let work_off = || self.answer(self.store.work_off());
            let worked_off = if is_due { work_off() } else { Ok(()) };
            let batch = worked_off.and_then(|()| self.answer(import.next_batch()));
            let batch = batch.and_then(|batch| match batch.is_empty() || is_atomic {
                true => work_off().map(|()| batch),
                false => Ok(batch),
            });
            Some(batch).filter(|batch| !batch.as_ref().is_ok_and(Vec::is_empty))
        });
        let answers = batches.flat_map(|batch| match batch {
            Ok(batch) => batch.into_iter().map(|answer| Ok(answer.into())).collect(),
            Err(failure) => vec![Err(failure)],
        });
        Box::new(answers)
    }
}
