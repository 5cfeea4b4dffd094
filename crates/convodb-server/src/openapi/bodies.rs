//! The bodies of requests that have one of several shapes, as the library reads them.

use convodb::{Team, UNSEEN};
use serde_json::Value;
use utoipa::openapi::schema::{
    AnyOfBuilder, ArrayBuilder, ArrayItems, Object, ObjectBuilder, OneOfBuilder, Schema,
    SchemaType, Type,
};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use super::parameters::{TEAM_ID, USER_ID};
use super::shapes::{Fields, OPTIONAL, REQUIRED, Shape, object, shaped};

/// A time from 2001 on, as providers write it: ISO 8601, every day of which is one, or digits. The server takes those of
/// 2000 too, whose first day is one of 1999 in some zones.
const TIME: &str = concat!(
    "^((200[1-9]|20[1-9][0-9]|2[1-9][0-9]{2}|[3-8][0-9]{3}|9[0-8][0-9]{2})-",
    "((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))",
    "T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\\.[0-9]{1,9})?)?(Z|[+-]([01][0-9]|2[0-3]):?[0-5][0-9])",
    "|[1-9][0-9]{9}|[1-9][0-9]{12}|[1-9][0-9]{15})$",
);
/// The same as whole numbers of seconds, milliseconds and microseconds since 1970.
const TIME_NUMBERS: [(u64, u64); 3] = [
    (946_684_800, 99_999_999_999),
    (946_684_800_000, 99_999_999_999_999),
    (946_684_800_000_000, 253_402_300_799_999_999),
];
const CONTACT_ID: &str = "^con_[!-~]{1,252}$";
/// An inbox by its id, or the nameless one of a channel.
const INBOX: &str = r"^(whatsapp|instagram|messenger|webchat|inb_[!-+\--~]{1,124})$";
/// A user, a team, or `unassigned`.
const ASSIGNEE: &str = r"^(?!usr_$|none$|any$)[!-+\--~]{1,128}$";
const INBOX_ID: &str = r"^inb_[!-+\--~]{1,124}$";
const CONVERSATION_ID: &str = "^conv_[0-7][0-9A-HJKMNP-TV-Z]{25}$";
const MESSAGE_ID: &str = "^msg_[0-7][0-9A-HJKMNP-TV-Z]{25}$";
/// The server accepts addresses of IP version 6 too; this pattern has no brackets.
const URL: &str = r"^https?://[!-Z\^-~]+$";

/// Without control characters, and without white space at its ends.
const TAG: &str = concat!(
    r"^[^\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]",
    r"([^\u0000-\u001f\u007f-\u009f]*",
    r"[^\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000])?$",
);

const MAX_TEXT: usize = 64 * 1024;
const MAX_NAME: usize = 256;
const MAX_URL: usize = 4_096;
const MAX_ATTACHMENTS: usize = 30;
/// JavaScript's greatest whole number.
pub(crate) const MAX_NUMBER: u64 = 1 << 53;
const MAX_PROVIDER_ID: usize = 512;
const MAX_PARAMS: usize = 256;

/// A user or a team, not both.
pub(crate) struct Assignment;
/// A message to a contact, of one of the thirteen types.
pub(crate) struct OutboundMessage;
/// A message from a contact, of one of the thirteen types.
pub(crate) struct InboundMessage;
/// A delivery receipt for a message, which either pair of ids names.
pub(crate) struct Receipt;
/// What a report of a status is answered: the message, or the conversation.
pub(crate) struct Reported;
/// A medium or a link of a message that is sent or received.
pub(crate) struct NewAttachment;
/// Who wrote a message to a contact.
pub(crate) struct Writer;
/// Who reacted to a message, or took it back.
pub(crate) struct Actor;
/// A reaction to a message.
pub(crate) struct Reaction;
/// Another content of a message.
pub(crate) struct EditedMessage;
/// A message that is taken back.
pub(crate) struct Revocation;
/// A message that is tried again.
pub(crate) struct Retried;
/// What became known of a message.
pub(crate) struct MessageUpdate;
/// Up to which message is read.
pub(crate) struct ReadMark;
/// From which message on is unread.
pub(crate) struct UnreadMark;
/// As whom a session acts.
pub(crate) struct SignIn;
/// What attributes of a conversation become.
pub(crate) struct ConversationUpdate;
/// Values of the client's own, by their names.
pub(crate) struct Metadata;
/// What a contact becomes.
pub(crate) struct ContactUpdate;
/// Identities of one contact.
pub(crate) struct Identification;
/// A contact that is merged, and the other one.
pub(crate) struct Merge;
/// The text of a note.
pub(crate) struct NoteContent;
/// The channel and the name of an inbox.
pub(crate) struct NamedInbox;
/// The name, the filter and the order of a view.
pub(crate) struct NamedView;
/// The name of a user.
pub(crate) struct Named;
/// The name of a team, and its members.
pub(crate) struct NamedTeam;

