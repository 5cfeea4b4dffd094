//! Whether the server can serve.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::app::App;
use crate::errors::ApiError;
use crate::openapi::responses::Unavailable;
use crate::openapi::schemas;

/// Get the health
///
/// Needs no key, and does not wait in the queue: a busy server is healthy. The message of 503 has the cause.
#[utoipa::path(
    get,
    path = "/healthz",
    responses((status = 200, description = "The store can be read and written", body = schemas::Health), Unavailable),
    security(())
)]
pub(crate) async fn health(State(app): State<Arc<App>>) -> Result<Json<Value>, ApiError> {
    match app.fault().await {
        None => Ok(Json(json!({"status": "ok"}))),
        Some(reason) => Err(ApiError::unhealthy(reason)),
    }
}
