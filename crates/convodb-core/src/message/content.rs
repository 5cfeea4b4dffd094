//! What a message says or shows, by its type.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::Attachment;
use super::attachment::normalised_url;
use super::parts::{Card, Choice, Location, SystemLine, Unsupported, validate_cards};
use crate::InvalidInput;
use crate::text::{Object, ObjectWriter};
use crate::validate::{self, Origin};

const MAX_ATTACHMENTS: usize = 30;
const MAX_ATTACHMENT_BYTES: usize = 64 * 1_024;
/// The bound of the address of one image or document.
const MAX_URL_BYTES: usize = 4_096;

/// The type of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum MessageType {
    /// Plain text.
    Text,
    /// A template that the provider has approved.
    Template,
    /// An image.
    Image,
    /// A document.
    Document,
    /// A sound, such as a voice note.
    Audio,
    /// A video.
    Video,
    /// A sticker.
    Sticker,
    /// A link, a shared post, or a story.
    Link,
    /// A place.
    Location,
    /// Contact cards.
    Contacts,
    /// What was pressed, chosen, filled in or ordered.
    Interactive,
    /// A line of the provider's, which is no message of a person.
    System,
    /// Something that the provider does not deliver.
    Unsupported,
}

impl MessageType {
    pub(crate) const ALL: [Self; 13] = [
        Self::Text,
        Self::Template,
        Self::Image,
        Self::Document,
        Self::Audio,
        Self::Video,
        Self::Sticker,
        Self::Link,
        Self::Location,
        Self::Contacts,
        Self::Interactive,
        Self::System,
        Self::Unsupported,
    ];

    /// The kind of its attachments, if it consists of them.
    pub(crate) const fn medium(self) -> Option<MediaKind> {
        Some(match self {
            Self::Image => MediaKind::Image,
            Self::Document => MediaKind::Document,
            Self::Audio => MediaKind::Audio,
            Self::Video => MediaKind::Video,
            Self::Sticker => MediaKind::Sticker,
            Self::Link => MediaKind::Link,
            _ => return None,
        })
    }
}

/// What an attachment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum MediaKind {
    /// An image.
    Image,
    /// A document.
    Document,
    /// A sound.
    Audio,
    /// A video.
    Video,
    /// A sticker.
    Sticker,
    /// A link.
    Link,
}

impl MediaKind {
    const fn message_type(self) -> MessageType {
        match self {
            Self::Image => MessageType::Image,
            Self::Document => MessageType::Document,
            Self::Audio => MessageType::Audio,
            Self::Video => MessageType::Video,
            Self::Sticker => MessageType::Sticker,
            Self::Link => MessageType::Link,
        }
    }
}

/// What a message says or shows: each type with the fields that it requires.
///
/// Any content may be built. A command that carries it refuses a text of more than 64 KiB, more than
/// 30 attachments, and an address that is not `http` or `https`. A blank text, one of white space,
/// control and format characters alone, is refused in what is to be sent; one that came is stored.
///
/// ```
/// use convodb::{Content, MessageType};
///
/// let invoice = Content::document("https://example.com/invoice.pdf").caption("March");
/// assert_eq!(invoice.message_type(), MessageType::Document);
/// assert_eq!(Content::text("Hello").as_text(), Some("Hello"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[must_use]
pub enum Content {
    /// Plain text.
    Text {
        /// The text.
        text: String,
        /// Links that it has.
        attachments: Vec<Attachment>,
    },
    /// A template by its name, with ordered parameters.
    Template {
        /// The template's name.
        name: String,
        /// Its parameters, in order.
        params: Vec<String>,
        /// The rendered text, where there is one.
        text: Option<String>,
        /// The media of its header.
        attachments: Vec<Attachment>,
    },
    /// An image, a document, a sound, a video, a sticker or a link, and what came with it.
    Media {
        /// The kind of the first attachment.
        kind: MediaKind,
        /// At least one. The first has an address or the provider's id.
        attachments: Vec<Attachment>,
        /// The text beneath.
        caption: Option<String>,
    },
    /// A place.
    Location {
        /// The place.
        location: Box<Location>,
        /// What was said with it.
        text: Option<String>,
    },
    /// Contact cards.
    Contacts {
        /// The cards.
        cards: Vec<Card>,
        /// What was said with them.
        text: Option<String>,
    },
    /// What was pressed, chosen, filled in or ordered.
    Interactive {
        /// What it was.
        choice: Box<Choice>,
        /// What was said with it.
        text: Option<String>,
    },
    /// A line of the provider's.
    System {
        /// What happened.
        line: Box<SystemLine>,
        /// The line as people read it.
        text: Option<String>,
    },
    /// Something that the provider does not deliver.
    Unsupported {
        /// What is known of it.
        reason: Option<Box<Unsupported>>,
        /// What was said with it.
        text: Option<String>,
        /// What of it did come.
        attachments: Vec<Attachment>,
        /// The text beneath those.
        caption: Option<String>,
    },
    /// What was taken back: only its type is left.
    Revoked(MessageType),
}

