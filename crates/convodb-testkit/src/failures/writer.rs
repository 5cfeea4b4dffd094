//! A task that gives commands over few conversations, and records what was answered.

use std::sync::atomic::{AtomicBool, Ordering};

use convodb_core::commands::{
    AddNote, Assign, ReceiveMessage, RecordDelivery, Reopen, ReplyTo, Resolve, SaveAssignee,
};
use convodb_core::{
    AssigneeId, Channel, Command, ContactId, Context, Conversation, ConversationId, Error,
    ErrorKind, Inbound, MessageRef, Outcome, ProviderId, Receipt, Reply, Result, Revision, Status,
};
use convodb_postgres::{PgRead, PgStore};

use super::history::{Answer, Entry, Seen, State, What, now};
use crate::harness::random::Random;

pub const CHANNEL: Channel = Channel::Whatsapp;

/// So often is a command repeated whose answer was lost, if it can be.
const MOST_REPEATS: usize = 20;

pub fn contact(number: usize) -> ContactId {
    ContactId::new(&format!("con_{number}")).unwrap()
}

pub fn user(number: u64) -> AssigneeId {
    AssigneeId::new(&format!("usr_{}", number % 4)).unwrap()
}

fn provider_id(text: &str) -> ProviderId {
    ProviderId::new(&format!("wamid.{text}")).unwrap()
}

/// Stores users, and the conversations that the writers share.
pub async fn begin(store: &PgStore, conversations: usize) -> Result<Vec<ConversationId>> {
    for number in 0..4 {
        let (assignee, name) = (user(number), format!("User {number}"));
        store.execute(SaveAssignee { assignee, name }).await?;
    }
    let mut ids = Vec::new();
    for number in 0..conversations {
        let text = format!("first.{number}");
        let message = Inbound::text(contact(number), CHANNEL, text.as_str()).provider_id(&text);
        let received = store.execute(ReceiveMessage { message }).await?;
        ids.push(received.value.conversation_id);
    }
    Ok(ids)
}

/// The conversations, where they were stored before.
pub async fn find(store: &PgStore, conversations: usize) -> Result<Vec<ConversationId>> {
    let mut ids = Vec::new();
    for number in 0..conversations {
        let found = store
            .find_conversation(&contact(number), &CHANNEL.into())
            .await?;
        ids.push(found.ok_or_else(Error::closed)?.id);
    }
    Ok(ids)
}

/// What is wrong with a writer, for controls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    Honest,
    /// Some of what it says was acknowledged it has not given.
    Hasty,
    /// Some of what it says it gave once it gives twice.
    Twice,
}

pub struct Writer<'a> {
    /// The first part of its actors.
    pub name: String,
    pub number: u64,
    pub store: PgStore,
    pub random: Random,
    pub ids: &'a [ConversationId],
    pub manner: Manner,
    /// What it has seen of each conversation last.
    seen: Vec<u64>,
    /// The provider's id of a reply without a receipt.
    sent: Option<(usize, String)>,
}

impl<'a> Writer<'a> {
    pub fn new(
        name: &str,
        number: u64,
        store: PgStore,
        ids: &'a [ConversationId],
        seed: u64,
    ) -> Self {
        Self {
            name: name.to_owned(),
            number,
            store,
            random: Random::new(seed.wrapping_mul(1_000).wrapping_add(number)),
            ids,
            manner: Manner::Honest,
            seen: vec![0; ids.len()],
            sent: None,
        }
    }

    /// Gives commands until it is to end, or so many.
    pub async fn run(mut self, most: u64, is_over: &AtomicBool, record: &(dyn Fn(Entry) + Sync)) {
        for number in 0..most {
            if is_over.load(Ordering::SeqCst) {
                return;
            }
            self.turn(number, record).await;
        }
    }

