//! Imports of lines.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use bytes::Bytes;
use convodb::{Context, ImportLine, ImportName, ImportOptions, InvalidInput, LineAnswer};
use sha2::{Digest as _, Sha256};

use crate::app::App;
use crate::auth::Access;
use crate::errors::ApiError;
use crate::openapi::parameters::{CommandHeaders, Lines};
use crate::openapi::responses::{Key, LinesBody as NoLines, Request};
use crate::request::{KeyedContext, LinesBody, NDJSON, Query};

/// The body of an import: so many bytes of lines are answered within a request's time. The command line
/// tool imports files of any size.
pub(crate) const BODY_BYTES: usize = 16 << 20;

/// The lines of a body, blank ones aside: each has an answer, which is held until all have theirs.
const MOST_LINES: usize = 100_000;

/// Import lines
///
/// A line is `{"message": {…}}`, `{"note": {…}}`, `{"conversation": {…}}`, `{"contact": {…}}`, `{"user": {…}}`,
/// `{"team": {…}}`, `{"inbox": {…}}` or `{"view": {…}}`; `src/docs/lines.md` of the repository lists the fields of each. Each line
/// is imported for itself and has its answer: `{"line", "result"}`, where `result` is `created`, `merged`,
/// `duplicate`, or `error` with `error: {"code", "message", "field"}`. A line that is rejected does not
/// stop those after it. The body has at most 16 MiB and 100,000 lines. Its key is one that may act for others, as the
/// lines bring what anyone wrote. The import is silent: nothing is reopened, unread or
/// an event of its own. A message or note without an `id` cannot be recognised, and is stored again by another
/// request. Imported conversations keep their old times: a server with `--keep-resolved` deletes those that are
/// older.
///
/// With an `Idempotency-Key`, the same body with the same key goes on behind the last commit of an
/// earlier request; lines before it have no answer. For a day, another body with the key is answered with 422.
#[utoipa::path(
    post,
    path = "/v1/messages/import",
    operation_id = "import_lines",
    params(Lines, CommandHeaders),
    request_body(content = String, content_type = "application/x-ndjson"),
    responses(
        (status = 200, description = "A line for each line", body = String, content_type = "application/x-ndjson"),
        Request, Key, NoLines
    )
)]
pub(crate) async fn import(
    State(app): State<Arc<App>>,
    access: Access,
    mut query: Query,
    keyed: KeyedContext,
    LinesBody(body): LinesBody,
) -> Result<Response, ApiError> {
    access.check_imports()?;
    let mut options = options(&mut query)?;
    query.finish()?;
    if let Some(key) = &keyed.key {
        // Another request with the same key has another name, which the store refuses.
        let flags = [options.is_atomic, options.skips_existing].map(u8::from);
        let digest = Sha256::new().chain_update(key).chain_update([0]);
        let digest = digest.chain_update(flags).chain_update(&body).finalize();
        let hexadecimal: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        options = options.resume(ImportName::new(&hexadecimal)?);
    }
    answered(&app, app.permit()?, keyed.context, options, 1, body).await
}

/// The parameters of an import.
pub(super) fn options(query: &mut Query) -> Result<ImportOptions, ApiError> {
    let mut options = ImportOptions::new();
    if flag(query, "atomic")? {
        options = options.atomic();
    }
    if flag(query, "skip_existing")? {
        options = options.skip_existing();
    }
    Ok(options)
}

/// Imports the lines of a body, whose first has this number, and answers each.
pub(super) async fn answered(
    app: &App,
    permit: impl Send + 'static,
    context: Context,
    options: ImportOptions,
    first_line: u64,
    body: Bytes,
) -> Result<Response, ApiError> {
    let store = app.store.clone();
    // The import goes on even if its client disconnects.
    let imported = app.apart(permit, async move {
        if lines(&body).nth(MOST_LINES).is_some() {
            let reason = format!("must have at most {MOST_LINES} lines");
            return Err(InvalidInput::new("body", reason).into());
        }
        let lines = lines(&body);
        let lines = lines.map(|(at, line)| (first_line + at, ImportLine::parse(line)));
        let mut answers = Vec::new();
        let answered = |answer: LineAnswer| {
            // Plain data: it has JSON.
            let _ = serde_json::to_writer(&mut answers, &answer);
            answers.push(b'\n');
        };
        let imported = store.import_lines(context, lines, &options, answered);
        imported.await.map(|()| answers)
    });
    let answers = imported.await?;
    let mut response = Response::new(answers.into());
    let kind = HeaderValue::from_static(NDJSON);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    Ok(response)
}

/// The lines that are not blank, and how many are before each.
fn lines(body: &[u8]) -> impl Iterator<Item = (u64, &[u8])> + Send {
    let lines = (0..).zip(body.split(|byte| *byte == b'\n'));
    lines.filter(|(_, line)| !line.trim_ascii().is_empty())
}

/// A parameter that is `true` or `false`.
pub(super) fn flag(query: &mut Query, name: &str) -> Result<bool, ApiError> {
    match query.take(name)?.as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(ApiError::invalid(name, "must be `true` or `false`")),
    }
}
