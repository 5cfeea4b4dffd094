//! A unit of work: loads what commands read, decides them, applies their changes to the identity map, and
//! writes the differences, if nothing has changed that they rest on.
//!
//! An optimistic unit holds no lock before it writes: its commands meet what was loaded, and the write
//! compares its versions. An exclusive unit runs within a transaction that no other one of the workspace
//! overlaps, and reads what it has written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use convodb_core::directory::Directory;
use convodb_core::{
    Change, ChangeKind, Command, CommitSeq, Context, ConversationId, Decision, Entities, Env,
    Error, Halt, Hashes, IdSequence, Import, Key, NewEvent, Outcome, Output, ProviderIdState,
    State, Subject, evolve, time,
};

use crate::ahead::Latest;
use crate::counts;
use crate::fault::{Done, Fault, refusal};
use crate::head::Head;
use crate::numbering::Numbering;
use crate::options::Clock;
use crate::rows::Table;
use crate::session::{Session, Statement};
use crate::store::Known;
use crate::tags::TagEdits;

/// An identity map of more entities is written and begun anew between two commands.
const MOST_ENTITIES: usize = 4_096;

/// A conversation that is stored under an owner that was removed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Redirected {
    /// The number of that owner.
    pub(crate) owner: u32,
    /// Whether the changes that store it under the successor are applied.
    pub(crate) is_reassigned: bool,
}

/// Who gives a command, and what it is decided with.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) context: Context,
    /// Random bits for the ids of what the command creates: the same when it is tried again.
    pub(crate) random: u128,
    pub(crate) idempotency_ttl: Duration,
    pub(crate) max_views: u64,
    /// How many conversations of a removed assignee are reassigned at once.
    pub(crate) reassigned_at_once: usize,
    /// How many conversations are read at once to build the list of a view.
    pub(crate) viewed_at_once: usize,
}

pub(crate) struct Unit {
    pub(crate) ws: i32,
    pub(crate) session: Session,
    pub(crate) is_exclusive: bool,
    pub(crate) hashes: Hashes,
    clock: Option<Clock>,
    /// The number of the change of the directory that it has.
    pub(crate) epoch: i64,
    pub(crate) numbering: Numbering,
    pub(crate) directory: Arc<Directory>,
    /// As the first load saw it.
    pub(crate) head: Option<Head>,
    /// The time of its commands.
    pub(crate) now: DateTime<Utc>,
    pub(crate) newest_id: u128,
    /// The latest time of a commit that wrote one of the conversations that were loaded.
    pub(crate) seen: DateTime<Utc>,
    /// The greatest id that was given out when one of them was written.
    pub(crate) seen_id: u128,
    pub(crate) state: State,
    /// The versions of the rows that were loaded, and which were not there.
    pub(crate) stamps: BTreeMap<(Table, Vec<u8>), Option<i64>>,
    /// Contacts and inboxes that had no conversation.
    pub(crate) absent_threads: BTreeSet<(Vec<u8>, i64)>,
    /// Records that were loaded and are yet to be decoded.
    pub(crate) loaded: BTreeMap<(Table, Vec<u8>), Vec<u8>>,
    /// Answers that were loaded ahead, until rows are written.
    pub(crate) latest: Latest,
    pub(crate) loads: usize,
    pub(crate) events: Vec<NewEvent>,
    pub(crate) redirected: BTreeMap<ConversationId, Redirected>,
    /// Removed owners under which nothing may be stored any longer.
    pub(crate) drained: BTreeSet<u32>,
    /// What is added to the lists: conversations at a sort key of a stream.
    pub(crate) moves: BTreeMap<(i64, i64), i64>,
    /// They are written at the end of the transaction alone: a long one would write its row again and again.
    pub(crate) holds_moves: bool,
    pub(crate) tags: TagEdits,
    pub(crate) forget_before: Option<DateTime<Utc>>,
    /// What each row gets that it writes.
    pub(crate) version: i64,
    pub(crate) compares_versions: bool,
    pub(crate) applied: bool,
    /// Whether the directory was changed, or what reaches beyond single entities.
    pub(crate) raises_epoch: bool,
    /// Something failed while it was being applied: nothing of it may be written.
    failed: bool,
    /// Entities were dropped from the map since the command was decided.
    cleared: bool,
}