    async fn turn(&mut self, number: u64, record: &(dyn Fn(Entry) + Sync)) {
        let mut conversation = self.random.index(self.ids.len());
        let mut what = What::ALL[self.random.index(What::ALL.len())];
        match &self.sent {
            Some((of, _)) if what == What::Deliver => conversation = *of,
            None if what == What::Deliver => what = What::Reply,
            _ => {}
        }
        let known = self.seen[conversation];
        let is_strict = what.is_of_conversation() && known > 0 && self.random.below(3) == 0;
        let mut entry = Entry {
            actor: format!("{}.{}.{number}", self.name, self.number),
            conversation,
            what,
            revision: is_strict.then_some(known),
            begun: now(),
            ended: u64::MAX,
            answer: Answer::Unknown,
        };
        record(entry.clone());
        let is_keyed = self.random.below(2) == 0;
        let is_provided = self.random.below(2) == 0;
        let is_odd = self.manner != Manner::Honest && number % 2 == 1;
        if is_odd && self.manner == Manner::Hasty {
            entry.what = What::Note;
            entry.revision = None;
            entry.answer = Answer::Done(Seen {
                commit: 0,
                is_changed: true,
                is_duplicate: false,
                id: None,
                state: None,
            });
            entry.ended = now();
            return record(entry);
        }
        if is_odd {
            entry.what = What::Note;
            entry.revision = None;
            let _ = self.give(&entry, false, false).await;
        }
        let can_repeat =
            is_keyed || is_provided && matches!(entry.what, What::Receive | What::Reply);
        let mut answer = self.give(&entry, is_keyed, is_provided).await;
        for _ in 0..MOST_REPEATS {
            if answer != Answer::Unknown || !can_repeat {
                break;
            }
            // A refusal says nothing of what was given before.
            if let done @ Answer::Done(_) = self.give(&entry, is_keyed, is_provided).await {
                answer = done;
            }
        }
        if let Answer::Done(seen) = &answer {
            if let Some(state) = &seen.state {
                self.seen[conversation] = state.revision;
            }
            if entry.what == What::Reply && is_provided {
                self.sent = Some((conversation, entry.actor.clone()));
            }
        }
        if answer != Answer::Unknown {
            entry.ended = now();
        }
        entry.answer = answer;
        record(entry);
    }

    async fn give(&mut self, entry: &Entry, is_keyed: bool, is_provided: bool) -> Answer {
        let mut context = Context::new().actor(convodb_core::Actor::new(&entry.actor).unwrap());
        if is_keyed {
            context = context.idempotency_key(entry.actor.as_str());
        }
        if let Some(revision) = entry.revision {
            context = context.if_revision(Revision::new(revision));
        }
        let conversation = self.ids[entry.conversation];
        let text = entry.actor.as_str();
        match entry.what {
            What::Receive => {
                let mut message = Inbound::text(contact(entry.conversation), CHANNEL, text);
                if is_provided {
                    message = message.provider_id(provider_id(text).as_str());
                }
                let done = self
                    .store
                    .execute_in(context, ReceiveMessage { message })
                    .await;
                answer(done, |message| (Some(message.id.to_string()), None))
            }
            What::Reply => {
                let mut reply = Reply::text(text);
                if is_provided {
                    reply = reply.provider_id(provider_id(text).as_str());
                }
                let done = self
                    .store
                    .execute_in(
                        context,
                        ReplyTo {
                            conversation,
                            reply,
                        },
                    )
                    .await;
                answer(done, |message| (Some(message.id.to_string()), None))
            }
            What::Note => {
                let content = text.to_owned();
                let done = self
                    .store
                    .execute_in(
                        context,
                        AddNote {
                            conversation,
                            content,
                        },
                    )
                    .await;
                answer(done, |note| (Some(note.id.to_string()), None))
            }
            What::Claim => {
                let assignee = Some(user(self.number));
                let context = context.if_assignee(None);
                self.change(
                    context,
                    Assign {
                        conversation,
                        assignee,
                    },
                )
                .await
            }
            What::Unassign => {
                let assignee = None;
                self.change(
                    context,
                    Assign {
                        conversation,
                        assignee,
                    },
                )
                .await
            }
            What::Resolve => self.change(context, Resolve { conversation }).await,
            What::Reopen => self.change(context, Reopen { conversation }).await,
            What::Deliver => {
                let Some((_, sent)) = &self.sent else {
                    return Answer::Unknown;
                };
                let message = MessageRef::from((CHANNEL, provider_id(sent)));
                let receipt = Receipt::read();
                let done = self
                    .store
                    .execute_in(context, RecordDelivery { message, receipt })
                    .await;
                answer(done, |_| (None, None))
            }
        }
    }

    async fn change(
        &self,
        context: Context,
        command: impl Command<Output = Conversation>,
    ) -> Answer {
        let done = self.store.execute_in(context, command).await;
        answer(done, |conversation| (None, Some(state(&conversation))))
    }
}

pub fn state(conversation: &Conversation) -> State {
    State {
        is_resolved: conversation.status == Status::Resolved,
        assignee: conversation.assignee_id().map(ToString::to_string),
        revision: conversation.revision.get(),
    }
}

fn answer<T>(
    done: Result<Outcome<T>>,
    read: impl FnOnce(T) -> (Option<String>, Option<State>),
) -> Answer {
    match done {
        Ok(outcome) => {
            let (id, state) = read(outcome.value);
            Answer::Done(Seen {
                commit: outcome.commit.map_or(0, |commit| commit.get()),
                is_changed: outcome.effect.changed,
                is_duplicate: outcome.is_duplicate,
                id,
                state,
            })
        }
        Err(error) if error.kind() == ErrorKind::CommitUnknown => Answer::Unknown,
        Err(error) => Answer::Refused(error.kind().code().to_owned()),
    }
}
