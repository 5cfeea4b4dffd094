//! Commands about one conversation as a whole. Another one needs this file alone: what it is given, how
//! it comes out of bytes, and what it does to the model.

use chrono::{DateTime, TimeDelta, Utc};
use convodb::commands::{
    MarkRead, MarkReadUpTo, MarkUnread, RemoveNote, Reopen, Resolve, UpdateConversation,
};
use convodb::{
    AssigneeId, Attribute, AttributeChanges, Conversation, ConversationId, ErrorKind, EventKind,
    MessageId, Metadata, Priority, Result, Status, TagChanges, TagDifference, Tags, TeamId,
    WakeReason,
};

use super::call::Call;
use crate::backend::Commands;
use crate::bytes::Bytes;
use crate::changes::is_counting;
use crate::model::{Entry, Model};
use crate::more::{self, NAMES};
use crate::op::{ASSIGNEES, MessagePick, Sight, Who};
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
        team: Option<Option<Who>>,
        snooze: u8,
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
                team: match bytes.below(12) {
                    0 => Some(None),
                    number @ 1..=ASSIGNEES => Some(Some(Who(number - 1))),
                    _ => None,
                },
                snooze: bytes.below(8),
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
            team,
            snooze,
        } => {
            let given = Given {
                team: team.map(|team| team.and_then(team_id)),
                snoozed_until: snoozed_until(snooze, call.model.newest),
                ..Given::new(priority, tags, metadata)
            };
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
    team: Option<Option<TeamId>>,
    snoozed_until: Option<Option<DateTime<Utc>>>,
}

/// Users have no queue.
fn team_id(who: Who) -> Option<TeamId> {
    match who.id() {
        AssigneeId::Team(id) => Some(id),
        AssigneeId::User(_) => None,
    }
}

fn snoozed_until(number: u8, now: DateTime<Utc>) -> Option<Option<DateTime<Utc>>> {
    match number {
        0 => Some(None),
        1 => Some(Some(now)),
        2 => Some(Some(now + TimeDelta::milliseconds(7))),
        3 => Some(Some(now + TimeDelta::seconds(40))),
        4 => Some(Some(now + TimeDelta::hours(3))),
        _ => None,
    }
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
            team: None,
            snoozed_until: None,
        }
    }

    fn changes(&self) -> AttributeChanges {
        let tags = |tags: &[&str]| tags.iter().copied().collect::<Tags>();
        let mut changes = AttributeChanges::default();
        changes.priority = self.priority;
        changes.team_id.clone_from(&self.team);
        changes.snoozed_until = self.snoozed_until;
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
        let Some(entry) = self.entry(id) else {
            return Vec::new();
        };
        let team = given.team.clone().flatten().map(AssigneeId::Team);
        let unknown = team.and_then(|team| self.unknown(&team));
        let until = given.snoozed_until.flatten();
        let until = until.filter(|until| entry.attributes.snoozed_until != Some(*until));
        let late = until.is_some_and(|until| until <= self.newest || entry.status != Status::Open);
        let blank = matches!(given.tags, GivenTags::All([" blank "]));
        let named = given.metadata.flatten();
        let bad_name = named.is_some_and(|(name, value)| name >= NAMES && value.is_some());
        let refused = [
            (blank, "tags"),
            (bad_name, "metadata"),
            (late, "snoozed_until"),
        ];
        let refused = refused.into_iter();
        let refused = refused.filter_map(|(bad, field)| refused_if(bad, Refusal::invalid(field)));
        refused.chain(unknown).collect()
    }

    /// Each attribute that changes raises the revision; it is no activity.
    fn update_conversation(&mut self, id: ConversationId, given: &Given) -> Expected<Conversation> {
        let entry = self.entry_mut(id);
        let before = entry.attributes.clone();
        let team_before = entry.team.clone();
        if let Some(team) = &given.team {
            entry.team = team.clone().map(AssigneeId::Team);
        }
        if let Some(until) = given.snoozed_until {
            entry.attributes.snoozed_until = until;
        }
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
        let is_snooze = after.snoozed_until != before.snoozed_until;
        let snooze = is_snooze.then_some(match after.snoozed_until {
            Some(until) => EventKind::ConversationSnoozed { until },
            None => EventKind::ConversationUnsnoozed {
                reason: WakeReason::User,
            },
        });
        let changed: Vec<_> = [
            (entry.team != team_before, Attribute::Team),
            (after.priority != before.priority, Attribute::Priority),
            (after.tags != before.tags, Attribute::Tags),
            (after.metadata != before.metadata, Attribute::Metadata),
        ]
        .into_iter()
        .filter_map(|(changed, attribute)| changed.then_some(attribute))
        .collect();
        entry.revision += changed.len() as u64 + u64::from(is_snooze);
        let is_changed = !changed.is_empty() || is_snooze;
        snooze.into_iter().for_each(|kind| self.tell(id, kind));
        if !changed.is_empty() {
            self.tell(id, EventKind::ConversationUpdated { changed });
        }
        self.touched |= is_changed;
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
            entry.unread_to_come = 0;
        }
        if changed {
            self.tell(id, EventKind::ConversationRead);
        }
        self.touched |= changed;
        Expected::plain(self.shown(id), changed)
    }
}
