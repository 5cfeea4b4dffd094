//! The keyed hashes of one file: two files share none, and none tells what it was made of.

use std::hash::{Hash, Hasher as _};

use siphasher::sip128::{Hasher128 as _, SipHasher13};

use crate::{Channel, IdempotencyKey, ProviderId};

/// So many bytes has a hash.
#[doc(hidden)]
pub const HASH_LEN: usize = 16;

/// In the place of a channel's byte, which none has.
const OF_KEY: u8 = u8::MAX;

/// Hashes texts by the seed of one file.
#[derive(Clone, Copy)]
#[doc(hidden)]
pub struct Hashes {
    seed: [u8; 16],
}

impl Hashes {
    pub const fn new(seed: [u8; 16]) -> Self {
        Self { seed }
    }

    fn hasher(self) -> SipHasher13 {
        SipHasher13::new_with_key(&self.seed)
    }

    fn of_text(self, kind: u8, text: &str) -> [u8; HASH_LEN] {
        let mut hasher = self.hasher();
        hasher.write(&[kind]);
        hasher.write(text.as_bytes());
        hasher.finish128().as_bytes()
    }

    pub fn of_provider_id(self, channel: Channel, id: &ProviderId) -> [u8; HASH_LEN] {
        self.of_text(channel.code(), id.as_str())
    }

    pub fn of_key(self, key: &IdempotencyKey) -> [u8; HASH_LEN] {
        self.of_text(OF_KEY, key.as_str())
    }

    /// Of a command with all that was given with it, to tell it from another.
    pub fn of_command(self, command: &impl Hash) -> [u8; HASH_LEN] {
        let mut hasher = self.hasher();
        command.hash(&mut hasher);
        hasher.finish128().as_bytes()
    }

    /// The random part of a message's id, so that whatever order messages come in, each gets the
    /// same id.
    pub fn random(self, channel: Channel, id: &ProviderId) -> u128 {
        u128::from_be_bytes(self.of_provider_id(channel, id))
    }
}

impl std::fmt::Debug for Hashes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hashes")
    }
}
