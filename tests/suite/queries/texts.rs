//! Cursors, ids and words: printed as they are parsed, and nothing else is parsed.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use convodb::prelude::*;
use convodb::{
    Actor, AssigneeId, Channel, CommitSeq, ConsumerName, ContactId, Content, ConversationId,
    Cursor, EventSeq, Filter, Import, Inbound, Message, MessageId, Note, NoteId, PageRequest,
    ProviderId, Reply, Revision, Status, StatusFilter, TeamId, UserId,
};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::rules::inbox::{Inbox, contact};
use convodb_testkit::text;

/// The text is one of the type's, and is printed as it was given, by serde as well.
fn assert_identity<T>(text: &str)
where
    T: FromStr<Err: Debug> + Display + Debug + PartialEq + Serialize + DeserializeOwned,
{
    let value: T = text.parse().unwrap();
    assert_eq!(value.to_string(), text);
    let json = serde_json::to_string(&value).unwrap();
    assert_eq!(json, serde_json::to_string(text).unwrap());
    assert_eq!(serde_json::from_str::<T>(&json).unwrap(), value);
}

/// No text of the type; and if it is one, it is the only spelling of its value.
fn assert_strict<T>(text: &str)
where
    T: FromStr<Err: Debug> + Display + Debug + PartialEq + Serialize + DeserializeOwned,
{
    match text.parse::<T>() {
        Ok(_) => assert_identity::<T>(text),
        Err(_) => {
            let json = serde_json::to_string(text).unwrap();
            assert!(serde_json::from_str::<T>(&json).is_err(), "{text}");
        }
    }
}

#[test]
fn a_cursor_is_the_time_and_id_of_its_row() {
    let inbox = Inbox::at("2026-04-16T09:10:00.000001Z");
    let id = inbox.conversation();
    let cursor = Cursor::from(&inbox.show(id));
    assert_eq!(cursor.to_string(), format!("1776330600000001.{id}"));
    assert_identity::<Cursor>(&cursor.to_string());
}

#[test]
fn a_cursor_that_no_list_gave_is_refused() {
    let id = "conv_01HABC00000000000000000000";
    for good in [format!("0.{id}"), format!("253402300799999999.{id}")] {
        assert_identity::<Cursor>(&good);
    }
    for bad in [
        String::new(),
        ".".to_owned(),
        id.to_owned(),
        format!(".{id}"),
        "1776330600000001".to_owned(),
        "1776330600000001.".to_owned(),
        format!("1776330600000001,{id}"),
        format!("1776330600000001.{id}."),
        format!("1776330600000001.{id}0"),
        format!(" 1776330600000001.{id}"),
        format!("+1776330600000001.{id}"),
        format!("01776330600000001.{id}"),
        format!("-1.{id}"),
        format!("-0.{id}"),
        format!("1e9.{id}"),
        format!("253402300800000000.{id}"),
        format!("9223372036854775808.{id}"),
        format!("1776330600000001.{}", id.to_lowercase()),
        "1776330600000001.msg_01HABC00000000000000000000".to_owned(),
    ] {
        let refused = bad.parse::<Cursor>().unwrap_err();
        assert_eq!(refused.field(), "cursor");
        assert_eq!(refused.reason(), "must be a cursor as a list gave it");
        assert_strict::<Cursor>(&bad);
    }
}

#[test]
fn a_cursor_goes_on_behind_its_row_in_any_filter_whatever_moved_meanwhile() {
    let inbox = Inbox::new();
    let mut ids = Vec::new();
    for n in 0..10 {
        inbox.later();
        ids.push(inbox.hello(&format!("con_{n}")).conversation_id);
    }
    ids.reverse();
    let request = PageRequest::number(1, 4).unwrap();
    let first = inbox.store.list(&Filter::open(), request).unwrap();
    let next: Cursor = first.next.unwrap().to_string().parse().unwrap();
    // One behind the cursor moves to the top, one before it goes, and so does its own row.
    inbox.later();
    inbox.store.add_note(ids[6], "moved").unwrap();
    inbox.store.delete(ids[1]).unwrap();
    inbox.store.resolve(ids[3]).unwrap();
    let rest = inbox.store.list(&Filter::open(), (next, 100)).unwrap();
    let rest: Vec<_> = rest.data.iter().map(|row| row.id).collect();
    assert_eq!(rest, [ids[4], ids[5], ids[7], ids[8], ids[9]]);
    let other = Filter::all().channel(Channel::Whatsapp).unassigned();
    let rest = inbox.store.list(&other, (next, 2)).unwrap();
    assert_eq!(rest.total, 9);
    let rest: Vec<_> = rest.data.iter().map(|row| row.id).collect();
    assert_eq!(rest, [ids[4], ids[5]]);
}

