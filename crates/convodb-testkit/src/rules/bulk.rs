//! Commands on many conversations.

use convodb::{AssigneeId, Conversation, ConversationId, ErrorKind};

use crate::keys::{Did, EachOf};
use crate::model::Model;
use crate::verdict::Expected;

impl Model {
    /// Each for itself.
    fn each(
        &mut self,
        ids: &[ConversationId],
        command: impl Fn(&mut Self, ConversationId) -> Expected<Conversation>,
    ) -> Expected<Vec<EachOf>> {
        let mut seen = Vec::new();
        let each = ids
            .iter()
            .map(|id| match self.entry(*id).map(|entry| entry.id) {
                // One that was merged means another one, which may have been among them.
                Some(known) if seen.contains(&known) => EachOf {
                    id: *id,
                    result: Ok(self.shown(known)),
                    did: Did::default(),
                },
                Some(known) => {
                    seen.push(known);
                    let done = command(self, *id);
                    let did = Did {
                        changed: done.changed,
                        reopened: done.reopened,
                    };
                    let result = Ok(done.value);
                    EachOf {
                        id: *id,
                        result,
                        did,
                    }
                }
                None => EachOf {
                    id: *id,
                    result: Err(ErrorKind::NotFound),
                    did: Did::default(),
                },
            });
        let mut each: Vec<EachOf> = each.collect();
        for item in &mut each {
            if item.result.is_ok() {
                item.result = Ok(self.shown(item.id));
            }
        }
        let (changed, reopened) = (
            each.iter().any(|item| item.did.changed),
            each.iter().any(|item| item.did.reopened),
        );
        Expected {
            reopened,
            ..Expected::plain(each, changed)
        }
    }

    pub fn assign_all(
        &mut self,
        ids: &[ConversationId],
        assignee: &AssigneeId,
    ) -> Expected<Vec<EachOf>> {
        self.each(ids, |model, id| model.assign(id, assignee))
    }

    pub fn resolve_all(&mut self, ids: &[ConversationId]) -> Expected<Vec<EachOf>> {
        self.each(ids, Self::resolve)
    }
}
