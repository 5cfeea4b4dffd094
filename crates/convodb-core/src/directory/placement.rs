//! Where conversations are in sorted lists: their partitions and positions, and the partitions of a filter.

use super::inboxes::Inboxes;
use super::{Directory, UNASSIGNED};
use crate::records::Numbers;
use crate::{Conversation, ConversationId, Filter, InboxNumber, Result, Sort, Standing};

/// The length of a position.
pub const POSITION_LEN: usize = 24;

/// The place of a conversation in a list; ascending.
pub type Position = [u8; POSITION_LEN];

/// A standing as a byte of a key.
#[inline]
pub const fn code(standing: Standing) -> u8 {
    match standing {
        Standing::Open => 0,
        Standing::Resolved => 1,
        Standing::Snoozed => 2,
    }
}

/// The standing of such a byte.
#[inline]
pub fn standing(of: u8) -> Option<Standing> {
    Standing::ALL.into_iter().find(|known| code(*known) == of)
}

/// The position of a conversation in a list of an order.
#[inline]
pub fn position(sort: Sort, conversation: &Conversation) -> Position {
    position_at(sort, sort.key(conversation), conversation.id)
}

/// The position of what an order sorts by. The id is complemented where the order descends.
#[inline]
pub fn position_at(sort: Sort, key: u64, id: ConversationId) -> Position {
    let raw = if sort.descends() { !id.raw() } else { id.raw() };
    let mut position = [0; POSITION_LEN];
    let (first, second) = position.split_at_mut(8);
    first.copy_from_slice(&key.to_be_bytes());
    second.copy_from_slice(&raw.to_be_bytes());
    position
}

/// The conversation at a position.
#[inline]
pub fn id_at(sort: Sort, position: &Position) -> ConversationId {
    let raw = position
        .last_chunk()
        .map_or(0, |raw| u128::from_be_bytes(*raw));
    ConversationId::from_raw(if sort.descends() { !raw } else { raw })
}

/// A sorted list of conversations that a backend keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Partition {
    /// Whether only unread conversations are in it.
    pub unread: bool,
    /// The number of an owner, where the partition is that of one.
    pub bucket: Option<u32>,
    pub standing: Standing,
    pub inbox: InboxNumber,
}

impl Partition {
    /// The partitions of a bucket with all its conversations.
    pub fn of_bucket(bucket: u32, inboxes: &Inboxes) -> impl Iterator<Item = Self> {
        Standing::ALL.into_iter().flat_map(move |standing| {
            inboxes.numbers().map(move |inbox| Self {
                unread: false,
                bucket: Some(bucket),
                standing,
                inbox,
            })
        })
    }
}

/// Where a conversation is: in each of its partitions once, by its sort key. A pure function of the record.
#[inline]
pub fn placements(conversation: &Conversation, of: Numbers) -> [Option<(Partition, Position)>; 4] {
    let position = position(Sort::LatestActivity, conversation);
    partitions(conversation, of).map(|partition| partition.map(|partition| (partition, position)))
}

/// The partitions of a conversation. These are by status and inbox, by owner, and both again while it has
/// unread messages.
#[inline]
pub fn partitions(conversation: &Conversation, of: Numbers) -> [Option<Partition>; 4] {
    let standing = Standing::of(conversation);
    let place = |bucket, unread: bool| {
        let is_in = !unread || conversation.unread_count > 0;
        is_in.then_some(Partition {
            unread,
            bucket,
            standing,
            inbox: of.inbox,
        })
    };
    [
        place(None, false),
        place(Some(of.owner), false),
        place(None, true),
        place(Some(of.owner), true),
    ]
}

impl Directory {
    /// Visits the partitions of a filter, owner by owner. Every conversation is in one partition of each
    /// kind, and if it is unread, in one of each with the unread ones; so they share no row: their
    /// totals add up, and their rows merge. The filter is a valid one, and the members of a team are among its assignees.
    pub fn each_partition(
        &self,
        filter: &Filter,
        mut visit: impl FnMut(Partition) -> Result<()>,
    ) -> Result<()> {
        let mut visit = |bucket| {
            for standing in Standing::ALL.into_iter().filter(|it| filter.has(*it)) {
                for inbox in self.inboxes.selected(filter) {
                    visit(Partition {
                        unread: filter.is_unread(),
                        bucket,
                        standing,
                        inbox,
                    })?;
                }
            }
            Ok(())
        };
        if filter.is_any_assignee() {
            return visit(None);
        }
        let unassigned = filter.includes_unassigned().then_some(UNASSIGNED);
        let mut buckets: Vec<u32> = filter
            .assignees()
            .filter_map(|id| self.number(id))
            .chain(unassigned)
            .collect();
        if self.has_redirects() {
            // What was reassigned is the successor's, wherever it is stored. Each redirect has one
            // successor, so none comes twice.
            for at in 0..buckets.len() {
                if let Some(successor) = buckets.get(at).copied() {
                    buckets.extend(self.redirected_to(successor));
                }
            }
        }
        buckets.sort_unstable();
        buckets
            .into_iter()
            .try_for_each(|bucket| visit(Some(bucket)))
    }
}
