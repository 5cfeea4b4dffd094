//! `verify` and `repair`: checks the derived rows of a store, and rebuilds them.

#[cfg(feature = "postgres")]
mod workspace;

use clap::Args;
use convodb::{FindingKind, VerifyReport};
use serde::Serialize;

use super::{Tool, Verdict};
use crate::failure::Failure;
use crate::opening;
use crate::output::{Output, hex};
use crate::place::{Location, Place, Workspace};
use crate::progress;
use crate::texts::counted;

/// The number of findings in the text. The JSON has all.
const SHOWN: usize = 100;

/// Compare every index entry, total and unique key with the records
///
/// Exits with 1 if there are differences, and with 3 if a page is damaged. Of a
/// database, the first hundred differences are shown, and others write meanwhile.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Verify {
    /// The store: a file, or the URL of a PostgreSQL database
    #[arg(value_name = "DB")]
    pub(crate) db: Location,
    #[command(flatten)]
    workspace: Workspace,
}

/// Rebuild every index entry, total and unique key from the records
///
/// Times in the future become the present time.
///
/// Exits with 1 if there are differences afterwards: records that cannot be read are
/// not changed. It is one transaction; if it is interrupted, nothing has changed.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Repair {
    /// The store: a file, or the URL of a PostgreSQL database
    #[arg(value_name = "DB")]
    pub(crate) db: Location,
    #[command(flatten)]
    workspace: Workspace,
}

#[derive(Serialize)]
struct Document<'a> {
    clean: bool,
    conversations: u64,
    messages: u64,
    notes: u64,
    index_rows: u64,
    times_in_the_future: u64,
    findings: Vec<Finding<'a>>,
}

#[derive(Serialize)]
struct Finding<'a> {
    table: &'a str,
    key: String,
    kind: &'static str,
}

impl Verify {
    pub(crate) fn run(self, tool: &mut Tool) -> Result<Verdict, Failure> {
        match self.workspace.of(&self.db)? {
            Place::File(path) => {
                let store = opening::to_read(path, tool.wait)?;
                let verified = busy("verifying", || store.verify())?;
                print(&mut tool.output, &verified)
            }
            #[cfg(feature = "postgres")]
            Place::Postgres(database) => {
                let remote = database.to_read(tool.wait)?;
                let verified = busy("verifying", || remote.answer(remote.store.verify()))?;
                workspace::print(&mut tool.output, &verified)
            }
        }
    }
}

impl Repair {
    pub(crate) fn run(self, tool: &mut Tool) -> Result<Verdict, Failure> {
        match self.workspace.of(&self.db)? {
            Place::File(path) => {
                let store = opening::to_write(path, tool.wait)?;
                let repaired = busy("repairing", || store.repair())?;
                store.close()?;
                print(&mut tool.output, &repaired)
            }
            #[cfg(feature = "postgres")]
            Place::Postgres(database) => {
                let remote = database.to_write(tool.wait)?;
                let repaired = busy("repairing", || remote.answer(remote.store.repair()))?;
                workspace::print(&mut tool.output, &repaired)
            }
        }
    }
}

/// Shows that something runs, of unknown length.
fn busy<T, E>(action: &'static str, run: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let busy = progress::busy(action);
    let done = run();
    busy.finish_and_clear();
    done
}

fn print(output: &mut Output, report: &VerifyReport) -> Result<Verdict, Failure> {
    let findings = report.findings.iter().map(|finding| Finding {
        table: finding.table,
        key: hex(&finding.key),
        kind: match finding.kind {
            FindingKind::Missing => "missing",
            FindingKind::Unexpected => "unexpected",
            FindingKind::Different => "different",
            FindingKind::Unreadable => "unreadable",
            FindingKind::Misplaced => "misplaced",
            _ => "other",
        },
    });
    let document = Document {
        clean: report.is_clean(),
        conversations: report.conversations,
        messages: report.messages,
        notes: report.notes,
        index_rows: report.index_rows,
        times_in_the_future: report.times_in_the_future,
        findings: findings.collect(),
    };
    output.print(&document, |_| text(report))?;
    Ok(match report.is_clean() {
        true => Verdict::Success,
        false => Verdict::Findings,
    })
}

pub(super) fn text(report: &VerifyReport) -> String {
    let mut read = format!(
        "{}, {}, {} and {} read",
        counted(report.conversations, "conversation"),
        counted(report.messages, "message"),
        counted(report.notes, "note"),
        counted(report.index_rows, "index row"),
    );
    if report.times_in_the_future > 0 {
        let ahead = counted(report.times_in_the_future, "record");
        read += &format!("\n{ahead} with times in the future; repair sets them to the present");
    }
    if report.is_clean() {
        return format!("{read}\nclean: every index entry and total agrees with the records");
    }
    let all = report.findings.len();
    let mut text = format!("{read}\n{}", counted(all as u64, "finding"));
    for finding in report.findings.iter().take(SHOWN) {
        text += &format!("\n  {finding}");
    }
    if all > SHOWN {
        text += &format!("\n  and {} more, with --json", all - SHOWN);
    }
    text
}
