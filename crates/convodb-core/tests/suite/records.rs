//! What rows and changes store: each record and each change, whole.

use std::fmt::Debug;

use chrono::{DateTime, TimeDelta};
use convodb_core::codec::{self, CodecError, Record};
use convodb_core::records::*;
use convodb_core::*;

use crate::given::{self, alice, bob, contact, conversation, id, now};

fn numbers(known: &Conversation) -> Numbers {
    Numbers {
        inbox: known.channel.into(),
        owner: 7,
        team: 0,
    }
}

fn payload(record: &impl Record) -> Vec<u8> {
    let mut payload = Vec::new();
    record.encode(&mut payload).unwrap();
    payload
}

fn is_stored_whole<R: Record + Debug + PartialEq>(record: &R) {
    let mut payload = payload(record);
    assert_eq!(R::decode(R::VERSION, &payload).unwrap(), *record);
    let later = R::decode(R::VERSION + 1, &payload).unwrap_err();
    assert!(matches!(later, CodecError::UnknownVersion(_)));
    for cut in 0..payload.len() {
        let decoded = R::decode(R::VERSION, &payload[..cut]);
        assert!(decoded.is_err() || decoded.is_ok_and(|cut| cut != *record));
    }
    payload.push(0);
    assert!(
        R::decode(R::VERSION, &payload).is_ok_and(|more| more != *record) || {
            R::decode(R::VERSION, &payload).is_err()
        }
    );
}

pub(crate) fn deliveries() -> Deliveries {
    let mut deliveries = Deliveries::default();
    deliveries.sent_at = Some(now());
    deliveries.read_at = Some(now());
    deliveries.failed_at = Some(now());
    deliveries.failure = Some(Box::new(Failure::new("131026", "undeliverable")));
    deliveries
}

pub(crate) fn messages() -> Vec<Message> {
    let contents = [
        Content::text("Hello"),
        Content::template("spring", ["Ada", ""]),
        Content::template("spring", [""; 0]).caption("Hello Ada"),
        Content::image("https://example.com/1.jpg"),
        Content::document("https://example.com/1.pdf").caption("March"),
        Content::media(Attachment::media_id(MediaKind::Audio, "m1")).caption("Listen"),
        Content::Revoked(MessageType::Text),
        Content::text("See").attach(Attachment::url(MediaKind::Link, "https://example.com/a")),
    ];
    let directions = [Direction::Inbound, Direction::Outbound];
    let mut messages = Vec::new();
    for (number, content) in (1..).zip(contents) {
        for direction in directions {
            let id_of = MessageId::from_parts(7, number);
            let mut plain = Message::new(id_of, id(1), direction, content.clone(), now());
            if matches!(content, Content::Revoked(_)) {
                plain.extras = Some(Box::default());
            }
            let mut full = plain.clone();
            full.provider_id = Some(ProviderId::new("wamid.1").unwrap());
            full.deliveries = deliveries();
            full.status = DeliveryStatus::Read;
            full.extras = Some(Box::new(extras()));
            for message in [plain, full] {
                let mut message = message;
                if let (Content::Revoked(_), Some(extras)) = (&content, &mut message.extras) {
                    extras.revoked = Some(revocation());
                }
                messages.push(message);
            }
        }
    }
    messages
}

/// Messages whose place is behind another one of their second. The last one is of the first second that
/// there is.
pub(crate) fn messages_of_a_second() -> Vec<Message> {
    let lifted = |mut message: Message, created_at| {
        message.created_at = created_at;
        message.order_time = created_at + TimeDelta::microseconds(250_001);
        message
    };
    let [plain, full, ..] = <[Message; 32]>::try_from(messages()).unwrap();
    vec![
        lifted(plain.clone(), now()),
        lifted(full, now()),
        lifted(plain, DateTime::UNIX_EPOCH),
    ]
}

pub(crate) fn note() -> Note {
    let mut note = Note::new(NoteId::from_parts(1, 2), id(1), "Enterprise plan.", now());
    note.author = Some(Actor::new("ops").unwrap());
    note
}

