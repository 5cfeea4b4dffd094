//! What each command does to the model, after the rules, and nothing else. Providers' ids are in
//! [`provided`], removed assignees in [`removals`](super::removals), events and their
//! consumers in [`events`](super::events).
//!
//! Each comes in two parts: the refusals that the rules demand, of which the store may give any,
//! and the effect where there is none. New ids are the store's: the effect gets them.

mod bulk;
mod imports;

use super::op::InboxPick;
use chrono::{DateTime, TimeDelta, Utc};
use convodb::{
    Assignee, AssigneeId, AssigneeKind, Author, AuthorType, ContactId, Content, Conversation,
    ConversationId, DeliveryStatus, Direction, ErrorKind, EventKind, Extras, Identity, Inbox,
    Message, MessageId, Note, NoteId, ProviderId, Status, Team, TeamId, UserId, Version,
    WakeReason,
};

use super::body::{Body, Said, is_system, is_unsupported};
use super::changes::{self, Word};
use super::model::{Entry, Model};
use super::more::More;
use super::plan::{When, to_the_microsecond};
use super::provided::{self, ProviderPlan, Reported};
use super::verdict::{Expected, Refusal};

/// A message that is to be stored.
#[derive(Clone, Debug)]
pub struct Appending {
    pub direction: Direction,
    pub contact_id: ContactId,
    pub inbox: InboxPick,
    pub content: Content,
    pub sent_at: Option<DateTime<Utc>>,
    pub provider_id: Option<ProviderId>,
    pub reopen: bool,
    pub extras: Extras,
    pub pending: bool,
    /// What it calls the contact.
    pub identities: Vec<Identity>,
    /// The provider reports that it was sent, by whomever.
    pub echo: bool,
}

/// What becomes of a message that comes: another one, or one that is stored already.
#[derive(Clone, Debug)]
pub enum Meeting {
    /// A new one, without its reference where that is another application's.
    New {
        has_reference: bool,
    },
    Known(ConversationId, MessageId),
    Refused(ErrorKind),
}

/// Whether a message comes whose edit came before it.
fn is_original(known: &Message, again: &Appending) -> bool {
    changes::awaits_original(known)
        && !again.extras.awaits_original
        && known.direction == again.direction
}

impl Appending {
    /// The provider's ids.
    fn ids(&self) -> impl Iterator<Item = &ProviderId> {
        let aliases = &self.extras.provider_aliases;
        self.provider_id.iter().chain(aliases)
    }

    /// Whether its content is yet to come.
    fn awaits_content(&self) -> bool {
        self.extras.placeholder || is_unsupported(&self.content)
    }
}

/// The bits of a message's id that have the number of its arrival.
const ARRIVAL: u128 = (1 << 80) - 1;

pub(super) fn arrival(id: MessageId) -> u128 {
    id.raw() & ARRIVAL
}

/// So long a message waits for an echo that names neither its id nor its reference.
const ECHO_WINDOW: TimeDelta = TimeDelta::minutes(5);

pub(super) fn id_at(time: DateTime<Utc>, arrival: u128) -> MessageId {
    MessageId::from_parts(time.timestamp_millis().unsigned_abs(), arrival)
}

pub(super) fn place(message: &Message) -> (DateTime<Utc>, MessageId) {
    (message.order_time, message.id)
}

/// Whether a message stands within what a provider's time means: the whole second where it has no
/// fraction.
pub(super) fn is_within(message: &Message, sent_at: DateTime<Utc>) -> bool {
    let is_whole = sent_at.timestamp_subsec_nanos() == 0;
    let same_second = message.order_time.timestamp() == sent_at.timestamp();
    message.order_time == sent_at || is_whole && same_second
}

/// The time of the place behind the last of some messages, for one whose id follows from that. Where
/// the id would not be above the last one's, it is a microsecond later. None without a message.
pub(super) fn place_behind<'a>(
    known: impl Iterator<Item = &'a Message>,
    own_id: impl Fn(DateTime<Utc>) -> MessageId,
) -> Option<DateTime<Utc>> {
    let (time, id) = known.map(place).max()?;
    let is_above = own_id(time) > id;
    Some(if is_above {
        time
    } else {
        time + TimeDelta::microseconds(1)
    })
}

pub(super) fn refused_if(refused: bool, refusal: Refusal) -> Option<Refusal> {
    refused.then_some(refusal)
}

