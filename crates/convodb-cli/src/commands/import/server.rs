//! `import` into the store of a server.

use std::hash::{BuildHasher as _, RandomState};
use std::path::Path;
use std::time::Duration;

use convodb::{ImportName, ImportOptions, ImportProgress, InvalidInput};

use super::each::{Answer, TakesLines};
use super::lines::{Item, Lines, parse};
use super::{Counts, Imported};
use crate::failure::Failure;
use crate::server::{Refusal, Server, parsed_line};

const PATH: &str = "/v1/admin/import";

/// What a request has, so that none takes long.
const PIECE_BYTES: usize = 1 << 20;
const PIECE_LINES: u64 = 2_048;

/// What a request has at most: an atomic import, or one line.
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
    /// Whether a line has room behind the others.
    fn has_room(&self, number: u64, length: usize, bytes: usize, lines: u64) -> bool {
        let ends = number - self.last;
        self.bytes.is_empty()
            || number - self.first < lines
                && (self.bytes.len() + length) as u64 + ends <= bytes as u64
    }

    /// Adds a line, in its place among blank ones.
    fn push(&mut self, number: u64, line: &[u8]) {
        match self.bytes.is_empty() {
            true => self.first = number,
            false => (self.last..number).for_each(|_| self.bytes.push(b'\n')),
        }
        self.last = number;
        self.bytes.extend_from_slice(line);
    }

    /// Sends the lines until they are answered. With the name of the import, none is stored twice, and those that
    /// were stored before have no answer.
    fn send(&self, server: &Server, options: &ImportOptions) -> Result<Vec<Answer>, Failure> {
        let first = self.first.to_string();
        let mut query = vec![("first_line", &*first)];
        if let Some(name) = &options.name {
            query.push(("name", name.as_str()));
        }
        if options.is_atomic {
            query.push(("atomic", "true"));
        }
        if options.skips_existing {
            query.push(("skip_existing", "true"));
        }
        let sent = server.send_lines(PATH, &query, &self.bytes, PATIENCE);
        let sent = sent.map_err(|refusal| self.unknown(refusal))?;
        let lines = sent.split(|byte| *byte == b'\n');
        let lines = lines.filter(|line| !line.is_empty());
        lines.map(parsed_line).collect()
    }

    /// The failure of a request that may have arrived.
    fn unknown(&self, refusal: Refusal) -> Failure {
        let (first, last) = (self.first, self.last);
        match refusal {
            Refusal::Failed(Failure::Interrupted) => Failure::Unknown { first, last },
            refusal if refusal.is_unknown() => {
                let reason = Failure::from(refusal);
                Failure::Server(format!(
                    "{reason}; it is unknown whether lines {first} to {last} were stored"
                ))
            }
            refusal => refusal.into(),
        }
    }
}

impl TakesLines for Server {
    type Line = Vec<u8>;

    fn parse(line: &[u8]) -> Self::Line {
        line.trim_ascii().to_vec()
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
        let (bytes, count) = match options.is_atomic {
            true => (MOST_BYTES, u64::MAX),
            false => (PIECE_BYTES, PIECE_LINES),
        };
        let lines = lines.filter(move |(number, _)| *number > done);
        let mut lines = lines.fuse().peekable();
        let mut is_over = false;
        let pieces = std::iter::from_fn(move || {
            if is_over {
                return None;
            }
            let mut piece = Piece::default();
            let (number, line) = lines.peek()?;
            let sent = if line.len() > MOST_BYTES {
                Err(match options.is_atomic {
                    true => too_large(),
                    false => line_too_large(*number, line.len()),
                })
            } else {
                while let Some((number, line)) = lines
                    .next_if(|(number, line)| piece.has_room(*number, line.len(), bytes, count))
                {
                    piece.push(number, &line);
                }
                match options.is_atomic && lines.peek().is_some() {
                    true => Err(too_large()),
                    false => piece.send(self, &options),
                }
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

fn line_too_large(number: u64, length: usize) -> Failure {
    Failure::Server(format!(
        "line {number} has {length} bytes, and a request to a server at most {MOST_BYTES}; \
         the lines before it are stored"
    ))
}

/// A name that no other run has, by which lines that are sent again are recognised.
pub(super) fn name_of_run() -> Result<ImportName, InvalidInput> {
    // The keys of each are random.
    let random = || RandomState::new().hash_one(0);
    ImportName::new(&format!("run-{:016x}{:016x}", random(), random()))
}

/// Sends all lines of a file in one request: all of them are stored or none.
pub(super) fn send_whole(server: &Server, file: &Path) -> Result<Imported, Failure> {
    let mut lines = Lines::open_as(file, |line| {
        let line = line.trim_ascii();
        Ok((parse(line)?, line.to_vec()))
    })?;
    let (mut piece, mut counts, mut count) = (Piece::default(), Counts::default(), 0);
    while let Some((item, line)) = lines.next()? {
        count += 1;
        if count > ImportOptions::MAX_ATOMIC
            || line.len() > MOST_BYTES
            || !piece.has_room(lines.line(), line.len(), MOST_BYTES, u64::MAX)
        {
            return Err(too_large());
        }
        piece.push(lines.line(), &line);
        match &item {
            Item::Conversation(import) => counts.conversation(import),
            Item::Other(line) => counts.line(line),
        }
    }
    let name = name_of_run()?;
    // That it is a server, even where there is nothing to send, and before what may be stored is sent.
    server.progress(&name)?;
    if count == 0 {
        return Ok(counts.imported);
    }
    // Where an answer was lost, and the lines were stored, the next answer has none of them.
    let answers = piece.send(server, &ImportOptions::new().atomic().resume(name))?;
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
