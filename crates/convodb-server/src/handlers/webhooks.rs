//! The webhooks that the server posts, and the events that their receivers did not accept.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use convodb::EventSeq;
use serde::Serialize;
use tokio::sync::MutexGuard;

use crate::app::{Answer, App};
use crate::errors::ApiError;
use crate::openapi::parameters::DeadLetter;
use crate::openapi::responses::{NotAccepted, NotFound, Request};
use crate::openapi::schemas;
use crate::request::{NoBody, NoQuery, PathPair};
use crate::webhooks::{Endpoint, dead_letters};

/// What these handlers work on.
pub(crate) struct Webhooks {
    pub(crate) app: Arc<App>,
    pub(crate) endpoints: Vec<Arc<Endpoint>>,
}

impl Webhooks {
    /// The endpoint and the number of a dead letter that a path names. No other request posts or drops one of the
    /// endpoint's while the guard is held.
    async fn take(
        &self,
        PathPair(name, sequence): &PathPair,
    ) -> Result<(&Arc<Endpoint>, EventSeq, MutexGuard<'_, ()>), ApiError> {
        let endpoint = self.endpoints.iter().find(|it| it.name == *name);
        let endpoint =
            endpoint.ok_or_else(|| ApiError::not_found(format!("there is no webhook `{name}`")))?;
        let turn = endpoint.replaying.lock().await;
        let letters = dead_letters::list(&self.app, endpoint);
        let letters = self.app.read(letters).await?;
        let number = sequence.parse().ok().map(EventSeq::new);
        // As it is listed: no `+1`, and no `01`.
        let sequence = number.filter(|number| number.to_string() == *sequence);
        let letter = sequence.filter(|sequence| letters.contains(sequence));
        let letter = letter.ok_or_else(|| {
            ApiError::not_found(format!("webhook `{name}` has no such dead letter"))
        })?;
        Ok((endpoint, letter, turn))
    }
}

/// List the webhooks
///
/// Where events are posted, how far each receiver has come, and which events it did not accept in time.
#[utoipa::path(
    get,
    path = "/v1/webhooks",
    operation_id = "list_webhooks",
    responses((status = 200, description = "The webhooks", body = schemas::Webhooks), Request)
)]
pub(crate) async fn list(
    State(webhooks): State<Arc<Webhooks>>,
    _: NoQuery,
) -> Result<Answer, ApiError> {
    #[derive(Serialize)]
    struct Webhook<'e> {
        name: &'e str,
        events: &'e [String],
        position: u64,
        behind: u64,
        dead_letters: Vec<u64>,
    }
    #[derive(Serialize)]
    struct List<'e> {
        data: Vec<Webhook<'e>>,
    }
    let app = &webhooks.app;
    let newest = app.read(app.store.newest_event()).await?;
    let consumers = app.read(app.store.consumers()).await?;
    let mut data = Vec::with_capacity(webhooks.endpoints.len());
    for endpoint in &webhooks.endpoints {
        let position = consumers.iter().find(|it| it.name == endpoint.consumer);
        let position = position.map_or(0, |consumer| consumer.position.get());
        let letters = app.read(dead_letters::list(app, endpoint)).await?;
        data.push(Webhook {
            name: &endpoint.name,
            events: endpoint.events(),
            position,
            behind: newest.get().saturating_sub(position),
            dead_letters: letters.into_iter().map(EventSeq::get).collect(),
        });
    }
    Answer::ok(&List { data })
}

/// Replay a dead letter
///
/// Posts the event once more. Where the receiver accepts it, it is no dead letter any longer.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{name}/dead_letters/{sequence}/replay",
    operation_id = "replay_dead_letter",
    params(DeadLetter),
    responses((status = 204, description = "The receiver has accepted it"), Request, NotFound, NotAccepted)
)]
pub(crate) async fn replay(
    State(webhooks): State<Arc<Webhooks>>,
    path: PathPair,
    _: NoQuery,
    _: NoBody,
) -> Result<StatusCode, ApiError> {
    let (endpoint, sequence, _turn) = webhooks.take(&path).await?;
    let app = &webhooks.app;
    let event = dead_letters::event(app, endpoint, sequence);
    let event = app.read(event).await?;
    let event =
        event.ok_or_else(|| ApiError::not_found("the event is not kept any longer".to_owned()))?;
    let posted = endpoint.post(&event).await;
    posted.map_err(|error| ApiError::not_accepted(format!("{error:#}")))?;
    app.read(dead_letters::remove(app, endpoint, sequence))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Drop a dead letter
///
/// The event is never posted to this receiver.
#[utoipa::path(
    delete,
    path = "/v1/webhooks/{name}/dead_letters/{sequence}",
    operation_id = "drop_dead_letter",
    params(DeadLetter),
    responses((status = 204, description = "It is dropped"), Request, NotFound)
)]
pub(crate) async fn drop_letter(
    State(webhooks): State<Arc<Webhooks>>,
    path: PathPair,
    _: NoQuery,
    _: NoBody,
) -> Result<StatusCode, ApiError> {
    let (endpoint, sequence, _turn) = webhooks.take(&path).await?;
    let app = &webhooks.app;
    app.read(dead_letters::remove(app, endpoint, sequence))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
