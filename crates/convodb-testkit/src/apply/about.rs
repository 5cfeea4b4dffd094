//! Commands about one conversation as a whole. Another one needs this file alone: what it is given, how
//! it comes out of bytes, and what it does to the model.

use convodb::commands::{
    MarkRead, MarkReadUpTo, MarkUnread, RemoveNote, Reopen, Resolve, UpdateConversation,
};
use convodb::{
    Attribute, AttributeChanges, Conversation, ConversationId, ErrorKind, EventKind, MessageId,
    Metadata, Priority, Result, TagChanges, TagDifference, Tags,
};

use super::call::Call;
use crate::backend::Commands;
use crate::bytes::Bytes;
use crate::changes::is_counting;
use crate::model::{Entry, Model};
use crate::more::{self, NAMES};
use crate::op::{MessagePick, Sight};
use crate::rules::refused_if;
use crate::verdict::{Expected, Refusal};

/// A command about one conversation, without its id.
#[derive(Clone, Copy, Debug)]
pub enum About {
    Resolve,
    Reopen,
    MarkRead {
        read_count: Sight,
    },
    /// Up to a message, or from one on; all, or the last, without one.
    Mark {
        read: bool,
        message: Option<u8>,
    },
    RemoveNote {
        note: u8,
    },
    Update {
        priority: u8,
        tags: u8,
        metadata: u8,
    },
}

impl About {
    pub(crate) fn from_bytes(bytes: &mut Bytes<'_>) -> Self {
        match bytes.below(10) {
            0 | 2 => Self::Resolve,
            8 | 9 => Self::Mark {
                read: bytes.below(2) == 0,
                message: (bytes.below(4) > 0).then(|| bytes.below(u8::MAX)),
            },
            7 => Self::Reopen,
            5 | 6 => Self::Update {
                priority: bytes.below(8),
                tags: bytes.below(9),
                metadata: bytes.below(7),
            },
            4 => Self::RemoveNote {
                note: bytes.below(u8::MAX),
            },
            _ => Self::MarkRead {
                read_count: bytes.sight(),
            },
        }
    }
}

pub(super) fn run(
    call: &mut Call<'_, impl Commands>,
    conversation: ConversationId,
    about: About,
) -> Result<()> {
    let mut refusals: Vec<_> = call.model.missing(conversation).into_iter().collect();
    match about {
        About::Resolve => {
            let command = Resolve { conversation };
            call.settle(Some(conversation), refusals, command, |model| {
                model.resolve(conversation)
            })
        }
        About::Reopen => {
            let command = Reopen { conversation };
            call.settle(Some(conversation), refusals, command, |model| {
                model.reopen(conversation)
            })
        }
        About::MarkRead { read_count } => {
            let read_count = call.model.seen_messages(conversation, read_count);
            refusals.extend(call.model.refused_mark(conversation, read_count));
            let command = MarkRead {
                conversation,
                read_count,
            };
            call.settle(Some(conversation), refusals, command, |model| {
                model.mark_read(conversation, read_count)
            })
        }
        About::Mark { read, message } => {
            let message =
                message.map(|n| call.model.pick_message(conversation, MessagePick::Own(n)));
            refusals.extend(call.model.refused_marking(conversation, read, message));
            let about = Some(conversation);
            let mark = |model: &mut Model| model.mark(conversation, read, message);
            match read {
                true => {
                    let up_to = message;
                    let command = MarkReadUpTo {
                        conversation,
                        up_to,
                    };
                    call.settle(about, refusals, command, mark)
                }
                false => {
                    let from = message;
                    call.settle(about, refusals, MarkUnread { conversation, from }, mark)
                }
            }
        }
        About::Update {
            priority,
            tags,
            metadata,
        } => {
            let given = Given::new(priority, tags, metadata);
            refusals.extend(call.model.refused_update(conversation, &given));
            let command = UpdateConversation {
                conversation,
                changes: given.changes(),
            };
            call.settle(Some(conversation), refusals, command, |model| {
                model.update_conversation(conversation, &given)
            })
        }
        About::RemoveNote { note } => {
            let note = call.model.pick_note(conversation, note);
            let notes = call.model.entry(conversation).map(|entry| &entry.notes);
            let is_there = notes.is_some_and(|notes| notes.iter().any(|one| one.id == note));
            let missing = refused_if(!is_there, Refusal::of(ErrorKind::NotFound));
            refusals.extend(missing);
            let command = RemoveNote { conversation, note };
            call.settle(Some(conversation), refusals, command, |model| {
                model.remove_note(conversation, note)
            })
        }
    }
}

