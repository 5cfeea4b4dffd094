//! Requests about the store as a whole, for its operators: copies, exports, statistics, checks and clean-ups.
//!
//! Invariant: they take no place of other requests: they run on threads of their own, one of a kind at a time, and
//! long answers give up the place of their connection. None has a time limit; a body that comes has one for its pauses.

use std::io::{BufWriter, Write as _};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{FromRequest as _, FromRequestParts, Request as HttpRequest, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};
use convodb::commands::{PurgeEvents, PurgeIdempotencyKeys, PurgeUnmatched};
use convodb::{
    Command, ContactId, Context, ConversationId, Error, ErrorKind, ImportName, Retention,
};
use convodb_upkeep::{Part, Report, Stopped};
use serde::{Deserialize, Deserializer, Serialize};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::RequestBodyTimeoutLayer;

use super::imports::{self, flag};
use crate::app::{Answer, App};
use crate::auth::Access;
use crate::backend::Backend;
use crate::errors::ApiError;
use crate::openapi::bodies::{self, MAX_NUMBER};
use crate::openapi::parameters::{AdminLines, Exported, ImportNamed};
use crate::openapi::responses::{Body, FileOnly, LinesBody as NoLines, NotFound, Request, Running};
use crate::openapi::schemas;
use crate::request::{
    ACTOR, IDEMPOTENCY_KEY, IF_MATCH, JsonBody, LinesBody, NDJSON, NoBody, NoQuery, Query, acting,
    header,
};
use crate::serve::Place;
use crate::streams::streamed;

/// The body of an import has at most so many bytes.
const BODY_BYTES: usize = 64 << 20;

/// So many bodies of imports are in memory at once: one that comes slowly holds back no other.
const BODIES: usize = 4;

/// Between two lines of progress.
const PROGRESS: Duration = Duration::from_millis(200);

/// The most events that one commit purges.
const EVENTS_A_STEP: u64 = 4_096;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The state of these requests: a place for one request of each kind.
pub(crate) struct Admin {
    app: Arc<App>,
    backups: Arc<Semaphore>,
    exports: Arc<Semaphore>,
    verifications: Arc<Semaphore>,
    compactions: Arc<Semaphore>,
    /// These wait for each other.
    statistics: Arc<Semaphore>,
    imports: Arc<Semaphore>,
    bodies: Arc<Semaphore>,
}

/// The headers of a command, which these requests do not take: a user who acts is one of the directory.
pub(crate) struct NoContext;

impl FromRequestParts<Arc<Admin>> for NoContext {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, admin: &Arc<Admin>) -> Result<Self, ApiError> {
        for name in [IDEMPOTENCY_KEY, IF_MATCH] {
            if parts.headers.contains_key(name) {
                return Err(ApiError::invalid(name, "is not taken by this request"));
            }
        }
        if let Some(actor) = header(&parts.headers, ACTOR)? {
            acting(ACTOR, actor, &admin.app).await?;
        }
        Ok(Self)
    }
}

/// The routes below `/v1/admin`. A body that does not go on for this long is given up.
pub(crate) fn router<S>(app: Arc<App>, body_bytes: usize, pause: Duration) -> Router<S> {
    let one = || Arc::new(Semaphore::new(1));
    let admin = Admin {
        app,
        backups: one(),
        exports: one(),
        verifications: one(),
        compactions: one(),
        statistics: one(),
        imports: one(),
        bodies: Arc::new(Semaphore::new(BODIES)),
    };
    Router::new()
        .route("/backup", get(backup))
        .route("/export", get(export))
        .route("/stats", get(stats))
        .route("/verify", post(verify))
        .route("/compact", post(compact))
        .route("/purge", post(purge))
        .layer(RequestBodyLimitLayer::new(body_bytes))
        .route("/import", get(imported).post(import))
        .layer(RequestBodyLimitLayer::new(body_bytes.max(BODY_BYTES)))
        .layer(RequestBodyTimeoutLayer::new(pause))
        .with_state(Arc::new(admin))
}

