//! What a team gives a conversation beside its status and its assignee.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::metadata::{Metadata, MetadataChanges};
use crate::text::{folded, given, is_blank, objects};
use crate::{
    Assignee, AssigneeId, Conversation, Field, InvalidInput, Status, TeamId, time, validate,
};

const MAX_TAGS: usize = 32;
const MAX_TAG_BYTES: usize = 64;

/// How soon a conversation needs an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Priority {
    /// Whenever there is time.
    Low,
    /// As usual.
    Medium,
    /// Before others.
    High,
    /// At once.
    Urgent,
}

impl Priority {
    /// Every priority, the lowest first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Urgent];

    /// Its name in JSON and in query strings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Urgent => "urgent",
        }
    }
}

/// The name of an attribute that a team gives a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Attribute {
    /// [`Attributes::priority`].
    Priority,
    /// [`Attributes::tags`].
    Tags,
    /// [`Attributes::metadata`].
    Metadata,
    /// [`Attributes::team`].
    Team,
}

/// What a team gives a conversation. Most conversations have none of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Attributes {
    /// The team whose queue it is in, with its present name: beside who has it.
    pub team: Option<Assignee>,
    /// Until when it is out of the way.
    pub snoozed_until: Option<DateTime<Utc>>,
    /// How soon it needs an answer.
    pub priority: Option<Priority>,
    /// Its tags.
    pub tags: Tags,
    /// The caller's own values. Lists leave them out.
    pub metadata: Metadata,
}

impl Attributes {
    pub(crate) const fn none() -> Self {
        Self {
            team: None,
            snoozed_until: None,
            priority: None,
            tags: Tags::new(),
            metadata: Metadata::new(),
        }
    }

    /// As fields, where they have a value, in the order of the variants of [`Field`]; without the team,
    /// which records hold by its number.
    pub(crate) fn fields(&self) -> impl Iterator<Item = Field> {
        let priority = self
            .priority
            .map(|priority| Field::Priority(Some(priority)));
        let tags = (!self.tags.is_empty()).then(|| Field::Tags(self.tags.clone()));
        let metadata = (!self.metadata.is_empty())
            .then(|| Field::Metadata(MetadataChanges::from(&self.metadata)));
        let snoozed = self.snoozed_until.map(|it| Field::SnoozedUntil(Some(it)));
        [priority, tags, metadata, snoozed].into_iter().flatten()
    }

    /// What lists show of them; nothing if that is none.
    #[doc(hidden)]
    pub fn listed(&self) -> Option<Self> {
        let listed = Self {
            metadata: Metadata::new(),
            ..self.clone()
        };
        Some(listed).filter(|listed| *listed != Self::default())
    }

    pub(crate) fn validate(&self) -> Result<(), InvalidInput> {
        if let Some(team) = &self.team {
            let reason = "must be a team's id";
            InvalidInput::unless(team.id.is_team(), "team.id", reason)?;
            validate::name("name", &team.name).map_err(|error| error.within("team"))?;
        }
        self.tags.validate()?;
        self.metadata.validate()
    }

    /// The same with those of another conversation: its own count, and tags and metadata are united as far
    /// as there is room.
    pub(crate) fn united(&self, other: &Self) -> Self {
        let mut tags = self.tags.clone();
        for tag in other.tags.iter() {
            if tags.len() < MAX_TAGS {
                tags.insert(tag);
            }
        }
        Self {
            priority: self.priority.or(other.priority),
            tags,
            metadata: self.metadata.united(&other.metadata),
            ..self.clone()
        }
    }

    /// The fields that make others of these.
    pub(crate) fn changes_to(&self, others: Self) -> Vec<Field> {
        let mut set = Vec::new();
        if others.priority != self.priority {
            set.push(Field::Priority(others.priority));
        }
        if others.tags != self.tags {
            set.push(Field::Tags(others.tags));
        }
        if others.metadata != self.metadata {
            set.push(Field::Metadata(MetadataChanges::from(&others.metadata)));
        }
        set
    }
}

