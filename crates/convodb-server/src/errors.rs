//! What a request that fails is answered: `{"error": {"code", "message"}}`, with its status.
//!
//! Invariant: an answer of 5xx reveals nothing of the machine; the log does.

use std::borrow::Cow;
use std::error::Error as _;
use std::fmt;
use std::time::Duration;

use axum::Json;
use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use convodb::{
    AssigneeId, AssigneeKind, ContactId, Details, EntityKind, ErrorKind, InvalidInput,
    Precondition, Revision, ViewProgress,
};
use serde::Serialize;

use crate::request::IF_MATCH;

/// The seconds after which a client may try again, if nothing better is known.
const SOON: u64 = 1;

/// A request that failed.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: Cow<'static, str>,
    precondition: Option<Box<FailedPrecondition>>,
    contact_ids: Option<Vec<ContactId>>,
    progress: Option<ViewProgress>,
    retry_after: Option<u64>,
}

/// The precondition of a command that does not hold, and what holds instead.
#[derive(Debug, Serialize)]
struct FailedPrecondition {
    expected: Precondition,
    revision: Revision,
    assigned_to: Option<Party>,
}

/// A user or a team, as an event names it.
#[derive(Debug, Serialize)]
struct Party {
    r#type: AssigneeKind,
    id: AssigneeId,
}

