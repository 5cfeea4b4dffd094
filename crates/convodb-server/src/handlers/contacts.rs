//! Contacts.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use convodb::ContactId;
use convodb::commands::EraseContact;

use crate::app::App;
use crate::errors::ApiError;
use crate::openapi::parameters::{self, CommandHeaders};
use crate::openapi::responses::{Body, Key, NotFound, Request};
use crate::request::{CommandContext, NoBody, NoQuery, PathId};

/// Erase a contact
///
/// Deletes its conversations on every channel, with all that belongs to them. Nothing of it is kept, and a
/// contact that has none is erased already.
#[utoipa::path(
    post,
    path = "/v1/contacts/{id}/erase",
    operation_id = "erase_contact",
    params(parameters::ContactId, CommandHeaders),
    responses((status = 204, description = "It is erased"), Request, Key, NotFound, Body)
)]
pub(crate) async fn erase(
    State(app): State<Arc<App>>,
    PathId(id): PathId,
    _: NoQuery,
    CommandContext(context): CommandContext,
    _: NoBody,
) -> Result<StatusCode, ApiError> {
    let missing = |_| ApiError::not_found(format!("there is no contact `{id}`"));
    let contact = ContactId::new(&id).map_err(missing)?;
    app.execute(context, EraseContact { contact }).await?;
    Ok(StatusCode::NO_CONTENT)
}