/// One by all that a view can be by.
pub(crate) fn view() -> View {
    let tags = |tags: &[&str]| tags.iter().copied().collect::<Tags>();
    let filter = Filter::open()
        .channel(Channel::Whatsapp)
        .inbox(InboxId::new("inb_sales").unwrap())
        .unassigned()
        .assigned_to(alice())
        .team(TeamId::new("team_billing").unwrap())
        .tags(TagFilter {
            any: tags(&["vip", "Gold"]),
            all: tags(&["refund"]),
            none: tags(&["spam"]),
        })
        .priority(Priority::Urgent)
        .unread()
        .snoozed(false)
        .waiting(true);
    let id = ViewId::new("view_vip").unwrap();
    View::new(id, "Important", filter, Sort::LongestWaiting)
}

pub(crate) fn view_records() -> [ViewRecord; 3] {
    let built = [
        ViewBuilt::default(),
        ViewBuilt {
            through: Some(id(1)),
            done: 300,
            is_complete: false,
        },
        ViewBuilt::complete(),
    ];
    built.map(|built| ViewRecord {
        view: view(),
        list: 7,
        built,
    })
}

pub(crate) fn identity() -> Identity {
    Identity::new(Channel::Whatsapp, "+491701234567").unwrap()
}

pub(crate) fn assignee_record() -> AssigneeRecord {
    AssigneeRecord {
        owner: 7,
        name: "Billing".to_owned(),
        members: ["usr_alice", "usr_bob"]
            .map(|id| UserId::new(id).unwrap())
            .into(),
    }
}

pub(crate) fn contact_record() -> ContactRecord {
    let mut known = Contact::new(contact(), now());
    known.name = Some("Ada".to_owned());
    known.identities = vec![identity()];
    known.metadata.set("crm.id", 7);
    ContactRecord::from(known)
}

#[test]
fn every_message_is_stored_whole() {
    for message in messages().into_iter().chain(messages_of_a_second()) {
        let payload = payload(&MessageRecord::from(&message));
        let record = MessageRecord::decode(1, &payload).unwrap();
        let again = record.into_message(message.conversation_id, message.order_time, message.id);
        assert_eq!(again, message);
        let mut bytes = Vec::new();
        codec::to_bytes(&message, &mut bytes).unwrap();
        let within_a_change = codec::from_bytes::<Message>(&bytes).unwrap();
        assert_eq!(within_a_change, message);
        for cut in 0..payload.len() {
            let _ = MessageRecord::decode(1, &payload[..cut]);
        }
    }
}

#[test]
fn the_bytes_of_a_message_are_those_of_the_layout() {
    let mut message = messages().swap_remove(0);
    message.provider_id = Some(ProviderId::new("p").unwrap());
    message.deliveries.read_at = time::from_micros(258);
    let expected = [
        &[0, 3, 0, 9, 2, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, b'p'][..],
        b"Hello",
    ]
    .concat();
    assert_eq!(payload(&MessageRecord::from(&message)), expected);
}

#[test]
fn a_message_of_impossible_fields_is_refused() {
    let good = payload(&MessageRecord::from(&messages().swap_remove(0)));
    for (place, byte) in [(0, 2), (1, 5), (2, 13), (3, 128), (3, 64), (4, 0xFF)] {
        let mut bad = good.clone();
        bad[place] = byte;
        assert!(MessageRecord::decode(1, &bad).is_err(), "{place}");
    }
}

