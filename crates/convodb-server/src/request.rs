//! Extractors of handlers, each with its own rejection.

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use convodb::{
    Actor, AssigneeId, Context, ConversationId, ErrorKind, InvalidInput, Revision, UserId,
    repair_surrogates,
};
use http_body_util::{BodyExt as _, LengthLimitError};
use percent_encoding::percent_decode_str;
use serde::de::{DeserializeOwned, IgnoredAny};
use tower_http::timeout::TimeoutError;

use crate::app::App;
use crate::errors::ApiError;

/// The id in a path, as it was given.
pub(crate) struct PathId(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let id = Path::<String>::from_request_parts(parts, state).await;
        // Bytes that are not UTF-8 name nothing.
        let Path(id) = id.map_err(|_| ApiError::of(StatusCode::NOT_FOUND))?;
        Ok(Self(id))
    }
}

/// Two ids in a path, as they were given.
pub(crate) struct PathPair(pub(crate) String, pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for PathPair {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let ids = Path::<(String, String)>::from_request_parts(parts, state).await;
        let Path((one, other)) = ids.map_err(|_| ApiError::of(StatusCode::NOT_FOUND))?;
        Ok(Self(one, other))
    }
}

/// The conversation that a path names. What cannot be the id of one is that of none.
pub(crate) struct PathConversation(pub(crate) ConversationId);

impl<S: Send + Sync> FromRequestParts<S> for PathConversation {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let PathId(id) = PathId::from_request_parts(parts, state).await?;
        ConversationId::new(&id)
            .map(Self)
            .map_err(|_| ApiError::not_found(format!("there is no conversation `{id}`")))
    }
}

/// The query parameters, decoded.
pub(crate) struct Query(pub(crate) Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        if percent_decode_str(query).decode_utf8().is_err() {
            return Err(ApiError::unprocessable("the query must be UTF-8"));
        }
        Ok(Self(
            form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
        ))
    }
}

impl Query {
    /// Whether a parameter is given.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.0.iter().any(|(given, _)| given == name)
    }

    /// Takes a parameter out of the others: given once, and not empty.
    pub(crate) fn take(&mut self, name: &str) -> Result<Option<String>, ApiError> {
        let mut found = None;
        for (_, value) in self.0.extract_if(.., |(given, _)| given == name) {
            if value.is_empty() {
                return Err(ApiError::invalid(name, "must not be empty"));
            }
            if found.replace(value).is_some() {
                return Err(ApiError::invalid(name, "must be given once"));
            }
        }
        Ok(found)
    }

    /// The same for a whole number.
    pub(crate) fn take_number(&mut self, name: &str) -> Result<Option<u64>, ApiError> {
        self.take(name)?
            .map(|text| whole_number(name, &text))
            .transpose()
    }

    /// Rejects a parameter that was not taken.
    pub(crate) fn finish(self) -> Result<(), ApiError> {
        match self.0.first() {
            Some((name, _)) => Err(ApiError::invalid(name, "is no parameter of this request")),
            None => Ok(()),
        }
    }
}

/// The number of a parameter or a header.
pub(crate) fn whole_number(name: &str, text: &str) -> Result<u64, ApiError> {
    // `parse` would take a plus sign.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.then(|| text.parse().ok()).flatten();
    number.ok_or_else(|| ApiError::invalid(name, "must be a whole number within its bounds"))
}

/// No query parameters at all.
pub(crate) struct NoQuery;

impl<S: Send + Sync> FromRequestParts<S> for NoQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let query = Query::from_request_parts(parts, state).await?;
        query.finish().map(|()| Self)
    }
}

/// The context of a command: its `Idempotency-Key`, its actor and the revision that it expects, if any.
pub(crate) struct CommandContext(pub(crate) Context);

pub(crate) const IDEMPOTENCY_KEY: &str = "Idempotency-Key";
pub(crate) const ACTOR: &str = "X-Convodb-Actor";
pub(crate) const IF_MATCH: &str = "If-Match";

impl FromRequestParts<Arc<App>> for CommandContext {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let keyed = KeyedContext::from_request_parts(parts, app).await?;
        Ok(Self(keyed.context))
    }
}

/// The context of a command, and beside it its `Idempotency-Key`.
pub(crate) struct KeyedContext {
    pub(crate) context: Context,
    pub(crate) key: Option<String>,
}

impl FromRequestParts<Arc<App>> for KeyedContext {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let headers = &parts.headers;
        let mut context = Context::new();
        let key = header(headers, IDEMPOTENCY_KEY)?;
        // Narrower than the store's: characters that every HTTP library sends unchanged.
        if key.is_some_and(|key| !(1..=255).contains(&key.len())) {
            let reason = "must have 1 to 255 printable ASCII characters";
            return Err(ApiError::invalid(IDEMPOTENCY_KEY, reason));
        }
        if let Some(key) = key {
            context = context.idempotency_key(key);
        }
        if let Some(actor) = header(headers, ACTOR)? {
            context = context.actor(acting(ACTOR, actor, app).await?);
        }
        if let Some(tag) = header(headers, IF_MATCH)? {
            context = context.if_revision(revision(tag)?);
        }
        let key = key.map(str::to_owned);
        Ok(Self { context, key })
    }
}

