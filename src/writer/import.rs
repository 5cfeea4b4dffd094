//! Whole conversations from elsewhere, one by one or many in key order.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};

use super::{Outcome, Traits, Transaction};
use crate::domain::{
    Assignee, Channel, ContactId, Conversation, ConversationId, Fact, Import, Message, MessageId,
    Provided, ProviderId, Rejection, decide,
};
use crate::error::Result;

/// So many rows of an import are sorted and written at a time.
const IMPORT_ROWS: usize = 512 * 1024;

impl Transaction<'_> {
    /// As [`Store::import`](crate::Store::import).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn import(&mut self, import: Import) -> Result<Outcome<Conversation>> {
        let id = import.conversation.id;
        let command = self.command(("import", &import));
        self.once(command, |tx, _| {
            let (now, facts) = tx.check_import(import)?;
            tx.settle(id, now, facts)
        })
    }

    /// Imports many conversations in key order, all or none of them. [`Store::import_all`] does
    /// the same in several transactions.
    ///
    /// [`Store::import_all`]: crate::Store::import_all
    ///
    /// # Errors
    ///
    /// As [`Store::import`](crate::Store::import); the field of an invalid one begins with its
    /// place, `import[7]`, from 0. What came before it may be written: return the error, so that
    /// nothing is kept.
    pub fn import_all(
        &mut self,
        imports: impl IntoIterator<Item = Import>,
    ) -> Result<Outcome<u64>> {
        self.import_from(0, imports)
    }

    /// Imports many conversations, of which the first has this place among all.
    pub(super) fn import_from(
        &mut self,
        first: u64,
        imports: impl IntoIterator<Item = Import>,
    ) -> Result<Outcome<u64>> {
        let mut gathered = Gathered::default();
        let mut imported = 0_u64;
        for import in imports {
            let place = || format!("import[{}]", first + imported);
            gathered.check(&import)?;
            let (_, facts) = self
                .check_import(import)
                .map_err(|error| error.within(&place()))?;
            gathered.rows += facts.iter().map(rows_of).sum::<usize>();
            gathered.facts.extend(facts);
            imported += 1;
            if gathered.rows >= IMPORT_ROWS {
                self.write_gathered(&mut gathered)?;
            }
        }
        self.write_gathered(&mut gathered)?;
        let traits = Traits {
            changed: imported > 0,
            created: imported > 0,
            reopened: false,
        };
        Ok(self.outcome(imported, &traits))
    }

    fn write_gathered(&mut self, gathered: &mut Gathered) -> Result<()> {
        let Gathered { facts, .. } = std::mem::take(gathered);
        let now = self.now();
        self.apply(now, facts).map(drop)
    }

    /// Checks a whole conversation against itself and the store; who it is assigned to joins the
    /// directory at once.
    fn check_import(&mut self, mut import: Import) -> Result<(DateTime<Utc>, Vec<Fact>)> {
        let now = self.now();
        let assignee = import.conversation.assigned_to.clone();
        let contact = import.conversation.contact_id.clone();
        let (id, channel) = (import.conversation.id, import.conversation.channel);
        let reader = self.writer.reader();
        if reader.find_state(id)?.is_some() {
            return Err(Rejection::Exists(id).into());
        }
        if let Some(state) = reader.thread_state(&contact, channel)? {
            return Err(Rejection::ThreadExists {
                contact_id: contact,
                channel,
                existing: state.id,
            }
            .into());
        }
        // Behind these: of a conversation that is there, every provider's id is taken too.
        self.check_provider_ids(channel, &mut import.messages)?;
        let facts = decide::import(import)?;
        let reader = self.writer.reader();
        if let Some(Assignee { id, name }) = assignee
            && reader.find_assignee(&id).is_none()
        {
            let name = name.to_string();
            self.apply(now, vec![Fact::AssigneePut { assignee: id, name }])?;
        }
        Ok((now, facts))
    }

    /// R10: an id is one message's for ever; receipts that came before theirs become part of it.
    fn check_provider_ids(&self, channel: Channel, messages: &mut [Message]) -> Result<()> {
        for message in messages {
            let Some(id) = &message.provider_id else {
                continue;
            };
            match self.writer.reader().provided(channel, id)? {
                Provided::Awaited(None) => {}
                Provided::Awaited(Some(parked)) => decide::merge_parked(message, parked),
                Provided::Erased => return Err(Rejection::erased(channel, id).into()),
                Provided::Stored(at) => return Err(taken(channel, id, at.message).into()),
            }
        }
        Ok(())
    }
}

fn taken(channel: Channel, id: &ProviderId, message: MessageId) -> Rejection {
    Rejection::ProviderIdTaken {
        channel,
        provider_id: id.clone(),
        message,
    }
}

/// Imports that wait to be written together.
#[derive(Default)]
struct Gathered {
    ids: HashSet<ConversationId>,
    threads: HashMap<(ContactId, Channel), ConversationId>,
    provided: HashMap<(Channel, ProviderId), (ConversationId, MessageId)>,
    facts: Vec<Fact>,
    rows: usize,
}

impl Gathered {
    /// What waits to be written, the store does not know yet.
    fn check(&mut self, import: &Import) -> Result<(), Rejection> {
        let conversation = &import.conversation;
        if !self.ids.insert(conversation.id) {
            return Err(Rejection::Exists(conversation.id));
        }
        let thread = (conversation.contact_id.clone(), conversation.channel);
        if let Some(existing) = self.threads.insert(thread, conversation.id) {
            return Err(Rejection::ThreadExists {
                contact_id: conversation.contact_id.clone(),
                channel: conversation.channel,
                existing,
            });
        }
        // One that stands twice in a conversation is that conversation's mistake.
        let channel = conversation.channel;
        for message in &import.messages {
            let Some(id) = &message.provider_id else {
                continue;
            };
            let known = (conversation.id, message.id);
            match self.provided.insert((channel, id.clone()), known) {
                Some((other, existing)) if other != conversation.id => {
                    return Err(taken(channel, id, existing));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn rows_of(fact: &Fact) -> usize {
    match fact {
        // The record, the thread and a row in each index; two more of an unread one.
        Fact::ConversationImported {
            conversation,
            messages,
            notes,
        } => {
            let unread = if conversation.unread() > 0 { 2 } else { 0 };
            4 + unread + messages.len() + notes.len()
        }
        _ => 1,
    }
}
