//! What a command writes: its record, two list rows, the totals where they change, its message.

use anyhow::Result;
use convodb::{DeliveryStatus, Direction, Status};
use redb::{Database, ReadableTable as _, Table, WriteTransaction};

use super::super::keys::{Position, Record, message_key, write_message};
use super::{LISTS, MESSAGES, RECORDS, streams_of, total_key};
use crate::data::Message;
use crate::engine::{Command, new_message_id, now_us};

type WriteTable<'t> = Table<'t, &'static [u8], &'static [u8]>;

/// The tables of a command, open for writing.
pub(super) struct Writer<'t> {
    pub(super) records: WriteTable<'t>,
    pub(super) messages: WriteTable<'t>,
    pub(super) lists: WriteTable<'t>,
}

impl<'t> Writer<'t> {
    pub(super) fn new(transaction: &'t WriteTransaction) -> Result<Self> {
        Ok(Self {
            records: transaction.open_table(RECORDS)?,
            messages: transaction.open_table(MESSAGES)?,
            lists: transaction.open_table(LISTS)?,
        })
    }

    pub(super) fn count(&mut self, stream: &[u8], by: i64) -> Result<()> {
        let key = total_key(stream);
        let total = match self.lists.get(&key[..])? {
            Some(bytes) => u64::from_le_bytes(bytes.value().try_into()?),
            None => 0,
        };
        let total = total.saturating_add_signed(by).to_le_bytes();
        self.lists.insert(&key[..], &total[..])?;
        Ok(())
    }

    fn change(&mut self, id: u128, change: impl FnOnce(&mut Record<'_>)) -> Result<()> {
        let bytes = match self.records.get(&id.to_be_bytes()[..])? {
            Some(bytes) => bytes.value().to_vec(),
            None => anyhow::bail!("no such conversation"),
        };
        let old = Record::parse(&bytes)?;
        let mut new = old.clone();
        change(&mut new);
        let mut changed = Vec::with_capacity(bytes.len());
        new.write(&mut changed);
        self.records.insert(&id.to_be_bytes()[..], &changed[..])?;
        let (before, after) = (
            streams_of(old.assignee, old.status, old.channel),
            streams_of(new.assignee, new.status, new.channel),
        );
        for (before, after) in before.into_iter().zip(after) {
            let old_key = [&before[..], &Position::new(old.updated_us, id).bytes()].concat();
            let new_key = [&after[..], &Position::new(new.updated_us, id).bytes()].concat();
            self.lists.remove(&old_key[..])?;
            self.lists.insert(&new_key[..], &changed[..])?;
            if before != after {
                self.count(&before, -1)?;
                self.count(&after, 1)?;
            }
        }
        Ok(())
    }

    fn apply(&mut self, command: &Command) -> Result<()> {
        let now = now_us();
        match command {
            Command::Append { to, text } => {
                let message = Message {
                    id: new_message_id(now),
                    direction: Direction::Outbound,
                    status: DeliveryStatus::Sent,
                    content: text.as_str().into(),
                    created_us: now,
                };
                let mut bytes = Vec::new();
                write_message(&message, &mut bytes);
                let key = message_key(to.id, message.id);
                self.messages.insert(&key[..], &bytes[..])?;
                self.change(to.id, |record| {
                    record.status = Status::Open;
                    record.updated_us = record.updated_us.max(now);
                })
            }
            Command::Assign { to, assignee } => self.change(to.id, |record| {
                record.assignee = *assignee;
                record.status = Status::Open;
                record.updated_us = record.updated_us.max(now);
            }),
            Command::Resolve { to } => self.change(to.id, |record| {
                record.status = Status::Resolved;
                record.updated_us = record.updated_us.max(now);
            }),
        }
    }
}

pub(super) fn commit(database: &Database, commands: &[Command]) -> Result<()> {
    let transaction = database.begin_write()?;
    let mut writer = Writer::new(&transaction)?;
    commands
        .iter()
        .try_for_each(|command| writer.apply(command))?;
    drop(writer);
    Ok(transaction.commit()?)
}
