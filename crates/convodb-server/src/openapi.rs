//! The description of the API as OpenAPI 3.1.
//!
//! Invariant: the API does what it says; the conformance run tests this.

pub(crate) mod bodies;
pub(crate) mod parameters;
pub(crate) mod responses;
pub(crate) mod schemas;
mod shapes;

use serde_json::{Value, json};
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{RefOr, Required};
use utoipa::{Modify, OpenApi};

use crate::handlers::{
    admin, contacts, conversations, desk, directory, events, health, imports, inboxes, messages,
    meta, notes, session, tags, views, webhooks,
};
use crate::metrics;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Conversations",
        description = "The threads of messages between a team and its contacts. Every answer that is \
            not of 2xx is `{\"error\": {\"code\", \"message\"}}`; the message names the field that is \
            at fault. Unknown parameters and fields are rejected.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    paths(
        conversations::list,
        conversations::get,
        conversations::assign,
        conversations::resolve,
        conversations::update,
        desk::claim,
        desk::unassign,
        desk::reopen,
        desk::read,
        desk::unread,
        desk::delete,
        desk::audit_log,
        contacts::list,
        contacts::get,
        contacts::put,
        contacts::identify,
        contacts::merge,
        contacts::export,
        contacts::erase,
        notes::list,
        notes::add,
        notes::remove,
        messages::send,
        messages::receive,
        messages::status,
        messages::react,
        messages::edit,
        messages::revoke,
        messages::retry,
        messages::update,
        imports::import,
        messages::list,
        messages::versions,
        tags::list,
        inboxes::list,
        inboxes::get,
        inboxes::put,
        views::list,
        views::get,
        views::put,
        views::delete,
        directory::list_users,
        directory::list_teams,
        directory::put_user,
        directory::get_team,
        directory::put_team,
        events::list,
        events::stream,
        session::open,
        session::get,
        session::end,
        webhooks::list,
        webhooks::remove,
        webhooks::replay,
        webhooks::drop_letter,
        health::health,
        metrics::show,
        admin::backup,
        admin::export,
        admin::stats,
        admin::verify,
        admin::compact,
        admin::purge,
        admin::imported,
        admin::import,
        meta::handshake,
        meta::receive,
    ),
    components(schemas(
        schemas::Error,
        schemas::UnmetError,
        schemas::TakenError,
        schemas::BuildingError,
        schemas::Location,
        schemas::Card,
        schemas::Choice,
        schemas::SystemLine,
        schemas::Unsupported,
        schemas::Reference,
        schemas::Direction,
        bodies::Metadata,
        bodies::NewAttachment,
        bodies::Writer,
        bodies::Actor,
    )),
    security(("key" = [])),
    modifiers(&Key, &OptionalBodies, &Scopes, &Examples),
)]
struct Document;

/// How a request carries its key.
struct Key;

impl Modify for Key {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("One of the server's API keys. Requests of a browser may have the cookie `convodb_session` in its place, \
                which `POST /v1/session` sets"))
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("key", SecurityScheme::Http(scheme));
    }
}

/// The operations whose body may be missing: the library describes each body as required.
struct OptionalBodies;

impl Modify for OptionalBodies {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        for path in [
            "/v1/conversations/{id}/claim",
            "/v1/conversations/{id}/read",
            "/v1/conversations/{id}/unread",
            "/v1/session",
        ] {
            let item = document.paths.paths.get_mut(path);
            let body = item.and_then(|item| item.post.as_mut()?.request_body.as_mut());
            if let Some(RefOr::T(body)) = body {
                body.required = Some(Required::False);
            }
        }
    }
}

/// Each operation, with its path and whether it only reads.
fn operations(
    document: &mut utoipa::openapi::OpenApi,
) -> impl Iterator<Item = (&str, bool, &mut Operation)> {
    document.paths.paths.iter_mut().flat_map(|(path, item)| {
        let others = [
            &mut item.post,
            &mut item.put,
            &mut item.patch,
            &mut item.delete,
        ];
        let others = others.into_iter().flatten().map(|it| (false, it));
        let all = item.get.iter_mut().map(|it| (true, it)).chain(others);
        all.map(move |(reads, operation)| (path.as_str(), reads, operation))
    })
}

/// The scope that a key needs for an operation.
struct Scopes;

impl Modify for Scopes {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        for (path, reads, operation) in operations(document) {
            if operation.security.is_some() {
                continue;
            }
            let scope = match path {
                _ if path.starts_with("/v1/session") => None,
                _ if path.starts_with("/v1/admin/") => Some("admin"),
                _ if path.starts_with("/v1/webhooks") => Some("webhooks"),
                "/metrics" => Some("metrics"),
                _ if reads => Some("read"),
                _ => Some("write"),
            };
            operation.security = Some(vec![SecurityRequirement::new("key", scope)]);
        }
    }
}

/// An example of each body of JSON, by the operation's id.
struct Examples;

impl Modify for Examples {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let examples: Value =
            serde_json::from_str(include_str!("openapi/examples.json")).unwrap_or_default();
        for (_, _, operation) in operations(document) {
            let id = operation.operation_id.as_deref().unwrap_or_default();
            let example = examples.get(id).cloned();
            if let Some(RefOr::T(body)) = &mut operation.request_body
                && let Some(RefOr::T(json)) = body.content.get_mut("application/json")
            {
                json.example = example;
            }
        }
    }
}

/// The document, as it is served.
pub(crate) fn document() -> serde_json::Result<String> {
    let mut document = Document::openapi().to_json()?;
    // Behind the last of its fields: the library has none for them.
    if document.ends_with('}') {
        document.pop();
        document.push_str(&format!(",\"webhooks\":{}}}", webhooks()));
    }
    Ok(document)
}

/// What the server posts to receivers of events.
fn webhooks() -> Value {
    let header = |name: &str, description: &str, schema: Value| json!({"name": name, "in": "header", "required": true, "description": description, "schema": schema});
    json!({
        "event": {
            "post": {
                "operationId": "receive_event",
                "summary": "An event happened",
                "description": "Posted in the order of the numbers, at least once, until the receiver accepts it or \
                    it becomes a dead letter.",
                "security": [],
                "parameters": [
                    header("X-Convodb-Event", "The event's type", json!({"type": "string"})),
                    header("X-Convodb-Sequence", "Its number", json!({"type": "integer", "minimum": 1})),
                    header(
                        "X-Convodb-Timestamp",
                        "When it was posted, in seconds since 1970",
                        json!({"type": "integer"}),
                    ),
                    header(
                        "X-Convodb-Signature",
                        "The HMAC-SHA256 of the timestamp, a `.` and the body, with the receiver's secret",
                        json!({"type": "string", "pattern": "^sha256=[0-9a-f]{64}$"}),
                    ),
                ],
                "requestBody": {
                    "required": true,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Event"}}},
                },
                "responses": {
                    "2XX": {"description": "The receiver has the event"},
                    "default": {"description": "The event is posted again"},
                },
            },
        },
    })
}
