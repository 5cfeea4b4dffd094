//! The log: lines to standard error, by a thread of their own.
//!
//! Invariant: logging never waits for the reader of the log. If the reader stalls, as with a full pipe,
//! lines are lost and counted, and no request waits.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use tracing_subscriber::EnvFilter;

/// Lines that may wait to be written.
const WAITING: usize = 4_096;

/// For the last lines, when the process ends.
const PATIENCE: Duration = Duration::from_millis(200);

/// How a line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// An object a line, with the fields of the request around it.
    Json,
}

enum Entry {
    Line(Vec<u8>),
    /// All that came before is written.
    End(SyncSender<()>),
}

/// Takes lines to be written.
#[derive(Clone)]
pub(crate) struct Log {
    entries: SyncSender<Entry>,
    lost: Arc<AtomicU64>,
}

impl Log {
    /// Starts to log what `RUST_LOG` selects, by default the level `info`, and panics.
    pub(crate) fn start(format: Format) -> Result<Self> {
        let log = Self::to(io::stderr())?;
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
        let writer = log.clone();
        let lines = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .with_ansi(false)
            .with_env_filter(filter);
        match format {
            Format::Text => lines.init(),
            Format::Json => lines.json().flatten_event(true).init(),
        }
        std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
        Ok(log)
    }

    fn to(output: impl Write + Send + 'static) -> io::Result<Self> {
        let (entries, taken) = sync_channel(WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let log = Self {
            entries,
            lost: Arc::clone(&lost),
        };
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write(output, &taken, &lost))?;
        Ok(log)
    }

    /// Waits a moment until the lines so far are written.
    pub(crate) fn finish(&self) {
        let (done, written) = sync_channel(1);
        if self.entries.try_send(Entry::End(done)).is_ok() {
            let _ = written.recv_timeout(PATIENCE);
        }
    }
}

impl Write for Log {
    /// Takes a line as a whole, as the subscriber hands it over.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.entries.try_send(Entry::Line(line.to_vec())).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes lines until the last `Log` is dropped. Errors have no place to be reported.
fn write(mut output: impl Write, entries: &Receiver<Entry>, lost: &AtomicU64) {
    while let Ok(entry) = entries.recv() {
        match entry {
            Entry::Line(line) => drop(output.write_all(&line)),
            Entry::End(done) => {
                let _ = output.flush();
                let _ = done.send(());
            }
        }
        let lost = lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let _ = writeln!(output, "{lost} lines of the log were lost");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    /// Writes only once it may.
    struct Gate {
        open: Receiver<()>,
        written: std::sync::mpsc::Sender<Vec<u8>>,
    }

    impl Write for Gate {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            let _ = self.open.recv();
            let _ = self.written.send(text.to_vec());
            Ok(text.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn who_logs_does_not_wait_for_who_reads_and_what_was_lost_is_counted() -> io::Result<()> {
        let (go, open) = channel();
        let (written, lines) = channel();
        let mut log = Log::to(Gate { open, written })?;
        // One is held in the gate, so many wait, and three find no place.
        log.write_all(b"first")?;
        while log.entries.try_send(Entry::Line(b"next".to_vec())).is_ok() {}
        // The thread may have taken one in between.
        while log.lost.load(Ordering::Relaxed) < 3 {
            log.write_all(b"lost")?;
        }
        drop(go);
        drop(log);
        let lines: Vec<_> = lines.iter().collect();
        assert_eq!(lines.first().map(Vec::as_slice), Some(&b"first"[..]));
        let text = lines.concat();
        let text = String::from_utf8_lossy(&text);
        assert!(text.contains("3 lines of the log were lost"), "{text}");
        Ok(())
    }
}
