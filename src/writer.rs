//! Every command, within a transaction; what a store offers alone is a transaction of one.
//!
//! Invariant: a command is decided before anything is written, and what it writes is the changes
//! that were decided, applied. An error while they are applied poisons the transaction.

mod bulk;
mod carry;
mod commands;
mod events;
mod guarded;
mod import;
mod job;
mod once;
mod reads;
mod takeovers;

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use convodb_core::decide::{self, Appending};
use convodb_core::{
    Assignee, AssigneeId, Change, Channel, ContactId, Context, Conversation, ConversationId,
    ConversationState, Error, ErrorKind, Fact, Filter, Inbound, Message, MessageId, MessageRef,
    Note, NoteId, Outbound, Outcome, Parked, Provided, ProviderId, Receipt, Rejection, Reply,
    Result, StoredAt, Takeover, TeamId, UserId, evolve, time,
};
use ulid::Ulid;

pub use bulk::Each;
pub use commands::Handle;
pub(crate) use job::{Job, poisoned};

use crate::storage::{self, Applied, View};
use crate::store::{Clock, IdGenerator};

/// Several commands that commit as one, or not at all.
///
/// [`Store::transaction`](crate::Store::transaction) hands it to its closure. Its commands are
/// those of the store; its reads see what it wrote.
pub struct Transaction<'t> {
    writer: storage::Writer<'t>,
    clock: &'t dyn Clock,
    ids: &'t dyn IdGenerator,
    context: Context,
    idempotency_age: Duration,
    /// So many conversations are filed by the removal of who had them.
    refiled_at_once: usize,
    poisoned: bool,
    /// How often changes were applied.
    applied: u64,
}

impl<'t> Transaction<'t> {
    pub(crate) fn new(
        writer: storage::Writer<'t>,
        clock: &'t dyn Clock,
        ids: &'t dyn IdGenerator,
        idempotency_age: Duration,
        refiled_at_once: usize,
    ) -> Self {
        Self {
            writer,
            clock,
            ids,
            context: Context::default(),
            idempotency_age,
            refiled_at_once,
            poisoned: false,
            applied: 0,
        }
    }

    /// The commands from here on are given in this context.
    pub fn set_context(&mut self, context: Context) {
        self.context = context;
    }

    pub(crate) fn finish(self) -> Result<Option<Applied>> {
        self.check_health()?;
        self.writer.finish()
    }

    pub(crate) fn rebuild(&mut self, view: &View) -> Result<()> {
        let rebuilt = self.writer.rebuild(view);
        self.poison_on_error(rebuilt)
    }

    /// Commands are about to be run that read no list by depth or rank.
    pub(crate) fn gather(&mut self) {
        self.writer.gather();
    }

    /// Whether no more commands should join it.
    pub(crate) fn is_full(&self) -> bool {
        self.writer.is_full()
    }

    /// Runs a command among others. One that fails when it has written poisons the transaction: what
    /// a refused one has not done, nobody may find done.
    fn run_whole<T>(&mut self, command: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let before = self.applied;
        let answer = command(self);
        self.poisoned |= answer.is_err() && self.applied > before;
        answer
    }

    fn check_health(&self) -> Result<()> {
        if self.poisoned {
            return Err(Error::new(
                ErrorKind::TransactionPoisoned,
                "a storage error came before in this transaction: it wrote nothing",
            ));
        }
        Ok(())
    }

    fn poison_on_error<T>(&mut self, result: Result<T>) -> Result<T> {
        self.poisoned |= result.is_err();
        result
    }

    /// R7: the clock's time, unless it ran back.
    fn now(&mut self) -> DateTime<Utc> {
        let now = time::clamped(self.clock.now());
        let newest = &mut self.writer.head().newest_time;
        *newest = now.max(*newest);
        *newest
    }

    /// An id above every id given out before, restarts and clocks set back included.
    fn next_id(&mut self, now: DateTime<Utc>) -> u128 {
        let candidate = Ulid::from_parts(millis(now), self.ids.random()).0;
        let newest = &mut self.writer.head().newest_id;
        *newest = candidate.max(newest.saturating_add(1));
        *newest
    }

