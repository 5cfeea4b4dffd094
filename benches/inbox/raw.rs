//! The baseline: redb used directly, with tables, keys and values of the sizes that a store has,
//! without checksums, decoding, names, merges and rules.

use std::collections::BTreeMap;
use std::path::Path;

use convodb::{AssigneeId, Channel, Conversation, ConversationId, Filter, Import, Status};
use redb::{AccessGuard, Database, ReadableDatabase as _, StorageError, TableDefinition};
use ulid::Ulid;

use crate::cases::{channels, statuses};
use crate::generate::{TEAM_PREFIX, USER_PREFIX};

pub(crate) type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;
type Bytes<'a> = AccessGuard<'a, &'static [u8]>;

/// A key and its value.
pub(crate) type Row = (Vec<u8>, Vec<u8>);

const CONVERSATIONS: Definition = TableDefinition::new("conversations");
pub(crate) const MESSAGES: Definition = TableDefinition::new("messages");
pub(crate) const NOTES: Definition = TableDefinition::new("notes");
const LISTS: Definition = TableDefinition::new("lists");
const CATALOG: Definition = TableDefinition::new("catalog");
const EVENTS: Definition = TableDefinition::new("events");

/// The sizes of the records of a conversation with an id of 30 bytes and texts of 80 bytes.
const CONVERSATION_BYTES: usize = 57;
const LIST_ROW_BYTES: usize = 46;
const THREAD_BYTES: usize = 22;
const MESSAGE_BYTES: usize = 95;
const EVENT_BYTES: usize = 52;
const HEAD_BYTES: usize = 37;

const PAGE: usize = 20;
const POSITION_BYTES: usize = 24;
const TOTALS: u8 = 0x10;

fn raw(id: ConversationId) -> [u8; 16] {
    let text = id.to_string();
    let ulid = Ulid::from_string(text.strip_prefix("conv_").unwrap()).unwrap();
    ulid.0.to_be_bytes()
}

/// A number for each assignee; 0 for unassigned.
fn owner(assignee: Option<&AssigneeId>) -> [u8; 4] {
    let number: u32 = match assignee {
        None => 0,
        Some(AssigneeId::User(id)) => 1 + rank(id.as_str(), USER_PREFIX),
        Some(AssigneeId::Team(id)) => 1_000 + rank(id.as_str(), TEAM_PREFIX),
    };
    number.to_be_bytes()
}

fn rank(id: &str, prefix: &str) -> u32 {
    id.strip_prefix(prefix).unwrap().parse().unwrap()
}

fn by_state(status: Status, channel: Channel) -> Vec<u8> {
    vec![0x01, status as u8, channel as u8]
}

fn by_assignee(owner: [u8; 4], status: Status, channel: Channel) -> Vec<u8> {
    [&[0x02], &owner[..], &[status as u8, channel as u8]].concat()
}

/// The prefixes of the partitions that a filter selects, ascending.
pub(crate) fn partitions(filter: &Filter) -> Vec<Vec<u8>> {
    let unassigned = filter.includes_unassigned().then(|| owner(None));
    let assignees = filter.assignees().map(|id| owner(Some(id)));
    let mut owners: Vec<_> = assignees.chain(unassigned).collect();
    owners.sort_unstable();
    let mut partitions = Vec::new();
    for status in statuses(filter) {
        for channel in channels(filter) {
            if owners.is_empty() {
                partitions.push(by_state(status, channel));
            }
            partitions.extend(owners.iter().map(|one| by_assignee(*one, status, channel)));
        }
    }
    partitions.sort_unstable();
    partitions
}

/// The keys of the totals of these partitions.
pub(crate) fn totals(partitions: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let key = |partition: &Vec<u8>| [&[TOTALS], &partition[..]].concat();
    partitions.iter().map(key).collect()
}

/// The first and the last key that a message of a conversation can have.
pub(crate) fn history(id: ConversationId) -> (Vec<u8>, Vec<u8>) {
    (
        message_key(raw(id), 0, [0; 2]),
        message_key(raw(id), -1, [u64::MAX; 2]),
    )
}

fn position(updated_us: i64, id: ConversationId) -> [u8; POSITION_BYTES] {
    let mut position = [0xFF; POSITION_BYTES];
    let parts = updated_us.to_be_bytes().into_iter().chain(raw(id));
    for (byte, part) in position.iter_mut().zip(parts) {
        *byte = !part;
    }
    position
}

