//! Users, teams, inboxes and views, held in memory beside each snapshot: reading a page reads no name from
//! the backend. A change of the directory keeps what the backend is to write, until it is taken.
//!
//! Invariant: a redirect leads to an owner that is present, or to no assignee, in one step: a
//! removal extends those that led to the removed one. It is kept exactly while conversations are
//! stored under its number, and none ever is anew.

pub mod inboxes;
pub mod placement;
pub mod views;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::codec::CodecError;
use crate::records::{
    AssigneeRecord, ConversationRecord, InboxRecord, Numbers, RedirectRecord, RedirectStep,
    ViewRecord,
};
use crate::{
    Assignee, AssigneeId, Conversation, ConversationId, Error, InboxId, Result, Revision, Team,
    TeamId, UserId, ViewId,
};

use inboxes::Inboxes;
use views::Views;

/// The number of the owner of unassigned conversations.
pub const UNASSIGNED: u32 = 0;

/// More reassignments than that on one way are not written: their record would not end.
const MOST_STEPS: usize = 1_000;

/// A row that a backend stores of the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirectoryRow {
    Assignee(AssigneeId, AssigneeRecord),
    /// By the number of a removed owner.
    Redirect(u32, RedirectRecord),
    /// The numbers of a removed team and of the one that took over its queue; 0 where none did.
    RemovedTeam(u32, u32),
    Inbox(InboxId, InboxRecord),
    View(ViewId, Box<ViewRecord>),
    /// The number of a list that no view has any longer.
    RemovedList(u32),
}

/// What such a row is stored under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirectoryKey {
    Assignee(AssigneeId),
    Redirect(u32),
    RemovedTeam(u32),
    Inbox(InboxId),
    View(ViewId),
    RemovedList(u32),
}

/// What a change of the directory writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirectoryEdit {
    /// A new row, or one in place of another.
    Put(DirectoryRow),
    Remove(DirectoryKey),
}

/// A conversation as it is stored. Where its owner was removed, the assignee is the one that was
/// removed.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    pub conversation: Conversation,
    pub numbers: Numbers,
}

impl Stored {
    /// As reads and commands see it: with the successor of a removed assignee.
    #[inline]
    pub fn shown(mut self, directory: &Directory) -> Result<Conversation> {
        directory.redirect(self.numbers.owner, &mut self.conversation)?;
        Ok(self.conversation)
    }
}

/// Why a record is that of no conversation.
#[derive(Debug, thiserror::Error)]
pub enum Undecodable {
    /// Its assignee or team is not in the directory.
    #[error(transparent)]
    Owner(Error),
    #[error("has an unknown inbox")]
    Inbox,
    #[error("cannot be decoded")]
    Record(#[source] CodecError),
}

impl From<Undecodable> for Error {
    fn from(undecodable: Undecodable) -> Self {
        match undecodable {
            Undecodable::Owner(error) => error,
            Undecodable::Inbox => Self::corrupted("a conversation has an unknown inbox"),
            Undecodable::Record(error) => {
                Self::corrupted("a conversation cannot be decoded").with_source(error)
            }
        }
    }
}

/// The users, teams and inboxes of one snapshot. A conversation and its index entries name their assignee by
/// the number of its *owner*, which is never used twice: a rename writes one row of the file.
///
/// A removed assignee leaves a *redirect* behind for as long as conversations are stored under its
/// number. It leads to the present successor at once, with every reassignment on the way.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    by_id: BTreeMap<AssigneeId, u32>,
    /// Those that are present, by their numbers: a page looks one up for each row.
    owners: Vec<Option<Assignee>>,
    /// The members of each team that has any, by their ids.
    members: BTreeMap<TeamId, Arc<[UserId]>>,
    redirects: BTreeMap<u32, Arc<RedirectRecord>>,
    pub inboxes: Inboxes,
    pub views: Views,
    /// The teams that took over the queues of removed ones, by the numbers of both; 0 where none did.
    removed_teams: BTreeMap<u32, u32>,
    /// What its changes write, but those of inboxes and views, until it is taken.
    edits: Vec<DirectoryEdit>,
}

