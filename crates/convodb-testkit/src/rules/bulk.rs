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
        let each = ids.iter().map(|id| match self.entry(*id) {
            Some(_) => {
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
        let each: Vec<EachOf> = each.collect();
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
