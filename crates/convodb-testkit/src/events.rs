//! The events of each change of the model, their consumers, and which events are kept.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use convodb::{
    ConsumerName, ConsumerStart, ConversationId, ErrorKind, Event, EventKind, EventSeq, Retention,
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

/// What an audit log has: creation, the assignee and the status.
fn is_audited(kind: &EventKind) -> bool {
    let (subject, what) = kind.as_str().split_once('.').unwrap();
    subject == "conversation"
        && ["created", "assigned", "unassigned", "resolved", "reopened"].contains(&what)
}

impl Model {
    /// The number of the latest event.
    pub fn newest_event(&self) -> EventSeq {
        EventSeq::new(self.purged + self.events.len() as u64)
    }

    /// Each change has an event, now, after those of earlier reassignments.
    pub fn tell(&mut self, id: ConversationId, kind: EventKind) {
        let id = self.conversation_meant(id);
        self.add_reassignment_events(id);
        let mut event = Event::new(self.newest_event().next(), self.newest, id, kind);
        event.actor.clone_from(&self.actor);
        self.keep(event);
    }

    pub(super) fn keep(&mut self, event: Event) {
        assert!(EventKind::TYPES.contains(&event.kind.as_str()), "{event:?}");
        let id = event.subject.conversation_id();
        let entry = self.entries.iter_mut().find(|entry| Some(entry.id) == id);
        if let Some(entry) = entry
            && is_audited(&event.kind)
        {
            entry.audit_log.push(event.clone());
        }
        self.events.push(event);
    }

    pub fn position(&self, name: &ConsumerName) -> Option<EventSeq> {
        let found = self.consumers.iter().find(|(known, _)| known == name);
        found.map(|(_, position)| *position)
    }

    pub fn unknown_consumer(&self, name: &ConsumerName) -> Option<Refusal> {
        let unknown = self.position(name).is_none();
        unknown.then(|| Refusal::of(ErrorKind::NotFound))
    }

    pub fn refused_acknowledgement(&self, name: &ConsumerName, up_to: EventSeq) -> Vec<Refusal> {
        let early = up_to > self.newest_event();
        let early = early.then(|| Refusal::invalid("up_to"));
        self.unknown_consumer(name)
            .into_iter()
            .chain(early)
            .collect()
    }

    pub fn refused_start(&self, name: &ConsumerName, start: ConsumerStart) -> Option<Refusal> {
        let early = matches!(start, ConsumerStart::After(it) if it > self.newest_event());
        (early && self.position(name).is_none()).then(|| Refusal::invalid("start"))
    }

    fn move_consumer(&mut self, name: &ConsumerName, position: EventSeq) {
        self.consumers.retain(|(known, _)| known != name);
        self.consumers.push((name.clone(), position));
        self.consumers.sort();
        self.touched = true;
    }

    pub fn add_consumer(
        &mut self,
        name: &ConsumerName,
        start: ConsumerStart,
    ) -> Expected<EventSeq> {
        if let Some(position) = self.position(name) {
            return Expected::plain(position, false);
        }
        let position = match start {
            ConsumerStart::Oldest => EventSeq::new(self.purged),
            ConsumerStart::Newest => self.newest_event(),
            ConsumerStart::After(position) => position,
            other => panic!("no operation starts at {other:?}"),
        };
        self.move_consumer(name, position);
        Expected {
            created: true,
            ..Expected::plain(position, true)
        }
    }

    pub fn acknowledge(&mut self, name: &ConsumerName, up_to: EventSeq) -> Expected<EventSeq> {
        let position = self.position(name).expect("the store found it");
        if up_to <= position {
            return Expected::plain(position, false);
        }
        self.move_consumer(name, up_to);
        Expected::plain(up_to, true)
    }

    pub fn remove_consumer(&mut self, name: &ConsumerName) -> Expected<()> {
        self.consumers.retain(|(known, _)| known != name);
        self.touched = true;
        Expected::plain((), true)
    }

    /// How many events are older than a time. Where the clock was corrected times descend, and of the
    /// places where a younger one follows an older one, bisection finds one.
    fn count_before(&self, at: DateTime<Utc>) -> usize {
        let (mut from, mut to) = (0, self.events.len());
        while from < to {
            let middle = from + (to - from) / 2;
            match self.events[middle].at < at {
                true => from = middle + 1,
                false => to = middle,
            }
        }
        from
    }

    /// One after the other from the oldest on, until one is to be kept.
    pub fn purge(&mut self, plan: RetentionPlan) -> Expected<u64> {
        let old = match plan.keep {
            Keep::YoungerMs(ms) => self.count_before(before(self.newest, ms)),
            Keep::Newest(count) => self.events.len().saturating_sub(count.into()),
        };
        let slowest = self.consumers.iter().map(|(_, position)| *position).min();
        let mut purged = 0;
        while purged < old as u64
            && let Some(oldest) = self.events.first()
        {
            let is_awaited = slowest.is_some_and(|slowest| slowest < oldest.seq);
            if is_awaited && !plan.force {
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
