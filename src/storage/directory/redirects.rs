//! Redirects: where the conversations of removed users and teams belong.
//!
//! Invariant: a redirect leads to an owner that is present, or to no assignee, in one step: a removal
//! extends those that led to the removed one. It is kept exactly while conversations are stored
//! under its number, and none ever is anew.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use convodb_core::records::{RedirectRecord, RedirectStep};
use convodb_core::{Actor, AssigneeId, Error, Result};

use super::{Directory, Owner};
use crate::kv::WriteTables;
use crate::storage::Resident;
use crate::storage::kinds::{DIRECTORY, REDIRECTS};

/// More reassignments than that on one way are not written: their record would not end.
const MOST_STEPS: usize = 1_000;

/// The removal of a user or team.
#[derive(Clone, Debug)]
pub(in crate::storage) struct Removal {
    pub(in crate::storage) successor: Option<AssigneeId>,
    pub(in crate::storage) at: DateTime<Utc>,
    pub(in crate::storage) actor: Option<Actor>,
}

impl Directory {
    pub(super) fn set_redirect(&mut self, owner: u32, record: RedirectRecord) {
        let record = Arc::new(record);
        // An owner that is present too is a damaged file's, and `verify` reports it.
        if !matches!(self.owner(owner), Owner::Present(_)) {
            self.set(owner, Owner::Removed(Arc::clone(&record)));
        }
        self.redirects.insert(owner, record);
    }

    /// The number that a redirect leads to.
    pub(super) fn successor(&self, redirect: &RedirectRecord) -> Result<u32> {
        let last = redirect.steps.last();
        last.map(|step| step.owner)
            .ok_or_else(|| Error::corrupted("a redirect leads nowhere"))
    }

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

    /// Whether a redirect leads to an owner that is present, or to no assignee.
    pub(in crate::storage) fn leads_somewhere(&self, owner: u32) -> bool {
        let is_removed = matches!(self.owner(owner), Owner::Removed(_));
        is_removed && self.assignee(owner).is_ok()
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

    /// Takes a user or team out of the directory; what is stored under its number is the
    /// successor's. Answers the number. O(redirects that lead to it).
    pub(in crate::storage) fn remove(
        &mut self,
        rows: &mut WriteTables<'_>,
        id: &AssigneeId,
        removal: Removal,
    ) -> Result<u32> {
        let owner = self.owner_of(Some(id))?;
        let step = RedirectStep {
            owner: self.owner_of(removal.successor.as_ref())?,
            successor: removal.successor,
            at: removal.at,
            actor: removal.actor,
        };
        DIRECTORY.remove(rows, id)?;
        self.by_id.remove(id);
        self.set(owner, Owner::Unknown);
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
            self.set_redirect(from, record);
        }
        Ok(owner)
    }

    fn forget(&mut self, rows: &mut WriteTables<'_>, owner: u32) -> Result<()> {
        REDIRECTS.remove(rows, &owner)?;
        self.redirects.remove(&owner);
        if matches!(self.owner(owner), Owner::Removed(_)) {
            self.set(owner, Owner::Unknown);
        }
        Ok(())
    }
}

/// Forgets those of these redirects under whose numbers nothing is stored any longer.
pub(in crate::storage) fn forget_drained(
    rows: &mut WriteTables<'_>,
    known: &mut Resident,
    owners: BTreeSet<u32>,
) -> Result<()> {
    for owner in owners {
        if known.directory.is_redirected(owner) && known.totals.of_bucket(owner)? == 0 {
            Arc::make_mut(&mut known.directory).forget(rows, owner)?;
        }
    }
    Ok(())
}
