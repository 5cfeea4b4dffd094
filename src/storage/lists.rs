//! Lists: the entries of a filter's index partitions, merged in the order of the list.

use std::borrow::Cow;
use std::ops::Bound;

use chrono::{DateTime, Utc};
use convodb_core::directory::placement::{self, Partition};
use convodb_core::directory::views::SavedView;
use convodb_core::{
    Conversation, ConversationId, Cursor, Filter, Page, PagePosition, PageRequest, Result, Sort,
    StatusFilter,
};

use super::keys;
use super::plan::STREAMS;
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

/// What a list merges: the streams of a filter that have rows, and the number of all of them.
struct Selection<'a> {
    streams: Vec<(Stream, Total)>,
    has_whole_classes: bool,
    total: u64,
    /// The view whose list it is.
    view: Option<&'a SavedView>,
}

impl Selection<'_> {
    fn among(&self) -> Among<'_> {
        Among {
            streams: &self.streams,
            has_whole_classes: self.has_whole_classes,
        }
    }

    /// The order of the streams' rows.
    fn sort(&self) -> Sort {
        self.view
            .map_or(Sort::LatestActivity, |saved| saved.view.sort)
    }
}

/// How the rows of a list are found.
enum List<'a> {
    /// They are those of streams, in their order, or in the opposite one.
    Counted {
        selection: Selection<'a>,
        reversed: bool,
    },
    /// They were looked for: each with what the order sorts by.
    Found(Vec<(u64, ConversationId)>),
}

