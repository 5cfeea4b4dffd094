//! The lists of saved views: how they are built, part by part, and how large they are.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use convodb_core::directory::views::SavedView;
use convodb_core::records::ViewBuilt;
use convodb_core::{
    Change, ChangeKind, ConversationId, EntityKind, Error, Result, View, ViewId, ViewProgress,
};

use super::kinds::CONVERSATIONS;
use super::{Reader, UnitOfWork, conversations, directory, index_entry, keys, plan};
use crate::index::Place;
use convodb_kv::Read;

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
                let stream = keys::list_stream(saved.list);
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
                let Some(list) = views.first_removed() else {
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
        let (known, rows) = (&mut self.known.directory, &mut self.rows);
        match change {
            ChangeKind::ViewSaved(view) => directory::change(known, rows, |directory| {
                directory.views.save(View::clone(view));
                Ok(())
            }),
            ChangeKind::ViewRemoved { view } => directory::change(known, rows, |directory| {
                directory.views.remove(view);
                Ok(())
            }),
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
        let directory = &self.known.directory;
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
            if let Some(place) = saved.place(&shown).map(plan::in_list) {
                self.index.insert(&mut self.rows, totals, &place, &value)?;
            }
        }
        directory::change(&mut self.known.directory, &mut self.rows, |directory| {
            directory.views.put(saved);
            Ok(())
        })
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
            directory::change(&mut self.known.directory, &mut self.rows, |directory| {
                directory.views.forget_list(list);
                Ok(())
            })?;
        }
        Ok(())
    }
}
