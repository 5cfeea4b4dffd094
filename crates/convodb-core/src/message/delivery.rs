//! The delivery of a message: a lattice, so that receipts may come late, twice or in any order.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};

use super::{Content, Extras};
use crate::records::as_json;
use crate::text::objects;
use crate::{ConversationId, InvalidInput, MessageField, MessageId, time, validate};

/// How far a message has come. The order is the lattice's: a later status wins over an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryStatus {
    /// Given to a connector that has not reported yet.
    Pending,
    /// Accepted by the provider.
    Sent,
    /// Refused or lost. A later delivery still shows that it came.
    Failed,
    /// On the contact's device. Every inbound message starts here.
    Delivered,
    /// Seen by the contact.
    Read,
}

impl DeliveryStatus {
    pub(crate) const ALL: [Self; 5] = [
        Self::Pending,
        Self::Sent,
        Self::Failed,
        Self::Delivered,
        Self::Read,
    ];
}

/// Why a message failed, in the provider's words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields, expecting = "an object")]
#[non_exhaustive]
pub struct Failure {
    /// The provider's code. A number in JSON is taken too.
    #[serde(deserialize_with = "code")]
    pub code: String,
    /// The provider's explanation.
    pub message: String,
    /// More of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<String>,
    /// Where more is to be found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

objects! { Failure }

fn code<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a text or a number")]
    enum Code {
        Text(String),
        Number(serde_json::Number),
    }
    Ok(match Code::deserialize(deserializer)? {
        Code::Text(text) => text,
        Code::Number(number) => number.to_string(),
    })
}

impl Failure {
    /// A provider's code and explanation; either may be empty, as theirs are.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            details: None,
            url: None,
        }
    }

    pub(super) fn validate(&self) -> Result<(), InvalidInput> {
        validate::failure("error.code", &self.code)?;
        validate::failure("error.message", &self.message)?;
        for (field, text) in [("error.details", &self.details), ("error.url", &self.url)] {
            text.as_ref()
                .map_or(Ok(()), |text| validate::failure(field, text))?;
        }
        Ok(())
    }
}

/// A receipt as it is merged: checked, with its time.
#[doc(hidden)]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The status that it reports.
    pub status: DeliveryStatus,
    /// When it happened; never after the receipt arrived.
    #[serde(with = "time")]
    pub at: DateTime<Utc>,
    /// Why the message failed.
    #[serde(with = "as_json")]
    pub failure: Option<Box<Failure>>,
    /// Whether the contact heard it too.
    pub played: bool,
}

/// The earliest time of each status that receipts reported, and the earliest failure's reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Deliveries {
    /// The earliest time of a receipt `sent`.
    #[serde(with = "time::optional")]
    pub sent_at: Option<DateTime<Utc>>,
    /// The earliest time of a receipt `delivered`.
    #[serde(with = "time::optional")]
    pub delivered_at: Option<DateTime<Utc>>,
    /// The earliest time of a receipt `read`.
    #[serde(with = "time::optional")]
    pub read_at: Option<DateTime<Utc>>,
    /// The earliest time of a receipt `failed`.
    #[serde(with = "time::optional")]
    pub failed_at: Option<DateTime<Utc>>,
    /// The reason that this receipt gave.
    #[serde(with = "as_json")]
    pub failure: Option<Box<Failure>>,
    /// The earliest time of a receipt that the contact heard it.
    #[serde(with = "time::optional")]
    pub played_at: Option<DateTime<Utc>>,
}

