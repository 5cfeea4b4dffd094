//! Every record that was ever shown while the undamaged files were made: a page that went astray can
//! be one of an earlier commit, whose records are not the newest and were written all the same.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};

use convodb::{Assignee, Conversation, Message, Read as _, Store};

use super::reading::{self, Answer};

/// Each record as its `Debug` has it, all of it in one line.
#[derive(Clone, Debug, Default)]
pub(super) struct Shown(BTreeSet<String>);

impl Shown {
    /// All that a store shows now. To be called after each commit.
    pub(super) fn see(&mut self, store: &Store) {
        // A row from before a removal would be shown with the successor, as it never was.
        assert_eq!(
            store.stats().unwrap().to_reassign,
            0,
            "no assignee is removed"
        );
        for row in reading::every_row(store) {
            let transcript = store.transcript(row.id).unwrap();
            assert_eq!(transcript.conversation, row);
            self.0.insert(row_line(&row));
            self.0.extend(transcript.messages.iter().map(line));
            let notes = store.notes(row.id).unwrap();
            self.0.extend(notes.map(|note| line(&note.unwrap())));
        }
        let assignees = store.assignees().unwrap();
        self.0.extend(assignees.iter().map(assignee_line));
    }

    pub(super) fn save(&self, directory: &Path) {
        let lines: Vec<&str> = self.0.iter().map(String::as_str).collect();
        fs::write(path(directory), lines.join("\n")).unwrap();
    }

    pub(super) fn load(directory: &Path) -> Self {
        let lines = fs::read_to_string(path(directory)).unwrap();
        Self(lines.lines().map(str::to_owned).collect())
    }

    /// Whether every record of an answer is one that was shown.
    pub(super) fn is_known(&self, answer: &Answer) -> bool {
        let row = |row: &Conversation| self.is_known_row(row);
        let message = |one: &Message| self.0.contains(&line(one));
        match answer {
            Answer::List(rows, _) => rows.iter().all(row),
            Answer::Find(found) => found.iter().all(row),
            Answer::Transcript(one) => row(&one.conversation) && one.messages.iter().all(message),
            Answer::Previews(found) => found.iter().flatten().all(message),
            Answer::Notes(notes) => notes.iter().all(|note| self.0.contains(&line(note))),
            Answer::Assignees(all) => all.iter().all(|one| self.is_known_assignee(one)),
            Answer::Counts(_) | Answer::Rows(..) => true,
        }
    }

    fn is_known_row(&self, row: &Conversation) -> bool {
        let assignee = row.assigned_to.as_ref();
        self.0.contains(&row_line(row)) && assignee.is_none_or(|one| self.is_known_assignee(one))
    }

    fn is_known_assignee(&self, one: &Assignee) -> bool {
        self.0.contains(&assignee_line(one))
    }

    pub(super) fn forget_row(&mut self, row: &Conversation) {
        self.0.remove(&row_line(row));
    }

    pub(super) fn forget_message(&mut self, message: &Message) {
        self.0.remove(&line(message));
    }
}

fn path(directory: &Path) -> PathBuf {
    directory.join("shown.txt")
}

fn line(record: &impl Debug) -> String {
    format!("{record:?}")
}

/// Without the name of who has it: that is another record, which is of its own age.
fn row_line(row: &Conversation) -> String {
    let mut row = row.clone();
    let nameless = |one: Assignee| Assignee::new(one.id, "");
    row.assigned_to = row.assigned_to.map(nameless);
    line(&row)
}

/// With what its `Debug` does not tell.
fn assignee_line(one: &Assignee) -> String {
    line(&(one.id.kind(), one))
}
