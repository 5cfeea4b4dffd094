//! The bodies of answers, and of requests of one shape.
//!
//! The library's own types serialize them. These describe the same, and the tests compare both.

use utoipa::ToSchema;

use super::parameters::documented;

documented! {
    #[derive(ToSchema)]
    #[serde(rename_all = "lowercase")]
    pub(crate) enum Channel {
        Whatsapp,
        Instagram,
        Messenger,
        Webchat,
    }

    #[derive(ToSchema)]
    #[serde(rename_all = "lowercase")]
    pub(crate) enum Status {
        Open,
        Resolved,
    }

    #[derive(ToSchema)]
    #[serde(rename_all = "lowercase")]
    pub(crate) enum DeliveryStatus {
        Sent,
        Failed,
        Delivered,
        Read,
    }

    #[derive(ToSchema)]
    #[serde(rename_all = "lowercase")]
    pub(crate) enum AssigneeType {
        User,
        Team,
    }

    #[derive(ToSchema)]
    #[serde(rename_all = "lowercase")]
    pub(crate) enum Direction {
        Inbound,
        Outbound,
    }

    #[derive(ToSchema)]
    #[serde(rename_all = "lowercase")]
    pub(crate) enum MessageType {
        Text,
        Template,
        Image,
        Document,
    }

    /// A user or team of the directory.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct Assignee {
        r#type: AssigneeType,
        id: String,
        name: String,
    }

    /// A thread of messages with one contact on one channel. Lists and commands show it without its
    /// messages.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct Conversation {
        id: String,
        contact_id: String,
        channel: Channel,
        status: Status,
        #[schema(required = true)]
        assigned_to: Option<Assignee>,
        messages: Vec<Message>,
        #[schema(format = "date-time")]
        created_at: String,
        #[schema(format = "date-time")]
        updated_at: String,
        /// How many messages of the contact are unread, where there are any.
        #[schema(required = false, minimum = 1)]
        unread_count: u64,
        /// How many messages came from the contact, if there are any.
        #[schema(required = false, minimum = 1)]
        inbound_count: u64,
        /// How often the status or the assignee changed, if they did.
        #[schema(required = false, minimum = 1)]
        revision: u64,
    }

    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct Message {
        id: String,
        conversation_id: String,
        direction: Direction,
        r#type: MessageType,
        /// The text, or what a template was rendered to.
        #[schema(required = false)]
        content: String,
        status: DeliveryStatus,
        #[schema(format = "date-time")]
        created_at: String,
        #[schema(required = false)]
        template_name: String,
        #[schema(required = false)]
        template_params: Vec<String>,
        #[schema(required = false)]
        media_url: String,
        #[schema(required = false)]
        caption: String,
        #[schema(required = false)]
        provider_id: String,
        #[schema(required = false, format = "date-time")]
        sent_at: String,
        #[schema(required = false, format = "date-time")]
        delivered_at: String,
        #[schema(required = false, format = "date-time")]
        read_at: String,
        #[schema(required = false, format = "date-time")]
        failed_at: String,
        #[schema(required = false)]
        error: DeliveryError,
    }

    /// Why a message failed, in its provider's words.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct DeliveryError {
        /// At most 2,048 bytes of UTF-8.
        code: String,
        /// At most 2,048 bytes of UTF-8.
        message: String,
    }

    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct Note {
        id: String,
        conversation_id: String,
        content: String,
        #[schema(format = "date-time")]
        created_at: String,
        #[schema(required = false)]
        author: String,
    }

    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct ConversationPage {
        data: Vec<Conversation>,
        /// How many there are on all pages.
        total: u64,
        page: u64,
        /// The `cursor` of the next page, if there is one.
        #[schema(required = false)]
        next: String,
    }

    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct NotePage {
        data: Vec<Note>,
        total: u64,
        page: u64,
    }

    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct EventPage {
        data: Vec<Event>,
    }

    /// A change. The fields after `conversation_id` are those of its type.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct Event {
        #[schema(minimum = 1)]
        sequence: u64,
        r#type: String,
        #[schema(format = "date-time")]
        created_at: String,
        conversation_id: String,
        #[schema(required = false)]
        status: Status,
        #[schema(required = false)]
        previous_status: Status,
        #[schema(required = false)]
        assigned_to: Option<Party>,
        #[schema(required = false)]
        previously_assigned_to: Option<Party>,
        #[schema(required = false)]
        message_id: String,
        #[schema(required = false)]
        note_id: String,
        /// Of a reassignment to a successor: when the predecessor was removed.
        #[schema(required = false, format = "date-time")]
        effective_at: String,
        #[schema(required = false)]
        actor: String,
    }

    /// A user or team as an event names it.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct Party {
        r#type: AssigneeType,
        id: String,
    }

    /// A receipt that waits for its message.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct Parked {
        unmatched: bool,
    }

    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct Health {
        status: String,
    }

    /// The answer to every request that fails.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct Error {
        #[schema(inline)]
        error: ErrorBody,
    }

    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct ErrorBody {
        /// For programs.
        code: String,
        /// For people.
        message: String,
    }
}