impl Deliveries {
    /// The fields of times, and the statuses that they are of.
    pub(crate) const FIELDS: [(&'static str, DeliveryStatus); 4] = [
        ("sent_at", DeliveryStatus::Sent),
        ("delivered_at", DeliveryStatus::Delivered),
        ("read_at", DeliveryStatus::Read),
        ("failed_at", DeliveryStatus::Failed),
    ];

    /// When a status was reached, where a receipt reported it.
    #[doc(hidden)]
    pub const fn at(&self, status: DeliveryStatus) -> Option<DateTime<Utc>> {
        match status {
            DeliveryStatus::Pending => None,
            DeliveryStatus::Sent => self.sent_at,
            DeliveryStatus::Failed => self.failed_at,
            DeliveryStatus::Delivered => self.delivered_at,
            DeliveryStatus::Read => self.read_at,
        }
    }

    /// The time of a status that receipts report.
    pub(crate) const fn at_mut(
        &mut self,
        status: DeliveryStatus,
    ) -> Option<&mut Option<DateTime<Utc>>> {
        Some(match status {
            DeliveryStatus::Pending => return None,
            DeliveryStatus::Sent => &mut self.sent_at,
            DeliveryStatus::Failed => &mut self.failed_at,
            DeliveryStatus::Delivered => &mut self.delivered_at,
            DeliveryStatus::Read => &mut self.read_at,
        })
    }

    pub(super) fn times(&mut self) -> impl Iterator<Item = &mut DateTime<Utc>> {
        let Self {
            sent_at,
            delivered_at,
            read_at,
            failed_at,
            failure: _,
            played_at,
        } = self;
        [sent_at, delivered_at, read_at, failed_at, played_at]
            .into_iter()
            .flatten()
    }

    /// Merges a receipt's time and reason, and returns whether that changed anything. The result
    /// does not depend on the order of receipts.
    ///
    /// The reason of the earliest failure counts. Of equal times a reason stays rather than none,
    /// and the smaller of two.
    #[doc(hidden)]
    pub fn merge(&mut self, receipt: &Delivery) -> bool {
        const fn rank(failure: &Option<Box<Failure>>) -> (bool, &Option<Box<Failure>>) {
            (failure.is_none(), failure)
        }
        let known = self.at(receipt.status);
        let is_earlier = known.is_none_or(|known| receipt.at < known);
        let is_better_failure = receipt.status == DeliveryStatus::Failed
            && (is_earlier
                || known == Some(receipt.at) && rank(&receipt.failure) < rank(&self.failure));
        if is_better_failure {
            self.failure.clone_from(&receipt.failure);
        }
        if is_earlier && let Some(at) = self.at_mut(receipt.status) {
            *at = Some(receipt.at);
        }
        let is_heard_earlier =
            receipt.played && self.played_at.is_none_or(|known| receipt.at < known);
        if is_heard_earlier {
            self.played_at = Some(receipt.at);
        }
        is_earlier || is_better_failure || is_heard_earlier
    }

    /// Whether merging a receipt changes anything.
    #[doc(hidden)]
    pub fn would_change(&self, receipt: &Delivery) -> bool {
        self.clone().merge(receipt)
    }

    /// The receipts that report the same.
    #[doc(hidden)]
    pub fn receipts(&self) -> impl Iterator<Item = Delivery> + '_ {
        let reported = DeliveryStatus::ALL.into_iter().filter_map(|status| {
            let failed = status == DeliveryStatus::Failed;
            Some(Delivery {
                status,
                at: self.at(status)?,
                failure: self.failure.clone().filter(|_| failed),
                played: false,
            })
        });
        reported.chain(self.played_at.map(|at| Delivery {
            status: DeliveryStatus::Read,
            at,
            failure: None,
            played: true,
        }))
    }

    pub(super) fn validate(&self) -> Result<(), InvalidInput> {
        for (field, status) in Self::FIELDS {
            self.at(status)
                .map_or(Ok(()), |at| time::checked(field, at).map(drop))?;
        }
        self.played_at
            .map_or(Ok(()), |at| time::checked("played_at", at).map(drop))?;
        self.failure
            .iter()
            .try_for_each(|failure| failure.validate())
    }
}

/// A provider's report on a message that was sent.
///
/// ```
/// use convodb::{DeliveryStatus, Receipt};
///
/// let receipt = Receipt::failed("131026", "undeliverable");
/// assert_eq!(receipt.status(), DeliveryStatus::Failed);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[must_use]
pub struct Receipt {
    status: DeliveryStatus,
    #[serde(with = "time::optional", skip_serializing_if = "Option::is_none")]
    at: Option<DateTime<Utc>>,
    #[serde(rename = "error", skip_serializing_if = "Option::is_none")]
    failure: Option<Box<Failure>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    played: bool,
}

impl Receipt {
    /// A receipt of this status, at the time of the command.
    pub const fn new(status: DeliveryStatus) -> Self {
        Self {
            status,
            at: None,
            failure: None,
            played: false,
        }
    }

    /// The provider took the message.
    pub const fn sent() -> Self {
        Self::new(DeliveryStatus::Sent)
    }

    /// The message is on the contact's device.
    pub const fn delivered() -> Self {
        Self::new(DeliveryStatus::Delivered)
    }

    /// The contact has seen the message.
    pub const fn read() -> Self {
        Self::new(DeliveryStatus::Read)
    }

