//! Numbers, times and messages, formatted for people.

use std::time::Duration;

use chrono::{DateTime, Utc};
use convodb::{Content, Message};

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

/// Text without control characters, which could control the terminal.
pub(crate) fn plain(text: &str) -> String {
    text.replace(|c: char| c.is_control() && c != '\n', " ")
}

/// The same in one line.
pub(crate) fn one_line(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().collect();
    plain(&words.join(" "))
}

/// The text of a message, if it has any.
fn text(content: &Content) -> Option<&str> {
    match content {
        Content::Image { caption, .. } | Content::Document { caption, .. } => caption.as_deref(),
        content => content.as_text(),
    }
}

/// A message in one line.
pub(crate) fn preview(message: &Message) -> String {
    match (text(&message.content), &message.content) {
        (Some(text), _) => one_line(text),
        (None, Content::Template { name, .. }) => format!("(template {})", one_line(name)),
        (None, Content::Image { .. }) => "(image)".to_owned(),
        (None, Content::Document { .. }) => "(document)".to_owned(),
        (None, _) => String::new(),
    }
}

/// A whole message: its text, its template or medium, and its failure, each on lines of its own.
pub(crate) fn details(message: &Message) -> String {
    let attached = match &message.content {
        Content::Template { name, params, .. } => {
            Some(format!("template {name}({})", params.join(", ")))
        }
        Content::Image { media_url, .. } => Some(format!("image {media_url}")),
        Content::Document { media_url, .. } => Some(format!("document {media_url}")),
        _ => None,
    };
    let failure = message.deliveries.failure.as_ref();
    let failure = failure.map(|failure| format!("error {}: {}", failure.code, failure.message));
    let text = text(&message.content).map(str::to_owned);
    let lines: Vec<_> = text.into_iter().chain(attached).chain(failure).collect();
    plain(&lines.join("\n"))
}