/// What attributes become: nothing where they are left out, none where they are taken away.
struct Given {
    priority: Option<Option<Priority>>,
    tags: GivenTags,
    metadata: Option<Option<(u8, Option<u8>)>>,
}

enum GivenTags {
    LeftOut,
    None,
    All(&'static [&'static str]),
    Some(&'static [&'static str], &'static [&'static str]),
}

impl Given {
    fn new(priority: u8, tags: u8, metadata: u8) -> Self {
        Self {
            priority: match priority {
                0 => Some(None),
                1 => Some(Some(Priority::Low)),
                2 => Some(Some(Priority::Urgent)),
                _ => None,
            },
            tags: match tags {
                0 => GivenTags::None,
                1 => GivenTags::All(&["vip", "Refund"]),
                2 => GivenTags::All(&["VIP", "straße", "vip"]),
                3 => GivenTags::Some(&["STRASSE", "new"], &["vip"]),
                4 => GivenTags::Some(&[], &["NEW", "refund"]),
                5 => GivenTags::Some(&["new"], &["new"]),
                6 => GivenTags::All(&[" blank "]),
                _ => GivenTags::LeftOut,
            },
            metadata: match metadata {
                0 => Some(None),
                // The last name is refused.
                number @ 1..=3 => Some(Some((number, Some(number)))),
                4 => Some(Some((1, None))),
                _ => None,
            },
        }
    }

    fn changes(&self) -> AttributeChanges {
        let tags = |tags: &[&str]| tags.iter().copied().collect::<Tags>();
        let mut changes = AttributeChanges::default();
        changes.priority = self.priority;
        changes.tags = match &self.tags {
            GivenTags::LeftOut => None,
            GivenTags::None => Some(None),
            GivenTags::All(all) => Some(Some(TagChanges::All(tags(all)))),
            GivenTags::Some(add, remove) => Some(Some(TagChanges::Some(TagDifference {
                add: tags(add),
                remove: tags(remove),
            }))),
        };
        changes.metadata = self
            .metadata
            .map(|changes| changes.map(crate::changes::metadata));
        changes
    }
}

/// The first spelling of each tag, in the order of what they are compared by.
fn tags_of<'t>(tags: impl IntoIterator<Item = &'t str>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for tag in tags {
        if all.iter().all(|known| !is_alike(known, tag)) {
            all.push(tag.to_owned());
        }
    }
    all.sort_by_key(|tag| tag.to_uppercase().to_lowercase());
    all
}

fn is_alike(one: &str, other: &str) -> bool {
    one.to_uppercase() == other.to_uppercase()
}

impl Model {
    fn refused_update(&self, id: ConversationId, given: &Given) -> Vec<Refusal> {
        if self.entry(id).is_none() {
            return Vec::new();
        }
        let blank = matches!(given.tags, GivenTags::All([" blank "]));
        let named = given.metadata.flatten();
        let bad_name = named.is_some_and(|(name, value)| name >= NAMES && value.is_some());
        let refused = [(blank, "tags"), (bad_name, "metadata")].into_iter();
        let refused = refused.filter_map(|(bad, field)| refused_if(bad, Refusal::invalid(field)));
        refused.collect()
    }

