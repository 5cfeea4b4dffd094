//! `recover`: opens a store whose log is damaged, without the commits that are lost.

use std::path::PathBuf;

use clap::Args;
use convodb::{ErrorKind, Options, Recovered};
use serde::Serialize;

use super::{Tool, given};
use crate::failure::{Failure, WithSources};
use crate::interrupt;
use crate::opening;
use crate::place::Location;
use crate::texts::{bytes, second};

/// What there is in place of it for a database.
const INSTEAD: &str = "PostgreSQL recovers by itself when it starts";

/// Recover a store that is refused because its log is damaged
///
/// It first saves the part of the log that cannot be applied to a new file, then
/// applies what comes before, and prints which commits are lost. If nothing is lost,
/// nothing is changed, and no file is made.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Recover {
    /// The store
    #[arg(value_name = "DB")]
    pub(crate) db: Option<Location>,

    /// Where to save the part of the log; it must not exist yet
    #[arg(long, value_name = "FILE")]
    save: PathBuf,
}

#[derive(Default, Serialize)]
struct Document {
    recovered: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<Last>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lost: Option<Lost>,
    #[serde(skip_serializing_if = "Option::is_none")]
    saved: Option<Saved>,
}

/// The last commit that was restored.
#[derive(Serialize)]
struct Last {
    commit: u64,
    time: String,
}

#[derive(Serialize)]
struct Lost {
    first: u64,
    last: u64,
}

#[derive(Serialize)]
struct Saved {
    file: String,
    bytes: u64,
}

impl Recover {
    pub(crate) fn run(self, tool: &mut Tool) -> Result<(), Failure> {
        interrupt::watch()?;
        let db = given(self.db.as_ref())?.file("recover", INSTEAD)?;
        let recovered = opening::open(
            db,
            tool.wait.to_write(),
            "the file does not exist",
            |timeout| {
                let options = Options::new().lock_timeout(timeout);
                options.recover(db, &self.save)
            },
        );
        let recovered = recovered.map_err(|failure| match failure {
            Failure::Store(error) if error.kind() == ErrorKind::AlreadyExists => Failure::File {
                path: self.save.clone(),
                reason: WithSources(&error).to_string(),
            },
            Failure::File { .. } if db.exists() => Failure::File {
                path: self.save.clone(),
                reason: "its directory does not exist".to_owned(),
            },
            other => other,
        })?;
        let document = recovered.map_or_else(Document::default, |done| self.document(&done));
        tool.output.print(&document, |_| text(&document))
    }

    fn document(&self, recovered: &Recovered) -> Document {
        let lost = recovered.lost.as_ref().map(|lost| Lost {
            first: lost.start().get(),
            last: lost.end().get(),
        });
        Document {
            recovered: true,
            last: Some(Last {
                commit: recovered.commit.get(),
                time: second(recovered.time),
            }),
            lost,
            saved: Some(Saved {
                file: self.save.display().to_string(),
                bytes: recovered.saved_bytes,
            }),
        }
    }
}

fn text(document: &Document) -> String {
    let mut lines = Vec::new();
    if let Some(Last { commit, time }) = &document.last {
        lines.push(format!("the last commit is {commit}, of {time}"));
    }
    if let Some(Lost { first, last }) = &document.lost {
        lines.push(format!("commits {first} to {last} are lost"));
    }
    match &document.saved {
        Some(saved) => {
            lines.push(format!(
                "saved {} of the log to {}",
                bytes(saved.bytes),
                saved.file
            ));
        }
        None => lines.push("nothing is lost, and nothing was changed".to_owned()),
    }
    lines.join("\n")
}
