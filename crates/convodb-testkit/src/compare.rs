//! Everything that can be read, held against the model.

use std::fmt::Debug;

use convodb::{
    AssigneeKind, Channel, CommitSeq, Contact, ContactFilter, Content, Conversation, Cursor,
    Details, Error, ErrorKind, EventSeq, Execute as _, Filter, Import, Message, MessageRange,
    MessageType, Messages, PageRequest, Result, Sort, Store, ViewId,
};

use convodb::commands::SaveAssignee;

use super::backend::{Backend, Counts, MOST, Queries};
use super::changes;
use super::memory::Memory;
use super::model::Model;
use super::op::{CONTACTS, InboxPick, TeamPick, Who, contact};
use super::probe::{self, FilterPlan, Probe};
use super::verdict::Refusal;
use super::views::{SORTS, VIEWS, view_id};

/// The same rows; of two long lists, only the first difference is shown.
fn same<T: PartialEq + Debug>(got: &[T], expected: &[T], what: &dyn Debug) {
    let pairs = got.iter().zip(expected);
    for (place, (got, expected)) in pairs.enumerate() {
        assert_eq!(got, expected, "at {place} of {what:?}");
    }
    let (got, expected) = (got.len(), expected.len());
    assert_eq!(got, expected, "rows of {what:?}");
}

