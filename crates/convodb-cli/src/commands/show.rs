//! `show`: one conversation with its messages and notes.

use clap::Args;
use convodb::{Assignee, ConversationId, Import};

use super::Tool;
use crate::cells;
use crate::failure::Failure;
use crate::output::Screen;
use crate::place::{Location, Workspace};
use crate::reading::{self, At};
use crate::texts::{counted, second};

/// Show one conversation with its messages and notes
///
/// With --json it prints the line that `export` writes.
#[derive(Args)]
#[command(allow_missing_positional = true)]
pub(crate) struct Show {
    /// The store: a file, or the URL of a PostgreSQL database
    #[arg(value_name = "DB")]
    first: Option<Location>,

    /// The conversation; the two arguments can have either order
    #[arg(value_name = "ID")]
    second: Location,

    #[command(flatten)]
    workspace: Workspace,
}

/// The id that an argument is, if it is one. A file with such a name is not expected.
fn id(given: &Location) -> Option<ConversationId> {
    match given {
        Location::File(path) => path.to_str()?.parse().ok(),
        Location::Url(_) => None,
    }
}

impl Show {
    pub(crate) fn db(&self) -> Option<&Location> {
        let first = self.first.as_ref()?;
        Some(match (id(first), id(&self.second)) {
            (Some(_), None) => &self.second,
            _ => first,
        })
    }

    fn id(&self) -> Result<ConversationId, Failure> {
        match id(&self.second).or_else(|| id(self.first.as_ref()?)) {
            Some(id) => Ok(id),
            None => {
                let given = self.second.name().unwrap_or_default();
                ConversationId::new(&given)
                    .map_err(|error| Failure::Usage(format!("ID {given}: {}", error.reason())))
            }
        }
    }

    pub(crate) fn run(self, tool: &mut Tool) -> Result<(), Failure> {
        let id = self.id()?;
        let place = tool.place(self.db(), &self.workspace)?;
        let (histories, directory) = match reading::at(place, tool.wait)? {
            At::Store(store) => (store.histories(&[id])?, store.assignees()?),
            At::Server(server) => (
                vec![server.history(id, tool.wait)?],
                server.assignees(tool.wait)?,
            ),
        };
        for whole in histories {
            let print = |screen: &Screen| text(screen, &whole, &directory);
            tool.output.print(&whole, print)?;
        }
        Ok(())
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
