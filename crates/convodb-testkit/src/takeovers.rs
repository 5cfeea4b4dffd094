//! R11: who is removed, and what becomes of their conversations. It shows at once; each conversation
//! tells of it when it changes next, or when the store comes to it.

use chrono::{DateTime, Utc};
use convodb::{AssigneeId, ConversationId, Event, EventKind};

use super::model::Model;
use super::rules::refused_if;
use super::verdict::{Expected, Refusal};

/// Who had a conversation was removed.
#[derive(Clone, Debug)]
pub struct Handover {
    from: AssigneeId,
    to: Option<AssigneeId>,
    at: DateTime<Utc>,
}

impl Model {
    pub fn refused_removal(&self, id: &AssigneeId, takeover: Option<&AssigneeId>) -> Vec<Refusal> {
        let itself = takeover == Some(id);
        [
            self.unknown(id),
            takeover.and_then(|other| self.unknown(other)),
            refused_if(itself, Refusal::invalid("takeover")),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// No activity, and nothing is reopened.
    pub fn remove_assignee(
        &mut self,
        id: &AssigneeId,
        takeover: Option<AssigneeId>,
    ) -> Expected<u64> {
        let mut moved = 0;
        for entry in &mut self.entries {
            if entry.assignee.as_ref() == Some(id) {
                entry.assignee.clone_from(&takeover);
                entry.revision += 1;
                entry.takeovers.push(Handover {
                    from: id.clone(),
                    to: takeover.clone(),
                    at: self.newest,
                });
                moved += 1;
            }
        }
        self.directory.retain(|(known, _)| known != id);
        self.touched = true;
        Expected::plain(moved, true)
    }

    /// How many conversations have something to tell of.
    pub fn to_refile(&self) -> u64 {
        let waiting = self.entries.iter();
        let waiting = waiting.filter(|entry| !entry.takeovers.is_empty());
        waiting.count() as u64
    }

    /// The store came to these, at most so many.
    pub fn refile(&mut self, ids: &[ConversationId], most: u8) {
        let due = self.to_refile().min(most.into());
        assert_eq!(ids.len() as u64, due, "{ids:?} were refiled");
        for id in ids {
            let told = self.tell_takeovers(*id);
            assert!(told, "{id} was refiled, and had nothing to tell");
            self.touched = true;
        }
    }

    /// What a conversation has not told of yet; whether there was anything.
    pub fn tell_takeovers(&mut self, id: ConversationId) -> bool {
        let entry = self.entries.iter_mut().find(|entry| entry.id == id);
        let handovers = entry.map(|entry| std::mem::take(&mut entry.takeovers));
        let handovers = handovers.unwrap_or_default();
        let any = !handovers.is_empty();
        for handover in handovers {
            self.tell_handover(id, handover);
        }
        any
    }

    pub fn tell_handover(&mut self, id: ConversationId, handover: Handover) {
        let Handover { from, to, at } = handover;
        let kind = match to {
            Some(assigned_to) => EventKind::ConversationAssigned {
                assigned_to,
                previously_assigned_to: Some(from),
            },
            None => EventKind::ConversationUnassigned {
                previously_assigned_to: from,
            },
        };
        let mut event = Event::new(self.newest_event() + 1, self.newest, id, kind);
        event.effective_at = Some(at);
        self.keep(event);
    }
}