/// The user who acts. One that the directory does not have is refused: a typing error would lose the author.
pub(crate) async fn acting(field: &str, id: &str, app: &App) -> Result<Actor, ApiError> {
    let invalid = |error: InvalidInput| ApiError::invalid(field, error.reason());
    let user = UserId::new(id).map_err(invalid)?;
    let actor = Actor::new(user.as_str()).map_err(invalid)?;
    let user = AssigneeId::from(user);
    match app.store.assignee(&user).await {
        Ok(_) => Ok(actor),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(ApiError::invalid(
            field,
            &format!("`{id}` is not in the directory"),
        )),
        Err(error) => Err(app.failed(error)),
    }
}

/// A header of printable ASCII characters, given at most once.
pub(crate) fn header<'h>(
    headers: &'h HeaderMap,
    name: &'static str,
) -> Result<Option<&'h str>, ApiError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(ApiError::invalid(name, "must be given once"));
    }
    let printable = |text: &&str| text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    match value.to_str().ok().filter(printable) {
        Some(text) => Ok(Some(text)),
        None => {
            let reason = "must have 1 to 255 printable ASCII characters";
            Err(ApiError::invalid(name, reason))
        }
    }
}

/// The revision of an entity tag: a number, between quotation marks or without them.
fn revision(tag: &str) -> Result<Revision, ApiError> {
    let quoted = tag
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let number = quoted.unwrap_or(tag);
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
    let number = is_number.then(|| number.parse().ok()).flatten();
    number
        .map(Revision::new)
        .ok_or_else(|| ApiError::invalid(IF_MATCH, "must be the number of a revision"))
}

/// A body that is an object in JSON.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        if media_type(request.headers()) != MediaType::Known {
            return Err(ApiError::of(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        let body = read(request).await?;
        parse(&repair_surrogates(&body)).map(Self)
    }
}

/// The same, or no body, which is an object without a field.
pub(crate) struct OptionalBody<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for OptionalBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let media_type = media_type(request.headers());
        let body = read(request).await?;
        if body.is_empty() {
            return parse(b"{}").map(Self);
        }
        if media_type != MediaType::Known {
            return Err(ApiError::of(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        parse(&repair_surrogates(&body)).map(Self)
    }
}

/// A body of lines of JSON.
pub(crate) struct LinesBody(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for LinesBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        match media_type_of(request.headers(), NDJSON) {
            MediaType::Known => read(request).await.map(Self),
            MediaType::Missing | MediaType::Other => Err(ApiError::no_lines()),
        }
    }
}

/// A body as it was received.
pub(crate) struct RawBody(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for RawBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        read(request).await.map(Self)
    }
}

/// No body, or an object without a field.
pub(crate) struct NoBody;

impl<S: Send + Sync> FromRequest<S> for NoBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Nothing {}

        let media_type = media_type(request.headers());
        let body = read(request).await?;
        if body.is_empty() {
            return Ok(Self);
        }
        if media_type == MediaType::Other {
            return Err(ApiError::of(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        parse(&body).map(|Nothing {}| Self)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum MediaType {
    Missing,
    Known,
    Other,
}

const JSON: &str = "application/json";
pub(crate) const NDJSON: &str = "application/x-ndjson";

fn media_type(headers: &HeaderMap) -> MediaType {
    media_type_of(headers, JSON)
}

/// Whether a body is of this media type, in UTF-8.
fn media_type_of(headers: &HeaderMap, known: &str) -> MediaType {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let Some(value) = values.next() else {
        return MediaType::Missing;
    };
    let Ok(value) = value.to_str() else {
        return MediaType::Other;
    };
    let (essence, parameters) = value.split_once(';').unwrap_or((value, ""));
    let charset = parameters
        .split(';')
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
    let utf_8 = charset.is_none_or(|(_, charset)| {
        let charset = charset.trim().trim_matches('"');
        charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("utf8")
    });
    let is_known = essence.trim().eq_ignore_ascii_case(known);
    if is_known && utf_8 && values.next().is_none() {
        MediaType::Known
    } else {
        MediaType::Other
    }
}

async fn read(request: Request) -> Result<Bytes, ApiError> {
    match request.into_body().collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) => Err(ApiError::of(broken_off(&error))),
    }
}

/// The answer where a body did not come to its end.
fn broken_off(error: &axum::Error) -> StatusCode {
    let mut error: Option<&dyn std::error::Error> = Some(error);
    while let Some(cause) = error {
        if cause.is::<LengthLimitError>() {
            return StatusCode::PAYLOAD_TOO_LARGE;
        }
        if cause.is::<TimeoutError>() {
            return StatusCode::REQUEST_TIMEOUT;
        }
        error = cause.source();
    }
    // The client disconnected: this answer is not read.
    StatusCode::BAD_REQUEST
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    if body.trim_ascii().is_empty() {
        return Err(ApiError::no_json("the body is empty".to_owned()));
    }
    // The whole body first: one that is cut off is no JSON, even if a field before that is invalid.
    let text = std::str::from_utf8(body)
        .map_err(|error| ApiError::no_json(format!("the body is no JSON: {error}")))?;
    serde_json::from_str::<IgnoredAny>(text)
        .map_err(|error| ApiError::no_json(format!("the body is no JSON: {error}")))?;
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(ApiError::unprocessable("the body must be an object"));
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        // The body is JSON: what is not as it was expected is a value of another type.
        let reason = match error.is_data() {
            true => error.to_string(),
            false => "has a value of the wrong type".to_owned(),
        };
        ApiError::unprocessable(named(&path, &reason))
    })
}

