//! The write-ahead log: a ring of blocks within the store's file.
//!
//! A commit appends one record. A checkpoint makes older records needless, and their room is used
//! again. Records follow one another around the ring; each names its commit, the newest commit that
//! was durable before it, and the checksum of the record before.
//!
//! Invariant: a record is overwritten only after a durable checkpoint that contains it.

mod reader;

use std::sync::Arc;

use convodb_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::failure;
use crate::superblock::{FileId, StoreFile};

pub use reader::Records;

/// Records begin at multiples of this, and so does the ring: no header is split.
const ALIGNMENT: u64 = 32;
/// Length, checksum of the header, commit, durable commit, checksum of the record before, checksum.
const HEADER_BYTES: usize = 4 + 4 + 8 + 8 + 4 + 4;
/// Blocks are filled with zeros this far ahead of the first record in them: a write to a block that
/// the file system has not allocated took 20 to 25 % longer, and much longer at the 99th percentile.
const ZEROED_AHEAD: u64 = 1 << 20;
/// A record takes at most this share of the ring.
const LARGEST_SHARE: u64 = 4;

/// Between two records: where recovery begins, and where the next record goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalPosition {
    /// The commit of the record before.
    pub commit: u64,
    /// The bytes of all records before, in all rounds of the ring.
    pub offset: u64,
    /// The checksum of the record before.
    pub chain: u32,
}

/// The place of a ring in its file.
#[derive(Clone, Copy, Debug)]
struct Ring {
    start: u64,
    len: u64,
}

impl Ring {
    fn of(file: &StoreFile) -> Self {
        let place = file.superblock().wal();
        Self {
            start: place.start,
            len: place.end - place.start,
        }
    }

    /// The pieces of the file, at most two, that hold this range of the log.
    fn pieces(self, offset: u64, len: u64) -> impl Iterator<Item = (u64, usize)> {
        let at = offset.checked_rem(self.len).unwrap_or(0);
        let first = len.min(self.len - at);
        [(self.start + at, first), (self.start, len - first)]
            .into_iter()
            .filter_map(|(place, len)| Some((place, usize::try_from(len).ok()?)))
            .filter(|(_, len)| *len > 0)
    }
}

/// Whether a record has room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// There is room.
    Now,
    /// After a checkpoint.
    Later,
    /// It takes too large a share of the ring.
    Never,
}

/// A log that is written.
#[derive(Debug)]
pub struct Wal {
    file: Arc<StoreFile>,
    ring: Ring,
    /// Keys the checksums: records of another file, or bytes that a client sent, are no records here.
    id: FileId,
    end: WalPosition,
    /// Records before this offset are in a durable checkpoint.
    reclaimed: u64,
    /// In the first round, the blocks before this offset were filled with zeros.
    zeroed: u64,
    /// The newest commit that is durable.
    durable: u64,
    buffer: Vec<u8>,
}

impl Wal {
    /// Continues at a position up to which a checkpoint contains everything.
    pub fn new(file: Arc<StoreFile>, end: WalPosition) -> Self {
        Self {
            ring: Ring::of(&file),
            id: file.superblock().id,
            file,
            end,
            reclaimed: end.offset,
            zeroed: end.offset,
            durable: end.commit,
            buffer: Vec::new(),
        }
    }

    /// Whether a record of so many bytes has room.
    pub fn room(&self, payload: usize) -> Room {
        match record_len(payload) {
            len if len > self.largest_record() => Room::Never,
            len if len > self.ring.len - self.bytes() => Room::Later,
            _ => Room::Now,
        }
    }

    fn largest_record(&self) -> u64 {
        self.ring.len / LARGEST_SHARE
    }

    /// The bytes of the largest payload.
    pub fn largest_payload(&self) -> usize {
        let most = usize::try_from(self.largest_record()).unwrap_or(usize::MAX);
        most.saturating_sub(HEADER_BYTES)
    }

    /// Notes durably, before the first commit after an opening, that the file is not clean any more: the
    /// next opening looks for records.
    pub fn mark_open(&self) -> Result<()> {
        match self.file.superblock().clean_at {
            Some(_) => self.file.set_clean_at(None),
            None => Ok(()),
        }
    }

    /// Makes sure that the next record overwrites blocks which the file has. After an error nothing of
    /// the record is written.
    pub fn prepare(&mut self, payload: usize) -> Result<()> {
        let needed = (self.end.offset + record_len(payload)).min(self.ring.len);
        if needed > self.zeroed {
            let wanted = needed.next_multiple_of(ZEROED_AHEAD).min(self.ring.len);
            self.fill(self.zeroed, wanted)?;
            self.zeroed = wanted;
        }
        Ok(())
    }

    /// Appends the [prepared](Self::prepare) record of the next commit, and syncs it if it is to be
    /// durable. After an error it may be there or not.
    pub fn append(&mut self, payload: &[u8], durably: bool) -> Result<()> {
        let commit = self.end.commit + 1;
        let len = record_len(payload.len());
        let payload_len = u32::try_from(payload.len())
            .map_err(|_| Error::corrupted("a record of the log is too large"))?;
        let header = Header {
            payload: payload_len,
            commit,
            durable: self.durable,
            chain: self.end.chain,
        };
        self.buffer.clear();
        let checksum = header.encode(&self.id, payload, &mut self.buffer);
        self.buffer
            .resize(usize::try_from(len).unwrap_or_default(), 0);
        let mut rest = &self.buffer[..];
        for (place, len) in self.ring.pieces(self.end.offset, len) {
            let (piece, behind) = rest.split_at_checked(len).unwrap_or_default();
            let written = match durably {
                true => self
                    .file
                    .noting(self.file.disk().write_all_durable_at(piece, place)),
                false => self.file.disk().write_all_at(piece, place),
            };
            written.map_err(|error| failure::io("the log cannot be written", error))?;
            rest = behind;
        }
        self.end = WalPosition {
            commit,
            offset: self.end.offset + len,
            chain: checksum,
        };
        if durably {
            self.durable = commit;
        }
        Ok(())
    }

