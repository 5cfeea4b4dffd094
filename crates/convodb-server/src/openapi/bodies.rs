//! The bodies of requests that have one of several shapes, as the library reads them.

use convodb::{Team, UNSEEN};
use serde_json::Value;
use utoipa::openapi::schema::{
    AdditionalProperties, AnyOfBuilder, ArrayBuilder, ArrayItems, Object, ObjectBuilder,
    OneOfBuilder, Schema, SchemaType, Type,
};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use super::parameters::{TEAM_ID, USER_ID};

/// A time from 2000 on, as providers write it: ISO 8601, every day of which is one, or digits.
const TIME: &str = concat!(
    "^(([2-8][0-9]{3}|9[0-8][0-9]{2})-",
    "((0[13578]|1[02])-(0[2-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))",
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

fn closed() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)))
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

/// An object with these fields and no others.
fn object(fields: Vec<(&str, bool, RefOr<Schema>)>) -> Object {
    let mut object = closed();
    for (name, required, schema) in fields {
        object = object.property(name, schema);
        if required {
            object = object.required(name);
        }
    }
    object.build()
}

fn one_of(description: &str, shapes: impl IntoIterator<Item = Object>) -> RefOr<Schema> {
    let mut one_of = OneOfBuilder::new().description(Some(description));
    for shape in shapes {
        one_of = one_of.item(shape);
    }
    one_of.into()
}

const REQUIRED: bool = true;
const OPTIONAL: bool = false;

impl PartialSchema for Assignment {
    fn schema() -> RefOr<Schema> {
        let shapes = [("user_id", USER_ID), ("team_id", TEAM_ID)];
        one_of(
            "A user or a team of the directory, not both",
            shapes
                .map(|(field, pattern)| object(vec![(field, REQUIRED, text(pattern, 128).into())])),
        )
    }
}

impl ToSchema for Assignment {}

/// Schemas of fields, with whether each is required.
type Fields = Vec<(&'static str, bool, RefOr<Schema>)>;

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

/// An attachment of one of these kinds; the first of a medium has an address or the provider's id.
fn attachments(kinds: &[&str], has_place: bool) -> RefOr<Schema> {
    let kind = || {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(kinds.to_vec()))
    };
    let places: &[(bool, bool)] = match has_place {
        true => &[(REQUIRED, OPTIONAL), (OPTIONAL, REQUIRED)],
        false => &[(OPTIONAL, OPTIONAL)],
    };
    let shapes = places.iter().map(|(has_url, has_media)| {
        let mut fields = vec![
            ("kind", REQUIRED, kind().into()),
            (
                "voice",
                OPTIONAL,
                ObjectBuilder::new().schema_type(Type::Boolean).into(),
            ),
            ("subtype", OPTIONAL, optional(utf_8(64)).into()),
        ];
        let url = text(URL, MAX_URL);
        let media_id = utf_8(512);
        match (has_url, has_media) {
            (true, _) => {
                fields.push(("url", REQUIRED, url.into()));
                fields.push(("media_id", OPTIONAL, optional(media_id).into()));
            }
            (_, true) => fields.push(("media_id", REQUIRED, media_id.into())),
            _ => {
                fields.push(("url", OPTIONAL, optional(url).into()));
                fields.push(("media_id", OPTIONAL, optional(media_id).into()));
            }
        }
        fields.extend(attachment_details());
        object(fields)
    });
    shapes
        .fold(OneOfBuilder::new(), |one_of, shape| one_of.item(shape))
        .into()
}

