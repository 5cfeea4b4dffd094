//! Every kind of row: what its keys say, and what is stored under them. Kinds that share a table
//! are apart by how their keys begin.

use std::marker::PhantomData;
use std::ops::Bound;

use chrono::{DateTime, Utc};
use convodb_core::codec::Record;
use convodb_core::records::{
    AssigneeRecord, ContactRecord, ConversationRecord, InboxRecord, MessageRecord,
    MessageTimeRecord, NoteRecord, RedirectRecord, TagRecord, ViewRecord,
};
use convodb_core::{
    AssigneeId, ConsumerName, ContactId, ConversationId, EventSeq, HASH_LEN, IdempotencyRecord,
    Identity as ContactIdentity, ImportName, ImportProgress, InboxId, InboxNumber, MessageId,
    NewEvent, NoteId, ProviderIdState, Result, ViewId,
};

use super::batch::Sink;
use super::keys::{Key, NameKey, Part, malformed};
use super::meta::{Head, Identity};
use super::{codec, tables};
use convodb_kv::{KeyRange, Range, Read, Table, WalPosition, WriteTables};

pub(super) type Hash = [u8; HASH_LEN];
pub(super) type ProviderKey = (InboxNumber, Hash);
type MessageKey = (ConversationId, DateTime<Utc>, MessageId);
pub(super) type ThreadKey = (ContactId, InboxNumber);

pub(super) const CONVERSATIONS: Kind<ConversationId, ConversationRecord> =
    Kind::new(tables::CONVERSATIONS, b"");
pub(super) const MESSAGES: Kind<MessageKey, MessageRecord<'_>> = Kind::new(tables::MESSAGES, b"");
pub(super) const NOTES: Kind<(ConversationId, DateTime<Utc>, NoteId), NoteRecord<'_>> =
    Kind::new(tables::NOTES, b"");

/// What the file says of itself.
pub(super) const META: Kind<(), ()> = catalog(b"\x01");
/// The version of the layout, bare.
pub(super) const FORMAT: Kind<(), ()> = catalog(b"\x01format");
pub(super) const HEAD: Kind<(), Head> = catalog(b"\x01head");
pub(super) const IDENTITY: Kind<(), Identity> = catalog(b"\x01identity");
/// Where recovery begins in the write-ahead log.
pub(super) const CHECKPOINT: Kind<(), WalPosition> = catalog(b"\x01checkpoint");
pub(super) const DIRECTORY: Kind<AssigneeId, AssigneeRecord> = catalog(b"\x02");
pub(super) const THREADS: Kind<ThreadKey, ConversationId> = catalog(b"\x03");
/// The times of messages whose ids carry another millisecond.
pub(super) const MESSAGE_TIMES: Kind<(ConversationId, MessageId), MessageTimeRecord> =
    catalog(b"\x04");
/// Messages and tombstones.
pub(super) const PROVIDER_IDS: Kind<ProviderKey, ProviderIdState> = catalog(b"\x05");
/// Receipts that wait for a message.
pub(super) const UNMATCHED: Kind<ProviderKey, ProviderIdState> = catalog(b"\x06");
pub(super) const COMMANDS: Kind<Hash, IdempotencyRecord> = catalog(b"\x07");
pub(super) const COMMAND_TIMES: Kind<(DateTime<Utc>, Hash), ()> = catalog(b"\x08");
pub(super) const CONSUMERS: Kind<ConsumerName, EventSeq> = catalog(b"\x09");
/// By the numbers of removed owners.
pub(super) const REDIRECTS: Kind<u32, RedirectRecord> = catalog(b"\x0A");

pub(super) const INBOXES: Kind<InboxId, InboxRecord> = catalog(b"\x0B");
/// Snoozed conversations, by when that ends.
pub(super) const DUE: Kind<(DateTime<Utc>, ConversationId), ()> = catalog(b"\x0C");
/// The successors of removed teams, by the numbers of both.
pub(super) const REMOVED_TEAMS: Kind<u32, u32> = catalog(b"\x0D");

