//! The bodies of requests that have one of several shapes, as the library reads them.

use convodb::UNSEEN;
use utoipa::openapi::schema::{
    AdditionalProperties, AnyOfBuilder, ArrayBuilder, Object, ObjectBuilder, OneOfBuilder, Schema,
    SchemaType, Type,
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
const CONVERSATION_ID: &str = "^conv_[0-7][0-9A-HJKMNP-TV-Z]{25}$";
const MESSAGE_ID: &str = "^msg_[0-7][0-9A-HJKMNP-TV-Z]{25}$";
/// The server accepts addresses of IP version 6 too; this pattern has no brackets.
const URL: &str = r"^https?://[!-Z\^-~]+$";

const MAX_TEXT: usize = 64 * 1024;
const MAX_NAME: usize = 256;
const MAX_URL: usize = 2_048;
const MAX_PROVIDER_ID: usize = 512;
const MAX_PARAMS: usize = 256;

/// A user or a team, not both.
pub(crate) struct Assignment;
/// A message to a contact, of one of the four types.
pub(crate) struct OutboundMessage;
/// A message from a contact, of one of the four types.
pub(crate) struct InboundMessage;
/// A delivery receipt for a message, which either pair of ids names.
pub(crate) struct Receipt;
/// The text of a note.
pub(crate) struct NoteContent;
/// The name of a user or a team.
pub(crate) struct Named;

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

/// A message to a contact may say whether it reopens.
fn messages(description: &str, outbound: bool) -> RefOr<Schema> {
    let params = ArrayBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Array, Type::Null]))
        .items(ObjectBuilder::new().schema_type(Type::String))
        .max_items(Some(MAX_PARAMS))
        .build();
    // What a contact sent is stored, whatever it says.
    let content = || {
        if outbound {
            seen(MAX_TEXT)
        } else {
            utf_8(MAX_TEXT)
        }
    };
    let media = || {
        vec![
            ("media_url", REQUIRED, text(URL, MAX_URL).into()),
            ("caption", OPTIONAL, optional(content()).into()),
        ]
    };
    let types = [
        ("text", vec![("content", REQUIRED, content().into())]),
        (
            "template",
            vec![
                ("template_name", REQUIRED, seen(MAX_NAME).into()),
                ("template_params", OPTIONAL, Schema::Array(params).into()),
                ("content", OPTIONAL, optional(content()).into()),
            ],
        ),
        ("image", media()),
        ("document", media()),
    ];
    one_of(
        description,
        types.map(|(name, of_type)| {
            let mut fields = vec![
                ("contact_id", REQUIRED, text(CONTACT_ID, 256).into()),
                ("channel", REQUIRED, Ref::from_schema_name("Channel").into()),
                ("type", REQUIRED, word(name).into()),
            ];
            fields.extend(of_type);
            fields.push(("provider_id", OPTIONAL, optional(provider_id()).into()));
            fields.push(("sent_at", OPTIONAL, time()));
            if outbound {
                let reopen = ObjectBuilder::new()
                    .schema_type(SchemaType::from_iter([Type::Boolean, Type::Null]));
                fields.push(("reopen", OPTIONAL, reopen.into()));
            }
            object(fields)
        }),
    )
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
        let statuses = || {
            ObjectBuilder::new()
                .schema_type(Type::String)
                .enum_values(Some(["sent", "delivered", "read"]))
                .build()
        };
        let by_id = || {
            vec![
                (
                    "conversation_id",
                    REQUIRED,
                    text(CONVERSATION_ID, 31).into(),
                ),
                ("message_id", REQUIRED, text(MESSAGE_ID, 30).into()),
            ]
        };
        let by_provider = || {
            vec![
                ("channel", REQUIRED, Ref::from_schema_name("Channel").into()),
                ("provider_id", REQUIRED, provider_id().into()),
            ]
        };
        let shape = |mut fields: Vec<_>, failed: bool| {
            let status = if failed { word("failed") } else { statuses() };
            fields.push(("status", REQUIRED, status.into()));
            fields.push(("at", OPTIONAL, time()));
            if failed {
                let error = OneOfBuilder::new()
                    .item(Ref::from_schema_name("DeliveryError"))
                    .item(ObjectBuilder::new().schema_type(Type::Null));
                fields.push(("error", OPTIONAL, error.into()));
            }
            object(fields)
        };
        one_of(
            "A delivery receipt for a message, which either pair of ids names",
            [
                shape(by_id(), false),
                shape(by_id(), true),
                shape(by_provider(), false),
                shape(by_provider(), true),
            ],
        )
    }
}

impl ToSchema for Receipt {}

impl PartialSchema for NoteContent {
    fn schema() -> RefOr<Schema> {
        object(vec![("content", REQUIRED, seen(MAX_TEXT).into())]).into()
    }
}

impl ToSchema for NoteContent {}

impl PartialSchema for Named {
    fn schema() -> RefOr<Schema> {
        object(vec![("name", REQUIRED, seen(MAX_NAME).into())]).into()
    }
}

impl ToSchema for Named {}
