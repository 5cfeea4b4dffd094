//! Contacts: their records, their identities, and what becomes of two that are one.

use convodb::commands::Identify;
use convodb::{
    AttributeChanges, Channel, Contact, ContactChanges, ContactFilter, ContactId, Content, Details,
    ErrorKind, Event, EventKind, EventSeq, EventSubject, Execute, Filter, Identity, ImportLine,
    ImportOptions, Inbound, InboxId, LineResult, Message, Outbound, Status, UserId, Who,
};

use crate::rules::inbox::{Inbox, contact};

use crate::store::{Options, Place, Read, Store, contact_of, test};

const WHATSAPP: Channel = Channel::Whatsapp;

fn phone(value: &str) -> Identity {
    Identity::new(WHATSAPP, value).unwrap()
}

fn receive(store: &Store, who: impl Into<Who>) -> Message {
    let hello = Inbound::text(who, WHATSAPP, "Hello");
    store.receive(hello).unwrap().value
}

fn contact_id(store: &Store, message: &Message) -> ContactId {
    store
        .conversation(message.conversation_id)
        .unwrap()
        .contact_id
}

fn events(store: &Store) -> Vec<Event> {
    store.events(EventSeq::ZERO, 1_000).unwrap()
}

fn types_of(store: &Store, id: &ContactId) -> Vec<&'static str> {
    let all = events(store).into_iter();
    all.filter(|event| event.subject.contact_id() == Some(id))
        .map(|event| event.kind.as_str())
        .collect()
}

fn is_sound(store: &Store) {
    let report = store.verify().unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
}

#[test]
fn a_message_of_a_contact_alone_makes_no_record() {
    let inbox = Inbox::new();
    let store = &inbox.store;
    let hello = inbox.hello("con_1");
    let shown = store.contact(&contact("con_1")).unwrap();
    let oldest = store.conversation(hello.conversation_id).unwrap();
    assert_eq!(shown, Contact::new(contact("con_1"), oldest.created_at));
    assert_eq!(
        store
            .list_contacts(&ContactFilter::All, (1, 20))
            .unwrap()
            .total,
        0
    );
    assert!(types_of(store, &contact("con_1")).is_empty());
    let unknown = store.contact(&contact("con_2")).unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::NotFound);
}

#[test]
fn a_record_is_as_old_as_the_oldest_conversation() {
    let inbox = Inbox::new();
    let began = inbox.clock.get();
    inbox.hello("con_1");
    inbox.later();
    let saved = inbox
        .store
        .save_contact(&contact("con_1"), ContactChanges::name("Ada"))
        .unwrap();
    assert!(saved.effect.created && saved.effect.changed);
    assert_eq!(saved.value.created_at, began);
    let again = inbox
        .store
        .save_contact(&contact("con_1"), ContactChanges::name("Ada"))
        .unwrap();
    assert!(!again.effect.created && !again.effect.changed);
    let types = types_of(&inbox.store, &contact("con_1"));
    assert_eq!(types, ["contact.created"]);
}

#[test]
fn the_first_known_identity_decides_and_the_others_are_added() {
    let inbox = Inbox::new();
    let store = &inbox.store;
    let first = receive(store, Who::identities(["+491", "U.1"]));
    let known = contact_id(store, &first);
    assert_eq!(known, contact_of(store, &phone("+491")).unwrap());
    let second = receive(store, Who::identities(["+492", "U.1", "+493"]));
    assert_eq!(second.conversation_id, first.conversation_id);
    assert_eq!(second.extras.unwrap().identity.as_deref(), Some("+492"));
    let contact = store.contact(&known).unwrap();
    let identities = ["+491", "U.1", "+492", "+493"].map(phone);
    assert_eq!(contact.identities, identities);
    assert_eq!(
        types_of(store, &known),
        ["contact.created", "contact.identified"]
    );
    // An answer goes where the contact wrote from last.
    let conversation = store.conversation(first.conversation_id).unwrap();
    assert_eq!(conversation.identity.as_deref(), Some("+492"));
    receive(store, &known);
    let sent = Outbound::text(Who::identities(["+491"]), WHATSAPP, "Hi");
    assert_eq!(
        store.send(sent).unwrap().value.conversation_id,
        first.conversation_id
    );
    let rows = store.list(&Filter::open(), (1, 20)).unwrap().data;
    assert_eq!(rows[0].identity.as_deref(), Some("+492"));
    // Another channel has others of the same spelling.
    let elsewhere = Inbound::text(Who::identities(["+491"]), Channel::Webchat, "Hello");
    let elsewhere = store.receive(elsewhere).unwrap().value;
    assert_ne!(contact_id(store, &elsewhere), known);
    is_sound(store);
}

