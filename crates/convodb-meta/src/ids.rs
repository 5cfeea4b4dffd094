//! Ids that are composed of the provider's.

use convodb_core::{ContactId, InboxId, ProviderId};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

const PREFIX: &str = "con_";
const INBOX_PREFIX: &str = "inb_";

/// The id of a contact: `con_`, the account, a dot, and the account's id of the user.
///
/// The account is a phone number id of WhatsApp, a page, or an Instagram account. Whatever is not
/// visible ASCII is percent-encoded, and so are `%` and a dot of the account, so that two pairs have
/// two ids.
///
/// # Errors
///
/// `None` for an empty account or user, and for an id of more than 256 bytes.
///
/// ```
/// use convodb_meta::{contact_id, parties};
///
/// let contact = contact_id("771200345500912", "DE.8840127733519902").expect("a short id");
/// assert_eq!(contact.as_str(), "con_771200345500912.DE.8840127733519902");
/// let (account, user) = parties(&contact).expect("a composed id");
/// assert_eq!((&*account, &*user), ("771200345500912", "DE.8840127733519902"));
/// ```
pub fn contact_id(account: &str, user: &str) -> Option<ContactId> {
    if account.is_empty() || user.is_empty() {
        return None;
    }
    let mut id = String::from(PREFIX);
    encode(account, true, &mut id);
    id.push('.');
    encode(user, false, &mut id);
    ContactId::new(&id).ok()
}

/// The id of the inbox of an account: `inb_` and the account, percent-encoded as in the id of a contact.
///
/// # Errors
///
/// `None` for an empty account, and for an id of more than 128 bytes.
///
/// ```
/// let inbox = convodb_meta::inbox_id("771200345500912").expect("a short id");
/// assert_eq!(inbox.as_str(), "inb_771200345500912");
/// ```
pub fn inbox_id(account: &str) -> Option<InboxId> {
    let mut id = String::from(INBOX_PREFIX);
    encode(account, true, &mut id);
    InboxId::new(&id.replace(',', "%2C")).ok()
}

/// The account and the user of a contact's id, for an answer to them. `None` for an id that was not
/// composed by [`contact_id`].
pub fn parties(contact: &ContactId) -> Option<(String, String)> {
    let id = contact.as_str().strip_prefix(PREFIX)?;
    let (account, user) = id.split_once('.')?;
    let parties = (decode(account)?, decode(user)?);
    (contact_id(&parties.0, &parties.1).as_ref() == Some(contact)).then_some(parties)
}

fn encode(text: &str, is_account: bool, id: &mut String) {
    for byte in text.bytes() {
        let is_kept = byte.is_ascii_graphic() && byte != b'%' && !(is_account && byte == b'.');
        match is_kept {
            true => id.push(char::from(byte)),
            false => id.push_str(&format!("%{byte:02X}")),
        }
    }
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut parts = text.split('%');
    bytes.extend_from_slice(parts.next()?.as_bytes());
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

/// The provider's id of a message. One that no store takes is replaced by its digest, which is the same
/// whenever the id comes again.
pub(crate) fn message_id(id: &str) -> Option<ProviderId> {
    if id.is_empty() {
        return None;
    }
    let known = ProviderId::new(id).ok();
    known.or_else(|| ProviderId::new(&format!("sha256:{}", digest(id))).ok())
}

/// An id for what has none of its own: the same payload has the same id.
pub(crate) fn composed_id(kind: &str, raw: &RawValue) -> Option<ProviderId> {
    ProviderId::new(&format!("{kind}:{}", digest(raw.get()))).ok()
}

fn digest(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_pairs_have_two_ids_that_are_taken_apart() {
        let pairs = [
            ("1", "2.3"),
            ("1.2", "3"),
            ("1%2E2", "3"),
            ("ä", "a b"),
            ("a", "%"),
            ("1", "2.3\u{0}"),
        ];
        let ids: Vec<_> = pairs.iter().filter_map(|(a, b)| contact_id(a, b)).collect();
        for (index, id) in ids.iter().enumerate() {
            assert!(!ids.iter().skip(index + 1).any(|other| other == id), "{id}");
        }
        let apart: Vec<_> = ids.iter().filter_map(parties).collect();
        let pairs = pairs.map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(apart, pairs);
    }

    #[test]
    fn what_is_too_long_or_empty_is_no_contact() {
        assert_eq!(contact_id("", "1"), None);
        assert_eq!(contact_id("1", ""), None);
        assert_eq!(contact_id("1", &"x".repeat(251)), None);
        assert!(contact_id("1", &"x".repeat(250)).is_some());
        for other in [
            "con_01HXYZ",
            "con_%zz.1",
            "con_1.%4",
            "con_1.%41",
            "con_%ff.1",
        ] {
            assert_eq!(ContactId::new(other).ok().as_ref().and_then(parties), None);
        }
    }

    #[test]
    fn an_id_that_no_store_takes_is_replaced_by_its_digest() {
        let kept = message_id("wamid.1");
        assert_eq!(kept.as_ref().map(ProviderId::as_str), Some("wamid.1"));
        for id in ["x".repeat(513), "a\nb".to_owned()] {
            let replaced = message_id(&id);
            assert!(replaced.is_some_and(|id| id.as_str().starts_with("sha256:")));
        }
        assert_eq!(message_id(""), None);
    }
}
