//! What comes from elsewhere: whole conversations with their messages, notes, ids and times, and lines
//! of which each is one thing.

use chrono::{DateTime, Utc};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::commands::{SaveAssignee, SaveInbox, SaveTeam, SaveView};
use crate::json::Exported;
use crate::text::{Object, ObjectWriter};
use crate::time::Time;
use crate::{
    Actor, Address, AssigneeId, Channel, Contact, ContactId, Conversation, ConversationId, Details,
    Effect, Filter, ImportMessage, Inbox, InboxId, InboxRef, InvalidInput, Message, Note, Result,
    Sort, Status, Team, TeamId, UserId, ViewId, Who, repair_surrogates,
};

/// A whole conversation to be imported. It keeps its messages, notes, ids and times.
///
/// Its JSON is that of a [`Transcript`](crate::Transcript), with `notes` where it has any, and with
/// `extras`, by message, where messages have something that their JSON leaves out, such as former contents.
/// An unknown field is refused. A store writes the same JSON, so a conversation can move from one store to
/// another. `import` sorts the messages and checks the rest. The messages count as read, but for the
/// latest `unread_count` of the inbound ones. An `inbound_count` other than 0 must be their number.
///
/// ```
/// use convodb::prelude::*;
/// use convodb::{Import, Store};
///
/// let store = Store::in_memory()?;
/// let import: Import = serde_json::from_str(r#"{
///     "id": "conv_01HABC00000000000000000000",
///     "contact_id": "con_01HXYZ",
///     "channel": "whatsapp",
///     "status": "open",
///     "assigned_to": {"type": "user", "id": "usr_01H111", "name": "Alice Support"},
///     "messages": [],
///     "created_at": "2026-04-15T08:30:00Z",
///     "updated_at": "2026-04-16T09:12:00Z"
/// }"#)?;
/// let id = store.import(import)?.value.id;
///
/// let transcript = store.transcript(id)?;
/// let notes = store.notes(id)?.collect::<Result<_, _>>()?;
/// let export = Import::new(transcript.conversation, transcript.messages).notes(notes);
/// let elsewhere = Store::in_memory()?;
/// elsewhere.import(serde_json::from_str(&serde_json::to_string(&export)?)?)?;
/// assert_eq!(elsewhere.transcript(id)?, store.transcript(id)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[must_use]
pub struct Import {
    /// The conversation. The import adds its user or team to the directory. A name that is in the
    /// directory stays.
    pub conversation: Conversation,
    /// Its messages, in any order.
    pub messages: Vec<Message>,
    /// Its internal notes, in any order.
    pub notes: Vec<Note>,
}

impl Import {
    /// A conversation with its messages, without notes.
    pub fn new(conversation: Conversation, messages: Vec<Message>) -> Self {
        Self {
            conversation,
            messages,
            notes: Vec::new(),
        }
    }

    /// The same with these notes.
    pub fn notes(mut self, notes: Vec<Note>) -> Self {
        self.notes = notes;
        self
    }
}

/// A line of an import: one thing from elsewhere, of which each is decided for itself.
///
/// Its JSON is an object with one name: `{"user": {"id", "name"}}`,
/// `{"team": {"id", "name", "members"}}` ([`SaveTeam`], whose members may be left out),
/// `{"inbox": {"id", "channel", "name"}}`, `{"view": {"id", "name", "filter", "sort"}}`, `{"contact": {…}}`
/// ([`Contact`]), `{"conversation": {…}}` ([`ImportConversation`]),
/// `{"message": {…}}` ([`ImportMessage`]) or `{"note": {…}}` ([`ImportNote`]). A conversation as an export
/// writes it, without such a name, is taken too; what it counts must come with it.
///
/// ```
/// use convodb::ImportLine;
///
/// let line = br#"{"message": {"contact_id": "con_01HXYZ", "channel": "whatsapp",
///     "direction": "inbound", "type": "text", "content": "Hello", "sent_at": "2024-02-29T08:00:00Z"}}"#;
/// assert!(matches!(ImportLine::parse(line), Ok(ImportLine::Message(_))));
/// let error = ImportLine::parse(br#"{"message": {"contact_id": "con_01HXYZ"}}"#).unwrap_err();
/// assert_eq!((error.field(), error.reason()), ("channel", "`channel` or `inbox_id` is required"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ImportLine {
    /// A user of the directory, or a team that keeps its members.
    Assignee(SaveAssignee),
    /// A team of the directory.
    Team(SaveTeam),
    /// An inbox.
    Inbox(SaveInbox),
    /// A saved view.
    View(Box<SaveView>),
    /// A contact. One that is there gets only what it does not have.
    Contact(Box<Contact>),
    /// A conversation, with its messages or without.
    Conversation(Box<ImportConversation>),
    /// A message, of a thread that is there or a new one.
    Message(Box<ImportMessage>),
    /// An internal note, of a thread that is there or a new one.
    Note(Box<ImportNote>),
}

