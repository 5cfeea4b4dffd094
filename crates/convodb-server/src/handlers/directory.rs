//! Users and teams.

use std::sync::Arc;

use axum::extract::State;
use convodb::{TeamId, UserId};
use serde::Deserialize;

use crate::app::{Answer, App};
use crate::errors::ApiError;
use crate::openapi::parameters;
use crate::openapi::responses::{Body, Request};
use crate::openapi::schemas;
use crate::request::{JsonBody, NoQuery, PathId};

/// What a user or a team is called.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Named {
    name: String,
}

/// Put a user
///
/// Adds a user to the directory, or gives one of it another name, which shows at once in every
/// conversation.
#[utoipa::path(
    put,
    path = "/v1/users/{id}",
    params(parameters::UserId),
    request_body = schemas::Named,
    responses(
        (status = 201, description = "The user, who is new", body = schemas::Assignee),
        (status = 200, description = "The user, who was there", body = schemas::Assignee),
        Request, Body
    )
)]
pub(crate) async fn put_user(
    State(app): State<Arc<App>>,
    PathId(id): PathId,
    _: NoQuery,
    JsonBody(Named { name }): JsonBody<Named>,
) -> Result<Answer, ApiError> {
    let id = UserId::new(&id)?;
    app.ask(move |store| {
        let outcome = store.put_user(&id, &name)?;
        Answer::made(outcome.created, &outcome.value)
    })
    .await
}

/// Put a team
///
/// As a user is put.
#[utoipa::path(
    put,
    path = "/v1/teams/{id}",
    params(parameters::TeamId),
    request_body = schemas::Named,
    responses(
        (status = 201, description = "The team, which is new", body = schemas::Assignee),
        (status = 200, description = "The team, which was there", body = schemas::Assignee),
        Request, Body
    )
)]
pub(crate) async fn put_team(
    State(app): State<Arc<App>>,
    PathId(id): PathId,
    _: NoQuery,
    JsonBody(Named { name }): JsonBody<Named>,
) -> Result<Answer, ApiError> {
    let id = TeamId::new(&id)?;
    app.ask(move |store| {
        let outcome = store.put_team(&id, &name)?;
        Answer::made(outcome.created, &outcome.value)
    })
    .await
}
