//! Messages that change: reactions, edits, revocation and placeholders, before and after their target,
//! once and again.

use chrono::TimeDelta;
use convodb::commands::{Edit, Fill, React, RecordWatermark, Revoke, WatermarkOf};
use convodb::{
    Author, Channel, Content, DeliveryStatus, Direction, ErrorKind, Execute, Inbound, Message,
    MessageRef, MessageType, Outbound, ProviderId, Receipt,
};

use super::{Desk, by_id, contact, extras, refusal};
use crate::store::{Read, test};

fn emoji(message: &Message) -> Vec<String> {
    let reactions = extras(message).reactions;
    reactions.into_iter().flat_map(|it| it.emoji).collect()
}

#[test]
fn a_reaction_is_part_of_its_message_and_no_activity() {
    let desk = Desk::new();
    let message = desk.receive("w1", "Hello");
    desk.store.resolve(message.conversation_id).unwrap();
    let before = desk.conversation();
    desk.pass(60);
    let reacted = desk.store.react(React::new(by_id("w1"), "❤")).unwrap();
    assert_eq!(emoji(&reacted.value.unwrap()), ["❤"]);
    assert_eq!(desk.conversation(), before);
    assert!(
        !desk
            .store
            .react(React {
                at: Some(desk.now()),
                ..React::new(by_id("w1"), "❤")
            })
            .unwrap()
            .effect
            .changed
    );
    let none = desk
        .store
        .react(React::none(by_id("w1")))
        .unwrap()
        .value
        .unwrap();
    assert_eq!(emoji(&none), [""; 0]);
    let json = serde_json::to_value(&none).unwrap();
    assert!(json.get("reactions").is_none(), "{json}");
    assert_eq!(desk.texts(), ["Hello"]);
    assert!(
        desk.events()
            .ends_with(&["message.reacted", "message.unreacted"])
    );
}

#[test]
fn the_later_reaction_of_a_reactor_counts_in_whichever_order_they_come() {
    let desk = Desk::new();
    desk.receive("w1", "Hello");
    let at = desk.now();
    desk.pass(60);
    let early = React {
        at: Some(at),
        ..React::new(by_id("w1"), "👍")
    };
    let gone = React {
        at: Some(desk.now()),
        ..React::none(by_id("w1"))
    };
    desk.store.react(gone).unwrap();
    assert!(!desk.store.react(early).unwrap().effect.changed);
    let alice = React {
        by: Author::bot("Max"),
        ..React::new(by_id("w1"), "🎉")
    };
    let message = desk.store.react(alice).unwrap().value.unwrap();
    assert_eq!(emoji(&message), ["🎉"]);
}

#[test]
fn an_edit_keeps_the_place_and_the_former_content() {
    let desk = Desk::new();
    let first = desk.receive("w1", "Tommorow");
    desk.receive("w2", "at ten");
    desk.store.react(React::new(&first, "👍")).unwrap();
    desk.pass(60);
    let at = desk.now();
    let edited = desk
        .store
        .edit(Edit {
            at: Some(at),
            ..Edit::new(by_id("w1"), "Tomorrow")
        })
        .unwrap();
    assert!(edited.effect.changed && !edited.effect.created);
    assert_eq!(desk.texts(), ["Tomorrow", "at ten"]);
    let read = desk.read(&first);
    assert_eq!((read.id, emoji(&read)), (first.id, vec!["👍".to_owned()]));
    assert_eq!(extras(&read).edited_at, Some(at));
    assert_eq!(
        extras(&read).versions[0].content.as_text(),
        Some("Tommorow")
    );
    let again = desk.store.edit(Edit {
        at: Some(at),
        ..Edit::new(by_id("w1"), "Tomorrow")
    });
    assert!(!again.unwrap().effect.changed);
    // One that was made earlier and comes late is a former content.
    let earlier = at - chrono::TimeDelta::seconds(30);
    desk.store
        .edit(Edit {
            at: Some(earlier),
            ..Edit::new(by_id("w1"), "Tomorow")
        })
        .unwrap();
    let versions = extras(&desk.read(&first)).versions;
    let texts: Vec<_> = versions
        .iter()
        .map(|it| it.content.as_text().unwrap())
        .collect();
    assert_eq!(texts, ["Tommorow", "Tomorow"]);
    assert_eq!(desk.texts()[0], "Tomorrow");
}