/// The only place, unless a request of the kind runs.
fn place(of: &Arc<Semaphore>, what: &str) -> Result<OwnedSemaphorePermit, ApiError> {
    let place = Arc::clone(of).try_acquire_owned();
    place.map_err(|_| ApiError::running(what))
}

/// Waits for a place.
async fn turn(of: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, ApiError> {
    let turn = Arc::clone(of).acquire_owned().await;
    turn.map_err(|_| ApiError::of(StatusCode::SERVICE_UNAVAILABLE))
}

/// Gives the place of a connection to the next one, as the answer may take any time.
fn give_up(connection: Option<Extension<Place>>) {
    if let Some(Extension(connection)) = connection {
        connection.give_up();
    }
}

/// Back up the store
///
/// A packed copy of the file as it is now, with everything in it; commands go on. The copy is made first, in a
/// file without a name beside the store's, for which the disk needs room. An answer that ends without its last
/// chunk was cut, and is of no use.
#[utoipa::path(
    get,
    path = "/v1/admin/backup",
    operation_id = "backup_store",
    responses(
        (status = 200, description = "A store file", body = Vec<u8>, content_type = "application/octet-stream"),
        Request, FileOnly, Running
    )
)]
pub(crate) async fn backup(
    State(admin): State<Arc<Admin>>,
    connection: Option<Extension<Place>>,
    _: NoQuery,
) -> Result<Response, ApiError> {
    let Backend::File(store) = admin.app.store.clone() else {
        return Err(ApiError::unsupported(
            "there is no file to copy: `pg_dump` copies a database, and `GET /v1/admin/export` what the API shows of a workspace",
        ));
    };
    let place = place(&admin.backups, "a backup")?;
    give_up(connection);
    streamed(&admin.app, "application/octet-stream", move |mut pipe| {
        let _place = place;
        store.backup_to(&mut pipe).map(drop)
    })
    .await
}

/// Export the store
///
/// One state of it, as lines of JSON that an import reads: users, teams, inboxes, views, contacts, then each
/// conversation with its messages and notes. An answer that ends without its last chunk was cut. On a file that
/// happens after ten minutes, and when the store is compacted or reopened; on PostgreSQL if the client reads
/// nothing for a minute.
#[utoipa::path(
    get,
    path = "/v1/admin/export",
    operation_id = "export_store",
    params(Exported),
    responses(
        (status = 200, description = "The lines", body = String, content_type = "application/x-ndjson"),
        Request, NotFound, Running
    )
)]
pub(crate) async fn export(
    State(admin): State<Arc<Admin>>,
    connection: Option<Extension<Place>>,
    mut query: Query,
) -> Result<Response, ApiError> {
    let contact = query.take("contact_id")?;
    let conversation = query.take("conversation_id")?;
    let directory = flag(&mut query, "directory")?;
    query.finish()?;
    let part = match (contact, conversation, directory) {
        (None, None, false) => Part::All,
        (None, None, true) => Part::Directory,
        (Some(id), None, false) => Part::Contact(ContactId::new(&id)?),
        (None, Some(id), false) => Part::Conversation(ConversationId::new(&id)?),
        _ => {
            let reason = "must be given alone, without `conversation_id` and `directory`";
            return Err(ApiError::invalid("contact_id", reason));
        }
    };
    let place = match part {
        Part::All => Some(place(&admin.exports, "an export")?),
        _ => None,
    };
    if place.is_some() {
        give_up(connection);
    }
    let (store, runtime) = (admin.app.store.clone(), Handle::current());
    streamed(&admin.app, NDJSON, move |pipe| {
        let _place = place;
        let store = store.reading(runtime)?;
        let mut out = BufWriter::with_capacity(64 * 1024, pipe);
        let exported = convodb_upkeep::export(&*store, &part, &mut out, &mut || {});
        exported.map_err(|stopped| match stopped {
            Stopped::Store(error) => error,
            Stopped::Output(error) => {
                Error::new(ErrorKind::Aborted, "the client has gone").with_source(error)
            }
        })
    })
    .await
}

