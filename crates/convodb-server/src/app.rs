//! What all handlers share: the store, and the ways to it and from it.

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use convodb::Store;
use serde::Serialize;

use crate::errors::{ApiError, chain};
use crate::healing::Healer;
use crate::pool::{Failed, Pool};

/// The store, and what stands before it.
pub(crate) struct App {
    pub(crate) store: Store,
    pub(crate) pool: Pool,
    pub(crate) healer: Healer,
}

/// Why a call of the store has no answer.
pub(crate) enum Failure {
    /// The store's own reason.
    Store(convodb::Error),
    /// A reason of the API.
    Api(ApiError),
}

impl From<convodb::Error> for Failure {
    fn from(error: convodb::Error) -> Self {
        Self::Store(error)
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

/// What is answered, already written: long histories are written on the pool's threads too.
pub(crate) struct Answer {
    status: StatusCode,
    json: Vec<u8>,
}

impl Answer {
    pub(crate) fn new(status: StatusCode, value: &impl Serialize) -> Result<Self, Failure> {
        match serde_json::to_vec(value) {
            Ok(json) => Ok(Self { status, json }),
            Err(error) => {
                tracing::error!("an answer cannot be written: {error}");
                Err(ApiError::of(StatusCode::INTERNAL_SERVER_ERROR).into())
            }
        }
    }

    pub(crate) fn ok(value: &impl Serialize) -> Result<Self, Failure> {
        Self::new(StatusCode::OK, value)
    }

    /// 201 for what this request made; 200 for what was there before it.
    pub(crate) fn made(new: bool, value: &impl Serialize) -> Result<Self, Failure> {
        let status = if new {
            StatusCode::CREATED
        } else {
            StatusCode::OK
        };
        Self::new(status, value)
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.json));
        *response.status_mut() = self.status;
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
        response
    }
}

impl App {
    /// Asks the store on one of the pool's threads.
    pub(crate) async fn ask(
        self: &Arc<Self>,
        question: impl FnOnce(&Store) -> Result<Answer, Failure> + Send + 'static,
    ) -> Result<Answer, ApiError> {
        let app = Arc::clone(self);
        match self.pool.run(move || question(&app.store)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(Failure::Api(error))) => Err(error),
            Ok(Err(Failure::Store(error))) => {
                self.healer.notice(&error);
                let chain = chain(&error);
                let error = ApiError::from(error);
                if error.is_the_servers() {
                    tracing::warn!("the store failed: {chain}");
                }
                Err(error)
            }
            Err(Failed::Full) => Err(ApiError::overloaded()),
            Err(Failed::Panicked) => Err(ApiError::of(StatusCode::INTERNAL_SERVER_ERROR)),
        }
    }
}
