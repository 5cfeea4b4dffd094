//! What a backend remembers for a command that is given again, and no query shows: the message of each
//! provider's id, the receipts that wait for it, which were deleted, and which keys were used.

use convodb::commands::{Delete, RecordDelivery, SendMessage};
use convodb::testing::ManualClock;
use convodb::{
    Channel, ContactId, Context, ConversationId, Deliveries, DeliveryStatus, Error, ErrorKind,
    MessageId, MessageRef, Outbound, Receipt, Result,
};

use super::backend::{Backend, Commands};
use super::keys;
use super::model::Model;
use super::provided::{PROVIDED, provider_id};

/// What is known of a provider's id.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Known {
    Stored(ConversationId, MessageId),
    Gone,
    /// What a message gets that comes with it.
    Awaited(DeliveryStatus, Deliveries),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    ids: Vec<(Channel, u8, Known)>,
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

fn every_id() -> impl Iterator<Item = (Channel, u8)> {
    let of_channel = |channel| (0..PROVIDED).map(move |number| (channel, number));
    Channel::ALL.into_iter().flat_map(of_channel)
}

impl Memory {
    pub fn of_model(model: &Model) -> Self {
        let known = |channel, number| {
            let id = provider_id(number);
            match model.provided(channel, &id) {
                Some(message) => Known::Stored(message.conversation_id, message.id),
                None if model.is_tombstone(channel, &id) => Known::Gone,
                None => {
                    let (status, deliveries) = model.awaited(channel, &id);
                    Known::Awaited(status, deliveries)
                }
            }
        };
        let ids = every_id().map(|(channel, number)| (channel, number, known(channel, number)));
        Self {
            ids: ids.collect(),
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
        let contact = ContactId::new("con_of_nobody")?;
        let ids = every_id().map(|(channel, number)| {
            let id = provider_id(number);
            let message = Outbound::text(&contact, channel, "?").provider_id(id.as_str());
            let known = match tx.execute(&Context::new(), SendMessage { message }) {
                Err(error) if error.kind() == ErrorKind::ProviderIdConflict => {
                    // A receipt is what gets the message of whomever it is.
                    let message = MessageRef::from((channel, &id));
                    let receipt = Receipt::new(DeliveryStatus::Sent);
                    let given = tx.execute(&Context::new(), RecordDelivery { message, receipt })?;
                    let stored = given.value.expect("the id is that of a message");
                    Known::Stored(stored.conversation_id, stored.id)
                }
                Ok(sent) => Known::Awaited(sent.value.status, sent.value.deliveries),
                Err(error) if error.kind() == ErrorKind::Gone => Known::Gone,
                Err(error) => return Err(error),
            };
            Ok((channel, number, known))
        });
        let ids = ids.collect::<Result<_>>()?;
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
        Ok(Self { ids, keys: used })
    }

    /// Where two differ first, in a line.
    pub fn difference(&self, other: &Self) -> String {
        let pairs = self.ids.iter().zip(&other.ids);
        match pairs.into_iter().find(|(got, expected)| got != expected) {
            Some((got, expected)) => format!("{got:?} instead of {expected:?}"),
            None => format!("keys {:?} instead of {:?}", self.keys, other.keys),
        }
    }
}
