//! What a team gives a conversation: its priority, its tags, and values of the caller's own.

use convodb::{
    Attribute, AttributeChanges, Attributes, ContactChanges, ContactFilter, Conversation,
    ErrorKind, EventKind, EventSeq, Execute, Filter, Import, PageRequest, Priority, Revision,
};

use crate::rules::inbox::Inbox;

use crate::store::{Read, Store, test};

/// Changes as a client writes them.
fn changes(json: &str) -> AttributeChanges {
    serde_json::from_str(json).unwrap()
}

fn attributes(conversation: &Conversation) -> Attributes {
    conversation
        .attributes
        .as_deref()
        .cloned()
        .unwrap_or_default()
}

fn tags(conversation: &Conversation) -> Vec<String> {
    let tags = attributes(conversation).tags;
    tags.iter().map(str::to_owned).collect()
}

#[test]
fn attributes_are_set_kept_and_taken_away_without_activity() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let before = inbox.show(id);
    inbox.clock.advance(std::time::Duration::from_secs(60));
    let all = r#"{"priority": "urgent", "tags": ["vip", "Refund"], "metadata": {"order": 1042}}"#;
    let updated = inbox.store.update_conversation(id, changes(all)).unwrap();
    assert!(updated.effect.changed);
    assert_eq!(updated.value, inbox.show(id));
    let shown = attributes(&updated.value);
    assert_eq!(shown.priority, Some(Priority::Urgent));
    assert_eq!(tags(&updated.value), ["Refund", "vip"]);
    assert_eq!(shown.metadata.get("order"), Some(&1042.into()));
    assert_eq!(updated.value.updated_at, before.updated_at);
    assert_eq!(updated.value.revision, Revision::new(3));
    assert!(
        !inbox
            .store
            .update_conversation(id, changes(all))
            .unwrap()
            .effect
            .changed
    );
    assert!(
        !inbox
            .store
            .update_conversation(id, changes("{}"))
            .unwrap()
            .effect
            .changed
    );

    let none = r#"{"priority": null, "tags": null, "metadata": null}"#;
    let cleared = inbox
        .store
        .update_conversation(id, changes(none))
        .unwrap()
        .value;
    assert_eq!(cleared.attributes, None);
    let names = [Attribute::Priority, Attribute::Tags, Attribute::Metadata];
    let events = inbox.store.events(EventSeq::ZERO, 100).unwrap();
    let changed = events.into_iter().filter_map(|event| match event.kind {
        EventKind::ConversationUpdated { changed } => Some(changed),
        _ => None,
    });
    assert_eq!(
        changed.collect::<Vec<_>>(),
        [names.to_vec(), names.to_vec()]
    );
    inbox.assert_sound();
}

