//! Holds a workspace against what writers recorded.
//!
//! Events name their actor, and an actor gives one command, so each event belongs to one command. It checks that
//!
//! 1. `verify` is clean: rows, lists and counts agree, and events have no gap;
//! 2. what an acknowledged command changed is there once, with its ids; what one of unknown outcome changed at
//!    most once; what was refused, or changed nothing, not at all; and nothing is there that no one gave;
//! 3. the events of each conversation follow from one another: who is unassigned or assigned anew had it,
//!    what is resolved was open; their end is the conversation that is stored, its revision included;
//! 4. each answer about a conversation is its state and revision behind the command's own events, a command
//!    under the condition of a revision met that one, and a claim met no assignee;
//! 5. a command that was refused or changed nothing met, at some time between its begin and its end, a state
//!    in which that is so;
//! 6. commands that began after others had ended have later commits, and events have the order of the commits.
//!
//! The commits are an order of all commands that changed anything; by 3 to 5 each conversation behaves in
//! this order as if it had one command at a time, and by 6 the order is one of real time: the history is
//! linearizable for each conversation, and the changes together are strictly serializable.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use convodb_core::{
    ConversationId, ErrorKind, Event, EventKind, EventSeq, Message, Result, Transcript,
};
use convodb_postgres::{PgRead, PgStore};

use super::history::{Answer, Entry, History, Seen, State, What};
use super::writer::state;
use crate::harness::report::{Breach, Report};

/// What is stored.
struct Stored {
    events: Vec<Event>,
    conversations: Vec<Transcript>,
    /// How often each text is a message or a note of a conversation.
    texts: BTreeMap<(usize, String), usize>,
}

impl Stored {
    async fn read(store: &PgStore, ids: &[ConversationId]) -> Result<Self> {
        const AT_ONCE: usize = 1_000;
        let mut events = Vec::new();
        let mut after = EventSeq::ZERO;
        loop {
            let read = store.events(after, AT_ONCE).await?;
            let is_last = read.len() < AT_ONCE;
            after = read.last().map_or(after, |event| event.seq);
            events.extend(read);
            if is_last {
                break;
            }
        }
        let mut conversations = Vec::new();
        let mut texts = BTreeMap::new();
        for (number, id) in ids.iter().enumerate() {
            let transcript = store.transcript(*id).await?;
            let notes = store.notes(*id).await?;
            let messages = transcript.messages.iter().map(text);
            let all = messages.chain(notes.iter().map(|note| note.content.as_str()));
            for text in all {
                *texts.entry((number, text.to_owned())).or_default() += 1;
            }
            conversations.push(transcript);
        }
        Ok(Self {
            events,
            conversations,
            texts,
        })
    }
}

fn text(message: &Message) -> &str {
    message.content.as_text().unwrap_or_default()
}

/// Checks all of it.
pub async fn check(
    store: &PgStore,
    ids: &[ConversationId],
    history: &History,
    report: &mut Report,
) {
    match store.verify().await {
        Ok(verified) if verified.is_clean() => {}
        verified => report.found(Breach::Torn, || format!("{verified:?}")),
    }
    match Stored::read(store, ids).await {
        Ok(stored) => hold(&stored, ids, &history.entries(), report),
        Err(error) => report.found(Breach::Failed, || {
            format!("what is stored is not read: {error}")
        }),
    }
}

fn hold(stored: &Stored, ids: &[ConversationId], entries: &[Entry], report: &mut Report) {
    let mut by_actor: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for event in &stored.events {
        if let Some(actor) = &event.actor {
            by_actor.entry(actor.as_str()).or_default().push(event);
        }
    }
    for entry in entries {
        let events = by_actor.remove(entry.actor.as_str()).unwrap_or_default();
        check_once(stored, entry, &events, report);
    }
    for (actor, events) in by_actor {
        report.found(Breach::Torn, || {
            format!("no one gave what {actor} did: {events:?}")
        });
    }
    check_times(&stored.events, report);
    for (number, id) in ids.iter().enumerate() {
        let of: Vec<&Entry> = entries
            .iter()
            .filter(|entry| entry.conversation == number)
            .collect();
        check_conversation(stored, number, *id, &of, report);
    }
    check_order(stored, entries, report);
}

