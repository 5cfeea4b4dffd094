//! What changed.

use std::sync::Arc;

use axum::extract::State;
use convodb::{ErrorKind, Event};
use serde::Serialize;

use crate::app::{Answer, App, Failure};
use crate::errors::ApiError;
use crate::openapi::parameters::Events;
use crate::openapi::responses::{Conflict, Gone, Request};
use crate::openapi::schemas;
use crate::request::Query;

const DEFAULT_LIMIT: u64 = 100;
const MAX_LIMIT: u64 = 1_000;

#[derive(Serialize)]
struct Page {
    data: Vec<Event>,
}

/// List events
///
/// What changed behind the event of the number `after`, in its order; numbers begin at 1 and have no
/// gaps.
#[utoipa::path(
    get,
    path = "/v1/events",
    params(Events),
    responses((status = 200, description = "The events", body = schemas::EventPage), Request, Conflict, Gone)
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    mut query: Query,
) -> Result<Answer, ApiError> {
    let after = query.take_number("after")?.unwrap_or(0);
    let limit = query.take_number("limit")?.unwrap_or(DEFAULT_LIMIT);
    query.finish()?;
    if !(1..=MAX_LIMIT).contains(&limit) {
        let reason = format!("must be between 1 and {MAX_LIMIT}");
        return Err(ApiError::invalid("limit", &reason));
    }
    app.ask(move |store| {
        let data = store.events(after, limit as usize).map_err(|error| {
            // A number like any other, but not of this store: its reader has seen another one.
            if error.kind() == ErrorKind::Invalid {
                Failure::Api(ApiError::conflict(error.to_string()))
            } else {
                Failure::Store(error)
            }
        })?;
        Answer::ok(&Page { data })
    })
    .await
}
