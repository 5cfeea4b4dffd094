//! The bytes of every key and record, held. A test here that fails means that files of users would
//! no longer be read: give the layout a new format instead.

use chrono::{DateTime, Utc};

use super::keys::StreamKey;
use super::records::{
    AssigneeV1, ConsumerV1, ConversationV1, DoneV1, EventV1, HeadV1, IdentityV1, MessageTimeV1,
    MessageV1, NoteV1, ParkedV1, ProviderIdV1, RowV1, ThreadV1,
};
use super::{Hashes, changes, codec, format, keys, plan, provider_ids, records, tables};
use crate::domain::{
    Actor, AssigneeId, AssigneeKind, Change, Channel, ConsumerName, ContactId, Content,
    ConversationId, ConversationState, Deliveries, DeliveryStatus, Direction, Done, DoneEach,
    DoneValue, Event, EventKind, Fact, Failure, IdempotencyKey, Message, MessageId, Note, NoteId,
    Parked, ProviderId, Status, time,
};
use crate::error::Result;
use crate::index::{self, Total};
use crate::kv::{Database, Memory, Read as _, Setup};

type Checked = std::result::Result<(), Box<dyn std::error::Error>>;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn at(micros: i64) -> DateTime<Utc> {
    time::from_micros(micros).unwrap_or_default()
}

const CONVERSATION: ConversationId = ConversationId::from_parts(0x0102_0304_0506, 0x0A);
const MESSAGE: MessageId = MessageId::from_parts(0x0102_0304_0506, 0x0B);
const NOTE: NoteId = NoteId::from_parts(0x0102_0304_0506, 0x0C);

#[test]
fn keys_are_fixed_width_and_big_endian() -> Checked {
    let time = at(0x1122_3344_5566);
    let contact = ContactId::new("con_x")?;
    let alice = AssigneeId::new("usr_a")?;
    let position = keys::position(time, CONVERSATION);
    let by_state = StreamKey::by_state(Status::Resolved, Channel::Webchat);
    let by_assignee = StreamKey::by_assignee(7, Status::Open, Channel::Instagram);
    for (key, golden) in [
        (
            keys::conversation(CONVERSATION).to_vec(),
            "0102030405060000000000000000000a",
        ),
        (
            keys::message(CONVERSATION, time, MESSAGE).to_vec(),
            "0102030405060000000000000000000a00001122334455660102030405060000000000000000000b",
        ),
        (
            keys::note(CONVERSATION, time, NOTE).to_vec(),
            "0102030405060000000000000000000a00001122334455660102030405060000000000000000000c",
        ),
        (
            keys::message_time(CONVERSATION, MESSAGE).to_vec(),
            "040102030405060000000000000000000a0102030405060000000000000000000b",
        ),
        (keys::thread(Channel::Messenger, &contact), "0302636f6e5f78"),
        (
            keys::provider_id(Channel::Messenger, &[0xAB; 16]).to_vec(),
            "0502abababababababababababababababab",
        ),
        (
            keys::parked(Channel::Messenger, &[0xAB; 16]).to_vec(),
            "0602abababababababababababababababab",
        ),
        (
            keys::command(&[0xAB; 16]).to_vec(),
            "07abababababababababababababababab",
        ),
        (
            keys::command_time(time, &[0xAB; 16]).to_vec(),
            "080000112233445566abababababababababababababababab",
        ),
        (
            provider_ids::key(
                Hashes::new([1; 16]),
                Channel::Webchat,
                &ProviderId::new("p")?,
            )
            .to_vec(),
            "05036255cc4eb535c2f73c4fce50cfce6b4c",
        ),
        (keys::event(0x0102).to_vec(), "010000000000000102"),
        (
            keys::history(CONVERSATION, 0x0102).to_vec(),
            "020102030405060000000000000000000a0000000000000102",
        ),
        (keys::consumer(&ConsumerName::new("hooks")?), "09686f6f6b73"),
        (keys::directory(&alice), "027573725f61"),
        (keys::meta("format"), "01666f726d6174"),
        (keys::meta("identity"), "016964656e74697479"),
        (keys::meta("head"), "0168656164"),
        (
            by_state.stream().key(&position).to_vec(),
            "010103ffffeeddccbbaa99fefdfcfbfaf9fffffffffffffffffff5",
        ),
        (
            by_assignee.stream().key(&position).to_vec(),
            "02000000070001ffffeeddccbbaa99fefdfcfbfaf9fffffffffffffffffff5",
        ),
        (
            by_state.of_unread().stream().key(&position).to_vec(),
            "040103ffffeeddccbbaa99fefdfcfbfaf9fffffffffffffffffff5",
        ),
        (
            by_assignee.of_unread().stream().key(&position).to_vec(),
            "05000000070001ffffeeddccbbaa99fefdfcfbfaf9fffffffffffffffffff5",
        ),
        (
            plan::STREAMS
                .total_key(&StreamKey::by_assignee(7, Status::Open, Channel::Whatsapp).stream()),
            "1002000000070000",
        ),
    ] {
        assert_eq!(hex(&key), golden);
    }
    Ok(())
}

