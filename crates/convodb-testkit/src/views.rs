//! Saved views in the model: which conversations each has follows from its filter alone, beside how far
//! the store has built its list.

use convodb::{
    AssigneeId, Conversation, ConversationId, EntityKind, Error, ErrorKind, Sort, View, ViewId,
    ViewProgress,
};

use super::model::Model;
use super::op::Who;
use super::plan::is_blank;
use super::probe::FilterPlan;
use super::rules::refused_if;
use super::verdict::{Expected, Refusal};

/// So many views are named.
pub const VIEWS: u8 = 4;

/// So many a store takes.
pub const MOST_VIEWS: u64 = 3;

/// Every order of a view.
pub const SORTS: [Sort; 7] = [
    Sort::LatestActivity,
    Sort::EarliestActivity,
    Sort::LongestWaiting,
    Sort::Newest,
    Sort::Oldest,
    Sort::DueSoonest,
    Sort::Priority,
];

pub fn view_id(number: u8) -> ViewId {
    ViewId::new(&format!("view_{number}")).unwrap()
}

/// A view as it is saved.
#[derive(Clone, Debug)]
pub struct ViewPlan {
    pub name: String,
    pub filter: FilterPlan,
    pub sort: Sort,
}

impl ViewPlan {
    fn has_list_of(&self, other: &Self) -> bool {
        self.filter.filter() == other.filter.filter() && self.sort == other.sort
    }

    /// Whether it selects others when the conversations of one become another one's.
    fn depends_on(&self, removed: &AssigneeId, successor: Option<&AssigneeId>) -> bool {
        let names = |id: &AssigneeId| {
            let mut all = Who::all().filter(|who| who.id() == *id);
            all.any(|who| self.filter.names(who))
        };
        let by_successor = match successor {
            Some(successor) => names(successor),
            None => self.filter.unassigned,
        };
        names(removed) || by_successor
    }
}

#[derive(Clone, Debug)]
struct Saved {
    id: ViewId,
    plan: ViewPlan,
    /// The number of its list. Lists are taken away in the order of their numbers.
    list: u32,
    /// The list has the conversations up to this one.
    through: Option<ConversationId>,
    /// So many were looked at.
    done: u64,
    is_complete: bool,
}

/// The views of a store.
#[derive(Clone, Debug, Default)]
pub struct Views {
    /// By their ids.
    saved: Vec<Saved>,
    /// Lists that no view has any longer, by their numbers, with their rows.
    removed: Vec<(u32, u64)>,
}

impl Views {
    fn next_list(&self) -> u32 {
        let lists = self.saved.iter().map(|saved| saved.list);
        let removed = self.removed.iter().map(|(list, _)| *list);
        lists.chain(removed).max().map_or(1, |newest| newest + 1)
    }

    fn find(&self, id: &ViewId) -> Option<&Saved> {
        self.saved.iter().find(|saved| saved.id == *id)
    }

    /// Whether lists are yet to be built, or to be taken away.
    pub fn have_work(&self) -> bool {
        !self.removed.is_empty() || self.saved.iter().any(|saved| !saved.is_complete)
    }

    /// Every list is built anew, and no other is there.
    pub fn rebuild(&mut self) {
        self.removed.clear();
        for saved in &mut self.saved {
            (saved.through, saved.done, saved.is_complete) = (None, 0, true);
        }
    }
}

impl Model {
    fn progress(&self, saved: &Saved) -> Option<ViewProgress> {
        let of = self.entries.len() as u64;
        (!saved.is_complete).then(|| ViewProgress::new(saved.done.min(of), of))
    }

    fn shown_view(&self, saved: &Saved) -> View {
        let ViewPlan { name, filter, sort } = &saved.plan;
        let mut view = View::new(saved.id.clone(), name, filter.filter(), *sort);
        view.building = self.progress(saved);
        view
    }

    pub fn view(&self, id: &ViewId) -> Option<View> {
        self.views.find(id).map(|saved| self.shown_view(saved))
    }

    /// By their ids.
    pub fn shown_views(&self) -> Vec<View> {
        let views = self.views.saved.iter();
        views.map(|saved| self.shown_view(saved)).collect()
    }

    fn rows_of(&self, plan: &ViewPlan) -> Vec<Conversation> {
        self.list(plan.sort, |entry| plan.filter.selects(self, entry))
    }

    /// The rows of a view's list and their order, whether it is built or not.
    pub fn list_of_view(&self, id: &ViewId) -> Option<(Vec<Conversation>, Sort)> {
        let plan = &self.views.find(id)?.plan;
        Some((self.rows_of(plan), plan.sort))
    }

