//! What a message says or shows, by its type.

use serde::{Deserialize, Serialize, Serializer};

use crate::InvalidInput;
use crate::text::ObjectWriter;
use crate::validate::{self, Origin};

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
}

impl MessageType {
    pub(crate) const ALL: [Self; 4] = [Self::Text, Self::Template, Self::Image, Self::Document];
}

/// What a message says or shows: each type with the fields that it requires.
///
/// Any text may be built. A command that carries it refuses a text of more than 64 KiB and an address
/// that is not `http` or `https`. A blank text, one of white space, control and format characters
/// alone, is refused in what is to be sent; one that came is stored.
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
    },
    /// A template by its name, with ordered parameters.
    Template {
        /// The template's name.
        name: String,
        /// Its parameters, in order.
        params: Vec<String>,
        /// The rendered text, where there is one.
        text: Option<String>,
    },
    /// An image by its public address.
    Image {
        /// The address of the image.
        media_url: String,
        /// The text beneath it.
        caption: Option<String>,
    },
    /// A document by its public address.
    Document {
        /// The address of the document.
        media_url: String,
        /// The text beneath it.
        caption: Option<String>,
    },
}

impl Content {
    /// Plain text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into() }
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
        }
    }

    /// An image by its public address.
    pub fn image(media_url: impl Into<String>) -> Self {
        Self::Image {
            media_url: media_url.into(),
            caption: None,
        }
    }

    /// A document by its public address.
    pub fn document(media_url: impl Into<String>) -> Self {
        Self::Document {
            media_url: media_url.into(),
            caption: None,
        }
    }

    /// Sets the text beneath an image or a document, or the rendered text of a template. A plain text
    /// is replaced by the caption.
    pub fn caption(mut self, words: impl Into<String>) -> Self {
        match &mut self {
            Self::Text { text } => *text = words.into(),
            Self::Template { text, .. } => *text = Some(words.into()),
            Self::Image { caption, .. } | Self::Document { caption, .. } => {
                *caption = Some(words.into());
            }
        }
        self
    }

    /// Its type.
    pub const fn message_type(&self) -> MessageType {
        match self {
            Self::Text { .. } => MessageType::Text,
            Self::Template { .. } => MessageType::Template,
            Self::Image { .. } => MessageType::Image,
            Self::Document { .. } => MessageType::Document,
        }
    }

    /// The `content` of its JSON: a text, or a template's rendered text where there is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text { text } => Some(text),
            Self::Template { text, .. } => text.as_deref(),
            Self::Image { .. } | Self::Document { .. } => None,
        }
    }

    pub(crate) fn validate(&self, origin: Origin) -> Result<(), InvalidInput> {
        let check = |field, text: &String| validate::text(field, text, origin);
        match self {
            Self::Text { text } => check("content", text),
            Self::Template { name, params, text } => {
                validate::name("template_name", name)?;
                validate::template_params("template_params", params)?;
                text.iter().try_for_each(|text| check("content", text))
            }
            Self::Image { media_url, caption } | Self::Document { media_url, caption } => {
                validate::url("media_url", media_url)?;
                let mut caption = caption.iter();
                caption.try_for_each(|caption| check("caption", caption))
            }
        }
    }
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

impl Content {
    /// Writes the fields of its JSON beside `type` and `content`.
    pub(super) fn write_more<S: Serializer>(
        &self,
        object: &mut ObjectWriter<S>,
    ) -> Result<(), S::Error> {
        match self {
            Self::Text { .. } => Ok(()),
            Self::Template { name, params, .. } => {
                object.put("template_name", name)?;
                object.put("template_params", params)
            }
            Self::Image { media_url, caption } | Self::Document { media_url, caption } => {
                object.put("media_url", media_url)?;
                object.put_some("caption", caption.as_deref())
            }
        }
    }
}

/// The fields of a content in JSON, of whichever type.
pub(super) struct ContentFields {
    pub(super) content: Option<String>,
    pub(super) template_name: Option<String>,
    pub(super) template_params: Option<Vec<String>>,
    pub(super) media_url: Option<String>,
    pub(super) caption: Option<String>,
}

impl ContentFields {
    /// The content of this type. A field of another type is refused: nothing is silently dropped.
    pub(super) fn into_content(mut self, r#type: MessageType) -> Result<Content, InvalidInput> {
        let content = match r#type {
            MessageType::Text => Content::text(required("content", &mut self.content)?),
            MessageType::Template => Content::Template {
                name: required("template_name", &mut self.template_name)?,
                params: self.template_params.take().unwrap_or_default(),
                text: self.content.take(),
            },
            MessageType::Image => Content::Image {
                media_url: required("media_url", &mut self.media_url)?,
                caption: self.caption.take(),
            },
            MessageType::Document => Content::Document {
                media_url: required("media_url", &mut self.media_url)?,
                caption: self.caption.take(),
            },
        };
        for (field, is_used) in [
            ("content", self.content.is_none()),
            ("template_name", self.template_name.is_none()),
            ("template_params", self.template_params.is_none()),
            ("media_url", self.media_url.is_none()),
            ("caption", self.caption.is_none()),
        ] {
            InvalidInput::unless(is_used, field, "does not belong to this type of message")?;
        }
        Ok(content)
    }
}

fn required(field: &'static str, value: &mut Option<String>) -> Result<String, InvalidInput> {
    let missing = || InvalidInput::new(field, "is required for this type of message");
    value.take().ok_or_else(missing)
}