/// The shapes of the content of each type.
fn contents(outbound: bool) -> Vec<(&'static str, Fields)> {
    // What a contact sent is stored, whatever it says.
    let content = || {
        if outbound {
            seen(MAX_TEXT)
        } else {
            utf_8(MAX_TEXT)
        }
    };
    let words = || ("content", OPTIONAL, optional(content()).into());
    let caption = || ("caption", OPTIONAL, optional(content()).into());
    let params = ArrayBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Array, Type::Null]))
        .items(ObjectBuilder::new().schema_type(Type::String))
        .max_items(Some(MAX_PARAMS));
    let several = |kinds: &[&str]| {
        let description = "At most 65,536 bytes of JSON together";
        optional_array(attachments(kinds, false), MAX_ATTACHMENTS).description(Some(description))
    };
    let mut contents: Vec<(&'static str, Fields)> = vec![
        (
            "text",
            vec![
                ("content", REQUIRED, content().into()),
                ("attachments", OPTIONAL, several(&["link"]).into()),
            ],
        ),
        (
            "template",
            vec![
                ("template_name", REQUIRED, seen(MAX_NAME).into()),
                ("template_params", OPTIONAL, params.into()),
                words(),
                ("attachments", OPTIONAL, several(&KINDS).into()),
            ],
        ),
        (
            "location",
            vec![("location", REQUIRED, named_schema("Location")), words()],
        ),
        (
            "contacts",
            vec![
                (
                    "contacts",
                    REQUIRED,
                    array(named_schema("Card"), 20).min_items(Some(1)).into(),
                ),
                words(),
            ],
        ),
        (
            "interactive",
            vec![("reply", REQUIRED, named_schema("Choice")), words()],
        ),
        (
            "system",
            vec![("system", REQUIRED, named_schema("SystemLine")), words()],
        ),
        (
            "unsupported",
            vec![
                ("unsupported", OPTIONAL, nullable("Unsupported")),
                words(),
                caption(),
                ("attachments", OPTIONAL, several(&KINDS).into()),
            ],
        ),
    ];
    for kind in KINDS {
        contents.push((
            kind,
            vec![
                ("media_url", REQUIRED, text(URL, MAX_URL).into()),
                caption(),
            ],
        ));
        let media = array(attachments(&[kind], true), MAX_ATTACHMENTS).min_items(Some(1));
        contents.push((
            kind,
            vec![("attachments", REQUIRED, media.into()), caption()],
        ));
    }
    contents
}

/// A message from a contact, or one to a contact.
fn messages(description: &str, outbound: bool) -> RefOr<Schema> {
    let contents = contents(outbound);
    let addresses = [channel(), {
        let mut inbox = inbox();
        inbox.push(("channel", OPTIONAL, nullable("Channel")));
        inbox
    }];
    let whom = [
        vec![
            ("contact_id", REQUIRED, text(CONTACT_ID, 256).into()),
            ("identities", OPTIONAL, optional_array(identity(), 4).into()),
        ],
        vec![("identities", REQUIRED, identities())],
    ];
    let addresses: Vec<_> = addresses
        .iter()
        .flat_map(|address| whom.iter().map(|whom| [&whom[..], address].concat()))
        .collect();
    let all = addresses
        .iter()
        .flat_map(|address| contents.iter().map(move |it| (address, it)));
    let shapes = all.map(|(address, (name, of_type))| {
        let mut fields: Fields = vec![("type", REQUIRED, word(name).into())];
        fields.extend(address.clone());
        fields.extend(of_type.clone());
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
                ("author", OPTIONAL, author(false)),
                ("echo", OPTIONAL, flag()),
                ("status", OPTIONAL, optional(word("pending")).into()),
            ]);
        }
        object(fields)
    });
    one_of(description, shapes)
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
fn author(contact: bool) -> RefOr<Schema> {
    let kind = |kind: &str| ("type", REQUIRED, word(kind).into());
    let named = |kind_name: &'static str| {
        object(vec![
            kind(kind_name),
            ("id", OPTIONAL, optional(utf_8(128)).into()),
            ("name", OPTIONAL, optional(utf_8(256)).into()),
        ])
    };
    let user = object(vec![
        kind("user"),
        ("id", REQUIRED, text(USER_ID, 128).into()),
        ("name", OPTIONAL, optional(utf_8(256)).into()),
    ]);
    let none = ObjectBuilder::new().schema_type(Type::Null).build();
    let mut shapes = vec![user, named("bot"), named("external"), none];
    if contact {
        shapes.push(object(vec![kind("contact")]));
    }
    one_of("Who it is; a user is one of the directory", shapes)
}

