//! The naive model: what the store holds, as plain lists. A list is filtered, sorted and cut.
//!
//! What commands do to it is in [`rules`](super::rules).

use std::collections::BTreeMap;

use super::op::InboxPick;
use chrono::{DateTime, TimeDelta, Utc};
use convodb::testing::ManualClock;
use convodb::{
    Actor, Assignee, AssigneeId, AssigneeKind, Attributes, AuthorType, ConsumerName, Contact,
    ContactId, Conversation, ConversationId, DeliveryStatus, Direction, ErrorKind, Event, EventSeq,
    Inbox, Message, MessageId, Note, NoteId, ProviderId, Revision, Sort, Status, TeamId, Timeline,
    UserId,
};

use super::body::is_system;
use super::keys::Done;
use super::op::{ASSIGNEES, MessagePick, Op, Pick, SelectionPlan, Sight, Who};
use super::plan::first_moment;
use super::probe;
use super::provided::Waiting;
use super::removals::Reassignment;
use super::verdict::Refusal;
use super::views::{self, Views};

/// A conversation with all that belongs to it.
#[derive(Clone, Debug)]
pub struct Entry {
    pub id: ConversationId,
    pub contact_id: ContactId,
    pub inbox: InboxPick,
    pub status: Status,
    pub assignee: Option<AssigneeId>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// By the time of each message's place and, at one time, in the order of arrival.
    pub messages: Vec<Message>,
    /// By `(created_at, id)`.
    pub notes: Vec<Note>,
    /// The events about the assignee and the status.
    pub audit_log: Vec<Event>,
    /// Changes of the status and the assignee.
    pub revision: u64,
    /// So many messages from the contact are read.
    pub read_count: u64,
    /// All messages to the contact until these times were delivered and read.
    pub delivered_until: Option<DateTime<Utc>>,
    pub read_until: Option<DateTime<Utc>>,
    /// But for the team, whose name the directory has.
    pub attributes: Attributes,
    pub team: Option<AssigneeId>,
    pub timeline: Timeline,
    /// Where an answer goes.
    pub identity: Option<String>,
    /// The messages that it was imported with.
    pub imported: Vec<MessageId>,
    /// Where lines of an import made all that it has: whether its times are those of its first message.
    pub history: Option<bool>,
    /// So many of the inbound messages that lines bring are unread.
    pub unread_to_come: u64,
    /// The notes that had an id elsewhere.
    pub foreign_notes: Vec<(u8, DateTime<Utc>)>,
    /// Its reassignments since assignees were removed that have no event yet.
    pub reassignments: Vec<Reassignment>,
}

fn without_team(of: &Conversation) -> Attributes {
    let mut attributes = of.attributes.as_deref().cloned().unwrap_or_default();
    attributes.team = None;
    attributes
}

fn team_of(of: &Conversation) -> Option<AssigneeId> {
    let team = of.attributes.as_ref()?.team.as_ref()?;
    Some(team.id.clone())
}

impl Entry {
    /// Whether it is out of the way for a while.
    pub fn is_snoozed(&self) -> bool {
        self.attributes.snoozed_until.is_some()
    }

    /// A conversation without messages and notes.
    pub fn new(of: &Conversation) -> Self {
        Self {
            id: of.id,
            contact_id: of.contact_id.clone(),
            inbox: InboxPick::of(of),
            status: of.status,
            assignee: of.assignee_id().cloned(),
            created_at: of.created_at,
            updated_at: of.updated_at,
            messages: Vec::new(),
            notes: Vec::new(),
            audit_log: Vec::new(),
            revision: of.revision.get(),
            read_count: 0,
            delivered_until: of.delivered_until,
            read_until: of.read_until,
            attributes: without_team(of),
            team: team_of(of),
            timeline: of.timeline,
            identity: of.identity.as_deref().map(str::to_owned),
            imported: Vec::new(),
            history: None,
            unread_to_come: 0,
            foreign_notes: Vec::new(),
            reassignments: Vec::new(),
        }
    }

