//! What most messages do not have.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize, Serializer};

use super::Content;
use crate::text::{ObjectWriter, objects};
use crate::time::Time;
use crate::validate::{self, Origin};
use crate::{InvalidInput, Json, MessageId, Metadata, ProviderId, UserId, time};

const MAX_RAW_BYTES: usize = 64 * 1_024;
pub(crate) const MAX_REFERENCE_BYTES: usize = 128;
const MAX_ALIASES: usize = 4;
const MAX_IMPORT_ID_BYTES: usize = 512;
/// How many former contents of a message are kept.
const MAX_VERSIONS: usize = 10;
const MAX_REACTORS: usize = 32;
const MAX_EMOJI_BYTES: usize = 64;

/// What most messages do not have. Each field has no value by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Extras {
    /// The provider's own JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw: Option<Json>,
    /// What it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<Reference>,
    /// Whether it was forwarded.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub forwarded: bool,
    /// Who wrote an outbound message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<Author>,
    /// The contact's identity that it came from or went to, where one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// The sender's own reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_ref: Option<String>,
    /// Further ids that the provider has for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub provider_aliases: Vec<ProviderId>,
    /// How often it was tried again.
    #[serde(skip_serializing_if = "is_zero")]
    pub retries: u32,
    /// What was reacted with, by reactor.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reactions: Vec<Reaction>,
    /// When its present content was written, if it was edited.
    #[serde(with = "time::optional", skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<DateTime<Utc>>,
    /// Its former contents, oldest first: at most ten.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<Version>,
    /// Whether an edit came, and the message itself has not yet.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[doc(hidden)]
    pub awaits_original: bool,
    /// Whether it asks for nothing: it reopens nothing, never counted as unread, and answers nothing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[doc(hidden)]
    pub is_silent: bool,
    /// When and by whom it was taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Revocation>,
    /// Whether its content is yet to come.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub placeholder: bool,
    /// The caller's own values.
    #[serde(skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
    /// The id that it had where a line of an import came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[doc(hidden)]
    pub import_id: Option<String>,
}

const fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// What a message answers, as its sender named it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(remote = "Self", default, deny_unknown_fields, expecting = "an object")]
#[non_exhaustive]
pub struct Reference {
    /// The message, where this conversation has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<MessageId>,
    /// The provider's id of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_id: Option<ProviderId>,
    /// A story.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub story: Option<Story>,
}

impl From<MessageId> for Reference {
    fn from(id: MessageId) -> Self {
        Self {
            message_id: Some(id),
            ..Self::default()
        }
    }
}

impl From<ProviderId> for Reference {
    fn from(id: ProviderId) -> Self {
        Self {
            provider_id: Some(id),
            ..Self::default()
        }
    }
}

/// A story that was answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(remote = "Self", default, deny_unknown_fields, expecting = "an object")]
pub struct Story {
    /// Its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// Who wrote a message, reacted to it, or took it back.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields, expecting = "an object")]
#[non_exhaustive]
pub struct Author {
    /// What kind of author.
    pub r#type: AuthorType,
    /// The id: of a user, that of the directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The name: of a user, the present one of the directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// The kinds of [`Author`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum AuthorType {
    /// The contact. No author of an outbound message.
    Contact,
    /// A user of the directory.
    User,
    /// A program: its answers are no human replies.
    Bot,
    /// Another application, which the store sees only the messages of.
    External,
}

impl Author {
    /// The contact.
    pub const fn contact() -> Self {
        Self {
            r#type: AuthorType::Contact,
            id: None,
            name: None,
        }
    }

    /// A user of the directory.
    pub fn user(id: &UserId) -> Self {
        Self {
            r#type: AuthorType::User,
            id: Some(id.to_string()),
            name: None,
        }
    }

    /// A bot, by its name.
    pub fn bot(name: impl Into<String>) -> Self {
        Self {
            r#type: AuthorType::Bot,
            id: None,
            name: Some(name.into()),
        }
    }

    /// Another application.
    pub const fn external() -> Self {
        Self {
            r#type: AuthorType::External,
            id: None,
            name: None,
        }
    }

    /// The user of the directory that it is.
    pub fn user_id(&self) -> Option<UserId> {
        let id = self
            .id
            .as_deref()
            .filter(|_| self.r#type == AuthorType::User)?;
        UserId::new(id).ok()
    }

    /// Whether both are the same, whatever their names.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        (self.r#type, &self.id) == (other.r#type, &other.id)
            && (self.id.is_some() || self.name == other.name)
    }