/// By what tags are compared by.
pub(super) const TAGS: Kind<String, TagRecord> = catalog(b"\x0E");

/// Contacts of which more than their ids is known.
pub(super) const CONTACTS: Kind<ContactId, ContactRecord> = catalog(b"\x0F");
/// The contact of each identity.
pub(super) const IDENTITIES: Kind<ContactIdentity, ContactId> = catalog(b"\x10");
/// Contacts by their names without case, as far as keys have room for these.
pub(super) const CONTACT_NAMES: Kind<NameKey, ContactId> = catalog(b"\x11");
/// What contacts that were merged were merged into.
pub(super) const CONTACT_ALIASES: Kind<ContactId, ContactId> = catalog(b"\x12");
/// Which contacts were merged into one, by its keyed hash.
pub(super) const ALIASES_OF_CONTACT: Kind<(Hash, ContactId), ()> = catalog(b"\x13");
/// What conversations that were merged were merged into.
pub(super) const CONVERSATION_ALIASES: Kind<ConversationId, ConversationId> = catalog(b"\x14");
/// Which conversations were merged into one.
pub(super) const ALIASES_OF_CONVERSATION: Kind<(ConversationId, ConversationId), ()> =
    catalog(b"\x15");
/// How far named imports have come.
pub(super) const IMPORTS: Kind<ImportName, ImportProgress> = catalog(b"\x16");
/// Saved views, and the lists of which no view has them any longer.
pub(super) const VIEWS: Kind<ViewId, ViewRecord> = catalog(b"\x17");
pub(super) const REMOVED_LISTS: Kind<u32, ()> = catalog(b"\x18");

pub(super) const EVENTS: Kind<EventSeq, NewEvent> = Kind::new(tables::EVENTS, b"\x01");
/// The numbers of the events in the audit log of a conversation.
pub(super) const AUDIT_LOGS: Kind<(ConversationId, EventSeq), ()> =
    Kind::new(tables::EVENTS, b"\x02");
/// The events in the audit log of a conversation that were purged from the others.
pub(super) const PURGED: Kind<(ConversationId, EventSeq), NewEvent> =
    Kind::new(tables::EVENTS, b"\x03");
/// The numbers of the events that name a contact, by its keyed hash: they lose it when it is erased.
pub(super) const CONTACT_EVENTS: Kind<(Hash, EventSeq), ()> = Kind::new(tables::EVENTS, b"\x04");

const fn catalog<K: Part, R>(prefix: &'static [u8]) -> Kind<K, R> {
    Kind::new(tables::CATALOG, prefix)
}

/// The key of a message, and what is read from it.
#[cfg(feature = "testing")]
pub fn message_key(message: &MessageKey) -> Result<(Vec<u8>, MessageKey)> {
    let key = MESSAGES.key(message);
    Ok((key.to_vec(), MESSAGES.parse(&key)?))
}

/// The key of a thread, and what is read from it.
#[cfg(feature = "testing")]
pub fn thread_key(thread: &ThreadKey) -> Result<(Vec<u8>, ThreadKey)> {
    let key = THREADS.key(thread);
    Ok((key.to_vec(), THREADS.parse(&key)?))
}

/// The rows of one kind, with keys `K` and records `R`.
pub(super) struct Kind<K, R> {
    table: Table,
    prefix: &'static [u8],
    types: PhantomData<fn() -> (K, R)>,
}

impl<K: Part, R> Kind<K, R> {
    const fn new(table: Table, prefix: &'static [u8]) -> Self {
        Self {
            table,
            prefix,
            types: PhantomData,
        }
    }

    #[inline]
    pub(super) fn key(&self, key: &K) -> Key {
        self.beginning(key)
    }

    /// How the keys begin that have these parts first.
    #[inline]
    pub(super) fn beginning(&self, parts: &impl Part) -> Key {
        let mut key = Key::default();
        key.push(self.prefix);
        parts.put(&mut key);
        key
    }