/// What is purged.
pub(crate) struct Purge;

/// A string, as a pattern and a length have it.
fn text(pattern: &str, max_length: usize) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(pattern))
        .max_length(Some(max_length))
        .build()
}

/// A text of at most this many bytes of UTF-8. A schema counts characters, so that words say it.
fn utf_8(max_bytes: usize) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(format!("At most {max_bytes} bytes of UTF-8")))
        .build()
}

/// The code of a failure: a provider's may be a number.
pub(crate) fn code() -> Object {
    let mut code = utf_8(2_048);
    code.schema_type = SchemaType::from_iter([Type::String, Type::Number]);
    code
}

/// A text of which something is seen.
fn seen(max_bytes: usize) -> Object {
    let unseen: String = UNSEEN
        .iter()
        .map(|range| format!("{}-{}", range.start(), range.end()))
        .collect();
    let mut text = utf_8(max_bytes);
    text.pattern = Some(format!("[^\\s\u{0}-\u{1f}\u{7f}-\u{9f}{unseen}]"));
    text
}

/// An optional field may be null.
fn optional(mut object: Object) -> Object {
    object.schema_type = SchemaType::from_iter([Type::String, Type::Null]);
    object
}

fn time() -> RefOr<Schema> {
    let numbers = TIME_NUMBERS.map(|(minimum, maximum)| {
        ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(minimum))
            .maximum(Some(maximum))
    });
    let text = AnyOfBuilder::new().item(optional(text(TIME, 64)));
    numbers.into_iter().fold(text, AnyOfBuilder::item).into()
}

fn provider_id() -> Object {
    let mut id = utf_8(MAX_PROVIDER_ID);
    id.pattern = Some("^[^\u{0}-\u{1f}\u{7f}-\u{9f}]+$".to_owned());
    id.min_length = Some(1);
    id
}

fn word(word: &str) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some([word]))
        .build()
}

/// One of these words.
fn words(words: &[&str]) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(words.to_vec()))
        .build()
}

/// A schema that has a name, or null.
fn nullable(name: &str) -> RefOr<Schema> {
    OneOfBuilder::new()
        .item(named_schema(name))
        .item(ObjectBuilder::new().schema_type(Type::Null))
        .into()
}

/// An array that may be null.
fn optional_array(items: impl Into<ArrayItems>, max: usize) -> ArrayBuilder {
    array(items, max).schema_type(SchemaType::from_iter([Type::Array, Type::Null]))
}

impl PartialSchema for Assignment {
    fn schema() -> RefOr<Schema> {
        shaped(
            "A user or a team of the directory, not both",
            vec![
                ("user_id", OPTIONAL, text(USER_ID, 128).into()),
                ("team_id", OPTIONAL, text(TEAM_ID, 128).into()),
            ],
            &[vec![
                Shape::default().requires(&["user_id"]),
                Shape::default().requires(&["team_id"]),
            ]],
        )
    }
}

impl ToSchema for Assignment {}

fn named_schema(name: &str) -> RefOr<Schema> {
    Ref::from_schema_name(name).into()
}

fn array(items: impl Into<ArrayItems>, max: usize) -> ArrayBuilder {
    ArrayBuilder::new().items(items).max_items(Some(max))
}

fn flag() -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Boolean, Type::Null]))
        .into()
}