    pub(crate) fn validate(&self) -> Result<(), InvalidInput> {
        validate::optional("id", self.id.as_deref(), 128)?;
        validate::optional("name", self.name.as_deref(), 256)?;
        let is_nameless = self.id.is_none() && self.name.is_none();
        match self.r#type {
            AuthorType::Contact => {
                InvalidInput::unless(is_nameless, "id", "does not belong to the contact")
            }
            AuthorType::User => {
                let id = self.id.as_deref().unwrap_or_default();
                UserId::new(id)
                    .map(drop)
                    .map_err(|error| InvalidInput::new("id", error.reason().to_owned()))
            }
            AuthorType::Bot | AuthorType::External => Ok(()),
        }
    }
}

/// What one reactor reacted with.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Reaction {
    /// Who.
    pub by: Author,
    /// With what; nothing, if it was taken back.
    pub emoji: Vec<String>,
    /// When.
    #[serde(with = "time")]
    pub at: DateTime<Utc>,
}

impl Reaction {
    #[doc(hidden)]
    pub const fn new(by: Author, emoji: Vec<String>, at: DateTime<Utc>) -> Self {
        Self { by, emoji, at }
    }

    /// One entry for each emoji.
    fn shown(&self) -> impl Iterator<Item = ShownReaction<'_>> {
        self.emoji.iter().map(|emoji| ShownReaction {
            by: &self.by,
            emoji,
            at: Time(self.at),
        })
    }

    pub(crate) fn validate(&self) -> Result<(), InvalidInput> {
        self.by.validate().map_err(|error| error.within("by"))?;
        let bytes: usize = self.emoji.iter().map(String::len).sum();
        let is_seen = self.emoji.iter().all(|emoji| !emoji.is_empty());
        InvalidInput::unless(is_seen, "emoji", "must not be empty")?;
        let reason = format_args!("must be at most {MAX_EMOJI_BYTES} bytes, and has {bytes}");
        InvalidInput::unless(bytes <= MAX_EMOJI_BYTES, "emoji", reason)
    }
}

#[derive(Serialize)]
struct ShownReaction<'a> {
    by: &'a Author,
    emoji: &'a str,
    at: Time,
}

/// A former content of a message.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Version {
    /// What it said.
    pub content: Content,
    /// When it was written.
    #[serde(with = "time")]
    pub at: DateTime<Utc>,
}

impl Version {
    #[doc(hidden)]
    pub const fn new(content: Content, at: DateTime<Utc>) -> Self {
        Self { content, at }
    }
}

/// When and by whom a message was taken back.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Revocation {
    /// When.
    #[serde(with = "time")]
    pub at: DateTime<Utc>,
    /// By whom.
    pub by: Author,
    /// Whether the content is kept, for the team.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keeps_content: bool,
}

impl Revocation {
    #[doc(hidden)]
    pub const fn new(at: DateTime<Utc>, by: Author, keeps_content: bool) -> Self {
        Self {
            at,
            by,
            keeps_content,
        }
    }
}

impl Extras {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Writes the fields of its JSON. A reaction that was taken back is not shown, nor are former
    /// contents but their number.
    pub(super) fn write<S: Serializer>(
        &self,
        object: &mut ObjectWriter<S>,
    ) -> Result<(), S::Error> {
        let shown = |is_shown: bool| is_shown.then_some(true);
        object.put_some("raw", self.raw.as_ref())?;
        object.put_some("reply_to", self.reply_to.as_ref())?;
        object.put_some("forwarded", shown(self.forwarded))?;
        object.put_some("author", self.author.as_ref())?;
        object.put_some("identity", self.identity.as_ref())?;
        object.put_some("client_ref", self.client_ref.as_ref())?;
        let aliases = &self.provider_aliases;
        object.put_some("provider_aliases", (!aliases.is_empty()).then_some(aliases))?;
        let attempts = (self.retries > 0).then_some(self.retries + 1);
        object.put_some("attempts", attempts)?;
        let reactions: Vec<_> = self.reactions.iter().flat_map(Reaction::shown).collect();
        object.put_some("reactions", (!reactions.is_empty()).then_some(reactions))?;
        object.put_some("edited_at", self.edited_at.map(Time))?;
        let versions = self.versions.len();
        object.put_some("versions", (versions > 0).then_some(versions))?;
        if let Some(revoked) = &self.revoked {
            object.put("revoked_at", Time(revoked.at))?;
            object.put("revoked_by", &revoked.by)?;
        }
        object.put_some("placeholder", shown(self.placeholder))?;
        let metadata = &self.metadata;
        object.put_some("metadata", (!metadata.is_empty()).then_some(metadata))
    }

