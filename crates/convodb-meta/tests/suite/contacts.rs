//! Who messages are from: identities, names, and what changes of them.

use convodb::{Channel, Contact, ContactChanges, ContactId, Execute, Filter, Identity, Status};
use serde_json::{Value, json};

use crate::common::{items, messages, post, store};
use crate::orders::permutations;

use crate::store::{Read, Store, test};

/// A change of the number 111.
fn change(field: &str, value: Value) -> Vec<u8> {
    let mut value = value;
    value["metadata"] = json!({"phone_number_id": "111", "display_phone_number": "100"});
    let entry = json!({"id": "9", "changes": [{"field": field, "value": value}]});
    let body = json!({"object": "whatsapp_business_account", "entry": [entry]});
    body.to_string().into_bytes()
}

/// A text of this minute, with these fields of the message, and beside a profile if there is one.
fn text(minute: u8, more: Value, profile: Value) -> Vec<u8> {
    let mut message = json!({
        "id": format!("wamid.{minute}"), "timestamp": 1_795_936_020 + 60 * u64::from(minute),
        "type": "text", "text": {"body": format!("text {minute}")},
    });
    for (name, value) in more.as_object().unwrap() {
        message[name] = value.clone();
    }
    let mut value = json!({"messages": [message]});
    if !profile.is_null() {
        value["contacts"] = json!([profile]);
    }
    change("messages", value)
}

/// The line of another number and another user id.
fn changed(minute: u8) -> Vec<u8> {
    let line = json!({
        "type": "user_changed_number", "body": "Ann changed from 4911 to 4999",
        "wa_id": "4999", "user_id": "DE.2", "previous_user_id": "DE.1",
    });
    let more = json!({"from": "4911", "from_user_id": "DE.1", "type": "system", "system": line});
    text(minute, more, Value::Null)
}

fn contacts(store: &Store) -> Vec<Contact> {
    let all = store.list_contacts(&convodb::ContactFilter::All, (1, 100));
    all.unwrap().data
}

fn identities(contact: &Contact) -> Vec<&str> {
    let mut values: Vec<_> = contact.identities.iter().map(Identity::value).collect();
    values.sort_unstable();
    values
}

/// The identities of all contacts.
fn all_identities(store: &Store) -> Vec<Vec<String>> {
    let contacts = contacts(store);
    let mut all: Vec<Vec<String>> = contacts
        .iter()
        .map(|contact| identities(contact).into_iter().map(str::to_owned).collect())
        .collect();
    all.sort();
    all
}

fn ann() -> [Vec<u8>; 4] {
    let profile = json!({"wa_id": "4911", "user_id": "DE.1", "profile": {"name": "Ann"}});
    [
        text(0, json!({"from": "4911", "from_user_id": "DE.1"}), profile),
        changed(1),
        text(2, json!({"from": "4999"}), Value::Null),
        text(3, json!({"from_user_id": "DE.2"}), Value::Null),
    ]
}

#[test]
fn a_contact_with_another_number_and_user_id_goes_on_in_its_thread() {
    let (store, _) = store();
    let shown = |expected: &str| {
        let page = store.list(&Filter::all(), (1, 10)).unwrap();
        assert_eq!((page.total, page.data[0].status), (1, Status::Open));
        assert_eq!(page.data[0].identity.as_deref(), Some(expected));
        page.data[0].contact_id.clone()
    };
    for (body, identity) in ann().iter().zip(["4911", "4999", "4999", "DE.2"]) {
        assert!(post(&store, body).is_empty());
        shown(identity);
    }
    let known = store.contact(&shown("DE.2")).unwrap();
    assert_eq!(contacts(&store).len(), 1);
    assert_eq!(identities(&known), ["4911", "4999", "DE.1", "DE.2"]);
    assert_eq!(known.name.as_deref(), Some("Ann"));
    assert_eq!(messages(&store).len(), 4);
}

