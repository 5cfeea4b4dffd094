//! All that a store holds, and all that a model says it should, as values that are compared at
//! once: a harness that reads thousands of stores reports a difference instead of panicking.

use convodb::testing::ManualClock;
use convodb::{
    Assignee, ConsumerName, Conversation, ConversationId, Event, EventSeq, Filter, Message, Note,
    PageRequest, Read as _, Result, Store,
};

use crate::memory::Memory;
use crate::model::Model;
use crate::probe::FilterPlan;

/// A conversation with all that belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Held {
    shown: Conversation,
    messages: Vec<Message>,
    notes: Vec<Note>,
    audit_log: Vec<Event>,
}

/// In the order of lists, and the directory.
#[derive(Clone, Debug)]
pub struct Contents {
    read: Answers,
    /// What only commands show: of a store that takes none it is not known.
    memory: Option<Memory>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Answers {
    conversations: Vec<Held>,
    assignees: Vec<Assignee>,
    events: Vec<Event>,
    consumers: Vec<(ConsumerName, EventSeq)>,
    unmatched: u64,
    to_reassign: u64,
}

impl Contents {
    pub fn of_model(model: &Model) -> Self {
        let conversations = FilterPlan::ALL.list(model).into_iter().map(|shown| {
            let entry = model.entry(shown.id);
            let entry = entry.expect("what is listed is there");
            Held {
                messages: model.thread_of(entry),
                notes: entry.notes.clone(),
                audit_log: entry.audit_log.clone(),
                shown,
            }
        });
        let read = Answers {
            conversations: conversations.collect(),
            assignees: model.assignees(),
            events: model.events.clone(),
            consumers: model.consumers.clone(),
            unmatched: model.unmatched.len() as u64,
            to_reassign: model.to_reassign(),
        };
        Self {
            read,
            memory: Some(Memory::of_model(model)),
        }
    }

    /// Reads, and gives commands that are rolled back.
    pub fn of_store(store: &Store, clock: &ManualClock) -> Result<Self> {
        let Self { read, .. } = Self::of_reading(store)?;
        let memory = Some(Memory::of_backend(store, clock)?);
        Ok(Self { read, memory })
    }

    pub fn of_reading(store: &Store) -> Result<Self> {
        let first = store.list(&Filter::all(), PageRequest::number(1, 100)?)?;
        let (mut rows, mut next) = (first.data, first.next);
        while let Some(cursor) = next {
            let page = store.list(&Filter::all(), (cursor, 100))?;
            rows.extend(page.data);
            next = page.next;
        }
        let stats = store.stats()?;
        let purged = EventSeq::new(stats.newest_event.get() - stats.events);
        let events = store.events(purged, usize::MAX)?;
        let consumers = store.consumers()?.into_iter();
        let held = rows.into_iter().map(|shown| Held::read(store, shown));
        let read = Answers {
            conversations: held.collect::<Result<_>>()?,
            assignees: store.assignees()?,
            events,
            consumers: consumers.map(|one| (one.name, one.position)).collect(),
            unmatched: stats.unmatched,
            to_reassign: stats.to_reassign,
        };
        Ok(Self { read, memory: None })
    }

    /// Where two differ first, in a line; nothing where all that is known of both is the same.
    pub fn difference(&self, other: &Self) -> Option<String> {
        if self.read != other.read {
            return Some(self.read.difference(&other.read));
        }
        match (&self.memory, &other.memory) {
            (Some(memory), Some(other)) if memory != other => Some(memory.difference(other)),
            _ => None,
        }
    }
}

impl Answers {
    /// Where two that differ do so first.
    fn difference(&self, other: &Self) -> String {
        if self.unmatched != other.unmatched {
            return format!(
                "{} unmatched instead of {}",
                self.unmatched, other.unmatched
            );
        }
        if self.to_reassign != other.to_reassign {
            return format!(
                "{} to reassign instead of {}",
                self.to_reassign, other.to_reassign
            );
        }
        if self.assignees != other.assignees {
            return format!("{:?} instead of {:?}", self.assignees, other.assignees);
        }
        if self.consumers != other.consumers {
            return format!("{:?} instead of {:?}", self.consumers, other.consumers);
        }
        if self.events != other.events {
            return format!("{:?} instead of {:?}", self.events, other.events);
        }
        let pairs = self.conversations.iter().zip(&other.conversations);
        for (got, expected) in pairs {
            if got != expected {
                return format!("{got:?} instead of {expected:?}");
            }
        }
        let ids = |of: &Self| -> Vec<ConversationId> {
            of.conversations.iter().map(|held| held.shown.id).collect()
        };
        format!("{:?} instead of {:?}", ids(self), ids(other))
    }
}

impl Held {
    fn read(store: &Store, shown: Conversation) -> Result<Self> {
        let transcript = store.transcript(shown.id)?;
        Ok(Self {
            messages: transcript.messages,
            notes: store.notes(shown.id)?.collect::<Result<_>>()?,
            audit_log: store.audit_log(shown.id)?,
            shown,
        })
    }
}