impl ApiError {
    /// The code and message of each status. Some constructors below have a more precise code.
    const CODES: [(StatusCode, &'static str, &'static str); 17] = [
        (
            StatusCode::BAD_REQUEST,
            "bad_request",
            "the request cannot be understood",
        ),
        (
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "a valid API key is required: `Authorization: Bearer KEY`, or the cookie of a session",
        ),
        (
            StatusCode::FORBIDDEN,
            "forbidden",
            "the request is not allowed",
        ),
        (
            StatusCode::NOT_FOUND,
            "not_found",
            "there is nothing at this path; `/v1/openapi.json` describes those that there are",
        ),
        (
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "the path has no such method",
        ),
        (
            StatusCode::REQUEST_TIMEOUT,
            "request_timeout",
            "the request took too long, and may have been done all the same",
        ),
        (
            StatusCode::CONFLICT,
            "conflict",
            "the state does not allow it",
        ),
        (StatusCode::GONE, "gone", "it was there, and is gone"),
        (
            StatusCode::BAD_GATEWAY,
            "not_accepted",
            "the receiver did not accept the event",
        ),
        (
            StatusCode::PRECONDITION_FAILED,
            "precondition_failed",
            "a precondition does not hold",
        ),
        (
            StatusCode::PAYLOAD_TOO_LARGE,
            "payload_too_large",
            "the body is too large",
        ),
        (
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "the body must be JSON: `Content-Type: application/json`",
        ),
        (
            StatusCode::UNPROCESSABLE_ENTITY,
            "validation_error",
            "the request is not valid",
        ),
        (
            StatusCode::TOO_MANY_REQUESTS,
            "rate_limited",
            "too many requests with this key",
        ),
        (
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal_error",
            "the server failed",
        ),
        (
            StatusCode::NOT_IMPLEMENTED,
            "unsupported",
            "the store does not have it; nothing was written",
        ),
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "the server cannot answer at the moment",
        ),
    ];

    /// The error of a status, with the code and message of [`CODES`](Self::CODES).
    pub(crate) fn of(status: StatusCode) -> Self {
        let known = Self::CODES.into_iter().find(|(known, ..)| *known == status);
        let (_, code, message) = known.unwrap_or((status, "error", "the request failed"));
        Self {
            status,
            code,
            message: message.into(),
            precondition: None,
            contact_ids: None,
            progress: None,
            retry_after: (status == StatusCode::SERVICE_UNAVAILABLE).then_some(SOON),
        }
    }

    fn saying(status: StatusCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            message: message.into(),
            ..Self::of(status)
        }
    }

    /// A receiver that did not accept an event.
    pub(crate) fn not_accepted(why: String) -> Self {
        Self::saying(StatusCode::BAD_GATEWAY, why)
    }

    /// A value that breaks a rule: which field, and why.
    pub(crate) fn invalid(field: &str, reason: &str) -> Self {
        Self::unprocessable(format!("{field}: {reason}"))
    }

    /// A body or query of the wrong shape; the message names the field.
    pub(crate) fn unprocessable(message: impl Into<Cow<'static, str>>) -> Self {
        Self::saying(StatusCode::UNPROCESSABLE_ENTITY, message)
    }

    pub(crate) fn no_json(message: String) -> Self {
        Self {
            code: "invalid_json",
            ..Self::saying(StatusCode::BAD_REQUEST, message)
        }
    }

    /// A body that is no lines of JSON.
    pub(crate) fn no_lines() -> Self {
        Self::saying(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "the body must be lines of JSON: `Content-Type: application/x-ndjson`",
        )
    }

    pub(crate) fn not_found(message: String) -> Self {
        Self::saying(StatusCode::NOT_FOUND, message)
    }

    pub(crate) fn conflict(message: String) -> Self {
        Self::saying(StatusCode::CONFLICT, message)
    }

    /// A webhook that its sender did not sign.
    pub(crate) fn unsigned() -> Self {
        Self::saying(
            StatusCode::UNAUTHORIZED,
            "`X-Hub-Signature-256` is missing, or is not that of this body with the app's secret",
        )
    }

    /// A handshake with another token.
    pub(crate) fn forbidden() -> Self {
        Self::of(StatusCode::FORBIDDEN)
    }

    /// What a key or a session may not do.
    pub(crate) fn denied(message: impl Into<Cow<'static, str>>) -> Self {
        Self::saying(StatusCode::FORBIDDEN, message)
    }

    /// A session that is opened without a key.
    pub(crate) fn no_key() -> Self {
        Self::of(StatusCode::UNAUTHORIZED)
    }

    /// More streams than may be open.
    pub(crate) fn too_many_streams() -> Self {
        Self {
            code: "overloaded",
            ..Self::saying(
                StatusCode::SERVICE_UNAVAILABLE,
                "too many streams are open; `--max-streams` bounds them",
            )
        }
    }

    /// More commands than may be under way.
    pub(crate) fn overloaded() -> Self {
        Self {
            code: "overloaded",
            ..Self::saying(
                StatusCode::SERVICE_UNAVAILABLE,
                "too many requests are waiting; nothing was done",
            )
        }
    }

    /// A store that cannot be used, and why.
    pub(crate) fn unhealthy(reason: &str) -> Self {
        let message = format!("the store cannot be used: {reason}");
        Self::saying(StatusCode::SERVICE_UNAVAILABLE, message)
    }

    /// Work on the whole store of which one runs at a time.
    pub(crate) fn running(what: &str) -> Self {
        let message = format!("{what} is under way: ask again when it has ended");
        Self::saying(StatusCode::CONFLICT, message).coded("already_running")
    }

    /// What the store does not have, and what there is instead.
    pub(crate) fn unsupported(message: &'static str) -> Self {
        Self::saying(StatusCode::NOT_IMPLEMENTED, message)
    }

    pub(crate) fn rate_limited(wait: Duration) -> Self {
        Self {
            // Rounded up: a request that comes a moment early is rejected again.
            retry_after: Some(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)),
            ..Self::of(StatusCode::TOO_MANY_REQUESTS)
        }
    }

    /// Whether the client could not have avoided it.
    pub(crate) fn is_server_error(&self) -> bool {
        self.status.is_server_error()
    }

    /// The same error with a more precise code.
    fn coded(self, code: &'static str) -> Self {
        Self { code, ..self }
    }

    /// A resource that is not there. A user, a team or an inbox is never one: the body named it.
    fn missing(error: &convodb::Error) -> Self {
        let (field, id) = match error.details() {
            Details::Entity {
                kind: EntityKind::User,
                id,
            } => ("user_id", id),
            Details::Entity {
                kind: EntityKind::Team,
                id,
            } => ("team_id", id),
            Details::Entity {
                kind: EntityKind::Inbox,
                id,
            } => return Self::invalid("inbox_id", &format!("there is no inbox `{id}`")),
            _ => return Self::not_found(error.to_string()),
        };
        Self::invalid(field, &format!("`{id}` is not in the directory"))
    }

    /// An identity that belongs to another contact.
    fn identity_taken(error: &convodb::Error) -> Self {
        let contact_ids = match error.details() {
            Details::Contacts(ids) => Some(ids.clone()),
            _ => None,
        };
        Self {
            contact_ids,
            ..Self::saying(StatusCode::CONFLICT, error.to_string()).coded(error.kind().code())
        }
    }

    /// A view that is being built.
    fn building(error: &convodb::Error) -> Self {
        let progress = match error.details() {
            Details::Progress(progress) => Some(*progress),
            _ => None,
        };
        Self {
            progress,
            retry_after: Some(SOON),
            ..Self::saying(StatusCode::CONFLICT, error.to_string()).coded(error.kind().code())
        }
    }

    /// A precondition that does not hold, or a claim that was lost.
    fn precondition_failed(error: &convodb::Error) -> Self {
        let precondition = match error.details() {
            Details::Precondition {
                expected,
                revision,
                assignee,
                ..
            } => Some(Box::new(FailedPrecondition {
                expected: expected.clone(),
                revision: *revision,
                assigned_to: assignee.as_ref().map(|id| Party {
                    r#type: id.kind(),
                    id: id.clone(),
                }),
            })),
            _ => None,
        };
        Self {
            precondition,
            ..Self::saying(StatusCode::PRECONDITION_FAILED, error.to_string())
        }
    }
}

impl From<InvalidInput> for ApiError {
    fn from(invalid: InvalidInput) -> Self {
        Self::invalid(invalid.field(), invalid.reason())
    }
}

