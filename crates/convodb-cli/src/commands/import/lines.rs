//! The lines of an import, read and parsed by a thread of their own, so that this one can store
//! and be interrupted meanwhile.
//!
//! Invariant: so many lines at most are in memory, however large the file.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use convodb::{TeamId, UserId};
use indicatif::ProgressBar;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::failure::Failure;
use crate::{interrupt, progress};

/// So many lines wait at most to be stored.
const LINES_AHEAD: usize = 64;
/// More than any conversation has; a file without lines must not fill the memory.
const MAX_LINE_BYTES: u64 = 1 << 30;
/// So often an interruption is looked for while no line comes.
const PATIENCE: Duration = Duration::from_millis(50);

/// What a line is.
pub(super) enum Item {
    Conversation(Box<convodb::Import>),
    User(Named<UserId>),
    Team(Named<TeamId>),
}

/// Somebody of the directory.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Named<T> {
    pub(super) id: T,
    pub(super) name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserLine {
    user: Named<UserId>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TeamLine {
    team: Named<TeamId>,
}

/// What the thread that reads has to say.
enum Said {
    Line(u64, Result<Item, String>),
    Unreadable(io::Error),
    End,
}

pub(super) struct Lines {
    name: String,
    said: Receiver<Said>,
    bar: ProgressBar,
    /// The number of the line that was handed out last, from 1.
    line: u64,
}

impl Lines {
    /// Begins to read a file, or standard input for `-`.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let standard = path.as_os_str() == "-";
        let name = match standard {
            true => "standard input".to_owned(),
            false => path.display().to_string(),
        };
        let opened = match standard {
            true => Ok((None, Box::new(io::stdin()) as Box<dyn Read + Send>)),
            false => open(path),
        };
        let (size, input) = opened.map_err(|error| Failure::Input {
            source: name.clone(),
            error,
        })?;
        let bar = progress::bytes("importing", size);
        let input = BufReader::new(bar.wrap_read(input));
        let (sender, said) = sync_channel(LINES_AHEAD);
        // It is left to itself when the import fails: it may wait for input that does not come.
        thread::spawn(move || read(input, &sender));
        Ok(Self {
            name,
            said,
            bar,
            line: 0,
        })
    }

    /// The next line that is not blank; nothing at the end.
    pub(super) fn next(&mut self) -> Result<Option<Item>, Failure> {
        loop {
            interrupt::check()?;
            match self.said.recv_timeout(PATIENCE) {
                Ok(Said::Line(line, item)) => {
                    self.line = line;
                    return item.map(Some).map_err(|reason| self.refused(reason));
                }
                Ok(Said::Unreadable(error)) => {
                    return Err(Failure::Input {
                        source: self.name.clone(),
                        error,
                    });
                }
                Ok(Said::End) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Failure::Panicked("the lines' reader is gone".to_owned()));
                }
            }
        }
    }

    /// What is wrong with the line that was handed out last.
    pub(super) fn refused(&self, reason: String) -> Failure {
        Failure::Line {
            source: self.name.clone(),
            line: self.line,
            reason,
        }
    }

    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        // Before a failure is told.
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

/// Reads and parses until the end, or until nobody takes the lines any longer.
fn read(mut input: impl BufRead, sender: &SyncSender<Said>) {
    let mut bytes = Vec::new();
    for line in 1.. {
        bytes.clear();
        let mut limited = (&mut input).take(MAX_LINE_BYTES);
        let said = match limited.read_until(b'\n', &mut bytes) {
            Err(error) => Said::Unreadable(error),
            Ok(0) => Said::End,
            Ok(read) if read as u64 == MAX_LINE_BYTES && !bytes.ends_with(b"\n") => {
                Said::Line(line, Err("is longer than 1 GiB".to_owned()))
            }
            Ok(_) if bytes.trim_ascii().is_empty() => continue,
            Ok(_) => Said::Line(line, parse(&bytes)),
        };
        let last = !matches!(said, Said::Line(_, Ok(_)));
        if sender.send(said).is_err() || last {
            return;
        }
    }
}

fn parse(line: &[u8]) -> Result<Item, String> {
    // No conversation has a field of either name.
    let first = line
        .trim_ascii_start()
        .strip_prefix(b"{")
        .map(<[u8]>::trim_ascii_start)
        .unwrap_or_default();
    if first.starts_with(b"\"user\"") {
        let UserLine { user } = from_json(line)?;
        Ok(Item::User(user))
    } else if first.starts_with(b"\"team\"") {
        let TeamLine { team } = from_json(line)?;
        Ok(Item::Team(team))
    } else {
        from_json(line).map(Item::Conversation)
    }
}

fn from_json<T: DeserializeOwned>(line: &[u8]) -> Result<T, String> {
    serde_json::from_slice(line).map_err(|error| {
        // To serde each line is line 1, which would contradict ours.
        let (full, column) = (error.to_string(), error.column());
        let place = format!(" at line {} column {column}", error.line());
        match full.strip_suffix(&place) {
            Some(reason) => format!("{reason} (column {column})"),
            None => full,
        }
    })
}