#[test]
fn ten_former_contents_are_kept() {
    let desk = Desk::new();
    let message = desk.receive("w1", "0");
    for text in 1..=20 {
        desk.pass(1);
        desk.store
            .edit(Edit::new(&message, text.to_string()))
            .unwrap();
    }
    let versions = extras(&desk.read(&message)).versions;
    let texts: Vec<_> = versions
        .iter()
        .map(|it| it.content.as_text().unwrap())
        .collect();
    assert_eq!(
        texts,
        ["10", "11", "12", "13", "14", "15", "16", "17", "18", "19"]
    );
}

#[test]
fn a_text_edits_the_caption_of_media_and_no_other_type() {
    let desk = Desk::new();
    let image = desk.receive("w1", Content::image("https://example.com/1.jpg"));
    let edited = desk.store.edit(Edit::new(&image, "one")).unwrap().value;
    assert_eq!(
        edited.unwrap().content,
        Content::image("https://example.com/1.jpg").caption("one")
    );
    let text = desk.receive("w2", "Hello");
    let refused = desk.store.edit(Edit::new(
        &text,
        Content::image("https://example.com/1.jpg"),
    ));
    assert!(refusal(refused).1.starts_with("type: "));
}

#[test]
fn an_edit_before_its_message_is_that_message() {
    let desk = Desk::new();
    desk.pass(60);
    let edit = |at| Edit {
        contact: Some(contact().into()),
        at: Some(at),
        ..Edit::new(by_id("w1"), "Tomorrow")
    };
    let at = desk.now();
    let made = desk.store.edit(edit(at)).unwrap();
    assert!(made.effect.changed);
    assert_eq!(desk.conversation().unread_count, 1);
    desk.pass(1);
    assert!(!desk.store.edit(edit(at)).unwrap().effect.changed);
    let original = desk.receive("w1", "Tommorow");
    assert_eq!(original.id, made.value.unwrap().id);
    assert_eq!(desk.texts(), ["Tomorrow"]);
    assert_eq!(
        extras(&original).versions[0].content.as_text(),
        Some("Tommorow")
    );
    assert!(
        !desk
            .store
            .receive(Inbound::text(contact(), Channel::Whatsapp, "Tommorow").provider_id("w1"))
            .unwrap()
            .effect
            .changed
    );
    assert_eq!(desk.conversation().unread_count, 1);
}

#[test]
fn a_message_whose_edit_came_before_it_has_its_place_and_its_ids() {
    let desk = Desk::new();
    desk.pass(60);
    let sent_at = desk.now() - TimeDelta::seconds(30);
    let edit = Edit {
        contact: Some(contact().into()),
        ..Edit::new(by_id("w1"), "Tomorrow")
    };
    desk.receive("w0", "Hello");
    let edited = desk.store.edit(edit).unwrap().value.unwrap();
    desk.receive("w2", "Are you there?");
    assert_eq!(desk.texts(), ["Hello", "Tomorrow", "Are you there?"]);
    let alias = ProviderId::new("alias").unwrap();
    let original = Inbound::text(contact(), Channel::Whatsapp, "Tommorow")
        .provider_id("w1")
        .provider_alias(alias.clone())
        .client_ref("own")
        .provider_time(sent_at);
    let original = desk.store.receive(original).unwrap().value;
    assert_eq!((original.id, original.created_at), (edited.id, sent_at));
    assert_eq!(desk.texts(), ["Tomorrow", "Hello", "Are you there?"]);
    assert_eq!(desk.read(&original), original);
    assert_eq!(desk.conversation().created_at, sent_at);
    let by_alias = MessageRef::from((Channel::Whatsapp, alias));
    let by_reference = MessageRef::ClientRef {
        inbox: Channel::Whatsapp.into(),
        direction: Direction::Inbound,
        client_ref: "own".to_owned(),
    };
    for named in [by_alias, by_reference] {
        let reacted = desk.store.react(React::new(named, "👍")).unwrap().value;
        assert_eq!(reacted.unwrap().id, original.id);
    }
    assert!(desk.store.verify().unwrap().is_clean());
}

