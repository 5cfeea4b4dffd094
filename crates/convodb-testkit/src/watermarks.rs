//! What is reported of all messages to a contact until a time.

use chrono::{DateTime, Utc};
use convodb::commands::WatermarkOf;
use convodb::{Conversation, ConversationId, DeliveryStatus, EventKind, MessageRef};

use super::changes::Word;
use super::model::Model;
use super::op::{InboxPick, UpTo};
use super::plan::to_the_microsecond;
use super::provided::Named;
use super::verdict::{Expected, Refusal};

/// A watermark whose conversation and message are known.
#[derive(Clone, Debug)]
pub enum Watermark {
    Conversation(ConversationId, DateTime<Utc>),
    Contact(convodb::ContactId, InboxPick, DateTime<Utc>),
    Message(Named),
}

impl Watermark {
    pub fn of(&self) -> WatermarkOf {
        match self {
            Self::Conversation(id, until) => WatermarkOf::Conversation(*id, *until),
            Self::Contact(contact, inbox, until) => {
                WatermarkOf::Contact(contact.into(), (*inbox).into(), *until)
            }
            Self::Message(named) => WatermarkOf::UpTo(MessageRef::from(named)),
        }
    }
}

impl Model {
    pub fn watermark(&self, of: UpTo) -> Watermark {
        let clock = self.clock.get();
        match of {
            UpTo::Conversation(pick, until) => {
                Watermark::Conversation(self.pick(pick), until.time(clock))
            }
            UpTo::Contact(address, until) => {
                Watermark::Contact(address.contact_id(), address.inbox, until.time(clock))
            }
            UpTo::Message(meant) => Watermark::Message(self.named(meant)),
        }
    }

    /// The conversation that it is about; nothing where it has not come.
    pub fn conversation_until(&self, of: &Watermark) -> Option<ConversationId> {
        match of {
            Watermark::Conversation(id, _) => Some(*id),
            Watermark::Contact(contact, inbox, _) => {
                self.thread(contact, *inbox).map(|entry| entry.id)
            }
            Watermark::Message(named) => self.conversation_of(named),
        }
    }

    pub fn refused_watermark(
        &self,
        plan: UpTo,
        of: &Watermark,
        status: DeliveryStatus,
    ) -> Vec<Refusal> {
        let counts = matches!(status, DeliveryStatus::Delivered | DeliveryStatus::Read);
        let bad_status = (!counts).then(|| Refusal::invalid("status"));
        let bad_time = match plan {
            UpTo::Conversation(_, until) | UpTo::Contact(_, until) => until.is_refused(),
            UpTo::Message(_) => false,
        };
        let bad_time = bad_time.then(|| Refusal::invalid("until"));
        let missing = match of {
            Watermark::Conversation(id, _) => self.missing(*id),
            Watermark::Contact(_, inbox, _) => self.no_inbox(*inbox),
            Watermark::Message(named) => self.refused_name(named),
        };
        [bad_status, bad_time, missing]
            .into_iter()
            .flatten()
            .collect()
    }

    /// The latest counts. No activity.
    pub fn report_until(
        &mut self,
        of: &Watermark,
        status: DeliveryStatus,
    ) -> Expected<Option<Conversation>> {
        let Some(id) = self.conversation_until(of) else {
            let changed = match of {
                Watermark::Message(Named::Provided(inbox, id)) => {
                    self.wait(*inbox, id, &Word::UpTo(status))
                }
                _ => false,
            };
            return Expected::plain(None, changed);
        };
        let until = match of {
            Watermark::Conversation(_, until) | Watermark::Contact(_, _, until) => {
                to_the_microsecond(*until)
            }
            Watermark::Message(named) => self.stored(named).expect("it has come").created_at,
        };
        let changed = self.advance(id, status, until.min(self.newest));
        Expected::plain(Some(self.shown(id)), changed)
    }

    /// Everything until a time was delivered or read; whether that is new.
    pub fn advance(
        &mut self,
        id: ConversationId,
        status: DeliveryStatus,
        until: DateTime<Utc>,
    ) -> bool {
        let entry = self.entry_mut(id);
        let known = match status {
            DeliveryStatus::Read => &mut entry.read_until,
            _ => &mut entry.delivered_until,
        };
        let changed = known.is_none_or(|known| known < until);
        if changed {
            *known = Some(until);
            self.tell(id, EventKind::ConversationReceipts { status, until });
            self.touched = true;
        }
        changed
    }
}