/// The nameless inbox of a channel.
fn channel() -> Fields {
    vec![("channel", REQUIRED, named_schema("Channel"))]
}

/// An inbox by its id.
fn inbox() -> Fields {
    vec![("inbox_id", REQUIRED, text(INBOX_ID, 128).into())]
}

/// A message by the store's ids.
fn by_id() -> Fields {
    vec![
        (
            "conversation_id",
            REQUIRED,
            text(CONVERSATION_ID, 31).into(),
        ),
        ("message_id", REQUIRED, text(MESSAGE_ID, 30).into()),
    ]
}

/// Messages by the sender's reference, in either kind of inbox.
fn by_reference() -> [Fields; 2] {
    [channel(), inbox()].map(|mut fields| {
        fields.push(("client_ref", REQUIRED, reference().into()));
        fields.push(("direction", OPTIONAL, nullable("Direction")));
        fields
    })
}

/// The ways in which a request names a message.
fn names() -> Vec<Fields> {
    let by_provider_id = [channel(), inbox()].map(|mut fields| {
        fields.push(("provider_id", REQUIRED, provider_id().into()));
        fields
    });
    let mut names = vec![by_id()];
    names.extend(by_provider_id);
    names.extend(by_reference());
    names
}

/// A request about a message, however it names it.
fn about(description: &str, more: impl Fn() -> Fields) -> RefOr<Schema> {
    let shapes = names().into_iter().map(|mut fields| {
        fields.extend(more());
        object(fields)
    });
    one_of(description, shapes)
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
        let words = |words: &[&str]| {
            ObjectBuilder::new()
                .schema_type(Type::String)
                .enum_values(Some(words.to_vec()))
        };
        let mut shapes = Vec::new();
        for names in names() {
            for failed in [false, true] {
                let mut fields = names.clone();
                let status = match failed {
                    true => words(&["failed"]),
                    false => words(&["sent", "delivered", "read", "played"]),
                };
                fields.push(("status", REQUIRED, status.into()));
                fields.push(("at", OPTIONAL, time()));
                if failed {
                    let error = OneOfBuilder::new()
                        .item(named_schema("DeliveryError"))
                        .item(ObjectBuilder::new().schema_type(Type::Null));
                    fields.push(("error", OPTIONAL, error.into()));
                }
                shapes.push(object(fields));
            }
            let mut up_to = names;
            let yes = ObjectBuilder::new()
                .schema_type(Type::Boolean)
                .enum_values(Some([true]));
            up_to.push(("status", REQUIRED, words(&["delivered", "read"]).into()));
            up_to.push(("up_to", REQUIRED, yes.into()));
            shapes.push(object(up_to));
        }
        let until = || {
            let mut text = text(TIME, 64);
            text.schema_type = SchemaType::new(Type::String);
            let status = words(&["delivered", "read"]);
            vec![
                ("status", REQUIRED, status.into()),
                ("until", REQUIRED, text.into()),
            ]
        };
        let mut of_conversation = until();
        of_conversation.push((
            "conversation_id",
            REQUIRED,
            text(CONVERSATION_ID, 31).into(),
        ));
        let of_contact = [channel(), inbox()].map(|address| {
            let mut fields = until();
            fields.push(("contact_id", REQUIRED, text(CONTACT_ID, 256).into()));
            fields.extend(address);
            fields
        });
        // The id of a message that is named by a reference belongs to the inbox of that.
        let identified = by_reference()
            .into_iter()
            .chain([by_id()])
            .map(|mut fields| {
                fields.push(("provider_id", REQUIRED, provider_id().into()));
                fields
            });
        shapes.push(object(of_conversation));
        shapes.extend(of_contact.map(object));
        shapes.extend(identified.map(object));
        one_of(
            "A delivery receipt for a message, for all until one or until a time, or the id that a \
             message was given",
            shapes,
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
        about("A reaction to a message", || {
            let several = array(emoji(), 64);
            let emoji = AnyOfBuilder::new().item(optional(emoji())).item(several);
            vec![
                ("by", OPTIONAL, author(true)),
                ("emoji", OPTIONAL, emoji.into()),
                ("at", OPTIONAL, time()),
            ]
        })
    }
}

