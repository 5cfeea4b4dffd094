//! Conversations: listing, reading, assigning and resolving.

use std::sync::Arc;

use axum::extract::State;
use convodb::commands::{Assign, Resolve};
use convodb::prelude::*;
use convodb::{AssigneeId, Filter};

use crate::app::{Answer, App};
use crate::bodies::AssignRequest;
use crate::errors::ApiError;
use crate::openapi::parameters::{ConversationId, IdempotencyKey, List};
use crate::openapi::responses::{Body, Key, NotFound, Request};
use crate::openapi::{bodies, schemas};
use crate::request::{CommandContext, JsonBody, NoBody, NoQuery, PathConversation, Query};

/// List conversations
///
/// The latest activity first, without messages. Pages are taken by number or by cursor: the page of a
/// cursor begins after the row at which the page before ended, even if the list moved meanwhile.
#[utoipa::path(
    get,
    path = "/v1/conversations",
    params(List),
    responses((status = 200, description = "A page", body = schemas::ConversationPage), Request)
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    mut query: Query,
) -> Result<Answer, ApiError> {
    if query.contains("around") {
        return Err(ApiError::invalid("around", "is no parameter of this list"));
    }
    // Beside a cursor, `page` is only the number of the answer.
    let mut number = None;
    if query.contains("cursor") {
        let page = query.take_number("page")?.unwrap_or(1);
        number = Some(page);
        if page == 0 {
            return Err(ApiError::invalid("page", "must be at least 1"));
        }
    }
    let (filter, page) = Filter::from_query_pairs(query.0)?;
    let mut rows = app.read(|store| store.list(&filter, page))?;
    rows.number = rows.number.or(number);
    Answer::ok(&rows)
}

/// Get a conversation
///
/// With all its messages, oldest first.
#[utoipa::path(
    get,
    path = "/v1/conversations/{id}",
    params(ConversationId),
    responses((status = 200, description = "The conversation", body = schemas::Conversation), Request, NotFound)
)]
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    PathConversation(id): PathConversation,
    _: NoQuery,
) -> Result<Answer, ApiError> {
    Answer::ok(&app.read(|store| store.transcript(id))?)
}

/// Assign a conversation
///
/// To a user or a team of the directory, which reopens a resolved one.
#[utoipa::path(
    post,
    path = "/v1/conversations/{id}/assign",
    params(ConversationId, IdempotencyKey),
    request_body = bodies::Assignment,
    responses(
        (status = 200, description = "The conversation, without its messages", body = schemas::Conversation),
        Request, Key, NotFound, Body
    )
)]
pub(crate) async fn assign(
    State(app): State<Arc<App>>,
    PathConversation(id): PathConversation,
    _: NoQuery,
    CommandContext(context): CommandContext,
    JsonBody(request): JsonBody<AssignRequest>,
) -> Result<Answer, ApiError> {
    let command = Assign {
        conversation: id,
        assignee: Some(AssigneeId::try_from(request)?),
    };
    Answer::ok(&app.execute(context, command).await?.value)
}

/// Resolve a conversation
///
/// It stays assigned. Resolving one that is resolved changes nothing.
#[utoipa::path(
    post,
    path = "/v1/conversations/{id}/resolve",
    params(ConversationId, IdempotencyKey),
    responses(
        (status = 200, description = "The conversation, without its messages", body = schemas::Conversation),
        Request, Key, NotFound, Body
    )
)]
pub(crate) async fn resolve(
    State(app): State<Arc<App>>,
    PathConversation(id): PathConversation,
    _: NoQuery,
    CommandContext(context): CommandContext,
    _: NoBody,
) -> Result<Answer, ApiError> {
    let command = Resolve { conversation: id };
    Answer::ok(&app.execute(context, command).await?.value)
}
