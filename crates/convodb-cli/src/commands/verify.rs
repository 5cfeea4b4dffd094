//! `verify` and `repair`: checks the derived rows of a store, and rebuilds them.

use std::fmt::Display;
use std::io::ErrorKind;
use std::ops::ControlFlow;

use clap::Args;
use convodb_upkeep::Report;
use serde::Deserialize;

use super::{Tool, Verdict, given};
use crate::arguments::STOP;
use crate::failure::Failure;
use crate::opening;
use crate::output::Output;
use crate::place::{Location, Place, Workspace};
use crate::progress;
use crate::server::{ApiError, Lines, cut, parsed_line};
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
    pub(crate) db: Option<Location>,
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
    pub(crate) db: Option<Location>,
    #[command(flatten)]
    workspace: Workspace,
}

/// A line of the answer of a server.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Progress { done: u64, of: u64 },
    Report(Report),
    Error(ApiError),
}

impl Verify {
    pub(crate) fn run(self, tool: &mut Tool) -> Result<Verdict, Failure> {
        let bar = progress::counted("verifying", 0);
        let show = |done, of| {
            bar.set_length(of);
            bar.set_position(done);
            ControlFlow::Continue(())
        };
        let verified = match tool.place(self.db.as_ref(), &self.workspace)? {
            Place::File(path) => {
                let store = opening::to_read(path, tool.wait)?;
                let verified = store.verify_with(show);
                verified
                    .map(|report| Report::from(&report))
                    .map_err(Failure::from)
            }
            #[cfg(feature = "postgres")]
            Place::Postgres(database) => {
                let remote = database.to_read(tool.wait)?;
                remote
                    .answer(remote.store.verify_with(show))
                    .map(Report::from)
            }
            Place::Server(server) => {
                let lines = server.posted_lines("/v1/admin/verify", tool.wait);
                lines.and_then(|lines| reported(lines, show))
            }
        };
        bar.finish_and_clear();
        print(&mut tool.output, &verified?)
    }
}

/// The report at the end of the lines.
fn reported(
    mut lines: Lines,
    mut show: impl FnMut(u64, u64) -> ControlFlow<()>,
) -> Result<Report, Failure> {
    let mut line = Vec::new();
    while lines.next(&mut line)? {
        match parsed_line(&line)? {
            Line::Progress { done, of } => {
                let _ = show(done, of);
            }
            Line::Report(report) => return Ok(report),
            Line::Error(error) => return Err(error.into()),
        }
    }
    Err(cut(&ErrorKind::UnexpectedEof.into()))
}

impl Repair {
    pub(crate) fn run(self, tool: &mut Tool) -> Result<Verdict, Failure> {
        let repaired = match self.workspace.of(given(self.db.as_ref())?)? {
            Place::File(path) => {
                let store = opening::to_write(path, tool.wait)?;
                let repaired = busy("repairing", || store.repair())?;
                store.close()?;
                Report::from(&repaired)
            }
            #[cfg(feature = "postgres")]
            Place::Postgres(database) => {
                let remote = database.to_write(tool.wait)?;
                let repaired = busy("repairing", || remote.answer(remote.store.repair()))?;
                repaired.into()
            }
            Place::Server(_) => {
                let (command, instead) = ("repair", STOP);
                return Err(Failure::NoServer { command, instead });
            }
        };
        print(&mut tool.output, &repaired)
    }
}

/// Shows that something runs, of unknown length.
fn busy<T, E>(action: &'static str, run: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let busy = progress::busy(action);
    let done = run();
    busy.finish_and_clear();
    done
}

fn print(output: &mut Output, report: &Report) -> Result<Verdict, Failure> {
    output.print(report, |_| text(report))?;
    Ok(match report.is_clean() {
        true => Verdict::Success,
        false => Verdict::Findings,
    })
}

pub(super) fn text(report: &Report) -> String {
    match report {
        Report::File {
            conversations,
            messages,
            notes,
            index_rows,
            times_in_the_future,
            findings,
            ..
        } => {
            let mut read = read(
                (*conversations, *messages, *notes),
                &counted(*index_rows, "index row"),
            );
            if *times_in_the_future > 0 {
                let ahead = counted(*times_in_the_future, "record");
                read +=
                    &format!("\n{ahead} with times in the future; repair sets them to the present");
            }
            let clean = "every index entry and total agrees with the records";
            found(&read, clean, findings)
        }
        Report::Workspace {
            conversations,
            messages,
            notes,
            events,
            findings,
            ..
        } => {
            let read = read(
                (*conversations, *messages, *notes),
                &counted(*events, "event"),
            );
            let clean = "every column, list and count agrees with the records";
            found(&read, clean, findings)
        }
    }
}

fn read((conversations, messages, notes): (u64, u64, u64), others: &str) -> String {
    format!(
        "{}, {}, {} and {others} read",
        counted(conversations, "conversation"),
        counted(messages, "message"),
        counted(notes, "note"),
    )
}

fn found(read: &str, clean: &str, findings: &[impl Display]) -> String {
    if findings.is_empty() {
        return format!("{read}\nclean: {clean}");
    }
    let all = findings.len();
    let mut text = format!("{read}\n{}", counted(all as u64, "finding"));
    for finding in findings.iter().take(SHOWN) {
        text += &format!("\n  {finding}");
    }
    if all > SHOWN {
        text += &format!("\n  and {} more, with --json", all - SHOWN);
    }
    text
}
