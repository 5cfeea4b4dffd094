//! The parts of operations that need a clock or ids to become values.

use chrono::{DateTime, TimeDelta, Utc};
use convodb::{
    Assignee, Author, Content, Conversation, ConversationId, DeliveryStatus, Direction, Extras,
    Import, Message, MessageId, MessageType, Note, NoteId, Reaction, Reference, Revision,
    Revocation,
};

use super::body::Body;
use super::more::{REFERENCES, reference};
use super::op::{Address, Who, status};
use super::provided::{PROVIDED, provider_id};

/// A text for people; the last three are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    Short(u8),
    /// As long as a name may be.
    Long,
    Empty,
    Blank,
    TooLong,
}

impl Text {
    pub fn string(self) -> String {
        match self {
            Self::Short(number) => format!("text {number} ✓"),
            Self::Long => "ä".repeat(128),
            Self::Empty => String::new(),
            Self::Blank => " \n\t\u{a0}\u{200b}\u{e0001}".to_owned(),
            Self::TooLong => "x".repeat(64 * 1024 + 1),
        }
    }

    pub fn is_refused(self) -> bool {
        matches!(self, Self::Empty | Self::Blank | Self::TooLong)
    }

    pub fn is_too_long(self) -> bool {
        self == Self::TooLong
    }
}

/// Whether a text of the operations shows nothing.
pub fn is_blank(text: &str) -> bool {
    let blank = Text::Blank.string();
    text.chars().all(|c| blank.contains(c))
}

/// A time, relative to the clock's; the last four are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// So many nanoseconds from the clock's time on, or before it.
    Shifted(i64),
    /// So many seconds before the clock's second, without a fraction.
    Second(u8),
    /// The earliest that a provider's time may be.
    FirstSent,
    LastMoment,
    BeforeFirstSent,
    FirstMoment,
    TooEarly,
    TooLate,
}

/// The first microsecond of 1970.
pub fn first_moment() -> DateTime<Utc> {
    "1970-01-01T00:00:00Z".parse().unwrap()
}

/// The first microsecond of 2000.
fn first_sent() -> DateTime<Utc> {
    "2000-01-01T00:00:00Z".parse().unwrap()
}

fn last_moment() -> DateTime<Utc> {
    "9999-12-31T23:59:59.999999Z".parse().unwrap()
}

impl When {
    pub fn time(self, clock: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::Shifted(nanos) => clock + TimeDelta::nanoseconds(nanos),
            Self::Second(ago) => {
                let second = DateTime::from_timestamp(clock.timestamp(), 0).unwrap();
                second - TimeDelta::seconds(ago.into())
            }
            Self::FirstSent => first_sent(),
            Self::BeforeFirstSent => first_sent() - TimeDelta::microseconds(1),
            Self::FirstMoment => first_moment(),
            Self::LastMoment => last_moment(),
            Self::TooEarly => first_moment() - TimeDelta::microseconds(1),
            Self::TooLate => last_moment() + TimeDelta::microseconds(1),
        }
    }

    pub fn is_refused(self) -> bool {
        matches!(
            self,
            Self::BeforeFirstSent | Self::FirstMoment | Self::TooEarly | Self::TooLate
        )
    }
}

/// A time as it is stored: to the microsecond.
pub fn to_the_microsecond(time: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(time.timestamp_micros()).unwrap()
}

/// What is wrong with an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    LongMessage,
    ForeignMessage,
    RepeatedMessage,
    EarlyMessage,
    LongNote,
    ForeignNote,
    RepeatedNote,
    UpdatedBeforeCreated,
    LateCreation,
    BlankName,
    TooManyUnread,
    RepeatedProviderId,
    WrongInboundCount,
    HugeRevision,
}

/// A whole conversation from elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct ImportPlan {
    /// Few numbers, so that ids come again.
    pub number: u8,
    pub address: Address,
    pub resolved: bool,
    pub assignee: Option<(Who, Text)>,
    pub created_ago_ms: u32,
    pub active_ms: u32,
    pub messages: u8,
    pub notes: u8,
    /// So many of its inbound messages, if it has as many.
    pub unread: u8,
    /// The number of the first message's provider's id; some messages have the next ones.
    pub provided: Option<u8>,
    pub revision: u8,
    /// Whether it says how many of its messages are inbound, as an export does.
    pub has_inbound_count: bool,
    /// Whether its messages are of many kinds and have more than a text.
    pub is_rich: bool,
    pub flaw: Option<Flaw>,
}

