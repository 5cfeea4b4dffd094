//! Contacts.

use std::io::Write as _;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use convodb::commands::{EraseContact, Identify, MergeContacts, SaveContact};
use convodb::{ContactChanges, ContactFilter, ContactId, Import, PageRequest};
use futures_util::{StreamExt as _, stream};
use serde::{Deserialize, Serialize};

use crate::app::{Answer, App};
use crate::errors::ApiError;
use crate::openapi::parameters::{self, CommandHeaders};
use crate::openapi::responses::{Body, IdentityConflict, Key, NotFound, Request};
use crate::openapi::{bodies, schemas};
use crate::request::{CommandContext, JsonBody, NoBody, NoQuery, PathId, Query};

/// List contacts
///
/// Contacts with a record: by the beginning of their names, without case; by the beginning of an identity on
/// a channel; or all, by their ids. The total is exact.
#[utoipa::path(
    get,
    path = "/v1/contacts",
    operation_id = "list_contacts",
    params(parameters::Contacts),
    responses((status = 200, description = "A page", body = schemas::ContactPage), Request)
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    mut query: Query,
) -> Result<Answer, ApiError> {
    let (name, channel) = (query.take("name")?, query.take("channel")?);
    let identity = query.take("identity")?;
    let number = query.take_number("page")?.unwrap_or(1);
    let limit = query.take_number("limit")?;
    query.finish()?;
    // A number that is too large for its type is rejected as the largest one is.
    let limit = limit.map_or(PageRequest::default().limit(), |limit| {
        limit.try_into().unwrap_or(u32::MAX)
    });
    let filter = match (name, channel, identity) {
        (None, None, None) => ContactFilter::All,
        (Some(name), None, None) => ContactFilter::Name(name),
        (None, Some(channel), Some(identity)) => {
            ContactFilter::Identity(channel.parse()?, identity)
        }
        (Some(_), ..) => {
            let reason = "must not be given beside channel or identity";
            return Err(ApiError::invalid("name", reason));
        }
        (None, None, Some(_)) => {
            return Err(ApiError::invalid(
                "channel",
                "must be given beside identity",
            ));
        }
        (None, Some(_), None) => {
            return Err(ApiError::invalid(
                "identity",
                "must be given beside channel",
            ));
        }
    };
    let page = PageRequest::number(number, limit)?;
    Answer::ok(&app.read(app.store.list_contacts(&filter, page)).await?)
}

/// Get a contact
///
/// A contact without a record has no name, no identities, and the time of its oldest conversation.
#[utoipa::path(
    get,
    path = "/v1/contacts/{id}",
    operation_id = "get_contact",
    params(parameters::ContactId),
    responses((status = 200, description = "The contact", body = schemas::Contact), Request, NotFound)
)]
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    PathId(id): PathId,
    _: NoQuery,
) -> Result<Answer, ApiError> {
    let contact = named(&id)?;
    Answer::ok(&app.read(app.store.contact(&contact)).await?)
}

/// Put a contact
///
/// Gives it a name and metadata; `null` takes them away, and what is left out stays.
#[utoipa::path(
    put,
    path = "/v1/contacts/{id}",
    operation_id = "put_contact",
    params(parameters::ContactId, CommandHeaders),
    request_body = bodies::ContactUpdate,
    responses(
        (status = 201, description = "The contact, of which no more than its id was known", body = schemas::Contact),
        (status = 200, description = "The contact", body = schemas::Contact),
        Request, Key, Body
    )
)]
pub(crate) async fn put(
    State(app): State<Arc<App>>,
    PathId(id): PathId,
    _: NoQuery,
    CommandContext(context): CommandContext,
    JsonBody(changes): JsonBody<ContactChanges>,
) -> Result<Answer, ApiError> {
    let contact = ContactId::new(&id)?;
    let command = SaveContact { contact, changes };
    let outcome = app.execute(context, command).await?;
    let is_new = outcome.effect.created && !outcome.is_duplicate;
    Answer::created(is_new, &outcome.value)
}

/// Link identities
///
/// To the contact that is given, or that of the first identity that is known, or a new one. If they belong to
/// several contacts, `merge` merges these into that one.
#[utoipa::path(
    post,
    path = "/v1/contacts/identify",
    operation_id = "identify_contact",
    params(CommandHeaders),
    request_body = bodies::Identification,
    responses(
        (status = 201, description = "The contact, created", body = schemas::Contact),
        (status = 200, description = "The contact", body = schemas::Contact),
        Request, Key, IdentityConflict, Body
    )
)]
pub(crate) async fn identify(
    State(app): State<Arc<App>>,
    _: NoQuery,
    CommandContext(context): CommandContext,
    JsonBody(command): JsonBody<Identify>,
) -> Result<Answer, ApiError> {
    let outcome = app.execute(context, command).await?;
    let is_new = outcome.effect.created && !outcome.is_duplicate;
    Answer::created(is_new, &outcome.value)
}