fn any(description: &str) -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(SchemaType::AnyValue)
        .description(Some(description))
        .into()
}

fn number() -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Integer, Type::Null]))
        .minimum(Some(0))
        .maximum(Some(MAX_NUMBER))
        .into()
}

const KINDS: [&str; 6] = ["image", "document", "audio", "video", "sticker", "link"];

/// What an attachment has beside its kind and its address.
fn attachment_details() -> Fields {
    let texts = [
        ("mime_type", 255),
        ("file_name", 512),
        ("title", 1_024),
        ("text", MAX_TEXT),
    ];
    let mut fields: Fields = texts
        .map(|(name, max)| (name, OPTIONAL, optional(utf_8(max)).into()))
        .into();
    fields
        .extend(["size", "duration_ms", "width", "height"].map(|name| (name, OPTIONAL, number())));
    fields.push((
        "sha256",
        OPTIONAL,
        optional(text("^[0-9A-Fa-f]{64}$", 64)).into(),
    ));
    fields.push(("expires_at", OPTIONAL, time()));
    fields
}

impl PartialSchema for NewAttachment {
    fn schema() -> RefOr<Schema> {
        let voice = ObjectBuilder::new().schema_type(Type::Boolean);
        let mut fields = vec![
            ("kind", REQUIRED, words(&KINDS).into()),
            ("url", OPTIONAL, optional(text(URL, MAX_URL)).into()),
            ("media_id", OPTIONAL, optional(utf_8(512)).into()),
            ("voice", OPTIONAL, voice.into()),
            ("subtype", OPTIONAL, optional(utf_8(64)).into()),
        ];
        fields.extend(attachment_details());
        let schema = object(fields);
        schema.description(Some("A medium or a link")).into()
    }
}

impl ToSchema for NewAttachment {}

/// An attachment of this kind.
fn of_kind(kind: &str) -> ObjectBuilder {
    ObjectBuilder::new().property("kind", word(kind))
}

/// The fields of contents. What a contact sent is stored, whatever it says.
fn content(outbound: bool) -> Fields {
    let words = || match outbound {
        true => seen(MAX_TEXT),
        false => utf_8(MAX_TEXT),
    };
    let params = optional_array(ObjectBuilder::new().schema_type(Type::String), MAX_PARAMS);
    let attachments = optional_array(named_schema("NewAttachment"), MAX_ATTACHMENTS)
        .description(Some("At most 65,536 bytes of JSON together"));
    let cards = array(named_schema("Card"), 20).min_items(Some(1));
    vec![
        ("content", OPTIONAL, optional(words()).into()),
        ("caption", OPTIONAL, optional(words()).into()),
        ("attachments", OPTIONAL, attachments.into()),
        ("media_url", OPTIONAL, text(URL, MAX_URL).into()),
        ("template_name", OPTIONAL, seen(MAX_NAME).into()),
        ("template_params", OPTIONAL, params.into()),
        ("location", OPTIONAL, named_schema("Location")),
        ("contacts", OPTIONAL, cards.into()),
        ("reply", OPTIONAL, named_schema("Choice")),
        ("system", OPTIONAL, named_schema("SystemLine")),
        ("unsupported", OPTIONAL, nullable("Unsupported")),
    ]
}

/// The contents of each type, by the type.
fn contents() -> Vec<(&'static str, Shape)> {
    let shape = Shape::default;
    let links = optional_array(of_kind("link"), MAX_ATTACHMENTS);
    let mut contents = vec![
        (
            "text",
            shape()
                .requires(&["content"])
                .allows(&["attachments"])
                .with("content", some_text())
                .with("attachments", links),
        ),
        (
            "template",
            shape().requires(&["template_name"]).allows(&[
                "template_params",
                "content",
                "attachments",
            ]),
        ),
        (
            "location",
            shape().requires(&["location"]).allows(&["content"]),
        ),
        (
            "contacts",
            shape().requires(&["contacts"]).allows(&["content"]),
        ),
        (
            "interactive",
            shape().requires(&["reply"]).allows(&["content"]),
        ),
        ("system", shape().requires(&["system"]).allows(&["content"])),
        (
            "unsupported",
            shape().allows(&["unsupported", "content", "caption", "attachments"]),
        ),
    ];
    for kind in KINDS {
        // A medium has an address, or the provider's id.
        let place = |field| of_kind(kind).required(field).property(field, some_text());
        let place = AnyOfBuilder::new()
            .item(place("url"))
            .item(place("media_id"));
        let media = array(place, MAX_ATTACHMENTS).min_items(Some(1));
        let captioned = shape().allows(&["caption"]);
        contents.extend([
            (kind, captioned.clone().requires(&["media_url"])),
            (
                kind,
                captioned
                    .requires(&["attachments"])
                    .with("attachments", media),
            ),
        ]);
    }
    contents
}

