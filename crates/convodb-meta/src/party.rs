//! The contact on the other side of an account: what a payload calls it.
//!
//! Invariant: identities are put together only where a payload says that they are of one person.

use convodb_core::commands::Identify;
use convodb_core::{Channel, ContactChanges, Identity, UNSEEN, Who};

use crate::Item;
use crate::frame::cut;

/// As many as a message may name.
const MAX_IDENTITIES: usize = 4;
const MAX_NAME_BYTES: usize = 256;

/// Its identities, the one that an answer goes to first, and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Party {
    channel: Channel,
    identities: Vec<String>,
    name: Option<String>,
}

impl Party {
    pub(crate) const fn new(channel: Channel) -> Self {
        Self {
            channel,
            identities: Vec::new(),
            name: None,
        }
    }

    /// Adds identities behind those that are there, each once. One that no store takes is none.
    pub(crate) fn add(&mut self, identities: impl IntoIterator<Item = Option<String>>) {
        for identity in identities.into_iter().flatten() {
            let is_valid = Identity::new(self.channel, &identity).is_ok();
            let has_room = self.identities.len() < MAX_IDENTITIES;
            if is_valid && has_room && !self.has(&identity) {
                self.identities.push(identity);
            }
        }
    }

    /// The same with these identities before its own, of which the last ones may have no room.
    pub(crate) fn behind(&self, first: &Self) -> Self {
        let mut party = first.clone();
        party.add(self.identities.iter().cloned().map(Some));
        party.name = party.name.or_else(|| self.name.clone());
        party
    }

    /// What it was called, with these, before it was called otherwise: as many as leave room for the others.
    pub(crate) fn former(
        &self,
        former: impl IntoIterator<Item = Option<String>>,
        new: &Self,
    ) -> Self {
        let mut old = self.clone();
        old.add(former);
        old.identities.retain(|identity| !new.has(identity));
        old.identities
            .truncate(MAX_IDENTITIES.saturating_sub(new.identities.len()));
        old
    }

    fn has(&self, identity: &str) -> bool {
        self.identities.iter().any(|known| known == identity)
    }

    pub(crate) fn shares(&self, other: &Self) -> bool {
        self.identities.iter().any(|identity| other.has(identity))
    }

    pub(crate) const fn is_named(&self) -> bool {
        !self.identities.is_empty()
    }

    /// Its name, if that shows anything.
    pub(crate) fn set_name(&mut self, name: Option<String>) {
        let is_seen = |c: char| {
            let is_unseen = UNSEEN.iter().any(|range| range.contains(&c));
            !(c.is_whitespace() || c.is_control() || is_unseen)
        };
        let name = name.map(|name| cut(&name, MAX_NAME_BYTES).to_owned());
        self.name = name.filter(|name| name.chars().any(is_seen));
    }

    pub(crate) fn who(&self) -> Who {
        Who::identities(&self.identities)
    }

    /// What the store gets to know of it beside a message: that its identities are one contact's, and its
    /// name. Nothing where the message says as much.
    pub(crate) fn introduction(&self) -> Option<Item> {
        let says_more = self.identities.len() > 1 || self.name.is_some();
        let is_news = self.is_named() && says_more;
        is_news.then(|| Item::Contact(self.identify().keep_name()))
    }

    /// The same by a name that the business itself gave it.
    pub(crate) fn named_by_the_business(&self) -> Option<Item> {
        let is_news = self.is_named() && self.name.is_some();
        is_news.then(|| Item::Contact(self.identify()))
    }

    fn identify(&self) -> Identify {
        let identify = Identify::new(self.who(), self.channel).merge();
        match &self.name {
            Some(name) => identify.changes(ContactChanges::name(name)),
            None => identify,
        }
    }
}
