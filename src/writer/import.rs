//! Whole conversations from elsewhere, one by one or many in key order.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use convodb_core::{
    Assignee, Channel, ContactId, Conversation, ConversationId, Fact, Import, Message, MessageId,
    Outcome, Provided, ProviderId, Rejection, Result, decide,
};

use super::{Traits, Transaction};

/// So many bytes of rows, and where each lies, are sorted and written at a time; the conversation at
/// hand comes whole. Loads of a million conversations wrote 2.6 GB to the disk with 24 MiB, 1.75
/// with 48, 1.35 with 96 and 1.25 with 128.
const GATHERED_BYTES: usize = 96 << 20;

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
            let (now, facts) = tx.check_import(import, None)?;
            tx.settle(id, now, facts)
        })
    }

    /// Imports many conversations in key order, all or none of them. [`Store::import_all`] does
    /// the same in several transactions.
    ///
    /// Up to 96 MiB of rows are gathered at a time and then written, and what is gathered takes about
    /// three times that beside the [cache](crate::Options::cache_size), however many there are.
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
        let mut imports = imports.into_iter().fuse();
        let mut imported = 0;
        while let some @ 1.. = self.import_some(imported, &mut imports)? {
            imported += some;
        }
        let traits = Traits {
            changed: imported > 0,
            created: imported > 0,
            reopened: false,
        };
        Ok(self.outcome(imported, &traits))
    }

    /// Imports as many conversations as are written together, of which the first has this place
    /// among all. None are left where there were none.
    pub(super) fn import_some(
        &mut self,
        first: u64,
        imports: &mut impl Iterator<Item = Import>,
    ) -> Result<u64> {
        self.check_health()?;
        let mut gathered = self.writer.begin_imports()?;
        let greatest = self.writer.reader().greatest_conversation()?;
        let mut known = Known::default();
        let mut count = 0;
        while gathered.bytes() < GATHERED_BYTES
            && let Some(import) = imports.next()
        {
            known.check(&import)?;
            let place = || format!("import[{}]", first + count);
            let (now, facts) = self
                .check_import(import, greatest)
                .map_err(|error| error.within(&place()))?;
            for fact in facts {
                let change = self.change(now, fact);
                self.writer.gather_import(&mut gathered, &change)?;
            }
            count += 1;
        }
        if count > 0 {
            self.applied += 1;
            let written = self.writer.write_gathered(gathered);
            self.poison_on_error(written)?;
        }
        Ok(count)
    }

    /// Checks a whole conversation against itself and the store; who it is assigned to joins the
    /// directory at once. One with a greater id than any is not looked for.
    fn check_import(
        &mut self,
        mut import: Import,
        greatest: Option<ConversationId>,
    ) -> Result<(DateTime<Utc>, Vec<Fact>)> {
        let now = self.now();
        let assignee = import.conversation.assigned_to.clone();
        let contact = import.conversation.contact_id.clone();
        let (id, channel) = (import.conversation.id, import.conversation.channel);
        let reader = self.writer.reader();
        let may_exist = greatest.is_none_or(|greatest| id <= greatest);
        if may_exist && reader.find_state(id)?.is_some() {
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
        if let Some(Assignee { id, name, .. }) = assignee
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

/// What is to be written together, as far as no two of it may have the same.
#[derive(Default)]
struct Known {
    ids: HashSet<ConversationId>,
    threads: HashMap<(ContactId, Channel), ConversationId>,
    provided: HashMap<(Channel, ProviderId), (ConversationId, MessageId)>,
}

impl Known {
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
