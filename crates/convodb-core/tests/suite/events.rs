//! The events of changes, and their JSON.

use convodb_core::*;

use crate::given::{Given, alice, bob, conversation, id, now};

fn events(given: &mut Given, kind: ChangeKind) -> Vec<EventKind> {
    let events = given.apply(kind).iter();
    events.map(|event| event.kind.clone()).collect()
}

fn updated(set: Vec<Field>) -> ChangeKind {
    let conversation = id(1);
    ChangeKind::ConversationUpdated { conversation, set }
}

#[test]
fn each_field_sees_the_effect_of_the_fields_before_it() {
    let mut given = Given::new().conversation(conversation(1));
    let set = vec![
        Field::Assignee(Some(alice())),
        Field::Status(Status::Open),
        Field::ReadCount(1),
        Field::Assignee(Some(bob())),
        Field::Assignee(None),
        Field::Assignee(None),
    ];
    let expected = [
        EventKind::ConversationAssigned {
            assigned_to: alice(),
            previously_assigned_to: None,
        },
        EventKind::ConversationReopened,
        EventKind::ConversationRead,
        EventKind::ConversationAssigned {
            assigned_to: bob(),
            previously_assigned_to: Some(alice()),
        },
        EventKind::ConversationUnassigned {
            previously_assigned_to: bob(),
        },
    ];
    assert_eq!(events(&mut given, updated(set)), expected);
}

#[test]
fn a_reassignment_is_effective_since_the_removal() {
    let mut known = conversation(1);
    known.assigned_to = Some(Assignee::new(alice(), "Alice"));
    let (updated_at, since) = (known.updated_at, now() - chrono::TimeDelta::hours(2));
    let mut given = Given::new().conversation(known);
    let events = given.apply(ChangeKind::Reassigned {
        conversation: id(1),
        assignee: Some(bob()),
        since,
    });
    assert_eq!(events[0].effective_at, Some(since));
    let known = given.state.require_conversation(id(1)).unwrap();
    assert_eq!(
        (known.assignee_id(), known.updated_at),
        (Some(&bob()), updated_at)
    );
}

#[test]
fn each_status_is_reported_once_by_one_change_or_by_many() {
    use DeliveryStatus::{Delivered, Failed, Read, Sent};
    let receipt = |status| {
        MessageField::Delivery(Delivery {
            status,
            at: now(),
            failure: None,
            played: false,
        })
    };
    let statuses = [Read, Sent, Delivered, Read, Failed, Delivered];
    for direction in [Direction::Inbound, Direction::Outbound] {
        let given = || {
            let text = Content::text("Hi");
            let message = Message::new(MessageId::from_parts(1, 1), id(1), direction, text, now());
            Given::new().conversation(conversation(1)).message(message)
        };
        let change = |set| ChangeKind::MessageUpdated {
            conversation: id(1),
            message: MessageId::from_parts(1, 1),
            set,
        };
        let at_once = change(statuses.map(receipt).to_vec());
        let at_once = events(&mut given(), at_once);
        let mut other = given();
        let one_by_one: Vec<_> = statuses
            .into_iter()
            .flat_map(|status| events(&mut other, change(vec![receipt(status)])))
            .collect();
        assert_eq!(at_once, one_by_one, "{direction:?}");
        assert_eq!(at_once.len(), 3);
    }
}

fn kinds() -> Vec<EventKind> {
    let message_id = MessageId::from_parts(1, 1);
    let note_id = NoteId::from_parts(1, 1);
    vec![
        EventKind::ConversationCreated {
            status: Status::Open,
            assigned_to: None,
        },
        EventKind::ConversationCreated {
            status: Status::Resolved,
            assigned_to: Some(alice()),
        },
        EventKind::ConversationAssigned {
            assigned_to: alice(),
            previously_assigned_to: None,
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
    ]
}

#[test]
fn every_event_is_read_from_its_json() {
    for kind in kinds() {
        let mut event = Event::new(EventSeq::new(7), now(), id(1), kind);
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(
            serde_json::from_str::<Event>(&text).unwrap(),
            event,
            "{text}"
        );
        event.actor = Some(Actor::new("usr_alice").unwrap());
        event.effective_at = Some(now());
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(
            serde_json::from_str::<Event>(&text).unwrap(),
            event,
            "{text}"
        );
    }
}

#[test]
fn the_fields_have_their_order() {
    let kind = EventKind::ConversationUnassigned {
        previously_assigned_to: alice(),
    };
    let mut event = Event::new(EventSeq::new(7), now(), id(1), kind);
    event.effective_at = Some(now());
    event.actor = Some(Actor::new("ops").unwrap());
    let expected = concat!(
        r#"{"sequence":7,"type":"conversation.unassigned","created_at":"2026-04-15T08:10:00Z","#,
        r#""conversation_id":"conv_00000000010000000000000001","assigned_to":null,"#,
        r#""previously_assigned_to":{"type":"user","id":"usr_alice"},"#,
        r#""effective_at":"2026-04-15T08:10:00Z","actor":"ops"}"#,
    );
    assert_eq!(serde_json::to_string(&event).unwrap(), expected);
}
