//! A receiver of events, with what it takes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use convodb::{ConsumerName, Event, EventKind};
use tokio::sync::Mutex;

use super::target::Target;

/// The endpoint without a name, and the durable consumers of all.
const DEFAULT: &str = "webhooks";

/// The endpoint whose position a durable consumer has.
pub(crate) fn of_consumer(consumer: &ConsumerName) -> Option<&str> {
    let rest = consumer.as_str().strip_prefix(DEFAULT)?;
    match rest.strip_prefix('.') {
        None if rest.is_empty() => Some(DEFAULT),
        name => name,
    }
}

/// How an endpoint is configured.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Without one, it is the only endpoint that has none.
    pub(crate) name: Option<String>,
    pub(crate) url: String,
    pub(crate) secret: String,
    /// The types of the events that it takes; all where there are none. `message.*` means each that begins so.
    pub(crate) events: Vec<String>,
    /// For how long an event is posted again before it becomes a dead letter.
    pub(crate) give_up: Duration,
}

/// A receiver of events.
pub(crate) struct Endpoint {
    pub(crate) name: String,
    /// Its durable position, which does not depend on the receiver.
    pub(crate) consumer: ConsumerName,
    pub(crate) give_up: Duration,
    target: Arc<Target>,
    events: Vec<String>,
    /// Held while a dead letter is posted or dropped, so that it is posted once.
    pub(crate) replaying: Mutex<()>,
}

/// Whether a type of events is one of a pattern: itself, or one that begins as `message.*` says.
fn matches(pattern: &str, kind: &str) -> bool {
    match pattern.strip_suffix(".*") {
        Some(subject) => kind.split_once('.').is_some_and(|(of, _)| of == subject),
        None => kind == pattern,
    }
}

impl Endpoint {
    pub(crate) fn new(settings: &Settings) -> Result<Self> {
        let (name, consumer) = match &settings.name {
            None => (DEFAULT.to_owned(), DEFAULT.to_owned()),
            Some(name) => {
                check_name(name)?;
                (name.clone(), format!("{DEFAULT}.{name}"))
            }
        };
        for pattern in &settings.events {
            ensure!(
                EventKind::TYPES.iter().any(|kind| matches(pattern, kind)),
                "webhook {name}: `{pattern}` is no type of events, nor the beginning of some, as `message.*` is"
            );
        }
        Ok(Self {
            consumer: ConsumerName::new(&consumer)?,
            give_up: settings.give_up,
            target: Arc::new(
                Target::new(&settings.url, &settings.secret)
                    .with_context(|| format!("webhook {name}"))?,
            ),
            events: settings.events.clone(),
            replaying: Mutex::default(),
            name,
        })
    }

    /// Several of them, of which no two have one name.
    pub(crate) fn all(settings: &[Settings]) -> Result<Vec<Arc<Self>>> {
        let mut names = BTreeSet::new();
        let mut all = Vec::with_capacity(settings.len());
        for settings in settings {
            let endpoint = Self::new(settings)?;
            ensure!(
                names.insert(endpoint.name.clone()),
                "two webhooks have the name `{}`",
                endpoint.name
            );
            all.push(Arc::new(endpoint));
        }
        Ok(all)
    }

    /// Whether an event is one that it takes.
    pub(super) fn takes(&self, event: &Event) -> bool {
        let kind = event.kind.as_str();
        self.events.is_empty() || self.events.iter().any(|pattern| matches(pattern, kind))
    }

    /// Posts an event once. It blocks a thread of its own until it is answered.
    pub(crate) async fn post(&self, event: &Arc<Event>) -> Result<()> {
        let (target, event) = (Arc::clone(&self.target), Arc::clone(event));
        tokio::task::spawn_blocking(move || target.post(&event)).await?
    }

    /// The types of events that it takes; all where there are none.
    pub(crate) fn events(&self) -> &[String] {
        &self.events
    }
}

fn check_name(name: &str) -> Result<()> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    ensure!(
        (1..=64).contains(&name.len()) && name.bytes().all(is_plain) && name != DEFAULT,
        "the name `{name}` of a webhook must be 1 to 64 letters, digits, `-` and `_`, and not `{DEFAULT}`"
    );
    Ok(())
}
