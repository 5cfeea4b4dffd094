//! Messages: sending, receiving, and delivery receipts.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use convodb::commands::{ReceiveMessage, RecordDelivery, SendMessage};
use convodb::{Inbound, Outbound};
use serde_json::json;

use crate::app::{Answer, App};
use crate::bodies::ReceiptRequest;
use crate::errors::ApiError;
use crate::openapi::parameters::IdempotencyKey;
use crate::openapi::responses::{Body, Gone, Key, NotFound, ProviderIdConflict, Request};
use crate::openapi::{bodies, schemas};
use crate::request::{CommandContext, JsonBody, NoQuery};

/// Send a message
///
/// To a contact on a channel. The first message creates the conversation; a later one reopens a
/// resolved conversation unless `reopen` is false.
#[utoipa::path(
    post,
    path = "/v1/messages/send",
    params(IdempotencyKey),
    request_body = bodies::OutboundMessage,
    responses(
        (status = 201, description = "The message", body = schemas::Message),
        (status = 200, description = "The message that was stored before, by its `provider_id` or the same `Idempotency-Key`", body = schemas::Message),
        Request, Key, NotFound, ProviderIdConflict, Gone, Body
    )
)]
pub(crate) async fn send(
    State(app): State<Arc<App>>,
    _: NoQuery,
    CommandContext(context): CommandContext,
    JsonBody(message): JsonBody<Outbound>,
) -> Result<Answer, ApiError> {
    let outcome = app.execute(context, SendMessage { message }).await?;
    Answer::created(!outcome.is_duplicate, &outcome.value)
}

/// Receive a message
///
/// From a contact on a channel. The first message creates the conversation; a later one reopens a
/// resolved conversation. The same `provider_id` again from the same contact is the same message.
/// Messages of one second whose `sent_at` has no fraction keep the order of their arrival.
#[utoipa::path(
    post,
    path = "/v1/messages/receive",
    params(IdempotencyKey),
    request_body = bodies::InboundMessage,
    responses(
        (status = 201, description = "The message", body = schemas::Message),
        (status = 200, description = "The message that was stored before, by its `provider_id` or the same `Idempotency-Key`", body = schemas::Message),
        Request, Key, NotFound, ProviderIdConflict, Gone, Body
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
/// yet is kept until the message arrives.
#[utoipa::path(
    post,
    path = "/v1/messages/status",
    params(IdempotencyKey),
    request_body = bodies::Receipt,
    responses(
        (status = 200, description = "The message", body = schemas::Message),
        (status = 202, description = "There is no such message yet", body = schemas::Parked),
        Request, Key, NotFound, Gone, Body
    )
)]
pub(crate) async fn status(
    State(app): State<Arc<App>>,
    _: NoQuery,
    CommandContext(context): CommandContext,
    JsonBody(request): JsonBody<ReceiptRequest>,
) -> Result<Answer, ApiError> {
    let ReceiptRequest { message, receipt } = request;
    let command = RecordDelivery { message, receipt };
    match app.execute(context, command).await?.value {
        Some(message) => Answer::ok(&message),
        None => Answer::new(StatusCode::ACCEPTED, &json!({"unmatched": true})),
    }
}