/// Get the statistics
///
/// Counts and sizes, in time that grows with the store. `file_bytes` and the fields beside it are of a file,
/// `unfolded` of PostgreSQL.
#[utoipa::path(
    get,
    path = "/v1/admin/stats",
    operation_id = "get_statistics",
    responses((status = 200, description = "The statistics", body = schemas::Statistics), Request)
)]
pub(crate) async fn stats(State(admin): State<Arc<Admin>>, _: NoQuery) -> Result<Answer, ApiError> {
    let turn = Arc::clone(&admin.statistics).acquire_owned().await.ok();
    let (store, runtime) = (admin.app.store.clone(), Handle::current());
    let read = move || store.statistics(runtime);
    Answer::ok(&admin.app.blocking(turn, read).await?)
}

#[derive(Serialize)]
struct Progress {
    progress: Done,
}

#[derive(Serialize)]
struct Done {
    done: u64,
    of: u64,
}

#[derive(Serialize)]
struct Reported {
    report: Report,
}

/// Verify the store
///
/// Compares what is derived with the records; commands go on. Lines of JSON: `{"progress": {"done", "of"}}` in
/// rows, some a second, and at the end `{"report": …}`, whose `clean` says whether nothing was found, or
/// `{"error": {"code", "message"}}`. It ends when the client goes.
#[utoipa::path(
    post,
    path = "/v1/admin/verify",
    operation_id = "verify_store",
    responses(
        (status = 200, description = "The lines", body = String, content_type = "application/x-ndjson"),
        Request, Body, Running
    )
)]
pub(crate) async fn verify(
    State(admin): State<Arc<Admin>>,
    connection: Option<Extension<Place>>,
    _: NoQuery,
    _: NoContext,
    _: NoBody,
) -> Result<Response, ApiError> {
    let place = place(&admin.verifications, "a verification")?;
    give_up(connection);
    let (app, runtime) = (Arc::clone(&admin.app), Handle::current());
    streamed(&admin.app, NDJSON, move |mut pipe| {
        let _place = place;
        let mut next = Instant::now();
        let progress = |done, of| {
            if pipe.is_closed() {
                return ControlFlow::Break(());
            }
            if Instant::now() >= next {
                let progress = Done { done, of };
                pipe.offer(line(&Progress { progress }));
                next = Instant::now() + PROGRESS;
            }
            ControlFlow::Continue(())
        };
        let last = match app.store.verify(runtime, progress) {
            Ok(report) => line(&Reported { report }),
            Err(error) if error.kind() == ErrorKind::Aborted => return Err(error),
            Err(error) => {
                let mut line = app.failed(error).to_json();
                line.push(b'\n');
                line
            }
        };
        // Where this fails, the client has gone.
        let _ = pipe.write_all(&last);
        Ok(())
    })
    .await
}

fn line(value: &impl Serialize) -> Vec<u8> {
    // Plain data: it has JSON.
    let mut line = serde_json::to_vec(value).unwrap_or_default();
    line.push(b'\n');
    line
}

#[derive(Serialize)]
struct Compacted {
    bytes_before: u64,
    bytes: u64,
}

/// Compact the file
///
/// Replaces it by a packed copy. Commands wait meanwhile, and exports that are under way end. It goes on if the
/// client goes.
#[utoipa::path(
    post,
    path = "/v1/admin/compact",
    operation_id = "compact_store",
    responses(
        (status = 200, description = "The length of the file, before and now", body = schemas::Compacted),
        Request, FileOnly, Body, Running
    )
)]
pub(crate) async fn compact(
    State(admin): State<Arc<Admin>>,
    _: NoQuery,
    _: NoContext,
    _: NoBody,
) -> Result<Answer, ApiError> {
    let Backend::File(store) = admin.app.store.clone() else {
        return Err(ApiError::unsupported(
            "there is no file to compact: autovacuum keeps the tables of PostgreSQL small",
        ));
    };
    let place = place(&admin.compactions, "a compaction")?;
    let compacted = admin.app.blocking(Some(place), move || {
        let bytes_before = store.stats()?.file_bytes;
        store.compact()?;
        Ok(Compacted {
            bytes_before,
            bytes: store.stats()?.file_bytes,
        })
    });
    Answer::ok(&compacted.await?)
}