/// An internal note of the past, for a line of an import.
///
/// Its JSON has `contact_id` or `identities`, `channel` or `inbox_id`, `content` and `created_at`, and where they have a
/// value `author` and `id`: any text of at most 512 bytes, which makes the second note of an id and a time
/// in one conversation the same note.
///
/// ```
/// use convodb::ImportNote;
///
/// let line = r#"{"contact_id": "con_01HXYZ", "channel": "whatsapp", "content": "Enterprise plan.",
///     "created_at": "2024-02-29T08:00:00Z", "author": "usr_01H111"}"#;
/// assert_eq!(serde_json::from_str::<ImportNote>(line)?.content, "Enterprise plan.");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ImportNote {
    pub(crate) to: Address,
    /// Its id, where it comes from.
    pub id: Option<String>,
    /// The text.
    pub content: String,
    /// Who wrote it.
    pub author: Option<Actor>,
    /// When.
    pub created_at: DateTime<Utc>,
}

impl ImportNote {
    /// A note about this contact in this inbox, or on this channel.
    pub fn new(
        who: impl Into<Who>,
        inbox: impl Into<InboxRef>,
        content: impl Into<String>,
        created_at: DateTime<Utc>,
    ) -> Self {
        Self {
            to: Address {
                who: who.into(),
                inbox: inbox.into(),
                channel: None,
            },
            id: None,
            content: content.into(),
            author: None,
            created_at,
        }
    }
}

impl Serialize for ImportNote {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = ObjectWriter::new(serializer)?;
        self.to.write(&mut object)?;
        object.put_some("id", self.id.as_ref())?;
        object.put("content", &self.content)?;
        object.put_some("author", self.author.as_ref())?;
        object.put("created_at", Time(self.created_at))?;
        object.end()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct NoteDocument {
    contact_id: Option<ContactId>,
    #[serde(default)]
    identities: Vec<String>,
    channel: Option<Channel>,
    inbox_id: Option<InboxId>,
    id: Option<String>,
    content: String,
    author: Option<Actor>,
    created_at: Time,
}

impl<'de> Deserialize<'de> for ImportNote {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let note = NoteDocument::deserialize(Object(deserializer))?;
        let who = Who {
            contact: note.contact_id,
            identities: note.identities,
        };
        Ok(Self {
            to: Address::read(who, note.channel, note.inbox_id)?,
            id: note.id,
            content: note.content,
            author: note.author,
            created_at: note.created_at.get(),
        })
    }
}

/// A conversation for a line of an import.
///
/// Its JSON is that of an [`Import`]. Without messages and notes, all but `contact_id` and `channel` may be
/// left out. It is `resolved` then, unless `status` says otherwise, and has the times of its messages.
/// `unread` (or `unread_count`, not both) is how many of the inbound messages that lines bring are unread;
/// `inbound_count` is counted, and is not below `unread_count`.
///
/// ```
/// use convodb::ImportConversation;
///
/// let line = r#"{"contact_id": "con_01HXYZ", "channel": "whatsapp", "tags": ["vip"], "unread": 2}"#;
/// let conversation: ImportConversation = serde_json::from_str(line)?;
/// assert_eq!(conversation.unread, 2);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ImportConversation {
    /// The conversation with what comes with it. A conversation whose id is all zeros gets another.
    pub import: Import,
    /// How many of the inbound messages that later lines bring are unread.
    pub unread: u64,
    /// Whether its times are those of the messages that later lines bring.
    pub is_undated: bool,
}