/// The keys of a conversation in both indexes: 27 and 31 bytes.
fn list_keys(conversation: &Conversation, updated_us: i64) -> [Vec<u8>; 2] {
    let position = position(updated_us, conversation.id);
    let (status, channel) = (conversation.status, conversation.channel);
    let owner = owner(conversation.assigned_to.as_ref().map(|to| &to.id));
    [
        [&by_state(status, channel), &position[..]].concat(),
        [&by_assignee(owner, status, channel), &position[..]].concat(),
    ]
}

/// A row whose value has as many different bytes as a record, so that it does not compress better.
fn row(key: Vec<u8>, value_bytes: usize) -> Row {
    let value = key.iter().rev().cycle().take(value_bytes).copied();
    let value = value.collect();
    (key, value)
}

/// The key of a message or note: 40 bytes.
fn message_key(conversation: [u8; 16], created_us: i64, id: [u64; 2]) -> Vec<u8> {
    let [first, last] = id.map(u64::to_be_bytes);
    [&conversation[..], &created_us.to_be_bytes(), &first, &last].concat()
}

/// The keys of an event by its number and in an audit log: 9 and 25 bytes.
fn event_keys(conversation: [u8; 16], number: u64) -> [Vec<u8>; 2] {
    let number = number.to_be_bytes();
    [
        [&[0x01], &number[..]].concat(),
        [&[0x02], &conversation[..], &number].concat(),
    ]
}

/// The rows of many conversations, table by table.
#[derive(Default)]
pub(crate) struct Rows {
    conversations: Vec<Row>,
    messages: Vec<Row>,
    lists: Vec<Row>,
    catalog: Vec<Row>,
    events: Vec<Row>,
    totals: BTreeMap<Vec<u8>, u64>,
}

impl Rows {
    pub(crate) fn add(&mut self, import: &Import) {
        let conversation = &import.conversation;
        let id = raw(conversation.id);
        let number = self.conversations.len() as u64 + 1;
        for key in event_keys(id, number) {
            self.events.push(row(key, EVENT_BYTES));
        }
        self.conversations
            .push(row(id.to_vec(), CONVERSATION_BYTES));
        let updated_us = conversation.updated_at.timestamp_micros();
        for key in list_keys(conversation, updated_us) {
            let (partition, _) = key.split_last_chunk::<POSITION_BYTES>().unwrap();
            let total = [&[TOTALS], partition].concat();
            *self.totals.entry(total).or_default() += 1;
            self.lists.push(row(key, LIST_ROW_BYTES));
        }
        let contact = conversation.contact_id.as_str().as_bytes();
        let thread = [&[0x03, conversation.channel as u8], contact].concat();
        self.catalog.push(row(thread, THREAD_BYTES));
        for (number, message) in import.messages.iter().enumerate() {
            let time = message.created_at.timestamp_micros();
            let message_id = [message.id.timestamp_ms(), number as u64];
            let key = message_key(id, time, message_id);
            self.messages.push(row(key, MESSAGE_BYTES));
        }
    }

    /// The same in key order, in which a B-tree is filled best.
    pub(crate) fn sorted(mut self) -> Self {
        for table in [
            &mut self.conversations,
            &mut self.messages,
            &mut self.lists,
            &mut self.catalog,
            &mut self.events,
        ] {
            table.sort_unstable();
        }
        self
    }
}

/// The rows that a command writes beside the record, its two index entries and the head of the file.
#[derive(Clone, Copy)]
pub(crate) struct Writes {
    /// The table of messages or notes to which it adds a row.
    pub(crate) history: Option<Definition>,
    /// How many totals change.
    pub(crate) totals: u8,
    /// How many rows it adds for provider ids.
    pub(crate) ids: u64,
    /// How often it writes its event: by its number, and in an audit log.
    pub(crate) events: usize,
}

pub(crate) struct Raw {
    database: Database,
}

impl Raw {
    /// With the default cache size of a store.
    pub(crate) fn create(path: &Path) -> Self {
        let mut builder = Database::builder();
        builder.set_cache_size(64 << 20);
        Self {
            database: builder.create(path).unwrap(),
        }
    }

