//! Turns the webhooks of WhatsApp, Messenger and Instagram into commands of convodb.
//!
//! Meta posts what happens in a chat to an address of the business. This crate reads such a post and
//! returns what it asks of a store, in its order. It performs no I/O: [`parse`] takes a body,
//! [`verify_signature`] a secret, and [`challenge`] the parameters of a query. Use it beside the crate
//! `convodb`, whose types it returns.
//!
//! ```
//! use convodb::prelude::*;
//! use convodb_meta::{Item, parse};
//!
//! let body = br#"{"object": "page", "entry": [{"id": "10450077", "messaging": [{
//!     "sender": {"id": "661002"}, "recipient": {"id": "10450077"}, "timestamp": 1776240600123,
//!     "message": {"mid": "m_1", "text": "Do you deliver to Graz?"}
//! }]}]}"#;
//! let store = Store::in_memory()?;
//! for item in parse(body)? {
//!     match item {
//!         Item::Inbox(inbox) if store.inbox(&inbox.inbox).is_ok() => {}
//!         Item::Inbox(inbox) => drop(store.execute(inbox)?),
//!         Item::Contact(contact) => drop(store.execute(contact)?),
//!         Item::Receive(message) => drop(store.receive(message)?),
//!         Item::Send(message) => drop(store.send(message)?),
//!         Item::Deliver(receipt) => drop(store.execute(receipt)?),
//!         Item::Watermark(watermark) => drop(store.execute(watermark)?),
//!         Item::React(reaction) => drop(store.react(reaction)?),
//!         Item::Edit(edit) => drop(store.edit(edit)?),
//!         Item::Revoke(revocation) => drop(store.revoke(revocation)?),
//!         Item::Fill(fill) => drop(store.fill(fill)?),
//!         Item::Identify(id) => drop(store.execute(id)?),
//!         Item::Ignored(ignored) => eprintln!("{ignored}"),
//!         _ => {}
//!     }
//! }
//! assert_eq!(store.stats()?.messages, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A webhook
//!
//! 1. When the address is set up, Meta asks for it with `hub.mode=subscribe`. Answer the
//!    [`challenge`].
//! 2. Check the header `X-Hub-Signature-256` of each post by [`verify_signature`], with the body as it
//!    was received.
//! 3. Execute the items of [`parse`] in their order. One that the store refuses must not keep the
//!    others from being executed.
//! 4. Answer 200 when all of them are durable. Meta posts again what was not answered so, and a post
//!    that comes twice changes nothing.
//!
//! # What becomes of a payload
//!
//! | payload | item |
//! | --- | --- |
//! | the first of an account | [`Inbox`](Item::Inbox), before it |
//! | a message that names a contact by several identities, or by its name | [`Contact`](Item::Contact), before it |
//! | a contact has another number or another user id | [`Contact`](Item::Contact) with the former and the new ones, and [`Receive`](Item::Receive), a line of the provider's |
//! | a contact in the address book of the business's phone | [`Contact`](Item::Contact) |
//! | a message from a contact | [`Receive`](Item::Receive) |
//! | a message that another application sent, or this one | [`Send`](Item::Send), as an echo |
//! | `sent`, `delivered`, `read`, `played`, `failed` | [`Deliver`](Item::Deliver) |
//! | everything until a time was delivered or read | [`Watermark`](Item::Watermark) |
//! | a reaction | [`React`](Item::React) |
//! | an edit | [`Edit`](Item::Edit) |
//! | a message is taken back | [`Revoke`](Item::Revoke) |
//! | a medium of an old message | [`Fill`](Item::Fill), or [`Receive`](Item::Receive) and [`Send`](Item::Send) |
//! | the id of a message with a known reference | [`Identify`](Item::Identify) |
//! | what has nothing for a thread, or no sender or id | [`Ignored`](Item::Ignored) |
//!
//! **Nothing that a contact says is lost.** Each entry and each message is parsed on its own: one that
//! is malformed does not affect its neighbours. A message of an unknown kind, or with a value that a
//! command would refuse, is received as [`Content::Unsupported`](convodb_core::Content::Unsupported)
//! with the reason and, up to 64 KiB, with its own JSON in `raw`.
//!
//! # Inboxes
//!
//! A phone number, a page or an Instagram account is an [inbox](inbox_id) of its own: an answer goes through
//! the inbox of its conversation, of which [`account()`] gives the account.
//!
//! # Contacts
//!
//! What a payload calls a contact are its identities, on the channel: on WhatsApp the number and the user id of
//! the business's portfolio, on Messenger and Instagram the id that the page or the account has for it. Messages
//! have all that their payload names, the number first, and the store makes the id of the contact. An answer goes
//! to the `identity` of the conversation.
//!
//! - Identities are put together only where a payload says that they are of one person: in one message, in the
//!   profile that has an id of the message, in the thread of an old one, and in a line that says that a number
//!   or a user id has changed. If they were two contacts until then, these are merged, whatever came first; a
//!   merge cannot be undone.
//! - The line of such a change is from the new identities, so that the thread goes on under the new one, and an
//!   answer goes there.
//! - The name of a profile is the contact's if that has none: a team may have given it another one. A name of
//!   the address book of the business's phone replaces it.
//!
//! A number keeps its contact: what its next owner writes is in the same thread.
//!
//! # Metadata
//!
//! | name | value |
//! | --- | --- |
//! | `contact.username` | the name that a contact of WhatsApp goes by in public |
//! | `referral.…` | the advertisement, product or link that a message came through |
//! | `kind` | `like_heart`, for a heart that was sent as a message |
//! | `group_id` | the group of WhatsApp that a message was sent to |

