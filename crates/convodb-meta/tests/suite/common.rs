//! The example payloads, and a store that executes what they ask.

use std::fs;
use std::path::Path;

use chrono::{DateTime, Utc};
use convodb::testing::ManualClock;
use convodb::{Error, Execute, Filter};
use convodb_meta::{Item, parse};
use serde_json::{Value, json};

use crate::store::{Options, Read, Store};

/// A minute after the latest of the payloads.
pub(crate) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_micros(1_795_936_200_000_000).unwrap_or_default()
}

/// The payloads of a channel by their names, in the order of the names.
pub(crate) fn payloads(channel: &str) -> Vec<(String, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../convodb-meta/tests/payloads");
    let mut payloads: Vec<_> = fs::read_dir(directory.join(channel))
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, fs::read(path).unwrap())
        })
        .collect();
    payloads.sort();
    payloads
}

pub(crate) fn payload(path: &str) -> Vec<u8> {
    let (channel, name) = path.split_once('/').unwrap();
    let mut payloads = payloads(channel).into_iter();
    payloads.find(|(known, _)| known == name).unwrap().1
}

/// The items of a body beside its inboxes, each by its kind and its JSON.
pub(crate) fn items(body: &[u8]) -> Vec<(&'static str, Value)> {
    let mut items: Vec<_> = parse(body).unwrap().iter().map(shown).collect();
    items.retain(|(kind, _)| *kind != "inbox");
    items
}

pub(crate) fn shown(item: &Item) -> (&'static str, Value) {
    let (kind, value) = match item {
        Item::Inbox(inbox) => ("inbox", serde_json::to_value(inbox)),
        Item::Contact(contact) => ("contact", serde_json::to_value(contact)),
        Item::Receive(message) => ("receive", serde_json::to_value(message)),
        Item::Send(message) => ("send", serde_json::to_value(message)),
        Item::Deliver(receipt) => ("deliver", serde_json::to_value(receipt)),
        Item::Watermark(watermark) => ("watermark", serde_json::to_value(watermark)),
        Item::React(reaction) => ("react", serde_json::to_value(reaction)),
        Item::Edit(edit) => ("edit", serde_json::to_value(edit)),
        Item::Revoke(revocation) => ("revoke", serde_json::to_value(revocation)),
        Item::Fill(fill) => ("fill", serde_json::to_value(fill)),
        Item::Identify(id) => ("identify", serde_json::to_value(id)),
        Item::Ignored(ignored) => ("ignored", Ok(json!(ignored.to_string()))),
        other => panic!("{other:?}"),
    };
    (kind, value.unwrap())
}

pub(crate) fn store() -> (Store, ManualClock) {
    let clock = ManualClock::at(now());
    let store = Options::new().clock(clock.clone()).open_in_memory();
    (store.unwrap(), clock)
}

/// Executes all items of a body, and returns what the store refused.
pub(crate) fn post(store: &Store, body: &[u8]) -> Vec<Error> {
    let results = parse(body).unwrap().into_iter().map(|item| match item {
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
        Item::Ignored(_) => Ok(()),
        other => panic!("{other:?}"),
    });
    results.filter_map(Result::err).collect()
}

/// Every message of the store in JSON, by the contact and the thread's order.
pub(crate) fn messages(store: &Store) -> Vec<Value> {
    let page = store.list(&Filter::all(), (1, 100)).unwrap();
    let mut conversations = page.data;
    conversations.sort_by(|one, other| one.contact_id.as_str().cmp(other.contact_id.as_str()));
    let mut messages = Vec::new();
    for conversation in conversations {
        let transcript = store.transcript(conversation.id).unwrap();
        let known = store.contact(&conversation.contact_id).unwrap();
        let mut identities: Vec<_> = known.identities.iter().map(|it| it.value()).collect();
        identities.sort_unstable();
        let contact = json!({"name": known.name, "identities": identities});
        for message in transcript.messages {
            let versions = message.extras.as_ref().map(|it| it.versions.clone());
            let mut shown = serde_json::to_value(&message).unwrap();
            shown["contact"] = contact.clone();
            shown["former"] = json!(versions.unwrap_or_default());
            messages.push(shown);
        }
    }
    messages
}

/// The message of a provider's id.
pub(crate) fn message(store: &Store, id: &str) -> Value {
    let mut messages = messages(store).into_iter();
    messages
        .find(|message| message["provider_id"] == id)
        .unwrap()
}
