//! Everything that a customer sends, and what becomes of it: kinds of content, edits, reactions,
//! revocation, and what the team sends.

mod changes;
mod kinds;
mod meeting;
mod sending;

use std::time::Duration;

use chrono::{DateTime, Utc};
use convodb::testing::ManualClock;
use convodb::{
    Channel, ContactId, Content, Error, ErrorKind, EventSeq, Execute, Extras, Import, Inbound,
    Message, MessageRef, ProviderId,
};
use convodb_testkit::fixture::clock;

use crate::store::{Read, Store, options};

/// A store whose clock a test moves.
struct Desk {
    store: Store,
    clock: ManualClock,
}

impl Desk {
    fn new() -> Self {
        let clock = clock();
        let store = options(&clock).open_in_memory().unwrap();
        Self { store, clock }
    }

    fn receive(&self, id: &str, content: impl Into<Content>) -> Message {
        self.try_receive(id, content).unwrap()
    }

    fn try_receive(&self, id: &str, content: impl Into<Content>) -> Result<Message, Error> {
        let inbound = Inbound::new(contact(), Channel::Whatsapp, content).provider_id(id);
        self.store.receive(inbound).map(|outcome| outcome.value)
    }

    fn now(&self) -> DateTime<Utc> {
        self.clock.get()
    }

    fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// The message as it is read.
    fn read(&self, message: &Message) -> Message {
        self.store.message(message).unwrap()
    }

    /// The thread in texts.
    fn texts(&self) -> Vec<String> {
        let id = self.conversation().id;
        let messages = self.store.messages(id, ..).unwrap();
        let text = |message: Message| message.content.as_text().unwrap_or("-").to_owned();
        messages.map(|message| text(message.unwrap())).collect()
    }

    fn conversation(&self) -> convodb::Conversation {
        let found = self.store.find_conversation(&contact(), Channel::Whatsapp);
        found.unwrap().unwrap()
    }

    /// The types of the events so far.
    fn events(&self) -> Vec<&'static str> {
        let events = self.store.events(EventSeq::ZERO, 1_000).unwrap();
        events.iter().map(|event| event.kind.as_str()).collect()
    }

    /// The same store after an export and an import into an empty one.
    fn copied(&self) -> Vec<Message> {
        let id = self.conversation().id;
        let export = |store: &Store| {
            let transcript = store.transcript(id).unwrap();
            Import::new(transcript.conversation, transcript.messages)
        };
        let json = serde_json::to_string(&export(&self.store)).unwrap();
        let copy = Self::new().store;
        copy.import(serde_json::from_str(&json).unwrap()).unwrap();
        assert_eq!(serde_json::to_string(&export(&copy)).unwrap(), json);
        export(&copy).messages
    }
}

fn contact() -> ContactId {
    ContactId::new("con_880011").unwrap()
}

fn id(text: &str) -> ProviderId {
    ProviderId::new(text).unwrap()
}

fn by_id(text: &str) -> MessageRef {
    MessageRef::from((Channel::Whatsapp, id(text)))
}

fn extras(message: &Message) -> Extras {
    message.extras.as_deref().cloned().unwrap_or_default()
}

fn refusal<T: std::fmt::Debug>(result: Result<T, Error>) -> (ErrorKind, String) {
    let error = result.unwrap_err();
    (error.kind(), error.to_string())
}
