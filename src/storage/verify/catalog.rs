//! The rows of the catalog.

use convodb_core::Result;

use super::{FindingKind, Verifier, unless_corrupted};
use crate::storage::kinds::{
    ALIASES_OF_CONTACT, ALIASES_OF_CONVERSATION, COMMAND_TIMES, COMMANDS, CONSUMERS,
    CONTACT_ALIASES, CONTACT_NAMES, CONTACTS, CONVERSATION_ALIASES, CONVERSATIONS, DIRECTORY, DUE,
    IDENTITIES, IMPORTS, INBOXES, MESSAGE_TIMES, META, PROVIDER_IDS, REDIRECTS, REMOVED_LISTS,
    REMOVED_TEAMS, TAGS, THREADS, UNMATCHED, VIEWS,
};
use crate::storage::tags::TagEdits;
use crate::storage::{View, contacts, conversations, idempotency, messages, provider_ids, tables};
use convodb_kv::Read;

impl Verifier<'_> {
    /// Each row of the catalog: that it can be read, and that what it names is there.
    pub(super) fn check_catalog(&mut self, tags: &TagEdits) -> Result<()> {
        let (view, rows) = (self.view, &self.view.rows);
        self.each(tables::CATALOG, |verifier, key, bytes| {
            verifier.look_up(tables::CATALOG, key)?;
            let mut otherwise = FindingKind::Unexpected;
            let holds = if THREADS.has(key) {
                is_thread(view, key, bytes)
            } else if DUE.has(key) {
                is_due(view, key)
            } else if MESSAGE_TIMES.has(key) {
                let found = MESSAGE_TIMES
                    .parse(key)
                    .and_then(|(of, id)| messages::find(rows, of, id));
                found.map(|message| message.is_some())
            } else if PROVIDER_IDS.has(key) {
                provider_ids::is_valid(rows, view.known.hashes, key, bytes)
            } else if UNMATCHED.has(key) {
                provider_ids::is_unmatched(rows, key, bytes)
            } else if COMMANDS.has(key) {
                otherwise = FindingKind::Different;
                idempotency::is_dated(rows, key, bytes)
            } else if COMMAND_TIMES.has(key) {
                idempotency::has_command(rows, key)
            } else if CONSUMERS.has(key) {
                otherwise = FindingKind::Different;
                let consumer = CONSUMERS.decode(key, bytes);
                consumer.map(|(_, consumer)| consumer <= view.head().newest_event)
            } else if TAGS.has(key) {
                otherwise = FindingKind::Different;
                let stored = TAGS.decode(key, bytes);
                stored.map(|(folded, record)| tags.has(&folded, &record))
            } else if IMPORTS.has(key) {
                otherwise = FindingKind::Different;
                IMPORTS.decode(key, bytes).map(|_| true)
            } else if DIRECTORY.has(key) {
                otherwise = FindingKind::Different;
                let stored = DIRECTORY.decode(key, bytes);
                stored.map(|(_, record)| view.known.directory.are_members(&record.members))
            } else if REDIRECTS.has(key) {
                match REDIRECTS.parse(key) {
                    // A total that cannot be read is reported once, among the totals.
                    Ok(owner) if view.known.directory.leads_somewhere(owner) => Ok(view
                        .known
                        .totals
                        .of_bucket(owner, &view.known.directory.inboxes)
                        .map_or(true, |stored| stored > 0)),
                    owner => {
                        otherwise = FindingKind::Different;
                        owner.map(|_| false)
                    }
                }
            } else if CONTACT_ALIASES.has(key) {
                is_contact_alias(view, key, bytes)
            } else if ALIASES_OF_CONTACT.has(key) {
                ALIASES_OF_CONTACT.parse(key).and_then(|(of, alias)| {
                    let other = CONTACT_ALIASES.get(rows, &alias)?;
                    Ok(other.is_some_and(|other| view.known.hashes.of_contact(&other) == of))
                })
            } else if CONVERSATION_ALIASES.has(key) {
                is_conversation_alias(rows, key, bytes)
            } else if ALIASES_OF_CONVERSATION.has(key) {
                ALIASES_OF_CONVERSATION
                    .parse(key)
                    .and_then(|(of, alias)| Ok(CONVERSATION_ALIASES.get(rows, &alias)? == Some(of)))
            } else if CONTACTS.has(key) {
                otherwise = FindingKind::Different;
                contacts::is_found(rows, view.known.hashes, key, bytes)
            } else if IDENTITIES.has(key) {
                contacts::is_identity(rows, key, bytes)
            } else if CONTACT_NAMES.has(key) {
                contacts::is_name(rows, view.known.hashes, key, bytes)
            } else {
                // The inboxes, the views and the file's head were read when the view was made.
                Ok(META.has(key)
                    || INBOXES.has(key)
                    || VIEWS.has(key)
                    || REMOVED_LISTS.has(key)
                    || REMOVED_TEAMS.has(key))
            };
            if verifier.readable(tables::CATALOG, key, holds)? == Some(false) {
                verifier.found(tables::CATALOG, key, otherwise);
            }
            Ok(())
        })
    }
}

/// Whether the snooze of a conversation ends then, as far as that can be read.
fn is_due(view: &View, key: &[u8]) -> Result<bool> {
    let due = DUE.parse(key)?;
    let stored = unless_corrupted(view.reader().stored(due.1))?;
    Ok(stored.is_none_or(|stored| {
        stored.is_some_and(|stored| conversations::due_of(&stored.conversation) == Some(due))
    }))
}

/// Whether an alias leads to a contact that is there, and back.
fn is_contact_alias(view: &View, key: &[u8], bytes: &[u8]) -> Result<bool> {
    let (rows, hashes) = (&view.rows, view.known.hashes);
    let (alias, other) = CONTACT_ALIASES.decode(key, bytes)?;
    let back = (hashes.of_contact(&other), alias.clone());
    Ok(CONTACTS.contains(rows, &other)?
        && !CONTACTS.contains(rows, &alias)?
        && ALIASES_OF_CONTACT.contains(rows, &back)?)
}

/// Whether an alias leads to a conversation that is there, and back.
fn is_conversation_alias(rows: &impl Read, key: &[u8], bytes: &[u8]) -> Result<bool> {
    let (alias, other) = CONVERSATION_ALIASES.decode(key, bytes)?;
    Ok(CONVERSATIONS.contains(rows, &other)?
        && !CONVERSATIONS.contains(rows, &alias)?
        && ALIASES_OF_CONVERSATION.contains(rows, &(other, alias))?)
}

/// Whether a thread leads to the conversation of its contact and channel, as far as that can be read.
fn is_thread(view: &View, key: &[u8], bytes: &[u8]) -> Result<bool> {
    let id = THREADS.record(key, bytes)?;
    let stored = view.reader().stored(id);
    Ok(unless_corrupted(stored)?.is_none_or(|stored| {
        stored.is_some_and(|stored| {
            let thread = conversations::thread_of(&stored.conversation, stored.numbers);
            THREADS.key(&thread)[..] == *key
        })
    }))
}
