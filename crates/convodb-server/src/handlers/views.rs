//! Saved views.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use convodb::commands::{RemoveView, SaveView};
use convodb::{Filter, Sort, View, ViewId};
use serde::{Deserialize, Serialize};

use crate::app::{Answer, App};
use crate::errors::ApiError;
use crate::openapi::parameters::{self, CommandHeaders};
use crate::openapi::responses::{Body, Key, NotFound, Request};
use crate::openapi::{bodies, schemas};
use crate::request::{CommandContext, JsonBody, NoQuery, PathId};

/// The name, the filter and the order of a view.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NamedView {
    name: String,
    filter: Filter,
    sort: Sort,
}

fn named(id: &str) -> Result<ViewId, ApiError> {
    ViewId::new(id).map_err(|_| ApiError::not_found(format!("there is no view `{id}`")))
}

/// List the views
///
/// In the order of their ids. One that is being built says how far it has come.
#[utoipa::path(
    get,
    path = "/v1/views",
    operation_id = "list_views",
    responses((status = 200, description = "The views", body = schemas::Views), Request)
)]
pub(crate) async fn list(State(app): State<Arc<App>>, _: NoQuery) -> Result<Answer, ApiError> {
    #[derive(Serialize)]
    struct Views {
        data: Vec<View>,
    }
    let data = app.read(app.store.views()).await?;
    Answer::ok(&Views { data })
}

/// Get a view
#[utoipa::path(
    get,
    path = "/v1/views/{id}",
    operation_id = "get_view",
    params(parameters::ViewId),
    responses((status = 200, description = "The view", body = schemas::View), Request, NotFound)
)]
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    PathId(id): PathId,
    _: NoQuery,
) -> Result<Answer, ApiError> {
    let view = named(&id)?;
    Answer::ok(&app.read(app.store.view(&view)).await?)
}

/// Put a view
///
/// Saves a filter and an order, for which the store keeps a counted list. A view with another filter or order
/// than before is built anew. Until a view is built, a list of it is answered with 409 `view_building`. The same
/// request with an `Idempotency-Key` again is answered with 404 if the view was deleted meanwhile.
#[utoipa::path(
    put,
    path = "/v1/views/{id}",
    operation_id = "put_view",
    params(parameters::ViewId, CommandHeaders),
    request_body = bodies::NamedView,
    responses(
        (status = 201, description = "The view, created", body = schemas::View),
        (status = 200, description = "The view, which existed before", body = schemas::View),
        Request, Key, NotFound, Body
    )
)]
pub(crate) async fn put(
    State(app): State<Arc<App>>,
    PathId(id): PathId,
    _: NoQuery,
    CommandContext(context): CommandContext,
    JsonBody(NamedView { name, filter, sort }): JsonBody<NamedView>,
) -> Result<Answer, ApiError> {
    let view = ViewId::new(&id)?;
    let command = SaveView {
        view,
        name,
        filter,
        sort,
    };
    let outcome = app.execute(context, command).await?;
    let is_new = outcome.effect.created && !outcome.is_duplicate;
    Answer::created(is_new, &outcome.value)
}

/// Delete a view
///
/// No conversation changes.
#[utoipa::path(
    delete,
    path = "/v1/views/{id}",
    operation_id = "delete_view",
    params(parameters::ViewId, CommandHeaders),
    responses((status = 204, description = "It is removed"), Request, Key, NotFound)
)]
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    PathId(id): PathId,
    _: NoQuery,
    CommandContext(context): CommandContext,
) -> Result<StatusCode, ApiError> {
    let view = named(&id)?;
    app.execute(context, RemoveView { view }).await?;
    Ok(StatusCode::NO_CONTENT)
}
