//! What a message may have besides its content.

use super::op::InboxPick;
use convodb::{
    AssigneeId, Author, Direction, Draft, Extras, Json, MessageId, MetadataValue, ProviderId,
    Reference,
};

use super::contacts::{self, Called};
use super::model::Model;
use super::op::{MessagePick, Who};
use super::provided::provider_id;
use super::rules::refused_if;
use super::verdict::Refusal;

/// So many references of senders, on each inbox and in both directions. The one behind them is
/// refused.
pub const REFERENCES: u8 = 4;

pub fn reference(number: u8) -> String {
    match number {
        REFERENCES.. => String::new(),
        number => format!("ref-{number}"),
    }
}

/// So many names of the callers' own values. The one behind them is refused.
pub const NAMES: u8 = 3;

pub fn name(number: u8) -> &'static str {
    match number {
        0 => "ad",
        1 => "lead.id",
        2 => "x-y_z",
        _ => "no name",
    }
}

pub fn value(number: u8) -> MetadataValue {
    match number % 3 {
        0 => MetadataValue::from("spring"),
        1 => MetadataValue::from(u64::from(number)),
        _ => MetadataValue::from(true),
    }
}

/// Who writes, reacts or takes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Contact,
    /// A user, whether the directory knows it or not.
    User(u8),
    Bot(u8),
}

impl By {
    fn user(number: u8) -> AssigneeId {
        // Every third is a team.
        Who([0, 1, 3, 4][usize::from(number % 4)]).id()
    }

    pub fn author(self) -> Author {
        match self {
            Self::Contact => Author::contact(),
            Self::User(number) => match Self::user(number) {
                AssigneeId::User(id) => Author::user(&id),
                AssigneeId::Team(id) => panic!("{id} is no user"),
            },
            Self::Bot(number) => Author::bot(format!("bot {}", number % 2)),
        }
    }
}

/// What a message answers.
#[derive(Clone, Copy, Debug)]
pub enum Answered {
    Message(MessagePick),
    Provided(u8),
}

/// What most messages do not have.
#[derive(Clone, Copy, Debug, Default)]
pub struct More {
    pub reference: Option<u8>,
    pub alias: Option<u8>,
    pub reply_to: Option<Answered>,
    pub forwarded: bool,
    pub placeholder: bool,
    pub raw: bool,
    /// A name and its value.
    pub metadata: Option<(u8, u8)>,
    /// The author of an outbound message.
    pub author: Option<By>,
    pub pending: bool,
    pub echo: bool,
    /// By which identities it names the contact.
    pub called: Option<Called>,
}

pub fn raw() -> Json {
    Json::new("raw", r#"{"object": "page", "n": 1.0}"#).unwrap()
}

impl More {
    /// What is out of bounds in it.
    pub fn flaws(self, direction: Direction) -> Vec<Refusal> {
        let outbound = direction == Direction::Outbound;
        let bad_reference = self.reference.is_some_and(|number| number >= REFERENCES);
        let bad_name = self.metadata.is_some_and(|(name, _)| name >= NAMES);
        let is_contact = outbound && self.author == Some(By::Contact);
        [
            refused_if(bad_reference, Refusal::invalid("client_ref")),
            refused_if(bad_name, Refusal::invalid("metadata")),
            refused_if(is_contact, Refusal::invalid("author.type")),
        ]
        .into_iter()
        .flatten()
        .chain(self.called.into_iter().flat_map(Called::flaws))
        .collect()
    }

    /// Puts it into a draft; what belongs to outbound ones alone is left out.
    pub fn put<A, const INBOUND: bool>(
        self,
        mut draft: Draft<A, INBOUND>,
        reply_to: Option<Reference>,
    ) -> Draft<A, INBOUND> {
        if let Some(number) = self.reference {
            draft = draft.client_ref(reference(number));
        }
        if let Some(number) = self.alias {
            draft = draft.provider_alias(provider_id(number));
        }
        if let Some(reply_to) = reply_to {
            draft = draft.reply_to(reply_to);
        }
        if self.forwarded {
            draft = draft.forwarded();
        }
        if self.placeholder {
            draft = draft.placeholder();
        }
        if self.raw {
            draft = draft.raw(raw());
        }
        if let Some((number, what)) = self.metadata {
            draft = draft.metadata(name(number), value(what));
        }
        draft
    }

    pub fn put_outbound<A>(self, mut draft: Draft<A, false>) -> Draft<A, false> {
        if let Some(by) = self.author {
            draft = draft.author(by.author());
        }
        if self.pending {
            draft = draft.pending();
        }
        if self.echo {
            draft = draft.echo();
        }
        draft
    }

    /// The same as a message has it.
    pub fn extras(self, direction: Direction, reply_to: Option<Reference>) -> Extras {
        let mut extras = Extras::default();
        extras.client_ref = self.reference.map(reference);
        extras.provider_aliases = self.alias.map(provider_id).into_iter().collect();
        extras.reply_to = reply_to;
        extras.forwarded = self.forwarded;
        extras.placeholder = self.placeholder;
        extras.raw = self.raw.then(raw);
        extras.identity = self.called.map(|called| contacts::identity(called.first));
        if let Some((number, what)) = self.metadata {
            extras.metadata.set(name(number), value(what));
        }
        if direction == Direction::Outbound {
            extras.author = self.author.map(By::author);
        }
        extras
    }
}

impl Model {
    /// What a message of a contact on a inbox answers, as its sender names it.
    pub fn answered(&self, within: Option<&super::model::Entry>, more: More) -> Option<Reference> {
        match more.reply_to? {
            Answered::Provided(number) => Some(Reference::from(provider_id(number))),
            Answered::Message(pick) => {
                let of = within.map_or_else(
                    || convodb::ConversationId::from_parts(1, 1),
                    |entry| entry.id,
                );
                Some(Reference::from(self.pick_message(of, pick)))
            }
        }
    }

    /// A user that writes, reacts or takes back is in the directory.
    pub fn stranger(&self, by: By, field: &str) -> Option<Refusal> {
        let By::User(number) = by else {
            return None;
        };
        let unknown = self.name(&By::user(number)).is_none();
        refused_if(unknown, Refusal::invalid(format!("{field}.id")))
    }

    /// The message of a sender's reference.
    pub fn referenced(
        &self,
        inbox: InboxPick,
        direction: Direction,
        reference: &str,
    ) -> Option<&convodb::Message> {
        let has = |message: &&convodb::Message| {
            let own = message
                .extras
                .as_ref()
                .and_then(|it| it.client_ref.as_deref());
            message.direction == direction && own == Some(reference)
        };
        self.entries
            .iter()
            .filter(|entry| entry.inbox == inbox)
            .flat_map(|entry| &entry.messages)
            .find(has)
    }

    /// The message that a reference leads to, within one conversation alone.
    pub fn led_to(&self, entry: &super::model::Entry, reference: &Reference) -> Option<MessageId> {
        match (&reference.message_id, &reference.provider_id) {
            (Some(id), _) => self.message(entry.id, *id).map(|found| found.id),
            (None, Some(id)) => self.led_by(entry, id),
            (None, None) => None,
        }
    }

    fn led_by(&self, entry: &super::model::Entry, id: &ProviderId) -> Option<MessageId> {
        let found = self.provided(entry.inbox, id)?;
        (found.conversation_id == entry.id).then_some(found.id)
    }
}
