//! A store at work: its clock, who writes, and who answers.

use std::time::Duration;

use chrono::{DateTime, Utc};
use convodb::testing::{ManualClock, SeededIds};
use convodb::{
    AssigneeId, Channel, ContactId, Conversation, ConversationId, Inbound, Message, Options, Store,
    TeamId, UserId,
};

/// A time as the specification prints it.
pub(crate) fn time(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time")
}

pub(crate) fn contact(text: &str) -> ContactId {
    ContactId::new(text).expect("a contact's id")
}

/// A store in memory with a clock that only the test moves.
pub(crate) struct Inbox {
    pub(crate) store: Store,
    pub(crate) clock: ManualClock,
}

impl Inbox {
    pub(crate) fn new() -> Self {
        Self::at("2026-04-16T09:00:00Z")
    }

    pub(crate) fn at(now: &str) -> Self {
        Self::of(now, |options| options)
    }

    /// One that files nothing that was taken over before it is told to.
    pub(crate) fn by_hand() -> Self {
        Self::of("2026-04-16T09:00:00Z", Options::refile_by_hand)
    }

    fn of(now: &str, set: impl FnOnce(Options) -> Options) -> Self {
        let clock = ManualClock::at(time(now));
        let options = Options::new().clock(clock.clone()).ids(SeededIds::new(7));
        let store = set(options).open_in_memory().expect("a store in memory");
        Self { store, clock }
    }

    /// A minute passes; answers the time that it is then.
    pub(crate) fn later(&self) -> DateTime<Utc> {
        self.clock.advance(Duration::from_secs(60));
        self.clock.get()
    }

    /// The contact writes on WhatsApp.
    pub(crate) fn hello(&self, from: &str) -> Message {
        let hello = Inbound::text(contact(from), Channel::Whatsapp, "Hello");
        self.store.receive(hello).expect("a message").value
    }

    /// An open conversation that nobody has.
    pub(crate) fn conversation(&self) -> ConversationId {
        self.hello("con_01HXYZ").conversation_id
    }

    /// One that was resolved a minute after it began.
    pub(crate) fn resolved(&self) -> ConversationId {
        let id = self.conversation();
        self.later();
        assert!(self.store.resolve(id).expect("resolved").changed);
        id
    }

    pub(crate) fn user(&self, id: &str, name: &str) -> AssigneeId {
        let id = UserId::new(id).expect("a user's id");
        self.store.put_user(&id, name).expect("a user");
        id.into()
    }

    pub(crate) fn team(&self, id: &str, name: &str) -> AssigneeId {
        let id = TeamId::new(id).expect("a team's id");
        self.store.put_team(&id, name).expect("a team");
        id.into()
    }

    /// The conversation as it is now, with its history and without it.
    pub(crate) fn show(&self, id: ConversationId) -> Conversation {
        let shown = self.store.conversation(id).expect("a conversation");
        let thread = self.store.get(id).expect("a thread");
        assert_eq!(thread.conversation, shown);
        shown
    }

    /// The texts of its messages, oldest first.
    pub(crate) fn texts(&self, id: ConversationId) -> Vec<String> {
        let messages = self.store.get(id).expect("a conversation").messages;
        let text = |message: &Message| message.content.as_text().expect("a text").to_owned();
        messages.iter().map(text).collect()
    }

    /// Whether the indexes agree with the records, which every test may ask at its end.
    pub(crate) fn assert_sound(&self) {
        let report = self.store.verify().expect("a report");
        assert!(report.is_clean(), "{:?}", report.findings);
    }
}

/// Who has a conversation.
pub(crate) fn assignee(conversation: &Conversation) -> Option<&AssigneeId> {
    conversation
        .assigned_to
        .as_ref()
        .map(|assignee| &assignee.id)
}

/// The name that a conversation shows of who has it.
pub(crate) fn name(conversation: &Conversation) -> Option<&str> {
    conversation
        .assigned_to
        .as_ref()
        .map(|assignee| &*assignee.name)
}