impl Directory {
    /// The directory of all its rows, in any order. O(rows).
    pub fn from_rows(
        rows: impl IntoIterator<Item = DirectoryRow>,
        next_owner: u32,
    ) -> Result<Self> {
        let (mut directory, mut inboxes) = (Self::default(), Vec::new());
        let possible = UNASSIGNED + 1..next_owner;
        let check = |owner: u32| match possible.contains(&owner) {
            true => Ok(owner),
            false => Err(Error::corrupted(format!(
                "{owner} is no number of an owner"
            ))),
        };
        for row in rows {
            match row {
                DirectoryRow::Assignee(id, record) => {
                    let owner = check(record.owner)?;
                    directory.insert_record(owner, id, &record)?;
                }
                DirectoryRow::Redirect(owner, record) => {
                    directory.redirects.insert(check(owner)?, Arc::new(record));
                }
                DirectoryRow::RemovedTeam(team, successor) => {
                    directory.removed_teams.insert(check(team)?, successor);
                }
                DirectoryRow::Inbox(id, record) => inboxes.push((id, record)),
                DirectoryRow::View(id, record) => directory.views.insert_row(id, *record),
                DirectoryRow::RemovedList(list) => directory.views.insert_removed(list),
            }
        }
        directory.inboxes = Inboxes::from_rows(inboxes)?;
        Ok(directory)
    }

    /// Takes what the changes since the last call write, in their order: those of users and teams, then
    /// those of inboxes, then those of views. No two of these are of the same rows.
    pub fn take_edits(&mut self) -> Vec<DirectoryEdit> {
        let mut edits = std::mem::take(&mut self.edits);
        edits.append(&mut self.inboxes.edits);
        edits.append(&mut self.views.edits);
        edits
    }

    fn put(&mut self, row: DirectoryRow) {
        self.edits.push(DirectoryEdit::Put(row));
    }

    fn insert_record(&mut self, owner: u32, id: AssigneeId, record: &AssigneeRecord) -> Result<()> {
        match &id {
            AssigneeId::Team(team) => self.set_members(team, &record.members),
            AssigneeId::User(_) if record.members.is_empty() => {}
            AssigneeId::User(_) => {
                return Err(Error::corrupted(format!("the user `{id}` has members")));
            }
        }
        self.insert(owner, Assignee::new(id, &record.name));
        Ok(())
    }

    fn insert(&mut self, owner: u32, assignee: Assignee) {
        self.by_id.insert(assignee.id.clone(), owner);
        let index = owner as usize;
        self.owners.resize(self.owners.len().max(index + 1), None);
        if let Some(slot) = self.owners.get_mut(index) {
            *slot = Some(assignee);
        }
    }

    fn set_members(&mut self, team: &TeamId, members: &[UserId]) {
        match members.is_empty() {
            true => self.members.remove(team),
            false => self.members.insert(team.clone(), members.into()),
        };
    }

    #[inline]
    fn present(&self, number: u32) -> Option<&Assignee> {
        self.owners.get(number as usize)?.as_ref()
    }

    /// Users first, then teams, each by their ids.
    pub fn iter(&self) -> impl Iterator<Item = &Assignee> {
        self.by_id.values().filter_map(|owner| self.present(*owner))
    }

    pub fn get(&self, id: &AssigneeId) -> Option<&Assignee> {
        self.present(*self.by_id.get(id)?)
    }

    /// The members of a team, by their ids: none where there is no such team.
    pub fn members_of(&self, team: &TeamId) -> &[UserId] {
        self.members.get(team).map_or(&[], |members| members)
    }

    /// Whether members are users that are present, each once, by their ids, and not too many.
    pub fn are_members(&self, members: &[UserId]) -> bool {
        members.len() <= Team::MAX_MEMBERS
            && members.is_sorted_by(|one, next| one < next)
            && members.iter().all(|id| self.by_id.contains_key(&id.into()))
    }

    /// The number of a user or team.
    #[inline]
    pub fn number(&self, id: &AssigneeId) -> Option<u32> {
        self.by_id.get(id).copied()
    }

    /// The number under which the conversations of an assignee are stored, or the unassigned ones.
    #[inline]
    pub fn owner_of(&self, assignee: Option<&AssigneeId>) -> Result<u32> {
        match assignee {
            None => Ok(UNASSIGNED),
            Some(id) => self
                .number(id)
                .ok_or_else(|| Error::corrupted(format!("`{id}` is not in the directory"))),
        }
    }

    /// The numbers of a conversation that is to be stored.
    pub fn numbers_of(&self, conversation: &Conversation) -> Result<Numbers> {
        Ok(Numbers {
            inbox: self.inboxes.number_of(conversation)?,
            owner: self.owner_of(conversation.assignee_id())?,
            team: self.team_of(conversation)?,
        })
    }

    /// A conversation as the lists of views have it, and its numbers. Where it is still stored under a removed owner, these
    /// have that owner, and it is shown with the successor.
    pub fn stored(
        &self,
        mut known: Conversation,
        removed: Option<u32>,
    ) -> Result<(Conversation, Numbers)> {
        let Some(owner) = removed else {
            let numbers = self.numbers_of(&known)?;
            return Ok((known, numbers));
        };
        let numbers = Numbers {
            inbox: self.inboxes.number_of(&known)?,
            owner,
            team: self.team_of(&known)?,
        };
        self.redirect(owner, &mut known)?;
        Ok((known, numbers))
    }