#[test]
fn every_code_is_held_to_its_byte() {
    let statuses = Status::ALL.map(keys::status_code);
    let channels = Channel::ALL.map(keys::channel_code);
    assert_eq!((statuses, channels), ([0, 1], [0, 1, 2, 3]));
    assert_eq!(statuses.map(keys::status_of), Status::ALL.map(Some));
    assert_eq!(channels.map(keys::channel_of), Channel::ALL.map(Some));
    assert_eq!((keys::status_of(2), keys::channel_of(4)), (None, None));
    let deliveries = [
        DeliveryStatus::Sent,
        DeliveryStatus::Failed,
        DeliveryStatus::Delivered,
        DeliveryStatus::Read,
    ];
    assert_eq!(deliveries.map(records::delivery_code), [0, 1, 2, 3]);
    let directions = [Direction::Inbound, Direction::Outbound];
    assert_eq!(directions.map(records::direction_code), [0, 1]);
    let kinds = [AssigneeKind::User, AssigneeKind::Team];
    assert_eq!(kinds.map(AssigneeV1::code), [0, 1]);
}

#[test]
fn the_tables_and_the_bare_version_are_held() -> Checked {
    let names: Vec<_> = tables::ALL.iter().map(|table| table.name).collect();
    let golden = [
        "conversations",
        "messages",
        "notes",
        "index",
        "catalog",
        "events",
    ];
    assert_eq!(names, golden);
    let database = Database::open_memory(
        &Memory::default(),
        &Setup {
            tables: tables::ALL,
            cache_bytes: 1 << 20,
            check_up_to_bytes: 0,
        },
    )?;
    let transaction = database.begin_write()?;
    let mut rows = transaction.tables();
    format::write(&mut rows)?;
    let version = rows.get(tables::CATALOG, b"\x01format")?;
    assert_eq!(version.as_deref(), Some(&[0, 0, 0, 1][..]));
    Ok(())
}

#[test]
fn totals_and_nodes_are_held_to_their_bytes() -> Checked {
    let stream = StreamKey::by_state(Status::Open, Channel::Instagram).stream();
    let position = keys::position(at(0x1122_3344_5566), CONVERSATION);
    let key = index::node_key(keys::index_kind::RANKS, 2, &stream, &position);
    assert_eq!(
        hex(&key),
        "1102010001ffffeeddccbbaa99fefdfcfbfaf9fffffffffffffffffff5"
    );
    assert_eq!(index::parse_node_key(&key), Some((2, stream, position)));
    let total = Total {
        rows: 0x0102,
        height: 3,
        first: position,
    };
    assert_eq!(
        hex(&total.encode()),
        "000000000000010203ffffeeddccbbaa99fefdfcfbfaf9fffffffffffffffffff5"
    );
    assert_eq!(Total::decode(&total.encode())?, total);
    let node = index::encode_node(&[(index::HEAD, 3), (position, 0x0102_0304)]);
    assert_eq!(
        hex(&node),
        "00000000000000000000000000000000000000000000000000000003\
         ffffeeddccbbaa99fefdfcfbfaf9fffffffffffffffffff501020304"
    );
    Ok(())
}

