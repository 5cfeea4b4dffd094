//! Conversations: listing, reading, assigning and resolving.

use std::io;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use convodb::commands::{Assign, Resolve, UpdateConversation};
use convodb::{AssigneeId, AttributeChanges, Contact, Conversation, Cursor, Filter, Message};
use futures_util::future::try_join_all;
use futures_util::{Stream, StreamExt as _, stream};
use serde::Serialize;

use crate::app::{Answer, App, json_response};
use crate::backend::{State as Snapshot, Thread};
use crate::bodies::AssignRequest;
use crate::errors::ApiError;
use crate::openapi::parameters::{CommandHeaders, ConversationId, Expected, List, Whole};
use crate::openapi::responses::{Body, Building, Key, NotFound, Request, Unmet};
use crate::openapi::{bodies, schemas};
use crate::request::{CommandContext, JsonBody, NoBody, NoQuery, PathConversation, Query};

/// List conversations
///
/// The latest activity first, without messages. Pages are taken by number or by cursor: the page of a
/// cursor begins after the row at which the page before ended, even if the list moved meanwhile.
#[utoipa::path(
    get,
    path = "/v1/conversations",
    operation_id = "list_conversations",
    params(List),
    responses(
        (status = 200, description = "A page", body = schemas::ConversationPage),
        Request, NotFound, Building
    )
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    mut query: Query,
) -> Result<Answer, ApiError> {
    if query.contains("around") {
        return Err(ApiError::invalid("around", "is no parameter of this list"));
    }
    // Beside a cursor, `page` is only the number of the answer.
    let mut number = None;
    if query.contains("cursor") {
        let page = query.take_number("page")?.unwrap_or(1);
        number = Some(page);
        if page == 0 {
            return Err(ApiError::invalid("page", "must be at least 1"));
        }
    }
    let include = Include::of(query.take("include")?.as_deref())?;
    let (filter, page) = Filter::from_query_pairs(query.0)?;
    let scans = filter.reads_candidates();
    let store = app.store.clone();
    let read = async move {
        if !include.last_message && !include.contact {
            return Ok((store.list(&filter, page).await?, None));
        }
        let snapshot = store.snapshot().await?;
        let rows = snapshot.list(&filter, page).await?;
        let more = include.read(&snapshot, &rows.data).await?;
        Ok((rows, Some(more)))
    };
    let (mut rows, more) = match scans {
        true => app.scan(read).await?,
        false => app.read(read).await?,
    };
    rows.number = rows.number.or(number);
    match more {
        None => Answer::ok(&rows),
        Some(more) => {
            let data = rows.data.iter().zip(&more);
            Answer::ok(&PageWithMore {
                data: data.map(|(row, more)| RowWithMore { row, more }).collect(),
                total: rows.total,
                page: rows.number,
                next: rows.next,
            })
        }
    }
}

/// What a list adds to its rows.
#[derive(Clone, Copy, Default)]
struct Include {
    last_message: bool,
    contact: bool,
}

impl Include {
    fn of(names: Option<&str>) -> Result<Self, ApiError> {
        let mut include = Self::default();
        for name in names.into_iter().flat_map(|names| names.split(',')) {
            match name {
                "last_message" => include.last_message = true,
                "contact" => include.contact = true,
                _ => {
                    let reason = "must be `last_message`, `contact`, or both";
                    return Err(ApiError::invalid("include", reason));
                }
            }
        }
        Ok(include)
    }

    /// Reads it, for each row.
    async fn read(self, state: &Snapshot, rows: &[Conversation]) -> convodb::Result<Vec<More>> {
        let mut more: Vec<More> = rows.iter().map(|_| More::default()).collect();
        if self.last_message {
            let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
            let last = state.last_messages(&ids).await?;
            for (more, last) in more.iter_mut().zip(last) {
                more.last_message = last;
            }
        }
        if self.contact {
            // PostgreSQL is asked for all of them at once, in one round trip.
            let contacts = rows.iter().map(|row| state.contact(&row.contact_id));
            for (more, contact) in more.iter_mut().zip(try_join_all(contacts).await?) {
                more.contact = Some(contact);
            }
        }
        Ok(more)
    }
}