/// All messages of an iterator. Each bit of `turns` is the end that the next one is taken from.
pub fn from_both_ends(mut messages: Messages, turns: u64) -> Result<Vec<Message>> {
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

/// A list that is not refused, and what it should have.
struct List {
    filter: Filter,
    sort: Sort,
    rows: Vec<Conversation>,
}

/// Asks one question of each kind.
pub fn ask(reads: &impl Queries, model: &Model, probe: &Probe) {
    let (filter, sort) = (probe.filter.filter(), probe.filter.sort);
    let refused = probe.filter.refused();
    if refused.is_empty() {
        let rows = probe.filter.list(model);
        list(reads, model, &List { filter, sort, rows }, probe);
    } else {
        is_refused_around(reads, model, &filter, &refused);
    }
    for id in (0..VIEWS).map(view_id) {
        if let Some(refused) = model.refused_list(&id) {
            let refused = [Refusal::from(&refused)];
            is_refused_around(reads, model, &Filter::view(&id), &refused);
        }
        if let Some(view) = view_list(reads, model, &id) {
            list(reads, model, &view, probe);
        }
    }
    if let Some((id, range, messages)) = probe.range.build(model) {
        let read = reads.messages(id, range.clone(), probe.turns).unwrap();
        same(&read, &messages, &format_args!("{range:?} of {id}"));
    }
}

/// What the list of a view should have; nothing of one that is refused, as it should be.
fn view_list(reads: &impl Queries, model: &Model, id: &ViewId) -> Option<List> {
    let filter = Filter::view(id);
    if let Some(refused) = model.refused_list(id) {
        is_refused(reads, &filter, &[Refusal::from(&refused)]);
        return None;
    }
    let (rows, sort) = model.list_of_view(id)?;
    Some(List { filter, sort, rows })
}

/// A list and its count are refused.
fn is_refused(reads: &impl Queries, filter: &Filter, refusals: &[Refusal]) {
    let check = |error: Error| {
        let is_demanded = refusals.iter().any(|refusal| refusal.is(&error));
        assert!(
            is_demanded,
            "{error:?} instead of {refusals:?} of {filter:?}"
        );
    };
    check(reads.count(filter).unwrap_err());
    let page = reads.list(filter, PageRequest::default());
    check(page.unwrap_err());
}

/// The same of a place in it.
fn is_refused_around(reads: &impl Queries, model: &Model, filter: &Filter, refusals: &[Refusal]) {
    is_refused(reads, filter, refusals);
    let check = |error: Error| assert!(refusals.iter().any(|one| one.is(&error)), "{error:?}");
    if let Some(entry) = model.entries.first() {
        check(reads.rank(entry.id, filter).unwrap_err());
        let request = PageRequest::around(entry.id, 3).unwrap();
        check(reads.list(filter, request).unwrap_err());
    }
}

/// Pages, counts, cursors and ranks of a list.
fn list(reads: &impl Queries, model: &Model, list: &List, probe: &Probe) {
    let List { filter, sort, rows } = list;
    let total = rows.len() as u64;
    assert_eq!(reads.count(filter).unwrap(), total, "count of {filter:?}");

    let request = PageRequest::number(probe.page, probe.limit).unwrap();
    let page = reads.list(filter, request).unwrap();
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
    assert_eq!((page.total, page.number), (total, Some(probe.page)));
    assert_eq!(page.offset, Some(skipped as u64), "the rows before it");
    let next = shown.last().filter(|_| behind.next().is_some());
    let next = next.map(|row| Cursor::behind(row, *sort));
    assert_eq!(page.next, next, "where the list goes on");

    follow(reads, filter, rows, probe.limit).unwrap();
    // A cursor is a place for any filter of its order: also behind a row that this one does not select.
    let anchors = FilterPlan::ALL.list(model);
    for anchor in anchors.iter().step_by(1 + anchors.len() / 16) {
        let is_behind = |row: &&Conversation| probe::compare(*sort, row, anchor).is_gt();
        let behind = rows.iter().filter(is_behind);
        let shown: Vec<_> = behind.take(probe.limit as usize).cloned().collect();
        let cursor = Cursor::behind(anchor, *sort);
        let request = PageRequest::after(cursor, probe.limit).unwrap();
        let page = reads.list(filter, request).unwrap();
        same(&page.data, &shown, &format_args!("{cursor} of {filter:?}"));
        assert_eq!((page.total, page.number), (total, None));
        around(reads, list, (anchor, probe.limit));
    }
    if let Some(anchor) = anchors.first() {
        let others = SORTS.into_iter().filter(|other| other != sort);
        let cursors = others.map(|other| Cursor::behind(anchor, other));
        for cursor in cursors {
            let request = PageRequest::after(cursor, probe.limit).unwrap();
            let error = reads.list(filter, request).unwrap_err();
            let of_field = (error.kind(), error.field());
            assert_eq!(of_field, (ErrorKind::InvalidInput, Some("cursor")));
        }
    }
}

/// The rank of a conversation, and the page around it.
fn around(reads: &impl Queries, list: &List, (of, limit): (&Conversation, u32)) {
    let List { filter, sort, rows } = list;
    let place = rows.iter().position(|row| row.id == of.id);
    let rank = place.map(|place| place as u64);
    assert_eq!(
        reads.rank(of.id, filter).unwrap(),
        rank,
        "{} in {filter:?}",
        of.id
    );
    let request = PageRequest::around(of.id, limit).unwrap();
    let page = reads.list(filter, request).unwrap();
    assert_eq!((page.total, page.number), (rows.len() as u64, None));
    let Some(place) = place else {
        assert_eq!((page.data.len(), page.offset, page.next), (0, None, None));
        return;
    };
    let begin = page.offset.unwrap() as usize;
    let end = begin + page.data.len();
    assert!(
        (begin..end).contains(&place),
        "{place} is in {begin}..{end}"
    );
    assert_eq!(
        page.data.len(),
        rows.len().min(limit as usize),
        "a full page"
    );
    same(&page.data, &rows[begin..end], &request);
    let more = rows.get(end).and(page.data.last());
    let more = more.map(|row| Cursor::behind(row, *sort));
    assert_eq!(page.next, more, "where the list goes on");
}

/// Every view, and all of the lists that are built; an error is the disk's.
fn views(reads: &impl Queries, model: &Model) -> Result<()> {
    assert_eq!(reads.views()?, model.shown_views());
    for id in (0..VIEWS).map(view_id) {
        match (reads.view(&id), model.view(&id)) {
            (Ok(found), known) => assert_eq!(Some(found), known),
            (Err(error), None) if error.kind() == ErrorKind::NotFound => {}
            (Err(error), _) => return Err(error),
        }
        let Some(list) = view_list(reads, model, &id) else {
            continue;
        };
        let List { filter, rows, .. } = &list;
        assert_eq!(reads.count(filter)?, rows.len() as u64, "{filter:?}");
        follow(reads, filter, rows, 4)?;
    }
    Ok(())
}

/// From the first page on, every row once and in its place.
fn follow(reads: &impl Queries, filter: &Filter, rows: &[Conversation], limit: u32) -> Result<()> {
    let first = reads.list(filter, PageRequest::number(1, limit).unwrap())?;
    let (mut chained, mut next) = (first.data, first.next);
    while let Some(cursor) = next {
        let page = reads.list(filter, PageRequest::after(cursor, limit).unwrap())?;
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
pub fn everything(reads: &impl Queries, model: &Model) {
    directory(reads, model).unwrap();
    for entry in &model.entries {
        let (id, shown) = (entry.id, model.show(entry));
        assert_eq!(reads.conversation(id).unwrap(), shown);
        let transcript = reads.transcript(id).unwrap();
        assert_eq!(transcript.conversation, shown);
        let thread = model.thread_of(entry);
        same(&transcript.messages, &thread, &id);
        same(&reads.notes(id).unwrap(), &entry.notes, &id);
        let read = reads.messages(id, MessageRange::all(), 0b0110).unwrap();
        same(&read, &thread, &id);
        same(&reads.audit_log(id).unwrap(), &entry.audit_log, &id);
    }
    for contact in (0..CONTACTS).map(contact) {
        let mut all = Vec::new();
        for inbox in InboxPick::all() {
            let known = model.thread(&contact, inbox);
            all.extend(known);
            let shown = known.map(|entry| model.show(entry));
            assert_eq!(
                reads.find_conversation(&contact, &inbox.into()).unwrap(),
                shown
            );
        }
        all.sort_by_key(|entry| model.number_of(entry.inbox));
        let all: Vec<_> = all.into_iter().map(|entry| model.show(entry)).collect();
        assert_eq!(reads.conversations_of(&contact).unwrap(), all);
    }
    assert_eq!(reads.inboxes().unwrap(), model.inboxes());
    let tags = reads.tags().unwrap();
    let tags: Vec<_> = tags
        .iter()
        .map(|it| (it.tag.to_uppercase(), it.count))
        .collect();
    assert_eq!(tags, model.tags());
    contacts(reads, model).unwrap();
    for (id, other) in &model.conversation_aliases {
        let entry = model.entry(*other).unwrap();
        assert_eq!(reads.conversation(*id).unwrap(), model.show(entry));
        let thread = model.thread_of(entry);
        same(&reads.transcript(*id).unwrap().messages, &thread, &id);
        same(&reads.notes(*id).unwrap(), &entry.notes, &id);
        let read = reads.messages(*id, MessageRange::all(), 0b0110).unwrap();
        same(&read, &thread, &id);
        same(&reads.audit_log(*id).unwrap(), &entry.audit_log, &id);
        let last = reads.last_messages(&[*id]).unwrap();
        assert_eq!(last.first().unwrap().as_ref(), thread.last());
        assert!(reads.rank(*id, &Filter::all()).unwrap().is_some());
    }
    for (id, _) in &model.contact_aliases {
        assert_eq!(reads.contact(id).ok(), model.shown_contact(id));
    }
    for id in &model.gone {
        let kind = |error: convodb::Error| error.kind();
        let conversation = reads.conversation(*id);
        assert_eq!(conversation.map_err(kind), Err(ErrorKind::NotFound));
        assert_eq!(
            reads.transcript(*id).map_err(kind),
            Err(ErrorKind::NotFound)
        );
        assert_eq!(reads.notes(*id).map_err(kind), Err(ErrorKind::NotFound));
        let messages = reads.messages(*id, MessageRange::all(), 0);
        assert_eq!(messages.map_err(kind), Err(ErrorKind::NotFound));
        assert_eq!(reads.audit_log(*id).map_err(kind), Err(ErrorKind::NotFound));
        let rank = reads.rank(*id, &Filter::all());
        assert_eq!(rank.map_err(kind), Err(ErrorKind::NotFound));
    }
    previews(reads, model);
    events(reads, model).unwrap();
    gaps(reads, model);
    let all = FilterPlan::ALL.list(model);
    follow(reads, &Filter::all(), &all, 100).unwrap();
    assert_eq!(reads.count(&Filter::all()).unwrap(), all.len() as u64);
    let unread = FilterPlan::UNREAD.list(model);
    follow(reads, &Filter::all().unread(), &unread, 100).unwrap();
    let reversed = FilterPlan::ALL.sorted(Sort::EarliestActivity);
    follow(reads, &reversed.filter(), &reversed.list(model), 7).unwrap();
    views(reads, model).unwrap();
    for id in (0..VIEWS).map(view_id) {
        if let Some(list) = &view_list(reads, model, &id) {
            let some = list.rows.iter().step_by(1 + list.rows.len() / 16);
            some.for_each(|row| around(reads, list, (row, 3)));
        }
    }
}

/// Every event that is kept, from any place on, and the consumers.
fn events(reads: &impl Queries, model: &Model) -> Result<()> {
    let events = &model.events;
    same(
        &reads.events(EventSeq::new(model.purged), MOST)?,
        events,
        &"events",
    );
    let middle = events.len() / 2;
    let some = reads.events(EventSeq::new(model.purged + middle as u64), 3)?;
    let behind = &events[middle..];
    same(&some, &behind[..behind.len().min(3)], &"three events");
    let consumers = reads.consumers()?.into_iter();
    let consumers: Vec<_> = consumers.map(|one| (one.name, one.position)).collect();
    same(&consumers, &model.consumers, &"consumers");
    Ok(())
}

/// What is gone and what has not come is not taken for the end of the events.
fn gaps(reads: &impl Queries, model: &Model) {
    if let Some(before) = model.purged.checked_sub(1) {
        let gap = reads.events(EventSeq::new(before), 1).unwrap_err();
        assert_eq!(gap.kind(), ErrorKind::EventsPurged);
        let oldest = EventSeq::new(model.purged + 1);
        assert_eq!(*gap.details(), Details::OldestEvent(oldest));
    }
    let early = reads.events(model.newest_event().next(), 1).unwrap_err();
    let field = (early.kind(), early.field());
    assert_eq!(field, (ErrorKind::InvalidInput, Some("after")));
}

fn directory(reads: &impl Queries, model: &Model) -> Result<()> {
    assert_eq!(reads.assignees()?, model.assignees());
    for id in Who::all().map(Who::id) {
        match (reads.assignee(&id), model.assignee(&id)) {
            (Ok(found), known) => assert_eq!(Some(found), known),
            (Err(error), None) if error.kind() == ErrorKind::NotFound => {}
            (Err(error), _) => return Err(error),
        }
    }
    for team in TeamPick::all().map(TeamPick::id) {
        match reads.members_of(&team) {
            Ok(members) => assert_eq!(members, model.members_of(&team)),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                assert_eq!(model.name(&team.into()), None);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Each contact, and every list of them.
fn contacts(reads: &impl Queries, model: &Model) -> Result<()> {
    let known = model.contacts.iter().map(|contact| contact.id.clone());
    for id in (0..CONTACTS).map(contact).chain(known) {
        match (reads.contact(&id), model.shown_contact(&id)) {
            (Ok(found), known) => assert_eq!(Some(found), known),
            (Err(error), None) if error.kind() == ErrorKind::NotFound => {}
            (Err(error), _) => return Err(error),
        }
    }
    let (mut after, mut found) = (None, Vec::new());
    loop {
        let some = reads.contacts(after.as_ref(), 2)?;
        let Some(last) = some.last() else { break };
        after = Some(last.id.clone());
        found.extend(some);
    }
    assert_eq!(found, model.contacts);
    let names = ["", "h", "x"].map(|name| ContactFilter::Name(name.to_owned()));
    let identities = Channel::ALL
        .map(|channel| ["+4", "+491"].map(|it| ContactFilter::Identity(channel, it.to_owned())));
    let filters = names.into_iter().chain(identities.into_iter().flatten());
    for filter in filters.chain([ContactFilter::All]) {
        let expected = model.list_contacts(&filter);
        let (mut found, mut page) = (Vec::new(), 1);
        while page == 1 || found.len() < expected.len() {
            let rows = reads.list_contacts(&filter, PageRequest::number(page, 3)?)?;
            assert_eq!(rows.total, expected.len() as u64, "{filter:?}");
            assert_eq!(rows.number, Some(page));
            let is_last = rows.data.len() < 3;
            found.extend(rows.data);
            page += 1;
            if is_last {
                break;
            }
        }
        if let ContactFilter::Name(_) = filter {
            // Those with one name are in any order.
            let name = |contact: &Contact| contact.name.as_ref().map(|name| name.to_lowercase());
            assert!(found.is_sorted_by_key(name), "{found:?}");
            let key = |contact: &Contact| (name(contact), contact.id.clone());
            found.sort_by_key(key);
            let mut expected = expected;
            expected.sort_by_key(key);
            same(&found, &expected, &filter);
        } else {
            same(&found, &expected, &filter);
        }
    }
    Ok(())
}

/// The newest message of each, and nothing for one that is gone.
fn previews(reads: &impl Queries, model: &Model) {
    let there = model.entries.iter().map(|entry| entry.id);
    let ids: Vec<_> = there.chain(model.gone.iter().copied()).collect();
    let newest: Vec<_> = ids
        .iter()
        .map(|id| {
            let entry = model.entry(*id)?;
            let newest = entry.messages.last()?;
            Some(model.read(entry, newest))
        })
        .collect();
    same(&reads.last_messages(&ids).unwrap(), &newest, &"previews");
    let entries = ids.iter().map(|id| model.entry(*id));
    let shown: Vec<_> = entries
        .map(|entry| entry.map(|entry| model.show(entry)))
        .collect();
    same(
        &reads.conversations(&ids).unwrap(),
        &shown,
        &"conversations",
    );
}

/// What a transaction reads of what it wrote itself; its error is the disk's.
pub fn within(reads: &impl Queries, model: &Model) -> Result<()> {
    directory(reads, model)?;
    contacts(reads, model)?;
    events(reads, model)?;
    let rows = FilterPlan::ALL.list(model);
    follow(reads, &Filter::all(), &rows, 5)?;
    let unread = FilterPlan::UNREAD.list(model);
    follow(reads, &Filter::all().unread(), &unread, 5)?;
    views(reads, model)?;
    if let Some(latest) = rows.first() {
        let entry = model.entry(latest.id).unwrap();
        let transcript = reads.transcript(latest.id)?;
        same(&transcript.messages, &model.thread_of(entry), &latest.id);
        same(&reads.notes(latest.id)?, &entry.notes, &latest.id);
        same(&reads.audit_log(latest.id)?, &entry.audit_log, &latest.id);
        let found = reads.find_conversation(&latest.contact_id, &latest.inbox())?;
        assert_eq!(found, Some(model.show(entry)));
    }
    Ok(())
}

/// The records, the indexes and the totals agree with each other, and the counts with the model.
pub fn sound(backend: &impl Backend, model: &Model) {
    let len = |of: fn(&super::model::Entry) -> usize| -> u64 {
        model.entries.iter().map(|entry| of(entry) as u64).sum()
    };
    let expected = Counts {
        conversations: model.entries.len() as u64,
        messages: len(|entry| entry.messages.len()),
        notes: len(|entry| entry.notes.len()),
        users: model.assignees_of(AssigneeKind::User),
        teams: model.assignees_of(AssigneeKind::Team),
        events: model.events.len() as u64,
        newest_event: model.newest_event(),
        unmatched: model.unmatched.len() as u64,
        to_reassign: model.to_reassign(),
        times_in_the_future: model.times_in_the_future(),
        commits: CommitSeq::new(model.sequence),
    };
    let mut counts = backend.verified_counts().unwrap();
    if !backend.numbers_commits() {
        counts.commits = expected.commits;
    }
    assert_eq!(counts, expected);
    let memory = Memory::of_backend(backend, &model.clock).unwrap();
    let expected = Memory::of_model(model);
    assert!(memory == expected, "{}", memory.difference(&expected));
    if backend.numbers_commits() {
        let commits = backend.commit_seq().unwrap();
        assert_eq!(commits, CommitSeq::new(model.sequence));
    }
}

/// What an export has of a message: of one that was taken back an empty text is none.
pub fn as_exported(mut message: Message) -> Message {
    let says_nothing = message.content == Content::text("");
    let revoked = message
        .extras
        .as_mut()
        .and_then(|extras| extras.revoked.as_mut());
    if let Some(revoked) = revoked.filter(|_| says_nothing) {
        revoked.keeps_content = false;
        message.content = Content::Revoked(MessageType::Text);
    }
    changes::tidy(&mut message);
    message.order_time = message.created_at;
    message
}

/// Each conversation is exported, and read by another store as it was.
///
/// A message that came after its edit has the place of the edit, which an export does not have.
pub fn exported(store: &Store, model: &Model) {
    for entry in &model.entries {
        let copy = Store::in_memory().unwrap();
        for (assignee, name) in &model.directory {
            let (assignee, name) = (assignee.clone(), name.clone());
            copy.execute(SaveAssignee { assignee, name }).unwrap();
        }
        let transcript = Queries::transcript(store, entry.id).unwrap();
        let notes = Queries::notes(store, entry.id).unwrap();
        let export = Import::new(transcript.conversation, transcript.messages);
        let json = serde_json::to_string(&export.notes(notes)).unwrap();
        let import: Import = serde_json::from_str(&json).unwrap();
        let imported = copy.import(import).unwrap().value;
        assert_eq!(imported, model.show(entry));
        let all = |messages: Vec<Message>| messages.into_iter().map(as_exported).collect();
        let mut got: Vec<_> = all(Queries::transcript(&copy, entry.id).unwrap().messages);
        let mut expected: Vec<_> = all(model.thread_of(entry));
        let has_moved =
            |message: &Message| message.created_at.timestamp() != message.order_time.timestamp();
        if entry.messages.iter().any(has_moved) {
            got.sort_by_key(|message| message.id);
            expected.sort_by_key(|message| message.id);
        }
        same(&got, &expected, &format_args!("the export {json}"));
        same(
            &Queries::notes(&copy, entry.id).unwrap(),
            &entry.notes,
            &entry.id,
        );
        assert!(copy.verify().unwrap().is_clean());
    }
}
