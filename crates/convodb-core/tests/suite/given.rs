//! Plain states for the tests of commands: given a state, when a command, then changes.

use std::time::Duration;

use chrono::{DateTime, Utc};
use convodb_core::{
    Answer, Assignee, AssigneeId, Change, ChangeKind, Channel, Command, ContactId, Context,
    Conversation, ConversationId, Decision, Env, Halt, Hashes, IdSequence, InboxRef, Key, Message,
    NewEvent, Output, ProviderIdState, Query, Result, State, evolve,
};

/// A minute in 2026.
pub(crate) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_micros(1_776_240_600_000_000).unwrap_or_default()
}

pub(crate) fn id(number: u128) -> ConversationId {
    ConversationId::from_parts(1, number)
}

pub(crate) fn contact() -> ContactId {
    ContactId::new("con_1").unwrap()
}

/// An open, unassigned conversation of an hour ago.
pub(crate) fn conversation(number: u128) -> Conversation {
    let at = now() - Duration::from_secs(3_600);
    Conversation::new(id(number), contact(), Channel::Whatsapp, at)
}

pub(crate) fn alice() -> AssigneeId {
    AssigneeId::new("usr_alice").unwrap()
}

pub(crate) fn bob() -> AssigneeId {
    AssigneeId::new("usr_bob").unwrap()
}

/// A state that has only what was given, and the context of the commands.
#[derive(Debug, Default)]
pub(crate) struct Given {
    pub(crate) state: State,
    pub(crate) context: Context,
    pub(crate) events: Vec<NewEvent>,
    answers: Vec<(Query, Answer)>,
}

impl Given {
    pub(crate) fn new() -> Self {
        Self::default()
            .assignee(alice(), "Alice")
            .assignee(bob(), "Bob")
    }

    pub(crate) fn context(mut self, context: Context) -> Self {
        self.context = context;
        self
    }

    pub(crate) fn conversation(mut self, conversation: Conversation) -> Self {
        let thread = (conversation.channel.into(), conversation.contact_id.clone());
        self.state.threads.insert(thread, Some(conversation.id));
        let id = conversation.id;
        self.state.conversations.insert(id, Some(conversation));
        self
    }

    pub(crate) fn message(mut self, message: Message) -> Self {
        let key = (message.conversation_id, message.id);
        if let Some(id) = message.provider_id.clone() {
            let known = ProviderIdState::Message(key.0, key.1);
            let key = (Channel::Whatsapp.into(), id);
            self.state.provider_ids.insert(key, Some(known));
        }
        self.state.messages.insert(key, Some(message));
        self
    }

    pub(crate) fn assignee(mut self, id: AssigneeId, name: &str) -> Self {
        let assignee = Assignee::new(&id, name);
        self.state.assignees.insert(id, Some(assignee));
        self
    }

    pub(crate) fn answer(mut self, query: Query, answer: Answer) -> Self {
        self.answers.push((query, answer));
        self
    }

    /// What is missing is not there.
    fn load(&mut self, key: Key) {
        let state = &mut self.state;
        match key {
            Key::Conversation(id) => state.conversations.insert(id, None),
            Key::Thread(inbox, contact) => state.threads.insert((inbox, contact), None),
            Key::Message(of, id) => state.messages.insert((of, id), None),
            Key::Note(of, at, id) => state.notes.insert((of, at, id), None),
            Key::ProviderId(inbox, id) => state.provider_ids.insert((inbox, id), None),
            Key::Assignee(id) => state.assignees.insert(id, None),
            Key::Members(team) => state.members.insert(team, None),
            Key::Inbox(id) => state.inboxes.insert(id, None),
            Key::View(id) => state.views.insert(id, None),
            Key::Import(name) => state.imports.insert(name, None),
            Key::Idempotency(key) => state.idempotency.insert(key, None),
            Key::Consumer(name) => state.consumers.insert(name, None),
            Key::Contact(id) => state.contacts.insert(id, None),
            Key::Identity(identity) => state.identities.insert(identity, None),
            Key::Query(query) => {
                let threads = |contact: ContactId| {
                    let inboxes = Channel::ALL.map(InboxRef::from).into_iter();
                    let known = inboxes.map(|inbox| state.threads.get(&(inbox, contact.clone())));
                    Answer::Conversations(known.flatten().flatten().copied().collect())
                };
                let default = match &query {
                    Query::Threads(contact) => threads(contact.clone()),
                    _ => Answer::Number(0),
                };
                let known = self.answers.iter().find(|(asked, _)| *asked == query);
                let answer = known.map_or(default, |(_, answer)| answer.clone());
                state.insert_answer(query, answer);
            }
        }
    }

    pub(crate) fn decide<C: Command>(&mut self, command: &C) -> Result<Decision> {
        self.state.forget_answers();
        for key in convodb_core::reads(command, &self.context)? {
            self.load_if_missing(key);
        }
        let context = self.context.clone();
        loop {
            let mut env = Env {
                now: now(),
                context: &context,
                hashes: Hashes::new([7; 16]),
                ids: IdSequence::new(9, 0),
                idempotency_ttl: Duration::from_secs(86_400),
                max_views: 64,
            };
            match convodb_core::decide(command, &self.state, &mut env) {
                Ok(decision) => return Ok(decision),
                Err(Halt::Rejected(error)) => return Err(error),
                Err(Halt::Missing(keys)) => {
                    keys.into_iter().for_each(|key| self.load_if_missing(key));
                }
            }
        }
    }

    fn load_if_missing(&mut self, key: Key) {
        if !self.state.contains(&key) {
            self.load(key);
        }
    }

    /// Applies a change, and returns the events that follow from it.
    pub(crate) fn apply(&mut self, kind: ChangeKind) -> &[NewEvent] {
        let known = self.events.len();
        let change = Change {
            at: now(),
            actor: None,
            kind,
        };
        evolve(&mut self.state, change, &mut self.events).unwrap();
        &self.events[known..]
    }

    /// The types of the events so far.
    pub(crate) fn event_types(&self) -> Vec<&str> {
        self.events
            .iter()
            .map(|event| event.kind.as_str())
            .collect()
    }

    /// Decides a command, applies what it changes, and answers.
    pub(crate) fn run<C: Command>(&mut self, command: &C) -> Result<C::Output> {
        let decision = self.decide(command)?;
        for kind in decision.changes {
            self.apply(kind);
        }
        loop {
            match C::Output::read(&self.state, &decision.subject) {
                Ok(value) => return Ok(value),
                Err(Halt::Rejected(error)) => return Err(error),
                Err(Halt::Missing(keys)) => {
                    keys.into_iter().for_each(|key| self.load_if_missing(key));
                }
            }
        }
    }
}
