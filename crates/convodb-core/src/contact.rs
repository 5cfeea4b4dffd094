//! Contacts: what a store has of the people that conversations are with, beside their ids.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::metadata::{Metadata, MetadataChanges};
use crate::records::as_json;
use crate::text::{Object, ObjectWriter, given};
use crate::time::Time;
use crate::{Channel, ContactId, InvalidInput, time, validate};

/// What a provider calls a contact on a channel: a phone number, a user name, an id of its own. Each is
/// that of one contact.
///
/// Its JSON has `channel` and `value`.
///
/// ```
/// use convodb::{Channel, Identity};
///
/// let phone = Identity::new(Channel::Whatsapp, "+49 170 1234567")?;
/// assert_eq!(phone.value(), "+49 170 1234567");
/// assert!(Identity::new(Channel::Whatsapp, "").is_err());
/// # Ok::<(), convodb::InvalidInput>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    channel: Channel,
    value: Arc<str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct IdentityDocument {
    channel: Channel,
    value: String,
}

impl Serialize for Identity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            return (self.channel, &*self.value).serialize(serializer);
        }
        let mut object = ObjectWriter::new(serializer)?;
        object.put("channel", self.channel)?;
        object.put("value", &*self.value)?;
        object.end()
    }
}

impl<'de> Deserialize<'de> for Identity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (channel, value) = match deserializer.is_human_readable() {
            true => {
                let document = IdentityDocument::deserialize(Object(deserializer))?;
                (document.channel, document.value)
            }
            false => Deserialize::deserialize(deserializer)?,
        };
        Self::new(channel, &value).map_err(de::Error::custom)
    }
}

impl Identity {
    /// Checks an identity and takes it: 1 to 256 bytes without control characters.
    ///
    /// # Errors
    ///
    /// A value out of these bounds; the field is `identity`.
    pub fn new(channel: Channel, value: &str) -> Result<Self, InvalidInput> {
        let value = validate::identity("identity", value)?.into();
        Ok(Self { channel, value })
    }

    /// The channel on which it is one.
    pub const fn channel(&self) -> Channel {
        self.channel
    }

    /// The identity as it was given.
    pub fn value(&self) -> &str {
        &self.value
    }
}

/// What a store has of a contact.
///
/// Its JSON has `id`, `name` where it has one, `identities`, `metadata` where it has any, and `created_at`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Contact {
    /// The id.
    pub id: ContactId,
    /// The name that people read.
    pub name: Option<String>,
    /// What providers call it, in the order in which the store got to know them: at most 256.
    pub identities: Vec<Identity>,
    /// The caller's own values.
    pub metadata: Metadata,
    /// When the store got to know it: the time of its oldest conversation, or of its record.
    pub created_at: DateTime<Utc>,
}

impl Contact {
    /// The most identities of a contact.
    #[doc(hidden)]
    pub const MAX_IDENTITIES: usize = 256;

    /// A contact of which nothing more is known.
    pub const fn new(id: ContactId, created_at: DateTime<Utc>) -> Self {
        Self {
            id,
            name: None,
            identities: Vec::new(),
            metadata: Metadata::new(),
            created_at,
        }
    }

    /// Takes what another one has, as far as it has none.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.name = self.name.take().or(other.name);
        self.metadata = self.metadata.united(&other.metadata);
        self.identities.extend(other.identities);
        self.created_at = self.created_at.min(other.created_at);
    }

    /// Sets an attribute.
    pub(crate) fn set(&mut self, field: ContactField) {
        match field {
            ContactField::CreatedAt(at) => self.created_at = at,
            ContactField::Name(name) => self.name = name,
            ContactField::Metadata(changes) => self.metadata = self.metadata.merged(&changes),
            ContactField::Identity(identity) => self.identities.push(identity),
        }
    }
}

/// An attribute of a contact with a value.
///
/// Append-only: a variant that was released is never edited or moved.
#[doc(hidden)]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ContactField {
    CreatedAt(#[serde(with = "time")] DateTime<Utc>),
    Name(Option<String>),
    /// New values for some names.
    Metadata(#[serde(with = "as_json")] MetadataChanges),
    /// One more.
    Identity(Identity),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct Document {
    id: ContactId,
    name: Option<String>,
    #[serde(default)]
    identities: Vec<Identity>,
    #[serde(default)]
    metadata: Metadata,
    created_at: Time,
}

impl Serialize for Contact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = ObjectWriter::new(serializer)?;
        object.put("id", &self.id)?;
        object.put_some("name", self.name.as_ref())?;
        object.put("identities", &self.identities)?;
        let metadata = &self.metadata;
        object.put_some("metadata", (!metadata.is_empty()).then_some(metadata))?;
        object.put("created_at", Time(self.created_at))?;
        object.end()
    }
}

impl<'de> Deserialize<'de> for Contact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let document = Document::deserialize(Object(deserializer))?;
        Ok(Self {
            id: document.id,
            name: document.name,
            identities: document.identities,
            metadata: document.metadata,
            created_at: document.created_at.get(),
        })
    }
}

