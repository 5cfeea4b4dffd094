//! The routes, and the layers around them.

use std::any::Any;
use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post, put};
use tower::util::MapRequestLayer;
use tower::{Service, ServiceBuilder, ServiceExt as _, service_fn};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::trace::{DefaultOnResponse, TraceLayer};
use tracing::{Level, Span};

use crate::app::{App, json_response};
use crate::auth::{Keys, Need, Scope, require};
use crate::errors::{ApiError, dress};
use crate::feed::Feed;
use crate::handlers::meta::{Meta, Secrets};
use crate::handlers::webhooks::Webhooks;
use crate::handlers::{
    admin, contacts, conversations, desk, directory, events, health, imports, inboxes, messages,
    meta, notes, session, tags, views, webhooks,
};
use crate::inbox;
use crate::metrics::{self, Metrics};
use crate::openapi;
use crate::serve::Serving;
use crate::webhooks::Endpoint;

/// What names a request in the log: that of a client or a proxy, or a new one.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest one that is taken from a client.
pub(crate) const LONGEST_ID: usize = 128;

/// How large a body may be, and how long a request may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) body_bytes: usize,
    pub(crate) request: Duration,
}

/// The whole API.
///
/// The key is checked first: without one, a client does not learn even which resources there are.
///
/// Meta signs its webhooks, which have no key, and a limit of their own.
pub(crate) fn router(
    app: Arc<App>,
    feed: Arc<Feed>,
    keys: &Arc<Keys>,
    endpoints: Vec<Arc<Endpoint>>,
    metrics: Arc<Metrics>,
    meta: Secrets,
    bounds: Bounds,
) -> serde_json::Result<impl Serving> {
    let v1 = Router::new()
        .route("/conversations", get(conversations::list))
        .route(
            "/conversations/{id}",
            get(conversations::get)
                .patch(conversations::update)
                .delete(desk::delete),
        )
        .route("/conversations/{id}/claim", post(desk::claim))
        .route("/conversations/{id}/unassign", post(desk::unassign))
        .route("/conversations/{id}/reopen", post(desk::reopen))
        .route("/conversations/{id}/read", post(desk::read))
        .route("/conversations/{id}/unread", post(desk::unread))
        .route("/conversations/{id}/audit_log", get(desk::audit_log))
        .route("/contacts", get(contacts::list))
        .route("/contacts/identify", post(contacts::identify))
        .route("/contacts/merge", post(contacts::merge))
        .route("/contacts/{id}", get(contacts::get).put(contacts::put))
        .route("/contacts/{id}/erase", post(contacts::erase))
        .route("/contacts/{id}/export", get(contacts::export))
        .route("/conversations/{id}/assign", post(conversations::assign))
        .route("/conversations/{id}/resolve", post(conversations::resolve))
        .route(
            "/conversations/{id}/notes",
            get(notes::list).post(notes::add),
        )
        .route("/messages/send", post(messages::send))
        .route("/messages/receive", post(messages::receive))
        .route("/messages/status", post(messages::status))
        .route("/messages/react", post(messages::react))
        .route("/messages/edit", post(messages::edit))
        .route("/messages/revoke", post(messages::revoke))
        .route("/messages/retry", post(messages::retry))
        .route("/messages/update", post(messages::update))
        .route("/conversations/{id}/messages", get(messages::list))
        .route(
            "/conversations/{id}/messages/{message_id}/versions",
            get(messages::versions),
        )
        .route("/conversations/{id}/notes/{note_id}", delete(notes::remove))
        .route("/tags", get(tags::list))
        .route("/inboxes", get(inboxes::list))
        .route("/inboxes/{id}", get(inboxes::get).put(inboxes::put))
        .route("/views", get(views::list))
        .route(
            "/views/{id}",
            get(views::get).put(views::put).delete(views::delete),
        )
        .route("/users", get(directory::list_users))
        .route("/users/{id}", put(directory::put_user))
        .route("/teams", get(directory::list_teams))
        .route(
            "/teams/{id}",
            get(directory::get_team).put(directory::put_team),
        )
        .route("/events", get(events::list))
        .route("/events/stream", get(events::stream).with_state(feed))
        .fallback(no_such_resource)
        .layer(RequestBodyLimitLayer::new(bounds.body_bytes))
        .merge(
            Router::new()
                .route("/messages/import", post(imports::import))
                .layer(RequestBodyLimitLayer::new(
                    bounds.body_bytes.max(imports::BODY_BYTES),
                )),
        );
    let session = Router::new()
        .route(
            "/session",
            get(session::get).post(session::open).delete(session::end),
        )
        .layer(RequestBodyLimitLayer::new(bounds.body_bytes));
    let posted = Router::new()
        .route("/webhooks", get(webhooks::list))
        .route("/webhooks/{name}", delete(webhooks::remove))
        .route(
            "/webhooks/{name}/dead_letters/{sequence}/replay",
            post(webhooks::replay),
        )
        .route(
            "/webhooks/{name}/dead_letters/{sequence}",
            delete(webhooks::drop_letter),
        )
        .layer(RequestBodyLimitLayer::new(bounds.body_bytes))
        .with_state(Arc::new(Webhooks {
            app: Arc::clone(&app),
            endpoints,
        }));
    let admin = Router::new().nest(
        "/admin",
        admin::router(Arc::clone(&app), bounds.body_bytes, bounds.request),
    );
    let v1 = require(v1, keys, Need::ByMethod)
        .merge(require(session, keys, Need::Key))
        .merge(require(posted, keys, Need::Scope(Scope::Webhooks)))
        .merge(require(admin, keys, Need::Scope(Scope::Admin)));

    let meta = Router::new()
        .route("/webhooks/meta", get(meta::handshake).post(meta::receive))
        .layer(RequestBodyLimitLayer::new(
            bounds.body_bytes.max(meta::BODY_BYTES),
        ))
        .with_state(Arc::new(Meta {
            app: Arc::clone(&app),
            secrets: meta,
        }));

    let measured = Router::new()
        .route("/metrics", get(metrics::show))
        .with_state(Arc::clone(&metrics));
    let measured = require(measured, keys, Need::Scope(Scope::Metrics));
    let document = Bytes::from(openapi::document()?);
    let router = Router::new()
        .route("/healthz", get(health::health))
        .route(
            "/v1/openapi.json",
            get(move || ready(json_response(document.clone()))),
        )
        .nest("/v1", v1)
        .fallback(no_such_resource)
        .with_state(app)
        .merge(meta)
        .merge(measured)
        .merge(inbox::routes())
        .layer(MapRequestLayer::new(metrics::note_route));
    Ok(guarded(router, metrics, bounds.request))
}

