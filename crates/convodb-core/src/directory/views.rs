//! The saved views, held in memory beside each snapshot, and where conversations are in their lists.
//!
//! Invariant: a list has the conversations that its view selects, as they are shown, up to the one to which
//! it was built. A view that comes to select others, by another filter or by a removed assignee, gets
//! another list.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::placement::{self, Position};
use super::{Directory, DirectoryEdit, DirectoryKey, DirectoryRow};
use crate::records::{Numbers, ViewBuilt, ViewRecord};
use crate::{AssigneeId, Conversation, View, ViewId};

/// The views of one snapshot.
#[derive(Clone, Debug, Default)]
pub struct Views {
    by_id: BTreeMap<ViewId, SavedView>,
    /// The lists that no view has any longer, whose rows are yet to go.
    removed: BTreeSet<u32>,
    pub(super) edits: Vec<DirectoryEdit>,
}

/// A view, and its list.
#[derive(Clone, Debug)]
pub struct SavedView {
    pub view: Arc<View>,
    /// The number of its list. One whose rows are yet to go is not used again.
    pub list: u32,
    pub built: ViewBuilt,
    /// How many rows of its lists were written since the store was opened.
    writes: Arc<AtomicU64>,
}

impl SavedView {
    /// The list, and where a conversation is in it, as it is shown.
    #[inline]
    pub fn place(&self, shown: &Conversation) -> Option<(u32, Position)> {
        let is_in = self.built.has(shown.id) && self.view.filter.selects(shown);
        is_in.then(|| (self.list, placement::position(self.view.sort, shown)))
    }

    /// Counts a row of the list that is written.
    pub fn count_write(&self) {
        self.writes.fetch_add(1, Ordering::Relaxed);
    }

    pub fn writes(&self) -> u64 {
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
    pub(super) fn insert_row(&mut self, id: ViewId, record: ViewRecord) {
        let saved = SavedView {
            view: Arc::new(record.view),
            list: record.list,
            built: record.built,
            writes: Arc::default(),
        };
        self.by_id.insert(id, saved);
    }

    pub(super) fn insert_removed(&mut self, list: u32) {
        self.removed.insert(list);
    }

    pub fn iter(&self) -> impl Iterator<Item = &SavedView> {
        self.by_id.values()
    }

    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    pub fn get(&self, id: &ViewId) -> Option<&SavedView> {
        self.by_id.get(id)
    }

    /// The view of a list; nothing of one that no view has any longer.
    pub fn of_list(&self, list: u32) -> Option<&SavedView> {
        self.iter().find(|saved| saved.list == list)
    }

    /// Whether rows of a list can be there.
    pub fn has_list(&self, list: u32) -> bool {
        self.removed.contains(&list) || self.of_list(list).is_some()
    }

    /// Whether lists are yet to be built, or their rows to go.
    pub fn has_work(&self) -> bool {
        !self.removed.is_empty() || self.iter().any(|saved| !saved.built.is_complete())
    }

    /// Where a stored conversation is, list by list. In a damaged file one may have an owner that leads
    /// nowhere: it is shown nowhere, and is in none.
    pub fn places(
        &self,
        directory: &Directory,
        stored: &Conversation,
        numbers: Numbers,
    ) -> Vec<(u32, Position)> {
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
    pub fn save(&mut self, view: View) {
        let known = self.by_id.get(&view.id);
        let (list, built, writes) = match known {
            Some(known) if known.view.has_list_of(&view) => {
                (known.list, known.built, Arc::clone(&known.writes))
            }
            Some(known) => {
                let (list, writes) = (known.list, Arc::clone(&known.writes));
                self.remove_list(list);
                (self.next_list(), ViewBuilt::default(), writes)
            }
            None => (self.next_list(), ViewBuilt::default(), Arc::default()),
        };
        self.put(SavedView {
            view: Arc::new(view),
            list,
            built,
            writes,
        });
    }

    /// Puts a view in place of what is known under its id.
    pub fn put(&mut self, saved: SavedView) {
        let record = ViewRecord {
            view: View::clone(&saved.view),
            list: saved.list,
            built: saved.built,
        };
        let id = saved.view.id.clone();
        let row = DirectoryRow::View(id.clone(), Box::new(record));
        self.edits.push(DirectoryEdit::Put(row));
        self.by_id.insert(id, saved);
    }

    /// Keeps the number of a list whose rows are to go.
    pub fn remove_list(&mut self, list: u32) {
        self.removed.insert(list);
        let row = DirectoryRow::RemovedList(list);
        self.edits.push(DirectoryEdit::Put(row));
    }

    /// Removes a view, if it is there. The rows of its list are yet to go.
    pub fn remove(&mut self, id: &ViewId) {
        if let Some(saved) = self.by_id.remove(id) {
            let key = DirectoryKey::View(id.clone());
            self.edits.push(DirectoryEdit::Remove(key));
            self.remove_list(saved.list);
        }
    }

    /// Gives each view another list that selects other conversations now.
    pub fn reassign(&mut self, removed: &AssigneeId, successor: Option<&AssigneeId>) {
        let others = self.iter().filter(|it| it.depends_on(removed, successor));
        let others: Vec<_> = others.cloned().collect();
        for saved in others {
            self.remove_list(saved.list);
            let list = self.next_list();
            let built = ViewBuilt::default();
            self.put(SavedView {
                list,
                built,
                ..saved
            });
        }
    }

    /// Every list is there whole, and no other.
    pub fn rebuilt(&mut self) {
        for saved in self.by_id.clone().into_values() {
            let built = ViewBuilt::complete();
            self.put(SavedView { built, ..saved });
        }
        for list in std::mem::take(&mut self.removed) {
            self.forget_list(list);
        }
    }

    /// The lists that no view has any longer, whose rows are yet to go, ascending.
    pub fn removed(&self) -> impl Iterator<Item = u32> {
        self.removed.iter().copied()
    }

    pub fn first_removed(&self) -> Option<u32> {
        self.removed().next()
    }

    /// Forgets a list of which no row is left.
    pub fn forget_list(&mut self, list: u32) {
        self.removed.remove(&list);
        let key = DirectoryKey::RemovedList(list);
        self.edits.push(DirectoryEdit::Remove(key));
    }
}
