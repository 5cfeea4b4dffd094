//! A conversation: the public type, the entity that commands decide on, and the one home of its
//! attributes.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::attributes::{Attribute, Attributes, Priority, Tags};
use crate::metadata::MetadataChanges;
use crate::records::as_json;
use crate::{
    Assignee, AssigneeId, Channel, ContactId, ConversationId, InboxId, InboxRef, Message, Revision,
    TeamId, Timeline, time,
};

/// Whether a conversation needs work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// In the default inbox view. Every new conversation is open.
    Open,
    /// Out of it, until a message or an assignment reopens it.
    Resolved,
}

impl Status {
    /// Both, open first.
    pub const ALL: [Self; 2] = [Self::Open, Self::Resolved];

    /// Its name in JSON and in query strings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Resolved => "resolved",
        }
    }
}

/// Why a snooze ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum WakeReason {
    /// Its time came.
    Due,
    /// The contact wrote.
    Inbound,
    /// The conversation was resolved.
    Resolved,
    /// A user ended it.
    User,
}

/// A conversation without its messages, as lists and commands return it.
///
/// Its JSON has `id`, `contact_id`, `channel`, `status`, `assigned_to`, `"messages": []`,
/// `created_at` and `updated_at`; after them, each where it is not zero, `unread_count`,
/// `inbound_count` and `revision`; then, each where it has a value, `inbox_id`, those of its
/// [`Attributes`] and its [`Timeline`], `identity`, `delivered_until` and `read_until`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Conversation {
    /// The id.
    pub id: ConversationId,
    /// The contact that it is with.
    pub contact_id: ContactId,
    /// The channel that it runs on.
    pub channel: Channel,
    /// The inbox that it runs through; none is the channel's own, which has no name.
    pub inbox_id: Option<InboxId>,
    /// Open or resolved.
    pub status: Status,
    /// The user or team that it is assigned to, with its present name.
    pub assigned_to: Option<Assignee>,
    /// The time of the oldest message.
    pub created_at: DateTime<Utc>,
    /// The time of the latest activity.
    pub updated_at: DateTime<Utc>,
    /// How often the status, the assignee or an attribute changed, from 0. Messages, notes, receipts
    /// and reading leave it. See [`Context::if_revision`](crate::Context::if_revision).
    pub revision: Revision,
    /// How many messages the contact has sent.
    pub inbound_count: u64,
    /// How many of those came since the conversation was last marked as read, in the order of their
    /// arrival.
    pub unread_count: u64,
    /// When what happened in it. Lists show [`waiting_since`](Timeline::waiting_since) alone.
    pub timeline: Timeline,
    /// All messages to the contact until this time were delivered.
    pub delivered_until: Option<DateTime<Utc>>,
    /// All messages to the contact until this time were read.
    pub read_until: Option<DateTime<Utc>>,
    /// What its team gave it. Most have none.
    pub attributes: Option<Box<Attributes>>,
    /// The contact's identity that the latest message from it came from, of those that name one: where an
    /// answer goes.
    pub identity: Option<Arc<str>>,
    /// What an import left to the messages that it brings later. Reads show none.
    #[doc(hidden)]
    pub history: Option<History>,
}

/// What lines of an import make of a conversation. Its first activity ends it, but for what is to come unread.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct History {
    /// So many of the inbound messages that lines bring are unread.
    pub unread_to_come: u64,
    /// Whether its times are those of its messages, and it has none yet.
    pub is_undated: bool,
    /// Whether anything else has happened in it: its times are its own then.
    pub is_over: bool,
}

impl History {
    /// The same behind an activity.
    const fn over(self) -> Self {
        Self {
            unread_to_come: self.unread_to_come,
            is_undated: false,
            is_over: true,
        }
    }

    /// Whether it still means something.
    const fn has_more(&self) -> bool {
        !self.is_over || self.unread_to_come > 0
    }
}

/// A conversation with all its messages.
///
/// Its JSON is that of a [`Conversation`], with the messages.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transcript {
    /// The conversation.
    pub conversation: Conversation,
    /// Its messages, oldest first. Keep this order: `created_at` alone does not give it, since of
    /// messages with a time in whole seconds the order of arrival counts.
    pub messages: Vec<Message>,
}

impl Transcript {
    #[doc(hidden)]
    pub const fn new(conversation: Conversation, messages: Vec<Message>) -> Self {
        Self {
            conversation,
            messages,
        }
    }
}