#[test]
fn identities_of_two_contacts_are_a_conflict_that_merges_nothing() {
    let inbox = Inbox::new();
    let store = &inbox.store;
    let one = contact_id(store, &receive(store, Who::identities(["+491"])));
    let two = contact("con_2");
    receive(store, Who::with_identities(&two, ["+492"]));
    let message = receive(store, Who::identities(["+492", "+491"]));
    assert_eq!(contact_id(store, &message), two);
    let conflict = events(store)
        .into_iter()
        .find(|event| matches!(&event.kind, EventKind::ContactConflict { with } if *with == one));
    assert_eq!(
        conflict.unwrap().subject,
        EventSubject::Contact(two.clone())
    );
    assert_eq!(store.contact(&one).unwrap().identities, [phone("+491")]);
    let both = Identify::new(Who::identities(["+491", "+492"]), WHATSAPP);
    let taken = store.identify(both.clone()).unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::IdentityTaken);
    assert_eq!(
        *taken.details(),
        Details::Contacts(vec![one.clone(), two.clone()])
    );
    let merged = store.identify(both.merge()).unwrap().value;
    assert_eq!((merged.id, merged.identities.len()), (one.clone(), 2));
    assert_eq!(store.contact(&two).unwrap().id, one);
    is_sound(store);
}

#[test]
fn identities_out_of_bounds_are_refused_by_their_place() {
    let inbox = Inbox::new();
    let many = Who::identities(["1", "2", "3", "4", "5"]);
    let long = "x".repeat(257);
    for (who, field) in [
        (many, "identities"),
        (Who::identities(["1", ""]), "identities[1]"),
        (Who::identities(["a\u{7}"]), "identities[0]"),
        (Who::identities([long.as_str()]), "identities[0]"),
        (Who::identities([""; 0]), "contact_id"),
    ] {
        let draft = Inbound::text(who, WHATSAPP, "Hello");
        assert_eq!(draft.validate().unwrap_err().field(), field);
        let refused = inbox.store.receive(draft).unwrap_err();
        assert_eq!(
            (refused.kind(), refused.field()),
            (ErrorKind::InvalidInput, Some(field))
        );
    }
    assert_eq!(inbox.store.count(&Filter::all()).unwrap(), 0);
}

