//! Webhooks of Meta: WhatsApp, Messenger and Instagram.
//!
//! They carry no API key. A post is Meta's if the app's secret signed it, and is answered with 200 when
//! all of it is durable.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use convodb::commands::{ReceiveMessage, SaveInbox, SendMessage, SetProviderId};
use convodb::{Command, Context};
use convodb_meta::{Item, challenge, parse, verify_signature};
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;

use crate::app::{Answer, App};
use crate::errors::ApiError;
use crate::openapi::parameters::{Handshake, Signature};
use crate::openapi::responses::{NotConfigured, Unavailable, Webhook};
use crate::openapi::schemas;
use crate::request::{Query, RawBody};

/// More than other requests may have: a webhook with old messages has thousands of them, and Meta posts
/// again what was rejected.
pub(crate) const BODY_BYTES: usize = 3 << 20;

/// How many commands of one post are under way at a time, so that they share commits and leave room
/// for others.
const AT_ONCE: usize = 32;

/// How many lines of one post the log gets.
const LOGGED: usize = 20;

const SIGNATURE: &str = "X-Hub-Signature-256";

/// What Meta and the server share.
#[derive(Clone, Default)]
pub(crate) struct Secrets {
    pub(crate) app_secret: Option<String>,
    pub(crate) verify_token: Option<String>,
}

/// The store, and the secrets of its webhooks.
pub(crate) struct Meta {
    pub(crate) app: Arc<App>,
    pub(crate) secrets: Secrets,
}

/// Answer Meta's handshake
///
/// Meta asks once, when the address is set up. Needs no key.
#[utoipa::path(
    get,
    path = "/webhooks/meta",
    operation_id = "verify_meta_webhook",
    params(Handshake),
    responses(
        (status = 200, description = "The challenge", body = String, content_type = "text/plain"),
        (status = 403, description = "Another token, or no handshake", body = schemas::Error),
        NotConfigured, Unavailable
    ),
    security(())
)]
pub(crate) async fn handshake(
    State(meta): State<Arc<Meta>>,
    Query(query): Query,
) -> Result<Response, ApiError> {
    let token = meta.secrets.verify_token.as_deref();
    let token = token.ok_or_else(|| not_configured("--meta-verify-token"))?;
    let query = query.iter().map(|(name, value)| (&**name, &**value));
    let challenge = challenge(query, token).ok_or_else(ApiError::forbidden)?;
    let mut response = challenge.into_response();
    let plain = HeaderValue::from_static("text/plain");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    Ok(response)
}

/// Receive a webhook of Meta
///
/// What happens on WhatsApp, Messenger and Instagram, signed with the app's secret. Needs no key. What
/// the store refuses is logged and does not affect the rest. A webhook that comes twice changes nothing.
#[utoipa::path(
    post,
    path = "/webhooks/meta",
    operation_id = "receive_meta_webhook",
    params(Signature),
    request_body = schemas::MetaWebhook,
    responses(
        (status = 200, description = "All of it is stored", body = schemas::Health),
        Webhook, NotConfigured, Unavailable
    ),
    security(())
)]
pub(crate) async fn receive(
    State(meta): State<Arc<Meta>>,
    headers: HeaderMap,
    RawBody(body): RawBody,
) -> Result<Answer, ApiError> {
    let secret = meta.secrets.app_secret.as_deref();
    let secret = secret.ok_or_else(|| not_configured("--meta-app-secret"))?;
    let header = headers.get(SIGNATURE).and_then(|value| value.to_str().ok());
    if !verify_signature(secret, header, &body) {
        return Err(ApiError::unsigned());
    }
    let items = parse(&body).map_err(|error| ApiError::no_json(error.to_string()))?;
    execute_all(&meta.app, items).await?;
    Answer::ok(&json!({"status": "ok"}))
}

fn not_configured(option: &str) -> ApiError {
    ApiError::not_found(format!(
        "webhooks of Meta are not configured: {option} is not set"
    ))
}

/// A command that is under way.
type Started<'a> = Pin<Box<dyn Future<Output = Result<(), ApiError>> + Send + 'a>>;

/// Executes items in their order, and waits until all of them are durable.
///
/// # Errors
///
/// The first failure of the server. Then the rest is not executed: Meta posts all of it again.
async fn execute_all(app: &App, items: Vec<Item>) -> Result<(), ApiError> {
    let mut under_way = VecDeque::new();
    let mut log = Log::default();
    for item in items {
        match &item {
            Item::Ignored(ignored) => {
                log.line(format_args!("ignored {ignored}"));
                continue;
            }
            Item::Inbox(SaveInbox { inbox, .. }) if app.store.inbox(inbox).await.is_ok() => {
                continue;
            }
            _ => {}
        }
        let permit = loop {
            let is_full = under_way.len() >= AT_ONCE;
            match if is_full {
                Err(ApiError::overloaded())
            } else {
                app.permit()
            } {
                Ok(permit) => break permit,
                // Of its own commands the oldest makes room.
                Err(error) => match under_way.pop_front() {
                    Some(oldest) => log.settle(oldest).await?,
                    None => return Err(error),
                },
            }
        };
        under_way.push_back(start(app, permit, item));
    }
    for pending in under_way {
        log.settle(pending).await?;
    }
    log.finish();
    Ok(())
}

fn start(app: &App, permit: OwnedSemaphorePermit, item: Item) -> (&'static str, Started<'_>) {
    match item {
        Item::Inbox(inbox) => command(app, permit, inbox),
        Item::Contact(contact) => command(app, permit, contact),
        Item::Receive(message) => command(app, permit, ReceiveMessage { message }),
        Item::Send(message) => command(app, permit, SendMessage { message }),
        Item::Deliver(receipt) => command(app, permit, receipt),
        Item::Watermark(watermark) => command(app, permit, watermark),
        Item::React(reaction) => command(app, permit, reaction),
        Item::Edit(edit) => command(app, permit, edit),
        Item::Revoke(revocation) => command(app, permit, revocation),
        Item::Fill(fill) => command(app, permit, fill),
        Item::Identify(id) => command(app, permit, id),
        // The crate and the server have one version.
        other => {
            tracing::error!("a webhook of Meta asks what the server does not know: {other:?}");
            ("unknown", Box::pin(std::future::ready(Ok(()))))
        }
    }
}

fn command<C: Command>(
    app: &App,
    permit: OwnedSemaphorePermit,
    command: C,
) -> (&'static str, Started<'_>) {
    let started = app.start(permit, Context::new(), command);
    (C::NAME, Box::pin(async move { started.await.map(drop) }))
}

/// The log of one post, of bounded length.
#[derive(Default)]
struct Log {
    lines: usize,
}

impl Log {
    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        self.lines += 1;
        if self.lines <= LOGGED {
            tracing::info!("webhook of Meta: {line}");
        }
    }

    /// Waits for a command. What the store refuses is no failure.
    async fn settle(&mut self, (name, started): (&str, Started<'_>)) -> Result<(), ApiError> {
        match started.await {
            Err(error) if error.is_server_error() => Err(error),
            // What a status carries need not be a reference of the store's.
            Err(error) if name == SetProviderId::NAME => {
                tracing::debug!("webhook of Meta: {name} was refused: {error}");
                Ok(())
            }
            Err(error) => {
                self.line(format_args!("{name} was refused: {error}"));
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    fn finish(&self) {
        if let Some(more @ 1..) = self.lines.checked_sub(LOGGED) {
            tracing::info!("webhook of Meta: and {more} more");
        }
    }
}
