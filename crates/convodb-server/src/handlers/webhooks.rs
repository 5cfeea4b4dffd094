//! The webhooks that the server posts, and the events that their receivers did not accept.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use convodb::commands::RemoveConsumer;
use convodb::{ConsumerPosition, Context, EventSeq};
use serde::Serialize;
use tokio::sync::MutexGuard;

use crate::app::{Answer, App};
use crate::errors::ApiError;
use crate::openapi::parameters::{DeadLetter, WebhookName};
use crate::openapi::responses::{Configured, NotAccepted, NotFound, Request};
use crate::openapi::schemas;
use crate::request::{NoBody, NoQuery, PathId, PathPair};
use crate::webhooks::{Endpoint, dead_letters, endpoint};

/// What these handlers work on.
pub(crate) struct Webhooks {
    pub(crate) app: Arc<App>,
    pub(crate) endpoints: Vec<Arc<Endpoint>>,
}

fn no_webhook(name: &str) -> ApiError {
    ApiError::not_found(format!("there is no webhook `{name}`"))
}

impl Webhooks {
    fn endpoint(&self, name: &str) -> Option<&Arc<Endpoint>> {
        self.endpoints.iter().find(|endpoint| endpoint.name == name)
    }

    /// The endpoint and the number of a dead letter that a path names. No other request posts or drops one of the
    /// endpoint's while the guard is held.
    async fn take(
        &self,
        PathPair(name, sequence): &PathPair,
    ) -> Result<(&Arc<Endpoint>, EventSeq, MutexGuard<'_, ()>), ApiError> {
        let endpoint = self.endpoint(name).ok_or_else(|| no_webhook(name))?;
        let turn = endpoint.replaying.lock().await;
        let letters = dead_letters::list(&self.app, name);
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

    async fn replay(&self, path: &PathPair) -> Result<(), ApiError> {
        let (endpoint, sequence, _turn) = self.take(path).await?;
        let app = &self.app;
        let event = dead_letters::event(app, &endpoint.name, sequence);
        let event = app.read(event).await?;
        let event = event
            .ok_or_else(|| ApiError::not_found("the event is not kept any longer".to_owned()))?;
        let posted = endpoint.post(&event).await;
        posted.map_err(|error| ApiError::not_accepted(format!("{error:#}")))?;
        app.read(dead_letters::remove(app, &endpoint.name, sequence))
            .await
    }
}

/// List the webhooks
///
/// Where events are posted, how far each receiver has come, and which events it did not accept in time. Receivers that
/// are not configured any longer come last: the store keeps their events until they are removed.
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
        configured: bool,
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
    let webhook = |name, endpoint| {
        let endpoint: Option<&Endpoint> = endpoint;
        let of_it = |it: &&ConsumerPosition| endpoint::of_consumer(&it.name) == Some(name);
        let position = consumers.iter().find(of_it);
        let position = position.map_or(0, |consumer| consumer.position.get());
        let letters = dead_letters::among(&consumers, name);
        Webhook {
            name,
            configured: endpoint.is_some(),
            events: endpoint.map_or(&[], Endpoint::events),
            position,
            behind: newest.get().saturating_sub(position),
            dead_letters: letters.into_iter().map(EventSeq::get).collect(),
        }
    };
    let configured = webhooks.endpoints.iter();
    let configured = configured.map(|endpoint| webhook(&*endpoint.name, Some(&**endpoint)));
    let others = consumers.iter().filter_map(receiver);
    let others: BTreeSet<_> = others
        .filter(|name| webhooks.endpoint(name).is_none())
        .collect();
    let others = others.into_iter().map(|name| webhook(name, None));
    Answer::ok(&List {
        data: configured.chain(others).collect(),
    })
}

/// The receiver that a durable consumer belongs to: its position, or a dead letter.
fn receiver(consumer: &ConsumerPosition) -> Option<&str> {
    let letter = dead_letters::of_consumer(&consumer.name).map(|(name, _)| name);
    letter.or_else(|| endpoint::of_consumer(&consumer.name))
}

/// Remove a webhook
///
/// Removes the position and the dead letters of a receiver that is not configured any longer, so that the events which
/// the store keeps for it can be purged.
#[utoipa::path(
    delete,
    path = "/v1/webhooks/{name}",
    operation_id = "remove_webhook",
    params(WebhookName),
    responses((status = 204, description = "It is removed"), Request, NotFound, Configured)
)]
pub(crate) async fn remove(
    State(webhooks): State<Arc<Webhooks>>,
    PathId(name): PathId,
    _: NoQuery,
    _: NoBody,
) -> Result<StatusCode, ApiError> {
    if webhooks.endpoint(&name).is_some() {
        return Err(ApiError::conflict(format!(
            "the server posts to the webhook `{name}`: take it out of the configuration first"
        )));
    }
    let app = &webhooks.app;
    let mut consumers = app.read(app.store.consumers()).await?;
    consumers.retain(|consumer| receiver(consumer) == Some(&*name));
    if consumers.is_empty() {
        return Err(no_webhook(&name));
    }
    for ConsumerPosition { name, .. } in consumers {
        app.execute(Context::new(), RemoveConsumer { name }).await?;
    }
    Ok(StatusCode::NO_CONTENT)
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
    // It goes on where the client leaves, so that the event is posted once.
    let replayed = tokio::spawn(async move { webhooks.replay(&path).await });
    let replayed = replayed.await;
    replayed.unwrap_or_else(|_| Err(ApiError::of(StatusCode::INTERNAL_SERVER_ERROR)))?;
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
    app.read(dead_letters::remove(app, &endpoint.name, sequence))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