/// What is purged.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Purge {
    #[serde(default, deserialize_with = "given")]
    events: Option<OldEvents>,
    #[serde(default, deserialize_with = "given")]
    idempotency_keys: Option<Old>,
    #[serde(default, deserialize_with = "given")]
    unmatched: Option<Unmatched>,
}

/// A field that is left out where it is not given, and not null.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(value: D) -> Result<Option<T>, D::Error> {
    T::deserialize(value).map(Some)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OldEvents {
    #[serde(default, deserialize_with = "given")]
    older_than_days: Option<Days>,
    #[serde(default, deserialize_with = "given")]
    keep_newest: Option<Count>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Old {
    older_than_days: Days,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unmatched {
    older_than_days: Days,
    #[serde(default, deserialize_with = "given")]
    keep_newest: Option<Count>,
}

type Days = Whole<{ u32::MAX as u64 }>;
type Count = Whole<MAX_NUMBER>;

/// A whole number up to a greatest one, however it is written.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "serde_json::Number")]
struct Whole<const MOST: u64>(u64);

impl<const MOST: u64> TryFrom<serde_json::Number> for Whole<MOST> {
    type Error = String;

    fn try_from(number: serde_json::Number) -> Result<Self, String> {
        let whole = number.as_u64().or_else(|| {
            let float = number.as_f64()?;
            // Greater ones have no exact number.
            let is_whole = float.fract() == 0.0 && (0.0..=MAX_NUMBER as f64).contains(&float);
            is_whole.then_some(float as u64)
        });
        let whole = whole.filter(|whole| *whole <= MOST).map(Self);
        whole.ok_or_else(|| format!("must be a whole number from 0 to {MOST}"))
    }
}

/// How much of each was removed.
#[derive(Serialize)]
struct Purged {
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_keys: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unmatched: Option<u64>,
}

/// Purge what is old
///
/// Events that every consumer has acknowledged; idempotency keys; receipts, reactions and edits whose message
/// has not come. The answer has how many of each were removed, in steps between which other commands have their
/// turn.
#[utoipa::path(
    post,
    path = "/v1/admin/purge",
    operation_id = "purge_store",
    request_body = bodies::Purge,
    responses(
        (status = 200, description = "How many were removed", body = schemas::Purged),
        Request, Body
    )
)]
pub(crate) async fn purge(
    State(admin): State<Arc<Admin>>,
    _: NoQuery,
    _: NoContext,
    JsonBody(purge): JsonBody<Purge>,
) -> Result<Answer, ApiError> {
    let days = |Whole(days): Days| DAY * u32::try_from(days).unwrap_or(u32::MAX);
    let retention = match &purge.events {
        None => None,
        Some(OldEvents {
            older_than_days: Some(age),
            keep_newest: None,
        }) => Some(Retention::younger_than(days(*age))),
        Some(OldEvents {
            older_than_days: None,
            keep_newest: Some(count),
        }) => Some(Retention::newest(count.0)),
        Some(_) => {
            let reason = "must have either `older_than_days` or `keep_newest`";
            return Err(ApiError::invalid("events", reason));
        }
    };
    if retention.is_none() && purge.idempotency_keys.is_none() && purge.unmatched.is_none() {
        let reason = "`events`, `idempotency_keys` or `unmatched` is required";
        return Err(ApiError::unprocessable(reason));
    }
    let app = &admin.app;
    let mut purged = Purged {
        events: None,
        idempotency_keys: None,
        unmatched: None,
    };
    if let Some(retention) = retention {
        let limit = EVENTS_A_STEP;
        let step = || PurgeEvents { retention, limit };
        purged.events = Some(steps(app, step, limit).await?);
    }
    if let Some(keys) = purge.idempotency_keys {
        let older_than = days(keys.older_than_days);
        let step = || PurgeIdempotencyKeys { older_than };
        purged.idempotency_keys = Some(steps(app, step, u64::MAX).await?);
    }
    if let Some(unmatched) = purge.unmatched {
        let step = || PurgeUnmatched {
            older_than: days(unmatched.older_than_days),
            most: unmatched.keep_newest.map_or(u64::MAX, |count| count.0),
        };
        purged.unmatched = Some(steps(app, step, u64::MAX).await?);
    }
    Answer::ok(&purged)
}

