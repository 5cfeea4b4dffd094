//! The JSON of conversations: one document for a row of a list, a transcript and an import.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::attributes::{Attributes, Priority, Tags};
use crate::records::{ConversationRecord, Embedded, Numbers};
use crate::text::{Object, ObjectWriter};
use crate::time::Time;
use crate::{
    Assignee, AssigneeId, Channel, ContactId, Content, Conversation, ConversationId, Extras,
    Import, ImportConversation, InboxId, InvalidInput, Message, MessageId, MessageType, Metadata,
    Note, Revision, Status, TeamId, Timeline, Transcript,
};

/// The team of a conversation, which is no user.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct Team {
    id: TeamId,
    name: String,
}

impl Team {
    fn of(assignee: &Assignee) -> Option<Self> {
        match &assignee.id {
            AssigneeId::Team(id) => Some(Self {
                id: id.clone(),
                name: assignee.name.to_string(),
            }),
            AssigneeId::User(_) => None,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct Document {
    id: Option<ConversationId>,
    contact_id: ContactId,
    channel: Channel,
    status: Option<Status>,
    assigned_to: Option<Assignee>,
    #[serde(default)]
    messages: Vec<Message>,
    created_at: Option<Time>,
    updated_at: Option<Time>,
    /// Of a line of an import alone.
    unread: Option<u64>,
    unread_count: Option<u64>,
    inbound_count: Option<u64>,
    #[serde(default)]
    revision: Revision,
    inbox_id: Option<InboxId>,
    team: Option<Team>,
    snoozed_until: Option<Time>,
    priority: Option<Priority>,
    #[serde(default)]
    tags: Tags,
    last_inbound_at: Option<Time>,
    last_message_at: Option<Time>,
    waiting_since: Option<Time>,
    opened_at: Option<Time>,
    first_reply_at: Option<Time>,
    resolved_at: Option<Time>,
    #[serde(default)]
    answered_by_bot: bool,
    identity: Option<String>,
    delivered_until: Option<Time>,
    read_until: Option<Time>,
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    notes: Vec<Note>,
    /// Of messages whose own JSON leaves something out.
    #[serde(default)]
    extras: BTreeMap<MessageId, Extras>,
}

impl From<Document> for Import {
    fn from(document: Document) -> Self {
        let attributes = Attributes {
            team: document.team.map(|team| Assignee::new(team.id, &team.name)),
            snoozed_until: document.snoozed_until.map(Time::get),
            priority: document.priority,
            tags: document.tags,
            metadata: document.metadata,
        };
        let has_attributes = attributes != Attributes::default();
        let (created, updated) = (
            document.created_at.map(Time::get),
            document.updated_at.map(Time::get),
        );
        let created_at = created.or(updated).unwrap_or_default();
        let conversation = Conversation {
            id: document.id.unwrap_or(ConversationId::from_raw(0)),
            contact_id: document.contact_id,
            channel: document.channel,
            inbox_id: document.inbox_id,
            status: document.status.unwrap_or(Status::Resolved),
            assigned_to: document.assigned_to,
            created_at,
            updated_at: updated.unwrap_or(created_at),
            revision: document.revision,
            inbound_count: document.inbound_count.unwrap_or(0),
            unread_count: document.unread_count.unwrap_or(0),
            timeline: Timeline {
                waiting_since: document.waiting_since.map(Time::get),
                last_inbound_at: document.last_inbound_at.map(Time::get),
                last_message_at: document.last_message_at.map(Time::get),
                opened_at: document.opened_at.map(Time::get),
                first_reply_at: document.first_reply_at.map(Time::get),
                resolved_at: document.resolved_at.map(Time::get),
                answered_by_bot: document.answered_by_bot,
            },
            delivered_until: document.delivered_until.map(Time::get),
            read_until: document.read_until.map(Time::get),
            attributes: has_attributes.then(|| Box::new(attributes)),
            history: None,
            identity: document.identity.map(Into::into),
        };
        let (mut messages, mut extras) = (document.messages, document.extras);
        for message in &mut messages {
            if let Some(whole) = extras.remove(&message.id) {
                // An empty text that is kept is printed as one that was taken back.
                let keeps = whole.revoked.as_ref().is_some_and(|it| it.keeps_content);
                if keeps && matches!(message.content, Content::Revoked(MessageType::Text)) {
                    message.content = Content::text("");
                }
                message.extras = Some(Box::new(whole));
            }
        }
        Self::new(conversation, messages).notes(document.notes)
    }
}

impl Document {
    /// What an import alone has is refused elsewhere, and what is of no message.
    fn check_extras<E: de::Error>(&self, is_import: bool) -> Result<(), E> {
        let is_known = |id: &MessageId| self.messages.iter().any(|message| message.id == *id);
        let belongs = self.extras.keys().all(|id| is_import && is_known(id));
        InvalidInput::unless(belongs, "extras", "do not belong here").map_err(E::custom)
    }

    /// Whether it has what it counts.
    const fn is_whole(&self) -> bool {
        !self.messages.is_empty() || !self.notes.is_empty()
    }

    /// How many of the inbound messages that later lines bring are unread. `unread_count` says the same.
    fn take_unread<E: de::Error>(&mut self) -> Result<u64, E> {
        let (unread, count) = (self.unread.take(), self.unread_count.take());
        let inbound = self.inbound_count.take();
        let is_one = unread.is_none() || count.is_none() && inbound.is_none();
        let reason = "must not be given beside `unread_count` or `inbound_count`";
        InvalidInput::unless(is_one, "unread", reason).map_err(E::custom)?;
        let (count, most) = (count.unwrap_or(0), inbound.unwrap_or(u64::MAX));
        let reason = format_args!("must not be above `inbound_count`, {most}");
        InvalidInput::unless(count <= most, "unread_count", reason).map_err(E::custom)?;
        Ok(unread.unwrap_or(count))
    }

    /// What a line of an import may leave out.
    fn check_required<E: de::Error>(&self) -> Result<(), E> {
        let required = [
            ("id", self.id.is_some()),
            ("status", self.status.is_some()),
            ("created_at", self.created_at.is_some()),
            ("updated_at", self.updated_at.is_some()),
        ];
        let missing = required.iter().find(|(_, is_there)| !is_there);
        missing.map_or(Ok(()), |(field, _)| Err(E::missing_field(field)))?;
        let reason = "belongs to a line of an import without messages and notes";
        InvalidInput::unless(self.unread.is_none(), "unread", reason).map_err(E::custom)
    }
}

/// Reads a whole document.
fn read<'de, D: Deserializer<'de>>(deserializer: D, is_import: bool) -> Result<Import, D::Error> {
    let document = Document::deserialize(Object(deserializer))?;
    document.check_required()?;
    document.check_extras(is_import)?;
    Ok(Import::from(document))
}

/// A whole conversation, or what is known of it.
impl<'de> Deserialize<'de> for ImportConversation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_line(Document::deserialize(Object(deserializer))?)
    }
}

/// A conversation as an export writes it: all that it counts comes with it.
pub(crate) struct Exported(pub(crate) Box<ImportConversation>);

impl<'de> Deserialize<'de> for Exported {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let document = Document::deserialize(Object(deserializer))?;
        if !document.is_whole() {
            let is_none = |count: Option<u64>| count.is_none_or(|count| count == 0);
            let reason = "must not be above the number of inbound messages, 0";
            let unread = document.unread_count;
            InvalidInput::unless(is_none(unread), "unread_count", reason)
                .map_err(de::Error::custom)?;
            let reason = "must be the number of inbound messages, 0";
            let inbound = document.inbound_count;
            InvalidInput::unless(is_none(inbound), "inbound_count", reason)
                .map_err(de::Error::custom)?;
        }
        read_line(document).map(Box::new).map(Self)
    }
}

