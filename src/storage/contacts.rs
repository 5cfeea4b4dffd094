//! Contacts: their records, and the rows by which they are found.

use std::ops::Bound;

use convodb_core::records::ContactRecord;
use convodb_core::{
    Contact, ContactFilter, ContactId, EntityKind, Error, Hashes, InvalidInput, Page, PagePosition,
    PageRequest, Result, folded, indexed_name,
};

use super::keys::{NameKey, Prefix};
use super::kinds::{CONTACT_NAMES, CONTACTS, IDENTITIES, decoded};
use super::verify::unless_corrupted;
use super::{Reader, View, tables};
use convodb_kv::{Read, WriteTables};

/// The row by which a contact is found by its name, if it has one.
fn name_key(hashes: Hashes, contact: &Contact) -> Option<NameKey> {
    let name = contact.name.as_deref()?;
    Some(NameKey(
        Prefix(indexed_name(name)),
        hashes.of_contact(&contact.id),
    ))
}

/// Saves what became of a contact, but for its identities.
pub(super) fn save(
    rows: &mut WriteTables<'_>,
    hashes: Hashes,
    before: Option<&Contact>,
    after: Option<Contact>,
) -> Result<()> {
    let key = |contact: &Contact| name_key(hashes, contact);
    let (old, new) = (before.and_then(key), after.as_ref().and_then(key));
    if let Some(old) = old.filter(|old| new.as_ref() != Some(old)) {
        CONTACT_NAMES.remove(rows, &old)?;
    }
    match (before, after) {
        (_, Some(after)) => {
            let id = after.id.clone();
            if let Some(new) = new {
                CONTACT_NAMES.put(rows, &new, &id)?;
            }
            CONTACTS.put(rows, &id, &ContactRecord::from(after))
        }
        (Some(before), None) => CONTACTS.remove(rows, &before.id),
        (None, None) => Ok(()),
    }
}

/// The contact of its id, if more than that is known of it.
pub(super) fn find(rows: &impl Read, id: &ContactId) -> Result<Option<Contact>> {
    let record = CONTACTS.get(rows, id)?;
    Ok(record.map(|record| record.into_contact(id.clone())))
}

fn require(rows: &impl Read, id: &ContactId) -> Result<Contact> {
    find(rows, id)?.ok_or_else(|| Error::corrupted(format!("the contact `{id}` is missing")))
}

