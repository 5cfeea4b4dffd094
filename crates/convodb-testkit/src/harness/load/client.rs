//! Who writes and who reads.

use std::sync::atomic::Ordering;

use chrono::{DateTime, TimeDelta};
use convodb::prelude::*;
use convodb::{
    AssigneeId, Channel, ContactId, Conversation, ConversationId, Error, ErrorKind, Filter, Import,
    Inbound, PageRequest, Result, UserId,
};

use super::Run;
use crate::harness::random::Random;

const USERS: u64 = 8;
/// 80 bytes.
const TEXT: &str =
    "I have been waiting for my order for six days now, can somebody please look, hm?";

fn user(number: u64) -> AssigneeId {
    let id = UserId::new(&format!("usr_{}", number % USERS));
    id.unwrap().into()
}

fn address(number: u64) -> (ContactId, Channel) {
    let contact = ContactId::new(&format!("con_{number}")).unwrap();
    (contact, Channel::ALL[(number % 4) as usize])
}

fn id(number: u64) -> ConversationId {
    ConversationId::from_parts(1_700_000_000_000, number.into())
}

/// Conversations without a message, of every status, channel and assignee.
pub(super) fn import(store: &Store, count: u64) {
    for number in 0..USERS {
        let AssigneeId::User(user) = user(number) else {
            unreachable!()
        };
        store.save_user(&user, "Somebody").unwrap();
    }
    let begun = DateTime::from_timestamp_millis(1_700_000_000_000).unwrap();
    let imports = (0..count).map(|number| {
        let (contact, channel) = address(number);
        let at = begun + TimeDelta::milliseconds(number as i64);
        Import::new(
            Conversation::new(id(number), contact, channel, at),
            Vec::new(),
        )
    });
    store.import_all(imports).unwrap();
}

pub(super) struct Writer<'a> {
    run: &'a Run<'a>,
    random: Random,
}

impl<'a> Writer<'a> {
    pub(super) fn new(run: &'a Run<'a>, number: u64) -> Self {
        let random = Random::new(run.plan.seed * 1_000 + number);
        Self { run, random }
    }

    /// Writes until the run ends, or a command fails.
    pub(super) fn run(mut self) -> Option<Error> {
        while self.run.goes_on() {
            match self.command() {
                Ok(messages) => {
                    self.run.commands.fetch_add(1, Ordering::SeqCst);
                    self.run.messages.fetch_add(messages, Ordering::SeqCst);
                }
                Err(error) => return Some(error),
            }
        }
        None
    }

    /// Runs an operation, and returns how many messages it added.
    fn command(&mut self) -> Result<u64> {
        let store = self.run.store;
        let number = self.random.below(self.run.plan.conversations);
        let (contact, channel) = address(number);
        match self.random.below(20) {
            0..11 => {
                store.receive(Inbound::text(&contact, channel, TEXT))?;
                Ok(1)
            }
            11..14 => store.reply(id(number), TEXT).map(|_| 1),
            14..16 => store.assign(id(number), user(number)).map(|_| 0),
            16 => store.claim(id(number), user(number)).map_or_else(
                // Somebody was first: that is an answer, and no failure.
                |error| match error.kind() {
                    ErrorKind::PreconditionFailed => Ok(0),
                    _ => Err(error),
                },
                |_| Ok(0),
            ),
            17 => store.resolve(id(number)).map(|_| 0),
            18 => store.add_note(id(number), "Called back.").map(|_| 0),
            _ => store.transaction(|tx| {
                for next in 0..5 {
                    let (contact, channel) = address((number + next) % self.run.plan.conversations);
                    tx.receive(Inbound::text(&contact, channel, TEXT))?;
                }
                Ok(5)
            }),
        }
    }
}

pub(super) struct Reader<'a> {
    run: &'a Run<'a>,
    random: Random,
}

impl<'a> Reader<'a> {
    pub(super) fn new(run: &'a Run<'a>, number: u64) -> Self {
        let random = Random::new(run.plan.seed * 1_000 + 500 + number);
        Self { run, random }
    }

    /// Reads until the run ends, or a read fails.
    pub(super) fn run(mut self) -> Option<Error> {
        while self.run.goes_on() {
            if let Err(error) = self.read() {
                return Some(error);
            }
            self.run.reads.fetch_add(1, Ordering::Relaxed);
        }
        None
    }

    fn read(&mut self) -> Result<()> {
        let store = self.run.store;
        let number = self.random.below(self.run.plan.conversations);
        let filter = match self.random.below(5) {
            0 => Filter::open(),
            1 => Filter::all().channel(address(number).1),
            2 => Filter::open().assigned_to(user(number)),
            3 => Filter::open().unread(),
            _ => Filter::resolved(),
        };
        match self.random.below(5) {
            0 => store.counts(&[filter]).map(drop),
            1 => store.transcript(id(number)).map(drop),
            2 => {
                let snapshot = store.snapshot()?;
                let first = snapshot.list(&filter, PageRequest::default())?;
                let ids: Vec<_> = first.data.iter().map(|row| row.id).collect();
                snapshot.last_messages(&ids).map(drop)
            }
            3 => {
                let messages = store.messages(id(number), ..)?;
                messages.rev().take(20).try_for_each(|one| one.map(drop))
            }
            _ => {
                let pages = 1 + store.count(&filter)? / 20;
                let page = PageRequest::number(1 + self.random.below(pages), 20)?;
                store.list(&filter, page).map(drop)
            }
        }
    }
}
