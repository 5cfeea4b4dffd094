//! Loads what commands read into the identity map.

use convodb_core::commands::DeleteResolved;
use convodb_core::{
    Answer, ConversationId, DeliveryStatus, Direction, EntityKind, Error, EventSeq, Key, Message,
    MessageId, MessageRange, Query, Result, time,
};

use super::UnitOfWork;
use super::kinds::{COMMANDS, CONTACT_ALIASES, CONVERSATION_ALIASES, IDENTITIES, NOTES};
use super::lists::Start;
use super::messages::End;
use super::reassignment::Redirected;
use super::{contacts, conversations, events, idempotency, messages, provider_ids};

impl UnitOfWork<'_> {
    /// Loads entities that are not in the map yet.
    pub(super) fn load(&mut self, keys: &[Key]) -> Result<()> {
        for key in keys {
            if !self.state.contains(key) {
                self.load_one(key)?;
            }
        }
        Ok(())
    }

    fn load_one(&mut self, key: &Key) -> Result<()> {
        match key {
            Key::Conversation(id) => self.load_conversation(*id)?,
            Key::Thread(inbox, contact) => {
                let found = match self.known.directory.inboxes.number(inbox) {
                    Some(inbox) => conversations::find(&self.rows, &(contact.clone(), inbox))?,
                    None => None,
                };
                if let Some(id) = found
                    && !self.state.conversations.contains(&id)
                {
                    // A command that looks for a thread reads its conversation.
                    self.load_conversation(id)?;
                }
                let key = (inbox.clone(), contact.clone());
                self.state.threads.insert(key, found);
            }
            Key::Message(of, id) => {
                let message = messages::find(&self.rows, *of, *id)?;
                self.state.messages.insert((*of, *id), message);
            }
            Key::Note(of, at, id) => {
                let key = (*of, *at, *id);
                let record = NOTES.get(&self.rows, &key)?;
                let note = record.map(|record| record.into_note(*of, *at, *id));
                self.state.notes.insert(key, note);
            }
            Key::ProviderId(inbox, id) => {
                let known = match self.known.directory.inboxes.number(inbox) {
                    Some(inbox) => {
                        let key = provider_ids::key(self.known.hashes, inbox, id);
                        provider_ids::find(&self.rows, &key)?
                    }
                    None => None,
                };
                let key = (inbox.clone(), id.clone());
                self.state.provider_ids.insert(key, known);
            }
            Key::Assignee(id) => {
                let assignee = self.known.directory.get(id).cloned();
                self.state.assignees.insert(id.clone(), assignee);
            }
            Key::Members(team) => {
                let members = self.known.directory.members_of(team).to_vec();
                self.state.members.insert(team.clone(), Some(members));
            }
            Key::Inbox(id) => {
                let inbox = self.known.directory.inboxes.get(id).cloned();
                self.state.inboxes.insert(id.clone(), inbox);
            }
            Key::View(id) => {
                // Its progress counts all conversations.
                self.whole(Self::flush)?;
                let view = self.reader().find_view(id)?;
                self.state.views.insert(id.clone(), view);
            }
            Key::Idempotency(key) => {
                let record = COMMANDS.get(&self.rows, &self.known.hashes.of_key(key))?;
                self.state.idempotency.insert(key.clone(), record);
            }
            Key::Consumer(name) => {
                let position = self.reader().find_consumer(name)?;
                self.state.consumers.insert(name.clone(), position);
            }
            Key::Import(name) => {
                let progress = self.reader().import_progress(name)?;
                self.state.imports.insert(name.clone(), progress);
            }
            Key::Contact(id) => {
                let contact = contacts::find(&self.rows, id)?;
                if contact.is_none() {
                    let other = CONTACT_ALIASES.get(&self.rows, id)?;
                    self.state.contact_aliases.insert(id.clone(), other);
                }
                self.state.contacts.insert(id.clone(), contact);
            }
            Key::Identity(identity) => {
                let contact = IDENTITIES.get(&self.rows, identity)?;
                self.state.identities.insert(identity.clone(), contact);
            }
            Key::Query(query) => {
                let answer = self.answer_query(query)?;
                self.state.insert_answer(query.clone(), answer);
            }
        }
        Ok(())
    }

    /// A conversation of a removed assignee is shown as its successor's. A log record holds the
    /// changes that make it so, so recovery takes it as it is stored.
    fn load_conversation(&mut self, id: ConversationId) -> Result<()> {
        let directory = &self.known.directory;
        let stored = self.reader().stored(id)?;
        let redirected = stored.as_ref().map(|stored| stored.numbers.owner);
        let redirected = redirected.filter(|owner| directory.is_redirected(*owner));
        match stored {
            Some(stored) if redirected.is_some() && !self.replays => {
                let shown = stored.clone().shown(directory)?;
                let conversations = &mut self.state.conversations;
                conversations.insert_as(id, stored.conversation, shown);
            }
            stored => {
                let conversation = stored.map(|stored| stored.conversation);
                if conversation.is_none()
                    && let Some(other) = CONVERSATION_ALIASES.get(&self.rows, &id)?
                {
                    self.state.conversation_aliases.insert(id, Some(other));
                    self.load(&[Key::Conversation(other)])?;
                }
                self.state.conversations.insert(id, conversation);
            }
        }
        if let Some(owner) = redirected {
            let redirected = Redirected {
                owner,
                is_reassigned: self.replays,
            };
            self.redirected.insert(id, redirected);
        }
        Ok(())
    }

    fn answer_query(&mut self, query: &Query) -> Result<Answer> {
        // What these ask is answered from the map too.
        if !matches!(query, Query::EventRange | Query::LatestMessage(..)) {
            self.whole(Self::write_out)?;
        }
        let (rows, head) = (&self.rows, &self.known.head);
        Ok(match query {
            Query::First(filter, limit) => {
                let page = self.reader().page(filter, Start::Skip(0), *limit)?;
                let ids = page.data.iter().map(|conversation| conversation.id);
                Answer::Conversations(ids.collect())
            }
            Query::Due(now, limit) => {
                Answer::Conversations(conversations::due(rows, *now, *limit)?)
            }
            Query::Threads(contact) => {
                Answer::Conversations(conversations::of_contact(rows, contact)?)
            }
            Query::Views => Answer::Number(self.known.directory.views.len() as u64),
            Query::Count(filter) => Answer::Number(self.reader().count(filter)?),
            Query::FirstEventSince(at) => {
                Answer::Number(events::first_since(rows, head, *at)?.get())
            }
            Query::SlowestConsumer => {
                let consumers = self.reader().consumers()?.into_iter();
                Answer::Position(consumers.map(|consumer| consumer.position).min())
            }
            Query::UnmatchedBefore(before) => {
                Answer::Number(provider_ids::count_unmatched(rows, Some(*before))?)
            }
            Query::UnmatchedBeyond(most) => Answer::Time(provider_ids::newest_beyond(rows, *most)?),
            Query::Stale(before, limit) => {
                let stale = self.reader().stale(*before, *limit)?;
                Answer::Conversations(messages::first_of(rows, stale, DeleteResolved::AT_ONCE)?)
            }
            Query::UnreadAfter(of, id) => {
                let message = messages::find(rows, *of, *id)?;
                let message = message.ok_or_else(|| Error::not_found(EntityKind::Message, *id))?;
                let arrival = message.arrival();
                let mut later = messages::all(rows, *of)?;
                Answer::Number(later.try_fold(0, |count, message| {
                    let message = message?;
                    let is_later = message.arrival() > arrival;
                    let is_unread = message.counts_as_unread() && !message.is_revoked();
                    Ok::<_, Error>(count + u64::from(is_later && is_unread))
                })?)
            }
            Query::Pending(of, since) => {
                let range = MessageRange::all().since(*since);
                let all = self
                    .reader()
                    .stored_messages(*of, &range, End::Oldest, usize::MAX)?;
                let is_pending = |message: &Message| {
                    message.status == DeliveryStatus::Pending && message.provider_id.is_none()
                };
                Answer::Messages(all.into_iter().filter(is_pending).collect())
            }
            Query::LatestIdentity(ids) => {
                let mut latest = None;
                for id in ids {
                    for message in messages::all(rows, *id)? {
                        let message = message?;
                        let named = message.extras.as_ref().and_then(|it| it.identity.as_ref());
                        if message.direction == Direction::Inbound && named.is_some() {
                            latest = latest.max(Some((message.arrival(), *id)));
                        }
                    }
                }
                Answer::Conversations(latest.into_iter().map(|(_, id)| id).collect())
            }
            Query::NoteTime(of, id) => Answer::Time(messages::note_time(rows, *of, *id)?),
            Query::KeysBefore(before) => {
                let forgotten = self.known.forgotten.as_ref();
                let mut older = idempotency::older(rows, forgotten, *before)?;
                Answer::Number(older.try_fold(0, |count, row| row.map(|_| count + 1))?)
            }
            Query::LatestMessage(of, times) => {
                let range = MessageRange::all().since(times.start).until(times.end);
                let stored = self.reader().stored_messages(*of, &range, End::Newest, 1)?;
                // The id of a message that is not written carries its millisecond.
                let [first, last] = [(times.start, 0), (times.end, u128::MAX)]
                    .map(|(time, random)| (*of, MessageId::from_parts(time::millis(time), random)));
                let staged = self.state.messages.range(first..=last);
                let places = stored.iter().chain(staged).map(Message::position);
                Answer::Message(places.filter(|(time, _)| times.contains(time)).max())
            }
            // Those that are not written yet have their numbers already.
            Query::EventRange => Answer::Events {
                oldest: head.oldest_event,
                newest: EventSeq::new(head.newest_event.get() + self.events.len() as u64),
            },
        })
    }
}
