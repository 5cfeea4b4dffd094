//! Metrics for Prometheus: requests as they are answered, and the store as it is when it is asked.

use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Method};
use axum::response::{IntoResponse as _, Response};
use convodb::Result;
use convodb_postgres::PgRead as _;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use tower::{Service, ServiceExt as _};

use crate::app::App;
use crate::backend::Backend;
use crate::errors::ApiError;
use crate::openapi::responses::Request as Refused;
use crate::request::NoQuery;
use crate::webhooks::dead_letters;

/// The text format, which Prometheus asks for by its name.
const FORMAT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A route, as it is described: paths of their own would be without number.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    method: Verb,
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    method: Verb,
    route: String,
    status: u16,
}

/// A method. Those that the API does not have are one: a client could send any number of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Verb(&'static str);

impl Verb {
    fn of(method: &Method) -> Self {
        let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
        let found = known.into_iter().find(|known| method == *known);
        Self(found.unwrap_or("other"))
    }
}

impl EncodeLabelValue for Verb {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        self.0.encode(encoder)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Consumer {
    consumer: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Receiver {
    receiver: String,
}

/// What is counted while the server runs.
pub(crate) struct Metrics {
    app: Arc<App>,
    registry: Registry,
    requests: Family<Answered, Counter>,
    seconds: Family<Route, Histogram>,
    underway: Gauge,
}

impl Metrics {
    pub(crate) fn new(app: Arc<App>) -> Self {
        let mut registry = Registry::with_prefix("convodb");
        let requests = Family::default();
        registry.register("requests", "Requests that were answered", requests.clone());
        // 0.1 ms to 6.5 s.
        let new: fn() -> Histogram = || Histogram::new(exponential_buckets(0.0001, 2.0, 17));
        let seconds = Family::new_with_constructor(new);
        registry.register(
            "request_seconds",
            "From the head of a request to that of its answer",
            seconds.clone(),
        );
        let underway = Gauge::default();
        registry.register(
            "requests_underway",
            "Requests that are not answered yet",
            underway.clone(),
        );
        Self {
            app,
            registry,
            requests,
            seconds,
            underway,
        }
    }

    fn observe(&self, method: &Method, route: String, status: u16, took: Duration) {
        let method = Verb::of(method);
        let of = Route {
            method: method.clone(),
            route: route.clone(),
        };
        self.seconds.get_or_create(&of).observe(took.as_secs_f64());
        let answered = Answered {
            method,
            route,
            status,
        };
        self.requests.get_or_create(&answered).inc();
    }

    /// All of them, in the text format.
    async fn render(&self) -> std::result::Result<String, ApiError> {
        let app = Arc::clone(&self.app);
        // On a thread of its own: what waits for messages is counted.
        let read = async move { read(&app).await };
        let of_store = self.app.apart((), read).await?;
        let mut text = String::new();
        let encoded = encode_registry(&mut text, &of_store)
            .and_then(|()| encode_registry(&mut text, &self.registry))
            .and_then(|()| encode_eof(&mut text));
        encoded.map_err(|_| ApiError::of(axum::http::StatusCode::INTERNAL_SERVER_ERROR))?;
        Ok(text)
    }
}

/// The route of a request, which its router finds.
#[derive(Clone, Default)]
struct Found(Arc<OnceLock<MatchedPath>>);

/// Counts a request and its answer, whatever made it.
pub(crate) async fn count<S>(
    metrics: Arc<Metrics>,
    service: S,
    mut request: Request,
) -> std::result::Result<Response, Infallible>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    let begun = Instant::now();
    let method = request.method().clone();
    let found = Found::default();
    request.extensions_mut().insert(found.clone());
    let underway = Underway::begin(metrics);
    let response = service.oneshot(request).await?;
    let route = found.0.get().map_or("none", MatchedPath::as_str);
    let status = response.status().as_u16();
    underway
        .0
        .observe(&method, route.to_owned(), status, begun.elapsed());
    Ok(response)
}

/// Notes the route of a request for [`count`].
pub(crate) fn note_route(request: Request) -> Request {
    let extensions = request.extensions();
    if let (Some(found), Some(path)) = (extensions.get::<Found>(), extensions.get()) {
        let path: &MatchedPath = path;
        let _ = found.0.set(path.clone());
    }
    request
}

/// A request that is not answered yet. Its client may leave before.
struct Underway(Arc<Metrics>);

impl Underway {
    fn begin(metrics: Arc<Metrics>) -> Self {
        metrics.underway.inc();
        Self(metrics)
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        self.0.underway.dec();
    }
}

/// Get the metrics
///
/// What is counted while the server runs, and the store as it is, in the text format of Prometheus. Needs a key with the
/// scope `metrics`; the listener of `--metrics-listen` needs none.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "get_metrics",
    responses(
        (status = 200, description = "The metrics", body = String, content_type = "application/openmetrics-text"),
        Refused
    )
)]
pub(crate) async fn show(
    State(metrics): State<Arc<Metrics>>,
    _: NoQuery,
) -> std::result::Result<Response, ApiError> {
    let mut response = metrics.render().await?.into_response();
    let format = HeaderValue::from_static(FORMAT);
    response.headers_mut().insert(CONTENT_TYPE, format);
    Ok(response)
}