    /// Overwrites a range of the log with zeros, durably.
    fn fill(&self, from: u64, to: u64) -> Result<()> {
        let zeros = vec![0; 64 << 10];
        let chunks = self.ring.pieces(from, to.saturating_sub(from));
        for (mut place, mut len) in chunks {
            while len > 0 {
                let chunk = zeros.get(..len.min(zeros.len())).unwrap_or_default();
                let written = self.file.disk().write_all_at(chunk, place);
                written.map_err(|error| failure::io("the log cannot be written", error))?;
                place += chunk.len() as u64;
                len -= chunk.len();
            }
        }
        self.sync_file()
    }

    fn sync_file(&self) -> Result<()> {
        let synced = self.file.sync();
        synced.map_err(|error| failure::io("the log cannot be synced", error))
    }

    /// Makes durable what was appended. After an error it may be so or not.
    pub fn sync(&mut self) -> Result<()> {
        self.sync_file()?;
        self.durable = self.end.commit;
        Ok(())
    }

    /// Whether every record is durable.
    pub fn is_durable(&self) -> bool {
        self.durable == self.end.commit
    }

    /// Where the next record goes.
    pub fn end(&self) -> WalPosition {
        self.end
    }

    /// Moves on behind records that were read.
    pub fn advance(&mut self, end: WalPosition) {
        self.end = end;
        self.zeroed = end.offset;
        self.durable = end.commit;
    }

    /// Where the log continues after a commit without a record.
    pub fn end_without_record(&self) -> WalPosition {
        WalPosition {
            commit: self.end.commit + 1,
            ..self.end
        }
    }

    /// A durable checkpoint contains the records before this position, and the commits that have no
    /// record.
    pub fn reclaim(&mut self, checkpoint: WalPosition) {
        self.reclaimed = self.reclaimed.max(checkpoint.offset);
        self.durable = self.durable.max(checkpoint.commit);
        if checkpoint.commit > self.end.commit {
            self.end = checkpoint;
        }
    }

    /// The bytes of the records that no checkpoint contains.
    pub fn bytes(&self) -> u64 {
        self.end.offset - self.reclaimed
    }

    /// The bytes of the ring.
    pub fn capacity(&self) -> u64 {
        self.ring.len
    }

    /// Overwrites every record that a checkpoint contains, durably.
    pub fn erase(&self) -> Result<()> {
        self.fill(
            self.end.offset.saturating_sub(self.ring.len),
            self.reclaimed,
        )
    }

    /// Overwrites what is no record of a commit that counts, durably.
    pub fn erase_rest(&self) -> Result<()> {
        self.fill(self.end.offset, self.reclaimed + self.ring.len)
    }

    /// Durably notes that the pages contain every commit: the next opening looks for no records.
    pub fn close(&self) -> Result<()> {
        self.file.set_clean_at(Some(self.end.commit))
    }
}

/// The bytes of a record with a payload of this length.
fn record_len(payload: usize) -> u64 {
    ((HEADER_BYTES + payload) as u64).next_multiple_of(ALIGNMENT)
}

/// What a record says of itself, before its payload.
#[derive(Clone, Copy, Debug)]
struct Header {
    payload: u32,
    commit: u64,
    durable: u64,
    /// The checksum of the record before.
    chain: u32,
}

impl Header {
    /// Appends the record, and returns its checksum.
    fn encode(self, id: &FileId, payload: &[u8], record: &mut Vec<u8>) -> u32 {
        let fields = self.fields();
        let own = checksum(id, &fields, &[]);
        record.extend_from_slice(&own.to_le_bytes());
        record.extend_from_slice(&fields);
        let checksum = checksum(id, record, payload);
        record.extend_from_slice(&checksum.to_le_bytes());
        record.extend_from_slice(payload);
        checksum
    }

    fn fields(self) -> [u8; HEADER_BYTES - 8] {
        let mut fields = [0; HEADER_BYTES - 8];
        let (payload, rest) = fields.split_at_mut(4);
        payload.copy_from_slice(&self.payload.to_le_bytes());
        let (commit, rest) = rest.split_at_mut(8);
        commit.copy_from_slice(&self.commit.to_le_bytes());
        let (durable, chain) = rest.split_at_mut(8);
        durable.copy_from_slice(&self.durable.to_le_bytes());
        chain.copy_from_slice(&self.chain.to_le_bytes());
        fields
    }

    /// Reads the header at the beginning of these bytes, if there is one of this file.
    fn decode(id: &FileId, bytes: &[u8]) -> Option<Self> {
        let (own, rest) = bytes.split_first_chunk()?;
        let fields: &[u8; HEADER_BYTES - 8] = rest.first_chunk()?;
        if u32::from_le_bytes(*own) != checksum(id, fields, &[]) {
            return None;
        }
        let (payload, rest) = fields.split_first_chunk()?;
        let (commit, rest) = rest.split_first_chunk()?;
        let (durable, rest) = rest.split_first_chunk()?;
        Some(Self {
            payload: u32::from_le_bytes(*payload),
            commit: u64::from_le_bytes(*commit),
            durable: u64::from_le_bytes(*durable),
            chain: u32::from_le_bytes(*rest.first_chunk()?),
        })
    }
}

/// The checksum of a record: of all but itself. That of a header is the same of its fields alone.
fn checksum(id: &FileId, before: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(id);
    hasher.update(before);
    hasher.update(payload);
    hasher.finalize()
}