#[test]
fn every_order_of_a_change_gives_one_contact_with_one_thread() {
    let shown = |store: &Store| {
        let mut messages = messages(store);
        for message in &mut messages {
            let fields = message.as_object_mut().unwrap();
            fields.remove("id");
            fields.remove("conversation_id");
        }
        messages.sort_by_key(|message| message["provider_id"].to_string());
        messages
    };
    let bodies = ann();
    let expected = store().0;
    bodies.iter().for_each(|body| drop(post(&expected, body)));
    let expected = shown(&expected);
    for order in permutations(bodies.len()) {
        let (store, _) = store();
        for place in order.iter().chain(&order[..2]) {
            let refused = post(&store, &bodies[*place]);
            assert!(refused.is_empty(), "{order:?}: {refused:?}");
        }
        assert_eq!(shown(&store), expected, "{order:?}");
        let page = store.list(&Filter::all(), (1, 10)).unwrap();
        assert_eq!((page.total, page.data[0].status), (1, Status::Open));
        assert_eq!(contacts(&store).len(), 1, "{order:?}");
        assert!(store.verify().unwrap().is_clean());
    }
}

#[test]
fn every_order_of_payloads_with_one_identity_and_with_both_gives_one_contact() {
    let bodies = [
        text(0, json!({"from": "4911"}), Value::Null),
        text(1, json!({"from_user_id": "DE.1"}), Value::Null),
        text(
            2,
            json!({"from": "4911", "from_user_id": "DE.1"}),
            Value::Null,
        ),
    ];
    for order in permutations(bodies.len()) {
        let (store, _) = store();
        for place in &order {
            assert!(post(&store, &bodies[*place]).is_empty());
        }
        assert_eq!(all_identities(&store), [["4911", "DE.1"]], "{order:?}");
        assert_eq!(store.list(&Filter::all(), (1, 10)).unwrap().total, 1);
    }
}

#[test]
fn a_new_user_id_alone_belongs_to_the_contact_of_the_former() {
    let line = json!({
        "type": "user_changed_user_id", "body": "Ann has another id",
        "user_id": "DE.2", "previous_user_id": "DE.1",
    });
    let more = json!({"from_user_id": "DE.1", "type": "system", "system": line});
    let (store, _) = store();
    post(
        &store,
        &text(0, json!({"from_user_id": "DE.1"}), Value::Null),
    );
    post(&store, &text(1, more, Value::Null));
    post(
        &store,
        &text(2, json!({"from_user_id": "DE.2"}), Value::Null),
    );
    assert_eq!(all_identities(&store), [["DE.1", "DE.2"]]);
    let page = store.list(&Filter::all(), (1, 10)).unwrap();
    assert_eq!(
        (page.total, page.data[0].identity.as_deref()),
        (1, Some("DE.2"))
    );
}

#[test]
fn a_line_of_former_versions_names_the_new_number_too() {
    let line = json!({
        "type": "customer_changed_number", "body": "changed", "customer": "4911", "new_wa_id": "4999",
    });
    let more = json!({"from": "4911", "type": "system", "system": line});
    let items = items(&text(0, more, Value::Null));
    assert_eq!(items[0].0, "contact");
    assert_eq!(items[0].1["who"]["identities"], json!(["4911", "4999"]));
    assert_eq!(items[1].1["identities"], json!(["4999", "4911"]));
}

#[test]
fn nobody_is_taken_for_another_one() {
    let (store, _) = store();
    // The profile of another contact, a line about something else, and a contact of another channel.
    let other = json!({"wa_id": "4922", "user_id": "DE.7", "profile": {"name": "Bob"}});
    post(
        &store,
        &text(0, json!({"from": "4911", "from_user_id": "DE.1"}), other),
    );
    let line = json!({"type": "customer_identity_changed", "wa_id": "4933", "user_id": "DE.8"});
    let more = json!({"from": "4911", "type": "system", "system": line});
    post(&store, &text(1, more, Value::Null));
    let body = br#"{"object": "page", "entry": [{"id": "5", "messaging": [{
        "sender": {"id": "4911"}, "recipient": {"id": "5"}, "message": {"mid": "m", "text": "A"}}]}]}"#;
    post(&store, body);
    assert_eq!(all_identities(&store), [vec!["4911"], vec!["4911", "DE.1"]]);
    let names: Vec<_> = contacts(&store).into_iter().map(|it| it.name).collect();
    assert_eq!(names, [None, None]);
    let page = store.list(&Filter::all(), (1, 10)).unwrap();
    assert_eq!(page.total, 2);
}

#[test]
fn a_message_that_names_nobody_is_of_the_only_profile_beside_it() {
    let (store, _) = store();
    let profile = json!({"wa_id": "4911", "profile": {"name": "Ann", "username": "ann.b"}});
    post(&store, &text(0, json!({}), profile));
    assert_eq!(all_identities(&store), [["4911"]]);
    assert_eq!(
        messages(&store)[0]["metadata"],
        json!({"contact.username": "ann.b"})
    );
}

