//! Imports of many conversations: decided one by one, gathered, and written together, as a B-tree
//! takes many rows at a time in the order of their keys.
//!
//! Invariant: nothing of what is gathered is in the tables before it is written. Dropped, it has
//! never been.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, BuildHasherDefault, Hasher, RandomState};
use std::mem;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread;

use convodb_core::commands::decide_import;
use convodb_core::{
    Change, ChangeKind, Command as _, ConversationId, Import, Message, NewEvent, Result, State,
};

use super::Location;
use super::batch::{Batch, Rows};
use super::kinds::{ProviderKey, UNMATCHED};
use super::log_record::LogRecord;
use super::spill::Spill;
use super::tags::TagEdits;
use super::unit_of_work::{Given, UnitOfWork, refusal};
use super::{Head, changes, conversations, events, messages, provider_ids, tables};
use convodb_kv::Table;

/// This many bytes of rows, and where each is, are sorted and written at a time; the conversation at
/// hand comes whole.
const GATHERED_BYTES: usize = 96 << 20;

/// So many ids and threads are remembered for what is written together, in 64 MiB at most.
const MOST_MET: usize = 3_600_000;

/// What is less is written sooner than a thread starts.
const WORTH_A_THREAD: usize = 1 << 20;

/// Rows of imports that are not written yet.
struct Gathered {
    rows: Batch,
    /// Those that were gathered before, where the store had no conversation.
    spill: Option<Spill>,
    /// The counters, but for the events of the imports.
    head: Head,
    /// The provider's ids for which receipts may have waited, where any wait.
    matched: Option<Vec<ProviderKey>>,
    log: Option<LogRecord>,
    tags: TagEdits,
}

impl Gathered {
    fn begin(unit: &UnitOfWork<'_>) -> Result<Self> {
        let unmatched = UNMATCHED.range(&unit.rows, &())?.next();
        Ok(Self {
            rows: Batch::default(),
            spill: None,
            head: unit.known.head,
            matched: unmatched.transpose()?.map(|_| Vec::new()),
            log: unit.log.as_ref().map(LogRecord::fresh),
            tags: TagEdits::default(),
        })
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
        let numbers = known.directory.numbers_of(conversation)?;
        conversations::save_record(&mut self.rows, conversation, numbers)?;
        conversations::stage_derived(&mut self.rows, &known.directory, conversation, numbers)?;
        self.tags.add(conversation);
        for message in &imported.messages {
            messages::save(&mut self.rows, message)?;
            let key = provider_ids::save_message(&mut self.rows, hashes, numbers.inbox, message)?;
            if let Some(matched) = &mut self.matched {
                matched.extend(key);
            }
        }
        for note in &imported.notes {
            messages::save_note(&mut self.rows, note)?;
        }
        let created = NewEvent::imported(change, conversation);
        events::append(&mut self.rows, hashes, &mut self.head, &created)
    }

    /// Visits the rows of a table in the order of their keys.
    fn visit(
        &self,
        table: Table,
        mut here: Rows,
        mut visit: impl FnMut(&Rows) -> Result<()>,
    ) -> Result<()> {
        match &self.spill {
            Some(spill) => spill.merge(table, visit),
            None => {
                here.sort();
                visit(&here)
            }
        }
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
        self.write_out()?;
        let mut gathered = Gathered::begin(self)?;
        let mut greatest = conversations::greatest(&self.rows)?;
        let mut spills = greatest.is_none();
        let mut met = Met::default();
        let mut count = 0;
        for import in imports.by_ref() {
            if met.add(&import) && count > 0 {
                // The tables say whether it is.
                self.write_gathered(gathered)?;
                gathered = Gathered::begin(self)?;
                greatest = conversations::greatest(&self.rows)?;
                (met, spills) = (Met::default(), false);
                met.add(&import);
            }
            let place = || format!("import[{}]", first + count);
            let changes = self
                .decide_import(given, import, greatest)
                .map_err(|error| error.within(&place()))?;
            for change in changes {
                if let ChangeKind::AssigneeSaved { .. } | ChangeKind::InboxSaved { .. } =
                    change.kind
                {
                    self.apply(vec![change])?;
                    // A conversation is gathered with their numbers.
                    self.flush()?;
                } else {
                    gathered.stage(self, &change)?;
                }
            }
            count += 1;
            if spills {
                self.spill(&mut gathered)?;
            }
            if gathered.rows.bytes() >= GATHERED_BYTES || met.len() >= MOST_MET {
                break;
            }
        }
        if count > 0 {
            self.write_gathered(gathered)?;
        }
        Ok(count)
    }

