//! Imports of lines.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use convodb::{ImportLine, ImportName, ImportOptions, LineAnswer};
use sha2::{Digest as _, Sha256};

use crate::app::App;
use crate::errors::ApiError;
use crate::openapi::parameters::{CommandHeaders, Lines};
use crate::openapi::responses::{Key, LinesBody as NoLines, Request};
use crate::request::{KeyedContext, LinesBody, NDJSON, Query};

/// The body of an import: so many bytes of lines are answered within a request's time. The command line
/// tool imports files of any size.
pub(crate) const BODY_BYTES: usize = 16 << 20;

/// Import lines
///
/// A line is `{"message": {…}}`, `{"note": {…}}`, `{"conversation": {…}}`, `{"contact": {…}}`, `{"user": {…}}`,
/// `{"team": {…}}`, `{"inbox": {…}}` or `{"view": {…}}`; `src/docs/lines.md` of the repository lists the fields of each. Each line
/// is imported for itself and has its answer: `{"line", "result"}`, where `result` is `created`, `merged`,
/// `duplicate`, or `error` with `error: {"code", "message", "field"}`. A line that is rejected does not
/// stop those after it. The body has at most 16 MiB. The import is silent: nothing is reopened, unread or
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
    mut query: Query,
    keyed: KeyedContext,
    LinesBody(body): LinesBody,
) -> Result<Response, ApiError> {
    let (is_atomic, skips_existing) = (
        flag(&mut query, "atomic")?,
        flag(&mut query, "skip_existing")?,
    );
    query.finish()?;
    let mut options = ImportOptions::new();
    if is_atomic {
        options = options.atomic();
    }
    if skips_existing {
        options = options.skip_existing();
    }
    if let Some(key) = &keyed.key {
        // Another request with the same key has another name, which the store refuses.
        let flags = [u8::from(is_atomic), u8::from(skips_existing)];
        let digest = Sha256::new().chain_update(key).chain_update([0]);
        let digest = digest.chain_update(flags).chain_update(&body).finalize();
        let hexadecimal: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        options = options.resume(ImportName::new(&hexadecimal)?);
    }
    let permit = app.permit()?;
    let store = app.store.clone();
    // The import goes on even if its client disconnects.
    let imported = app.apart(Some(permit), async move {
        let lines = (1..).zip(body.split(|byte| *byte == b'\n'));
        let lines = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
        let lines = lines.map(|(number, line)| (number, ImportLine::parse(line)));
        let mut answers = Vec::new();
        let answered = |answer: LineAnswer| {
            // Plain data: it has JSON.
            let _ = serde_json::to_writer(&mut answers, &answer);
            answers.push(b'\n');
        };
        let imported = store.import_lines(keyed.context, lines, &options, answered);
        imported.await.map(|()| answers)
    });
    let answers = imported.await?;
    let mut response = Response::new(answers.into());
    let kind = HeaderValue::from_static(NDJSON);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    Ok(response)
}

/// A parameter that is `true` or `false`.
fn flag(query: &mut Query, name: &str) -> Result<bool, ApiError> {
    match query.take(name)?.as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(ApiError::invalid(name, "must be `true` or `false`")),
    }
}
