//! What a store shows after each payload.

use convodb::{Channel, ErrorKind, Execute, Filter, Outbound, Who};
use convodb_meta::inbox_id;
use serde_json::{Value, json};

use crate::common::{message, messages, now, payload, payloads, post, store};

use crate::store::{Options, Place, Read, Store, test};

/// A message to the contact of the payloads of a channel, through the inbox of their account.
fn outbound(store: &Store, channel: &str, text: &str) -> Outbound {
    let (account, user, channel) = match channel {
        "whatsapp" => ("771200345500912", "12025550133", Channel::Whatsapp),
        "messenger" => ("10450077", "6610022887300145", Channel::Messenger),
        _ => ("17841400055501", "8811990034500177", Channel::Instagram),
    };
    let inbox = inbox_id(account).unwrap();
    store.save_inbox(&inbox, channel, account).unwrap();
    Outbound::text(Who::identities([user]), &inbox, text)
}

/// Sends what the payloads of a channel are about.
pub(crate) fn send_own(store: &Store, channel: &str) {
    let early = now() - chrono::TimeDelta::minutes(4);
    let own = |text: &str| outbound(store, channel, text).provider_time(early);
    let with_ids: &[&str] = match channel {
        "whatsapp" => &[
            "wamid.INVENTEDTPL01",
            "wamid.INVENTEDOUT01",
            "wamid.INVENTEDOUT03",
            "wamid.INVENTEDOUT04",
            "wamid.INVENTEDOUT05",
        ],
        "instagram" => &["aWdINVOUT1"],
        _ => &[],
    };
    for id in with_ids {
        store.send(own(id).provider_id(*id)).unwrap();
    }
    // The call that sends it has not answered yet.
    let text = "Yes, from 30 euros.";
    let pending = own(text).client_ref("ref-7f21").pending();
    store.send(pending).unwrap();
}

fn posted(channel: &str) -> Store {
    let (store, _) = store();
    send_own(&store, channel);
    for (name, body) in payloads(channel) {
        let refused = post(&store, &body);
        let are_known = refused
            .iter()
            .all(|error| matches!(error.kind(), ErrorKind::Revoked));
        assert!(are_known, "{name}: {refused:?}");
    }
    store
}

#[track_caller]
fn check(store: &Store, id: &str, fields: &[(&str, Value)]) {
    let message = message(store, id);
    for (pointer, value) in fields {
        let found = message.pointer(pointer).unwrap_or(&Value::Null);
        assert_eq!(found, value, "{pointer} of {message:#}");
    }
}

#[test]
fn the_threads_of_whatsapp_show_every_payload() {
    let store = posted("whatsapp");
    for (id, fields) in [
        (
            "wamid.INVENTED0004AUDIOQUFB",
            [
                ("/type", json!("audio")),
                ("/attachments/0/media_id", json!("1088200456702")),
            ],
        ),
        (
            "wamid.INVENTED0014BUTTONQUFB",
            [
                ("/reply/id", json!("STOP_PROMOS")),
                ("/reply_to/provider_id", json!("wamid.INVENTEDTPL01")),
            ],
        ),
        (
            "wamid.INVENTED0010CONTACTSQUFB",
            [
                ("/contacts/0/name", json!("Ines Achterberg")),
                ("/contacts/1/name", json!("Bert")),
            ],
        ),
        (
            "wamid.INVENTED0007DOCUMENTQUFB",
            [
                ("/caption", json!("Here is the invoice")),
                ("/attachments/0/file_name", json!("Rechnung Nr. 4471.pdf")),
            ],
        ),
        (
            "wamid.INVENTED0003IMAGEQUFB",
            [
                ("/caption", json!("The lid arrived cracked")),
                ("/contact/name", json!("Mirela Oduya")),
            ],
        ),
        (
            "wamid.INVENTED0011INTERACTIVEQUFB",
            [
                ("/content", json!("Thursday 10:00")),
                ("/reply/id", json!("slot_thu_10")),
            ],
        ),
        (
            "wamid.INVENTED0013INTERACTIVEQUFB",
            [
                ("/reply/data/people", json!("4")),
                ("/reply/kind", json!("form")),
            ],
        ),
        (
            "wamid.INVENTED0009LOCATIONQUFB",
            [
                ("/location/latitude", json!(52.5012)),
                ("/location/name", json!("Café Morgenrot")),
            ],
        ),
        (
            "wamid.INVENTED0017ORDERQUFB",
            [
                ("/content", json!("Please wrap it")),
                ("/reply/data/0/quantity", json!(2)),
            ],
        ),
        (
            "wamid.INVENTED0027TEXTQUFB",
            [
                ("/content", json!("Yes, that one please")),
                ("/created_at", json!("2026-11-29T07:07:00Z")),
            ],
        ),
        (
            "wamid.INVENTEDOUT04",
            [
                ("/reactions/0/emoji", json!("👍")),
                ("/reactions/0/by/type", json!("contact")),
            ],
        ),
        (
            "wamid.INVENTEDECHO1",
            [
                ("/author/type", json!("external")),
                ("/status", json!("sent")),
            ],
        ),
        (
            "wamid.INVENTEDOUT06",
            [
                ("/client_ref", json!("ref-7f21")),
                ("/status", json!("read")),
            ],
        ),
        (
            "wamid.INVENTED0008STICKERQUFB",
            [
                ("/type", json!("sticker")),
                ("/attachments/0/subtype", json!("animated")),
            ],
        ),
        (
            "wamid.INVENTED0018SYSTEMQUFB",
            [
                ("/type", json!("system")),
                ("/system/data/wa_id", json!("12025550199")),
            ],
        ),
        (
            "wamid.INVENTED0021UNSUPPORTEDQUFB",
            [
                ("/unsupported/kind", json!("poll_creation")),
                ("/raw/unsupported/type", json!("poll_creation")),
            ],
        ),
        (
            "wamid.INVENTED0001TEXTQUFB",
            [
                ("/content", json!("")),
                ("/revoked_at", json!("2026-11-29T07:07:00Z")),
            ],
        ),
        (
            "wamid.INVENTEDHIST1",
            [
                ("/content", json!("old question")),
                ("/created_at", json!("2026-09-20T20:27:00Z")),
            ],
        ),
        (
            "wamid.INVENTEDHIST2",
            [
                ("/caption", json!("the old photo")),
                ("/status", json!("delivered")),
            ],
        ),
    ] {
        check(&store, id, &fields);
    }
    check(
        &store,
        "wamid.INVENTEDHIST2",
        &[
            ("/placeholder", json!(null)),
            ("/direction", json!("outbound")),
        ],
    );
    check(
        &store,
        "wamid.INVENTEDOUT06",
        &[("/error/code", json!("131026"))],
    );
    let page = store.list(&Filter::all(), (1, 10)).unwrap();
    assert_eq!(page.total, 1);
    // Neither what is old or was taken back nor a line of the provider's.
    assert_eq!(page.data[0].unread_count, 12);
    // The line of the new number came before the last ones from the old one.
    assert_eq!(page.data[0].identity.as_deref(), Some("12025550133"));
}

