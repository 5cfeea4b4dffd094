//! Golden files: the bytes of every record and change, as they are stored.
//!
//! `tests/golden` has a file for each version of each record, and for each variant of the append-only
//! enums: a line of JSON, then the payload in hexadecimal. The current version must be written so, and
//! every version must be read so. A file is added, never edited: `UPDATE_GOLDEN=1` writes the missing
//! ones.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use convodb_core::codec::{self, Record};
use convodb_core::records::*;
use convodb_core::*;
use serde_json::Value;

use crate::given::{alice, bob, contact, conversation, id, now};
use crate::records::{
    assignee_record, contact_record, deliveries, every_field, kinds, messages,
    messages_of_a_second, note, view_records,
};

/// What a golden file has: its JSON and its bytes.
#[derive(Debug, PartialEq)]
struct Golden {
    json: String,
    bytes: Vec<u8>,
}

impl Golden {
    fn parse(text: &str) -> Self {
        let (json, hex) = text.split_once('\n').unwrap();
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        let byte =
            |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        Self {
            json: json.to_owned(),
            bytes: digits.chunks(2).map(byte).collect(),
        }
    }

    fn print(&self) -> String {
        let lines = self.bytes.chunks(32).map(|line| format!("{}\n", Hex(line)));
        format!("{}\n{}", self.json, lines.collect::<String>())
    }
}

type Decode = fn(u8, &[u8]) -> String;

/// The goldens of the current versions by name, and how any version of each name is read.
#[derive(Default)]
struct Goldens {
    current: BTreeMap<String, Golden>,
    decode: BTreeMap<String, Decode>,
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap()
}

impl Goldens {
    fn add(&mut self, name: &str, version: u8, golden: Golden, decode: Decode) {
        let file = format!("{name}.v{version}.golden");
        assert_eq!(self.current.insert(file, golden), None, "{name} is twice");
        self.decode.insert(name.to_owned(), decode);
    }

    fn record<R: Record + serde::Serialize>(&mut self, name: &str, record: &R) {
        let mut bytes = Vec::new();
        record.encode(&mut bytes).unwrap();
        let json = json(record);
        let decode = |version, payload: &[u8]| self::json(&R::decode(version, payload).unwrap());
        self.add(name, R::VERSION, Golden { json, bytes }, decode);
    }

    /// A message record has no JSON: it is that of the message under some key.
    fn message(&mut self, name: &str, message: &Message) {
        let under_key = |record: MessageRecord<'_>| {
            json(&record.into_message(id(1), now(), MessageId::from_parts(7, 1)))
        };
        let decode = |version, payload: &[u8]| {
            let record = MessageRecord::decode(version, payload).unwrap();
            json(&record.into_message(id(1), now(), MessageId::from_parts(7, 1)))
        };
        let record = MessageRecord::from(message);
        let mut bytes = Vec::new();
        record.encode(&mut bytes).unwrap();
        let json = under_key(record);
        self.add(name, MessageRecord::VERSION, Golden { json, bytes }, decode);
    }

    fn change(&mut self, name: &str, kind: ChangeKind) {
        // A change with a record is read by the version of the record, which is before its payload.
        let version = match &kind {
            ChangeKind::ConversationImported(_) => ConversationRecord::VERSION,
            ChangeKind::MessageAppended(_) | ChangeKind::MessageImported(_) => {
                MessageRecord::VERSION
            }
            ChangeKind::NoteAdded(_) | ChangeKind::NoteImported(_) => NoteRecord::VERSION,
            _ => 1,
        };
        let change = Change {
            at: now(),
            actor: Some(Actor::new("ops").unwrap()),
            kind,
        };
        let mut bytes = Vec::new();
        codec::to_bytes(&change, &mut bytes).unwrap();
        let json = json(&change);
        let decode = |_, payload: &[u8]| self::json(&codec::from_bytes::<Change>(payload).unwrap());
        self.add(name, version, Golden { json, bytes }, decode);
    }
}

