//! Ids that mean another contact or conversation, into which theirs was merged.
//!
//! Invariant: an alias leads to what is there in one step: a merge moves those that led to what it merges.

use convodb_core::{ContactId, ConversationId, Hashes, Result};

use super::kinds::{
    ALIASES_OF_CONTACT, ALIASES_OF_CONVERSATION, CONTACT_ALIASES, CONVERSATION_ALIASES,
};
use convodb_kv::{Read, WriteTables};

/// The aliases of a contact. O(these).
pub(super) fn of_contact(
    rows: &impl Read,
    hashes: Hashes,
    contact: &ContactId,
) -> Result<Vec<ContactId>> {
    let keys = ALIASES_OF_CONTACT.range(rows, &hashes.of_contact(contact))?;
    keys.map(|row| Ok(ALIASES_OF_CONTACT.parse(&row?.0)?.1))
        .collect()
}

/// The aliases of a conversation. O(these).
pub(super) fn of_conversation(
    rows: &impl Read,
    conversation: ConversationId,
) -> Result<Vec<ConversationId>> {
    let keys = ALIASES_OF_CONVERSATION.range(rows, &conversation)?;
    keys.map(|row| Ok(ALIASES_OF_CONVERSATION.parse(&row?.0)?.1))
        .collect()
}

pub(super) fn put_contact(
    rows: &mut WriteTables<'_>,
    hashes: Hashes,
    from: &ContactId,
    into: &ContactId,
) -> Result<()> {
    CONTACT_ALIASES.put(rows, from, into)?;
    ALIASES_OF_CONTACT.put_key(rows, &(hashes.of_contact(into), from.clone()))
}

pub(super) fn put_conversation(
    rows: &mut WriteTables<'_>,
    from: ConversationId,
    into: ConversationId,
) -> Result<()> {
    CONVERSATION_ALIASES.put(rows, &from, &into)?;
    ALIASES_OF_CONVERSATION.put_key(rows, &(into, from))
}

/// Moves the aliases of a contact to another one, or removes them. Answers them.
pub(super) fn move_contact(
    rows: &mut WriteTables<'_>,
    hashes: Hashes,
    from: &ContactId,
    into: Option<&ContactId>,
) -> Result<Vec<ContactId>> {
    let aliases = of_contact(rows, hashes, from)?;
    ALIASES_OF_CONTACT.remove_range(rows, &hashes.of_contact(from))?;
    for alias in &aliases {
        match into {
            Some(into) => put_contact(rows, hashes, alias, into)?,
            None => CONTACT_ALIASES.remove(rows, alias)?,
        }
    }
    Ok(aliases)
}

/// Moves the aliases of a conversation to another one, or removes them.
pub(super) fn move_conversation(
    rows: &mut WriteTables<'_>,
    from: ConversationId,
    into: Option<ConversationId>,
) -> Result<()> {
    let aliases = of_conversation(rows, from)?;
    ALIASES_OF_CONVERSATION.remove_range(rows, &from)?;
    for alias in aliases {
        match into {
            Some(into) => put_conversation(rows, alias, into)?,
            None => CONVERSATION_ALIASES.remove(rows, &alias)?,
        }
    }
    Ok(())
}
