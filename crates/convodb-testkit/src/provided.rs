//! Providers' own ids of messages in the model: the message of each, the receipts that wait for it, and
//! which were deleted.

use chrono::{DateTime, TimeDelta, Utc};
use convodb::{
    Channel, ConversationId, Deliveries, DeliveryStatus, ErrorKind, Failure, Message, MessageId,
    MessageRef, ProviderId,
};

use super::model::Model;
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

/// Receipts that wait for their message.
#[derive(Clone, Debug)]
pub struct Waiting {
    channel: Channel,
    id: ProviderId,
    since: DateTime<Utc>,
    deliveries: Deliveries,
}

/// A receipt, with its time.
#[derive(Clone, Debug)]
pub struct Reported {
    status: DeliveryStatus,
    at: DateTime<Utc>,
    failure: Option<Failure>,
}

/// What a message is named by.
#[derive(Clone, Debug)]
pub enum Named {
    Id(ConversationId, MessageId),
    Provided(Channel, ProviderId),
}

impl From<&Named> for MessageRef {
    fn from(named: &Named) -> Self {
        match named {
            Named::Id(conversation, message) => Self::from((*conversation, *message)),
            Named::Provided(channel, id) => Self::from((*channel, id)),
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
            Meant::Provided(channel, number) => Named::Provided(channel, provider_id(number)),
        }
    }

    /// The message that has a provider's id.
    pub fn provided(&self, channel: Channel, id: &ProviderId) -> Option<&Message> {
        self.entries
            .iter()
            .filter(|entry| entry.channel == channel)
            .flat_map(|entry| &entry.messages)
            .find(|message| message.provider_id.as_ref() == Some(id))
    }

    pub fn message(&self, of: ConversationId, id: MessageId) -> Option<&Message> {
        let messages = &self.entry(of)?.messages;
        messages.iter().find(|message| message.id == id)
    }

    /// The message that is meant; nothing if it has not come.
    fn stored(&self, named: &Named) -> Option<&Message> {
        match named {
            Named::Id(conversation, message) => self.message(*conversation, *message),
            Named::Provided(channel, id) => self.provided(*channel, id),
        }
    }

    /// The conversation of the message that is meant; nothing if the message has not come.
    pub fn conversation_of(&self, named: &Named) -> Option<ConversationId> {
        match named {
            Named::Id(conversation, _) => Some(*conversation),
            Named::Provided(..) => self.stored(named).map(|message| message.conversation_id),
        }
    }

    pub fn is_tombstone(&self, channel: Channel, id: &ProviderId) -> bool {
        let gone = |(of, gone): &(Channel, ProviderId)| *of == channel && gone == id;
        self.tombstones.iter().any(gone)
    }

    /// A message that was deleted does not come back.
    pub fn gone(&self, channel: Channel, id: Option<&ProviderId>) -> Option<Refusal> {
        let gone = id.is_some_and(|id| self.is_tombstone(channel, id));
        gone.then(|| Refusal::of(ErrorKind::Gone))
    }

    fn refused_name(&self, named: &Named) -> Option<Refusal> {
        match named {
            Named::Id(..) => {
                let unknown = self.stored(named).is_none();
                unknown.then(|| Refusal::of(ErrorKind::NotFound))
            }
            Named::Provided(channel, id) => self.gone(*channel, Some(id)),
        }
    }

