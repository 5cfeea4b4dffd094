//! Sessions of browsers.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

use crate::app::{Answer, App};
use crate::auth::{Access, Scope};
use crate::bodies::SessionRequest;
use crate::errors::ApiError;
use crate::openapi::responses::{Body, Request};
use crate::openapi::{bodies, schemas};
use crate::request::{NoBody, NoQuery, OptionalBody, acting};

#[derive(Serialize)]
struct Session<'a> {
    key: &'a str,
    scopes: &'a BTreeSet<Scope>,
    actor: Option<&'a str>,
}

/// Sign in
///
/// Opens a session with the key of the request, for at most twelve hours. Its cookie, `convodb_session`, stands for the
/// key in later requests, which act as `actor`. By cookie, a request that changes something needs the header
/// `X-Convodb-Csrf: 1`.
#[utoipa::path(
    post,
    path = "/v1/session",
    operation_id = "sign_in",
    request_body = bodies::SignIn,
    responses((status = 204, description = "The session is open; the cookie is set", headers(("Set-Cookie" = String))), Request, Body)
)]
pub(crate) async fn open(
    State(app): State<Arc<App>>,
    access: Access,
    headers: HeaderMap,
    _: NoQuery,
    OptionalBody(request): OptionalBody<SessionRequest>,
) -> Result<Response, ApiError> {
    if access.is_by_cookie() {
        return Err(ApiError::no_key());
    }
    if let Some(actor) = &request.actor {
        access.check_acts_for_others("actor")?;
        acting("actor", actor, &app).await?;
    }
    let cookie = access.open_session(request.actor, &headers)?;
    Ok(no_content(cookie))
}

/// Get the session
///
/// The name and the scopes of the key of the request, and the user as whom the session acts.
#[utoipa::path(
    get,
    path = "/v1/session",
    operation_id = "get_session",
    responses((status = 200, description = "The key", body = schemas::Session), Request)
)]
pub(crate) async fn get(access: Access, _: NoQuery) -> Result<Response, ApiError> {
    let session = Answer::ok(&Session {
        key: &access.key.name,
        scopes: &access.key.scopes,
        actor: access.actor.as_deref(),
    })?;
    Ok(not_stored(session.into_response()))
}

/// Sign out
///
/// Ends the session of the cookie, and removes the cookie.
#[utoipa::path(
    delete,
    path = "/v1/session",
    operation_id = "sign_out",
    responses((status = 204, description = "The session has ended"), Request)
)]
pub(crate) async fn end(
    access: Access,
    headers: HeaderMap,
    _: NoQuery,
    _: NoBody,
) -> Result<Response, ApiError> {
    Ok(no_content(access.end_session(&headers)?))
}

fn no_content(cookie: HeaderValue) -> Response {
    let response = (StatusCode::NO_CONTENT, [(SET_COOKIE, cookie)]);
    not_stored(response.into_response())
}

fn not_stored(mut response: Response) -> Response {
    let value = HeaderValue::from_static("no-store");
    response.headers_mut().insert(CACHE_CONTROL, value);
    response
}
