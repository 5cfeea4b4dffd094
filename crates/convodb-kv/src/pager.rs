//! The engine's pages, each checked when it is read.
//!
//! Behind the superblock and the room of the write-ahead log come groups of two checksum blocks and
//! 500 pages. The checksum blocks of a group are two copies that are written in turn, when the file is
//! synced. The first page has two copies of the engine's header, which the engine writes in place.
//! Every commit of the engine is two-phase, so it never reads a page that a crash left without its
//! checksum.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::iter;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use convodb_core::{Error, Result};
use redb::{BackendError, StorageBackend};
use twox_hash::XxHash3_64;

use crate::alternating::{Alternating, OVERHEAD};
use crate::disk::DiskFile;
use crate::superblock::{BLOCK_LEN, StoreFile, Superblock};
use crate::{failure, lock};

/// The pages of a group, and its blocks.
const GROUP_PAGES: u64 = 500;
const GROUP_BLOCKS: u64 = GROUP_PAGES + 2;
const SUMS_MAGIC: &[u8; 16] = b"convodb sums\0\0\0\0";

/// The engine's header, and where in the first page its copies are: each within a sector of 512 bytes.
const HEADER_LEN: usize = 320;
const HEADER_COPIES: [u64; 2] = [0, 2048];
const HEADER_COPY_LEN: usize = 512;
const HEADER_MAGIC: &[u8; 16] = b"convodb header\0\0";

/// The file grows in steps of this.
const GROWTH: u64 = 128 << 10;

/// A checkpoint syncs the file after so many pages. One sync of all of them delays the records of the log
/// that are written beside it.
const PACE_PAGES: u64 = 256;

const PAGE_LEN: u64 = BLOCK_LEN as u64;

const _: () = {
    assert!(
        (1 + GROUP_PAGES as usize) * 8 + OVERHEAD <= BLOCK_LEN,
        "sums fill a block"
    );
    assert!(
        HEADER_LEN + 8 + OVERHEAD <= HEADER_COPY_LEN,
        "a header fits"
    );
};

/// A page is not what was written last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DamagedPage {
    pub page: u64,
}

impl fmt::Display for DamagedPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "page {} does not match its checksum", self.page)
    }
}

impl std::error::Error for DamagedPage {}

impl From<DamagedPage> for io::Error {
    fn from(damaged: DamagedPage) -> Self {
        Self::new(io::ErrorKind::InvalidData, damaged)
    }
}

/// Another handle of redb has the pages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Replaced;

impl fmt::Display for Replaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("another handle has the file")
    }
}

impl std::error::Error for Replaced {}

/// The pages of one file, which it holds locked until it is closed.
#[derive(Debug)]
pub(super) struct Pager {
    file: Arc<StoreFile>,
    /// Where the first group begins.
    start: u64,
    /// The length as redb sees it.
    len: AtomicU64,
    /// The length of the file.
    end: AtomicU64,
    /// Of every checksum, with the number of what it is about: a page of another file, or of another
    /// place in this one, is damage.
    seed: u64,
    header: Mutex<Header>,
    /// The number of the sync that wrote the header.
    synced: AtomicU64,
    /// Those that were read or written.
    groups: RwLock<BTreeMap<u64, Arc<Group>>>,
    /// The groups with checksums that are not in the file yet.
    dirty: Mutex<BTreeSet<u64>>,
    /// The number of the handle that has the pages.
    handle: AtomicU64,
    /// It met an error, and answers nothing more.
    is_ended: AtomicBool,
    /// Whether the file is synced as pages are written, so that the sync of a commit has few.
    is_paced: AtomicBool,
    /// The pages since then.
    unsynced_pages: AtomicU64,
    written_pages: AtomicU64,
}

#[derive(Debug)]
struct Header {
    copies: Alternating,
    /// Nothing where no copy is whole.
    content: Option<[u8; HEADER_LEN]>,
}

/// The checksums of a group's pages; 0 is that of a page that was never written.
#[derive(Debug)]
struct Group {
    copies: Mutex<Alternating>,
    sums: Box<[AtomicU64]>,
}

/// Takes a file for this process, where the system has locks.
pub(super) fn take(file: Box<dyn DiskFile>) -> Result<Arc<dyn DiskFile>> {
    match file.try_lock() {
        Ok(true) => Ok(Arc::from(file)),
        Ok(false) => Err(failure::locked(file.lock_holder())),
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(Arc::from(file)),
        Err(error) => Err(failure::io("the file cannot be locked", error)),
    }
}