    /// Each attribute that changes raises the revision; it is no activity.
    fn update_conversation(&mut self, id: ConversationId, given: &Given) -> Expected<Conversation> {
        let entry = self.entry_mut(id);
        let before = entry.attributes.clone();
        if let Some(priority) = given.priority {
            entry.attributes.priority = priority;
        }
        let known: Vec<String> = before.tags.iter().map(str::to_owned).collect();
        let known = known.iter().map(String::as_str);
        let is_in = |tags: &[&str], tag: &str| tags.iter().any(|one| is_alike(one, tag));
        let tags = match given.tags {
            GivenTags::LeftOut => tags_of(known),
            GivenTags::None => Vec::new(),
            GivenTags::All(all) => tags_of(
                known
                    .filter(|tag| is_in(all, tag))
                    .chain(all.iter().copied()),
            ),
            GivenTags::Some(add, remove) => tags_of(
                known
                    .filter(|tag| !is_in(remove, tag))
                    .chain(add.iter().copied()),
            ),
        };
        entry.attributes.tags = tags.into_iter().collect();
        match given.metadata {
            None => {}
            Some(None) => entry.attributes.metadata = Metadata::new(),
            Some(Some((name, value))) => {
                let name = more::name(name);
                let kept = before.metadata.iter().filter(|(known, _)| *known != name);
                let mut metadata = Metadata::new();
                kept.for_each(|(name, value)| metadata.set(name, value.clone()));
                if let Some(value) = value {
                    metadata.set(name, more::value(value));
                }
                entry.attributes.metadata = metadata;
            }
        }
        let after = &entry.attributes;
        let changed: Vec<_> = [
            (after.priority != before.priority, Attribute::Priority),
            (after.tags != before.tags, Attribute::Tags),
            (after.metadata != before.metadata, Attribute::Metadata),
        ]
        .into_iter()
        .filter_map(|(changed, attribute)| changed.then_some(attribute))
        .collect();
        entry.revision += changed.len() as u64;
        let is_changed = !changed.is_empty();
        if is_changed {
            self.tell(id, EventKind::ConversationUpdated { changed });
            self.touched = true;
        }
        Expected::plain(self.shown(id), is_changed)
    }

    /// How many messages from the contact somebody saw.
    fn seen_messages(&self, id: ConversationId, sight: Sight) -> u64 {
        let inbound = self.entry(id).map_or(0, Entry::inbound);
        match sight {
            Sight::Present => inbound,
            // Now and then one more than there are.
            Sight::Of(number) => u64::from(number) % (inbound + 2),
        }
    }

    fn refused_marking(
        &self,
        id: ConversationId,
        read: bool,
        message: Option<MessageId>,
    ) -> Option<Refusal> {
        let (entry, message) = (self.entry(id)?, message?);
        let Some(message) = entry.messages.iter().find(|one| one.id == message) else {
            return Some(Refusal::of(ErrorKind::NotFound));
        };
        refused_if(!read && !is_counting(message), Refusal::invalid("from"))
    }

    /// Unread are so many of the last ones that count, by their arrival.
    fn mark(
        &mut self,
        id: ConversationId,
        read: bool,
        message: Option<MessageId>,
    ) -> Expected<Conversation> {
        let entry = self.entry_mut(id);
        let (inbound, unread) = (entry.inbound(), entry.unread());
        let later = message.map(|id| entry.counting_after(id));
        let marked = match (read, later) {
            (true, later) => unread.min(later.unwrap_or(0)),
            (false, Some(later)) => unread.max(later + 1),
            (false, None) => unread.max(inbound.min(1)),
        };
        entry.read_count = inbound - marked;
        let changed = marked != unread;
        if changed {
            self.tell(
                id,
                match read {
                    true => EventKind::ConversationRead,
                    false => EventKind::ConversationUnread,
                },
            );
        }
        self.touched |= changed;
        Expected::plain(self.shown(id), changed)
    }

    fn refused_mark(&self, id: ConversationId, read_count: u64) -> Option<Refusal> {
        let inbound = self.entry(id)?.inbound();
        refused_if(read_count > inbound, Refusal::invalid("read_count"))
    }

    /// A mark never goes back; it is no activity.
    fn mark_read(&mut self, id: ConversationId, read_count: u64) -> Expected<Conversation> {
        let entry = self.entry_mut(id);
        let changed = read_count > entry.read_count;
        entry.read_count = entry.read_count.max(read_count);
        if changed {
            self.tell(id, EventKind::ConversationRead);
        }
        self.touched |= changed;
        Expected::plain(self.shown(id), changed)
    }
}
