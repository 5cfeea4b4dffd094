//! Everything that can be read, held against the model.

use std::fmt::Debug;

use convodb::{
    Assignee, AssigneeId, AssigneeKind, Channel, ConsumerPosition, ContactId, Conversation,
    ConversationId, Cursor, CursorPage, ErrorKind, Event, Filter, Message, MessageRange, Messages,
    Note, Page, PageRequest, Result, Snapshot, Store, Thread, Transaction,
};

use super::memory::Memory;
use super::model::Model;
use super::op::{CONTACTS, Who, contact};
use super::probe::{FilterPlan, Probe};

/// More than any history has: an iterator without an end fails a test instead of hanging it.
const MOST: usize = 100_000;

/// The reads, of a store, a snapshot and a transaction.
macro_rules! reads {
    ($(fn $name:ident($($argument:ident: $type:ty),*) -> $value:ty;)*) => {
        pub trait Reads {
            $(fn $name(&self, $($argument: $type),*) -> Result<$value>;)*

            /// A part of a history. Each bit says from which end to read next.
            fn history(
                &self,
                id: ConversationId,
                range: MessageRange,
                turns: u64,
            ) -> Result<Vec<Message>>;

            fn all_notes(&self, id: ConversationId) -> Result<Vec<Note>>;

            /// Who had a conversation and when.
            fn owners(&self, id: ConversationId) -> Result<Vec<Event>>;
        }

        reads!(impl Store { iterated $($name($($argument: $type),*) -> $value;)* });
        reads!(impl Snapshot { iterated $($name($($argument: $type),*) -> $value;)* });
        reads!(impl Transaction<'_> { at_once $($name($($argument: $type),*) -> $value;)* });
    };
    (impl $of:ty { $how:ident $($name:ident($($argument:ident: $type:ty),*) -> $value:ty;)* }) => {
        impl Reads for $of {
            $(fn $name(&self, $($argument: $type),*) -> Result<$value> {
                <$of>::$name(self, $($argument),*)
            })*

            fn owners(&self, id: ConversationId) -> Result<Vec<Event>> {
                <$of>::history(self, id)
            }

            reads!($how);
        }
    };
    (iterated) => {
        fn history(
            &self,
            id: ConversationId,
            range: MessageRange,
            turns: u64,
        ) -> Result<Vec<Message>> {
            from_both_ends(self.messages(id, range)?, turns)
        }

        fn all_notes(&self, id: ConversationId) -> Result<Vec<Note>> {
            self.notes(id)?.take(MOST).collect()
        }
    };
    (at_once) => {
        fn history(
            &self,
            id: ConversationId,
            range: MessageRange,
            _: u64,
        ) -> Result<Vec<Message>> {
            self.messages(id, range, usize::MAX)
        }

        fn all_notes(&self, id: ConversationId) -> Result<Vec<Note>> {
            self.notes(id)
        }
    };
}

reads! {
    fn list(filter: &Filter, request: PageRequest) -> Page;
    fn list_after(filter: &Filter, cursor: &Cursor, limit: u32) -> CursorPage;
    fn count(filter: &Filter) -> u64;
    fn conversation(id: ConversationId) -> Conversation;
    fn get(id: ConversationId) -> Thread;
    fn find(contact: &ContactId, channel: Channel) -> Option<Conversation>;
    fn last_messages(ids: &[ConversationId]) -> Vec<Option<Message>>;
    fn assignee(id: &AssigneeId) -> Assignee;
    fn assignees() -> Vec<Assignee>;
    fn events(after: u64, max: usize) -> Vec<Event>;
    fn consumers() -> Vec<ConsumerPosition>;
}

/// The same rows; of two long lists, only the first difference is shown.
fn same<T: PartialEq + Debug>(got: &[T], expected: &[T], what: &dyn Debug) {
    let pairs = got.iter().zip(expected);
    for (place, (got, expected)) in pairs.enumerate() {
        assert_eq!(got, expected, "at {place} of {what:?}");
    }
    let (got, expected) = (got.len(), expected.len());
    assert_eq!(got, expected, "rows of {what:?}");
}

fn from_both_ends(mut messages: Messages, turns: u64) -> Result<Vec<Message>> {
    let (mut front, mut back) = (Vec::new(), Vec::new());
    for turn in 0..MOST {
        let from_back = turns >> (turn % 64) & 1 == 1;
        let next = if from_back {
            messages.next_back()
        } else {
            messages.next()
        };
        match next.transpose()? {
            Some(message) if from_back => back.push(message),
            Some(message) => front.push(message),
            None => break,
        }
    }
    assert!(messages.next().is_none(), "the iterator has ended");
    assert!(messages.next_back().is_none(), "from both ends");
    front.extend(back.into_iter().rev());
    Ok(front)
}

/// Asks one question of each kind.
pub fn ask(reads: &impl Reads, model: &Model, probe: &Probe) {
    let filter = probe.filter.filter();
    let rows = probe.filter.list(model);
    let total = rows.len() as u64;
    assert_eq!(reads.count(&filter).unwrap(), total, "count of {filter:?}");

    let request = PageRequest::new(probe.page, probe.limit).unwrap();
    let page = reads.list(&filter, request).unwrap();
    let skipped = (probe.page as usize - 1) * probe.limit as usize;
    let mut behind = rows.iter().skip(skipped);
    let shown: Vec<_> = behind
        .by_ref()
        .take(probe.limit as usize)
        .cloned()
        .collect();
    same(
        &page.data,
        &shown,
        &format_args!("{request:?} of {filter:?}"),
    );
    assert_eq!((page.total, page.page), (total, probe.page));
    let next = shown.last().filter(|_| behind.next().is_some());
    assert_eq!(page.next, next.map(Cursor::from), "where the list goes on");

    follow(reads, &filter, &rows, probe.limit).unwrap();
    // A cursor is a place for any filter: also behind a row that this one does not select.
    let anchors = FilterPlan::ALL.list(model);
    for anchor in anchors.iter().step_by(1 + anchors.len() / 16) {
        let place = (anchor.updated_at, anchor.id);
        let behind = rows.iter().filter(|row| (row.updated_at, row.id) < place);
        let shown: Vec<_> = behind.take(probe.limit as usize).cloned().collect();
        let cursor = Cursor::from(anchor);
        let page = reads.list_after(&filter, &cursor, probe.limit).unwrap();
        same(&page.data, &shown, &cursor);
        assert_eq!(page.total, total);
    }
    if let Some((id, range, messages)) = probe.range.build(model) {
        let read = reads.history(id, range.clone(), probe.turns).unwrap();
        same(&read, &messages, &format_args!("{range:?} of {id}"));
    }
}

/// From the first page on, every row once and in its place.
fn follow(reads: &impl Reads, filter: &Filter, rows: &[Conversation], limit: u32) -> Result<()> {
    let first = reads.list(filter, PageRequest::new(1, limit).unwrap())?;
    let (mut chained, mut next) = (first.data, first.next);
    while let Some(cursor) = next {
        let page = reads.list_after(filter, &cursor, limit)?;
        assert!(!page.data.is_empty(), "there was more behind {cursor}");
        assert!(chained.len() <= rows.len(), "the chain has no end");
        assert_eq!(page.total, rows.len() as u64);
        chained.extend(page.data);
        next = page.next;
    }
    same(
        &chained,
        rows,
        &format_args!("the chain of {filter:?} by {limit}"),
    );
    Ok(())
}

/// Reads everything by every name that it has.
pub fn everything(reads: &impl Reads, model: &Model) {
    directory(reads, model).unwrap();
    for entry in &model.entries {
        let (id, shown) = (entry.id, model.show(entry));
        assert_eq!(reads.conversation(id).unwrap(), shown);
        let thread = reads.get(id).unwrap();
        assert_eq!(thread.conversation, shown);
        same(&thread.messages, &entry.messages, &id);
        same(&reads.all_notes(id).unwrap(), &entry.notes, &id);
        let read = reads.history(id, MessageRange::all(), 0b0110).unwrap();
        same(&read, &entry.messages, &id);
        same(&reads.owners(id).unwrap(), &entry.history, &id);
    }
    for channel in Channel::ALL {
        for contact in (0..CONTACTS).map(contact) {
            let known = model
                .thread(&contact, channel)
                .map(|entry| model.show(entry));
            assert_eq!(reads.find(&contact, channel).unwrap(), known);
        }
    }
    for id in &model.gone {
        let kind = |error: convodb::Error| error.kind();
        let conversation = reads.conversation(*id);
        assert_eq!(conversation.map_err(kind), Err(ErrorKind::NotFound));
        assert_eq!(reads.get(*id).map_err(kind), Err(ErrorKind::NotFound));
        assert_eq!(reads.all_notes(*id).map_err(kind), Err(ErrorKind::NotFound));
        let history = reads.history(*id, MessageRange::all(), 0);
        assert_eq!(history.map_err(kind), Err(ErrorKind::NotFound));
        assert_eq!(reads.owners(*id).map_err(kind), Err(ErrorKind::NotFound));
    }
    previews(reads, model);
    told(reads, model).unwrap();
    gaps(reads, model);
    let all = FilterPlan::ALL.list(model);
    follow(reads, &Filter::all(), &all, 100).unwrap();
    assert_eq!(reads.count(&Filter::all()).unwrap(), all.len() as u64);
    let unread = FilterPlan::UNREAD.list(model);
    follow(reads, &Filter::all().unread(), &unread, 100).unwrap();
}

/// Every event that is kept, from any place on, and who takes them.
fn told(reads: &impl Reads, model: &Model) -> Result<()> {
    let events = &model.events;
    same(&reads.events(model.purged, MOST)?, events, &"events");
    let middle = events.len() / 2;
    let some = reads.events(model.purged + middle as u64, 3)?;
    let behind = &events[middle..];
    same(&some, &behind[..behind.len().min(3)], &"three events");
    let consumers = reads.consumers()?.into_iter();
    let consumers: Vec<_> = consumers.map(|one| (one.name, one.position)).collect();
    same(&consumers, &model.consumers, &"consumers");
    Ok(())
}

/// What is gone and what has not come is not taken for the end of the events.
fn gaps(reads: &impl Reads, model: &Model) {
    if let Some(before) = model.purged.checked_sub(1) {
        let gap = reads.events(before, 1).unwrap_err();
        assert_eq!(gap.kind(), ErrorKind::EventsGap);
        assert_eq!(gap.oldest_event(), Some(model.purged + 1));
    }
    let early = reads.events(model.newest_event() + 1, 1).unwrap_err();
    let told = (early.kind(), early.field());
    assert_eq!(told, (ErrorKind::Invalid, Some("after")));
}

fn directory(reads: &impl Reads, model: &Model) -> Result<()> {
    assert_eq!(reads.assignees()?, model.assignees());
    for id in Who::all().map(Who::id) {
        match (reads.assignee(&id), model.assignee(&id)) {
            (Ok(found), known) => assert_eq!(Some(found), known),
            (Err(error), None) if error.kind() == ErrorKind::NotFound => {}
            (Err(error), _) => return Err(error),
        }
    }
    Ok(())
}

/// The newest message of each, and nothing for one that is gone.
fn previews(reads: &impl Reads, model: &Model) {
    let there = model.entries.iter().map(|entry| entry.id);
    let ids: Vec<_> = there.chain(model.gone.iter().copied()).collect();
    let newest: Vec<_> = ids
        .iter()
        .map(|id| {
            model
                .entry(*id)
                .and_then(|entry| entry.messages.last().cloned())
        })
        .collect();
    same(&reads.last_messages(&ids).unwrap(), &newest, &"previews");
}

/// What a transaction reads of what it wrote itself; its error is the disk's.
pub fn within(reads: &impl Reads, model: &Model) -> Result<()> {
    directory(reads, model)?;
    told(reads, model)?;
    let rows = FilterPlan::ALL.list(model);
    follow(reads, &Filter::all(), &rows, 5)?;
    let unread = FilterPlan::UNREAD.list(model);
    follow(reads, &Filter::all().unread(), &unread, 5)?;
    if let Some(latest) = rows.first() {
        let entry = model.entry(latest.id).unwrap();
        let thread = reads.get(latest.id)?;
        same(&thread.messages, &entry.messages, &latest.id);
        same(&reads.all_notes(latest.id)?, &entry.notes, &latest.id);
        let found = reads.find(&latest.contact_id, latest.channel)?;
        assert_eq!(found.as_ref(), Some(latest));
    }
    Ok(())
}

/// The records, the indexes and the totals agree with each other, and the counts with the model.
pub fn sound(store: &Store, model: &Model) {
    let report = store.verify().unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
    let stats = store.stats().unwrap();
    let len = |of: fn(&super::model::Entry) -> usize| -> u64 {
        model.entries.iter().map(|entry| of(entry) as u64).sum()
    };
    let counted = [
        model.entries.len() as u64,
        len(|entry| entry.messages.len()),
        len(|entry| entry.notes.len()),
    ];
    let users = model.assignees_of(AssigneeKind::User);
    let teams = model.assignees_of(AssigneeKind::Team);
    assert_eq!([stats.conversations, stats.messages, stats.notes], counted);
    assert_eq!(
        [report.conversations, report.messages, report.notes],
        counted
    );
    assert_eq!((stats.users, stats.teams), (users, teams));
    let events = model.events.len() as u64;
    assert_eq!((stats.events, report.events), (events, events));
    assert_eq!(stats.newest_event, model.newest_event());
    assert_eq!(stats.parked, model.parked.len() as u64);
    assert_eq!(stats.to_refile, model.to_refile());
    let memory = Memory::of_store(store, &model.clock).unwrap();
    let expected = Memory::of_model(model);
    assert!(memory == expected, "{}", memory.difference(&expected));
    assert_eq!(stats.sequence, model.sequence);
    assert_eq!(store.sequence().unwrap(), model.sequence);
}