impl ImportPlan {
    pub fn id(&self) -> ConversationId {
        // Ids of long ago, as an import has them.
        ConversationId::from_parts(1_600_000_000_000, u128::from(self.number))
    }

    /// The import, and the field for which it is refused, if it is.
    pub fn build(&self, clock: DateTime<Utc>) -> (Import, Option<String>) {
        let created_at = clock - TimeDelta::milliseconds(i64::from(self.created_ago_ms));
        let mut conversation = Conversation::new(
            self.id(),
            self.address.contact_id(),
            self.address.inbox.channel(),
            created_at,
        );
        conversation.inbox_id = self.address.inbox.id();
        conversation.status = status(self.resolved);
        conversation.updated_at = created_at + TimeDelta::milliseconds(i64::from(self.active_ms));
        conversation.assigned_to = self
            .assignee
            .map(|(who, name)| Assignee::new(who.id(), &name.string()));
        // Every other message is inbound, from the first on.
        let has_system = self.is_rich && self.messages > 2;
        let inbound = self.messages.div_ceil(2) - u8::from(has_system);
        conversation.unread_count = self.unread.min(inbound).into();
        conversation.revision = Revision::new(self.revision.into());
        if self.is_rich {
            conversation.read_until = Some(created_at + TimeDelta::microseconds(1_500));
            conversation.delivered_until = Some(created_at + TimeDelta::microseconds(3_000));
        }
        if self.has_inbound_count {
            conversation.inbound_count = inbound.into();
        }
        let messages = (0..self.messages)
            .map(|n| self.message(n, created_at))
            .collect();
        let notes = (0..self.notes).map(|n| self.note(n, created_at)).collect();
        let mut import = Import::new(conversation, messages).notes(notes);
        let field = self.flaw.map(|flaw| spoil(&mut import, flaw, created_at));
        (import, field)
    }

    /// Out of order, some at one time, some with an id of another time than their own.
    fn message(&self, n: u8, created_at: DateTime<Utc>) -> Message {
        let place = i64::from(n ^ 5) / 2;
        let time = created_at + TimeDelta::microseconds(place * 700);
        let own_ms = time.timestamp_millis().unsigned_abs();
        let id_ms = if n % 4 == 3 { own_ms - 5 } else { own_ms };
        let direction = if n.is_multiple_of(2) {
            Direction::Inbound
        } else {
            Direction::Outbound
        };
        let mut message = Message::new(
            MessageId::from_parts(id_ms, u128::from(n)),
            self.id(),
            direction,
            Content::text(match n {
                6 => Text::Blank.string(),
                _ => format!("imported {n}"),
            }),
            time,
        );
        // As many as there are ids, so that none comes twice.
        if let Some(first) = self.provided
            && n.is_multiple_of(2)
            && n / 2 < PROVIDED - u8::from(self.is_rich)
        {
            message.provider_id = Some(provider_id((first + n / 2) % PROVIDED));
        }
        message.status = DeliveryStatus::Read;
        message.deliveries.read_at = n.is_multiple_of(3).then_some(time);
        if self.is_rich {
            self.enrich(&mut message, n);
        }
        message
    }

    /// A message of each kind that an import may bring.
    fn enrich(&self, message: &mut Message, n: u8) {
        let time = message.created_at;
        let extras = message.extras.get_or_insert_default();
        match n {
            0 => {
                let liked = vec!["👍".to_owned()];
                extras.reactions = vec![Reaction::new(Author::bot("bot 0"), liked, time)];
                extras.metadata.set("ad", "spring");
            }
            2 => message.content = Body::System.stored(),
            4 => extras.client_ref = Some(reference(self.number % REFERENCES)),
            7 => {
                let last = self.provided.map(|first| (first + PROVIDED - 1) % PROVIDED);
                extras.provider_aliases = last.map(provider_id).into_iter().collect();
                extras.retries = 1;
            }
            8 => {
                message.content = Content::Revoked(MessageType::Text);
                extras.revoked = Some(Revocation::new(time, Author::contact(), false));
            }
            9 => message.content = Body::Voice.stored(),
            10 => message.content = Body::Unsupported { said: None }.stored(),
            11 => extras.reply_to = Some(Reference::from(provider_id(0))),
            _ => {}
        }
        if extras == &Extras::default().into() {
            message.extras = None;
        }
        message.status = match n {
            1 => DeliveryStatus::Sent,
            3 => DeliveryStatus::Failed,
            5 => DeliveryStatus::Pending,
            _ => message.status,
        };
    }

