//! The contents of messages of Messenger and Instagram.

use chrono::{DateTime, TimeDelta, Utc};
use convodb_core::{
    Attachment, Choice, ChoiceKind, Content, Degrees, Location, MediaKind, SystemLine,
};

use crate::frame::{kept, unsupported, unsupported_with};
use crate::json::Object;

/// The kind of a heart that is a message of its own.
pub(super) const HEART: &str = "like_heart";
const MAX_DATA_BYTES: usize = 16 * 1_024;
/// A story ends after a day.
const STORY: TimeDelta = TimeDelta::days(1);

/// The content of a message, and its kind where it has one.
pub(super) fn of(
    message: &Object<'_>,
    time: Option<DateTime<Utc>>,
) -> (Content, Option<&'static str>) {
    let text = message.id("text");
    if message.is_true("is_unsupported") {
        let content = unsupported_with(Some("unsupported"), None, None, text, Vec::new());
        return (content, Some("unsupported"));
    }
    let parts = message.objects("attachments");
    if parts.is_empty() {
        let payload = message
            .object("quick_reply")
            .and_then(|it| it.id("payload"));
        let content = match (payload, text) {
            (Some(id), title) => chosen(ChoiceKind::Button, Some(id), title),
            (None, Some(text)) => Content::text(text),
            (None, None) => unsupported(Some("message"), Some("has no content")),
        };
        return (content, None);
    }
    if let [only] = &*parts {
        match only.text("type").as_deref() {
            Some("like_heart") => {
                return (Content::text(text.as_deref().unwrap_or("❤")), Some(HEART));
            }
            Some("location") => {
                if let Some(content) = location(only, text.clone()) {
                    return (content, None);
                }
            }
            _ => {}
        }
    }
    (attached(message, &parts, text, time), None)
}

/// Several attachments are one message. Where one of them is not understood the message is unsupported,
/// with the others.
fn attached(
    message: &Object<'_>,
    parts: &[Object<'_>],
    text: Option<String>,
    time: Option<DateTime<Utc>>,
) -> Content {
    let mut attachments = Vec::with_capacity(parts.len());
    let mut unknown = message.list("attachments").len() - parts.len();
    let mut kind = None;
    for part in parts {
        match attachment(part, time) {
            Some(attachment) => attachments.push(attachment),
            None => {
                unknown += 1;
                kind = kind.or_else(|| part.text("type"));
            }
        }
    }
    if unknown > 0 {
        let kind = kind.unwrap_or_else(|| "attachment".to_owned());
        return unsupported_with(Some(&kind), None, None, text, attachments);
    }
    let are_links = attachments.iter().all(|it| it.kind == MediaKind::Link);
    match (text, attachments.first().map(|first| first.kind)) {
        (Some(text), _) if are_links => Content::Text { text, attachments },
        (caption, Some(kind)) => Content::Media {
            kind,
            attachments,
            caption,
        },
        (_, None) => unsupported(Some("attachment"), Some("has no content")),
    }
}

fn attachment(part: &Object<'_>, time: Option<DateTime<Utc>>) -> Option<Attachment> {
    let payload = part.object("payload");
    let of = |name| payload.as_ref().and_then(|payload| payload.id(name));
    let sticker = of("sticker_id");
    let (kind, subtype) = match part.text("type")?.as_str() {
        "image" if sticker.is_some() => (MediaKind::Sticker, None),
        "image" => (MediaKind::Image, None),
        "video" => (MediaKind::Video, None),
        "audio" => (MediaKind::Audio, None),
        "file" => (MediaKind::Document, None),
        "sticker" => (MediaKind::Sticker, None),
        "fallback" => (MediaKind::Link, None),
        "share" => (MediaKind::Link, Some("share")),
        "post" | "ig_post" => (MediaKind::Link, Some("post")),
        "reel" | "ig_reel" => (MediaKind::Link, Some("reel")),
        "story_mention" => (MediaKind::Link, Some("story_mention")),
        "story" | "ig_story" => (MediaKind::Link, Some("story")),
        _ => return None,
    };
    let mut attachment = Attachment::new(kind);
    attachment.url = of("url")
        .or_else(|| part.id("url"))
        .or_else(|| part.id("URL"));
    let ids = ["reel_video_id", "ig_post_media_id", "attachment_id", "id"];
    attachment.media_id = sticker.or_else(|| ids.into_iter().find_map(of));
    attachment.title = of("title").or_else(|| part.id("title"));
    attachment.subtype = subtype.map(str::to_owned);
    if subtype.is_some_and(|subtype| subtype.starts_with("story")) {
        attachment.expires_at = time.map(|time| time + STORY);
    }
    let is_there = attachment.url.is_some() || attachment.media_id.is_some();
    is_there.then_some(attachment)
}

fn location(part: &Object<'_>, text: Option<String>) -> Option<Content> {
    let payload = part.object("payload")?;
    let coordinates = payload.object("coordinates")?;
    let degrees = |name| coordinates.number(name).and_then(Degrees::new);
    let location = Location {
        latitude: degrees("lat")?,
        longitude: degrees("long")?,
        name: part.id("title"),
        address: None,
        url: part.id("url"),
    };
    let location = Box::new(location);
    Some(Content::Location { location, text })
}

fn chosen(kind: ChoiceKind, id: Option<String>, title: Option<String>) -> Content {
    let choice = Choice {
        kind,
        id,
        title,
        description: None,
        data: None,
    };
    Content::Interactive {
        choice: Box::new(choice),
        text: None,
    }
}

pub(super) fn postback(postback: &Object<'_>) -> Content {
    let (id, title) = (postback.id("payload"), postback.id("title"));
    match id.is_some() || title.is_some() {
        true => chosen(ChoiceKind::Postback, id, title),
        false => unsupported(Some("postback"), Some("has no content")),
    }
}

pub(super) fn referral(referral: &Object<'_>) -> Content {
    let line = SystemLine {
        kind: "referral".to_owned(),
        data: kept(referral.raw, MAX_DATA_BYTES),
    };
    Content::System {
        line: Box::new(line),
        text: None,
    }
}
