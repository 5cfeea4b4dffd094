//! The code of the README, with the JSON of each result.
//!
//! `cargo run --example quickstart`

#![expect(clippy::print_stdout, reason = "an example prints what it does")]

use std::error::Error;

use convodb::prelude::*;
use convodb::{Channel, ContactId, Filter, Inbound, UserId};
use serde::Serialize;

fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let store = Store::open(directory.path().join("inbox.convodb"))?;

    // The first message of a contact on a channel creates the conversation.
    let contact = ContactId::new("con_01HXYZ")?;
    let hello = store.receive(Inbound::text(&contact, Channel::Whatsapp, "Hello"))?;
    print("The message from the contact", &hello.value)?;
    assert!(hello.effect.created);
    let id = hello.value.conversation_id;

    let alice = UserId::new("usr_01H111")?;
    store.save_user(&alice, "Alice")?;
    let assigned = store.assign(id, &alice)?;
    print("The conversation, assigned to Alice", &assigned.value)?;
    let reply = store.reply(id, "On its way.")?;
    print("The reply", &reply.value)?;

    let page = store.list(&Filter::open().assigned_to(&alice), (1, 20))?;
    print("Page 1 of her open conversations", &page)?;
    assert_eq!(page.total, 1);

    // It stays in the store, and the next message of the contact reopens it.
    let resolved = store.resolve(id)?;
    print("The conversation, resolved", &resolved.value)?;
    let thanks = store.receive(Inbound::text(&contact, Channel::Whatsapp, "Thanks!"))?;
    assert!(thanks.effect.reopened);
    print("All its messages", &store.transcript(id)?)?;

    store.close()?;
    Ok(())
}

/// Every result serializes to the JSON of the API, field for field.
fn print(title: &str, document: &impl Serialize) -> serde_json::Result<()> {
    println!("{title}:\n{}\n", serde_json::to_string_pretty(document)?);
    Ok(())
}
