//! An async service on tokio: commands are awaited, queries run in the task, and the service shuts
//! down when its work is done.
//!
//! `cargo run --example async_service`

#![expect(clippy::print_stdout, reason = "an example prints what it does")]

use std::error::Error;
use std::time::Duration;

use convodb::commands::{ReceiveMessage, ReplyTo};
use convodb::prelude::*;
use convodb::{Channel, ContactId, Context, EventKind, Filter, Inbound, Reply};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinSet;

const CONTACTS: usize = 20;
const MESSAGES: usize = 25;
const PAUSE: Duration = Duration::from_millis(100);

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

fn main() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let store = Store::open(directory.path().join("inbox.convodb"))?;
    Runtime::new()?.block_on(serve(&store))?;

    let stats = store.stats()?;
    let (messages, commits) = (stats.messages, stats.groups);
    println!("{messages} messages in {commits} commits");
    assert_eq!(stats.messages, (2 * CONTACTS * MESSAGES) as u64);
    // Every command that was submitted has run when it returns.
    store.close()?;
    Ok(())
}

/// Runs the tasks of the service until every contact has its answers.
async fn serve(store: &Store) -> Result<()> {
    let (shutdown, _) = watch::channel(false);
    let mut workers = JoinSet::new();
    workers.spawn(answer(store.clone(), shutdown.subscribe()));
    workers.spawn(monitor(store.clone(), shutdown.subscribe()));

    let mut contacts = JoinSet::new();
    for number in 0..CONTACTS {
        contacts.spawn(contact(store.clone(), number));
    }
    while let Some(done) = contacts.join_next().await {
        done??;
    }
    // A server sets it after `tokio::signal::ctrl_c`, when it accepts no more requests.
    shutdown.send_replace(true);
    while let Some(done) = workers.join_next().await {
        done??;
    }
    Ok(())
}

/// A contact who sends messages. Tasks that await at the same time share commits.
async fn contact(store: Store, number: usize) -> Result<()> {
    let contact = ContactId::new(&format!("con_{number}"))?;
    for text in 0..MESSAGES {
        let message = Inbound::text(&contact, Channel::Webchat, format!("Question {text}"));
        store.submit(ReceiveMessage { message }).await?;
    }
    Ok(())
}

/// Answers every message: a consumer of events. It ends at the shutdown, when nothing is left.
async fn answer(store: Store, mut shutdown: watch::Receiver<bool>) -> Result<()> {
    let mut consumer = store.consumer("answers")?;
    loop {
        // Read before the events: all messages are stored when it is set.
        let ends = *shutdown.borrow_and_update();
        let events = consumer.next(100)?;
        let Some(last) = events.last().map(|event| event.seq) else {
            if ends {
                return Ok(());
            }
            tokio::select! {
                changed = consumer.changed() => changed?,
                changed = shutdown.changed() => changed?,
            }
            continue;
        };
        // The replies of a batch are submitted together and share commits. The key makes a reply
        // that is repeated after a crash a duplicate.
        let mut replies = Vec::new();
        for event in events {
            if let EventKind::MessageReceived { .. } = event.kind
                && let Some(conversation) = event.subject.conversation_id()
            {
                let key = format!("answer-{}", event.seq);
                let once = store.with(Context::new().idempotency_key(key));
                replies.push(once.submit(ReplyTo {
                    conversation,
                    reply: Reply::text("We are on it."),
                }));
            }
        }
        for reply in replies {
            reply.await?;
        }
        consumer.acknowledge(last)?;
    }
}

/// Prints the state of the inbox. A query takes microseconds, so it needs no thread of its own.
async fn monitor(store: Store, mut shutdown: watch::Receiver<bool>) -> Result<()> {
    while !*shutdown.borrow_and_update() {
        let page = store.list(&Filter::open(), (1, 3))?;
        let newest = page.data.first().map(|row| row.updated_at);
        let open = page.total;
        println!("{open} open conversations, the latest activity at {newest:?}");
        let _ = tokio::time::timeout(PAUSE, shutdown.changed()).await;
    }
    Ok(())
}
