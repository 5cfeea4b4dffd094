//! Every command, within a transaction; what a store offers alone is a transaction of one.
//!
//! Invariant: a command is decided before anything is written, and what it writes is the changes
//! that were decided, applied. An error while they are applied poisons the transaction.

mod commands;
mod context;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use ulid::Ulid;

pub use commands::Handle;
pub use context::{Context, Outcome};

use crate::domain::decide::{self, Appending};
use crate::domain::{
    Assignee, AssigneeId, Change, Channel, ContactId, Conversation, ConversationId,
    ConversationState, Fact, Import, Inbound, Message, MessageId, MessageRef, Note, NoteId,
    Outbound, Receipt, Rejection, Reply, Takeover, TeamId, Thread, UserId, time,
};
use crate::error::{Error, ErrorKind, Result};
use crate::query::{Cursor, CursorPage, Filter, MessageRange, Page, PageRequest};
use crate::storage::{self, Directory, End, Head, View};
use crate::store::{Clock, IdGenerator};

/// So many rows of an import are sorted and written at a time.
const IMPORT_ROWS: usize = 128 * 1024;

/// Several commands that commit as one, or not at all.
///
/// [`Store::transaction`](crate::Store::transaction) hands it to its closure. Its commands are
/// those of the store; its reads see what it wrote.
pub struct Transaction<'t> {
    writer: storage::Writer<'t>,
    clock: &'t dyn Clock,
    ids: &'t dyn IdGenerator,
    context: Context,
    poisoned: bool,
}

impl<'t> Transaction<'t> {
    pub(crate) fn new(
        writer: storage::Writer<'t>,
        clock: &'t dyn Clock,
        ids: &'t dyn IdGenerator,
    ) -> Self {
        Self {
            writer,
            clock,
            ids,
            context: Context::default(),
            poisoned: false,
        }
    }

    /// The commands from here on are given in this context.
    pub fn set_context(&mut self, context: Context) {
        self.context = context;
    }

    pub(crate) fn finish(self) -> Result<Option<(Arc<Directory>, Head)>> {
        self.check_health()?;
        self.writer.finish()
    }

