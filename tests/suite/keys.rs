//! Keys and index entries: what is written is read back, and the order of keys is that of what they
//! mean.

use chrono::{DateTime, Utc};
use convodb::internals::{index_rows, message_key, thread_key};
use convodb::{Channel, ContactId, Conversation, ConversationId, MessageId, Revision, Status};
use convodb_core::InboxNumber;
use convodb_testkit::harness::random::Random;

/// Few of each, so that some are the same.
fn id(random: &mut Random) -> u128 {
    let ids = [0, 1, 255, 256, 1 << 64, u128::MAX - 1, u128::MAX];
    ids[random.index(ids.len())]
}

fn time(random: &mut Random) -> DateTime<Utc> {
    let micros = [
        0,
        1,
        255,
        256,
        1_776_330_600_000_000,
        253_402_300_799_999_999,
    ];
    DateTime::from_timestamp_micros(micros[random.index(micros.len())]).unwrap()
}

fn conversation_id(random: &mut Random) -> ConversationId {
    ConversationId::from_raw(id(random))
}

fn contact(random: &mut Random) -> ContactId {
    let longest = format!("con_{}", "x".repeat(124));
    let ids = ["con_", "con_0", "con_00", "con_1", "con_~", &longest];
    ContactId::new(ids[1 + random.index(ids.len() - 1)]).unwrap()
}

#[test]
fn messages_lie_in_the_order_of_their_conversations_and_times() {
    let mut random = Random::new(1);
    let mut message = || {
        let id = MessageId::from_raw(id(&mut random));
        (conversation_id(&mut random), time(&mut random), id)
    };
    for _ in 0..2_000 {
        let (one, other) = (message(), message());
        let (key, read_back) = message_key(&one).unwrap();
        assert_eq!(read_back, one);
        let (other_key, _) = message_key(&other).unwrap();
        assert_eq!(key.cmp(&other_key), one.cmp(&other));
    }
}

#[test]
fn threads_lie_in_the_order_of_their_contacts_and_inboxes() {
    let mut random = Random::new(2);
    let mut thread = || {
        let inbox = [0, 3, 4, 256][random.index(4)];
        (contact(&mut random), InboxNumber::new(inbox))
    };
    for _ in 0..2_000 {
        let (one, other) = (thread(), thread());
        let (key, read_back) = thread_key(&one).unwrap();
        assert_eq!(read_back, one);
        let (other_key, _) = thread_key(&other).unwrap();
        assert_eq!(key.cmp(&other_key), one.cmp(&other));
    }
}

#[test]
fn index_entries_are_read_back_and_lie_from_the_newest_to_the_oldest() {
    let mut random = Random::new(3);
    let mut conversation = || {
        let (id, contact) = (conversation_id(&mut random), contact(&mut random));
        let channel = Channel::ALL[random.index(Channel::ALL.len())];
        let mut conversation = Conversation::new(id, contact, channel, time(&mut random));
        conversation.status = Status::ALL[random.index(2)];
        conversation.updated_at = time(&mut random);
        conversation.revision = Revision::new(random.below(3) << random.below(40));
        conversation.inbound_count = random.below(3) << random.below(40);
        conversation.unread_count = conversation.inbound_count * random.below(2);
        conversation
    };
    for _ in 0..2_000 {
        let (one, other) = (conversation(), conversation());
        let (rows, other_rows) = (index_rows(&one).unwrap(), index_rows(&other).unwrap());
        assert_eq!(rows.len(), if one.unread_count > 0 { 4 } else { 2 });
        for (key, read_back) in &rows {
            assert_eq!(*read_back, one);
            let prefix = &key[..key.len() - 24];
            let same_list = other_rows.iter().find(|(key, _)| key.starts_with(prefix));
            if let Some((other_key, _)) = same_list {
                let place = |of: &Conversation| (of.updated_at, of.id);
                assert_eq!(key.cmp(other_key), place(&other).cmp(&place(&one)));
            }
        }
    }
}