impl<R: Read> Reader<'_, R> {
    /// A contact that has a record or conversations.
    pub(crate) fn contact(&self, id: &ContactId) -> Result<Contact> {
        let id = &self.contact_meant(id)?;
        if let Some(known) = find(self.rows, id)? {
            return Ok(known);
        }
        let times = self.conversations_of(id)?.into_iter();
        let oldest = times.map(|known| known.created_at).min();
        let oldest = oldest.ok_or_else(|| Error::not_found(EntityKind::Contact, id))?;
        Ok(Contact::new(id.clone(), oldest))
    }

    #[cfg(feature = "testing")]
    pub(crate) fn contact_of(&self, identity: &convodb_core::Identity) -> Result<ContactId> {
        self.known.hashes.contact_of(identity)
    }

    /// A page of contacts that have records. O(those that the filter selects).
    pub(crate) fn list_contacts(
        &self,
        filter: &ContactFilter,
        request: &PageRequest,
    ) -> Result<Page<Contact>> {
        let PagePosition::Number(number) = request.position() else {
            let reason = "must be a number in a list of contacts";
            return Err(InvalidInput::new("page", reason).into());
        };
        filter.validate()?;
        let limit = u64::from(request.limit());
        let offset = (number - 1).saturating_mul(limit);
        let shown = offset..offset.saturating_add(limit);
        let (mut data, mut total) = (Vec::new(), 0);
        self.each_contact(filter, |known| {
            if shown.contains(&total) {
                data.push(match known {
                    Found::Contact(contact) => contact,
                    Found::Id(id) => require(self.rows, &id)?,
                });
            }
            total += 1;
            Ok(())
        })?;
        let mut page = Page::new(data, total, None);
        (page.number, page.offset) = (Some(number), Some(offset));
        Ok(page)
    }

    /// The contacts that have records, by their ids, after one. O(limit).
    pub(crate) fn contacts(&self, after: Option<&ContactId>, limit: usize) -> Result<Vec<Contact>> {
        let [first, last] = [CONTACTS.beginning(&()), CONTACTS.beginning(&()).last()];
        let after = after.map(|id| CONTACTS.key(id));
        let after = after.as_ref().map(|key| Bound::Excluded(&key[..]));
        let begin = after.unwrap_or(Bound::Included(&first[..]));
        let keys = (begin, Bound::Included(&last[..]));
        let range = self.rows.range(tables::CATALOG, keys)?;
        let contacts = decoded(range, |key, bytes| CONTACTS.decode(key, bytes)).take(limit);
        contacts
            .map(|row| row.map(|(id, record)| record.into_contact(id)))
            .collect()
    }

    /// Visits each contact that a filter selects, once.
    fn each_contact(
        &self,
        filter: &ContactFilter,
        mut visit: impl FnMut(Found) -> Result<()>,
    ) -> Result<()> {
        let rows = self.rows;
        match filter {
            ContactFilter::All => {
                for row in CONTACTS.all(rows)? {
                    let (id, record) = row?;
                    visit(Found::Contact(record.into_contact(id)))?;
                }
            }
            ContactFilter::Name(prefix) => {
                let (prefix, key) = (folded(prefix), Prefix(indexed_name(prefix)));
                let is_cut = key.0.len() < prefix.len();
                let found = CONTACT_NAMES.range(rows, &key)?;
                for id in decoded(found, |key, bytes| CONTACT_NAMES.record(key, bytes)) {
                    let id = id?;
                    let name = |contact: &Contact| contact.name.as_deref().map(folded);
                    let begins =
                        |name: Option<String>| name.is_some_and(|it| it.starts_with(&prefix));
                    if !is_cut || begins(name(&require(rows, &id)?)) {
                        visit(Found::Id(id))?;
                    }
                }
            }
            ContactFilter::Identity(channel, prefix) => {
                let key = (*channel, Prefix(prefix.clone()));
                let found = IDENTITIES.range(rows, &key)?;
                for row in decoded(found, |key, bytes| IDENTITIES.decode(key, bytes)) {
                    let (identity, id) = row?;
                    let contact = require(rows, &id)?;
                    // The least of its identities that match stands for it.
                    let matching = contact.identities.iter().filter(|one| filter.matches(one));
                    if matching.min() == Some(&identity) {
                        visit(Found::Contact(contact))?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// A contact that was found, or its id.
enum Found {
    Contact(Contact),
    Id(ContactId),
}

/// What `verify` checks of every contact: that it is found by its name and by its identities.
pub(super) fn is_found(rows: &impl Read, hashes: Hashes, key: &[u8], bytes: &[u8]) -> Result<bool> {
    let (id, record) = CONTACTS.decode(key, bytes)?;
    let contact = record.into_contact(id);
    for identity in &contact.identities {
        if IDENTITIES.get(rows, identity)?.as_ref() != Some(&contact.id) {
            return Ok(false);
        }
    }
    match name_key(hashes, &contact) {
        Some(key) => CONTACT_NAMES.contains(rows, &key),
        None => Ok(true),
    }
}

/// What `verify` checks of every identity: that its contact has it.
pub(super) fn is_identity(rows: &impl Read, key: &[u8], bytes: &[u8]) -> Result<bool> {
    let (identity, id) = IDENTITIES.decode(key, bytes)?;
    let contact = find(rows, &id)?;
    Ok(contact.is_some_and(|contact| contact.identities.contains(&identity)))
}

/// What `verify` checks of every name: that its contact has it.
pub(super) fn is_name(rows: &impl Read, hashes: Hashes, key: &[u8], bytes: &[u8]) -> Result<bool> {
    let (key, id) = CONTACT_NAMES.decode(key, bytes)?;
    let contact = find(rows, &id)?;
    Ok(contact.and_then(|contact| name_key(hashes, &contact)) == Some(key))
}

/// Derives the rows by which contacts are found anew from the records that can be read. O(contacts).
pub(super) fn rebuild(rows: &mut WriteTables<'_>, view: &View) -> Result<()> {
    IDENTITIES.remove_range(rows, &())?;
    CONTACT_NAMES.remove_range(rows, &())?;
    for row in CONTACTS.range(&view.rows, &())? {
        let (key, bytes) = row?;
        let Some((id, record)) = unless_corrupted(CONTACTS.decode(&key, &bytes))? else {
            continue;
        };
        let contact = record.into_contact(id);
        for identity in &contact.identities {
            IDENTITIES.put(rows, identity, &contact.id)?;
        }
        if let Some(key) = name_key(view.known.hashes, &contact) {
            CONTACT_NAMES.put(rows, &key, &contact.id)?;
        }
    }
    Ok(())
}
