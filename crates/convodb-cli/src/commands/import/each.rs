//! `import --lines`: each line for itself, from where the same import ended.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::hash::Hasher as _;
use std::io::{self, BufWriter, Read as _, Write};
use std::path::Path;
use std::time::Instant;

use convodb::prelude::*;
use convodb::{
    Details, ErrorKind, ImportLine, ImportName, ImportOptions, ImportProgress, InvalidInput,
    LineAnswer, LineResult,
};
use serde::{Deserialize, Serialize};
use siphasher::sip128::{Hasher128 as _, SipHasher13};

use super::Import;
use super::lines::Lines;
use super::server::name_of_run;
use crate::commands::{Tool, Verdict};
use crate::failure::{Failure, WithSources};
use crate::opening;
use crate::place::Place;
use crate::server::Server;
use crate::texts::{counted, grouped, took};

/// What is read of a file at a time for its fingerprint.
const READ_BYTES: usize = 1 << 20;

/// A store that lines are imported into.
pub(super) trait TakesLines {
    /// A line, as it is read.
    type Line: Send + 'static;

    fn parse(line: &[u8]) -> Self::Line;

    /// How far an import has come, if it has begun.
    fn progress(&self, name: &ImportName) -> Result<Option<ImportProgress>, Failure>;

    /// Imports lines, and answers each when its commit is durable.
    fn answers<'a>(
        &'a self,
        lines: impl Iterator<Item = (u64, Self::Line)> + 'a,
        options: &ImportOptions,
    ) -> Box<dyn Iterator<Item = Result<Answer, Failure>> + 'a>;
}

/// What became of a line.
#[derive(Serialize, Deserialize)]
pub(super) struct Answer {
    line: u64,
    result: Became,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<LineError>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Became {
    Created,
    Merged,
    Duplicate,
    Error,
}

#[derive(Serialize, Deserialize)]
struct LineError {
    code: String,
    message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    contact_ids: Option<Vec<String>>,
}

impl From<LineAnswer> for Answer {
    fn from(answer: LineAnswer) -> Self {
        let (result, error) = match &answer.result {
            Ok(LineResult::Created) => (Became::Created, None),
            Ok(LineResult::Merged) => (Became::Merged, None),
            Ok(LineResult::Duplicate) => (Became::Duplicate, None),
            Err(error) => (Became::Error, Some(error)),
        };
        let error = error.map(|error| LineError {
            code: error.kind().code().to_owned(),
            message: WithSources(error).to_string(),
            field: error.field().map(str::to_owned),
            contact_ids: match error.details() {
                Details::Contacts(ids) => Some(ids.iter().map(ToString::to_string).collect()),
                _ => None,
            },
        });
        Self {
            line: answer.line,
            result,
            error,
        }
    }
}

impl LineError {
    /// What is wrong, where the line is known already.
    fn reason(&self) -> &str {
        match self.field.as_deref() {
            Some("line") => self.message.strip_prefix("line: "),
            _ => None,
        }
        .unwrap_or(&self.message)
    }
}

impl Answer {
    /// The number of the line, and why it was rejected: not those that are well, where others are not.
    pub(super) fn rejected(&self) -> Option<(u64, &str)> {
        let error = self.error.as_ref()?;
        (error.code != ABORTED).then(|| (self.line, error.reason()))
    }
}

/// The code of a line that is good and was not imported.
const ABORTED: &str = ErrorKind::Aborted.code();

impl TakesLines for Store {
    type Line = Result<ImportLine, InvalidInput>;

    fn parse(line: &[u8]) -> Self::Line {
        ImportLine::parse(line)
    }

    fn progress(&self, name: &ImportName) -> Result<Option<ImportProgress>, Failure> {
        Ok(self.import_progress(name)?)
    }

    fn answers<'a>(
        &'a self,
        lines: impl Iterator<Item = (u64, Self::Line)> + 'a,
        options: &ImportOptions,
    ) -> Box<dyn Iterator<Item = Result<Answer, Failure>> + 'a> {
        let answers = self.import_lines(lines, options);
        Box::new(answers.map(|answer| answer.map(Answer::from).map_err(Failure::from)))
    }
}