impl Entry {
    /// No time of what was reported is in the future.
    fn present_untils(&mut self, now: DateTime<Utc>) {
        let untils = [&mut self.delivered_until, &mut self.read_until];
        for until in untils.into_iter().flatten() {
            *until = now.min(*until);
        }
    }
}

/// The times of what became of a message.
fn times_of(message: &mut Message) -> impl Iterator<Item = &mut DateTime<Utc>> {
    let deliveries = &mut message.deliveries;
    let reported = [
        &mut deliveries.sent_at,
        &mut deliveries.delivered_at,
        &mut deliveries.read_at,
        &mut deliveries.failed_at,
        &mut deliveries.played_at,
    ];
    let changed = message.extras.iter_mut().flat_map(|extras| {
        let reactions = extras.reactions.iter_mut().map(|reaction| &mut reaction.at);
        let versions = extras.versions.iter_mut().map(|version| &mut version.at);
        let revoked = extras.revoked.iter_mut().map(|revoked| &mut revoked.at);
        let edited_at = extras.edited_at.iter_mut();
        edited_at.chain(reactions).chain(versions).chain(revoked)
    });
    reported.into_iter().flatten().chain(changed)
}

impl Entry {
    /// What a message that is no line of the provider's does to the times of its conversation.
    fn hears(&mut self, message: &Message, reopens: bool, asks: bool, now: DateTime<Utc>) {
        if reopens {
            self.reopens(now);
        }
        let asks = asks && !changes::is_revoked(message);
        let (at, timeline) = (message.created_at, &mut self.timeline);
        timeline.last_message_at = timeline.last_message_at.max(Some(at));
        if message.direction == Direction::Inbound {
            timeline.last_inbound_at = timeline.last_inbound_at.max(Some(at));
            timeline.answered_by_bot = false;
            if asks && timeline.waiting_since.is_none() {
                timeline.waiting_since = Some(at);
            }
        } else if asks {
            let author = message
                .extras
                .as_ref()
                .and_then(|extras| extras.author.as_ref());
            timeline.waiting_since = None;
            timeline.answered_by_bot = author.is_some_and(|it| it.r#type == AuthorType::Bot);
            if !timeline.answered_by_bot && timeline.first_reply_at.is_none() {
                timeline.first_reply_at = Some(at);
            }
        }
    }

    pub fn reopens(&mut self, now: DateTime<Utc>) {
        self.timeline.opened_at = Some(now);
        self.timeline.first_reply_at = None;
        self.timeline.resolved_at = None;
    }

    /// None of its times is in the future.
    fn present_times(&mut self, now: DateTime<Utc>) {
        let timeline = &mut self.timeline;
        for time in [
            &mut timeline.waiting_since,
            &mut timeline.last_inbound_at,
            &mut timeline.last_message_at,
            &mut timeline.opened_at,
            &mut timeline.first_reply_at,
            &mut timeline.resolved_at,
        ] {
            *time = time.map(|time| time.min(now));
        }
    }
}

impl Model {
    /// Something happens now, whatever its own time is.
    pub(super) fn active(&mut self, id: ConversationId) {
        let now = self.newest;
        let entry = self.entry_mut(id);
        entry.created_at = entry.created_at.min(now);
        entry.present_untils(now);
        entry.present_times(now);
        entry.updated_at = now;
        entry.history = None;
    }

    /// A repair is a commit, and nothing stays in the future.
    pub fn repair(&mut self) {
        self.read_clock();
        self.views.rebuild();
        self.sequence += 1;
        let now = self.newest;
        for entry in &mut self.entries {
            entry.created_at = entry.created_at.min(now);
            entry.updated_at = entry.updated_at.min(now);
            entry.present_untils(now);
            entry.present_times(now);
            let mut next = now;
            for message in &mut entry.messages {
                for at in times_of(message) {
                    *at = now.min(*at);
                }
                message.created_at = now.min(message.created_at);
                // Messages keep their order.
                if message.order_time > now {
                    message.order_time = next;
                    self.newest = self.newest.max(next);
                    next += TimeDelta::microseconds(1);
                }
            }
            for note in &mut entry.notes {
                note.created_at = note.created_at.min(now);
            }
            entry.messages.sort_by_key(place);
            entry.notes.sort_by_key(|note| (note.created_at, note.id));
        }
    }