/// The metrics, on a listener of their own.
pub(crate) fn metrics_alone(metrics: Arc<Metrics>, request_timeout: Duration) -> impl Serving {
    let router = Router::new()
        .route("/metrics", get(metrics::show))
        .fallback(no_such_resource)
        .with_state(Arc::clone(&metrics))
        .layer(MapRequestLayer::new(metrics::note_route));
    guarded(router, metrics, request_timeout)
}

/// Adds the layers of every route.
///
/// They are around the router, not layers of its own, each of which would box the service, the future and the body once
/// more. That and the layers without `from_fn` took a small request from 15 to 11 µs of processor time, and a page of 20
/// conversations from 39 to 31.
fn guarded(router: Router, metrics: Arc<Metrics>, request_timeout: Duration) -> impl Serving {
    let trace = TraceLayer::new_for_http()
        .make_span_with(span)
        .on_response(DefaultOnResponse::new().level(Level::INFO));
    let router = ServiceBuilder::new()
        .map_response(|response: hyper::Response<_>| response.map(Body::new))
        .layer(CatchPanicLayer::custom(panicked))
        .service(router);
    let in_time = service_fn(move |request| in_time(request_timeout, router.clone(), request));
    let counted =
        service_fn(move |request| metrics::count(Arc::clone(&metrics), in_time.clone(), request));
    ServiceBuilder::new()
        .map_response(|response: hyper::Response<_>| response.map(Body::new))
        .map_request(with_sound_id)
        .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(trace)
        // A router adds `Allow` behind its own layers, and `dress` needs it.
        .map_response(dress)
        .service(counted)
}

