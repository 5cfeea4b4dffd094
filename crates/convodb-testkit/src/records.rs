//! Arbitrary bytes as records and changes: each is refused, or is the same after it was encoded again.

use std::fmt::Debug;

use chrono::{DateTime, Utc};
use convodb::{
    Actor, Assignee, AssigneeId, Channel, Content, Conversation, ConversationId, Deliveries,
    DeliveryStatus, Direction, Effect, EventKind, EventSeq, Extras, Failure, Filter, InboxId,
    Message, MessageId, Note, NoteId, ProviderId, Revision, Sort, Status, TagFilter, UserId, View,
};
use convodb_core::codec::{self, CodecError, Record};
use convodb_core::records::{
    AssigneeRecord, ConversationRecord, MessageRecord, MessageTimeRecord, NoteRecord, Numbers,
    RedirectRecord, RedirectStep, ViewBuilt, ViewRecord,
};
use convodb_core::{
    Change, ChangeKind, Delivery, Field, History, IdempotencyKey, IdempotencyRecord, Import,
    ImportName, ImportProgress, MessageField, NewEvent, ProviderIdState, Subject, Unmatched,
};

use super::fixture::clock;

/// How many kinds of records there are, a change being one; the first byte chooses one.
pub const KINDS: u8 = 13;
/// From this first byte on, the second one is the version of the record.
const VERSIONED: u8 = 240;

/// Decodes bytes as the kind of record that the first of them chooses; whether they were accepted.
///
/// # Panics
///
/// Where what was decoded is another after it was encoded again.
pub fn check(data: &[u8]) -> bool {
    let Some((kind, payload)) = data.split_first() else {
        return false;
    };
    let (version, payload) = match (*kind >= VERSIONED, payload.split_first()) {
        (true, Some((version, payload))) => (Some(*version), payload),
        _ => (None, payload),
    };
    match kind % KINDS {
        0 => conversation(version, payload),
        1 => message(version, payload),
        2 => note(version, payload),
        3 => record::<AssigneeRecord>(version, payload).is_some(),
        4 => record::<ConversationId>(version, payload).is_some(),
        5 => record::<MessageTimeRecord>(version, payload).is_some(),
        6 => record::<EventSeq>(version, payload).is_some(),
        7 => record::<RedirectRecord>(version, payload).is_some(),
        8 => record::<ProviderIdState>(version, payload).is_some(),
        9 => record::<IdempotencyRecord>(version, payload).is_some(),
        10 => event(version, payload),
        11 => change(payload),
        _ => record::<ViewRecord>(version, payload).is_some(),
    }
}

/// A record, if the bytes are one. It survives being encoded, and has one encoding.
fn record<R: Record + PartialEq + Debug>(version: Option<u8>, payload: &[u8]) -> Option<R> {
    let decoded = R::decode(version.unwrap_or(R::VERSION), payload).ok()?;
    let encoded = encoded(|bytes| decoded.encode(bytes));
    let again = R::decode(R::VERSION, &encoded).expect("what was encoded is a record");
    assert_eq!(again, decoded, "after it was encoded");
    assert_eq!(self::encoded(|bytes| again.encode(bytes)), encoded);
    Some(decoded)
}

fn encoded(encode: impl FnOnce(&mut Vec<u8>) -> Result<(), CodecError>) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(&mut bytes).expect("a record has an encoding");
    bytes
}

/// A conversation that is one under its key is the same record again.
fn conversation(version: Option<u8>, payload: &[u8]) -> bool {
    let Some(decoded) = record::<ConversationRecord>(version, payload) else {
        return false;
    };
    let (numbers, home) = (decoded.numbers, (Channel::Webchat, None));
    if let Ok(conversation) = decoded
        .clone()
        .into_conversation(ids().0, home, (None, None))
    {
        assert_eq!(ConversationRecord::new(&conversation, numbers), decoded);
    }
    true
}

fn message(version: Option<u8>, payload: &[u8]) -> bool {
    let Some(decoded) = record::<MessageRecord<'_>>(version, payload) else {
        return false;
    };
    let (of, id, _) = ids();
    let message = decoded.clone().into_message(of, now(), id);
    assert_eq!(
        encoded(|bytes| MessageRecord::from(&message).encode(bytes)),
        encoded(|bytes| decoded.encode(bytes)),
    );
    true
}

fn note(version: Option<u8>, payload: &[u8]) -> bool {
    let Some(decoded) = record::<NoteRecord<'_>>(version, payload) else {
        return false;
    };
    let (of, _, id) = ids();
    let note = decoded.clone().into_note(of, now(), id);
    assert_eq!(NoteRecord::from(&note), decoded);
    true
}

