//! Inboxes.

use std::sync::Arc;

use axum::extract::State;
use convodb::commands::SaveInbox;
use convodb::{Channel, InboxId};
use serde::{Deserialize, Serialize};

use crate::app::{Answer, App};
use crate::errors::ApiError;
use crate::openapi::parameters::{self, CommandHeaders};
use crate::openapi::responses::{Body, Key, NotFound, Request};
use crate::openapi::{bodies, schemas};
use crate::request::{CommandContext, JsonBody, NoQuery, PathId};

/// The channel and the name of an inbox.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NamedInbox {
    channel: Channel,
    name: String,
}

/// List the inboxes
///
/// Those that were saved, in the order of their ids. Each channel has one more, which has no id: that of
/// requests that name a channel alone.
#[utoipa::path(
    get,
    path = "/v1/inboxes",
    operation_id = "list_inboxes",
    responses((status = 200, description = "The inboxes", body = schemas::Inboxes), Request)
)]
pub(crate) async fn list(State(app): State<Arc<App>>, _: NoQuery) -> Result<Answer, ApiError> {
    #[derive(Serialize)]
    struct Inboxes {
        data: Vec<convodb::Inbox>,
    }
    let data = app.read(app.store.inboxes()).await?;
    Answer::ok(&Inboxes { data })
}

/// Get an inbox
#[utoipa::path(
    get,
    path = "/v1/inboxes/{id}",
    operation_id = "get_inbox",
    params(parameters::InboxId),
    responses((status = 200, description = "The inbox", body = schemas::Inbox), Request, NotFound)
)]
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    PathId(id): PathId,
    _: NoQuery,
) -> Result<Answer, ApiError> {
    let missing = || ApiError::not_found(format!("there is no inbox `{id}`"));
    let inbox = InboxId::new(&id).map_err(|_| missing())?;
    let inboxes = app.read(app.store.inboxes()).await?;
    let found = inboxes.iter().find(|known| known.id == inbox);
    Answer::ok(found.ok_or_else(missing)?)
}

/// Put an inbox
///
/// Adds an inbox of a channel, or renames it. It keeps its channel for ever.
#[utoipa::path(
    put,
    path = "/v1/inboxes/{id}",
    operation_id = "put_inbox",
    params(parameters::InboxId, CommandHeaders),
    request_body = bodies::NamedInbox,
    responses(
        (status = 201, description = "The inbox, created", body = schemas::Inbox),
        (status = 200, description = "The inbox, which existed before", body = schemas::Inbox),
        Request, Key, Body
    )
)]
pub(crate) async fn put(
    State(app): State<Arc<App>>,
    PathId(id): PathId,
    _: NoQuery,
    CommandContext(context): CommandContext,
    JsonBody(NamedInbox { channel, name }): JsonBody<NamedInbox>,
) -> Result<Answer, ApiError> {
    let inbox = InboxId::new(&id)?;
    let command = SaveInbox {
        inbox,
        channel,
        name,
    };
    let outcome = app.execute(context, command).await?;
    let is_new = outcome.effect.created && !outcome.is_duplicate;
    Answer::created(is_new, &outcome.value)
}