#[test]
fn keys_are_read_back_as_they_were_made() -> Result<()> {
    let time = at(0x1122_3344_5566);
    let key = keys::message(CONVERSATION, time, MESSAGE);
    assert_eq!(keys::parse_message(&key)?, (CONVERSATION, time, MESSAGE));
    let key = keys::note(CONVERSATION, time, NOTE);
    assert_eq!(keys::parse_note(&key)?, (CONVERSATION, time, NOTE));
    let key = keys::message_time(CONVERSATION, MESSAGE);
    assert_eq!(keys::parse_message_time(&key)?, (CONVERSATION, MESSAGE));
    let position = keys::position(time, CONVERSATION);
    let by_state = StreamKey::by_state(Status::Resolved, Channel::Webchat);
    let by_assignee = StreamKey::by_assignee(7, Status::Open, Channel::Instagram);
    for stream in [by_state, by_assignee]
        .map(|of_all| [of_all, of_all.of_unread()])
        .concat()
    {
        let parsed = keys::parse_index(&stream.stream().key(&position))?;
        assert_eq!(parsed.stream, stream);
        assert_eq!((parsed.updated_at, parsed.id), (time, CONVERSATION));
    }
    let place = by_assignee.stream().key(&position);
    for len in 0..place.len() {
        assert!(keys::parse_index(place.get(..len).unwrap_or_default()).is_err());
    }
    Ok(())
}

fn message(content: Content) -> Result<Message> {
    let mut message = Message::new(MESSAGE, CONVERSATION, Direction::Outbound, content, at(5));
    message.provider_id = Some(ProviderId::new("p")?);
    message.status = DeliveryStatus::Failed;
    let why = Some(Failure::new("c", "m"));
    message
        .deliveries
        .merge(DeliveryStatus::Failed, at(6), &why);
    message.deliveries.merge(DeliveryStatus::Sent, at(1), &None);
    Ok(message)
}

fn contents() -> [Content; 4] {
    [
        Content::text("hi"),
        Content::template("n", ["1", "2"]).caption("t"),
        Content::image("https://i"),
        Content::document("https://d").caption("c"),
    ]
}

