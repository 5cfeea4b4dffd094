//! The steps of the demo: each calls the store, measures the call and prints the result.

use std::time::{Duration, Instant};

use convodb::prelude::*;
use convodb::{
    Actor, Assignee, AssigneeKind, Channel, Context, Conversation, ConversationId, Effect, Filter,
    Outcome, Page, PageRequest, Receipt, Result, Snapshot, UserId,
};
use serde::Serialize;

use super::tables::{self, Call, Visit};
use crate::cells;
use crate::commands::Verdict;
use crate::failure::Failure;
use crate::output::Output;

/// The number of pages that are read; the last page follows them.
const READ_PAGES: u64 = 100;

/// The result of a call, and its time.
#[derive(Debug)]
pub(super) struct Timed<T> {
    pub(super) value: T,
    pub(super) took: Duration,
}

pub(super) fn timed<T, E>(call: impl FnOnce() -> Result<T, E>) -> Result<Timed<T>, E> {
    let start = Instant::now();
    let value = call()?;
    let took = start.elapsed();
    Ok(Timed { value, took })
}

/// Page 1 of the open inbox, with the last message of each row.
pub(super) fn inbox(
    snapshot: &Snapshot,
    output: &mut Output,
) -> Result<Timed<Page<Conversation>>, Failure> {
    let page = timed(|| snapshot.list(&Filter::open(), PageRequest::default()))?;
    let ids: Vec<_> = page.value.data.iter().map(|row| row.id).collect();
    let previews = timed(|| snapshot.last_messages(&ids))?;
    output.print(&page.value, |screen| {
        tables::inbox(screen, &page, &previews)
    })?;
    Ok(page)
}

/// The number of conversations in each view of the inbox.
pub(super) fn views(snapshot: &Snapshot, output: &mut Output) -> Result<(), Failure> {
    let mut filters = vec![("open".to_owned(), Filter::open())];
    for channel in Channel::ALL {
        filters.push((format!("open, {channel}"), Filter::open().channel(channel)));
    }
    filters.push(("open, unread".to_owned(), Filter::open().unread()));
    filters.push(("open, unassigned".to_owned(), Filter::open().unassigned()));
    let user = busiest(snapshot, AssigneeKind::User)?;
    let team = busiest(snapshot, AssigneeKind::Team)?;
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
        .map(|(name, filter)| Ok((name, timed(|| snapshot.count(&filter))?)))
        .collect::<Result<_>>()?;
    output.print_text(|screen| tables::views(screen, &counts))
}

/// The user or team with the most open conversations.
fn busiest(snapshot: &Snapshot, kind: AssigneeKind) -> Result<Option<Assignee>> {
    let mut busiest = None;
    for assignee in snapshot.assignees()? {
        let open = snapshot.count(&Filter::open().assigned_to(&assignee.id))?;
        let most = busiest.as_ref().map(|(most, _)| *most);
        if assignee.id.kind() == kind && most.is_none_or(|most| open > most) {
            busiest = Some((open, assignee));
        }
    }
    Ok(busiest.map(|(_, assignee)| assignee))
}

/// The pages of the open inbox by number, and the page after the first one by its cursor.
pub(super) fn pages(
    snapshot: &Snapshot,
    first: &Timed<Page<Conversation>>,
    output: &mut Output,
) -> Result<(), Failure> {
    let filter = Filter::open();
    let limit = PageRequest::default().limit();
    let last = first.value.total.div_ceil(u64::from(limit));
    let mut visits = vec![Visit::new(1, first)];
    for number in (2..=last).filter(|number| *number <= READ_PAGES || *number == last) {
        let page = timed(|| snapshot.list(&filter, (number, limit)))?;
        output.print_json(&page.value)?;
        visits.push(Visit::new(number, &page));
    }
    let after = match first.value.next {
        Some(cursor) => {
            let rest = timed(|| snapshot.list(&filter, (cursor, limit)))?;
            Some((cursor, rest))
        }
        None => None,
    };
    output.print_text(|screen| tables::pages(screen, &visits, after.as_ref()))
}

/// The conversation of the next steps: the first on the page that has a note, otherwise the first.
pub(super) fn subject(
    snapshot: &Snapshot,
    inbox: &Page<Conversation>,
) -> Result<Option<ConversationId>> {
    for row in &inbox.data {
        if let Some(note) = snapshot.notes(row.id)?.next() {
            return Ok(Some(note?.conversation_id));
        }
    }
    if let Some(row) = inbox.data.first() {
        return Ok(Some(row.id));
    }
    let any = snapshot.list(&Filter::all(), (1, 1))?;
    Ok(any.data.first().map(|row| row.id))
}

