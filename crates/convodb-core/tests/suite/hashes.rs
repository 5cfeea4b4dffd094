//! The keyed hashes of a store.

use convodb_core::*;

#[test]
fn hashes_differ_by_seed_inbox_kind_and_text() {
    let id = ProviderId::new("a").unwrap();
    let hashes = Hashes::new([7; 16]);
    let one = hashes.of_provider_id(Channel::Whatsapp.into(), &id);
    assert_ne!(one, hashes.of_provider_id(Channel::Webchat.into(), &id));
    assert_ne!(
        one,
        Hashes::new([8; 16]).of_provider_id(Channel::Whatsapp.into(), &id)
    );
    assert_ne!(one, hashes.of_key(&IdempotencyKey::new("a").unwrap()));
}

#[test]
fn a_fingerprint_is_of_the_name_and_the_parameters() {
    let hashes = Hashes::new([7; 16]);
    let print = |name, value: &str| hashes.fingerprint(name, &value).unwrap();
    assert_eq!(print("resolve", "x"), print("resolve", "x"));
    assert_ne!(print("resolve", "x"), print("resolve", "y"));
    assert_ne!(print("resolve", "x"), print("delete", "x"));
}
