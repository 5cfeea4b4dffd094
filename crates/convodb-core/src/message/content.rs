//! What a message says or shows, by its type.

use serde::{Deserialize, Serialize};

use crate::{InvalidInput, validate};

/// The specification's `type` of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
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

/// What a message says or shows: each type with the fields that it requires.
///
/// Any text may be built; a command that carries it refuses what is blank, over 64 KiB, or no
/// `http` address (R14).
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
        /// The text as it was rendered, where it is known.
        text: Option<String>,
    },
    /// An image by its public address.
    Image {
        /// Where the image lies.
        media_url: String,
        /// What stands beneath it.
        caption: Option<String>,
    },
    /// A document by its public address.
    Document {
        /// Where the document lies.
        media_url: String,
        /// What stands beneath it.
        caption: Option<String>,
    },
}

impl Content {
    /// Plain text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into() }
    }

    /// A template by its name, with ordered parameters.
    #[must_use]
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
    #[must_use]
    pub fn image(media_url: impl Into<String>) -> Self {
        Self::Image {
            media_url: media_url.into(),
            caption: None,
        }
    }

    /// A document by its public address.
    #[must_use]
    pub fn document(media_url: impl Into<String>) -> Self {
        Self::Document {
            media_url: media_url.into(),
            caption: None,
        }
    }

    /// Sets what stands beneath an image or document, or what a template was rendered to. A text
    /// says all itself: it becomes the caption.
    #[must_use]
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

    /// The specification's `type`.
    #[must_use]
    pub const fn message_type(&self) -> MessageType {
        match self {
            Self::Text { .. } => MessageType::Text,
            Self::Template { .. } => MessageType::Template,
            Self::Image { .. } => MessageType::Image,
            Self::Document { .. } => MessageType::Document,
        }
    }

    /// The specification's `content`: a text, or a template's rendered text where it is known.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text { text } => Some(text),
            Self::Template { text, .. } => text.as_deref(),
            Self::Image { .. } | Self::Document { .. } => None,
        }
    }

    pub(crate) fn validate(&self) -> Result<(), InvalidInput> {
        match self {
            Self::Text { text } => validate::text("content", text),
            Self::Template { name, params, text } => {
                validate::name("template_name", name)?;
                validate::template_params("template_params", params)?;
                text.iter()
                    .try_for_each(|text| validate::text("content", text))
            }
            Self::Image { media_url, caption } | Self::Document { media_url, caption } => {
                validate::url("media_url", media_url)?;
                caption
                    .iter()
                    .try_for_each(|caption| validate::text("caption", caption))
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

/// The fields that JSON has a content as, of whichever type.
pub(super) struct ContentFields {
    pub(super) content: Option<String>,
    pub(super) template_name: Option<String>,
    pub(super) template_params: Option<Vec<String>>,
    pub(super) media_url: Option<String>,
    pub(super) caption: Option<String>,
}

impl ContentFields {
    /// The content of this type; a field of another type is refused, as nothing is silently dropped.
    pub(super) fn into_content(mut self, r#type: MessageType) -> Result<Content, InvalidInput> {
        fn required(field: &'static str, value: Option<String>) -> Result<String, InvalidInput> {
            value.ok_or_else(|| InvalidInput::new(field, "is required for this type of message"))
        }

        let content = match r#type {
            MessageType::Text => Content::Text {
                text: required("content", self.content.take())?,
            },
            MessageType::Template => Content::Template {
                name: required("template_name", self.template_name.take())?,
                params: self.template_params.take().unwrap_or_default(),
                text: self.content.take(),
            },
            MessageType::Image => Content::Image {
                media_url: required("media_url", self.media_url.take())?,
                caption: self.caption.take(),
            },
            MessageType::Document => Content::Document {
                media_url: required("media_url", self.media_url.take())?,
                caption: self.caption.take(),
            },
        };
        for (field, left_over) in [
            ("content", self.content.is_some()),
            ("template_name", self.template_name.is_some()),
            ("template_params", self.template_params.is_some()),
            ("media_url", self.media_url.is_some()),
            ("caption", self.caption.is_some()),
        ] {
            if left_over {
                return Err(InvalidInput::new(
                    field,
                    "does not belong to this type of message",
                ));
            }
        }
        Ok(content)
    }
}