    #[inline]
    pub(super) fn parse(&self, key: &[u8]) -> Result<K> {
        let parse = || {
            let mut rest = key.strip_prefix(self.prefix)?;
            K::take(&mut rest).filter(|_| rest.is_empty())
        };
        parse().ok_or_else(|| malformed(self.table, key))
    }

    /// Whether a key of the table is one of this kind.
    pub(super) fn has(&self, key: &[u8]) -> bool {
        key.starts_with(self.prefix)
    }

    /// What a row is decoded as, if there is one.
    pub(super) fn get_as<T>(
        &self,
        rows: &impl Read,
        key: &K,
        decode: impl FnOnce(&[u8], &[u8]) -> Result<T>,
    ) -> Result<Option<T>> {
        let key = self.key(key);
        let bytes = rows.get(self.table, &key)?;
        bytes.map(|bytes| decode(&key, &bytes)).transpose()
    }

    pub(super) fn contains(&self, rows: &impl Read, key: &K) -> Result<bool> {
        Ok(rows.get(self.table, &self.key(key))?.is_some())
    }

    pub(super) fn remove(&self, rows: &mut WriteTables<'_>, key: &K) -> Result<()> {
        rows.remove(self.table, &self.key(key)).map(drop)
    }

    /// The first and the last key that have these parts first.
    fn ends(&self, parts: &impl Part) -> [Key; 2] {
        let first = self.beginning(parts);
        [first, first.last()]
    }

    /// The rows whose keys have these parts first.
    pub(super) fn range<'r>(&self, rows: &'r impl Read, parts: &impl Part) -> Result<Range<'r>> {
        rows.range(self.table, bounds(&self.ends(parts)))
    }

    pub(super) fn remove_range(&self, rows: &mut WriteTables<'_>, parts: &impl Part) -> Result<()> {
        self.retain(rows, parts, |_, _| Ok(false))
    }

    /// Removes those of these rows that are not to be kept.
    pub(super) fn retain(
        &self,
        rows: &mut WriteTables<'_>,
        parts: &impl Part,
        keep: impl FnMut(&[u8], &[u8]) -> Result<bool>,
    ) -> Result<()> {
        rows.retain(self.table, bounds(&self.ends(parts)), keep)
    }
}

impl<K: Part> Kind<K, ()> {
    pub(super) fn put_key(&self, rows: &mut impl Sink, key: &K) -> Result<()> {
        rows.put_key(self.table, &self.key(key))
    }
}

impl<K: Part, R: Record> Kind<K, R> {
    pub(super) fn get(&self, rows: &impl Read, key: &K) -> Result<Option<R>> {
        self.get_as(rows, key, |key, bytes| self.record(key, bytes))
    }

    pub(super) fn put(&self, rows: &mut impl Sink, key: &K, record: &R) -> Result<()> {
        rows.put_record(self.table, &self.key(key), record)
    }

    /// The record of what is stored under a key.
    pub(super) fn record(&self, key: &[u8], bytes: &[u8]) -> Result<R> {
        codec::decode_row(self.table, key, bytes)
    }

    pub(super) fn decode(&self, key: &[u8], bytes: &[u8]) -> Result<(K, R)> {
        Ok((self.parse(key)?, self.record(key, bytes)?))
    }

    /// All of them, in the order of their keys.
    pub(super) fn all(&self, rows: &impl Read) -> Result<impl Iterator<Item = Result<(K, R)>>> {
        Ok(decoded(self.range(rows, &())?, |key, bytes| {
            self.decode(key, bytes)
        }))
    }
}

fn bounds([first, last]: &[Key; 2]) -> KeyRange<'_> {
    (Bound::Included(first), Bound::Included(last))
}

/// Rows as they are decoded.
pub(super) fn decoded<T>(
    rows: Range<'_>,
    decode: impl Fn(&[u8], &[u8]) -> Result<T>,
) -> impl Iterator<Item = Result<T>> {
    rows.map(move |row| {
        let (key, bytes) = row?;
        decode(&key, &bytes)
    })
}
