//! Messages: sending, receiving, and delivery receipts.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use convodb::commands::{
    Edit, React, ReceiveMessage, Report, Retry, Revoke, SendMessage, UpdateMessage,
};
use convodb::{Inbound, Message, MessageId, MessageRange, Outbound};
use serde::Serialize;
use serde_json::json;

use crate::app::{Answer, App};
use crate::auth::Access;
use crate::errors::ApiError;
use crate::openapi::parameters::{
    CommandHeaders, ConversationId, ConversationMessage, Expected, Messages,
};
use crate::openapi::responses::{Body, Gone, Key, MessageConflict, NotFound, Request, Unmet};
use crate::openapi::{bodies, schemas};
use crate::request::{CommandContext, JsonBody, NoQuery, PathConversation, PathPair, Query};

/// Send a message
///
/// To a contact on a channel. The first message creates the conversation; a later one reopens a
/// resolved conversation unless `reopen` is false.
#[utoipa::path(
    post,
    path = "/v1/messages/send",
    operation_id = "send_message",
    params(CommandHeaders, Expected),
    request_body = bodies::OutboundMessage,
    responses(
        (status = 201, description = "The message", body = schemas::Message),
        (status = 200, description = "The message that was stored before, by its `provider_id` or the same `Idempotency-Key`", body = schemas::Message),
        Request, Key, NotFound, Gone, Unmet, MessageConflict, Body
    )
)]
pub(crate) async fn send(
    State(app): State<Arc<App>>,
    access: Access,
    _: NoQuery,
    CommandContext(context): CommandContext,
    JsonBody(message): JsonBody<Outbound>,
) -> Result<Answer, ApiError> {
    if let Some(author) = message.written_by() {
        access.check_author("author", author)?;
    }
    let outcome = app.execute(context, SendMessage { message }).await?;
    Answer::created(!outcome.is_duplicate, &outcome.value)
}

/// Receive a message
///
/// From a contact on a channel. The first message creates the conversation; a later one reopens a
/// resolved conversation.
#[utoipa::path(
    post,
    path = "/v1/messages/receive",
    operation_id = "receive_message",
    params(CommandHeaders, Expected),
    request_body = bodies::InboundMessage,
    responses(
        (status = 201, description = "The message", body = schemas::Message),
        (status = 200, description = "The message that was stored before, by its `provider_id` or the same `Idempotency-Key`", body = schemas::Message),
        Request, Key, NotFound, Gone, Unmet, MessageConflict, Body
    )
)]
pub(crate) async fn receive(
    State(app): State<Arc<App>>,
    _: NoQuery,
    CommandContext(context): CommandContext,
    JsonBody(message): JsonBody<Inbound>,
) -> Result<Answer, ApiError> {
    let outcome = app.execute(context, ReceiveMessage { message }).await?;
    Answer::created(!outcome.is_duplicate, &outcome.value)
}

/// Report a message's status
///
/// Receipts may come late, twice and in any order. A receipt for a `provider_id` that no message has
/// yet is kept until the message arrives. With `up_to` it is about all messages before it too, and with
/// `until` about all of a conversation until a time. Without a `status` it gives a message its
/// `provider_id`.
#[utoipa::path(
    post,
    path = "/v1/messages/status",
    operation_id = "report_message_status",
    params(CommandHeaders, Expected),
    request_body = bodies::Receipt,
    responses(
        (status = 200, description = "The message, or the conversation without its messages", body = bodies::Reported),
        (status = 202, description = "There is no such message yet", body = schemas::Parked),
        Request, Key, NotFound, Gone, Unmet, MessageConflict, Body
    )
)]
pub(crate) async fn status(
    State(app): State<Arc<App>>,
    _: NoQuery,
    CommandContext(context): CommandContext,
    JsonBody(report): JsonBody<Report>,
) -> Result<Answer, ApiError> {
    match report {
        Report::Delivery(receipt) => parked(app.execute(context, receipt).await?.value.as_ref()),
        Report::Watermark(watermark) => {
            parked(app.execute(context, watermark).await?.value.as_ref())
        }
        Report::ProviderId(given) => Answer::ok(&app.execute(context, given).await?.value),
    }
}