#[test]
fn contacts_are_listed_by_the_beginning_of_names_and_identities() {
    let inbox = Inbox::new();
    let store = &inbox.store;
    let names = ["ÄRZTE", "ärztin", "Zoë", &"n".repeat(200)];
    for (nth, name) in names.iter().enumerate() {
        let id = contact(&format!("con_{nth}"));
        store
            .save_contact(&id, ContactChanges::name(*name))
            .unwrap();
    }
    let list = |name: &str| {
        let filter = ContactFilter::Name(name.to_owned());
        let page = store.list_contacts(&filter, (1, 20)).unwrap();
        assert_eq!(page.total, page.data.len() as u64);
        page.data
            .into_iter()
            .map(|known| known.name.unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(list("Ärzt"), ["ÄRZTE", "ärztin"]);
    assert_eq!(list("zo"), ["Zoë"]);
    assert_eq!(list(&"N".repeat(199)).len(), 1);
    assert!(list(&format!("{}x", "n".repeat(199))).is_empty());
    assert_eq!(list("").len(), 4);
    store
        .save_contact(&contact("con_2"), ContactChanges::name("Anna"))
        .unwrap();
    assert!(list("zo").is_empty());
    receive(
        store,
        Who::with_identities(contact("con_0"), ["+491", "+492"]),
    );
    let filter = ContactFilter::Identity(WHATSAPP, "+49".to_owned());
    let page = store.list_contacts(&filter, (1, 20)).unwrap();
    assert_eq!((page.total, page.data.len()), (1, 1), "each once");
    let past = store.list_contacts(&filter, (2, 20)).unwrap();
    assert_eq!((past.total, past.data.len()), (1, 0));
    is_sound(store);
}

#[test]
fn erasing_leaves_no_record_no_identity_and_no_id_in_events() {
    let inbox = Inbox::new();
    let store = &inbox.store;
    let (one, two) = (contact("con_1"), contact("con_2"));
    receive(store, Who::with_identities(&one, ["+491"]));
    receive(store, Who::with_identities(&two, ["+492"]));
    receive(store, Who::with_identities(&two, ["+491"]));
    store.merge_contacts(&contact("con_2"), &one).unwrap();
    assert_eq!(store.erase_contact(&two).unwrap().value, 1);
    for id in [&one, &two] {
        assert_eq!(store.contact(id).unwrap_err().kind(), ErrorKind::NotFound);
        assert!(types_of(store, id).is_empty());
    }
    let text = format!("{:?}", events(store));
    assert!(!text.contains("con_1") && !text.contains("con_2"), "{text}");
    let made = contact_id(store, &receive(store, Who::identities(["+491"])));
    assert_eq!(made, contact_of(store, &phone("+491")).unwrap());
    assert!(!store.erase_contact(&two).unwrap().effect.changed);
    is_sound(store);
}

#[test]
fn a_merge_puts_messages_in_their_order_and_both_ids_mean_the_survivor() {
    let inbox = Inbox::new();
    let store = &inbox.store;
    let alice = UserId::new("usr_alice").unwrap();
    store.save_user(&alice, "Alice").unwrap();
    let (visitor, known) = (contact("con_visitor"), contact("con_known"));
    let say = |who: Who, text: &str| {
        inbox.later();
        let message = Inbound::text(who, WHATSAPP, text).provider_id(format!("w.{text}"));
        store.receive(message).unwrap().value
    };
    let a = say(Who::from(&known), "a");
    let b = say(Who::with_identities(&visitor, ["+491"]), "b");
    let c = say(Who::from(&known), "c");
    let d = say(Who::with_identities(&visitor, ["+491"]), "d");
    store.assign(b.conversation_id, &alice).unwrap();
    store.add_note(b.conversation_id, "From the web").unwrap();
    store.resolve(a.conversation_id).unwrap();
    store.mark_read(a.conversation_id, 1).unwrap();
    let tags = |json: &str| serde_json::from_str::<AttributeChanges>(json).unwrap();
    let own = r#"{"tags": ["vip"], "metadata": {"a": 1}}"#;
    store
        .update_conversation(a.conversation_id, tags(own))
        .unwrap();
    let others = r#"{"priority": "high", "tags": ["VIP", "web"], "metadata": {"a": 2, "b": 2}}"#;
    store
        .update_conversation(b.conversation_id, tags(others))
        .unwrap();
    let revisions =
        [a.conversation_id, b.conversation_id].map(|id| store.conversation(id).unwrap().revision);

    let merged = store.merge_contacts(&visitor, &known).unwrap();
    assert!(merged.effect.reopened);
    assert_eq!(
        (merged.value.id, merged.value.identities.len()),
        (known.clone(), 1)
    );
    let transcript = store.transcript(b.conversation_id).unwrap();
    let of = &transcript.conversation;
    assert_eq!((of.id, &of.contact_id), (a.conversation_id, &known));
    let texts: Vec<_> = transcript
        .messages
        .iter()
        .map(|it| it.content.clone())
        .collect();
    assert_eq!(texts, ["a", "b", "c", "d"].map(Content::text));
    assert_eq!(of.status, Status::Open);
    assert_eq!(of.assigned_to.as_ref().unwrap().id, alice.into());
    assert_eq!((of.inbound_count, of.unread_count), (4, 3));
    assert!(revisions.iter().all(|before| of.revision > *before));
    assert_eq!(of.identity.as_deref(), Some("+491"));
    let attributes = of.attributes.as_deref().unwrap();
    assert_eq!(attributes.tags.iter().collect::<Vec<_>>(), ["vip", "web"]);
    assert_eq!(attributes.metadata.get("a"), Some(&1.into()));
    assert_eq!(attributes.metadata.get("b"), Some(&2.into()));
    assert_eq!(store.notes(b.conversation_id).unwrap().count(), 1);

    // Ids of messages, provider's ids and commands by the ids that are gone.
    for message in [&b, &d] {
        let found = store.message((b.conversation_id, message.id)).unwrap();
        assert_eq!(found.conversation_id, a.conversation_id);
        let provided = message.provider_id.clone().unwrap();
        assert_eq!(store.message((WHATSAPP, provided)).unwrap().id, message.id);
    }
    let again = Inbound::text(&visitor, WHATSAPP, "b").provider_id("w.b");
    assert!(store.receive(again).unwrap().is_duplicate);
    let next = receive(store, &visitor);
    assert_eq!(next.conversation_id, a.conversation_id);
    let elsewhere = Inbound::text(&visitor, Channel::Webchat, "new");
    let elsewhere = store.receive(elsewhere).unwrap().value;
    assert_eq!(contact_id(store, &elsewhere), known);
    assert!(store.resolve(b.conversation_id).unwrap().effect.changed);
    assert!(
        !store
            .merge_contacts(&visitor, &known)
            .unwrap()
            .effect
            .changed
    );
    let itself = store.merge_contacts(&known, &known).unwrap_err();
    assert_eq!(itself.field(), Some("into"));
    assert_eq!(c.conversation_id, a.conversation_id);

    // A second merge moves what meant the first survivor.
    let last = contact("con_last");
    receive(store, &last);
    store.merge_contacts(&known, &last).unwrap();
    for id in [&visitor, &known] {
        assert_eq!(store.contact(id).unwrap().id, last);
    }
    let survivor = store.conversation(b.conversation_id).unwrap();
    assert_eq!(survivor.contact_id, last);
    is_sound(store);
    store.delete(b.conversation_id).unwrap();
    for id in [a.conversation_id, b.conversation_id] {
        assert_eq!(
            store.conversation(id).unwrap_err().kind(),
            ErrorKind::NotFound
        );
    }
    is_sound(store);
}

#[test]
fn threads_in_inboxes_that_the_other_does_not_have_change_their_contact() {
    let inbox = Inbox::new();
    let store = &inbox.store;
    let sales = InboxId::new("inb_sales").unwrap();
    store.save_inbox(&sales, WHATSAPP, "Sales").unwrap();
    let (from, into) = (contact("con_from"), contact("con_into"));
    let hello = Inbound::text(&from, &sales, "Hello");
    let hello = store.receive(hello).unwrap().value;
    receive(store, &into);
    store.merge_contacts(&from, &into).unwrap();
    let moved = store.conversation(hello.conversation_id).unwrap();
    assert_eq!(
        (moved.id, &moved.contact_id),
        (hello.conversation_id, &into)
    );
    let found = store.find_conversation(&from, &sales).unwrap().unwrap();
    assert_eq!(found, moved);
    assert_eq!(store.conversations_of(&from).unwrap().len(), 2);
    is_sound(store);
}

#[test]
fn lines_of_an_import_that_come_again_after_a_merge_are_the_same_messages() {
    let inbox = Inbox::new();
    let store = &inbox.store;
    let line = |contact: &str, id: &str, text: &str, at: &str| {
        let line = serde_json::json!({"message": {
            "contact_id": contact, "channel": "whatsapp", "direction": "inbound", "type": "text",
            "content": text, "sent_at": at, "id": id,
        }});
        ImportLine::parse(line.to_string().as_bytes())
    };
    let lines = || {
        let all = [
            line("con_from", "1", "b", "2019-05-01T08:00:01Z"),
            line("con_into", "2", "a", "2019-05-01T08:00:00Z"),
            line("con_into", "3", "c", "2019-05-01T08:00:02Z"),
        ];
        (1..).zip(all)
    };
    let import = || {
        let answers = store.import_lines(lines(), &ImportOptions::new());
        let answers = answers.map(|answer| answer.unwrap().result.unwrap());
        answers.collect::<Vec<_>>()
    };
    assert_eq!(import(), [LineResult::Created; 3]);
    // A contact of which a line says nothing more has no record.
    let all = store.list_contacts(&ContactFilter::All, (1, 20)).unwrap();
    assert_eq!(all.total, 0);
    let (from, into) = (contact("con_from"), contact("con_into"));
    store.merge_contacts(&from, &into).unwrap();
    assert_eq!(import(), [LineResult::Duplicate; 3]);
    let more = [(1, line("con_from", "4", "d", "2019-05-01T08:00:03Z"))];
    let answers: Vec<_> = store.import_lines(more, &ImportOptions::new()).collect();
    assert!(answers[0].as_ref().unwrap().result.is_ok());
    let thread = store.find_conversation(&into, WHATSAPP).unwrap().unwrap();
    let texts = store.transcript(thread.id).unwrap().messages;
    let texts: Vec<_> = texts.iter().filter_map(|it| it.content.as_text()).collect();
    assert_eq!(texts, ["a", "b", "c", "d"]);
    assert_eq!(thread.status, Status::Resolved);
    is_sound(store);
}

#[test]
fn an_answer_to_what_lines_brought_goes_to_the_last_identity_that_they_name() {
    let inbox = Inbox::new();
    let store = &inbox.store;
    let line = |identity: &str, at: &str| {
        let line = serde_json::json!({"message": {
            "contact_id": "con_1", "identities": [identity], "channel": "whatsapp",
            "direction": "inbound", "type": "text", "content": "Hello", "sent_at": at,
        }});
        ImportLine::parse(line.to_string().as_bytes())
    };
    let import = |line| {
        let answers = store.import_lines([(1, line)], &ImportOptions::new());
        assert!(answers.map(|it| it.unwrap()).all(|it| it.result.is_ok()));
        let thread = store.find_conversation(&contact("con_1"), WHATSAPP);
        thread.unwrap().unwrap().identity
    };
    let answer_to = import(line("+491", "2019-05-01T08:00:00Z"));
    assert_eq!(answer_to.as_deref(), Some("+491"));
    let answer_to = import(line("+492", "2019-05-01T08:00:01Z"));
    assert_eq!(answer_to.as_deref(), Some("+492"));
    receive(store, Who::identities(["+491"]));
    // What is of the past changes nothing of the present.
    let answer_to = import(line("+493", "2019-05-01T08:00:02Z"));
    assert_eq!(answer_to.as_deref(), Some("+491"));
    is_sound(store);
}

#[test]
fn lines_of_conversations_of_a_contact_that_was_merged_are_the_other_ones() {
    let inbox = Inbox::new();
    let store = &inbox.store;
    let (from, into) = (contact("con_from"), contact("con_into"));
    let gone = receive(store, &from).conversation_id;
    let kept = receive(store, &into).conversation_id;
    store.merge_contacts(&from, &into).unwrap();
    let line = |more: serde_json::Value| {
        let mut line = serde_json::json!({"contact_id": "con_from", "channel": "whatsapp"});
        let fields = line.as_object_mut().unwrap();
        fields.extend(more.as_object().unwrap().clone());
        let line = serde_json::json!({ "conversation": line });
        ImportLine::parse(line.to_string().as_bytes())
    };
    let lines = [
        line(serde_json::json!({"tags": ["vip"]})),
        line(serde_json::json!({"id": gone, "tags": ["old"]})),
        line(serde_json::json!({"channel": "webchat"})),
    ];
    let answers = store.import_lines((1..).zip(lines), &ImportOptions::new());
    let results: Vec<_> = answers.map(|it| it.unwrap().result.unwrap()).collect();
    let merged = LineResult::Merged;
    assert_eq!(results, [merged, merged, LineResult::Created]);
    let all = store.conversations_of(&from).unwrap();
    assert_eq!(all.len(), 2);
    assert!(
        all.iter()
            .all(|conversation| conversation.contact_id == into)
    );
    let attributes = store.conversation(kept).unwrap().attributes.unwrap();
    assert_eq!(attributes.tags.len(), 2);
    is_sound(store);
}

#[test]
fn a_list_by_a_contact_that_was_merged_is_the_other_ones() {
    let inbox = Inbox::new();
    let store = &inbox.store;
    let (from, into) = (contact("con_from"), contact("con_into"));
    let gone = receive(store, &from).conversation_id;
    let kept = receive(store, &into).conversation_id;
    store.merge_contacts(&from, &into).unwrap();
    let filter = Filter::new(convodb::StatusFilter::All).contact(&from);
    assert_eq!(store.count(&filter).unwrap(), 1);
    let page = store.list(&filter, (1, 20)).unwrap();
    assert_eq!((page.data[0].id, page.total), (kept, 1));
    assert_eq!(store.rank(gone, &filter).unwrap(), Some(0));
}

#[test]
fn what_was_merged_is_so_after_a_restart_and_a_repair() {
    let place = Place::new();
    let (from, into) = (contact("con_from"), contact("con_into"));
    let store = place.open(Options::new());
    let gone = receive(&store, Who::with_identities(&from, ["+491"])).conversation_id;
    let kept = receive(&store, &into).conversation_id;
    store
        .save_contact(&into, ContactChanges::name("Ada"))
        .unwrap();
    store.merge_contacts(&from, &into).unwrap();
    let check = |store: &Store| {
        for _ in 0..2 {
            assert_eq!(store.conversation(gone).unwrap().id, kept);
            assert_eq!(store.contact(&from).unwrap().identities, [phone("+491")]);
            let filter = ContactFilter::Name("ada".to_owned());
            assert_eq!(store.list_contacts(&filter, (1, 20)).unwrap().total, 1);
            is_sound(store);
            store.repair().unwrap();
        }
    };
    check(&store);
    store.close().unwrap();
    check(&place.open(Options::new()));
}