/// Tags, compared without case, in the order in which they compare, each as it was first spelled: at
/// most 32 of at most 64 bytes.
///
/// ```
/// use convodb::Tags;
///
/// let tags: Tags = ["refund", "VIP", "Refund"].into_iter().collect();
/// assert_eq!(tags.iter().collect::<Vec<_>>(), ["refund", "VIP"]);
/// assert!(tags.contains("vip"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Tags(Vec<String>);

impl Tags {
    /// No tags.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// In their order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether a tag is one of them, in whichever case.
    pub fn contains(&self, tag: &str) -> bool {
        self.find(tag).is_ok()
    }

    fn find(&self, tag: &str) -> Result<usize, usize> {
        let tag = folded(tag);
        self.0.binary_search_by_key(&tag, |known| folded(known))
    }

    /// Each with what it is compared by.
    #[doc(hidden)]
    pub fn folded(&self) -> impl Iterator<Item = (String, &str)> {
        self.iter().map(|tag| (folded(tag), tag))
    }

    /// Adds a tag, unless it is there.
    pub fn insert(&mut self, tag: impl Into<String>) {
        let tag = tag.into();
        if let Err(place) = self.find(&tag) {
            self.0.insert(place, tag);
        }
    }

    /// Takes a tag away, in whichever case.
    pub fn remove(&mut self, tag: &str) {
        if let Ok(place) = self.find(tag) {
            self.0.remove(place);
        }
    }

    pub(crate) fn validate(&self) -> Result<(), InvalidInput> {
        let count = self.0.len();
        let reason = format_args!("must be at most {MAX_TAGS}, and are {count}");
        InvalidInput::unless(count <= MAX_TAGS, "tags", reason)?;
        self.iter().try_for_each(check_tag)
    }
}

fn check_tag(tag: &str) -> Result<(), InvalidInput> {
    let length = tag.len();
    let reason = format_args!("must be at most {MAX_TAG_BYTES} bytes each, and one has {length}");
    InvalidInput::unless(length <= MAX_TAG_BYTES, "tags", reason)?;
    let is_plain = !tag.chars().any(char::is_control);
    InvalidInput::unless(is_plain, "tags", "must have no control characters")?;
    let is_trimmed = !tag.is_empty() && tag.trim() == tag;
    let reason = "must not be empty, or begin or end with white space";
    InvalidInput::unless(is_trimmed, "tags", reason)?;
    let reason = "must not be blank: one has no character that is seen";
    InvalidInput::unless(!is_blank(tag), "tags", reason)
}

impl<T: Into<String>> FromIterator<T> for Tags {
    fn from_iter<I: IntoIterator<Item = T>>(tags: I) -> Self {
        // Sorted at once: a request may have as many as its body has room for.
        let tags = tags.into_iter().map(Into::into);
        let mut tags: Vec<(String, String)> = tags.map(|tag| (folded(&tag), tag)).collect();
        tags.sort_by(|(one, _), (other, _)| one.cmp(other));
        tags.dedup_by(|(later, _), (first, _)| later == first);
        Self(tags.into_iter().map(|(_, tag)| tag).collect())
    }
}

impl<'de> Deserialize<'de> for Tags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<String>::deserialize(deserializer).map(Self::from_iter)
    }
}

/// A tag, and how many conversations have it. Its JSON is `{"tag", "count"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TagCount {
    /// As it was first spelled.
    pub tag: String,
    /// How many conversations have it, in whichever case.
    pub count: u64,
}

impl TagCount {
    #[doc(hidden)]
    pub const fn new(tag: String, count: u64) -> Self {
        Self { tag, count }
    }
}

