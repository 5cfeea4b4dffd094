//! Providers' own ids of messages in the model: the message of each, the receipts that wait for it, and
//! which were deleted.

use super::op::InboxPick;
use chrono::{DateTime, TimeDelta, Utc};
use convodb::{
    Content, Conversation, ConversationId, Deliveries, DeliveryStatus, Direction, ErrorKind,
    EventKind, Extras, Failure, Message, MessageId, MessageRef, ProviderId, Reaction, Revocation,
    Version,
};

use super::changes::{self, Word};
use super::model::Model;
use super::more::reference;
use super::op::{FAILURE_MESSAGE, Meant, ReceiptPlan};
use super::plan::{When, first_moment, to_the_microsecond};
use super::verdict::{Expected, Refusal};

/// So many providers' ids, on four channels each.
pub const PROVIDED: u8 = 6;

pub fn provider_id(number: u8) -> ProviderId {
    ProviderId::new(&format!("wamid.{number}")).unwrap()
}

/// The provider's id that a message is to have; the last two are refused.
#[derive(Clone, Copy, Debug)]
pub enum ProviderPlan {
    Number(u8),
    Empty,
    TooLong,
}

impl ProviderPlan {
    pub fn text(self) -> String {
        match self {
            Self::Number(number) => provider_id(number).as_str().to_owned(),
            Self::Empty => String::new(),
            Self::TooLong => "w".repeat(513),
        }
    }

    /// Nothing where it is refused.
    pub fn id(self) -> Option<ProviderId> {
        match self {
            Self::Number(number) => Some(provider_id(number)),
            Self::Empty | Self::TooLong => None,
        }
    }
}

/// What waits for its message.
#[derive(Clone, Debug, PartialEq)]
pub struct Waiting {
    inbox: InboxPick,
    id: ProviderId,
    since: DateTime<Utc>,
    deliveries: Deliveries,
    reactions: Vec<Reaction>,
    /// The first one counts.
    revoked: Option<Revocation>,
    edits: Vec<Version>,
    /// The first one counts.
    filled: Option<Content>,
    up_to: Option<DeliveryStatus>,
}

/// Every id of the provider under which a message is found.
pub fn ids(message: &Message) -> impl Iterator<Item = ProviderId> {
    let aliases = message.extras.iter().flat_map(|it| &it.provider_aliases);
    message.provider_id.iter().chain(aliases).cloned()
}

/// A receipt, with its time.
#[derive(Clone, Debug)]
pub struct Reported {
    pub status: DeliveryStatus,
    pub at: DateTime<Utc>,
    pub failure: Option<Box<Failure>>,
    pub played: bool,
}

impl Reported {
    pub fn merge_into(&self, message: &mut Message) {
        message.status = message.status.max(self.status);
        merge_deliveries(&mut message.deliveries, self);
    }

    /// The first receipt of each status but `sent`; the status that a message came with has no event.
    pub fn event(&self, before: &Message) -> Option<EventKind> {
        let message_id = before.id;
        let (known, kind) = match self.status {
            DeliveryStatus::Pending | DeliveryStatus::Sent => return None,
            DeliveryStatus::Delivered => (
                before.deliveries.delivered_at,
                EventKind::MessageDelivered { message_id },
            ),
            DeliveryStatus::Read => (
                before.deliveries.read_at,
                EventKind::MessageRead { message_id },
            ),
            DeliveryStatus::Failed => (
                before.deliveries.failed_at,
                EventKind::MessageFailed { message_id },
            ),
        };
        (known.is_none() && before.status != self.status).then_some(kind)
    }
}

/// What a message is named by.
#[derive(Clone, Debug)]
pub enum Named {
    Id(ConversationId, MessageId),
    Provided(InboxPick, ProviderId),
    Reference(InboxPick, Direction, String),
}

impl From<&Named> for MessageRef {
    fn from(named: &Named) -> Self {
        match named {
            Named::Id(conversation, message) => Self::from((*conversation, *message)),
            Named::Provided(inbox, id) => Self::from((*inbox, id)),
            Named::Reference(inbox, direction, reference) => Self::ClientRef {
                inbox: (*inbox).into(),
                direction: *direction,
                client_ref: reference.clone(),
            },
        }
    }
}

impl Model {
    pub fn named(&self, meant: Meant) -> Named {
        match meant {
            Meant::Id(conversation, message) => {
                let id = self.pick(conversation);
                Named::Id(id, self.pick_message(id, message))
            }
            Meant::Provided(inbox, number) => Named::Provided(inbox, provider_id(number)),
            Meant::Reference(inbox, direction, number) => {
                Named::Reference(inbox, direction, reference(number))
            }
        }
    }

