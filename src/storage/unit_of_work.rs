//! A unit of work: loads what commands read, decides them, applies their changes to the identity
//! map, and writes the differences.
//!
//! Invariant: nothing but a change alters the tables, and every change is in the log record of its
//! commit, unless the commit writes through to the file.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use convodb_core::{
    Change, ChangeKind, Command, CommitSeq, Context, ConversationId, Decision, Entities, Env,
    Error, ErrorKind, Halt, IdSequence, Key, NewEvent, Outcome, Output, Result, State, Subject,
    evolve,
};

use super::Location;
use super::log_record::{self, LogRecord};
use super::reassignment::Redirected;
use super::{Head, Reader, Resident, changes, plan};
use crate::index::{Edits, Levels};
use convodb_kv::{Memtable, WalPosition, WriteTables};

/// Log records of this size are enough for one commit: more would only wait longer.
const FULL_BYTES: usize = 256 << 10;

/// Recovery replays log records of this size in one batch.
const REPLAYED_BYTES: usize = 256 << 10;

/// An identity map of more entities is written and begun anew between two commands.
const MOST_ENTITIES: usize = 4_096;

/// A write transaction's tables with the identity map over them.
pub(crate) struct UnitOfWork<'t> {
    pub(super) rows: WriteTables<'t>,
    pub(super) known: Resident,
    pub(super) state: State,
    pub(super) events: Vec<NewEvent>,
    /// What is not folded yet into the counts of the file.
    pub(super) index: Edits,
    /// The log record; none where the commit writes through to the file.
    pub(super) log: Option<LogRecord>,
    erases_log: bool,
    pub(super) applied: bool,
    is_full: bool,
    /// Something failed while it was being applied: the transaction must not commit.
    failed: bool,
    /// A recovery applies log records.
    pub(super) replays: bool,
    /// Entities were dropped from the map since the command was decided.
    cleared: bool,
    /// Conversations that are stored under an owner that was removed.
    pub(super) redirected: BTreeMap<ConversationId, Redirected>,
    /// Removed owners under which nothing may be stored any longer.
    pub(super) drained: BTreeSet<u32>,
    pub(super) forget_before: Option<DateTime<Utc>>,
    pub(super) removed_consumer: bool,
    /// Beside which file a load writes sorted runs, and the bytes of one; none in a recovery.
    pub(super) runs: Option<(Arc<Location>, usize)>,
}

/// Who gives a command, and what it is decided with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Given<'a> {
    /// The clock's time.
    pub(crate) now: DateTime<Utc>,
    /// Random bits for the ids of what the command creates.
    pub(crate) random: u128,
    pub(crate) context: &'a Context,
    pub(crate) idempotency_ttl: Duration,
    /// The most views that there may be.
    pub(crate) max_views: u64,
    /// How many conversations of a removed assignee are reassigned at once.
    pub(crate) reassigned_at_once: usize,
    /// How many conversations are read at once to build the list of a view.
    pub(crate) viewed_at_once: usize,
}

impl Given<'_> {
    pub(super) fn changes(&self, at: DateTime<Utc>, kinds: Vec<ChangeKind>) -> Vec<Change> {
        let change = |kind| Change {
            at,
            actor: self.context.actor_ref().cloned(),
            kind,
        };
        kinds.into_iter().map(change).collect()
    }
}

/// The error of a halt where every entity is loaded: one that is missing is corruption.
pub(super) fn refusal(halt: Halt) -> Error {
    match halt {
        Halt::Rejected(error) => error,
        Halt::Missing(keys) => {
            Error::corrupted(format!("what a change is about is missing: {keys:?}"))
        }
    }
}

/// What a transaction came to.
#[derive(Debug)]
pub(crate) struct Applied {
    pub(super) known: Resident,
    pub(super) log: Option<LogRecord>,
    pub(super) erases: bool,
    pub(crate) removed_consumer: bool,
    /// The rows, unless they went through the engine.
    pub(super) rows: Option<Memtable>,
}

impl Applied {
    /// The number of the commit.
    pub(crate) fn commit_seq(&self) -> CommitSeq {
        self.known.head.commit_seq
    }
}

impl<'t> UnitOfWork<'t> {
    pub(super) fn new(
        rows: WriteTables<'t>,
        known: Resident,
        levels: Levels,
        log: Option<LogRecord>,
    ) -> Self {
        Self {
            rows,
            known,
            state: State::default(),
            events: Vec::new(),
            index: Edits::new(plan::STREAMS, levels),
            log,
            erases_log: false,
            applied: false,
            is_full: false,
            failed: false,
            replays: false,
            cleared: false,
            redirected: BTreeMap::new(),
            drained: BTreeSet::new(),
            forget_before: None,
            removed_consumer: false,
            runs: None,
        }
    }

