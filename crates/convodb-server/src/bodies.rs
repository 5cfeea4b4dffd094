//! The bodies of requests that are not commands themselves.

use convodb::{AssigneeId, InvalidInput, MessageId, TeamId, UserId};
use serde::Deserialize;

/// The body that assigns a conversation: a `user_id` or a `team_id`, not both.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AssignRequest {
    user_id: Option<String>,
    team_id: Option<String>,
}

impl AssignRequest {
    pub(crate) const fn is_empty(&self) -> bool {
        self.user_id.is_none() && self.team_id.is_none()
    }
}

impl TryFrom<AssignRequest> for AssigneeId {
    type Error = InvalidInput;

    fn try_from(request: AssignRequest) -> Result<Self, InvalidInput> {
        match (request.user_id, request.team_id) {
            (Some(user), None) => UserId::new(&user).map(Self::from),
            (None, Some(team)) => TeamId::new(&team).map(Self::from),
            (Some(_), Some(_)) => {
                let reason = "must not be given beside user_id";
                Err(InvalidInput::new("team_id", reason))
            }
            (None, None) => Err(InvalidInput::new(
                "user_id",
                "`user_id` or `team_id` is required",
            )),
        }
    }
}

/// The body that adds an internal note.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoteRequest {
    pub(crate) content: String,
}

/// The body that marks messages as read.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReadRequest {
    pub(crate) up_to: Option<MessageId>,
}

/// The body that marks messages as unread.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UnreadRequest {
    pub(crate) from: Option<MessageId>,
}

/// The body that opens a session.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SessionRequest {
    pub(crate) actor: Option<String>,
}

#[cfg(test)]
mod tests {
    use anyhow::Result;

    use super::*;

    fn assignee(body: &str) -> Result<AssigneeId, InvalidInput> {
        let request = serde_json::from_str::<AssignRequest>(body);
        let request = request.map_err(|error| InvalidInput::new("body", error.to_string()));
        AssigneeId::try_from(request?)
    }

    fn refusal<T: serde::de::DeserializeOwned>(body: &str) -> String {
        let refused = serde_json::from_str::<T>(body).err();
        refused.map_or(String::new(), |error| error.to_string())
    }

    #[test]
    fn an_assignee_is_a_user_or_a_team_and_not_both() {
        for (body, id) in [
            (r#"{"user_id": "usr_1", "team_id": null}"#, "usr_1"),
            (r#"{"team_id": "team_1"}"#, "team_1"),
        ] {
            let assignee = assignee(body);
            assert_eq!(assignee.map(|id| id.to_string()), Ok(id.to_owned()));
        }
        for (body, reason) in [
            (
                r#"{"user_id": "usr_1", "team_id": "team_1"}"#,
                "team_id: must not be given beside user_id",
            ),
            ("{}", "user_id: `user_id` or `team_id` is required"),
            (
                r#"{"user_id": null, "team_id": null}"#,
                "user_id: `user_id` or `team_id` is required",
            ),
            (r#"{"user_id": "team_1"}"#, "user_id: "),
            (r#"{"user_id": ""}"#, "user_id: "),
            (r#"{"team_id": "usr_1"}"#, "team_id: "),
            (r#"{"team_id": "unassigned"}"#, "team_id: "),
            (r#"{"team_id": ""}"#, "team_id: "),
            (r#"{"user_id": 7}"#, "body: invalid type"),
            (
                r#"{"user_id": "usr_1", "by": "me"}"#,
                "body: unknown field `by`",
            ),
            (
                r#"{"user_id": "usr_1", "user_id": "usr_1"}"#,
                "body: duplicate field `user_id`",
            ),
        ] {
            let refused = assignee(body).err().map(|error| error.to_string());
            let refused = refused.unwrap_or_default();
            assert!(refused.starts_with(reason), "{body}: {refused}");
        }
    }

    #[test]
    fn a_note_has_its_content_and_nothing_else() -> Result<()> {
        let request: NoteRequest = serde_json::from_str(r#"{"content": "VIP"}"#)?;
        assert_eq!(request.content, "VIP");
        for (body, reason) in [
            ("{}", "missing field `content`"),
            (r#"{"text": "x"}"#, "unknown field `text`"),
            (r#"{"content": "x", "to": 1}"#, "unknown field `to`"),
            (r#"{"content": null}"#, "invalid type: null"),
        ] {
            let refused = refusal::<NoteRequest>(body);
            assert!(refused.starts_with(reason), "{body}: {refused}");
        }
        Ok(())
    }
}