fn event(version: Option<u8>, payload: &[u8]) -> bool {
    let Some(decoded) = record::<NewEvent>(version, payload) else {
        return false;
    };
    let event = decoded.clone().numbered(EventSeq::new(7));
    let again = NewEvent {
        at: event.at,
        actor: event.actor,
        subject: event.subject,
        effective_at: event.effective_at,
        kind: event.kind,
    };
    assert_eq!(again, decoded);
    true
}

fn change(payload: &[u8]) -> bool {
    let Ok(decoded) = codec::from_bytes::<Change>(payload) else {
        return false;
    };
    decoded.keys(&mut Vec::new());
    let encoded = encoded(|bytes| codec::to_bytes(&decoded, bytes));
    let again = codec::from_bytes::<Change>(&encoded).expect("it was just encoded");
    assert_eq!(again, decoded, "after it was encoded");
    true
}

fn now() -> DateTime<Utc> {
    clock().get()
}

fn ids() -> (ConversationId, MessageId, NoteId) {
    let millis = 1_776_330_600_000;
    (
        ConversationId::from_parts(millis, 1),
        MessageId::from_parts(millis, 2),
        NoteId::from_parts(millis, 3),
    )
}

fn alice() -> AssigneeId {
    AssigneeId::new("usr_alice").unwrap()
}

fn provider_id() -> ProviderId {
    ProviderId::new("wamid.1").unwrap()
}

/// Of each kind of content, one with all that a message can have.
fn messages() -> Vec<Message> {
    let contents = [
        Content::text("Hello ✓"),
        Content::template("spring", ["Ada", ""]).caption("Hello Ada"),
        Content::image("https://example.com/1.jpg"),
        Content::document("https://example.com/1.pdf").caption("One"),
    ];
    let of = |content| Message::new(ids().1, ids().0, Direction::Outbound, content, now());
    let mut messages: Vec<_> = contents.into_iter().map(of).collect();
    messages[0].provider_id = Some(provider_id());
    messages[0].status = DeliveryStatus::Failed;
    messages[0].deliveries = deliveries();
    messages
}

fn deliveries() -> Deliveries {
    let mut deliveries = Deliveries::default();
    deliveries.sent_at = Some(now());
    deliveries.failed_at = Some(now());
    deliveries.failure = Some(Box::new(Failure::new("131026", "undeliverable")));
    deliveries
}

fn known() -> Conversation {
    let contact = super::op::contact(1);
    let mut known = Conversation::new(ids().0, contact, Channel::Webchat, now());
    known.status = Status::Resolved;
    known.assigned_to = Some(Assignee::new(alice(), ""));
    known.revision = Revision::new(3);
    (known.inbound_count, known.unread_count) = (7, 2);
    known
}

fn changes() -> Vec<ChangeKind> {
    let (conversation, message, note) = ids();
    let delivery = Delivery {
        status: DeliveryStatus::Failed,
        at: now(),
        failure: Some(Box::new(Failure::new("131026", "undeliverable"))),
        played: false,
    };
    let note = Note::new(note, conversation, "Enterprise plan.", now());
    let mut kinds: Vec<_> = messages()
        .into_iter()
        .map(|message| ChangeKind::MessageAppended(Box::new(message)))
        .collect();
    kinds.extend([
        ChangeKind::ConversationCreated {
            conversation,
            contact_id: super::op::contact(1),
            channel: Channel::Webchat,
            inbox_id: None,
            created_at: now(),
            status: Status::Open,
        },
        ChangeKind::ConversationUpdated {
            conversation,
            set: vec![
                Field::Assignee(Some(alice())),
                Field::Status(Status::Open),
                Field::ReadCount(300),
            ],
        },
        ChangeKind::ConversationImported(Box::new(
            Import::new(known(), messages()).notes(vec![note.clone()]),
        )),
        ChangeKind::NoteAdded(Box::new(note)),
        ChangeKind::MessageUpdated {
            conversation,
            message,
            set: vec![
                MessageField::ProviderId(provider_id()),
                MessageField::Delivery(delivery.clone()),
            ],
        },
        ChangeKind::FieldUnmatched {
            inbox: Channel::Webchat.into(),
            provider_id: provider_id(),
            field: Box::new(MessageField::Delivery(delivery)),
        },
        ChangeKind::InboxSaved {
            inbox: InboxId::new("inb_sales").unwrap(),
            channel: Channel::Webchat,
            name: "Sales".to_owned(),
        },
        ChangeKind::AssigneeRemoved {
            assignee: alice(),
            successor: None,
        },
        ChangeKind::ConversationCompleted {
            conversation,
            set: vec![Field::History(History {
                unread_to_come: 2,
                is_undated: true,
                is_over: true,
            })],
        },
        ChangeKind::ImportAdvanced {
            import: ImportName::new("history").unwrap(),
            progress: ImportProgress::new(7, 1),
        },
        ChangeKind::ViewSaved(Box::new(view())),
        ChangeKind::ViewRemoved { view: view().id },
        ChangeKind::ViewBuilt {
            view: view().id,
            through: Some(conversation),
            read: 300,
        },
        ChangeKind::ViewRowsRemoved { list: 7, rows: 300 },
        ChangeKind::KeyRecorded {
            key: IdempotencyKey::new("key 1").unwrap(),
            record: idempotency(),
            forget_before: now(),
        },
    ]);
    kinds
}

