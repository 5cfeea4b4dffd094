//! The saved views, held in memory beside each snapshot, and the lists of their conversations.
//!
//! Invariant: a list has the conversations that its view selects, as they are shown, up to the one to which
//! it was built. A view that comes to select others, by another filter or by a removed assignee, gets
//! another list.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, Utc};
use convodb_core::records::{Numbers, ViewBuilt, ViewRecord};
use convodb_core::{
    AssigneeId, Change, ChangeKind, Conversation, ConversationId, EntityKind, Error, Result, View,
    ViewId, ViewProgress,
};

use super::kinds::{CONVERSATIONS, REMOVED_LISTS, VIEWS};
use super::{Directory, Reader, UnitOfWork, conversations, index_entry, keys, plan};
use crate::index::{Place, Stream};
use convodb_kv::{Read, WriteTables};

/// The views of one snapshot.
#[derive(Clone, Debug, Default)]
pub(crate) struct Views {
    by_id: BTreeMap<ViewId, SavedView>,
    /// The lists that no view has any longer, whose rows are yet to go.
    removed: BTreeSet<u32>,
}

/// A view, and its list.
#[derive(Clone, Debug)]
pub(crate) struct SavedView {
    pub(crate) view: Arc<View>,
    /// The number of its list. One whose rows are yet to go is not used again.
    list: u32,
    built: ViewBuilt,
    /// How many rows of its lists were written since the store was opened.
    writes: Arc<AtomicU64>,
}

impl SavedView {
    pub(super) fn stream(&self) -> Stream {
        keys::list_stream(self.list)
    }

    /// Where a conversation is in the list, as it is shown.
    pub(super) fn place(&self, shown: &Conversation) -> Option<Place> {
        let is_in = self.built.has(shown.id) && self.view.filter.selects(shown);
        is_in.then(|| (self.stream(), keys::position(self.view.sort, shown)))
    }

