//! The order of messages of one second, late messages as activity, and texts that show nothing.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use convodb::{
    Channel, ConversationId, ErrorKind, Execute, Filter, Import, Inbound, MessageRange, Outbound,
    PageRequest, Receipt, Reply,
};

use super::inbox::{Inbox, contact, time};
use crate::store::{Options, Place, Read, Store, Transaction, test};

const SECOND: &str = "2026-04-16T08:00:00Z";

fn inbound(text: &str) -> Inbound {
    Inbound::text(contact("con_01HXYZ"), Channel::Whatsapp, text)
}

/// The texts of a conversation in any store.
fn texts(store: &Store, id: ConversationId) -> Vec<String> {
    let transcript = store.transcript(id).unwrap();
    let texts = transcript.messages.iter().map(|it| it.content.as_text());
    texts.map(|text| text.unwrap().to_owned()).collect()
}

/// A conversation as an export has it: by its JSON.
fn exported(store: &Store, id: ConversationId) -> Import {
    let transcript = store.transcript(id).unwrap();
    let import = Import::new(transcript.conversation, transcript.messages);
    serde_json::from_str(&serde_json::to_string(&import).unwrap()).unwrap()
}

/// A burst within one second of the provider's, with a message of the clock's time in the middle and an
/// earlier one at the end. The order is the second one of the texts.
fn burst(inbox: &Inbox) -> (ConversationId, Vec<String>) {
    inbox.clock.set(time("2026-04-16T08:00:00.400Z"));
    let second = time(SECOND);
    let mut got = Vec::new();
    for number in 0..3 {
        let message = inbound(&format!("{number}")).provider_time(second);
        got.push(inbox.store.receive(message).unwrap().value);
    }
    let id = got[0].conversation_id;
    got.push(inbox.store.reply(id, "3").unwrap().value);
    for number in 4..9 {
        let mut message = inbound(&format!("{number}")).provider_time(second);
        if number % 2 == 0 {
            message = message.provider_id(format!("wamid.{number}"));
        }
        got.push(inbox.store.receive(message).unwrap().value);
        inbox.clock.advance(Duration::from_millis(100));
    }
    for message in &got {
        let expected = match message.content.as_text() {
            Some("3") => time("2026-04-16T08:00:00.400Z"),
            _ => second,
        };
        assert_eq!(message.created_at, expected, "the provider's");
    }
    let earlier = inbound("earlier").provider_time(second - TimeDelta::seconds(1));
    inbox.store.receive(earlier).unwrap();
    let between = inbound("2.5").provider_time(second + TimeDelta::milliseconds(200));
    inbox.store.receive(between).unwrap();
    let expected = [
        "earlier", "0", "1", "2", "2.5", "3", "4", "5", "6", "7", "8",
    ];
    (id, expected.map(str::to_owned).to_vec())
}

#[test]
fn messages_of_one_second_are_listed_in_the_order_of_arrival() {
    let inbox = Inbox::new();
    let (id, expected) = burst(&inbox);
    assert_eq!(inbox.texts(id), expected);
    let last = inbox.store.last_messages(&[id]).unwrap();
    assert_eq!(last[0].as_ref().unwrap().content.as_text(), Some("8"));
    inbox.assert_sound();
}

#[test]
fn the_order_of_arrival_is_kept_by_an_export_and_import_also_over_and_over() {
    let inbox = Inbox::new();
    let (id, mut expected) = burst(&inbox);
    let other = Inbox::new();
    other.store.import(exported(&inbox.store, id)).unwrap();
    assert_eq!(texts(&other.store, id), expected);
    let second = time(SECOND);
    // It is the order for messages that come later too.
    let next = inbound("9").provider_time(second);
    other.store.receive(next).unwrap();
    expected.push("9".to_owned());
    assert_eq!(texts(&other.store, id), expected);
    let third = Inbox::new();
    third
        .store
        .import_all([exported(&other.store, id)])
        .unwrap();
    assert_eq!(texts(&third.store, id), expected);
    for inbox in [&other, &third] {
        for message in inbox.store.transcript(id).unwrap().messages {
            assert_eq!(inbox.store.message(&message).unwrap(), message);
        }
        inbox.assert_sound();
    }
}

#[test]
fn the_order_of_arrival_is_kept_over_a_restart_and_within_one_commit() {
    let place = Place::new();
    let second = time(SECOND);
    let expected: Vec<_> = (0..12).map(|number| number.to_string()).collect();
    let store = place.open(Options::new());
    let receive = |text: &str, tx: &Transaction<'_>| {
        tx.receive(inbound(text).provider_time(second))
            .map(|got| got.value.conversation_id)
    };
    let mut id = None;
    for texts in expected.chunks(4) {
        let got = store.transaction(|tx| {
            texts
                .iter()
                .map(|text| receive(text, tx))
                .collect::<Result<Vec<_>, _>>()
        });
        id = got.unwrap().pop();
    }
    let id = id.unwrap();
    assert_eq!(texts(&store, id), expected);
    store.close().unwrap();
    let store = place.open(Options::new());
    assert_eq!(texts(&store, id), expected);
    let later = store.receive(inbound("12").provider_time(second));
    assert_eq!(later.unwrap().value.conversation_id, id);
    assert_eq!(texts(&store, id).last().unwrap(), "12");
    assert!(store.verify().unwrap().is_clean());
}

