//! Imports of lines: gathered outside the right to write, and decided batch by batch.
//!
//! Invariant: a transaction never waits for a line.

use std::fmt;
use std::iter::Fuse;
use std::vec;

use convodb_core::commands::NameImport;
use convodb_core::{
    Error, ImportLine, ImportOptions, ImportProgress, LineAnswer, LineBatch, NumberedLine, Result,
};

use crate::execute::Execute;
use crate::read::Read;
use crate::store::Store;
use crate::transaction::Transaction;

/// The answers to the lines of an import, in their order. See [`Store::import_lines`].
///
/// It yields one error of the store at most, and nothing behind it.
#[must_use = "the lines are imported as their answers are taken"]
pub struct ImportLines<I> {
    store: Store,
    lines: Fuse<I>,
    options: ImportOptions,
    progress: Option<ImportProgress>,
    answers: vec::IntoIter<LineAnswer>,
    is_done: bool,
}

impl Store {
    /// Imports [lines](crate::docs::lines) of users, teams, inboxes, contacts, conversations, messages and notes
    /// into a store that may have conversations already, each [for itself](crate::docs::rules#import-of-lines). The answers say what
    /// became of each; they are taken as from any iterator, and the lines are imported meanwhile.
    ///
    /// A line is given with its number, numbers ascend, and a line that cannot be read is given as its
    /// error. A commit has up to 512 messages. With a [name](ImportOptions::resume) it also has the
    /// number of its last line: the import of the same lines under the same name goes on behind it.
    ///
    /// # Errors
    ///
    /// An answer has the error of its line, and the lines after it go on. The iterator itself yields an
    /// error of the store and ends; commits before it stay. If it is [atomic](ImportOptions::atomic), it
    /// yields [`InvalidInput`](crate::ErrorKind::InvalidInput) above
    /// [`MAX_ATOMIC`](ImportOptions::MAX_ATOMIC) lines, and where a line fails nothing is imported: the
    /// answers to the others are [`Aborted`](crate::ErrorKind::Aborted). A context with preconditions is invalid.
    ///
    /// The idempotency key of a context belongs to the name of one import: with another name it is
    /// [`IdempotencyKeyReused`](crate::ErrorKind::IdempotencyKeyReused), and without a name it is invalid.
    ///
    /// ```
    /// # convodb::example!(store);
    /// use convodb::{ImportLine, ImportOptions, LineResult};
    ///
    /// let file = r#"{"conversation": {"contact_id": "con_7", "channel": "whatsapp", "tags": ["vip"]}}
    /// {"message": {"contact_id": "con_7", "channel": "whatsapp", "direction": "inbound",}}
    /// {"message": {"contact_id": "con_7", "channel": "whatsapp", "direction": "inbound", "type": "text", "content": "Hello", "sent_at": "2019-05-01T08:00:00Z"}}"#;
    /// let lines = file.lines().map(|line| ImportLine::parse(line.trim().as_bytes()));
    /// let answers = store.import_lines((1..).zip(lines), &ImportOptions::new());
    /// let answers = answers.collect::<Result<Vec<_>, _>>()?;
    /// assert!(matches!(answers[0].result, Ok(LineResult::Created)));
    /// assert!(answers[1].result.is_err());
    /// assert!(matches!(answers[2].result, Ok(LineResult::Created)));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn import_lines<L: IntoIterator<Item = NumberedLine>>(
        &self,
        lines: L,
        options: &ImportOptions,
    ) -> ImportLines<L::IntoIter> {
        ImportLines {
            store: self.clone(),
            lines: lines.into_iter().fuse(),
            options: options.clone(),
            progress: None,
            answers: Vec::new().into_iter(),
            is_done: false,
        }
    }
}

impl<I: Iterator<Item = NumberedLine>> ImportLines<I> {
    /// Imports the next lines. Returns their answers, or none at the end.
    fn step(&mut self) -> Result<Vec<LineAnswer>> {
        let progress = self.progress()?;
        let batch = self.options.take(&mut self.lines, progress)?;
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let count = batch.len();
        let mut answers = Vec::new();
        let context = self.store.context();
        let done: Result<_> = self.store.transaction(|tx| {
            if let (true, Some(import)) = (context.has_key(), &self.options.name) {
                let import = import.clone();
                tx.execute(NameImport { import })?;
            }
            let tx = tx.with(context.unkeyed());
            let (done, progress) = tx.import_batch(batch, &self.options, progress)?;
            answers = done;
            self.options.accepts(&answers)?;
            Ok(progress)
        });
        match done {
            Ok(progress) => self.progress = Some(progress),
            Err(error) if self.options.is_atomic && answers.len() == count => {
                for answer in answers.iter_mut().filter(|answer| answer.result.is_ok()) {
                    answer.result = Err(error.clone());
                }
            }
            Err(error) => return Err(error),
        }
        Ok(answers)
    }

    /// How far it has come.
    fn progress(&mut self) -> Result<ImportProgress> {
        if let Some(progress) = self.progress {
            return Ok(progress);
        }
        self.options.check(self.store.context())?;
        let known = match &self.options.name {
            Some(name) => self.store.import_progress(name)?,
            None => None,
        };
        Ok(*self.progress.insert(known.unwrap_or_default()))
    }
}

impl<I: Iterator<Item = NumberedLine>> Iterator for ImportLines<I> {
    type Item = Result<LineAnswer>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.answers.len() == 0 && !self.is_done {
            match self.step() {
                Ok(answers) => {
                    self.is_done = answers.is_empty() || self.options.is_atomic;
                    self.answers = answers.into_iter();
                }
                Err(error) => {
                    self.is_done = true;
                    return Some(Err(error));
                }
            }
        }
        self.answers.next().map(Ok)
    }
}

impl<I> fmt::Debug for ImportLines<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImportLines")
            .field("options", &self.options)
            .field("progress", &self.progress)
            .finish_non_exhaustive()
    }
}

impl Transaction<'_> {
    /// Imports lines, each for itself, as [`Store::import_lines`] does: they commit with the transaction.
    ///
    /// # Errors
    ///
    /// An answer has the error of its line. Of the options, only
    /// [`skip_existing`](ImportOptions::skip_existing) counts.
    ///
    /// ```
    /// # convodb::example!(store);
    /// use convodb::{ImportLine, ImportOptions};
    ///
    /// let line = br#"{"user": {"id": "usr_7", "name": "Carol"}}"#;
    /// let lines = [(1, ImportLine::parse(line))];
    /// let answers = store.transaction(|tx| tx.import_lines(lines, &ImportOptions::new()))?;
    /// assert!(answers[0].result.is_ok());
    /// # Ok::<(), Error>(())
    /// ```
    pub fn import_lines(
        &self,
        lines: impl IntoIterator<Item = NumberedLine>,
        options: &ImportOptions,
    ) -> Result<Vec<LineAnswer>> {
        let options = ImportOptions {
            name: None,
            ..options.clone()
        };
        let done = self.import_batch(lines, &options, ImportProgress::default());
        done.map(|(answers, _)| answers)
    }

    fn import_batch(
        &self,
        lines: impl IntoIterator<Item = NumberedLine>,
        options: &ImportOptions,
        before: ImportProgress,
    ) -> Result<(Vec<LineAnswer>, ImportProgress)> {
        let mut batch = LineBatch::new(options, before);
        for (number, line) in lines {
            let brought = line.as_ref().map_or(0, ImportLine::messages);
            let line = line.map_err(Error::from);
            batch.add(number, brought, line.and_then(|line| self.execute(line)))?;
        }
        self.execute(batch.record())?;
        Ok((batch.answers, batch.progress))
    }
}
