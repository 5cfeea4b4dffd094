//! Contacts in the model: what is known of each, and what providers call them.

use chrono::{DateTime, Utc};
use convodb::{
    AssigneeKind, Attribute, Channel, Contact, ContactChanges, ContactFilter, ContactId,
    ConversationId, Details, Direction, ErrorKind, Event, EventKind, EventSubject, Identity,
    InboxRef, Message, MessageId, MetadataValue, NoteId, Status, WakeReason, Who,
};

use super::model::{Entry, Model};
use super::more::{NAMES, name, value};
use super::op::{Address, CONTACTS, InboxPick, contact};
use super::plan::{Text, is_blank};
use super::rules::refused_if;
use super::verdict::{Expected, Refusal};

/// So many identities on each channel. The one behind them is refused.
pub const IDENTITIES: u8 = 6;

pub fn identity(number: u8) -> String {
    match number {
        IDENTITIES.. => String::new(),
        number => format!("+49{}", number % IDENTITIES),
    }
}

/// What a message says of whom it is from or to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Called {
    pub first: u8,
    pub second: Option<u8>,
    /// Whether it names no contact.
    pub alone: bool,
}

impl Called {
    pub fn texts(self) -> Vec<String> {
        let all = [Some(self.first), self.second];
        all.into_iter().flatten().map(identity).collect()
    }

    pub fn identities(self, channel: Channel) -> Vec<Identity> {
        let texts = self.texts().into_iter();
        texts
            .filter_map(|text| Identity::new(channel, &text).ok())
            .collect()
    }

    pub fn flaws(self) -> Vec<Refusal> {
        let texts = self.texts().into_iter().enumerate();
        let bad = texts.filter(|(_, text)| text.is_empty());
        bad.map(|(nth, _)| Refusal::invalid(format!("identities[{nth}]")))
            .collect()
    }

    /// Whom it means, as a message names it.
    pub fn who(called: Option<Self>, to: Address) -> Who {
        match called {
            None => Who::from(to.contact_id()),
            Some(called) if called.alone => Who::identities(called.texts()),
            Some(called) => Who::with_identities(to.contact_id(), called.texts()),
        }
    }
}

/// One of the contacts that messages name, or one that has a record.
#[derive(Clone, Copy, Debug)]
pub struct ContactPick(pub u8);

/// What a contact gets.
#[derive(Clone, Copy, Debug)]
pub struct ContactPlan {
    pub name: Option<Option<Text>>,
    /// A name, and its value or none.
    pub metadata: Option<(u8, Option<u8>)>,
}

impl ContactPlan {
    pub fn changes(self) -> ContactChanges {
        let mut json = serde_json::Map::new();
        if let Some(name) = self.name {
            json.insert("name".to_owned(), name.map(|text| text.string()).into());
        }
        if let Some((number, what)) = self.metadata {
            let what = what.map(value);
            json.insert(
                "metadata".to_owned(),
                serde_json::json!({ name(number): what }),
            );
        }
        serde_json::from_value(json.into()).expect("it is an object of changes")
    }

