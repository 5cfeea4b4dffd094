//! Records and events.

use convodb_core::{
    Actor, AssigneeId, Content, Deliveries, DeliveryStatus, DoneEach, DoneValue, Event, EventKind,
    Failure, Note, Parked, Result, Status,
};

use super::{CONVERSATION, Checked, MESSAGE, NOTE, at, done, hex, message};
use crate::storage::records::{
    AssigneeV1, ConsumerV1, ConversationV1, DoneV1, EventV1, HeadV1, IdentityV1, MessageTimeV1,
    MessageV1, MovedV1, NoteV1, ParkedV1, ProviderIdV1, RowV1, ThreadV1,
};
use crate::storage::{codec, format};

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
        contact_id: b"con_x",
        bucket: 300,
        created_us: 1_000_000,
        revision: 7,
        inbound: 6,
        unread: 5,
    };
    let conversation = ConversationV1 {
        contact_id: b"con_x",
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
    let moved = MovedV1 {
        kind: 1,
        id: "t",
        to: 300,
        at_us: 4,
        actor: Some("usr_a"),
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
        codec::encode(b"k", &moved)?,
    ];
    assert_eq!(
        records.map(|bytes| hex(&bytes)),
        [
            "01864eacf92c01000040420f0000000000070605636f6e5f78",
            "01376913b702012c01000040420f000000000080841e0000000000070605636f6e5f78",
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
            "012f9bbca8fb2c01",
            "0121773cb6010174fb2c010801057573725f61"
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

/// A takeover by another, and one by nobody.
fn takeovers() -> Result<[EventKind; 2]> {
    let (alice, team) = (AssigneeId::new("usr_a")?, AssigneeId::new("t")?);
    Ok([
        EventKind::ConversationAssigned {
            assigned_to: team,
            previously_assigned_to: Some(alice.clone()),
        },
        EventKind::ConversationUnassigned {
            previously_assigned_to: alice,
        },
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
        "0c0174057573725f6106".to_owned(),
        "0d057573725f6106".to_owned(),
    ];
    let kinds = event_kinds()?.into_iter().map(|kind| (kind, None));
    let takeovers = takeovers()?.map(|kind| (kind, Some(at(3))));
    for ((kind, effective_at), golden) in kinds.chain(takeovers).zip(goldens) {
        let mut event = Event::new(7, at(1), CONVERSATION, kind);
        event.effective_at = effective_at;
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
        "016f28b725010100330100000000000000060000000000000001000000700100000063010000006d6869",
        "01c89c96db010101730100000000000000060000000000000001000000700100000063010000006d010000006e010000007401000000310100000032",
        "018d149c18010102330100000000000000060000000000000001000000700100000063010000006d0900000068747470733a2f2f69",
        "01dd439a61010103730100000000000000060000000000000001000000700100000063010000006d0900000068747470733a2f2f6463",
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
