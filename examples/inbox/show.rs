//! The steps of the show: each calls the store, times the call and hands over the answer.

use convodb::{
    Actor, Assignee, AssigneeKind, Channel, Context, ConversationId, Error, Filter, Outcome, Page,
    PageRequest, Receipt, Result, Snapshot, Store, UserId,
};
use serde::Serialize;

use crate::Failure;
use crate::output::{Output, Timed, timed};
use crate::tables::{self, Call, Visit};

/// A walk visits so many pages, and the last.
const WALKED_PAGES: u64 = 100;

/// Page 1 of the open inbox, each row with a preview of its last message.
pub(crate) fn inbox(view: &Snapshot, output: &mut Output) -> Result<Timed<Page>, Failure> {
    let page = timed(|| view.list(&Filter::open(), PageRequest::default()))?;
    let ids: Vec<_> = page.value.data.iter().map(|row| row.id).collect();
    let previews = timed(|| view.last_messages(&ids))?;
    output.answer(&page.value, |screen| {
        tables::inbox(screen, &page, &previews)
    })?;
    Ok(page)
}

/// How many conversations each view of the inbox holds.
pub(crate) fn views(view: &Snapshot, output: &mut Output) -> Result<(), Failure> {
    let mut filters = vec![("open".to_owned(), Filter::open())];
    for channel in Channel::ALL {
        filters.push((format!("open, {channel}"), Filter::open().channel(channel)));
    }
    filters.push(("open, unread".to_owned(), Filter::open().unread()));
    filters.push(("open, unassigned".to_owned(), Filter::open().unassigned()));
    let user = busiest(view, AssigneeKind::User)?;
    let team = busiest(view, AssigneeKind::Team)?;
    for assignee in user.iter().chain(&team) {
        let filter = Filter::open().assigned_to(&assignee.id);
        filters.push((format!("open, {}", assignee.name), filter));
    }
    if let (Some(user), Some(team)) = (&user, &team) {
        let filter = Filter::open().assigned_to(&user.id).assigned_to(&team.id);
        let name = format!("open, {}, {} or unassigned", user.name, team.name);
        filters.push((name, filter.unassigned()));
    }
    filters.push(("resolved".to_owned(), Filter::resolved()));
    filters.push(("open or resolved".to_owned(), Filter::all()));
    let counts: Vec<_> = filters
        .into_iter()
        .map(|(name, filter)| Ok((name, timed(|| view.count(&filter))?)))
        .collect::<Result<_>>()?;
    output.tell(|screen| tables::views(screen, &counts))?;
    Ok(())
}

/// The user or team with the most open conversations.
fn busiest(view: &Snapshot, kind: AssigneeKind) -> Result<Option<Assignee>> {
    let mut busiest = None;
    for assignee in view.assignees()? {
        let open = view.count(&Filter::open().assigned_to(&assignee.id))?;
        let most = busiest.as_ref().map(|(most, _)| *most);
        if assignee.id.kind() == kind && most.is_none_or(|most| open > most) {
            busiest = Some((open, assignee));
        }
    }
    Ok(busiest.map(|(_, assignee)| assignee))
}

/// The open inbox page by page, and once more behind the first page's cursor.
pub(crate) fn walk(
    view: &Snapshot,
    first: &Timed<Page>,
    output: &mut Output,
) -> Result<(), Failure> {
    let filter = Filter::open();
    let limit = PageRequest::default().limit();
    let last = first.value.total.div_ceil(u64::from(limit));
    let mut visits = vec![Visit::new(1, first)];
    for number in (2..=last).filter(|number| *number <= WALKED_PAGES || *number == last) {
        let page = timed(|| view.list(&filter, PageRequest::new(number, limit)?))?;
        output.json(&page.value)?;
        visits.push(Visit::new(number, &page));
    }
    let behind = match &first.value.next {
        Some(cursor) => {
            let rest = timed(|| view.list_after(&filter, cursor, limit))?;
            Some((*cursor, rest))
        }
        None => None,
    };
    output.tell(|screen| tables::walk(screen, &visits, behind.as_ref()))?;
    Ok(())
}

/// The conversation that the rest of the show is about: the first of the inbox with a note, else
/// the first of all.
pub(crate) fn subject(view: &Snapshot, inbox: &Page) -> Result<Option<ConversationId>> {
    for row in &inbox.data {
        if let Some(note) = view.notes(row.id)?.next() {
            return Ok(Some(note?.conversation_id));
        }
    }
    if let Some(row) = inbox.data.first() {
        return Ok(Some(row.id));
    }
    let any = view.list(&Filter::all(), PageRequest::new(1, 1)?)?;
    Ok(any.data.first().map(|row| row.id))
}

