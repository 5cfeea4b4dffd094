//! What a verification found.

use std::fmt::{self, Write as _};

use convodb::{FindingKind, VerifyReport};
use serde::{Deserialize, Serialize};

/// What was read, and what disagrees. Its JSON is what `convodb verify --json` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
#[expect(clippy::exhaustive_enums, reason = "there are two kinds of store")]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub enum Report {
    /// Of a file.
    File {
        clean: bool,
        conversations: u64,
        messages: u64,
        notes: u64,
        index_rows: u64,
        times_in_the_future: u64,
        findings: Vec<Finding>,
    },
    /// Of a workspace of a database: the first hundred findings.
    Workspace {
        clean: bool,
        conversations: u64,
        messages: u64,
        notes: u64,
        events: u64,
        findings: Vec<String>,
    },
}

/// A row that disagrees with the records, or cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Finding {
    /// Its table.
    pub table: String,
    /// Its key, in hexadecimal.
    pub key: String,
    /// What is wrong with it.
    pub kind: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match &*self.kind {
            "different" => "different from the records",
            "misplaced" => "not where it belongs",
            kind => kind,
        };
        write!(f, "{} {}: {what}", self.table, self.key)
    }
}

impl Report {
    /// Whether nothing was found.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        match self {
            Self::File { clean, .. } | Self::Workspace { clean, .. } => *clean,
        }
    }
}

impl From<&VerifyReport> for Report {
    fn from(report: &VerifyReport) -> Self {
        let findings = report.findings.iter().map(|finding| Finding {
            table: finding.table.to_owned(),
            key: finding.key.iter().fold(String::new(), |mut text, byte| {
                // Writing to a string cannot fail.
                let _ = write!(text, "{byte:02x}");
                text
            }),
            kind: match finding.kind {
                FindingKind::Missing => "missing",
                FindingKind::Unexpected => "unexpected",
                FindingKind::Different => "different",
                FindingKind::Unreadable => "unreadable",
                FindingKind::Misplaced => "misplaced",
                _ => "other",
            }
            .to_owned(),
        });
        Self::File {
            clean: report.is_clean(),
            conversations: report.conversations,
            messages: report.messages,
            notes: report.notes,
            index_rows: report.index_rows,
            times_in_the_future: report.times_in_the_future,
            findings: findings.collect(),
        }
    }
}

#[cfg(feature = "postgres")]
impl From<convodb_postgres::VerifyReport> for Report {
    fn from(report: convodb_postgres::VerifyReport) -> Self {
        Self::Workspace {
            clean: report.is_clean(),
            conversations: report.conversations,
            messages: report.messages,
            notes: report.notes,
            events: report.events,
            findings: report.findings,
        }
    }
}