/// A page whose rows have more than lists show otherwise.
#[derive(Serialize)]
struct PageWithMore<'p> {
    data: Vec<RowWithMore<'p>>,
    total: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Cursor>,
}

#[derive(Serialize)]
struct RowWithMore<'p> {
    #[serde(flatten)]
    row: &'p Conversation,
    #[serde(flatten)]
    more: &'p More,
}

#[derive(Default, Serialize)]
struct More {
    #[serde(skip_serializing_if = "Option::is_none")]
    last_message: Option<Message>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contact: Option<Contact>,
}

/// Get a conversation
///
/// With all its messages, oldest first, unless `messages` is `false`. A long thread is sent as it is read; one
/// that ends before its end was cut by an error.
#[utoipa::path(
    get,
    path = "/v1/conversations/{id}",
    operation_id = "get_conversation",
    params(ConversationId, Whole),
    responses((status = 200, description = "The conversation", body = schemas::Conversation), Request, NotFound)
)]
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    PathConversation(id): PathConversation,
    mut query: Query,
) -> Result<Response, ApiError> {
    let has_messages = match query.take("messages")?.as_deref() {
        None | Some("true") => true,
        Some("false") => false,
        Some(_) => return Err(ApiError::invalid("messages", "must be `true` or `false`")),
    };
    query.finish()?;
    if !has_messages {
        let conversation = app.read(app.store.conversation(id)).await?;
        return Ok(Answer::ok(&conversation)?.into_response());
    }
    let read = app.read(async {
        let snapshot = app.store.snapshot().await?;
        let conversation = snapshot.conversation(id).await?;
        Ok((conversation, snapshot.thread(id)?))
    });
    let (conversation, messages) = read.await?;
    let mut thread = Written::begin(app, &conversation, messages)?;
    let mut beginning = Vec::with_capacity(USUAL_BYTES);
    while let Some(written) = thread.write_next(&mut beginning).await {
        written?;
        // What is longer is sent as it is read, so that it needs no memory.
        if beginning.len() > MAX_WHOLE_BYTES {
            let parts = stream::iter([Ok(beginning)]).chain(thread.parts());
            return Ok(json_response(axum::body::Body::from_stream(parts)));
        }
    }
    Ok(json_response(beginning))
}

/// A thread of ten messages has less.
const USUAL_BYTES: usize = 4 * 1024;

/// How much of a thread is held in memory.
const MAX_WHOLE_BYTES: usize = 256 * 1024;

/// The JSON of a conversation with its messages, a message at a time.
struct Written {
    app: Arc<App>,
    messages: Thread,
    /// What precedes the first message, until it is written.
    beginning: Option<Vec<u8>>,
    /// What follows the last message, until it is written.
    end: Option<Vec<u8>>,
}

/// How the JSON of a conversation without its messages has them.
const EMPTY: &str = r#""messages":[]"#;

impl Written {
    fn begin(
        app: Arc<App>,
        conversation: &Conversation,
        messages: Thread,
    ) -> Result<Self, ApiError> {
        let json = serde_json::to_string(conversation).map_err(unprintable)?;
        // A quotation mark within a text is escaped, so that no text has these characters.
        let (beginning, end) = json.split_once(EMPTY).unwrap_or((&json, ""));
        Ok(Self {
            app,
            messages,
            beginning: Some(format!("{beginning}\"messages\":[").into_bytes()),
            end: Some(format!("]{end}").into_bytes()),
        })
    }

