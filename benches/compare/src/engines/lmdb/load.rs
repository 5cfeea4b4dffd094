//! Filling an environment: everything ascending, so that pages are filled one after the other,
//! and one sync at the end.

use std::collections::BTreeMap;

use anyhow::Result;
use heed::{PutFlags, RwTxn};

use super::super::keys::{Position, Record, message_key, write_message};
use super::{INDEXES, MESSAGES, Opened, RECORDS, TOTALS, index, prefix, total_key};
use crate::data::{Dataset, Key};

/// Entries of a transaction while loading.
const BATCH: usize = 200_000;

pub(super) fn load(opened: &Opened, data: &Dataset, loaded: &dyn Fn(u64)) -> Result<()> {
    let mut loader = Loader {
        opened,
        txn: None,
        entries: 0,
    };
    let mut bytes = Vec::new();
    for conversation in data.conversations() {
        Record::of(&conversation).write(&mut bytes);
        loader.put(RECORDS, &conversation.id.to_be_bytes(), &bytes)?;
        for message in data.messages(&conversation) {
            write_message(&message, &mut bytes);
            loader.put(MESSAGES, &message_key(conversation.id, message.id), &bytes)?;
        }
        loaded(1);
    }
    loader.indexes(data, &data.sorted_keys())?;
    Ok(opened.env.force_sync()?)
}

struct Loader<'a> {
    opened: &'a Opened,
    txn: Option<RwTxn<'a>>,
    entries: usize,
}

impl Loader<'_> {
    fn put(&mut self, table: usize, key: &[u8], value: &[u8]) -> Result<()> {
        let mut txn = match self.txn.take() {
            Some(txn) => txn,
            None => self.opened.env.write_txn()?,
        };
        self.opened.tables[table].put_with_flags(&mut txn, PutFlags::APPEND, key, value)?;
        self.txn = Some(txn);
        self.entries += 1;
        if self.entries.is_multiple_of(BATCH) {
            self.commit()?;
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<()> {
        Ok(self.txn.take().map_or(Ok(()), RwTxn::commit)?)
    }

    /// One index after the other; a stable sort by what its keys begin with keeps the order.
    fn indexes(&mut self, data: &Dataset, keys: &[Key]) -> Result<()> {
        let mut totals = BTreeMap::<[u8; 4], u64>::new();
        for number in 0..INDEXES {
            let parts = |key: &Key| {
                (
                    (number & index(true, false, false) != 0).then_some(key.assignee),
                    (number & index(false, true, false) != 0).then_some(key.status),
                    (number & index(false, false, true) != 0).then_some(key.channel),
                )
            };
            let mut streams = BTreeMap::<_, Vec<&Key>>::new();
            for key in keys {
                streams.entry(parts(key)).or_default().push(key);
            }
            for ((assignee, status, channel), rows) in streams {
                totals.insert(total_key(assignee, status, channel), rows.len() as u64);
                let mut bytes = prefix(assignee, status, channel);
                let length = bytes.len();
                for key in rows {
                    let id = data.conversation(key.number).id;
                    bytes.truncate(length);
                    bytes.extend(Position::new(key.updated_us, id).bytes());
                    self.put(number, &bytes, &[])?;
                }
            }
        }
        for (key, total) in totals {
            self.put(TOTALS, &key, &total.to_le_bytes())?;
        }
        self.commit()
    }
}