#[test]
fn a_message_that_was_edited_and_taken_back_before_it_came_is_of_its_own_type() {
    let content = || Content::image("https://example.com/1.jpg");
    let steps: [&dyn Fn(&Desk); 3] = [
        &|desk| {
            let edit = Edit {
                contact: Some(contact().into()),
                ..Edit::new(by_id("w1"), "A caption")
            };
            // One that was taken back is no longer edited.
            let _ = desk.store.edit(edit);
        },
        &|desk| drop(desk.store.revoke(Revoke::new(by_id("w1"))).unwrap()),
        &|desk| {
            let image = Inbound::new(contact(), Channel::Whatsapp, content()).provider_id("w1");
            drop(desk.store.receive(image).unwrap());
        },
    ];
    for order in [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ] {
        let desk = Desk::new();
        order.into_iter().for_each(|step| steps[step](&desk));
        let copied = desk.copied();
        let [message] = &copied[..] else {
            panic!("{order:?}: {copied:?}");
        };
        assert!(message.is_revoked(), "{order:?}");
        assert_eq!(
            message.content.message_type(),
            MessageType::Image,
            "{order:?}"
        );
        assert!(!extras(message).awaits_original, "{order:?}");
        assert_eq!(desk.conversation().unread_count, 0, "{order:?}");
    }
}

/// The content of a message, and its former ones, whatever order these came in.
fn outcomes(steps: &[&dyn Fn(&Desk)]) -> Vec<(Content, Vec<Content>, bool)> {
    let orders: &[&[usize]] = match steps.len() {
        2 => &[&[0, 1], &[1, 0]],
        _ => &[
            &[0, 1, 2],
            &[0, 2, 1],
            &[2, 0, 1],
            &[2, 1, 0],
            &[1, 0, 2],
            &[1, 2, 0],
        ],
    };
    let outcomes = orders.iter().map(|order| {
        let desk = Desk::new();
        desk.pass(600);
        // Each comes twice.
        for step in order.iter().flat_map(|step| [step, step]) {
            steps[*step](&desk);
        }
        let copied = desk.copied();
        assert_eq!(copied.len(), 1, "{order:?}");
        assert!(desk.store.verify().unwrap().is_clean());
        let of = extras(&copied[0]);
        let versions = of.versions.into_iter().map(|version| version.content);
        (
            copied[0].content.clone(),
            versions.collect(),
            of.placeholder,
        )
    });
    outcomes.collect()
}

fn edits(text: &'static str, second: i64) -> impl Fn(&Desk) {
    move |desk: &Desk| {
        let edit = Edit {
            contact: Some(contact().into()),
            at: Some(desk.now() - TimeDelta::seconds(100 - second)),
            ..Edit::new(by_id("w1"), text)
        };
        drop(desk.store.edit(edit).unwrap());
    }
}

fn comes(content: Content, placeholder: bool) -> impl Fn(&Desk) {
    move |desk: &Desk| {
        let mut message = Inbound::new(contact(), Channel::Whatsapp, content.clone())
            .provider_id("w1")
            .provider_time(desk.now() - TimeDelta::seconds(300));
        if placeholder {
            message = message.placeholder();
        }
        drop(desk.store.receive(message).unwrap());
    }
}

#[test]
fn an_edit_does_not_fill_a_placeholder() {
    let real = || Content::image("https://example.com/real.jpg").caption("c");
    let preview = || Content::image("https://example.com/preview.jpg");
    let steps: [&dyn Fn(&Desk); 3] = [
        &comes(preview(), true),
        &edits("e", 1),
        &comes(real(), false),
    ];
    let expected = (real().caption("e"), vec![real()], false);
    // A placeholder that comes after its content is not one.
    for outcome in outcomes(&steps) {
        assert_eq!(outcome, expected);
    }
}

#[test]
fn an_edit_that_waited_is_kept_by_a_revocation_that_keeps_content() {
    let desk = Desk::new();
    desk.store.edit(Edit::new(by_id("w1"), "Two")).unwrap();
    let keeps = Revoke {
        keep_content: true,
        ..Revoke::new(by_id("w1"))
    };
    desk.store.revoke(keeps).unwrap();
    let message = desk.receive("w1", "One");
    assert!(message.is_revoked());
    assert_eq!(message.content.as_text(), Some("Two"));
    assert_eq!(extras(&message).versions[0].content.as_text(), Some("One"));
    assert_eq!(desk.conversation().unread_count, 0);
    assert!(desk.store.verify().unwrap().is_clean());
}

