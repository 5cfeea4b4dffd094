//! `verify` and `repair`: what is wrong with a store, and what is left after mending it.

use std::path::PathBuf;

use clap::Args;
use convodb::{FindingKind, Verification};
use serde::Serialize;

use super::{Tool, Verdict};
use crate::failure::Failure;
use crate::output::{Output, hex};
use crate::progress;
use crate::words::counted;

/// So many findings are told to people; programs get all.
const TOLD: usize = 100;

/// Compare every index entry, total and thread with the records
///
/// Exits with 1 where they differ. The file is checked on opening however large it
/// is, unless --no-check says otherwise.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Verify {
    /// The store
    #[arg(value_name = "DB")]
    pub(crate) db: PathBuf,
}

/// Derive every index entry, total and thread anew from the records
///
/// Exits with 1 where something is wrong all the same: records that cannot be read
/// stay as they are. It is one transaction: cut short, it leaves the store as it was.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Repair {
    /// The store
    #[arg(value_name = "DB")]
    pub(crate) db: PathBuf,
}

#[derive(Serialize)]
struct Document<'a> {
    clean: bool,
    conversations: u64,
    messages: u64,
    notes: u64,
    index_rows: u64,
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
        let store = tool.opening.thorough(&self.db)?;
        let busy = progress::busy("verifying");
        let verified = store.verify();
        busy.finish_and_clear();
        answer(&mut tool.output, &verified?)
    }
}

impl Repair {
    pub(crate) fn run(self, tool: &mut Tool) -> Result<Verdict, Failure> {
        let store = tool.opening.thorough(&self.db)?;
        let busy = progress::busy("repairing");
        let repaired = store.repair();
        busy.finish_and_clear();
        let verification = repaired?;
        store.close()?;
        answer(&mut tool.output, &verification)
    }
}

fn answer(output: &mut Output, found: &Verification) -> Result<Verdict, Failure> {
    let findings = found.findings.iter().map(|finding| Finding {
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
        clean: found.is_clean(),
        conversations: found.conversations,
        messages: found.messages,
        notes: found.notes,
        index_rows: found.index_rows,
        findings: findings.collect(),
    };
    output.answer(&document, |_| told(found))?;
    Ok(match found.is_clean() {
        true => Verdict::Fine,
        false => Verdict::Findings,
    })
}

fn told(found: &Verification) -> String {
    let read = format!(
        "{}, {}, {} and {} read",
        counted(found.conversations, "conversation"),
        counted(found.messages, "message"),
        counted(found.notes, "note"),
        counted(found.index_rows, "index row"),
    );
    if found.is_clean() {
        return format!("{read}\nclean: every index entry and total agrees with the records");
    }
    let all = found.findings.len();
    let mut text = format!("{read}\n{}", counted(all as u64, "finding"));
    for finding in found.findings.iter().take(TOLD) {
        text += &format!("\n  {finding}");
    }
    if all > TOLD {
        text += &format!("\n  and {} more, with --json", all - TOLD);
    }
    text
}