impl Pager {
    /// Makes an empty file, which is [taken](take), one without pages.
    pub(super) fn create(disk: Arc<dyn DiskFile>, superblock: Superblock) -> Result<Self> {
        let file = disk
            .set_len(superblock.wal().end)
            .and_then(|()| StoreFile::create(disk, superblock))
            .map_err(|error| failure::io("the file cannot be written", error))?;
        Ok(Self::new(file))
    }

    /// Opens the pages of a file, which is [taken](take). Reads nothing but the header.
    pub(super) fn open(file: StoreFile) -> Result<Self> {
        let pager = Self::new(file);
        pager
            .load_header()
            .map_err(|error| failure::io("the file cannot be read", error))?;
        if pager.pages_within(pager.end.load(Ordering::Relaxed)) == 0 {
            // redb would make a new database of it.
            return Err(Error::corrupted("the file is damaged: it is cut short"));
        }
        Ok(pager)
    }

    fn new(file: StoreFile) -> Self {
        let superblock = file.superblock();
        let [a, b, c, d, e, f, g, h, ..] = superblock.id;
        let seed = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        let first = superblock.wal().end + 2 * PAGE_LEN;
        let offsets = HEADER_COPIES.map(|offset| first + offset);
        Self {
            header: Mutex::new(Header {
                copies: Alternating::new(HEADER_MAGIC, offsets, HEADER_COPY_LEN, seed),
                content: None,
            }),
            synced: AtomicU64::new(0),
            start: superblock.wal().end,
            len: AtomicU64::new(0),
            end: AtomicU64::new(0),
            file: Arc::new(file),
            seed,
            groups: RwLock::default(),
            dirty: Mutex::default(),
            handle: AtomicU64::new(0),
            is_ended: AtomicBool::new(false),
            is_paced: AtomicBool::new(false),
            unsynced_pages: AtomicU64::new(0),
            written_pages: AtomicU64::new(0),
        }
    }

    pub(super) fn file(&self) -> &Arc<StoreFile> {
        &self.file
    }

    /// Whether redb's handle met an error, and answers nothing more.
    pub(super) fn is_ended(&self) -> bool {
        self.is_ended.load(Ordering::SeqCst)
    }

    fn load_header(&self) -> io::Result<()> {
        let mut header = lock(&self.header);
        let found = header.copies.read(self.file.disk())?.newest;
        let found = found.as_ref().and_then(|found| found.split_first_chunk());
        header.content = found.map(|(content, _)| *content);
        let len = found.and_then(|(_, len)| len.first_chunk().copied());
        let end = self.file.disk().metadata()?.len;
        let len = len.map_or(self.pages_within(end) * PAGE_LEN, u64::from_le_bytes);
        self.len.store(len, Ordering::Relaxed);
        self.end.store(end, Ordering::Relaxed);
        self.synced
            .store(header.copies.counter(), Ordering::Relaxed);
        Ok(())
    }

    /// How many pages a file of this length has room for.
    fn pages_within(&self, len: u64) -> u64 {
        let blocks = len.saturating_sub(self.start) / PAGE_LEN;
        blocks / GROUP_BLOCKS * GROUP_PAGES + (blocks % GROUP_BLOCKS).saturating_sub(2)
    }

    /// Where a group begins, with its checksum blocks.
    fn group_offset(&self, group: u64) -> u64 {
        self.start + group * GROUP_BLOCKS * PAGE_LEN
    }

    fn page_offset(&self, page: u64) -> u64 {
        self.group_offset(page / GROUP_PAGES) + (2 + page % GROUP_PAGES) * PAGE_LEN
    }

    fn sum(&self, page: u64, bytes: &[u8]) -> u64 {
        XxHash3_64::oneshot_with_seed(self.seed ^ page, bytes).max(1)
    }

    fn group(&self, number: u64) -> io::Result<Arc<Group>> {
        let groups = self.groups.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(group) = groups.get(&number) {
            return Ok(Arc::clone(group));
        }
        drop(groups);
        let loaded = Arc::new(self.load_group(number)?);
        let mut groups = self.groups.write().unwrap_or_else(PoisonError::into_inner);
        // Who came first may have changed it since.
        Ok(Arc::clone(groups.entry(number).or_insert(loaded)))
    }

    fn load_group(&self, number: u64) -> io::Result<Group> {
        let first = self.group_offset(number);
        let seed = self.seed ^ !number;
        let mut copies = Alternating::new(SUMS_MAGIC, [first, first + PAGE_LEN], BLOCK_LEN, seed);
        // Without a whole copy no page of it was ever durable.
        let stored = copies.read(self.file.disk())?.newest.unwrap_or_default();
        let (stored, _) = stored.as_chunks();
        let mut stored = stored.iter().copied().map(u64::from_le_bytes);
        let written = stored.next().unwrap_or(0);
        if written > self.synced.load(Ordering::Relaxed) + 1 {
            // A header that is older than by the sync that a crash cut: its roots may lead to pages
            // that were written over.
            return Err(DamagedPage { page: 0 }.into());
        }
        let sums = (0..GROUP_PAGES).map(|_| AtomicU64::new(stored.next().unwrap_or(0)));
        Ok(Group {
            sums: sums.collect(),
            copies: Mutex::new(copies),
        })
    }