/// What a command is about, or that it waits for its message.
fn parked(value: Option<&impl Serialize>) -> Result<Answer, ApiError> {
    match value {
        Some(value) => Answer::ok(value),
        None => Answer::new(StatusCode::ACCEPTED, &json!({"unmatched": true})),
    }
}

/// React to a message
///
/// Sets all reactions of one reactor: one `emoji`, a list of them, or `null` for none. Without `by` it is the contact;
/// a user is `{"type": "user", "id": "usr_1"}`. A reaction to a `provider_id` that no message has yet is kept until the
/// message arrives.
#[utoipa::path(
    post,
    path = "/v1/messages/react",
    operation_id = "react_to_message",
    params(CommandHeaders, Expected),
    request_body = bodies::Reaction,
    responses(
        (status = 200, description = "The message", body = schemas::Message),
        (status = 202, description = "There is no such message yet", body = schemas::Parked),
        Request, Key, NotFound, Gone, Unmet, Body
    )
)]
pub(crate) async fn react(
    State(app): State<Arc<App>>,
    access: Access,
    _: NoQuery,
    CommandContext(context): CommandContext,
    JsonBody(reaction): JsonBody<React>,
) -> Result<Answer, ApiError> {
    access.check_author("by", &reaction.by)?;
    parked(app.execute(context, reaction).await?.value.as_ref())
}

/// Edit a message
///
/// Replaces its content and keeps the former one. An edit of a `provider_id` that no message has yet is
/// stored as that message, if `contact_id` is given, and otherwise kept until the message arrives.
#[utoipa::path(
    post,
    path = "/v1/messages/edit",
    operation_id = "edit_message",
    params(CommandHeaders, Expected),
    request_body = bodies::EditedMessage,
    responses(
        (status = 200, description = "The message", body = schemas::Message),
        (status = 201, description = "The message, which the edit created", body = schemas::Message),
        (status = 202, description = "There is no such message yet", body = schemas::Parked),
        Request, Key, NotFound, Gone, Unmet, MessageConflict, Body
    )
)]
pub(crate) async fn edit(
    State(app): State<Arc<App>>,
    _: NoQuery,
    CommandContext(context): CommandContext,
    JsonBody(edit): JsonBody<Edit>,
) -> Result<Answer, ApiError> {
    let outcome = app.execute(context, edit).await?;
    match (
        outcome.effect.created && !outcome.is_duplicate,
        outcome.value,
    ) {
        (true, Some(message)) => Answer::created(true, &message),
        (_, value) => parked(value.as_ref()),
    }
}

/// Take a message back
///
/// Its content is erased, unless `keep_content` is set. Without `by` the contact takes it back, also where the message
/// is the team's; a user is `{"type": "user", "id": "usr_1"}`. For a `provider_id` that no message has yet, the
/// message will be stored without its content.
#[utoipa::path(
    post,
    path = "/v1/messages/revoke",
    operation_id = "revoke_message",
    params(CommandHeaders, Expected),
    request_body = bodies::Revocation,
    responses(
        (status = 200, description = "What is left of the message", body = schemas::Message),
        (status = 202, description = "There is no such message yet", body = schemas::Parked),
        Request, Key, NotFound, Gone, Unmet, Body
    )
)]
pub(crate) async fn revoke(
    State(app): State<Arc<App>>,
    access: Access,
    _: NoQuery,
    CommandContext(context): CommandContext,
    JsonBody(revocation): JsonBody<Revoke>,
) -> Result<Answer, ApiError> {
    access.check_author("by", &revocation.by)?;
    parked(app.execute(context, revocation).await?.value.as_ref())
}