/// A text, where the field may be null elsewhere.
fn some_text() -> Object {
    ObjectBuilder::new().schema_type(Type::String).build()
}

/// The types of messages.
fn types() -> Vec<&'static str> {
    let mut types: Vec<_> = contents().into_iter().map(|(name, _)| name).collect();
    types.dedup();
    types
}

/// A message from a contact, or one to a contact.
fn messages(description: &str, outbound: bool) -> RefOr<Schema> {
    let shape = Shape::default;
    let some = array(identity(), 4).min_items(Some(1));
    let whom = vec![
        shape().requires(&["contact_id"]).allows(&["identities"]),
        shape().requires(&["identities"]).with("identities", some),
    ];
    let inboxes = vec![
        shape()
            .requires(&["channel"])
            .with("channel", named_schema("Channel")),
        shape().requires(&["inbox_id"]).allows(&["channel"]),
    ];
    let contents = contents().into_iter().map(|(name, shape)| {
        let shape = shape.requires(&["type"]);
        shape.with("type", word(name))
    });
    let mut fields: Fields = vec![
        ("type", REQUIRED, words(&types()).into()),
        ("contact_id", OPTIONAL, text(CONTACT_ID, 256).into()),
        ("identities", OPTIONAL, optional_array(identity(), 4).into()),
        ("channel", OPTIONAL, nullable("Channel")),
        ("inbox_id", OPTIONAL, text(INBOX_ID, 128).into()),
    ];
    fields.extend(content(outbound));
    fields.extend([
        ("provider_id", OPTIONAL, optional(provider_id()).into()),
        ("sent_at", OPTIONAL, time()),
        ("reopen", OPTIONAL, flag()),
        ("client_ref", OPTIONAL, optional(reference()).into()),
        (
            "provider_aliases",
            OPTIONAL,
            optional_array(provider_id(), 4).into(),
        ),
        ("reply_to", OPTIONAL, nullable("Reference")),
        ("forwarded", OPTIONAL, flag()),
        ("placeholder", OPTIONAL, flag()),
        (
            "raw",
            OPTIONAL,
            any("The provider's own JSON, at most 65,536 bytes"),
        ),
        ("metadata", OPTIONAL, nullable("Metadata")),
    ]);
    if outbound {
        fields.extend([
            ("author", OPTIONAL, nullable("Writer")),
            ("echo", OPTIONAL, flag()),
            ("status", OPTIONAL, optional(word("pending")).into()),
        ]);
    }
    shaped(description, fields, &[contents.collect(), whom, inboxes])
}

/// What a provider calls a contact.
fn identity() -> Object {
    let mut text = utf_8(256);
    text.pattern = Some("^[^\u{0}-\u{1f}\u{7f}-\u{9f}]+$".to_owned());
    text.min_length = Some(1);
    text
}

/// One to four of these.
fn identities() -> RefOr<Schema> {
    array(identity(), 4).min_items(Some(1)).into()
}

/// The sender's own reference.
fn reference() -> Object {
    let mut text = utf_8(128);
    text.min_length = Some(1);
    text
}

