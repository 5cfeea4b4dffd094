//! Filling a file: everything ascending, in large transactions.

use std::collections::BTreeMap;

use anyhow::Result;
use redb::Database;

use super::super::keys::{Position, Record, message_key, write_message};
use super::streams_of;
use super::write::Writer;
use crate::data::{Dataset, Key};

/// Conversations of a transaction while loading.
const BATCH: usize = 100_000;

pub(super) fn load(database: &Database, data: &Dataset, loaded: &dyn Fn(u64)) -> Result<()> {
    let mut conversations = data.conversations().peekable();
    let mut bytes = Vec::new();
    while conversations.peek().is_some() {
        let transaction = database.begin_write()?;
        let mut writer = Writer::new(&transaction)?;
        for conversation in conversations.by_ref().take(BATCH) {
            Record::of(&conversation).write(&mut bytes);
            let key = conversation.id.to_be_bytes();
            writer.records.insert(&key[..], &bytes[..])?;
            for message in data.messages(&conversation) {
                write_message(&message, &mut bytes);
                let key = message_key(conversation.id, message.id);
                writer.messages.insert(&key[..], &bytes[..])?;
            }
            loaded(1);
        }
        drop(writer);
        transaction.commit()?;
    }
    load_lists(database, data)
}

/// Each list on its own, ascending.
fn load_lists(database: &Database, data: &Dataset) -> Result<()> {
    let keys = data.sorted_keys();
    for list in 0..2 {
        let mut streams = BTreeMap::<Vec<u8>, Vec<&Key>>::new();
        for key in &keys {
            let both = streams_of(key.assignee, key.status, key.channel);
            if let Some(stream) = both.into_iter().nth(list) {
                streams.entry(stream).or_default().push(key);
            }
        }
        let transaction = database.begin_write()?;
        let mut writer = Writer::new(&transaction)?;
        let mut row = Vec::new();
        for (stream, keys) in &streams {
            for key in keys {
                let conversation = data.conversation(key.number);
                Record::of(&conversation).write(&mut row);
                let position = Position::new(key.updated_us, conversation.id);
                let key = [&stream[..], &position.bytes()].concat();
                writer.lists.insert(&key[..], &row[..])?;
            }
            writer.count(stream, keys.len().try_into()?)?;
        }
        drop(writer);
        transaction.commit()?;
    }
    Ok(())
}