fn is_main(what: What, kind: &EventKind) -> bool {
    match what {
        What::Receive => matches!(kind, EventKind::MessageReceived { .. }),
        What::Reply => matches!(kind, EventKind::MessageSent { .. }),
        What::Note => matches!(kind, EventKind::NoteAdded { .. }),
        What::Claim => matches!(kind, EventKind::ConversationAssigned { .. }),
        What::Unassign => matches!(kind, EventKind::ConversationUnassigned { .. }),
        What::Resolve => matches!(kind, EventKind::ConversationResolved),
        What::Reopen => matches!(kind, EventKind::ConversationReopened),
        What::Deliver => matches!(kind, EventKind::MessageRead { .. }),
    }
}

fn check_once(stored: &Stored, entry: &Entry, events: &[&Event], report: &mut Report) {
    let found = events
        .iter()
        .filter(|event| is_main(entry.what, &event.kind))
        .count();
    let is_known = |breach, report: &mut Report| {
        report.found(breach, || {
            format!("{entry:?} has {found} of its events: {events:?}")
        });
    };
    let least = match &entry.answer {
        Answer::Done(seen) if seen.is_changed || seen.is_duplicate => 1,
        _ => 0,
    };
    let most = match &entry.answer {
        Answer::Unknown => 1,
        _ => least,
    };
    if found < least {
        is_known(Breach::Lost, report);
    } else if found > most {
        is_known(Breach::Torn, report);
    }
    if !matches!(entry.what, What::Receive | What::Reply | What::Note) {
        return;
    }
    let of = (entry.conversation, entry.actor.clone());
    let texts = stored.texts.get(&of).copied().unwrap_or_default();
    if texts != found {
        report.found(Breach::Torn, || {
            format!("{entry:?}: {found} events and {texts} texts")
        });
    }
    let Answer::Done(Seen { id: Some(id), .. }) = &entry.answer else {
        return;
    };
    let is_named = events.iter().any(|event| match &event.kind {
        EventKind::MessageReceived { message_id } | EventKind::MessageSent { message_id } => {
            message_id.to_string() == *id
        }
        EventKind::NoteAdded { note_id } => note_id.to_string() == *id,
        _ => false,
    });
    if !is_named && found > 0 {
        report.found(Breach::Wrong, || format!("{entry:?} is {events:?}"));
    }
}

/// The times of what changes a conversation never go back. A receipt changes its message alone: its time is the
/// one at which it was decided, and others may have been decided later and written earlier.
fn check_times(events: &[Event], report: &mut Report) {
    let mut newest: BTreeMap<ConversationId, DateTime<Utc>> = BTreeMap::new();
    for event in events {
        let is_receipt = matches!(
            event.kind,
            EventKind::MessageDelivered { .. } | EventKind::MessageRead { .. }
        );
        let Some(id) = event.subject.conversation_id().filter(|_| !is_receipt) else {
            continue;
        };
        if newest
            .insert(id, event.at)
            .is_some_and(|before| before > event.at)
        {
            report.found(Breach::Torn, || format!("the time goes back to {event:?}"));
        }
    }
}

/// A state of a conversation, from an event on.
struct Step<'a> {
    actor: Option<&'a str>,
    state: State,
}