/// Who wrote, reacted or took back: a contact writes no outbound message.
fn author(description: &str, contact: bool) -> RefOr<Schema> {
    let kind = |kind: &str| {
        let shape = Shape::default().requires(&["type"]);
        shape.with("type", word(kind))
    };
    let named = |name: &str| kind(name).allows(&["id", "name"]);
    let user = kind("user").requires(&["id"]).allows(&["name"]);
    let mut types = vec!["user", "bot", "external"];
    let mut shapes = vec![
        user.with("id", text(USER_ID, 128)),
        named("bot"),
        named("external"),
    ];
    if contact {
        types.push("contact");
        shapes.push(kind("contact"));
    }
    let fields = vec![
        ("type", REQUIRED, words(&types).into()),
        ("id", OPTIONAL, optional(utf_8(128)).into()),
        ("name", OPTIONAL, optional(utf_8(256)).into()),
    ];
    shaped(description, fields, &[shapes])
}

impl PartialSchema for Writer {
    fn schema() -> RefOr<Schema> {
        author(
            "Who wrote a message to a contact; a user is one of the directory",
            false,
        )
    }
}

impl ToSchema for Writer {}

impl PartialSchema for Actor {
    fn schema() -> RefOr<Schema> {
        author(
            "Who reacted or took back; a user is one of the directory",
            true,
        )
    }
}

impl ToSchema for Actor {}

/// The fields by which requests name a message.
fn names() -> Fields {
    vec![
        (
            "conversation_id",
            OPTIONAL,
            text(CONVERSATION_ID, 31).into(),
        ),
        ("message_id", OPTIONAL, text(MESSAGE_ID, 30).into()),
        ("channel", OPTIONAL, named_schema("Channel")),
        ("inbox_id", OPTIONAL, text(INBOX_ID, 128).into()),
        ("provider_id", OPTIONAL, provider_id().into()),
        ("client_ref", OPTIONAL, reference().into()),
        ("direction", OPTIONAL, nullable("Direction")),
    ]
}

/// By the store's ids.
fn by_id() -> Shape {
    Shape::default().requires(&["conversation_id", "message_id"])
}

/// The inbox, which a channel can be.
fn in_inbox() -> [Shape; 2] {
    ["channel", "inbox_id"].map(|it| Shape::default().requires(&[it]))
}

/// By the sender's reference, in either kind of inbox.
fn by_reference() -> [Shape; 2] {
    in_inbox().map(|it| it.requires(&["client_ref"]).allows(&["direction"]))
}

/// The ways in which a request names a message.
fn named() -> Vec<Shape> {
    let by_provider_id = in_inbox().map(|it| it.requires(&["provider_id"]));
    let all = [by_id()].into_iter().chain(by_provider_id);
    all.chain(by_reference()).collect()
}

/// A request about a message, however it names it.
fn about(description: &str, more: Fields) -> RefOr<Schema> {
    shaped(description, [names(), more].concat(), &[named()])
}

impl PartialSchema for OutboundMessage {
    fn schema() -> RefOr<Schema> {
        messages("A message to a contact", true)
    }
}

impl ToSchema for OutboundMessage {}

impl PartialSchema for InboundMessage {
    fn schema() -> RefOr<Schema> {
        messages("A message from a contact", false)
    }
}

impl ToSchema for InboundMessage {}

impl PartialSchema for Receipt {
    fn schema() -> RefOr<Schema> {
        let shape = || Shape::default().requires(&["status"]);
        let yes = ObjectBuilder::new()
            .schema_type(Type::Boolean)
            .enum_values(Some([true]));
        let until = ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some(TIME))
            .max_length(Some(64));
        let mut fields = names();
        fields.extend([
            ("contact_id", OPTIONAL, text(CONTACT_ID, 256).into()),
            (
                "status",
                OPTIONAL,
                words(&["sent", "delivered", "read", "played", "failed"]).into(),
            ),
            ("at", OPTIONAL, time()),
            ("error", OPTIONAL, nullable("DeliveryError")),
            ("up_to", OPTIONAL, yes.into()),
            ("until", OPTIONAL, until.into()),
        ]);
        let came = shape()
            .allows(&["at"])
            .with("status", words(&["sent", "delivered", "read", "played"]));
        let failed = shape()
            .allows(&["at", "error"])
            .with("status", word("failed"));
        let watermark = || shape().with("status", words(&["delivered", "read"]));
        let up_to = watermark().requires(&["up_to"]);
        let until = watermark().requires(&["until"]);
        let mut shapes = Vec::new();
        for name in named() {
            shapes.extend([&came, &failed, &up_to].map(|what| name.clone().and(what)));
        }
        shapes.push(until.clone().requires(&["conversation_id"]));
        let of_contact = in_inbox().map(|it| it.requires(&["contact_id"]).and(&until));
        shapes.extend(of_contact);
        // The id of a message that is named by a reference belongs to the inbox of that.
        let identified = by_reference().into_iter().chain([by_id()]);
        shapes.extend(identified.map(|it| it.requires(&["provider_id"])));
        shaped(
            "A delivery receipt for a message, for all until one or until a time, or the id that a \
             message was given",
            fields,
            &[shapes],
        )
    }
}

