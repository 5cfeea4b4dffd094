//! Users and teams, held in memory beside each snapshot: reading a page reads no name from the file.

mod redirects;

use std::collections::BTreeMap;
use std::sync::Arc;

use convodb_core::records::{AssigneeRecord, RedirectRecord};
use convodb_core::{Assignee, AssigneeId, Conversation, Error, Result, Revision};

use super::kinds::{DIRECTORY, REDIRECTS};
use super::{Head, keys};
use crate::kv::{Read, WriteTables};

/// The users and teams of one snapshot. A conversation and its index entries name their assignee by
/// the number of its *owner*, which is never used twice: a rename writes one row of the file.
///
/// A removed assignee leaves a *redirect* behind for as long as conversations are stored under its
/// number. It leads to the present successor at once, with every reassignment on the way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Directory {
    by_id: BTreeMap<AssigneeId, u32>,
    /// Those that are present, by their numbers: a page looks one up for each row.
    owners: Vec<Option<Assignee>>,
    redirects: BTreeMap<u32, Arc<RedirectRecord>>,
}

impl Directory {
    /// O(users and teams + redirects).
    pub(super) fn read(rows: &impl Read, next_owner: u32) -> Result<Self> {
        let mut directory = Self::default();
        let possible = keys::UNASSIGNED + 1..next_owner;
        let check = |owner: u32| match possible.contains(&owner) {
            true => Ok(owner),
            false => Err(Error::corrupted(format!(
                "{owner} is no number of an owner"
            ))),
        };
        for row in DIRECTORY.all(rows)? {
            let (id, record) = row?;
            directory.insert(check(record.owner)?, Assignee::new(id, &record.name));
        }
        for row in REDIRECTS.all(rows)? {
            let (owner, record) = row?;
            directory.redirects.insert(check(owner)?, Arc::new(record));
        }
        Ok(directory)
    }

    fn insert(&mut self, owner: u32, assignee: Assignee) {
        self.by_id.insert(assignee.id.clone(), owner);
        let index = owner as usize;
        if self.owners.len() <= index {
            self.owners.resize(index + 1, None);
        }
        if let Some(slot) = self.owners.get_mut(index) {
            *slot = Some(assignee);
        }
    }

    fn present(&self, number: u32) -> Option<&Assignee> {
        self.owners.get(number as usize)?.as_ref()
    }

    /// Users first, then teams, each by their ids.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Assignee> {
        self.by_id.values().filter_map(|owner| self.present(*owner))
    }

    pub(crate) fn get(&self, id: &AssigneeId) -> Option<&Assignee> {
        self.present(*self.by_id.get(id)?)
    }

    /// The number of a user or team.
    pub(super) fn number(&self, id: &AssigneeId) -> Option<u32> {
        self.by_id.get(id).copied()
    }

    /// The number under which the conversations of an assignee are stored, or the unassigned ones.
    pub(super) fn owner_of(&self, assignee: Option<&AssigneeId>) -> Result<u32> {
        match assignee {
            None => Ok(keys::UNASSIGNED),
            Some(id) => self
                .number(id)
                .ok_or_else(|| Error::corrupted(format!("`{id}` is not in the directory"))),
        }
    }

    /// The assignee of what is stored under a number, and how often it was reassigned since.
    /// O(log redirects) where it was.
    pub(super) fn assignee(&self, number: u32) -> Result<(Option<&Assignee>, u64)> {
        if number == keys::UNASSIGNED {
            return Ok((None, 0));
        }
        if let Some(assignee) = self.present(number) {
            return Ok((Some(assignee), 0));
        }
        let redirect = self.redirects.get(&number).ok_or_else(|| unknown(number))?;
        let steps = redirect.steps.len() as u64;
        match redirect.steps.last().map(|step| step.owner) {
            None => Err(Error::corrupted("a redirect leads nowhere")),
            Some(keys::UNASSIGNED) => Ok((None, steps)),
            Some(successor) => match self.present(successor) {
                Some(assignee) => Ok((Some(assignee), steps)),
                None => Err(unknown(successor)),
            },
        }
    }

    /// Shows a conversation that is stored under a number as its present assignee's.
    pub(super) fn redirect(&self, number: u32, conversation: &mut Conversation) -> Result<()> {
        if self.redirects.contains_key(&number) {
            let (assignee, steps) = self.assignee(number)?;
            conversation.assigned_to = assignee.cloned();
            conversation.revision = Revision::new(conversation.revision.get() + steps);
        }
        Ok(())
    }

    /// The assignee that a number was given to, removed or not.
    pub(super) fn stored_assignee(&self, number: u32) -> Result<Option<Assignee>> {
        if number == keys::UNASSIGNED {
            return Ok(None);
        }
        let removed = || {
            let redirect = self.redirects.get(&number)?;
            Some(Assignee::new(&redirect.removed, ""))
        };
        let known = self.present(number).cloned().or_else(removed);
        known.ok_or_else(|| unknown(number)).map(Some)
    }

    /// Adds a user or team, or renames it.
    pub(super) fn save(
        &mut self,
        rows: &mut WriteTables<'_>,
        head: &mut Head,
        assignee: Assignee,
    ) -> Result<()> {
        let owner = match self.number(&assignee.id) {
            Some(owner) => owner,
            None => head.take_owner()?,
        };
        let record = AssigneeRecord {
            owner,
            name: assignee.name.to_string(),
        };
        DIRECTORY.put(rows, &assignee.id, &record)?;
        self.insert(owner, assignee);
        Ok(())
    }
}

fn unknown(number: u32) -> Error {
    Error::corrupted(format!("the owner {number} is not in the directory"))
}
