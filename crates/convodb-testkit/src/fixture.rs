//! Stores to begin with.

use std::sync::atomic::{AtomicBool, Ordering};

use chrono::TimeDelta;
use convodb::testing::{ManualClock, SeededIds};
use convodb::{
    Assignee, Channel, ContactId, Content, Conversation, ConversationId, Direction, Import,
    Message, MessageId, Options,
};

use super::apply::apply;
use super::backend::Backend;
use super::bytes::Bytes;
use super::model::Model;
use super::op::{self, ASSIGNEES, Op, Who};
use super::views::MOST_VIEWS;

/// A clock at a time of the specification's examples.
pub fn clock() -> ManualClock {
    ManualClock::at("2026-04-16T09:10:00Z".parse().unwrap())
}

/// Few, so that checkpoints begin, are under way and end while commands go on.
const CHECKPOINT_COMMANDS: u64 = 5;

/// Small, so that the log goes around.
pub const WAL_BYTES: u64 = 256 << 10;

/// Options that make a run the same each time, but for when a checkpoint is done.
pub fn options(clock: &ManualClock) -> Options {
    Options::new()
        .clock(clock.clone())
        .ids(SeededIds::new(11))
        .reassign_by_hand()
        .max_views(MOST_VIEWS)
        .wal_size(WAL_BYTES)
        .checkpoint_commands(CHECKPOINT_COMMANDS)
}

/// Makes other threads end when it is dropped, by a panic too: else they would wait for ever.
pub struct EndsOthers<'a>(pub &'a AtomicBool);

impl Drop for EndsOthers<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// The operations of a seed: the same ones for ever, as long as bytes mean the same.
pub fn ops_of(seed: u64, count: usize) -> Vec<Op> {
    const OP_BYTES: usize = 64;
    let ids = SeededIds::new(seed);
    let random = || convodb::IdGenerator::random(&ids).to_le_bytes();
    (0..count)
        .map(|_| {
            let bytes: Vec<u8> = (0..OP_BYTES.div_ceil(16)).flat_map(|_| random()).collect();
            Bytes(&bytes).op()
        })
        .collect()
}

/// Does the operations of a seed to a new backend, and answers what it should hold then.
pub fn fill(backend: &impl Backend, clock: &ManualClock, seed: u64, count: usize) -> Model {
    let mut model = Model::new(clock);
    for op in ops_of(seed, count) {
        apply(backend, &mut model, &op).unwrap();
    }
    model
}

/// Reassigns and builds until nothing is left to do.
pub fn work_off(backend: &impl Backend, model: &mut Model) {
    while model.to_reassign() > 0 || model.views.have_work() {
        apply(backend, model, &Op::Reassign { limit: 7 }).unwrap();
    }
}

/// Imports so many conversations, of as many contacts, of every status, channel and assignee, some
/// of them active at one time, and one of three unread.
pub fn crowd(backend: &impl Backend, model: &mut Model, count: u16) {
    let mut draft = model.clone();
    draft.read_clock();
    let imports: Vec<_> = (0..count)
        .map(|number| one_of_many(number, model))
        .collect();
    for import in &imports {
        draft.import(import.clone());
    }
    let imported = backend.import_all(imports).unwrap();
    assert_eq!(imported, u64::from(count));
    model.commit(draft);
}

fn one_of_many(number: u16, model: &Model) -> Import {
    let id = ConversationId::from_parts(1_500_000_000_000, number.into());
    let contact = ContactId::new(&format!("con_of_many_{number}")).unwrap();
    let channel = Channel::ALL[usize::from(number) % 4];
    let ago = TimeDelta::seconds(i64::from(number / 3));
    let mut conversation = Conversation::new(id, contact, channel, model.clock.get() - ago);
    conversation.status = op::status(number.is_multiple_of(5));
    conversation.assigned_to = match u8::try_from(number % 11) {
        Ok(who) if who < ASSIGNEES => Some(Assignee::new(Who(who).id(), "One of many")),
        _ => None,
    };
    let mut messages = Vec::new();
    if number.is_multiple_of(3) {
        conversation.unread_count = 1;
        let of_its_time = MessageId::from_parts(1_500_000_000_000, number.into());
        let (text, at) = (Content::text("One of many"), conversation.created_at);
        messages.push(Message::new(of_its_time, id, Direction::Inbound, text, at));
    }
    Import::new(conversation, messages)
}
