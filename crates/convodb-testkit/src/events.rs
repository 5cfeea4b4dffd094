//! The events that each change of the model tells, who takes them, and which are kept.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use convodb::{
    Actor, ConsumerName, ConversationId, DeliveryStatus, ErrorKind, Event, EventKind, Message,
    Retention,
};

use super::model::Model;
use super::verdict::{Expected, Refusal};

/// So many consumers at most.
pub const CONSUMERS: u8 = 3;

pub fn consumer(number: u8) -> ConsumerName {
    ConsumerName::new(&format!("consumer_{number}")).unwrap()
}

/// Which events to keep.
#[derive(Clone, Copy, Debug)]
pub enum Keep {
    Newest(u8),
    YoungerMs(u32),
}

#[derive(Clone, Copy, Debug)]
pub struct RetentionPlan {
    pub keep: Keep,
    pub force: bool,
}

impl RetentionPlan {
    pub fn retention(self) -> Retention {
        let retention = match self.keep {
            Keep::Newest(count) => Retention::newest(count.into()),
            Keep::YoungerMs(ms) => Retention::younger_than(Duration::from_millis(ms.into())),
        };
        if self.force {
            retention.force()
        } else {
            retention
        }
    }
}

/// What the JSON of a history shows: creation, who has it, and whether it is open.
fn is_history(kind: &EventKind) -> bool {
    let (subject, what) = kind.as_str().split_once('.').unwrap();
    subject == "conversation" && what != "deleted"
}

impl Model {
    /// The number of the latest event.
    pub fn newest_event(&self) -> u64 {
        self.purged + self.events.len() as u64
    }

    /// Whatever changes tells an event, now.
    pub fn tell(&mut self, id: ConversationId, kind: EventKind) {
        self.tell_by(None, id, kind);
    }

    pub fn tell_by(&mut self, actor: Option<Actor>, id: ConversationId, kind: EventKind) {
        self.tell_takeovers(id);
        let mut event = Event::new(self.newest_event() + 1, self.newest, id, kind);
        event.actor = actor;
        self.keep(event);
    }

    pub(super) fn keep(&mut self, event: Event) {
        let id = event.conversation_id;
        let entry = self.entries.iter_mut().find(|entry| entry.id == id);
        if let Some(entry) = entry
            && is_history(&event.kind)
        {
            entry.history.push(event.clone());
        }
        self.events.push(event);
    }

    /// The first word of each status but `sent`; what a message came with is no news.
    pub fn tell_receipt(&mut self, before: &Message, status: DeliveryStatus) {
        let message_id = before.id;
        let (known, kind) = match status {
            DeliveryStatus::Sent => return,
            DeliveryStatus::Delivered => (
                before.deliveries.delivered_at,
                EventKind::MessageDelivered { message_id },
            ),
            DeliveryStatus::Read => (
                before.deliveries.read_at,
                EventKind::MessageRead { message_id },
            ),
            DeliveryStatus::Failed => (
                before.deliveries.failed_at,
                EventKind::MessageFailed { message_id },
            ),
        };
        if known.is_none() && before.status != status {
            self.tell(before.conversation_id, kind);
        }
    }

    pub fn position(&self, name: &ConsumerName) -> Option<u64> {
        let found = self.consumers.iter().find(|(known, _)| known == name);
        found.map(|(_, position)| *position)
    }

    pub fn unknown_consumer(&self, name: &ConsumerName) -> Option<Refusal> {
        let unknown = self.position(name).is_none();
        unknown.then(|| Refusal::of(ErrorKind::NotFound))
    }

    pub fn refused_ack(&self, name: &ConsumerName, sequence: u64) -> Vec<Refusal> {
        let early = sequence > self.newest_event();
        let early = early.then(|| Refusal::invalid("sequence"));
        self.unknown_consumer(name)
            .into_iter()
            .chain(early)
            .collect()
    }

    fn move_consumer(&mut self, name: &ConsumerName, position: u64) {
        self.consumers.retain(|(known, _)| known != name);
        self.consumers.push((name.clone(), position));
        self.consumers.sort();
        self.touched = true;
    }

    pub fn add_consumer(&mut self, name: &ConsumerName) -> Expected<u64> {
        match self.position(name) {
            Some(position) => Expected::plain(position, false),
            None => {
                self.move_consumer(name, self.purged);
                Expected {
                    created: true,
                    ..Expected::plain(self.purged, true)
                }
            }
        }
    }

    pub fn ack(&mut self, name: &ConsumerName, sequence: u64) -> Expected<u64> {
        let position = self.position(name).expect("the store found it");
        if sequence <= position {
            return Expected::plain(position, false);
        }
        self.move_consumer(name, sequence);
        Expected::plain(sequence, true)
    }

    pub fn remove_consumer(&mut self, name: &ConsumerName) -> Expected<()> {
        self.consumers.retain(|(known, _)| known != name);
        self.touched = true;
        Expected::plain((), true)
    }

    /// One after the other from the oldest on, until one is to be kept.
    pub fn purge(&mut self, plan: RetentionPlan) -> Expected<u64> {
        let slowest = self.consumers.iter().map(|(_, position)| *position).min();
        let mut purged = 0;
        while let Some(oldest) = self.events.first() {
            let is_kept = match plan.keep {
                Keep::Newest(count) => self.events.len() <= usize::from(count),
                Keep::YoungerMs(ms) => oldest.at >= before(self.newest, ms),
            };
            let is_awaited = slowest.is_some_and(|slowest| slowest < oldest.sequence);
            if is_kept || is_awaited && !plan.force {
                break;
            }
            self.events.remove(0);
            self.purged += 1;
            purged += 1;
        }
        self.touched |= purged > 0;
        Expected::plain(purged, purged > 0)
    }
}

fn before(now: DateTime<Utc>, ms: u32) -> DateTime<Utc> {
    (now - TimeDelta::milliseconds(ms.into())).max(super::plan::first_moment())
}
