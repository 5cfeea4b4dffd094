//! `import` into the store of a server.

use std::path::Path;
use std::time::Duration;

use convodb::{ImportName, ImportOptions, ImportProgress};

use super::each::{Answer, TakesLines};
use super::lines::{Item, Lines, parse};
use super::{Counts, Imported};
use crate::failure::Failure;
use crate::server::{Refusal, Server, parsed_line};

const PATH: &str = "/v1/admin/import";

/// What a request has, so that none takes long.
const PIECE_BYTES: usize = 1 << 20;
const PIECE_LINES: u64 = 2_048;

/// What the request of an atomic import has.
const MOST_BYTES: usize = 64 << 20;

/// For how long a server that has no room, or is started anew, is asked again.
const PATIENCE: Duration = Duration::from_secs(60);

/// Lines that follow each other in a file.
#[derive(Default)]
struct Piece {
    first: u64,
    last: u64,
    bytes: Vec<u8>,
}

impl Piece {
    /// Adds a line, in its place among blank ones.
    fn push(&mut self, number: u64, line: &[u8]) {
        match self.bytes.is_empty() {
            true => self.first = number,
            false => (self.last..number).for_each(|_| self.bytes.push(b'\n')),
        }
        self.last = number;
        self.bytes.extend_from_slice(line.trim_ascii());
    }

    const fn is_full(&self) -> bool {
        self.bytes.len() >= PIECE_BYTES || self.last - self.first >= PIECE_LINES
    }

    fn send(&self, server: &Server, options: &ImportOptions) -> Result<Vec<Answer>, Failure> {
        let first = self.first.to_string();
        let mut query = vec![("first_line", &*first)];
        if options.is_atomic {
            query.push(("atomic", "true"));
        }
        if options.skips_existing {
            query.push(("skip_existing", "true"));
        }
        if let Some(name) = &options.name {
            query.push(("name", name.as_str()));
        }
        let mut lines = server.posted_lines(PATH, &query, Some(&self.bytes), PATIENCE)?;
        let (mut line, mut answers) = (Vec::new(), Vec::new());
        while lines.next(&mut line)? {
            answers.push(parsed_line(&line)?);
        }
        Ok(answers)
    }
}

impl TakesLines for Server {
    type Line = Vec<u8>;

    fn parse(line: &[u8]) -> Self::Line {
        line.to_vec()
    }

    fn progress(&self, name: &ImportName) -> Result<Option<ImportProgress>, Failure> {
        match self.import_progress(name.as_str()) {
            Ok(progress) => Ok(Some(progress)),
            Err(refusal) if refusal.is("not_found") => Ok(None),
            Err(refusal) => Err(refusal.into()),
        }
    }

    fn answers<'a>(
        &'a self,
        lines: impl Iterator<Item = (u64, Self::Line)> + 'a,
        options: &ImportOptions,
    ) -> Box<dyn Iterator<Item = Result<Answer, Failure>> + 'a> {
        let options = options.clone();
        let done = match &options.name {
            Some(name) => self.progress(name).map(Option::unwrap_or_default),
            None => Ok(ImportProgress::default()),
        };
        let done = match done {
            Ok(done) => done.line,
            Err(failure) => return Box::new(std::iter::once(Err(failure))),
        };
        let lines = lines.filter(move |(number, _)| *number > done);
        let mut lines = lines.fuse().peekable();
        let mut is_over = false;
        let pieces = std::iter::from_fn(move || {
            if is_over || lines.peek().is_none() {
                return None;
            }
            let mut piece = Piece::default();
            while (options.is_atomic || !piece.is_full())
                && piece.bytes.len() < MOST_BYTES
                && let Some((number, line)) = lines.next()
            {
                piece.push(number, &line);
            }
            let sent = match options.is_atomic && lines.peek().is_some() {
                true => Err(too_large()),
                false => piece.send(self, &options),
            };
            is_over = sent.is_err();
            Some(sent)
        });
        Box::new(pieces.flat_map(|piece| match piece {
            Ok(answers) => answers.into_iter().map(Ok).collect(),
            Err(failure) => vec![Err(failure)],
        }))
    }
}

fn too_large() -> Failure {
    Failure::Usage(format!(
        "an import of all lines or none has at most {} lines and 64 MiB on a server: \
         `--lines` imports each line for itself",
        ImportOptions::MAX_ATOMIC
    ))
}

/// Sends all lines of a file in one request: all of them are stored or none.
pub(super) fn send_whole(server: &Server, file: &Path) -> Result<Imported, Failure> {
    let mut lines = Lines::open_as(file, |line| Ok((parse(line)?, line.to_vec())))?;
    let (mut piece, mut counts, mut count) = (Piece::default(), Counts::default(), 0);
    while let Some((item, line)) = lines.next()? {
        piece.push(lines.line(), &line);
        match &item {
            Item::Conversation(import) => counts.conversation(import),
            Item::Other(line) => counts.line(line),
        }
        count += 1;
        if count > ImportOptions::MAX_ATOMIC || piece.bytes.len() > MOST_BYTES {
            return Err(too_large());
        }
    }
    // That it is a server, even where there is nothing to send.
    if count == 0 {
        server.progress(&ImportName::new("none")?)?;
        return Ok(counts.imported);
    }
    let answers = piece.send(server, &ImportOptions::new().atomic())?;
    lines.end();
    match answers.iter().find_map(Answer::rejected) {
        None => Ok(counts.imported),
        Some((line, reason)) => Err(lines.rejected_at(line, reason.to_owned())),
    }
}

impl Server {
    fn import_progress(&self, name: &str) -> Result<ImportProgress, Refusal> {
        self.asked(PATH, &[("name", name)], PATIENCE)
    }
}