    fn note(&self, n: u8, created_at: DateTime<Utc>) -> Note {
        let time = created_at + TimeDelta::microseconds(i64::from(n ^ 3) / 2);
        // Some with an id of another time than their own.
        let id_ms = match self.is_rich && n % 4 == 1 {
            true => time.timestamp_millis().unsigned_abs() + 50_000,
            false => 1_600_000_000_000,
        };
        let id = NoteId::from_parts(id_ms, u128::from(n));
        Note::new(id, self.id(), format!("note {n}"), time)
    }
}

/// Puts a flaw into an import that has none; answers the field that names it.
fn spoil(import: &mut Import, flaw: Flaw, created_at: DateTime<Utc>) -> String {
    let own = import.conversation.id;
    let other = ConversationId::from_parts(1, 1);
    let (messages, notes) = (&mut import.messages, &mut import.notes);
    let next_message = messages.len();
    let next_note = notes.len();
    let message = |n: usize, of, text: &str, at| {
        let id = MessageId::from_parts(1, n as u128);
        Message::new(id, of, Direction::Inbound, Content::text(text), at)
    };
    let note = |n: usize, of, text: &str| {
        let id = NoteId::from_parts(1, n as u128);
        Note::new(id, of, text, created_at)
    };
    match flaw {
        Flaw::LongMessage => {
            messages.push(message(
                next_message,
                own,
                &Text::TooLong.string(),
                created_at,
            ));
            format!("messages[{next_message}].content")
        }
        Flaw::ForeignMessage => {
            messages.push(message(next_message, other, "hi", created_at));
            format!("messages[{next_message}].conversation_id")
        }
        Flaw::RepeatedMessage => {
            messages.push(message(next_message, own, "hi", created_at));
            messages.push(message(next_message, own, "hi again", created_at));
            format!("messages[{}].id", next_message + 1)
        }
        Flaw::EarlyMessage => {
            let early = first_moment() - TimeDelta::microseconds(1);
            messages.push(message(next_message, own, "hi", early));
            format!("messages[{next_message}].created_at")
        }
        Flaw::LongNote => {
            notes.push(note(next_note, own, &Text::TooLong.string()));
            format!("notes[{next_note}].content")
        }
        Flaw::ForeignNote => {
            notes.push(note(next_note, other, "hi"));
            format!("notes[{next_note}].conversation_id")
        }
        Flaw::RepeatedNote => {
            notes.push(note(next_note, own, "hi"));
            notes.push(note(next_note, own, "hi again"));
            format!("notes[{}].id", next_note + 1)
        }
        Flaw::UpdatedBeforeCreated => {
            let created_at = import.conversation.created_at;
            import.conversation.updated_at = created_at - TimeDelta::microseconds(1);
            "updated_at".to_owned()
        }
        Flaw::LateCreation => {
            let late = last_moment() + TimeDelta::microseconds(1);
            import.conversation.created_at = late;
            import.conversation.updated_at = late;
            "created_at".to_owned()
        }
        Flaw::BlankName => {
            import.conversation.assigned_to = Some(Assignee::new(Who(0).id(), " "));
            "assigned_to.name".to_owned()
        }
        Flaw::TooManyUnread => {
            import.conversation.unread_count = messages.len() as u64 + 1;
            "unread_count".to_owned()
        }
        Flaw::WrongInboundCount => {
            import.conversation.inbound_count = messages.len() as u64 + 1;
            "inbound_count".to_owned()
        }
        Flaw::HugeRevision => {
            import.conversation.revision = Revision::new(1 << 53);
            "revision".to_owned()
        }
        Flaw::RepeatedProviderId => {
            for number in 0..2 {
                let mut twice = message(next_message + number, own, "hi", created_at);
                twice.provider_id = Some(provider_id(PROVIDED));
                messages.push(twice);
            }
            format!("messages[{}].provider_id", next_message + 1)
        }
    }
}
