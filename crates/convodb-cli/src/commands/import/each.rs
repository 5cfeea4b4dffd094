//! `import --lines`: each line for itself, from where the same import ended.

use std::cell::RefCell;
use std::fs::File;
use std::hash::Hasher as _;
use std::io::{self, BufWriter, Read as _, Write};
use std::path::Path;
use std::time::Instant;

use convodb::prelude::*;
use convodb::{
    ErrorKind, ImportLine, ImportName, ImportOptions, ImportProgress, InvalidInput, LineAnswer,
    LineResult, NumberedLine,
};
use serde::Serialize;
use siphasher::sip128::{Hasher128 as _, SipHasher13};

use super::Import;
use super::lines::Lines;
use crate::commands::{Tool, Verdict};
use crate::failure::{Failure, WithSources};
use crate::opening;
use crate::place::Place;
use crate::texts::{counted, grouped, took};

/// What is read of a file at a time for its fingerprint.
const READ_BYTES: usize = 1 << 20;

/// A store that lines are imported into.
pub(super) trait TakesLines {
    /// How far an import has come, if it has begun.
    fn progress(&self, name: &ImportName) -> Result<Option<ImportProgress>, Failure>;

    /// Imports lines, and answers each when its commit is durable.
    fn answers<'a>(
        &'a self,
        lines: Box<dyn Iterator<Item = NumberedLine> + 'a>,
        options: &ImportOptions,
    ) -> Box<dyn Iterator<Item = Result<LineAnswer, Failure>> + 'a>;
}

impl TakesLines for Store {
    fn progress(&self, name: &ImportName) -> Result<Option<ImportProgress>, Failure> {
        Ok(self.import_progress(name)?)
    }

    fn answers<'a>(
        &'a self,
        lines: Box<dyn Iterator<Item = NumberedLine> + 'a>,
        options: &ImportOptions,
    ) -> Box<dyn Iterator<Item = Result<LineAnswer, Failure>> + 'a> {
        let answers = self.import_lines(lines, options);
        Box::new(answers.map(|answer| answer.map_err(Failure::from)))
    }
}

/// What became of the lines.
#[derive(Clone, Debug, Default, Serialize)]
struct Done {
    created: u64,
    merged: u64,
    duplicates: u64,
    /// Lines that were rejected.
    failed: u64,
    /// Lines that are good and were not imported, as another one of an atomic import was rejected.
    aborted: u64,
    /// Lines that earlier runs of the same import rejected.
    failed_before: u64,
    /// The last line that is done.
    line: u64,
    /// The last line that earlier runs did.
    resumed_behind: u64,
}

impl Done {
    fn text(&self, is_atomic: bool, seconds: &str) -> String {
        if is_atomic && self.failed > 0 {
            let (rejected, verb) = (
                grouped(self.failed),
                if self.failed == 1 { "was" } else { "were" },
            );
            let lines = counted(self.failed + self.aborted, "line");
            return format!("nothing was imported: {rejected} of {lines} {verb} rejected");
        }
        let mut text = format!(
            "{} created, {} merged, {} duplicates, {} failed in {seconds}",
            grouped(self.created),
            grouped(self.merged),
            grouped(self.duplicates),
            grouped(self.failed),
        );
        if self.resumed_behind > 0 {
            let line = grouped(self.resumed_behind);
            text.push_str(&format!("; an earlier run had reached line {line}"));
            if self.failed_before > 0 {
                let failed = grouped(self.failed_before);
                text.push_str(&format!(", with {failed} failed"));
            }
        }
        text
    }
}

impl Import {
    pub(super) fn each(self, tool: &mut Tool) -> Result<Verdict, Failure> {
        let name = self.name()?;
        // Before the store is opened: a mistyped name must not create one.
        let lines = Lines::open_as(&self.file, |line| Ok(ImportLine::parse(line)))?;
        let begun = Instant::now();
        let done = match self.workspace.of(&self.db)? {
            Place::File(path) => {
                let opened = opening::or_new(path, tool.wait)?;
                let imported = self.store_each(&opened.store, lines, name);
                // An atomic import stores nothing where a line is rejected.
                opened.leave_if(imported, |done| !self.atomic || done.failed == 0)?
            }
            #[cfg(feature = "postgres")]
            Place::Postgres(database) => {
                let remote = database.or_new(tool.wait)?;
                self.store_each(&remote, lines, name)?
            }
        };
        let seconds = begun.elapsed();
        tool.output
            .print(&done, |_| done.text(self.atomic, &took(seconds)))?;
        Ok(match done.failed {
            0 => Verdict::Success,
            _ => Verdict::Findings,
        })
    }

