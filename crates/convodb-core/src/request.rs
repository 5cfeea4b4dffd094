//! The bodies of the specification's requests.

use serde::{Deserialize, Deserializer};

use crate::{AssigneeId, InvalidInput, TeamId, UserId, object};

/// The body of *Assign a conversation*: a `user_id` or a `team_id`, not both.
///
/// ```
/// use convodb::{AssignRequest, AssigneeId};
///
/// let body: AssignRequest = serde_json::from_str(r#"{"user_id": "usr_01H111"}"#)?;
/// assert_eq!(AssigneeId::try_from(body)?, AssigneeId::new("usr_01H111")?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AssignRequest {
    /// The user to assign the conversation to.
    pub user_id: Option<String>,
    /// The team to assign the conversation to.
    pub team_id: Option<String>,
}

impl<'de> Deserialize<'de> for AssignRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Document {
            user_id: Option<String>,
            team_id: Option<String>,
        }

        let Document { user_id, team_id } = object(deserializer)?;
        Ok(Self { user_id, team_id })
    }
}

impl TryFrom<AssignRequest> for AssigneeId {
    type Error = InvalidInput;

    fn try_from(request: AssignRequest) -> Result<Self, InvalidInput> {
        match (request.user_id, request.team_id) {
            (Some(user), None) => UserId::new(&user).map(Self::from),
            (None, Some(team)) => TeamId::new(&team).map(Self::from),
            (Some(_), Some(_)) => Err(InvalidInput::new(
                "team_id",
                "must not be given beside user_id",
            )),
            (None, None) => Err(InvalidInput::new("user_id", "or team_id must be given")),
        }
    }
}

/// The body of *Add an internal note*.
///
/// ```
/// let body: convodb::NoteRequest = serde_json::from_str(r#"{"content": "Enterprise plan."}"#)?;
/// assert_eq!(body.content, "Enterprise plan.");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteRequest {
    /// The text of the note.
    pub content: String,
}

impl<'de> Deserialize<'de> for NoteRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Document {
            content: String,
        }

        let Document { content } = object(deserializer)?;
        Ok(Self { content })
    }
}
