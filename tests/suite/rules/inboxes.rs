//! Inboxes: several of a channel, and the nameless one of callers that name none.

use convodb::commands::{RecordWatermark, WatermarkOf};
use convodb::{
    Channel, ContactId, DeliveryStatus, EntityKind, ErrorKind, Execute, Filter, Import, Inbound,
    InboxId, InboxRef, MessageRef, Outbound, PageRequest, ProviderId, Receipt,
};

use super::inbox::Inbox;
use crate::store::{Options, Place, Read, Store, test};

fn id(text: &str) -> InboxId {
    InboxId::new(text).unwrap()
}

fn contact(text: &str) -> ContactId {
    ContactId::new(text).unwrap()
}

/// A store with two inboxes of WhatsApp and one of the web chat.
fn with_inboxes() -> (Inbox, [InboxId; 3]) {
    let inbox = Inbox::new();
    let ids = ["inb_sales", "inb_support", "inb_site"].map(id);
    for (id, channel) in ids
        .iter()
        .zip([Channel::Whatsapp, Channel::Whatsapp, Channel::Webchat])
    {
        inbox.store.save_inbox(id, channel, id.as_str()).unwrap();
    }
    (inbox, ids)
}

#[test]
fn an_inbox_is_saved_renamed_and_keeps_its_channel() {
    let store = Store::in_memory().unwrap();
    let sales = id("inb_sales");
    let saved = store
        .save_inbox(&sales, Channel::Whatsapp, "Sales")
        .unwrap();
    assert!(saved.effect.created && saved.effect.changed);
    let again = store
        .save_inbox(&sales, Channel::Whatsapp, "Sales")
        .unwrap();
    assert!(!again.effect.created && !again.effect.changed);
    let renamed = store
        .save_inbox(&sales, Channel::Whatsapp, "Vertrieb")
        .unwrap();
    assert_eq!(renamed.value.name, "Vertrieb");
    let moved = store
        .save_inbox(&sales, Channel::Webchat, "Sales")
        .unwrap_err();
    assert_eq!(moved.field(), Some("channel"));
    let blank = store
        .save_inbox(&sales, Channel::Whatsapp, " ")
        .unwrap_err();
    assert_eq!(blank.field(), Some("name"));
    assert_eq!(store.inbox(&sales).unwrap().name, "Vertrieb");
    let json = serde_json::to_string(&store.inboxes().unwrap()).unwrap();
    assert_eq!(
        json,
        r#"[{"id":"inb_sales","channel":"whatsapp","name":"Vertrieb"}]"#
    );
}

#[test]
fn a_contact_has_one_conversation_in_each_inbox_and_one_in_the_channels_own() {
    let (inbox, [sales, support, _]) = with_inboxes();
    let who = contact("con_1");
    let receive = |to: InboxRef| {
        let message = inbox
            .store
            .receive(Inbound::text(&who, to, "Hello"))
            .unwrap();
        message.value.conversation_id
    };
    let own = receive(Channel::Whatsapp.into());
    let first = receive((&sales).into());
    let second = receive((&support).into());
    assert_eq!(receive(Channel::Whatsapp.into()), own);
    assert_eq!(receive((&sales).into()), first);
    let of: Vec<_> = inbox.store.conversations_of(&who).unwrap();
    let ids: Vec<_> = of.iter().map(|known| known.id).collect();
    assert_eq!(ids, [own, first, second]);
    let known = inbox.store.conversation(first).unwrap();
    assert_eq!(
        (known.channel, &known.inbox_id),
        (Channel::Whatsapp, &Some(sales.clone()))
    );
    assert_eq!(known.inbox(), InboxRef::from(&sales));
    let json = serde_json::to_value(&known).unwrap();
    assert_eq!(json["inbox_id"], "inb_sales");
    let own = serde_json::to_value(inbox.store.conversation(own).unwrap()).unwrap();
    assert_eq!(own.get("inbox_id"), None);
    let found = inbox.store.find_conversation(&who, &support).unwrap();
    assert_eq!(found.unwrap().id, second);
    assert_eq!(
        inbox.store.find_conversation(&who, id("inb_none")).unwrap(),
        None
    );
    assert!(inbox.store.verify().unwrap().is_clean());
}

