//! What a store remembers for who gives a command again, and no read shows: whose each provider's
//! id is, what waits for it, which were erased, and which keys were used.

use convodb::testing::ManualClock;
use convodb::{
    Channel, ContactId, Context, ConversationId, Deliveries, DeliveryStatus, Error, ErrorKind,
    MessageId, Outbound, Result, Store, Transaction,
};

use super::keys;
use super::model::Model;
use super::plan::first_moment;
use super::provided::{PROVIDED, provider_id};

/// What is known of a provider's id.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Known {
    Stored(ConversationId, MessageId),
    Erased,
    /// What a message that comes with it is told.
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
                None if model.is_erased(channel, &id) => Known::Erased,
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
    pub fn of_store(store: &Store, clock: &ManualClock) -> Result<Self> {
        let now = clock.get();
        // It never runs back.
        clock.set(first_moment());
        let asked = store.transaction(|tx| -> std::result::Result<(), Asked> {
            Err(Asked::Heard(Self::ask(tx)?))
        });
        clock.set(now);
        match asked {
            Err(Asked::Heard(memory)) => Ok(memory),
            Err(Asked::Failed(error)) => Err(error),
            Ok(()) => unreachable!("it ends with what it heard"),
        }
    }

    fn ask(tx: &mut Transaction<'_>) -> Result<Self> {
        let contact = ContactId::new("con_of_nobody")?;
        let ids = every_id().map(|(channel, number)| {
            let id = provider_id(number);
            let asking = Outbound::text(&contact, channel, "?").provider_id(id.as_str());
            let known = match tx.send(asking) {
                Ok(sent) if sent.duplicate => {
                    Known::Stored(sent.value.conversation_id, sent.value.id)
                }
                Ok(sent) => Known::Awaited(sent.value.status, sent.value.deliveries),
                Err(error) if error.kind() == ErrorKind::Erased => Known::Erased,
                Err(error) => return Err(error),
            };
            Ok((channel, number, known))
        });
        let ids = ids.collect::<Result<_>>()?;
        let mut used = Vec::new();
        for key in 0..keys::KEYS {
            tx.set_context(Context::new().idempotency_key(keys::text(key)));
            // With a key that was used it is another command; else there is no such thing.
            match tx
                .delete(ConversationId::from_parts(2, 2))
                .map_err(|e| (e.kind(), e))
            {
                Err((ErrorKind::Conflict, _)) => used.push(key),
                Err((ErrorKind::NotFound, _)) => {}
                Err((_, error)) => return Err(error),
                Ok(_) => panic!("a conversation that nobody made was deleted"),
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
