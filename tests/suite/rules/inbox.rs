//! A store with a manual clock, and the commands that most tests begin with.

use std::time::Duration;

use chrono::{DateTime, Utc};
use convodb::testing::{ManualClock, SeededIds};
use convodb::{
    AssigneeId, Channel, ContactId, Context, Conversation, ConversationId, Execute, Inbound,
    Message, Revision, TeamId, UserId,
};

use crate::store::{Options, Read, Store};

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

    /// One that reassigns the conversations of a removed assignee only when a test asks for it.
    pub(crate) fn by_hand() -> Self {
        Self::of("2026-04-16T09:00:00Z", Options::reassign_by_hand)
    }

    fn of(now: &str, set: impl FnOnce(Options) -> Options) -> Self {
        let clock = ManualClock::at(time(now));
        let options = Options::new().clock(clock.clone()).ids(SeededIds::new(7));
        let store = set(options).open_in_memory().expect("a store in memory");
        Self { store, clock }
    }

    /// Advances the clock by a minute, and returns its time.
    pub(crate) fn later(&self) -> DateTime<Utc> {
        self.clock.advance(Duration::from_secs(60));
        self.clock.get()
    }

    /// A message from the contact on WhatsApp.
    pub(crate) fn hello(&self, from: &str) -> Message {
        let hello = Inbound::text(contact(from), Channel::Whatsapp, "Hello");
        self.store.receive(hello).expect("a message").value
    }

    /// An open conversation without an assignee.
    pub(crate) fn conversation(&self) -> ConversationId {
        self.hello("con_01HXYZ").conversation_id
    }

    /// One that was resolved a minute after it began.
    pub(crate) fn resolved(&self) -> ConversationId {
        let id = self.conversation();
        self.later();
        assert!(self.store.resolve(id).expect("resolved").effect.changed);
        id
    }

    /// The store. Its commands need this assignee to change a conversation.
    pub(crate) fn if_assignee(&self, assignee: Option<&AssigneeId>) -> Store {
        let assignee = assignee.cloned();
        self.store.with(Context::new().if_assignee(assignee))
    }

    /// The store. Its commands need this revision to change a conversation.
    pub(crate) fn if_revision(&self, revision: Revision) -> Store {
        self.store.with(Context::new().if_revision(revision))
    }

    pub(crate) fn user(&self, id: &str, name: &str) -> AssigneeId {
        let id = UserId::new(id).expect("a user's id");
        self.store.save_user(&id, name).expect("a user");
        id.into()
    }

    pub(crate) fn team(&self, id: &str, name: &str) -> AssigneeId {
        let id = TeamId::new(id).expect("a team's id");
        self.store.save_team(&id, name).expect("a team");
        id.into()
    }

    /// The conversation as it is now. Its transcript must show the same.
    pub(crate) fn show(&self, id: ConversationId) -> Conversation {
        let shown = self.store.conversation(id).expect("a conversation");
        let transcript = self.store.transcript(id).expect("a transcript");
        assert_eq!(transcript.conversation, shown);
        shown
    }

    /// The texts of its messages, oldest first.
    pub(crate) fn texts(&self, id: ConversationId) -> Vec<String> {
        let messages = self.store.transcript(id).expect("a conversation").messages;
        let text = |message: &Message| message.content.as_text().expect("a text").to_owned();
        messages.iter().map(text).collect()
    }

    /// Checks that the indexes agree with the records.
    pub(crate) fn assert_sound(&self) {
        let report = self.store.verify().expect("a report");
        assert!(report.is_clean(), "{:?}", report.findings);
    }
}

/// The assignee of a conversation.
pub(crate) fn assignee(conversation: &Conversation) -> Option<&AssigneeId> {
    conversation.assignee_id()
}

/// The name that a conversation shows of its assignee.
pub(crate) fn name(conversation: &Conversation) -> Option<&str> {
    conversation
        .assigned_to
        .as_ref()
        .map(|assignee| &*assignee.name)
}