    /// Counts a row of the list that is written.
    pub(super) fn count_write(&self) {
        self.writes.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    /// Whether it selects other conversations when the conversations of an assignee become another one's,
    /// or none's.
    fn depends_on(&self, removed: &AssigneeId, successor: Option<&AssigneeId>) -> bool {
        let filter = &self.view.filter;
        let names = |id: &AssigneeId| {
            filter.assignees().any(|it| it == id)
                || filter.teams().any(|team| AssigneeId::from(team) == *id)
        };
        names(removed)
            || match successor {
                Some(successor) => names(successor),
                None => filter.includes_unassigned(),
            }
    }
}

impl Views {
    pub(super) fn read(rows: &impl Read) -> Result<Self> {
        let mut views = Self::default();
        for row in VIEWS.all(rows)? {
            let (id, record) = row?;
            let saved = SavedView {
                view: Arc::new(record.view),
                list: record.list,
                built: record.built,
                writes: Arc::default(),
            };
            views.by_id.insert(id, saved);
        }
        for row in REMOVED_LISTS.range(rows, &())? {
            views.removed.insert(REMOVED_LISTS.parse(&row?.0)?);
        }
        Ok(views)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &SavedView> {
        self.by_id.values()
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn get(&self, id: &ViewId) -> Option<&SavedView> {
        self.by_id.get(id)
    }

    /// The view of a list; nothing of one that no view has any longer.
    pub(super) fn of_list(&self, list: u32) -> Option<&SavedView> {
        self.iter().find(|saved| saved.list == list)
    }

    /// Whether rows of a list can be there.
    pub(super) fn has_list(&self, list: u32) -> bool {
        self.removed.contains(&list) || self.of_list(list).is_some()
    }

    /// Whether lists are yet to be built, or their rows to go.
    pub(crate) fn has_work(&self) -> bool {
        !self.removed.is_empty() || self.iter().any(|saved| !saved.built.is_complete())
    }

    /// Where a stored conversation is in their lists. In a damaged file one may have an owner that leads
    /// nowhere: it is shown nowhere, and is in none.
    pub(super) fn places(
        &self,
        directory: &Directory,
        stored: &Conversation,
        numbers: Numbers,
    ) -> Vec<Place> {
        if self.by_id.is_empty() {
            return Vec::new();
        }
        let mut shown = stored.clone();
        if directory.redirect(numbers.owner, &mut shown).is_err() {
            return Vec::new();
        }
        self.iter().filter_map(|view| view.place(&shown)).collect()
    }

    fn next_list(&self) -> u32 {
        let lists = self.iter().map(|saved| saved.list);
        let newest = lists.chain(self.removed.iter().copied()).max();
        newest.map_or(1, |newest| newest + 1)
    }

    /// Adds a view, or changes it. One that has another list then is yet to be built.
    fn save(&mut self, rows: &mut WriteTables<'_>, view: View) -> Result<()> {
        let known = self.by_id.get(&view.id);
        let (list, built, writes) = match known {
            Some(known) if known.view.has_list_of(&view) => {
                (known.list, known.built, Arc::clone(&known.writes))
            }
            Some(known) => {
                let (list, writes) = (known.list, Arc::clone(&known.writes));
                self.remove_list(rows, list)?;
                (self.next_list(), ViewBuilt::default(), writes)
            }
            None => (self.next_list(), ViewBuilt::default(), Arc::default()),
        };
        let saved = SavedView {
            view: Arc::new(view),
            list,
            built,
            writes,
        };
        self.put(rows, saved)
    }

    fn put(&mut self, rows: &mut WriteTables<'_>, saved: SavedView) -> Result<()> {
        let record = ViewRecord {
            view: View::clone(&saved.view),
            list: saved.list,
            built: saved.built,
        };
        let id = saved.view.id.clone();
        VIEWS.put(rows, &id, &record)?;
        self.by_id.insert(id, saved);
        Ok(())
    }

    fn remove_list(&mut self, rows: &mut WriteTables<'_>, list: u32) -> Result<()> {
        self.removed.insert(list);
        REMOVED_LISTS.put_key(rows, &list)
    }

    fn remove(&mut self, rows: &mut WriteTables<'_>, id: &ViewId) -> Result<()> {
        if let Some(saved) = self.by_id.remove(id) {
            VIEWS.remove(rows, id)?;
            self.remove_list(rows, saved.list)?;
        }
        Ok(())
    }

    /// Gives each view another list that selects other conversations now.
    pub(super) fn reassign(
        &mut self,
        rows: &mut WriteTables<'_>,
        removed: &AssigneeId,
        successor: Option<&AssigneeId>,
    ) -> Result<()> {
        let others = self.iter().filter(|it| it.depends_on(removed, successor));
        let others: Vec<_> = others.cloned().collect();
        for saved in others {
            self.remove_list(rows, saved.list)?;
            let list = self.next_list();
            let built = ViewBuilt::default();
            self.put(
                rows,
                SavedView {
                    list,
                    built,
                    ..saved
                },
            )?;
        }
        Ok(())
    }

    /// Every list is there whole, and no other.
    pub(super) fn rebuilt(&mut self, rows: &mut WriteTables<'_>) -> Result<()> {
        for saved in self.by_id.clone().into_values() {
            let built = ViewBuilt::complete();
            self.put(rows, SavedView { built, ..saved })?;
        }
        REMOVED_LISTS.remove_range(rows, &())?;
        self.removed.clear();
        Ok(())
    }
}

type SizeOfView<'a> = (&'a SavedView, u64, u64, Option<ViewProgress>);

impl<'a, R: Read> Reader<'a, R> {
    /// A view whose list is complete.
    pub(super) fn complete_view(&self, id: &ViewId) -> Result<&'a SavedView> {
        let saved = self.known.directory.views.get(id);
        let saved = saved.ok_or_else(|| Error::not_found(EntityKind::View, id))?;
        match self.progress(saved)? {
            Some(progress) => Err(Error::building(id, progress)),
            None => Ok(saved),
        }
    }

    fn progress(&self, saved: &SavedView) -> Result<Option<ViewProgress>> {
        if saved.built.is_complete() {
            return Ok(None);
        }
        let of = self.count(&convodb_core::Filter::all())?;
        Ok(Some(ViewProgress::new(saved.built.done.min(of), of)))
    }

    fn shown_view(&self, saved: &SavedView) -> Result<View> {
        let mut view = View::clone(&saved.view);
        view.building = self.progress(saved)?;
        Ok(view)
    }

    pub(crate) fn find_view(&self, id: &ViewId) -> Result<Option<View>> {
        let saved = self.known.directory.views.get(id);
        saved.map(|saved| self.shown_view(saved)).transpose()
    }

    pub(crate) fn views(&self) -> Result<Vec<View>> {
        let views = self.known.directory.views.iter();
        views.map(|saved| self.shown_view(saved)).collect()
    }

    /// Each view, with the rows of its list, their bytes, and how far it is built. O(these rows).
    pub(crate) fn sizes_of_views(&self) -> Result<Vec<SizeOfView<'a>>> {
        let views = self.known.directory.views.iter();
        views
            .map(|saved| {
                let stream = saved.stream();
                let rows = self.known.totals.get(&stream)?.rows;
                let mut all = plan::STREAMS.rows(self.rows, &stream, std::ops::Bound::Unbounded)?;
                let bytes = all.try_fold(0, |bytes, row| {
                    let (key, value) = row?;
                    Ok::<_, Error>(bytes + (key.len() + value.len()) as u64)
                })?;
                Ok((saved, rows, bytes, self.progress(saved)?))
            })
            .collect()
    }
}

