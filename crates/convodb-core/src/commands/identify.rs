use super::*;
use serde::{Deserializer, de};

use crate::metadata::MetadataChanges;
use crate::text::{Object, given};
use crate::{Contact, ContactChanges, ContactField, Who};

/// Links identities on a channel to one contact, without a message: after a change of number, from an address
/// book, or from a form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Identify {
    /// Whose they are, and which.
    pub who: Who,
    /// The channel.
    pub channel: Channel,
    /// What else the contact gets.
    pub changes: ContactChanges,
    /// Whether several contacts that have them are merged into the one that is given, or else into that of
    /// the first identity.
    pub merge: bool,
    /// Whether a name that the contact has stays.
    pub keeps_name: bool,
}

impl Identify {
    /// These identities, at least one, are of one contact.
    pub fn new(who: impl Into<Who>, channel: Channel) -> Self {
        Self {
            who: who.into(),
            channel,
            changes: ContactChanges::default(),
            merge: false,
            keeps_name: false,
        }
    }

    /// The contact gets this too.
    pub fn changes(self, given: ContactChanges) -> Self {
        Self {
            changes: given,
            ..self
        }
    }

    /// Contacts that turn out to be one are merged.
    pub const fn merge(mut self) -> Self {
        self.merge = true;
        self
    }

    /// The contact gets the name if it has none: a provider's name for a person replaces no team's.
    pub const fn keep_name(mut self) -> Self {
        self.keeps_name = true;
        self
    }
}

impl Command for Identify {
    type Output = Contact;
    const NAME: &'static str = "identify";

    fn reads(&self, keys: &mut Vec<Key>) {
        who::reads(&self.who, &self.channel.into(), keys);
    }

    fn decide(&self, state: &State, env: &mut Env<'_>) -> Result<Decision, Halt> {
        let reason = "must be 1 to 4";
        InvalidInput::unless(!self.who.identities.is_empty(), "identities", reason)?;
        let meant = who::find(&self.who, self.channel, state, env)?;
        let into = &meant.contact;
        if let (Some((identity, owner)), false) = (&meant.taken, self.merge) {
            let contacts = [into].into_iter().chain(&meant.others).cloned();
            return Err(Error::identity_taken(identity, owner, contacts.collect()).into());
        }
        let known = state.contact(into)?;
        // What the others have, it gets where it has none.
        let new = || Contact::new(into.clone(), env.now);
        let mut merged = known.cloned().unwrap_or_else(new);
        for other in &meant.others {
            if let Some(other) = state.contact(other)? {
                merged.absorb(other.clone());
            }
        }
        let mut first = who::begin(into, state, env)?;
        let mut last = self.changes.fields(&merged)?;
        if self.keeps_name && merged.name.is_some() {
            last.retain(|field| !matches!(field, ContactField::Name(_)));
        }
        let has_room = who::add(&mut first, merged.identities.len(), &meant.unknown);
        let reason = format_args!("must be at most {} of one contact", Contact::MAX_IDENTITIES);
        InvalidInput::unless(has_room, "identities", reason)?;
        let mut decided = Vec::new();
        if meant.others.is_empty() {
            first.extend(last);
            decided.extend(who::updated(into, first));
        } else {
            decided.extend(who::updated(into, first));
            merge_contacts::merge(into, &meant.others, state, &mut decided)?;
            decided.extend(who::updated(into, last));
        }
        let subject = Subject::Contact(into.clone());
        Ok(Decision::new(subject, decided).created(known.is_none()))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct Document {
    contact_id: Option<ContactId>,
    channel: Channel,
    identities: Vec<String>,
    #[serde(default, deserialize_with = "given")]
    name: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    metadata: Option<Option<MetadataChanges>>,
    #[serde(default)]
    merge: bool,
}

/// `channel` and `identities`, and optionally `contact_id`, `name`, `metadata` and `merge`.
impl<'de> Deserialize<'de> for Identify {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let document = Document::deserialize(Object(deserializer))?;
        let who = Who {
            contact: document.contact_id,
            identities: document.identities,
        };
        who.checked(document.channel).map_err(de::Error::custom)?;
        Ok(Self {
            who,
            channel: document.channel,
            changes: ContactChanges {
                name: document.name,
                metadata: document.metadata,
            },
            merge: document.merge,
            keeps_name: false,
        })
    }
}