    /// Whether what it holds is enough for one commit.
    pub(crate) fn is_full(&self) -> bool {
        let logged = self.log.as_ref().map_or(0, LogRecord::len);
        self.is_full || logged > FULL_BYTES
    }

    /// An error where a command failed while it was being applied.
    pub(crate) fn check_health(&self) -> Result<()> {
        if self.failed {
            return Err(Error::new(
                ErrorKind::Aborted,
                "a storage error came before in this transaction: it writes nothing",
            ));
        }
        Ok(())
    }

    /// The commit that will hold what was applied, or the latest one.
    pub(crate) fn commit_seq(&self) -> CommitSeq {
        match self.applied {
            true => self.known.head.commit_seq.next(),
            false => self.known.head.commit_seq,
        }
    }

    /// The time of a command. Where the clock was corrected, ids and the forgetting of idempotency
    /// keys begin anew at the present time.
    pub(super) fn read_clock(&mut self, shown: DateTime<Utc>) -> DateTime<Utc> {
        let known = &mut self.known;
        let now = known.head.clock(shown);
        if now < known.head.newest_time {
            known.head.newest_id = 0;
            known.forgotten = None;
        }
        known.head.newest_time = now;
        now
    }

    /// Decides a command and applies what it changes.
    pub(crate) fn execute<C: Command>(
        &mut self,
        given: &Given<'_>,
        command: &C,
    ) -> Result<Outcome<C::Output>> {
        self.check_health()?;
        let now = self.read_clock(given.now);
        let decided = self.decide(given, now, command);
        self.state.forget_answers();
        let Decision {
            subject,
            changes,
            effect,
            is_duplicate,
            erases_log,
        } = decided?;
        let is_applied = !changes.is_empty();
        if is_applied {
            let mut kinds = changes.iter();
            let reassigns = kinds.any(|kind| matches!(kind, ChangeKind::AssigneeRemoved { .. }));
            let builds = changes
                .iter()
                .any(|kind| matches!(kind, ChangeKind::ViewSaved(_)));
            let changes = given.changes(now, changes);
            self.whole(|unit| {
                unit.apply(changes)?;
                if erases_log {
                    // Nothing that was written before may stay in the log behind this commit.
                    unit.erases_log = true;
                    unit.write_through()?;
                }
                if reassigns {
                    unit.reassign(now, given.reassigned_at_once)?;
                }
                if reassigns || builds {
                    unit.build_at_once(now, given.viewed_at_once)?;
                }
                Ok(())
            })?;
        }
        let value = self.answer(&subject);
        // A command that cannot be answered leaves nothing.
        self.failed |= value.is_err() && is_applied;
        let value = value?;
        if self.state.size() > MOST_ENTITIES {
            self.whole(Self::begin_anew)?;
        }
        let commit = self.commit_seq();
        Ok(Outcome::new(value, effect, is_duplicate, commit))
    }

    fn decide<C: Command>(
        &mut self,
        given: &Given<'_>,
        now: DateTime<Utc>,
        command: &C,
    ) -> Result<Decision> {
        let mut keys = convodb_core::reads(command, given.context)?;
        // A command that is repeated is answered by its key: what it selects may be refused by now.
        let of_key = keys.iter().find_map(|key| match key {
            Key::Idempotency(key) => Some(key.clone()),
            _ => None,
        });
        if let Some(key) = of_key {
            self.load(&[Key::Idempotency(key.clone())])?;
            if self.state.idempotency.get(&key).flatten().is_some() {
                keys.clear();
            }
        }
        let ids = IdSequence::new(given.random, self.known.head.newest_id);
        loop {
            self.load(&keys)?;
            let mut env = Env {
                now,
                context: given.context,
                hashes: self.known.hashes,
                ids,
                idempotency_ttl: given.idempotency_ttl,
                max_views: given.max_views,
            };
            match convodb_core::decide(command, &self.state, &mut env) {
                Ok(decision) => {
                    self.known.head.newest_id = env.ids.greatest();
                    return Ok(decision);
                }
                Err(Halt::Missing(missing)) => keys = missing,
                Err(Halt::Rejected(error)) => return Err(error),
            }
        }
    }

    fn answer<T: Output>(&mut self, subject: &Subject) -> Result<T> {
        if let Subject::View(_) = subject {
            // It was as far built when it was loaded, of as many conversations.
            self.state.views = Entities::default();
        }
        loop {
            match T::read(&self.state, subject) {
                Ok(value) => return Ok(value),
                // What a duplicate is about was not loaded by deciding; a wide change drops all.
                Err(Halt::Missing(missing)) => self.load(&missing)?,
                Err(Halt::Rejected(error)) => return Err(error),
            }
        }
    }

