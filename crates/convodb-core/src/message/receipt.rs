//! Delivery receipts as providers report them.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{Delivery, DeliveryStatus, Failure};
use crate::{InvalidInput, time};

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
    failure: Option<Failure>,
}

impl Receipt {
    /// A receipt of this status, at the time of the command.
    pub const fn new(status: DeliveryStatus) -> Self {
        Self {
            status,
            at: None,
            failure: None,
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

    /// The message did not arrive, for the provider's reason.
    pub fn failed(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            failure: Some(Failure::new(code, message)),
            ..Self::new(DeliveryStatus::Failed)
        }
    }

    /// When it happened, by the provider's clock; without it, the time of the command.
    pub const fn at(mut self, at: DateTime<Utc>) -> Self {
        self.at = Some(at);
        self
    }

    /// The status that it reports.
    #[must_use]
    pub const fn status(&self) -> DeliveryStatus {
        self.status
    }

    /// The receipt, checked, with its time: the provider's, but never one in the future.
    pub(crate) fn resolve(&self, now: DateTime<Utc>) -> Result<Delivery, InvalidInput> {
        self.failure.iter().try_for_each(Failure::validate)?;
        let at = self.at.map_or(Ok(now), |at| time::checked("at", at))?;
        Ok(Delivery {
            status: self.status,
            at: at.min(now),
            failure: self.failure.clone(),
        })
    }
}
