//! Messages: sent, received, and what became of them.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use convodb::{Inbound, Outbound, ReceiptRequest};
use serde_json::json;

use crate::app::{Answer, App};
use crate::errors::ApiError;
use crate::openapi::parameters::IdempotencyKey;
use crate::openapi::responses::{Body, Conflict, Gone, NotFound, Request};
use crate::openapi::{bodies, schemas};
use crate::request::{CommandContext, JsonBody, NoQuery};

/// Send a message
///
/// To a contact on a channel; the conversation is made where there is none, and a resolved one is
/// reopened unless `reopen` is false.
#[utoipa::path(
    post,
    path = "/v1/messages/send",
    params(IdempotencyKey),
    request_body = bodies::OutboundMessage,
    responses(
        (status = 201, description = "The message", body = schemas::Message),
        (status = 200, description = "The message that was stored before, by its `provider_id` or the same `Idempotency-Key`", body = schemas::Message),
        Request, NotFound, Conflict, Gone, Body
    )
)]
pub(crate) async fn send(
    State(app): State<Arc<App>>,
    _: NoQuery,
    CommandContext(context): CommandContext,
    JsonBody(outbound): JsonBody<Outbound>,
) -> Result<Answer, ApiError> {
    app.ask(move |store| {
        let outcome = store.with(context).send(outbound)?;
        Answer::made(!outcome.duplicate, &outcome.value)
    })
    .await
}

/// Receive a message
///
/// From a contact on a channel; the conversation is made where there is none, and a resolved one is
/// reopened.
#[utoipa::path(
    post,
    path = "/v1/messages/receive",
    params(IdempotencyKey),
    request_body = bodies::InboundMessage,
    responses(
        (status = 201, description = "The message", body = schemas::Message),
        (status = 200, description = "The message that was stored before, by its `provider_id` or the same `Idempotency-Key`", body = schemas::Message),
        Request, NotFound, Conflict, Gone, Body
    )
)]
pub(crate) async fn receive(
    State(app): State<Arc<App>>,
    _: NoQuery,
    CommandContext(context): CommandContext,
    JsonBody(inbound): JsonBody<Inbound>,
) -> Result<Answer, ApiError> {
    app.ask(move |store| {
        let outcome = store.with(context).receive(inbound)?;
        Answer::made(!outcome.duplicate, &outcome.value)
    })
    .await
}

/// Tell a message's status
///
/// Receipts may come late, twice and in any order. One for a `provider_id` that no message has yet
/// is kept until that comes.
#[utoipa::path(
    post,
    path = "/v1/messages/status",
    params(IdempotencyKey),
    request_body = bodies::Receipt,
    responses(
        (status = 200, description = "The message", body = schemas::Message),
        (status = 202, description = "The message is not there yet", body = schemas::Parked),
        Request, NotFound, Conflict, Gone, Body
    )
)]
pub(crate) async fn status(
    State(app): State<Arc<App>>,
    _: NoQuery,
    CommandContext(context): CommandContext,
    JsonBody(request): JsonBody<ReceiptRequest>,
) -> Result<Answer, ApiError> {
    app.ask(move |store| {
        let handle = store.with(context);
        match handle
            .record_delivery(request.message, request.receipt)?
            .value
        {
            Some(message) => Answer::ok(&message),
            None => Answer::new(StatusCode::ACCEPTED, &json!({"parked": true})),
        }
    })
    .await
}