/// One conversation with its history, and its notes, which are never among the messages.
pub(crate) fn conversation(
    view: &Snapshot,
    id: ConversationId,
    output: &mut Output,
) -> Result<(), Failure> {
    let thread = timed(|| view.get(id))?;
    output.answer(&thread.value, |screen| tables::thread(screen, &thread))?;
    let directory = view.assignees()?;
    let notes = timed(|| view.notes(id)?.collect::<Result<Vec<_>>>())?;
    for note in &notes.value {
        output.json(note)?;
    }
    output.tell(|screen| tables::notes(screen, &notes, &directory))?;
    Ok(())
}

/// Assigns, resolves, answers and annotates a conversation. Each command is durable when it
/// returns: its time is that of a commit, unless nothing changed.
pub(crate) fn commands(
    store: &Store,
    id: ConversationId,
    output: &mut Output,
) -> Result<(), Failure> {
    let agent = agent_for(store, id)?;
    let actor = Actor::new(agent.id.as_str()).map_err(Error::from)?;
    let acting = store.with(Context::new().actor(actor));
    let mut calls = Calls::new(output);

    let assigned = timed(|| acting.assign(id, &agent.id))?;
    calls.made(format!("assign to {}", agent.name), &assigned, |now| {
        tables::state(&now.value)
    })?;
    let resolved = timed(|| acting.resolve(id))?;
    let open = store.count(&Filter::open())?;
    calls.made("resolve", &resolved, |now| {
        format!("{}; {open} open", tables::state(&now.value))
    })?;
    let again = timed(|| acting.resolve(id))?;
    calls.made("resolve again", &again, |now| tables::state(&now.value))?;
    let replied = timed(|| acting.reply(id, "Thank you for your patience, we are on it."))?;
    let open = store.count(&Filter::open())?;
    calls.made("reply", &replied, |now| {
        format!("{}; {open} open", tables::delivery(&now.value))
    })?;
    let read = timed(|| acting.record_delivery(&replied.value.value, Receipt::read()))?;
    calls.made("record_delivery", &read, |now| {
        now.value
            .as_ref()
            .map_or_else(String::new, tables::delivery)
    })?;
    let noted = timed(|| acting.add_note(id, "Promised an answer by tomorrow."))?;
    calls.made("add_note", &noted, |_| format!("by {}", agent.name))?;

    let calls = calls.made;
    output.tell(|screen| tables::calls(screen, id, &calls))?;
    Ok(())
}

/// Somebody of the directory who does not have the conversation yet.
fn agent_for(store: &Store, id: ConversationId) -> Result<Assignee> {
    let has_it = store.get(id)?.conversation.assigned_to;
    let other = store
        .assignees()?
        .into_iter()
        .find(|one| one.id.kind() == AssigneeKind::User && Some(one) != has_it.as_ref());
    match other {
        Some(agent) => Ok(agent),
        // A file of one's own may name nobody.
        None => Ok(store
            .put_user(&UserId::new("usr_example")?, "Example Agent")?
            .value),
    }
}

/// The commands so far: their JSON is printed at once, their table at the end.
struct Calls<'a> {
    output: &'a mut Output,
    made: Vec<Call>,
}

impl<'a> Calls<'a> {
    fn new(output: &'a mut Output) -> Self {
        Self {
            output,
            made: Vec::new(),
        }
    }

    fn made<T: Serialize>(
        &mut self,
        command: impl Into<String>,
        outcome: &Timed<Outcome<T>>,
        told: impl FnOnce(&Outcome<T>) -> String,
    ) -> Result<(), Failure> {
        let Timed { value, took } = outcome;
        self.output.json(&value.value)?;
        self.made.push(Call {
            command: command.into(),
            answer: told(value),
            changed: value.changed,
            reopened: value.reopened,
            took: *took,
        });
        Ok(())
    }
}

/// Recomputes every index entry and total from the records, and compares.
pub(crate) fn verify(store: &Store, output: &mut Output) -> Result<(), Failure> {
    let report = timed(|| store.verify())?;
    output.tell(|screen| tables::verification(screen, &report))?;
    match report.value.findings.len() {
        0 => Ok(()),
        findings => Err(Failure::Unsound(findings)),
    }
}
