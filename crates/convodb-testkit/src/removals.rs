//! Removed assignees, and what becomes of their conversations. The successor shows at once; each
//! conversation has the event when it changes next, or when the store reassigns it.

use chrono::{DateTime, Utc};
use convodb::{Actor, AssigneeId, AssigneeKind, ConversationId, Event, EventKind};

use super::model::Model;
use super::rules::refused_if;
use super::verdict::{Expected, Refusal};

/// The assignee of a conversation was removed.
#[derive(Clone, Debug)]
pub struct Reassignment {
    from: AssigneeId,
    to: Option<AssigneeId>,
    at: DateTime<Utc>,
    actor: Option<Actor>,
}

impl Model {
    pub fn refused_removal(&self, id: &AssigneeId, successor: Option<&AssigneeId>) -> Vec<Refusal> {
        let itself = successor == Some(id);
        [
            self.unknown(id),
            successor.and_then(|other| self.unknown(other)),
            refused_if(itself, Refusal::invalid("successor")),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// No activity, and nothing is reopened.
    pub fn remove_assignee(
        &mut self,
        id: &AssigneeId,
        successor: Option<&AssigneeId>,
    ) -> Expected<u64> {
        self.reassign_views(id, successor);
        let mut moved = 0;
        for entry in &mut self.entries {
            if entry.assignee.as_ref() == Some(id) {
                entry.assignee = successor.cloned();
                entry.revision += 1;
                entry.reassignments.push(Reassignment {
                    from: id.clone(),
                    to: successor.cloned(),
                    at: self.newest,
                    actor: self.actor.clone(),
                });
                moved += 1;
            }
        }
        let is_team = |id: &&AssigneeId| id.kind() == AssigneeKind::Team;
        for entry in &mut self.entries {
            if entry.team.as_ref() == Some(id) {
                entry.team = successor.filter(is_team).cloned();
            }
        }
        self.directory.retain(|(known, _)| known != id);
        self.members.retain(|team, members| {
            members.retain(|member| AssigneeId::from(member) != *id);
            AssigneeId::from(team) != *id
        });
        self.touched = true;
        Expected::plain(moved, true)
    }

    /// How many conversations are to be reassigned.
    pub fn to_reassign(&self) -> u64 {
        let waiting = self.entries.iter();
        let waiting = waiting.filter(|entry| !entry.reassignments.is_empty());
        waiting.count() as u64
    }

    /// The store reassigned these, at most this many.
    pub fn reassign(&mut self, ids: &[ConversationId], limit: u8) {
        let due = self.to_reassign().min(limit.into());
        assert_eq!(ids.len() as u64, due, "{ids:?} were reassigned");
        for id in ids {
            let had_event = self.add_reassignment_events(*id);
            assert!(had_event, "{id} was reassigned, and had no reassignment");
            self.touched = true;
        }
    }

    /// The events of a conversation's reassignments that it has not had yet; whether there was any.
    pub fn add_reassignment_events(&mut self, id: ConversationId) -> bool {
        let id = self.conversation_meant(id);
        let entry = self.entries.iter_mut().find(|entry| entry.id == id);
        let reassignments = entry.map(|entry| std::mem::take(&mut entry.reassignments));
        let reassignments = reassignments.unwrap_or_default();
        let any = !reassignments.is_empty();
        for reassignment in reassignments {
            self.add_reassignment_event(id, reassignment);
        }
        any
    }

    pub fn add_reassignment_event(&mut self, id: ConversationId, reassignment: Reassignment) {
        let Reassignment {
            from,
            to,
            at,
            actor,
        } = reassignment;
        let kind = match to {
            Some(assigned_to) => EventKind::ConversationAssigned {
                assigned_to,
                previously_assigned_to: Some(from),
            },
            None => EventKind::ConversationUnassigned {
                previously_assigned_to: from,
            },
        };
        let mut event = Event::new(self.newest_event().next(), self.newest, id, kind);
        event.effective_at = Some(at);
        event.actor = actor;
        self.keep(event);
    }
}