impl Unit {
    pub(crate) fn new(
        ws: i32,
        session: Session,
        is_exclusive: bool,
        known: Known,
        hashes: Hashes,
        clock: Option<Clock>,
    ) -> Self {
        Self {
            ws,
            session,
            is_exclusive,
            hashes,
            clock,
            epoch: known.epoch,
            numbering: known.numbering,
            directory: known.directory,
            head: None,
            now: DateTime::default(),
            newest_id: 0,
            seen: DateTime::default(),
            seen_id: 0,
            state: State::default(),
            stamps: BTreeMap::new(),
            absent_threads: BTreeSet::new(),
            loaded: BTreeMap::new(),
            latest: Latest::new(),
            loads: 0,
            events: Vec::new(),
            redirected: BTreeMap::new(),
            drained: BTreeSet::new(),
            moves: BTreeMap::new(),
            holds_moves: false,
            tags: TagEdits::default(),
            forget_before: None,
            version: fastrand::i64(1..),
            compares_versions: true,
            applied: false,
            raises_epoch: false,
            failed: false,
            cleared: false,
        }
    }

    /// The time that a clock shows, which is the server's unless a test has set another one.
    pub(crate) fn clock(&self, server: DateTime<Utc>) -> DateTime<Utc> {
        self.clock.as_ref().map_or(server, |clock| clock.now())
    }

    /// The counters that the first load saw.
    pub(crate) fn head(&self) -> Result<&Head, Error> {
        let head = self.head.as_ref();
        head.ok_or_else(|| Error::corrupted("a command was decided before anything was loaded"))
    }

    /// The commit that will hold what was applied, or the latest one.
    pub(crate) fn commit_seq(&self) -> Result<CommitSeq, Error> {
        let seen = self.head()?.commit_seq;
        Ok(match (self.numbering, self.is_exclusive, self.applied) {
            (Numbering::Head, false, true) => seen.next(),
            // It has taken a number with its lock, which no commit will hold.
            (Numbering::Head, true, false) => CommitSeq::new(seen.get().saturating_sub(1)),
            _ => seen,
        })
    }

    /// Takes the time of a command. Where the clock was corrected, ids begin anew at the present time.
    async fn read_clock(&mut self) -> Done<()> {
        if self.head.is_none() {
            self.load(&[]).await?;
        }
        let head = *self.head()?;
        let newest = match self.applied {
            true => self.now,
            false => head.newest_time,
        };
        let mut now = time::monotonic(self.clock(self.now), newest);
        if !self.applied {
            self.newest_id = self.newest_id.max(head.newest_id);
        }
        if now < newest {
            self.newest_id = 0;
        }
        // What was written before a correction of the clock is in the future: it says nothing.
        let seen = time::monotonic(now, self.seen);
        if seen >= self.seen {
            now = seen;
            self.newest_id = self.newest_id.max(self.seen_id);
        }
        self.now = now;
        Ok(())
    }

    /// Decides a command and applies what it changes.
    pub(crate) async fn execute<C: Command>(
        &mut self,
        given: &Given,
        command: &C,
    ) -> Done<Outcome<C::Output>> {
        self.check_health()?;
        let decided = self.decide(given, command).await;
        self.state.forget_answers();
        let Decision {
            subject,
            changes,
            effect,
            is_duplicate,
            ..
        } = decided?;
        let is_applied = !changes.is_empty();
        if is_applied {
            let applied = self.apply_decided(given, changes).await;
            // What needs a unit of another kind is found out before anything is applied.
            self.failed |= matches!(&applied, Err(fault) if !matches!(fault, Fault::Exclusive));
            applied?;
        }
        let value = self.answer(&subject).await;
        // A command that cannot be answered leaves nothing.
        self.failed |= value.is_err() && is_applied;
        let value = value?;
        if self.is_exclusive && self.state.size() > MOST_ENTITIES {
            self.begin_anew().await?;
        }
        let commit = self.commit_seq()?;
        let mut outcome = Outcome::new(value, effect, is_duplicate, commit);
        if self.numbering == Numbering::Settled {
            outcome.commit = None;
        }
        Ok(outcome)
    }