impl ImportConversation {
    /// A resolved conversation with nothing yet.
    pub fn new(contact: impl Into<ContactId>, channel: Channel) -> Self {
        let (id, at) = (ConversationId::from_raw(0), DateTime::UNIX_EPOCH);
        let mut conversation = Conversation::new(id, contact.into(), channel, at);
        conversation.status = Status::Resolved;
        Self {
            import: Import::new(conversation, Vec::new()),
            unread: 0,
            is_undated: true,
        }
    }

    /// Whether it comes with all that belongs to it.
    pub(crate) const fn is_whole(&self) -> bool {
        !self.import.messages.is_empty() || !self.import.notes.is_empty()
    }
}

impl From<Import> for ImportConversation {
    fn from(import: Import) -> Self {
        Self {
            import,
            unread: 0,
            is_undated: false,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct Named<T> {
    id: T,
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct NamedView {
    id: ViewId,
    name: String,
    filter: Filter,
    sort: Sort,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct NamedTeam {
    id: TeamId,
    name: String,
    members: Option<Vec<String>>,
}

/// A line with its one name.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", expecting = "an object with one name")]
enum Line {
    User(Named<UserId>),
    Team(NamedTeam),
    Inbox(Inbox),
    View(Box<NamedView>),
    Contact(Box<Contact>),
    Conversation(Box<ImportConversation>),
    Message(Box<ImportMessage>),
    Note(Box<ImportNote>),
}

impl ImportLine {
    /// Reads a line of JSON. Halves of surrogate pairs are [repaired](repair_surrogates).
    ///
    /// # Errors
    ///
    /// A line that is none. The field is that of the JSON, as far as it is known, or `line`.
    pub fn parse(json: &[u8]) -> Result<Self, InvalidInput> {
        let json = repair_surrogates(json);
        // No conversation has a field of these names.
        let first = json.trim_ascii_start().strip_prefix(b"{");
        let first = first.map(<[u8]>::trim_ascii_start).unwrap_or_default();
        let first = first.strip_prefix(b"\"").unwrap_or_default();
        let is_named = LINES.iter().any(|name| {
            let behind = first.strip_prefix(name.as_bytes());
            behind.is_some_and(|behind| behind.starts_with(b"\""))
        });
        if !is_named {
            return from_json(&json, false).map(|Exported(line)| Self::Conversation(line));
        }
        Ok(match from_json(&json, true)? {
            Line::User(Named { id, name }) => Self::Assignee(SaveAssignee {
                assignee: AssigneeId::User(id),
                name,
            }),
            Line::Team(NamedTeam { id, name, members }) => Self::Team(SaveTeam {
                team: id,
                name,
                members: members.map(|ids| Team::member_ids(&ids)).transpose()?,
            }),
            Line::Inbox(Inbox { id, channel, name }) => Self::Inbox(SaveInbox {
                inbox: id,
                channel,
                name,
            }),
            Line::View(view) => Self::View(Box::new(SaveView {
                view: view.id,
                name: view.name,
                filter: view.filter,
                sort: view.sort,
            })),
            Line::Contact(contact) => Self::Contact(contact),
            Line::Conversation(conversation) => Self::Conversation(conversation),
            Line::Message(message) => Self::Message(message),
            Line::Note(note) => Self::Note(note),
        })
    }
}

/// Reads the JSON of a line, which has the name of its kind or is a conversation. What serde says of it
/// becomes a field and a reason.
fn from_json<T: DeserializeOwned>(json: &[u8], is_named: bool) -> Result<T, InvalidInput> {
    serde_json::from_slice(json).map_err(|error| {
        let text = error.to_string();
        // To serde each line is line 1.
        let position = format!(" at line {} column {}", error.line(), error.column());
        let text = text.strip_suffix(&position).unwrap_or(&text);
        let is_object = json.trim_ascii_start().starts_with(b"{");
        if !error.is_data() {
            if is_object && serde_json::from_slice::<IgnoredAny>(json).is_ok() {
                return InvalidInput::new("line", "must have one name, that of its kind");
            }
            let reason = format!(
                "the line is not a JSON object: {text} (column {})",
                error.column()
            );
            return InvalidInput::new("line", reason);
        }
        if !is_object {
            return InvalidInput::new("line", "the line is not a JSON object");
        }
        let quoted = |prefix: &str| text.strip_prefix(prefix)?.split('`').nth(1);
        let is_field = |name: &str| {
            let is_part =
                |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_.[]".contains(c);
            !name.is_empty() && name.chars().all(is_part)
        };
        let read = json
            .get(..error.column())
            .filter(|_| error.line() == 1)
            .unwrap_or_default();
        if let Some(field) = quoted("missing field ") {
            // It is missing in the object that has just ended.
            let object = read.strip_suffix(b"}").map(path_at_end);
            let object = object.and_then(|path| Some(path.rsplit_once('.')?.0.to_owned()));
            let object = below(&object.unwrap_or_default(), is_named);
            let path = match object.is_empty() {
                true => field.to_owned(),
                false => format!("{object}.{field}"),
            };
            return InvalidInput::new(path, "is required");
        }
        if let Some(field) = quoted("unknown field ") {
            let path = below(&path_at_end(read), is_named);
            return match path.strip_suffix(field) {
                Some(object) if object.ends_with('.') => {
                    InvalidInput::new(path, "is not a field of it")
                }
                _ if is_named => InvalidInput::new(field.to_owned(), "is not a field of it"),
                _ => {
                    let reason = format!(
                        "is neither a kind of line (`{}`) nor a field of a conversation",
                        LINES.join("`, `")
                    );
                    InvalidInput::new(field.to_owned(), reason)
                }
            };
        }
        if let Some((field, reason)) = text.split_once(": ").filter(|(field, _)| is_field(field)) {
            return InvalidInput::new(field.to_owned(), reason.to_owned());
        }
        match below(&path_at_end(read), is_named) {
            path if path.is_empty() => {
                InvalidInput::new("line", format!("{text} (column {})", error.column()))
            }
            path => InvalidInput::new(path, text.to_owned()),
        }
    })
}

/// A path without the name of the line that it begins with.
fn below(path: &str, is_named: bool) -> String {
    let behind = |name: &&str| {
        let behind = path.strip_prefix(*name)?;
        behind.strip_prefix('.').or(behind.is_empty().then_some(""))
    };
    let below = LINES.iter().find_map(behind).filter(|_| is_named);
    below.unwrap_or(path).to_owned()
}

/// The path of the value that JSON ends with, which is cut.
fn path_at_end(json: &[u8]) -> String {
    // Of each object its latest name, of each array the number of its latest item.
    let mut path: Vec<Result<String, usize>> = Vec::new();
    let mut is_name = false;
    let mut rest = json;
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        match byte {
            b'{' => path.push(Ok(String::new())),
            b'[' => path.push(Err(0)),
            b'}' | b']' => drop(path.pop()),
            b',' => {
                if let Some(Err(index)) = path.last_mut() {
                    *index += 1;
                }
            }
            b'"' => {
                let mut is_escaped = false;
                let end = rest.iter().position(|byte| {
                    let is_end = *byte == b'"' && !is_escaped;
                    is_escaped = *byte == b'\\' && !is_escaped;
                    is_end
                });
                let (text, behind) = rest.split_at(end.unwrap_or(rest.len()));
                rest = behind.get(1..).unwrap_or_default();
                if let (Some(Ok(name)), true) = (path.last_mut(), is_name) {
                    *name = String::from_utf8_lossy(text).into_owned();
                }
            }
            _ => {}
        }
        let is_object = matches!(path.last(), Some(Ok(_)));
        is_name = match byte {
            b'{' | b',' => is_object,
            byte if byte.is_ascii_whitespace() => is_name,
            _ => false,
        };
    }
    let mut text = String::new();
    for part in &path {
        match part {
            Ok(name) if text.is_empty() => text.clone_from(name),
            Ok(name) => text = format!("{text}.{name}"),
            Err(index) => text = format!("{text}[{index}]"),
        }
    }
    text
}

/// The names of lines.
const LINES: [&str; 8] = [
    "user",
    "team",
    "inbox",
    "view",
    "contact",
    "conversation",
    "message",
    "note",
];

/// What a line of an import did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LineResult {
    /// What the line has was not there.
    Created,
    /// What the line has was there, and more became known of it.
    Merged,
    /// What the line has was there. Nothing changed.
    Duplicate,
}

/// What became of a line of an import.
///
/// Its JSON is `{"line", "result"}`, with the name of a [`LineResult`], or `"error"` and beside it
/// `"error": {"code", "message"}`, with `field` where the line has a wrong one, and `contact_ids` where an identity belongs to another contact.
///
/// ```
/// # convodb::example!(store);
/// # use convodb::{ImportLine, ImportOptions};
/// let line = br#"{"message": {"contact_id": "con_7", "channel": "fax"}}"#;
/// let lines = [(1, ImportLine::parse(line))];
/// let answer = store.import_lines(lines, &ImportOptions::new()).next().unwrap()?;
/// let json = serde_json::to_value(&answer)?;
/// assert_eq!(json["result"], "error");
/// assert_eq!(json["error"]["code"], "validation_error");
/// assert_eq!(json["error"]["field"], "channel");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LineAnswer {
    /// The number of the line.
    pub line: u64,
    /// What it did, or why it did nothing.
    pub result: Result<LineResult>,
}

impl LineAnswer {
    #[doc(hidden)]
    pub const fn new(line: u64, result: Result<LineResult>) -> Self {
        Self { line, result }
    }
}

#[derive(Serialize)]
struct LineError<'a> {
    code: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    /// Of an identity that belongs to another contact.
    #[serde(skip_serializing_if = "Option::is_none")]
    contact_ids: Option<&'a [ContactId]>,
}

impl Serialize for LineAnswer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = ObjectWriter::new(serializer)?;
        object.put("line", self.line)?;
        match &self.result {
            Ok(result) => object.put("result", result)?,
            Err(error) => {
                object.put("result", "error")?;
                let error = LineError {
                    code: error.kind().code(),
                    message: error.to_string(),
                    field: error.field(),
                    contact_ids: match error.details() {
                        Details::Contacts(ids) => Some(ids),
                        _ => None,
                    },
                };
                object.put("error", error)?;
            }
        }
        object.end()
    }
}

