//! What else an operation may answer, by why.

use std::collections::BTreeMap;

use utoipa::IntoResponses;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, Ref, RefOr};

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident { $($status:literal: $description:literal),* $(,)? })*) => {
        $(
            $(#[$doc])*
            pub(crate) struct $name;

            impl IntoResponses for $name {
                fn responses() -> BTreeMap<String, RefOr<Response>> {
                    [$(($status, $description)),*].into_iter().map(refusal).collect()
                }
            }
        )*
    };
}

refusals! {
    /// Of every operation with a key.
    Request {
        "401": "No key, or one that is not valid",
        "403": "The key does not have the scope of the request, or may not act for others; or a request by cookie lacks `X-Convodb-Csrf: 1` or comes from another origin",
        "408": "The request took too long",
        "422": "A parameter or a field is not valid; the message names it",
        "429": "Too many requests with this key",
        "500": "The server failed",
        "501": "The store does not have it; nothing was written",
        "503": "Too many commands are under way, or the store cannot be used: try again",
    }

    /// Of a resource that is named.
    NotFound {
        "404": "There is no such resource",
    }

    /// Of an operation with an `Idempotency-Key`. It replaces the response of [`Request`].
    Key {
        "422": "A parameter or a field is not valid, and the message names it; or another request had the same `Idempotency-Key`",
    }

    /// Of an operation on one conversation.
    Unmet {
        "412": "The conversation is not as it was expected; `revision` and `assigned_to` say how it is",
    }

    /// Of an event that is posted again.
    NotAccepted {
        "502": "The receiver did not accept the event; the message says why",
    }

    /// Of a webhook that is removed.
    Configured {
        "409": "The server is configured to post to it",
    }

    /// Of the list of events.
    Conflict {
        "409": "`after` is greater than the number of the newest event",
    }

    /// Of work of which one runs at a time.
    Running {
        "409": "Another one is under way",
    }

    /// Of what a file alone has. It replaces the response of [`Request`].
    FileOnly {
        "501": "The store is in PostgreSQL; the message names what there is instead",
    }

    /// Of an operation on a message.
    MessageConflict {
        "409": "Its `provider_id` or `client_ref` is that of another message, it has another `provider_id`, it was revoked, or it did not fail; `code` says which",
    }

    /// Of the linking of identities.
    IdentityConflict {
        "409": "An identity belongs to another contact; `contact_ids` names both",
    }

    /// Of a list of a view.
    Building {
        "409": "The view is being built; `done` and `of` say how far it has come",
    }

    /// Of what was erased or purged.
    Gone {
        "410": "It was there, and was erased or purged",
    }

    /// Of an operation that takes a body.
    Body {
        "400": "The body is no JSON",
        "413": "The body is too large",
        "415": "The body is not `application/json`",
    }

    /// Of an operation that takes lines.
    LinesBody {
        "413": "The body is too large",
        "415": "The body is not `application/x-ndjson`",
    }

    /// Of a webhook.
    Webhook {
        "400": "The body is no JSON, or not an object",
        "401": "No signature, or one of another body or another secret",
        "413": "The body is too large",
    }

    /// Of what is only there if it was configured.
    NotConfigured {
        "404": "The server was started without the secret that this needs",
    }

    /// Of one that needs no key.
    Unavailable {
        "408": "The request took too long",
        "500": "The server failed",
        "503": "The store cannot be used at the moment",
    }
}

fn refusal((status, description): (&str, &str)) -> (String, RefOr<Response>) {
    let schema = match status {
        "412" => "UnmetError",
        "409" if description.contains("contact_ids") => "TakenError",
        "409" if description.contains("`done`") => "BuildingError",
        _ => "Error",
    };
    let error = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(schema)))
        .build();
    let mut response = ResponseBuilder::new()
        .description(description)
        .content("application/json", error);
    if matches!(status, "429" | "503") {
        let seconds = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(0));
        let header = HeaderBuilder::new()
            .schema(Some(seconds))
            .description(Some("After how many seconds to try again"));
        response = response.header("Retry-After", header.build());
    }
    (status.to_owned(), response.build().into())
}
