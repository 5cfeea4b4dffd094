//! A message as it is stored: its content, and what surrounds it.
//!
//! Invariant: a command refuses no message of a frame for its own values. What it would refuse becomes
//! an unsupported message with the reason.

use chrono::{DateTime, Utc};
use convodb_core::{
    Address, Attachment, Author, Content, Draft, Inbound, InboxRef, InvalidInput, Json, MessageRef,
    MetadataValue, Outbound, ProviderId, Reference, Unsupported,
};
use serde_json::value::RawValue;

use crate::Item;
use crate::json::depth;
use crate::party::Party;

const MAX_RAW_BYTES: usize = 64 * 1_024;
/// Parsers of JSON end at about 128.
const MAX_RAW_DEPTH: usize = 64;
const MAX_TEXT_BYTES: usize = 64 * 1_024;
const MAX_KIND_BYTES: usize = 64;
const MAX_REASON_BYTES: usize = 1_024;
const MAX_REFERENCE_BYTES: usize = 128;

/// The beginning of a text, of at most so many bytes.
pub(crate) fn cut(text: &str, max_bytes: usize) -> &str {
    let mut end = text.len().min(max_bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or(text)
}

/// JSON that is kept as it came, if it is neither too long nor too deep to be read again.
pub(crate) fn kept(raw: &RawValue, max_bytes: usize) -> Option<Json> {
    let text = raw.get();
    let is_short = text.len() <= max_bytes && depth(text) <= MAX_RAW_DEPTH;
    is_short.then(|| Json::new("raw", text).ok()).flatten()
}

/// A message that the provider does not deliver, or that is not understood.
pub(crate) fn unsupported(kind: Option<&str>, reason: Option<&str>) -> Content {
    unsupported_with(kind, None, reason, None, Vec::new())
}

pub(crate) fn unsupported_with(
    kind: Option<&str>,
    code: Option<&str>,
    reason: Option<&str>,
    text: Option<String>,
    attachments: Vec<Attachment>,
) -> Content {
    let short = |text: Option<&str>, most| {
        let text = text.filter(|text| !text.is_empty());
        text.map(|text| cut(text, most).to_owned())
    };
    Content::Unsupported {
        reason: Some(Box::new(Unsupported {
            kind: short(kind, MAX_KIND_BYTES),
            code: short(code, MAX_KIND_BYTES),
            message: short(reason, MAX_REASON_BYTES),
        })),
        text,
        attachments,
        caption: None,
    }
}

/// Who sent a message to the contact.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) author: Author,
    pub(crate) client_ref: Option<String>,
    /// Whether it happened now, and may be one that is still pending.
    pub(crate) is_echo: bool,
}

impl Sent {
    /// Another application sent it, by its id.
    pub(crate) fn by(app: Option<String>, client_ref: Option<String>) -> Self {
        let mut author = Author::external();
        author.id = app.filter(|id| id.len() <= MAX_REFERENCE_BYTES);
        let is_reference = |text: &String| (1..=MAX_REFERENCE_BYTES).contains(&text.len());
        Self {
            author,
            client_ref: client_ref.filter(is_reference),
            is_echo: true,
        }
    }
}

/// What surrounds the content of a message.
#[derive(Clone, Debug)]
pub(crate) struct Frame<'a> {
    /// Its own JSON.
    pub(crate) raw: &'a RawValue,
    /// Its kind, in the provider's words.
    pub(crate) kind: String,
    pub(crate) inbox: InboxRef,
    pub(crate) party: Party,
    pub(crate) id: ProviderId,
    pub(crate) time: Option<DateTime<Utc>>,
    /// Without one it is from the contact.
    pub(crate) sent: Option<Sent>,
    pub(crate) reply_to: Option<Reference>,
    pub(crate) is_forwarded: bool,
    pub(crate) metadata: Vec<(String, MetadataValue)>,
    pub(crate) reopens: bool,
    pub(crate) is_placeholder: bool,
}

impl<'a> Frame<'a> {
    pub(crate) fn new(
        raw: &'a RawValue,
        kind: &str,
        (party, inbox): (Party, InboxRef),
        id: ProviderId,
    ) -> Self {
        Self {
            raw,
            kind: kind.to_owned(),
            inbox,
            party,
            id,
            time: None,
            sent: None,
            reply_to: None,
            is_forwarded: false,
            metadata: Vec::new(),
            reopens: true,
            is_placeholder: false,
        }
    }

    /// The message itself, by the provider's id.
    pub(crate) fn reference(&self) -> MessageRef {
        MessageRef::from((self.inbox.clone(), &self.id))
    }

    /// The message with a content, or as unsupported with the reason for which that is refused.
    pub(crate) fn item(&self, content: Content) -> Item {
        let Err(error) = self.validate(&content) else {
            return self.draft(content);
        };
        let text = content
            .as_text()
            .map(|text| cut(text, MAX_TEXT_BYTES).to_owned());
        let reason = error.to_string();
        let with = |text| unsupported_with(Some(&self.kind), None, Some(&reason), text, Vec::new());
        // What surrounds it may be at fault too.
        let bare = Self {
            reply_to: None,
            metadata: Vec::new(),
            ..self.clone()
        };
        for (frame, text) in [(self, text), (&bare, None)] {
            let content = with(text);
            if frame.validate(&content).is_ok() {
                return frame.draft(content);
            }
        }
        Item::ignored(&self.kind, reason)
    }

    /// Whether a command takes a content with this frame.
    pub(crate) fn validate(&self, content: &Content) -> Result<(), InvalidInput> {
        match self.sent {
            None => self.inbound(content.clone()).validate(),
            Some(_) => self.outbound(content.clone()).validate(),
        }
    }

    fn draft(&self, content: Content) -> Item {
        match self.sent {
            None => Item::Receive(self.inbound(content)),
            Some(_) => Item::Send(self.outbound(content)),
        }
    }

    fn inbound(&self, content: Content) -> Inbound {
        self.fill(
            Inbound::new(self.party.who(), self.inbox.clone(), content.clone()),
            &content,
        )
    }

    fn outbound(&self, content: Content) -> Outbound {
        let message = Outbound::new(self.party.who(), self.inbox.clone(), content.clone());
        let mut message = self.fill(message, &content);
        if let Some(sent) = &self.sent {
            message = message.author(sent.author.clone());
            if let Some(client_ref) = &sent.client_ref {
                message = message.client_ref(client_ref);
            }
            if sent.is_echo {
                message = message.echo();
            }
        }
        message
    }

    fn fill<const INBOUND: bool>(
        &self,
        message: Draft<Address, INBOUND>,
        content: &Content,
    ) -> Draft<Address, INBOUND> {
        let mut message = message.provider_id(self.id.as_str()).reopen(self.reopens);
        if let Some(time) = self.time {
            message = message.provider_time(time);
        }
        if let Some(reference) = &self.reply_to {
            message = message.reply_to(reference.clone());
        }
        if self.is_forwarded {
            message = message.forwarded();
        }
        if self.is_placeholder {
            message = message.placeholder();
        }
        if matches!(content, Content::Unsupported { .. })
            && let Some(raw) = kept(self.raw, MAX_RAW_BYTES)
        {
            message = message.raw(raw);
        }
        for (name, value) in &self.metadata {
            message = message.metadata(name, value.clone());
        }
        message
    }
}
