//! An account of a business: a number of WhatsApp, a page, or an account of Instagram.

use convodb_core::commands::SaveInbox;
use convodb_core::{Channel, InboxRef};

use crate::Item;
use crate::ids::inbox_id;

const MAX_NAME_BYTES: usize = 256;

/// An account, which has an inbox of its own.
pub(crate) struct Account {
    pub(crate) channel: Channel,
    pub(crate) id: String,
    /// What people know it by.
    pub(crate) name: String,
}

impl Account {
    /// Its inbox; the channel's own where its id is none.
    pub(crate) fn inbox(&self) -> InboxRef {
        match inbox_id(&self.id) {
            Some(id) => id.into(),
            None => self.channel.into(),
        }
    }

    /// Puts its inbox before its first item, if there is one behind those that were known.
    pub(crate) fn introduce(&self, items: &mut Vec<Item>, known: usize) {
        let Some(inbox) = inbox_id(&self.id) else {
            return;
        };
        let mut own = items.iter().skip(known);
        let asks = own.any(|item| !matches!(item, Item::Ignored(_)));
        let is_known =
            |item: &Item| matches!(item, Item::Inbox(SaveInbox { inbox: id, .. }) if *id == inbox);
        if asks && !items.iter().any(is_known) {
            let is_name = |name: &&String| {
                name.len() <= MAX_NAME_BYTES && name.chars().any(char::is_alphanumeric)
            };
            let name = [&self.name, &self.id].into_iter().find(is_name);
            let save = SaveInbox {
                name: name.map_or_else(|| inbox.to_string(), String::clone),
                channel: self.channel,
                inbox,
            };
            items.insert(known, Item::Inbox(save));
        }
    }
}