/// The message, with the field that it is about before it, once.
fn named(path: &str, message: &str) -> String {
    // The field's name replaces the position in the text.
    let message = message
        .rfind(" at line ")
        .and_then(|place| message.get(..place))
        .unwrap_or(message);
    if path == "." || message.contains(&format!("`{path}`")) {
        return message.to_owned();
    }
    // The library names the type of an id, and the path names the field.
    match message.split_once(": ") {
        Some((field, reason)) if path.ends_with(field) => format!("{path}: {reason}"),
        Some((field, reason)) if is_place(path) && field.ends_with("_id") => {
            format!("{path}: {reason}")
        }
        _ => format!("{path}: {message}"),
    }
}

/// Whether a field holds an id and is not called after it.
fn is_place(path: &str) -> bool {
    matches!(path, "from" | "into" | "up_to")
}

#[cfg(test)]
mod tests {
    use convodb::Inbound;

    use super::*;
    use crate::bodies::{AssignRequest, UnreadRequest};

    fn refusal<T: DeserializeOwned>(body: &str) -> String {
        match parse::<T>(body.as_bytes()) {
            Ok(_) => String::new(),
            Err(error) => format!("{error:?}"),
        }
    }

    #[test]
    fn what_is_wrong_stands_behind_the_fields_name() {
        for (body, expected) in [
            (
                r#"{"user_id":5}"#,
                "\"user_id: invalid type: integer `5`, expected a string\"",
            ),
            (
                r#"{"owner":5}"#,
                "\"unknown field `owner`, expected `user_id` or `team_id`\"",
            ),
            (r#"[]"#, "\"the body must be an object\""),
        ] {
            let refusal = refusal::<AssignRequest>(body);
            assert!(refusal.contains(expected), "{refusal}");
            assert!(refusal.contains("status: 422"), "{refusal}");
        }
        let unread = refusal::<UnreadRequest>(r#"{"from":"x"}"#);
        assert!(
            unread.contains("\"from: must begin with `msg_`"),
            "{unread}"
        );
        let empty = refusal::<AssignRequest>(" ");
        assert!(empty.contains("\"the body is empty\""), "{empty}");
        for (field, value, expected) in [
            (
                "contact_id",
                r#""x""#,
                "\"contact_id: must begin with `con_`\"",
            ),
            ("channel", r#""sms""#, "\"channel: unknown variant `sms`"),
            (
                "sent_at",
                r#""now""#,
                "\"sent_at: `now` is not an ISO 8601 time",
            ),
            ("provider_id", r#""""#, "\"provider_id: must not be empty\""),
            (
                "template_params",
                r#"["a",1]"#,
                "\"template_params[1]: invalid type",
            ),
            (
                "caption",
                r#""x""#,
                "\"caption: does not belong to this type",
            ),
        ] {
            let given = [
                ("contact_id", r#""con_1""#),
                ("channel", r#""webchat""#),
                ("type", r#""text""#),
                ("content", r#""A""#),
            ];
            let fields: Vec<_> = given
                .into_iter()
                .filter(|(name, _)| *name != field)
                .chain([(field, value)])
                .map(|(name, value)| format!(r#""{name}":{value}"#))
                .collect();
            let refusal = refusal::<Inbound>(&format!("{{{}}}", fields.join(",")));
            assert!(refusal.contains(expected), "{refusal}");
        }
    }

    #[test]
    fn a_body_that_is_no_json_is_so_whatever_stands_in_its_beginning() {
        for body in ["", "{", r#"{"user_id":5"#, "{} {}", "\u{feff}{}", "{'a':1}"] {
            let refusal = refusal::<AssignRequest>(body);
            assert!(refusal.contains("status: 400"), "{body}: {refusal}");
        }
        let not_utf_8 = parse::<AssignRequest>(b"{\"user_id\":\"\xff\"}");
        assert!(format!("{:?}", not_utf_8.err()).contains("status: 400"));
    }

    #[test]
    fn json_in_utf_8_is_the_one_media_type() {
        for (value, json) in [
            ("application/json", true),
            ("Application/JSON; charset=UTF-8", true),
            ("application/json;charset=\"utf-8\"", true),
            ("application/json; charset=latin1", false),
            ("text/json", false),
            ("application/x-www-form-urlencoded", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            if let Ok(value) = value.parse() {
                headers.insert(CONTENT_TYPE, value);
            }
            assert_eq!(media_type(&headers) == MediaType::Known, json, "{value}");
        }
    }
}