#[test]
fn ids_order_as_their_texts_do_and_carry_their_parts() {
    let (low, high) = (
        MessageId::from_parts(1, u128::MAX),
        MessageId::from_parts(2, 0),
    );
    assert!(low < high && low.to_string() < high.to_string());
    assert_eq!((low.timestamp_ms(), high.timestamp_ms()), (1, 2));
    let most = NoteId::from_parts(u64::MAX, u128::MAX);
    assert_eq!(most.to_string(), "note_7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
    assert_eq!(most.timestamp_ms(), (1 << 48) - 1);
    assert_eq!(format!("{most:?}"), most.to_string());
    assert_eq!(ConversationId::from_parts(0, 0).to_string().len(), 31);
}

#[test]
fn words_are_printed_as_they_are_parsed() {
    for channel in Channel::ALL {
        assert_identity::<Channel>(channel.as_str());
    }
    for status in Status::ALL {
        assert_identity::<Status>(status.as_str());
    }
    for (text, field) in [
        ("email", "channel"),
        ("", "channel"),
        ("Webchat", "channel"),
    ] {
        assert_eq!(text.parse::<Channel>().unwrap_err().field(), field);
        assert_eq!(text.parse::<Status>().unwrap_err().field(), "status");
        assert_eq!(text.parse::<StatusFilter>().unwrap_err().field(), "status");
    }
}

#[test]
fn every_id_and_reply_is_made_of_a_str_or_a_string() {
    fn same<T>(text: &str)
    where
        T: FromStr + TryFrom<String> + for<'a> TryFrom<&'a str> + Debug + PartialEq,
        <T as FromStr>::Err: Debug,
        <T as TryFrom<String>>::Error: Debug,
        for<'a> <T as TryFrom<&'a str>>::Error: Debug,
    {
        let parsed: T = text.parse().unwrap();
        assert_eq!(T::try_from(text).unwrap(), parsed);
        assert_eq!(T::try_from(text.to_owned()).unwrap(), parsed);
    }
    same::<ContactId>("con_1");
    same::<UserId>("usr_1");
    same::<TeamId>("team_1");
    same::<AssigneeId>("usr_1");
    same::<AssigneeId>("team_1");
    same::<ProviderId>("wamid.1");
    same::<Actor>("api-server");
    same::<ConsumerName>("webhooks");
    same::<ConversationId>("conv_01HABC00000000000000000000");
    same::<MessageId>("msg_01HABC00000000000000000000");
    same::<NoteId>("note_01HABC00000000000000000000");
    for bad in ["", "x_1"] {
        assert!(ContactId::try_from(bad).is_err());
        assert!(ContactId::try_from(bad.to_owned()).is_err());
    }
    let text = "On its way.";
    assert_eq!(Reply::from(text), Reply::from(text.to_owned()));
    assert_eq!(Content::from(text), Content::from(text.to_owned()));
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let texts = ["a str", "a string"];
    inbox.store.reply(id, texts[0]).unwrap();
    inbox.store.reply(id, texts[1].to_owned()).unwrap();
    assert_eq!(inbox.texts(id)[1..], texts);
    inbox.store.add_note(id, texts[0]).unwrap();
    inbox.store.add_note(id, texts[1].to_owned()).unwrap();
    let notes: Vec<_> = inbox.store.notes(id).unwrap().map(Result::unwrap).collect();
    assert_eq!(
        notes.iter().map(|note| &*note.content).collect::<Vec<_>>(),
        texts
    );
}

#[test]
fn numbers_are_printed_as_they_are_parsed() {
    for number in [0, 7, u64::MAX] {
        let text = number.to_string();
        assert_eq!(text.parse(), Ok(EventSeq::new(number)));
        assert_eq!(text.parse(), Ok(CommitSeq::new(number)));
        assert_eq!(text.parse(), Ok(Revision::new(number)));
        assert_eq!(Revision::new(number).to_string(), text);
        assert_eq!(serde_json::to_string(&EventSeq::new(number)).unwrap(), text);
        let read: EventSeq = serde_json::from_str(&text).unwrap();
        assert_eq!(read, EventSeq::new(number));
    }
    for bad in ["", "+1", "-1", " 1", "1.0", "18446744073709551616"] {
        assert!(bad.parse::<EventSeq>().is_err(), "{bad}");
    }
    assert_eq!(EventSeq::new(u64::MAX).next(), EventSeq::new(u64::MAX));
    assert!(Revision::ZERO.is_zero() && !Revision::ZERO.next().is_zero());
}

/// Texts near those that are parsed, and texts that are nothing of the kind.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "(conv|msg|note|con|usr|team)_?[0-9A-Za-z]{0,28}",
        "(conv|msg|note)_[0-9A-HJKMNP-TV-Z]{26}",
        "(conv|msg|note)_\\PC{8,26}",
        "[-+]?[0-9]{0,20}\\.conv_[0-9A-Z]{24,27}",
        "(status|channel|assigned_to|page|limit|\\PC{0,4})=\\PC{0,12}(&\\PC{0,12}=?\\PC{0,12})?",
        "[\\[{\":,}\\]a-z0-9_]{0,40}",
    ]
}

