//! The fields of the JSON, their order, and when they are there; and what is refused when it is read.

use convodb::prelude::*;
use convodb::{
    Actor, Channel, Content, Context, Conversation, Event, Filter, Import, Inbound, Message, Note,
    PageRequest, Receipt, Reply,
};
use serde::Serialize;

use crate::rules::inbox::{Inbox, contact};

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap()
}

#[test]
fn a_time_of_whole_seconds_has_no_fraction_and_every_other_six_digits() {
    for (now, printed) in [
        ("2026-04-16T09:10:00Z", "2026-04-16T09:10:00Z"),
        ("2026-04-16T09:10:00.5Z", "2026-04-16T09:10:00.500000Z"),
        ("2026-04-16T09:10:00.000001Z", "2026-04-16T09:10:00.000001Z"),
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
    ] {
        let inbox = Inbox::at(now);
        let id = inbox.conversation();
        inbox.store.mark_read(id, 1).unwrap();
        let transcript = json(&inbox.store.transcript(id).unwrap());
        let times =
            format!(r#""created_at":"{printed}","updated_at":"{printed}","inbound_count":1,"#);
        assert!(transcript.contains(&times), "{transcript}");
        let opened_at = format!(r#""opened_at":"{printed}"}}"#);
        assert!(transcript.ends_with(&opened_at), "{transcript}");
        let note = json(&inbox.store.add_note(id, "note").unwrap().value);
        let created_at = format!(r#""created_at":"{printed}"}}"#);
        assert!(note.ends_with(&created_at), "{note}");
    }
}

#[test]
fn assigned_to_is_null_or_type_id_and_name() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let shown = |part: &str| {
        let json = json(&inbox.show(id));
        assert!(
            json.contains(&format!(r#","assigned_to":{part},"messages""#)),
            "{json}"
        );
    };
    shown("null");
    let alice = inbox.user("usr_01H111", "Alice \"Support\"");
    inbox.store.assign(id, &alice).unwrap();
    shown(r#"{"type":"user","id":"usr_01H111","name":"Alice \"Support\""}"#);
    let billing = inbox.team("team_billing", "Billing");
    inbox.store.assign(id, &billing).unwrap();
    shown(r#"{"type":"team","id":"team_billing","name":"Billing"}"#);
}

#[test]
fn a_page_is_data_total_and_page_and_then_next_where_there_is_more() {
    let inbox = Inbox::new();
    let empty = inbox.store.list(&Filter::open(), PageRequest::default());
    assert_eq!(json(&empty.unwrap()), r#"{"data":[],"total":0,"page":1}"#);
    inbox.hello("con_1");
    inbox.hello("con_2");
    let list = |page, limit| {
        let request = PageRequest::number(page, limit).unwrap();
        inbox.store.list(&Filter::open(), request).unwrap()
    };
    let whole = list(1, 2);
    let rows: Vec<_> = whole.data.iter().map(json).collect();
    let (first, second) = (&rows[0], &rows[1]);
    assert!(first.contains(r#","messages":[],"#), "{first}");
    assert_eq!(
        json(&whole),
        format!(r#"{{"data":[{first},{second}],"total":2,"page":1}}"#)
    );
    let half = list(1, 1);
    let next = half.next.unwrap();
    assert_eq!(
        json(&half),
        format!(r#"{{"data":[{first}],"total":2,"page":1,"next":"{next}"}}"#)
    );
    assert_eq!(
        json(&list(2, 1)),
        format!(r#"{{"data":[{second}],"total":2,"page":2}}"#)
    );
    assert_eq!(json(&list(9, 1)), r#"{"data":[],"total":2,"page":9}"#);

    let behind = inbox.store.list(&Filter::open(), (next, 1)).unwrap();
    assert_eq!(json(&behind), format!(r#"{{"data":[{second}],"total":2}}"#));
    let first_again: convodb::Cursor = "253402300799999999.conv_7ZZZZZZZZZZZZZZZZZZZZZZZZZ"
        .parse()
        .unwrap();
    let start = inbox.store.list(&Filter::open(), (first_again, 1));
    assert_eq!(
        json(&start.unwrap()),
        format!(r#"{{"data":[{first}],"total":2,"next":"{next}"}}"#)
    );
}

/// A message's JSON from its `direction` on; before it stand the ids.
fn from_direction(message: &Message) -> String {
    let (id, conversation) = (message.id, message.conversation_id);
    let ids = format!(r#"{{"id":"{id}","conversation_id":"{conversation}","#);
    let json = json(message);
    json.strip_prefix(&ids).expect("the ids first").to_owned()
}

#[test]
fn a_messages_fields_are_the_specifications_and_then_those_of_its_type() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    for (number, (content, fields, further)) in [
        (Content::text("Hi"), r#""type":"text","content":"Hi""#, ""),
        (
            Content::template("sale", ["Ada", ""]),
            r#""type":"template""#,
            r#","template_name":"sale","template_params":["Ada",""]"#,
        ),
        (
            Content::template("sale", Vec::<String>::new()).caption("Sale, Ada!"),
            r#""type":"template","content":"Sale, Ada!""#,
            r#","template_name":"sale","template_params":[]"#,
        ),
        (
            Content::image("https://example.com/1.jpg"),
            r#""type":"image""#,
            r#","media_url":"https://example.com/1.jpg""#,
        ),
        (
            Content::image("https://example.com/1.jpg").caption("Me"),
            r#""type":"image""#,
            r#","media_url":"https://example.com/1.jpg","caption":"Me""#,
        ),
        (
            Content::document("https://example.com/1.pdf").caption("March"),
            r#""type":"document""#,
            r#","media_url":"https://example.com/1.pdf","caption":"March""#,
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let created_at = r#""created_at":"2026-04-16T09:00:00Z""#;
        let reply = inbox.store.reply(id, content.clone()).unwrap().value;
        assert_eq!(
            from_direction(&reply),
            format!(r#""direction":"outbound",{fields},"status":"sent",{created_at}{further}}}"#)
        );
        let inbound = Inbound::new(contact("con_01HXYZ"), Channel::Whatsapp, content);
        let inbound = inbox
            .store
            .receive(inbound.provider_id(format!("wamid.{number}/=")))
            .unwrap();
        let provider_id = format!(r#","provider_id":"wamid.{number}/=""#);
        assert_eq!(
            from_direction(&inbound.value),
            format!(
                r#""direction":"inbound",{fields},"status":"delivered",{created_at}{further}{provider_id}}}"#
            )
        );
    }
}

#[test]
fn a_messages_receipts_and_failure_come_last_and_only_where_they_have_a_value() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let reply = Reply::text("Hi").provider_id("wamid.1");
    let sent = inbox.store.reply(id, reply).unwrap().value;
    let mut status = "sent";
    let mut further = r#","provider_id":"wamid.1""#.to_owned();
    let assert_json = |message: &Message, status: &str, further: &str| {
        let common = r#""direction":"outbound","type":"text","content":"Hi""#;
        assert_eq!(
            from_direction(message),
            format!(
                r#"{common},"status":"{status}","created_at":"2026-04-16T09:00:00Z"{further}}}"#
            )
        );
    };
    assert_json(&sent, status, &further);
    for (receipt, now, field) in [
        (Receipt::sent(), "sent", "sent_at"),
        (Receipt::delivered(), "delivered", "delivered_at"),
        (Receipt::read(), "read", "read_at"),
        (Receipt::failed("131026", "lost"), "read", "failed_at"),
    ] {
        let at = inbox.later();
        let recorded = inbox
            .store
            .record_delivery(&sent, receipt)
            .unwrap()
            .value
            .unwrap();
        status = now;
        let at = at.format("%Y-%m-%dT%H:%M:%SZ");
        further += &format!(r#","{field}":"{at}""#);
        if field == "failed_at" {
            further += r#","error":{"code":"131026","message":"lost"}"#;
        }
        assert_json(&recorded, status, &further);
    }
}

#[test]
fn a_notes_author_comes_last_and_only_where_the_command_named_one() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let note = inbox.store.add_note(id, "note").unwrap().value;
    let with_author = Context::new().actor(Actor::new("usr_01H111").unwrap());
    let signed = inbox.store.with(with_author).add_note(id, "note").unwrap();
    let fields = r#""content":"note","created_at":"2026-04-16T09:00:00Z""#;
    for (note, author) in [(note, ""), (signed.value, r#","author":"usr_01H111""#)] {
        assert_eq!(
            json(&note),
            format!(
                r#"{{"id":"{}","conversation_id":"{id}",{fields}{author}}}"#,
                note.id
            )
        );
    }
}

#[test]
fn text_of_any_script_passes_through_as_it_is() {
    let inbox = Inbox::new();
    let text = "\u{0}\u{1f}\"\\/ äé\u{301} 你好 🎉 \u{202e}\r\n\t";
    let message = Inbound::text(contact("con_1"), Channel::Webchat, text);
    let stored = inbox.store.receive(message).unwrap().value;
    assert_eq!(stored.content.as_text(), Some(text));
    let read: Message = serde_json::from_str(&json(&stored)).unwrap();
    assert_eq!(read, stored);
}

/// The least that a message can say, with this in place of its type's fields.
fn message(fields: &str) -> Result<Message, serde_json::Error> {
    let ids = r#""id":"msg_01HMN000000000000000000000","conversation_id":"conv_01HABC00000000000000000000""#;
    let created_at = r#""created_at":"2026-04-16T09:10:00Z""#;
    serde_json::from_str(&format!(
        r#"{{{ids},"direction":"inbound",{fields},{created_at}}}"#
    ))
}

#[test]
fn a_message_that_lacks_what_its_type_needs_or_has_what_is_anothers_is_refused_by_the_field() {
    assert!(message(r#""type":"text","content":"Hi""#).is_ok());
    for (fields, expected) in [
        (r#""type":"text""#, "content: is required"),
        (r#""type":"template""#, "template_name: is required"),
        (r#""type":"image","content":"Hi""#, "media_url: is required"),
        (r#""type":"document""#, "media_url: is required"),
        (
            r#""type":"text","content":"Hi","caption":"Me""#,
            "caption: does not belong",
        ),
        (
            r#""type":"text","content":"Hi","media_url":"https://x""#,
            "media_url: does not belong",
        ),
        (
            r#""type":"text","content":"Hi","template_params":[]"#,
            "template_params: does not belong",
        ),
        (
            r#""type":"image","media_url":"https://x","content":"Hi""#,
            "content: does not belong",
        ),
        (
            r#""type":"image","media_url":"https://x","template_name":"x""#,
            "template_name: does not belong",
        ),
        (r#""type":"poll""#, "poll"),
        (r#""type":"sticker""#, "media_url: is required"),
        (r#""type":"text","content":"Hi","seen":true"#, "seen"),
        (r#""type":"text","content":"Hi","status":"gone""#, "gone"),
        (
            r#""type":"text","content":"Hi","read_at":"yesterday""#,
            "yesterday",
        ),
    ] {
        let error = message(fields).unwrap_err().to_string();
        assert!(error.contains(expected), "{fields}: {error}");
    }
}

#[test]
fn a_conversation_with_an_unknown_or_missing_field_is_refused() {
    let whole = r#"{"id":"conv_01HABC00000000000000000000","contact_id":"con_1","channel":"webchat","status":"open","assigned_to":null,"messages":[],"created_at":"2026-04-16T09:10:00Z","updated_at":"2026-04-16T09:10:00Z"}"#;
    let read = |json: &str| serde_json::from_str::<Import>(json);
    assert!(read(whole).is_ok());
    let unknown = whole.replace(r#""messages""#, r#""starred":1,"messages""#);
    assert!(read(&unknown).unwrap_err().to_string().contains("starred"));
    for field in [
        "id",
        "contact_id",
        "channel",
        "status",
        "created_at",
        "updated_at",
    ] {
        let mut value: serde_json::Value = serde_json::from_str(whole).unwrap();
        value.as_object_mut().unwrap().remove(field);
        let error = serde_json::from_value::<Import>(value).unwrap_err();
        assert!(error.to_string().contains(field), "{field}: {error}");
    }
    for (from, to) in [
        ("webchat", "email"),
        ("\"open\"", "\"closed\""),
        ("con_1", "usr_1"),
        ("conv_01HABC", "conv_01HABO"),
        ("2026-04-16T09:10:00Z", "2026-04-16"),
        ("2026-04-16T09:10:00Z", "1969-12-31T23:59:59Z"),
        ("null", r#"{"type":"team","id":"usr_1","name":"Alice"}"#),
        ("null", r#"{"type":"user","id":"team_1","name":"Alice"}"#),
        ("null", r#"{"type":"user","id":"usr_1"}"#),
        (
            "null",
            r#"{"type":"user","id":"usr_1","name":"A","seen":1}"#,
        ),
    ] {
        assert!(read(&whole.replace(from, to)).is_err(), "{to}");
    }
    let note = r#"{"id":"note_01HPQR00000000000000000000","conversation_id":"conv_01HABC00000000000000000000","content":"note","created_at":"2026-04-16T10:20:00Z"}"#;
    assert!(serde_json::from_str::<Note>(note).is_ok());
    let unknown = note.replace(r#""content""#, r#""pinned":true,"content""#);
    assert!(serde_json::from_str::<Note>(&unknown).is_err());
}

#[test]
fn a_time_with_an_offset_or_more_digits_is_read_as_the_microsecond_it_is() {
    let read = |created_at: &str| {
        let json = format!(
            r#"{{"id":"note_01HPQR00000000000000000000","conversation_id":"conv_01HABC00000000000000000000","content":"note","created_at":"{created_at}"}}"#
        );
        serde_json::from_str::<Note>(&json).map(|note| json_of_time(&note))
    };
    fn json_of_time(note: &Note) -> String {
        serde_json::to_value(note).unwrap()["created_at"]
            .as_str()
            .unwrap()
            .to_owned()
    }
    for (given, printed) in [
        ("2026-04-16T11:10:00+02:00", "2026-04-16T09:10:00Z"),
        (
            "2026-04-16T09:10:00.1234569Z",
            "2026-04-16T09:10:00.123456Z",
        ),
        ("2026-04-16t09:10:00z", "2026-04-16T09:10:00Z"),
    ] {
        assert_eq!(read(given).unwrap(), printed);
    }
    for given in ["2026-04-16T09:10:00", "9999-12-31T23:59:59-01:00", ""] {
        assert!(read(given).is_err(), "{given}");
    }
}

#[test]
fn a_body_that_is_no_object_is_refused() {
    for body in [
        "null",
        "7",
        "\"usr_1\"",
        "[]",
        r#"["usr_1"]"#,
        r#"["usr_1", null]"#,
    ] {
        assert!(serde_json::from_str::<Import>(body).is_err(), "{body}");
        assert!(
            serde_json::from_str::<Conversation>(body).is_err(),
            "{body}"
        );
        assert!(serde_json::from_str::<Event>(body).is_err(), "{body}");
    }
    // The fields of a note, by their order alone.
    let listed = r#"["note_01HPQR00000000000000000000","conv_01HABC00000000000000000000","note","2026-04-16T10:20:00Z",null]"#;
    assert!(serde_json::from_str::<Note>(listed).is_err());
}
