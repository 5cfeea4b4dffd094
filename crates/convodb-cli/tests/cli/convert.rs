//! `convert chatwoot`: the tables of a small account, invented, and what becomes of each row.

use std::path::Path;

use convodb::prelude::*;
use convodb::{ContactId, Inbound, InboxId, Who};
use serde_json::{Value, json};

use super::{Desk, text};

fn tables() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/chatwoot");
    folder.display().to_string()
}

/// The lines, and the reports.
fn converted(desk: &Desk, more: &[&str]) -> (Vec<Value>, Vec<Value>) {
    let tables = tables();
    let arguments = ["convert", "chatwoot", &tables, "--report", "report.ndjson"];
    let output = desk.command(&[&arguments, more].concat()).output().unwrap();
    assert_eq!(text(&output.stderr), "");
    assert_eq!(output.status.code(), Some(1), "some does not fit");
    std::fs::write(desk.path("history.ndjson"), &output.stdout).unwrap();
    let parse = |bytes: &str| {
        bytes
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let report = std::fs::read_to_string(desk.path("report.ndjson")).unwrap();
    (parse(&text(&output.stdout)), parse(&report))
}

fn of<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter_map(|line| line.get(kind)).collect()
}

/// The message that says this, or has this id of the provider.
fn message<'a>(lines: &'a [Value], of_it: &str) -> &'a Value {
    let found = of(lines, "message")
        .into_iter()
        .find(|message| message["provider_id"] == of_it || message["content"] == of_it);
    assert!(found.is_some(), "there is no {of_it}");
    found.unwrap()
}

#[test]
fn the_directory_the_inboxes_and_one_conversation_for_each_thread_come_first() {
    let desk = Desk::new();
    let (lines, _) = converted(&desk, &["--map-inbox", "4=webchat:inb_bots"]);
    assert_eq!(
        lines[0],
        json!({"inbox": {"id": "inb_chatwoot_1", "channel": "whatsapp", "name": "WhatsApp +49"}})
    );
    let inboxes: Vec<_> = of(&lines, "inbox")
        .iter()
        .map(|it| it["id"].clone())
        .collect();
    assert_eq!(
        inboxes,
        [
            "inb_chatwoot_1",
            "inb_chatwoot_2",
            "inb_bots",
            "inb_chatwoot_5",
            "inb_chatwoot_6"
        ]
    );
    assert_eq!(
        of(&lines, "user")[1],
        &json!({"id": "usr_chatwoot_4", "name": "bob@example.com"})
    );
    assert_eq!(
        of(&lines, "team"),
        [&json!({"id": "team_chatwoot_2", "name": "Billing"})]
    );
    let conversations = of(&lines, "conversation");
    assert_eq!(conversations.len(), 5);
    assert_eq!(
        conversations[0],
        &json!({
            "contact_id": "con_chatwoot_10", "channel": "whatsapp", "inbox_id": "inb_chatwoot_1",
            "status": "open", "priority": "urgent", "tags": ["vip", "shipping", "refund"], "unread": 3,
            "assigned_to": {"type": "user", "id": "usr_chatwoot_3", "name": "Alice Support"}, "team": {"id": "team_chatwoot_2", "name": "Billing"},
            "metadata": {
                "chatwoot.display_id": 2, "order": 1042, "items": r#"["a","b"]"#,
                "referer": "https://example.com/", "browser.name": "Firefox",
            },
        })
    );
    let pending = conversations[1];
    assert_eq!(
        (&pending["status"], &pending["metadata"]["chatwoot.status"]),
        (&json!("open"), &json!("pending"))
    );
    assert_eq!(pending["team"]["id"], "team_chatwoot_2");
    assert_eq!(pending["read_until"], "2024-03-02T10:00:00Z");
    let snoozed = conversations[2];
    assert_eq!(snoozed["snoozed_until"], "2030-01-01T00:00:00Z");
}

