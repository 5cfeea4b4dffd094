//! Which contact a message is from or to, where its identities name it.

use std::borrow::Cow;

use super::*;
use crate::message::Address;
use crate::{Contact, ContactField, Identity, Who};

/// The contact of a message, and what the store gets to know of it by the message.
pub(super) struct Meant<'a> {
    pub(super) contact: Cow<'a, ContactId>,
    /// The identity that the message came from or goes to: the first one that was given.
    pub(super) identity: Option<String>,
    pub(super) changes: Vec<ChangeKind>,
}

pub(super) fn reads(who: &Who, inbox: &InboxRef, keys: &mut Vec<Key>) {
    if let Some(contact) = &who.contact {
        keys.push(Key::Thread(inbox.clone(), contact.clone()));
        if !who.identities.is_empty() {
            keys.push(Key::Contact(contact.clone()));
        }
    }
    // One out of bounds is refused by the decision, which has the channel of other inboxes too.
    if let InboxRef::Channel(channel) = inbox {
        let identities = who.checked(*channel).unwrap_or_default().into_iter();
        keys.extend(identities.map(Key::Identity));
    }
}

/// The contact that some identities lead to.
pub(super) struct Found {
    pub(super) contact: ContactId,
    /// The first identity of another contact, with that one.
    pub(super) taken: Option<(Identity, ContactId)>,
    /// The other contacts that have some of them, each once.
    pub(super) others: Vec<ContactId>,
    /// Those that no contact has.
    pub(super) unknown: Vec<Identity>,
}

/// The contact that is given decides, or else that of the first identity which is known, or else a new one.
pub(super) fn find(
    who: &Who,
    channel: Channel,
    state: &State,
    env: &Env<'_>,
) -> Result<Found, Halt> {
    let identities = who.checked(channel)?;
    let keys = identities.iter().cloned().map(Key::Identity);
    let missing: Vec<_> = keys.filter(|key| !state.contains(key)).collect();
    if !missing.is_empty() {
        return Err(Halt::Missing(missing));
    }
    let (mut others, mut unknown) = (Vec::new(), Vec::new());
    for identity in &identities {
        match state.identity(identity)? {
            Some(contact) if others.contains(contact) => {}
            Some(contact) => others.push(contact.clone()),
            None => unknown.push(identity.clone()),
        }
    }
    let contact = match (&who.contact, others.first(), identities.first()) {
        (Some(contact), ..) | (None, Some(contact), _) => contact.clone(),
        (None, None, Some(identity)) => env.hashes.contact_of(identity)?,
        (None, None, None) => {
            return Err(InvalidInput::new("contact_id", Who::UNNAMED).into());
        }
    };
    let contact = state.contact_meant(&contact)?.clone();
    others.retain(|other| *other != contact);
    let mut taken = None;
    for identity in identities.iter().filter(|_| !others.is_empty()) {
        let owner = state.identity(identity)?;
        if let Some(owner) = owner.filter(|owner| **owner != contact) {
            taken.get_or_insert_with(|| (identity.clone(), owner.clone()));
        }
    }
    Ok(Found {
        contact,
        taken,
        others,
        unknown,
    })
}

/// The contact of a message. It gets the identities that no contact has, as far as there is room: a message is
/// not refused for them. Those of other contacts are a conflict, and stay theirs.
pub(super) fn meant(
    who: &Who,
    channel: Channel,
    state: &State,
    env: &Env<'_>,
) -> Result<Meant<'static>, Halt> {
    let found = find(who, channel, state, env)?;
    let contact = found.contact;
    let mut set = begin(&contact, state, env)?;
    let known = state
        .contact(&contact)?
        .map_or(0, |known| known.identities.len());
    add(&mut set, known, &found.unknown);
    let mut changes = Vec::from_iter(updated(&contact, set));
    let conflict = |with: ContactId| ChangeKind::ContactConflict {
        contact: contact.clone(),
        with,
    };
    changes.extend(found.others.into_iter().map(conflict));
    Ok(Meant {
        identity: who.identities.first().cloned(),
        contact: Cow::Owned(contact),
        changes,
    })
}

/// Whose the thread is that a message belongs into, and its conversation if there is one.
pub(super) fn thread<'a>(
    to: &'a Address,
    channel: Channel,
    state: &'a State,
    env: &Env<'_>,
) -> Result<(Meant<'a>, Option<&'a Conversation>), Halt> {
    if let (Some(contact), []) = (&to.who.contact, &to.who.identities[..]) {
        let (contact, conversation) = state.thread_of(&to.inbox, contact)?;
        let meant = Meant {
            contact: Cow::Borrowed(contact),
            identity: None,
            changes: Vec::new(),
        };
        return Ok((meant, conversation));
    }
    let meant = meant(&to.who, channel, state, env)?;
    let conversation = state.thread(&to.inbox, &meant.contact)?;
    Ok((meant, conversation))
}

/// The change that gives a contact new values; none where there are none.
pub(super) fn updated(contact: &ContactId, set: Vec<ContactField>) -> Option<ChangeKind> {
    let contact = contact.clone();
    (!set.is_empty()).then_some(ChangeKind::ContactUpdated { contact, set })
}

/// Adds identities to those that a contact has, each once, as far as there is room. Whether there was.
pub(super) fn add(set: &mut Vec<ContactField>, known: usize, identities: &[Identity]) -> bool {
    let mut room = Contact::MAX_IDENTITIES.saturating_sub(known);
    for field in identities.iter().cloned().map(ContactField::Identity) {
        if set.contains(&field) {
            continue;
        }
        if room == 0 {
            return false;
        }
        room -= 1;
        set.push(field);
    }
    true
}

/// What makes the record of a contact that has none: when the store got to know it.
pub(super) fn begin(
    contact: &ContactId,
    state: &State,
    env: &Env<'_>,
) -> Result<Vec<ContactField>, Halt> {
    if state.contact(contact)?.is_some() {
        return Ok(Vec::new());
    }
    let mut created_at = env.now;
    for id in state.conversations_of(contact)? {
        created_at = created_at.min(state.require_conversation(id)?.created_at);
    }
    Ok(vec![ContactField::CreatedAt(created_at)])
}