    pub(crate) fn rebuild(&mut self, view: &View) -> Result<()> {
        let rebuilt = self.writer.rebuild(view);
        self.poison_on_error(rebuilt)
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

    /// An id of the message's own millisecond, by which it is found again.
    fn message_id(
        &mut self,
        conversation: ConversationId,
        created_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<MessageId> {
        if created_at == now {
            return Ok(MessageId::from_raw(self.next_id(now)));
        }
        // A late message takes its place among ids that were given out long ago.
        let mut id = MessageId::from_parts(millis(created_at), self.ids.random());
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

    fn apply(&mut self, now: DateTime<Utc>, facts: Vec<Fact>) -> Result<()> {
        self.check_health()?;
        let changes: Vec<Change> = facts
            .into_iter()
            .map(|fact| Change {
                at: now,
                actor: self.context.actor.clone(),
                fact,
            })
            .collect();
        let applied = self.writer.apply(&changes);
        self.poison_on_error(applied)
    }

    fn outcome<T>(&mut self, value: T, facts: &Traits) -> Outcome<T> {
        Outcome {
            value,
            changed: facts.changed,
            created: facts.created,
            reopened: facts.reopened,
            duplicate: false,
            sequence: self.writer.sequence(),
        }
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
        let facts = match state {
            Some(state) => {
                let id = self.message_id(state.id, appending.created_at, now)?;
                decide::append(state, appending, id)
            }
            None => {
                let conversation = ConversationId::from_raw(self.next_id(now));
                let id = self.message_id(conversation, appending.created_at, now)?;
                let (contact, channel) = address;
                decide::create(conversation, contact, channel, appending, id)
            }
        };
        let traits = Traits::of(&facts);
        let appended = facts.iter().find_map(|fact| match fact {
            Fact::MessageAppended { message } => Some(message.clone()),
            _ => None,
        });
        self.apply(now, facts)?;
        match appended {
            Some(message) => Ok(self.outcome(message, &traits)),
            None => Err(Error::corrupted("a message was decided that is none")),
        }
    }

    /// As [`Store::receive`](crate::Store::receive).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn receive(&mut self, inbound: Inbound) -> Result<Outcome<Message>> {
        let now = self.now();
        let address = (inbound.contact_id.clone(), inbound.channel);
        let appending = Appending::received(now, inbound)?;
        let state = self.writer.reader().thread_state(&address.0, address.1)?;
        self.append(now, state.as_ref(), address, appending)
    }

    /// As [`Store::send`](crate::Store::send).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn send(&mut self, outbound: Outbound) -> Result<Outcome<Message>> {
        let now = self.now();
        let address = (outbound.contact_id.clone(), outbound.channel);
        let appending = Appending::sent(now, outbound)?;
        let state = self.writer.reader().thread_state(&address.0, address.1)?;
        self.append(now, state.as_ref(), address, appending)
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
        let now = self.now();
        let state = self.writer.reader().state(id)?;
        let appending = Appending::replied(now, reply.into(), &state)?;
        let address = (state.contact_id.clone(), state.channel);
        self.append(now, Some(&state), address, appending)
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
    ) -> Result<Outcome<Message>> {
        let now = self.now();
        let MessageRef::Id {
            conversation,
            message,
        } = message.into();
        let known = self.writer.reader().message(conversation, message)?;
        let facts = decide::record_delivery(&known, now, receipt)?;
        let traits = Traits::of(&facts);
        self.apply(now, facts)?;
        let message = self.writer.reader().message(conversation, message)?;
        Ok(self.outcome(message, &traits))
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
        let now = self.now();
        let reader = self.writer.reader();
        let state = reader.state(id)?;
        reader.assignee(assignee)?;
        self.settle(id, now, decide::assign(&state, assignee))
    }

    /// As [`Store::unassign`](crate::Store::unassign).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn unassign(&mut self, id: ConversationId) -> Result<Outcome<Conversation>> {
        let now = self.now();
        let state = self.writer.reader().state(id)?;
        self.settle(id, now, decide::unassign(&state))
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
        let now = self.now();
        let reader = self.writer.reader();
        let state = reader.state(id)?;
        reader.assignee(assignee)?;
        let facts = decide::claim(&state, assignee)?;
        self.settle(id, now, facts)
    }