/// The states that the events of a conversation lead through.
fn replay<'a>(events: &'a [Event], id: ConversationId, report: &mut Report) -> Vec<Step<'a>> {
    let mut now = State::default();
    let mut steps = vec![Step {
        actor: None,
        state: now.clone(),
    }];
    for event in events {
        if event.subject.conversation_id() != Some(id) {
            continue;
        }
        let is_sound = match &event.kind {
            EventKind::ConversationAssigned {
                assigned_to,
                previously_assigned_to,
            } => {
                let before = previously_assigned_to.as_ref().map(ToString::to_string);
                let is_sound = before == now.assignee;
                now.assignee = Some(assigned_to.to_string());
                is_sound
            }
            EventKind::ConversationUnassigned {
                previously_assigned_to,
            } => now.assignee.take() == Some(previously_assigned_to.to_string()),
            EventKind::ConversationResolved => !std::mem::replace(&mut now.is_resolved, true),
            EventKind::ConversationReopened => std::mem::replace(&mut now.is_resolved, false),
            _ => continue,
        };
        now.revision += 1;
        if !is_sound {
            report.found(Breach::Torn, || format!("{event:?} does not follow"));
        }
        steps.push(Step {
            actor: event.actor.as_ref().map(|actor| actor.as_str()),
            state: now.clone(),
        });
    }
    steps
}

fn check_conversation(
    stored: &Stored,
    number: usize,
    id: ConversationId,
    entries: &[&Entry],
    report: &mut Report,
) {
    let steps = replay(&stored.events, id, report);
    let Some(transcript) = stored.conversations.get(number) else {
        return;
    };
    let conversation = &transcript.conversation;
    let end = steps
        .last()
        .map(|step| step.state.clone())
        .unwrap_or_default();
    if end != state(conversation) {
        report.found(Breach::Torn, || {
            format!("events lead to {end:?}: {conversation:?}")
        });
    }
    check_texts(stored, number, transcript, report);
    let entry_of: BTreeMap<&str, &Entry> = entries
        .iter()
        .map(|entry| (entry.actor.as_str(), *entry))
        .collect();
    let span = |step: &Step<'_>| {
        let entry = step.actor.and_then(|actor| entry_of.get(actor));
        entry.map_or((0, 0), |entry| (entry.begun, entry.ended))
    };
    let spans: Vec<(u64, u64)> = steps.iter().map(span).collect();
    let mut own: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (at, step) in steps.iter().enumerate() {
        if let Some(actor) = step.actor {
            own.entry(actor).or_insert((at, at)).1 = at;
        }
    }
    for entry in entries {
        match own.get(entry.actor.as_str()) {
            Some((first, last)) => check_change(entry, &steps, *first, *last, report),
            None => check_observation(entry, &steps, &spans, report),
        }
    }
}

/// The messages are those of the events, besides the one that the conversation began with.
fn check_texts(stored: &Stored, number: usize, transcript: &Transcript, report: &mut Report) {
    let id = transcript.conversation.id;
    let of = |event: &&Event| event.subject.conversation_id() == Some(id);
    let events = stored.events.iter().filter(of).filter(|event| {
        matches!(
            event.kind,
            EventKind::MessageReceived { .. } | EventKind::MessageSent { .. }
        )
    });
    let (events, messages) = (events.count(), transcript.messages.len());
    if events != messages {
        report.found(Breach::Torn, || {
            format!("conversation {number} has {messages} messages, and {events} events of them")
        });
    }
}