impl ToSchema for Receipt {}

impl PartialSchema for Reported {
    fn schema() -> RefOr<Schema> {
        OneOfBuilder::new()
            .item(named_schema("Message"))
            .item(named_schema("Conversation"))
            .into()
    }
}

impl ToSchema for Reported {}

impl PartialSchema for Reaction {
    fn schema() -> RefOr<Schema> {
        let emoji = || {
            let mut one = utf_8(64);
            one.min_length = Some(1);
            one
        };
        let several = array(emoji(), 64);
        let emoji = AnyOfBuilder::new().item(optional(emoji())).item(several);
        let more = vec![
            ("by", OPTIONAL, nullable("Actor")),
            ("emoji", OPTIONAL, emoji.into()),
            ("at", OPTIONAL, time()),
        ];
        about("A reaction to a message", more)
    }
}

impl ToSchema for Reaction {}

impl PartialSchema for Revocation {
    fn schema() -> RefOr<Schema> {
        let more = vec![
            ("by", OPTIONAL, nullable("Actor")),
            ("at", OPTIONAL, time()),
            ("keep_content", OPTIONAL, flag()),
        ];
        about("A message that is taken back", more)
    }
}

impl ToSchema for Revocation {}

impl PartialSchema for Retried {
    fn schema() -> RefOr<Schema> {
        let pending = optional(word("pending"));
        let more = vec![("status", OPTIONAL, pending.into())];
        about("A failed message that is tried again", more)
    }
}

impl ToSchema for Retried {}

impl PartialSchema for MessageUpdate {
    fn schema() -> RefOr<Schema> {
        let index = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(0));
        let mut update: Fields = vec![
            ("index", REQUIRED, index.into()),
            ("url", OPTIONAL, optional(text(URL, MAX_URL)).into()),
            ("media_id", OPTIONAL, optional(utf_8(512)).into()),
        ];
        update.extend(attachment_details());
        let updates = optional_array(object(update).build(), MAX_ATTACHMENTS);
        let more = vec![
            ("attachments", OPTIONAL, updates.into()),
            ("metadata", OPTIONAL, nullable("Metadata")),
        ];
        about("What became known of a message", more)
    }
}

impl ToSchema for MessageUpdate {}

/// This word, or null.
fn word_or_null(word: &str) -> Object {
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .enum_values(Some([Value::from(word), Value::Null]))
        .build()
}

fn mark(field: &'static str) -> RefOr<Schema> {
    let message = optional(text(MESSAGE_ID, 30));
    object(vec![(field, OPTIONAL, message.into())]).into()
}

impl PartialSchema for ReadMark {
    fn schema() -> RefOr<Schema> {
        mark("up_to")
    }
}

impl ToSchema for ReadMark {}

impl PartialSchema for UnreadMark {
    fn schema() -> RefOr<Schema> {
        mark("from")
    }
}

impl ToSchema for UnreadMark {}

impl PartialSchema for SignIn {
    fn schema() -> RefOr<Schema> {
        let actor = optional(text(USER_ID, 128));
        object(vec![("actor", OPTIONAL, actor.into())]).into()
    }
}

impl ToSchema for SignIn {}

