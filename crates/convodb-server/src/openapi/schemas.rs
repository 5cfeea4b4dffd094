//! The bodies of answers, and of requests of one shape.
//!
//! The library's own types serialize them. These describe the same, and the tests compare both.

use utoipa::ToSchema;

use super::bodies::Metadata;
use super::parameters::documented;

/// Any JSON.
type Anything = serde_json::Value;

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
        Pending,
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
        Audio,
        Video,
        Sticker,
        Link,
        Location,
        Contacts,
        Interactive,
        System,
        Unsupported,
    }

    /// A user or team of the directory.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct Assignee {
        r#type: AssigneeType,
        id: String,
        name: String,
    }

    /// Users or teams of the directory, by their ids.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct Assignees {
        data: Vec<Assignee>,
    }

    /// A team of the directory, with its members by their ids.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct TeamWithMembers {
        r#type: AssigneeType,
        id: String,
        name: String,
        members: Vec<String>,
    }

    /// An inbox of a channel.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct Inbox {
        id: String,
        channel: Channel,
        name: String,
    }

    /// A tag, and how many conversations have it.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct TagCount {
        tag: String,
        #[schema(minimum = 1)]
        count: u64,
    }

    /// A receiver of events.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct Webhook {
        name: String,
        /// Whether the server posts to it. Of one that is not configured any longer, the position and the dead letters
        /// are left.
        configured: bool,
        /// The types that it takes; all, where there are none.
        events: Vec<String>,
        /// The number of the last event that it has accepted, or that was not for it.
        position: u64,
        /// How many events came since.
        behind: u64,
        /// The numbers of the events that it did not accept in time.
        dead_letters: Vec<u64>,
    }

    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct Webhooks {
        data: Vec<Webhook>,
    }

    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct Tags {
        data: Vec<TagCount>,
    }

    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct Team {
        id: String,
        name: String,
    }

    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct Inboxes {
        data: Vec<Inbox>,
    }

    /// A thread of messages with one contact in one inbox. Lists and commands show it without its
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
        /// How often the status, the assignee or an attribute changed, if they did.
        #[schema(required = false, minimum = 1)]
        revision: u64,
        /// The inbox, where it is not the channel's own.
        #[schema(required = false)]
        inbox_id: String,
        /// The team whose queue it is in, beside who has it.
        #[schema(required = false)]
        team: Team,
        /// Until when it is out of the way, while it is.
        #[schema(required = false, format = "date-time")]
        snoozed_until: String,
        #[schema(required = false)]
        priority: Priority,
        /// Its tags, without those that differ in case alone.
        #[schema(required = false)]
        tags: Vec<String>,
        /// The latest time of a message from the contact, by the provider.
        #[schema(required = false, format = "date-time")]
        last_inbound_at: String,
        /// The latest time of a message that is no line of the provider's.
        #[schema(required = false, format = "date-time")]
        last_message_at: String,
        /// Since when the contact waits for an answer, while it does.
        #[schema(required = false, format = "date-time")]
        waiting_since: String,
        /// When it was created or last reopened.
        #[schema(required = false, format = "date-time")]
        opened_at: String,
        /// The time of the first message to the contact since then that no bot wrote.
        #[schema(required = false, format = "date-time")]
        first_reply_at: String,
        /// When it was resolved, while it is.
        #[schema(required = false, format = "date-time")]
        resolved_at: String,
        /// Whether a bot wrote the latest message to the contact, and no other message has come since.
        #[schema(required = false)]
        answered_by_bot: bool,
        /// The contact's identity that it wrote from last, of those that a message named: where an answer
        /// goes.
        #[schema(required = false)]
        identity: String,
        /// All messages to the contact until this time were delivered.
        #[schema(required = false, format = "date-time")]
        delivered_until: String,
        /// All messages to the contact until this time were read.
        #[schema(required = false, format = "date-time")]
        read_until: String,
        /// The caller's own values. Lists leave them out.
        #[schema(required = false, value_type = Object)]
        metadata: String,
        /// The latest message, in lists that ask for it, where there is one.
        #[schema(required = false)]
        last_message: Message,
        /// The contact, in lists that ask for it.
        #[schema(required = false)]
        contact: Contact,
    }

    /// How soon a conversation needs an answer.
    #[derive(ToSchema)]
    #[serde(rename_all = "lowercase")]
    pub(crate) enum Priority {
        Low,
        Medium,
        High,
        Urgent,
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
        /// When the contact heard a voice note.
        #[schema(required = false, format = "date-time")]
        played_at: String,
        #[schema(required = false)]
        attachments: Vec<Attachment>,
        #[schema(required = false)]
        location: Location,
        #[schema(required = false)]
        contacts: Vec<Card>,
        #[schema(required = false)]
        reply: Choice,
        #[schema(required = false)]
        system: SystemLine,
        #[schema(required = false)]
        unsupported: Unsupported,
        /// The provider's own JSON, as it came.
        #[schema(required = false, value_type = Value)]
        raw: Anything,
        #[schema(required = false)]
        reply_to: Reference,
        #[schema(required = false)]
        forwarded: bool,
        #[schema(required = false)]
        author: Author,
        /// The contact's identity that it came from or went to.
        #[schema(required = false)]
        identity: String,
        #[schema(required = false)]
        client_ref: String,
        #[schema(required = false)]
        provider_aliases: Vec<String>,
        /// From 2 on: how often it was tried.
        #[schema(required = false, minimum = 2)]
        attempts: u32,
        #[schema(required = false)]
        reactions: Vec<MessageReaction>,
        #[schema(required = false, format = "date-time")]
        edited_at: String,
        /// How many former contents are kept.
        #[schema(required = false, minimum = 1, maximum = 10)]
        versions: u32,
        #[schema(required = false, format = "date-time")]
        revoked_at: String,
        #[schema(required = false)]
        revoked_by: Author,
        /// Its content is yet to come.
        #[schema(required = false)]
        placeholder: bool,
        #[schema(required = false)]
        metadata: Metadata,
    }

    /// A part of a thread, oldest first.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct MessagePage {
        data: Vec<Message>,
        /// Whether there are more in the direction of reading.
        has_more: bool,
    }

    /// The former contents of a message, oldest first.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct Versions {
        data: Vec<Version>,
    }

    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct Version {
        /// `type` and the fields of the content.
        #[schema(value_type = Object)]
        content: Anything,
        #[schema(format = "date-time")]
        at: String,
    }

    #[derive(ToSchema)]
    #[serde(rename_all = "lowercase")]
    pub(crate) enum MediaKind {
        Image,
        Document,
        Audio,
        Video,
        Sticker,
        Link,
    }

    /// A medium or a link. The bounds of texts are bytes of UTF-8.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct Attachment {
        kind: MediaKind,
        /// `http` or `https`, at most 4,096 bytes.
        #[schema(required = false)]
        url: String,
        /// The provider's id of it, at most 512 bytes.
        #[schema(required = false)]
        media_id: String,
        /// At most 255 bytes.
        #[schema(required = false)]
        mime_type: String,
        /// At most 512 bytes.
        #[schema(required = false)]
        file_name: String,
        /// In bytes.
        #[schema(required = false, maximum = 9007199254740992_u64)]
        size: u64,
        #[schema(required = false, pattern = "^[0-9a-f]{64}$")]
        sha256: String,
        #[schema(required = false, maximum = 9007199254740992_u64)]
        duration_ms: u64,
        #[schema(required = false, maximum = 9007199254740992_u64)]
        width: u64,
        #[schema(required = false, maximum = 9007199254740992_u64)]
        height: u64,
        /// A voice note.
        #[schema(required = false)]
        voice: bool,
        /// At most 64 bytes.
        #[schema(required = false)]
        subtype: String,
        /// At most 1,024 bytes.
        #[schema(required = false)]
        title: String,
        /// A transcript or a description, at most 65,536 bytes.
        #[schema(required = false)]
        text: String,
        /// When the address ends.
        #[schema(required = false, format = "date-time")]
        expires_at: String,
    }

    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct Location {
        #[schema(minimum = -90, maximum = 90)]
        latitude: f64,
        #[schema(minimum = -180, maximum = 180)]
        longitude: f64,
        /// At most 1,024 bytes.
        #[schema(required = false)]
        name: Option<String>,
        /// At most 1,024 bytes.
        #[schema(required = false)]
        address: Option<String>,
        /// At most 1,024 bytes.
        #[schema(required = false)]
        url: Option<String>,
    }

    /// A contact card. All cards of a message have at most 16 KiB.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct Card {
        name: String,
        #[schema(required = false)]
        organization: Option<String>,
        #[schema(required = false)]
        phones: Vec<Phone>,
        #[schema(required = false)]
        emails: Vec<Email>,
    }

    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct Phone {
        number: String,
        #[schema(required = false)]
        r#type: Option<String>,
    }

    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct Email {
        address: String,
        #[schema(required = false)]
        r#type: Option<String>,
    }

    #[derive(ToSchema)]
    #[serde(rename_all = "lowercase")]
    pub(crate) enum ChoiceKind {
        Button,
        List,
        Form,
        Order,
        Postback,
    }

    /// What was pressed, chosen, filled in or ordered.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct Choice {
        kind: ChoiceKind,
        /// At most 1,024 bytes.
        #[schema(required = false)]
        id: Option<String>,
        /// At most 1,024 bytes.
        #[schema(required = false)]
        title: Option<String>,
        /// At most 1,024 bytes.
        #[schema(required = false)]
        description: Option<String>,
        /// A form's answers or an order's items, at most 16 KiB.
        #[schema(required = false, value_type = Value)]
        data: Anything,
    }

    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct SystemLine {
        /// 1 to 64 bytes.
        #[schema(min_length = 1)]
        kind: String,
        /// At most 16 KiB.
        #[schema(required = false, value_type = Value)]
        data: Anything,
    }

    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct Unsupported {
        /// At most 64 bytes.
        #[schema(required = false)]
        kind: Option<String>,
        /// At most 64 bytes.
        #[schema(required = false)]
        code: Option<String>,
        /// At most 1,024 bytes.
        #[schema(required = false)]
        message: Option<String>,
    }

    /// What a message answers. An answer has `message_id` where the conversation has the message.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct Reference {
        #[schema(required = false, pattern = "^msg_[0-7][0-9A-HJKMNP-TV-Z]{25}$")]
        message_id: String,
        #[schema(required = false, min_length = 1)]
        provider_id: Option<String>,
        #[schema(required = false)]
        story: Option<Story>,
    }

    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct Story {
        /// At most 4,096 bytes.
        #[schema(required = false)]
        id: Option<String>,
        /// At most 4,096 bytes.
        #[schema(required = false)]
        url: Option<String>,
    }

    #[derive(ToSchema)]
    #[serde(rename_all = "lowercase")]
    pub(crate) enum AuthorType {
        Contact,
        User,
        Bot,
        External,
    }

    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct Author {
        r#type: AuthorType,
        #[schema(required = false)]
        id: String,
        #[schema(required = false)]
        name: String,
    }

    /// One emoji of one reactor.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct MessageReaction {
        by: Author,
        emoji: String,
        #[schema(format = "date-time")]
        at: String,
    }

    /// Why a message failed, in its provider's words.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct DeliveryError {
        #[schema(schema_with = super::bodies::code)]
        code: String,
        /// At most 2,048 bytes of UTF-8.
        message: String,
        /// At most 2,048 bytes of UTF-8.
        #[schema(required = false)]
        details: Option<String>,
        /// At most 2,048 bytes of UTF-8.
        #[schema(required = false)]
        url: Option<String>,
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

    /// The key of a request, and the user as whom its session acts.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct Session {
        key: String,
        scopes: Vec<Scope>,
        #[schema(required = true)]
        actor: Option<String>,
    }

    #[derive(ToSchema)]
    #[serde(rename_all = "lowercase")]
    pub(crate) enum Scope {
        Read,
        Write,
        Admin,
        Webhooks,
        Metrics,
    }

    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct EventPage {
        data: Vec<Event>,
    }

    /// A change of a conversation or of a contact. The fields after their ids are those of its type.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct Event {
        #[schema(minimum = 1)]
        sequence: u64,
        r#type: String,
        #[schema(format = "date-time")]
        created_at: String,
        #[schema(required = false)]
        conversation_id: String,
        /// Left out once the contact is erased.
        #[schema(required = false)]
        contact_id: String,
        /// What a contact or a conversation was merged into.
        #[schema(required = false)]
        into: String,
        /// The contact that has an identity which a message of this one named.
        #[schema(required = false)]
        with: String,
        /// That of the conversation, or in `conversation.receipts` that of messages.
        #[schema(required = false)]
        status: EventStatus,
        /// Until when messages were delivered or read, or the conversation is snoozed.
        #[schema(required = false, format = "date-time")]
        until: String,
        /// Why a snooze ended.
        #[schema(required = false)]
        reason: WakeReason,
        /// How many messages lines of an import brought.
        #[schema(required = false, minimum = 1)]
        messages: u64,
        /// Which attributes changed.
        #[schema(required = false)]
        changed: Vec<String>,
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

    #[derive(ToSchema)]
    #[serde(rename_all = "lowercase")]
    pub(crate) enum EventStatus {
        Open,
        Resolved,
        Delivered,
        Read,
    }

    /// Why a snooze ended: it was due, the contact wrote, the conversation was resolved, or a user ended it.
    #[derive(ToSchema)]
    #[serde(rename_all = "lowercase")]
    pub(crate) enum WakeReason {
        Due,
        Inbound,
        Resolved,
        User,
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

    /// The numbers of conversations of a status.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct StatusCounts {
        status: Status,
        total: u64,
        unassigned: u64,
        unread: u64,
        whatsapp: u64,
        instagram: u64,
        messenger: u64,
        webchat: u64,
    }

    /// The rows and the cost of a saved view; bytes are of a file.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct ViewCounts {
        id: String,
        rows: u64,
        #[schema(required = false)]
        bytes: u64,
        #[schema(required = false)]
        bytes_per_row: u64,
        #[schema(required = true)]
        building: Option<Anything>,
    }

    /// Counts and sizes of the store.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct Statistics {
        conversations: u64,
        messages: u64,
        notes: u64,
        contacts: u64,
        users: u64,
        teams: u64,
        inboxes: u64,
        events: u64,
        newest_event: u64,
        unmatched: u64,
        idempotency_keys: u64,
        to_reassign: u64,
        times_in_the_future: u64,
        commits: u64,
        #[schema(required = false)]
        index_rows: u64,
        #[schema(required = false)]
        catalog_rows: u64,
        #[schema(required = false)]
        file_bytes: u64,
        #[schema(required = false)]
        stored_bytes: u64,
        #[schema(required = false)]
        free_bytes: u64,
        #[schema(required = false)]
        unfolded: u64,
        statuses: Vec<StatusCounts>,
        views: Vec<ViewCounts>,
    }

    /// The length of the file.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct Compacted {
        bytes_before: u64,
        bytes: u64,
    }

    /// How many were removed.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct Purged {
        #[schema(required = false)]
        events: u64,
        #[schema(required = false)]
        idempotency_keys: u64,
        #[schema(required = false)]
        unmatched: u64,
    }

    /// How far an import has come.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct ImportProgress {
        line: u64,
        failed: u64,
    }

    /// What Meta posts: an `object`, and an `entry` for each account.
    #[derive(ToSchema)]
    pub(crate) struct MetaWebhook {
        /// `whatsapp_business_account`, `page` or `instagram`.
        #[schema(required = false)]
        object: String,
        #[schema(required = false, value_type = Vec<Value>)]
        entry: Vec<String>,
    }

    /// The answer to every request that fails.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct Error {
        #[schema(inline)]
        error: ErrorBody,
    }

    /// What a provider calls a contact on a channel.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct Identity {
        channel: Channel,
        value: String,
    }

    /// What is known of a contact.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct Contact {
        id: String,
        #[schema(required = false)]
        name: String,
        identities: Vec<Identity>,
        #[schema(required = false)]
        metadata: Metadata,
        #[schema(format = "date-time")]
        created_at: String,
    }

    /// A page of contacts.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct ContactPage {
        data: Vec<Contact>,
        total: u64,
        #[schema(minimum = 1)]
        page: u64,
    }

    /// A filter and an order that the store keeps a counted list for.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct View {
        id: String,
        name: String,
        /// Which conversations, as `PUT` takes it.
        #[schema(value_type = Object)]
        filter: String,
        sort: Sort,
        /// How far it has been built, until it is complete.
        #[schema(required = false)]
        building: ViewProgress,
    }

    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct ViewProgress {
        /// How many conversations were looked at.
        done: u64,
        /// How many there are.
        of: u64,
    }

    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct Views {
        data: Vec<View>,
    }

    /// The order of a view.
    #[derive(ToSchema)]
    pub(crate) enum Sort {
        #[serde(rename = "-updated_at")]
        LatestActivity,
        #[serde(rename = "updated_at")]
        EarliestActivity,
        #[serde(rename = "waiting_since")]
        LongestWaiting,
        #[serde(rename = "-created_at")]
        Newest,
        #[serde(rename = "created_at")]
        Oldest,
        #[serde(rename = "snoozed_until")]
        DueSoonest,
        #[serde(rename = "priority")]
        Priority,
    }

    /// The answer to the list of a view that is being built.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct BuildingError {
        #[schema(inline)]
        error: BuildingBody,
    }

    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct BuildingBody {
        /// `view_building`.
        code: String,
        /// For people.
        message: String,
        /// How many conversations were looked at.
        done: u64,
        /// How many there are.
        of: u64,
    }

    /// The answer to identities of several contacts.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct TakenError {
        #[schema(inline)]
        error: TakenBody,
    }

    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct TakenBody {
        /// `identity_taken`.
        code: String,
        /// For people.
        message: String,
        /// The contacts.
        contact_ids: Vec<String>,
    }

    /// The answer to a request whose conversation is not as it was expected.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct UnmetError {
        #[schema(inline)]
        error: UnmetBody,
    }

    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct UnmetBody {
        /// `precondition_failed`.
        code: String,
        /// For people.
        message: String,
        /// What was expected. It, `revision` and `assigned_to` are left out if there is no conversation yet.
        #[schema(value_type = Object, required = false)]
        expected: String,
        /// The revision of the conversation.
        #[schema(required = false)]
        revision: u64,
        /// Who has the conversation.
        #[schema(required = false)]
        assigned_to: Option<Party>,
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