    pub fn entry_mut(&mut self, id: ConversationId) -> &mut Entry {
        let id = self.conversation_meant(id);
        self.entries
            .iter_mut()
            .find(|entry| entry.id == id)
            .expect("the store found a conversation that is not in the model")
    }

    pub(super) fn shown(&self, id: ConversationId) -> Conversation {
        self.show(self.entry(id).expect("it was just changed"))
    }

    pub fn missing(&self, id: ConversationId) -> Option<Refusal> {
        refused_if(self.entry(id).is_none(), Refusal::of(ErrorKind::NotFound))
    }

    /// Only a user or team of the directory has conversations.
    pub fn unknown(&self, assignee: &AssigneeId) -> Option<Refusal> {
        let unknown = self.name(assignee).is_none();
        refused_if(unknown, Refusal::of(ErrorKind::NotFound))
    }

    /// What is out of bounds in a message.
    pub fn refused_message(
        body: Body,
        sent_at: Option<When>,
        provider_id: Option<ProviderPlan>,
        direction: Direction,
        more: More,
    ) -> Vec<Refusal> {
        let said = match direction {
            // What another application sent has happened.
            Direction::Outbound if !more.echo => Said::Request,
            Direction::Inbound | Direction::Outbound => Said::Fact,
        };
        let late = sent_at.filter(|at| at.is_refused()).map(|_| "sent_at");
        let provider_id = provider_id.filter(|id| id.id().is_none());
        let provider_id = provider_id.map(|_| "provider_id");
        let fields = body.flaw(said).into_iter().chain(late).chain(provider_id);
        let fields = fields.map(Refusal::invalid);
        fields.chain(more.flaws(direction)).collect()
    }

    /// Which message it is. Its ids are looked up in their order: the provider's, its aliases, and the
    /// sender's reference.
    pub fn meeting(&self, appending: &Appending) -> Meeting {
        let inbox = appending.inbox;
        let here = self.thread(&appending.contact_id, inbox);
        let here = here.map(|entry| entry.id);
        let aliases = &appending.extras.provider_aliases;
        for id in appending.provider_id.iter().chain(aliases) {
            if self.is_tombstone(inbox, id) {
                return Meeting::Refused(ErrorKind::Gone);
            }
            let Some(known) = self.provided(inbox, id) else {
                continue;
            };
            // What fills a message need not know which way that went.
            let fills = changes::awaits_content(known) && !appending.awaits_content();
            let is_same = known.direction == appending.direction || fills;
            if !is_same || Some(known.conversation_id) != here {
                return Meeting::Refused(ErrorKind::ProviderIdConflict);
            }
            if let Some(kind) = self.refused_original(known, appending) {
                return Meeting::Refused(kind);
            }
            return Meeting::Known(known.conversation_id, known.id);
        }
        let reference = appending.extras.client_ref.as_deref();
        let known = reference.and_then(|text| self.referenced(inbox, appending.direction, text));
        let mut has_reference = true;
        if let Some(known) = known {
            let is_here = Some(known.conversation_id) == here;
            let lacks_id = known.provider_id.is_none() || appending.provider_id.is_none();
            match (is_here, appending.echo) {
                (true, false) => {
                    return match self.refused_original(known, appending) {
                        Some(kind) => Meeting::Refused(kind),
                        None => Meeting::Known(known.conversation_id, known.id),
                    };
                }
                (true, true) if lacks_id => {
                    return Meeting::Known(known.conversation_id, known.id);
                }
                // Another application has references of its own.
                (_, true) => has_reference = false,
                (false, false) => return Meeting::Refused(ErrorKind::ClientRefConflict),
            }
        }
        if appending.echo
            && let Some(entry) = here.and_then(|id| self.entry(id))
            && let Some(known) = self.likely(entry, appending)
        {
            return Meeting::Known(known.conversation_id, known.id);
        }
        Meeting::New { has_reference }
    }

