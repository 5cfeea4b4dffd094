//! Internal notes: for the team, never sent to the contact.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use convodb::commands::{AddNote, RemoveNote};
use convodb::{Note, NoteId, PageRequest};
use serde::Serialize;

use crate::app::{Answer, App};
use crate::bodies::NoteRequest;
use crate::errors::ApiError;
use crate::openapi::parameters::{
    CommandHeaders, ConversationId, ConversationNote, Expected, Paging,
};
use crate::openapi::responses::{Body, Key, NotFound, Request, Unmet};
use crate::openapi::{bodies, schemas};
use crate::request::{CommandContext, JsonBody, NoQuery, PathConversation, PathPair, Query};

#[derive(Serialize)]
struct Page {
    data: Vec<Note>,
    total: usize,
    page: u64,
}

/// List a conversation's notes
///
/// Oldest first.
#[utoipa::path(
    get,
    path = "/v1/conversations/{id}/notes",
    operation_id = "list_notes",
    params(ConversationId, Paging),
    responses((status = 200, description = "A page", body = schemas::NotePage), Request, NotFound)
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    PathConversation(id): PathConversation,
    mut query: Query,
) -> Result<Answer, ApiError> {
    let number = query.take_number("page")?.unwrap_or(1);
    let limit = query.take_number("limit")?;
    query.finish()?;
    // A number that is too large for its type is rejected as the largest one is.
    let limit = limit.map_or(PageRequest::default().limit(), |limit| {
        limit.try_into().unwrap_or(u32::MAX)
    });
    PageRequest::number(number, limit)?;
    let before = (number - 1).saturating_mul(limit.into());
    let notes = app.store.notes(id, before, limit as usize);
    let (data, total) = app.read(notes).await?;
    Answer::ok(&Page {
        data,
        total,
        page: number,
    })
}

/// Add an internal note
#[utoipa::path(
    post,
    path = "/v1/conversations/{id}/notes",
    operation_id = "add_note",
    params(ConversationId, CommandHeaders, Expected),
    request_body = bodies::NoteContent,
    responses(
        (status = 201, description = "The note", body = schemas::Note),
        (status = 200, description = "The note that was added before, with the same `Idempotency-Key`", body = schemas::Note),
        Request, Key, NotFound, Unmet, Body
    )
)]
pub(crate) async fn add(
    State(app): State<Arc<App>>,
    PathConversation(id): PathConversation,
    _: NoQuery,
    CommandContext(context): CommandContext,
    JsonBody(request): JsonBody<NoteRequest>,
) -> Result<Answer, ApiError> {
    let command = AddNote {
        conversation: id,
        content: request.content,
    };
    let outcome = app.execute(context, command).await?;
    Answer::created(!outcome.is_duplicate, &outcome.value)
}

/// Remove an internal note
///
/// Nothing of it is kept.
#[utoipa::path(
    delete,
    path = "/v1/conversations/{id}/notes/{note_id}",
    operation_id = "remove_note",
    params(ConversationNote, CommandHeaders, Expected),
    responses((status = 204, description = "It is removed"), Request, Key, NotFound, Unmet)
)]
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    PathPair(conversation, note): PathPair,
    _: NoQuery,
    CommandContext(context): CommandContext,
) -> Result<StatusCode, ApiError> {
    let missing = || ApiError::not_found(format!("there is no note `{note}`"));
    let conversation = convodb::ConversationId::new(&conversation).map_err(|_| missing())?;
    let note = NoteId::new(&note).map_err(|_| missing())?;
    app.execute(context, RemoveNote { conversation, note })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