#[test]
fn every_kind_of_text_is_taken_and_its_neighbours_are_refused_or_survive_printing() {
    let mut kinds = std::collections::BTreeSet::new();
    for (kind, example) in text::EXAMPLES {
        let read = |text: &str| text::check(&[&[*kind], text.as_bytes()].concat());
        assert!(read(example), "{example}");
        kinds.insert(*kind);
        for place in (0..example.len()).filter(|place| example.is_char_boundary(*place)) {
            let (before, rest) = example.split_at(place);
            let mut behind = rest.chars();
            behind.next();
            read(before);
            for other in ["", "0", "%", "\u{e9}", "99999999999999999999"] {
                read(&format!("{before}{other}{}", behind.as_str()));
            }
        }
    }
    assert!(kinds.into_iter().eq(0..text::KINDS));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_024))]

    #[test]
    fn arbitrary_text_is_refused_or_survives_printing(kind in 0..text::KINDS, text: String) {
        text::check(&[&[kind], text.as_bytes()].concat());
    }

    #[test]
    fn own_ids_and_cursors_are_printed_as_they_are_parsed(
        millis in 0_u64..1 << 48,
        random: u128,
        micros in 0_i64..=253_402_300_799_999_999,
    ) {
        let id = ConversationId::from_parts(millis, random);
        prop_assert_eq!(id.timestamp_ms(), millis);
        assert_identity::<ConversationId>(&id.to_string());
        assert_identity::<MessageId>(&MessageId::from_parts(millis, random).to_string());
        assert_identity::<NoteId>(&NoteId::from_parts(millis, random).to_string());
        assert_identity::<Cursor>(&format!("{micros}.{id}"));
    }

    #[test]
    fn foreign_ids_are_printed_as_they_are_parsed(rest in "[!-+\\--~]{1,124}") {
        assert_identity::<ContactId>(&format!("con_{rest}"));
        assert_identity::<UserId>(&format!("usr_{rest}"));
        assert_identity::<AssigneeId>(&format!("usr_{rest}"));
        assert_identity::<TeamId>(&format!("t{rest}"));
        assert_identity::<AssigneeId>(&format!("t{rest}"));
        assert_identity::<Actor>(&rest);
        assert_identity::<ProviderId>(&rest);
    }

    #[test]
    fn no_text_makes_a_parser_panic_or_has_two_spellings(text in any_text()) {
        assert_strict::<ConversationId>(&text);
        assert_strict::<MessageId>(&text);
        assert_strict::<NoteId>(&text);
        assert_strict::<ContactId>(&text);
        assert_strict::<UserId>(&text);
        assert_strict::<TeamId>(&text);
        assert_strict::<AssigneeId>(&text);
        assert_strict::<ProviderId>(&text);
        assert_strict::<Actor>(&text);
        assert_strict::<Cursor>(&text);
        assert_strict::<Channel>(&text);
        assert_strict::<Status>(&text);
        assert_strict::<ConsumerName>(&text);
        if let Ok((filter, page)) = Filter::from_query(&text) {
            let printed = filter.to_query(&page);
            prop_assert_eq!(Filter::from_query(&printed).unwrap(), (filter, page));
        }
        if let Ok(status) = text.parse::<StatusFilter>() {
            prop_assert_eq!(status.to_string(), &*text);
        }
        // These need more than such a text has. None may panic.
        prop_assert!(serde_json::from_str::<Import>(&text).is_err());
        prop_assert!(serde_json::from_str::<Message>(&text).is_err());
        prop_assert!(serde_json::from_str::<Note>(&text).is_err());
        prop_assert!(serde_json::from_str::<Inbound>(&text).is_err());
    }

    #[test]
    fn no_text_of_a_message_makes_the_store_panic(text: String, provider_id: String) {
        let inbox = Inbox::new();
        let message = Inbound::text(contact("con_1"), Channel::Webchat, &*text);
        let got = inbox.store.receive(message.provider_id(&*provider_id));
        // What came is stored, whatever it says.
        let is_valid = (1..=512).contains(&provider_id.len());
        prop_assert_eq!(got.is_ok(), is_valid);
        if let Ok(got) = got {
            let stored = inbox.store.transcript(got.value.conversation_id).unwrap().messages;
            prop_assert_eq!(stored[0].content.as_text(), Some(&*text));
            prop_assert_eq!(stored[0].provider_id.as_ref().unwrap().as_str(), &*provider_id);
        }
    }
}
