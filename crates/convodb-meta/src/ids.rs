//! Ids that are composed of the provider's.

use convodb_core::{InboxId, ProviderId};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

const PREFIX: &str = "inb_";

/// The id of the inbox of an account: `inb_` and the account, which is a phone number id of WhatsApp, a page,
/// or an Instagram account.
///
/// Whatever is not visible ASCII is percent-encoded, and so are `%`, a dot and a comma, so that two accounts
/// have two ids.
///
/// # Errors
///
/// `None` for an empty account, and for an id of more than 128 bytes.
///
/// ```
/// use convodb_meta::{account, inbox_id};
///
/// let inbox = inbox_id("771200345500912").expect("a short id");
/// assert_eq!(inbox.as_str(), "inb_771200345500912");
/// assert_eq!(account(&inbox).as_deref(), Some("771200345500912"));
/// ```
pub fn inbox_id(account: &str) -> Option<InboxId> {
    let mut id = String::from(PREFIX);
    for byte in account.bytes() {
        match byte.is_ascii_graphic() && !b"%.,".contains(&byte) {
            true => id.push(char::from(byte)),
            false => id.push_str(&format!("%{byte:02X}")),
        }
    }
    InboxId::new(&id).ok()
}

/// The account of an inbox, through which an answer goes. `None` for an id that was not composed by
/// [`inbox_id`].
pub fn account(inbox: &InboxId) -> Option<String> {
    let account = decode(inbox.as_str().strip_prefix(PREFIX)?)?;
    (inbox_id(&account).as_ref() == Some(inbox)).then_some(account)
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
    fn two_accounts_have_two_inboxes_which_name_them() {
        let accounts = [
            "1", "1.2", "1%2E2", "1,2", "1%2C2", "ä", "a b", "%", "1\u{0}",
        ];
        let ids: Vec<_> = accounts.iter().filter_map(|id| inbox_id(id)).collect();
        for (index, id) in ids.iter().enumerate() {
            assert!(!ids.iter().skip(index + 1).any(|other| other == id), "{id}");
        }
        let named: Vec<_> = ids.iter().filter_map(account).collect();
        assert_eq!(named, accounts);
    }

    #[test]
    fn what_is_too_long_or_empty_is_no_inbox_and_a_foreign_one_has_no_account() {
        assert_eq!(inbox_id(""), None);
        assert_eq!(inbox_id(&"x".repeat(125)), None);
        assert!(inbox_id(&"x".repeat(124)).is_some());
        for other in ["inb_%zz", "inb_%4", "inb_%41", "inb_%ff", "inb_1.2"] {
            assert_eq!(InboxId::new(other).ok().as_ref().and_then(account), None);
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
