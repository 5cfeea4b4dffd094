//! The report on a workspace of a database.

use convodb_postgres::VerifyReport;
use serde::Serialize;

use crate::commands::Verdict;
use crate::failure::Failure;
use crate::output::Output;
use crate::texts::counted;

#[derive(Serialize)]
struct Document<'a> {
    clean: bool,
    conversations: u64,
    messages: u64,
    notes: u64,
    events: u64,
    findings: &'a [String],
}

pub(super) fn print(output: &mut Output, report: &VerifyReport) -> Result<Verdict, Failure> {
    let document = Document {
        clean: report.is_clean(),
        conversations: report.conversations,
        messages: report.messages,
        notes: report.notes,
        events: report.events,
        findings: &report.findings,
    };
    output.print(&document, |_| text(report))?;
    Ok(match report.is_clean() {
        true => Verdict::Success,
        false => Verdict::Findings,
    })
}

fn text(report: &VerifyReport) -> String {
    let read = format!(
        "{}, {}, {} and {} read",
        counted(report.conversations, "conversation"),
        counted(report.messages, "message"),
        counted(report.notes, "note"),
        counted(report.events, "event"),
    );
    if report.is_clean() {
        return format!("{read}\nclean: every column, list and count agrees with the records");
    }
    let found = counted(report.findings.len() as u64, "finding");
    format!("{read}\n{found}\n  {}", report.findings.join("\n  "))
}
