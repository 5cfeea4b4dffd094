//! What a request that fails is answered: `{"error": {"code", "message"}}`, with its status.
//!
//! Invariant: an answer of 5xx tells nothing of the machine; the log does.

use std::borrow::Cow;
use std::error::Error as _;
use std::time::Duration;

use axum::Json;
use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use convodb::{ErrorKind, InvalidInput};
use serde_json::json;

/// After how many seconds a client may try again where nobody knows better.
const SOON: u64 = 1;

/// A request that failed.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: Cow<'static, str>,
    retry_after: Option<u64>,
}

impl ApiError {
    /// The code that stands beside each status, but where a constructor here knows a better one.
    const CODES: [(StatusCode, &'static str, &'static str); 13] = [
        (
            StatusCode::BAD_REQUEST,
            "bad_request",
            "the request cannot be understood",
        ),
        (
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "a valid API key is required: `Authorization: Bearer KEY`",
        ),
        (
            StatusCode::NOT_FOUND,
            "not_found",
            "there is no such resource",
        ),
        (
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "the resource has no such method; `Allow` names those that it has",
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
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "the server cannot answer at the moment",
        ),
    ];

    /// The error of a status, in the words that stand for it where there are no better ones.
    pub(crate) fn of(status: StatusCode) -> Self {
        let known = Self::CODES.into_iter().find(|(known, ..)| *known == status);
        let (_, code, message) = known.unwrap_or((status, "error", "the request failed"));
        Self {
            status,
            code,
            message: message.into(),
            retry_after: (status == StatusCode::SERVICE_UNAVAILABLE).then_some(SOON),
        }
    }

    fn saying(status: StatusCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            message: message.into(),
            ..Self::of(status)
        }
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

    pub(crate) fn not_found(message: String) -> Self {
        Self::saying(StatusCode::NOT_FOUND, message)
    }

    pub(crate) fn conflict(message: String) -> Self {
        Self::saying(StatusCode::CONFLICT, message)
    }

    /// More work than the pool takes.
    pub(crate) fn overloaded() -> Self {
        Self {
            code: "overloaded",
            ..Self::saying(
                StatusCode::SERVICE_UNAVAILABLE,
                "too many requests are waiting; nothing was done",
            )
        }
    }

    pub(crate) fn rate_limited(wait: Duration) -> Self {
        Self {
            // Rounded up: who comes a moment early is refused again.
            retry_after: Some(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)),
            ..Self::of(StatusCode::TOO_MANY_REQUESTS)
        }
    }

    /// Whether the client could do nothing about it.
    pub(crate) fn is_the_servers(&self) -> bool {
        self.status.is_server_error()
    }

    fn gone(code: &'static str, message: String) -> Self {
        Self {
            code,
            ..Self::saying(StatusCode::GONE, message)
        }
    }
}

impl From<InvalidInput> for ApiError {
    fn from(invalid: InvalidInput) -> Self {
        Self::invalid(invalid.field(), invalid.reason())
    }
}

impl From<convodb::Error> for ApiError {
    fn from(error: convodb::Error) -> Self {
        let message = error.to_string();
        match error.kind() {
            ErrorKind::Invalid => Self::unprocessable(message),
            ErrorKind::NotFound => Self::not_found(message),
            ErrorKind::Conflict => Self::conflict(message),
            ErrorKind::Erased => Self::gone("erased", message),
            ErrorKind::EventsGap => Self::gone("events_purged", message),
            // It may have happened: only a key tells a repetition from a second request.
            ErrorKind::OutcomeUnknown => Self::saying(
                StatusCode::SERVICE_UNAVAILABLE,
                "the disk failed, and it is not known whether this was done: \
                 ask again with the same Idempotency-Key",
            ),
            // None of these has written anything, and each passes: the store is reopened, or the
            // server that holds it is being replaced.
            ErrorKind::NeedsReopen
            | ErrorKind::Io
            | ErrorKind::Closed
            | ErrorKind::Locked
            | ErrorKind::TransactionPoisoned
            | ErrorKind::SnapshotExpired => Self::saying(
                StatusCode::SERVICE_UNAVAILABLE,
                "the store cannot be used at the moment; nothing was written",
            ),
            // A damaged record does not mend, and the others are faults of this server.
            ErrorKind::Corrupted
            | ErrorKind::NotAStore
            | ErrorKind::UnsupportedFormat
            | ErrorKind::WrongJournal
            | ErrorKind::InTransaction => Self::of(StatusCode::INTERNAL_SERVER_ERROR),
            _ => Self::of(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = json!({"error": {"code": self.code, "message": self.message}});
        let mut response = (self.status, Json(body)).into_response();
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

/// Gives what the framework refuses by itself (a method, a body, a time that is up) the shape of all
/// errors.
pub(crate) async fn dress(response: Response) -> Response {
    let status = response.status();
    let is_refusal = status.is_client_error() || status.is_server_error();
    let is_json = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind == "application/json");
    if !is_refusal || is_json {
        return response;
    }
    let mut dressed = ApiError::of(status).into_response();
    if let Some(methods) = response.headers().get(ALLOW) {
        dressed.headers_mut().insert(ALLOW, methods.clone());
    }
    dressed
}

/// The error with all that caused it, for the log.
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
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_rounded_up_to_whole_seconds() {
        for (wait_ms, seconds) in [(1, 1), (1_000, 1), (1_001, 2)] {
            let error = ApiError::rate_limited(Duration::from_millis(wait_ms));
            assert_eq!(error.retry_after, Some(seconds));
        }
    }
}
