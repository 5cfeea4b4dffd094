//! Contacts: their names, what channels call them, and their attributes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use convodb::{Channel, Identity};
use serde_json::{Value, json};

use super::metadata::Metadata;
use super::report::Report;
use super::rows::{Contact, ContactInbox};
use super::threads::Threads;
use super::{Chatwoot, Place};
use crate::failure::Failure;

const MAX_NAME_BYTES: usize = 256;

pub(super) struct Contacts {
    contacts: BTreeMap<i64, Contact>,
    /// What the channels of its inboxes call each contact.
    sources: HashMap<i64, Vec<(Channel, String)>>,
    /// The channels on which a contact is a phone number.
    with_numbers: BTreeSet<Channel>,
}

impl Contacts {
    pub(super) fn read(
        from: &Chatwoot,
        places: Vec<(i64, Place)>,
        report: &Report,
    ) -> Result<Self, Failure> {
        let with_numbers = places.iter().filter(|(_, place)| place.has_numbers);
        let with_numbers = with_numbers.map(|(_, place)| place.channel).collect();
        let places: HashMap<i64, Place> = places.into_iter().collect();
        let mut contacts = BTreeMap::new();
        for row in from.read::<Contact>("contacts", report)? {
            let row = row?;
            contacts.insert(row.id, row);
        }
        let mut sources: HashMap<_, Vec<_>> = HashMap::new();
        for row in from.read::<ContactInbox>("contact_inboxes", report)? {
            let row = row?;
            if let (Some(contact), Some(inbox), Some(source)) =
                (row.contact_id, row.inbox_id, row.source_id)
                && let Some(place) = places.get(&inbox)
            {
                let own = sources.entry(contact).or_default();
                own.push((place.channel, source));
            }
        }
        Ok(Self {
            contacts,
            sources,
            with_numbers,
        })
    }

    /// The line of each contact.
    pub(super) fn lines<'a>(
        &'a self,
        threads: &'a Threads,
        report: &'a Report,
    ) -> impl Iterator<Item = Value> + 'a {
        // An identity is that of one contact.
        let mut owners = HashMap::new();
        let contacts = self.contacts.values();
        contacts.filter_map(move |row| self.line(row, threads, &mut owners, report))
    }

    fn line(
        &self,
        row: &Contact,
        threads: &Threads,
        owners: &mut HashMap<Identity, i64>,
        report: &Report,
    ) -> Option<Value> {
        let Some(created_at) = row.created_at.or_else(|| threads.first_of(row.id)) else {
            let reason = "is missing: the contact is left out";
            report.add("contacts", row.id, "created_at", reason);
            return None;
        };
        let mut line = serde_json::Map::new();
        line.insert("id".to_owned(), json!(format!("con_chatwoot_{}", row.id)));
        if let Some(name) = row.name.as_deref().filter(|name| !name.trim().is_empty()) {
            match name.len() <= MAX_NAME_BYTES && !name.chars().any(char::is_control) {
                true => drop(line.insert("name".to_owned(), json!(name))),
                false => {
                    let reason = "has more than 256 bytes or control characters, and is left out";
                    report.add("contacts", row.id, "name", reason);
                }
            }
        }
        let identities = self.identities(row, owners, report);
        if !identities.is_empty() {
            line.insert("identities".to_owned(), json!(identities));
        }
        line.insert("created_at".to_owned(), json!(created_at));
        let mut metadata = Metadata::new("contacts", row.id, report);
        for (name, value) in [
            ("email", &row.email),
            ("phone_number", &row.phone_number),
            ("identifier", &row.identifier),
        ] {
            metadata.add(name, &json!(value));
        }
        metadata.add_all("", &row.custom_attributes);
        metadata.add_all("", &row.additional_attributes);
        metadata.put_into(&mut line);
        Some(json!({ "contact": line }))
    }

    /// What channels call a contact, each once.
    fn identities(
        &self,
        row: &Contact,
        owners: &mut HashMap<Identity, i64>,
        report: &Report,
    ) -> Vec<Identity> {
        let number = row.phone_number.as_deref().filter(|it| !it.is_empty());
        let numbers = self.with_numbers.iter().flat_map(|channel| {
            let digits = number.and_then(|number| number.strip_prefix('+'));
            let forms = number.into_iter().chain(digits);
            forms.map(|form| ("phone_number", *channel, form))
        });
        let sources = self.sources.get(&row.id).into_iter().flatten();
        let sources = sources.map(|(channel, source)| ("source_id", *channel, &**source));
        let mut identities = Vec::new();
        for (field, channel, value) in sources.chain(numbers) {
            let Ok(identity) = Identity::new(channel, value) else {
                let reason =
                    "is empty, has more than 256 bytes or control characters, and is left out";
                report.add("contacts", row.id, field, reason);
                continue;
            };
            let owner = *owners.entry(identity.clone()).or_insert(row.id);
            if owner != row.id {
                let reason =
                    format!("`{value}` is an identity of contact {owner} too, and is left out");
                report.add("contacts", row.id, field, &reason);
            } else if !identities.contains(&identity) {
                identities.push(identity);
            }
        }
        identities
    }
}
