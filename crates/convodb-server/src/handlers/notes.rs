//! Internal notes: for the team, never sent to the contact.

use std::sync::Arc;

use axum::extract::State;
use convodb::{Note, NoteRequest, PageRequest};
use serde::Serialize;

use crate::app::{Answer, App};
use crate::errors::ApiError;
use crate::openapi::parameters::{ConversationId, IdempotencyKey, Paging};
use crate::openapi::responses::{Body, Conflict, NotFound, Request};
use crate::openapi::schemas;
use crate::request::{CommandContext, JsonBody, NoQuery, PathConversation, Query};

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
    params(ConversationId, Paging),
    responses((status = 200, description = "A page", body = schemas::NotePage), Request, NotFound)
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    PathConversation(id): PathConversation,
    mut query: Query,
) -> Result<Answer, ApiError> {
    let default = PageRequest::default();
    let number = query.take_number("page")?.unwrap_or(default.page());
    let limit = query.take_number("limit")?;
    query.finish()?;
    // One that is too large for its type is refused as the largest is.
    let limit = limit.map_or(default.limit(), |limit| {
        limit.try_into().unwrap_or(u32::MAX)
    });
    let page = PageRequest::new(number, limit)?;
    app.ask(move |store| {
        let before = (page.page() - 1).saturating_mul(page.limit().into());
        let mut data = Vec::new();
        let mut total = 0;
        for note in store.notes(id)? {
            let note = note?;
            if total as u64 >= before && data.len() < page.limit() as usize {
                data.push(note);
            }
            total += 1;
        }
        let page = page.page();
        Answer::ok(&Page { data, total, page })
    })
    .await
}

/// Add an internal note
#[utoipa::path(
    post,
    path = "/v1/conversations/{id}/notes",
    params(ConversationId, IdempotencyKey),
    request_body = schemas::NoteContent,
    responses(
        (status = 201, description = "The note", body = schemas::Note),
        (status = 200, description = "The note that the same `Idempotency-Key` has added before", body = schemas::Note),
        Request, NotFound, Conflict, Body
    )
)]
pub(crate) async fn add(
    State(app): State<Arc<App>>,
    PathConversation(id): PathConversation,
    _: NoQuery,
    CommandContext(context): CommandContext,
    JsonBody(request): JsonBody<NoteRequest>,
) -> Result<Answer, ApiError> {
    app.ask(move |store| {
        let outcome = store.with(context).add_note(id, request.content)?;
        Answer::made(!outcome.duplicate, &outcome.value)
    })
    .await
}