impl UnitOfWork<'_> {
    /// Builds a part of a view's list, or takes a part of a list away that no view has any longer. At most so
    /// many conversations are read, or rows removed. Answers how many; nothing where there is no work.
    pub(super) fn build_views(
        &mut self,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Option<usize>> {
        if limit == 0 || !self.known.directory.views.has_work() {
            return Ok(None);
        }
        self.flush()?;
        let views = &self.known.directory.views;
        let (change, work) = match views.iter().find(|saved| !saved.built.is_complete()) {
            Some(saved) => {
                let ids = conversations::ids_after(&self.rows, saved.built.through, limit)?;
                let is_last = ids.len() < limit;
                let change = ChangeKind::ViewBuilt {
                    view: saved.view.id.clone(),
                    through: ids.last().copied().filter(|_| !is_last),
                    read: u32::try_from(ids.len()).unwrap_or(u32::MAX),
                };
                (change, ids.len())
            }
            None => {
                let Some(list) = views.removed.first().copied() else {
                    return Ok(None);
                };
                let rows = u32::try_from(limit).unwrap_or(u32::MAX);
                (ChangeKind::ViewRowsRemoved { list, rows }, limit)
            }
        };
        let change = Change {
            at: now,
            actor: None,
            kind: change,
        };
        self.apply(vec![change])?;
        Ok(Some(work.max(1)))
    }

    /// The same for as many views as there is room for.
    pub(super) fn build_at_once(&mut self, now: DateTime<Utc>, limit: usize) -> Result<()> {
        let mut left = limit;
        while let Some(work) = self.build_views(now, left)? {
            left = left.saturating_sub(work);
        }
        Ok(())
    }

    /// The same as work of its own.
    pub(crate) fn build_some(
        &mut self,
        shown: DateTime<Utc>,
        limit: usize,
    ) -> Result<Option<usize>> {
        self.whole(|unit| {
            let now = unit.read_clock(shown);
            unit.build_views(now, limit)
        })
    }

    pub(super) fn write_view(&mut self, change: &ChangeKind) -> Result<()> {
        let rows = &mut self.rows;
        let directory = Arc::make_mut(&mut self.known.directory);
        match change {
            ChangeKind::ViewSaved(view) => directory.views.save(rows, View::clone(view)),
            ChangeKind::ViewRemoved { view } => directory.views.remove(rows, view),
            ChangeKind::ViewBuilt {
                view,
                through,
                read,
            } => self.build_view(view, *through, *read),
            ChangeKind::ViewRowsRemoved { list, rows } => self.remove_rows(*list, *rows),
            _ => Ok(()),
        }
    }

    /// Adds the conversations up to one to the list of a view, or all.
    fn build_view(
        &mut self,
        id: &ViewId,
        through: Option<ConversationId>,
        read: u32,
    ) -> Result<()> {
        let known = self.known.directory.views.get(id).cloned();
        let mut saved =
            known.ok_or_else(|| Error::corrupted("a view is built that is not there"))?;
        let after = saved.built.through;
        saved.built = ViewBuilt {
            through,
            done: saved.built.done + u64::from(read),
            is_complete: through.is_none(),
        };
        let ids = conversations::ids_after(&self.rows, after, read as usize)?;
        let totals = Arc::make_mut(&mut self.known.totals);
        let directory = Arc::make_mut(&mut self.known.directory);
        for id in ids {
            let stored = CONVERSATIONS.get_as(&self.rows, &id, |key, bytes| {
                conversations::decode(directory, key, bytes)
            })?;
            let Some(stored) = stored else {
                continue;
            };
            let numbers = stored.numbers;
            // The entries of a conversation have the owner under which it is stored.
            let value = index_entry::value_in_view(&stored.conversation, numbers);
            let shown = stored.shown(directory)?;
            if let Some(place) = saved.place(&shown) {
                self.index.insert(&mut self.rows, totals, &place, &value)?;
            }
        }
        directory.views.put(&mut self.rows, saved)
    }

    /// Removes the first rows of a list that no view has any longer, and forgets it with the last one.
    fn remove_rows(&mut self, list: u32, limit: u32) -> Result<()> {
        let stream = keys::list_stream(list);
        let totals = Arc::make_mut(&mut self.known.totals);
        let places = plan::STREAMS
            .rows(&self.rows, &stream, std::ops::Bound::Unbounded)?
            .take(limit as usize)
            .map(|row| Ok((stream, *crate::index::position_of(&row?.0)?)));
        let places: Vec<Place> = places.collect::<Result<_>>()?;
        for place in &places {
            self.index.remove(&mut self.rows, totals, place)?;
        }
        if places.len() < limit as usize {
            REMOVED_LISTS.remove(&mut self.rows, &list)?;
            let directory = Arc::make_mut(&mut self.known.directory);
            directory.views.removed.remove(&list);
        }
        Ok(())
    }
}
