//! Questions to a store, as plain values, with what the model answers.

use chrono::{DateTime, Utc};
use convodb::{
    AssigneeId, Channel, Conversation, ConversationId, Filter, Message, MessageRange, Status,
    StatusFilter,
};

use super::model::{Entry, Model};
use super::op::{self, InboxPick, Who};
use super::plan::When;

/// What to ask for.
#[derive(Clone, Debug)]
pub struct Probe {
    pub filter: FilterPlan,
    pub page: u64,
    pub limit: u32,
    pub range: RangePlan,
    /// From which end an iterator is asked at each step, a bit each.
    pub turns: u64,
}

/// A filter: sets as bits. An empty set restricts nothing.
#[derive(Clone, Copy, Debug)]
pub struct FilterPlan {
    pub status: StatusFilter,
    pub channels: u8,
    /// Whether they were saved or not.
    pub inboxes: u8,
    pub unassigned: bool,
    /// Whether they are in the directory or not.
    pub assignees: u8,
    pub unread: bool,
    pub snoozed: Option<bool>,
    /// One contact's alone.
    pub contact: Option<u8>,
}

impl FilterPlan {
    pub const ALL: Self = Self {
        status: StatusFilter::All,
        channels: 0,
        inboxes: 0,
        unassigned: false,
        assignees: 0,
        unread: false,
        snoozed: None,
        contact: None,
    };

    /// The unread ones among those.
    pub const UNREAD: Self = Self {
        unread: true,
        ..Self::ALL
    };

    fn takes_channel(self, channel: Channel) -> bool {
        let bit = match channel {
            Channel::Whatsapp => 1,
            Channel::Instagram => 2,
            Channel::Messenger => 4,
            Channel::Webchat => 8,
        };
        self.channels & bit != 0
    }

    fn takes_inbox(self, inbox: InboxPick) -> bool {
        let place = InboxPick::all().position(|one| one == inbox);
        place.is_some_and(|place| self.inboxes & (1 << place) != 0)
    }

    fn takes_assignee(self, who: Who) -> bool {
        self.assignees & (1 << who.0) != 0
    }

    pub fn filter(self) -> Filter {
        let mut filter = Filter::new(self.status);
        for channel in Channel::ALL {
            if self.takes_channel(channel) {
                filter = filter.channel(channel);
            }
        }
        for inbox in InboxPick::all().filter(|inbox| self.takes_inbox(*inbox)) {
            filter = filter.inbox(inbox);
        }
        for who in Who::all().filter(|who| self.takes_assignee(*who)) {
            filter = filter.assigned_to(who.id());
        }
        if self.unassigned {
            filter = filter.unassigned();
        }
        if self.unread {
            filter = filter.unread();
        }
        if let Some(snoozed) = self.snoozed {
            filter = filter.snoozed(snoozed);
        }
        if let Some(contact) = self.contact {
            filter = filter.contact(op::contact(contact));
        }
        filter
    }

    pub fn selects(self, model: &Model, entry: &Entry) -> bool {
        let status = match self.status {
            StatusFilter::Open => entry.status == Status::Open,
            StatusFilter::Resolved => entry.status == Status::Resolved,
            StatusFilter::All => true,
        };
        let channel = self.channels == 0 || self.takes_channel(entry.inbox.channel());
        let inbox = self.inboxes == 0 || self.takes_inbox(entry.inbox);
        let anybodys = !self.unassigned && self.assignees == 0;
        let is_theirs =
            |id: &AssigneeId| Who::all().any(|who| self.takes_assignee(who) && who.id() == *id);
        let assignee = match &entry.assignee {
            None => self.unassigned,
            Some(id) => is_theirs(id),
        };
        let unread = !self.unread || entry.unread() > 0;
        let snoozed = self.snoozed.is_none_or(|it| it == entry.is_snoozed());
        let contact = self
            .contact
            .map(|number| model.contact_meant(&op::contact(number)));
        let contact = contact.is_none_or(|it| it == entry.contact_id);
        status && channel && inbox && snoozed && contact && (anybodys || assignee) && unread
    }

    pub fn list(self, model: &Model) -> Vec<Conversation> {
        model.list(|entry| self.selects(model, entry))
    }
}

/// An end of a range of messages.
#[derive(Clone, Copy, Debug)]
pub enum Edge {
    Open,
    /// A message, of whatever conversation.
    Message(u8),
    /// A time, relative to a message's.
    Time(u8, When),
}

/// A range of messages.
#[derive(Clone, Copy, Debug)]
pub struct RangePlan {
    pub conversation: u8,
    pub from: Edge,
    pub to: Edge,
}

/// An edge that is found in the model.
enum Place<'a> {
    Open,
    Message(&'a Message),
    Time(DateTime<Utc>),
}

impl Edge {
    fn place(self, model: &Model) -> Place<'_> {
        let (Self::Message(number) | Self::Time(number, _)) = self else {
            return Place::Open;
        };
        let all: Vec<&Message> = model
            .entries
            .iter()
            .flat_map(|entry| &entry.messages)
            .collect();
        let Some(message) = all.get(usize::from(number) % all.len().max(1)) else {
            return Place::Open;
        };
        match self {
            Self::Time(_, when) => Place::Time(when.time(message.order_time)),
            _ => Place::Message(message),
        }
    }
}

impl RangePlan {
    /// The conversation, the range of its messages, and the messages in it.
    pub fn build(self, model: &Model) -> Option<(ConversationId, MessageRange, Vec<Message>)> {
        let number = usize::from(self.conversation) % model.entries.len().max(1);
        let entry = model.entries.get(number)?;
        let mut range = MessageRange::all();
        let mut messages = model.thread_of(entry);
        match self.from.place(model) {
            Place::Open => {}
            Place::Message(edge) => {
                range = range.after(edge);
                messages.retain(|one| (one.order_time, one.id) > (edge.order_time, edge.id));
            }
            Place::Time(time) => {
                range = range.since(time);
                messages.retain(|one| one.order_time >= time);
            }
        }
        match self.to.place(model) {
            Place::Open => {}
            Place::Message(edge) => {
                range = range.before(edge);
                messages.retain(|one| (one.order_time, one.id) < (edge.order_time, edge.id));
            }
            Place::Time(time) => {
                range = range.until(time);
                messages.retain(|one| one.order_time < time);
            }
        }
        Some((entry.id, range, messages))
    }
}