/// One conversation with its messages, and its notes, which are never among the messages.
pub(super) fn conversation(
    snapshot: &Snapshot,
    id: ConversationId,
    output: &mut Output,
) -> Result<(), Failure> {
    let transcript = timed(|| snapshot.transcript(id))?;
    output.print(&transcript.value, |screen| {
        tables::transcript(screen, &transcript)
    })?;
    let directory = snapshot.assignees()?;
    let notes = timed(|| snapshot.notes(id)?.collect::<Result<Vec<_>>>())?;
    for note in &notes.value {
        output.print_json(note)?;
    }
    output.print_text(|screen| tables::notes(screen, &notes, &directory))
}

/// Assigns, resolves, answers and annotates a conversation. Each command is durable when it
/// returns: its time is that of a commit, unless nothing changed.
pub(super) fn commands(
    store: &Store,
    id: ConversationId,
    output: &mut Output,
) -> Result<(), Failure> {
    let agent = agent_for(store, id)?;
    let actor = Actor::new(agent.id.as_str())?;
    let acting = store.with(Context::new().actor(actor));
    let mut calls = Calls::new(output);

    let assigned = timed(|| acting.assign(id, &agent.id))?;
    calls.add(format!("assign to {}", agent.name), &assigned, |now| {
        cells::state(&now.value)
    })?;
    let resolved = timed(|| acting.resolve(id))?;
    let open = store.count(&Filter::open())?;
    calls.add("resolve", &resolved, |now| {
        format!("{}; {open} open", cells::state(&now.value))
    })?;
    let again = timed(|| acting.resolve(id))?;
    calls.add("resolve again", &again, |now| cells::state(&now.value))?;
    let replied = timed(|| acting.reply(id, "Thank you for your patience, we are on it."))?;
    let open = store.count(&Filter::open())?;
    calls.add("reply", &replied, |now| {
        format!("{}; {open} open", tables::delivery(&now.value))
    })?;
    let read = timed(|| acting.record_delivery(&replied.value.value, Receipt::read()))?;
    calls.add("record_delivery", &read, |now| {
        now.value
            .as_ref()
            .map_or_else(String::new, tables::delivery)
    })?;
    let noted = timed(|| acting.add_note(id, "Promised an answer by tomorrow."))?;
    calls.add("add_note", &noted, |_| format!("by {}", agent.name))?;

    let calls = calls.calls;
    output.print_text(|screen| tables::calls(screen, id, &calls))
}

/// A user of the directory to whom the conversation is not assigned.
fn agent_for(store: &Store, id: ConversationId) -> Result<Assignee> {
    let present = store.conversation(id)?.assigned_to;
    let other = store
        .assignees()?
        .into_iter()
        .find(|one| one.id.kind() == AssigneeKind::User && Some(one) != present.as_ref());
    match other {
        Some(agent) => Ok(agent),
        // The file may have no user.
        None => Ok(store
            .save_user(&UserId::new("usr_example")?, "Example Agent")?
            .value),
    }
}

/// The commands so far. Their JSON is printed at once, their table at the end.
struct Calls<'a> {
    output: &'a mut Output,
    calls: Vec<Call>,
}

impl<'a> Calls<'a> {
    fn new(output: &'a mut Output) -> Self {
        Self {
            output,
            calls: Vec::new(),
        }
    }

    fn add<T: Serialize>(
        &mut self,
        command: impl Into<String>,
        outcome: &Timed<Outcome<T>>,
        text: impl FnOnce(&Outcome<T>) -> String,
    ) -> Result<(), Failure> {
        let Timed { value, took } = outcome;
        self.output.print_json(&value.value)?;
        let Effect {
            changed, reopened, ..
        } = value.effect;
        self.calls.push(Call {
            command: command.into(),
            value: text(value),
            changed,
            reopened,
            took: *took,
        });
        Ok(())
    }
}

/// Compares every index entry and total with the records.
pub(super) fn verify(store: &Store, output: &mut Output) -> Result<Verdict, Failure> {
    let report = timed(|| store.verify())?;
    output.print_text(|screen| tables::report(screen, &report))?;
    Ok(match report.value.is_clean() {
        true => Verdict::Success,
        false => Verdict::Findings,
    })
}