#[test]
fn the_threads_of_messenger_show_every_payload() {
    let store = posted("messenger");
    for (id, fields) in [
        (
            "m_INV002",
            [
                ("/caption", json!("these three")),
                ("/attachments/2/kind", json!("document")),
            ],
        ),
        (
            "m_INVOUT1",
            [
                ("/client_ref", json!("ref-7f21")),
                ("/status", json!("read")),
            ],
        ),
        (
            "m_INV001",
            [
                ("/content", json!("Do you deliver to Linz?")),
                (
                    "/former/0/content/content",
                    json!("Do you deliver to Graz?"),
                ),
            ],
        ),
        (
            "m_INV008",
            [
                ("/reply/kind", json!("postback")),
                ("/reply/id", json!("TRACK")),
            ],
        ),
        (
            "m_INV007",
            [
                ("/reply/id", json!("COLOUR_BLUE")),
                ("/content", json!("Blue")),
            ],
        ),
        (
            "m_INV011",
            [
                ("/reply_to/provider_id", json!("m_INV001")),
                ("/content", json!("this one")),
            ],
        ),
    ] {
        check(&store, id, &fields);
    }
    check(
        &store,
        "m_INVOUT1",
        &[("/reactions/0/emoji", json!("❤")), ("/author", json!(null))],
    );
    assert_eq!(messages(&store).len(), 6);
}

#[test]
fn the_threads_of_instagram_show_every_payload() {
    let store = posted("instagram");
    for (id, fields) in [
        (
            "aWdINVOUT2",
            [
                ("/author/type", json!("external")),
                ("/direction", json!("outbound")),
            ],
        ),
        (
            "aWdINV06",
            [
                ("/type", json!("image")),
                (
                    "/attachments/1/url",
                    json!("https://cdn.example.net/i2.jpg"),
                ),
            ],
        ),
        (
            "aWdINVOUT1",
            [("/status", json!("read")), ("/reactions", json!(null))],
        ),
        (
            "aWdINV04",
            [
                ("/type", json!("link")),
                ("/attachments/0/title", json!("our post")),
            ],
        ),
        (
            "aWdINV03",
            [
                ("/reply_to/story/id", json!("178001")),
                ("/content", json!("how much?")),
            ],
        ),
        (
            "aWdINV01",
            [
                ("/content", json!("")),
                ("/revoked_by/type", json!("contact")),
            ],
        ),
        (
            "aWdINV09",
            [
                ("/type", json!("unsupported")),
                ("/raw/message/is_unsupported", json!(true)),
            ],
        ),
    ] {
        check(&store, id, &fields);
    }
    assert_eq!(messages(&store).len(), 8);
}

#[test]
fn two_accounts_share_a_contact_and_no_thread() {
    let (store, _) = store();
    let body = String::from_utf8(payload("whatsapp/text")).unwrap();
    post(&store, body.as_bytes());
    let other = body.replace("771200345500912", "771200345500913");
    post(&store, other.replace("0001TEXT", "0002TEXT").as_bytes());
    let page = store.list(&Filter::all(), (1, 10)).unwrap();
    assert_eq!(page.total, 2);
    assert_eq!(page.data[0].contact_id, page.data[1].contact_id);
}

#[test]
fn what_was_stored_is_read_again_after_a_restart() {
    let place = Place::new();
    let store = place.open(Options::new());
    for channel in ["whatsapp", "messenger", "instagram"] {
        for (_, body) in payloads(channel) {
            post(&store, &body);
        }
    }
    let before = messages(&store);
    store.close().unwrap();
    let store = place.open(Options::new());
    assert_eq!(messages(&store), before);
}