    /// An id of the message's own millisecond, by which it is found again. With a provider's id
    /// it follows from that, so that it is the same in whatever order messages come.
    fn message_id(
        &mut self,
        conversation: ConversationId,
        channel: Channel,
        appending: &Appending,
        now: DateTime<Utc>,
    ) -> Result<MessageId> {
        let created_at = appending.created_at;
        let random = match &appending.provider_id {
            Some(id) => self.writer.reader().hashes().random(channel, id),
            None if created_at == now => return Ok(MessageId::from_raw(self.next_id(now))),
            // A late message takes its place among ids that were given out long ago.
            None => self.ids.random(),
        };
        let mut id = MessageId::from_parts(millis(created_at), random);
        while self
            .writer
            .reader()
            .find_message(conversation, id)?
            .is_some()
        {
            id = MessageId::from_raw(id.raw().wrapping_add(1));
        }
        Ok(id)
    }

    fn change(&self, now: DateTime<Utc>, fact: Fact) -> Change {
        Change {
            at: now,
            actor: self.context.actor.clone(),
            fact,
        }
    }

    fn apply(&mut self, now: DateTime<Utc>, facts: Vec<Fact>) -> Result<Vec<Change>> {
        let decided = facts.into_iter().map(|fact| self.change(now, fact));
        let changes = self.with_takeovers(now, decided.collect())?;
        self.write(changes)
    }

    fn write(&mut self, changes: Vec<Change>) -> Result<Vec<Change>> {
        self.check_health()?;
        self.applied += u64::from(!changes.is_empty());
        let applied = self.writer.apply(&changes);
        self.poison_on_error(applied)?;
        Ok(changes)
    }

    fn outcome<T>(&mut self, value: T, facts: &Traits) -> Outcome<T> {
        let mut outcome = Outcome::unchanged(value, self.writer.sequence());
        outcome.changed = facts.changed;
        outcome.created = facts.created;
        outcome.reopened = facts.reopened;
        outcome
    }

    /// Applies what was decided about a conversation, and shows it as it is then.
    fn settle(
        &mut self,
        id: ConversationId,
        now: DateTime<Utc>,
        facts: Vec<Fact>,
    ) -> Result<Outcome<Conversation>> {
        let traits = Traits::of(&facts);
        self.apply(now, facts)?;
        let conversation = self.writer.reader().conversation(id)?;
        Ok(self.outcome(conversation, &traits))
    }

    fn append(
        &mut self,
        now: DateTime<Utc>,
        state: Option<&ConversationState>,
        address: (ContactId, Channel),
        appending: Appending,
    ) -> Result<Outcome<Message>> {
        let (contact, channel) = address;
        let parked = match &appending.provider_id {
            Some(id) => match self.writer.reader().provided(channel, id)? {
                Provided::Awaited(parked) => parked,
                Provided::Stored(at) => return self.stored_before(at),
                Provided::Erased => return Err(Rejection::erased(channel, id).into()),
            },
            None => None,
        };
        let facts = match state {
            Some(state) => {
                let id = self.message_id(state.id, channel, &appending, now)?;
                decide::append(state, appending, id, parked)
            }
            None => {
                let conversation = ConversationId::from_raw(self.next_id(now));
                let id = self.message_id(conversation, channel, &appending, now)?;
                decide::create(conversation, contact, channel, appending, id, parked)
            }
        };
        let traits = Traits::of(&facts);
        let appended = facts.iter().find_map(|fact| match fact {
            Fact::MessageAppended { message } => Some(message.clone()),
            _ => None,
        });
        let mut message =
            appended.ok_or_else(|| Error::corrupted("a message was decided that is none"))?;
        let changes = self.apply(now, facts)?;
        for change in &changes {
            message = evolve::message(message, change);
        }
        Ok(self.outcome(message, &traits))
    }

    /// R10: the same message again changes nothing.
    fn stored_before(&mut self, at: StoredAt) -> Result<Outcome<Message>> {
        let message = self.writer.reader().message(at.conversation, at.message)?;
        let mut outcome = self.outcome(message, &Traits::of(&[]));
        outcome.duplicate = true;
        Ok(outcome)
    }

