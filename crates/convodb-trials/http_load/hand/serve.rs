//! The handlers, with the same key, the same limit of a body and the same errors as the API server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Error, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use chrono::{DateTime, Utc};
use convodb::{Channel, ContactId, ConversationId, Filter, MessageType};
use serde::Deserialize;
use subtle::ConstantTimeEq as _;
use tokio::net::TcpListener;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;

use super::json::MessageDocument;
use super::{List, Receive, Store};

const MOST_BODY_BYTES: usize = 512 << 10;
const MOST_TEXT_BYTES: usize = 64 << 10;
const TIMEOUT: Duration = Duration::from_secs(10);

/// Where requests come in, and what they carry.
#[derive(clap::Args, Debug)]
pub(crate) struct Serving {
    /// The address; port 0 picks one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The key that requests carry.
    #[arg(long, env = "CONVODB_API_KEY", hide_env_values = true)]
    api_key: String,
}

#[derive(Clone)]
struct App<S> {
    store: S,
    key: Arc<str>,
}

impl Serving {
    /// Serves a store, which is made within the runtime.
    pub(crate) fn serve<S: Store>(self, store: impl Future<Output = Result<S>>) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async move {
            let app = App {
                store: store.await?,
                key: self.api_key.into(),
            };
            let listener = TcpListener::bind(self.listen).await?;
            println!("listening on http://{}", listener.local_addr()?);
            Ok(axum::serve(listener, router(app)).await?)
        })
    }
}

fn router<S: Store>(app: App<S>) -> Router {
    Router::new()
        .route("/v1/conversations", get(list::<S>))
        .route("/v1/conversations/{id}", get(one::<S>))
        .route("/v1/messages/receive", post(receive::<S>))
        .layer(middleware::from_fn_with_state(app.clone(), authorize::<S>))
        .layer(RequestBodyLimitLayer::new(MOST_BODY_BYTES))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::SERVICE_UNAVAILABLE,
            TIMEOUT,
        ))
        .layer(CatchPanicLayer::new())
        .with_state(app)
}

/// An error as an answer.
struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refusal {
    fn invalid(error: impl ToString) -> Self {
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            code: "validation_error",
            message: error.to_string(),
        }
    }

    fn not_found() -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            code: "not_found",
            message: "there is no such conversation".to_owned(),
        }
    }
}

impl From<serde_json::Error> for Refusal {
    fn from(error: serde_json::Error) -> Self {
        if error.is_data() {
            return Self::invalid(error);
        }
        Self {
            status: StatusCode::BAD_REQUEST,
            code: "invalid_json",
            message: error.to_string(),
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        eprintln!("{error:#}");
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            code: "unavailable",
            message: "the store cannot answer now".to_owned(),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let error = serde_json::json!({ "code": self.code, "message": self.message });
        let body = serde_json::json!({ "error": error }).to_string();
        json(self.status, body.into_bytes())
    }
}

fn json(status: StatusCode, body: Vec<u8>) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

async fn authorize<S: Store>(State(app): State<App<S>>, request: Request, next: Next) -> Response {
    let header = request.headers().get(header::AUTHORIZATION);
    let key = header.and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    if key.is_some_and(|key| bool::from(key.ct_eq(app.key.as_bytes()))) {
        return next.run(request).await;
    }
    let refusal = Refusal {
        status: StatusCode::UNAUTHORIZED,
        code: "unauthorized",
        message: "the API key is missing or wrong".to_owned(),
    };
    refusal.into_response()
}

async fn list<S: Store>(
    State(app): State<App<S>>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let query = query.unwrap_or_default();
    let (filter, page) = Filter::from_query(&query).map_err(Refusal::invalid)?;
    let list = List::new(filter, page).map_err(|_| {
        Refusal::invalid("unread, several channels and cursors are not served here")
    })?;
    Ok(json(StatusCode::OK, app.store.list(list).await?))
}

async fn one<S: Store>(
    State(app): State<App<S>>,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let raw = ConversationId::new(&id).ok().and_then(|_| {
        let (_, ulid) = id.split_once('_')?;
        Some(ulid::Ulid::from_string(ulid).ok()?.0)
    });
    let raw = raw.ok_or_else(Refusal::not_found)?;
    let found = app.store.get(raw).await?;
    found
        .map(|conversation| json(StatusCode::OK, conversation))
        .ok_or_else(Refusal::not_found)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    contact_id: ContactId,
    channel: Channel,
    r#type: MessageType,
    content: String,
    #[serde(default)]
    sent_at: Option<DateTime<Utc>>,
}

async fn receive<S: Store>(State(app): State<App<S>>, body: Bytes) -> Result<Response, Refusal> {
    let body: Body = serde_json::from_slice(&body)?;
    if body.r#type != MessageType::Text {
        return Err(Refusal::invalid("type: only texts are received here"));
    }
    if body.content.trim().is_empty() || body.content.len() > MOST_TEXT_BYTES {
        return Err(Refusal::invalid("content: must hold 1 byte to 64 KiB"));
    }
    let receive = Receive {
        contact: body.contact_id,
        channel: body.channel,
        text: body.content,
        sent_us: body.sent_at.map(|time| time.timestamp_micros()),
    };
    let received = app.store.receive(receive).await?;
    let document = MessageDocument::of(received.conversation, &received.message);
    let document = serde_json::to_vec(&document).map_err(Error::new)?;
    Ok(json(StatusCode::CREATED, document))
}