/// Try a message again
///
/// A failed message becomes pending, and gets another `provider_id`.
#[utoipa::path(
    post,
    path = "/v1/messages/retry",
    operation_id = "retry_message",
    params(CommandHeaders, Expected),
    request_body = bodies::Retried,
    responses(
        (status = 200, description = "The message", body = schemas::Message),
        Request, Key, NotFound, Gone, Unmet, MessageConflict, Body
    )
)]
pub(crate) async fn retry(
    State(app): State<Arc<App>>,
    _: NoQuery,
    CommandContext(context): CommandContext,
    JsonBody(retry): JsonBody<Retry>,
) -> Result<Answer, ApiError> {
    Answer::ok(&app.execute(context, retry).await?.value)
}

/// Add what became known of a message
///
/// Fields of its attachments, such as an address or a transcript, and values of the client's own.
#[utoipa::path(
    post,
    path = "/v1/messages/update",
    operation_id = "update_message",
    params(CommandHeaders, Expected),
    request_body = bodies::MessageUpdate,
    responses(
        (status = 200, description = "The message", body = schemas::Message),
        Request, Key, NotFound, Gone, Unmet, MessageConflict, Body
    )
)]
pub(crate) async fn update(
    State(app): State<Arc<App>>,
    _: NoQuery,
    CommandContext(context): CommandContext,
    JsonBody(update): JsonBody<UpdateMessage>,
) -> Result<Answer, ApiError> {
    Answer::ok(&app.execute(context, update).await?.value)
}

/// A part of a thread, oldest first.
#[derive(Serialize)]
struct Page {
    data: Vec<Message>,
    /// Whether there are more in the direction of reading.
    has_more: bool,
}

const MAX_LIMIT: u64 = 100;

/// List a conversation's messages
///
/// The latest `limit` of them, or the latest before a message, or the first after one, up to another if
/// both are given: oldest first in each case. They are in the order of the thread, which is not that of `created_at`.
#[utoipa::path(
    get,
    path = "/v1/conversations/{id}/messages",
    operation_id = "list_messages",
    params(ConversationId, Messages),
    responses((status = 200, description = "A part of the thread", body = schemas::MessagePage), Request, NotFound)
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    PathConversation(id): PathConversation,
    mut query: Query,
) -> Result<Answer, ApiError> {
    let (before, after) = (query.take("before")?, query.take("after")?);
    let limit = query.take_number("limit")?.unwrap_or(20);
    query.finish()?;
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(ApiError::invalid("limit", "must be between 1 and 100"));
    }
    let message = |name: &str, given: Option<String>| {
        let id = given.as_deref().map(MessageId::new).transpose();
        id.map_err(|error| ApiError::invalid(name, error.reason()))
    };
    let (before, after) = (message("before", before)?, message("after", after)?);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let page = app.read(async {
        let mut range = MessageRange::all();
        if let Some(after) = after {
            range = range.after(&app.store.message((id, after)).await?);
        }
        if let Some(before) = before {
            range = range.before(&app.store.message((id, before)).await?);
        }
        // One more says whether there are more.
        let mut data = match after {
            Some(_) => app.store.oldest_messages(id, range, limit + 1).await?,
            None => app.store.newest_messages(id, range, limit + 1).await?,
        };
        let has_more = data.len() > limit;
        data.truncate(limit);
        if after.is_none() {
            data.reverse();
        }
        Ok(Page { data, has_more })
    });
    Answer::ok(&page.await?)
}

/// List the former contents of a message
///
/// Oldest first, at most ten.
#[utoipa::path(
    get,
    path = "/v1/conversations/{id}/messages/{message_id}/versions",
    operation_id = "list_message_versions",
    params(ConversationMessage),
    responses((status = 200, description = "The former contents", body = schemas::Versions), Request, NotFound)
)]
pub(crate) async fn versions(
    State(app): State<Arc<App>>,
    PathPair(conversation, message): PathPair,
    _: NoQuery,
) -> Result<Answer, ApiError> {
    let missing = || ApiError::not_found(format!("there is no message `{message}`"));
    let conversation = convodb::ConversationId::new(&conversation).map_err(|_| missing())?;
    let id = MessageId::new(&message).map_err(|_| missing())?;
    let found = app.read(app.store.message((conversation, id))).await?;
    let versions = found.extras.map_or(Vec::new(), |extras| extras.versions);
    Answer::ok(&json!({"data": versions}))
}