    /// The message that has a provider's id.
    pub fn provided(&self, inbox: InboxPick, id: &ProviderId) -> Option<&Message> {
        self.entries
            .iter()
            .filter(|entry| entry.inbox == inbox)
            .flat_map(|entry| &entry.messages)
            .find(|message| ids(message).any(|own| own == *id))
    }

    pub fn message(&self, of: ConversationId, id: MessageId) -> Option<&Message> {
        let messages = &self.entry(of)?.messages;
        messages.iter().find(|message| message.id == id)
    }

    /// The message that is meant; nothing if it has not come.
    pub fn stored(&self, named: &Named) -> Option<&Message> {
        match named {
            Named::Reference(inbox, direction, reference) => {
                self.referenced(*inbox, *direction, reference)
            }
            Named::Id(conversation, message) => self.message(*conversation, *message),
            Named::Provided(inbox, id) => self.provided(*inbox, id),
        }
    }

    /// The conversation of the message that is meant; nothing if the message has not come.
    pub fn conversation_of(&self, named: &Named) -> Option<ConversationId> {
        match named {
            Named::Id(conversation, _) => Some(*conversation),
            Named::Provided(..) | Named::Reference(..) => {
                self.stored(named).map(|message| message.conversation_id)
            }
        }
    }

    pub fn is_tombstone(&self, inbox: InboxPick, id: &ProviderId) -> bool {
        let gone = |(of, gone): &(InboxPick, ProviderId)| *of == inbox && gone == id;
        self.tombstones.iter().any(gone)
    }

    /// A message that was deleted does not come back.
    pub fn gone(&self, inbox: InboxPick, id: Option<&ProviderId>) -> Option<Refusal> {
        let gone = id.is_some_and(|id| self.is_tombstone(inbox, id));
        gone.then(|| Refusal::of(ErrorKind::Gone))
    }

    /// A reference is given with its message, so that nothing waits for it.
    pub fn refused_name(&self, named: &Named) -> Option<Refusal> {
        match named {
            Named::Provided(inbox, _) | Named::Reference(inbox, ..) if !self.has_inbox(*inbox) => {
                self.no_inbox(*inbox)
            }
            Named::Id(..) | Named::Reference(..) => {
                let unknown = self.stored(named).is_none();
                unknown.then(|| Refusal::of(ErrorKind::NotFound))
            }
            Named::Provided(inbox, id) => self.gone(*inbox, Some(id)),
        }
    }

    pub fn refused_delivery(&self, named: &Named, receipt: ReceiptPlan) -> Vec<Refusal> {
        let bad_time = receipt.at.is_some_and(When::is_refused);
        let bad_time = bad_time.then(|| Refusal::invalid("at"));
        let inbound = self.stored(named);
        let inbound = inbound.is_some_and(|message| message.direction == Direction::Inbound);
        // A contact's message is not sent to it, and no report says that one waits to be sent.
        let bad_status = match receipt.status {
            DeliveryStatus::Pending => true,
            DeliveryStatus::Sent | DeliveryStatus::Failed => inbound,
            DeliveryStatus::Delivered | DeliveryStatus::Read => false,
        };
        let bad_status = bad_status.then(|| Refusal::invalid("status"));
        self.refused_name(named)
            .into_iter()
            .chain(bad_time)
            .chain(bad_status)
            .collect()
    }

    fn reported(&self, receipt: ReceiptPlan) -> Reported {
        let (now, clock) = (self.newest, self.clock.get());
        let at = receipt.at.map(|at| to_the_microsecond(at.time(clock)));
        Reported {
            status: receipt.status,
            at: at.map_or(now, |at| at.min(now)),
            failure: receipt
                .code()
                .map(|code| Box::new(Failure::new(code, FAILURE_MESSAGE))),
            played: receipt.is_played(),
        }
    }

    /// The receipt waits for its message where that has not come. Of one for a former attempt only what
    /// the contact saw of it counts.
    pub fn record_delivery(
        &mut self,
        named: &Named,
        receipt: ReceiptPlan,
    ) -> Expected<Option<Message>> {
        let word = Word::Receipt(self.reported(receipt));
        if let Some(message) = self.stored(named) {
            let of = (message.conversation_id, message.id);
            let by_former = match named {
                Named::Provided(_, id) => message.provider_id.as_ref() != Some(id),
                Named::Id(..) | Named::Reference(..) => false,
            };
            let was_tried_again = message.extras.as_ref().is_some_and(|it| it.retries > 0);
            let is_seen = matches!(
                receipt.status,
                DeliveryStatus::Delivered | DeliveryStatus::Read
            );
            let counts = !(by_former && was_tried_again) || is_seen;
            let changed = counts && self.say(of, vec![word]);
            return Expected::plain(Some(self.answer(of)), changed);
        }
        match named {
            Named::Provided(inbox, id) => {
                let changed = self.wait(*inbox, id, &word);
                Expected::plain(None, changed)
            }
            named => panic!("the store found {named:?}"),
        }
    }