    pub fn inbound(&self) -> u64 {
        let from_contact = |message: &&Message| {
            message.direction == Direction::Inbound && !is_system(&message.content)
        };
        self.messages.iter().filter(from_contact).count() as u64
    }

    /// A message that is under way has come as far as is known of all until its time.
    fn as_far(&self, message: &Message) -> Message {
        let mut message = message.clone();
        let until =
            |until: Option<DateTime<Utc>>| until.is_some_and(|until| message.created_at <= until);
        let under_way = matches!(
            message.status,
            DeliveryStatus::Sent | DeliveryStatus::Delivered
        );
        if message.direction == Direction::Outbound && under_way {
            if until(self.read_until) {
                message.status = DeliveryStatus::Read;
            } else if until(self.delivered_until) {
                message.status = DeliveryStatus::Delivered;
            }
        }
        message
    }

    pub fn unread(&self) -> u64 {
        self.inbound() - self.read_count
    }
}

/// What a store should hold.
#[derive(Clone, Debug)]
pub struct Model {
    /// The store's clock: a clone of the model shares it.
    pub clock: ManualClock,
    /// The time that the store gave out last.
    pub newest: DateTime<Utc>,
    /// What the greatest id that the store gave out since its clock was corrected says of its order.
    pub newest_arrival: u128,
    /// In no order.
    pub entries: Vec<Entry>,
    /// Users first, then teams, each by their ids.
    pub directory: Vec<(AssigneeId, String)>,
    /// The members of teams, by their ids.
    pub members: BTreeMap<TeamId, Vec<UserId>>,
    /// Inboxes, with their names, in the order in which they were saved.
    pub inboxes: Vec<(InboxPick, String)>,
    /// Those that have a record, by their ids.
    pub contacts: Vec<Contact>,
    /// What contacts that were merged were merged into, and the same of conversations.
    pub contact_aliases: Vec<(ContactId, ContactId)>,
    pub conversation_aliases: Vec<(ConversationId, ConversationId)>,
    /// Conversations that were deleted.
    pub gone: Vec<ConversationId>,
    /// Those that are kept.
    pub events: Vec<Event>,
    /// How many events are not kept any longer.
    pub purged: u64,
    pub views: Views,
    /// By their names.
    pub consumers: Vec<(ConsumerName, EventSeq)>,
    /// The providers' ids of messages that were deleted.
    pub tombstones: Vec<(InboxPick, ProviderId)>,
    /// Receipts whose messages have not come.
    pub unmatched: Vec<Waiting>,
    /// Commands that were done with keys, one a key.
    pub done: Vec<Done>,
    /// So long keys are known.
    pub key_age: TimeDelta,
    /// What was given with each key last.
    pub given: Vec<(u8, Op)>,
    /// The key of the command that is being done.
    pub key: Option<u8>,
    /// Its actor.
    pub actor: Option<Actor>,
    /// Commits that changed something.
    pub sequence: u64,
    /// Whether anything changed since the last commit.
    pub touched: bool,
}

impl Model {
    /// A new store that reads this clock.
    pub fn new(clock: &ManualClock) -> Self {
        Self {
            clock: clock.clone(),
            newest: first_moment(),
            newest_arrival: 0,
            entries: Vec::new(),
            directory: Vec::new(),
            members: BTreeMap::new(),
            inboxes: Vec::new(),
            contacts: Vec::new(),
            contact_aliases: Vec::new(),
            conversation_aliases: Vec::new(),
            gone: Vec::new(),
            events: Vec::new(),
            purged: 0,
            views: Views::default(),
            consumers: Vec::new(),
            tombstones: Vec::new(),
            unmatched: Vec::new(),
            done: Vec::new(),
            key_age: TimeDelta::days(1),
            given: Vec::new(),
            key: None,
            actor: None,
            sequence: 0,
            touched: false,
        }
    }

    /// Conversations whose latest activity lies in the future.
    pub fn times_in_the_future(&self) -> u64 {
        let mut present = self.clone();
        present.read_clock();
        let is_ahead = |entry: &&Entry| entry.updated_at > present.newest;
        self.entries.iter().filter(is_ahead).count() as u64
    }