/// New values for attributes of a conversation. What is left out stays as it is.
///
/// Its JSON has `team_id`, `snoozed_until`, `priority`, `tags` and `metadata`. A value of `null` takes an
/// attribute away.
///
/// ```
/// use convodb::{AttributeChanges, Priority};
///
/// let body = r#"{"priority": "high", "tags": {"add": ["refund"]}, "metadata": {"order": 1042}}"#;
/// let changes: AttributeChanges = serde_json::from_str(body)?;
/// assert_eq!(changes.priority, Some(Some(Priority::High)));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "an object")]
#[non_exhaustive]
pub struct AttributeChanges {
    /// The team, or none.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub team_id: Option<Option<TeamId>>,
    /// Until when it is snoozed, a time in the future; or no longer.
    #[serde(with = "given_time", skip_serializing_if = "Option::is_none")]
    pub snoozed_until: Option<Option<DateTime<Utc>>>,
    /// The priority, or none.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub priority: Option<Option<Priority>>,
    /// All tags, or some.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub tags: Option<Option<TagChanges>>,
    /// Some values of the caller's own; without them, all are taken away.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Option<MetadataChanges>>,
}

/// The same for a time.
mod given_time {
    use super::*;

    type Given = Option<Option<DateTime<Utc>>>;

    pub(super) fn serialize<S: Serializer>(time: &Given, serializer: S) -> Result<S::Ok, S::Error> {
        time::optional::serialize(&time.flatten(), serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Given, D::Error> {
        time::optional::deserialize(deserializer).map(Some)
    }
}

/// What becomes of the tags of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "must be a list, or an object with `add` and `remove`"
)]
pub enum TagChanges {
    /// These are all.
    All(Tags),
    /// Some come, and some go.
    Some(TagDifference),
}

/// Tags that come, and tags that go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", default, deny_unknown_fields, expecting = "an object")]
pub struct TagDifference {
    /// Those that are added.
    pub add: Tags,
    /// Those that are taken away, in whichever case.
    pub remove: Tags,
}

objects! { TagDifference }

impl AttributeChanges {
    /// The fields that become other ones, and what they become.
    pub(crate) fn fields(
        &self,
        conversation: &Conversation,
        now: DateTime<Utc>,
    ) -> Result<Vec<Field>, InvalidInput> {
        let known = conversation.attributes();
        let mut set = Vec::new();
        if let Some(team) = &self.team_id {
            let id = known.team.as_ref().map(|team| &team.id);
            if id != team.clone().map(AssigneeId::Team).as_ref() {
                set.push(Field::Team(team.clone()));
            }
        }
        if let Some(until) = self.snoozed_until
            && until != known.snoozed_until
        {
            let is_future = until.is_none_or(|until| until > now);
            InvalidInput::unless(is_future, "snoozed_until", "must be in the future")?;
            let is_open = until.is_none() || conversation.status == Status::Open;
            let reason = "the conversation is resolved; reopen it first";
            InvalidInput::unless(is_open, "snoozed_until", reason)?;
            set.push(Field::SnoozedUntil(until));
        }
        if let Some(priority) = self.priority
            && priority != known.priority
        {
            set.push(Field::Priority(priority));
        }
        if let Some(changes) = &self.tags {
            let tags = match changes {
                None => Tags::new(),
                // A spelling that is known stays.
                Some(TagChanges::All(all)) => {
                    let kept = known.tags.iter().filter(|tag| all.contains(tag));
                    kept.chain(all.iter()).collect()
                }
                Some(TagChanges::Some(TagDifference { add, remove })) => {
                    let kept = known.tags.iter().filter(|tag| !remove.contains(tag));
                    kept.chain(add.iter()).collect()
                }
            };
            tags.validate()?;
            if tags != known.tags {
                set.push(Field::Tags(tags));
            }
        }
        if let Some(changes) = &self.metadata {
            let changes = changes.clone().unwrap_or_else(|| known.metadata.cleared());
            let merged = known.metadata.merged(&changes);
            merged.validate()?;
            if merged != known.metadata {
                set.push(Field::Metadata(changes));
            }
        }
        Ok(set)
    }
}
