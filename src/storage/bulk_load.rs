//! Imports of many conversations: decided one by one, gathered, and written together, as a B-tree
//! takes many rows at a time in the order of their keys.
//!
//! Invariant: nothing of what is gathered is in the tables before it is written. Dropped, it has
//! never been.

use std::collections::{HashMap, HashSet};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread;

use convodb_core::commands::{conversation_exists, decide_import, thread_exists};
use convodb_core::{
    Change, ChangeKind, Channel, Command as _, ContactId, ConversationId, Error, Import, NewEvent,
    ProviderId, Result, State,
};

use super::batch::Batch;
use super::conversations::IndexRows;
use super::kinds::{ProviderKey, UNMATCHED};
use super::log_record::LogRecord;
use super::unit_of_work::{Given, UnitOfWork, refusal};
use super::{Head, changes, conversations, events, messages, provider_ids, tables};

/// This many bytes of rows, and where each is, are sorted and written at a time; the conversation at
/// hand comes whole. Loads of a million conversations wrote 2.6 GB to the disk with 24 MiB, 1.75
/// with 48, 1.35 with 96 and 1.25 with 128.
const GATHERED_BYTES: usize = 96 << 20;

/// What is less is written sooner than a thread starts.
const WORTH_A_THREAD: usize = 1 << 20;

/// Rows of imports that are not written yet.
struct Gathered {
    rows: Batch,
    index: IndexRows,
    /// The counters, but for the events of the imports.
    head: Head,
    /// The provider's ids for which receipts may have waited, where any wait.
    matched: Option<Vec<ProviderKey>>,
    log: Option<LogRecord>,
}

impl Gathered {
    fn begin(unit: &UnitOfWork<'_>) -> Result<Self> {
        let unmatched = UNMATCHED.range(&unit.rows, &())?.next();
        Ok(Self {
            rows: Batch::default(),
            index: IndexRows::default(),
            head: unit.known.head,
            matched: unmatched.transpose()?.map(|_| Vec::new()),
            log: unit.log.as_ref().map(LogRecord::fresh),
        })
    }

    fn bytes(&self) -> usize {
        self.rows.bytes() + self.index.bytes()
    }

    /// Gathers the rows of an imported conversation.
    fn stage(&mut self, unit: &UnitOfWork<'_>, change: &Change) -> Result<()> {
        let ChangeKind::ConversationImported(imported) = &change.kind else {
            return Ok(());
        };
        debug_assert!(changes::is_complete(change));
        if let Some(log) = &mut self.log
            && !log.push(std::slice::from_ref(change))?
        {
            self.log = None;
        }
        let known = &unit.known;
        let (hashes, conversation) = (known.hashes, &imported.conversation);
        let inbox = conversation.channel.into();
        let owner = known.directory.owner_of(conversation.assignee_id())?;
        conversations::save_record(&mut self.rows, conversation, owner)?;
        conversations::stage_derived(&mut self.rows, &mut self.index, conversation, owner)?;
        for message in &imported.messages {
            messages::save(&mut self.rows, message)?;
            let key = provider_ids::save_message(&mut self.rows, hashes, inbox, message)?;
            if let Some(matched) = &mut self.matched {
                matched.extend(key);
            }
        }
        for note in &imported.notes {
            messages::save_note(&mut self.rows, note)?;
        }
        let created = NewEvent::imported(change, conversation);
        events::append(&mut self.rows, &mut self.head, &created)
    }
}