    /// An error where a command failed while it was being applied.
    pub(crate) fn check_health(&self) -> Result<(), Error> {
        match self.failed {
            true => Err(Error::new(
                convodb_core::ErrorKind::Aborted,
                "an error came before in this transaction: it writes nothing",
            )),
            false => Ok(()),
        }
    }

    async fn apply_decided(&mut self, given: &Given, kinds: Vec<ChangeKind>) -> Done<()> {
        let removes = |kind: &ChangeKind| matches!(kind, ChangeKind::AssigneeRemoved { .. });
        let saves = |kind: &ChangeKind| matches!(kind, ChangeKind::ViewSaved(_));
        let (reassigns, builds) = (kinds.iter().any(removes), kinds.iter().any(saves));
        let actor = given.context.actor_ref().cloned();
        let change = |kind| Change {
            at: self.now,
            actor: actor.clone(),
            kind,
        };
        let changes = kinds.into_iter().map(change).collect();
        self.apply(changes).await?;
        if reassigns {
            self.reassign(given.reassigned_at_once).await?;
        }
        if reassigns || builds {
            self.build_at_once(given.viewed_at_once).await?;
        }
        Ok(())
    }

    /// What a command is decided with, at the time that was read.
    pub(crate) fn env<'a>(&self, given: &'a Given) -> Env<'a> {
        Env {
            now: self.now,
            context: &given.context,
            hashes: self.hashes,
            ids: IdSequence::new(given.random, self.newest_id),
            idempotency_ttl: given.idempotency_ttl,
            max_views: given.max_views,
        }
    }

    async fn decide<C: Command>(&mut self, given: &Given, command: &C) -> Done<Decision> {
        let mut keys = convodb_core::reads(command, &given.context)?;
        // A command that is repeated is answered by its key: what it selects may be refused by now.
        let of_key = keys.iter().find_map(|key| match key {
            Key::Idempotency(key) => Some(key.clone()),
            _ => None,
        });
        if let Some(key) = of_key
            && keys.iter().any(|key| matches!(key, Key::Query(_)))
        {
            self.load(&[Key::Idempotency(key.clone())]).await?;
            if self.state.idempotency.get(&key).flatten().is_some() {
                keys.clear();
            }
        }
        self.load(&keys).await?;
        loop {
            // What is loaded meanwhile may be later.
            self.read_clock().await?;
            let mut env = self.env(given);
            match convodb_core::decide(command, &self.state, &mut env) {
                Ok(decision) => {
                    self.newest_id = env.ids.greatest();
                    return Ok(decision);
                }
                Err(Halt::Missing(missing)) => self.load(&missing).await?,
                Err(Halt::Rejected(error)) => return Err(error.into()),
            }
        }
    }

    async fn answer<T: Output>(&mut self, subject: &Subject) -> Done<T> {
        if let Subject::View(id) = subject {
            // It was as far built when it was loaded, of as many conversations.
            self.state.views = Entities::default();
            Box::pin(self.show_progress(id)).await?;
        }
        loop {
            match T::read(&self.state, subject) {
                Ok(value) => return Ok(value),
                // What a duplicate is about was not loaded by deciding; a wide change drops all.
                Err(Halt::Missing(missing)) => self.load(&missing).await?,
                Err(Halt::Rejected(error)) => return Err(error.into()),
            }
        }
    }

    /// Applies changes in their order. After an error nothing of the unit may be written.
    pub(crate) async fn apply(&mut self, decided: Vec<Change>) -> Done<()> {
        if !self.is_exclusive && decided.iter().any(|change| is_exclusive(&change.kind)) {
            return Err(Fault::Exclusive);
        }
        let changes = self.with_reassignments(decided).await?;
        self.applied = true;
        self.cleared = false;
        for change in changes {
            self.apply_one(change).await?;
        }
        Ok(())
    }

    async fn apply_one(&mut self, change: Change) -> Done<()> {
        if let ChangeKind::KeyRecorded { forget_before, .. } = &change.kind {
            self.forget_before = Some(*forget_before);
        }
        let is_wide = is_wide(&change.kind);
        if is_wide {
            self.flush().await?;
        }
        if self.cleared {
            let mut keys = Vec::new();
            change.keys(&mut keys);
            self.load(&keys).await?;
        }
        if let ChangeKind::Reassigned { conversation, .. } = &change.kind {
            // A wide change before it may have dropped the conversation, which is loaded as it is shown.
            self.show_stored(*conversation);
        }
        if is_wide {
            self.write_wide(&change).await?;
        }
        self.raises_epoch |= is_exclusive(&change.kind);
        let imported = match &change.kind {
            ChangeKind::ConversationImported(imported) => Some(imported.clone()),
            _ => None,
        };
        evolve(&mut self.state, change, &mut self.events).map_err(refusal)?;
        if let Some(imported) = imported {
            self.put_history(*imported);
        }
        if is_wide {
            self.begin_anew().await?;
        }
        Ok(())
    }

    /// Writes what became of the identity map, and drops it.
    pub(crate) async fn begin_anew(&mut self) -> Done<()> {
        self.flush().await?;
        self.state = State::default();
        self.latest.clear();
        self.stamps.clear();
        self.absent_threads.clear();
        self.loaded.clear();
        self.redirected.clear();
        self.cleared = true;
        Ok(())
    }

    /// Writes what became of the identity map, within the transaction of an exclusive unit.
    pub(crate) async fn flush(&mut self) -> Done<()> {
        let statements = self.write()?;
        if !statements.is_empty() {
            self.session.pipeline(&statements).await?;
        }
        Ok(())
    }

    /// Numbers what was committed and what was written here, within the transaction of an exclusive unit.
    pub(crate) async fn settle(&mut self) -> Done<()> {
        self.flush().await?;
        counts::settle_within(&self.session, self.ws).await?;
        if self.head.is_some() {
            self.head = Some(self.reader().head().await?);
        }
        Ok(())
    }

    /// Whether the session's transaction has rows that answer what asks for many.
    pub(crate) async fn write_out(&mut self) -> Done<()> {
        match self.is_exclusive {
            true => self.flush().await,
            false if self.applied => Err(Fault::Alone),
            false => Ok(()),
        }
    }

    pub(crate) async fn query(&self, statement: Statement) -> Done<Vec<tokio_postgres::Row>> {
        Ok(self.session.query(&statement).await?)
    }
}

