//! What a message says or shows, by its type.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{InvalidInput, validate};

/// The type of a message.
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
/// Any text may be built. A command that carries it refuses a blank text, one of more than 64 KiB, and
/// an address that is not `http` or `https`.
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

    /// Sets the text beneath an image or a document, or the rendered text of a template. A plain text
    /// is replaced by the caption.
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

    /// Its type.
    #[must_use]
    pub const fn message_type(&self) -> MessageType {
        match self {
            Self::Text { .. } => MessageType::Text,
            Self::Template { .. } => MessageType::Template,
            Self::Image { .. } => MessageType::Image,
            Self::Document { .. } => MessageType::Document,
        }
    }

    /// The `content` of its JSON: a text, or a template's rendered text where there is one.
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

/// The fields of a content in JSON, of whichever type.
pub(super) struct ContentFields<'a> {
    pub(super) content: Option<Cow<'a, str>>,
    pub(super) template_name: Option<Cow<'a, str>>,
    pub(super) template_params: Option<Cow<'a, [String]>>,
    pub(super) media_url: Option<Cow<'a, str>>,
    pub(super) caption: Option<Cow<'a, str>>,
}

impl<'a> From<&'a Content> for ContentFields<'a> {
    fn from(content: &'a Content) -> Self {
        let (template_name, template_params) = match content {
            Content::Template { name, params, .. } => {
                (Some(name.into()), Some(Cow::Borrowed(params.as_slice())))
            }
            _ => (None, None),
        };
        let (media_url, caption) = match content {
            Content::Image { media_url, caption } | Content::Document { media_url, caption } => {
                (Some(media_url.into()), caption.as_ref().map(Into::into))
            }
            _ => (None, None),
        };
        Self {
            content: content.as_text().map(Into::into),
            template_name,
            template_params,
            media_url,
            caption,
        }
    }
}

impl ContentFields<'_> {
    /// The content of this type. A field of another type is refused: nothing is silently dropped.
    pub(super) fn into_content(self, r#type: MessageType) -> Result<Content, InvalidInput> {
        fn required(
            field: &'static str,
            value: &mut Option<Cow<'_, str>>,
        ) -> Result<String, InvalidInput> {
            let reason = "is required for this type of message";
            let value = value.take().map(Cow::into_owned);
            value.ok_or_else(|| InvalidInput::new(field, reason))
        }

        let Self {
            mut content,
            mut template_name,
            mut template_params,
            mut media_url,
            mut caption,
        } = self;
        let built = match r#type {
            MessageType::Text => Content::Text {
                text: required("content", &mut content)?,
            },
            MessageType::Template => Content::Template {
                name: required("template_name", &mut template_name)?,
                params: template_params
                    .take()
                    .map_or_else(Vec::new, Cow::into_owned),
                text: content.take().map(Cow::into_owned),
            },
            MessageType::Image => Content::Image {
                media_url: required("media_url", &mut media_url)?,
                caption: caption.take().map(Cow::into_owned),
            },
            MessageType::Document => Content::Document {
                media_url: required("media_url", &mut media_url)?,
                caption: caption.take().map(Cow::into_owned),
            },
        };
        for (field, is_left_over) in [
            ("content", content.is_some()),
            ("template_name", template_name.is_some()),
            ("template_params", template_params.is_some()),
            ("media_url", media_url.is_some()),
            ("caption", caption.is_some()),
        ] {
            if is_left_over {
                let reason = "does not belong to this type of message";
                return Err(InvalidInput::new(field, reason));
            }
        }
        Ok(built)
    }
}
