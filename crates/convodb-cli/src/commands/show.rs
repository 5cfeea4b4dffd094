//! `show`: one conversation with its messages and notes.

use std::path::{Path, PathBuf};

use clap::Args;
use convodb::prelude::*;
use convodb::{Assignee, ConversationId, Import};

use super::{Tool, export};
use crate::cells;
use crate::failure::Failure;
use crate::opening;
use crate::output::Screen;
use crate::texts::{counted, second};

/// Show one conversation with its messages and notes
///
/// With --json it prints the line that `export` writes.
#[derive(Args)]
pub(crate) struct Show {
    /// The store
    #[arg(value_name = "DB")]
    first: PathBuf,

    /// The conversation; the two arguments can have either order
    #[arg(value_name = "ID")]
    second: PathBuf,
}

/// The id that an argument is, if it is one. A file with such a name is not expected.
fn id(path: &Path) -> Option<ConversationId> {
    path.to_str()?.parse().ok()
}

impl Show {
    pub(crate) fn db(&self) -> PathBuf {
        match (id(&self.first), id(&self.second)) {
            (Some(_), None) => self.second.clone(),
            _ => self.first.clone(),
        }
    }

    fn id(&self) -> Result<ConversationId, Failure> {
        let given = self.second.to_string_lossy();
        match (id(&self.second), id(&self.first)) {
            (Some(id), _) | (None, Some(id)) => Ok(id),
            (None, None) => ConversationId::new(&given)
                .map_err(|error| Failure::Usage(format!("ID {given}: {}", error.reason()))),
        }
    }

    pub(crate) fn run(self, tool: &mut Tool) -> Result<(), Failure> {
        let id = self.id()?;
        let store = opening::to_read(&self.db(), tool.wait)?;
        let snapshot = store.snapshot()?;
        let whole = export::whole(&snapshot, &snapshot.conversation(id)?)?;
        let directory = snapshot.assignees()?;
        tool.output
            .print(&whole, |screen| text(screen, &whole, &directory))
    }
}

fn text(screen: &Screen, whole: &Import, directory: &[Assignee]) -> String {
    let conversation = &whole.conversation;
    let unread = match conversation.unread_count {
        0 => String::new(),
        unread => format!(", {unread} unread"),
    };
    let mut text = format!(
        "{}\n{}, {} with {}\ncreated {}, updated {}; {}{unread}\n\n{}",
        screen.bold(conversation.id),
        cells::state(conversation),
        conversation.channel,
        conversation.contact_id,
        second(conversation.created_at),
        second(conversation.updated_at),
        counted(whole.messages.len() as u64, "message"),
        cells::messages(screen, &whole.messages),
    );
    if !whole.notes.is_empty() {
        let heading = screen.bold("Internal notes");
        let notes = cells::notes(screen, &whole.notes, directory);
        text += &format!("\n\n{heading}\n{notes}");
    }
    text
}