fn read_line<E: de::Error>(mut document: Document) -> Result<ImportConversation, E> {
    document.check_extras(true)?;
    let unread = match document.is_whole() {
        true => document.check_required().map(|()| 0)?,
        false => document.take_unread()?,
    };
    let is_undated = document.created_at.is_none() && document.updated_at.is_none();
    Ok(ImportConversation {
        import: Import::from(document),
        unread,
        is_undated,
    })
}

/// Counts are left out where they are zero, and notes where there are none.
fn write<S: Serializer>(
    conversation: &Conversation,
    messages: &[Message],
    notes: &[Note],
    extras: Option<BTreeMap<MessageId, &Extras>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let counted = |count: u64| (count > 0).then_some(count);
    let mut object = ObjectWriter::new(serializer)?;
    object.put("id", conversation.id)?;
    object.put("contact_id", &conversation.contact_id)?;
    object.put("channel", conversation.channel)?;
    object.put("status", conversation.status)?;
    object.put("assigned_to", conversation.assigned_to.as_ref())?;
    object.put("messages", messages)?;
    object.put("created_at", Time(conversation.created_at))?;
    object.put("updated_at", Time(conversation.updated_at))?;
    object.put_some("unread_count", counted(conversation.unread_count))?;
    object.put_some("inbound_count", counted(conversation.inbound_count))?;
    object.put_some("revision", counted(conversation.revision.get()))?;
    object.put_some("inbox_id", conversation.inbox_id.as_ref())?;
    let attributes = conversation.attributes();
    object.put_some("team", attributes.team.as_ref().and_then(Team::of))?;
    object.put_some("snoozed_until", attributes.snoozed_until.map(Time))?;
    object.put_some("priority", attributes.priority)?;
    let tags = &attributes.tags;
    object.put_some("tags", (!tags.is_empty()).then_some(tags))?;
    let timeline = &conversation.timeline;
    object.put_some("last_inbound_at", timeline.last_inbound_at.map(Time))?;
    object.put_some("last_message_at", timeline.last_message_at.map(Time))?;
    object.put_some("waiting_since", timeline.waiting_since.map(Time))?;
    object.put_some("opened_at", timeline.opened_at.map(Time))?;
    object.put_some("first_reply_at", timeline.first_reply_at.map(Time))?;
    object.put_some("resolved_at", timeline.resolved_at.map(Time))?;
    object.put_some("answered_by_bot", timeline.answered_by_bot.then_some(true))?;
    object.put_some("identity", conversation.identity.as_deref())?;
    object.put_some("delivered_until", conversation.delivered_until.map(Time))?;
    object.put_some("read_until", conversation.read_until.map(Time))?;
    let metadata = &attributes.metadata;
    object.put_some("metadata", (!metadata.is_empty()).then_some(metadata))?;
    object.put_some("notes", (!notes.is_empty()).then_some(notes))?;
    object.put_some("extras", extras.filter(|extras| !extras.is_empty()))?;
    object.end()
}

