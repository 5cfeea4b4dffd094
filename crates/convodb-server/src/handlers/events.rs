//! What changed.

use std::sync::Arc;

use axum::extract::State;
use convodb::{ErrorKind, Event, EventSeq};
use serde::Serialize;

use crate::app::{Answer, App};
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
/// The changes after the event with the number `after`, in order. Numbers begin at 1 and have no gaps.
#[utoipa::path(
    get,
    path = "/v1/events",
    operation_id = "list_events",
    params(Events),
    responses((status = 200, description = "The events", body = schemas::EventPage), Request, Conflict, Gone)
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    mut query: Query,
) -> Result<Answer, ApiError> {
    let after = EventSeq::new(query.take_number("after")?.unwrap_or(0));
    let limit = query.take_number("limit")?.unwrap_or(DEFAULT_LIMIT);
    query.finish()?;
    if !(1..=MAX_LIMIT).contains(&limit) {
        let reason = format!("must be between 1 and {MAX_LIMIT}");
        return Err(ApiError::invalid("limit", &reason));
    }
    match app.store.events(after, limit as usize).await {
        Ok(data) => Answer::ok(&Page { data }),
        // The number is valid, but not of this store: the client has read another one.
        Err(error) if error.kind() == ErrorKind::InvalidInput => {
            Err(ApiError::conflict(error.to_string()))
        }
        Err(error) => Err(app.failed(error)),
    }
}