#[test]
fn every_record_is_stored_whole() {
    let mut known = conversation(1);
    known.inbound_count = 3;
    known.unread_count = 1;
    known.revision = Revision::new(300);
    let record = ConversationRecord::new(&known, numbers(&known));
    is_stored_whole(&record);
    assert_eq!(
        record
            .into_conversation(known.id, (known.channel, None), (None, None))
            .unwrap(),
        known
    );

    let (at, actor) = (now(), Some(Actor::new("ops").unwrap()));
    is_stored_whole(&NoteRecord::from(&note()));
    is_stored_whole(&assignee_record());
    is_stored_whole(&id(1));
    is_stored_whole(&MessageTimeRecord { order_time: at });
    is_stored_whole(&EventSeq::new(7));
    is_stored_whole(&contact());
    is_stored_whole(&contact_record());
    view_records().iter().for_each(is_stored_whole);
    is_stored_whole(&RedirectRecord {
        removed: alice(),
        steps: vec![RedirectStep {
            successor: Some(bob()),
            owner: 7,
            at,
            actor: actor.clone(),
        }],
    });
    is_stored_whole(&NewEvent {
        at,
        actor,
        subject: id(1).into(),
        effective_at: Some(at),
        kind: EventKind::ConversationAssigned {
            assigned_to: alice(),
            previously_assigned_to: Some(bob()),
        },
    });
}

#[test]
fn what_providers_ids_and_keys_have_is_stored_whole() {
    let message = MessageId::from_parts(1, 1);
    let mut unmatched = Unmatched::new(now());
    unmatched.deliveries = deliveries();
    unmatched.filled = Some(Content::text("Hello"));
    unmatched.up_to = Some(DeliveryStatus::Read);
    is_stored_whole(&ProviderIdState::Message(id(1), message));
    is_stored_whole(&ProviderIdState::Unmatched(Box::new(unmatched)));
    is_stored_whole(&ProviderIdState::Tombstone);
    for subject in [
        Subject::Nothing,
        Subject::Count(7),
        Subject::Position(EventSeq::new(7)),
        Subject::Conversation(id(1)),
        Subject::Message(id(1), message),
        Subject::Note(id(1), now(), NoteId::from_parts(1, 1)),
        Subject::Assignee(alice()),
        Subject::Contact(contact()),
        Subject::View(view().id),
        Subject::Each(vec![
            (id(1), None),
            (id(2), Some(Effect::new(true, false, true))),
        ]),
    ] {
        is_stored_whole(&IdempotencyRecord {
            at: now(),
            fingerprint: [7; 16],
            subject,
            effect: Effect::new(true, true, false),
        });
    }
}

#[test]
fn a_record_that_contradicts_itself_is_refused() {
    let known = conversation(1);
    let mut record = ConversationRecord::new(&known, numbers(&known));
    let inbox = (known.channel, None);
    record.read_count = 1;
    assert!(
        record
            .clone()
            .into_conversation(id(1), inbox.clone(), (None, None))
            .is_err()
    );
    record.read_count = 0;
    record.more = vec![Field::Status(Status::Open)];
    assert!(
        record
            .clone()
            .into_conversation(id(1), inbox.clone(), (None, None))
            .is_err()
    );
    record.more.clear();
    record.created_at = DateTime::from_timestamp_micros(-1).unwrap();
    assert!(ConversationRecord::decode(1, &payload(&record)).is_err());
}

fn extras() -> Extras {
    serde_json::from_str(
        r#"{"raw":{"x":1.50},"forwarded":true,"client_ref":"r1","metadata":{"a":"b","n":1,"t":true},
        "author":{"type":"bot","name":"Max"},"placeholder":true,"provider_aliases":["w2"],"retries":2,
        "reply_to":{"provider_id":"w1","story":{"id":"s1"}}}"#,
    )
    .unwrap()
}

