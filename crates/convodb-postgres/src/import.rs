//! Imports: of whole conversations, and of lines.

use std::fmt;
use std::iter::Fuse;

use convodb_core::commands::NameImport;
use convodb_core::{
    Command, CommitSeq, Context, Effect, Error, Import, ImportLine, ImportOptions, ImportProgress,
    InvalidInput, LineAnswer, LineBatch, NumberedLine, Outcome, Result,
};

use crate::exclusive::Exclusive;
use crate::fault::Fault;
use crate::read::PgRead as _;
use crate::store::PgStore;

/// So many conversations are loaded for and written at once.
const WRITTEN_AT_ONCE: usize = 256;

/// So many conversations are in one commit.
const COMMITTED_AT_ONCE: usize = 4_096;

impl PgStore {
    /// Imports whole conversations with their ids, times and histories. Up to 4,096 are in one commit: a failure
    /// leaves the commits before it. Other commands wait meanwhile.
    ///
    /// # Errors
    ///
    /// Those of [`Import`], with the place of the conversation, `import[7]`. A context with an idempotency key or
    /// preconditions is invalid.
    pub async fn import_all(
        &self,
        imports: impl IntoIterator<Item = Import, IntoIter: Send> + Send,
    ) -> Result<Outcome<u64>> {
        if !self.context().is_plain() {
            let reason = "must have no idempotency key and no preconditions";
            return Err(InvalidInput::new("context", reason).into());
        }
        let mut imports = imports.into_iter().fuse();
        let mut imported = 0;
        let seen = self.commit_seq().await?;
        let mut commit = Some(seen);
        loop {
            let mut work = Exclusive::begin(self.shared()).await?;
            let some = self.import_some(&mut work, imported, &mut imports).await;
            match some {
                Ok(0) => {
                    work.roll_back().await?;
                    let is_any = imported > 0;
                    let effect = Effect::new(is_any, is_any, false);
                    let mut outcome = Outcome::new(imported, effect, false, seen);
                    outcome.commit = commit;
                    return Ok(outcome);
                }
                Ok(some) => {
                    commit = work.commit().await?;
                    imported += some;
                }
                Err(error) => {
                    let _ = work.roll_back().await;
                    return Err(error);
                }
            }
        }
    }

    async fn import_some(
        &self,
        work: &mut Exclusive,
        before: u64,
        imports: &mut (impl Iterator<Item = Import> + Send),
    ) -> Result<u64> {
        let mut count = 0;
        while (count as usize) < COMMITTED_AT_ONCE {
            let chunk: Vec<Import> = imports.by_ref().take(WRITTEN_AT_ONCE).collect();
            if chunk.is_empty() {
                break;
            }
            let stored = run_all(work, self.context(), &chunk).await;
            stored.map_err(|(at, error)| {
                error.within(&format!("import[{}]", before + count + at as u64))
            })?;
            count += chunk.len() as u64;
        }
        Ok(count)
    }

    /// Begins an import that is stored whole or not at all: see [`PgWholeImport`].
    ///
    /// # Errors
    ///
    /// `Unavailable` if the server cannot be reached, `ReadOnly` on a standby.
    pub async fn whole_import(&self) -> Result<PgWholeImport> {
        let mut work = Exclusive::begin(self.shared()).await?;
        work.unit.holds_moves = true;
        Ok(PgWholeImport {
            work,
            context: self.context().clone().unkeyed(),
        })
    }

    /// Imports lines of users, teams, inboxes, contacts, conversations, messages and notes into a workspace that
    /// may have conversations already, each for itself: the same as `Store::import_lines`. The answers come batch
    /// by batch from [`PgImportLines::next_batch`].
    pub fn import<L>(&self, lines: L, options: &ImportOptions) -> PgImportLines<L::IntoIter>
    where
        L: IntoIterator<Item = NumberedLine>,
    {
        PgImportLines {
            store: self.clone(),
            lines: lines.into_iter().fuse(),
            options: options.clone(),
            progress: None,
        }
    }

    /// Imports lines that are all there, and returns their answers.
    ///
    /// # Errors
    ///
    /// Those of [`PgImportLines::next_batch`].
    pub async fn import_lines(
        &self,
        lines: Vec<NumberedLine>,
        options: &ImportOptions,
    ) -> Result<Vec<LineAnswer>> {
        let mut import = self.import(lines, options);
        let mut answers = Vec::new();
        loop {
            let batch = import.next_batch().await?;
            if batch.is_empty() {
                return Ok(answers);
            }
            answers.extend(batch);
            if options.is_atomic {
                return Ok(answers);
            }
        }
    }
}

/// Runs commands, whose entities are loaded at once, or says at which of them it ended.
async fn run_all<C: Command>(
    work: &mut Exclusive,
    context: &Context,
    commands: &[C],
) -> Result<(), (usize, Error)> {
    let of_all = |fault: Fault| (0, fault.into_error());
    let mut keys = Vec::new();
    for command in commands {
        command.reads(&mut keys);
    }
    work.unit.load(&keys).await.map_err(of_all)?;
    for (at, command) in commands.iter().enumerate() {
        let done = work.execute(context, command).await;
        done.map_err(|error| (at, error))?;
    }
    work.unit.begin_anew().await.map_err(of_all)
}

