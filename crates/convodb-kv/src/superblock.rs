//! The superblock: what the file is, and where its parts are.

use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use convodb_core::{Error, ErrorKind, Result};

use crate::alternating::{Alternating, OVERHEAD};
use crate::disk::DiskFile;
use crate::{failure, lock};

/// What everything in a file is a multiple of.
pub(super) const BLOCK_LEN: usize = 4096;

/// How every file begins.
pub const MAGIC: &[u8; 16] = b"convodb file\r\n\x1a\n";
const VERSION: u32 = 1;
/// XXH3-64, by which pages are checked.
const XXH3: u8 = 1;
/// Version, id, blocks of the log, kind of checksum, clean at.
const CONTENT_LEN: usize = 4 + 16 + 4 + 1 + 8;
/// In the place of a commit: the file was not closed cleanly.
const OPEN: u64 = u64::MAX;

/// Random bytes that no two files share.
pub type FileId = [u8; 16];

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Superblock {
    pub id: FileId,
    /// The blocks of the write-ahead log.
    pub wal_blocks: u32,
    /// The commit up to which the pages contain everything, if the file was closed cleanly: its log
    /// then has no records that count.
    pub clean_at: Option<u64>,
}

/// An open file, and its superblock.
#[derive(Debug)]
pub struct StoreFile {
    disk: Arc<dyn DiskFile>,
    state: Mutex<(Superblock, Alternating)>,
    /// A sync failed, of the pages or of the log: what is read may differ from what the disk holds.
    is_unsynced: AtomicBool,
}

/// Whether a file that was being made, and no more, can begin so.
pub(super) fn could_begin(start: &[u8]) -> bool {
    start == MAGIC || start.iter().all(|byte| *byte == 0)
}

fn copies() -> Alternating {
    Alternating::new(MAGIC, [0, BLOCK_LEN as u64], BLOCK_LEN, 0)
}

impl StoreFile {
    /// Writes both copies of a superblock into an empty file.
    pub(super) fn create(disk: Arc<dyn DiskFile>, superblock: Superblock) -> io::Result<Self> {
        let mut copies = copies();
        // The file gets its name only when both are durable.
        for _ in 0..2 {
            copies.write(&*disk, &superblock.encode())?;
            copies.confirm();
        }
        Ok(Self::of(disk, superblock, copies))
    }

    /// Reads the superblock, and writes a copy that is damaged again.
    pub(super) fn open(disk: Arc<dyn DiskFile>) -> Result<Self> {
        let mut copies = copies();
        let found = copies
            .read(&*disk)
            .map_err(|error| failure::io("the file cannot be read", error))?;
        let Some(content) = found.newest else {
            return Err(if found.is_marked {
                Error::corrupted(
                    "both copies of the file's superblock are damaged: restore a backup",
                )
            } else {
                Error::new(ErrorKind::NotADatabase, "the file is not a store")
            });
        };
        let superblock = Superblock::decode(&content)?;
        if found.whole < 2 {
            // Durable with the next sync; until then the other copy is the newest.
            copies
                .write(&*disk, &superblock.encode())
                .map_err(|error| failure::io("the file cannot be written", error))?;
        }
        Ok(Self::of(disk, superblock, copies))
    }

    fn of(disk: Arc<dyn DiskFile>, superblock: Superblock, copies: Alternating) -> Self {
        Self {
            disk,
            state: Mutex::new((superblock, copies)),
            is_unsynced: AtomicBool::new(false),
        }
    }

    /// Syncs the file, unless a sync failed before: Linux reports a page that it could not write to one
    /// sync alone, whichever writer it was.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.check_synced()?;
        self.noting(self.disk.sync_data())?;
        self.check_synced()
    }

    /// An error where a sync failed.
    pub(super) fn check_synced(&self) -> io::Result<()> {
        match self.is_unsynced() {
            true => Err(io::Error::other("a sync of the file failed")),
            false => Ok(()),
        }
    }

    /// Takes note of a durable write or a sync that failed.
    pub(super) fn noting(&self, synced: io::Result<()>) -> io::Result<()> {
        synced.inspect_err(|_| self.is_unsynced.store(true, Ordering::SeqCst))
    }

    /// Whether a sync failed: the file has to be written again and opened anew.
    pub(super) fn is_unsynced(&self) -> bool {
        self.is_unsynced.load(Ordering::SeqCst)
    }

    /// The file itself.
    pub fn disk(&self) -> &dyn DiskFile {
        &*self.disk
    }

    /// What its first blocks say.
    pub fn superblock(&self) -> Superblock {
        self.state().0
    }

    fn state(&self) -> MutexGuard<'_, (Superblock, Alternating)> {
        lock(&self.state)
    }

    /// Durably notes that the pages contain everything up to a commit, or that the log counts.
    pub fn set_clean_at(&self, commit: Option<u64>) -> Result<()> {
        let mut state = self.state();
        let (superblock, copies) = &mut *state;
        let next = Superblock {
            clean_at: commit,
            ..*superblock
        };
        copies
            .write(self.disk(), &next.encode())
            .and_then(|()| self.sync())
            .map_err(|error| failure::io("the file cannot be written", error))?;
        copies.confirm();
        *superblock = next;
        Ok(())
    }
}

impl Superblock {
    /// The place of the write-ahead log, in bytes.
    pub fn wal(&self) -> Range<u64> {
        let start = 2 * BLOCK_LEN as u64;
        start..start + u64::from(self.wal_blocks) * BLOCK_LEN as u64
    }

    fn encode(&self) -> Vec<u8> {
        let mut content = Vec::with_capacity(CONTENT_LEN);
        content.extend_from_slice(&VERSION.to_le_bytes());
        content.extend_from_slice(&self.id);
        content.extend_from_slice(&self.wal_blocks.to_le_bytes());
        content.push(XXH3);
        content.extend_from_slice(&self.clean_at.unwrap_or(OPEN).to_le_bytes());
        content
    }

    fn decode(content: &[u8]) -> Result<Self> {
        let malformed = || Error::corrupted("the file is damaged: its superblock is malformed");
        let (version, rest) = content.split_first_chunk().ok_or_else(malformed)?;
        let version = u32::from_le_bytes(*version);
        if version != VERSION {
            return Err(unsupported(&format!("layout {version}")));
        }
        let (id, rest) = rest.split_first_chunk().ok_or_else(malformed)?;
        let (wal_blocks, rest) = rest.split_first_chunk().ok_or_else(malformed)?;
        let ([kind], rest) = rest.split_first_chunk().ok_or_else(malformed)?;
        if *kind != XXH3 {
            return Err(unsupported(&format!("checksums of kind {kind}")));
        }
        let clean_at = u64::from_le_bytes(*rest.first_chunk().ok_or_else(malformed)?);
        Ok(Self {
            id: *id,
            wal_blocks: u32::from_le_bytes(*wal_blocks),
            clean_at: (clean_at != OPEN).then_some(clean_at),
        })
    }
}

fn unsupported(what: &str) -> Error {
    Error::new(
        ErrorKind::UnsupportedVersion,
        format!("the file has {what}, which this version does not read"),
    )
}

const _: () = assert!(CONTENT_LEN + OVERHEAD <= BLOCK_LEN, "it fills a block");
