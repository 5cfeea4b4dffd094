//! One command on many conversations, in one transaction.

use chrono::{DateTime, Utc};
use convodb_core::{
    AssigneeId, Conversation, ConversationId, ConversationState, ErrorKind, Fact, Named, Outcome,
    Result, Targets, decide,
};

use super::{Traits, Transaction};

/// The conversations of a list are fetched by pages of so many.
const PAGE: u32 = 100;

/// What a bulk command did to each conversation, in the order of the ids or of the list.
pub type Each = Vec<(ConversationId, Result<Outcome<Conversation>>)>;

impl Transaction<'_> {
    /// As [`Store::assign_all`](crate::Store::assign_all).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn assign_all(
        &mut self,
        targets: &Targets,
        assignee: &AssigneeId,
    ) -> Result<Outcome<Each>> {
        let command = self.command(("assign_all", targets, assignee));
        self.once(command, |tx, now| {
            tx.writer.reader().assignee(assignee)?;
            tx.each(targets, now, |state| decide::assign(state, assignee))
        })
    }

    /// As [`Store::resolve_all`](crate::Store::resolve_all).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn resolve_all(&mut self, targets: &Targets) -> Result<Outcome<Each>> {
        let command = self.command(("resolve_all", targets));
        self.once(command, |tx, now| tx.each(targets, now, decide::resolve))
    }

    /// Decides on each conversation, and applies all of it together.
    fn each(
        &mut self,
        targets: &Targets,
        now: DateTime<Utc>,
        decide: impl Fn(&ConversationState) -> Vec<Fact>,
    ) -> Result<Outcome<Each>> {
        let mut decided = Vec::new();
        let mut facts = Vec::new();
        for id in self.targeted(targets)? {
            match self.writer.reader().state(id) {
                Ok(state) => {
                    let own = decide(&state);
                    decided.push((id, Ok(Traits::of(&own))));
                    facts.extend(own);
                }
                Err(error) if error.kind() == ErrorKind::NotFound => decided.push((id, Err(error))),
                Err(error) => return Err(error),
            }
        }
        let traits = Traits::of(&facts);
        self.apply(now, facts)?;
        let each = decided.into_iter().map(|(id, decided)| {
            let outcome = decided.and_then(|traits| {
                let conversation = self.writer.reader().conversation(id)?;
                Ok(self.outcome(conversation, &traits))
            });
            (id, outcome)
        });
        let each = each.collect();
        Ok(self.outcome(each, &traits))
    }

    fn targeted(&self, targets: &Targets) -> Result<Vec<ConversationId>> {
        let (filter, limit) = match targets.named() {
            Named::Ids(ids) => return Ok(ids.clone()),
            Named::First(filter, limit) => (filter, *limit as usize),
        };
        let reader = self.writer.reader();
        let mut ids = Vec::with_capacity(limit);
        let mut next = None;
        while ids.len() < limit {
            let page = match &next {
                None => reader.list_first(filter, PAGE)?,
                Some(cursor) => reader.list_after(filter, cursor, PAGE)?,
            };
            ids.extend(page.data.iter().map(|conversation| conversation.id));
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        ids.truncate(limit);
        Ok(ids)
    }
}