/// A new variant needs a name here, and a value in [`kinds`].
fn name_of_change(kind: &ChangeKind) -> &'static str {
    match kind {
        ChangeKind::ConversationCreated { .. } => "conversation_created",
        ChangeKind::ConversationUpdated { .. } => "conversation_updated",
        ChangeKind::ConversationDeleted { .. } => "conversation_deleted",
        ChangeKind::ConversationImported(_) => "conversation_imported",
        ChangeKind::MessageAppended(_) => "message_appended",
        ChangeKind::MessageUpdated { .. } => "message_updated",
        ChangeKind::NoteAdded(_) => "note_added",
        ChangeKind::NoteRemoved { .. } => "note_removed",
        ChangeKind::FieldUnmatched { .. } => "field_unmatched",
        ChangeKind::UnmatchedPurged { .. } => "unmatched_purged",
        ChangeKind::AssigneeSaved { .. } => "assignee_saved",
        ChangeKind::AssigneeRemoved { .. } => "assignee_removed",
        ChangeKind::Reassigned { .. } => "reassigned",
        ChangeKind::KeyRecorded { .. } => "key_recorded",
        ChangeKind::KeysPurged { .. } => "keys_purged",
        ChangeKind::ConsumerMoved { .. } => "consumer_moved",
        ChangeKind::ConsumerRemoved { .. } => "consumer_removed",
        ChangeKind::EventsPurged { .. } => "events_purged",
        ChangeKind::InboxSaved { .. } => "inbox_saved",
        ChangeKind::MessageImported(_) => "message_imported",
        ChangeKind::NoteImported(_) => "note_imported",
        ChangeKind::MessageCompleted { .. } => "message_completed",
        ChangeKind::ConversationCompleted { .. } => "conversation_completed",
        ChangeKind::LinesImported { .. } => "lines_imported",
        ChangeKind::ImportAdvanced { .. } => "import_advanced",
        ChangeKind::ContactUpdated { .. } => "contact_updated",
        ChangeKind::ContactConflict { .. } => "contact_conflict",
        ChangeKind::ContactErased { .. } => "contact_erased",
        ChangeKind::ContactMerged { .. } => "contact_merged",
        ChangeKind::ConversationMerged { .. } => "conversation_merged",
        ChangeKind::ViewSaved(_) => "view_saved",
        ChangeKind::ViewRemoved { .. } => "view_removed",
        ChangeKind::ViewBuilt { .. } => "view_built",
        ChangeKind::ViewRowsRemoved { .. } => "view_rows_removed",
    }
}

fn add_records(goldens: &mut Goldens) {
    let mut known = conversation(1);
    known.inbound_count = 3;
    known.unread_count = 1;
    known.revision = Revision::new(300);
    let (at, actor) = (now(), Some(Actor::new("ops").unwrap()));
    let numbers = Numbers {
        inbox: known.channel.into(),
        owner: 7,
        team: 8,
    };
    goldens.record("conversation", &ConversationRecord::new(&known, numbers));
    goldens.record("note", &NoteRecord::from(&note()));
    goldens.record("assignee", &assignee_record());
    let record = InboxRecord {
        number: InboxNumber::new(4),
        channel: known.channel,
        name: "Sales".to_owned(),
    };
    goldens.record("inbox", &record);
    goldens.record("thread", &id(1));
    goldens.record("message_time", &MessageTimeRecord { order_time: at });
    goldens.record("consumer", &EventSeq::new(7));
    goldens.record("import", &ImportProgress::new(7, 1));
    goldens.record("contact", &contact_record());
    goldens.record("identity", &contact());
    for (name, record) in ["new", "building", "complete"].iter().zip(view_records()) {
        goldens.record(&format!("view.{name}"), &record);
    }
    let step = RedirectStep {
        successor: Some(bob()),
        owner: 7,
        at,
        actor,
    };
    let (removed, steps) = (alice(), vec![step]);
    goldens.record("redirect", &RedirectRecord { removed, steps });
    let mut unmatched = Unmatched::new(at);
    unmatched.deliveries = deliveries();
    let message = ProviderIdState::Message(id(1), MessageId::from_parts(1, 1));
    goldens.record("provider_id.message", &message);
    goldens.record(
        "provider_id.unmatched",
        &ProviderIdState::Unmatched(Box::new(unmatched)),
    );
    goldens.record("provider_id.tombstone", &ProviderIdState::Tombstone);
    let messages = messages().into_iter().chain(messages_of_a_second());
    for (number, message) in messages.enumerate() {
        goldens.message(&format!("message.{number}"), &message);
    }
}

fn add_subjects(goldens: &mut Goldens) {
    let each = vec![(id(1), None), (id(2), Some(Effect::new(true, false, true)))];
    for (name, subject) in [
        ("nothing", Subject::Nothing),
        ("count", Subject::Count(7)),
        ("position", Subject::Position(EventSeq::new(7))),
        ("conversation", Subject::Conversation(id(1))),
        (
            "message",
            Subject::Message(id(1), MessageId::from_parts(1, 1)),
        ),
        (
            "note",
            Subject::Note(id(1), now(), NoteId::from_parts(1, 1)),
        ),
        ("assignee", Subject::Assignee(alice())),
        ("each", Subject::Each(each)),
        ("inbox", Subject::Inbox(InboxId::new("inb_sales").unwrap())),
        ("contact", Subject::Contact(contact())),
        ("view", Subject::View(ViewId::new("view_vip").unwrap())),
    ] {
        let record = IdempotencyRecord {
            at: now(),
            fingerprint: [7; 16],
            subject,
            effect: Effect::new(true, true, false),
        };
        goldens.record(&format!("idempotency.{name}"), &record);
    }
}

