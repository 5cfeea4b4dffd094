//! All that a store holds, and all that a model says it should, as values that are compared at
//! once: a harness that reads thousands of stores reports a difference instead of panicking.

use convodb::testing::{ManualClock, reassign_now};
use convodb::{
    Assignee, ConsumerName, Conversation, ConversationId, ErrorKind, Event, EventSeq, Filter,
    Message, Note, PageRequest, Read as _, Result, Store, UserId, View, ViewId,
};

use crate::memory::Memory;
use crate::model::Model;
use crate::op::TeamPick;
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
    /// What the list of each view has when it is built; of the model alone.
    built: Vec<(ViewId, Vec<ConversationId>)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Answers {
    conversations: Vec<Held>,
    assignees: Vec<Assignee>,
    /// Those of each team, whether the directory knows it or not.
    members: Vec<Vec<UserId>>,
    events: Vec<Event>,
    consumers: Vec<(ConsumerName, EventSeq)>,
    /// With the lists of those that are built.
    views: Vec<(View, Option<Vec<ConversationId>>)>,
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
        let teams = TeamPick::all().map(TeamPick::id);
        let built = |view: &View| {
            let (rows, _) = model.list_of_view(&view.id).expect("it is there");
            let ids: Vec<_> = rows.into_iter().map(|row| row.id).collect();
            (view.id.clone(), ids)
        };
        let views = model.shown_views();
        let built: Vec<_> = views.iter().map(built).collect();
        let lists = built.iter().map(|(_, ids)| ids.clone());
        let views = views.into_iter().zip(lists).map(|(view, ids)| {
            let is_built = view.building.is_none();
            (view, is_built.then_some(ids))
        });
        let read = Answers {
            views: views.collect(),
            conversations: conversations.collect(),
            assignees: model.assignees(),
            members: teams.map(|team| model.members_of(&team).to_vec()).collect(),
            events: model.events.clone(),
            consumers: model.consumers.clone(),
            unmatched: model.unmatched.len() as u64,
            to_reassign: model.to_reassign(),
        };
        Self {
            read,
            memory: Some(Memory::of_model(model)),
            built,
        }
    }

    /// Reads, and gives commands that are rolled back.
    pub fn of_store(store: &Store, clock: &ManualClock) -> Result<Self> {
        let Self { read, .. } = Self::of_reading(store)?;
        let memory = Some(Memory::of_backend(store, clock)?);
        let built = Vec::new();
        Ok(Self {
            read,
            memory,
            built,
        })
    }

    pub fn of_reading(store: &Store) -> Result<Self> {
        let rows = rows(store, &Filter::all())?;
        let views = store.views()?.into_iter().map(|view| {
            let is_built = view.building.is_none();
            let list = is_built.then(|| rows_of_view(store, &view.id));
            Ok((view, list.transpose()?))
        });
        let views = views.collect::<Result<_>>()?;
        let stats = store.stats()?;
        let purged = EventSeq::new(stats.newest_event.get() - stats.events);
        let events = store.events(purged, usize::MAX)?;
        let consumers = store.consumers()?.into_iter();
        let members = TeamPick::all().map(|team| match store.members_of(&team.id()) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            members => members,
        });
        let held = rows.into_iter().map(|shown| Held::read(store, shown));
        let read = Answers {
            conversations: held.collect::<Result<_>>()?,
            assignees: store.assignees()?,
            members: members.collect::<Result<_>>()?,
            events,
            consumers: consumers.map(|one| (one.name, one.position)).collect(),
            views,
            unmatched: stats.unmatched,
            to_reassign: stats.to_reassign,
        };
        let (memory, built) = (None, Vec::new());
        Ok(Self {
            read,
            memory,
            built,
        })
    }

    /// Lets a store that holds this build its views: which one is another then than it should be.
    pub fn difference_of_built(&self, store: &Store) -> Result<Option<String>> {
        loop {
            let before = store.commit_seq()?;
            reassign_now(store, 3)?;
            if store.commit_seq()? == before {
                break;
            }
        }
        for (id, expected) in &self.built {
            let got = rows_of_view(store, id)?;
            if got != *expected {
                let what = format!("{id}, when it was built, has {got:?} instead of {expected:?}");
                return Ok(Some(what));
            }
        }
        Ok(None)
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
        if self.members != other.members {
            return format!("{:?} instead of {:?}", self.members, other.members);
        }
        if self.consumers != other.consumers {
            return format!("{:?} instead of {:?}", self.consumers, other.consumers);
        }
        if self.views != other.views {
            return format!("{:?} instead of {:?}", self.views, other.views);
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

/// The rows of a list, by its cursors.
pub(super) fn rows(store: &Store, filter: &Filter) -> Result<Vec<Conversation>> {
    let mut page = store.list(filter, PageRequest::number(1, 100)?)?;
    let mut rows = page.data;
    while let Some(cursor) = page.next {
        page = store.list(filter, (cursor, 100))?;
        rows.append(&mut page.data);
    }
    Ok(rows)
}

fn rows_of_view(store: &Store, id: &ViewId) -> Result<Vec<ConversationId>> {
    let rows = rows(store, &Filter::view(id))?.into_iter();
    Ok(rows.map(|row| row.id).collect())
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