    /// As [`Store::receive`](crate::Store::receive).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn receive(&mut self, inbound: Inbound) -> Result<Outcome<Message>> {
        let command = self.command(("receive", &inbound));
        self.once(command, |tx, now| {
            let address = (inbound.contact_id.clone(), inbound.channel);
            let appending = Appending::received(now, inbound)?;
            let state = tx.writer.reader().thread_state(&address.0, address.1)?;
            tx.append(now, state.as_ref(), address, appending)
        })
    }

    /// As [`Store::send`](crate::Store::send).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn send(&mut self, outbound: Outbound) -> Result<Outcome<Message>> {
        let command = self.command(("send", &outbound));
        self.once(command, |tx, now| {
            let address = (outbound.contact_id.clone(), outbound.channel);
            let appending = Appending::sent(now, outbound)?;
            let state = tx.writer.reader().thread_state(&address.0, address.1)?;
            tx.append(now, state.as_ref(), address, appending)
        })
    }

    /// As [`Store::reply`](crate::Store::reply).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn reply(
        &mut self,
        id: ConversationId,
        reply: impl Into<Reply>,
    ) -> Result<Outcome<Message>> {
        let reply = reply.into();
        let command = self.command(("reply", id, &reply));
        self.once(command, |tx, now| {
            let state = tx.writer.reader().state(id)?;
            let appending = Appending::replied(now, reply, &state)?;
            let address = (state.contact_id.clone(), state.channel);
            tx.append(now, Some(&state), address, appending)
        })
    }

    /// As [`Store::record_delivery`](crate::Store::record_delivery).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn record_delivery(
        &mut self,
        message: impl Into<MessageRef>,
        receipt: Receipt,
    ) -> Result<Outcome<Option<Message>>> {
        let message = message.into();
        let command = self.command(("record_delivery", &message, &receipt));
        self.once(command, |tx, now| {
            let at = match tx.refer(message)? {
                Referred::Stored(at) => at,
                Referred::Awaited(channel, id, parked) => {
                    let facts = decide::park(channel, id, parked.as_ref(), now, receipt)?;
                    let traits = Traits::of(&facts);
                    tx.apply(now, facts)?;
                    return Ok(tx.outcome(None, &traits));
                }
            };
            let known = tx.writer.reader().message(at.conversation, at.message)?;
            let facts = decide::record_delivery(&known, now, receipt)?;
            let traits = Traits::of(&facts);
            tx.apply(now, facts)?;
            let message = tx.writer.reader().message(at.conversation, at.message)?;
            Ok(tx.outcome(Some(message), &traits))
        })
    }

    /// As [`Store::set_provider_id`](crate::Store::set_provider_id).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn set_provider_id(
        &mut self,
        message: impl Into<MessageRef>,
        id: &ProviderId,
    ) -> Result<Outcome<Message>> {
        let message = message.into();
        let command = self.command(("set_provider_id", &message, id));
        self.once(command, |tx, now| {
            let at = match tx.refer(message)? {
                Referred::Stored(at) => at,
                Referred::Awaited(_, id, _) => {
                    return Err(Rejection::not_found("message", id).into());
                }
            };
            let reader = tx.writer.reader();
            let message = reader.message(at.conversation, at.message)?;
            let channel = reader.state(at.conversation)?.channel;
            let known = reader.provided(channel, id)?;
            let facts = decide::set_provider_id(&message, channel, id.clone(), known)?;
            let traits = Traits::of(&facts);
            tx.apply(now, facts)?;
            let message = tx.writer.reader().message(at.conversation, at.message)?;
            Ok(tx.outcome(message, &traits))
        })
    }

    /// As [`Store::purge_parked`](crate::Store::purge_parked).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn purge_parked(&mut self, older_than: Duration) -> Result<Outcome<u64>> {
        let command = self.command(("purge_parked", older_than));
        self.once(command, |tx, now| {
            let before = decide::before(now, older_than);
            let (_, older) = tx.writer.reader().count_parked(before)?;
            let facts = match older {
                0 => Vec::new(),
                _ => vec![Fact::ParkedPurged { before }],
            };
            let traits = Traits::of(&facts);
            tx.apply(now, facts)?;
            Ok(tx.outcome(older, &traits))
        })
    }

    /// As [`Store::purge_idempotency_keys`](crate::Store::purge_idempotency_keys).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn purge_idempotency_keys(&mut self, older_than: Duration) -> Result<Outcome<u64>> {
        let now = self.now();
        let before = decide::before(now, older_than);
        let older = self.writer.reader().count_done(before)?;
        let facts = match older {
            0 => Vec::new(),
            _ => vec![Fact::KeysPurged { before }],
        };
        let traits = Traits::of(&facts);
        self.apply(now, facts)?;
        Ok(self.outcome(older, &traits))
    }

    /// Finds out which message is meant.
    fn refer(&self, message: MessageRef) -> Result<Referred> {
        let (channel, id) = match message.place() {
            Ok(place) => return Ok(Referred::Stored(place)),
            Err(provided) => provided,
        };
        match self.writer.reader().provided(channel, &id)? {
            Provided::Stored(at) => Ok(Referred::Stored(at)),
            Provided::Awaited(parked) => Ok(Referred::Awaited(channel, id, parked)),
            Provided::Erased => Err(Rejection::erased(channel, &id).into()),
        }
    }

    /// As [`Store::assign`](crate::Store::assign).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn assign(
        &mut self,
        id: ConversationId,
        assignee: &AssigneeId,
    ) -> Result<Outcome<Conversation>> {
        let command = self.command(("assign", id, assignee));
        self.once(command, |tx, now| {
            let reader = tx.writer.reader();
            let state = reader.state(id)?;
            reader.assignee(assignee)?;
            tx.settle(id, now, decide::assign(&state, assignee))
        })
    }

    /// As [`Store::unassign`](crate::Store::unassign).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn unassign(&mut self, id: ConversationId) -> Result<Outcome<Conversation>> {
        let command = self.command(("unassign", id));
        self.once(command, |tx, now| {
            let state = tx.writer.reader().state(id)?;
            tx.settle(id, now, decide::unassign(&state))
        })
    }

    /// As [`Store::claim`](crate::Store::claim).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn claim(
        &mut self,
        id: ConversationId,
        assignee: &AssigneeId,
    ) -> Result<Outcome<Conversation>> {
        let command = self.command(("claim", id, assignee));
        self.once(command, |tx, now| {
            let reader = tx.writer.reader();
            let state = reader.state(id)?;
            reader.assignee(assignee)?;
            let facts = decide::claim(&state, assignee)?;
            tx.settle(id, now, facts)
        })
    }

    /// As [`Store::resolve`](crate::Store::resolve).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn resolve(&mut self, id: ConversationId) -> Result<Outcome<Conversation>> {
        let command = self.command(("resolve", id));
        self.once(command, |tx, now| {
            let state = tx.writer.reader().state(id)?;
            tx.settle(id, now, decide::resolve(&state))
        })
    }

    /// As [`Store::add_note`](crate::Store::add_note).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn add_note(
        &mut self,
        id: ConversationId,
        content: impl AsRef<str>,
    ) -> Result<Outcome<Note>> {
        let content = content.as_ref();
        let command = self.command(("add_note", id, content));
        self.once(command, |tx, now| {
            let state = tx.writer.reader().state(id)?;
            let note_id = NoteId::from_raw(tx.next_id(now));
            let author = tx.context.actor.clone();
            let facts = decide::add_note(&state, now, note_id, content, author)?;
            let traits = Traits::of(&facts);
            let added = facts.iter().find_map(|fact| match fact {
                Fact::NoteAdded { note } => Some(note.clone()),
                _ => None,
            });
            tx.apply(now, facts)?;
            match added {
                Some(note) => Ok(tx.outcome(note, &traits)),
                None => Err(Error::corrupted("a note was decided that is none")),
            }
        })
    }

    /// As [`Store::delete`](crate::Store::delete).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn delete(&mut self, id: ConversationId) -> Result<Outcome<()>> {
        let command = self.command(("delete", id));
        self.once(command, |tx, now| {
            let conversation = tx.writer.reader().state(id)?.id;
            let facts = vec![Fact::ConversationDeleted { conversation }];
            let traits = Traits::of(&facts);
            tx.apply(now, facts)?;
            Ok(tx.outcome((), &traits))
        })
    }

    /// As [`Store::erase_contact`](crate::Store::erase_contact).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn erase_contact(&mut self, contact: &ContactId) -> Result<Outcome<u64>> {
        let command = self.command(("erase_contact", contact));
        self.once(command, |tx, now| {
            let mut facts = Vec::new();
            for channel in Channel::ALL {
                if let Some(state) = tx.writer.reader().thread_state(contact, channel)? {
                    let conversation = state.id;
                    facts.push(Fact::ConversationDeleted { conversation });
                }
            }
            let (erased, traits) = (facts.len() as u64, Traits::of(&facts));
            tx.apply(now, facts)?;
            if erased > 0 {
                tx.writer.erase_journal()?;
            }
            Ok(tx.outcome(erased, &traits))
        })
    }

    /// As [`Store::put_user`](crate::Store::put_user).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn put_user(&mut self, id: &UserId, name: &str) -> Result<Outcome<Assignee>> {
        self.put_assignee(&AssigneeId::from(id), name)
    }

    /// As [`Store::put_team`](crate::Store::put_team).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn put_team(&mut self, id: &TeamId, name: &str) -> Result<Outcome<Assignee>> {
        self.put_assignee(&AssigneeId::from(id), name)
    }

    fn put_assignee(&mut self, id: &AssigneeId, name: &str) -> Result<Outcome<Assignee>> {
        let command = self.command(("put_assignee", id, name));
        self.once(command, |tx, now| {
            let known = tx.writer.reader().find_assignee(id).cloned();
            let known_name = known.as_ref().map(|known| &*known.name);
            let facts = decide::put_assignee(known_name, id, name)?;
            let mut traits = Traits::of(&facts);
            traits.created = known.is_none();
            tx.apply(now, facts)?;
            let assignee = tx.writer.reader().assignee(id)?;
            Ok(tx.outcome(assignee, &traits))
        })
    }

    /// As [`Store::remove_assignee`](crate::Store::remove_assignee).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn remove_assignee(
        &mut self,
        id: &AssigneeId,
        takeover: &Takeover,
    ) -> Result<Outcome<u64>> {
        let command = self.command(("remove_assignee", id, takeover));
        self.once(command, |tx, now| {
            let reader = tx.writer.reader();
            reader.assignee(id)?;
            let facts = decide::remove_assignee(id, takeover)?;
            if let Takeover::By(successor) = takeover {
                reader.assignee(successor)?;
            }
            let moved = reader.count(&Filter::all().assigned_to(id))?;
            let traits = Traits::of(&facts);
            tx.apply(now, facts)?;
            // Of the few that most have, nothing is left to be done later.
            tx.refile(now, tx.refiled_at_once)?;
            Ok(tx.outcome(moved, &traits))
        })
    }
}

impl fmt::Debug for Transaction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction")
            .field("poisoned", &self.poisoned)
            .finish_non_exhaustive()
    }
}

/// What a reference to a message leads to.
enum Referred {
    Stored(StoredAt),
    /// It has not come yet; these receipts wait for it.
    Awaited(Channel, ProviderId, Option<Parked>),
}

/// What the facts of a command amount to.
struct Traits {
    changed: bool,
    created: bool,
    reopened: bool,
}

impl Traits {
    fn of(facts: &[Fact]) -> Self {
        Self {
            changed: !facts.is_empty(),
            created: facts.iter().any(|fact| {
                matches!(
                    fact,
                    Fact::ConversationCreated { .. } | Fact::ConversationImported { .. }
                )
            }),
            reopened: facts
                .iter()
                .any(|fact| matches!(fact, Fact::Reopened { .. })),
        }
    }
}

fn millis(time: DateTime<Utc>) -> u64 {
    time.timestamp_millis().unsigned_abs()
}