impl PartialSchema for ConversationUpdate {
    fn schema() -> RefOr<Schema> {
        let mut tag = utf_8(64);
        tag.pattern = Some(TAG.to_owned());
        let tags = || optional_array(tag.clone(), 32);
        let changes = object(vec![
            ("add", OPTIONAL, tags().into()),
            ("remove", OPTIONAL, tags().into()),
        ]);
        let tags = AnyOfBuilder::new()
            .item(tags())
            .item(changes)
            .item(ObjectBuilder::new().schema_type(Type::Null))
            .description(Some(
                "All tags, or those that come and go; without white space at their ends",
            ));
        let priorities = ["low", "medium", "high", "urgent"];
        let priority = ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
            .enum_values(Some(
                priorities.map(Value::from).into_iter().chain([Value::Null]),
            ));
        object(vec![
            ("team_id", OPTIONAL, optional(text(TEAM_ID, 128)).into()),
            ("snoozed_until", OPTIONAL, time()),
            ("priority", OPTIONAL, priority.into()),
            ("tags", OPTIONAL, tags.into()),
            ("metadata", OPTIONAL, nullable("Metadata")),
        ])
        .into()
    }
}

impl ToSchema for ConversationUpdate {}

/// The name of a contact, and values of the client's own.
fn of_contact() -> Fields {
    let mut name = seen(MAX_NAME);
    name.schema_type = SchemaType::from_iter([Type::String, Type::Null]);
    vec![
        ("name", OPTIONAL, name.into()),
        ("metadata", OPTIONAL, nullable("Metadata")),
    ]
}

impl PartialSchema for ContactUpdate {
    fn schema() -> RefOr<Schema> {
        object(of_contact()).into()
    }
}

impl ToSchema for ContactUpdate {}

impl PartialSchema for Identification {
    fn schema() -> RefOr<Schema> {
        let mut fields = of_contact();
        fields.push(("channel", REQUIRED, named_schema("Channel")));
        let merge = ObjectBuilder::new().schema_type(Type::Boolean);
        let contact = optional(text(CONTACT_ID, 256));
        fields.extend([
            ("identities", REQUIRED, identities()),
            ("contact_id", OPTIONAL, contact.into()),
            ("merge", OPTIONAL, merge.into()),
        ]);
        object(fields).into()
    }
}

impl ToSchema for Identification {}

impl PartialSchema for Merge {
    fn schema() -> RefOr<Schema> {
        let contact = || text(CONTACT_ID, 256).into();
        object(vec![
            ("from", REQUIRED, contact()),
            ("into", REQUIRED, contact()),
        ])
        .into()
    }
}

impl ToSchema for Merge {}

impl PartialSchema for EditedMessage {
    fn schema() -> RefOr<Schema> {
        let mut types: Vec<_> = types().into_iter().map(Value::from).collect();
        types.push(Value::Null);
        let kind = ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
            .enum_values(Some(types));
        let contact = optional(text(CONTACT_ID, 256));
        let mut fields = names();
        fields.extend([
            ("type", OPTIONAL, kind.into()),
            ("contact_id", OPTIONAL, contact.into()),
            ("at", OPTIONAL, time()),
        ]);
        fields.extend(content(false));
        let contents = contents().into_iter().map(|(name, shape)| match name {
            // An edit without a type is one of a text.
            "text" => shape.allows(&["type"]).with("type", word_or_null(name)),
            _ => shape.requires(&["type"]).with("type", word(name)),
        });
        shaped(
            "Another content of a message",
            fields,
            &[named(), contents.collect()],
        )
    }
}

impl ToSchema for EditedMessage {}

impl PartialSchema for Metadata {
    fn schema() -> RefOr<Schema> {
        let value = AnyOfBuilder::new().item(optional(utf_8(1_024))).item(
            ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::Number, Type::Boolean])),
        );
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some(
                "At most 8,192 bytes together; null takes a value away",
            ))
            .property_names(Some(text("^[A-Za-z0-9_.-]{1,64}$", 64)))
            .max_properties(Some(32))
            .additional_properties(Some(RefOr::T(Schema::from(value))))
            .into()
    }
}

impl ToSchema for Metadata {}

