//! What messages of some types consist of.

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::text::objects;
use crate::validate;
use crate::{InvalidInput, Json};

const MAX_NAME_BYTES: usize = 1_024;
const MAX_KIND_BYTES: usize = 64;
const MAX_DATA_BYTES: usize = 16 * 1_024;
const MAX_CARDS: usize = 20;

/// A finite number of degrees.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Degrees(f64);

impl Degrees {
    /// Takes a finite number.
    pub fn new(degrees: f64) -> Option<Self> {
        degrees.is_finite().then_some(Self(degrees))
    }

    /// The number.
    pub const fn get(self) -> f64 {
        self.0
    }
}

/// A finite number equals itself.
impl Eq for Degrees {}

impl std::hash::Hash for Degrees {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        // Zero has two forms that are equal.
        (self.0 + 0.0).to_bits().hash(state);
    }
}

impl<'de> Deserialize<'de> for Degrees {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let degrees = f64::deserialize(deserializer)?;
        Self::new(degrees).ok_or_else(|| de::Error::custom("must be a finite number"))
    }
}

/// A place.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields, expecting = "an object")]
pub struct Location {
    /// Degrees north, from -90 to 90.
    pub latitude: Degrees,
    /// Degrees east, from -180 to 180.
    pub longitude: Degrees,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Where more is to be found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl Location {
    pub(crate) fn validate(&self) -> Result<(), InvalidInput> {
        for (field, degrees, most) in [
            ("latitude", self.latitude, 90.0),
            ("longitude", self.longitude, 180.0),
        ] {
            let reason = format_args!("must be between -{most} and {most}");
            InvalidInput::unless(degrees.get().abs() <= most, field, reason)?;
        }
        validate::optional("name", self.name.as_deref(), MAX_NAME_BYTES)?;
        validate::optional("address", self.address.as_deref(), MAX_NAME_BYTES)?;
        validate::optional("url", self.url.as_deref(), MAX_NAME_BYTES)
    }
}

/// A contact card.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields, expecting = "an object")]
pub struct Card {
    /// The name, as it is to be shown.
    pub name: String,
    /// The organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// Its numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phones: Vec<Phone>,
    /// Its addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub emails: Vec<Email>,
}

/// A number of a [`Card`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields, expecting = "an object")]
pub struct Phone {
    /// The number.
    pub number: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#type: Option<String>,
}

/// An address of a [`Card`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields, expecting = "an object")]
pub struct Email {
    /// The address.
    pub address: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#type: Option<String>,
}

pub(crate) fn validate_cards(cards: &[Card]) -> Result<(), InvalidInput> {
    let count = cards.len();
    let reason = format_args!("must be 1 to {MAX_CARDS}, and are {count}");
    InvalidInput::unless((1..=MAX_CARDS).contains(&count), "contacts", reason)?;
    validate::json_size("contacts", &cards, MAX_DATA_BYTES)
}

/// What was pressed, chosen, filled in or ordered.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields, expecting = "an object")]
pub struct Choice {
    /// In what way.
    pub kind: ChoiceKind,
    /// What a program acts on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What people read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// More for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// A form's answers, or an order's items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Json>,
}

/// The kinds of [`Choice`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ChoiceKind {
    /// A button beneath a message.
    Button,
    /// A row of a list.
    List,
    /// A form that was filled in.
    Form,
    /// Products that were ordered.
    Order,
    /// A button or a menu that a program listens to.
    Postback,
}

impl Choice {
    pub(crate) fn validate(&self) -> Result<(), InvalidInput> {
        validate::optional("id", self.id.as_deref(), MAX_NAME_BYTES)?;
        validate::optional("title", self.title.as_deref(), MAX_NAME_BYTES)?;
        validate::optional("description", self.description.as_deref(), MAX_NAME_BYTES)?;
        validate::optional("data", self.data.as_ref().map(Json::as_str), MAX_DATA_BYTES)
    }
}

/// A line that the provider put into the thread.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields, expecting = "an object")]
pub struct SystemLine {
    /// What happened, such as `number_change`.
    pub kind: String,
    /// More for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Json>,
}

impl SystemLine {
    pub(crate) fn validate(&self) -> Result<(), InvalidInput> {
        InvalidInput::unless(!self.kind.is_empty(), "kind", "must not be empty")?;
        validate::optional("kind", Some(&self.kind), MAX_KIND_BYTES)?;
        validate::optional("data", self.data.as_ref().map(Json::as_str), MAX_DATA_BYTES)
    }
}

/// What is known of a message that the provider does not deliver.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields, expecting = "an object")]
pub struct Unsupported {
    /// Its kind, in the provider's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The provider's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The provider's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl Unsupported {
    pub(crate) fn validate(&self) -> Result<(), InvalidInput> {
        validate::optional("kind", self.kind.as_deref(), MAX_KIND_BYTES)?;
        validate::optional("code", self.code.as_deref(), MAX_KIND_BYTES)?;
        validate::optional("message", self.message.as_deref(), MAX_NAME_BYTES)
    }
}

objects! { Location Card Phone Email Choice SystemLine Unsupported }