/// Whether a change reaches entities that are not loaded.
fn is_wide(kind: &ChangeKind) -> bool {
    // All that an import brings is new.
    kind.is_wide() && !matches!(kind, ChangeKind::ConversationImported(_))
}

/// Whether no other unit of the workspace runs while a change is made.
fn is_exclusive(kind: &ChangeKind) -> bool {
    is_wide(kind) || matches!(kind, ChangeKind::InboxSaved { .. })
}

impl Unit {
    /// Puts the messages and notes of an imported conversation into the map.
    fn put_history(&mut self, imported: Import) {
        let inbox = imported.conversation.inbox();
        let state = &mut self.state;
        for message in imported.messages {
            let own = (message.conversation_id, message.id);
            for id in message.foreign_ids() {
                let known = ProviderIdState::Message(own.0, own.1);
                state.provider_ids.put((inbox.clone(), id), Some(known));
            }
            state.messages.put(own, Some(message));
        }
        for note in imported.notes {
            let key = (note.conversation_id, note.created_at, note.id);
            state.notes.put(key, Some(note));
        }
    }

    /// Takes the time of work that is no command.
    pub(crate) fn begin_command(&mut self) {
        if let Some(head) = &self.head {
            self.now = time::monotonic(self.now, head.newest_time);
            self.newest_id = self.newest_id.max(head.newest_id);
        }
    }
}