    pub fn flaws(self) -> Vec<Refusal> {
        let bad_name = self.name.flatten().is_some_and(|name| {
            let name = name.string();
            is_blank(&name) || name.len() > 256
        });
        let sets_nothing = |what: Option<u8>| what.is_none();
        let bad_metadata = self
            .metadata
            .is_some_and(|(name, what)| name >= NAMES && !sets_nothing(what));
        [
            refused_if(bad_name, Refusal::invalid("name")),
            refused_if(bad_metadata, Refusal::invalid("metadata")),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// What becomes of a contact, and whether that is another one.
    fn put(self, contact: &mut Contact) -> bool {
        let before = contact.clone();
        if let Some(name) = self.name {
            contact.name = name.map(|text| text.string());
        }
        if let Some((number, what)) = self.metadata {
            let mut all: Vec<(String, MetadataValue)> = contact
                .metadata
                .iter()
                .filter(|(known, _)| *known != name(number))
                .map(|(known, value)| (known.to_owned(), value.clone()))
                .collect();
            all.extend(what.map(|what| (name(number).to_owned(), value(what))));
            contact.metadata = convodb::Metadata::new();
            for (name, value) in all {
                contact.metadata.set(name, value);
            }
        }
        *contact != before
    }
}

impl Entry {
    /// What the messages of another conversation do to its times.
    fn hears_of(&mut self, other: &Self) {
        let (own, other) = (&mut self.timeline, other.timeline);
        if other.last_message_at > own.last_message_at {
            own.answered_by_bot = other.answered_by_bot;
        }
        own.last_message_at = own.last_message_at.max(other.last_message_at);
        own.last_inbound_at = own.last_inbound_at.max(other.last_inbound_at);
        own.waiting_since = match (own.waiting_since, other.waiting_since) {
            (Some(own), Some(other)) => Some(own.min(other)),
            (own, other) => own.or(other),
        };
    }
}

impl Model {
    pub fn pick_contact(&self, ContactPick(number): ContactPick) -> ContactId {
        let known = number.checked_sub(CONTACTS).map(usize::from);
        let known = known.and_then(|number| number.checked_rem(self.contacts.len()));
        match known {
            Some(number) => self.contacts[number].id.clone(),
            None => contact(number % CONTACTS),
        }
    }

    pub fn record(&self, id: &ContactId) -> Option<&Contact> {
        self.contacts.iter().find(|known| known.id == *id)
    }

    fn record_mut(&mut self, id: &ContactId) -> Option<&mut Contact> {
        self.contacts.iter_mut().find(|known| known.id == *id)
    }

    /// The contact that a provider calls so.
    pub fn called(&self, identity: &Identity) -> Option<&ContactId> {
        let has = |contact: &&Contact| contact.identities.contains(identity);
        self.contacts.iter().find(has).map(|contact| &contact.id)
    }

    /// The contact of a message: the one that it names, or that of the first identity which is known, or a
    /// new one.
    pub fn caller(
        &self,
        named: Option<ContactId>,
        identities: &[Identity],
        made: Option<ContactId>,
    ) -> ContactId {
        let first = identities.iter().find_map(|one| self.called(one)).cloned();
        let caller = named.or(first).or(made);
        self.contact_meant(&caller.expect("a message names somebody"))
    }

    /// The time of the oldest conversation of a contact.
    fn met_at(&self, id: &ContactId) -> Option<DateTime<Utc>> {
        let own = self.entries.iter().filter(|entry| entry.contact_id == *id);
        own.map(|entry| entry.created_at).min()
    }

    fn tell_of(&mut self, id: &ContactId, kind: EventKind) {
        let (seq, at) = (self.newest_event().next(), self.newest);
        let mut event = Event::new(seq, at, id.clone(), kind);
        event.actor.clone_from(&self.actor);
        self.events.push(event);
    }

    /// Makes the record of a contact that has none. Whether it is a new one.
    fn begin_record(&mut self, id: &ContactId) -> bool {
        if self.record(id).is_some() {
            return false;
        }
        let met_at = self.met_at(id).unwrap_or(self.newest);
        let contact = Contact::new(id.clone(), met_at.min(self.newest));
        self.contacts.push(contact);
        self.contacts.sort_by(|one, next| one.id.cmp(&next.id));
        self.tell_of(id, EventKind::ContactCreated);
        self.touched = true;
        true
    }

    /// Gives a contact the identities that no contact has. Those of others are a conflict.
    pub fn learn(&mut self, id: &ContactId, identities: &[Identity]) {
        if identities.is_empty() {
            return;
        }
        let mut others: Vec<ContactId> = Vec::new();
        for other in identities.iter().filter_map(|one| self.called(one)) {
            if other != id && !others.contains(other) {
                others.push(other.clone());
            }
        }
        let created = self.begin_record(id);
        let mut identified = false;
        for identity in identities {
            if self.called(identity).is_none() {
                let known = self.record_mut(id).expect("it has a record by now");
                known.identities.push(identity.clone());
                identified = true;
            }
        }
        if identified && !created {
            self.tell_of(id, EventKind::ContactIdentified);
        }
        for with in others {
            self.tell_of(id, EventKind::ContactConflict { with });
        }
    }

    pub fn save_contact(&mut self, id: &ContactId, plan: ContactPlan) -> Expected<Contact> {
        let id = &self.contact_meant(id);
        let created = self.begin_record(id);
        let known = self.record_mut(id).expect("it has a record by now");
        let changed = plan.put(known);
        let saved = known.clone();
        if changed && !created {
            self.tell_of(id, EventKind::ContactUpdated);
        }
        self.touched |= changed;
        Expected {
            created,
            ..Expected::plain(saved, changed || created)
        }
    }

    /// Its conversations go, then its record, its identities and its name in events.
    pub fn erase_contact(&mut self, id: &ContactId) -> Expected<u64> {
        let id = &self.contact_meant(id);
        let removed = self.remove(|entry| entry.contact_id == *id);
        let had_record = self.record(id).is_some();
        self.contacts.retain(|known| known.id != *id);
        if had_record {
            self.touched = true;
            let is_alias = |(_, into): &&(ContactId, ContactId)| into == id;
            let aliases = self.contact_aliases.iter().filter(is_alias);
            let mut gone: Vec<_> = aliases.map(|(from, _)| from.clone()).collect();
            self.contact_aliases.retain(|(_, into)| into != id);
            gone.push(id.clone());
            for event in &mut self.events {
                let other = match &event.kind {
                    EventKind::ContactMerged { into: other }
                    | EventKind::ContactConflict { with: other } => Some(other),
                    _ => None,
                };
                let own = event.subject.contact_id();
                if own
                    .into_iter()
                    .chain(other)
                    .any(|named| gone.contains(named))
                {
                    event.subject = EventSubject::Erased;
                    event.kind = EventKind::ContactErased;
                }
            }
        }
        Expected::plain(removed, removed > 0 || had_record)
    }

    /// What is read of a contact: one without a record has conversations at least.
    pub fn shown_contact(&self, id: &ContactId) -> Option<Contact> {
        let id = &self.contact_meant(id);
        let met = || self.met_at(id).map(|at| Contact::new(id.clone(), at));
        self.record(id).cloned().or_else(met)
    }

    /// The contacts of a list. Of those with one name the order is the backend's.
    pub fn list_contacts(&self, filter: &ContactFilter) -> Vec<Contact> {
        let mut found: Vec<Contact> = match filter {
            ContactFilter::All => self.contacts.clone(),
            ContactFilter::Name(prefix) => {
                let begins = |contact: &&Contact| {
                    let name = contact.name.as_ref();
                    name.is_some_and(|name| name.to_lowercase().starts_with(prefix))
                };
                self.contacts.iter().filter(begins).cloned().collect()
            }
            ContactFilter::Identity(..) => {
                let has = |contact: &&Contact| first_of(contact, filter).is_some();
                self.contacts.iter().filter(has).cloned().collect()
            }
        };
        match filter {
            ContactFilter::All => {}
            ContactFilter::Name(_) => {
                found.sort_by_key(|contact| contact.name.as_ref().map(|name| name.to_lowercase()));
            }
            ContactFilter::Identity(..) => found.sort_by_key(|contact| first_of(contact, filter)),
        }
        found
    }
}

/// What a command links identities with.
#[derive(Clone, Copy, Debug)]
pub struct IdentifyPlan {
    pub channel: Channel,
    /// The contact that it names.
    pub contact: Option<ContactPick>,
    pub first: u8,
    pub second: Option<u8>,
    pub plan: ContactPlan,
    pub merge: bool,
}

impl IdentifyPlan {
    pub fn called(self) -> Called {
        Called {
            first: self.first,
            second: self.second,
            alone: self.contact.is_none(),
        }
    }
}

impl Model {
    /// The contact that an id means.
    pub fn contact_meant(&self, id: &ContactId) -> ContactId {
        let mut aliases = self.contact_aliases.iter();
        let found = aliases.find(|(from, _)| from == id);
        found.map_or(id, |(_, into)| into).clone()
    }

    /// The conversation that an id means.
    pub fn conversation_meant(&self, id: ConversationId) -> ConversationId {
        let mut aliases = self.conversation_aliases.iter();
        aliases
            .find(|(from, _)| *from == id)
            .map_or(id, |(_, into)| *into)
    }

    /// The other contacts that have some of these identities, each once.
    fn others(&self, id: &ContactId, identities: &[Identity]) -> Vec<ContactId> {
        let mut others = Vec::new();
        for other in identities.iter().filter_map(|one| self.called(one)) {
            if other != id && !others.contains(other) {
                others.push(other.clone());
            }
        }
        others
    }

    /// Contacts are one only where that is said.
    pub fn refused_identities(
        &self,
        plan: IdentifyPlan,
        id: &ContactId,
        identities: &[Identity],
    ) -> Vec<Refusal> {
        let others = self.others(id, identities);
        let taken = !others.is_empty() && !plan.merge;
        let contacts = Details::Contacts([id].into_iter().chain(&others).cloned().collect());
        let flaws = plan.called().flaws().into_iter().chain(plan.plan.flaws());
        flaws
            .chain(refused_if(taken, Refusal::identity_taken(contacts)))
            .collect()
    }

    pub fn identify(
        &mut self,
        plan: IdentifyPlan,
        id: &ContactId,
        identities: &[Identity],
    ) -> Expected<Contact> {
        let others = self.others(id, identities);
        let events = self.events.len();
        let created = self.begin_record(id);
        let (mut identified, mut updated) = (false, false);
        for identity in identities {
            if self.called(identity).is_none() {
                let known = self.record_mut(id).expect("it has a record by now");
                known.identities.push(identity.clone());
                identified = true;
            }
        }
        if identified && !created {
            self.tell_of(id, EventKind::ContactIdentified);
        }
        let reopened = self.merge_all(id, &others);
        let known = self.record_mut(id).expect("it has a record by now");
        updated |= plan.plan.put(known);
        let saved = known.clone();
        if updated && !(created && others.is_empty()) {
            self.tell_of(id, EventKind::ContactUpdated);
        }
        let changed = created || identified || updated || self.events.len() > events;
        self.touched |= changed;
        Expected {
            created,
            reopened,
            ..Expected::plain(saved, changed)
        }
    }

    /// Both are there, in whichever way.
    pub fn refused_merge(&self, from: &ContactId, into: &ContactId) -> Vec<Refusal> {
        let missing = |id: &&ContactId| self.shown_contact(id).is_none();
        let missing = [from, into].into_iter().filter(missing);
        let missing = missing.map(|_| Refusal::of(ErrorKind::NotFound));
        let itself = refused_if(from == into, Refusal::invalid("into"));
        missing.chain(itself).collect()
    }

    pub fn merge_contacts(&mut self, from: &ContactId, into: &ContactId) -> Expected<Contact> {
        let (from, into) = (self.contact_meant(from), self.contact_meant(into));
        if from == into {
            let known = self.record(&into).cloned();
            let shown = known.expect("a contact that was merged has a record");
            return Expected::plain(shown, false);
        }
        self.begin_record(&into);
        let reopened = self.merge_all(&into, &[from]);
        self.touched = true;
        let merged = self.record(&into).expect("it has a record by now").clone();
        Expected {
            reopened,
            ..Expected::plain(merged, true)
        }
    }

    /// Merges contacts into one. Whether that reopened a conversation.
    fn merge_all(&mut self, into: &ContactId, others: &[ContactId]) -> bool {
        let mut reopened = false;
        let all = || {
            [into]
                .into_iter()
                .chain(others)
                .filter(|_| !others.is_empty())
        };
        let is_theirs = |entry: &&Entry| all().any(|id| entry.contact_id == *id);
        let theirs = self.entries.iter().filter(is_theirs);
        let mut inboxes: Vec<InboxPick> = theirs.map(|entry| entry.inbox).collect();
        inboxes.sort_by_key(|inbox| InboxRef::from(*inbox));
        inboxes.dedup();
        for inbox in inboxes {
            let threads = all().filter_map(|id| self.thread(id, inbox).map(|entry| entry.id));
            let threads: Vec<_> = threads.collect();
            if let Some((kept, merged)) = threads.split_first() {
                reopened |= self.merge_threads(into, *kept, merged);
            }
        }
        for from in others {
            let place = self.contacts.iter().position(|known| known.id == *from);
            let known = place.map(|place| self.contacts.remove(place));
            let record = self.record_mut(into).expect("it has a record by now");
            if let Some(known) = known {
                record.name = record.name.take().or(known.name);
                for (name, value) in known.metadata.iter() {
                    if record.metadata.get(name).is_none() {
                        record.metadata.set(name, value.clone());
                    }
                }
                record.identities.extend(known.identities);
                record.created_at = record.created_at.min(known.created_at);
            }
            for (_, target) in &mut self.contact_aliases {
                if target == from {
                    target.clone_from(into);
                }
            }
            self.contact_aliases.push((from.clone(), into.clone()));
            let kind = EventKind::ContactMerged { into: into.clone() };
            self.tell_of(from, kind);
        }
        reopened
    }

    /// Merges the conversations of one inbox into the first of them.
    fn merge_threads(
        &mut self,
        into: &ContactId,
        kept: ConversationId,
        merged: &[ConversationId],
    ) -> bool {
        let before = self.entry(kept).expect("it is there").clone();
        let others: Vec<Entry> = merged
            .iter()
            .map(|id| self.entry(*id).expect("it is there").clone())
            .collect();
        for other in &others {
            self.absorb(kept, other.id);
        }
        let mut changed = Vec::new();
        if before.contact_id != *into {
            self.add_reassignment_events(kept);
            self.entry_mut(kept).contact_id = into.clone();
        }
        let is_open = others.iter().any(|other| other.status == Status::Open);
        let reopened = is_open && before.status == Status::Resolved;
        let now = self.newest;
        if reopened {
            let entry = self.entry_mut(kept);
            entry.status = Status::Open;
            entry.revision += 1;
            entry.reopens(now);
            self.active(kept);
            self.tell(kept, EventKind::ConversationReopened);
        }
        let all = [&before].into_iter().chain(&others);
        let open = all.filter(|entry| entry.status == Status::Open);
        let snoozes: Option<Vec<_>> = open.map(|entry| entry.attributes.snoozed_until).collect();
        let snoozed_until = snoozes.into_iter().flatten().min();
        if snoozed_until != before.attributes.snoozed_until {
            let entry = self.entry_mut(kept);
            entry.attributes.snoozed_until = snoozed_until;
            entry.revision += 1;
            let kind = match snoozed_until {
                Some(until) => EventKind::ConversationSnoozed { until },
                None => EventKind::ConversationUnsnoozed {
                    reason: WakeReason::User,
                },
            };
            self.tell(kept, kind);
        }
        let assignee = others.iter().find_map(|other| other.assignee.clone());
        if let (None, Some(assigned_to)) = (&before.assignee, assignee) {
            let entry = self.entry_mut(kept);
            entry.assignee = Some(assigned_to.clone());
            entry.revision += 1;
            if assigned_to.kind() == AssigneeKind::Team {
                entry.team = Some(assigned_to.clone());
            }
            let timeline = &mut entry.timeline;
            if timeline.answered_by_bot && timeline.waiting_since.is_none() {
                timeline.waiting_since = Some(now);
            }
            self.active(kept);
            let kind = EventKind::ConversationAssigned {
                assigned_to,
                previously_assigned_to: None,
            };
            self.tell(kept, kind);
        }
        let team = others.iter().find_map(|other| other.team.clone());
        let entry = self.entry_mut(kept);
        if entry.team.is_none() && team.is_some() {
            entry.team = team;
            changed.push(Attribute::Team);
        }
        let mut attributes = before.attributes.clone();
        for other in &others {
            attributes.priority = attributes.priority.or(other.attributes.priority);
            for tag in other.attributes.tags.iter() {
                attributes.tags.insert(tag);
            }
            for (name, value) in other.attributes.metadata.iter() {
                if attributes.metadata.get(name).is_none() {
                    attributes.metadata.set(name, value.clone());
                }
            }
        }
        let differs = [
            (
                Attribute::Priority,
                attributes.priority != before.attributes.priority,
            ),
            (Attribute::Tags, attributes.tags != before.attributes.tags),
            (
                Attribute::Metadata,
                attributes.metadata != before.attributes.metadata,
            ),
        ];
        changed.extend(
            differs
                .into_iter()
                .filter(|(_, it)| *it)
                .map(|(name, _)| name),
        );
        let entry = self.entry_mut(kept);
        entry.attributes = attributes;
        entry.attributes.snoozed_until = snoozed_until;
        entry.revision += changed.len() as u64;
        if let Some(identity) = latest_identity(&before, &others) {
            entry.identity = Some(identity);
        }
        if !changed.is_empty() {
            self.tell(kept, EventKind::ConversationUpdated { changed });
        }
        reopened
    }

    /// The messages and notes of a conversation are another one's from now on.
    fn absorb(&mut self, kept: ConversationId, from: ConversationId) {
        self.add_reassignment_events(from);
        self.add_reassignment_events(kept);
        let place = self.entries.iter().position(|entry| entry.id == from);
        let from = self.entries.remove(place.expect("it is there"));
        let entry = self.entry_mut(kept);
        entry.hears_of(&from);
        let mut renamed = Vec::new();
        let own = entry.messages.len();
        for mut message in from.messages {
            let id = message.id;
            while entry.messages.iter().any(|known| known.id == message.id) {
                message.id = MessageId::from_raw(message.id.raw() + 1);
            }
            renamed.push((id, message.id));
            if from.imported.contains(&id) {
                entry.imported.push(message.id);
            }
            message.conversation_id = kept;
            if let Some(extras) = &mut message.extras
                && extras.import_id.is_some()
                && entry.messages[..own].iter().any(|known| {
                    let known = known.extras.as_ref();
                    known.is_some_and(|known| known.import_id == extras.import_id)
                })
            {
                extras.import_id = None;
            }
            entry.messages.push(message);
        }
        for message in &mut entry.messages[own..] {
            let reference = message.extras.as_mut().and_then(|it| it.reply_to.as_mut());
            let answered = reference.and_then(|it| it.message_id.as_mut());
            if let Some(answered) = answered {
                let new = renamed.iter().find(|(id, _)| id == answered);
                *answered = new.map_or(*answered, |(_, new)| *new);
            }
        }
        for mut note in from.notes {
            while entry.notes.iter().any(|known| known.id == note.id) {
                note.id = NoteId::from_raw(note.id.raw() + 1);
            }
            note.conversation_id = kept;
            entry.notes.push(note);
        }
        entry.messages.sort_by_key(place_of);
        entry.notes.sort_by_key(|note| (note.created_at, note.id));
        entry.read_count += from.read_count;
        entry.history = None;
        entry.unread_to_come += from.unread_to_come;
        entry.foreign_notes.extend(from.foreign_notes);
        entry.created_at = entry.created_at.min(from.created_at);
        entry.updated_at = entry.updated_at.max(from.updated_at);
        entry.delivered_until = entry.delivered_until.max(from.delivered_until);
        entry.read_until = entry.read_until.max(from.read_until);
        entry.revision = entry.revision.max(from.revision) + 1;
        for (_, target) in &mut self.conversation_aliases {
            if *target == from.id {
                *target = kept;
            }
        }
        // Its events are its own: so it has its own id before its id means another one.
        self.tell(from.id, EventKind::ConversationMerged { into: kept });
        self.conversation_aliases.push((from.id, kept));
        self.touched = true;
    }
}

fn place_of(message: &Message) -> (DateTime<Utc>, MessageId) {
    (message.order_time, message.id)
}

/// The identity of the conversation whose contact wrote last.
fn latest_identity(kept: &Entry, others: &[Entry]) -> Option<String> {
    let all = [kept]
        .into_iter()
        .chain(others)
        .filter(|it| it.identity.is_some());
    let all: Vec<&Entry> = all.collect();
    let latest = all.iter().filter_map(|entry| {
        let named = entry.messages.iter().filter(|message| {
            let named = message.extras.as_ref().and_then(|it| it.identity.as_ref());
            message.direction == Direction::Inbound && named.is_some()
        });
        Some((named.map(|message| entry.arrived(message)).max()?, *entry))
    });
    let latest = latest.max_by(|(one, _), (next, _)| one.cmp(next));
    let found = latest.map(|(_, entry)| entry).or(all.first().copied());
    found.and_then(|entry| entry.identity.clone())
}

/// The first identity that a list looks for.
fn first_of(contact: &Contact, filter: &ContactFilter) -> Option<String> {
    let ContactFilter::Identity(channel, prefix) = filter else {
        return None;
    };
    let texts = contact.identities.iter().filter_map(|identity| {
        let found = identity.channel() == *channel && identity.value().starts_with(prefix);
        found.then(|| identity.value().to_owned())
    });
    texts.min()
}