    /// The contact has seen the message and heard it, as a voice note is.
    pub const fn played() -> Self {
        let mut read = Self::new(DeliveryStatus::Read);
        read.played = true;
        read
    }

    /// The message did not arrive, for the provider's reason.
    pub fn failed(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(DeliveryStatus::Failed).failure(Failure::new(code, message))
    }

    /// The provider's reason of a failure.
    pub fn failure(mut self, failure: Failure) -> Self {
        self.failure = Some(Box::new(failure));
        self
    }

    /// When it happened, by the provider's clock; without it, the time of the command.
    pub const fn at(mut self, at: DateTime<Utc>) -> Self {
        self.at = Some(at);
        self
    }

    /// The status that it reports.
    pub const fn status(&self) -> DeliveryStatus {
        self.status
    }

    /// The receipt, checked, with its time: the provider's, but never one in the future.
    pub(crate) fn resolve(&self, now: DateTime<Utc>) -> Result<Delivery, InvalidInput> {
        let reason = "is no report of a provider";
        let is_report = self.status != DeliveryStatus::Pending;
        InvalidInput::unless(is_report, "status", reason)?;
        self.failure
            .iter()
            .try_for_each(|failure| failure.validate())?;
        Ok(Delivery {
            status: self.status,
            at: time::reported("at", self.at, now)?,
            failure: self.failure.clone(),
            played: self.played,
        })
    }
}

/// What the store has under a provider's id.
#[doc(hidden)]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProviderIdState {
    Message(ConversationId, MessageId),
    Unmatched(Box<Unmatched>),
    /// Its message was deleted, and is not stored again.
    Tombstone,
}

/// What came before its message: receipts, merged, and the latest of what else it changes.
#[doc(hidden)]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unmatched {
    /// When the first of it came.
    #[serde(with = "time")]
    pub since: DateTime<Utc>,
    pub deliveries: Deliveries,
    /// Reactions, edits as its versions, and that it was taken back.
    #[serde(with = "as_json")]
    pub extras: Extras,
    /// The content that it is to be filled with.
    #[serde(with = "as_json")]
    pub filled: Option<Content>,
    /// Whether its contact got or read it and all before it.
    pub up_to: Option<DeliveryStatus>,
}

#[doc(hidden)]
impl Unmatched {
    pub fn new(since: DateTime<Utc>) -> Self {
        Self {
            since,
            deliveries: Deliveries::default(),
            extras: Extras::default(),
            filled: None,
            up_to: None,
        }
    }

    /// Keeps what changes the message when it comes.
    pub fn keep(&mut self, field: MessageField) {
        match field {
            MessageField::Delivery(receipt) => {
                self.deliveries.merge(&receipt);
            }
            MessageField::UpTo(status) => self.up_to = self.up_to.max(Some(status)),
            MessageField::Revoked(revocation) if self.extras.revoked.is_none() => {
                if !revocation.keeps_content {
                    self.filled = None;
                    self.extras.versions.clear();
                    self.extras.reactions.clear();
                }
                self.extras.revoked = Some(revocation);
            }
            _ if self.extras.revoked.is_some() => {}
            MessageField::Reaction(reaction) => self.extras.react(reaction),
            MessageField::Edit(version) => self.extras.keep(version),
            MessageField::Filled(content, _) => {
                self.filled.get_or_insert(content);
            }
            // Nothing else waits.
            _ => {}
        }
    }

    /// Whether it has something of what the message says.
    pub fn has_content(&self) -> bool {
        self.filled.is_some() || !self.extras.versions.is_empty()
    }

    /// Whether it is not known yet.
    pub fn would_change(&self, field: &MessageField) -> bool {
        let mut kept = self.clone();
        kept.keep(field.clone());
        kept != *self
    }

    /// What changes the message when it comes.
    pub fn fields(&self) -> Vec<MessageField> {
        let extras = &self.extras;
        let receipts = self.deliveries.receipts().map(MessageField::Delivery);
        let up_to = self.up_to.map(MessageField::UpTo);
        let filled = self.filled.clone();
        let filled = filled.map(|content| MessageField::Filled(content, Box::default()));
        let edits = extras.versions.iter().cloned().map(MessageField::Edit);
        let reactions = extras.reactions.iter().cloned().map(MessageField::Reaction);
        let revoked = extras.revoked.clone().map(MessageField::Revoked);
        receipts
            .chain(up_to)
            .chain(filled)
            .chain(edits)
            .chain(reactions)
            .chain(revoked)
            .collect()
    }
}
