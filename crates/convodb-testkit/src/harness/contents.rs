//! All that a store holds, and all that a model says it should, as values that are compared at
//! once: a harness that looks at thousands of stores tells of a difference instead of panicking.

use convodb::testing::ManualClock;
use convodb::{
    Assignee, ConsumerName, Conversation, ConversationId, Event, Filter, Message, Note,
    PageRequest, Result, Store,
};

use crate::memory::Memory;
use crate::model::Model;
use crate::probe::FilterPlan;

/// A conversation with its history.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Held {
    shown: Conversation,
    messages: Vec<Message>,
    notes: Vec<Note>,
    history: Vec<Event>,
}

/// In the order of lists, and the directory.
#[derive(Clone, Debug)]
pub struct Contents {
    read: Read,
    /// What only commands show: of a store that takes none it is not known.
    memory: Option<Memory>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Read {
    conversations: Vec<Held>,
    assignees: Vec<Assignee>,
    events: Vec<Event>,
    consumers: Vec<(ConsumerName, u64)>,
    parked: u64,
    to_refile: u64,
}

impl Contents {
    pub fn of_model(model: &Model) -> Self {
        let conversations = FilterPlan::ALL.list(model).into_iter().map(|shown| {
            let entry = model.entry(shown.id);
            let entry = entry.expect("what is listed is there");
            Held {
                messages: entry.messages.clone(),
                notes: entry.notes.clone(),
                history: entry.history.clone(),
                shown,
            }
        });
        let read = Read {
            conversations: conversations.collect(),
            assignees: model.assignees(),
            events: model.events.clone(),
            consumers: model.consumers.clone(),
            parked: model.parked.len() as u64,
            to_refile: model.to_refile(),
        };
        Self {
            read,
            memory: Some(Memory::of_model(model)),
        }
    }

    /// Reads, and gives commands that are rolled back.
    pub fn of_store(store: &Store, clock: &ManualClock) -> Result<Self> {
        let Self { read, .. } = Self::of_reading(store)?;
        let memory = Some(Memory::of_store(store, clock)?);
        Ok(Self { read, memory })
    }

    pub fn of_reading(store: &Store) -> Result<Self> {
        let first = store.list(&Filter::all(), PageRequest::new(1, 100)?)?;
        let (mut rows, mut next) = (first.data, first.next);
        while let Some(cursor) = next {
            let page = store.list_after(&Filter::all(), &cursor, 100)?;
            rows.extend(page.data);
            next = page.next;
        }
        let stats = store.stats()?;
        let events = store.events(stats.newest_event - stats.events, usize::MAX)?;
        let consumers = store.consumers()?.into_iter();
        let held = rows.into_iter().map(|shown| Held::read(store, shown));
        let read = Read {
            conversations: held.collect::<Result<_>>()?,
            assignees: store.assignees()?,
            events,
            consumers: consumers.map(|one| (one.name, one.position)).collect(),
            parked: stats.parked,
            to_refile: stats.to_refile,
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

impl Read {
    /// Where two that differ do so first.
    fn difference(&self, other: &Self) -> String {
        if self.parked != other.parked {
            return format!("{} parked instead of {}", self.parked, other.parked);
        }
        if self.to_refile != other.to_refile {
            return format!(
                "{} to refile instead of {}",
                self.to_refile, other.to_refile
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
        let thread = store.get(shown.id)?;
        Ok(Self {
            messages: thread.messages,
            notes: store.notes(shown.id)?.collect::<Result<_>>()?,
            history: store.history(shown.id)?,
            shown,
        })
    }
}