fn reaction() -> Reaction {
    serde_json::from_str(r#"{"by":{"type":"contact"},"emoji":["❤"],"at":"2026-04-16T09:12:00Z"}"#)
        .unwrap()
}

fn version() -> Version {
    serde_json::from_str(
        r#"{"content":{"type":"text","content":"Tommorow"},"at":"2026-04-16T09:12:00Z"}"#,
    )
    .unwrap()
}

fn revocation() -> Revocation {
    serde_json::from_str(r#"{"by":{"type":"contact"},"at":"2026-04-16T09:12:00Z"}"#).unwrap()
}

pub(crate) fn kinds() -> Vec<ChangeKind> {
    let (conversation, message) = (id(1), MessageId::from_parts(1, 1));
    let provider_id = ProviderId::new("wamid.1").unwrap();
    let consumer = ConsumerName::new("webhooks").unwrap();
    let receipt = Delivery {
        status: DeliveryStatus::Failed,
        at: now(),
        failure: Some(Box::new(Failure::new("1", "lost"))),
        played: false,
    };
    let mut known = given::conversation(1);
    known.assigned_to = Some(Assignee::new(alice(), ""));
    known.inbound_count = 2;
    vec![
        ChangeKind::ConversationCreated {
            conversation,
            contact_id: contact(),
            channel: Channel::Webchat,
            inbox_id: Some(InboxId::new("inb_sales").unwrap()),
            created_at: now(),
            status: Status::Open,
        },
        ChangeKind::ConversationUpdated {
            conversation,
            set: vec![
                Field::Status(Status::Open),
                Field::Assignee(Some(alice())),
                Field::Assignee(None),
                Field::ReadCount(300),
                Field::DeliveredUntil(now()),
                Field::ReadUntil(now()),
            ],
        },
        ChangeKind::ConversationDeleted { conversation },
        ChangeKind::ConversationImported(Box::new(
            Import::new(known, messages()).notes(vec![note()]),
        )),
        ChangeKind::MessageAppended(Box::new(messages().swap_remove(3))),
        ChangeKind::MessageUpdated {
            conversation,
            message,
            set: vec![
                MessageField::ProviderId(provider_id.clone()),
                MessageField::Delivery(receipt.clone()),
                MessageField::Alias(provider_id.clone()),
                MessageField::Reaction(reaction()),
                MessageField::Edit(version()),
                MessageField::Original(Box::new(Original {
                    version: version(),
                    order_time: now(),
                    extras: extras(),
                })),
                MessageField::Revoked(revocation()),
                MessageField::Filled(
                    Content::image("https://example.com/1.jpg"),
                    Box::new(extras()),
                ),
                MessageField::Content(Content::Revoked(MessageType::Image)),
                MessageField::Metadata(serde_json::from_str(r#"{"a":1,"b":null}"#).unwrap()),
                MessageField::Retried,
                MessageField::UpTo(DeliveryStatus::Read),
            ],
        },
        ChangeKind::NoteAdded(Box::new(note())),
        ChangeKind::NoteRemoved {
            conversation,
            created_at: now(),
            note: note().id,
        },
        ChangeKind::FieldUnmatched {
            inbox: Channel::Webchat.into(),
            provider_id,
            field: Box::new(MessageField::Delivery(receipt)),
        },
        ChangeKind::UnmatchedPurged { before: now() },
        ChangeKind::AssigneeSaved {
            assignee: TeamId::new("team_billing").unwrap().into(),
            name: "Billing".to_owned(),
            members: Some(vec![UserId::new("usr_alice").unwrap()]),
        },
        ChangeKind::AssigneeRemoved {
            assignee: alice(),
            successor: Some(bob()),
        },
        ChangeKind::Reassigned {
            conversation,
            assignee: None,
            since: now(),
        },
        ChangeKind::KeyRecorded {
            key: IdempotencyKey::new("8e03978e").unwrap(),
            record: IdempotencyRecord {
                at: now(),
                fingerprint: [7; 16],
                subject: Subject::Conversation(conversation),
                effect: Effect::new(true, true, false),
            },
            forget_before: now(),
        },
        ChangeKind::KeysPurged { before: now() },
        ChangeKind::ConsumerMoved {
            consumer: consumer.clone(),
            position: EventSeq::new(7),
        },
        ChangeKind::ConsumerRemoved { consumer },
        ChangeKind::EventsPurged {
            before: EventSeq::new(7),
        },
        ChangeKind::InboxSaved {
            inbox: InboxId::new("inb_sales").unwrap(),
            channel: Channel::Webchat,
            name: "Sales".to_owned(),
        },
        ChangeKind::MessageImported(Box::new(messages().swap_remove(3))),
        ChangeKind::NoteImported(Box::new(note())),
        ChangeKind::MessageCompleted {
            conversation,
            message,
            set: vec![MessageField::UpTo(DeliveryStatus::Read)],
        },
        ChangeKind::ConversationCompleted {
            conversation,
            set: vec![Field::History(history()), Field::ReadUntil(now())],
        },
        ChangeKind::LinesImported {
            conversation,
            messages: 7,
        },
        ChangeKind::ImportAdvanced {
            import: ImportName::new("history").unwrap(),
            progress: ImportProgress::new(7, 1),
        },
        ChangeKind::ContactUpdated {
            contact: contact(),
            set: vec![
                ContactField::CreatedAt(now()),
                ContactField::Name(Some("Ada".to_owned())),
                ContactField::Metadata(serde_json::from_str(r#"{"a":1,"b":null}"#).unwrap()),
                ContactField::Identity(identity()),
            ],
        },
        ChangeKind::ContactConflict {
            contact: contact(),
            with: ContactId::new("con_2").unwrap(),
        },
        ChangeKind::ContactErased { contact: contact() },
        ChangeKind::ContactMerged {
            from: contact(),
            into: ContactId::new("con_2").unwrap(),
        },
        ChangeKind::ConversationMerged {
            from: conversation,
            into: id(2),
        },
        ChangeKind::ViewSaved(Box::new(view())),
        ChangeKind::ViewRemoved { view: view().id },
        ChangeKind::ViewBuilt {
            view: view().id,
            through: Some(conversation),
            read: 300,
        },
        ChangeKind::ViewRowsRemoved { list: 7, rows: 300 },
    ]
}

fn history() -> History {
    History {
        unread_to_come: 2,
        is_undated: true,
        is_over: true,
    }
}

#[test]
fn every_change_is_stored_whole() {
    for (number, kind) in (0..).zip(kinds()) {
        let change = Change {
            at: now(),
            actor: Some(Actor::new("ops").unwrap()),
            kind,
        };
        let mut bytes = Vec::new();
        codec::to_bytes(&change, &mut bytes).unwrap();
        assert_eq!(codec::from_bytes::<Change>(&bytes).unwrap(), change);
        // One byte of the time's tag, eight of the time, one of `Some`, four of the actor.
        assert_eq!(bytes[14], number, "the variants keep their order");
        for cut in 0..bytes.len() {
            assert!(codec::from_bytes::<Change>(&bytes[..cut]).is_err());
        }
        let text = serde_json::to_string(&change).unwrap();
        assert_eq!(serde_json::from_str::<Change>(&text).unwrap(), change);
    }
}

/// A value of each attribute, for the golden files.
pub(crate) fn every_field() -> Vec<(&'static str, Field)> {
    let mut timeline = Timeline::default();
    timeline.waiting_since = Some(now());
    timeline.opened_at = Some(now());
    timeline.answered_by_bot = true;
    vec![
        ("status", Field::Status(Status::Resolved)),
        ("assigned_to", Field::Assignee(Some(alice()))),
        ("read_count", Field::ReadCount(300)),
        ("priority", Field::Priority(Some(Priority::High))),
        ("tags", Field::Tags(["VIP", "refund"].into_iter().collect())),
        (
            "metadata",
            Field::Metadata(serde_json::from_str(r#"{"order":1042,"x":null}"#).unwrap()),
        ),
        ("unread_count", Field::UnreadCount(3)),
        ("unread_revoked", Field::UnreadRevoked),
        ("snoozed_until", Field::SnoozedUntil(Some(now()))),
        ("woken", Field::Woken(WakeReason::Inbound)),
        ("team", Field::Team(Some(TeamId::new("billing").unwrap()))),
        ("timeline", Field::Timeline(timeline)),
        ("history", Field::History(history())),
        ("identity", Field::Identity("+491701234567".to_owned())),
        ("contact_id", Field::Contact(contact())),
    ]
}