/// Runs a command until it finds less than a step has room for. Returns how much it did.
async fn steps<C: Command<Output = u64>>(
    app: &App,
    command: impl Fn() -> C,
    full: u64,
) -> Result<u64, ApiError> {
    let mut done = 0;
    loop {
        let step = app.execute(Context::new(), command()).await?.value;
        done += step;
        if step < full {
            return Ok(done);
        }
    }
}

/// Get how far an import has come
///
/// The number of the last line that is done, and how many lines failed.
#[utoipa::path(
    get,
    path = "/v1/admin/import",
    operation_id = "get_import",
    params(ImportNamed),
    responses(
        (status = 200, description = "How far it has come", body = schemas::ImportProgress),
        Request, NotFound
    )
)]
pub(crate) async fn imported(
    State(admin): State<Arc<Admin>>,
    mut query: Query,
) -> Result<Answer, ApiError> {
    let name = query.take("name")?;
    query.finish()?;
    let name = name.ok_or_else(|| ApiError::invalid("name", "is required"))?;
    let name = ImportName::new(&name)?;
    let app = &admin.app;
    match app.read(app.store.import_progress(&name)).await? {
        Some(progress) => Answer::ok(&progress),
        None => {
            let message = format!("there is no import `{name}`");
            Err(ApiError::not_found(message))
        }
    }
}

/// Import lines of a large file
///
/// As `POST /v1/messages/import`, of a body of at most 64 MiB, without a limit of time. With a `name`, each commit
/// records how far the import has come, and the same lines go on behind that for as long as the store is kept.
/// `first_line` is the number of the body's first line in the file that it is a part of. Imports wait for each
/// other; one whose body comes slowly holds back no other.
#[utoipa::path(
    post,
    path = "/v1/admin/import",
    operation_id = "import_file",
    params(AdminLines),
    request_body(content = String, content_type = "application/x-ndjson"),
    responses(
        (status = 200, description = "A line for each line", body = String, content_type = "application/x-ndjson"),
        Request, NoLines
    )
)]
pub(crate) async fn import(
    State(admin): State<Arc<Admin>>,
    access: Access,
    _: NoContext,
    mut query: Query,
    request: HttpRequest,
) -> Result<Response, ApiError> {
    access.check_imports()?;
    let mut options = imports::options(&mut query)?;
    let name = query.take("name")?;
    let first_line = query.take_number("first_line")?.unwrap_or(1);
    query.finish()?;
    if !(1..=MAX_NUMBER).contains(&first_line) {
        let reason = format!("must be from 1 to {MAX_NUMBER}");
        return Err(ApiError::invalid("first_line", &reason));
    }
    if let Some(name) = name {
        options = options.resume(ImportName::new(&name)?);
    }
    let memory = turn(&admin.bodies).await?;
    let LinesBody(body) = LinesBody::from_request(request, &()).await?;
    let turn = (turn(&admin.imports).await?, memory);
    imports::answered(&admin.app, turn, Context::new(), options, first_line, body).await
}
