//! How lines are imported: which of them commit together, and what becomes of each.

use std::collections::BTreeMap;

use crate::commands::RecordLines;
use crate::import::{ImportLine, ImportProgress, LineAnswer, LineResult, NumberedLine};
use crate::{Context, ConversationId, Error, ErrorKind, ImportName, InvalidInput, Outcome, Result};

/// A commit has lines of at most about this many messages and conversations.
const COMMITTED_AT_ONCE: usize = 512;

/// How lines are imported.
///
/// ```
/// use convodb::{ImportName, ImportOptions};
///
/// let options = ImportOptions::new().resume(ImportName::new("history-2026")?);
/// assert_ne!(options, ImportOptions::new().atomic());
/// # Ok::<(), convodb::InvalidInput>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct ImportOptions {
    #[doc(hidden)]
    pub is_atomic: bool,
    #[doc(hidden)]
    pub skips_existing: bool,
    #[doc(hidden)]
    pub name: Option<ImportName>,
}

impl ImportOptions {
    /// The most lines of an atomic import.
    pub const MAX_ATOMIC: usize = 10_000;

    /// Each line for itself, from the first one on.
    pub const fn new() -> Self {
        Self {
            is_atomic: false,
            skips_existing: false,
            name: None,
        }
    }

    /// All lines, or none where one fails: at most [`MAX_ATOMIC`](Self::MAX_ATOMIC).
    pub const fn atomic(mut self) -> Self {
        self.is_atomic = true;
        self
    }

    /// A whole conversation that is there is a duplicate, not an error.
    pub const fn skip_existing(mut self) -> Self {
        self.skips_existing = true;
        self
    }

    /// Each commit records how far the import of this name has come. The same lines under the same name
    /// go on behind that, whenever an import of them ended. Other lines need another name: those up to the
    /// line that was reached are skipped.
    pub fn resume(mut self, name: ImportName) -> Self {
        self.name = Some(name);
        self
    }

    /// Refuses a context that lines cannot be imported with.
    #[doc(hidden)]
    pub fn check(&self, context: &Context) -> Result<(), InvalidInput> {
        if context.has_preconditions() {
            let reason = "belong to a command about one conversation";
            return Err(InvalidInput::new("preconditions", reason));
        }
        if context.has_key() && self.name.is_none() {
            let reason = "must have no idempotency key if the import has no name";
            return Err(InvalidInput::new("context", reason));
        }
        Ok(())
    }

    /// Takes the lines of the next commit: none at the end.
    #[doc(hidden)]
    pub fn take(
        &self,
        lines: &mut impl Iterator<Item = NumberedLine>,
        progress: ImportProgress,
    ) -> Result<Vec<NumberedLine>, InvalidInput> {
        let at_most = match self.is_atomic {
            true => Self::MAX_ATOMIC,
            false => COMMITTED_AT_ONCE,
        };
        let (mut batch, mut weight) = (Vec::new(), 0);
        let mut behind = lines.filter(|(line, _)| *line > progress.line);
        while (self.is_atomic && batch.len() <= at_most || weight < at_most)
            && let Some((number, line)) = behind.next()
        {
            weight += line.as_ref().map_or(1, ImportLine::weight);
            batch.push((number, line));
        }
        if self.is_atomic && batch.len() > at_most {
            let reason = format!("must be at most {at_most} in an atomic import");
            return Err(InvalidInput::new("lines", reason));
        }
        Ok(batch)
    }

    /// Whether what became of the lines of a commit is to be stored.
    #[doc(hidden)]
    pub fn accepts(&self, answers: &[LineAnswer]) -> Result<()> {
        match self.is_atomic && answers.iter().any(|answer| answer.result.is_err()) {
            true => Err(Error::new(
                ErrorKind::Aborted,
                "another line failed: nothing was imported",
            )),
            false => Ok(()),
        }
    }
}

/// What becomes of the lines of a commit.
#[doc(hidden)]
#[derive(Debug)]
pub struct LineBatch<'a> {
    options: &'a ImportOptions,
    before: ImportProgress,
    pub progress: ImportProgress,
    pub answers: Vec<LineAnswer>,
    messages: BTreeMap<ConversationId, u64>,
}

impl<'a> LineBatch<'a> {
    pub fn new(options: &'a ImportOptions, before: ImportProgress) -> Self {
        Self {
            options,
            before,
            progress: before,
            answers: Vec::new(),
            messages: BTreeMap::new(),
        }
    }

    /// Adds what became of a line that brought so many messages. An error that is not of this line ends the import.
    pub fn add(
        &mut self,
        number: u64,
        brought: u64,
        done: Result<Outcome<Option<ConversationId>>>,
    ) -> Result<()> {
        let result = match done {
            Ok(outcome) => {
                if let (Some(of), true) = (outcome.value, outcome.effect.created) {
                    *self.messages.entry(of).or_default() += brought;
                }
                Ok(LineResult::from(outcome.effect))
            }
            Err(error) if !is_of_line(error.kind()) => return Err(error),
            Err(error)
                if self.options.skips_existing && error.kind() == ErrorKind::AlreadyExists =>
            {
                Ok(LineResult::Duplicate)
            }
            Err(error) => Err(error),
        };
        self.progress.line = number;
        self.progress.failed += u64::from(result.is_err());
        self.answers.push(LineAnswer::new(number, result));
        Ok(())
    }

    /// The command behind the last line.
    pub fn record(&mut self) -> RecordLines {
        let advanced = self.options.name.clone();
        RecordLines {
            messages: std::mem::take(&mut self.messages).into_iter().collect(),
            advanced: advanced.map(|name| (name, self.before, self.progress)),
        }
    }
}

/// Whether an error is of a line alone, and the lines after it can go on.
const fn is_of_line(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::InvalidInput
            | ErrorKind::NotFound
            | ErrorKind::AlreadyExists
            | ErrorKind::ProviderIdConflict
            | ErrorKind::ClientRefConflict
            | ErrorKind::IdentityTaken
            | ErrorKind::Revoked
            | ErrorKind::Gone
    )
}