impl PartialSchema for NoteContent {
    fn schema() -> RefOr<Schema> {
        object(vec![("content", REQUIRED, seen(MAX_TEXT).into())]).into()
    }
}

impl ToSchema for NoteContent {}

impl PartialSchema for NamedInbox {
    fn schema() -> RefOr<Schema> {
        object(vec![
            ("channel", REQUIRED, named_schema("Channel")),
            ("name", REQUIRED, seen(MAX_NAME).into()),
        ])
        .into()
    }
}

impl ToSchema for NamedInbox {}

impl PartialSchema for NamedView {
    fn schema() -> RefOr<Schema> {
        let mut tag = utf_8(64);
        tag.pattern = Some(TAG.to_owned());
        let tags = || array(tag.clone(), 32).into();
        let tag = object(vec![
            ("any", OPTIONAL, tags()),
            ("all", OPTIONAL, tags()),
            ("none", OPTIONAL, tags()),
        ]);
        let boolean = || ObjectBuilder::new().schema_type(Type::Boolean).into();
        let channels = ["whatsapp", "instagram", "messenger", "webchat"];
        let priorities = ["low", "medium", "high", "urgent"];
        let filter = object(vec![
            (
                "status",
                OPTIONAL,
                words(&["open", "resolved", "all"]).into(),
            ),
            ("channel", OPTIONAL, array(words(&channels), 4).into()),
            ("inbox", OPTIONAL, array(text(INBOX, 128), 256).into()),
            (
                "assigned_to",
                OPTIONAL,
                array(text(ASSIGNEE, 128), 65).into(),
            ),
            ("team", OPTIONAL, array(text(TEAM_ID, 128), 64).into()),
            ("tag", OPTIONAL, tag.into()),
            ("priority", OPTIONAL, array(words(&priorities), 4).into()),
            ("unread", OPTIONAL, boolean()),
            ("snoozed", OPTIONAL, boolean()),
            ("waiting", OPTIONAL, boolean()),
        ]);
        object(vec![
            ("name", REQUIRED, seen(MAX_NAME).into()),
            ("filter", REQUIRED, filter.into()),
            (
                "sort",
                REQUIRED,
                words(&convodb::Sort::ALL.map(convodb::Sort::as_str)).into(),
            ),
        ])
        .into()
    }
}

impl ToSchema for NamedView {}

impl PartialSchema for Named {
    fn schema() -> RefOr<Schema> {
        object(vec![("name", REQUIRED, seen(MAX_NAME).into())]).into()
    }
}

impl ToSchema for Named {}

impl PartialSchema for NamedTeam {
    fn schema() -> RefOr<Schema> {
        let members = optional_array(text(USER_ID, 128), Team::MAX_MEMBERS);
        object(vec![
            ("name", REQUIRED, seen(MAX_NAME).into()),
            ("members", OPTIONAL, members.into()),
        ])
        .into()
    }
}

impl ToSchema for NamedTeam {}

impl PartialSchema for Purge {
    fn schema() -> RefOr<Schema> {
        let number = |most: u64| {
            ObjectBuilder::new()
                .schema_type(Type::Integer)
                .minimum(Some(0))
                .maximum(Some(most))
        };
        let days = || number(u64::from(u32::MAX)).build().into();
        let count = || number(MAX_NUMBER).build().into();
        let events = shaped(
            "What is removed of the events",
            vec![
                ("older_than_days", OPTIONAL, days()),
                ("keep_newest", OPTIONAL, count()),
            ],
            &[vec![
                Shape::default().requires(&["older_than_days"]),
                Shape::default().requires(&["keep_newest"]),
            ]],
        );
        let keys = object(vec![("older_than_days", REQUIRED, days())]);
        let unmatched = object(vec![
            ("older_than_days", REQUIRED, days()),
            ("keep_newest", OPTIONAL, count()),
        ]);
        let purge = object(vec![
            ("events", OPTIONAL, events),
            ("idempotency_keys", OPTIONAL, keys.into()),
            ("unmatched", OPTIONAL, unmatched.into()),
        ]);
        purge.min_properties(Some(1)).into()
    }
}

impl ToSchema for Purge {}