    /// The oldest pending message of the last minutes that has no id and says the same.
    fn likely<'a>(&self, entry: &'a Entry, appending: &Appending) -> Option<&'a Message> {
        let since = self.newest - ECHO_WINDOW;
        entry.messages.iter().find(|known| {
            known.status == DeliveryStatus::Pending
                && known.provider_id.is_none()
                && known.order_time >= since
                && changes::says(&known.content) == changes::says(&appending.content)
        })
    }

    /// A message takes the place of its edit with all of its ids, which no other message has.
    fn refused_original(&self, known: &Message, appending: &Appending) -> Option<ErrorKind> {
        if !is_original(known, appending) {
            return None;
        }
        let inbox = appending.inbox;
        let is_another = |found: Option<&Message>| found.is_some_and(|it| it.id != known.id);
        for id in appending.ids() {
            if self.is_tombstone(inbox, id) {
                return Some(ErrorKind::Gone);
            }
            if is_another(self.provided(inbox, id)) {
                return Some(ErrorKind::ProviderIdConflict);
            }
        }
        let reference = appending.extras.client_ref.as_deref();
        let found = reference.and_then(|text| self.referenced(inbox, appending.direction, text));
        is_another(found).then_some(ErrorKind::ClientRefConflict)
    }

    /// The time of the place that a message takes whose edit came before it.
    fn place_of_original(&self, known: &Message, again: &Appending) -> DateTime<Utc> {
        let created_at = self.sent_at(again);
        if again.sent_at.is_none() {
            return created_at;
        }
        let entry = self.entry(known.conversation_id).expect("it holds it");
        let same = || {
            entry
                .messages
                .iter()
                .filter(|one| is_within(one, created_at))
        };
        if same().map(place).max() == Some(place(known)) {
            return known.order_time;
        }
        place_behind(same(), |_| known.id).unwrap_or(created_at)
    }

    fn sent_at(&self, appending: &Appending) -> DateTime<Utc> {
        let now = self.newest;
        let sent_at = appending.sent_at;
        sent_at.map_or(now, |time| to_the_microsecond(time).min(now))
    }

    /// A message that is stored already comes again: with what was not known of it, or with nothing new.
    pub(super) fn meet(
        &mut self,
        of: (ConversationId, MessageId),
        again: Appending,
    ) -> Expected<Message> {
        let known = self.message(of.0, of.1).expect("it was just found").clone();
        let at = self.sent_at(&again);
        let mut changed = false;
        let mut words = Vec::new();
        if let Some(id) = &again.provider_id
            && known.provider_id.is_none()
            && !provided::ids(&known).any(|own| own == *id)
        {
            words.push(Word::Id(id.clone()));
            words.extend(self.take_waiting(again.inbox, id));
        }
        if again.echo && known.status == DeliveryStatus::Pending {
            words.push(Word::Receipt(Reported {
                status: DeliveryStatus::Sent,
                at,
                failure: None,
                played: false,
            }));
        }
        let fills = changes::awaits_content(&known) && !again.awaits_content();
        let turns = is_system(&known.content) != is_system(&again.content);
        if is_original(&known, &again) {
            if let Some(id) = &again.provider_id
                && let Some(former) = known.provider_id.clone().filter(|own| own != id)
            {
                words.extend([Word::Id(id.clone()), Word::Alias(former)]);
            }
            for id in again.ids() {
                if provided::ids(&known).all(|own| own != *id) {
                    words.extend(self.take_waiting(again.inbox, id));
                    if again.provider_id.as_ref() != Some(id) {
                        words.push(Word::Alias(id.clone()));
                    }
                }
            }
            let order_time = self.place_of_original(&known, &again);
            let original = Version::new(again.content, at);
            words.push(Word::Original(original, order_time, again.extras));
        } else if fills && !turns {
            words.push(Word::Filled(again.content, again.extras));
        }
        changed |= self.say(of, words);
        Expected {
            is_duplicate: !changed,
            ..Expected::plain(self.answer(of), changed)
        }
    }

    /// Stores a message under the ids that the store gave it, unless it is stored already: in the one
    /// conversation of its contact and inbox, at its own time. That is activity now, and reopens.
    pub fn append(
        &mut self,
        ids: (ConversationId, MessageId),
        mut appending: Appending,
    ) -> Expected<Message> {
        let has_reference = match self.meeting(&appending) {
            Meeting::New { has_reference } => has_reference,
            Meeting::Known(of, id) => return self.meet((of, id), appending),
            Meeting::Refused(kind) => panic!("the store took what is {kind:?}"),
        };
        self.learn(&appending.contact_id, &appending.identities);
        let created_at = self.sent_at(&appending);
        let now = self.newest;
        let is_system = is_system(&appending.content);
        let reopens = appending.reopen && !is_system;
        let known = self.thread(&appending.contact_id, appending.inbox);
        let created = known.is_none();
        let id = known.map_or(ids.0, |entry| entry.id);
        if created {
            let status = if reopens {
                Status::Open
            } else {
                Status::Resolved
            };
            self.create(id, &appending, (created_at, status));
        }
        let arrival = arrival(ids.1);
        self.take_arrival(arrival);
        let known = self.entry_mut(id).messages.iter();
        let known = known.filter(|message| is_within(message, created_at));
        let place_of_its_second = place_behind(known, |time| id_at(time, arrival));
        let order_time = match appending.sent_at {
            Some(_) => place_of_its_second.unwrap_or(created_at),
            None => created_at,
        };
        assert_eq!(
            ids.1,
            id_at(order_time, arrival),
            "a message's id carries the time of its place"
        );
        let extras = &mut appending.extras;
        if !has_reference {
            extras.client_ref = None;
        }
        extras.is_silent = !appending.reopen;
        if appending.direction == Direction::Outbound && extras.author.is_none() {
            extras.author = match appending.echo {
                true => Some(Author::external()),
                false => self.acting_user(),
            };
        }
        let mut message = Message::new(
            ids.1,
            id,
            appending.direction,
            appending.content,
            created_at,
        );
        message.status = match appending.direction {
            Direction::Inbound => DeliveryStatus::Delivered,
            Direction::Outbound if appending.pending && !appending.echo => DeliveryStatus::Pending,
            Direction::Outbound => DeliveryStatus::Sent,
        };
        message.provider_id = appending.provider_id;
        message.order_time = order_time;
        message.extras = Some(Box::new(appending.extras));
        changes::tidy(&mut message);
        let mut words = Vec::new();
        for id in provided::ids(&message) {
            words.extend(self.take_waiting(appending.inbox, &id));
        }
        // What was taken back before it came says nothing, unless that is kept: then it is as it was.
        if words.iter().any(|word| matches!(word, Word::Revoked(_))) {
            for word in words.extract_if(.., |word| !word.is_of_revoked()) {
                if let Some(word) = changes::concerns(&message, word) {
                    changes::hear(&mut message, &word);
                }
            }
        }
        let is_unread = changes::counts(&message) && !changes::is_revoked(&message);
        let entry = self.entry_mut(id);
        let repeated = entry.messages.iter().any(|known| known.id == message.id);
        assert!(!repeated, "{} was given out twice", message.id);
        entry.messages.push(message.clone());
        entry.messages.sort_by_key(place);
        entry.created_at = entry.created_at.min(created_at);
        if message.direction == Direction::Inbound && !is_system && !is_unread {
            entry.read_count += 1;
        }
        let identity = message.extras.as_ref().and_then(|it| it.identity.clone());
        if let Some(identity) = identity
            && message.direction == Direction::Inbound
        {
            entry.identity = Some(identity);
        }
        let reopened = reopens && entry.status == Status::Resolved;
        let woken = entry.is_snoozed() && message.direction == Direction::Inbound && !is_system;
        if !is_system {
            entry.hears(&message, reopened, appending.reopen, now);
            self.active(id);
        }
        let message_id = message.id;
        self.tell(
            id,
            match message.direction {
                _ if is_system => EventKind::MessageSystem { message_id },
                Direction::Inbound => EventKind::MessageReceived { message_id },
                Direction::Outbound => EventKind::MessageSent { message_id },
            },
        );
        if reopened {
            let entry = self.entry_mut(id);
            entry.status = Status::Open;
            entry.revision += 1;
            self.active(id);
            self.tell(id, EventKind::ConversationReopened);
        }
        if woken {
            self.wake(id, WakeReason::Inbound);
        }
        self.say((id, message_id), words);
        self.touched = true;
        Expected {
            created,
            reopened,
            ..Expected::plain(self.answer((id, message_id)), true)
        }
    }

    /// The user of the directory that gives the command.
    fn acting_user(&self) -> Option<Author> {
        let id = AssigneeId::new(self.actor.as_ref()?.as_str()).expect("actors are assignees");
        let is_known = self.name(&id).is_some();
        match id {
            AssigneeId::User(id) if is_known => Some(Author::user(&id)),
            _ => None,
        }
    }

    pub(super) fn create(
        &mut self,
        id: ConversationId,
        appending: &Appending,
        (created_at, status): (DateTime<Utc>, Status),
    ) {
        let known = self.entry(id).is_some() || self.gone.contains(&id);
        assert!(!known, "{id} was given out twice");
        self.take_id(id.raw());
        let contact = appending.contact_id.clone();
        let mut created = Conversation::new(id, contact, appending.inbox.channel(), created_at);
        created.inbox_id = appending.inbox.id();
        created.status = status;
        created.timeline.opened_at = Some(self.newest);
        created.timeline.resolved_at = (status == Status::Resolved).then_some(self.newest);
        self.entries.push(Entry::new(&created));
        self.tell(
            id,
            EventKind::ConversationCreated {
                status,
                assigned_to: None,
            },
        );
    }

    /// Assigning reopens.
    pub fn assign(&mut self, id: ConversationId, assignee: &AssigneeId) -> Expected<Conversation> {
        let now = self.newest;
        let entry = self.entry_mut(id);
        let reopened = entry.status == Status::Resolved;
        let before = entry.assignee.replace(assignee.clone());
        let moved = before.as_ref() != Some(assignee);
        let changed = reopened || moved;
        entry.revision += u64::from(reopened) + u64::from(moved);
        entry.status = Status::Open;
        if moved && assignee.kind() == AssigneeKind::Team {
            entry.team = Some(assignee.clone());
        }
        let timeline = &mut entry.timeline;
        if moved && timeline.answered_by_bot && timeline.waiting_since.is_none() {
            timeline.waiting_since = Some(now);
        }
        if reopened {
            entry.reopens(now);
        }
        if moved {
            self.add_move_event(id, before);
        }
        if reopened {
            self.tell(id, EventKind::ConversationReopened);
        }
        self.settle(id, changed, reopened)
    }

    /// Unassigning does not reopen.
    pub fn unassign(&mut self, id: ConversationId) -> Expected<Conversation> {
        let entry = self.entry_mut(id);
        let before = entry.assignee.take();
        let changed = before.is_some();
        entry.revision += u64::from(changed);
        if changed {
            self.add_move_event(id, before);
        }
        self.settle(id, changed, false)
    }

    /// Resolving a resolved conversation changes nothing.
    pub fn resolve(&mut self, id: ConversationId) -> Expected<Conversation> {
        let entry = self.entry_mut(id);
        let changed = entry.status == Status::Open;
        if entry.is_snoozed() {
            self.wake(id, WakeReason::Resolved);
        }
        let now = self.newest;
        let entry = self.entry_mut(id);
        entry.status = Status::Resolved;
        entry.revision += u64::from(changed);
        if changed {
            entry.timeline.resolved_at = Some(now);
            entry.timeline.waiting_since = None;
            self.tell(id, EventKind::ConversationResolved);
        }
        self.settle(id, changed, false)
    }

    /// Reopening an open conversation changes nothing.
    pub fn reopen(&mut self, id: ConversationId) -> Expected<Conversation> {
        let now = self.newest;
        let entry = self.entry_mut(id);
        let changed = entry.status == Status::Resolved;
        entry.status = Status::Open;
        entry.revision += u64::from(changed);
        if changed {
            entry.reopens(now);
            self.tell(id, EventKind::ConversationReopened);
        }
        self.settle(id, changed, changed)
    }

    /// It is out of the way no longer.
    pub fn wake(&mut self, id: ConversationId, reason: WakeReason) {
        let entry = self.entry_mut(id);
        entry.attributes.snoozed_until = None;
        entry.revision += 1;
        self.tell(id, EventKind::ConversationUnsnoozed { reason });
    }

    /// The snoozes that are over end, the earliest first. That is activity.
    pub fn wake_due(&mut self) -> Expected<u64> {
        let now = self.newest;
        let due = |entry: &Entry| Some((entry.attributes.snoozed_until?, entry.id));
        let mut due: Vec<_> = self.entries.iter().filter_map(due).collect();
        due.retain(|(until, _)| *until <= now);
        due.sort();
        for (_, id) in &due {
            self.wake(*id, WakeReason::Due);
            self.active(*id);
            self.touched = true;
        }
        Expected::plain(due.len() as u64, !due.is_empty())
    }

    /// It has another assignee than before, or none.
    fn add_move_event(&mut self, id: ConversationId, before: Option<AssigneeId>) {
        let kind = match (self.entry_mut(id).assignee.clone(), before) {
            (Some(assigned_to), previously_assigned_to) => EventKind::ConversationAssigned {
                assigned_to,
                previously_assigned_to,
            },
            (None, Some(previously_assigned_to)) => EventKind::ConversationUnassigned {
                previously_assigned_to,
            },
            (None, None) => panic!("{id} was unassigned before"),
        };
        self.tell(id, kind);
    }

    /// What changes a conversation is activity.
    fn settle(
        &mut self,
        id: ConversationId,
        changed: bool,
        reopened: bool,
    ) -> Expected<Conversation> {
        if changed {
            self.active(id);
            self.touched = true;
        }
        Expected {
            reopened,
            ..Expected::plain(self.shown(id), changed)
        }
    }

    /// The giver of the command is the author. A note is activity and does not reopen.
    pub fn add_note(
        &mut self,
        id: ConversationId,
        note: NoteId,
        content: String,
    ) -> Expected<Note> {
        let now = self.newest;
        self.take_id(note.raw());
        let mut note = Note::new(note, id, content, now);
        note.author.clone_from(&self.actor);
        let entry = self.entry_mut(id);
        entry.notes.push(note.clone());
        entry.notes.sort_by_key(|note| (note.created_at, note.id));
        self.active(id);
        self.tell(id, EventKind::NoteAdded { note_id: note.id });
        self.touched = true;
        Expected::plain(note, true)
    }

    /// No activity, and it has no event.
    pub fn remove_note(&mut self, id: ConversationId, note: NoteId) -> Expected<()> {
        let entry = self.entry_mut(id);
        entry.notes.retain(|known| known.id != note);
        self.add_reassignment_events(id);
        self.touched = true;
        Expected::plain((), true)
    }

    /// A name shows at once.
    pub fn save_assignee(&mut self, id: &AssigneeId, name: String) -> Expected<Assignee> {
        let known = self.name(id);
        let created = known.is_none();
        let changed = known != Some(&name);
        self.set_name(id, name);
        self.touched |= changed;
        let assignee = self.assignee(id).expect("it was just saved");
        Expected {
            created,
            ..Expected::plain(assignee, changed)
        }
    }

    /// The first of these that is no user of the directory.
    pub fn refused_members(&self, given: &[UserId]) -> Option<Refusal> {
        let is_unknown = |id: &UserId| self.name(&id.into()).is_none();
        let place = given.iter().position(is_unknown)?;
        Some(Refusal::invalid(format!("members[{place}]")))
    }

    /// Each once, by their ids.
    pub fn save_team(
        &mut self,
        team: &TeamId,
        name: String,
        members: Option<Vec<UserId>>,
    ) -> Expected<Team> {
        let mut given = members.unwrap_or_else(|| self.members_of(team).to_vec());
        given.sort();
        given.dedup();
        let has_others = given != self.members_of(team);
        self.members.insert(team.clone(), given.clone());
        let saved = self.save_assignee(&team.into(), name);
        self.touched |= has_others;
        let changed = saved.changed || has_others;
        let team = Team::new(team, &saved.value.name, &given);
        Expected {
            changed,
            ..saved.map(|_| team)
        }
    }

    /// It keeps its channel.
    pub fn save_inbox(&mut self, inbox: InboxPick, name: String) -> Expected<Inbox> {
        let known = self.inboxes.iter().position(|(known, _)| *known == inbox);
        let saved = Inbox::new(inbox.id().expect("it can be saved"), inbox.channel(), &name);
        let changed = known.is_none_or(|place| self.inboxes[place].1 != name);
        match known {
            Some(place) => self.inboxes[place].1 = name,
            None => self.inboxes.push((inbox, name)),
        }
        self.touched |= changed;
        Expected {
            created: known.is_none(),
            ..Expected::plain(saved, changed)
        }
    }

    /// Users and teams in the directory.
    pub fn assignees_of(&self, kind: AssigneeKind) -> u64 {
        let of_kind = |(id, _): &&(AssigneeId, String)| id.kind() == kind;
        self.directory.iter().filter(of_kind).count() as u64
    }
}
