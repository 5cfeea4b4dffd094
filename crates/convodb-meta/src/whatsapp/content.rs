//! The contents of WhatsApp's messages, by their type.

use convodb_core::{
    Attachment, Card, Choice, ChoiceKind, Content, Degrees, Email, Json, Location, MediaKind,
    Phone, SystemLine,
};
use serde_json::value::RawValue;

use super::{first_error, json_of, not_understood};
use crate::frame::{kept, unsupported_with};
use crate::json::Object;

const MAX_DATA_BYTES: usize = 16 * 1_024;

/// The content of a message. What is not understood is unsupported.
pub(super) fn of(message: &Object<'_>, kind: &str) -> Content {
    let known = match kind {
        "text" => text(message),
        "image" => media(message, kind, MediaKind::Image),
        "video" => media(message, kind, MediaKind::Video),
        "audio" | "voice" => media(message, kind, MediaKind::Audio),
        "document" => media(message, kind, MediaKind::Document),
        "sticker" => media(message, kind, MediaKind::Sticker),
        "location" => location(message),
        "contacts" => contacts(message),
        "interactive" => interactive(message),
        "button" => button(message),
        "order" => order(message),
        "system" => system(message),
        "request_welcome" => Some(line(kind, None, None)),
        "unsupported" => Some(unsupported(message)),
        "media_placeholder" => Some(crate::frame::unsupported(Some(kind), None)),
        _ => Some(undelivered(message, kind)),
    };
    known.unwrap_or_else(|| not_understood(kind))
}

fn text(message: &Object<'_>) -> Option<Content> {
    Some(Content::text(message.object("text")?.text("body")?))
}

fn media(message: &Object<'_>, name: &str, kind: MediaKind) -> Option<Content> {
    let medium = message.object(name)?;
    let mut attachment = Attachment::new(kind);
    attachment.media_id = medium.id("id");
    attachment.url = medium.id("url").or_else(|| medium.id("link"));
    attachment.mime_type = medium.id("mime_type");
    attachment.file_name = medium.id("filename");
    attachment.voice = medium.is_true("voice") || name == "voice";
    attachment.subtype = medium.is_true("animated").then(|| "animated".to_owned());
    if let Some(sum) = medium.text("sha256") {
        attachment = attachment.digest(&sum);
    }
    let is_there = attachment.media_id.is_some() || attachment.url.is_some();
    let content = is_there.then(|| Content::media(attachment))?;
    Some(match medium.text("caption") {
        Some(caption) => content.caption(caption),
        None => content,
    })
}

fn location(message: &Object<'_>) -> Option<Content> {
    let place = message.object("location")?;
    let degrees = |name| place.number(name).and_then(Degrees::new);
    let location = Location {
        latitude: degrees("latitude")?,
        longitude: degrees("longitude")?,
        name: place.id("name"),
        address: place.id("address"),
        url: place.id("url"),
    };
    Some(Content::Location {
        location: Box::new(location),
        text: None,
    })
}

fn contacts(message: &Object<'_>) -> Option<Content> {
    let cards: Vec<_> = message.objects("contacts").iter().map(card).collect();
    (!cards.is_empty()).then_some(Content::Contacts { cards, text: None })
}

fn card(contact: &Object<'_>) -> Card {
    let name = contact.object("name");
    let part = |part| name.as_ref().and_then(|name| name.id(part));
    let parts = || {
        let parts = ["prefix", "first_name", "middle_name", "last_name", "suffix"];
        let parts: Vec<_> = parts.into_iter().filter_map(part).collect();
        parts.join(" ")
    };
    let phone = |phone: &Object<'_>| {
        let number = phone.id("phone").or_else(|| phone.id("wa_id"))?;
        let r#type = phone.id("type");
        Some(Phone { number, r#type })
    };
    let email = |email: &Object<'_>| {
        let (address, r#type) = (email.id("email")?, email.id("type"));
        Some(Email { address, r#type })
    };
    Card {
        name: part("formatted_name").unwrap_or_else(parts),
        organization: contact.object("org").and_then(|org| org.id("company")),
        phones: contact.objects("phones").iter().filter_map(phone).collect(),
        emails: contact.objects("emails").iter().filter_map(email).collect(),
    }
}

fn choice(kind: ChoiceKind, of: &Object<'_>, id: &str, title: &str) -> Choice {
    Choice {
        kind,
        id: of.id(id),
        title: of.id(title),
        description: of.id("description"),
        data: None,
    }
}

fn chosen(choice: Choice, text: Option<String>) -> Content {
    let choice = Box::new(choice);
    Content::Interactive { choice, text }
}

fn interactive(message: &Object<'_>) -> Option<Content> {
    let interactive = message.object("interactive")?;
    let kind = interactive.text("type")?;
    let of = interactive.object(&kind)?;
    Some(match kind.as_str() {
        "button_reply" => chosen(choice(ChoiceKind::Button, &of, "id", "title"), None),
        "list_reply" => chosen(choice(ChoiceKind::List, &of, "id", "title"), None),
        "nfm_reply" => {
            let mut form = choice(ChoiceKind::Form, &of, "name", "body");
            form.data = of
                .get("response_json")
                .and_then(json_of)
                .and_then(|raw| data(&raw));
            form.data.as_ref()?;
            chosen(form, None)
        }
        _ => return None,
    })
}

fn button(message: &Object<'_>) -> Option<Content> {
    let button = message.object("button")?;
    let pressed = choice(ChoiceKind::Button, &button, "payload", "text");
    let is_known = pressed.id.is_some() || pressed.title.is_some();
    is_known.then(|| chosen(pressed, None))
}

fn order(message: &Object<'_>) -> Option<Content> {
    let order = message.object("order")?;
    let mut choice = choice(ChoiceKind::Order, &order, "catalog_id", "title");
    choice.data = Some(data(order.get("product_items")?)?);
    Some(chosen(choice, order.id("text")))
}

fn system(message: &Object<'_>) -> Option<Content> {
    let system = message.object("system")?;
    let kind = system.id("type").unwrap_or_else(|| "system".to_owned());
    Some(line(&kind, data(system.raw), system.text("body")))
}

fn line(kind: &str, data: Option<Json>, text: Option<String>) -> Content {
    let kind = kind.to_owned();
    let line = Box::new(SystemLine { kind, data });
    Content::System { line, text }
}

fn data(raw: &RawValue) -> Option<Json> {
    kept(raw, MAX_DATA_BYTES)
}

/// What the provider names as unsupported, with the kind that it has in the app.
fn unsupported(message: &Object<'_>) -> Content {
    let kind = message.object("unsupported").and_then(|it| it.id("type"));
    let kind = kind.unwrap_or_else(|| "unsupported".to_owned());
    undelivered(message, &kind)
}

fn undelivered(message: &Object<'_>, kind: &str) -> Content {
    let (code, words) = first_error(message);
    unsupported_with(
        Some(kind),
        code.as_deref(),
        words.as_deref(),
        None,
        Vec::new(),
    )
}