    /// Writes the next message with what is before it, or the end.
    async fn write_next(&mut self, json: &mut Vec<u8>) -> Option<Result<(), ApiError>> {
        self.end.as_ref()?;
        let is_first = self.beginning.is_some();
        json.append(&mut self.beginning.take().unwrap_or_default());
        Some(match self.messages.next().await {
            None => {
                json.append(&mut self.end.take().unwrap_or_default());
                Ok(())
            }
            Some(Ok(message)) => {
                if !is_first {
                    json.push(b',');
                }
                serde_json::to_writer(json, &message).map_err(unprintable)
            }
            Some(Err(error)) => {
                self.end = None;
                Err(self.app.failed(error))
            }
        })
    }

    /// What is left, a message at a time. An error ends the answer before its end, so that the client sees that it
    /// is not whole.
    fn parts(self) -> impl Stream<Item = io::Result<Vec<u8>>> + Send {
        stream::unfold(self, async |mut thread| {
            let mut part = Vec::new();
            let written = thread.write_next(&mut part).await?.map(|()| part);
            if written.is_err() {
                thread.end = None;
            }
            Some((
                written.map_err(|_| io::Error::other("the store failed")),
                thread,
            ))
        })
    }
}

fn unprintable(error: serde_json::Error) -> ApiError {
    tracing::error!("a conversation cannot be serialized: {error}");
    ApiError::of(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Assign a conversation
///
/// To a user or a team of the directory, which reopens a resolved one.
#[utoipa::path(
    post,
    path = "/v1/conversations/{id}/assign",
    operation_id = "assign_conversation",
    params(ConversationId, CommandHeaders, Expected),
    request_body = bodies::Assignment,
    responses(
        (status = 200, description = "The conversation, without its messages", body = schemas::Conversation),
        Request, Key, NotFound, Unmet, Body
    )
)]
pub(crate) async fn assign(
    State(app): State<Arc<App>>,
    PathConversation(id): PathConversation,
    _: NoQuery,
    CommandContext(context): CommandContext,
    JsonBody(request): JsonBody<AssignRequest>,
) -> Result<Answer, ApiError> {
    let command = Assign {
        conversation: id,
        assignee: Some(AssigneeId::try_from(request)?),
    };
    Answer::ok(&app.execute(context, command).await?.value)
}

/// Resolve a conversation
///
/// It stays assigned. Resolving one that is resolved changes nothing.
#[utoipa::path(
    post,
    path = "/v1/conversations/{id}/resolve",
    operation_id = "resolve_conversation",
    params(ConversationId, CommandHeaders, Expected),
    responses(
        (status = 200, description = "The conversation, without its messages", body = schemas::Conversation),
        Request, Key, NotFound, Unmet, Body
    )
)]
pub(crate) async fn resolve(
    State(app): State<Arc<App>>,
    PathConversation(id): PathConversation,
    _: NoQuery,
    CommandContext(context): CommandContext,
    _: NoBody,
) -> Result<Answer, ApiError> {
    let command = Resolve { conversation: id };
    Answer::ok(&app.execute(context, command).await?.value)
}

/// Update a conversation
///
/// Sets its attributes; `null` takes one away, and what is left out stays. Each change raises the
/// revision, and none is activity.
#[utoipa::path(
    patch,
    path = "/v1/conversations/{id}",
    operation_id = "update_conversation",
    params(ConversationId, CommandHeaders, Expected),
    request_body = bodies::ConversationUpdate,
    responses(
        (status = 200, description = "The conversation, without its messages", body = schemas::Conversation),
        Request, Key, NotFound, Unmet, Body
    )
)]
pub(crate) async fn update(
    State(app): State<Arc<App>>,
    PathConversation(id): PathConversation,
    _: NoQuery,
    CommandContext(context): CommandContext,
    JsonBody(changes): JsonBody<AttributeChanges>,
) -> Result<Answer, ApiError> {
    let command = UpdateConversation {
        conversation: id,
        changes,
    };
    Answer::ok(&app.execute(context, command).await?.value)
}
