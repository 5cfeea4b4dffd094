//! A consumer of events that is killed, resumes, and processes each event exactly once.
//!
//! `cargo run --example events`
//!
//! The consumer adds a note to a conversation for each message that mentions an order. It runs in a
//! process of its own, which the first time ends in the middle of a batch.

#![expect(clippy::print_stdout, reason = "an example prints what it does")]

use std::env;
use std::error::Error;
use std::path::Path;
use std::process::{Command, abort};

use convodb::prelude::*;
use convodb::{Actor, Channel, ContactId, Context, Event, EventKind, Filter, Inbound, Retention};

const MESSAGES: usize = 50;
const BATCH: usize = 16;
/// The first run ends when it has processed this many events: in its third batch.
const KILLED_AFTER: usize = 40;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args_os().skip(1);
    if let (Some(path), Some(killed)) = (arguments.next(), arguments.next()) {
        return consume(path.as_ref(), killed == "killed");
    }

    let directory = tempfile::tempdir()?;
    let path = directory.path().join("inbox.convodb");
    let store = Store::open(&path)?;
    // The position of a consumer is in the store. It starts at the oldest event.
    store.consumer("orders")?;
    for number in 0..MESSAGES {
        let contact = ContactId::new(&format!("con_{number}"))?;
        let text = format!("Where is my order {number}?");
        store.receive(Inbound::text(&contact, Channel::Webchat, text))?;
    }
    store.close()?;

    for mode in ["killed", "whole"] {
        let mut run = Command::new(env::current_exe()?);
        let status = run.arg(&path).arg(mode).status()?;
        println!("the consumer ended: {status}");
        assert_eq!(status.success(), mode == "whole");
    }

    let store = Store::open(&path)?;
    for row in store.list(&Filter::all(), (1, 100))?.data {
        assert_eq!(store.notes(row.id)?.count(), 1, "each message has one note");
    }
    assert_eq!(store.stats()?.notes, MESSAGES as u64);
    let consumer = store.consumer("orders")?;
    println!("{MESSAGES} notes, position {}", consumer.position()?);

    // Events that every consumer has acknowledged can be purged. Audit logs stay.
    let purged = store.purge_events(Retention::newest(10))?.value;
    println!("purged {purged} events");
    Ok(())
}

/// Processes all events that there are, in batches.
fn consume(path: &Path, killed: bool) -> Result<(), Box<dyn Error>> {
    let store = Store::options().create(false).open(path)?;
    let mut consumer = store.consumer("orders")?;
    let name = consumer.name().clone();
    println!("  resumes after event {}", consumer.position()?);
    let actor = Context::new().actor(Actor::new("order-bot")?);
    let mut processed = 0;
    loop {
        // A service waits here: `consumer.wait(timeout)`, or `consumer.changed().await`.
        let events = consumer.next(BATCH)?;
        let Some(last) = events.last() else {
            return Ok(());
        };
        // The notes and the acknowledgement commit together, or not at all. A consumer that writes
        // elsewhere acknowledges afterwards instead, and receives some events again after a crash.
        store.transaction(|tx| {
            let bot = tx.with(actor.clone());
            for event in &events {
                process(&bot, event)?;
                processed += 1;
                if killed && processed == KILLED_AFTER {
                    println!("  is killed at event {}", event.seq);
                    abort();
                }
            }
            tx.acknowledge(&name, last.seq)
        })?;
    }
}

fn process(store: &(impl Read + Execute), event: &Event) -> convodb::Result<()> {
    if let EventKind::MessageReceived { message_id } = event.kind
        && let Some(conversation) = event.subject.conversation_id()
    {
        let message = store.message((conversation, message_id))?;
        let text = message.content.as_text().unwrap_or_default();
        if let Some((_, order)) = text.split_once("order ") {
            store.add_note(conversation, format!("Order {order} was sent."))?;
        }
    }
    Ok(())
}