#[test]
fn a_list_selects_inboxes_and_a_channel_is_the_union_of_its_own() {
    let (inbox, [sales, support, site]) = with_inboxes();
    let places = [
        InboxRef::from(Channel::Whatsapp),
        (&sales).into(),
        (&support).into(),
        (&site).into(),
        Channel::Instagram.into(),
    ];
    for number in 0..20 {
        let place = places[number % places.len()].clone();
        let who = contact(&format!("con_{number}"));
        inbox
            .store
            .receive(Inbound::text(&who, place, "Hello"))
            .unwrap();
    }
    let list = |filter: &Filter| {
        let page = inbox
            .store
            .list(filter, PageRequest::number(1, 100).unwrap())
            .unwrap();
        assert_eq!(page.total, inbox.store.count(filter).unwrap());
        assert_eq!(page.data.len() as u64, page.total);
        for row in &page.data {
            assert!(filter.selects(row), "{row:?}");
        }
        assert!(
            page.data
                .is_sorted_by_key(|row| std::cmp::Reverse((row.updated_at, row.id)))
        );
        page.total
    };
    assert_eq!(list(&Filter::open()), 20);
    assert_eq!(list(&Filter::open().channel(Channel::Whatsapp)), 12);
    assert_eq!(list(&Filter::open().inbox(Channel::Whatsapp)), 4);
    assert_eq!(list(&Filter::open().inbox(&sales)), 4);
    assert_eq!(list(&Filter::open().inbox(&sales).inbox(&site)), 8);
    assert_eq!(
        list(&Filter::open().channel(Channel::Whatsapp).inbox(&site)),
        0
    );
    assert_eq!(list(&Filter::open().inbox(id("inb_none"))), 0);
    assert_eq!(
        list(&Filter::open().inbox(&support).unread().unassigned()),
        4
    );
    let query = Filter::open().inbox(&sales).inbox(Channel::Webchat);
    let text = query.to_query(&PageRequest::default());
    assert_eq!(
        text,
        "status=open&inbox=webchat%2Cinb_sales&page=1&limit=20"
    );
    assert_eq!(Filter::from_query(&text).unwrap().0, query);
    let bad = Filter::from_query("inbox=sales").unwrap_err();
    assert_eq!(bad.field(), "inbox");
}

#[test]
fn a_providers_id_and_a_reference_are_unique_in_their_inbox() {
    let (inbox, [sales, support, _]) = with_inboxes();
    let provider_id = ProviderId::new("wamid.1").unwrap();
    let message = |who: &str, to: &InboxId| {
        let message = Inbound::text(contact(who), to, who).provider_id("wamid.1");
        inbox.store.receive(message.client_ref("r"))
    };
    let first = message("con_1", &sales).unwrap().value;
    let second = message("con_2", &support).unwrap().value;
    assert_ne!(first.id, second.id);
    let conflict = message("con_2", &sales).unwrap_err();
    assert_eq!(conflict.kind(), ErrorKind::ProviderIdConflict);
    for (of, known) in [(&sales, &first), (&support, &second)] {
        let found = inbox.store.message((of, &provider_id)).unwrap();
        assert_eq!(found.id, known.id);
        let by_reference = MessageRef::ClientRef {
            inbox: of.into(),
            direction: convodb::Direction::Inbound,
            client_ref: "r".to_owned(),
        };
        assert_eq!(inbox.store.message(by_reference).unwrap().id, known.id);
    }
    let elsewhere = inbox.store.message((Channel::Whatsapp, &provider_id));
    assert_eq!(elsewhere.unwrap_err().kind(), ErrorKind::NotFound);

    // A receipt waits in its inbox alone.
    let receipt = |inbox_id: &InboxId| {
        let id = ProviderId::new("wamid.2").unwrap();
        inbox.store.record_delivery((inbox_id, id), Receipt::read())
    };
    assert_eq!(receipt(&sales).unwrap().value, None);
    let send = |to: &InboxId| {
        let message = Outbound::text(contact("con_1"), to, "Yes").provider_id("wamid.2");
        inbox.store.send(message).unwrap().value.status
    };
    assert_eq!(send(&support), DeliveryStatus::Sent);
    assert_eq!(send(&sales), DeliveryStatus::Read);
    assert!(inbox.store.verify().unwrap().is_clean());
}

#[test]
fn an_inbox_that_was_not_saved_is_refused_wherever_it_is_named() {
    let store = Store::in_memory().unwrap();
    let (none, who) = (id("inb_none"), contact("con_1"));
    let provider_id = ProviderId::new("wamid.1").unwrap();
    let watermark = RecordWatermark {
        of: WatermarkOf::Contact((&who).into(), (&none).into(), chrono::Utc::now()),
        status: DeliveryStatus::Read,
    };
    let refused = [
        store
            .receive(Inbound::text(&who, &none, "Hello"))
            .unwrap_err(),
        store
            .send(Outbound::text(&who, &none, "Hello"))
            .unwrap_err(),
        store
            .record_delivery((&none, &provider_id), Receipt::read())
            .unwrap_err(),
        store.execute(watermark).unwrap_err(),
        store.inbox(&none).unwrap_err(),
    ];
    for refused in refused {
        assert_eq!(refused.kind(), ErrorKind::NotFound);
        let convodb::Details::Entity { kind, id } = refused.details() else {
            panic!("{refused:?}");
        };
        assert_eq!((*kind, &**id), (EntityKind::Inbox, "inb_none"));
    }
    assert_eq!(store.stats().unwrap().commit_seq.get(), 0);
}