#[test]
fn messages_keep_what_they_say_who_wrote_them_and_what_they_answer() {
    let desk = Desk::new();
    let (lines, _) = converted(&desk, &["--media-url", "https://files.example.com/"]);
    let first = message(&lines, "wamid.1");
    assert_eq!(first["content"], "Where is my parcel? 📦 \"soon\"\nthanks");
    assert_eq!(
        (&first["direction"], &first["sent_at"]),
        (&json!("inbound"), &json!("2024-02-01T08:00:00.123456Z"))
    );
    assert!(first.get("status").is_none() && first.get("author").is_none());
    let answer = message(&lines, "wamid.2");
    assert_eq!(answer["reply_to"], json!({"provider_id": "wamid.1"}));
    assert_eq!(
        answer["author"],
        json!({"type": "user", "id": "usr_chatwoot_3"})
    );
    assert_eq!(
        (&answer["status"], &answer["direction"]),
        (&json!("read"), &json!("outbound"))
    );
    let activity = message(&lines, "Conversation was marked resolved by Alice Support");
    assert_eq!(
        (&activity["type"], &activity["system"]["kind"]),
        (&json!("system"), &json!("chatwoot.activity"))
    );
    assert_eq!(activity["id"], "chatwoot-1003");
    let note = of(&lines, "note");
    assert_eq!(note.len(), 1);
    assert_eq!(
        (&note[0]["content"], &note[0]["author"]),
        (
            &json!("Customer is upset, be kind."),
            &json!("usr_chatwoot_3")
        )
    );
    let failed = message(&lines, "wamid.4");
    assert_eq!(
        (&failed["status"], &failed["error"]["message"]),
        (&json!("failed"), &json!("131026: undeliverable"))
    );
    assert_eq!(
        failed["attachments"][0],
        json!({"kind": "audio", "url": "https://files.example.com/k1ogg",
        "mime_type": "audio/ogg", "file_name": "voice.ogg", "size": 2048})
    );
    let template = message(&lines, "wamid.5");
    assert_eq!(
        (&template["type"], &template["template_params"]),
        (&json!("template"), &json!(["Ada", "1042"]))
    );
    assert_eq!(
        template["author"],
        json!({"type": "bot", "id": "AgentBot_2"})
    );
    assert_eq!(template["metadata"], json!({"campaign_id": 8}));
    let album = message(&lines, "wamid.6");
    assert_eq!(
        (&album["type"], &album["caption"]),
        (&json!("image"), &json!("these three"))
    );
    let kinds: Vec<_> = album["attachments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["kind"].clone())
        .collect();
    assert_eq!(kinds, ["image", "image", "document"]);
    let deleted = message(&lines, "wamid.7");
    assert_eq!(
        (&deleted["content"], &deleted["revoked_at"]),
        (&json!(""), &json!("2024-03-01T08:42:00Z"))
    );
    assert_eq!(
        message(&lines, "wamid.8")["location"]["name"],
        "Ulm Minster"
    );
    let card = json!([{"name": "Dora Demo", "phones": [{"number": "+491700000009"}]}]);
    assert_eq!(message(&lines, "wamid.9")["contacts"], card);
    let asked = message(&lines, "How can we help?");
    assert_eq!(asked["author"], json!({"type": "bot", "name": "Chatwoot"}));
    assert_eq!(asked["raw"]["content_type"], "input_select");
    assert_eq!(
        message(&lines, "Second line")["metadata"],
        json!({"chatwoot.in_reply_to": 1013})
    );
    let story = message(&lines, "ig_1");
    assert_eq!(
        (&story["type"], &story["attachments"][0]["subtype"]),
        (&json!("link"), &json!("story_mention"))
    );
}

#[test]
fn what_does_not_fit_is_reported_by_table_row_and_field() {
    let desk = Desk::new();
    let (_, report) = converted(&desk, &[]);
    let reported: Vec<_> = report
        .iter()
        .map(|it| {
            let text = |name: &str| it[name].as_str().unwrap().to_owned();
            format!("{} {} {}", text("table"), it["id"], text("field"))
        })
        .collect();
    let expected = [
        "inboxes 3 channel_type",
        "inboxes 4 channel_type",
        "contacts 13 phone_number",
        "contacts 13 phone_number",
        "contacts 14 created_at",
        "conversations 101 note",
        "conversations 100 custom_attributes",
        "conversations 103 assignee_id",
        "attachments 4 external_url",
        "messages 1015 content_type",
        "messages 1016 sender_id",
        "messages 1020 conversation_id",
        "messages 21 line",
    ];
    assert_eq!(reported, expected);
    let reason = report[0]["reason"].as_str().unwrap();
    assert!(
        reason.contains("Channel::Email") && reason.contains("--map-inbox 3="),
        "{reason}"
    );
    let tables = tables();
    let output = desk.command(&["convert", "chatwoot", &tables]).output();
    let printed = text(&output.unwrap().stderr);
    let last = printed.lines().last().unwrap();
    assert_eq!(last, "messages.ndjson:21 is not JSON");
}

#[test]
fn contacts_keep_their_names_what_channels_call_them_and_their_attributes() {
    let desk = Desk::new();
    let (lines, _) = converted(&desk, &[]);
    let whatsapp = |value: &str| json!({"channel": "whatsapp", "value": value});
    assert_eq!(
        of(&lines, "contact"),
        [
            &json!({"id": "con_chatwoot_10", "name": "Ada Example",
                "identities": [whatsapp("491700000001"), whatsapp("+491700000001")],
                "created_at": "2024-01-31T12:00:00Z",
                "metadata": {"phone_number": "+491700000001", "identifier": "crm-77",
                    "plan": "pro", "seats": 5, "city": "Ulm"}}),
            &json!({"id": "con_chatwoot_11", "name": "Ben Sample",
                "identities": [{"channel": "webchat", "value": "0b7c6f0e"}],
                "created_at": "2024-03-01T07:59:00.500Z",
                "metadata": {"email": "ben@example.com"}}),
            // The table does not say since when.
            &json!({"id": "con_chatwoot_12", "name": "Cleo", "created_at": "2024-03-01T08:00:00Z"}),
            &json!({"id": "con_chatwoot_13", "created_at": "2024-04-01T00:00:00Z",
                "metadata": {"email": "none@example.com", "phone_number": "+491700000001"}}),
        ]
    );
}

#[test]
fn the_next_message_of_an_identity_joins_the_conversation_that_was_imported() {
    let desk = Desk::new();
    converted(&desk, &[]);
    desk.ok(&["import", "--lines", "history.ndjson", "one.redb"]);
    assert_eq!(desk.json(&["stats", "one.redb"])["contacts"], 4);
    let store = Store::open(desk.path("one.redb")).unwrap();
    let inbox = InboxId::new("inb_chatwoot_1").unwrap();
    let ada = ContactId::new("con_chatwoot_10").unwrap();
    let before = store
        .find_conversation(&ada, inbox.clone())
        .unwrap()
        .unwrap();
    for number in ["491700000001", "+491700000001"] {
        let who = Who::identities([number]);
        let message = Inbound::text(who, inbox.clone(), "It came.");
        let received = store.receive(message).unwrap().value;
        assert_eq!(received.conversation_id, before.id);
    }
    let after = store.conversation(before.id).unwrap();
    assert_eq!(after.inbound_count, before.inbound_count + 2);
    assert_eq!(
        store.contact(&ada).unwrap().name.as_deref(),
        Some("Ada Example")
    );
}

#[test]
fn the_lines_go_into_a_store_once() {
    let desk = Desk::new();
    let (lines, _) = converted(
        &desk,
        &[
            "--map-inbox",
            "3=webchat",
            "--map-inbox",
            "4=webchat:inb_bots",
        ],
    );
    let import = ["import", "--lines", "history.ndjson", "one.redb"];
    let done = desk.json(&import);
    assert_eq!(
        (&done["created"], &done["failed"]),
        (&json!(lines.len()), &json!(0))
    );
    let exported = desk.ok(&["export", "one.redb"]);
    let again = desk.json(&[&import[..], &["--again"]].concat());
    assert_eq!(again["duplicates"], lines.len(), "{again}");
    assert_eq!(desk.ok(&["export", "one.redb"]), exported);
    desk.ok(&["verify", "one.redb"]);
    let whole: Vec<Value> = exported
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let ada = whole
        .iter()
        .find(|it| it["contact_id"] == "con_chatwoot_10")
        .unwrap();
    assert_eq!(ada["messages"].as_array().unwrap().len(), 10);
    assert_eq!(ada["notes"][0]["content"], "Customer is upset, be kind.");
    assert_eq!(
        (&ada["unread_count"], &ada["updated_at"]),
        (&json!(3), &json!("2024-03-01T08:44:00Z"))
    );
}

#[test]
fn a_missing_table_and_a_wrong_place_are_named() {
    let desk = Desk::new();
    let message = desk.failure(3, &["convert", "chatwoot", "."]);
    assert!(
        message.contains("inboxes.ndjson") && message.contains("--help"),
        "{message}"
    );
    let message = desk.failure(2, &["convert", "chatwoot", ".", "--map-inbox", "1=fax"]);
    assert!(message.contains("--map-inbox 1=fax"), "{message}");
}

#[test]
fn inboxes_that_go_to_one_place_share_the_thread_of_a_contact_and_its_latest_state() {
    let desk = Desk::new();
    let rows = |name: &str, lines: &[Value]| {
        let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
        std::fs::write(desk.path(&format!("{name}.ndjson")), lines).unwrap();
    };
    for name in ["teams", "attachments", "contact_inboxes"] {
        rows(name, &[]);
    }
    rows(
        "inboxes",
        &[
            json!({"id": 2, "name": "Mail", "channel_type": "Channel::Email"}),
            json!({"id": 3, "name": "SMS", "channel_type": "Channel::TwilioSms"}),
        ],
    );
    rows("contacts", &[json!({"id": 10, "name": "Ada"})]);
    rows(
        "users",
        &[
            json!({"id": 5, "name": "Al"}),
            json!({"id": 6, "name": "Bo"}),
        ],
    );
    let (begun, last) = ("2024-01-01T00:00:00", "2024-03-02T00:00:00");
    rows(
        "conversations",
        &[
            json!({"id": 101, "contact_id": 10, "inbox_id": 2, "status": 1, "assignee_id": 5,
                "created_at": begun, "last_activity_at": "2024-02-02T00:00:00"}),
            json!({"id": 102, "contact_id": 10, "inbox_id": 3, "status": 3, "assignee_id": 6,
                "created_at": begun, "last_activity_at": last}),
        ],
    );
    let message = |id: u64, of: u64, at: &str| {
        json!({"id": id, "conversation_id": of, "content": "Hello", "message_type": 0,
            "created_at": at})
    };
    rows(
        "messages",
        &[
            message(2, 101, "2024-02-01T00:00:00"),
            message(3, 102, "2024-03-01T00:00:00"),
        ],
    );
    let directory = desk.path(".").display().to_string();
    let maps = ["--map-inbox", "2=webchat", "--map-inbox", "3=webchat"];
    let arguments = [&["convert", "chatwoot", &directory], &maps[..]].concat();
    let output = desk.command(&arguments).output().unwrap();
    std::fs::write(desk.path("history.ndjson"), &output.stdout).unwrap();
    desk.ok(&["import", "--lines", "history.ndjson", "one.redb"]);
    let store = desk.open("one.redb");
    let ada = ContactId::new("con_chatwoot_10").unwrap();
    let found = store.conversations_of(&ada).unwrap();
    assert_eq!(found.len(), 1);
    let found = store.transcript(found[0].id).unwrap();
    assert_eq!(found.messages.len(), 2);
    let known = &found.conversation;
    assert_eq!(known.status, convodb::Status::Open);
    assert_eq!(known.assignee_id().unwrap().as_str(), "usr_chatwoot_6");
    assert_eq!(known.unread_count, 1);
    // Snoozed without an end, which the store has not.
    let metadata = &known.attributes.as_ref().unwrap().metadata;
    assert_eq!(metadata.get("chatwoot.status"), Some(&"snoozed".into()));
}