#[test]
fn every_edit_that_came_before_media_is_a_caption() {
    let image = || Content::image("https://example.com/1.jpg").caption("c");
    let steps: [&dyn Fn(&Desk); 3] = [&edits("one", 1), &edits("two", 2), &comes(image(), false)];
    let expected = (
        image().caption("two"),
        vec![image(), image().caption("one")],
        false,
    );
    for outcome in outcomes(&steps) {
        assert_eq!(outcome, expected);
    }
}

#[test]
fn a_message_that_its_edit_named_by_an_alias_keeps_its_own_id() {
    let desk = Desk::new();
    let edit = Edit {
        contact: Some(contact().into()),
        ..Edit::new(by_id("alias"), "e")
    };
    desk.store.edit(edit).unwrap();
    let alias = ProviderId::new("alias").unwrap();
    let message = Inbound::text(contact(), Channel::Whatsapp, "c")
        .provider_id("w1")
        .provider_alias(alias.clone());
    let message = desk.store.receive(message).unwrap().value;
    assert_eq!(message.provider_id.as_ref().unwrap().as_str(), "w1");
    assert_eq!(extras(&message).provider_aliases, [alias]);
    for id in ["w1", "alias"] {
        let reacted = desk.store.react(React::new(by_id(id), "👍")).unwrap().value;
        assert_eq!(reacted.unwrap().id, message.id);
    }
    assert!(desk.store.verify().unwrap().is_clean());
}

#[test]
fn what_comes_of_a_message_of_the_team_before_it_waits_for_it() {
    let desk = Desk::new();
    let sent = desk
        .store
        .send(Outbound::text(contact(), Channel::Whatsapp, "One"));
    let sent = sent.unwrap().value;
    desk.pass(1);
    let target = by_id("w1");
    let edited = desk.store.edit(Edit::new(target.clone(), "Two")).unwrap();
    assert!(edited.value.is_none() && edited.effect.changed);
    let seen = RecordWatermark {
        of: WatermarkOf::UpTo(target),
        status: DeliveryStatus::Read,
    };
    let seen = desk.store.execute(seen).unwrap();
    assert!(seen.value.is_none() && seen.effect.changed);
    let echo = Outbound::text(contact(), Channel::Whatsapp, "Tow").provider_id("w1");
    let echo = desk.store.send(echo.echo()).unwrap().value;
    assert_eq!(echo.content.as_text(), Some("Two"));
    assert_eq!(extras(&echo).versions[0].content.as_text(), Some("Tow"));
    assert_eq!(desk.conversation().read_until, Some(echo.created_at));
    assert_eq!(desk.read(&sent).status, DeliveryStatus::Read);

    let content = Content::image("https://example.com/1.jpg");
    let (message, kept) = (by_id("w2"), content.clone());
    let filled = Fill { message, content };
    assert!(desk.store.fill(filled).unwrap().value.is_none());
    let old = Outbound::new(contact(), Channel::Whatsapp, Content::text("(media)"));
    let old = desk
        .store
        .send(old.provider_id("w2").placeholder())
        .unwrap();
    assert_eq!(old.value.content, kept);
    assert!(desk.store.verify().unwrap().is_clean());
}