#[test]
fn the_channel_beside_an_inbox_must_be_its_own() {
    let (inbox, [sales, ..]) = with_inboxes();
    let body = |channel: &str| {
        let body = format!(
            r#"{{"contact_id":"con_1","channel":"{channel}","inbox_id":"inb_sales","type":"text","content":"Hello"}}"#
        );
        serde_json::from_str::<Inbound>(&body).unwrap()
    };
    let other = inbox.store.receive(body("webchat")).unwrap_err();
    assert_eq!(other.field(), Some("channel"));
    let message = inbox.store.receive(body("whatsapp")).unwrap().value;
    let known = inbox.store.conversation(message.conversation_id).unwrap();
    assert_eq!(known.inbox_id, Some(sales.clone()));

    // A reply may name the channel alone.
    let reply = |to: InboxRef| {
        let reply = Outbound::text(contact("con_1"), to, "Yes");
        inbox.store.reply(message.conversation_id, reply)
    };
    assert!(reply(Channel::Whatsapp.into()).is_ok());
    assert!(reply((&sales).into()).is_ok());
    let elsewhere = reply(id("inb_support").into()).unwrap_err();
    assert_eq!(elsewhere.field(), Some("inbox_id"));
    let elsewhere = reply(Channel::Webchat.into()).unwrap_err();
    assert_eq!(elsewhere.field(), Some("channel"));
}

#[test]
fn an_import_brings_its_inbox_and_erasure_reaches_every_inbox() {
    let (inbox, [sales, support, _]) = with_inboxes();
    let who = contact("con_1");
    for to in [
        InboxRef::from(&sales),
        (&support).into(),
        Channel::Whatsapp.into(),
    ] {
        let message = Inbound::text(&who, to, "Hello").provider_id("wamid.1");
        inbox.store.receive(message).unwrap();
    }
    let copy = Store::in_memory().unwrap();
    for known in inbox.store.conversations_of(&who).unwrap() {
        let transcript = inbox.store.transcript(known.id).unwrap();
        let export = Import::new(transcript.conversation, transcript.messages);
        let json = serde_json::to_string(&export).unwrap();
        copy.import(serde_json::from_str(&json).unwrap()).unwrap();
    }
    let conversations = inbox.store.conversations_of(&who).unwrap();
    assert_eq!(copy.conversations_of(&who).unwrap(), conversations);
    assert_eq!(copy.inbox(&sales).unwrap().name, "inb_sales");
    assert!(copy.verify().unwrap().is_clean());

    let mut moved = Import::new(conversations[1].clone(), Vec::new());
    moved.conversation.channel = Channel::Webchat;
    moved.conversation.inbound_count = 0;
    moved.conversation.unread_count = 0;
    let refused = copy.import(moved).unwrap_err();
    assert!(matches!(
        refused.kind(),
        ErrorKind::AlreadyExists | ErrorKind::InvalidInput
    ));

    assert_eq!(copy.erase_contact(&who).unwrap().value, 3);
    assert_eq!(copy.conversations_of(&who).unwrap(), []);
    assert_eq!(copy.stats().unwrap().messages, 0);
    let gone = copy.receive(Inbound::text(&who, &sales, "Hello").provider_id("wamid.1"));
    assert_eq!(gone.unwrap_err().kind(), ErrorKind::Gone);
}

#[test]
fn inboxes_are_there_after_a_restart_and_a_repair() {
    let place = Place::new();
    let store = place.open(Options::new());
    for number in 0..40 {
        let id = id(&format!("inb_{number}"));
        store
            .save_inbox(&id, Channel::ALL[number % 4], "An inbox")
            .unwrap();
        let who = contact(&format!("con_{}", number % 3));
        store.receive(Inbound::text(who, &id, "Hello")).unwrap();
    }
    let inboxes = store.inboxes().unwrap();
    let of = store.conversations_of(&contact("con_1")).unwrap();
    store.close().unwrap();
    let store = place.open(Options::new());
    assert_eq!(store.inboxes().unwrap(), inboxes);
    assert_eq!(store.conversations_of(&contact("con_1")).unwrap(), of);
    assert_eq!(
        store
            .count(&Filter::open().channel(Channel::Messenger))
            .unwrap(),
        10
    );
    store.repair().unwrap();
    assert!(store.verify().unwrap().is_clean());
    assert_eq!(store.count(&Filter::open().inbox(id("inb_39"))).unwrap(), 1);
}