    /// As [`Store::resolve`](crate::Store::resolve).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn resolve(&mut self, id: ConversationId) -> Result<Outcome<Conversation>> {
        let now = self.now();
        let state = self.writer.reader().state(id)?;
        self.settle(id, now, decide::resolve(&state))
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
        let now = self.now();
        let state = self.writer.reader().state(id)?;
        let note_id = NoteId::from_raw(self.next_id(now));
        let author = self.context.actor.clone();
        let facts = decide::add_note(&state, now, note_id, content.as_ref(), author)?;
        let traits = Traits::of(&facts);
        let added = facts.iter().find_map(|fact| match fact {
            Fact::NoteAdded { note } => Some(note.clone()),
            _ => None,
        });
        self.apply(now, facts)?;
        match added {
            Some(note) => Ok(self.outcome(note, &traits)),
            None => Err(Error::corrupted("a note was decided that is none")),
        }
    }

    /// As [`Store::delete`](crate::Store::delete).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn delete(&mut self, id: ConversationId) -> Result<Outcome<()>> {
        let now = self.now();
        let conversation = self.writer.reader().state(id)?.id;
        let facts = vec![Fact::ConversationDeleted { conversation }];
        let traits = Traits::of(&facts);
        self.apply(now, facts)?;
        Ok(self.outcome((), &traits))
    }

    /// As [`Store::erase_contact`](crate::Store::erase_contact).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn erase_contact(&mut self, contact: &ContactId) -> Result<Outcome<u64>> {
        let now = self.now();
        let mut facts = Vec::new();
        for channel in Channel::ALL {
            if let Some(state) = self.writer.reader().thread_state(contact, channel)? {
                let conversation = state.id;
                facts.push(Fact::ConversationDeleted { conversation });
            }
        }
        let (erased, traits) = (facts.len() as u64, Traits::of(&facts));
        self.apply(now, facts)?;
        Ok(self.outcome(erased, &traits))
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
        let now = self.now();
        let known = self.writer.reader().find_assignee(id).cloned();
        let known_name = known.as_ref().map(|known| &*known.name);
        let facts = decide::put_assignee(known_name, id, name)?;
        let mut traits = Traits::of(&facts);
        traits.created = known.is_none();
        self.apply(now, facts)?;
        let assignee = self.writer.reader().assignee(id)?;
        Ok(self.outcome(assignee, &traits))
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
        let now = self.now();
        let reader = self.writer.reader();
        reader.assignee(id)?;
        let successor = decide::remove_assignee(id, takeover)?;
        if let Some(successor) = &successor {
            reader.assignee(successor)?;
        }
        let conversations = reader.assigned(id)?;
        let moved = conversations.len() as u64;
        let mut facts: Vec<Fact> = conversations
            .into_iter()
            .map(|conversation| Fact::TakenOver {
                conversation,
                assignee: successor.clone(),
            })
            .collect();
        facts.push(Fact::AssigneeRemoved {
            assignee: id.clone(),
        });
        let traits = Traits::of(&facts);
        self.apply(now, facts)?;
        Ok(self.outcome(moved, &traits))
    }

    /// As [`Store::import`](crate::Store::import).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn import(&mut self, import: Import) -> Result<Outcome<Conversation>> {
        let id = import.conversation.id;
        let (now, facts) = self.check_import(import)?;
        self.settle(id, now, facts)
    }

    /// Imports many conversations in key order, all or none of them. [`Store::import_all`] does
    /// the same in several transactions.
    ///
    /// [`Store::import_all`]: crate::Store::import_all
    ///
    /// # Errors
    ///
    /// As [`Store::import`](crate::Store::import); the field of an invalid one begins with its
    /// place, `import[7]`, from 0. What came before it may be written: return the error, so that
    /// nothing is kept.
    pub fn import_all(
        &mut self,
        imports: impl IntoIterator<Item = Import>,
    ) -> Result<Outcome<u64>> {
        self.import_from(0, imports)
    }

    /// Imports many conversations, of which the first has this place among all.
    fn import_from(
        &mut self,
        first: u64,
        imports: impl IntoIterator<Item = Import>,
    ) -> Result<Outcome<u64>> {
        let mut gathered = Gathered::default();
        let mut imported = 0_u64;
        for import in imports {
            let place = || format!("import[{}]", first + imported);
            gathered.check(&import.conversation)?;
            let (_, facts) = self
                .check_import(import)
                .map_err(|error| error.within(&place()))?;
            gathered.rows += facts.iter().map(rows_of).sum::<usize>();
            gathered.facts.extend(facts);
            imported += 1;
            if gathered.rows >= IMPORT_ROWS {
                self.write_gathered(&mut gathered)?;
            }
        }
        self.write_gathered(&mut gathered)?;
        let traits = Traits {
            changed: imported > 0,
            created: imported > 0,
            reopened: false,
        };
        Ok(self.outcome(imported, &traits))
    }

    fn write_gathered(&mut self, gathered: &mut Gathered) -> Result<()> {
        let Gathered { facts, .. } = std::mem::take(gathered);
        let now = self.now();
        self.apply(now, facts)
    }

    /// Checks a whole conversation against itself and the store; who it is assigned to joins the
    /// directory at once.
    fn check_import(&mut self, import: Import) -> Result<(DateTime<Utc>, Vec<Fact>)> {
        let now = self.now();
        let assignee = import.conversation.assigned_to.clone();
        let contact = import.conversation.contact_id.clone();
        let (id, channel) = (import.conversation.id, import.conversation.channel);
        let facts = decide::import(import)?;
        let reader = self.writer.reader();
        if reader.find_state(id)?.is_some() {
            return Err(Rejection::Exists(id).into());
        }
        if let Some(state) = reader.thread_state(&contact, channel)? {
            return Err(Rejection::ThreadExists {
                contact_id: contact,
                channel,
                existing: state.id,
            }
            .into());
        }
        if let Some(Assignee { id, name }) = assignee
            && reader.find_assignee(&id).is_none()
        {
            let name = name.to_string();
            self.apply(now, vec![Fact::AssigneePut { assignee: id, name }])?;
        }
        Ok((now, facts))
    }
}