#[test]
fn a_revoked_message_leaves_its_place_and_nothing_of_what_it_said() {
    let desk = Desk::new();
    let alone = desk.receive("w0", "First");
    let secret = Inbound::text(contact(), Channel::Whatsapp, "my card ends in 4117")
        .provider_id("w1")
        .metadata("note", "4117");
    let secret = desk.store.receive(secret).unwrap().value;
    desk.store
        .edit(Edit::new(&secret, "my card ends in 4118"))
        .unwrap();
    desk.store.react(React::new(&secret, "👀")).unwrap();
    assert_eq!(desk.conversation().unread_count, 2);
    let before = desk.conversation();
    desk.pass(60);
    let revoked = desk
        .store
        .revoke(Revoke::new(by_id("w1")))
        .unwrap()
        .value
        .unwrap();
    assert!(revoked.is_revoked());
    let json = serde_json::to_string(&desk.read(&secret)).unwrap();
    assert!(
        !json.contains("4117") && !json.contains("4118") && !json.contains("👀"),
        "{json}"
    );
    assert!(
        json.contains(r#""content":"""#) && json.contains(r#""revoked_by":{"type":"contact"}"#)
    );
    assert_eq!(desk.texts(), ["First", ""]);
    assert_eq!(desk.conversation().unread_count, 1);
    assert_eq!(desk.conversation().updated_at, before.updated_at);
    assert!(
        !desk
            .store
            .revoke(Revoke::new(by_id("w1")))
            .unwrap()
            .effect
            .changed
    );
    let edit = desk.store.edit(Edit::new(by_id("w1"), "again"));
    assert_eq!(refusal(edit).0, ErrorKind::Revoked);
    assert!(
        !desk
            .store
            .react(React::new(by_id("w1"), "👍"))
            .unwrap()
            .effect
            .changed
    );
    let again = desk.receive("w1", "my card ends in 4117");
    assert_eq!(again.content.as_text(), Some(""));
    desk.store.mark_read(alone.conversation_id, 2).unwrap();
    assert_eq!(desk.conversation().unread_count, 0);
    assert_eq!(desk.copied()[1].content, revoked.content);
    assert!(desk.store.verify().unwrap().is_clean());
}

#[test]
fn only_a_message_that_is_unread_counts_one_less_when_it_is_revoked() {
    let desk = Desk::new();
    let first = desk.receive("w1", "one");
    desk.receive("w2", "two");
    desk.store.mark_read(first.conversation_id, 1).unwrap();
    assert_eq!(desk.conversation().unread_count, 1);
    desk.store.revoke(Revoke::new(by_id("w1"))).unwrap();
    assert_eq!(desk.conversation().unread_count, 1);
    desk.store.revoke(Revoke::new(by_id("w2"))).unwrap();
    assert_eq!(desk.conversation().unread_count, 0);
}

#[test]
fn a_message_that_was_revoked_before_it_came_is_stored_without_content() {
    let desk = Desk::new();
    let parked = desk.store.revoke(Revoke::new(by_id("w1"))).unwrap();
    assert!(parked.value.is_none() && parked.effect.changed);
    desk.store.react(React::new(by_id("w1"), "👍")).unwrap();
    let late = desk.receive("w1", "my card ends in 4117");
    assert!(late.is_revoked());
    let json = serde_json::to_string(&desk.read(&late)).unwrap();
    assert!(!json.contains("4117") && !json.contains("👍"), "{json}");
    assert_eq!(desk.conversation().unread_count, 0);
    assert!(desk.store.verify().unwrap().is_clean());
}

#[test]
fn who_must_keep_records_keeps_the_content() {
    let desk = Desk::new();
    let message = desk.receive("w1", "Hello");
    let revoke = Revoke {
        keep_content: true,
        ..Revoke::new(&message)
    };
    let revoked = desk.store.revoke(revoke).unwrap().value.unwrap();
    assert_eq!(revoked.content.as_text(), Some("Hello"));
    assert!(revoked.is_revoked());
    assert_eq!(desk.copied()[0].extras, revoked.extras);
}

#[test]
fn what_waits_for_a_message_is_applied_when_it_comes_in_every_order() {
    type Step = fn(&Desk);
    let steps: [Step; 4] = [
        |desk| drop(desk.receive("w1", "Hello")),
        |desk| {
            drop(
                desk.store
                    .react(React {
                        at: Some(desk.now()),
                        ..React::new(by_id("w1"), "❤")
                    })
                    .unwrap(),
            )
        },
        |desk| {
            drop(
                desk.store
                    .record_delivery(by_id("w1"), Receipt::read())
                    .unwrap(),
            )
        },
        |desk| {
            let edit = Edit {
                contact: Some(contact().into()),
                at: Some(desk.now()),
                ..Edit::new(by_id("w1"), "Hello!")
            };
            drop(desk.store.edit(edit).unwrap());
        },
    ];
    let mut seen = None;
    for order in [
        [0, 1, 2, 3],
        [1, 2, 0, 3],
        [2, 1, 3, 0],
        [3, 0, 1, 2],
        [1, 3, 2, 0],
    ] {
        let desk = Desk::new();
        for step in order {
            steps[step](&desk);
            // Each webhook comes twice.
            steps[step](&desk);
        }
        let id = desk.conversation().id;
        let messages: Vec<_> = desk
            .store
            .messages(id, ..)
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let [message] = &messages[..] else {
            panic!("{messages:?}");
        };
        let what = (
            message.content.clone(),
            message.status,
            emoji(message),
            extras(message).versions.len(),
        );
        assert_eq!(*seen.get_or_insert(what.clone()), what, "{order:?}");
        assert!(desk.store.verify().unwrap().is_clean());
    }
    assert_eq!(seen.unwrap().1, DeliveryStatus::Read);
}

#[test]
fn a_placeholder_is_filled_once() {
    let desk = Desk::new();
    let empty = Content::Unsupported {
        reason: None,
        text: None,
        attachments: Vec::new(),
        caption: None,
    };
    let first = desk.receive("w1", empty);
    let placeholder = Inbound::text(contact(), Channel::Whatsapp, "")
        .provider_id("w2")
        .placeholder();
    desk.store.receive(placeholder).unwrap();
    let unread = desk.conversation().unread_count;
    let image = Content::image("https://example.com/1.jpg");
    assert_eq!(desk.receive("w1", image.clone()).content, image);
    assert_eq!(desk.receive("w2", "Hello").content.as_text(), Some("Hello"));
    assert_eq!(
        desk.receive("w2", "Another").content.as_text(),
        Some("Hello")
    );
    assert_eq!(desk.conversation().unread_count, unread);
    assert_eq!(desk.read(&first).id, first.id);
    assert_eq!(
        desk.events()
            .iter()
            .filter(|kind| **kind == "message.updated")
            .count(),
        2
    );
}

#[test]
fn a_note_is_removed() {
    let desk = Desk::new();
    let of = desk.receive("w1", "Hello").conversation_id;
    let note = desk.store.add_note(of, "VIP").unwrap().value;
    let kept = desk.store.add_note(of, "Calls at five").unwrap().value;
    desk.store.remove_note(of, note.id).unwrap();
    let left: Vec<_> = desk.store.notes(of).unwrap().map(Result::unwrap).collect();
    assert_eq!(left, [kept]);
    assert_eq!(
        refusal(desk.store.remove_note(of, note.id)).0,
        ErrorKind::NotFound
    );
}

#[test]
fn a_target_that_is_not_there_is_not_found() {
    let desk = Desk::new();
    let message = desk.receive("w1", "Hello");
    let other = MessageRef::from((
        message.conversation_id,
        convodb::MessageId::from_parts(1, 1),
    ));
    assert_eq!(
        refusal(desk.store.react(React::new(other.clone(), "👍"))).0,
        ErrorKind::NotFound
    );
    assert_eq!(
        refusal(desk.store.revoke(Revoke::new(other.clone()))).0,
        ErrorKind::NotFound
    );
    assert_eq!(
        refusal(desk.store.edit(Edit::new(other.clone(), "x"))).0,
        ErrorKind::NotFound
    );
    assert_eq!(refusal(desk.store.retry(other)).0, ErrorKind::NotFound);
}

#[test]
fn a_contact_edits_no_message_of_another_and_none_of_the_team() {
    let desk = Desk::new();
    let message = desk.receive("w1", "Hello");
    let sent = desk
        .store
        .reply(message.conversation_id, "Hi")
        .unwrap()
        .value;
    desk.store.set_provider_id(&sent, &super::id("w2")).unwrap();
    let other = convodb::ContactId::new("con_990022").unwrap();
    let edit = |id: &str, contact| Edit {
        contact: Some(convodb::Who::from(contact)),
        ..Edit::new(by_id(id), "hacked")
    };
    for edit in [edit("w1", other.clone()), edit("w2", contact())] {
        let (kind, text) = refusal(desk.store.edit(edit));
        assert_eq!(kind, ErrorKind::ProviderIdConflict);
        assert!(!text.contains("msg_") && !text.contains("con_"), "{text}");
    }
    desk.store.revoke(Revoke::new(by_id("w1"))).unwrap();
    let refused = refusal(desk.store.edit(edit("w1", other)));
    assert_eq!(refused.0, ErrorKind::ProviderIdConflict);
    assert_eq!(desk.texts(), ["", "Hi"]);
}

#[test]
fn edits_of_one_second_that_come_again_change_nothing() {
    let desk = Desk::new();
    let message = desk.receive("w1", "0");
    desk.pass(60);
    let edit = |text: &str| Edit {
        at: Some(desk.now()),
        ..Edit::new(&message, text)
    };
    for text in ["A", "B"] {
        assert!(desk.store.edit(edit(text)).unwrap().effect.changed);
    }
    let before = desk.read(&message);
    for text in ["A", "B", "A"] {
        assert!(
            !desk.store.edit(edit(text)).unwrap().effect.changed,
            "{text}"
        );
    }
    assert_eq!(desk.read(&message), before);
}
