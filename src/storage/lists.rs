//! Lists: the entries of a filter's index partitions, merged in the order of the list.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::ops::Bound;

use chrono::{DateTime, Utc};
use convodb_core::{
    ContactId, Conversation, ConversationId, Cursor, Filter, Page, PagePosition, PageRequest,
    Result, StatusFilter,
};

use super::keys::{self, StreamKey};
use super::plan::{self, STREAMS};
use super::{Reader, index_entry};
use crate::index::{self, Among, Stream, Total};
use convodb_kv::Read;

/// Where a page begins.
#[derive(Clone, Copy, Debug)]
pub(super) enum Start {
    /// Behind so many rows.
    Skip(u64),
    /// Behind this place.
    After(Cursor),
}

/// The streams of a filter that have rows, and the number of all of them.
struct Selection {
    streams: Vec<(Stream, Total)>,
    has_whole_classes: bool,
    total: u64,
}

impl Selection {
    fn among(&self) -> Among<'_> {
        Among {
            streams: &self.streams,
            has_whole_classes: self.has_whole_classes,
        }
    }
}

impl<R: Read> Reader<'_, R> {
    /// What a list merges.
    fn select_few(&self, filter: &Filter) -> Result<Selection> {
        let selection = self.select(filter)?;
        filter.validate_partitions(selection.streams.len())?;
        Ok(selection)
    }

    fn select(&self, filter: &Filter) -> Result<Selection> {
        let mut streams = Vec::new();
        let mut total = 0;
        plan::each_stream(filter, &self.known.directory, |stream| {
            let known = self.known.totals.get(&stream)?;
            if known.rows > 0 {
                total += known.rows;
                streams.push((stream, known));
            }
            Ok(())
        })?;
        Ok(Selection {
            streams,
            // A class is of a channel, with all its inboxes.
            has_whole_classes: filter.inboxes().next().is_none(),
            total,
        })
    }

    /// How many conversations a filter selects. O(streams): nothing is read.
    pub(crate) fn count(&self, filter: &Filter) -> Result<u64> {
        if let Some(contact) = filter.contact_id() {
            return Ok(self.of_contact(contact, filter)?.len() as u64);
        }
        let mut total = 0;
        plan::each_stream(filter, &self.known.directory, |stream| {
            total += self.known.totals.get(&stream)?.rows;
            Ok(())
        })?;
        Ok(total)
    }

    pub(crate) fn list(
        &self,
        filter: &Filter,
        request: &PageRequest,
    ) -> Result<Page<Conversation>> {
        let limit = request.limit();
        match request.position() {
            PagePosition::Number(number) => {
                let offset = (number - 1).saturating_mul(u64::from(limit));
                let mut page = self.page(filter, Start::Skip(offset), limit)?;
                page.number = Some(number);
                page.offset = Some(offset);
                Ok(page)
            }
            PagePosition::After(cursor) => self.page(filter, Start::After(cursor), limit),
            PagePosition::Around(id) => self.list_around(filter, id, limit),
        }
    }

    /// A page. O(streams * log rows + rows shown).
    pub(super) fn page(
        &self,
        filter: &Filter,
        start: Start,
        limit: u32,
    ) -> Result<Page<Conversation>> {
        if let Some(contact) = filter.contact_id() {
            return self.page_of_contact(contact, filter, start, limit);
        }
        let selection = self.select_few(filter)?;
        let total = selection.total;
        let (left, skip, from) = match start {
            Start::Skip(skip) => {
                let Some(left @ 1..) = total.checked_sub(skip) else {
                    return Ok(Page::new(Vec::new(), total, None));
                };
                let (from, skip) = index::select(self.rows, STREAMS, selection.among(), skip)?;
                (left, skip, from)
            }
            Start::After(cursor) => {
                let position = keys::position(cursor.updated_at(), cursor.id());
                let from = selection
                    .streams
                    .into_iter()
                    .map(|(stream, total)| index::Start {
                        stream,
                        from: Bound::Excluded(position),
                        least: position.max(total.first),
                    });
                (total, 0, from.collect())
            }
        };
        let mut merged = STREAMS.merge(self.rows, &from);
        for _ in 0..skip {
            merged.next()?;
        }
        let shown = left.min(u64::from(limit)) as usize;
        let mut data = Vec::with_capacity(shown);
        while data.len() < shown
            && let Some((key, value)) = merged.next()?
        {
            let shown = index_entry::conversation(&self.known.directory, key, value)?;
            let mut conversation = shown.conversation;
            if shown.has_more {
                let known = self.conversation(conversation.id)?;
                let listed = known.attributes.and_then(|it| it.listed());
                conversation.attributes = listed.map(Box::new);
                conversation.identity = known.identity;
            }
            data.push(conversation);
        }
        let more = match start {
            Start::Skip(_) => left > u64::from(limit),
            Start::After(_) => merged.next()?.is_some(),
        };
        let next = data.last().filter(|_| more).map(Cursor::from);
        Ok(Page::new(data, total, next))
    }

    /// A filter by a contact that was merged means the other one.
    fn meant<'f>(&self, filter: &'f Filter) -> Result<Cow<'f, Filter>> {
        Ok(match filter.contact_id() {
            None => Cow::Borrowed(filter),
            Some(contact) => Cow::Owned(filter.clone().contact(self.contact_meant(contact)?)),
        })
    }

    /// The conversations with a contact that a filter selects, as a list shows them. O(its conversations).
    fn of_contact(&self, contact: &ContactId, filter: &Filter) -> Result<Vec<Conversation>> {
        let filter = self.meant(filter)?;
        filter.validate()?;
        let mut data = self.conversations_of(contact)?;
        data.retain(|conversation| filter.selects(conversation));
        data.sort_by_key(|conversation| Reverse((conversation.updated_at, conversation.id)));
        Ok(data.into_iter().map(Conversation::into_listed).collect())
    }

    fn page_of_contact(
        &self,
        contact: &ContactId,
        filter: &Filter,
        start: Start,
        limit: u32,
    ) -> Result<Page<Conversation>> {
        let mut data = self.of_contact(contact, filter)?;
        let total = data.len() as u64;
        let skip = match start {
            Start::Skip(skip) => skip.min(total) as usize,
            Start::After(cursor) => {
                let place = (cursor.updated_at(), cursor.id());
                data.partition_point(|it| (it.updated_at, it.id) >= place)
            }
        };
        data.drain(..skip);
        let more = data.len() > limit as usize;
        data.truncate(limit as usize);
        let next = data.last().filter(|_| more).map(Cursor::from);
        Ok(Page::new(data, total, next))
    }

    /// The rank of a conversation in a list, and how long the list is; nothing where the filter
    /// does not select it. O(partitions * log rows).
    fn place(&self, id: ConversationId, filter: &Filter) -> Result<Option<(u64, u64)>> {
        let filter = &*self.meant(filter)?;
        filter.validate()?;
        let conversation = self.conversation(id)?;
        if !filter.selects(&conversation) {
            return Ok(None);
        }
        if let Some(contact) = filter.contact_id() {
            let data = self.of_contact(contact, filter)?;
            let rank = data
                .iter()
                .position(|row| row.id == conversation.id)
                .unwrap_or_default();
            return Ok(Some((rank as u64, data.len() as u64)));
        }
        let selection = self.select_few(filter)?;
        let position = keys::position(conversation.updated_at, conversation.id);
        let rank = index::rank(self.rows, STREAMS, selection.among(), &position)?;
        Ok(Some((rank, selection.total)))
    }

    /// How many conversations had their latest activity after a time. O(partitions * log rows).
    pub(crate) fn count_after(&self, at: DateTime<Utc>) -> Result<u64> {
        let selection = self.select(&Filter::new(StatusFilter::All))?;
        let position = keys::position(at, ConversationId::from_raw(u128::MAX));
        index::rank(self.rows, STREAMS, selection.among(), &position)
    }

    /// The resolved conversations without activity since before a time, the oldest first.
    pub(super) fn stale(&self, before: DateTime<Utc>, limit: u32) -> Result<Vec<ConversationId>> {
        let filter = Filter::resolved();
        let skip = self.count(&filter)?.saturating_sub(u64::from(limit));
        let oldest = self.page(&filter, Start::Skip(skip), limit)?.data;
        let stale = oldest
            .into_iter()
            .rev()
            .filter(|row| row.updated_at < before);
        Ok(stale.map(|row| row.id).collect())
    }

    pub(crate) fn rank(&self, id: ConversationId, filter: &Filter) -> Result<Option<u64>> {
        Ok(self.place(id, filter)?.map(|(rank, _)| rank))
    }

    /// Empty where the filter does not select the conversation.
    fn list_around(
        &self,
        filter: &Filter,
        id: ConversationId,
        limit: u32,
    ) -> Result<Page<Conversation>> {
        let Some((rank, total)) = self.place(id, filter)? else {
            return Ok(Page::new(Vec::new(), self.count(filter)?, None));
        };
        // At either end of the list the page is as full as elsewhere.
        let last = total.saturating_sub(u64::from(limit));
        let offset = rank.saturating_sub(u64::from(limit / 2)).min(last);
        let mut page = self.page(filter, Start::Skip(offset), limit)?;
        page.offset = Some(offset);
        Ok(page)
    }

    /// How many conversations are stored under owners that were removed. O(these owners).
    pub(crate) fn count_redirected(&self) -> Result<u64> {
        let directory = &self.known.directory;
        let (mut owners, inboxes) = (directory.redirected(), &directory.inboxes);
        owners.try_fold(0, |sum, owner| {
            Ok(sum + self.known.totals.of_bucket(owner, inboxes)?)
        })
    }

    /// Some of these, at most this many. O(partitions + these).
    pub(super) fn redirected(&self, limit: usize) -> Result<Vec<ConversationId>> {
        let mut ids = Vec::new();
        let directory = &self.known.directory;
        let owners = directory.redirected();
        // A redirect that leads nowhere is for `verify` to report.
        let owners = owners.filter(|owner| directory.leads_somewhere(*owner));
        let inboxes = &directory.inboxes;
        for stream in owners.flat_map(|owner| StreamKey::of_bucket(owner, inboxes)) {
            let stream = stream.stream();
            let total = self.known.totals.get(&stream)?;
            if total.rows == 0 {
                continue;
            }
            let from = Bound::Included(&total.first);
            for row in STREAMS
                .rows(self.rows, &stream, from)?
                .take(limit - ids.len())
            {
                ids.push(keys::parse_index(&row?.0)?.2);
            }
            if ids.len() == limit {
                break;
            }
        }
        Ok(ids)
    }
}
