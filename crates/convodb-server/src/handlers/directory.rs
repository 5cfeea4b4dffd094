//! Users and teams.

use std::sync::Arc;

use axum::extract::State;
use convodb::commands::SaveAssignee;
use convodb::{AssigneeId, Context, TeamId, UserId};
use serde::Deserialize;

use crate::app::{Answer, App};
use crate::errors::ApiError;
use crate::openapi::parameters::{self, CommandHeaders};
use crate::openapi::responses::{Body, Key, Request};
use crate::openapi::{bodies, schemas};
use crate::request::{CommandContext, JsonBody, NoQuery, PathId};

/// The name of a user or a team.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Named {
    name: String,
}

/// Put a user
///
/// Adds a user to the directory, or renames one, which shows at once in every conversation.
#[utoipa::path(
    put,
    path = "/v1/users/{id}",
    operation_id = "put_user",
    params(parameters::UserId, CommandHeaders),
    request_body = bodies::Named,
    responses(
        (status = 201, description = "The user, created", body = schemas::Assignee),
        (status = 200, description = "The user, which existed before", body = schemas::Assignee),
        Request, Key, Body
    )
)]
pub(crate) async fn put_user(
    State(app): State<Arc<App>>,
    PathId(id): PathId,
    _: NoQuery,
    CommandContext(context): CommandContext,
    JsonBody(Named { name }): JsonBody<Named>,
) -> Result<Answer, ApiError> {
    save(&app, context, UserId::new(&id)?.into(), name).await
}

/// Put a team
///
/// As a user is put.
#[utoipa::path(
    put,
    path = "/v1/teams/{id}",
    operation_id = "put_team",
    params(parameters::TeamId, CommandHeaders),
    request_body = bodies::Named,
    responses(
        (status = 201, description = "The team, created", body = schemas::Assignee),
        (status = 200, description = "The team, which existed before", body = schemas::Assignee),
        Request, Key, Body
    )
)]
pub(crate) async fn put_team(
    State(app): State<Arc<App>>,
    PathId(id): PathId,
    _: NoQuery,
    CommandContext(context): CommandContext,
    JsonBody(Named { name }): JsonBody<Named>,
) -> Result<Answer, ApiError> {
    save(&app, context, TeamId::new(&id)?.into(), name).await
}

async fn save(
    app: &App,
    context: Context,
    assignee: AssigneeId,
    name: String,
) -> Result<Answer, ApiError> {
    let command = SaveAssignee { assignee, name };
    let outcome = app.execute(context, command).await?;
    let is_new = outcome.effect.created && !outcome.is_duplicate;
    Answer::created(is_new, &outcome.value)
}