/// What became of the lines.
#[derive(Clone, Debug, Default, Serialize)]
struct Done {
    created: u64,
    merged: u64,
    duplicates: u64,
    /// Lines that were rejected, also where the answer to one was lost.
    failed: u64,
    /// Lines whose answers were lost on the way from a server: they were imported or rejected.
    lost: u64,
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
        if self.lost > 0 {
            let lines = counted(self.lost, "line");
            text.push_str(&format!(
                "; the answers to {lines} were lost, which are counted only if they failed"
            ));
        }
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
        let begun = Instant::now();
        // The file is opened before the store: a mistyped name must not create one.
        let done = match tool.place(self.db.as_ref(), &self.workspace)? {
            Place::File(path) => {
                let lines = self.lines::<Store>()?;
                let opened = opening::or_new(path, tool.wait)?;
                let imported = self.store_each(&opened.store, lines, name);
                // An atomic import stores nothing where a line is rejected.
                opened.leave_if(imported, |done| !self.atomic || done.failed == 0)?
            }
            #[cfg(feature = "postgres")]
            Place::Postgres(database) => {
                let lines = self.lines::<crate::postgres::Remote>()?;
                self.store_each(&database.or_new(tool.wait)?, lines, name)?
            }
            Place::Server(server) => {
                let lines = self.lines::<Server>()?;
                let name = name.map_or_else(name_of_run, Ok)?;
                self.store_each(&server, lines, Some(name))?
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

    fn lines<T: TakesLines>(&self) -> Result<Lines<T::Line>, Failure> {
        Lines::open_as(&self.file, |line| Ok(T::parse(line)))
    }

    fn store_each<T: TakesLines>(
        &self,
        store: &T,
        lines: Lines<T::Line>,
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
        let taken = Cell::new(0);
        let ended = RefCell::new(None);
        let numbered = std::iter::from_fn(|| {
            let mut lines = lines.borrow_mut();
            let next = lines.next().unwrap_or_else(|failure| {
                *ended.borrow_mut() = Some(failure);
                None
            });
            let number = lines.line();
            next.map(|line| {
                taken.set(taken.get() + u64::from(number > known.line));
                (number, line)
            })
        });
        let mut done = Done {
            failed_before: known.failed,
            line: known.line,
            resumed_behind: known.line,
            ..Done::default()
        };
        let mut answered = 0;
        for answer in store.answers(numbered, &options) {
            let answer = answer?;
            answered += 1;
            done.line = answer.line;
            match answer.result {
                Became::Created => done.created += 1,
                Became::Merged => done.merged += 1,
                Became::Duplicate => done.duplicates += 1,
                Became::Error => {
                    match answer.rejected() {
                        None => done.aborted += 1,
                        Some(_) => done.failed += 1,
                    }
                    report.line(&answer)?;
                }
            }
        }
        lines.borrow().end();
        done.lost = taken.get().saturating_sub(answered);
        if let (Some(name), 1..) = (&options.name, done.lost) {
            let reached = store.progress(name).map_err(|failure| match failure {
                Failure::Interrupted => Failure::Unknown {
                    first: known.line + 1,
                    last: lines.borrow().line(),
                },
                failure => failure,
            });
            let reached = reached?.unwrap_or_default();
            done.failed = done.failed.max(reached.failed.saturating_sub(known.failed));
            done.line = done.line.max(reached.line);
        }
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

    fn line(&mut self, answer: &Answer) -> Result<(), Failure> {
        if let Some((file, _)) = &mut self.file {
            let written = serde_json::to_writer(&mut *file, answer).map_err(io::Error::from);
            // At once: what is committed is not reported again.
            let written = written.and_then(|()| file.write_all(b"\n").and_then(|()| file.flush()));
            return written.map_err(|error| self.failed(&error));
        }
        if let Some((line, reason)) = answer.rejected() {
            let text = format!("{}:{line}: {reason}", self.source);
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