impl Content {
    /// Plain text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text {
            text: text.into(),
            attachments: Vec::new(),
        }
    }

    /// A template by its name, with ordered parameters.
    pub fn template<P: Into<String>>(
        name: impl Into<String>,
        params: impl IntoIterator<Item = P>,
    ) -> Self {
        Self::Template {
            name: name.into(),
            params: params.into_iter().map(Into::into).collect(),
            text: None,
            attachments: Vec::new(),
        }
    }

    /// An image by its public address.
    pub fn image(url: impl Into<String>) -> Self {
        Self::media(Attachment::url(MediaKind::Image, url))
    }

    /// A document by its public address.
    pub fn document(url: impl Into<String>) -> Self {
        Self::media(Attachment::url(MediaKind::Document, url))
    }

    /// A medium or a link.
    pub fn media(attachment: Attachment) -> Self {
        Self::Media {
            kind: attachment.kind,
            attachments: vec![attachment],
            caption: None,
        }
    }

    /// Sets the text beneath media, or what is said with another content. A plain text is replaced by
    /// the caption; what was taken back stays as it is.
    pub fn caption(mut self, words: impl Into<String>) -> Self {
        match &mut self {
            Self::Text { text, .. } => *text = words.into(),
            Self::Media { caption: text, .. }
            | Self::Unsupported { caption: text, .. }
            | Self::Template { text, .. }
            | Self::Location { text, .. }
            | Self::Contacts { text, .. }
            | Self::Interactive { text, .. }
            | Self::System { text, .. } => *text = Some(words.into()),
            Self::Revoked(_) => {}
        }
        self
    }

    /// Adds an attachment. Types that have none stay as they are, and a command refuses what does not
    /// belong to its type.
    pub fn attach(mut self, attachment: Attachment) -> Self {
        if let Some(attachments) = self.attachments_mut() {
            attachments.push(attachment);
        }
        self
    }

    /// Its type.
    pub const fn message_type(&self) -> MessageType {
        match self {
            Self::Text { .. } => MessageType::Text,
            Self::Template { .. } => MessageType::Template,
            Self::Media { kind, .. } => kind.message_type(),
            Self::Location { .. } => MessageType::Location,
            Self::Contacts { .. } => MessageType::Contacts,
            Self::Interactive { .. } => MessageType::Interactive,
            Self::System { .. } => MessageType::System,
            Self::Unsupported { .. } => MessageType::Unsupported,
            Self::Revoked(of) => *of,
        }
    }

    /// The `content` of its JSON: a text, what was said with something else, or the title of what was
    /// chosen.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text { text, .. } => Some(text),
            Self::Interactive { choice, text } => text.as_deref().or(choice.title.as_deref()),
            Self::Template { text, .. }
            | Self::Location { text, .. }
            | Self::Contacts { text, .. }
            | Self::System { text, .. }
            | Self::Unsupported { text, .. } => text.as_deref(),
            Self::Media { .. } => None,
            Self::Revoked(of) => {
                matches!(of, MessageType::Text | MessageType::Template).then_some("")
            }
        }
    }

    /// What people read of it: its text, or the caption of media.
    pub(crate) fn words(&self) -> Option<&str> {
        match self {
            Self::Media { caption, .. } => caption.as_deref(),
            _ => self.as_text(),
        }
    }

    /// Its attachments, in order.
    pub fn attachments(&self) -> &[Attachment] {
        match self {
            Self::Text { attachments, .. }
            | Self::Template { attachments, .. }
            | Self::Media { attachments, .. }
            | Self::Unsupported { attachments, .. } => attachments,
            _ => &[],
        }
    }

    pub(crate) const fn attachments_mut(&mut self) -> Option<&mut Vec<Attachment>> {
        match self {
            Self::Text { attachments, .. }
            | Self::Template { attachments, .. }
            | Self::Media { attachments, .. }
            | Self::Unsupported { attachments, .. } => Some(attachments),
            _ => None,
        }
    }

    /// Whether the rest of it may come later under the same id of the provider.
    pub(crate) const fn is_unsupported(&self) -> bool {
        matches!(self, Self::Unsupported { .. })
    }

    /// Whether it is a line of the provider's.
    pub(crate) const fn is_system(&self) -> bool {
        matches!(self.message_type(), MessageType::System)
    }

    /// The address of its one attachment, where that says it all.
    pub(crate) fn lone_url(&self) -> Option<&str> {
        match self.attachments() {
            [lone] if matches!(self, Self::Media { .. }) => lone.lone_url(),
            _ => None,
        }
    }

    /// What an edit makes of a content: one of the same type, but for a text that becomes the caption of
    /// media, and for what was not known before.
    pub(crate) fn in_place_of(self, former: &Self) -> Result<Self, InvalidInput> {
        let is_same = self.message_type() == former.message_type();
        match (self, former) {
            // A line of the provider's is no message of a person.
            (content, Self::Unsupported { .. }) if !content.is_system() => Ok(content),
            (Self::Text { text, .. }, Self::Media { .. } | Self::Template { .. }) => {
                Ok(former.clone().caption(text))
            }
            (content, _) if is_same => Ok(content),
            _ => Err(InvalidInput::new("type", "must be that of the message")),
        }
    }

    /// The content as it is stored, checked. What is to be sent is right as it was given; the bounds are
    /// those of what is stored.
    pub(crate) fn accepted(self, origin: Origin) -> Result<Self, InvalidInput> {
        if origin == Origin::Intent {
            self.validate(origin)?;
        }
        let content = self.normalised();
        content.validate(origin)?;
        Ok(content)
    }

    /// The same, as it is stored.
    fn normalised(mut self) -> Self {
        let attachments = self.attachments_mut();
        attachments
            .into_iter()
            .flatten()
            .for_each(Attachment::normalise);
        if let Self::Location { location, .. } = &mut self
            && let Some(url) = &mut location.url
        {
            *url = normalised_url(url);
        }
        self
    }

    pub(crate) fn validate(&self, origin: Origin) -> Result<(), InvalidInput> {
        let check = |field, text: Option<&String>| {
            text.map_or(Ok(()), |text| validate::text(field, text, origin))
        };
        self.validate_attachments(origin)?;
        match self {
            Self::Text { text, attachments } => {
                let are_links = attachments.iter().all(|it| it.kind == MediaKind::Link);
                let reason = "must be links, beside a text";
                InvalidInput::unless(are_links, "attachments", reason)?;
                check("content", Some(text))
            }
            Self::Template {
                name, params, text, ..
            } => {
                validate::name("template_name", name)?;
                validate::template_params("template_params", params)?;
                check("content", text.as_ref())
            }
            Self::Media {
                kind,
                attachments,
                caption,
            } => {
                let first = attachments.first().filter(|first| {
                    first.kind == *kind && (first.url.is_some() || first.media_id.is_some())
                });
                let reason = "must begin with one of the message's type, with a url or a media_id";
                InvalidInput::unless(first.is_some(), "attachments", reason)?;
                check("caption", caption.as_ref())
            }
            Self::Location { location, text } => {
                within("location", location.validate())?;
                check("content", text.as_ref())
            }
            Self::Contacts { cards, text } => {
                validate_cards(cards)?;
                check("content", text.as_ref())
            }
            Self::Interactive { choice, text } => {
                within("reply", choice.validate())?;
                check("content", text.as_ref())
            }
            Self::System { line, text } => {
                within("system", line.validate())?;
                check("content", text.as_ref())
            }
            Self::Unsupported {
                reason,
                text,
                caption,
                ..
            } => {
                let mut reason = reason.iter();
                reason.try_for_each(|reason| within("unsupported", reason.validate()))?;
                check("content", text.as_ref())?;
                check("caption", caption.as_ref())
            }
            Self::Revoked(_) => Ok(()),
        }
    }

    fn validate_attachments(&self, origin: Origin) -> Result<(), InvalidInput> {
        if let (Some(url), Self::Media { .. }) = (self.lone_url(), self) {
            return validate::url("media_url", url, MAX_URL_BYTES, origin);
        }
        let attachments = self.attachments();
        let count = attachments.len();
        let reason = format_args!("must be at most {MAX_ATTACHMENTS}, and are {count}");
        InvalidInput::unless(count <= MAX_ATTACHMENTS, "attachments", reason)?;
        for (index, attachment) in attachments.iter().enumerate() {
            within(
                &format!("attachments[{index}]"),
                attachment.validate(origin),
            )?;
        }
        if attachments.is_empty() {
            return Ok(());
        }
        validate::json_size("attachments", &attachments, MAX_ATTACHMENT_BYTES)
    }

    /// Writes the fields of its JSON beside `type`, `content` and those that follow the receipts.
    pub(super) fn write_first<S: Serializer>(
        &self,
        object: &mut ObjectWriter<S>,
    ) -> Result<(), S::Error> {
        match self {
            Self::Template { name, params, .. } => {
                object.put("template_name", name)?;
                object.put("template_params", params)
            }
            Self::Media {
                attachments,
                caption,
                ..
            } => {
                let url = attachments.first().and_then(|first| first.url.as_deref());
                object.put_some("media_url", url)?;
                object.put_some("caption", caption.as_deref())
            }
            Self::Unsupported { caption, .. } => object.put_some("caption", caption.as_deref()),
            _ => Ok(()),
        }
    }

    /// Writes the fields that follow the receipts.
    pub(super) fn write_last<S: Serializer>(
        &self,
        object: &mut ObjectWriter<S>,
    ) -> Result<(), S::Error> {
        let attachments = self.attachments();
        let are_shown = !attachments.is_empty() && self.lone_url().is_none();
        object.put_some("attachments", are_shown.then_some(attachments))?;
        match self {
            Self::Location { location, .. } => object.put("location", location),
            Self::Contacts { cards, .. } => object.put("contacts", cards),
            Self::Interactive { choice, .. } => object.put("reply", choice),
            Self::System { line, .. } => object.put("system", line),
            Self::Unsupported { reason, .. } => object.put_some("unsupported", reason.as_ref()),
            _ => Ok(()),
        }
    }
}