impl UnitOfWork<'_> {
    /// Imports as many conversations as are written together, of which the first has this place
    /// among all. Answers how many: none are left where there were none.
    pub(crate) fn import_some(
        &mut self,
        given: &Given<'_>,
        first: u64,
        imports: &mut impl Iterator<Item = Import>,
    ) -> Result<u64> {
        self.flush()?;
        self.settle()?;
        let mut gathered = Gathered::begin(self)?;
        let greatest = conversations::greatest(&self.rows)?;
        let mut met = Met::default();
        let mut count = 0;
        while gathered.bytes() < GATHERED_BYTES
            && let Some(import) = imports.next()
        {
            met.check(&import)?;
            let place = || format!("import[{}]", first + count);
            let changes = self
                .decide_import(given, import, greatest)
                .map_err(|error| error.within(&place()))?;
            for change in changes {
                if let ChangeKind::AssigneeSaved { .. } = change.kind {
                    self.apply(vec![change])?;
                } else {
                    gathered.stage(self, &change)?;
                }
            }
            count += 1;
        }
        if count > 0 {
            self.write_gathered(gathered)?;
        }
        Ok(count)
    }

    /// Decides an import on a state of its own. A conversation with a greater id than any is not
    /// looked for.
    fn decide_import(
        &mut self,
        given: &Given<'_>,
        import: Import,
        greatest: Option<ConversationId>,
    ) -> Result<Vec<Change>> {
        let at = self.read_clock(given.now);
        let id = import.conversation.id;
        let mut keys = Vec::new();
        import.reads(&mut keys);
        self.state = State::default();
        if greatest.is_none_or(|greatest| id > greatest) {
            self.state.conversations.insert(id, None);
        }
        self.load(&keys)?;
        let decision = decide_import(import, &self.state).map_err(refusal)?;
        Ok(given.changes(at, decision.changes))
    }

    /// Writes what was gathered. After an error some of it may be written: the transaction must not
    /// commit.
    fn write_gathered(&mut self, mut gathered: Gathered) -> Result<()> {
        self.state = State::default();
        self.applied = true;
        if let Some(log) = &mut self.log
            && !gathered.log.as_ref().is_some_and(|more| log.append(more))
        {
            self.write_through()?;
        }
        self.known.head.newest_event = gathered.head.newest_event;
        for key in gathered.matched.take().unwrap_or_default() {
            UNMATCHED.remove(&mut self.rows, &key)?;
        }
        if gathered.bytes() < WORTH_A_THREAD {
            gathered.rows.write(&mut self.rows)?;
            let totals = Arc::make_mut(&mut self.known.totals);
            gathered
                .index
                .write(&mut self.rows, &mut self.index, totals)?;
            return self.settle();
        }
        // The index takes about as long as the records.
        let mut part = self.rows.part(tables::INDEX)?;
        let (rows, index) = (&mut self.rows, &mut self.index);
        let totals = Arc::make_mut(&mut self.known.totals);
        let written = thread::scope(|scope| {
            let lists = scope.spawn(|| {
                gathered.index.write(&mut part, index, totals)?;
                index.settle(&mut part)
            });
            let recorded = gathered.rows.write(rows);
            let listed = lists.join().unwrap_or_else(|cause| resume_unwind(cause));
            recorded.and(listed)
        });
        self.rows.rejoin(part);
        written
    }
}

/// What is to be written together, as far as no two of it may have the same.
#[derive(Default)]
struct Met {
    ids: HashSet<ConversationId>,
    threads: HashMap<(ContactId, Channel), ConversationId>,
    provider_ids: HashMap<(Channel, ProviderId), ConversationId>,
}

impl Met {
    /// The tables do not hold yet what waits to be written.
    fn check(&mut self, import: &Import) -> Result<()> {
        let conversation = &import.conversation;
        if !self.ids.insert(conversation.id) {
            return Err(conversation_exists(conversation.id));
        }
        let channel = conversation.channel;
        let thread = (conversation.contact_id.clone(), channel);
        if let Some(existing) = self.threads.insert(thread, conversation.id) {
            return Err(thread_exists(conversation, existing));
        }
        // One that is twice in a conversation is that conversation's mistake.
        for message in &import.messages {
            let Some(id) = &message.provider_id else {
                continue;
            };
            let known = (channel, id.clone());
            let other = self.provider_ids.insert(known, conversation.id);
            if other.is_some_and(|other| other != conversation.id) {
                return Err(Error::provider_id_conflict(id));
            }
        }
        Ok(())
    }
}
