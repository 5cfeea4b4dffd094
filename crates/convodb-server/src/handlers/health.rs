//! Whether the server is of use.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::app::App;
use crate::errors::ApiError;
use crate::openapi::responses::Unavailable;
use crate::openapi::schemas;

/// Tell the health
///
/// Needs no key, and no turn in the queue: a busy server is healthy.
#[utoipa::path(
    get,
    path = "/healthz",
    responses((status = 200, description = "The store can be read and written", body = schemas::Health), Unavailable),
    security(())
)]
pub(crate) async fn health(State(app): State<Arc<App>>) -> Result<Json<Value>, ApiError> {
    // A look at what is in memory: it waits for no disk.
    if app.healer.is_healthy() && app.store.sequence().is_ok() {
        Ok(Json(json!({"status": "ok"})))
    } else {
        Err(ApiError::of(StatusCode::SERVICE_UNAVAILABLE))
    }
}