#[test]
fn records_are_held_to_their_bytes() -> Checked {
    let row = RowV1 {
        contact_id: "con_x",
        bucket: 300,
        created_us: 1_000_000,
        revision: 7,
        inbound: 6,
        unread: 5,
    };
    let conversation = ConversationV1 {
        contact_id: "con_x",
        channel: 2,
        status: 1,
        bucket: 300,
        created_us: 1_000_000,
        updated_us: 2_000_000,
        revision: 7,
        inbound: 6,
        seen: 5,
    };
    let mut note = Note::new(NOTE, CONVERSATION, "n", at(1));
    note.author = Some(Actor::new("usr_a")?);
    let head = HeadV1 {
        sequence: 3,
        newest_us: 4,
        newest_id: 5,
        next_bucket: 6,
        oldest_event: 7,
        newest_event: 8,
    };
    let assignee = AssigneeV1 {
        kind: 1,
        bucket: 2,
        name: "T",
    };
    let owner = ProviderIdV1::Message {
        conversation: 1,
        message: 2,
    };
    let mut parked = Parked {
        since: at(1),
        deliveries: Deliveries::default(),
    };
    let failure = Some(Failure::new("c", "m"));
    parked
        .deliveries
        .merge(DeliveryStatus::Failed, at(2), &failure);
    let records = [
        codec::encode(b"k", &row)?,
        codec::encode(b"k", &conversation)?,
        codec::encode(b"k", &NoteV1::from(&note))?,
        codec::encode(b"k", &assignee)?,
        codec::encode(b"k", &ThreadV1 { conversation: 1 })?,
        codec::encode(b"k", &MessageTimeV1 { created_us: 1 })?,
        codec::encode(b"k", &owner)?,
        codec::encode(b"k", &ProviderIdV1::Erased)?,
        codec::encode(b"k", &ParkedV1::from(&parked))?,
        codec::encode(
            b"k",
            &DoneV1::from(&done(DoneValue::Each(vec![
                (CONVERSATION, None),
                (
                    CONVERSATION,
                    Some(DoneEach {
                        changed: true,
                        reopened: false,
                    }),
                ),
            ]))),
        )?,
        codec::encode(b"k", &DoneV1::from(&done(DoneValue::Nothing)))?,
        codec::encode(b"k", &DoneV1::from(&done(DoneValue::Number(7))))?,
        codec::encode(
            b"k",
            &DoneV1::from(&done(DoneValue::Conversation(CONVERSATION))),
        )?,
        codec::encode(
            b"k",
            &DoneV1::from(&done(DoneValue::Note(CONVERSATION, at(1), NOTE))),
        )?,
        codec::encode(
            b"k",
            &DoneV1::from(&done(DoneValue::Assignee(AssigneeId::new("usr_a")?))),
        )?,
        codec::encode(b"k", &IdentityV1 { seed: [1; 16] })?,
        codec::encode(b"k", &head)?,
        codec::encode(b"k", &ConsumerV1 { position: 300 })?,
    ];
    assert_eq!(
        records.map(|bytes| hex(&bytes)),
        [
            "018444c47105636f6e5f78fb2c01fc80841e00070605",
            "01bbcf049805636f6e5f780201fb2c01fc80841e00fc00093d00070605",
            "01ba53571a016e01057573725f61",
            "018b6675ce01020154",
            "016b0338c701",
            "01d152315e02",
            "014b0c0ea8000102",
            "016b0338c701",
            "01527ac3ed020000000104010163016d",
            "017253cc0902020202020202020202020202020202020602fe0a00000000000000000006050403020100fe0a00000000000000000006050403020101010001000100",
            "016d5b7ca102020202020202020202020202020202020001000100",
            "012594d9050202020202020202020202020202020202010701000100",
            "01229d6f71020202020202020202020202020202020202fe0a00000000000000000006050403020101000100",
            "015bd823b8020202020202020202020202020202020204fe0a00000000000000000006050403020102fe0c00000000000000000006050403020101000100",
            "0138041f1c020202020202020202020202020202020205057573725f6101000100",
            "018f384d5e01010101010101010101010101010101",
            "01b193c79b030805060708",
            "012f9bbca8fb2c01"
        ]
    );
    assert_eq!(format::VERSION, 1);
    Ok(())
}

/// One of each kind, in the order of their numbers.
fn event_kinds() -> Result<Vec<EventKind>> {
    let (alice, team) = (AssigneeId::new("usr_a")?, AssigneeId::new("t")?);
    let message_id = MESSAGE;
    Ok(vec![
        EventKind::ConversationCreated {
            status: Status::Resolved,
            assigned_to: Some(alice.clone()),
        },
        EventKind::ConversationAssigned {
            assigned_to: alice.clone(),
            previously_assigned_to: Some(team),
        },
        EventKind::ConversationUnassigned {
            previously_assigned_to: alice,
        },
        EventKind::ConversationResolved,
        EventKind::ConversationReopened,
        EventKind::ConversationDeleted,
        EventKind::MessageReceived { message_id },
        EventKind::MessageSent { message_id },
        EventKind::MessageDelivered { message_id },
        EventKind::MessageRead { message_id },
        EventKind::MessageFailed { message_id },
        EventKind::NoteAdded { note_id: NOTE },
    ])
}

