//! Delivery receipts: a lattice, so that they may come late, twice or in any order (R9).

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{InvalidInput, time, validate};

/// How far a message has come. The order is the lattice's: a later one wins over an earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryStatus {
    /// Accepted by the provider.
    Sent,
    /// Refused or lost. A later delivery still shows that it came.
    Failed,
    /// On the contact's device. Every inbound message starts here.
    Delivered,
    /// Seen by the contact.
    Read,
}

/// Why a message failed, in the provider's words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Failure {
    /// The provider's code.
    pub code: String,
    /// The provider's explanation.
    pub message: String,
}

/// The earliest time of each status that receipts told of, and the earliest failure's reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Deliveries {
    /// When a receipt first said `sent`.
    pub sent_at: Option<DateTime<Utc>>,
    /// When a receipt first said `delivered`.
    pub delivered_at: Option<DateTime<Utc>>,
    /// When a receipt first said `read`.
    pub read_at: Option<DateTime<Utc>>,
    /// When a receipt first said `failed`.
    pub failed_at: Option<DateTime<Utc>>,
    /// What that receipt gave as the reason.
    pub failure: Option<Failure>,
}

impl Deliveries {
    #[doc(hidden)]
    #[must_use]
    pub const fn new(
        sent_at: Option<DateTime<Utc>>,
        delivered_at: Option<DateTime<Utc>>,
        read_at: Option<DateTime<Utc>>,
        failed_at: Option<DateTime<Utc>>,
        failure: Option<Failure>,
    ) -> Self {
        Self {
            sent_at,
            delivered_at,
            read_at,
            failed_at,
            failure,
        }
    }

    /// Merges a receipt's time and reason. Of equal times a reason stays rather than none, and the
    /// smaller of two, so that the order in which receipts come shows nowhere.
    #[doc(hidden)]
    pub fn merge(&mut self, status: DeliveryStatus, at: DateTime<Utc>, why: &Option<Failure>) {
        let known = match status {
            DeliveryStatus::Sent => &mut self.sent_at,
            DeliveryStatus::Delivered => &mut self.delivered_at,
            DeliveryStatus::Read => &mut self.read_at,
            DeliveryStatus::Failed => {
                let earlier = self.failed_at.is_none_or(|known| at < known);
                let tied = self.failed_at == Some(at);
                let better = (why.is_none(), why) < (self.failure.is_none(), &self.failure);
                if earlier || tied && better {
                    self.failure.clone_from(why);
                }
                &mut self.failed_at
            }
        };
        *known = Some(known.map_or(at, |known| known.min(at)));
    }

    /// The receipts that tell the same.
    pub(crate) fn told(self) -> Vec<(DeliveryStatus, DateTime<Utc>, Option<Failure>)> {
        let told = [
            (DeliveryStatus::Sent, self.sent_at, None),
            (DeliveryStatus::Failed, self.failed_at, self.failure),
            (DeliveryStatus::Delivered, self.delivered_at, None),
            (DeliveryStatus::Read, self.read_at, None),
        ];
        told.into_iter()
            .filter_map(|(status, at, failure)| Some((status, at?, failure)))
            .collect()
    }

    pub(super) fn validate(&self) -> Result<(), InvalidInput> {
        for (field, at) in [
            ("sent_at", self.sent_at),
            ("delivered_at", self.delivered_at),
            ("read_at", self.read_at),
            ("failed_at", self.failed_at),
        ] {
            if let Some(at) = at {
                time::checked(field, at)?;
            }
        }
        self.failure.iter().try_for_each(Failure::validate)
    }
}

impl Failure {
    /// A provider's code and explanation; either may be empty, as theirs are.
    #[must_use]
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
        }
    }

    fn validate(&self) -> Result<(), InvalidInput> {
        validate::failure("error.code", &self.code)?;
        validate::failure("error.message", &self.message)
    }
}

/// A provider's word about a message that was sent.
///
/// ```
/// use convodb::{DeliveryStatus, Receipt};
///
/// let receipt = Receipt::failed("131026", "undeliverable");
/// assert_eq!(receipt.status(), DeliveryStatus::Failed);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Receipt {
    status: DeliveryStatus,
    at: Option<DateTime<Utc>>,
    failure: Option<Failure>,
}

impl Receipt {
    /// A receipt of this status, told of now.
    #[must_use]
    pub const fn new(status: DeliveryStatus) -> Self {
        Self {
            status,
            at: None,
            failure: None,
        }
    }

    /// The provider took the message.
    #[must_use]
    pub const fn sent() -> Self {
        Self::new(DeliveryStatus::Sent)
    }

    /// The message is on the contact's device.
    #[must_use]
    pub const fn delivered() -> Self {
        Self::new(DeliveryStatus::Delivered)
    }

    /// The contact has seen the message.
    #[must_use]
    pub const fn read() -> Self {
        Self::new(DeliveryStatus::Read)
    }

    /// The message did not arrive, for the provider's reason.
    #[must_use]
    pub fn failed(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            failure: Some(Failure::new(code, message)),
            ..Self::new(DeliveryStatus::Failed)
        }
    }

    pub(super) const fn of(
        status: DeliveryStatus,
        at: Option<DateTime<Utc>>,
        failure: Option<Failure>,
    ) -> Self {
        Self {
            status,
            at,
            failure,
        }
    }

    /// When it happened, by the provider's clock; without it, when the store learns of it.
    #[must_use]
    pub const fn at(mut self, at: DateTime<Utc>) -> Self {
        self.at = Some(at);
        self
    }

    /// The status that it tells of.
    #[must_use]
    pub const fn status(&self) -> DeliveryStatus {
        self.status
    }

    /// The receipt's parts, checked; its time is at most the store's.
    pub(crate) fn resolve(
        self,
        now: DateTime<Utc>,
    ) -> Result<(DeliveryStatus, DateTime<Utc>, Option<Failure>), InvalidInput> {
        self.failure.iter().try_for_each(Failure::validate)?;
        let at = self.at.map_or(Ok(now), |at| time::checked("at", at))?;
        Ok((self.status, at.min(now), self.failure))
    }
}