    /// Why a list of a view is refused, if it is.
    pub fn refused_list(&self, id: &ViewId) -> Option<Error> {
        let Some(saved) = self.views.find(id) else {
            return Some(Error::not_found(EntityKind::View, id));
        };
        let progress = self.progress(saved)?;
        Some(Error::building(id, progress))
    }

    pub fn refused_view(&self, id: &ViewId, plan: &ViewPlan) -> Vec<Refusal> {
        let bad_name = is_blank(&plan.name) || plan.name.len() > 256;
        let is_full = self.views.saved.len() as u64 >= MOST_VIEWS;
        let is_one_more = self.views.find(id).is_none() && is_full;
        let mut refusals = plan.filter.refused_as_view(self);
        refusals.extend(refused_if(bad_name, Refusal::invalid("name")));
        refusals.extend(refused_if(is_one_more, Refusal::invalid("view_id")));
        refusals
    }

    pub fn save_view(&mut self, id: &ViewId, plan: ViewPlan) -> Expected<View> {
        let place = self.views.saved.iter().position(|saved| saved.id == *id);
        let mut changed = true;
        match place.map(|place| self.views.saved[place].clone()) {
            Some(known) if known.plan.has_list_of(&plan) => {
                changed = known.plan.name != plan.name;
                let saved = &mut self.views.saved[place.expect("it was found")];
                saved.plan.name = plan.name;
            }
            known => {
                if let Some(known) = known {
                    self.remove_list(&known);
                    self.views.saved.retain(|saved| saved.id != *id);
                }
                let list = self.views.next_list();
                self.views.saved.push(Saved {
                    id: id.clone(),
                    plan,
                    list,
                    through: None,
                    done: 0,
                    is_complete: false,
                });
                self.views.saved.sort_by(|one, other| one.id.cmp(&other.id));
            }
        }
        self.touched |= changed;
        Expected {
            created: place.is_none(),
            ..Expected::plain(self.view(id).expect("it was saved"), changed)
        }
    }

    pub fn refused_view_removal(&self, id: &ViewId) -> Option<Refusal> {
        refused_if(
            self.views.find(id).is_none(),
            Refusal::of(ErrorKind::NotFound),
        )
    }

    pub fn remove_view(&mut self, id: &ViewId) -> Expected<()> {
        let known = self.views.find(id).cloned().expect("it is there");
        self.remove_list(&known);
        self.views.saved.retain(|saved| saved.id != *id);
        self.touched = true;
        Expected::plain((), true)
    }

    /// A list stays until it is taken away, as it was.
    fn remove_list(&mut self, of: &Saved) {
        let is_built = |row: &&Conversation| of.is_complete || Some(row.id) <= of.through;
        let rows = self.rows_of(&of.plan);
        let rows = rows.iter().filter(is_built).count() as u64;
        self.views.removed.push((of.list, rows));
        self.views.removed.sort_unstable();
    }

    /// An assignee is about to be removed: what selects others then is built anew.
    pub fn reassign_views(&mut self, removed: &AssigneeId, successor: Option<&AssigneeId>) {
        for place in 0..self.views.saved.len() {
            let known = self.views.saved[place].clone();
            if !known.plan.depends_on(removed, successor) {
                continue;
            }
            self.remove_list(&known);
            let list = self.views.next_list();
            let saved = &mut self.views.saved[place];
            saved.list = list;
            (saved.through, saved.done, saved.is_complete) = (None, 0, false);
        }
    }

    /// The store looks at so many conversations more for the first view that is not built, or takes so
    /// many rows of a list away.
    pub fn build_views(&mut self, limit: u8) {
        if limit == 0 || !self.views.have_work() {
            return;
        }
        self.touched = true;
        let limit = usize::from(limit);
        let mut ids: Vec<_> = self.entries.iter().map(|entry| entry.id).collect();
        ids.sort_unstable();
        let mut saved = self.views.saved.iter_mut();
        if let Some(saved) = saved.find(|saved| !saved.is_complete) {
            let left = ids.into_iter().filter(|id| Some(*id) > saved.through);
            let looked_at: Vec<_> = left.take(limit).collect();
            saved.done += looked_at.len() as u64;
            saved.is_complete = looked_at.len() < limit;
            saved.through = looked_at.last().copied().filter(|_| !saved.is_complete);
            return;
        }
        let (_, rows) = &mut self.views.removed[0];
        if *rows < limit as u64 {
            self.views.removed.remove(0);
        } else {
            *rows -= limit as u64;
        }
    }
}