/// Conversations and lines that are stored in one commit, or not at all. It holds the lock of the workspace until
/// it ends: other commands wait. The server ends it where nothing comes for ten seconds.
///
/// Where it is neither committed nor rolled back, its connection is to be closed with the store.
pub struct PgWholeImport {
    work: Exclusive,
    context: Context,
}

impl PgWholeImport {
    /// Runs some hundred commands, of conversations or of lines, whose entities are loaded in one round trip.
    ///
    /// # Errors
    ///
    /// That of a command, with its index. Nothing can be stored behind an error.
    pub async fn store<C: Command>(&mut self, commands: &[C]) -> Result<(), (usize, Error)> {
        run_all(&mut self.work, &self.context, commands).await
    }

    /// Commits all of it.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the connection was lost: it may have happened then.
    pub async fn commit(self) -> Result<Option<CommitSeq>> {
        self.work.commit().await
    }

    /// Stores nothing of it.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the connection was lost: nothing is stored then either.
    pub async fn roll_back(self) -> Result<()> {
        self.work.roll_back().await
    }
}

impl fmt::Debug for PgWholeImport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgWholeImport").finish_non_exhaustive()
    }
}

/// Lines that are being imported.
pub struct PgImportLines<I> {
    store: PgStore,
    lines: Fuse<I>,
    options: ImportOptions,
    progress: Option<ImportProgress>,
}

impl<I: Iterator<Item = NumberedLine>> PgImportLines<I> {
    /// Imports the next lines in one commit, and returns their answers: none at the end. A commit has up to 512
    /// messages; an [atomic](ImportOptions::atomic) import has one.
    ///
    /// # Errors
    ///
    /// An answer has the error of its line, and the lines after it go on. The call fails where the store does;
    /// commits before it stay. If it is atomic, `InvalidInput` above
    /// [`MAX_ATOMIC`](ImportOptions::MAX_ATOMIC) lines.
    pub async fn next_batch(&mut self) -> Result<Vec<LineAnswer>> {
        let progress = self.progress().await?;
        let batch = self.options.take(&mut self.lines, progress)?;
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let mut work = Exclusive::begin(self.store.shared()).await?;
        let done = self.import_batch(&mut work, batch, progress).await;
        let (mut answers, progress) = match done {
            Ok(done) => done,
            Err(error) => {
                let _ = work.roll_back().await;
                return Err(error);
            }
        };
        if let Err(error) = self.options.accepts(&answers) {
            work.roll_back().await?;
            for answer in answers.iter_mut().filter(|answer| answer.result.is_ok()) {
                answer.result = Err(error.clone());
            }
            return Ok(answers);
        }
        work.commit().await?;
        self.progress = Some(progress);
        Ok(answers)
    }

    async fn import_batch(
        &self,
        work: &mut Exclusive,
        lines: Vec<NumberedLine>,
        before: ImportProgress,
    ) -> Result<(Vec<LineAnswer>, ImportProgress)> {
        let context = self.store.context();
        if let (true, Some(import)) = (context.has_key(), &self.options.name) {
            let import = import.clone();
            work.execute(context, &NameImport { import }).await?;
        }
        let context = context.clone().unkeyed();
        let mut keys = Vec::new();
        for line in lines.iter().filter_map(|(_, line)| line.as_ref().ok()) {
            line.reads(&mut keys);
        }
        let loaded = work.unit.load(&keys).await;
        loaded.map_err(Fault::into_error)?;
        let given = self.store.shared().given(context.clone());
        let good = lines.iter().filter_map(|(_, line)| line.as_ref().ok());
        let ahead = work
            .unit
            .load_ahead(&given, &good.collect::<Vec<_>>())
            .await;
        ahead.map_err(Fault::into_error)?;
        let mut batch = LineBatch::new(&self.options, before);
        for (number, line) in lines {
            let brought = line.as_ref().map_or(0, ImportLine::messages);
            let done = match line {
                Ok(line) => work.execute(&context, &line).await,
                Err(invalid) => Err(invalid.into()),
            };
            batch.add(number, brought, done)?;
        }
        work.execute(&context, &batch.record()).await?;
        Ok((batch.answers, batch.progress))
    }

    /// How far it has come.
    async fn progress(&mut self) -> Result<ImportProgress> {
        if let Some(progress) = self.progress {
            return Ok(progress);
        }
        self.options.check(self.store.context())?;
        let known = match &self.options.name {
            Some(name) => self.store.import_progress(name).await?,
            None => None,
        };
        Ok(*self.progress.insert(known.unwrap_or_default()))
    }
}

impl<I> fmt::Debug for PgImportLines<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgImportLines")
            .field("options", &self.options)
            .field("progress", &self.progress)
            .finish_non_exhaustive()
    }
}
