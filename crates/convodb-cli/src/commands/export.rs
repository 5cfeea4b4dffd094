//! `export`: writes the directory and every conversation, as lines that `import` reads.

use std::io::{self, IsTerminal as _, Write as _};

use clap::Args;
use convodb::{ContactId, Filter};
use convodb_upkeep::{Part, export};
use indicatif::ProgressBar;

use super::Tool;
use crate::failure::Failure;
use crate::place::{Location, Workspace};
use crate::reading::At;
use crate::server::Server;
use crate::{progress, reading};

/// Write everything to standard output, as lines of JSON
///
/// Each user, each team with its members, each inbox and contact with a record comes
/// first, then each conversation with its messages and notes, latest activity first. Exports of one store are equal byte for byte, and
/// `import` of them creates an equal store. The line of a conversation has the
/// specified fields, then further ones that have a value, such as `unread_count` and
/// `notes`.
///
/// With --contact, only what is kept of one contact: its own line, then its
/// conversations.
///
/// Of a database, it is one state of the workspace, and others write meanwhile.
///
/// The export does not contain events, audit logs, consumers, idempotency keys, which
/// ids merged contacts had, what waits for a message (receipts, reactions, edits,
/// revocations) and the provider ids of deleted messages. `backup` copies them too.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Export {
    /// The store: a file, or the URL of a PostgreSQL database
    #[arg(value_name = "DB")]
    pub(crate) db: Option<Location>,
    #[command(flatten)]
    workspace: Workspace,
    /// All that is kept of this contact, and nothing else
    #[arg(long, value_name = "CONTACT")]
    pub(crate) contact: Option<ContactId>,
}

impl Export {
    pub(crate) fn run(self, tool: &mut Tool) -> Result<(), Failure> {
        let place = tool.place(self.db.as_ref(), &self.workspace)?;
        let store = match reading::at(place, tool.wait)? {
            At::Store(store) => store,
            At::Server(server) => return self.of_server(&server, tool),
        };
        let (part, all) = match self.contact {
            Some(id) => (Part::Contact(id), 0),
            None => (Part::All, store.count(&Filter::all())?),
        };
        let bar = bar(all);
        let out = tool.output.writer();
        let exported = export(&*store, &part, out, &mut || bar.inc(1));
        bar.finish_and_clear();
        Ok(exported?)
    }

    fn of_server(&self, server: &Server, tool: &mut Tool) -> Result<(), Failure> {
        let query: Vec<_> = self
            .contact
            .iter()
            .map(|id| ("contact_id", id.as_str()))
            .collect();
        let all = match query.is_empty() && io::stderr().is_terminal() {
            // A key may have no scope for it.
            true => server.count(tool.wait).unwrap_or_default(),
            false => 0,
        };
        let mut lines = server.lines("/v1/admin/export", &query, tool.wait)?;
        let bar = bar(all);
        let mut line = Vec::new();
        let exported = loop {
            match lines.next(&mut line) {
                Ok(true) => {}
                Ok(false) => break Ok(()),
                Err(failure) => break Err(failure),
            }
            if let Err(error) = tool.output.writer().write_all(&line) {
                break Err(Failure::Output(error));
            }
            // The lines of conversations begin with their ids.
            bar.inc(u64::from(line.starts_with(b"{\"id\"")));
        };
        bar.finish_and_clear();
        exported?;
        tool.output.flush()
    }
}

/// A bar of conversations.
fn bar(all: u64) -> ProgressBar {
    // It would tear the lines on a terminal.
    match all == 0 || io::stdout().is_terminal() {
        true => ProgressBar::hidden(),
        false => progress::counted("exporting", all),
    }
}