    /// The clock's time, which never runs back by up to a minute. Where it runs back further, it was
    /// wrong before. A command reads it once, at its beginning.
    pub fn read_clock(&mut self) {
        let shown = self.clock.get();
        if self.is_correction(shown) {
            self.newest_arrival = 0;
            self.newest = shown;
        }
        self.newest = self.newest.max(shown);
    }

    /// Whether a clock that shows this was wrong before.
    pub fn is_correction(&self, shown: DateTime<Utc>) -> bool {
        shown < self.newest - TimeDelta::minutes(1)
    }

    /// The upper 80 bits of an id ascend, so that what happens at one time is listed in the order in
    /// which it happened.
    pub fn take_id(&mut self, id: u128) {
        self.take_arrival(id >> 48);
    }

    /// A message's id has the same 80 bits, beside the time of its place.
    pub fn take_arrival(&mut self, arrival: u128) {
        let newest = std::mem::replace(&mut self.newest_arrival, arrival);
        assert!(arrival > newest, "{arrival:x} is not above {newest:x}");
    }

    /// Takes over what a transaction made of the model, if it changed anything at all.
    pub fn commit(&mut self, draft: Self) {
        if draft.touched {
            *self = draft;
            self.sequence += 1;
            self.touched = false;
        } else {
            // A purge of keys that the store had forgotten before is no commit.
            self.done = draft.done;
        }
    }

    /// The commit that holds the latest change.
    pub fn holding_sequence(&self) -> u64 {
        self.sequence + u64::from(self.touched)
    }

    /// The conversation that a number means at the moment, or one that is not there.
    pub fn pick(&self, pick: Pick) -> ConversationId {
        match pick {
            Pick::Known(number) if !self.entries.is_empty() => {
                self.entries[usize::from(number) % self.entries.len()].id
            }
            Pick::Unknown(number)
                if !self.gone.is_empty() || !self.conversation_aliases.is_empty() =>
            {
                let aliases = self.conversation_aliases.iter().map(|(from, _)| *from);
                let all: Vec<_> = aliases.chain(self.gone.iter().copied()).collect();
                all[usize::from(number) % all.len()]
            }
            Pick::Known(number) | Pick::Unknown(number) => {
                ConversationId::from_parts(1, u128::from(number))
            }
        }
    }

    /// Why a bulk command is refused, if it is.
    pub fn refused_selection(&self, selection: &SelectionPlan) -> Vec<Refusal> {
        match selection {
            SelectionPlan::Ids(_) => Vec::new(),
            SelectionPlan::First(filter, _) => filter.refused(),
            SelectionPlan::OfView(view, _) => {
                let refused = self.refused_list(&views::view_id(*view));
                refused.iter().map(Refusal::from).collect()
            }
        }
    }

    /// The revision that somebody saw of a conversation.
    pub fn seen_revision(&self, id: ConversationId, sight: Sight) -> u64 {
        let present = self.entry(id).map_or(0, |entry| entry.revision);
        match sight {
            Sight::Present => present,
            Sight::Of(number) => u64::from(number),
        }
    }

    /// The assignee that somebody saw.
    pub fn seen_assignee(&self, id: ConversationId, sight: Sight) -> Option<AssigneeId> {
        match sight {
            Sight::Present => self.entry(id)?.assignee.clone(),
            Sight::Of(number) => (number < ASSIGNEES).then(|| Who(number).id()),
        }
    }

    /// The status that somebody saw.
    pub fn seen_status(&self, id: ConversationId, sight: Sight) -> Status {
        match sight {
            Sight::Present => self.entry(id).map_or(Status::Open, |entry| entry.status),
            Sight::Of(number) => Status::ALL[usize::from(number % 2)],
        }
    }

    /// A message of a conversation, or of another one.
    /// A note of a conversation, or one that is not there.
    pub fn pick_note(&self, of: ConversationId, number: u8) -> NoteId {
        let notes = self.entry(of).map_or(&[][..], |entry| &entry.notes);
        match notes.len() {
            len if len > 0 && number < 240 => notes[usize::from(number) % len].id,
            _ => NoteId::from_parts(1, u128::from(number)),
        }
    }

