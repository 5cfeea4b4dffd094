//! Tags.

use std::sync::Arc;

use axum::extract::State;
use convodb::TagCount;
use serde::Serialize;

use crate::app::{Answer, App};
use crate::errors::ApiError;
use crate::openapi::responses::Request;
use crate::openapi::schemas;
use crate::request::NoQuery;

/// List the tags
///
/// Those that conversations have, whatever their case, with how many have each.
#[utoipa::path(
    get,
    path = "/v1/tags",
    operation_id = "list_tags",
    responses((status = 200, description = "The tags", body = schemas::Tags), Request)
)]
pub(crate) async fn list(State(app): State<Arc<App>>, _: NoQuery) -> Result<Answer, ApiError> {
    #[derive(Serialize)]
    struct Tags {
        data: Vec<TagCount>,
    }
    let data = app.read(app.store.tags()).await?;
    Answer::ok(&Tags { data })
}
