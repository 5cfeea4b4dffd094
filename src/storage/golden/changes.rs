//! Changes, as a journal would hold them.

use convodb_core::{
    Actor, AssigneeId, Change, Channel, ConsumerName, ContactId, Content, ConversationState,
    DeliveryStatus, DoneValue, Fact, Failure, IdempotencyKey, Note, ProviderId, Status,
};

use super::{CONVERSATION, Checked, MESSAGE, NOTE, at, done, hex, message};
use crate::storage::changes;

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
            since: at(3),
        },
        Fact::AssigneeRemoved {
            assignee,
            successor: Some(AssigneeId::new("t")?),
        },
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
        "0bfe0a0000000000000000000605040302010006",
        "0c057573725f62010174",
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
