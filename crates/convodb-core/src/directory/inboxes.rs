//! The inboxes, held in memory beside each snapshot: by their ids, and by the numbers that keys hold.
//!
//! Invariant: those that were saved are numbered without a gap, and none is removed.

use std::collections::BTreeMap;

use super::{DirectoryEdit, DirectoryRow};
use crate::records::InboxRecord;
use crate::{Channel, Conversation, Error, Filter, Inbox, InboxId, InboxNumber, InboxRef, Result};

/// The inboxes of one snapshot.
#[derive(Clone, Debug, Default)]
pub struct Inboxes {
    by_id: BTreeMap<InboxId, InboxNumber>,
    /// Those that were saved, by their numbers.
    saved: Vec<Inbox>,
    pub(super) edits: Vec<DirectoryEdit>,
}

impl Inboxes {
    pub(super) fn from_rows(mut rows: Vec<(InboxId, InboxRecord)>) -> Result<Self> {
        let mut inboxes = Self::default();
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
    pub fn numbers(&self) -> impl Iterator<Item = InboxNumber> {
        let saved = self.saved.iter().enumerate();
        let saved = saved.map(|(others, inbox)| InboxNumber::of_saved(others, inbox.channel));
        Channel::ALL.into_iter().map(InboxNumber::from).chain(saved)
    }

    /// Those that were saved, by their ids.
    pub fn iter(&self) -> impl Iterator<Item = &Inbox> {
        self.by_id.values().filter_map(|number| self.saved(*number))
    }

    #[inline]
    fn saved(&self, number: InboxNumber) -> Option<&Inbox> {
        let saved = self.saved.get(number.saved()?);
        saved.filter(|inbox| inbox.channel == number.channel())
    }

    /// One that was saved.
    pub fn get(&self, id: &InboxId) -> Option<&Inbox> {
        self.saved(*self.by_id.get(id)?)
    }

    /// The number of an inbox, if it is there.
    pub fn number(&self, inbox: &InboxRef) -> Option<InboxNumber> {
        match inbox {
            InboxRef::Channel(channel) => Some((*channel).into()),
            InboxRef::Inbox(id) => self.by_id.get(id).copied(),
        }
    }

    /// The number of the inbox of a conversation that is stored or is to be.
    pub fn number_of(&self, conversation: &Conversation) -> Result<InboxNumber> {
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
    #[inline]
    pub fn named(&self, number: InboxNumber) -> Option<(Channel, Option<&InboxId>)> {
        match number.saved() {
            None => Some((number.channel(), None)),
            Some(_) => self.saved(number).map(|it| (it.channel, Some(&it.id))),
        }
    }

    /// The numbers of those that a filter selects.
    pub fn selected(&self, filter: &Filter) -> impl Iterator<Item = InboxNumber> {
        self.numbers().filter(|number| {
            let Some((channel, id)) = self.named(*number) else {
                return false;
            };
            filter.has_inbox(channel, id)
        })
    }

    /// Adds one, or renames it.
    pub fn save(&mut self, inbox: Inbox) {
        let known = self.by_id.get(&inbox.id).copied();
        let record = InboxRecord {
            number: known.unwrap_or_else(|| self.next(inbox.channel)),
            channel: inbox.channel,
            name: inbox.name.clone(),
        };
        let row = DirectoryRow::Inbox(inbox.id.clone(), record);
        self.edits.push(DirectoryEdit::Put(row));
        let known = known.and_then(InboxNumber::saved);
        match known.and_then(|place| self.saved.get_mut(place)) {
            Some(slot) => *slot = inbox,
            None => self.insert(inbox),
        }
    }
}
