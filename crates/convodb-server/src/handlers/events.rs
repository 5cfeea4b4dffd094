//! What changed.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::header::CONNECTION;
use axum::http::{HeaderMap, HeaderName};
use axum::response::{IntoResponse, Sse};
use convodb::{ConversationId, ErrorKind, Event, EventSeq};
use futures_util::stream::unfold;
use serde::Serialize;

use crate::app::{Answer, App};
use crate::auth::Access;
use crate::errors::ApiError;
use crate::feed::Feed;
use crate::openapi::parameters::{EventStream, Events, LastEventId};
use crate::openapi::responses::{Conflict, Gone, Request};
use crate::openapi::schemas;
use crate::request::{Query, header, whole_number};
use crate::serve::Place;

const LAST_EVENT_ID: &str = "Last-Event-ID";

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

/// Stream events
///
/// The changes after an event, and then those that come, as server-sent events: `id` is the number, `event` the type, and
/// `data` the event as the list has it. A stream without a number begins with what comes next. A client that reads too
/// slowly is disconnected, and goes on with `Last-Event-ID`. A comment comes at the beginning and every 15 seconds, with the
/// number up to which there was nothing else as its `id`.
#[utoipa::path(
    get,
    path = "/v1/events/stream",
    operation_id = "stream_events",
    params(EventStream, LastEventId),
    responses(
        (status = 200, description = "The events, without an end", body = String, content_type = "text/event-stream"),
        Request, Conflict, Gone
    )
)]
pub(crate) async fn stream(
    State(feed): State<Arc<Feed>>,
    access: Access,
    headers: HeaderMap,
    place: Option<Extension<Place>>,
    mut query: Query,
) -> Result<impl IntoResponse, ApiError> {
    let after = query.take_number("after")?;
    let conversation = query.take("conversation_id")?;
    query.finish()?;
    let conversation = conversation.map(|id| {
        let id = ConversationId::new(&id);
        id.map_err(|error| ApiError::invalid("conversation_id", error.reason()))
    });
    // It is what a browser has seen, where the parameter is what its page began with.
    let last = header(&headers, LAST_EVENT_ID)?.map(|text| whole_number(LAST_EVENT_ID, text));
    let after = last.transpose()?.or(after).map(EventSeq::new);
    let stream = feed.open(access, after, conversation.transpose()?).await?;
    if let Some(Extension(place)) = place {
        place.give_up();
    }
    let events = unfold(stream, |mut stream| async move {
        let event = stream.next().await?;
        Some((Ok::<_, Infallible>(event), stream))
    });
    let headers = [
        // The connection has no place for another request.
        (CONNECTION, "close"),
        // Proxies that buffer answers do not buffer this one.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Sse::new(events)))
}