    /// Everything in one durable commit.
    pub(crate) fn load(&self, rows: &Rows) {
        let transaction = self.database.begin_write().unwrap();
        for (definition, rows) in [
            (CONVERSATIONS, &rows.conversations),
            (MESSAGES, &rows.messages),
            (LISTS, &rows.lists),
            (CATALOG, &rows.catalog),
            (EVENTS, &rows.events),
            (NOTES, &Vec::new()),
        ] {
            let mut table = transaction.open_table(definition).unwrap();
            for (key, value) in rows {
                table.insert(&key[..], &value[..]).unwrap();
            }
        }
        {
            let mut lists = transaction.open_table(LISTS).unwrap();
            for (key, total) in &rows.totals {
                lists.insert(&key[..], &total.to_be_bytes()[..]).unwrap();
            }
        }
        transaction.commit().unwrap();
    }

    /// The first twenty rows of a partition.
    pub(crate) fn list(&self, partition: &[u8]) -> Vec<Row> {
        let transaction = self.database.begin_read().unwrap();
        let table = transaction.open_table(LISTS).unwrap();
        let rows = table.range(partition..).unwrap().take(PAGE);
        rows.map(copied).collect()
    }

    /// The sum of the totals under these keys.
    pub(crate) fn count(&self, totals: &[Vec<u8>]) -> u64 {
        let transaction = self.database.begin_read().unwrap();
        let table = transaction.open_table(LISTS).unwrap();
        let total = |key: &Vec<u8>| {
            let total = table.get(&key[..]).unwrap()?;
            let bytes = total.value().try_into().unwrap();
            Some(u64::from_be_bytes(bytes))
        };
        totals.iter().filter_map(total).sum()
    }

    /// The rows of a conversation's messages.
    pub(crate) fn history(&self, (first, last): &(Vec<u8>, Vec<u8>)) -> Vec<Row> {
        let transaction = self.database.begin_read().unwrap();
        let table = transaction.open_table(MESSAGES).unwrap();
        let rows = table.range(&first[..]..=&last[..]).unwrap();
        rows.map(copied).collect()
    }

    /// How many events there are, read in pages.
    pub(crate) fn events(&self, page: usize) -> u64 {
        let mut number = 0;
        loop {
            let transaction = self.database.begin_read().unwrap();
            let table = transaction.open_table(EVENTS).unwrap();
            let [first, _] = event_keys([0; 16], number + 1);
            let rows = table.range(&first[..]..&[2][..]).unwrap().take(page);
            let rows: Vec<Row> = rows.map(copied).collect();
            number += rows.len() as u64;
            if rows.len() < page {
                return number;
            }
        }
    }

    /// One durable commit of as many rows as a command writes. The conversation's list rows move
    /// from one time to another.
    pub(crate) fn command(
        &self,
        conversation: &Conversation,
        (old_us, new_us): (i64, i64),
        writes: Writes,
    ) {
        let id = raw(conversation.id);
        let transaction = self.database.begin_write().unwrap();
        {
            let put = |definition, (key, value): Row| {
                let mut table = transaction.open_table(definition).unwrap();
                table.insert(&key[..], &value[..]).unwrap();
            };
            put(CONVERSATIONS, row(id.to_vec(), CONVERSATION_BYTES));
            if let Some(definition) = writes.history {
                let key = message_key(id, new_us, [0; 2]);
                put(definition, row(key, MESSAGE_BYTES));
            }
            let mut lists = transaction.open_table(LISTS).unwrap();
            let old = list_keys(conversation, old_us);
            for (old, new) in old.into_iter().zip(list_keys(conversation, new_us)) {
                lists.remove(&old[..]).unwrap().unwrap();
                let (key, value) = row(new, LIST_ROW_BYTES);
                lists.insert(&key[..], &value[..]).unwrap();
            }
            for number in 0..writes.totals {
                let key = [TOTALS, 0xFF, number];
                lists.insert(&key[..], &new_us.to_be_bytes()[..]).unwrap();
            }
            for id in 0..writes.ids {
                let key = [new_us.unsigned_abs(), id].map(u64::to_le_bytes).concat();
                put(CATALOG, row(key, THREAD_BYTES));
            }
            let number = new_us.unsigned_abs();
            for key in event_keys(id, number).into_iter().take(writes.events) {
                put(EVENTS, row(key, EVENT_BYTES));
            }
            put(CATALOG, row(new_us.to_be_bytes().to_vec(), HEAD_BYTES));
        }
        transaction.commit().unwrap();
    }
}

fn copied<'a>(row: Result<(Bytes<'a>, Bytes<'a>), StorageError>) -> Row {
    let (key, value) = row.unwrap();
    (key.value().to_vec(), value.value().to_vec())
}
