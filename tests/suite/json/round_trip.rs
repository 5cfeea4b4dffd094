//! An import reads what a store writes, into another store, and nothing is lost.

use chrono::TimeDelta;
use convodb::prelude::*;
use convodb::{
    Actor, Channel, Content, Context, ConversationId, Import, Inbound, Outbound, Receipt, Reply,
};
use proptest::prelude::*;
use serde_json::Value;

use crate::rules::inbox::{Inbox, contact};

/// A conversation in full, as one JSON object that an import reads.
fn document(store: &Store, id: ConversationId) -> String {
    let transcript = serde_json::to_string(&store.transcript(id).unwrap()).unwrap();
    let notes: Vec<_> = store.notes(id).unwrap().map(Result::unwrap).collect();
    let notes = serde_json::to_string(&notes).unwrap();
    let open = transcript.strip_suffix('}').unwrap();
    format!(r#"{open},"notes":{notes}}}"#)
}

/// Writes a conversation, reads it into another store, and compares the two.
fn assert_round_trip(store: &Store, id: ConversationId) {
    let written = document(store, id);
    let copy = Store::in_memory().unwrap();
    let import: Import = serde_json::from_str(&written).unwrap();
    let imported = copy.import(import).unwrap();
    let expected = store.transcript(id).unwrap();
    assert_eq!(imported.value, expected.conversation);
    assert_eq!(document(&copy, id), written);
    assert_eq!(copy.transcript(id).unwrap(), expected);
    assert!(copy.verify().unwrap().is_clean());
}

fn contents() -> Vec<Content> {
    vec![
        Content::text("Hello \"there\" \u{1f44b}\n"),
        Content::template("sale", ["Ada", "", "20 %"]),
        Content::template("sale", Vec::<String>::new()).caption("Sale!"),
        Content::image("https://example.com/1.jpg"),
        Content::image("https://example.com/1.jpg").caption("Me"),
        Content::document("http://example.com/1.pdf"),
        Content::document("http://example.com/1.pdf").caption("March"),
    ]
}

#[test]
fn every_type_of_message_with_receipts_failures_provider_ids_and_notes_is_read_again() {
    let inbox = Inbox::at("2026-04-16T09:00:00.000001Z");
    let store = &inbox.store;
    let who = contact("con_01HXYZ");
    let mut id = None;
    for (n, content) in contents().into_iter().enumerate() {
        inbox.later();
        let late = inbox.clock.get() - TimeDelta::days(n as i64);
        let inbound = Inbound::new(&who, Channel::Messenger, content.clone()).provider_time(late);
        id = Some(store.receive(inbound).unwrap().value.conversation_id);
        let outbound = Outbound::new(&who, Channel::Messenger, content);
        let sent = store.send(outbound.provider_id(format!("mid.{n}")));
        let sent = sent.unwrap().value;
        for receipt in [
            Receipt::failed("131026", ""),
            Receipt::sent(),
            Receipt::delivered(),
            Receipt::read().at(late),
        ]
        .into_iter()
        .take(n)
        {
            inbox.later();
            store.record_delivery(&sent, receipt).unwrap();
        }
    }
    let id = id.unwrap();
    let billing = inbox.team("team_billing", "Billing");
    store.assign(id, &billing).unwrap();
    store.add_note(id, "A note without an author").unwrap();
    let actor = Actor::new("api-server").unwrap();
    let signed = store.with(Context::new().actor(actor));
    signed.add_note(id, "A note with an author").unwrap();
    inbox.later();
    store.resolve(id).unwrap();

    let written: Value = serde_json::from_str(&document(store, id)).unwrap();
    assert_eq!(written["messages"].as_array().unwrap().len(), 14);
    assert_eq!(written["notes"][1]["author"], "api-server");
    assert_eq!(
        (&written["inbound_count"], &written["revision"]),
        (&7.into(), &2.into())
    );
    assert_round_trip(store, id);
}

#[test]
fn an_empty_conversation_is_read_again() {
    let inbox = Inbox::new();
    let id = ConversationId::from_parts(7, 7);
    let created_at = inbox.clock.get();
    let empty = convodb::Conversation::new(id, contact("con_1"), Channel::Webchat, created_at);
    inbox.store.import(Import::new(empty, vec![])).unwrap();
    assert_round_trip(&inbox.store, id);
}

/// The first microsecond of 2000.
const FIRST_SENT: i64 = 946_684_800_000_000;

fn any_content() -> impl Strategy<Value = Content> {
    let text = || "\\PC{0,20}[!-~\u{a1}-\u{ac}\u{4e00}-\u{9fff}]";
    let url = || "https?://[!-~]{1,30}";
    prop_oneof![
        text().prop_map(Content::text),
        (
            text(),
            prop::collection::vec(".{0,10}", 0..4),
            prop::option::of(text())
        )
            .prop_map(|(name, params, rendered)| {
                let template = Content::template(name, params);
                rendered.into_iter().fold(template, Content::caption)
            }),
        (url(), prop::option::of(text())).prop_map(|(url, caption)| caption
            .into_iter()
            .fold(Content::image(url), Content::caption)),
        (url(), prop::option::of(text())).prop_map(|(url, caption)| caption
            .into_iter()
            .fold(Content::document(url), Content::caption)),
    ]
}

fn any_receipt() -> impl Strategy<Value = Receipt> {
    let at = FIRST_SENT..4_000_000_000_000_000;
    let receipt = prop_oneof![
        Just(Receipt::sent()),
        Just(Receipt::delivered()),
        Just(Receipt::read()),
        (".{0,9}", ".{0,9}").prop_map(|(code, message)| Receipt::failed(code, message)),
    ];
    (receipt, at).prop_map(|(receipt, micros)| {
        receipt.at(chrono::DateTime::from_timestamp_micros(micros).unwrap())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_the_store_writes_is_read_again(
        replies in prop::collection::vec(
            (
                any_content(),
                prop::option::of("\\PC{1,40}"),
                prop::option::of(FIRST_SENT..4_000_000_000_000_000),
                prop::collection::vec(any_receipt(), 0..4),
            ),
            0..6,
        ),
        notes in prop::collection::vec("\\PC{0,20}[!-~\u{a1}-\u{ac}\u{4e00}-\u{9fff}]", 0..3),
    ) {
        let inbox = Inbox::at("2026-04-16T09:00:00.5Z");
        let id = inbox.conversation();
        for (content, provider_id, sent_at, receipts) in replies {
            let mut reply = Reply::new(content);
            if let Some(provider_id) = provider_id {
                reply = reply.provider_id(provider_id);
            }
            if let Some(micros) = sent_at {
                let sent_at = chrono::DateTime::from_timestamp_micros(micros).unwrap();
                reply = reply.provider_time(sent_at);
            }
            let sent = inbox.store.reply(id, reply).unwrap().value;
            for receipt in receipts {
                inbox.store.record_delivery(&sent, receipt).unwrap();
            }
        }
        for note in notes {
            inbox.store.add_note(id, note).unwrap();
        }
        assert_round_trip(&inbox.store, id);
    }
}
