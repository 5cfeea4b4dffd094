//! Users and teams.

use std::sync::Arc;

use axum::extract::State;
use convodb::commands::{SaveAssignee, SaveTeam};
use convodb::{Assignee, AssigneeId, AssigneeKind, ErrorKind, Team, TeamId, UserId};
use serde::{Deserialize, Serialize};

use crate::app::{Answer, App};
use crate::errors::ApiError;
use crate::openapi::parameters::{self, CommandHeaders};
use crate::openapi::responses::{Body, Key, NotFound, Request};
use crate::openapi::{bodies, schemas};
use crate::request::{CommandContext, JsonBody, NoQuery, PathId};

/// The name of a user.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Named {
    name: String,
}

/// The name of a team, and its members.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NamedTeam {
    name: String,
    members: Option<Vec<String>>,
}

/// Users or teams.
#[derive(Serialize)]
struct Assignees {
    data: Vec<Assignee>,
}

async fn assignees(app: &App, kind: AssigneeKind) -> Result<Answer, ApiError> {
    let mut data = app.read(app.store.assignees()).await?;
    data.retain(|assignee| assignee.id.kind() == kind);
    Answer::ok(&Assignees { data })
}

/// List the users
///
/// All of the directory, by their ids.
#[utoipa::path(
    get,
    path = "/v1/users",
    operation_id = "list_users",
    responses((status = 200, description = "The users", body = schemas::Assignees), Request)
)]
pub(crate) async fn list_users(
    State(app): State<Arc<App>>,
    _: NoQuery,
) -> Result<Answer, ApiError> {
    assignees(&app, AssigneeKind::User).await
}

/// List the teams
///
/// All of the directory, by their ids, without their members.
#[utoipa::path(
    get,
    path = "/v1/teams",
    operation_id = "list_teams",
    responses((status = 200, description = "The teams", body = schemas::Assignees), Request)
)]
pub(crate) async fn list_teams(
    State(app): State<Arc<App>>,
    _: NoQuery,
) -> Result<Answer, ApiError> {
    assignees(&app, AssigneeKind::Team).await
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
    let assignee = AssigneeId::User(UserId::new(&id)?);
    let command = SaveAssignee { assignee, name };
    let outcome = app.execute(context, command).await?;
    let is_new = outcome.effect.created && !outcome.is_duplicate;
    Answer::created(is_new, &outcome.value)
}

/// Get a team
///
/// With its members, by their ids.
#[utoipa::path(
    get,
    path = "/v1/teams/{id}",
    operation_id = "get_team",
    params(parameters::TeamId),
    responses(
        (status = 200, description = "The team", body = schemas::TeamWithMembers),
        Request, NotFound
    )
)]
pub(crate) async fn get_team(
    State(app): State<Arc<App>>,
    PathId(id): PathId,
    _: NoQuery,
) -> Result<Answer, ApiError> {
    let missing = || ApiError::not_found(format!("there is no team `{id}`"));
    let team = TeamId::new(&id).map_err(|_| missing())?;
    // Elsewhere a team that is not in the directory is an invalid value.
    match app.store.team(&team).await {
        Err(error) if error.kind() == ErrorKind::NotFound => Err(missing()),
        found => Answer::ok(&found.map_err(|error| app.failed(error))?),
    }
}

/// Put a team
///
/// As a user is put. `members` are its members from now on; without them, they stay as they are. A user who is
/// removed leaves every team.
#[utoipa::path(
    put,
    path = "/v1/teams/{id}",
    operation_id = "put_team",
    params(parameters::TeamId, CommandHeaders),
    request_body = bodies::NamedTeam,
    responses(
        (status = 201, description = "The team, created", body = schemas::TeamWithMembers),
        (status = 200, description = "The team, which existed before", body = schemas::TeamWithMembers),
        Request, Key, Body
    )
)]
pub(crate) async fn put_team(
    State(app): State<Arc<App>>,
    PathId(id): PathId,
    _: NoQuery,
    CommandContext(context): CommandContext,
    JsonBody(NamedTeam { name, members }): JsonBody<NamedTeam>,
) -> Result<Answer, ApiError> {
    let team = TeamId::new(&id)?;
    let members = members.map(|ids| Team::member_ids(&ids)).transpose()?;
    let command = SaveTeam {
        team,
        name,
        members,
    };
    let outcome = app.execute(context, command).await?;
    let is_new = outcome.effect.created && !outcome.is_duplicate;
    Answer::created(is_new, &outcome.value)
}