/// Leaves out an id that would be a burden for the log.
fn with_sound_id(mut request: Request) -> Request {
    let mut ids = request.headers().get_all(&REQUEST_ID).iter();
    let is_sound = ids.next().is_none_or(|id| {
        (1..=LONGEST_ID).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic)
    });
    if !is_sound || ids.next().is_some() {
        request.headers_mut().remove(&REQUEST_ID);
    }
    request
}

/// Answers 408 to a request that takes too long. Those about the whole store take as long as that needs.
async fn in_time<S>(limit: Duration, service: S, request: Request) -> Result<Response, Infallible>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    if request.uri().path().starts_with("/v1/admin/") {
        return service.oneshot(request).await;
    }
    let answer = tokio::time::timeout(limit, service.oneshot(request)).await;
    answer.unwrap_or_else(|_| Ok(ApiError::of(StatusCode::REQUEST_TIMEOUT).into_response()))
}

async fn no_such_resource() -> ApiError {
    ApiError::of(StatusCode::NOT_FOUND)
}

/// The path alone: a header holds the key, and a query may hold it by mistake.
fn span(request: &Request) -> Span {
    let id = request.headers().get(&REQUEST_ID);
    let id = id.and_then(|id| id.to_str().ok()).unwrap_or_default();
    tracing::info_span!("request", id, method = %request.method(), path = request.uri().path())
}

fn panicked(_: Box<dyn Any + Send>) -> Response {
    ApiError::of(StatusCode::INTERNAL_SERVER_ERROR).into_response()
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use convodb::Store;
    use http_body_util::BodyExt as _;

    use super::*;
    use crate::backend::Backend;

    async fn answer(router: &impl Serving, path: &str) -> (StatusCode, String) {
        let request = Request::get(path).body(Body::empty()).unwrap_or_default();
        let Ok(response) = router.clone().oneshot(request).await;
        let status = response.status();
        let body = response.into_body().collect().await;
        let body = body.map(http_body_util::Collected::to_bytes);
        (
            status,
            String::from_utf8_lossy(&body.unwrap_or_default()).into_owned(),
        )
    }

    #[tokio::test]
    async fn a_handler_that_panics_answers_500_and_one_that_takes_too_long_408()
    -> anyhow::Result<()> {
        #[expect(clippy::panic, reason = "what happens then is the test")]
        async fn panics() {
            panic!("a secret");
        }

        let router = Router::new()
            .route("/panics", get(panics))
            .route("/hangs", get(std::future::pending::<()>))
            .route("/fine", get(|| async { "fine" }));
        let app = App::new(Backend::File(Store::in_memory()?), NonZeroUsize::MIN)?;
        let metrics = Arc::new(Metrics::new(Arc::new(app)));
        let router = guarded(router, metrics, Duration::from_millis(10));
        for (path, status, body) in [
            (
                "/panics",
                500,
                r#"{"error":{"code":"internal_error","message":"the server failed"}}"#,
            ),
            (
                "/hangs",
                408,
                r#"{"error":{"code":"request_timeout","message":"the request took too long, and may have been done all the same"}}"#,
            ),
            ("/fine", 200, "fine"),
        ] {
            let answered = answer(&router, path).await;
            assert_eq!((answered.0.as_u16(), answered.1.as_str()), (status, body));
        }
        Ok(())
    }
}
