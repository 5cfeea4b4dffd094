//! The bounds of ids and numbers.

use convodb_core::{
    Channel, ContactId, ConversationId, Direction, InboxNumber, ProviderId, TeamId, UserId,
};

#[test]
fn own_ids_have_one_spelling_and_do_not_overflow() {
    for refused in [
        "conv_8ZZZZZZZZZZZZZZZZZZZZZZZZZ",
        "conv_01habc00000000000000000000",
        "conv_01HABC0000000000000000000",
        "conv_01HABC000000000000000000000",
        "conv_O1HABC00000000000000000000",
        "conv_é1HABC000000000000000000000",
        "msg_01HABC00000000000000000000",
        "",
    ] {
        assert!(ConversationId::new(refused).is_err(), "{refused}");
    }
    let max = "conv_7ZZZZZZZZZZZZZZZZZZZZZZZZZ";
    let printed = ConversationId::new(max).map(|id| id.to_string());
    assert_eq!(printed.as_deref(), Ok(max));
}

#[test]
fn foreign_ids_are_visible_ascii_within_their_bounds() {
    let longest = format!("con_{}", "x".repeat(252));
    assert_eq!(ContactId::new(&longest).unwrap().as_str(), longest);
    assert!(ContactId::new(&format!("{longest}x")).is_err());
    let longest = format!("usr_{}", "x".repeat(124));
    assert!(UserId::new(&longest).is_ok());
    assert!(UserId::new(&format!("{longest}x")).is_err());
    assert!(ContactId::new("con_").is_err());
    assert!(UserId::new("usr_a,usr_b").is_err());
    assert!(TeamId::new("any").is_err());
    assert!(ProviderId::new(&"ä".repeat(256)).is_ok());
    assert!(ProviderId::new(&"x".repeat(513)).is_err());
}

#[test]
fn visible_is_what_is_so_byte_by_byte_wherever_it_is() {
    for len in 0..20 {
        for place in 0..len {
            for byte in 0..=u8::MAX {
                let mut text = [&b"con_"[..], &vec![b'a'; len]].concat();
                text[4 + place] = byte;
                let is_visible = ContactId::from_bytes(&text).is_ok();
                assert_eq!(is_visible, byte.is_ascii_graphic(), "{text:?}");
            }
        }
    }
}

/// Up to 30 bytes are stored inline.
#[test]
fn contacts_are_compared_and_shown_as_their_texts() {
    let texts: Vec<_> = (0..=40)
        .flat_map(|len| ["a", "b", "~"].map(|last| format!("con_{}{last}", "!".repeat(len))))
        .collect();
    for a in &texts {
        let contact_a = ContactId::new(a).unwrap();
        assert_eq!(contact_a.as_str(), a);
        assert_eq!(contact_a, contact_a.clone());
        for b in &texts {
            let contact_b = ContactId::new(b).unwrap();
            assert_eq!(contact_a.cmp(&contact_b), a.cmp(b));
            assert_eq!(contact_a == contact_b, a == b);
        }
    }
}

#[test]
fn every_channel_has_a_nameless_inbox_of_its_own() {
    for channel in Channel::ALL {
        let nameless = InboxNumber::from(channel);
        assert_eq!((nameless.channel(), nameless.saved()), (channel, None));
        let eighth = InboxNumber::of_saved(7, channel);
        assert_eq!((eighth.channel(), eighth.saved()), (channel, Some(7)));
    }
    assert_eq!(InboxNumber::of_saved(0, Channel::Webchat).get(), 7);
}

#[test]
fn the_id_of_an_imported_message_names_its_conversation() {
    let of = ConversationId::from_parts(1_700_000_000_000, 7);
    for id in ["", "1", "conv_2", "é"] {
        assert_eq!(ProviderId::of_import(of, id).imported_in(), Some(of));
    }
    let reference = ProviderId::of_reference(Direction::Inbound, &of.to_string());
    assert_eq!(reference.imported_in(), None);
    assert_eq!(ProviderId::new("wamid.1").unwrap().imported_in(), None);
}