    /// Whether the JSON of a message leaves something of it out.
    pub(crate) fn has_unshown(&self) -> bool {
        let is_taken_back = |reaction: &Reaction| reaction.emoji.is_empty();
        !self.versions.is_empty()
            || self.awaits_original
            || self.is_silent
            || self.import_id.is_some()
            || self.reactions.iter().any(is_taken_back)
    }

    /// Sets all reactions of one reactor, unless a later one is known. Of equal times the one that
    /// arrived later counts.
    pub(crate) fn react(&mut self, reaction: Reaction) {
        let known = self
            .reactions
            .iter_mut()
            .find(|it| it.by.is_same(&reaction.by));
        match known {
            Some(known) if known.at <= reaction.at => *known = reaction,
            Some(_) => {}
            // The one that reacted first gives way.
            None => {
                if self.reactions.len() == MAX_REACTORS {
                    let oldest = self
                        .reactions
                        .iter()
                        .enumerate()
                        .min_by_key(|(_, it)| it.at);
                    if let Some(index) = oldest.map(|(index, _)| index) {
                        self.reactions.remove(index);
                    }
                }
                self.reactions.push(reaction);
            }
        }
    }

    /// Takes what came with a content: the provider's JSON, and values of the caller's own.
    pub(crate) fn bring(&mut self, raw: Option<Json>, metadata: &Metadata) {
        self.raw = raw;
        for (name, value) in metadata.iter() {
            self.metadata.set(name, value.clone());
        }
    }

    /// Keeps the first content, which came after edits of it: texts among those are its captions.
    pub(crate) fn found(&mut self, first: Version) {
        for version in &mut self.versions {
            if let Ok(content) = version.content.clone().in_place_of(&first.content) {
                version.content = content;
            }
        }
        self.keep(first);
    }

    /// Keeps a former content in its place by time.
    pub(crate) fn keep(&mut self, version: Version) {
        if self.versions.contains(&version) {
            return;
        }
        let index = self
            .versions
            .partition_point(|known| known.at <= version.at);
        self.versions.insert(index, version);
        if self.versions.len() > MAX_VERSIONS {
            self.versions.remove(0);
        }
    }

    pub(crate) fn add_alias(&mut self, alias: ProviderId) {
        if !self.provider_aliases.contains(&alias) {
            if self.provider_aliases.len() == MAX_ALIASES {
                self.provider_aliases.remove(0);
            }
            self.provider_aliases.push(alias);
        }
    }

    pub(crate) fn times(&mut self) -> impl Iterator<Item = &mut DateTime<Utc>> {
        let reactions = self.reactions.iter_mut().map(|it| &mut it.at);
        let versions = self.versions.iter_mut().map(|it| &mut it.at);
        let revoked = self.revoked.iter_mut().map(|it| &mut it.at);
        self.edited_at
            .iter_mut()
            .chain(reactions)
            .chain(versions)
            .chain(revoked)
    }

    pub(crate) fn validate(&self) -> Result<(), InvalidInput> {
        validate::optional("raw", self.raw.as_ref().map(Json::as_str), MAX_RAW_BYTES)?;
        validate::optional(
            "client_ref",
            self.client_ref.as_deref(),
            MAX_REFERENCE_BYTES,
        )?;
        if let Some(identity) = &self.identity {
            validate::identity("identity", identity)?;
        }
        let is_named = self.client_ref.as_ref().is_none_or(|text| !text.is_empty());
        InvalidInput::unless(is_named, "client_ref", "must not be empty")?;
        if let Some(author) = &self.author {
            author.validate().map_err(|error| error.within("author"))?;
            let is_contact = author.r#type == AuthorType::Contact;
            let reason = "must not be the contact";
            InvalidInput::unless(!is_contact, "author.type", reason)?;
        }
        if let Some(story) = self.reply_to.as_ref().and_then(|it| it.story.as_ref()) {
            for (field, text) in [
                ("reply_to.story.id", &story.id),
                ("reply_to.story.url", &story.url),
            ] {
                validate::optional(field, text.as_deref(), 4_096)?;
            }
        }
        validate::optional("import_id", self.import_id.as_deref(), MAX_IMPORT_ID_BYTES)?;
        let count = self.provider_aliases.len();
        let reason = format_args!("must be at most {MAX_ALIASES}, and are {count}");
        InvalidInput::unless(count <= MAX_ALIASES, "provider_aliases", reason)?;
        let count = self.versions.len();
        let reason = format_args!("must be at most {MAX_VERSIONS}, and are {count}");
        InvalidInput::unless(count <= MAX_VERSIONS, "versions", reason)?;
        let mut versions = self.versions.iter();
        versions.try_for_each(|version| version.content.validate(Origin::Fact))?;
        self.metadata.validate_of_message()
    }
}

objects! { Reference Story Author }