/// Reads within the transaction: what was committed before, and what it wrote itself.
impl Transaction<'_> {
    /// As [`Store::list`](crate::Store::list).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn list(&self, filter: &Filter, request: PageRequest) -> Result<Page> {
        self.writer.reader().list(filter, request)
    }

    /// As [`Store::list_after`](crate::Store::list_after).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn list_after(&self, filter: &Filter, cursor: &Cursor, limit: u32) -> Result<CursorPage> {
        self.writer.reader().list_after(filter, cursor, limit)
    }

    /// As [`Store::count`](crate::Store::count).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn count(&self, filter: &Filter) -> Result<u64> {
        self.writer.reader().count(filter)
    }

    /// As [`Store::rank`](crate::Store::rank).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn rank(&self, id: ConversationId, filter: &Filter) -> Result<Option<u64>> {
        self.writer.reader().rank(id, filter)
    }

    /// As [`Store::get`](crate::Store::get).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn get(&self, id: ConversationId) -> Result<Thread> {
        self.writer.reader().get(id)
    }

    /// As [`Store::conversation`](crate::Store::conversation).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn conversation(&self, id: ConversationId) -> Result<Conversation> {
        self.writer.reader().conversation(id)
    }

    /// As [`Store::find`](crate::Store::find).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn find(&self, contact: &ContactId, channel: Channel) -> Result<Option<Conversation>> {
        self.writer.reader().find(contact, channel)
    }

    /// As [`Store::messages`](crate::Store::messages), at most `limit` from the oldest on.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn messages(
        &self,
        id: ConversationId,
        range: impl Into<MessageRange>,
        limit: usize,
    ) -> Result<Vec<Message>> {
        let reader = self.writer.reader();
        reader.state(id)?;
        reader.messages(id, &range.into(), End::Oldest, limit)
    }

    /// As [`Store::last_messages`](crate::Store::last_messages).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn last_messages(&self, ids: &[ConversationId]) -> Result<Vec<Option<Message>>> {
        self.writer.reader().last_messages(ids)
    }

    /// As [`Store::notes`](crate::Store::notes), all at once.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn notes(&self, id: ConversationId) -> Result<Vec<Note>> {
        let reader = self.writer.reader();
        reader.state(id)?;
        reader.notes(id, None, usize::MAX)
    }

    /// As [`Store::assignee`](crate::Store::assignee).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn assignee(&self, id: &AssigneeId) -> Result<Assignee> {
        self.writer.reader().assignee(id)
    }

    /// As [`Store::assignees`](crate::Store::assignees).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn assignees(&self) -> Result<Vec<Assignee>> {
        Ok(self.writer.reader().assignees())
    }
}

impl fmt::Debug for Transaction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction")
            .field("poisoned", &self.poisoned)
            .finish_non_exhaustive()
    }
}

/// Imports that wait to be written together.
#[derive(Default)]
struct Gathered {
    ids: HashSet<ConversationId>,
    threads: HashMap<(ContactId, Channel), ConversationId>,
    facts: Vec<Fact>,
    rows: usize,
}

impl Gathered {
    /// What waits to be written, the store does not know yet.
    fn check(&mut self, conversation: &Conversation) -> Result<(), Rejection> {
        if !self.ids.insert(conversation.id) {
            return Err(Rejection::Exists(conversation.id));
        }
        let thread = (conversation.contact_id.clone(), conversation.channel);
        match self.threads.insert(thread, conversation.id) {
            Some(existing) => Err(Rejection::ThreadExists {
                contact_id: conversation.contact_id.clone(),
                channel: conversation.channel,
                existing,
            }),
            None => Ok(()),
        }
    }
}

fn rows_of(fact: &Fact) -> usize {
    match fact {
        // The record, the thread and a row in each index.
        Fact::ConversationImported {
            messages, notes, ..
        } => 4 + messages.len() + notes.len(),
        _ => 1,
    }
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
