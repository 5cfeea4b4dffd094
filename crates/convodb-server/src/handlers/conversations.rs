//! Conversations: the list, one of them, assigning and resolving.

use std::sync::Arc;

use axum::extract::State;
use convodb::{
    AssignRequest, AssigneeId, AssigneeKind, Conversation, Cursor, ErrorKind, ListQuery,
};
use serde::Serialize;

use crate::app::{Answer, App};
use crate::errors::ApiError;
use crate::openapi::parameters::{ConversationId, IdempotencyKey, List};
use crate::openapi::responses::{Body, Conflict, NotFound, Request};
use crate::openapi::{bodies, schemas};
use crate::request::{CommandContext, JsonBody, NoBody, NoQuery, PathConversation, Query};

/// A page, as the specification has it.
#[derive(Serialize)]
struct Page {
    data: Vec<Conversation>,
    total: u64,
    page: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Cursor>,
}

/// List conversations
///
/// The latest activity first, without messages. Pages are taken by number or, where the list moves
/// meanwhile, by cursor: the next page begins behind `next`, whatever has become active since.
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
    let cursor: Option<Cursor> = match query.take("cursor")? {
        Some(cursor) => Some(cursor.parse()?),
        None => None,
    };
    let ListQuery { filter, page, .. } = ListQuery::from_pairs(query.0)?;
    app.ask(move |store| {
        let answer = match cursor {
            None => {
                let rows = store.list(&filter, page)?;
                Page {
                    data: rows.data,
                    total: rows.total,
                    page: rows.page,
                    next: rows.next,
                }
            }
            // What number the page has is its reader's to know.
            Some(cursor) => {
                let rows = store.list_after(&filter, &cursor, page.limit())?;
                Page {
                    data: rows.data,
                    total: rows.total,
                    page: page.page(),
                    next: rows.next,
                }
            }
        };
        Answer::ok(&answer)
    })
    .await
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
    app.ask(move |store| Answer::ok(&store.get(id)?)).await
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
        Request, NotFound, Conflict, Body
    )
)]
pub(crate) async fn assign(
    State(app): State<Arc<App>>,
    PathConversation(id): PathConversation,
    _: NoQuery,
    CommandContext(context): CommandContext,
    JsonBody(request): JsonBody<AssignRequest>,
) -> Result<Answer, ApiError> {
    let assignee = AssigneeId::try_from(request)?;
    app.ask(move |store| {
        let assigned = store.with(context).assign(id, &assignee);
        if let Err(error) = &assigned
            && error.kind() == ErrorKind::NotFound
            && store.assignee(&assignee).is_err()
        {
            // A conversation that is not there is the path's; where it is, the body is at fault.
            store.conversation(id)?;
            let field = match assignee.kind() {
                AssigneeKind::User => "user_id",
                AssigneeKind::Team => "team_id",
            };
            let reason = format!("`{assignee}` is not in the directory");
            return Err(ApiError::invalid(field, &reason).into());
        }
        Answer::ok(&assigned?.value)
    })
    .await
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
        Request, NotFound, Conflict, Body
    )
)]
pub(crate) async fn resolve(
    State(app): State<Arc<App>>,
    PathConversation(id): PathConversation,
    _: NoQuery,
    CommandContext(context): CommandContext,
    _: NoBody,
) -> Result<Answer, ApiError> {
    app.ask(move |store| Answer::ok(&store.with(context).resolve(id)?.value))
        .await
}
