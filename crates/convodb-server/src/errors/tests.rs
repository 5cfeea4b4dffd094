//! The status and body of each error.

use axum::body::to_bytes;
use convodb::prelude::*;
use convodb::{
    Channel, ContactId, Context, ConversationId, Error, EventSeq, Inbound, Outbound, ProviderId,
    Receipt, Result, UserId,
};
use serde_json::{Map, Value, json};

use super::*;

#[test]
fn a_wait_is_rounded_up_to_whole_seconds() {
    for (wait_ms, seconds) in [(1, 1), (1_000, 1), (1_001, 2)] {
        let error = ApiError::rate_limited(Duration::from_millis(wait_ms));
        assert_eq!(error.retry_after, Some(seconds));
    }
}

/// The status of an answer to an error, its code and message, and further fields.
type Answered = (u16, String, String, Value);

async fn answered(error: Option<Error>) -> anyhow::Result<Answered> {
    #[derive(serde::Deserialize)]
    struct Body {
        error: Map<String, Value>,
    }

    let error = error.ok_or_else(|| anyhow::anyhow!("the command succeeded"))?;
    let response = ApiError::from(error).into_response();
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), usize::MAX).await?;
    let Body { mut error } = serde_json::from_slice(&body)?;
    let mut take = |field| match error.remove(field) {
        Some(Value::String(text)) => Ok(text),
        other => Err(anyhow::anyhow!("{field} is {other:?}")),
    };
    let (code, message) = (take("code")?, take("message")?);
    Ok((status, code, message, error.into()))
}

fn inbox() -> Result<(Store, ContactId, ConversationId)> {
    let store = Store::in_memory()?;
    for (id, name) in [("usr_alice", "Alice"), ("usr_bob", "Bob")] {
        store.save_user(&UserId::new(id)?, name)?;
    }
    let contact = ContactId::new("con_1")?;
    let hello = Inbound::text(&contact, Channel::Webchat, "Hello").provider_id("p1");
    let id = store.receive(hello)?.value.conversation_id;
    Ok((store, contact, id))
}

#[tokio::test]
async fn a_precondition_that_does_not_hold_is_412_with_what_holds_instead() -> anyhow::Result<()> {
    let (store, _, id) = inbox()?;
    let (alice, bob) = (UserId::new("usr_alice")?, UserId::new("usr_bob")?);
    let new = store.with(Context::new().if_revision(Revision::ZERO));
    let bobs = store.with(Context::new().if_assignee(Some(bob.clone().into())));
    store.claim(id, &alice)?;
    let lost_claim = store.claim(id, &bob).err();
    let resolved = new.resolve(id).err();
    store.unassign(id)?;
    let noted = bobs.add_note(id, "VIP").err();
    let alice = json!({"type": "user", "id": "usr_alice"});
    for (error, expected, revision, assigned_to) in [
        (lost_claim, json!({"assignee": null}), 1, &alice),
        (resolved, json!({"revision": 0}), 1, &alice),
        (noted, json!({"assignee": "usr_bob"}), 2, &Value::Null),
    ] {
        let (status, code, message, fields) = answered(error).await?;
        assert_eq!((status, code.as_str()), (412, "precondition_failed"));
        assert!(message.contains(&id.to_string()), "{message}");
        let expected =
            json!({"expected": expected, "revision": revision, "assigned_to": assigned_to});
        assert_eq!(fields, expected);
    }
    Ok(())
}

#[tokio::test]
async fn each_kind_of_a_clients_error_has_its_status_and_code() -> anyhow::Result<()> {
    let (store, contact, id) = inbox()?;
    let hi = Outbound::text(&contact, Channel::Webchat, "Hi");
    let sent = store.send(hi)?.value;
    let keyed = store.with(Context::new().idempotency_key("k"));
    keyed.add_note(id, "VIP")?;
    let unknown = ConversationId::from_parts(1, 1);
    let carol = UserId::new("usr_carol")?;
    let p1 = ProviderId::new("p1")?;

    let blank = store.add_note(id, " ").err();
    let reused = keyed.resolve(id).err();
    let missing = store.resolve(unknown).err();
    let missing_twice = store.assign(unknown, &carol).err();
    let stranger = store.assign(id, &carol).err();
    let taken = store.set_provider_id(&sent, &p1).err();
    let of_p1 = (Channel::Webchat, &p1);
    let named = store.set_provider_id(of_p1, &ProviderId::new("p2")?).err();
    let ahead = store.events(EventSeq::new(99), 1).err();
    store.erase_contact(&contact)?;
    let late = store.record_delivery((Channel::Webchat, p1), Receipt::read());
    for (error, status, code, names) in [
        (blank, 422, "validation_error", "content: "),
        (reused, 422, "idempotency_key_reused", "idempotency key"),
        (missing, 404, "not_found", "conv_"),
        (missing_twice, 404, "not_found", "conv_"),
        (stranger, 422, "validation_error", "user_id: `usr_carol`"),
        (taken, 409, "provider_id_conflict", "p1"),
        (named, 409, "already_exists", "p1"),
        (ahead, 422, "validation_error", "after"),
        (late.err(), 410, "erased", "p1"),
    ] {
        let (answered_status, answered_code, message, fields) = answered(error).await?;
        assert_eq!((answered_status, answered_code.as_str()), (status, code));
        assert!(message.contains(names), "{message}");
        assert_eq!(fields, json!({}));
    }
    Ok(())
}

#[tokio::test]
async fn an_error_of_the_store_reveals_nothing_and_may_pass_or_not() -> anyhow::Result<()> {
    for (kind, status, code) in [
        (ErrorKind::NeedsReopen, 503, "unavailable"),
        (ErrorKind::Io, 503, "unavailable"),
        (ErrorKind::Closed, 503, "unavailable"),
        (ErrorKind::Locked, 503, "unavailable"),
        (ErrorKind::Aborted, 503, "unavailable"),
        (ErrorKind::PathChanged, 503, "unavailable"),
        (ErrorKind::StorageFull, 503, "unavailable"),
        (ErrorKind::ReadOnly, 503, "unavailable"),
        (ErrorKind::SnapshotExpired, 503, "unavailable"),
        (ErrorKind::CommitUnknown, 503, "unavailable"),
        (ErrorKind::Conflict, 503, "unavailable"),
        (ErrorKind::Unavailable, 503, "unavailable"),
        (ErrorKind::NotPermitted, 503, "unavailable"),
        (ErrorKind::Unsupported, 501, "unsupported"),
        (ErrorKind::Corrupted, 500, "internal_error"),
        (ErrorKind::NotADatabase, 500, "internal_error"),
        (ErrorKind::UnsupportedVersion, 500, "internal_error"),
        (ErrorKind::ReentrantCommand, 500, "internal_error"),
    ] {
        let error = Error::new(kind, "a path of the machine");
        let (answered_status, answered_code, message, fields) = answered(Some(error)).await?;
        assert_eq!((answered_status, answered_code.as_str()), (status, code));
        assert!(!message.contains("path"), "{message}");
        assert_eq!(fields, json!({}));
    }
    Ok(())
}