/// The contact that is merged, and the other one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Merge {
    from: ContactId,
    into: ContactId,
}

/// Merge contacts
///
/// The contact `into` gets all identities of `from`. In each inbox where both have a conversation, the messages
/// and notes of the one take their places in the other. The old ids keep working; they lead to the survivors.
/// It cannot be undone; once more it changes nothing.
#[utoipa::path(
    post,
    path = "/v1/contacts/merge",
    operation_id = "merge_contacts",
    params(CommandHeaders),
    request_body = bodies::Merge,
    responses(
        (status = 200, description = "The contact `into`", body = schemas::Contact),
        Request, Key, NotFound, Body
    )
)]
pub(crate) async fn merge(
    State(app): State<Arc<App>>,
    _: NoQuery,
    CommandContext(context): CommandContext,
    JsonBody(Merge { from, into }): JsonBody<Merge>,
) -> Result<Answer, ApiError> {
    let command = MergeContacts { from, into };
    Answer::ok(&app.execute(context, command).await?.value)
}

/// Export a contact
///
/// All that is kept of it, as lines of JSON: `{"contact": …}`, then each conversation with its messages and
/// notes. An answer that ends before its last line was cut by an error.
#[utoipa::path(
    get,
    path = "/v1/contacts/{id}/export",
    operation_id = "export_contact",
    params(parameters::ContactId),
    responses(
        (status = 200, description = "The lines", body = String, content_type = "application/x-ndjson"),
        Request, NotFound
    )
)]
pub(crate) async fn export(
    State(app): State<Arc<App>>,
    PathId(id): PathId,
    _: NoQuery,
) -> Result<Response, ApiError> {
    #[derive(Serialize)]
    struct ContactLine {
        contact: convodb::Contact,
    }
    let contact = named(&id)?;
    let read = app.read(async {
        let snapshot = app.store.snapshot().await?;
        let known = snapshot.contact(&contact).await?;
        let conversations = snapshot.conversations_of(&contact).await?;
        Ok((snapshot, known, conversations))
    });
    let (snapshot, contact, conversations) = read.await?;
    let first = stream::iter([line(&ContactLine { contact })]);
    let snapshot = Arc::new(snapshot);
    // A conversation at a time, as the client takes them.
    let rest = stream::iter(conversations).then(move |known| {
        let snapshot = Arc::clone(&snapshot);
        async move {
            let read = async {
                let transcript = snapshot.transcript(known.id).await?;
                let (notes, _) = snapshot.notes(known.id, 0, usize::MAX).await?;
                Ok(Import::new(transcript.conversation, transcript.messages).notes(notes))
            };
            line(&read.await.map_err(io_error)?)
        }
    });
    let body = axum::body::Body::from_stream(first.chain(rest));
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], body).into_response())
}

/// An error ends the answer before its end, so that the client sees that it is not whole.
fn io_error(error: convodb::Error) -> std::io::Error {
    tracing::warn!("an export was cut: {}", crate::errors::chain(&error));
    std::io::Error::other("the store failed")
}

fn line(value: &impl Serialize) -> std::io::Result<Vec<u8>> {
    let mut line = Vec::new();
    serde_json::to_writer(&mut line, value)?;
    line.write_all(b"\n")?;
    Ok(line)
}

/// The contact that a path names. What cannot be the id of one is that of none.
fn named(id: &str) -> Result<ContactId, ApiError> {
    ContactId::new(id).map_err(|_| ApiError::not_found(format!("there is no contact `{id}`")))
}

/// Erase a contact
///
/// Deletes its conversations in every inbox with all that belongs to them, its record and its identities.
/// Nothing of it is kept, and its events lose its id. An unknown contact is answered with 204 too.
#[utoipa::path(
    post,
    path = "/v1/contacts/{id}/erase",
    operation_id = "erase_contact",
    params(parameters::ContactId, CommandHeaders),
    responses((status = 204, description = "It is erased"), Request, Key, NotFound, Body)
)]
pub(crate) async fn erase(
    State(app): State<Arc<App>>,
    PathId(id): PathId,
    _: NoQuery,
    CommandContext(context): CommandContext,
    _: NoBody,
) -> Result<StatusCode, ApiError> {
    let contact = named(&id)?;
    app.execute(context, EraseContact { contact }).await?;
    Ok(StatusCode::NO_CONTENT)
}