    pub fn pick_message(&self, of: ConversationId, pick: MessagePick) -> MessageId {
        let of = self.conversation_meant(of);
        let (own, number) = match pick {
            MessagePick::Own(number) => (true, number),
            MessagePick::Foreign(number) => (false, number),
        };
        let among: Vec<MessageId> = self
            .entries
            .iter()
            .filter(|entry| (entry.id == of) == own)
            .flat_map(|entry| &entry.messages)
            .map(|message| message.id)
            .collect();
        match among.len() {
            0 => MessageId::from_parts(1, u128::from(number)),
            len => among[usize::from(number) % len],
        }
    }

    /// The conversations that a bulk command is about.
    pub fn pick_all(&self, selection: &SelectionPlan) -> Vec<ConversationId> {
        match selection {
            SelectionPlan::Ids(picks) => {
                let mut ids: Vec<ConversationId> = Vec::new();
                for id in picks.iter().map(|pick| self.pick(*pick)) {
                    if !ids.contains(&id) {
                        ids.push(id);
                    }
                }
                ids
            }
            SelectionPlan::First(filter, limit) => {
                let rows = filter.list(self).into_iter();
                rows.map(|row| row.id).take(*limit as usize).collect()
            }
            SelectionPlan::OfView(view, limit) => {
                let rows = self.list_of_view(&views::view_id(*view));
                let rows = rows.into_iter().flat_map(|(rows, _)| rows);
                rows.map(|row| row.id).take(*limit as usize).collect()
            }
        }
    }

    pub fn entry(&self, id: ConversationId) -> Option<&Entry> {
        let id = self.conversation_meant(id);
        self.entries.iter().find(|entry| entry.id == id)
    }

    /// The one conversation of a contact on a inbox.
    pub fn thread(&self, contact: &ContactId, inbox: InboxPick) -> Option<&Entry> {
        let contact = self.contact_meant(contact);
        self.entries
            .iter()
            .find(|entry| entry.contact_id == contact && entry.inbox == inbox)
    }

    pub fn has_inbox(&self, inbox: InboxPick) -> bool {
        let is_own = matches!(inbox, InboxPick::Own(_));
        is_own || self.inboxes.iter().any(|(known, _)| *known == inbox)
    }

    /// What is refused of an inbox that was not saved.
    pub fn no_inbox(&self, inbox: InboxPick) -> Option<Refusal> {
        (!self.has_inbox(inbox)).then(|| Refusal::of(ErrorKind::NotFound))
    }

    /// The inboxes as they are numbered.
    pub fn number_of(&self, inbox: InboxPick) -> (usize, InboxPick) {
        let saved = self.inboxes.iter().position(|(known, _)| *known == inbox);
        (saved.map_or(0, |place| place + 1), inbox)
    }

    pub fn inboxes(&self) -> Vec<Inbox> {
        let inbox = |(inbox, name): &(InboxPick, String)| {
            Inbox::new(inbox.id().expect("it was saved"), inbox.channel(), name)
        };
        let mut inboxes: Vec<_> = self.inboxes.iter().map(inbox).collect();
        inboxes.sort_by(|one, other| one.id.cmp(&other.id));
        inboxes
    }

    /// The tags in use, in capital letters, with how many conversations have each.
    pub fn tags(&self) -> Vec<(String, u64)> {
        let mut tags: Vec<(String, u64)> = Vec::new();
        for tag in self
            .entries
            .iter()
            .flat_map(|entry| entry.attributes.tags.iter())
        {
            let tag = tag.to_uppercase();
            match tags.iter_mut().find(|(known, _)| *known == tag) {
                Some((_, count)) => *count += 1,
                None => tags.push((tag, 1)),
            }
        }
        tags.sort_by_key(|(tag, _)| tag.to_lowercase());
        tags
    }

    pub fn name(&self, id: &AssigneeId) -> Option<&str> {
        let found = self.directory.iter().find(|(known, _)| known == id);
        found.map(|(_, name)| name.as_str())
    }

