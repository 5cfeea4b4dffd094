//! The inboxes, held in memory beside each snapshot: by their ids, and by the numbers that keys hold.
//!
//! Invariant: those that were saved are numbered without a gap, and none is removed.

use std::collections::BTreeMap;

use convodb_core::records::InboxRecord;
use convodb_core::{
    Channel, Conversation, Error, Filter, Inbox, InboxId, InboxNumber, InboxRef, Result,
};

use super::kinds::INBOXES;
use convodb_kv::{Read, WriteTables};

#[derive(Clone, Debug, Default)]
pub(crate) struct Inboxes {
    by_id: BTreeMap<InboxId, InboxNumber>,
    /// Those that were saved, by their numbers.
    saved: Vec<Inbox>,
}

impl Inboxes {
    pub(super) fn read(rows: &impl Read) -> Result<Self> {
        let mut inboxes = Self::default();
        let mut rows = INBOXES.all(rows)?.collect::<Result<Vec<_>>>()?;
        rows.sort_unstable_by_key(|(_, record)| record.number);
        for (id, record) in rows {
            if record.number != inboxes.next(record.channel) {
                return Err(Error::corrupted(format!("the number of `{id}` is wrong")));
            }
            inboxes.insert(Inbox::new(id, record.channel, record.name));
        }
        Ok(inboxes)
    }

    fn insert(&mut self, inbox: Inbox) {
        let number = self.next(inbox.channel);
        self.by_id.insert(inbox.id.clone(), number);
        self.saved.push(inbox);
    }

    /// The number of the next one, if it is of a channel.
    fn next(&self, channel: Channel) -> InboxNumber {
        InboxNumber::of_saved(self.saved.len(), channel)
    }

    /// The numbers of all.
    pub(super) fn numbers(&self) -> impl Iterator<Item = InboxNumber> {
        let saved = self.saved.iter().enumerate();
        let saved = saved.map(|(others, inbox)| InboxNumber::of_saved(others, inbox.channel));
        Channel::ALL.into_iter().map(InboxNumber::from).chain(saved)
    }

    /// Those that were saved, by their ids.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Inbox> {
        self.by_id.values().filter_map(|number| self.saved(*number))
    }

    fn saved(&self, number: InboxNumber) -> Option<&Inbox> {
        let saved = self.saved.get(number.saved()?);
        saved.filter(|inbox| inbox.channel == number.channel())
    }

    pub(crate) fn get(&self, id: &InboxId) -> Option<&Inbox> {
        self.saved(*self.by_id.get(id)?)
    }

    pub(super) fn number(&self, inbox: &InboxRef) -> Option<InboxNumber> {
        match inbox {
            InboxRef::Channel(channel) => Some((*channel).into()),
            InboxRef::Inbox(id) => self.by_id.get(id).copied(),
        }
    }

    /// The number of the inbox of a conversation that is stored or is to be.
    pub(super) fn number_of(&self, conversation: &Conversation) -> Result<InboxNumber> {
        match &conversation.inbox_id {
            None => Ok(conversation.channel.into()),
            Some(id) => self
                .by_id
                .get(id)
                .copied()
                .ok_or_else(|| Error::corrupted(format!("the inbox `{id}` is missing"))),
        }
    }

    /// The channel of a number, and the id if the inbox has one.
    pub(super) fn named(&self, number: InboxNumber) -> Option<(Channel, Option<&InboxId>)> {
        match number.saved() {
            None => Some((number.channel(), None)),
            Some(_) => self.saved(number).map(|it| (it.channel, Some(&it.id))),
        }
    }

    /// The numbers of those that a filter selects.
    pub(super) fn selected(&self, filter: &Filter) -> impl Iterator<Item = InboxNumber> {
        self.numbers().filter(|number| {
            let Some((channel, id)) = self.named(*number) else {
                return false;
            };
            filter.has_inbox(channel, id)
        })
    }

    /// Adds one, or renames it.
    pub(super) fn save(&mut self, rows: &mut WriteTables<'_>, inbox: Inbox) -> Result<()> {
        let known = self.by_id.get(&inbox.id).copied();
        let record = InboxRecord {
            number: known.unwrap_or_else(|| self.next(inbox.channel)),
            channel: inbox.channel,
            name: inbox.name.clone(),
        };
        INBOXES.put(rows, &inbox.id, &record)?;
        let known = known.and_then(InboxNumber::saved);
        match known.and_then(|place| self.saved.get_mut(place)) {
            Some(slot) => *slot = inbox,
            None => self.insert(inbox),
        }
        Ok(())
    }
}
