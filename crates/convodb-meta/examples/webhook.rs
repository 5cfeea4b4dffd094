//! A webhook from its handshake to the thread that shows its message.
//!
//! ```sh
//! cargo run -p convodb-meta --example webhook
//! ```

use convodb::prelude::*;
use convodb::{Filter, Result};
use convodb_meta::{Item, account, challenge, parse, verify_signature};

const APP_SECRET: &str = "secret";
const BODY: &[u8] = include_bytes!("../tests/payloads/messenger/text.json");
/// `openssl dgst -sha256 -hmac secret` of the body.
const SIGNATURE: &str = "sha256=345007510fd60b50763bc928fa07b9cf21b47174fb9c08e2c2ff1125f68c4edc";

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    // Once, when the address is set up.
    let query = [
        ("hub.mode", "subscribe"),
        ("hub.verify_token", "token"),
        ("hub.challenge", "1158201444"),
    ];
    assert_eq!(challenge(query, "token").as_deref(), Some("1158201444"));

    // For each post: the body as it was received.
    assert!(verify_signature(APP_SECRET, Some(SIGNATURE), BODY));
    let store = Store::in_memory()?;
    // A post that comes twice changes nothing.
    for _ in 0..2 {
        for item in parse(BODY)? {
            if let Err(error) = execute(&store, item) {
                // One that the store refuses does not keep the others from it.
                report(&format!("refused: {error}"));
            }
        }
    }

    let page = store.list(&Filter::open(), (1, 20))?;
    assert_eq!(page.total, 1);
    for conversation in page.data {
        let thread = store.transcript(conversation.id)?;
        let texts = thread
            .messages
            .iter()
            .filter_map(|message| message.content.as_text());
        texts.for_each(report);
        // Where an answer goes.
        let page = conversation.inbox_id.as_ref().and_then(account);
        assert_eq!(page.as_deref(), Some("10450077"));
        assert_eq!(conversation.identity.as_deref(), Some("6610022887300145"));
    }
    Ok(())
}

fn execute(store: &Store, item: Item) -> Result<()> {
    match item {
        Item::Inbox(inbox) if store.inbox(&inbox.inbox).is_ok() => Ok(()),
        Item::Inbox(inbox) => store.execute(inbox).map(drop),
        Item::Contact(contact) => store.execute(contact).map(drop),
        Item::Receive(message) => store.receive(message).map(drop),
        Item::Send(message) => store.send(message).map(drop),
        Item::Deliver(receipt) => store.execute(receipt).map(drop),
        Item::Watermark(watermark) => store.execute(watermark).map(drop),
        Item::React(reaction) => store.react(reaction).map(drop),
        Item::Edit(edit) => store.edit(edit).map(drop),
        Item::Revoke(revocation) => store.revoke(revocation).map(drop),
        Item::Fill(fill) => store.fill(fill).map(drop),
        Item::Identify(id) => store.execute(id).map(drop),
        Item::Ignored(ignored) => {
            report(&ignored.to_string());
            Ok(())
        }
        // Kinds that a later version adds.
        _ => Ok(()),
    }
}

#[expect(clippy::print_stdout, reason = "an example shows what it does")]
fn report(line: &str) {
    println!("{line}");
}