/// How far a named import has come. See [`ImportOptions::resume`](crate::ImportOptions::resume).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ImportProgress {
    /// The number of the last line that is done.
    pub line: u64,
    /// How many lines failed.
    pub failed: u64,
}

impl ImportProgress {
    #[doc(hidden)]
    pub const fn new(line: u64, failed: u64) -> Self {
        Self { line, failed }
    }
}

impl From<Effect> for LineResult {
    fn from(effect: Effect) -> Self {
        match effect {
            Effect { created: true, .. } => Self::Created,
            Effect { changed: true, .. } => Self::Merged,
            _ => Self::Duplicate,
        }
    }
}

#[doc(hidden)]
impl ImportLine {
    /// How many messages it brings.
    pub fn messages(&self) -> u64 {
        match self {
            Self::Assignee(_)
            | Self::Team(_)
            | Self::Inbox(_)
            | Self::View(_)
            | Self::Contact(_)
            | Self::Note(_) => 0,
            Self::Conversation(line) => line.import.messages.len() as u64,
            Self::Message(_) => 1,
        }
    }

    /// What it counts for in a commit.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Conversation(line) => 1 + line.import.messages.len(),
            _ => 1,
        }
    }
}

/// A line of an import with its number, or what is wrong with it.
///
/// ```
/// use convodb::{ImportLine, NumberedLine};
///
/// let file = ["{\"user\": {\"id\": \"usr_1\", \"name\": \"Alice\"}}", "{"];
/// let parsed = file.iter().map(|line| ImportLine::parse(line.as_bytes()));
/// let lines: Vec<NumberedLine> = (1..).zip(parsed).collect();
/// assert!(lines[0].1.is_ok() && lines[1].1.is_err());
/// ```
pub type NumberedLine = (u64, Result<ImportLine, InvalidInput>);