/// Nothing is silently dropped.
fn refuse<T, E: de::Error>(field: &'static str, items: &[T]) -> Result<(), E> {
    InvalidInput::unless(items.is_empty(), field, "do not belong here").map_err(E::custom)
}

/// An object in JSON, a row in changes: the directory has the numbers of inbox and assignee.
impl Serialize for Conversation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return write(self, &[], &[], None, serializer);
        }
        let team = self.attributes().team.as_ref().map(|team| &team.id);
        let key = (self.id, self.assignee_id(), &self.inbox_id, team);
        let inbox = self.channel.into();
        let record = ConversationRecord::new(
            self,
            Numbers {
                inbox,
                owner: 0,
                team: 0,
            },
        );
        Embedded { key, record }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Conversation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            let row = Embedded::<_, ConversationRecord>::deserialize(deserializer)?;
            let (id, assigned_to, inbox_id, team) = row.key;
            let inbox = row.record.numbers.inbox;
            let channel = inbox.channel();
            if inbox != channel.into() {
                return Err(de::Error::custom("the inbox is none of a channel"));
            }
            let named = |id: Option<AssigneeId>| id.map(|id| Assignee::new(id, ""));
            let named = (named(assigned_to), named(team));
            let conversation = (row.record).into_conversation(id, (channel, inbox_id), named);
            return conversation.map_err(de::Error::custom);
        }
        let import = read(deserializer, false)?;
        refuse("messages", &import.messages)?;
        refuse("notes", &import.notes)?;
        Ok(import.conversation)
    }
}

impl Serialize for Transcript {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        write(&self.conversation, &self.messages, &[], None, serializer)
    }
}

impl<'de> Deserialize<'de> for Transcript {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let import = read(deserializer, false)?;
        refuse("notes", &import.notes)?;
        Ok(Self::new(import.conversation, import.messages))
    }
}

impl Serialize for Import {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (conversation, messages, notes) = (&self.conversation, &self.messages, &self.notes);
        match serializer.is_human_readable() {
            true => {
                let with_more = messages.iter().filter_map(|message| {
                    let extras = message.extras.as_deref().filter(|it| it.has_unshown())?;
                    Some((message.id, extras))
                });
                let extras = with_more.collect();
                write(conversation, messages, notes, Some(extras), serializer)
            }
            false => (conversation, messages, notes).serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Import {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return read(deserializer, true);
        }
        let (conversation, messages, notes) = Deserialize::deserialize(deserializer)?;
        Ok(Self::new(conversation, messages).notes(notes))
    }
}
