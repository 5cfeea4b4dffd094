//! The lines of an import, read and parsed by a thread of their own, so that the main thread can store
//! them and handle an interruption.
//!
//! Invariant: a bounded number of lines is in memory, whatever the size of the file.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use convodb::{ImportLine, repair_surrogates};
use indicatif::ProgressBar;
use serde::de::DeserializeOwned;

use crate::failure::Failure;
use crate::{interrupt, progress};

/// The most lines that are read ahead.
const LINES_AHEAD: usize = 64;
/// Longer than any conversation. A file without line ends must not fill the memory.
const MAX_LINE_BYTES: u64 = 1 << 30;
/// How often interruptions are checked for while no line comes.
const INTERVAL: Duration = Duration::from_millis(50);

/// The content of a line.
pub(in crate::commands) enum Item {
    Conversation(Box<convodb::Import>),
    /// Something else: a user, a team, an inbox, a view, a contact.
    Other(ImportLine),
}

/// What the reading thread sends.
enum Sent<T> {
    Line(u64, Result<T, String>),
    Unreadable(io::Error),
    End,
}

pub(in crate::commands) struct Lines<T = Item> {
    name: String,
    sent: Receiver<Sent<T>>,
    bar: ProgressBar,
    /// The number of the last line that was returned, from 1.
    line: u64,
}

impl Lines {
    /// Begins to read a file, or standard input for `-`.
    pub(in crate::commands) fn open(path: &Path) -> Result<Self, Failure> {
        Self::open_as(path, parse)
    }

    /// Begins to read an input of this name and, if it is known, size.
    pub(in crate::commands) fn read(
        name: String,
        size: Option<u64>,
        input: impl Read + Send + 'static,
    ) -> Self {
        Self::read_as(name, size, input, parse)
    }
}

impl<T: Send + 'static> Lines<T> {
    /// Begins to read a file, or standard input for `-`. A line that cannot be parsed ends it.
    pub(super) fn open_as(
        path: &Path,
        parse: fn(&[u8]) -> Result<T, String>,
    ) -> Result<Self, Failure> {
        let standard = path.as_os_str() == "-";
        let name = match standard {
            true => "standard input".to_owned(),
            false => path.display().to_string(),
        };
        let opened = match standard {
            true => Ok((None, Box::new(io::stdin()) as Box<dyn Read + Send>)),
            false => open(path),
        };
        match opened {
            Ok((size, input)) => Ok(Self::read_as(name, size, input, parse)),
            Err(error) => Err(Failure::Input {
                source: name,
                error,
            }),
        }
    }

    fn read_as(
        name: String,
        size: Option<u64>,
        input: impl Read + Send + 'static,
        parse: fn(&[u8]) -> Result<T, String>,
    ) -> Self {
        let bar = progress::bytes("importing", size);
        let input = BufReader::new(bar.wrap_read(input));
        let (sender, sent) = sync_channel(LINES_AHEAD);
        // It is not joined if the import fails: it may wait for input that does not come.
        thread::spawn(move || read(input, &sender, parse));
        Self {
            name,
            sent,
            bar,
            line: 0,
        }
    }

    /// The name of the input in messages.
    pub(in crate::commands) fn name(&self) -> &str {
        &self.name
    }

    /// The next line that is not blank; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<T>, Failure> {
        loop {
            interrupt::check()?;
            match self.sent.recv_timeout(INTERVAL) {
                Ok(Sent::Line(line, item)) => {
                    self.line = line;
                    return item.map(Some).map_err(|reason| self.rejected(reason));
                }
                Ok(Sent::Unreadable(error)) => {
                    return Err(Failure::Input {
                        source: self.name.clone(),
                        error,
                    });
                }
                Ok(Sent::End) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Failure::Panicked("the reading thread has ended".to_owned()));
                }
            }
        }
    }

    /// The number of the last line that was returned.
    pub(super) const fn line(&self) -> u64 {
        self.line
    }

    /// The bar that shows how much is read.
    pub(super) fn bar(&self) -> ProgressBar {
        self.bar.clone()
    }

    /// The failure of the last line that was returned.
    fn rejected(&self, reason: String) -> Failure {
        self.rejected_at(self.line, reason)
    }

    pub(super) fn rejected_at(&self, line: u64, reason: String) -> Failure {
        Failure::Line {
            source: self.name.clone(),
            line,
            reason,
        }
    }
}

impl<T> Lines<T> {
    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

impl<T> Drop for Lines<T> {
    fn drop(&mut self) {
        // Before a failure is printed.
        self.end();
    }
}

fn open(path: &Path) -> io::Result<(Option<u64>, Box<dyn Read + Send>)> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    // A pipe has no size.
    let size = metadata.is_file().then_some(metadata.len());
    Ok((size, Box::new(file)))
}

/// Reads and parses until the end, or until the receiver is dropped.
fn read<T>(
    mut input: impl BufRead,
    sender: &SyncSender<Sent<T>>,
    parse: fn(&[u8]) -> Result<T, String>,
) {
    let mut bytes = Vec::new();
    for line in 1.. {
        bytes.clear();
        let mut limited = (&mut input).take(MAX_LINE_BYTES);
        let sent = match limited.read_until(b'\n', &mut bytes) {
            Err(error) => Sent::Unreadable(error),
            Ok(0) => Sent::End,
            Ok(read) if read as u64 == MAX_LINE_BYTES && !bytes.ends_with(b"\n") => {
                Sent::Line(line, Err("is longer than 1 GiB".to_owned()))
            }
            Ok(_) if bytes.trim_ascii().is_empty() => continue,
            Ok(_) => Sent::Line(line, parse(&bytes)),
        };
        let last = !matches!(sent, Sent::Line(_, Ok(_)));
        if sender.send(sent).is_err() || last {
            return;
        }
    }
}

pub(super) fn parse(line: &[u8]) -> Result<Item, String> {
    let line = &*repair_surrogates(line);
    // No conversation has a field of these names.
    let first = line
        .trim_ascii_start()
        .strip_prefix(b"{")
        .map(<[u8]>::trim_ascii_start)
        .unwrap_or_default();
    let is_named = |name: &str| {
        let rest = first.strip_prefix(b"\"").unwrap_or_default();
        let rest = rest.strip_prefix(name.as_bytes()).unwrap_or_default();
        rest.starts_with(b"\"")
    };
    if let Some(name) = ["message", "note", "conversation"]
        .into_iter()
        .find(|name| is_named(name))
    {
        return Err(format!("a line of a `{name}` needs `--lines`"));
    }
    if ["user", "team", "inbox", "view", "contact"]
        .into_iter()
        .any(is_named)
    {
        let parsed = ImportLine::parse(line).map(Item::Other);
        parsed.map_err(|error| format!("{}: {}", error.field(), error.reason()))
    } else {
        from_json(line).map(Item::Conversation)
    }
}

fn from_json<T: DeserializeOwned>(line: &[u8]) -> Result<T, String> {
    serde_json::from_slice(line).map_err(|error| {
        // To serde each line is line 1, which would contradict the line number of the file.
        let (full, column) = (error.to_string(), error.column());
        let position = format!(" at line {} column {column}", error.line());
        let is_object = error.is_data() && line.trim_ascii_start().starts_with(b"{");
        let begin = if is_object {
            ""
        } else {
            "the line is not a JSON object: "
        };
        match full.strip_suffix(&position) {
            Some(reason) => format!("{begin}{reason} (column {column})"),
            None => format!("{begin}{full}"),
        }
    })
}
