//! What a backend remembers for a command that is given again, and no query shows: the message of each
//! provider's id, the receipts that wait for it, which were deleted, and which keys were used.

use super::op::InboxPick;
use convodb::commands::{Delete, RecordDelivery, SendMessage};
use convodb::testing::ManualClock;
use convodb::{
    ContactId, Content, Context, ConversationId, Deliveries, DeliveryStatus, Direction, Error,
    ErrorKind, Message, MessageId, MessageRef, Outbound, Reaction, Receipt, Result, Revocation,
    Version,
};

use super::backend::{Backend, Commands};
use super::keys;
use super::model::Model;
use super::more::{REFERENCES, reference};
use super::provided::{PROVIDED, provider_id};

/// What is known of a provider's id.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "a model is small, and reads better so"
)]
enum Known {
    Stored(ConversationId, MessageId),
    Gone,
    /// Its inbox was not saved.
    NoInbox,
    /// What a message gets that comes with it.
    Awaited(Awaited),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Awaited {
    status: DeliveryStatus,
    deliveries: Deliveries,
    reactions: Vec<Reaction>,
    versions: Vec<Version>,
    revoked: Option<Revocation>,
    content: Content,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    ids: Vec<(InboxPick, u8, Known)>,
    /// The message of each sender's reference.
    references: Vec<(Meant, Option<(ConversationId, MessageId)>)>,
    keys: Vec<u8>,
}

/// The transaction that asked is rolled back, whatever it heard.
enum Asked {
    Heard(Memory),
    Failed(Error),
}

impl From<Error> for Asked {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

fn every_id() -> impl Iterator<Item = (InboxPick, u8)> {
    let of_inbox = |inbox| (0..PROVIDED).map(move |number| (inbox, number));
    InboxPick::all().flat_map(of_inbox)
}

type Meant = (InboxPick, Direction, u8);

fn every_reference() -> impl Iterator<Item = Meant> {
    InboxPick::all().flat_map(|inbox| {
        let both = [Direction::Inbound, Direction::Outbound].into_iter();
        both.flat_map(move |direction| (0..REFERENCES).map(move |n| (inbox, direction, n)))
    })
}

fn awaited(message: Message) -> Known {
    let extras = message.extras.map(|extras| *extras).unwrap_or_default();
    let (status, deliveries) = (message.status, message.deliveries);
    Known::Awaited(Awaited {
        status,
        deliveries,
        reactions: extras.reactions,
        versions: extras.versions,
        revoked: extras.revoked,
        content: message.content,
    })
}

impl Memory {
    pub fn of_model(model: &Model) -> Self {
        let known = |inbox, number| {
            let id = provider_id(number);
            if !model.has_inbox(inbox) {
                return Known::NoInbox;
            }
            match model.provided(inbox, &id) {
                Some(message) => Known::Stored(message.conversation_id, message.id),
                None if model.is_tombstone(inbox, &id) => Known::Gone,
                None => awaited(model.awaited(inbox, &id)),
            }
        };
        let ids = every_id().map(|(inbox, number)| (inbox, number, known(inbox, number)));
        let references = every_reference().map(|(inbox, direction, number)| {
            let found = model.referenced(inbox, direction, &reference(number));
            let found = found.map(|message| (message.conversation_id, message.id));
            ((inbox, direction, number), found)
        });
        Self {
            ids: ids.collect(),
            references: references.collect(),
            keys: model.known_keys(),
        }
    }

    /// Asks by commands that are rolled back, at the time of the latest commit.
    pub fn of_backend(backend: &impl Backend, clock: &ManualClock) -> Result<Self> {
        let now = clock.get();
        clock.set(backend.last_commit_at()?);
        let asked =
            backend.transaction(|tx| -> Result<(), Asked> { Err(Asked::Heard(Self::ask(tx)?)) });
        clock.set(now);
        match asked {
            Err(Asked::Heard(memory)) => Ok(memory),
            Err(Asked::Failed(error)) => Err(error),
            Ok(()) => unreachable!("it ends with what it heard"),
        }
    }

    fn ask(tx: &impl Commands) -> Result<Self> {
        let ids = every_id().map(|(inbox, number)| {
            let id = provider_id(number);
            // What waits may be about a conversation: each has its own.
            let contact = ContactId::new(&format!("con_of_nobody_{number}"))?;
            let message = Outbound::text(&contact, inbox, "?").provider_id(id.as_str());
            let known = match tx.execute(&Context::new(), SendMessage { message }) {
                Err(error) if error.kind() == ErrorKind::ProviderIdConflict => {
                    // A receipt is what gets the message of whomever it is.
                    let message = MessageRef::from((inbox, &id));
                    let receipt = Receipt::new(DeliveryStatus::Delivered);
                    let given = tx.execute(&Context::new(), RecordDelivery { message, receipt })?;
                    let stored = given.value.expect("the id is that of a message");
                    Known::Stored(stored.conversation_id, stored.id)
                }
                Ok(sent) => awaited(sent.value),
                Err(error) if error.kind() == ErrorKind::Gone => Known::Gone,
                Err(error) if error.kind() == ErrorKind::NotFound => Known::NoInbox,
                Err(error) => return Err(error),
            };
            Ok((inbox, number, known))
        });
        let ids = ids.collect::<Result<_>>()?;
        let references = every_reference().map(|(inbox, direction, number)| {
            let message = MessageRef::ClientRef {
                inbox: inbox.into(),
                direction,
                client_ref: reference(number),
            };
            let receipt = Receipt::new(DeliveryStatus::Delivered);
            let found = match tx.execute(&Context::new(), RecordDelivery { message, receipt }) {
                Ok(given) => given.value.map(|it| (it.conversation_id, it.id)),
                Err(error) if error.kind() == ErrorKind::NotFound => None,
                Err(error) => return Err(error),
            };
            Ok(((inbox, direction, number), found))
        });
        let references = references.collect::<Result<_>>()?;
        let mut used = Vec::new();
        for key in 0..keys::KEYS {
            let context = Context::new().idempotency_key(keys::text(key));
            let conversation = ConversationId::from_parts(2, 2);
            // With a key that was used it is another command; else there is no such thing.
            match tx.execute(&context, Delete { conversation }) {
                Err(error) if error.kind() == ErrorKind::IdempotencyKeyReused => used.push(key),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
                Ok(_) => panic!("a conversation that was never made was deleted"),
            }
        }
        Ok(Self {
            ids,
            references,
            keys: used,
        })
    }

    /// Where two differ first, in a line.
    pub fn difference(&self, other: &Self) -> String {
        let pairs = self.ids.iter().zip(&other.ids);
        match pairs.into_iter().find(|(got, expected)| got != expected) {
            Some((got, expected)) => format!("{got:?} instead of {expected:?}"),
            None if self.references != other.references => {
                let (got, expected) = (&self.references, &other.references);
                let pairs = got.iter().zip(expected);
                let found = pairs.into_iter().find(|(got, expected)| got != expected);
                format!("{found:?}: what is there, and what should be")
            }
            None => format!("keys {:?} instead of {:?}", self.keys, other.keys),
        }
    }
}