    /// Writes the checksums of groups, and returns these.
    fn write_sums(&self, numbers: &BTreeSet<u64>, sync: u64) -> io::Result<Vec<Arc<Group>>> {
        let write = |number: &u64| {
            let group = self.group(*number)?;
            group.write(self.file.disk(), sync)?;
            Ok(group)
        };
        numbers.iter().map(write).collect()
    }

    /// How many pages were written since the last call.
    pub(super) fn take_written(&self) -> u64 {
        self.written_pages.swap(0, Ordering::Relaxed)
    }

    /// Writes pages as fast as they come again.
    pub(super) fn stop_pacing(&self) {
        self.is_paced.store(false, Ordering::Relaxed);
    }

    /// Makes writes of pages sync the file now and then, until the answer is dropped.
    pub(super) fn pace(self: &Arc<Self>) -> Paced {
        self.is_paced.store(true, Ordering::Relaxed);
        Paced(Arc::clone(self))
    }

    /// Makes the file long enough. redb doubles its length, and a packed file would with one message.
    fn grow_to(&self, end: u64) -> io::Result<()> {
        if end > self.end.load(Ordering::Relaxed) {
            let end = end.next_multiple_of(GROWTH);
            self.file.disk().set_len(end)?;
            self.end.store(end, Ordering::Relaxed);
        }
        Ok(())
    }

    fn dirty(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        lock(&self.dirty)
    }
}

impl Group {
    /// The checksums of the pages from this one on.
    fn sums_from(&self, page: u64) -> impl Iterator<Item = &AtomicU64> {
        self.sums.iter().skip((page % GROUP_PAGES) as usize)
    }

    fn write(&self, file: &dyn DiskFile, sync: u64) -> io::Result<()> {
        let sums = self.sums.iter().map(|sum| sum.load(Ordering::Relaxed));
        let content = iter::once(sync).chain(sums).flat_map(u64::to_le_bytes);
        lock(&self.copies).write(file, &content.collect::<Vec<_>>())
    }
}

/// The first of the whole pages that are asked for.
fn first_page(offset: u64, len: usize) -> io::Result<u64> {
    if offset == 0 || !offset.is_multiple_of(PAGE_LEN) || !len.is_multiple_of(BLOCK_LEN) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok(offset / PAGE_LEN)
}

/// How many of so many bytes from this page on lie in its group.
fn len_in_group(page: u64, len: usize) -> usize {
    len.min((GROUP_PAGES - page % GROUP_PAGES) as usize * BLOCK_LEN)
}

/// How long pages are written at a steady pace.
#[derive(Debug)]
pub struct Paced(Arc<Pager>);

impl Drop for Paced {
    fn drop(&mut self) {
        self.0.stop_pacing();
    }
}

/// The pages for one handle of redb, which is of no use after an error: another one then takes its
/// place, and the pages take nothing from this one any more.
#[derive(Debug)]
pub(super) struct Pages {
    pager: Arc<Pager>,
    number: u64,
}

impl Pages {
    pub(super) fn new(pager: &Arc<Pager>) -> io::Result<Self> {
        let number = pager.handle.fetch_add(1, Ordering::SeqCst) + 1;
        pager.is_ended.store(false, Ordering::SeqCst);
        // What the handle before wrote there may not be in the file.
        pager.load_header()?;
        Ok(Self {
            pager: Arc::clone(pager),
            number,
        })
    }

    fn call<T>(&self, call: impl FnOnce(&Pager) -> io::Result<T>) -> io::Result<T> {
        if self.pager.handle.load(Ordering::SeqCst) != self.number {
            return Err(io::Error::other(Replaced));
        }
        let done = call(&self.pager);
        if done.is_err() {
            self.pager.is_ended.store(true, Ordering::SeqCst);
        }
        done
    }
}

