//! Numbers, times and messages, formatted for people.

use std::time::Duration;

use chrono::{DateTime, Utc};
use convodb::{Attachment, Content, Message};
use unicode_width::UnicodeWidthChar as _;

/// `1 conversation`, `12,000 conversations`.
pub(crate) fn counted(number: u64, thing: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {thing}{ending}", grouped(number))
}

/// `12,000`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1.5 MiB`.
pub(crate) fn bytes(number: u64) -> String {
    indicatif::HumanBytes(number).to_string()
}

/// A duration, to three or four digits.
pub(crate) fn took(duration: Duration) -> String {
    let micros = duration.as_secs_f64() * 1e6;
    if micros < 1e3 {
        format!("{micros:.1} µs")
    } else if micros < 1e6 {
        format!("{:.1} ms", micros / 1e3)
    } else {
        format!("{:.2} s", micros / 1e6)
    }
}

pub(crate) fn minute(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M").to_string()
}

pub(crate) fn second(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%S").to_string()
}

/// Whether a character could control the terminal, or the direction of the text behind it.
fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Text without control characters.
pub(crate) fn plain(text: &str) -> String {
    text.replace(|c| is_control(c) && c != '\n', " ")
}

/// The beginning of a text in one line, of at most this many characters. What is cut off is not read.
pub(crate) fn one_line(text: &str, most: usize) -> String {
    let mut line = String::new();
    let mut chars = text.trim_start().chars().peekable();
    for _ in 0..most {
        match chars.next() {
            None => break,
            Some(c) if c.is_whitespace() => {
                while chars.next_if(|next| next.is_whitespace()).is_some() {}
                line.push(' ');
            }
            Some(c) => line.push(if is_control(c) { ' ' } else { c }),
        }
    }
    if chars.peek().is_some() {
        line.push('…');
    }
    line.truncate(line.trim_end().len());
    line
}

/// Breaks lines at this width, between words where it can, in linear time. A table would measure the
/// rest of a long word again for each line.
pub(crate) fn wrapped(text: &str, width: usize) -> String {
    let mut wrapped = String::with_capacity(text.len() + text.len() / width.max(1));
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            wrapped.push('\n');
        }
        let mut column = 0;
        for (number, word) in line.split(' ').enumerate() {
            let widths = word.chars().map(|c| c.width().unwrap_or(0));
            let needed = widths.sum::<usize>() + usize::from(number > 0);
            if column > 0 && column + needed > width {
                wrapped.push('\n');
                column = 0;
            } else if number > 0 {
                wrapped.push(' ');
                column += 1;
            }
            for c in word.chars() {
                let wide = c.width().unwrap_or(0);
                if column > 0 && column + wide > width {
                    wrapped.push('\n');
                    column = 0;
                }
                wrapped.push(c);
                column += wide;
            }
        }
    }
    wrapped
}

/// The text of a message, if it has any.
fn text(content: &Content) -> Option<&str> {
    let text = match content {
        Content::Media { caption, .. } => caption.as_deref(),
        Content::Unsupported { text, caption, .. } => text.as_deref().or(caption.as_deref()),
        content => content.as_text(),
    };
    text.filter(|text| !text.is_empty())
}

/// The beginning of a message in one line, of at most so many characters of its text.
pub(crate) fn preview(message: &Message, most: usize) -> String {
    match (text(&message.content), &message.content) {
        (Some(text), _) => one_line(text, most),
        (None, Content::Text { .. }) => String::new(),
        (None, Content::Template { name, .. }) => format!("(template {})", one_line(name, most)),
        (None, Content::Revoked(_)) => "(taken back)".to_owned(),
        (None, content) => format!("({})", name(content)),
    }
}

fn name(content: &Content) -> String {
    format!("{:?}", content.message_type()).to_lowercase()
}

/// What a message has beside its text, a line each.
fn parts(content: &Content) -> Vec<String> {
    let mut parts: Vec<_> = content.attachments().iter().map(attachment).collect();
    parts.extend(match content {
        Content::Template { name, params, .. } => {
            Some(format!("template {name}({})", params.join(", ")))
        }
        Content::Location { location, .. } => Some(format!(
            "location {}, {} {}",
            location.latitude.get(),
            location.longitude.get(),
            location.name.as_deref().unwrap_or_default()
        )),
        Content::Interactive { choice, .. } => choice.id.as_ref().map(|id| {
            let kind = format!("{:?}", choice.kind).to_lowercase();
            format!("{kind} {id}")
        }),
        Content::System { line, .. } => Some(format!("system {}", line.kind)),
        Content::Unsupported { reason, .. } => {
            let words = reason.as_ref().and_then(|reason| reason.message.as_deref());
            Some(format!("unsupported {}", words.unwrap_or_default()))
        }
        Content::Revoked(_) => Some(format!("({} taken back)", name(content))),
        _ => None,
    });
    if let Content::Contacts { cards, .. } = content {
        parts.extend(cards.iter().map(|card| {
            let phones = card.phones.iter().map(|phone| phone.number.as_str());
            format!(
                "contact {} {}",
                card.name,
                phones.collect::<Vec<_>>().join(", ")
            )
        }));
    }
    parts
        .into_iter()
        .map(|part| part.trim_end().to_owned())
        .collect()
}

fn attachment(attachment: &Attachment) -> String {
    let kind = format!("{:?}", attachment.kind).to_lowercase();
    let place = attachment.url.as_ref().or(attachment.media_id.as_ref());
    let named = attachment.file_name.as_ref().or(attachment.title.as_ref());
    [Some(&kind), named, place]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(" ")
}

/// What became of a message, a line each.
fn fate(message: &Message) -> Vec<String> {
    let failure = message.deliveries.failure.as_ref();
    let failure = failure.map(|failure| format!("error {}: {}", failure.code, failure.message));
    let mut lines: Vec<_> = failure.into_iter().collect();
    if let Some(extras) = &message.extras {
        let emoji: Vec<_> = extras
            .reactions
            .iter()
            .flat_map(|it| &it.emoji)
            .cloned()
            .collect();
        if !emoji.is_empty() {
            lines.push(emoji.join(" "));
        }
        lines.extend(extras.edited_at.map(|_| "(edited)".to_owned()));
    }
    lines
}

/// A whole message: its text, its parts, and what became of it, each on lines of its own.
pub(crate) fn details(message: &Message) -> String {
    let text = text(&message.content).map(str::to_owned);
    let lines = text
        .into_iter()
        .chain(parts(&message.content))
        .chain(fate(message));
    plain(&lines.collect::<Vec<_>>().join("\n"))
}