#[test]
fn a_name_is_a_profiles_until_the_team_or_the_business_gives_another_one() {
    let (store, _) = store();
    let named = |minute: u8, name: Value| {
        let profile = json!({"wa_id": "4911", "profile": {"name": name}});
        text(minute, json!({"from": "4911"}), profile)
    };
    let shown = || contacts(&store).remove(0).name;
    for (minute, blank) in (0..).zip([json!(""), json!("\u{200b} \n"), json!({}), json!(null)]) {
        assert!(post(&store, &named(minute, blank.clone())).is_empty());
        assert_eq!(shown(), None, "{blank}");
    }
    post(&store, &named(5, json!("Ann")));
    assert_eq!(shown().as_deref(), Some("Ann"));
    let id: ContactId = contacts(&store).remove(0).id;
    store
        .save_contact(&id, ContactChanges::name("Ann B."))
        .unwrap();
    post(&store, &named(7, json!("Ann")));
    assert_eq!(shown().as_deref(), Some("Ann B."));
    let sync = |contact: Value, action: &str| {
        let entry = json!({"type": "contact", "contact": contact, "action": action});
        change("smb_app_state_sync", json!({"state_sync": [entry]}))
    };
    let ann =
        json!({"full_name": "Ann of the bakery", "first_name": "Ann", "phone_number": "+49 11"});
    post(&store, &sync(ann.clone(), "add"));
    assert_eq!(shown().as_deref(), Some("Ann of the bakery"));
    let before = store.stats().unwrap().newest_event;
    post(&store, &sync(ann, "remove"));
    post(&store, &named(7, json!("Ann")));
    assert_eq!(store.stats().unwrap().newest_event, before);
    assert_eq!(contacts(&store).len(), 1);
    // One that is too long is cut.
    let long = "é".repeat(200);
    let profile = json!({"wa_id": "4922", "profile": {"name": long}});
    post(&store, &text(9, json!({"from": "4922"}), profile));
    let names = contacts(&store).into_iter().filter_map(|it| it.name);
    assert!(names.into_iter().any(|name| name == "é".repeat(128)));
}

#[test]
fn an_edit_before_its_message_is_of_the_same_contact() {
    let message = |id: &str, more: Value| {
        let mut fields = json!({"from": "4911", "from_user_id": "DE.1", "id": id});
        for (name, value) in more.as_object().unwrap() {
            fields[name] = value.clone();
        }
        text(0, fields, Value::Null)
    };
    let edited = json!({"type": "text", "text": {"body": "blue"}});
    let edit = json!({"original_message_id": "wamid.a", "message": edited});
    let edit = message("wamid.b", json!({"type": "edit", "edit": edit}));
    let original = message("wamid.a", json!({}));
    for bodies in [[&edit, &original], [&original, &edit]] {
        let (store, _) = store();
        for body in bodies {
            assert!(post(&store, body).is_empty());
        }
        let messages = messages(&store);
        assert_eq!(messages.len(), 1);
        assert_eq!(messages[0]["content"], "blue");
        assert_eq!(messages[0]["identity"], "4911");
        assert_eq!(all_identities(&store), [["4911", "DE.1"]]);
    }
}

#[test]
fn a_scoped_id_is_an_identity_that_a_contact_of_the_team_may_have() {
    let (store, _) = store();
    let crm = ContactId::new("con_crm").unwrap();
    let known = convodb::Who::with_identities(&crm, ["661002"]);
    let identify = convodb::commands::Identify::new(known, Channel::Messenger);
    store.execute(identify).unwrap();
    let event = |fields: Value| {
        let mut event = json!({"sender": {"id": "661002"}, "recipient": {"id": "5"}});
        event
            .as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        json!({"object": "page", "entry": [{"id": "5", "messaging": [event]}]}).to_string()
    };
    let message =
        event(json!({"message": {"mid": "m", "text": "A"}, "timestamp": 1_795_936_020_123_u64}));
    post(&store, message.as_bytes());
    let read = event(json!({"read": {"watermark": 1_795_936_021_000_u64}}));
    assert!(post(&store, read.as_bytes()).is_empty());
    let page = store.list(&Filter::all(), (1, 10)).unwrap();
    assert_eq!(page.total, 1);
    assert_eq!(page.data[0].contact_id, crm);
    assert_eq!(page.data[0].identity.as_deref(), Some("661002"));
    assert!(page.data[0].read_until.is_some());
}
