//! `show`: one conversation with its history and its notes.

use std::path::{Path, PathBuf};

use clap::Args;
use comfy_table::{Cell, Color};
use convodb::{Assignee, ConversationId, DeliveryStatus, Direction, Import, Message, Note};

use super::{Tool, export};
use crate::failure::Failure;
use crate::output::{Screen, dim, keep_but};
use crate::words::{counted, details, plain, second};

/// Show one conversation with its messages and notes
///
/// With --json it is the line that `export` writes.
#[derive(Args)]
pub(crate) struct Show {
    /// The store
    #[arg(value_name = "DB")]
    first: PathBuf,

    /// The conversation; the two may stand in either order
    #[arg(value_name = "ID")]
    second: PathBuf,
}

/// An id where the path is one, as no file of ours is called so.
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
        let store = tool.opening.existing(&self.db())?;
        let snapshot = store.snapshot()?;
        let whole = export::whole(&snapshot, &snapshot.conversation(id)?)?;
        let directory = snapshot.assignees()?;
        tool.output
            .answer(&whole, |screen| told(screen, &whole, &directory))
    }
}

fn told(screen: &Screen, whole: &Import, directory: &[Assignee]) -> String {
    let conversation = &whole.conversation;
    let assignee = match &conversation.assigned_to {
        Some(assignee) => format!("assigned to {}", plain(&assignee.name)),
        None => "unassigned".to_owned(),
    };
    let unread = match conversation.unread_count {
        0 => String::new(),
        unread => format!(", {unread} unread"),
    };
    let mut text = format!(
        "{}\n{}, {assignee}, {} with {}\ncreated {}, updated {}; {}{unread}\n\n{}",
        screen.bold(conversation.id),
        conversation.status,
        conversation.channel,
        conversation.contact_id,
        second(conversation.created_at),
        second(conversation.updated_at),
        counted(whole.messages.len() as u64, "message"),
        messages(screen, &whole.messages),
    );
    if !whole.notes.is_empty() {
        let heading = screen.bold("Internal notes");
        text += &format!("\n\n{heading}\n{}", notes(screen, &whole.notes, directory));
    }
    text
}

fn messages(screen: &Screen, messages: &[Message]) -> String {
    let mut table = screen.table(["created_at", "from", "message", "status"]);
    for message in messages {
        let from = match message.direction {
            Direction::Inbound => Cell::new("contact").fg(Color::Cyan),
            Direction::Outbound => Cell::new("team").fg(Color::Magenta),
        };
        table.add_row([
            dim(second(message.created_at)),
            from,
            Cell::new(details(message)),
            status(message.status),
        ]);
    }
    keep_but(&mut table, 2);
    table.trim_fmt()
}

fn notes(screen: &Screen, notes: &[Note], directory: &[Assignee]) -> String {
    let mut table = screen.table(["created_at", "author", "note"]);
    for note in notes {
        let author = note.author.as_ref().map(|author| {
            let known = directory
                .iter()
                .find(|one| one.id.as_str() == author.as_str());
            known.map_or(author.as_str(), |known| &known.name)
        });
        table.add_row([
            dim(second(note.created_at)),
            Cell::new(plain(author.unwrap_or("–"))).fg(Color::Yellow),
            Cell::new(plain(&note.content)),
        ]);
    }
    keep_but(&mut table, 2);
    table.trim_fmt()
}

fn status(status: DeliveryStatus) -> Cell {
    let (word, colour) = match status {
        DeliveryStatus::Sent => ("sent", Color::Yellow),
        DeliveryStatus::Failed => ("failed", Color::Red),
        DeliveryStatus::Delivered => ("delivered", Color::Reset),
        DeliveryStatus::Read => ("read", Color::Green),
    };
    Cell::new(word).fg(colour)
}
