//! The opponents: the requests of the load, served in the same framework from a store that an expert makes by hand.
//!
//! They have no events, no idempotency keys and no providers' ids, so they do less.

mod json;
mod serve;

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Result;
use compare::data::{Message, NOBODY};
use compare::engine::{Row, new_message_id};
use compare::plan::Filter;
use convodb::{Channel, ContactId, DeliveryStatus, Direction, PageRequest, StatusFilter};
use convodb_core::PagePosition;
#[cfg(test)]
pub(crate) use json::MessageDocument;
use json::{ConversationDocument, PageDocument, cursor};
pub(crate) use json::{Counts, Times};
pub(crate) use serve::Serving;

/// A store behind the handlers. What it gives is JSON already.
pub(crate) trait Store: Clone + Send + Sync + 'static {
    fn list(&self, list: List) -> impl Future<Output = Result<Vec<u8>>> + Send;

    /// A conversation with its messages, if there is one.
    fn get(&self, id: u128) -> impl Future<Output = Result<Option<Vec<u8>>>> + Send;

    /// Durable when it returns.
    fn receive(&self, receive: Receive) -> impl Future<Output = Result<Received>> + Send;
}

pub(crate) struct Receive {
    pub(crate) contact: ContactId,
    pub(crate) channel: Channel,
    pub(crate) text: String,
    pub(crate) sent_us: Option<i64>,
}

impl Receive {
    /// The message that comes now.
    pub(crate) fn message(&self, now: i64) -> Message {
        let at = self.sent_us.unwrap_or(now).min(now);
        Message {
            id: new_message_id(at),
            direction: Direction::Inbound,
            status: DeliveryStatus::Delivered,
            content: self.text.as_str().into(),
            created_us: at,
        }
    }
}

pub(crate) struct Received {
    pub(crate) conversation: u128,
    pub(crate) message: Message,
}

/// The numbers of users and teams.
pub(crate) type Numbers = Arc<HashMap<Arc<str>, u16>>;

/// A query that is not served here.
#[derive(Debug)]
pub(crate) struct Unserved;

/// A page of a list by its number.
#[derive(Clone, Debug)]
pub(crate) struct List {
    filter: convodb::Filter,
    page: u64,
    pub(crate) limit: u32,
}

impl List {
    /// The list of a query. One channel, and no unread conversations alone.
    pub(crate) fn new(filter: convodb::Filter, page: PageRequest) -> Result<Self, Unserved> {
        match page.position() {
            PagePosition::Number(number)
                if !filter.is_unread() && filter.channels().nth(1).is_none() =>
            {
                Ok(Self {
                    filter,
                    page: number,
                    limit: page.limit(),
                })
            }
            _ => Err(Unserved),
        }
    }

    /// How many rows come before the page.
    pub(crate) fn skip(&self) -> u64 {
        (self.page - 1).saturating_mul(self.limit.into())
    }

    /// The filter in the store's terms, unless it can select nothing.
    pub(crate) fn filter(&self, numbers: &Numbers) -> Option<Filter> {
        let filter = &self.filter;
        let known = filter.assignees().filter_map(|id| numbers.get(id.as_str()));
        let unassigned = filter.includes_unassigned().then_some(NOBODY);
        let assignees: Vec<u16> = unassigned.into_iter().chain(known.copied()).collect();
        let is_any = !filter.includes_unassigned() && filter.assignees().next().is_none();
        (is_any || !assignees.is_empty()).then(|| Filter {
            status: match filter.status() {
                StatusFilter::Open => Some(convodb::Status::Open),
                StatusFilter::Resolved => Some(convodb::Status::Resolved),
                StatusFilter::All => None,
            },
            channel: filter.channels().next(),
            assignees,
        })
    }

    /// The page of these rows.
    pub(crate) fn answer(&self, rows: &[(Row, Counts)], total: u64) -> Result<Vec<u8>> {
        let more = self.skip() + (rows.len() as u64) < total;
        let last = rows.last().filter(|_| more);
        let document = PageDocument {
            total,
            page: self.page,
            next: last.map(|(row, _)| cursor(row)),
            data: rows
                .iter()
                .map(|(row, counts)| ConversationDocument::new(row, *counts, &[]))
                .collect(),
        };
        Ok(serde_json::to_vec(&document)?)
    }
}

/// A conversation with its messages.
pub(crate) fn thread(
    row: &Row,
    counts: Counts,
    times: Times,
    messages: &[Message],
) -> Result<Vec<u8>> {
    let document = ConversationDocument::new(row, counts, messages).with_times(times);
    Ok(serde_json::to_vec(&document)?)
}
