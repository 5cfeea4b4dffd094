//! The rows of the directory: users, teams, inboxes and views, which each snapshot holds in memory.

use std::sync::Arc;

use convodb_core::Result;
use convodb_core::directory::{Directory, DirectoryEdit, DirectoryKey, DirectoryRow};

use super::kinds::{DIRECTORY, INBOXES, REDIRECTS, REMOVED_LISTS, REMOVED_TEAMS, VIEWS};
use convodb_kv::{Read, WriteTables};

/// O(users and teams + redirects + inboxes + views).
pub(super) fn read(rows: &impl Read, next_owner: u32) -> Result<Directory> {
    let mut all = Vec::new();
    for row in INBOXES.all(rows)? {
        let (id, record) = row?;
        all.push(DirectoryRow::Inbox(id, record));
    }
    for row in VIEWS.all(rows)? {
        let (id, record) = row?;
        all.push(DirectoryRow::View(id, Box::new(record)));
    }
    for row in REMOVED_LISTS.range(rows, &())? {
        let list = REMOVED_LISTS.parse(&row?.0)?;
        all.push(DirectoryRow::RemovedList(list));
    }
    for row in DIRECTORY.all(rows)? {
        let (id, record) = row?;
        all.push(DirectoryRow::Assignee(id, record));
    }
    for row in REDIRECTS.all(rows)? {
        let (owner, record) = row?;
        all.push(DirectoryRow::Redirect(owner, record));
    }
    for row in REMOVED_TEAMS.all(rows)? {
        let (team, successor) = row?;
        all.push(DirectoryRow::RemovedTeam(team, successor));
    }
    Directory::from_rows(all, next_owner)
}

/// Changes the directory, and writes the rows that follow.
pub(super) fn change<T>(
    directory: &mut Arc<Directory>,
    rows: &mut WriteTables<'_>,
    change: impl FnOnce(&mut Directory) -> Result<T>,
) -> Result<T> {
    let directory = Arc::make_mut(directory);
    let changed = change(directory);
    let edits = directory.take_edits();
    let changed = changed?;
    edits.iter().try_for_each(|edit| write(rows, edit))?;
    Ok(changed)
}

fn write(rows: &mut WriteTables<'_>, edit: &DirectoryEdit) -> Result<()> {
    match edit {
        DirectoryEdit::Put(row) => match row {
            DirectoryRow::Assignee(id, record) => DIRECTORY.put(rows, id, record),
            DirectoryRow::Redirect(owner, record) => REDIRECTS.put(rows, owner, record),
            DirectoryRow::RemovedTeam(team, successor) => REMOVED_TEAMS.put(rows, team, successor),
            DirectoryRow::Inbox(id, record) => INBOXES.put(rows, id, record),
            DirectoryRow::View(id, record) => VIEWS.put(rows, id, &**record),
            DirectoryRow::RemovedList(list) => REMOVED_LISTS.put_key(rows, list),
        },
        DirectoryEdit::Remove(key) => match key {
            DirectoryKey::Assignee(id) => DIRECTORY.remove(rows, id),
            DirectoryKey::Redirect(owner) => REDIRECTS.remove(rows, owner),
            DirectoryKey::RemovedTeam(team) => REMOVED_TEAMS.remove(rows, team),
            DirectoryKey::Inbox(id) => INBOXES.remove(rows, id),
            DirectoryKey::View(id) => VIEWS.remove(rows, id),
            DirectoryKey::RemovedList(list) => REMOVED_LISTS.remove(rows, list),
        },
    }
}
