//! Webhooks of a messaging provider, which come late, twice and in any order.
//!
//! `cargo run --example webhook`

#![expect(clippy::print_stdout, reason = "an example prints what it does")]

use std::error::Error;
use std::time::Duration;

use convodb::prelude::*;
use convodb::{
    Channel, ContactId, DeliveryStatus, ErrorKind, Filter, Inbound, Outbound, ProviderId, Receipt,
};
use serde_json::{Value, json};

/// What the service answers: `Err` makes the provider repeat the webhook.
type Answer = Result<String, Box<dyn Error>>;

fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let store = Store::open(directory.path().join("inbox.convodb"))?;
    let deliver = |webhook: &Value| -> Answer {
        let answer = handle(&store, webhook)?;
        println!("{webhook}\n  {answer}");
        Ok(answer)
    };

    // The second message arrives first. Each has the time of its provider, so they are in order.
    let anybody = text("wamid.2", "Anybody there?", "2026-04-16T09:12:00Z");
    let hello = text("wamid.1", "Hello", "2026-04-16T09:10:00Z");
    assert_eq!(deliver(&anybody)?, "stored, in a new conversation");
    assert_eq!(deliver(&hello)?, "stored");
    // The provider got no answer in time and repeats the webhook.
    assert_eq!(deliver(&hello)?, "a duplicate, ignored");

    let contact = ContactId::new("con_01HXYZ")?;
    let conversation = store.find_conversation(&contact, Channel::Whatsapp)?;
    let id = conversation.ok_or("no conversation")?.id;
    let messages = store.transcript(id)?.messages;
    let texts = messages.iter().map(|message| message.content.as_text());
    assert!(texts.eq([Some("Hello"), Some("Anybody there?")]));

    // A receipt can overtake its message, whose id the provider returns when it is sent. The store
    // keeps the receipt until then.
    assert_eq!(
        deliver(&receipt("wamid.3", "delivered"))?,
        "kept until its message comes"
    );
    assert_eq!(store.stats()?.unmatched, 1);
    let sent = Outbound::text(&contact, Channel::Whatsapp, "Good morning!").provider_id("wamid.3");
    assert_eq!(store.send(sent)?.value.status, DeliveryStatus::Delivered);
    assert_eq!(store.stats()?.unmatched, 0);

    // Another provider assigns the id after the message is stored.
    let answer = store.reply(id, "How can we help?")?.value;
    store.set_provider_id(&answer, &ProviderId::new("wamid.4")?)?;
    // Receipts merge in any order: after `read`, `delivered` changes the times only.
    assert_eq!(deliver(&receipt("wamid.4", "read"))?, "merged: Read");
    assert_eq!(deliver(&receipt("wamid.4", "delivered"))?, "merged: Read");

    // The ids of deleted messages are known for ever, so a repeated webhook stores nothing again.
    store.delete(id)?;
    assert_eq!(deliver(&hello)?, "deleted before, ignored");
    assert_eq!(store.count(&Filter::all())?, 0);

    // Receipts whose messages never come are purged, in a service once a day.
    deliver(&receipt("wamid.lost", "delivered"))?;
    let purged = store.purge_unmatched(Duration::ZERO, 0)?.value;
    println!("purged the receipts of {purged} unknown message");
    assert_eq!(purged, 1);
    Ok(())
}

/// Stores what a webhook contains. It is the same for the first delivery and for a repeated one.
fn handle(store: &Store, webhook: &Value) -> Answer {
    let field = |name: &str| webhook[name].as_str().ok_or(format!("no {name}"));
    let id = ProviderId::new(field("id")?)?;
    if field("type")? != "message" {
        let receipt = match field("type")? {
            "delivered" => Receipt::delivered(),
            "read" => Receipt::read(),
            _ => Receipt::failed("131026", "undeliverable"),
        };
        let recorded = store.record_delivery((Channel::Whatsapp, id), receipt)?;
        return Ok(match recorded.value {
            Some(message) => format!("merged: {:?}", message.status),
            None => "kept until its message comes".to_owned(),
        });
    }
    let contact = ContactId::new(field("from")?)?;
    let message = Inbound::text(&contact, Channel::Whatsapp, field("text")?);
    let message = message.provider_id(id.as_str());
    let message = message.provider_time(field("time")?.parse()?);
    let answer = match store.receive(message) {
        Ok(received) if received.is_duplicate => "a duplicate, ignored",
        Ok(received) if received.effect.created => "stored, in a new conversation",
        Ok(_) => "stored",
        // Repeating the webhook would not help.
        Err(error) if error.kind() == ErrorKind::Gone => "deleted before, ignored",
        Err(error) => return Err(error.into()),
    };
    Ok(answer.to_owned())
}

fn text(id: &str, text: &str, time: &str) -> Value {
    json!({"type": "message", "id": id, "from": "con_01HXYZ", "text": text, "time": time})
}

fn receipt(id: &str, status: &str) -> Value {
    json!({"type": status, "id": id})
}