    /// Makes sorted runs of what is gathered where it is enough, in a file beside the store's.
    fn spill(&self, gathered: &mut Gathered) -> Result<()> {
        let Some((location, run_bytes)) = &self.runs else {
            return Ok(());
        };
        let Location::File(place) = &**location else {
            return Ok(());
        };
        if gathered.rows.bytes() < *run_bytes {
            return Ok(());
        }
        let spill = match &mut gathered.spill {
            Some(spill) => spill,
            none => none.insert(Spill::new(Arc::from(place.scratch()?))),
        };
        spill.put(&mut gathered.rows)
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
        gathered.tags.write(&mut self.rows)?;
        for key in gathered.matched.take().unwrap_or_default() {
            UNMATCHED.remove(&mut self.rows, &key)?;
        }
        let totals = Arc::make_mut(&mut self.known.totals);
        if gathered.spill.is_none() && gathered.rows.bytes() < WORTH_A_THREAD {
            gathered
                .rows
                .write(&mut self.rows, &mut self.index, totals)?;
            return self.settle();
        }
        if let Some(spill) = &mut gathered.spill {
            spill.put(&mut gathered.rows)?;
            spill.await_written()?;
        }
        // The index takes about as long as the records.
        let mut part = self.rows.part(tables::INDEX)?;
        let (rows, index) = (&mut self.rows, &mut self.index);
        let entries = gathered.rows.take(tables::INDEX);
        let mut batch = mem::take(&mut gathered.rows);
        let written = thread::scope(|scope| {
            let gathered = &gathered;
            let lists = scope.spawn(|| {
                gathered.visit(tables::INDEX, entries, |entries| {
                    entries.write_index(&mut part, index, totals)
                })?;
                index.settle(&mut part)
            });
            let mut others = tables::ALL.iter().filter(|table| **table != tables::INDEX);
            let recorded = others.try_for_each(|table| {
                gathered.visit(*table, batch.take(*table), |recorded| {
                    rows.put_sorted(*table, recorded.iter())
                })
            });
            let listed = lists.join().unwrap_or_else(|cause| resume_unwind(cause));
            recorded.and(listed)
        });
        self.rows.rejoin(part);
        written
    }
}

/// What no two conversations may both have, of those that are not in the tables yet.
#[derive(Default)]
struct Met {
    hashes: HashSet<u64, BuildHasherDefault<Hashed>>,
    state: RandomState,
    /// The ids, as far as each is above all before it: most loads are in the order of their ids.
    ascending: Vec<ConversationId>,
}

impl Met {
    /// Adds those of an import. Whether one may be known.
    fn add(&mut self, import: &Import) -> bool {
        let Self {
            hashes,
            state,
            ascending,
        } = self;
        let conversation = &import.conversation;
        let (id, inbox) = (conversation.id, conversation.inbox());
        let mut is_known = false;
        if ascending.last().is_none_or(|last| *last < id) {
            ascending.push(id);
        } else {
            is_known |= ascending.binary_search(&id).is_ok();
            is_known |= !hashes.insert(state.hash_one(id));
        }
        is_known |= !hashes.insert(state.hash_one((&conversation.contact_id, &inbox)));
        for id in import.messages.iter().flat_map(Message::foreign_ids) {
            is_known |= !hashes.insert(state.hash_one((&inbox, id)));
        }
        is_known
    }

    fn len(&self) -> usize {
        self.hashes.len() + self.ascending.len()
    }
}

/// A number that is a hash already.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