#[test]
fn events_of_every_kind_are_held_to_their_bytes() -> Checked {
    let head = "02fe0a00000000000000000006050403020101057573725f61";
    let message = "fe0b000000000000000000060504030201";
    let goldens = [
        "000101057573725f61".to_owned(),
        "01057573725f61010174".to_owned(),
        "02057573725f61".to_owned(),
        "03".to_owned(),
        "04".to_owned(),
        "05".to_owned(),
        format!("06{message}"),
        format!("07{message}"),
        format!("08{message}"),
        format!("09{message}"),
        format!("0a{message}"),
        "0bfe0c000000000000000000060504030201".to_owned(),
    ];
    for (kind, golden) in event_kinds()?.into_iter().zip(goldens) {
        let mut event = Event::new(7, at(1), CONVERSATION, kind);
        event.actor = Some(Actor::new("usr_a")?);
        let payload = codec::payload(&EventV1::from(&event))?;
        assert_eq!(hex(&payload), format!("{head}{golden}"));
        let framed = codec::frame::<EventV1<'_>>(b"k", &payload);
        let read_back: EventV1<'_> = codec::decode(b"k", &framed)?;
        assert_eq!(read_back.into_event(7)?, event);
    }
    Ok(())
}

#[test]
fn messages_of_every_type_are_held_to_their_bytes() -> Checked {
    let goldens = [
        "013af25c3401010002686901017001020000010c010163016d",
        "01c1880e8a010101016e020131013201017401017001020000010c010163016d",
        "012d5e10750101020968747470733a2f2f690001017001020000010c010163016d",
        "01c03974370101030968747470733a2f2f6401016301017001020000010c010163016d",
    ];
    for (content, golden) in contents().into_iter().zip(goldens) {
        let message = message(content)?;
        let bytes = codec::encode(b"k", &MessageV1::from(&message))?;
        assert_eq!(hex(&bytes), golden);
        let read_back: MessageV1<'_> = codec::decode(b"k", &bytes)?;
        assert_eq!(
            read_back.into_message(CONVERSATION, message.created_at, MESSAGE)?,
            message
        );
    }
    Ok(())
}

