//! The keyed hashes of one store: two stores share none, and no hash reveals its text.

use std::fmt;
use std::hash::Hasher as _;

use serde::Serialize;
use siphasher::sip128::{Hasher128 as _, SipHasher13, SipHasher24};
use ulid::Ulid;

use crate::{
    ContactId, Error, IdempotencyKey, Identity, InboxNumber, InboxRef, ProviderId, Result,
};

pub const HASH_LEN: usize = 16;

/// Precede an idempotency key, an identity and a contact's id; an inbox number of four bytes precedes a
/// provider's id. No inbox number begins with these bytes: they are counted from 0.
const OF_KEY: u8 = u8::MAX;
/// Precedes an inbox and a provider's id of which the id of a message is made.
const OF_MESSAGE: u8 = u8::MAX - 1;
/// Precedes the id that a note had elsewhere.
const OF_IMPORT: u8 = u8::MAX - 2;
const OF_IDENTITY: u8 = u8::MAX - 3;
const OF_CONTACT: u8 = u8::MAX - 4;

/// Hashes texts by the seed of one store.
#[derive(Clone, Copy)]
pub struct Hashes {
    seed: [u8; 16],
}

impl Hashes {
    pub const fn new(seed: [u8; 16]) -> Self {
        Self { seed }
    }

    fn of_text(self, kind: &[u8], text: &str) -> [u8; HASH_LEN] {
        let mut hasher = SipHasher13::new_with_key(&self.seed);
        hasher.write(kind);
        hasher.write(text.as_bytes());
        hasher.finish128().as_bytes()
    }

    pub fn of_provider_id(self, inbox: InboxNumber, id: &ProviderId) -> [u8; HASH_LEN] {
        self.of_text(&inbox.get().to_be_bytes(), id.as_str())
    }

    pub fn of_message(self, inbox: &InboxRef, id: &ProviderId) -> [u8; HASH_LEN] {
        let of = inbox.id().map_or("", |id| id.as_str());
        let channel = match inbox {
            InboxRef::Channel(channel) => channel.as_str(),
            InboxRef::Inbox(_) => "",
        };
        self.of_text(&[OF_MESSAGE], &format!("{channel}\0{of}\0{id}"))
    }

    pub fn of_import(self, id: &str) -> [u8; HASH_LEN] {
        self.of_text(&[OF_IMPORT], id)
    }

    pub fn of_key(self, key: &IdempotencyKey) -> [u8; HASH_LEN] {
        self.of_text(&[OF_KEY], key.as_str())
    }

    /// The id of the contact that an identity makes.
    pub fn contact_of(self, identity: &Identity) -> Result<ContactId> {
        let kind = [OF_IDENTITY, identity.channel() as u8];
        let hash = u128::from_be_bytes(self.of_text(&kind, identity.value()));
        Ok(ContactId::new(&format!("con_{}", Ulid(hash)))?)
    }

    pub fn of_contact(self, id: &ContactId) -> [u8; HASH_LEN] {
        self.of_text(&[OF_CONTACT], id.as_str())
    }

    /// The fingerprint of a command with its parameters. It is stable across compilers and builds.
    pub fn fingerprint(self, name: &str, command: &impl Serialize) -> Result<[u8; HASH_LEN]> {
        let json = serde_json::to_vec(command).map_err(|error| {
            Error::corrupted(format!("the command {name} has no JSON")).with_source(error)
        })?;
        let mut hasher = SipHasher24::new_with_key(&self.seed);
        hasher.write(name.as_bytes());
        hasher.write(&[0]);
        hasher.write(&json);
        Ok(hasher.finish128().as_bytes())
    }
}

impl fmt::Debug for Hashes {
    /// Without the seed, which is a secret of the store.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hashes")
    }
}