fn view() -> View {
    let none = ["spam"].into_iter().collect();
    let tags = TagFilter {
        none,
        ..TagFilter::default()
    };
    let filter = Filter::open().assigned_to(alice()).tags(tags).waiting(true);
    let id = super::views::view_id(1);
    View::new(id, "Important", filter, Sort::LongestWaiting)
}

fn idempotency() -> IdempotencyRecord {
    let done = Effect::default();
    IdempotencyRecord {
        at: now(),
        fingerprint: [7; 16],
        subject: Subject::Each(vec![(ids().0, Some(done)), (ids().0, None)]),
        effect: done,
    }
}

/// Bytes of each kind that are accepted.
pub fn examples() -> Vec<Vec<u8>> {
    let mut examples = Vec::new();
    let mut add = |kind: u8, encode: &dyn Fn(&mut Vec<u8>) -> Result<(), CodecError>| {
        let mut bytes = vec![kind];
        encode(&mut bytes).expect("a record has an encoding");
        examples.push(bytes);
    };
    let actor = Actor::new(alice().as_str()).unwrap();
    let numbers = Numbers {
        inbox: Channel::Webchat.into(),
        owner: 5,
        team: 6,
    };
    let known = ConversationRecord::new(&known(), numbers);
    add(0, &|bytes| known.encode(bytes));
    for message in messages() {
        add(1, &|bytes| MessageRecord::from(&message).encode(bytes));
    }
    let mut note = Note::new(ids().2, ids().0, "Enterprise plan.", now());
    note.author = Some(actor.clone());
    add(2, &|bytes| NoteRecord::from(&note).encode(bytes));
    let assignee = AssigneeRecord {
        owner: 5,
        name: "Billing".to_owned(),
        members: vec![UserId::new("usr_alice").unwrap()],
    };
    add(3, &|bytes| assignee.encode(bytes));
    let (conversation, message, _) = ids();
    add(4, &|bytes| conversation.encode(bytes));
    let created_at = now();
    add(5, &|bytes| {
        MessageTimeRecord {
            order_time: created_at,
        }
        .encode(bytes)
    });
    add(6, &|bytes| EventSeq::new(300).encode(bytes));
    let step = RedirectStep {
        successor: Some(alice()),
        owner: 5,
        at: now(),
        actor: Some(actor.clone()),
    };
    let redirect = RedirectRecord {
        removed: alice(),
        steps: vec![step],
    };
    add(7, &|bytes| redirect.encode(bytes));
    let unmatched = Unmatched {
        since: now(),
        deliveries: deliveries(),
        extras: Extras::default(),
        filled: Some(convodb::Content::text("Hello")),
        up_to: Some(convodb::DeliveryStatus::Read),
    };
    for state in [
        ProviderIdState::Message(conversation, message),
        ProviderIdState::Unmatched(Box::new(unmatched)),
        ProviderIdState::Tombstone,
    ] {
        add(8, &|bytes| state.encode(bytes));
    }
    add(9, &|bytes| idempotency().encode(bytes));
    let event = NewEvent {
        at: now(),
        actor: Some(actor.clone()),
        subject: conversation.into(),
        effective_at: Some(now()),
        kind: EventKind::ConversationAssigned {
            assigned_to: alice(),
            previously_assigned_to: None,
        },
    };
    add(10, &|bytes| event.encode(bytes));
    for built in [ViewBuilt::default(), ViewBuilt::complete()] {
        let (view, list) = (view(), 7);
        add(12, &|bytes| {
            let view = view.clone();
            ViewRecord { view, list, built }.encode(bytes)
        });
    }
    for kind in changes() {
        let change = Change {
            at: now(),
            actor: Some(actor.clone()),
            kind,
        };
        add(11, &|bytes| codec::to_bytes(&change, bytes));
    }
    examples
}