    /// Logs changes and applies them in their order. After an error the transaction must not commit.
    pub(super) fn apply(&mut self, decided: Vec<Change>) -> Result<()> {
        let changes = self.with_reassignments(decided)?;
        debug_assert!(changes.iter().all(changes::is_complete));
        self.applied = true;
        // What the log record cannot hold writes through to the file.
        if let Some(log) = &mut self.log
            && !log.push(&changes)?
        {
            self.write_through()?;
        }
        self.cleared = false;
        changes
            .into_iter()
            .try_for_each(|change| self.apply_one(change))
    }

    /// From here on the transaction has no log record: its commit is one of the file's own.
    pub(super) fn write_through(&mut self) -> Result<()> {
        self.log = None;
        self.is_full = true;
        self.rows.write_through()
    }

    fn apply_one(&mut self, change: Change) -> Result<()> {
        if let ChangeKind::KeyRecorded { forget_before, .. } = &change.kind {
            self.forget_before = Some(*forget_before);
        }
        let is_wide = change.kind.is_wide();
        if is_wide {
            self.flush()?;
        }
        if self.cleared || self.replays {
            let mut keys = Vec::new();
            change.keys(&mut keys);
            self.load(&keys)?;
        }
        if let ChangeKind::Reassigned { conversation, .. } = &change.kind {
            // A wide change before it may have dropped the conversation, which is loaded as it is
            // shown.
            self.show_stored(*conversation);
        }
        if is_wide {
            self.write_wide(&change)?;
        }
        evolve(&mut self.state, change, &mut self.events).map_err(refusal)?;
        if is_wide {
            self.begin_anew()?;
        }
        Ok(())
    }

    /// Writes what became of the identity map, and drops it.
    pub(super) fn begin_anew(&mut self) -> Result<()> {
        self.flush()?;
        self.state = State::default();
        self.redirected.clear();
        self.cleared = true;
        Ok(())
    }

    /// Reads what was there before and what was applied since.
    pub(crate) fn read<T>(
        &mut self,
        read: impl FnOnce(&Reader<'_, WriteTables<'t>>) -> Result<T>,
    ) -> Result<T> {
        self.whole(Self::write_out)?;
        read(&self.reader())
    }

    /// Reads what is written.
    pub(super) fn reader(&self) -> Reader<'_, WriteTables<'t>> {
        Reader {
            rows: &self.rows,
            known: &self.known,
        }
    }

    /// Runs a job. What it leaves half done must not commit.
    pub(crate) fn whole<T>(&mut self, job: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.check_health()?;
        let done = job(self);
        self.failed |= done.is_err();
        done
    }

    /// Writes what became of the identity map, and what lists are read by.
    pub(super) fn write_out(&mut self) -> Result<()> {
        self.flush()?;
        self.settle()
    }

    /// Writes the counts of the index, where entries went through the engine.
    pub(super) fn settle(&mut self) -> Result<()> {
        self.index.settle(&mut self.rows)
    }

    /// Writes all of it, and the counters, for the commit. Nothing where nothing was applied.
    pub(crate) fn finish(mut self) -> Result<Option<Applied>> {
        self.check_health()?;
        if !self.applied {
            return Ok(None);
        }
        self.write_out()?;
        self.known.head.commit_seq = self.known.head.commit_seq.next();
        self.known.head.write(&mut self.rows)?;
        Ok(Some(Applied {
            known: self.known,
            log: self.log,
            erases: self.erases_log,
            removed_consumer: self.removed_consumer,
            rows: self.rows.into_memtable(),
        }))
    }

    /// Applies log records, as many as make a batch, and writes the counters as of the last one. An
    /// entity is loaded and written once, however many changes it has.
    pub(super) fn replay<'r>(
        mut self,
        records: &mut impl Iterator<Item = (WalPosition, &'r [u8])>,
    ) -> Result<Replayed> {
        self.replays = true;
        let mut replayed = 0;
        let mut end = WalPosition::default();
        while replayed < REPLAYED_BYTES
            && let Some((position, payload)) = records.next()
        {
            let (newest_time, newest_id) = log_record::replay(payload, |changes| {
                if self.state.size() > MOST_ENTITIES {
                    self.begin_anew()?;
                }
                changes
                    .into_iter()
                    .try_for_each(|change| self.apply_one(change))
            })?;
            self.known.head = Head {
                commit_seq: CommitSeq::new(position.commit),
                newest_time,
                newest_id,
                ..self.known.head
            };
            replayed += payload.len();
            end = position;
        }
        self.write_out()?;
        self.known.head.write(&mut self.rows)?;
        Ok(Replayed {
            known: self.known,
            rows: self.rows.into_memtable(),
            end,
        })
    }
}

/// What a batch of log records came to.
pub(super) struct Replayed {
    pub(super) known: Resident,
    /// The rows, unless they went through redb.
    pub(super) rows: Option<Memtable>,
    /// The position behind the last of them.
    pub(super) end: WalPosition,
}