    /// The number of the team whose queue a conversation is in.
    pub fn team_of(&self, conversation: &Conversation) -> Result<u32> {
        let attributes = conversation.attributes.as_ref();
        self.owner_of(attributes.and_then(|it| it.team.as_ref()).map(|it| &it.id))
    }

    /// The team that has the queue of a number now.
    pub fn team(&self, mut number: u32) -> Result<Option<&Assignee>> {
        // None comes twice, unless the file is damaged.
        for _ in 0..self.removed_teams.len() {
            match self.removed_teams.get(&number) {
                Some(successor) => number = *successor,
                None => break,
            }
        }
        match number {
            UNASSIGNED => Ok(None),
            number => self
                .present(number)
                .ok_or_else(|| unknown(number))
                .map(Some),
        }
    }

    /// The assignee of what is stored under a number, and how often it was reassigned since.
    /// O(log redirects) where it was.
    #[inline]
    pub fn assignee(&self, number: u32) -> Result<(Option<&Assignee>, u64)> {
        if number == UNASSIGNED {
            return Ok((None, 0));
        }
        if let Some(assignee) = self.present(number) {
            return Ok((Some(assignee), 0));
        }
        let redirect = self.redirects.get(&number).ok_or_else(|| unknown(number))?;
        let steps = redirect.steps.len() as u64;
        match redirect.steps.last().map(|step| step.owner) {
            None => Err(Error::corrupted("a redirect leads nowhere")),
            Some(UNASSIGNED) => Ok((None, steps)),
            Some(successor) => match self.present(successor) {
                Some(assignee) => Ok((Some(assignee), steps)),
                None => Err(unknown(successor)),
            },
        }
    }

    /// Shows a conversation that is stored under a number as its present assignee's.
    #[inline]
    pub fn redirect(&self, number: u32, conversation: &mut Conversation) -> Result<()> {
        if self.redirects.contains_key(&number) {
            let (assignee, steps) = self.assignee(number)?;
            conversation.assigned_to = assignee.cloned();
            conversation.revision = Revision::new(conversation.revision.get() + steps);
        }
        Ok(())
    }

    /// The assignee that a number was given to, removed or not.
    pub fn stored_assignee(&self, number: u32) -> Result<Option<Assignee>> {
        if number == UNASSIGNED {
            return Ok(None);
        }
        let removed = || {
            let redirect = self.redirects.get(&number)?;
            Some(Assignee::new(&redirect.removed, ""))
        };
        let known = self.present(number).cloned().or_else(removed);
        known.ok_or_else(|| unknown(number)).map(Some)
    }

    /// Adds a user or team, or renames it. A new one takes the next number.
    pub fn save(&mut self, next_owner: &mut u32, assignee: Assignee) -> Result<()> {
        let owner = match self.number(&assignee.id) {
            Some(owner) => owner,
            None => take_owner(next_owner)?,
        };
        let id = assignee.id.clone();
        self.insert(owner, assignee);
        self.write(&id)
    }

    /// Gives a team other members.
    pub fn save_members(&mut self, team: &TeamId, members: &[UserId]) -> Result<()> {
        self.set_members(team, members);
        self.write(&team.into())
    }

    /// Writes the record of a user or team.
    fn write(&mut self, id: &AssigneeId) -> Result<()> {
        let owner = self.owner_of(Some(id))?;
        let assignee = self.present(owner).ok_or_else(|| unknown(owner))?;
        let members = id.as_team().map_or(&[][..], |team| self.members_of(team));
        let record = AssigneeRecord {
            owner,
            name: assignee.name.to_string(),
            members: members.to_vec(),
        };
        self.put(DirectoryRow::Assignee(id.clone(), record));
        Ok(())
    }

    /// Takes a user out of the teams. O(teams that have members).
    fn leave_teams(&mut self, user: &UserId) -> Result<()> {
        let is_in = |members: &Arc<[UserId]>| members.contains(user);
        let teams = self.members.iter().filter(|(_, members)| is_in(members));
        let teams: Vec<TeamId> = teams.map(|(team, _)| team.clone()).collect();
        for team in teams {
            let mut members = self.members_of(&team).to_vec();
            members.retain(|member| member != user);
            self.save_members(&team, &members)?;
        }
        Ok(())
    }

    /// Takes out of each team what is no member.
    pub fn repair_members(&mut self) -> Result<()> {
        let flawed = self.members.iter();
        let flawed = flawed.filter(|(_, members)| !self.are_members(members));
        let flawed: Vec<_> = flawed
            .map(|(team, members)| (team.clone(), members.to_vec()))
            .collect();
        for (team, mut members) in flawed {
            members.retain(|id| self.by_id.contains_key(&id.into()));
            members.sort_unstable();
            members.dedup();
            members.truncate(Team::MAX_MEMBERS);
            self.save_members(&team, &members)?;
        }
        Ok(())
    }