    /// What is said of a message that has not come waits for it; whether that is new.
    pub fn wait(&mut self, inbox: InboxPick, id: &ProviderId, word: &Word) -> bool {
        let since = self.newest;
        let waits = |one: &Waiting| one.inbox == inbox && one.id == *id;
        if !self.unmatched.iter().any(waits) {
            self.unmatched.push(Waiting {
                inbox,
                id: id.clone(),
                since,
                deliveries: Deliveries::default(),
                reactions: Vec::new(),
                revoked: None,
                edits: Vec::new(),
                filled: None,
                up_to: None,
            });
        }
        let waiting = self.unmatched.iter_mut().find(|one| waits(one));
        let waiting = waiting.expect("it was just put");
        let before = waiting.clone();
        match word {
            Word::Receipt(reported) => merge_deliveries(&mut waiting.deliveries, reported),
            Word::UpTo(status) => waiting.up_to = waiting.up_to.max(Some(*status)),
            Word::Revoked(revocation) if waiting.revoked.is_none() => {
                waiting.revoked = Some(revocation.clone());
                if !revocation.keeps_content {
                    waiting.reactions.clear();
                    waiting.edits.clear();
                    waiting.filled = None;
                }
            }
            // One that was taken back is no longer edited or reacted to.
            _ if waiting.revoked.is_some() => {}
            Word::Reaction(reaction) => changes::react(&mut waiting.reactions, reaction),
            Word::Edit(version) => changes::keep(&mut waiting.edits, version.clone()),
            Word::Filled(content, _) => {
                waiting.filled.get_or_insert_with(|| content.clone());
            }
            other => panic!("{other:?} does not wait"),
        }
        let changed = *waiting != before;
        self.touched |= changed;
        changed
    }

    /// What waits for an id: each status once, each reactor, and that it was taken back.
    fn waiting(&self, inbox: InboxPick, id: &ProviderId) -> Vec<Word> {
        let waits = |one: &&Waiting| one.inbox == inbox && one.id == *id;
        let Some(waiting) = self.unmatched.iter().find(waits) else {
            return Vec::new();
        };
        let deliveries = &waiting.deliveries;
        let reported = |status, at: Option<_>, failure, played| {
            Some(Word::Receipt(Reported {
                status,
                at: at?,
                failure,
                played,
            }))
        };
        let failure = deliveries.failure.clone();
        let receipts = [
            reported(DeliveryStatus::Sent, deliveries.sent_at, None, false),
            reported(DeliveryStatus::Failed, deliveries.failed_at, failure, false),
            reported(
                DeliveryStatus::Delivered,
                deliveries.delivered_at,
                None,
                false,
            ),
            reported(DeliveryStatus::Read, deliveries.read_at, None, false),
            reported(DeliveryStatus::Read, deliveries.played_at, None, true),
        ];
        let reactions = waiting.reactions.iter().cloned().map(Word::Reaction);
        let revoked = waiting.revoked.iter().cloned().map(Word::Revoked);
        let edits = waiting.edits.iter().cloned().map(Word::Edit);
        let filled = waiting.filled.iter().cloned();
        let filled = filled.map(|content| Word::Filled(content, Extras::default()));
        let receipts = receipts.into_iter().flatten();
        receipts
            .chain(waiting.up_to.map(Word::UpTo))
            .chain(filled)
            .chain(edits)
            .chain(reactions)
            .chain(revoked)
            .collect()
    }

    /// What an outbound message becomes that comes with an id.
    pub fn awaited(&self, inbox: InboxPick, id: &ProviderId) -> Message {
        let (of, own) = (
            ConversationId::from_parts(1, 1),
            MessageId::from_parts(1, 1),
        );
        let content = convodb::Content::text("?");
        let mut message = Message::new(own, of, Direction::Outbound, content, self.newest);
        let mut up_to = None;
        for word in self.waiting(inbox, id) {
            if let Word::UpTo(status) = word {
                up_to = Some(status);
            }
            if let Some(word) = changes::concerns(&message, word) {
                changes::hear(&mut message, &word);
            }
        }
        if message.status != DeliveryStatus::Failed {
            message.status = up_to.map_or(message.status, |status| message.status.max(status));
        }
        message
    }

    /// The message of an id has come: nothing waits for it any longer.
    pub fn take_waiting(&mut self, inbox: InboxPick, id: &ProviderId) -> Vec<Word> {
        let words = self.waiting(inbox, id);
        self.unmatched
            .retain(|one| one.inbox != inbox || one.id != *id);
        words
    }