/// The one table of error kinds, statuses and codes.
impl From<convodb::Error> for ApiError {
    fn from(error: convodb::Error) -> Self {
        let saying = |status| Self::saying(status, error.to_string());
        match error.kind() {
            ErrorKind::InvalidInput if error.field() == Some("preconditions") => {
                Self::invalid(IF_MATCH, "belongs to a request about one conversation")
            }
            ErrorKind::InvalidInput => saying(StatusCode::UNPROCESSABLE_ENTITY),
            ErrorKind::IdempotencyKeyReused | ErrorKind::ViewRequired => {
                saying(StatusCode::UNPROCESSABLE_ENTITY).coded(error.kind().code())
            }
            ErrorKind::NotFound => Self::missing(&error),
            kind @ (ErrorKind::AlreadyExists
            | ErrorKind::ProviderIdConflict
            | ErrorKind::ClientRefConflict
            | ErrorKind::Revoked
            | ErrorKind::NotFailed) => saying(StatusCode::CONFLICT).coded(kind.code()),
            ErrorKind::Building => Self::building(&error),
            ErrorKind::IdentityTaken => Self::identity_taken(&error),
            ErrorKind::PreconditionFailed => Self::precondition_failed(&error),
            kind @ (ErrorKind::Gone | ErrorKind::EventsPurged) => {
                saying(StatusCode::GONE).coded(kind.code())
            }
            // It may have happened: only a key distinguishes a repetition from a second request.
            ErrorKind::CommitUnknown => Self::saying(
                StatusCode::SERVICE_UNAVAILABLE,
                "the store failed, and it is not known whether this was done: \
                 ask again with the same Idempotency-Key",
            ),
            // None of these has written anything, and each passes: the store is reopened, the process that
            // holds it ends, or the database can be reached and used again.
            ErrorKind::NeedsReopen
            | ErrorKind::Io
            | ErrorKind::Closed
            | ErrorKind::Locked
            | ErrorKind::Aborted
            | ErrorKind::PathChanged
            | ErrorKind::ReadOnly
            | ErrorKind::SnapshotExpired
            | ErrorKind::Conflict
            | ErrorKind::Unavailable
            | ErrorKind::NotPermitted => Self::saying(
                StatusCode::SERVICE_UNAVAILABLE,
                "the store cannot be used at the moment; nothing was written",
            ),
            ErrorKind::StorageFull => Self::saying(
                StatusCode::SERVICE_UNAVAILABLE,
                "there is no room on the disk; nothing was written",
            ),
            ErrorKind::Unsupported => Self::of(StatusCode::NOT_IMPLEMENTED),
            // A damaged record stays damaged, and the others are faults of this server.
            ErrorKind::Corrupted
            | ErrorKind::NotADatabase
            | ErrorKind::UnsupportedVersion
            | ErrorKind::ReentrantCommand => Self::of(StatusCode::INTERNAL_SERVER_ERROR),
            _ => Self::of(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

/// The code and the message, for the log.
impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

#[derive(Serialize)]
struct Body<'a> {
    error: ErrorBody<'a>,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    code: &'a str,
    message: &'a str,
    #[serde(flatten)]
    precondition: Option<&'a FailedPrecondition>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contact_ids: Option<&'a [ContactId]>,
    #[serde(flatten)]
    progress: Option<ViewProgress>,
}

impl ApiError {
    fn body(&self) -> Body<'_> {
        Body {
            error: ErrorBody {
                code: self.code,
                message: &self.message,
                precondition: self.precondition.as_deref(),
                contact_ids: self.contact_ids.as_deref(),
                progress: self.progress,
            },
        }
    }

    /// The body of its answer, for a line of one that has begun.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(&self.body()).unwrap_or_default()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body())).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// Gives the framework's own refusals (of a method, a body, a request that takes too long) the shape of
/// all errors.
pub(crate) fn dress(response: Response) -> Response {
    let status = response.status();
    let is_refusal = status.is_client_error() || status.is_server_error();
    let is_json = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind == "application/json");
    if !is_refusal || is_json {
        return response;
    }
    let methods = response.headers().get(ALLOW);
    let mut error = ApiError::of(status);
    if let Some(methods) = methods.and_then(|methods| methods.to_str().ok()) {
        let methods = methods.split(',').map(str::trim).collect::<Vec<_>>();
        error.message = format!("allowed here: {}", methods.join(", ")).into();
    }
    let mut dressed = error.into_response();
    if let Some(methods) = methods {
        dressed.headers_mut().insert(ALLOW, methods.clone());
    }
    dressed
}

/// The error with its causes, for the log.
pub(crate) fn chain(error: &convodb::Error) -> String {
    let mut chain = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        chain.push_str(": ");
        chain.push_str(&cause.to_string());
        source = cause.source();
    }
    chain
}

#[cfg(test)]
mod tests;