fn within(field: &str, checked: Result<(), InvalidInput>) -> Result<(), InvalidInput> {
    checked.map_err(|error| error.within(field))
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

/// The fields of a content in JSON, of whichever type.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "an object")]
pub(super) struct ContentFields {
    // Of a content on its own alone.
    pub(super) r#type: Option<MessageType>,
    pub(super) revoked: bool,
    pub(super) content: Option<String>,
    pub(super) template_name: Option<String>,
    pub(super) template_params: Option<Vec<String>>,
    pub(super) media_url: Option<String>,
    pub(super) caption: Option<String>,
    pub(super) attachments: Option<Vec<Attachment>>,
    pub(super) location: Option<Box<Location>>,
    pub(super) contacts: Option<Vec<Card>>,
    pub(super) reply: Option<Box<Choice>>,
    pub(super) system: Option<Box<SystemLine>>,
    pub(super) unsupported: Option<Box<Unsupported>>,
}

impl ContentFields {
    /// Whether none is given, but for the empty text that is printed of what was taken back.
    pub(super) fn is_revoked(&self) -> bool {
        self.given()
            .is_none_or(|field| field == "content" && self.content.as_deref() == Some(""))
    }

    /// A field that is given.
    fn given(&self) -> Option<&'static str> {
        let fields = [
            ("content", self.content.is_some()),
            ("template_name", self.template_name.is_some()),
            ("template_params", self.template_params.is_some()),
            ("media_url", self.media_url.is_some()),
            ("caption", self.caption.is_some()),
            ("attachments", self.attachments.is_some()),
            ("location", self.location.is_some()),
            ("contacts", self.contacts.is_some()),
            ("reply", self.reply.is_some()),
            ("system", self.system.is_some()),
            ("unsupported", self.unsupported.is_some()),
        ];
        let mut given = fields.into_iter().filter(|(_, is_given)| *is_given);
        given.next().map(|(field, _)| field)
    }

    /// The content of this type. A field of another type is refused: nothing is silently dropped.
    pub(super) fn into_content(mut self, r#type: MessageType) -> Result<Content, InvalidInput> {
        let content = if let Some(kind) = r#type.medium() {
            Content::Media {
                kind,
                attachments: self.media(kind)?,
                caption: self.caption.take(),
            }
        } else {
            self.other(r#type)?
        };
        let reason = "does not belong to this type of message";
        self.given()
            .map_or(Ok(content), |field| Err(InvalidInput::new(field, reason)))
    }

    /// `media_url` is short for one attachment. Beside attachments it is the first one's address.
    fn media(&mut self, kind: MediaKind) -> Result<Vec<Attachment>, InvalidInput> {
        let url = self.media_url.take();
        let Some(attachments) = self.attachments.take() else {
            let url = required("media_url", url)?;
            return Ok(vec![Attachment::url(kind, url)]);
        };
        let first = attachments.first().and_then(|first| first.url.as_ref());
        let is_first = url.is_none() || url.as_ref() == first;
        let reason = "must be the address of the first attachment";
        InvalidInput::unless(is_first, "media_url", reason)?;
        Ok(attachments)
    }

    fn other(&mut self, r#type: MessageType) -> Result<Content, InvalidInput> {
        Ok(match r#type {
            MessageType::Template => Content::Template {
                name: required("template_name", self.template_name.take())?,
                params: self.template_params.take().unwrap_or_default(),
                text: self.content.take(),
                attachments: self.attachments.take().unwrap_or_default(),
            },
            MessageType::Location => Content::Location {
                location: required("location", self.location.take())?,
                text: self.content.take(),
            },
            MessageType::Contacts => Content::Contacts {
                cards: required("contacts", self.contacts.take())?,
                text: self.content.take(),
            },
            MessageType::Interactive => {
                let choice = required("reply", self.reply.take())?;
                // What is printed for want of a text is not one.
                let text = self.content.take();
                let text = text.filter(|text| Some(text) != choice.title.as_ref());
                Content::Interactive { choice, text }
            }
            MessageType::System => Content::System {
                line: required("system", self.system.take())?,
                text: self.content.take(),
            },
            MessageType::Unsupported => Content::Unsupported {
                reason: self.unsupported.take(),
                text: self.content.take(),
                attachments: self.attachments.take().unwrap_or_default(),
                caption: self.caption.take(),
            },
            _ => Content::Text {
                text: required("content", self.content.take())?,
                attachments: self.attachments.take().unwrap_or_default(),
            },
        })
    }
}

fn required<T>(field: &'static str, value: Option<T>) -> Result<T, InvalidInput> {
    value.ok_or_else(|| InvalidInput::new(field, "is required for this type of message"))
}

/// An object with `type` and the fields of the content; in records, the text of that object.
impl Serialize for Content {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = ObjectWriter::new(serializer)?;
        object.put("type", self.message_type())?;
        object.put_some("revoked", matches!(self, Self::Revoked(_)).then_some(true))?;
        if !matches!(self, Self::Revoked(_)) {
            object.put_some("content", self.as_text())?;
            self.write_first(&mut object)?;
            self.write_last(&mut object)?;
        }
        object.end()
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = ContentFields::deserialize(Object(deserializer))?;
        let missing = || de::Error::missing_field("type");
        let r#type = fields.r#type.ok_or_else(missing)?;
        if fields.revoked {
            return Ok(Self::Revoked(r#type));
        }
        let content = fields.into_content(r#type);
        content.map_err(de::Error::custom)
    }
}