/// An attribute of a conversation with a value.
///
/// Append-only: a variant that was released is never edited or moved.
#[doc(hidden)]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Field {
    Status(Status),
    Assignee(Option<AssigneeId>),
    /// This many inbound messages, by arrival, are read.
    ReadCount(u64),
    DeliveredUntil(#[serde(with = "time")] DateTime<Utc>),
    ReadUntil(#[serde(with = "time")] DateTime<Utc>),
    Priority(Option<Priority>),
    Tags(Tags),
    /// New values for some names.
    Metadata(#[serde(with = "as_json")] MetadataChanges),
    /// At least this many messages are unread.
    UnreadCount(u64),
    /// A message that was unread was taken back.
    UnreadRevoked,
    SnoozedUntil(#[serde(with = "time::optional")] Option<DateTime<Utc>>),
    /// A snooze ended otherwise than by a user.
    Woken(WakeReason),
    Team(Option<TeamId>),
    /// Of a record alone: it follows from other changes.
    Timeline(Timeline),
    /// Lines of an import made it, and nothing else.
    History(History),
    /// Where an answer goes.
    Identity(String),
    /// It is another contact's, into which its own was merged.
    Contact(ContactId),
}

impl Field {
    pub const fn is_activity(&self) -> bool {
        matches!(
            self,
            Self::Status(_) | Self::Assignee(_) | Self::Woken(WakeReason::Due)
        )
    }

    /// Whether setting it raises the revision.
    pub const fn is_revised(&self) -> bool {
        matches!(
            self,
            Self::Status(_) | Self::Assignee(_) | Self::SnoozedUntil(_) | Self::Woken(_)
        ) || self.attribute().is_some()
    }

    /// The user or team that it names.
    pub fn assignee(&self) -> Option<AssigneeId> {
        match self {
            Self::Assignee(id) => id.clone(),
            Self::Team(id) => id.clone().map(AssigneeId::Team),
            _ => None,
        }
    }

    /// The attribute that it sets, by the name that an event gives it.
    pub const fn attribute(&self) -> Option<Attribute> {
        Some(match self {
            Self::Priority(_) => Attribute::Priority,
            Self::Tags(_) => Attribute::Tags,
            Self::Metadata(_) => Attribute::Metadata,
            Self::Team(_) => Attribute::Team,
            _ => return None,
        })
    }
}

impl Conversation {
    /// An open, unassigned conversation without a message, as the start of an
    /// [`Import`](crate::Import).
    #[inline]
    pub const fn new(
        id: ConversationId,
        contact_id: ContactId,
        channel: Channel,
        created_at: DateTime<Utc>,
    ) -> Self {
        Self {
            id,
            contact_id,
            channel,
            inbox_id: None,
            status: Status::Open,
            assigned_to: None,
            created_at,
            updated_at: created_at,
            revision: Revision::ZERO,
            inbound_count: 0,
            unread_count: 0,
            timeline: Timeline {
                waiting_since: None,
                last_inbound_at: None,
                last_message_at: None,
                opened_at: None,
                first_reply_at: None,
                resolved_at: None,
                answered_by_bot: false,
            },
            delivered_until: None,
            read_until: None,
            attributes: None,
            history: None,
            identity: None,
        }
    }

    /// As callers see it.
    #[doc(hidden)]
    #[must_use]
    pub fn shown(mut self) -> Self {
        self.history = None;
        self
    }

    /// Changes what its team gave it. A conversation is the same however it came to have nothing.
    fn change_attributes(&mut self, change: impl FnOnce(&mut Attributes)) {
        let mut attributes = self.attributes.take().unwrap_or_default();
        change(&mut attributes);
        self.attributes = Some(attributes).filter(|it| **it != Attributes::default());
    }

    /// Puts it into the queue of a team.
    pub(crate) fn put_team(&mut self, team: Option<Assignee>) {
        if team != self.attributes().team {
            self.change_attributes(|it| it.team = team);
        }
    }

    /// It is not snoozed if that was until now, or before.
    pub(crate) fn end_snooze(&mut self, now: DateTime<Utc>) {
        if self.snoozed_until().is_some_and(|until| until <= now) {
            self.change_attributes(|it| it.snoozed_until = None);
        }
    }

    /// The id of the user or team that it is assigned to.
    pub fn assignee_id(&self) -> Option<&AssigneeId> {
        self.assigned_to.as_ref().map(|assignee| &assignee.id)
    }

    /// The ids of those that it names: whom it is assigned to, and its team.
    pub(crate) fn assignees(&self) -> impl Iterator<Item = AssigneeId> {
        let team = self.attributes().team.as_ref();
        self.assigned_to.iter().chain(team).map(|it| it.id.clone())
    }

    /// As lists show it.
    #[doc(hidden)]
    pub fn into_listed(mut self) -> Self {
        self.attributes = self.attributes.and_then(|it| it.listed()).map(Box::new);
        self.timeline = Timeline {
            waiting_since: self.timeline.waiting_since,
            ..Timeline::default()
        };
        self
    }

    /// Its inbox and contact, which it is found by.
    pub(crate) fn thread(&self) -> (InboxRef, ContactId) {
        (self.inbox(), self.contact_id.clone())
    }

    /// The inbox that it runs through.
    pub fn inbox(&self) -> InboxRef {
        match &self.inbox_id {
            Some(id) => InboxRef::Inbox(id.clone()),
            None => InboxRef::Channel(self.channel),
        }
    }

    /// What its team gave it, or nothing.
    pub(crate) fn attributes(&self) -> &Attributes {
        static NONE: Attributes = Attributes::none();
        self.attributes.as_deref().unwrap_or(&NONE)
    }

    /// Until when it is snoozed, if it is.
    pub fn snoozed_until(&self) -> Option<DateTime<Utc>> {
        self.attributes().snoozed_until
    }

    /// How many messages from the contact, by arrival, are marked as read.
    pub const fn read_count(&self) -> u64 {
        self.inbound_count.saturating_sub(self.unread_count)
    }

    /// Sets an attribute alone.
    pub(crate) fn put(&mut self, field: &Field, assignee: Option<Assignee>) {
        match field {
            Field::Status(status) => self.status = *status,
            Field::Assignee(_) => {
                // A team that has it has it in its queue too, and a user takes it from there.
                if let Some(team) = assignee.as_ref().filter(|it| it.id.is_team()) {
                    self.change_attributes(|it| it.team = Some(team.clone()));
                }
                self.assigned_to = assignee;
            }
            Field::Team(_) => self.put_team(assignee),
            Field::SnoozedUntil(until) => self.change_attributes(|it| it.snoozed_until = *until),
            Field::Woken(_) => self.change_attributes(|it| it.snoozed_until = None),
            Field::Timeline(timeline) => self.timeline = *timeline,
            Field::DeliveredUntil(until) => {
                self.delivered_until = self.delivered_until.max(Some(*until));
            }
            Field::ReadUntil(until) => self.read_until = self.read_until.max(Some(*until)),
            Field::Priority(priority) => self.change_attributes(|it| it.priority = *priority),
            Field::Tags(tags) => self.change_attributes(|it| it.tags.clone_from(tags)),
            Field::Metadata(changes) => {
                self.change_attributes(|it| it.metadata = it.metadata.merged(changes));
            }
            // A mark never goes back, nor beyond the messages that have arrived.
            Field::ReadCount(count) => {
                let read_count = self.read_count().max(*count).min(self.inbound_count);
                self.unread_count = self.inbound_count - read_count;
                if let Some(history) = &mut self.history {
                    history.unread_to_come = 0;
                }
                self.history = self.history.filter(History::has_more);
            }
            Field::UnreadCount(count) => {
                self.unread_count = self.unread_count.max(*count).min(self.inbound_count);
            }
            Field::UnreadRevoked => self.unread_count = self.unread_count.saturating_sub(1),
            Field::History(history) => self.history = Some(*history),
            Field::Identity(identity) => self.identity = Some(identity.as_str().into()),
            Field::Contact(contact) => self.contact_id = contact.clone(),
        }
    }

    /// Sets an attribute, with what follows from it: the revision, and the time of the latest
    /// activity.
    pub(crate) fn set(&mut self, field: &Field, assignee: Option<Assignee>, at: DateTime<Utc>) {
        match field {
            Field::Status(Status::Open) => self.timeline.open(at),
            Field::Status(Status::Resolved) => self.timeline.resolve(at),
            Field::Assignee(Some(_)) => self.timeline.assign(at),
            // When it was opened and resolved is not known.
            Field::History(_) => self.timeline = Timeline::default(),
            _ => {}
        }
        self.put(field, assignee);
        if field.is_revised() {
            self.revision = self.revision.next();
        }
        if field.is_activity() {
            self.active(at);
        }
    }

    /// The attributes that records store as a list, where they have a value, in the order of the
    /// variants of [`Field`]. Every conversation has the others.
    pub(crate) fn more(&self) -> Vec<Field> {
        let delivered_until = self.delivered_until.map(Field::DeliveredUntil);
        let read_until = self.read_until.map(Field::ReadUntil);
        let attributes = self.attributes.iter().flat_map(|it| it.fields());
        let identity = self.identity.as_deref().map(str::to_owned);
        let until = delivered_until.into_iter().chain(read_until);
        let timeline = (self.timeline != Timeline::default()).then_some(self.timeline);
        let timeline = timeline.map(Field::Timeline);
        let history = self.history.map(Field::History);
        let more = attributes.chain(timeline).chain(history);
        let more = more.chain(identity.map(Field::Identity));
        until.chain(more).collect()
    }

    /// Replaces a removed assignee by its successor. Not activity.
    pub(crate) fn reassign(&mut self, successor: Option<Assignee>) {
        self.assigned_to = successor;
        self.revision = self.revision.next();
    }

    /// Takes the messages of another conversation. A command that expects the revision of either is refused.
    pub(crate) fn absorb(&mut self, other: &Self) {
        self.inbound_count += other.inbound_count;
        self.unread_count += other.unread_count;
        self.created_at = self.created_at.min(other.created_at);
        self.updated_at = self.updated_at.max(other.updated_at);
        self.delivered_until = self.delivered_until.max(other.delivered_until);
        self.read_until = self.read_until.max(other.read_until);
        self.timeline.absorb(&other.timeline);
        let to_come = [self.history, other.history].into_iter().flatten();
        let history = History {
            unread_to_come: to_come.map(|it| it.unread_to_come).sum(),
            ..History::default()
        };
        self.history = Some(history.over()).filter(History::has_more);
        self.revision = self.revision.max(other.revision).next();
    }

    /// One of its messages has this time, and may be the oldest one.
    pub(crate) fn began(&mut self, at: DateTime<Utc>) {
        self.created_at = self.created_at.min(at);
    }

    /// Counts another message. It may be the oldest one, and it is activity when it arrives.
    pub(crate) fn append(&mut self, message: &Message, at: DateTime<Utc>) {
        self.created_at = self.created_at.min(message.created_at);
        self.inbound_count += u64::from(message.is_from_contact());
        self.unread_count += u64::from(message.counts_as_unread() && !message.is_revoked());
        if let Some(identity) = message.identity_of_contact() {
            self.identity = Some(identity.into());
        }
        if !message.is_system() {
            self.timeline.message(message, self.status, at);
            self.active(at);
        }
    }

    /// Counts a message that a line of an import brings: it is no activity, and unread only where the
    /// conversation's own line says so. What an import alone has made is as late as its latest message.
    pub(crate) fn append_history(&mut self, message: &Message) {
        let at = message.created_at;
        self.inbound_count += u64::from(message.is_from_contact());
        if let Some(history) = &mut self.history {
            if std::mem::take(&mut history.is_undated) {
                (self.created_at, self.updated_at) = (at, at);
            }
            if message.is_from_contact() && !message.is_revoked() && history.unread_to_come > 0 {
                history.unread_to_come -= 1;
                self.unread_count += 1;
            }
            if !message.is_system() && !history.is_over {
                self.updated_at = self.updated_at.max(at);
            }
        }
        self.history = self.history.filter(History::has_more);
        let latest = &mut self.timeline.last_message_at;
        if let Some(identity) = message.identity_of_contact()
            && (self.identity.is_none() || *latest <= Some(at))
        {
            self.identity = Some(identity.into());
        }
        if !message.is_system() {
            *latest = (*latest).max(Some(at));
        }
        self.began(at);
    }

    /// The time of the latest activity never goes back, unless it lies in the future: a clock was
    /// wrong then.
    pub(crate) fn active(&mut self, at: DateTime<Utc>) {
        time::clamp(self.times(), at);
        self.updated_at = at;
        self.history = self.history.map(History::over).filter(History::has_more);
    }

    #[doc(hidden)]
    pub fn times(&mut self) -> impl Iterator<Item = &mut DateTime<Utc>> {
        let until = [&mut self.delivered_until, &mut self.read_until];
        [&mut self.created_at, &mut self.updated_at]
            .into_iter()
            .chain(until.into_iter().flatten())
            .chain(self.timeline.times())
    }
}
