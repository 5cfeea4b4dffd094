//! Media and links of a message.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, de};

use super::MediaKind;
use crate::text::objects;
use crate::validate::{self, Origin};
use crate::{InvalidInput, text, time};

const MAX_URL_BYTES: usize = 4_096;
const MAX_TEXT_BYTES: usize = 64 * 1_024;
/// JavaScript's greatest whole number.
const MAX_NUMBER: u64 = 1 << 53;

/// A medium or a link of a message, by its address, by the provider's id of it, or by both.
///
/// Its JSON has the fields by their names, `kind` and those that have a value.
///
/// ```
/// use convodb::{Attachment, MediaKind};
///
/// let mut voice = Attachment::url(MediaKind::Audio, "https://example.com/1.ogg");
/// voice.voice = true;
/// voice.duration_ms = Some(2_400);
/// let json = r#"{"kind":"audio","url":"https://example.com/1.ogg","duration_ms":2400,"voice":true}"#;
/// assert_eq!(serde_json::to_string(&voice)?, json);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields, expecting = "an object")]
#[non_exhaustive]
pub struct Attachment {
    /// What it is.
    pub kind: MediaKind,
    /// Where it is: `http` or `https`, at most 4,096 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The provider's id of it, where an address lives for minutes alone: at most 512 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_id: Option<String>,
    /// Its media type: at most 255 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    /// The name of the file: at most 512 bytes. Characters that lead elsewhere become `_`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_name: Option<String>,
    /// Its length in bytes.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "whole"
    )]
    pub size: Option<u64>,
    /// Its SHA-256, in 64 hexadecimal digits. A text of 44 characters of base64 is taken too.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "sha256"
    )]
    pub sha256: Option<String>,
    /// How long it plays, in milliseconds.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "whole"
    )]
    pub duration_ms: Option<u64>,
    /// Its width in pixels.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "whole"
    )]
    pub width: Option<u64>,
    /// Its height in pixels.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "whole"
    )]
    pub height: Option<u64>,
    /// Whether it was recorded as a voice note.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub voice: bool,
    /// What it is more precisely, such as `story` or `reel`: at most 64 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subtype: Option<String>,
    /// The title of a link: at most 1,024 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it says: a transcript, or a description. At most 64 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// When its address ends.
    #[serde(
        default,
        with = "time::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub expires_at: Option<DateTime<Utc>>,
}

impl Attachment {
    /// An attachment without an address.
    pub const fn new(kind: MediaKind) -> Self {
        Self {
            kind,
            url: None,
            media_id: None,
            mime_type: None,
            file_name: None,
            size: None,
            sha256: None,
            duration_ms: None,
            width: None,
            height: None,
            voice: false,
            subtype: None,
            title: None,
            text: None,
            expires_at: None,
        }
    }

    /// An attachment at an address.
    pub fn url(kind: MediaKind, url: impl Into<String>) -> Self {
        Self {
            url: Some(url.into()),
            ..Self::new(kind)
        }
    }

    /// An attachment by the provider's id of it.
    pub fn media_id(kind: MediaKind, id: impl Into<String>) -> Self {
        Self {
            media_id: Some(id.into()),
            ..Self::new(kind)
        }
    }

    /// Sets its SHA-256, from 64 hexadecimal digits or 44 characters of base64. Any other text is no
    /// digest, and sets nothing.
    ///
    /// ```
    /// # use convodb::{Attachment, MediaKind};
    /// let photo = Attachment::media_id(MediaKind::Image, "1088200456701");
    /// let photo = photo.digest("kQ4yq0mC9m0d4iQ3uJcT8m3vT0b3c2x1y0z9w8v7u6s=");
    /// assert!(photo.sha256.is_some_and(|digits| digits.starts_with("910e32ab")));
    /// ```
    #[must_use]
    pub fn digest(mut self, sum: &str) -> Self {
        self.sha256 = Some(hexadecimal(sum)).filter(|sum| is_digest(sum));
        self
    }

    /// Its address, where it has nothing else.
    pub(crate) fn lone_url(&self) -> Option<&str> {
        let url = self.url.as_deref()?;
        (*self == Self::url(self.kind, url)).then_some(url)
    }

    /// Makes of what came what is stored: an address without characters that no address has, and a
    /// file name that leads nowhere.
    pub(crate) fn normalise(&mut self) {
        if let Some(url) = &mut self.url {
            *url = normalised_url(url);
        }
        if let Some(name) = &mut self.file_name {
            *name = name.replace(|c: char| matches!(c, '/' | '\\') || c.is_control(), "_");
            if matches!(&**name, "." | "..") {
                *name = name.replace('.', "_");
            }
        }
    }