mod account;
mod frame;
mod ids;
mod item;
mod json;
mod messenger;
mod metadata;
mod party;
mod signature;
mod whatsapp;

use std::borrow::Cow;

use convodb_core::{Channel, repair_surrogates};
use serde_json::value::RawValue;

pub use ids::{account, inbox_id};
pub use item::{Ignored, Item};
pub use signature::{challenge, verify_signature};

use json::Object;

/// Why a body has no items at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// It is not valid JSON.
    #[error("the body is no JSON: {0}")]
    NoJson(String),
    /// It is JSON, and not an object.
    #[error("the body must be an object")]
    NoObject,
}

/// What a webhook asks of a store, in its order.
///
/// Halves of surrogate pairs and bytes that are not UTF-8 become U+FFFD. An `object` that is none of
/// the three channels is [ignored](Item::Ignored).
///
/// # Errors
///
/// A body that is not JSON, or not an object. What is wrong within it is an [`Item`].
///
/// *Complexity:* O(bytes).
///
/// ```
/// use convodb_meta::{Item, ParseError, parse};
///
/// let items = parse(br#"{"object": "page", "entry": [null]}"#)?;
/// let [Item::Ignored(ignored)] = &*items else { panic!("{items:?}") };
/// assert_eq!(ignored.to_string(), "entry: is no object");
/// assert_eq!(parse(b"[]"), Err(ParseError::NoObject));
/// # Ok::<(), ParseError>(())
/// ```
pub fn parse(body: &[u8]) -> Result<Vec<Item>, ParseError> {
    let body = repair_surrogates(body);
    let text = match std::str::from_utf8(&body) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(&body),
    };
    let raw: &RawValue =
        serde_json::from_str(&text).map_err(|error| ParseError::NoJson(error.to_string()))?;
    let body = Object::of(raw).ok_or(ParseError::NoObject)?;
    let mut items = Vec::new();
    let object = body.text("object").unwrap_or_default();
    let read: fn(&Object<'_>, &mut Vec<Item>) = match object.as_str() {
        "whatsapp_business_account" => whatsapp::entry,
        "page" => |entry, items| messenger::entry(Channel::Messenger, entry, items),
        "instagram" => |entry, items| messenger::entry(Channel::Instagram, entry, items),
        _ => {
            items.push(Item::ignored(&object, "is the object of no channel"));
            return Ok(items);
        }
    };
    for entry in body.list("entry") {
        match Object::of(entry) {
            Some(entry) => read(&entry, &mut items),
            None => items.push(Item::ignored("entry", "is no object")),
        }
    }
    Ok(items)
}
