//! The bodies of requests that are not commands themselves.

use chrono::{DateTime, Utc};
use convodb::{
    AssigneeId, Channel, ConversationId, DeliveryStatus, Failure, InvalidInput, MessageId,
    MessageRef, ProviderId, Receipt, TeamId, UserId, time,
};
use serde::Deserialize;

/// The body that assigns a conversation: a `user_id` or a `team_id`, not both.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AssignRequest {
    user_id: Option<String>,
    team_id: Option<String>,
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
            (None, None) => Err(InvalidInput::new("user_id", "or team_id must be given")),
        }
    }
}

/// The body that adds an internal note.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoteRequest {
    pub(crate) content: String,
}

/// The body that reports a delivery receipt.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "ReceiptDocument")]
pub(crate) struct ReceiptRequest {
    pub(crate) message: MessageRef,
    pub(crate) receipt: Receipt,
}

/// Its fields: a `conversation_id` and a `message_id`, or a `channel` and a `provider_id`; the
/// `status`; and optionally `at` and, of a failed message, its `error`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReceiptDocument {
    conversation_id: Option<ConversationId>,
    message_id: Option<MessageId>,
    channel: Option<Channel>,
    provider_id: Option<ProviderId>,
    status: DeliveryStatus,
    at: Option<Time>,
    error: Option<Failure>,
}

/// A time as in messages.
#[derive(Deserialize)]
#[serde(transparent)]
struct Time(#[serde(with = "time")] DateTime<Utc>);

impl ReceiptDocument {
    fn message(&self) -> Result<MessageRef, InvalidInput> {
        let required = |field: &'static str, beside: &str| {
            InvalidInput::new(field, format!("must be given beside {beside}"))
        };
        let by_id = (self.conversation_id, self.message_id);
        match (by_id, (self.channel, self.provider_id.clone())) {
            ((Some(conversation), Some(message)), (None, None)) => {
                Ok(MessageRef::from((conversation, message)))
            }
            ((None, None), (Some(channel), Some(id))) => Ok(MessageRef::from((channel, id))),
            ((None, None), (None, None)) => {
                let reason = "with conversation_id, or provider_id with channel, must be given";
                Err(InvalidInput::new("message_id", reason))
            }
            ((None, Some(_)), (None, None)) => Err(required("conversation_id", "message_id")),
            ((Some(_), None), (None, None)) => Err(required("message_id", "conversation_id")),
            ((None, None), (None, Some(_))) => Err(required("channel", "provider_id")),
            ((None, None), (Some(_), None)) => Err(required("provider_id", "channel")),
            (_, (channel, _)) => {
                let field = channel.map_or("provider_id", |_| "channel");
                let reason = "must not be given beside conversation_id or message_id";
                Err(InvalidInput::new(field, reason))
            }
        }
    }
}

impl TryFrom<ReceiptDocument> for ReceiptRequest {
    type Error = InvalidInput;

    fn try_from(document: ReceiptDocument) -> Result<Self, InvalidInput> {
        let message = document.message()?;
        let mut receipt = match document.error {
            None => Receipt::new(document.status),
            Some(error) if document.status == DeliveryStatus::Failed => {
                Receipt::failed(error.code, error.message)
            }
            Some(_) => return Err(InvalidInput::new("error", "belongs to `failed` alone")),
        };
        if let Some(Time(at)) = document.at {
            receipt = receipt.at(at);
        }
        Ok(Self { message, receipt })
    }
}

#[cfg(test)]
mod tests {
    use anyhow::{Context as _, Result};

    use super::*;

    const AT: &str = "2026-04-16T09:10:00Z";
    const CONVERSATION: &str = "conv_01HABC00000000000000000000";
    const MESSAGE: &str = "msg_01HMN000000000000000000000";

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
            ("{}", "user_id: or team_id must be given"),
            (
                r#"{"user_id": null, "team_id": null}"#,
                "user_id: or team_id must be given",
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

    #[test]
    fn a_receipt_names_its_message_by_either_pair_of_ids() -> Result<()> {
        let ids = (ConversationId::new(CONVERSATION)?, MessageId::new(MESSAGE)?);
        let provider_id = ProviderId::new("wamid.1")?;
        let at = AT.parse()?;
        for (ids, message) in [
            (
                format!(r#""conversation_id":"{CONVERSATION}","message_id":"{MESSAGE}""#),
                MessageRef::from(ids),
            ),
            (
                r#""channel":"webchat","provider_id":"wamid.1","message_id":null"#.to_owned(),
                MessageRef::from((Channel::Webchat, provider_id)),
            ),
        ] {
            for (fields, receipt) in [
                (r#""status":"read""#.to_owned(), Receipt::read()),
                (
                    format!(r#""status":"delivered","at":"{AT}""#),
                    Receipt::delivered().at(at),
                ),
                (r#""status":"read","at":null"#.to_owned(), Receipt::read()),
                (
                    r#""status":"failed""#.to_owned(),
                    Receipt::new(DeliveryStatus::Failed),
                ),
                (
                    r#""status":"failed","error":{"code":"131026","message":"undeliverable"}"#
                        .to_owned(),
                    Receipt::failed("131026", "undeliverable"),
                ),
            ] {
                let body = format!("{{{ids},{fields}}}");
                let request: ReceiptRequest = serde_json::from_str(&body).context(body)?;
                let message = message.clone();
                assert_eq!(request, ReceiptRequest { message, receipt });
            }
        }
        Ok(())
    }

    #[test]
    fn a_receipt_of_no_message_or_of_two_is_refused() {
        let message_id = format!(r#""message_id":"{MESSAGE}""#);
        let conversation_id = format!(r#""conversation_id":"{CONVERSATION}""#);
        let (channel, provider_id) = (r#""channel":"webchat""#, r#""provider_id":"wamid.1""#);
        for (fields, reason) in [
            (vec![], "message_id: with conversation_id, or provider_id"),
            (vec![&*message_id], "conversation_id: must be given beside"),
            (vec![&*conversation_id], "message_id: must be given beside"),
            (vec![channel], "provider_id: must be given beside"),
            (vec![provider_id], "channel: must be given beside"),
            (vec![&message_id, channel], "channel: must not be given"),
            (vec![&message_id, provider_id], "provider_id: must not be"),
            (
                vec![&conversation_id, &message_id, channel, provider_id],
                "channel: must not be given",
            ),
        ] {
            let fields: String = fields.iter().map(|field| format!("{field},")).collect();
            let refused = refusal::<ReceiptRequest>(&format!(r#"{{{fields}"status":"read"}}"#));
            assert!(refused.starts_with(reason), "{fields}: {refused}");
        }
        for (fields, reason) in [
            (r#""status":"seen""#, "unknown variant `seen`"),
            (r#""status":"read","at":"now""#, "`now` is no ISO 8601 time"),
            (
                r#""status":"read","at":"1970-01-01T00:30:00+01:00""#,
                "`1970-01-01T00:30:00+01:00` must lie between",
            ),
            (
                r#""status":"read","error":{"code":"1","message":"no"}"#,
                "error: belongs to `failed`",
            ),
            (
                r#""status":"failed","error":{"code":"1"}"#,
                "missing field `message`",
            ),
        ] {
            let body = format!("{{{channel},{provider_id},{fields}}}");
            let refused = refusal::<ReceiptRequest>(&body);
            assert!(refused.starts_with(reason), "{body}: {refused}");
        }
    }
}
