//! Two agents work on one inbox at the same time: claims, preconditions and idempotency keys.
//!
//! `cargo run --example agents`

#![expect(clippy::print_stdout, reason = "an example prints what it does")]

use std::error::Error;
use std::thread;

use convodb::prelude::*;
use convodb::{
    AssigneeId, Channel, ContactId, Context, Conversation, ConversationId, Details, ErrorKind,
    Filter, Inbound, UserId,
};

fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let store = Store::open(directory.path().join("inbox.convodb"))?;
    let agents = [UserId::new("usr_alice")?, UserId::new("usr_bob")?];
    for (agent, name) in agents.iter().zip(["Alice", "Bob"]) {
        store.save_user(agent, name)?;
    }
    for number in 0..100 {
        let contact = ContactId::new(&format!("con_{number}"))?;
        store.receive(Inbound::text(&contact, Channel::Webchat, "Hello"))?;
    }
    let page = store.list(&Filter::open().unassigned(), (1, 100))?;

    // Both agents claim every conversation. Each conversation has one winner.
    let [alices, bobs] = thread::scope(|scope| {
        let claims = agents
            .each_ref()
            .map(|agent| scope.spawn(|| claim_all(&store, agent, &page.data)));
        claims.map(|thread| thread.join().map_err(|_| "a panic"))
    });
    let (alices, bobs) = (alices??, bobs??);
    println!("Alice has {alices} conversations, and Bob has {bobs}");
    assert_eq!(alices + bobs, 100);
    assert_eq!(
        store.count(&Filter::open().assigned_to(&agents[0]))?,
        alices
    );
    assert_eq!(store.count(&Filter::open().unassigned())?, 0);

    let id = page.data.first().ok_or("an empty page")?.id;
    resolve_as_seen(&store, id)?;
    retry(&store, &agents[0], id)
}

/// Claims conversations, and returns how many the agent got.
fn claim_all(store: &Store, agent: &UserId, rows: &[Conversation]) -> Result<u64, convodb::Error> {
    let mut claimed = 0;
    for row in rows {
        match store.claim(row.id, agent) {
            Ok(_) => claimed += 1,
            // The error has the assignee, so that the user interface can show the name.
            Err(error) => match error.details() {
                Details::Precondition { assignee, .. } => {
                    assert_ne!(assignee.as_ref(), Some(&AssigneeId::from(agent)));
                }
                _ => return Err(error),
            },
        }
    }
    Ok(claimed)
}

/// Resolves a conversation only as it was seen: if it has changed since, it is read again.
fn resolve_as_seen(store: &Store, id: ConversationId) -> Result<(), Box<dyn Error>> {
    let mut seen = store.conversation(id)?;
    // Meanwhile it changes: it is resolved and reopened by a message.
    store.resolve(id)?;
    store.receive(Inbound::text(
        &seen.contact_id,
        seen.channel,
        "It broke again.",
    ))?;
    loop {
        let unchanged = Context::new().if_revision(seen.revision);
        match store.with(unchanged).resolve(id) {
            Ok(resolved) => {
                println!("resolved at revision {}", resolved.value.revision);
                return Ok(());
            }
            Err(error) if error.kind() == ErrorKind::PreconditionFailed => {
                println!("{error}: read it again");
                seen = store.conversation(id)?;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// A request with an idempotency key runs once, however often it comes. The key can be the header
/// `Idempotency-Key` of an HTTP request.
fn retry(store: &Store, agent: &UserId, id: ConversationId) -> Result<(), Box<dyn Error>> {
    let request = Context::new().actor(agent).idempotency_key("8e03978e-40d5");
    let first = store
        .with(request.clone())
        .reply(id, "We sent a new one.")?;
    let again = store
        .with(request.clone())
        .reply(id, "We sent a new one.")?;
    assert_eq!((first.is_duplicate, again.is_duplicate), (false, true));
    assert_eq!(first.value, again.value);
    println!("the repeated reply returned message {}", again.value.id);

    let other = store.with(request).reply(id, "Something else.");
    let error = other.err().ok_or("the key was accepted again")?;
    println!("{error}");
    assert_eq!(error.kind(), ErrorKind::IdempotencyKeyReused);
    Ok(())
}