impl<'a, R: Read> Reader<'a, R> {
    /// What a list merges.
    fn select_few(&self, filter: &Filter) -> Result<Selection<'a>> {
        let selection = self.select(filter)?;
        filter.validate_partitions(selection.streams.len())?;
        Ok(selection)
    }

    fn select(&self, filter: &Filter) -> Result<Selection<'a>> {
        let mut streams = Vec::new();
        let mut total = 0;
        let mut add = |stream| {
            let known = self.known.totals.get(&stream)?;
            if known.rows > 0 {
                total += known.rows;
                streams.push((stream, known));
            }
            Ok(())
        };
        let view = filter
            .view_id()
            .map(|id| self.complete_view(id))
            .transpose()?;
        match view {
            Some(saved) => add(keys::list_stream(saved.list))?,
            None => {
                let directory = &self.known.directory;
                directory.each_partition(filter, |of| add(keys::partition_stream(of)))?;
            }
        }
        Ok(Selection {
            streams,
            // A class is of a channel, with all its inboxes.
            has_whole_classes: filter.inboxes().next().is_none(),
            total,
            view,
        })
    }

    /// How the rows of a filter's list are found. The filter is a [meant](Self::meant) one.
    fn plan(&self, filter: &Filter) -> Result<List<'a>> {
        filter.validate()?;
        filter.check_order()?;
        if filter.contact_id().is_some() {
            return self.of_contact(filter).map(List::Found);
        }
        let selection = self.select_few(filter)?;
        if filter.reads_candidates() {
            filter.check_candidates(selection.total)?;
            return self.candidates(filter, &selection).map(List::Found);
        }
        let reversed = selection.view.is_none() && filter.order() == Sort::EarliestActivity;
        Ok(List::Counted {
            selection,
            reversed,
        })
    }

    /// How many conversations a filter selects. O(streams): nothing is read, but of a contact and of what
    /// no list is counted by.
    pub(crate) fn count(&self, filter: &Filter) -> Result<u64> {
        let filter = &*self.meant(filter)?;
        // The same is refused of a list.
        filter.validate()?;
        filter.check_order()?;
        if filter.contact_id().is_some() || filter.reads_candidates() {
            return Ok(match self.plan(filter)? {
                List::Counted { selection, .. } => selection.total,
                List::Found(found) => found.len() as u64,
            });
        }
        Ok(self.select(filter)?.total)
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
        let filter = &*self.meant(filter)?;
        match self.plan(filter)? {
            List::Counted {
                selection,
                reversed: false,
            } => self.page_of(selection, start, limit),
            List::Counted { selection, .. } => self.page_reversed(selection, start, limit),
            List::Found(found) => self.page_found(&found, filter.order(), start, limit),
        }
    }

    fn page_of(
        &self,
        selection: Selection<'_>,
        start: Start,
        limit: u32,
    ) -> Result<Page<Conversation>> {
        let (total, sort, view) = (selection.total, selection.sort(), selection.view);
        let (left, skip, from) = match start {
            Start::Skip(skip) => {
                let Some(left @ 1..) = total.checked_sub(skip) else {
                    return Ok(Page::new(Vec::new(), total, None));
                };
                let (from, skip) = index::select(self.rows, STREAMS, selection.among(), skip)?;
                (left, skip, from)
            }
            Start::After(cursor) => {
                let (key, id) = cursor.key(sort)?;
                let position = placement::position_at(sort, key, id);
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
            && let Some(row) = merged.next()?
        {
            self.append_row(&mut data, view, row)?;
        }
        let more = match start {
            Start::Skip(_) => left > u64::from(limit),
            Start::After(_) => merged.next()?.is_some(),
        };
        let next = data.last().filter(|_| more);
        let next = next.map(|row| Cursor::behind(row, sort));
        Ok(Page::new(data, total, next))
    }

    /// Appends the conversation of an index entry, with what its record has more.
    #[inline]
    fn append_row(
        &self,
        data: &mut Vec<Conversation>,
        view: Option<&SavedView>,
        row: (&[u8], &[u8]),
    ) -> Result<()> {
        let directory = &self.known.directory;
        let has_more = match view {
            None => index_entry::append(data, directory, row)?,
            Some(saved) => index_entry::append_in_view(data, directory, saved.view.sort, row)?,
        };
        if has_more && let Some(shown) = data.last_mut() {
            let known = self.conversation(shown.id)?;
            let listed = known.attributes.and_then(|it| it.listed());
            shown.attributes = listed.map(Box::new);
            shown.identity = known.identity;
        }
        Ok(())
    }

    /// A page of the opposite order: the rows of one of this order from its end on.
    fn page_reversed(
        &self,
        selection: Selection<'_>,
        start: Start,
        limit: u32,
    ) -> Result<Page<Conversation>> {
        let (total, sort) = (selection.total, Sort::EarliestActivity);
        let left = match start {
            Start::Skip(skip) => total.saturating_sub(skip),
            Start::After(cursor) => {
                let (key, id) = cursor.key(sort)?;
                // One less than the key is the time.
                let key = !key.saturating_sub(1);
                let position = placement::position_at(Sort::LatestActivity, key, id);
                index::rank(self.rows, STREAMS, selection.among(), &position)?
            }
        };
        let shown = left.min(u64::from(limit));
        if shown == 0 {
            return Ok(Page::new(Vec::new(), total, None));
        }
        let mut page = self.page_of(selection, Start::Skip(left - shown), shown as u32)?;
        page.data.reverse();
        let last = page.data.last().filter(|_| left > shown);
        page.next = last.map(|row| Cursor::behind(row, sort));
        Ok(page)
    }

    /// The conversations with a contact that a filter selects. O(its conversations).
    fn of_contact(&self, filter: &Filter) -> Result<Vec<(u64, ConversationId)>> {
        let Some(contact) = filter.contact_id() else {
            return Ok(Vec::new());
        };
        let mut all = self.conversations_of(contact)?;
        all.retain(|conversation| filter.selects(conversation));
        let sort = filter.order();
        let key = |row: &Conversation| (sort.key(row), row.id);
        let mut found: Vec<_> = all.iter().map(key).collect();
        found.sort_by_key(|(key, id)| placement::position_at(sort, *key, *id));
        Ok(found)
    }

    /// The conversations of these streams that a filter selects by what no list is counted by, in its order.
    /// O(rows of the streams).
    fn candidates(
        &self,
        filter: &Filter,
        selection: &Selection<'_>,
    ) -> Result<Vec<(u64, ConversationId)>> {
        let from = selection
            .streams
            .iter()
            .map(|(stream, total)| index::Start {
                stream: *stream,
                from: Bound::Included(total.first),
                least: total.first,
            });
        let from: Vec<_> = from.collect();
        let (directory, sort) = (&self.known.directory, filter.order());
        let mut merged = STREAMS.merge(self.rows, &from);
        let mut found = Vec::new();
        let mut shown = Vec::new();
        while let Some(row) = merged.next()? {
            let has_more = index_entry::append(&mut shown, directory, row)?;
            let Some(mut conversation) = shown.pop() else {
                break;
            };
            if has_more {
                conversation = self.conversation(conversation.id)?;
            }
            if filter.selects(&conversation) {
                found.push((sort.key(&conversation), conversation.id));
            }
        }
        if sort == Sort::EarliestActivity {
            found.reverse();
        }
        Ok(found)
    }

    fn page_found(
        &self,
        found: &[(u64, ConversationId)],
        sort: Sort,
        start: Start,
        limit: u32,
    ) -> Result<Page<Conversation>> {
        let total = found.len();
        let skip = match start {
            Start::Skip(skip) => skip.min(total as u64) as usize,
            Start::After(cursor) => {
                let (key, id) = cursor.key(sort)?;
                let place = placement::position_at(sort, key, id);
                found.partition_point(|(key, id)| placement::position_at(sort, *key, *id) <= place)
            }
        };
        let left = found.get(skip..).unwrap_or_default();
        let shown = left.iter().take(limit as usize);
        let data = shown.map(|(_, id)| Ok(self.conversation(*id)?.into_listed()));
        let data = data.collect::<Result<Vec<_>>>()?;
        let more = left.len() > data.len();
        let next = data.last().filter(|_| more);
        let next = next.map(|row| Cursor::behind(row, sort));
        Ok(Page::new(data, total as u64, next))
    }

    /// A filter by a contact that was merged means the other one. The members of a team are those that it has
    /// now.
    fn meant<'f>(&self, filter: &'f Filter) -> Result<Cow<'f, Filter>> {
        let mut meant = Cow::Borrowed(filter);
        if let Some(contact) = filter.contact_id() {
            meant = Cow::Owned(filter.clone().contact(self.contact_meant(contact)?));
        }
        if let Some(team) = filter.members_team() {
            let members = self.known.directory.members_of(team);
            meant = Cow::Owned(meant.with_members(members)?);
        }
        Ok(meant)
    }

    /// The rank of a conversation in a list, and how long the list is; nothing where the filter
    /// does not select it. O(partitions * log rows).
    fn place(&self, id: ConversationId, filter: &Filter) -> Result<Option<(u64, u64)>> {
        let conversation = self.conversation(id)?;
        let filter = &*self.meant(filter)?;
        match self.plan(filter)? {
            List::Found(found) => {
                let rank = found.iter().position(|(_, id)| *id == conversation.id);
                Ok(rank.map(|rank| (rank as u64, found.len() as u64)))
            }
            List::Counted {
                selection,
                reversed,
            } => {
                let selects = match selection.view {
                    Some(saved) => saved.view.filter.selects(&conversation),
                    None => filter.selects(&conversation),
                };
                if !selects {
                    return Ok(None);
                }
                let position = placement::position(selection.sort(), &conversation);
                let rank = index::rank(self.rows, STREAMS, selection.among(), &position)?;
                let total = selection.total;
                let rank = if reversed { total - 1 - rank } else { rank };
                Ok(Some((rank, total)))
            }
        }
    }

    /// How many conversations had their latest activity after a time. O(partitions * log rows).
    pub(crate) fn count_after(&self, at: DateTime<Utc>) -> Result<u64> {
        let selection = self.select(&Filter::new(StatusFilter::All))?;
        let latest = ConversationId::from_raw(u128::MAX);
        let key = !at.timestamp_micros().cast_unsigned();
        let position = placement::position_at(Sort::LatestActivity, key, latest);
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
        for partition in owners.flat_map(|owner| Partition::of_bucket(owner, inboxes)) {
            let stream = keys::partition_stream(partition);
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