    fn store_each(
        &self,
        store: &dyn TakesLines,
        lines: Lines<Result<ImportLine, InvalidInput>>,
        name: Option<ImportName>,
    ) -> Result<Done, Failure> {
        let known = match &name {
            Some(name) => store.progress(name)?,
            None => None,
        };
        let known = known.unwrap_or_default();
        let mut report = Report::new(self.errors.as_deref(), &lines, known)?;
        let mut options = ImportOptions::new();
        if self.atomic {
            options = options.atomic();
        }
        if self.skip_existing {
            options = options.skip_existing();
        }
        if let Some(name) = name {
            options = options.resume(name);
        }
        let lines = RefCell::new(lines);
        let ended = RefCell::new(None);
        let numbered = std::iter::from_fn(|| {
            let mut lines = lines.borrow_mut();
            let next = lines.next().unwrap_or_else(|failure| {
                *ended.borrow_mut() = Some(failure);
                None
            });
            next.map(|line| (lines.line(), line))
        });
        let mut done = Done {
            failed_before: known.failed,
            line: known.line,
            resumed_behind: known.line,
            ..Done::default()
        };
        for answer in store.answers(Box::new(numbered), &options) {
            let answer = answer?;
            done.line = answer.line;
            match &answer.result {
                Ok(LineResult::Created) => done.created += 1,
                Ok(LineResult::Merged) => done.merged += 1,
                Ok(LineResult::Duplicate) => done.duplicates += 1,
                Err(error) => {
                    match error.kind() {
                        ErrorKind::Aborted => done.aborted += 1,
                        _ => done.failed += 1,
                    }
                    report.line(&answer)?;
                }
            }
        }
        lines.borrow().end();
        match ended.into_inner() {
            None => Ok(done),
            Some(Failure::Interrupted) if done.line > 0 => {
                Err(Failure::Stopped { line: done.line })
            }
            Some(Failure::Input { source, error }) => Err(Failure::File {
                path: source.into(),
                reason: format!("{error}; the lines before it are stored"),
            }),
            Some(failure) => Err(failure),
        }
    }

    /// The name by which it goes on.
    fn name(&self) -> Result<Option<ImportName>, Failure> {
        if let Some(name) = &self.resume {
            return Ok(Some(ImportName::new(name)?));
        }
        if self.again || self.file.as_os_str() == "-" {
            return Ok(None);
        }
        let fingerprint = fingerprint(&self.file).map_err(|error| Failure::Input {
            source: self.file.display().to_string(),
            error,
        })?;
        let name = fingerprint.map(|hash| ImportName::new(&format!("file-{hash:032x}")));
        Ok(name.transpose()?)
    }
}

/// The fingerprint of a file's content; none of what is no file, such as a pipe.
fn fingerprint(path: &Path) -> io::Result<Option<u128>> {
    let mut file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Ok(None);
    }
    let mut hasher = SipHasher13::new();
    let mut bytes = vec![0; READ_BYTES];
    loop {
        let read = file.read(&mut bytes)?;
        match bytes.get(..read) {
            Some(read) if !read.is_empty() => hasher.write(read),
            _ => return Ok(Some(hasher.finish128().as_u128())),
        }
    }
}

/// Where rejected lines are reported.
struct Report {
    source: String,
    file: Option<(BufWriter<File>, String)>,
    bar: indicatif::ProgressBar,
}

impl Report {
    fn new<T: Send + 'static>(
        path: Option<&Path>,
        lines: &Lines<T>,
        known: ImportProgress,
    ) -> Result<Self, Failure> {
        let open = |path: &Path| {
            // An import that goes on adds to what it reported before.
            let is_new = known == ImportProgress::default();
            let mut options = File::options();
            options
                .create(true)
                .append(!is_new)
                .write(true)
                .truncate(is_new);
            let file = options.open(path).map_err(|error| Failure::File {
                path: path.to_owned(),
                reason: error.to_string(),
            });
            file.map(|file| (BufWriter::new(file), path.display().to_string()))
        };
        Ok(Self {
            source: lines.name().to_owned(),
            file: path.map(open).transpose()?,
            bar: lines.bar(),
        })
    }

    fn line(&mut self, answer: &LineAnswer) -> Result<(), Failure> {
        let Err(error) = &answer.result else {
            return Ok(());
        };
        if let Some((file, _)) = &mut self.file {
            let written = serde_json::to_writer(&mut *file, answer).map_err(io::Error::from);
            // At once: what is committed is not reported again.
            let written = written.and_then(|()| file.write_all(b"\n").and_then(|()| file.flush()));
            return written.map_err(|error| self.failed(&error));
        }
        // Those that are well are not the reason.
        if error.kind() != ErrorKind::Aborted {
            let reason = match (error.field(), error.reason()) {
                // The place names the line already.
                (Some("line"), Some(reason)) => reason.to_owned(),
                _ => WithSources(error).to_string(),
            };
            let text = format!("{}:{}: {reason}", self.source, answer.line);
            let text = text.replace(|c: char| c.is_control(), " ");
            // If standard error is closed, the exit code remains.
            let _ = self.bar.suspend(|| writeln!(io::stderr(), "{text}"));
        }
        Ok(())
    }

    fn failed(&self, error: &io::Error) -> Failure {
        let path = self.file.as_ref().map(|(_, path)| path.clone());
        Failure::File {
            path: path.unwrap_or_default().into(),
            reason: error.to_string(),
        }
    }
}