impl StorageBackend for Pages {
    fn len(&self) -> io::Result<u64> {
        self.call(|pager| Ok(pager.len()))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.call(|pager| pager.read(offset, out))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.call(|pager| pager.set_len(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.call(Pager::sync_data)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.call(|pager| pager.write(offset, data))
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        match (start, end) {
            // It is held already.
            (Bound::Unbounded, Bound::Unbounded) => Ok(true),
            // The engine then locks the file as a whole.
            _ => Err(BackendError::Unsupported),
        }
    }

    fn unlock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<(), BackendError> {
        // It stays locked until it is closed.
        Ok(())
    }
}

impl Pager {
    /// The length as redb sees it. The file grows to it as pages are written.
    fn len(&self) -> u64 {
        self.len.load(Ordering::Relaxed)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if offset == 0 && out.len() <= HEADER_LEN {
            let header = lock(&self.header);
            let content = header.content.as_ref().ok_or(DamagedPage { page: 0 })?;
            let start = content.get(..out.len()).unwrap_or_default();
            out.copy_from_slice(start);
            return Ok(());
        }
        let mut page = first_page(offset, out.len())?;
        let mut rest = out;
        while !rest.is_empty() {
            let (run, behind) = rest.split_at_mut(len_in_group(page, rest.len()));
            let read = self.file.disk().read_exact_at(run, self.page_offset(page));
            read.map_err(|error| match error.kind() {
                // It was never written, or cut off.
                io::ErrorKind::UnexpectedEof => DamagedPage { page }.into(),
                _ => error,
            })?;
            let group = self.group(page / GROUP_PAGES)?;
            for (sum, bytes) in group.sums_from(page).zip(run.chunks(BLOCK_LEN)) {
                if sum.load(Ordering::Relaxed) != self.sum(page, bytes) {
                    return Err(DamagedPage { page }.into());
                }
                page += 1;
            }
            rest = behind;
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let pages = len.div_ceil(PAGE_LEN);
        let end = pages
            .checked_sub(1)
            .map_or(self.start, |last| self.page_offset(last) + PAGE_LEN);
        if end < self.end.load(Ordering::Relaxed) {
            self.file.disk().set_len(end)?;
            self.end.store(end, Ordering::Relaxed);
        }
        self.len.store(len, Ordering::Relaxed);
        // A page that is cut off keeps its checksum in a group that stays: when the file grows again,
        // the page is zeros, which the engine writes before it reads them.
        let gone = pages.div_ceil(GROUP_PAGES);
        let mut groups = self.groups.write().unwrap_or_else(PoisonError::into_inner);
        groups.split_off(&gone);
        self.dirty().split_off(&gone);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        // Before the header, which could reach the disk without the pages that it leads to.
        self.file.check_synced()?;
        let mut header = lock(&self.header);
        let sync = header.copies.counter() + 1;
        let numbers = std::mem::take(&mut *self.dirty());
        let synced = self.write_sums(&numbers, sync).and_then(|groups| {
            // Written with each sync, so that an older one can be recognised.
            if let Some(content) = &header.content {
                let len = self.len().to_le_bytes();
                let content = [&content[..], &len[..]].concat();
                self.grow_to(self.page_offset(1))?;
                header.copies.write(self.file.disk(), &content)?;
            }
            self.file.sync()?;
            Ok(groups)
        });
        match synced {
            Ok(groups) => {
                groups
                    .iter()
                    .for_each(|group| lock(&group.copies).confirm());
                if header.content.is_some() {
                    header.copies.confirm();
                    self.synced.store(sync, Ordering::Relaxed);
                }
                Ok(())
            }
            Err(error) => {
                self.dirty().extend(numbers);
                Err(error)
            }
        }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        if offset == 0 {
            let content = <[u8; HEADER_LEN]>::try_from(data).map_err(io::Error::other)?;
            lock(&self.header).content = Some(content);
            return Ok(());
        }
        let mut page = first_page(offset, data.len())?;
        let mut rest = data;
        while !rest.is_empty() {
            let (run, behind) = rest.split_at(len_in_group(page, rest.len()));
            let (number, group) = (page / GROUP_PAGES, self.group(page / GROUP_PAGES)?);
            self.grow_to(self.page_offset(page) + run.len() as u64)?;
            self.file.disk().write_all_at(run, self.page_offset(page))?;
            for (sum, bytes) in group.sums_from(page).zip(run.chunks(BLOCK_LEN)) {
                sum.store(self.sum(page, bytes), Ordering::Relaxed);
                page += 1;
            }
            self.dirty().insert(number);
            rest = behind;
        }
        let pages = (data.len() / BLOCK_LEN) as u64;
        self.written_pages.fetch_add(pages, Ordering::Relaxed);
        if self.is_paced.load(Ordering::Relaxed) {
            let unsynced = self.unsynced_pages.fetch_add(pages, Ordering::Relaxed) + pages;
            if unsynced >= PACE_PAGES {
                self.unsynced_pages.store(0, Ordering::Relaxed);
                self.file.sync()?;
            }
        }
        Ok(())
    }
}

impl Drop for Pager {
    fn drop(&mut self) {
        // Closing the file does so too.
        let _ = self.file.disk().unlock();
    }
}