#[test]
fn tags_are_compared_without_case_and_keep_their_first_spelling() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let now = |json: &str| {
        let updated = inbox.store.update_conversation(id, changes(json));
        tags(&updated.unwrap().value)
    };
    assert_eq!(
        now(r#"{"tags": ["Straße", "vip", "VIP"]}"#),
        ["Straße", "vip"]
    );
    assert_eq!(
        now(r#"{"tags": {"add": ["STRASSE", "ΣΊΣΥΦΟΣ"]}}"#),
        ["Straße", "vip", "ΣΊΣΥΦΟΣ"]
    );
    assert_eq!(
        now(r#"{"tags": {"add": ["new"], "remove": ["Σίσυφος", "Vip"]}}"#),
        ["new", "Straße"]
    );
    // One that stays in the list stays as it is spelled.
    assert_eq!(now(r#"{"tags": ["NEW", "strasse"]}"#), ["new", "Straße"]);
    assert_eq!(now(r#"{"tags": []}"#), [""; 0]);
}

#[test]
fn tags_and_names_are_compared_by_the_case_folding_of_unicode() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let set = |json: &str| {
        let updated = inbox.store.update_conversation(id, changes(json));
        tags(&updated.unwrap().value)
    };
    for (given, kept) in [
        (
            r#"["gro\u00df", "GRO\u1e9e", "gross", "GROSS"]"#,
            &["gro\u{df}"][..],
        ),
        (r#"["\u0131", "i", "I"]"#, &["i", "\u{131}"]),
        (r#"["\u03c3", "\u03c2", "\u03a3"]"#, &["\u{3c3}"]),
        (r#"["\ufb03", "FFI"]"#, &["\u{fb03}"]),
        (r#"["\u13a0", "\uab70"]"#, &["\u{13a0}"]),
    ] {
        assert_eq!(set(&format!(r#"{{"tags": {given}}}"#)), kept);
    }
    let gone = r#"{"tags": {"add": ["STRASSE"], "remove": ["\u13a0"]}}"#;
    assert_eq!(set(gone), ["STRASSE"]);
    assert_eq!(set(r#"{"tags": {"remove": ["Stra\u1e9ee"]}}"#), [""; 0]);

    let contact = inbox.show(id).contact_id;
    let named = |name: &str| {
        inbox
            .store
            .save_contact(&contact, ContactChanges::name(name))
    };
    let found = |prefix: &str| {
        let filter = ContactFilter::Name(prefix.to_owned());
        inbox.store.list_contacts(&filter, (1, 20)).unwrap().total
    };
    named("Wei\u{1e9e}").unwrap();
    assert_eq!(
        [found("weiss"), found("WEI\u{df}"), found("we\u{131}")],
        [1, 1, 0]
    );
    named("I\u{df}\u{131}k").unwrap();
    assert_eq!([found("iss\u{131}"), found("issi")], [1, 0]);
    inbox.assert_sound();
}

#[test]
fn a_tag_that_shows_nothing_is_refused() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    for blank in ["\\u200b", "\\u3164", "\\ufeff", "\\u00ad\\u2060", ""] {
        for json in [
            format!(r#"{{"tags": ["{blank}"]}}"#),
            format!(r#"{{"tags": {{"add": ["vip", "{blank}"]}}}}"#),
        ] {
            let refused = inbox.store.update_conversation(id, changes(&json));
            let refused = refused.expect_err(&json);
            assert_eq!(refused.kind(), ErrorKind::InvalidInput, "{json}");
            assert_eq!(refused.field(), Some("tags"), "{json}");
        }
    }
    let seen = changes(r#"{"tags": ["\u200bvip"]}"#);
    assert!(inbox.store.update_conversation(id, seen).is_ok());
    inbox.assert_sound();
}

#[test]
fn lists_show_the_priority_and_the_tags_and_no_metadata() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let other = inbox.hello("con_2").conversation_id;
    let listed = || {
        let page = inbox
            .store
            .list(&Filter::all(), PageRequest::default())
            .unwrap();
        page.data.into_iter().find(|row| row.id == id).unwrap()
    };
    inbox
        .store
        .update_conversation(id, changes(r#"{"metadata": {"a": true}}"#))
        .unwrap();
    assert_eq!(listed().attributes, None);
    inbox
        .store
        .update_conversation(id, changes(r#"{"tags": ["vip"]}"#))
        .unwrap();
    let shown = listed();
    assert_eq!(tags(&shown), ["vip"]);
    assert!(attributes(&shown).metadata.is_empty());
    assert!(!attributes(&inbox.show(id)).metadata.is_empty());
    assert_eq!(inbox.show(other).attributes, None);
    inbox
        .store
        .update_conversation(id, changes(r#"{"tags": null, "priority": "low"}"#))
        .unwrap();
    assert_eq!(attributes(&listed()).priority, Some(Priority::Low));
    inbox.assert_sound();
}

#[test]
fn what_is_out_of_bounds_is_refused_before_anything_is_written() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let many: Vec<String> = (0..33).map(|number| format!("tag {number}")).collect();
    let long = "x".repeat(65);
    for (tags, field) in [
        (serde_json::json!({"tags": many}), "tags"),
        (serde_json::json!({"tags": [long]}), "tags"),
        (serde_json::json!({"tags": [""]}), "tags"),
        (serde_json::json!({"tags": [" vip"]}), "tags"),
        (serde_json::json!({"tags": {"add": ["a\nb"]}}), "tags"),
        (serde_json::json!({"metadata": {"": 1}}), "metadata"),
        (
            serde_json::json!({"metadata": {"a": "x".repeat(1_025)}}),
            "metadata.a",
        ),
    ] {
        let given = serde_json::from_value(tags.clone()).unwrap();
        let error = inbox.store.update_conversation(id, given).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{tags}");
        assert!(error.to_string().starts_with(field), "{tags}: {error}");
    }
    assert_eq!(inbox.show(id).attributes, None);
    for refused in [
        r#"{"tags": [1]}"#,
        r#"{"priority": "soon"}"#,
        r#"{"colour": "red"}"#,
    ] {
        assert!(
            serde_json::from_str::<AttributeChanges>(refused).is_err(),
            "{refused}"
        );
    }
}

#[test]
fn an_export_carries_attributes() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let all = r#"{"priority": "high", "tags": ["vip"], "metadata": {"order": 1042}}"#;
    inbox.store.update_conversation(id, changes(all)).unwrap();
    let transcript = inbox.store.transcript(id).unwrap();
    let json = serde_json::to_string(&transcript).unwrap();
    assert!(
        json.contains(r#""revision":3,"priority":"high","tags":["vip"],"last_inbound_at":"#),
        "{json}"
    );
    let import = Import::new(transcript.conversation.clone(), transcript.messages);
    let import: Import = serde_json::from_str(&serde_json::to_string(&import).unwrap()).unwrap();
    for bulk in [false, true] {
        let elsewhere = Store::in_memory().unwrap();
        match bulk {
            true => drop(elsewhere.import_all([import.clone()]).unwrap()),
            false => drop(elsewhere.import(import.clone()).unwrap()),
        }
        assert_eq!(elsewhere.conversation(id).unwrap(), transcript.conversation);
        let page = elsewhere
            .list(&Filter::all(), PageRequest::default())
            .unwrap();
        assert_eq!(tags(&page.data[0]), ["vip"]);
        assert!(elsewhere.verify().unwrap().is_clean());
    }
    let mut bad = import;
    bad.conversation
        .attributes
        .as_mut()
        .unwrap()
        .tags
        .insert(" ");
    let error = Store::in_memory().unwrap().import(bad).unwrap_err();
    assert!(error.to_string().starts_with("tags"), "{error}");
}