#[test]
fn a_record_is_refused_under_another_key_and_with_any_bit_flipped() -> Checked {
    let bytes = codec::encode(b"k", &MessageV1::from(&message(Content::text("hi"))?))?;
    assert!(codec::decode::<MessageV1<'_>>(b"l", &bytes).is_err());
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        if let Some(byte) = damaged.get_mut(bit / 8) {
            *byte ^= 1 << (bit % 8);
        }
        assert!(
            codec::decode::<MessageV1<'_>>(b"k", &damaged).is_err(),
            "{bit}"
        );
    }
    for len in 0..bytes.len() {
        let cut = bytes.get(..len).unwrap_or_default();
        assert!(codec::decode::<MessageV1<'_>>(b"k", cut).is_err());
    }
    Ok(())
}

fn done(value: DoneValue) -> Done {
    Done {
        at: at(1),
        command: [2; 16],
        value,
        changed: true,
        created: false,
        reopened: true,
        duplicate: false,
    }
}

/// One fact of each kind, in the order of their numbers.
fn facts() -> std::result::Result<Vec<Fact>, Box<dyn std::error::Error>> {
    let conversation = CONVERSATION;
    let assignee = AssigneeId::new("usr_b")?;
    let contact_id = ContactId::new("con_x")?;
    let message = message(Content::text("hi"))?;
    let note = Note::new(NOTE, conversation, "n", at(1));
    Ok(vec![
        Fact::ConversationCreated {
            conversation,
            contact_id: contact_id.clone(),
            channel: Channel::Webchat,
            created_at: at(1),
        },
        Fact::MessageAppended {
            message: message.clone(),
        },
        Fact::DeliveryRecorded {
            conversation,
            message: MESSAGE,
            status: DeliveryStatus::Failed,
            at: at(2),
            failure: Some(Failure::new("c", "m")),
        },
        Fact::NoteAdded { note: note.clone() },
        Fact::Assigned {
            conversation,
            assignee: assignee.clone(),
        },
        Fact::Unassigned { conversation },
        Fact::Resolved { conversation },
        Fact::Reopened { conversation },
        Fact::ConversationImported {
            conversation: ConversationState {
                id: conversation,
                contact_id,
                channel: Channel::Instagram,
                status: Status::Resolved,
                assignee: Some(assignee.clone()),
                created_at: at(1),
                updated_at: at(2),
                revision: 7,
                inbound: 6,
                seen: 5,
            },
            messages: vec![message],
            notes: vec![note],
        },
        Fact::ConversationDeleted { conversation },
        Fact::AssigneePut {
            assignee: assignee.clone(),
            name: "B".to_owned(),
        },
        Fact::TakenOver {
            conversation,
            assignee: None,
        },
        Fact::AssigneeRemoved { assignee },
        Fact::ProviderIdSet {
            conversation,
            message: MESSAGE,
            channel: Channel::Webchat,
            provider_id: ProviderId::new("p")?,
        },
        Fact::ReceiptParked {
            channel: Channel::Webchat,
            provider_id: ProviderId::new("p")?,
            status: DeliveryStatus::Failed,
            at: at(2),
            failure: Some(Failure::new("c", "m")),
        },
        Fact::ParkedPurged { before: at(3) },
        Fact::CommandDone {
            key: IdempotencyKey::new("k")?,
            done: done(DoneValue::Message(conversation, MESSAGE)),
            forget_before: at(3),
        },
        Fact::KeysPurged { before: at(3) },
        Fact::MarkedRead {
            conversation,
            seen: 4,
        },
        Fact::ConsumerMoved {
            consumer: ConsumerName::new("hooks")?,
            position: 300,
        },
        Fact::ConsumerRemoved {
            consumer: ConsumerName::new("hooks")?,
        },
        Fact::EventsPurged { before: 300 },
    ])
}

#[test]
fn a_change_of_every_kind_is_held_to_its_bytes() -> Checked {
    // Version, time and actor, then the fact.
    let head = "010e01057573725f61";
    let goldens = [
        "00fe0a00000000000000000006050403020105636f6e5f780302",
        "01fe0a000000000000000000060504030201fe0b0000000000000000000605040302010a010100026869\
         01017001020000010c010163016d",
        "02fe0a000000000000000000060504030201fe0b0000000000000000000605040302010104010163016d",
        "03fe0a000000000000000000060504030201fe0c00000000000000000006050403020102016e00",
        "04fe0a000000000000000000060504030201057573725f62",
        "05fe0a000000000000000000060504030201",
        "06fe0a000000000000000000060504030201",
        "07fe0a000000000000000000060504030201",
        "08fe0a00000000000000000006050403020105636f6e5f78010101057573725f62020407060501fe0b00\
         00000000000000000605040302010a01010002686901017001020000010c010163016d01fe0c00000000000000\
         000006050403020102016e00",
        "09fe0a000000000000000000060504030201",
        "0a057573725f620142",
        "0bfe0a00000000000000000006050403020100",
        "0c057573725f62",
        "0dfe0a000000000000000000060504030201fe0b000000000000000000060504030201030170",
        "0e0301700104010163016d",
        "0f06",
        "10016b020202020202020202020202020202020203fe0a000000000000000000060504030201fe0b00000\
         00000000000000605040302010100010006",
        "1106",
        "12fe0a00000000000000000006050403020104",
        "1305686f6f6b73fb2c01",
        "1405686f6f6b73",
        "15fb2c01",
    ];
    let mut got = Vec::new();
    for fact in facts()? {
        let change = Change {
            at: at(7),
            actor: Some(Actor::new("usr_a")?),
            fact,
        };
        let bytes = changes::encode(&change)?;
        assert_eq!(changes::decode(&bytes)?, change);
        got.push(hex(&bytes));
    }
    assert_eq!(got, goldens.map(|fact| format!("{head}{fact}")));
    Ok(())
}