#[test]
fn what_comes_within_the_second_of_an_answer_is_listed_behind_it() {
    let inbox = Inbox::at("2026-04-16T08:00:00.700Z");
    let answer = Outbound::text(contact("con_01HXYZ"), Channel::Whatsapp, "here you are");
    let answer = inbox.store.send(answer).unwrap().value;
    let thanks = inbound("thanks").provider_time(time(SECOND));
    let thanks = inbox.store.receive(thanks).unwrap().value;
    assert_eq!(thanks.created_at, time(SECOND));
    let id = answer.conversation_id;
    assert_eq!(inbox.texts(id), ["here you are", "thanks"]);
    // Ranges are about places.
    let behind = MessageRange::all().after(&answer);
    let behind: Vec<_> = inbox.store.messages(id, behind).unwrap().collect();
    assert_eq!(
        behind.into_iter().map(Result::unwrap).collect::<Vec<_>>(),
        [thanks]
    );
    let before = MessageRange::all().until(answer.created_at);
    assert_eq!(inbox.store.messages(id, before).unwrap().count(), 0);
}

#[test]
fn a_late_message_puts_its_conversation_first_in_every_list() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    for number in 0..5 {
        inbox.later();
        inbox.hello(&format!("con_other_{number}"));
    }
    let now = inbox.later();
    let sent_at = now - TimeDelta::hours(1);
    let late = inbound("anybody there?").provider_time(sent_at);
    assert_eq!(inbox.store.receive(late).unwrap().value.created_at, sent_at);
    for filter in [Filter::open(), Filter::all(), Filter::all().unread()] {
        let page = inbox.store.list(&filter, PageRequest::default()).unwrap();
        assert_eq!(page.data[0].id, id);
        assert_eq!(
            (page.data[0].created_at, page.data[0].updated_at),
            (sent_at, now)
        );
    }
}

#[test]
fn a_blank_text_is_stored_where_it_came_and_refused_where_it_is_to_go() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    for blank in [
        "",
        " \n",
        "\u{a0}",
        "\u{200b}",
        "\u{feff}\u{ad}",
        "\u{0}",
        "\u{e0020}",
    ] {
        let got = inbox.store.receive(inbound(blank)).unwrap().value;
        assert_eq!(got.content.as_text(), Some(blank));
        let user = convodb::UserId::new("usr_1").unwrap();
        for (refused, field) in [
            (
                inbox.store.reply(id, Reply::text(blank)).map(drop),
                "content",
            ),
            (inbox.store.add_note(id, blank).map(drop), "content"),
            (inbox.store.save_user(&user, blank).map(drop), "name"),
        ] {
            let error = refused.unwrap_err();
            assert_eq!(
                (error.kind(), error.field()),
                (ErrorKind::InvalidInput, Some(field))
            );
        }
    }
    let joined = "\u{1f469}\u{200d}\u{1f680}";
    inbox.store.reply(id, joined).unwrap();
    inbox.assert_sound();
}

#[test]
fn a_providers_time_before_2000_is_refused_except_in_an_import() {
    let inbox = Inbox::new();
    let hello = inbox.hello("con_01HXYZ");
    let early = |text: &str| -> DateTime<Utc> { time(text) };
    let late = inbound("x").provider_time(early("1999-12-31T23:59:59.999999Z"));
    let receipt = Receipt::read().at(early("1970-01-21T18:52:00Z"));
    let refused = [
        inbox.store.receive(late).map(drop).unwrap_err(),
        inbox
            .store
            .record_delivery(&hello, receipt)
            .map(drop)
            .unwrap_err(),
    ];
    assert_eq!(
        refused.map(|error| error.field().map(str::to_owned)),
        [Some("sent_at".to_owned()), Some("at".to_owned()),]
    );
    let mut import = exported(&inbox.store, hello.conversation_id);
    import.messages[0].created_at = early("1970-01-01T00:00:00Z");
    Inbox::new().store.import(import).unwrap();
}

#[test]
fn a_contact_with_the_longest_id_has_conversations_that_are_found_and_erased() {
    let inbox = Inbox::new();
    let longest = |last: char| contact(&format!("con_US.ENT.{}{last}", "7".repeat(244)));
    let (one, two) = (longest('7'), longest('8'));
    for (of, text) in [(&one, "one"), (&two, "two")] {
        for channel in [Channel::Whatsapp, Channel::Webchat] {
            let message = Inbound::text(of, channel, text);
            inbox.store.receive(message).unwrap();
        }
    }
    let found = inbox.store.find_conversation(&one, Channel::Whatsapp);
    let found = found.unwrap().unwrap();
    assert_eq!(found.contact_id, one);
    assert_eq!(inbox.texts(found.id), ["one"]);
    inbox.assert_sound();
    assert_eq!(inbox.store.erase_contact(&one).unwrap().value, 2);
    assert_eq!(inbox.store.count(&Filter::all()).unwrap(), 2);
    inbox.assert_sound();
}