    pub fn set_name(&mut self, id: &AssigneeId, name: String) {
        self.directory.retain(|(known, _)| known != id);
        self.directory.push((id.clone(), name));
        self.directory
            .sort_by_key(|(id, _)| (id.kind() == AssigneeKind::Team, id.as_str().to_owned()));
    }

    pub fn members_of(&self, team: &TeamId) -> &[UserId] {
        self.members.get(team).map_or(&[], Vec::as_slice)
    }

    pub fn assignee(&self, id: &AssigneeId) -> Option<Assignee> {
        self.name(id).map(|name| Assignee::new(id.clone(), name))
    }

    pub fn assignees(&self) -> Vec<Assignee> {
        self.directory
            .iter()
            .map(|(id, name)| Assignee::new(id.clone(), name))
            .collect()
    }

    /// What is shown of a conversation: names are the directory's.
    pub fn show(&self, entry: &Entry) -> Conversation {
        let contact = entry.contact_id.clone();
        let channel = entry.inbox.channel();
        let mut shown = Conversation::new(entry.id, contact, channel, entry.created_at);
        shown.inbox_id = entry.inbox.id();
        shown.status = entry.status;
        shown.updated_at = entry.updated_at;
        shown.revision = Revision::new(entry.revision);
        shown.inbound_count = entry.inbound();
        shown.unread_count = entry.unread();
        shown.delivered_until = entry.delivered_until;
        shown.read_until = entry.read_until;
        shown.timeline = entry.timeline;
        let mut attributes = entry.attributes.clone();
        attributes.team = entry.team.as_ref().map(|id| {
            self.assignee(id)
                .expect("a team that has a queue is in the directory")
        });
        let has_attributes = attributes != Attributes::default();
        shown.attributes = has_attributes.then(|| Box::new(attributes));
        shown.identity = entry.identity.as_deref().map(Into::into);
        shown.assigned_to = entry.assignee.as_ref().map(|id| {
            self.assignee(id)
                .expect("who has a conversation is in the directory")
        });
        shown
    }

    /// What a command answers of a message: it is as far as the contact has come.
    pub fn answer(&self, (of, id): (ConversationId, MessageId)) -> Message {
        let entry = self.entry(of).expect("it holds the message");
        let message = self.message(of, id).expect("it is there");
        entry.as_far(message)
    }

    /// What is read of a message: with the present names of users, and the message that it answers.
    pub fn read(&self, entry: &Entry, message: &Message) -> Message {
        let mut message = entry.as_far(message);
        if let Some(extras) = &mut message.extras {
            let reactors = extras.reactions.iter_mut().map(|reaction| &mut reaction.by);
            for author in extras.author.iter_mut().chain(reactors) {
                if let (AuthorType::User, Some(id)) = (author.r#type, &author.id) {
                    let id = AssigneeId::new(id).expect("it is a user's");
                    author.name = self.name(&id).map(str::to_owned);
                }
            }
            if let Some(reference) = &mut extras.reply_to {
                reference.message_id = self.led_to(entry, reference);
            }
        }
        message
    }

    /// All messages of a conversation, as they are read.
    pub fn thread_of(&self, entry: &Entry) -> Vec<Message> {
        let messages = entry.messages.iter();
        messages.map(|message| self.read(entry, message)).collect()
    }

    /// A list leaves the caller's own values out.
    fn listed(&self, entry: &Entry) -> Conversation {
        let mut listed = entry.clone();
        listed.attributes.metadata = convodb::Metadata::new();
        listed.timeline = Timeline::default();
        listed.timeline.waiting_since = entry.timeline.waiting_since;
        self.show(&listed)
    }

    /// What is selected, in an order.
    pub fn list(&self, sort: Sort, selects: impl Fn(&Entry) -> bool) -> Vec<Conversation> {
        let mut rows: Vec<Conversation> = self
            .entries
            .iter()
            .filter(|entry| selects(entry))
            .map(|entry| self.listed(entry))
            .collect();
        rows.sort_by(|one, other| probe::compare(sort, one, other));
        rows
    }
}
