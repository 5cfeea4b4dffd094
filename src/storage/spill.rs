//! Sorted runs of rows in a file without a name, which are merged into the tables: what a load of any
//! size takes of memory has a bound.

use std::collections::BTreeMap;
use std::io;
use std::mem;
use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use convodb_core::{Error, Result};

use super::batch::{Batch, Rows, prefix};
use convodb_kv::{DiskFile, Table, failed};

/// So many bytes are written to the file, or read of a run, or given to a table at a time.
const CHUNK: usize = 1 << 20;

/// The lengths of a row's key and value come before it.
const LENGTHS: usize = 8;

/// The place of each run, table by table.
type Places = Vec<(Table, Range<u64>)>;

pub(super) struct Spill {
    file: Arc<dyn DiskFile>,
    end: u64,
    runs: BTreeMap<Table, Vec<Range<u64>>>,
    /// What is being sorted and written, on a thread of its own.
    writing: Option<JoinHandle<io::Result<(Batch, Places)>>>,
}

impl Spill {
    pub(super) fn new(file: Arc<dyn DiskFile>) -> Self {
        Self {
            file,
            end: 0,
            runs: BTreeMap::new(),
            writing: None,
        }
    }

    /// Makes runs of these rows, and leaves an empty batch.
    pub(super) fn put(&mut self, batch: &mut Batch) -> Result<()> {
        let spare = self.await_written()?;
        let mut batch = mem::replace(batch, spare);
        let (file, start) = (Arc::clone(&self.file), self.end);
        self.writing = Some(thread::spawn(move || {
            let places = write(&*file, start, &mut batch)?;
            Ok((batch, places))
        }));
        Ok(())
    }

    /// Waits for the runs that are being written, and returns the room of their rows.
    pub(super) fn await_written(&mut self) -> Result<Batch> {
        let Some(writing) = self.writing.take() else {
            return Ok(Batch::default());
        };
        let written = writing.join().unwrap_or_else(|cause| resume_unwind(cause));
        let (spare, places) =
            written.map_err(|error| failed("what is loaded cannot be kept", error))?;
        for (table, run) in places {
            self.end = run.end;
            self.runs.entry(table).or_default().push(run);
        }
        Ok(spare)
    }

    /// Visits the rows of a table in the order of their keys, as many at a time as fill a chunk.
    pub(super) fn merge(
        &self,
        table: Table,
        mut visit: impl FnMut(&Rows) -> Result<()>,
    ) -> Result<()> {
        let begin = |place: &Range<u64>| Run::begin(&*self.file, place.clone()).transpose();
        let runs = self.runs.get(&table).into_iter().flatten();
        let mut runs = runs.filter_map(begin).collect::<Result<Vec<_>>>()?;
        let mut chunk = Rows::default();
        loop {
            let least = runs.iter().enumerate().min_by(|(_, a), (_, b)| a.cmp(b));
            let Some((least, run)) = least else {
                return visit(&chunk);
            };
            chunk.put(run.key(), |bytes| {
                bytes.extend_from_slice(run.value());
                Ok(())
            })?;
            if chunk.bytes() >= CHUNK {
                visit(&chunk)?;
                chunk.clear();
            }
            if let Some(run) = runs.get_mut(least)
                && !run.advance()?
            {
                runs.remove(least);
            }
        }
    }
}

/// Sorts rows and writes them from a place of the file on.
fn write(file: &dyn DiskFile, mut at: u64, batch: &mut Batch) -> io::Result<Places> {
    let mut places = Places::new();
    let mut buffer = Vec::with_capacity(CHUNK);
    for (table, rows) in batch.tables_mut() {
        rows.sort();
        let start = at;
        for (key, value) in rows.iter() {
            for part in [key, value] {
                let len = u32::try_from(part.len()).map_err(io::Error::other)?;
                buffer.extend_from_slice(&len.to_le_bytes());
            }
            buffer.extend_from_slice(key);
            buffer.extend_from_slice(value);
            if buffer.len() >= CHUNK {
                file.write_all_at(&buffer, at)?;
                at += buffer.len() as u64;
                buffer.clear();
            }
        }
        file.write_all_at(&buffer, at)?;
        at += buffer.len() as u64;
        buffer.clear();
        places.push((table, start..at));
        rows.clear();
    }
    Ok(places)
}

/// A run, at one of its rows.
struct Run<'f> {
    file: &'f dyn DiskFile,
    /// What is not read yet.
    rest: Range<u64>,
    buffer: Vec<u8>,
    /// The row's key and value in the buffer.
    key: Range<usize>,
    value: Range<usize>,
    prefix: u128,
}

impl<'f> Run<'f> {
    /// A run at its first row, if it has any.
    fn begin(file: &'f dyn DiskFile, place: Range<u64>) -> Result<Option<Self>> {
        let mut run = Self {
            file,
            rest: place,
            buffer: Vec::new(),
            key: 0..0,
            value: 0..0,
            prefix: 0,
        };
        Ok(run.advance()?.then_some(run))
    }

    fn key(&self) -> &[u8] {
        self.buffer.get(self.key.clone()).unwrap_or_default()
    }

    fn value(&self) -> &[u8] {
        self.buffer.get(self.value.clone()).unwrap_or_default()
    }

    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let by_prefix = self.prefix.cmp(&other.prefix);
        by_prefix.then_with(|| self.key().cmp(other.key()))
    }

    /// Goes on to the next row, if there is one.
    fn advance(&mut self) -> Result<bool> {
        let at = self.value.end;
        if self.buffer.len() == at && self.rest.is_empty() {
            return Ok(false);
        }
        let at = self.read(at, LENGTHS)?;
        let lengths = self.buffer.get(at..).unwrap_or_default().as_chunks().0;
        let mut lengths = lengths.iter().map(|len| u32::from_le_bytes(*len) as usize);
        let mut next = || lengths.next().unwrap_or_default();
        let (key_len, value_len) = (next(), next());
        let at = self.read(at, LENGTHS + key_len + value_len)? + LENGTHS;
        self.key = at..at + key_len;
        self.value = self.key.end..self.key.end + value_len;
        self.prefix = prefix(self.key());
        Ok(true)
    }

    /// Makes the buffer hold so many bytes from a place in it on. Returns where that place is now.
    fn read(&mut self, at: usize, len: usize) -> Result<usize> {
        if self.buffer.len() - at >= len {
            return Ok(at);
        }
        self.buffer.drain(..at);
        let held = self.buffer.len();
        let left = usize::try_from(self.rest.end - self.rest.start).unwrap_or(usize::MAX);
        let more = (len - held).max(CHUNK).min(left);
        if held + more < len {
            return Err(Error::corrupted("a run of a load is cut short"));
        }
        self.buffer.resize(held + more, 0);
        let read = self.buffer.get_mut(held..).unwrap_or_default();
        let read = self.file.read_exact_at(read, self.rest.start);
        read.map_err(|error| failed("what was loaded cannot be read", error))?;
        self.rest.start += more as u64;
        Ok(0)
    }
}