    pub fn refused_delivery(&self, named: &Named, receipt: ReceiptPlan) -> Vec<Refusal> {
        let bad_time = receipt.at.is_some_and(When::is_refused);
        let bad_time = bad_time.then(|| Refusal::invalid("at"));
        self.refused_name(named)
            .into_iter()
            .chain(bad_time)
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
                .map(|code| Failure::new(code, FAILURE_MESSAGE)),
        }
    }

    /// The receipt waits for its message where that has not come.
    pub fn record_delivery(
        &mut self,
        named: &Named,
        receipt: ReceiptPlan,
    ) -> Expected<Option<Message>> {
        let reported = self.reported(receipt);
        let of = self
            .stored(named)
            .map(|message| (message.conversation_id, message.id));
        match (of, named) {
            (Some(of), _) => {
                let changed = self.deliver(of, reported);
                let message = self.message(of.0, of.1);
                Expected::plain(message.cloned(), changed)
            }
            (None, Named::Provided(channel, id)) => {
                let changed = self.wait(*channel, id, &reported);
                Expected::plain(None, changed)
            }
            (None, Named::Id(..)) => panic!("the store found {named:?}"),
        }
    }

    /// Merges a receipt into a stored message; whether it changed it.
    fn deliver(&mut self, (of, id): (ConversationId, MessageId), reported: Reported) -> bool {
        let known = self.entry_mut(of).messages.iter_mut();
        let mut known = known.filter(|message| message.id == id);
        let message = known.next().expect("it was just found");
        let before = message.clone();
        merge(message, &reported);
        let changed = *message != before;
        if changed {
            self.add_reassignment_events(of);
        }
        self.touched |= changed;
        self.add_receipt_event(&before, reported.status);
        changed
    }

    fn wait(&mut self, channel: Channel, id: &ProviderId, reported: &Reported) -> bool {
        let since = self.newest;
        let waits = |one: &&mut Waiting| one.channel == channel && one.id == *id;
        let waiting = match self.unmatched.iter_mut().find(waits) {
            Some(waiting) => waiting,
            None => {
                self.unmatched.push(Waiting {
                    channel,
                    id: id.clone(),
                    since,
                    deliveries: Deliveries::default(),
                });
                self.unmatched.last_mut().expect("it was just put")
            }
        };
        let before = waiting.deliveries.clone();
        merge_deliveries(&mut waiting.deliveries, reported);
        let changed = waiting.deliveries != before;
        self.touched |= changed;
        changed
    }

    /// What waits for an id, each status once.
    fn waiting(&self, channel: Channel, id: &ProviderId) -> Vec<Reported> {
        let waits = |one: &&Waiting| one.channel == channel && one.id == *id;
        let Some(Waiting { deliveries, .. }) = self.unmatched.iter().find(waits) else {
            return Vec::new();
        };
        let reported = |status, at: Option<_>, failure| {
            Some(Reported {
                status,
                at: at?,
                failure,
            })
        };
        let failure = deliveries.failure.clone();
        [
            reported(DeliveryStatus::Sent, deliveries.sent_at, None),
            reported(DeliveryStatus::Failed, deliveries.failed_at, failure),
            reported(DeliveryStatus::Delivered, deliveries.delivered_at, None),
            reported(DeliveryStatus::Read, deliveries.read_at, None),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// The status and the receipts that an outbound message gets which comes with an id.
    pub fn awaited(&self, channel: Channel, id: &ProviderId) -> (DeliveryStatus, Deliveries) {
        let (mut status, mut deliveries) = (DeliveryStatus::Sent, Deliveries::default());
        for reported in self.waiting(channel, id) {
            status = status.max(reported.status);
            merge_deliveries(&mut deliveries, &reported);
        }
        (status, deliveries)
    }

    /// The message of an id has come: nothing waits for it any longer.
    fn take_waiting(&mut self, channel: Channel, id: &ProviderId) -> Vec<Reported> {
        let reported = self.waiting(channel, id);
        self.unmatched
            .retain(|one| one.channel != channel || one.id != *id);
        reported
    }

    /// Receipts for a message that is stored now.
    pub fn add_unmatched_events(&mut self, of: (ConversationId, MessageId)) {
        let channel = self.entry_mut(of.0).channel;
        let message = self.message(of.0, of.1).expect("it was just stored");
        let Some(id) = message.provider_id.clone() else {
            return;
        };
        for reported in self.take_waiting(channel, &id) {
            self.deliver(of, reported);
        }
    }

    /// Receipts for a message that is imported are part of it, and no news.
    pub fn merge_unmatched(&mut self, channel: Channel, message: &mut Message) {
        let Some(id) = message.provider_id.clone() else {
            return;
        };
        for reported in self.take_waiting(channel, &id) {
            merge(message, &reported);
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
        let channel = self
            .entry(message.conversation_id)
            .map(|entry| entry.channel);
        let channel = channel.expect("it holds the message");
        let has_another = message.provider_id.is_some();
        refusals.extend(has_another.then(|| Refusal::of(ErrorKind::AlreadyExists)));
        let taken = self.provided(channel, id).is_some();
        refusals.extend(taken.then(|| Refusal::of(ErrorKind::ProviderIdConflict)));
        refusals.extend(self.gone(channel, Some(id)));
        refusals
    }

    pub fn set_provider_id(&mut self, named: &Named, id: &ProviderId) -> Expected<Message> {
        let message = self.stored(named).expect("the store found it");
        let of = (message.conversation_id, message.id);
        let changed = message.provider_id.is_none();
        if changed {
            let known = self.entry_mut(of.0).messages.iter_mut();
            known
                .filter(|message| message.id == of.1)
                .for_each(|message| message.provider_id = Some(id.clone()));
            self.add_reassignment_events(of.0);
            self.touched = true;
            self.add_unmatched_events(of);
        }
        let message = self.message(of.0, of.1).expect("it was just changed");
        Expected::plain(message.clone(), changed)
    }

    pub fn purge_unmatched(&mut self, older_ms: u32) -> Expected<u64> {
        let before = self.newest - TimeDelta::milliseconds(older_ms.into());
        let before = before.max(first_moment());
        let waiting = self.unmatched.len();
        self.unmatched.retain(|one| one.since >= before);
        let purged = (waiting - self.unmatched.len()) as u64;
        self.touched |= purged > 0;
        Expected::plain(purged, purged > 0)
    }
}

fn merge(message: &mut Message, reported: &Reported) {
    message.status = message.status.max(reported.status);
    merge_deliveries(&mut message.deliveries, reported);
}

/// The earliest time of each status, and the earliest failure's reason.
fn merge_deliveries(deliveries: &mut Deliveries, reported: &Reported) {
    let known = match reported.status {
        DeliveryStatus::Sent => &mut deliveries.sent_at,
        DeliveryStatus::Delivered => &mut deliveries.delivered_at,
        DeliveryStatus::Read => &mut deliveries.read_at,
        DeliveryStatus::Failed => &mut deliveries.failed_at,
    };
    let before = *known;
    *known = Some(before.map_or(reported.at, |before| before.min(reported.at)));
    if reported.status == DeliveryStatus::Failed {
        let code = |failure: &Option<Failure>| failure.as_ref().map(|failure| failure.code.clone());
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