fn add_events(goldens: &mut Goldens) {
    let (message_id, note_id) = (MessageId::from_parts(1, 1), NoteId::from_parts(1, 1));
    for kind in [
        EventKind::ConversationCreated {
            status: Status::Resolved,
            assigned_to: Some(alice()),
        },
        EventKind::ConversationAssigned {
            assigned_to: alice(),
            previously_assigned_to: Some(bob()),
        },
        EventKind::ConversationUnassigned {
            previously_assigned_to: bob(),
        },
        EventKind::ConversationResolved,
        EventKind::ConversationReopened,
        EventKind::ConversationDeleted,
        EventKind::MessageReceived { message_id },
        EventKind::MessageSent { message_id },
        EventKind::MessageDelivered { message_id },
        EventKind::MessageRead { message_id },
        EventKind::MessageFailed { message_id },
        EventKind::NoteAdded { note_id },
        EventKind::ConversationImported { messages: 7 },
    ] {
        let name = format!("event.{}", kind.as_str());
        let event = NewEvent {
            at: now(),
            actor: Some(Actor::new("ops").unwrap()),
            subject: id(1).into(),
            effective_at: Some(now()),
            kind,
        };
        goldens.record(&name, &event);
    }
    let other = ContactId::new("con_2").unwrap();
    for (subject, kind) in [
        (contact().into(), EventKind::ContactCreated),
        (contact().into(), EventKind::ContactConflict { with: other }),
        (EventSubject::Erased, EventKind::ContactErased),
        (id(1).into(), EventKind::ConversationMerged { into: id(2) }),
    ] {
        let name = format!("event.{}", kind.as_str());
        let event = NewEvent {
            at: now(),
            actor: None,
            subject,
            effective_at: None,
            kind,
        };
        goldens.record(&name, &event);
    }
}

fn add_changes(goldens: &mut Goldens) {
    for kind in kinds() {
        // Each attribute has a file of its own, so that another one edits none.
        if let ChangeKind::ConversationUpdated { .. } = kind {
            continue;
        }
        goldens.change(&format!("change.{}", name_of_change(&kind)), kind);
    }
    for (name, field) in every_field() {
        let (conversation, set) = (id(1), vec![field]);
        let updated = ChangeKind::ConversationUpdated { conversation, set };
        goldens.change(&format!("field.{name}"), updated);
    }
}

fn goldens() -> Goldens {
    let mut goldens = Goldens::default();
    add_records(&mut goldens);
    add_subjects(&mut goldens);
    add_events(&mut goldens);
    add_changes(&mut goldens);
    goldens
}

/// Whether a value has all that another has. A record of an earlier version lacks later fields.
fn is_within(known: &Value, read: &Value) -> bool {
    match (known, read) {
        (Value::Object(known), Value::Object(read)) => known
            .iter()
            .all(|(name, value)| read.get(name).is_some_and(|read| is_within(value, read))),
        (known, read) => known == read,
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

#[test]
fn the_current_version_of_everything_is_written_as_its_golden_file_has_it() {
    let current = goldens().current;
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        for (file, golden) in &current {
            let path = folder().join(file);
            if !path.exists() {
                fs::write(path, golden.print()).unwrap();
            }
        }
    }
    for (file, golden) in current {
        let path = folder().join(&file);
        let known = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(golden, Golden::parse(&known), "{file}");
    }
}

#[test]
fn every_golden_file_is_read_as_its_json() {
    let goldens = goldens();
    for entry in fs::read_dir(folder()).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let (name, version) = file
            .strip_suffix(".golden")
            .and_then(|name| name.rsplit_once(".v"))
            .unwrap_or_else(|| panic!("{file} is no golden file"));
        let decode = goldens
            .decode
            .get(name)
            .unwrap_or_else(|| panic!("nothing reads {file}"));
        let known = Golden::parse(&fs::read_to_string(folder().join(&file)).unwrap());
        let read = decode(version.parse().unwrap(), &known.bytes);
        let [known, read] = [&known.json, &read].map(|json| serde_json::from_str(json).unwrap());
        assert!(is_within(&known, &read), "{file}: {read}");
    }
}
