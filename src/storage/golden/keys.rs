//! Keys, codes, tables, totals and nodes.

use convodb_core::{
    AssigneeId, AssigneeKind, Channel, ConsumerName, ContactId, DeliveryStatus, Direction, Hashes,
    ProviderId, Result, Status,
};

use super::{CONVERSATION, Checked, MESSAGE, NOTE, at, hex};
use crate::index::{self, Total};
use crate::kv::{Database, Memory, Read as _, Setup};
use crate::storage::keys::StreamKey;
use crate::storage::records::AssigneeV1;
use crate::storage::{format, keys, plan, provider_ids, records, tables};

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
        (keys::moved(300).to_vec(), "0a0000012c"),
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
    let statuses = Status::ALL.map(Status::code);
    let channels = Channel::ALL.map(Channel::code);
    assert_eq!((statuses, channels), ([0, 1], [0, 1, 2, 3]));
    assert_eq!(statuses.map(Status::of_code), Status::ALL.map(Some));
    assert_eq!(channels.map(Channel::of_code), Channel::ALL.map(Some));
    assert_eq!((Status::of_code(2), Channel::of_code(4)), (None, None));
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
        "11010001ffffeeddccbbaa99fefdfcfbfaf9fffffffffffffffffff502"
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