/// A command that changed the conversation, from its first event to its last.
fn check_change(entry: &Entry, steps: &[Step<'_>], first: usize, last: usize, report: &mut Report) {
    let (Some(before), Some(after)) = (
        first.checked_sub(1).and_then(|at| steps.get(at)),
        steps.get(last),
    ) else {
        return;
    };
    if entry
        .revision
        .is_some_and(|revision| revision != before.state.revision)
    {
        report.found(Breach::Wrong, || {
            format!("{entry:?} met {:?}", before.state)
        });
    }
    if entry.what == What::Claim && before.state.assignee.is_some() {
        report.found(Breach::Wrong, || {
            format!("{entry:?} claims from {:?}", before.state)
        });
    }
    let Answer::Done(seen) = &entry.answer else {
        return;
    };
    let is_own = seen.is_changed && !seen.is_duplicate;
    if is_own
        && seen
            .state
            .as_ref()
            .is_some_and(|answered| *answered != after.state)
    {
        report.found(Breach::Wrong, || {
            format!("{entry:?} led to {:?}", after.state)
        });
    }
}

/// A command that left the conversation's state: was there one, while it ran, in which it does?
fn check_observation(entry: &Entry, steps: &[Step<'_>], spans: &[(u64, u64)], report: &mut Report) {
    let is_refused = match &entry.answer {
        Answer::Done(seen) if !seen.is_duplicate => false,
        Answer::Refused(code) if code == ErrorKind::PreconditionFailed.code() => true,
        _ => return,
    };
    let seen = match &entry.answer {
        Answer::Done(seen) => seen.state.as_ref(),
        _ => None,
    };
    let accounts = |state: &State| {
        if is_refused {
            let is_other = entry
                .revision
                .is_some_and(|revision| revision != state.revision);
            return is_other || entry.what == What::Claim && state.assignee.is_some();
        }
        // What changes nothing is not asked for its conditions.
        let leaves = match entry.what {
            What::Claim => state.assignee.is_some() && !state.is_resolved,
            What::Unassign => state.assignee.is_none(),
            What::Resolve => state.is_resolved,
            What::Reopen | What::Receive => !state.is_resolved,
            What::Reply | What::Note | What::Deliver => true,
        };
        leaves && seen.is_none_or(|seen| seen == state)
    };
    let before = |(_, ended): &(u64, u64)| *ended < entry.begun;
    let behind = |(begun, _): &(u64, u64)| *begun > entry.ended;
    let low = spans.iter().rposition(before).unwrap_or(0);
    let high = spans.iter().position(behind).unwrap_or(steps.len());
    let mut between = steps.get(low..high.max(low + 1)).unwrap_or_default().iter();
    if !between.any(|step| accounts(&step.state)) {
        report.found(Breach::Wrong, || {
            let states: Vec<_> = steps
                .iter()
                .skip(low)
                .take(high - low)
                .map(|step| &step.state)
                .collect();
            format!("{entry:?} met none of {states:?}")
        });
    }
}

/// Commits have the order of time, and events have that of commits.
fn check_order(stored: &Stored, entries: &[Entry], report: &mut Report) {
    let actor_of = |event: &Event| event.actor.as_ref().map(|actor| actor.as_str().to_owned());
    let mut first_of: BTreeMap<String, u64> = BTreeMap::new();
    for event in stored.events.iter().rev() {
        first_of.extend(actor_of(event).map(|actor| (actor, event.seq.get())));
    }
    let mut done: Vec<(&Entry, u64)> = Vec::new();
    for entry in entries {
        if let Answer::Done(seen) = &entry.answer
            && seen.is_changed
            && !seen.is_duplicate
        {
            // Where commits have no number, their events have their order.
            match seen.commit {
                0 => done.extend(first_of.get(&entry.actor).map(|first| (entry, *first))),
                commit => done.push((entry, commit)),
            }
        }
    }
    let mut ended = done.clone();
    done.sort_by_key(|(entry, _)| entry.begun);
    ended.sort_by_key(|(entry, _)| entry.ended);
    let mut ended = ended.into_iter().peekable();
    let mut newest: Option<(&Entry, u64)> = None;
    for (entry, commit) in &done {
        while let Some(next) = ended.next_if(|(earlier, _)| earlier.ended < entry.begun) {
            newest = newest.filter(|(_, of)| *of > next.1).or(Some(next));
        }
        if let Some((earlier, of)) = newest.filter(|(_, of)| of >= commit) {
            report.found(Breach::Wrong, || {
                format!("{entry:?} has commit {commit}, and {earlier:?} that ended before has {of}")
            });
        }
    }
    let commit_of: BTreeMap<&str, u64> = done
        .iter()
        .map(|(entry, commit)| (entry.actor.as_str(), *commit))
        .collect();
    let mut latest = 0;
    for event in &stored.events {
        let actor = event.actor.as_ref().map(|actor| actor.as_str());
        let Some(commit) = actor.and_then(|actor| commit_of.get(actor)) else {
            continue;
        };
        if *commit < latest {
            report.found(Breach::Torn, || {
                format!("{event:?} of commit {commit} is behind {latest}")
            });
        }
        latest = latest.max(*commit);
    }
}