/// New values for what a contact has. What is left out stays as it is.
///
/// Its JSON has `name` and `metadata`. A value of `null` takes one away.
///
/// ```
/// use convodb::ContactChanges;
///
/// let changes: ContactChanges = serde_json::from_str(r#"{"name": "Ada"}"#)?;
/// assert_eq!(changes, ContactChanges::name("Ada"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "an object")]
#[non_exhaustive]
pub struct ContactChanges {
    /// The name, or none.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub name: Option<Option<String>>,
    /// Some values of the caller's own; without them, all are taken away.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Option<MetadataChanges>>,
}

impl ContactChanges {
    /// Another name.
    pub fn name(name: impl Into<String>) -> Self {
        Self {
            name: Some(Some(name.into())),
            ..Self::default()
        }
    }

    /// The fields that become other ones, and what they become.
    pub(crate) fn fields(&self, known: &Contact) -> Result<Vec<ContactField>, InvalidInput> {
        let mut set = Vec::new();
        if let Some(name) = &self.name {
            let text = name.as_deref();
            text.map_or(Ok(()), |name| validate::name("name", name))?;
            if known.name != *name {
                set.push(ContactField::Name(name.clone()));
            }
        }
        if let Some(changes) = &self.metadata {
            let metadata = &known.metadata;
            let changes = changes.clone().unwrap_or_else(|| metadata.cleared());
            let merged = metadata.merged(&changes);
            merged.validate()?;
            if merged != *metadata {
                set.push(ContactField::Metadata(changes));
            }
        }
        Ok(set)
    }
}

/// Whom a message is from or to: a contact, or the one that has one of these identities on the message's channel,
/// or both.
///
/// ```
/// use convodb::{Channel, ContactId, Inbound, Who};
///
/// let known = Inbound::text(ContactId::new("con_01HXYZ")?, Channel::Whatsapp, "Hello");
/// let called = Inbound::text(Who::identities(["+491701234567", "DE.1234"]), Channel::Whatsapp, "Hello");
/// # let _ = (known, called);
/// # Ok::<(), convodb::InvalidInput>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[must_use]
pub struct Who {
    #[serde(rename = "contact_id")]
    pub(crate) contact: Option<ContactId>,
    pub(crate) identities: Vec<String>,
}

impl Who {
    const MAX_IDENTITIES: usize = 4;

    /// By these identities: the contact of the first one that the store has, or else a new
    /// contact. At most four.
    pub fn identities<T: Into<String>>(identities: impl IntoIterator<Item = T>) -> Self {
        Self {
            contact: None,
            identities: identities.into_iter().map(Into::into).collect(),
        }
    }

    /// A contact that has these identities too.
    pub fn with_identities<T: Into<String>>(
        contact: impl Into<ContactId>,
        identities: impl IntoIterator<Item = T>,
    ) -> Self {
        Self {
            contact: Some(contact.into()),
            ..Self::identities(identities)
        }
    }

    /// What is wrong with one that names no contact.
    pub(crate) const UNNAMED: &'static str = "`contact_id` or `identities` is required";

    pub(crate) fn validate(&self) -> Result<(), InvalidInput> {
        // The bounds are those of every channel.
        self.checked(Channel::Whatsapp).map(drop)
    }

    /// The identities on a channel, checked.
    pub(crate) fn checked(&self, channel: Channel) -> Result<Vec<Identity>, InvalidInput> {
        let count = self.identities.len();
        let reason = format_args!("must be at most {}, and are {count}", Self::MAX_IDENTITIES);
        InvalidInput::unless(count <= Self::MAX_IDENTITIES, "identities", reason)?;
        let is_named = self.contact.is_some() || count > 0;
        InvalidInput::unless(is_named, "contact_id", Self::UNNAMED)?;
        let identities = self.identities.iter().enumerate();
        let identity = |(nth, value): (usize, &String)| {
            let identity = Identity::new(channel, value);
            identity.map_err(|error| error.in_field(format!("identities[{nth}]")))
        };
        identities.map(identity).collect()
    }
}

impl From<ContactId> for Who {
    fn from(contact: ContactId) -> Self {
        Self {
            contact: Some(contact),
            identities: Vec::new(),
        }
    }
}

impl From<&ContactId> for Who {
    fn from(contact: &ContactId) -> Self {
        Self::from(contact.clone())
    }
}

/// Which contacts a list has, of those that have a record.
///
/// ```
/// # convodb::example!(store, id, contact);
/// store.save_contact(&contact, ContactChanges::name("Ada Lovelace"))?;
/// let page = store.list_contacts(&ContactFilter::Name("ada l".into()), (1, 20))?;
/// assert_eq!((page.total, &page.data[0].id), (1, &contact));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ContactFilter {
    /// All of them, by their ids.
    All,
    /// Those whose names begin so, without case, by these names.
    Name(String),
    /// Those that have an identity on a channel that begins so, by the first such identity.
    Identity(Channel, String),
}

#[doc(hidden)]
impl ContactFilter {
    /// Nothing has a longer name or identity.
    pub fn validate(&self) -> Result<(), InvalidInput> {
        match self {
            Self::All => Ok(()),
            Self::Name(prefix) => validate::prefix("name", prefix),
            Self::Identity(_, prefix) => validate::prefix("identity", prefix),
        }
    }

    /// Whether an identity is one that it looks for.
    pub fn matches(&self, identity: &Identity) -> bool {
        match self {
            Self::Identity(channel, prefix) => {
                identity.channel == *channel && identity.value.starts_with(prefix)
            }
            _ => false,
        }
    }
}