    pub fn has_redirects(&self) -> bool {
        !self.redirects.is_empty()
    }

    pub fn is_redirected(&self, owner: u32) -> bool {
        self.redirects.contains_key(&owner)
    }

    /// The numbers of removed owners, ascending.
    pub fn redirected(&self) -> impl Iterator<Item = u32> {
        self.redirects.keys().copied()
    }

    /// Whether a redirect leads to an owner that is present, or to no assignee. An owner that is
    /// present itself is a damaged file's.
    pub fn leads_somewhere(&self, owner: u32) -> bool {
        self.present(owner).is_none() && self.is_redirected(owner) && self.assignee(owner).is_ok()
    }

    /// The numbers that lead to an owner, ascending. O(redirects).
    pub fn redirected_to(&self, owner: u32) -> impl Iterator<Item = u32> {
        let leads = move |redirect: &RedirectRecord| {
            let last = redirect.steps.last();
            last.is_some_and(|step| step.owner == owner)
        };
        let redirects = self.redirects.iter();
        redirects.filter_map(move |(from, redirect)| leads(redirect).then_some(*from))
    }

    /// The reassignments of what is stored under a number, in their order.
    pub fn steps(&self, owner: u32) -> Vec<RedirectStep> {
        let redirect = self.redirects.get(&owner);
        redirect.map_or_else(Vec::new, |redirect| redirect.steps.clone())
    }

    /// Takes a user or team out of the directory; what is stored under its number belongs where the
    /// step leads. Answers the number. O(redirects that lead to it).
    pub fn remove(&mut self, id: &AssigneeId, step: &RedirectStep) -> Result<u32> {
        let owner = self.owner_of(Some(id))?;
        match id {
            AssigneeId::User(user) => self.leave_teams(user)?,
            AssigneeId::Team(team) => drop(self.members.remove(team)),
        }
        if id.is_team() {
            let successor = step.successor.as_ref().filter(|it| it.is_team());
            let successor = self.owner_of(successor)?;
            self.removed_teams.insert(owner, successor);
            self.put(DirectoryRow::RemovedTeam(owner, successor));
        }
        self.by_id.remove(id);
        let key = DirectoryKey::Assignee(id.clone());
        self.edits.push(DirectoryEdit::Remove(key));
        if let Some(slot) = self.owners.get_mut(owner as usize) {
            *slot = None;
        }
        let mut redirects: Vec<_> = self.redirected_to(owner).collect();
        redirects.push(owner);
        for from in redirects {
            let new = || RedirectRecord {
                removed: id.clone(),
                steps: Vec::new(),
            };
            let known = self
                .redirects
                .entry(from)
                .or_insert_with(|| Arc::new(new()));
            let record = Arc::make_mut(known);
            if record.steps.len() >= MOST_STEPS {
                return Err(Error::corrupted(format!(
                    "the conversations of `{}` were reassigned {MOST_STEPS} times before they were \
                     stored so",
                    record.removed
                )));
            }
            record.steps.push(step.clone());
            let row = DirectoryRow::Redirect(from, RedirectRecord::clone(record));
            self.put(row);
        }
        Ok(owner)
    }

    /// Forgets a redirect under whose number nothing is stored any longer.
    pub fn forget(&mut self, owner: u32) {
        self.redirects.remove(&owner);
        let key = DirectoryKey::Redirect(owner);
        self.edits.push(DirectoryEdit::Remove(key));
    }

    /// The conversation of a record, with the names of what its numbers mean.
    #[inline]
    pub fn decode(
        &self,
        id: ConversationId,
        record: ConversationRecord,
    ) -> Result<Stored, Undecodable> {
        let numbers = record.numbers;
        let assignee = self.stored_assignee(numbers.owner);
        let assignee = assignee.map_err(Undecodable::Owner)?;
        let team = self.team(numbers.team).map_err(Undecodable::Owner)?;
        let inbox = self.inboxes.named(numbers.inbox);
        let (channel, inbox_id) = inbox.ok_or(Undecodable::Inbox)?;
        let conversation = record
            .into_conversation(id, (channel, inbox_id.cloned()), (assignee, team.cloned()))
            .map_err(Undecodable::Record)?;
        Ok(Stored {
            conversation,
            numbers,
        })
    }
}

fn take_owner(next_owner: &mut u32) -> Result<u32> {
    let owner = *next_owner;
    *next_owner = owner
        .checked_add(1)
        .ok_or_else(|| Error::corrupted("the file has no number left for an owner"))?;
    Ok(owner)
}

fn unknown(number: u32) -> Error {
    Error::corrupted(format!("the owner {number} is not in the directory"))
}