    /// What waited for a message that is imported is part of it or of its conversation, and no news.
    pub fn merge_unmatched(&mut self, of: &mut Conversation, message: &mut Message) {
        let inbox = InboxPick::of(of);
        for id in ids(&message.clone()) {
            for word in self.take_waiting(inbox, &id) {
                if let Word::UpTo(status) = word {
                    let until = match status {
                        DeliveryStatus::Read => &mut of.read_until,
                        _ => &mut of.delivered_until,
                    };
                    *until = (*until).max(Some(message.created_at));
                }
                if let Some(word) = changes::concerns(message, word) {
                    changes::hear(message, &word);
                }
            }
        }
    }

    pub fn refused_provider_id(&self, named: &Named, id: &ProviderId) -> Vec<Refusal> {
        let mut refusals: Vec<_> = self.refused_name(named).into_iter().collect();
        let Some(message) = self.stored(named) else {
            // An id that no message has yet names none.
            refusals.push(Refusal::of(ErrorKind::NotFound));
            return refusals;
        };
        if message.provider_id.as_ref() == Some(id) {
            return refusals;
        }
        let inbox = self.entry(message.conversation_id).map(|entry| entry.inbox);
        let inbox = inbox.expect("it holds the message");
        let has_another = message.provider_id.is_some();
        refusals.extend(has_another.then(|| Refusal::of(ErrorKind::AlreadyExists)));
        // It may be that of an attempt before the present one.
        let taken = self.provided(inbox, id);
        let taken = taken.is_some_and(|other| other.id != message.id);
        refusals.extend(taken.then(|| Refusal::of(ErrorKind::ProviderIdConflict)));
        refusals.extend(self.gone(inbox, Some(id)));
        refusals
    }

    pub fn set_provider_id(&mut self, named: &Named, id: &ProviderId) -> Expected<Message> {
        let message = self.stored(named).expect("the store found it");
        let of = (message.conversation_id, message.id);
        let has_one = message.provider_id.is_some();
        let changed = !has_one && self.get_provider_id(of, id);
        Expected::plain(self.answer(of), changed)
    }

    /// A message has another id of the provider: what waited for that is said of it.
    fn get_provider_id(&mut self, of: (ConversationId, MessageId), id: &ProviderId) -> bool {
        let inbox = self.entry_mut(of.0).inbox;
        let mut words = vec![Word::Id(id.clone())];
        words.extend(self.take_waiting(inbox, id));
        self.say(of, words)
    }

    pub fn purge_unmatched(&mut self, older_ms: u32, most: u8) -> Expected<u64> {
        let before = self.newest - TimeDelta::milliseconds(older_ms.into());
        let mut before = before.max(first_moment());
        let mut since: Vec<_> = self.unmatched.iter().map(|one| one.since).collect();
        since.sort();
        if let Some(beyond) = since.len().checked_sub(usize::from(most) + 1) {
            before = before.max(since[beyond] + TimeDelta::microseconds(1));
        }
        let waiting = self.unmatched.len();
        self.unmatched.retain(|one| one.since >= before);
        let purged = (waiting - self.unmatched.len()) as u64;
        self.touched |= purged > 0;
        Expected::plain(purged, purged > 0)
    }
}

/// The earliest time of each status, and the earliest failure's reason.
fn merge_deliveries(deliveries: &mut Deliveries, reported: &Reported) {
    if reported.played {
        let known = deliveries.played_at.unwrap_or(reported.at);
        deliveries.played_at = Some(known.min(reported.at));
    }
    let known = match reported.status {
        DeliveryStatus::Pending => return,
        DeliveryStatus::Sent => &mut deliveries.sent_at,
        DeliveryStatus::Delivered => &mut deliveries.delivered_at,
        DeliveryStatus::Read => &mut deliveries.read_at,
        DeliveryStatus::Failed => &mut deliveries.failed_at,
    };
    let before = *known;
    *known = Some(before.map_or(reported.at, |before| before.min(reported.at)));
    if reported.status == DeliveryStatus::Failed {
        let code =
            |failure: &Option<Box<Failure>>| failure.as_ref().map(|failure| failure.code.clone());
        let (new, known) = (code(&reported.failure), code(&deliveries.failure));
        let earlier = before.is_none_or(|before| reported.at < before);
        // Of receipts of one time one must win, whatever their order: one that gives a reason.
        let better = match (&new, &known) {
            (Some(new), Some(known)) => new < known,
            (new, known) => new.is_some() && known.is_none(),
        };
        if earlier || before == Some(reported.at) && better {
            deliveries.failure.clone_from(&reported.failure);
        }
    }
}
