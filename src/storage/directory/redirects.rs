//! Redirects: where the conversations of removed users and teams belong.
//!
//! Invariant: a redirect leads to an owner that is present, or to no assignee, in one step: a removal
//! extends those that led to the removed one. It is kept exactly while conversations are stored
//! under its number, and none ever is anew.

use std::sync::Arc;

use convodb_core::records::{RedirectRecord, RedirectStep};
use convodb_core::{AssigneeId, Error, Result};

use super::Directory;
use crate::kv::WriteTables;
use crate::storage::kinds::{DIRECTORY, REDIRECTS};

/// More reassignments than that on one way are not written: their record would not end.
const MOST_STEPS: usize = 1_000;

impl Directory {
    pub(in crate::storage) fn has_redirects(&self) -> bool {
        !self.redirects.is_empty()
    }

    pub(in crate::storage) fn is_redirected(&self, owner: u32) -> bool {
        self.redirects.contains_key(&owner)
    }

    /// The numbers of removed owners, ascending.
    pub(in crate::storage) fn redirected(&self) -> impl Iterator<Item = u32> {
        self.redirects.keys().copied()
    }

    /// Whether a redirect leads to an owner that is present, or to no assignee. An owner that is
    /// present itself is a damaged file's.
    pub(in crate::storage) fn leads_somewhere(&self, owner: u32) -> bool {
        self.present(owner).is_none() && self.is_redirected(owner) && self.assignee(owner).is_ok()
    }

    /// The numbers that lead to an owner, ascending. O(redirects).
    pub(in crate::storage) fn redirected_to(&self, owner: u32) -> impl Iterator<Item = u32> {
        let leads = move |redirect: &RedirectRecord| {
            redirect
                .steps
                .last()
                .is_some_and(|step| step.owner == owner)
        };
        let redirects = self.redirects.iter();
        redirects.filter_map(move |(from, redirect)| leads(redirect).then_some(*from))
    }

    /// The reassignments of what is stored under a number, in their order.
    pub(in crate::storage) fn steps(&self, owner: u32) -> Vec<RedirectStep> {
        let redirect = self.redirects.get(&owner);
        redirect.map_or_else(Vec::new, |redirect| redirect.steps.clone())
    }

    /// Takes a user or team out of the directory; what is stored under its number belongs where the
    /// step leads. Answers the number. O(redirects that lead to it).
    pub(in crate::storage) fn remove(
        &mut self,
        rows: &mut WriteTables<'_>,
        id: &AssigneeId,
        step: &RedirectStep,
    ) -> Result<u32> {
        let owner = self.owner_of(Some(id))?;
        DIRECTORY.remove(rows, id)?;
        self.by_id.remove(id);
        if let Some(slot) = self.owners.get_mut(owner as usize) {
            *slot = None;
        }
        let mut redirects: Vec<_> = self.redirected_to(owner).collect();
        redirects.push(owner);
        for from in redirects {
            let mut record = match self.redirects.get(&from) {
                Some(known) => RedirectRecord::clone(known),
                None => RedirectRecord {
                    removed: id.clone(),
                    steps: Vec::new(),
                },
            };
            if record.steps.len() >= MOST_STEPS {
                return Err(Error::corrupted(format!(
                    "the conversations of `{}` were reassigned {MOST_STEPS} times before they were \
                     stored so",
                    record.removed
                )));
            }
            record.steps.push(step.clone());
            REDIRECTS.put(rows, &from, &record)?;
            self.redirects.insert(from, Arc::new(record));
        }
        Ok(owner)
    }

    /// Forgets a redirect under whose number nothing is stored any longer.
    pub(in crate::storage) fn forget(
        &mut self,
        rows: &mut WriteTables<'_>,
        owner: u32,
    ) -> Result<()> {
        self.redirects.remove(&owner);
        REDIRECTS.remove(rows, &owner)
    }
}
