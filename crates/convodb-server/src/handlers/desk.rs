//! What a team does with a conversation beside assigning, resolving and updating it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use convodb::commands::{Assign, Delete, MarkReadUpTo, MarkUnread, Reopen};
use convodb::{AssigneeId, Context, Event, UserId};
use serde::Serialize;

use crate::app::{Answer, App};
use crate::bodies::{AssignRequest, ReadRequest, UnreadRequest};
use crate::errors::ApiError;
use crate::openapi::parameters::{CommandHeaders, ConversationId, Expected};
use crate::openapi::responses::{Body, Key, NotFound, Request, Unmet};
use crate::openapi::{bodies, schemas};
use crate::request::{CommandContext, NoBody, NoQuery, OptionalBody, PathConversation};

/// Claim a conversation
///
/// Assigns it, if it is unassigned, to the user or team of the body. Without a body it is the user of
/// `X-Convodb-Actor`. It reopens a resolved one. Of several that claim it, one succeeds.
#[utoipa::path(
    post,
    path = "/v1/conversations/{id}/claim",
    operation_id = "claim_conversation",
    params(ConversationId, CommandHeaders, Expected),
    request_body = bodies::Assignment,
    responses(
        (status = 200, description = "The conversation, without its messages", body = schemas::Conversation),
        Request, Key, NotFound, Unmet, Body
    )
)]
pub(crate) async fn claim(
    State(app): State<Arc<App>>,
    PathConversation(id): PathConversation,
    _: NoQuery,
    CommandContext(context): CommandContext,
    OptionalBody(request): OptionalBody<AssignRequest>,
) -> Result<Answer, ApiError> {
    let assignee = match acting_user(&context) {
        Some(user) if request.is_empty() => user,
        None if request.is_empty() => {
            let reason = "`user_id`, `team_id` or the header `X-Convodb-Actor` is required";
            return Err(ApiError::invalid("user_id", reason));
        }
        _ => AssigneeId::try_from(request)?,
    };
    let command = Assign {
        conversation: id,
        assignee: Some(assignee),
    };
    let context = context.if_assignee(None);
    Answer::ok(&app.execute(context, command).await?.value)
}

fn acting_user(context: &Context) -> Option<AssigneeId> {
    let actor = context.actor_ref()?;
    UserId::new(actor.as_str()).ok().map(AssigneeId::from)
}

/// Unassign a conversation
///
/// It stays open or resolved.
#[utoipa::path(
    post,
    path = "/v1/conversations/{id}/unassign",
    operation_id = "unassign_conversation",
    params(ConversationId, CommandHeaders, Expected),
    responses(
        (status = 200, description = "The conversation, without its messages", body = schemas::Conversation),
        Request, Key, NotFound, Unmet, Body
    )
)]
pub(crate) async fn unassign(
    State(app): State<Arc<App>>,
    PathConversation(id): PathConversation,
    _: NoQuery,
    CommandContext(context): CommandContext,
    _: NoBody,
) -> Result<Answer, ApiError> {
    let command = Assign {
        conversation: id,
        assignee: None,
    };
    Answer::ok(&app.execute(context, command).await?.value)
}

/// Reopen a conversation
///
/// It stays assigned. Reopening one that is open changes nothing.
#[utoipa::path(
    post,
    path = "/v1/conversations/{id}/reopen",
    operation_id = "reopen_conversation",
    params(ConversationId, CommandHeaders, Expected),
    responses(
        (status = 200, description = "The conversation, without its messages", body = schemas::Conversation),
        Request, Key, NotFound, Unmet, Body
    )
)]
pub(crate) async fn reopen(
    State(app): State<Arc<App>>,
    PathConversation(id): PathConversation,
    _: NoQuery,
    CommandContext(context): CommandContext,
    _: NoBody,
) -> Result<Answer, ApiError> {
    let command = Reopen { conversation: id };
    Answer::ok(&app.execute(context, command).await?.value)
}

/// Mark messages as read
///
/// Up to a message of the contact, by arrival; all without one. A mark never goes back.
#[utoipa::path(
    post,
    path = "/v1/conversations/{id}/read",
    operation_id = "mark_read",
    params(ConversationId, CommandHeaders, Expected),
    request_body = bodies::ReadMark,
    responses(
        (status = 200, description = "The conversation, without its messages", body = schemas::Conversation),
        Request, Key, NotFound, Unmet, Body
    )
)]
pub(crate) async fn read(
    State(app): State<Arc<App>>,
    PathConversation(id): PathConversation,
    _: NoQuery,
    CommandContext(context): CommandContext,
    OptionalBody(request): OptionalBody<ReadRequest>,
) -> Result<Answer, ApiError> {
    let command = MarkReadUpTo {
        conversation: id,
        up_to: request.up_to,
    };
    Answer::ok(&app.execute(context, command).await?.value)
}

/// Mark messages as unread
///
/// From a message of the contact on, by arrival; the last without one.
#[utoipa::path(
    post,
    path = "/v1/conversations/{id}/unread",
    operation_id = "mark_unread",
    params(ConversationId, CommandHeaders, Expected),
    request_body = bodies::UnreadMark,
    responses(
        (status = 200, description = "The conversation, without its messages", body = schemas::Conversation),
        Request, Key, NotFound, Unmet, Body
    )
)]
pub(crate) async fn unread(
    State(app): State<Arc<App>>,
    PathConversation(id): PathConversation,
    _: NoQuery,
    CommandContext(context): CommandContext,
    OptionalBody(request): OptionalBody<UnreadRequest>,
) -> Result<Answer, ApiError> {
    let command = MarkUnread {
        conversation: id,
        from: request.from,
    };
    Answer::ok(&app.execute(context, command).await?.value)
}

/// Delete a conversation
///
/// With all its messages and notes. The ids of its messages are not used again.
#[utoipa::path(
    delete,
    path = "/v1/conversations/{id}",
    operation_id = "delete_conversation",
    params(ConversationId, CommandHeaders, Expected),
    responses((status = 204, description = "It is deleted"), Request, Key, NotFound, Unmet)
)]
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    PathConversation(id): PathConversation,
    _: NoQuery,
    CommandContext(context): CommandContext,
) -> Result<StatusCode, ApiError> {
    app.execute(context, Delete { conversation: id }).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Serialize)]
struct Log {
    data: Vec<Event>,
}

/// List a conversation's audit log
///
/// Its changes of status and assignee, oldest first, for as long as it exists.
#[utoipa::path(
    get,
    path = "/v1/conversations/{id}/audit_log",
    operation_id = "list_audit_log",
    params(ConversationId),
    responses((status = 200, description = "The events", body = schemas::EventPage), Request, NotFound)
)]
pub(crate) async fn audit_log(
    State(app): State<Arc<App>>,
    PathConversation(id): PathConversation,
    _: NoQuery,
) -> Result<Answer, ApiError> {
    let data = app.read(app.store.audit_log(id)).await?;
    Answer::ok(&Log { data })
}