    pub(crate) fn validate(&self, origin: Origin) -> Result<(), InvalidInput> {
        if let Some(url) = &self.url {
            validate::url("url", url, MAX_URL_BYTES, origin)?;
        }
        for (field, value, max_bytes) in [
            ("media_id", &self.media_id, 512),
            ("mime_type", &self.mime_type, 255),
            ("file_name", &self.file_name, 512),
            ("subtype", &self.subtype, 64),
            ("title", &self.title, 1_024),
            ("text", &self.text, MAX_TEXT_BYTES),
        ] {
            validate::optional(field, value.as_deref(), max_bytes)?;
        }
        for (field, number) in [
            ("size", self.size),
            ("duration_ms", self.duration_ms),
            ("width", self.width),
            ("height", self.height),
        ] {
            let reason = format_args!("must be at most {MAX_NUMBER}");
            let is_exact = number.is_none_or(|number| number <= MAX_NUMBER);
            InvalidInput::unless(is_exact, field, reason)?;
        }
        let reason = "must be 64 hexadecimal digits";
        InvalidInput::unless(
            self.sha256.as_deref().is_none_or(is_digest),
            "sha256",
            reason,
        )?;
        self.expires_at
            .map_or(Ok(()), |at| time::recent("expires_at", at).map(drop))
    }
}

/// What became known of an attachment: each field that is given replaces the one that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields, expecting = "an object")]
pub struct AttachmentUpdate {
    /// Its place among the attachments of its message, from 0.
    #[serde(deserialize_with = "index")]
    pub index: u64,
    /// See [`Attachment::url`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// See [`Attachment::media_id`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_id: Option<String>,
    /// See [`Attachment::mime_type`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    /// See [`Attachment::file_name`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_name: Option<String>,
    /// See [`Attachment::size`].
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "whole"
    )]
    pub size: Option<u64>,
    /// See [`Attachment::sha256`].
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "sha256"
    )]
    pub sha256: Option<String>,
    /// See [`Attachment::duration_ms`].
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "whole"
    )]
    pub duration_ms: Option<u64>,
    /// See [`Attachment::width`].
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "whole"
    )]
    pub width: Option<u64>,
    /// See [`Attachment::height`].
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "whole"
    )]
    pub height: Option<u64>,
    /// See [`Attachment::title`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// See [`Attachment::text`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// See [`Attachment::expires_at`].
    #[serde(
        default,
        with = "time::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub expires_at: Option<DateTime<Utc>>,
}

impl AttachmentUpdate {
    pub(crate) fn apply(&self, to: &mut Attachment) {
        fn set<T: Clone>(field: &mut Option<T>, value: &Option<T>) {
            if value.is_some() {
                field.clone_from(value);
            }
        }
        set(&mut to.url, &self.url);
        set(&mut to.media_id, &self.media_id);
        set(&mut to.mime_type, &self.mime_type);
        set(&mut to.file_name, &self.file_name);
        set(&mut to.size, &self.size);
        set(&mut to.sha256, &self.sha256);
        set(&mut to.duration_ms, &self.duration_ms);
        set(&mut to.width, &self.width);
        set(&mut to.height, &self.height);
        set(&mut to.title, &self.title);
        set(&mut to.text, &self.text);
        set(&mut to.expires_at, &self.expires_at);
    }
}

/// An address with what no address has in percent-encoding.
pub(crate) fn normalised_url(url: &str) -> String {
    let is_plain = |c: char| {
        c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}')
    };
    let trimmed = url.trim();
    let (scheme, rest) = trimmed.split_once("://").unwrap_or(("", trimmed));
    let url = match scheme {
        "" => trimmed.to_owned(),
        scheme => format!("{}://{rest}", scheme.to_ascii_lowercase()),
    };
    if url.chars().all(is_plain) {
        return url.to_owned();
    }
    let mut encoded = String::with_capacity(url.len() + 16);
    for c in url.chars() {
        if is_plain(c) {
            encoded.push(c);
        } else {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                encoded.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    encoded
}

/// Takes base64, as one provider has it, and turns it into hexadecimal digits.
fn sha256<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let given = Option::<String>::deserialize(deserializer)?;
    Ok(given.map(|sum| hexadecimal(&sum)))
}

fn hexadecimal(sum: &str) -> String {
    match text::from_base64(sum) {
        Some(bytes) if bytes.len() == 32 => {
            bytes.iter().map(|byte| format!("{byte:02x}")).collect()
        }
        _ => sum.to_ascii_lowercase(),
    }
}

fn is_digest(sum: &str) -> bool {
    sum.len() == 64 && sum.bytes().all(|digit| digit.is_ascii_hexdigit())
}

/// A whole number, which JSON may write with a fraction of zero.
fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let Some(number) = Option::<serde_json::Number>::deserialize(deserializer)? else {
        return Ok(None);
    };
    let exact = |number: f64| {
        let is_whole = number.fract() == 0.0 && (0.0..=MAX_NUMBER as f64).contains(&number);
        is_whole.then_some(number as u64)
    };
    let whole = number.as_u64().or_else(|| number.as_f64().and_then(exact));
    whole
        .map(Some)
        .ok_or_else(|| de::Error::custom("must be a whole number from 0"))
}

fn index<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    whole(deserializer)?.ok_or_else(|| de::Error::custom("must be a whole number from 0"))
}

objects! { Attachment AttachmentUpdate }