/// Gauges, whose values do not change.
struct Gauges(Registry);

impl Gauges {
    fn add(&mut self, name: &str, help: &str, value: u64) {
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        self.0.register(name, help, ConstGauge::new(value));
    }
}

/// The store as it is now.
async fn read(app: &App) -> Result<Registry> {
    let mut gauges = Gauges(Registry::with_prefix("convodb"));
    gauges.add(
        "queue_free",
        "Commands that may be given beside those under way",
        app.free() as u64,
    );
    let newest = app.store.newest_event().await?;
    gauges.add(
        "newest_event",
        "The number of the newest event",
        newest.get(),
    );
    if let Backend::File(store) = &app.store {
        let activity = store.activity()?;
        for (name, help, value) in [
            ("conversations", "Conversations", activity.conversations),
            ("messages", "Messages", activity.messages),
            (
                "commits",
                "Commits since the store was made",
                activity.commit_seq.get(),
            ),
            ("file_bytes", "The size of the file", activity.file_bytes),
            (
                "wal_bytes",
                "Bytes of the write-ahead log that no checkpoint has",
                activity.wal_bytes,
            ),
            (
                "checkpoint_lag_commands",
                "Commands that no checkpoint has",
                activity.wal_commands,
            ),
            (
                "commit_groups",
                "Commit groups since the start",
                activity.groups,
            ),
            (
                "grouped_commands",
                "The commands of these groups",
                activity.grouped_commands,
            ),
            (
                "unmatched",
                "Messages that have not come and for which receipts wait",
                activity.unmatched,
            ),
            (
                "to_reassign",
                "Conversations of removed users and teams",
                activity.to_reassign,
            ),
            (
                "snapshots",
                "Snapshots that are held",
                activity.snapshots as u64,
            ),
        ] {
            gauges.add(name, help, value);
        }
        let took = activity.last_sync_took.unwrap_or_default();
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        gauges.add(
            "last_sync_microseconds",
            "How long the last sync of the log took",
            took,
        );
    }
    if let Backend::Postgres(store) = &app.store {
        let commits = store.commit_seq().await?;
        gauges.add(
            "commits",
            "Commits since the workspace was made",
            commits.get(),
        );
    }
    let lag = Family::<Consumer, Gauge>::default();
    let letters = Family::<Receiver, Gauge>::default();
    for consumer in app.store.consumers().await? {
        if let Some((receiver, _)) = dead_letters::of_consumer(&consumer.name) {
            let receiver = receiver.to_owned();
            letters.get_or_create(&Receiver { receiver }).inc();
            continue;
        }
        let name = consumer.name.as_str().to_owned();
        let behind = newest.get().saturating_sub(consumer.position.get());
        let behind = i64::try_from(behind).unwrap_or(i64::MAX);
        lag.get_or_create(&Consumer { consumer: name }).set(behind);
    }
    gauges.0.register(
        "dead_letters",
        "Events that a receiver of webhooks did not accept in time",
        letters,
    );
    gauges.0.register(
        "consumer_lag_events",
        "Events that a consumer has not acknowledged",
        lag,
    );
    Ok(gauges.0)
}
