//! Parameters of paths, queries and headers.

use utoipa::{IntoParams, ToSchema};

/// Without a comma, which separates several of them.
pub(super) const USER_ID: &str = r"^usr_[!-+\--~]{1,124}$";
pub(super) const TEAM_ID: &str = r"^(?!usr_|unassigned$|none$|any$)[!-+\--~]{1,128}$";

macro_rules! documented {
    ($($item:item)*) => {
        $(
            #[expect(dead_code, reason = "it is there to be described, not to be made")]
            $item
        )*
    };
}
pub(super) use documented;

documented! {
    /// The conversation of a path.
    #[derive(IntoParams)]
    #[into_params(parameter_in = Path)]
    pub(crate) struct ConversationId {
        /// The conversation's id. An invalid id is answered with 404, as one that does not exist.
        #[param(pattern = "^conv_[0-7][0-9A-HJKMNP-TV-Z]{25}$", example = "conv_01HABC00000000000000000000")]
        id: String,
    }

    /// The message of a path.
    #[derive(IntoParams)]
    #[into_params(parameter_in = Path)]
    pub(crate) struct ConversationMessage {
        /// The conversation's id.
        #[param(pattern = "^conv_[0-7][0-9A-HJKMNP-TV-Z]{25}$", example = "conv_01HABC00000000000000000000")]
        id: String,
        /// The message's id.
        #[param(pattern = "^msg_[0-7][0-9A-HJKMNP-TV-Z]{25}$", example = "msg_01HMN000000000000000000000")]
        message_id: String,
    }

    /// The note of a path.
    #[derive(IntoParams)]
    #[into_params(parameter_in = Path)]
    pub(crate) struct ConversationNote {
        /// The conversation's id.
        #[param(pattern = "^conv_[0-7][0-9A-HJKMNP-TV-Z]{25}$", example = "conv_01HABC00000000000000000000")]
        id: String,
        /// The note's id.
        #[param(pattern = "^note_[0-7][0-9A-HJKMNP-TV-Z]{25}$", example = "note_01HMN000000000000000000000")]
        note_id: String,
    }

    #[derive(IntoParams)]
    #[into_params(parameter_in = Path)]
    pub(crate) struct WebhookName {
        /// The webhook's name; `webhooks` for the one that has none.
        #[param(example = "billing")]
        name: String,
    }

    #[derive(IntoParams)]
    #[into_params(parameter_in = Path)]
    pub(crate) struct DeadLetter {
        /// The webhook's name; `webhooks` for the one that has none.
        #[param(example = "billing")]
        name: String,
        /// The event's number.
        #[param(minimum = 1, example = 7)]
        sequence: u64,
    }

    #[derive(IntoParams)]
    #[into_params(parameter_in = Query)]
    pub(crate) struct Whole {
        /// `false` leaves out the messages.
        #[param(required = false, default = true)]
        messages: bool,
    }

    #[derive(IntoParams)]
    #[into_params(parameter_in = Query)]
    pub(crate) struct Messages {
        /// Only messages before this one.
        #[param(required = false, pattern = "^msg_[0-7][0-9A-HJKMNP-TV-Z]{25}$")]
        before: String,
        /// Only messages after this one.
        #[param(required = false, pattern = "^msg_[0-7][0-9A-HJKMNP-TV-Z]{25}$")]
        after: String,
        /// The most messages to return.
        #[param(required = false, minimum = 1, maximum = 100, default = 20)]
        limit: u32,
    }

    #[derive(IntoParams)]
    #[into_params(parameter_in = Path)]
    pub(crate) struct UserId {
        /// The user's id.
        #[param(pattern = r"^usr_[!-+\--~]{1,124}$", example = "usr_01H111")]
        id: String,
    }

    #[derive(IntoParams)]
    #[into_params(parameter_in = Path)]
    pub(crate) struct TeamId {
        /// The team's id.
        #[param(pattern = r"^(?!usr_|unassigned$|none$|any$)[!-+\--~]{1,128}$", example = "team_billing")]
        id: String,
    }

    #[derive(IntoParams)]
    #[into_params(parameter_in = Header)]
    pub(crate) struct CommandHeaders {
        /// The client's own name for the request. For a day, the same request with the same key
        /// changes nothing more. Another request with the key is answered with 422.
        #[param(rename = "Idempotency-Key", required = false, pattern = "^[!-~]([ -~]{0,253}[!-~])?$")]
        idempotency_key: String,
        /// Who acts: a user of the directory; another id is answered with 422. It becomes the author of a
        /// message and of a note, and the actor of events.
        #[param(rename = "X-Convodb-Actor", required = false, pattern = r"^usr_[!-+\--~]{1,124}$")]
        actor: String,
    }

    #[derive(IntoParams)]
    #[into_params(parameter_in = Header)]
    pub(crate) struct Expected {
        /// The revision that the conversation must have for the request to change it. If it has another
        /// one, the answer is 412. A request that changes nothing succeeds at every revision.
        #[param(rename = "If-Match", required = false, pattern = r#"^([0-9]{1,19}|"[0-9]{1,19}")$"#)]
        if_match: String,
    }

    #[derive(IntoParams)]
    #[into_params(parameter_in = Path)]
    pub(crate) struct ContactId {
        /// The contact's id.
        #[param(pattern = "^con_[!-~]{1,252}$", example = "con_01HXYZ")]
        id: String,
    }

    #[derive(IntoParams)]
    #[into_params(parameter_in = Path)]
    pub(crate) struct InboxId {
        /// The inbox's id.
        #[param(pattern = r"^inb_[!-+\--~]{1,124}$", example = "inb_sales")]
        id: String,
    }

    #[derive(IntoParams)]
    #[into_params(parameter_in = Path)]
    pub(crate) struct ViewId {
        /// The view's id.
        #[param(pattern = r"^view_[!-+\--~]{1,123}$", example = "view_waiting")]
        id: String,
    }

    #[derive(IntoParams)]
    #[into_params(parameter_in = Query)]
    pub(crate) struct Contacts {
        /// How the name begins, in whichever case. Not beside `channel` and `identity`.
        #[param(required = false, min_length = 1)]
        name: String,
        /// The channel of `identity`.
        #[param(required = false, inline)]
        channel: super::schemas::Channel,
        /// How an identity on `channel` begins.
        #[param(required = false, min_length = 1)]
        identity: String,
        /// The number of the page.
        #[param(required = false, minimum = 1, maximum = 18446744073709551615_u64, format = "uint64", default = 1)]
        page: u64,
        /// The number of contacts of a page.
        #[param(required = false, minimum = 1, maximum = 100, default = 20)]
        limit: u32,
    }

    #[derive(IntoParams)]
    #[into_params(parameter_in = Header)]
    pub(crate) struct Signature {
        /// `sha256=` and the HMAC-SHA256 of the body, in hexadecimal, with the app's secret.
        #[param(rename = "X-Hub-Signature-256", pattern = "^sha256=[0-9a-f]{64}$")]
        x_hub_signature_256: String,
    }

    #[derive(IntoParams)]
    #[into_params(parameter_in = Query)]
    pub(crate) struct Handshake {
        /// `subscribe`.
        #[param(rename = "hub.mode", pattern = "^subscribe$")]
        hub_mode: String,
        /// The token that the server was started with.
        #[param(rename = "hub.verify_token")]
        hub_verify_token: String,
        /// What is answered.
        #[param(rename = "hub.challenge", pattern = "^[!-~]{1,256}$")]
        hub_challenge: String,
    }

    #[derive(IntoParams)]
    #[into_params(parameter_in = Query)]
    pub(crate) struct List {
        /// Which conversations.
        #[param(required = false, inline)]
        status: StatusFilter,
        /// On these channels alone, separated by commas.
        #[param(required = false, inline, min_items = 1, style = Form, explode = false)]
        channel: Vec<super::schemas::Channel>,
        /// In these inboxes alone, separated by commas: an id, or the name of a channel for the inbox that
        /// callers use who name none. One that was not saved selects nothing.
        #[param(required = false, inline, min_items = 1, style = Form, explode = false)]
        inbox: Vec<InboxFilter>,
        /// Assigned to these users and teams alone, at most 64, separated by commas; `unassigned` is
        /// one of them. An id that is not in the directory selects nothing.
        #[param(required = false, inline, min_items = 1, max_items = 64, style = Form, explode = false)]
        assigned_to: Vec<AssigneeFilter>,
        /// Assigned to the members that this team has now, beside those of `assigned_to`: at most 64 together.
        /// A team without members adds nothing, and neither does one that is not in the directory.
        #[param(required = false, pattern = r"^(?!usr_|unassigned$|none$|any$)[!-+\--~]{1,128}$")]
        members_of: String,
        /// In the queues of these teams or assigned to them, at most 64, separated by commas.
        #[param(required = false, inline, min_items = 1, max_items = 64, style = Form, explode = false)]
        team: Vec<TeamFilter>,
        /// With one of these tags, in whichever case, separated by commas. Only a view can have a tag with a comma.
        #[param(required = false, inline, min_items = 1, max_items = 32, style = Form, explode = false)]
        tag: Vec<TagFilter>,
        /// With one of these priorities, separated by commas.
        #[param(required = false, inline, min_items = 1, style = Form, explode = false)]
        priority: Vec<super::schemas::Priority>,
        /// Whose contact waits for an answer, or does not.
        #[param(required = false)]
        waiting: bool,
        /// Lists by `team`, `tag`, `priority` or `waiting` read each conversation that the other parameters
        /// select. Above 100,000 of these the answer is 422 `view_required`, unless `scan` is `true`.
        #[param(required = false, inline)]
        scan: Unread,
        /// The list of this view, in its order. Beside it, only `page`, `cursor`, `limit` and `include`.
        #[param(required = false, pattern = r"^view_[!-+\--~]{1,123}$")]
        view: String,
        /// The order: `-updated_at` or `updated_at`. Another one is that of a view alone, and answered with
        /// 422 `view_required`.
        #[param(required = false, inline, default = "-updated_at")]
        sort: super::schemas::Sort,
        /// With unread messages from the contact.
        #[param(required = false, inline)]
        unread: Unread,
        /// Snoozed, or not.
        #[param(required = false)]
        snoozed: bool,
        /// With this contact, in every inbox.
        #[param(required = false, pattern = "^con_[!-~]{1,252}$")]
        contact_id: String,
        /// What is added to each row, separated by commas: `last_message`, the latest message; `contact`.
        #[param(required = false, inline, min_items = 1, style = Form, explode = false)]
        include: Vec<Include>,
        /// The number of the page. With `cursor` it only numbers the answer.
        #[param(required = false, minimum = 1, maximum = 18446744073709551615_u64, format = "uint64", default = 1)]
        page: u64,
        /// The number of conversations of a page.
        #[param(required = false, minimum = 1, maximum = 100, default = 20)]
        limit: u32,
        /// The `next` of a page: where this one begins.
        #[param(required = false, pattern = "^((0|[1-9][0-9]{0,17})|(updated_at|waiting_since|-created_at|created_at|snoozed_until|priority)\\.(0|[1-9][0-9]{0,19}))\\.conv_[0-7][0-9A-HJKMNP-TV-Z]{25}$")]
        cursor: String,
    }

    #[derive(IntoParams)]
    #[into_params(parameter_in = Query)]
    pub(crate) struct Lines {
        /// All lines or none, where one is rejected; at most 10,000 lines.
        #[param(required = false, default = false)]
        atomic: bool,
        /// A whole conversation that is there is a duplicate, not an error.
        #[param(required = false, default = false)]
        skip_existing: bool,
    }

    #[derive(IntoParams)]
    #[into_params(parameter_in = Query)]
    pub(crate) struct AdminLines {
        /// All lines or none, where one is rejected; at most 10,000 lines.
        #[param(required = false, default = false)]
        atomic: bool,
        /// A whole conversation that is there is a duplicate, not an error.
        #[param(required = false, default = false)]
        skip_existing: bool,
        /// The name of the import, by which it goes on.
        #[param(required = false, pattern = "^[!-~]{1,64}$")]
        name: String,
        /// The number of the body's first line.
        #[param(required = false, minimum = 1, maximum = 9007199254740992_u64, format = "uint64", default = 1)]
        first_line: u64,
    }

    #[derive(IntoParams)]
    #[into_params(parameter_in = Query)]
    pub(crate) struct ImportNamed {
        /// The name of the import.
        #[param(pattern = "^[!-~]{1,64}$")]
        name: String,
    }

    #[derive(IntoParams)]
    #[into_params(parameter_in = Query)]
    pub(crate) struct Exported {
        /// A contact and its conversations alone. At most one of these parameters is given.
        #[param(required = false, pattern = "^con_[!-~]{1,252}$")]
        contact_id: String,
        /// A conversation alone.
        #[param(required = false, pattern = "^conv_[0-7][0-9A-HJKMNP-TV-Z]{25}$")]
        conversation_id: String,
        /// The users and teams alone.
        #[param(required = false, default = false)]
        directory: bool,
    }

    #[derive(IntoParams)]
    #[into_params(parameter_in = Query)]
    pub(crate) struct Paging {
        /// The number of the page.
        #[param(required = false, minimum = 1, maximum = 18446744073709551615_u64, format = "uint64", default = 1)]
        page: u64,
        /// The number of notes of a page.
        #[param(required = false, minimum = 1, maximum = 100, default = 20)]
        limit: u32,
    }

    #[derive(IntoParams)]
    #[into_params(parameter_in = Query)]
    pub(crate) struct Events {
        /// The number of the last known event. A number above the newest event's is answered with 409.
        #[param(required = false, minimum = 0, maximum = 18446744073709551615_u64, format = "uint64", default = 0)]
        after: u64,
        /// The most events to return.
        #[param(required = false, minimum = 1, maximum = 1000, default = 100)]
        limit: u32,
    }

    #[derive(IntoParams)]
    #[into_params(parameter_in = Query)]
    pub(crate) struct EventStream {
        /// The number of the last known event. Without it, the stream begins with what comes next.
        #[param(required = false, minimum = 0, maximum = 18446744073709551615_u64, format = "uint64")]
        after: u64,
        /// Only the events of this conversation.
        #[param(required = false, pattern = "^conv_[0-7][0-9A-HJKMNP-TV-Z]{25}$")]
        conversation_id: String,
    }

    #[derive(IntoParams)]
    #[into_params(parameter_in = Header)]
    pub(crate) struct LastEventId {
        /// The `id` of the last event that came, in place of `after`. A browser sends it when it connects again.
        #[param(rename = "Last-Event-ID", required = false, pattern = "^[0-9]{1,19}$")]
        last_event_id: String,
    }

    #[derive(ToSchema)]
    #[serde(rename_all = "lowercase")]
    #[schema(default = "open")]
    pub(crate) enum StatusFilter {
        Open,
        Resolved,
        All,
    }

    #[derive(ToSchema)]
    #[serde(rename_all = "snake_case")]
    pub(crate) enum Include {
        LastMessage,
        Contact,
    }

    #[derive(ToSchema)]
    #[serde(rename_all = "lowercase")]
    pub(crate) enum Unread {
        True,
    }

    #[derive(ToSchema)]
    #[schema(pattern = r"^(whatsapp|instagram|messenger|webchat|inb_[!-+\--~]{1,124})$")]
    pub(crate) struct InboxFilter(String);

    #[derive(ToSchema)]
    #[schema(pattern = r"^(?!usr_$|none$|any$)[!-+\--~]{1,128}$")]
    pub(crate) struct AssigneeFilter(String);

    #[derive(ToSchema)]
    #[schema(pattern = r"^(?!usr_|none$|any$|unassigned$)[!-+\--~]{1,128}$")]
    pub(crate) struct TeamFilter(String);

    #[derive(ToSchema)]
    #[schema(pattern = r"^[^,\s](([^,\n\r]){0,62}[^,\s])?$")]
    pub(crate) struct TagFilter(String);
}
