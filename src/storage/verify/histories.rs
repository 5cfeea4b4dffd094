//! Messages and notes.

use convodb_core::{InboxNumber, Message, ProviderIdState, Result};

use super::rebuild::Homes;
use super::{FindingKind, Verifier, unless_corrupted};
use crate::storage::kinds::PROVIDER_IDS;
use crate::storage::{messages, provider_ids, tables};

impl Verifier<'_> {
    /// Each message and note: that it can be read, that it belongs to a conversation, and that a
    /// message can be found by its id.
    pub(super) fn check_messages(&mut self) -> Result<()> {
        let mut homes = Homes::new(self.view);
        self.each(tables::MESSAGES, |verifier, key, bytes| {
            verifier.report.messages += 1;
            verifier.look_up(tables::MESSAGES, key)?;
            let checked = messages::check_message(&verifier.view.rows, key, bytes);
            let checked = verifier.readable(tables::MESSAGES, key, checked)?;
            let Some((mut message, found_by_id)) = checked else {
                return Ok(());
            };
            if !found_by_id {
                verifier.found(tables::MESSAGES, key, FindingKind::Different);
            }
            match homes.of(message.conversation_id)? {
                Some(Some(channel)) => verifier.check_foreign_ids(channel, &message)?,
                Some(None) => verifier.found(tables::MESSAGES, key, FindingKind::Unexpected),
                None => {}
            }
            verifier.count_ahead(message.times());
            Ok(())
        })?;
        self.each(tables::NOTES, |verifier, key, bytes| {
            verifier.report.notes += 1;
            verifier.look_up(tables::NOTES, key)?;
            let decoded = messages::decode_note(key, bytes);
            if let Some(mut note) = verifier.readable(tables::NOTES, key, decoded)? {
                if homes.of(note.conversation_id)? == Some(None) {
                    verifier.found(tables::NOTES, key, FindingKind::Unexpected);
                }
                verifier.count_ahead([&mut note.created_at]);
            }
            Ok(())
        })
    }

    /// The ids of a message lead to it.
    fn check_foreign_ids(&mut self, inbox: InboxNumber, message: &Message) -> Result<()> {
        for id in message.foreign_ids() {
            let key = provider_ids::key(self.view.known.hashes, inbox, &id);
            let kind = match unless_corrupted(provider_ids::find(&self.view.rows, &key))? {
                None => continue,
                Some(Some(ProviderIdState::Message(of, own)))
                    if (of, own) == (message.conversation_id, message.id) =>
                {
                    continue;
                }
                Some(Some(ProviderIdState::Unmatched(_)) | None) => FindingKind::Missing,
                Some(_) => FindingKind::Different,
            };
            self.found(tables::CATALOG, &PROVIDER_IDS.key(&key), kind);
        }
        Ok(())
    }
}