impl ToSchema for Reaction {}

impl PartialSchema for Revocation {
    fn schema() -> RefOr<Schema> {
        about("A message that is taken back", || {
            vec![
                ("by", OPTIONAL, author(true)),
                ("at", OPTIONAL, time()),
                ("keep_content", OPTIONAL, flag()),
            ]
        })
    }
}

impl ToSchema for Revocation {}

impl PartialSchema for Retried {
    fn schema() -> RefOr<Schema> {
        about("A failed message that is tried again", || {
            vec![("status", OPTIONAL, optional(word("pending")).into())]
        })
    }
}

impl ToSchema for Retried {}

impl PartialSchema for MessageUpdate {
    fn schema() -> RefOr<Schema> {
        about("What became known of a message", || {
            let index = ObjectBuilder::new()
                .schema_type(Type::Integer)
                .minimum(Some(0));
            let mut update: Fields = vec![
                ("index", REQUIRED, index.into()),
                ("url", OPTIONAL, optional(text(URL, MAX_URL)).into()),
                ("media_id", OPTIONAL, optional(utf_8(512)).into()),
            ];
            update.extend(attachment_details());
            vec![
                (
                    "attachments",
                    OPTIONAL,
                    optional_array(object(update), MAX_ATTACHMENTS).into(),
                ),
                ("metadata", OPTIONAL, nullable("Metadata")),
            ]
        })
    }
}

impl ToSchema for MessageUpdate {}

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
        fields.extend(channel());
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
        let mut shapes = Vec::new();
        for names in names() {
            for (name, content) in contents(false) {
                let mut fields = names.clone();
                // An edit without a type is one of a text.
                fields.push(match name {
                    "text" => ("type", OPTIONAL, optional(word(name)).into()),
                    _ => ("type", REQUIRED, word(name).into()),
                });
                fields.push((
                    "contact_id",
                    OPTIONAL,
                    optional(text(CONTACT_ID, 256)).into(),
                ));
                fields.push(("at", OPTIONAL, time()));
                fields.extend(content);
                shapes.push(object(fields));
            }
        }
        one_of("Another content of a message", shapes)
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
        let mut fields = channel();
        fields.push(("name", REQUIRED, seen(MAX_NAME).into()));
        object(fields).into()
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
        let words = |words: &[&str]| {
            let words = words.iter().map(|word| Value::from(*word));
            ObjectBuilder::new()
                .schema_type(Type::String)
                .enum_values(Some(words))
        };
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
        let events = OneOfBuilder::new()
            .item(object(vec![("older_than_days", REQUIRED, days())]))
            .item(object(vec![("keep_newest", REQUIRED, count())]));
        let keys = object(vec![("older_than_days", REQUIRED, days())]);
        let unmatched = object(vec![
            ("older_than_days", REQUIRED, days()),
            ("keep_newest", OPTIONAL, count()),
        ]);
        let mut purge = object(vec![
            ("events", OPTIONAL, events.into()),
            ("idempotency_keys", OPTIONAL, keys.into()),
            ("unmatched", OPTIONAL, unmatched.into()),
        ]);
        purge.min_properties = Some(1);
        purge.into()
    }
}

impl ToSchema for Purge {}
