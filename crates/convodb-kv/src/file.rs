//! Files that appear whole or not at all, and that one process owns.
//!
//! A redb file that is being made cannot always be opened after a crash, so it is made under a
//! name of its own, closed, and only then given the path. A new store takes its path by a hard
//! link, which fails where the path exists: a rename would let two creators each own a store.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use convodb_core::{Details, EntityKind, Error, ErrorKind, Result};

use crate::disk::{Access, Disk, DiskFile, Metadata};
use crate::overlay::Overlay;
#[cfg(feature = "testing")]
use crate::pager::Pages;
use crate::pager::{Pager, take};
#[cfg(feature = "testing")]
use crate::superblock::Superblock;
use crate::superblock::{BLOCK_LEN, StoreFile, could_begin};
use crate::{Database, Setup, failure};

/// A path on a disk.
#[derive(Clone, Debug)]
pub struct Place {
    disk: Arc<dyn Disk>,
    path: PathBuf,
}

impl Place {
    /// A path on a disk.
    pub fn new(disk: Arc<dyn Disk>, path: PathBuf) -> Self {
        Self { disk, path }
    }

    /// The file itself, wherever the process or a link goes later.
    pub fn resolve(&self) -> Result<Self> {
        let path = self.disk.canonicalize(&self.path);
        Ok(Self {
            path: path.map_err(|error| failure::io("the file's path cannot be resolved", error))?,
            disk: Arc::clone(&self.disk),
        })
    }

    /// An error unless the path leads to this open file.
    pub fn check_leads_to(&self, file: &StoreFile) -> Result<()> {
        let changed = |what: &str| {
            let path = self.path.display();
            let message =
                format!("the path `{path}` leads to {what}: the store writes nothing more");
            Error::new(ErrorKind::PathChanged, message)
        };
        let own = file.disk().metadata().map_err(unreadable)?;
        match self.disk.metadata(&self.path) {
            Ok(found) if found.identity == own.identity => Ok(()),
            Ok(_) => Err(changed("another file")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(changed("no file").with_source(error))
            }
            Err(error) => Err(unreadable(error)),
        }
    }

    /// How many bytes the file has.
    pub fn file_len(&self) -> Result<u64> {
        let metadata = self.disk.metadata(&self.path);
        metadata
            .map(|metadata| metadata.len)
            .map_err(|error| failure::io("the file's size cannot be read", error))
    }

    /// Makes an empty file where none is, for those who may open the store.
    fn create(&self, access: Option<Access>) -> io::Result<Box<dyn DiskFile>> {
        match access {
            Some(access) => self.disk.create_like(&self.path, &access),
            None => self.disk.create_new(&self.path),
        }
    }

    /// The same, but for the owner where the system lets the process give it to no other.
    fn create_copy(&self, access: Option<Access>) -> io::Result<Box<dyn DiskFile>> {
        let made = self.create(access);
        made.or_else(|error| match (error.kind(), access) {
            (io::ErrorKind::PermissionDenied, Some(access)) => {
                self.create(Some(access.of_process()))
            }
            _ => Err(error),
        })
    }

    /// Makes a file of these bytes where none is, durably, for those who may open the store.
    pub fn save(&self, bytes: &[u8], access: Option<Access>) -> Result<()> {
        let file = self.create_copy(access);
        let file = file.map_err(|error| self.cannot_create(error))?;
        let saved = file.write_all_at(bytes, 0).and_then(|()| file.sync_data());
        let saved = saved.map_err(|error| failure::io("the file cannot be written", error));
        saved
            .and_then(|()| self.sync_directory())
            .inspect_err(|_| drop(self.disk.remove_file(&self.path)))
    }

    fn cannot_create(&self, error: io::Error) -> Error {
        match error.kind() {
            io::ErrorKind::AlreadyExists => self.exists(),
            _ => failure::io("the file cannot be created", error),
        }
    }

    /// An error: something has the path.
    fn exists(&self) -> Error {
        let path = self.path.display();
        Error::already_exists(EntityKind::File, &path, format!("`{path}` exists already"))
    }

    /// Removes what processes that ended left of the files that they were making for this path. Errors
    /// leave it to the next call. O(names in the directory).
    pub fn remove_leftovers(&self) {
        let Some(name) = self.path.file_name() else {
            return;
        };
        let own = self.disk.metadata(&self.path);
        let own = own.ok().and_then(|own| own.identity);
        let names = self.disk.read_directory(self.directory());
        for found in names.unwrap_or_default() {
            if is_draft_of(name, &found) {
                let draft = self.sibling(&found);
                let _ = draft.remove_unless_held(own);
            }
        }
    }

    /// Removes a draft that its maker does not hold any more, or a second name of the store.
    fn remove_unless_held(&self, store: Option<(u64, u64)>) -> io::Result<()> {
        let file = self.disk.open(&self.path)?;
        let Metadata { identity, len, .. } = file.metadata()?;
        let mut start = [0; 16];
        let start = match usize::try_from(len).unwrap_or(usize::MAX) {
            len if len < start.len() => start.get_mut(..len).unwrap_or_default(),
            _ => &mut start[..],
        };
        file.read_exact_at(start, 0)?;
        let is_second_name = identity.is_some() && identity == store;
        let is_left = is_second_name
            || could_begin(start)
                && file.try_lock()?
                // Its maker may have given it another name meanwhile.
                && self.disk.metadata(&self.path)?.identity == identity;
        match is_left {
            true => self.disk.remove_file(&self.path),
            false => Ok(()),
        }
    }

    /// Makes a file without a name beside it, for those who may open the store: however the process
    /// ends, nothing is left of it.
    pub fn scratch(&self) -> Result<Box<dyn DiskFile>> {
        let access = self.disk.metadata(&self.path).map_err(unreadable)?.access;
        loop {
            let own = self.draft()?;
            let file = match own.create_copy(access) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                made => made.map_err(|error| own.cannot_create(error))?,
            };
            return match self.disk.remove_file(&own.path) {
                // An opening may have taken it for left behind.
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    Err(own.cannot_create(error))
                }
                _ => Ok(file),
            };
        }
    }

    /// The name of a draft for this file, which no other of this process has.
    fn draft(&self) -> Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let name = self.path.file_name().ok_or_else(|| {
            Error::new(ErrorKind::Io, "the path names no file")
                .with_source(io::Error::from(io::ErrorKind::InvalidInput))
        })?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Ok(self.sibling(&draft_name(name, number)))
    }

    /// Another name beside it.
    fn sibling(&self, name: &OsStr) -> Self {
        Self {
            path: self.directory().join(name),
            disk: Arc::clone(&self.disk),
        }
    }

    /// The names beside it.
    fn directory(&self) -> &Path {
        match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        }
    }

    /// Makes a new name in its directory durable.
    pub fn sync_directory(&self) -> Result<()> {
        self.disk
            .sync_directory(self.directory())
            .map_err(|error| failure::io("the directory cannot be synced", error))
    }
}

/// What became of a file that was to take another's place.
pub enum Replaced {
    /// The file that has the path now.
    New(Box<Database>),
    /// Which of the two has the name, now or after a crash, is not known; they hold the same.
    Unknown(Error),
}

/// How often a file that is open elsewhere is tried again.
const LOCK_POLL: Duration = Duration::from_millis(10);

/// A file that this process has taken, and may open as a database.
pub struct Taken(Arc<dyn DiskFile>);

impl Taken {
    /// Takes an existing file, as soon as no other has it.
    pub fn take(place: &Place, setup: &Setup) -> Result<Self> {
        let until = Instant::now().checked_add(setup.lock_timeout);
        loop {
            match Self::try_take(place, setup) {
                Ok(Some(taken)) => return Ok(taken),
                Ok(None) => {}
                Err(error) if error.kind() == ErrorKind::Locked => {
                    let left = until.map(|until| until.saturating_duration_since(Instant::now()));
                    match left.unwrap_or(LOCK_POLL) {
                        Duration::ZERO => return Err(error),
                        left => thread::sleep(left.min(LOCK_POLL)),
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// None where another file has the path meanwhile.
    fn try_take(place: &Place, setup: &Setup) -> Result<Option<Self>> {
        let opened = match setup.read_only {
            true => place
                .disk
                .open_read_only(&place.path)
                .and_then(|file| Overlay::of(Arc::from(file))),
            false => place.disk.open(&place.path),
        };
        let file = opened.map_err(|error| cannot_open(&place.path, error))?;
        let opened = file.metadata().map_err(unreadable)?;
        if opened.len == 0 {
            // The engine would make an empty file into a database; it is somebody's mistake.
            return Err(Error::new(ErrorKind::NotADatabase, "the file is empty"));
        }
        let taken = take(file)?;
        // Between opening and locking, another process may have put a packed copy in the path's
        // place: what was locked then is a file without a name.
        let named = place.disk.metadata(&place.path).map_err(unreadable)?;
        Ok((named.identity == opened.identity).then_some(Self(taken)))
    }

    /// An error where it is not the expected file.
    pub fn open(&self, setup: &Setup) -> Result<Database> {
        let file = StoreFile::open(Arc::clone(&self.0))?;
        let id = file.superblock().id;
        if setup.expected.is_some_and(|expected| expected != id) {
            let message =
                "the path leads to another file: it is not opened in place of the store's";
            return Err(Error::new(ErrorKind::PathChanged, message));
        }
        if setup.rewrites {
            let rewritten = rewrite(file.disk());
            rewritten.map_err(|error| failure::io("the file cannot be written again", error))?;
        }
        Database::of_pages(Arc::new(Pager::open(file)?), setup)
    }

    /// The database as the file has it: what is written to it stays in memory. The file is given up
    /// when this one is dropped.
    pub fn preview(&self, setup: &Setup) -> Result<Database> {
        let overlay = Overlay::of(Arc::clone(&self.0)).map_err(unreadable)?;
        let file = StoreFile::open(Arc::from(overlay))?;
        Database::of_pages(Arc::new(Pager::open(file)?), setup)
    }
}

/// Gives each piece of a file and its place to a function.
fn each_chunk(
    file: &dyn DiskFile,
    mut visit: impl FnMut(&[u8], u64) -> io::Result<()>,
) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 20];
    let len = file.metadata()?.len;
    for offset in (0..len).step_by(buffer.len()) {
        let rest = usize::try_from(len - offset).unwrap_or(usize::MAX);
        let chunk = buffer.len().min(rest);
        let chunk = buffer.get_mut(..chunk).unwrap_or_default();
        file.read_exact_at(chunk, offset)?;
        visit(chunk, offset)?;
    }
    Ok(())
}

/// Writes every byte of the file once more and syncs it, for what is left by a sync that failed: a system
/// may take pages for written that are not (Linux marks them clean), and would never write them. A crash
/// in the midst leaves what one before could have left. O(file)!
fn rewrite(file: &dyn DiskFile) -> io::Result<()> {
    each_chunk(file, |chunk, offset| {
        match file.write_all_at(chunk, offset) {
            Err(error) if failure::is_full(&error) => {}
            written => return written,
        }
        let blocks = (offset..).step_by(BLOCK_LEN).zip(chunk.chunks(BLOCK_LEN));
        for (offset, block) in blocks {
            match file.write_all_at(block, offset) {
                // A hole of the log: what the file has on a disk needs no room.
                Err(error) if failure::is_full(&error) && block.iter().all(|byte| *byte == 0) => {}
                written => written?,
            }
        }
        Ok(())
    })?;
    file.sync_data()
}

fn cannot_open(path: &Path, error: io::Error) -> Error {
    let is_missing = error.kind() == io::ErrorKind::NotFound;
    let error = failure::io("the file cannot be opened", error);
    if !is_missing {
        return error;
    }
    error.with_details(Details::Entity {
        kind: EntityKind::File,
        id: path.display().to_string(),
    })
}

fn unreadable(error: io::Error) -> Error {
    failure::io("the file cannot be read", error)
}

/// The engine's pages in a store file, or in a new one where none is, with so many blocks for the
/// log: for tests that read and write them, or the tables with the engine alone.
#[cfg(feature = "testing")]
pub fn pages_on(
    disk: &dyn Disk,
    path: &Path,
    wal_blocks: u32,
) -> Result<impl redb::StorageBackend + use<>> {
    let id = *b"a file of a test";
    let pager = match disk.create_new(path) {
        Ok(file) => {
            let superblock = Superblock {
                id,
                wal_blocks,
                clean_at: Some(0),
            };
            Pager::create(take(file)?, superblock)?
        }
        Err(_) => Pager::open(StoreFile::open(take(
            disk.open(path).map_err(unreadable)?,
        )?)?)?,
    };
    Pages::new(&Arc::new(pager)).map_err(unreadable)
}

/// A name that is taken away when it is dropped, if it is there still.
struct OwnName(Place);

impl Drop for OwnName {
    fn drop(&mut self) {
        let Self(place) = self;
        let _ = place.disk.remove_file(&place.path);
    }
}

/// What the names of drafts end with.
const DRAFT_SUFFIX: &str = ".tmp";

/// The name of a draft for a file: `.{name}.{process}-{number}.tmp`.
fn draft_name(name: &OsStr, number: u64) -> OsString {
    let mut own = OsString::from(".");
    own.push(name);
    own.push(format!(".{}-{number}{DRAFT_SUFFIX}", std::process::id()));
    own
}

/// Whether it is such a name, by any process.
fn is_draft_of(name: &OsStr, found: &OsStr) -> bool {
    let found = found.as_encoded_bytes().strip_prefix(b".");
    let found = found.and_then(|found| found.strip_prefix(name.as_encoded_bytes()));
    let numbers = found
        .and_then(|found| found.strip_prefix(b"."))
        .and_then(|found| found.strip_suffix(DRAFT_SUFFIX.as_bytes()));
    let mut parts = numbers.unwrap_or_default().split(|byte| *byte == b'-');
    let mut is_number = || {
        let part = parts.next().unwrap_or_default();
        !part.is_empty() && part.iter().all(u8::is_ascii_digit)
    };
    is_number() && is_number() && parts.next().is_none()
}

/// A file under a name of its own, removed unless it was published. It is locked until then: what is
/// not is left by a process that ended.
pub(super) struct Draft {
    // Before the pager: the name goes while the file is locked.
    name: OwnName,
    pager: Arc<Pager>,
}

impl Draft {
    /// Makes a file without pages beside the path that it is for. One that replaces what is there has its
    /// owner too.
    fn create(place: &Place, setup: &Setup, replaces: bool) -> Result<Self> {
        place.remove_leftovers();
        loop {
            let own = place.draft()?;
            let created = match replaces {
                true => own.create(setup.access),
                false => own.create_copy(setup.access),
            };
            let file = match created {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                made => made.map_err(|error| own.cannot_create(error))?,
            };
            let name = OwnName(own);
            let file = match take(file) {
                // An opening takes it for left behind, before it was locked.
                Err(error) if error.kind() == ErrorKind::Locked => continue,
                taken => taken?,
            };
            let own = file.metadata().map_err(unreadable)?.identity;
            let found = place.disk.metadata(&name.0.path);
            if found.is_ok_and(|found| found.identity == own) {
                let pager = Pager::create(file, setup.superblock())?;
                let pager = Arc::new(pager);
                return Ok(Self { name, pager });
            }
        }
    }

    /// Makes a file that holds what `fill` writes, durably.
    pub(super) fn filled(
        place: &Place,
        setup: &Setup,
        replaces: bool,
        fill: impl FnOnce(&Database) -> Result<u64>,
    ) -> Result<Self> {
        let draft = Self::create(place, setup, replaces)?;
        let mut database = Database::of_pages(Arc::clone(&draft.pager), setup)?;
        let commit = fill(&database)?;
        let file = draft.pager.file();
        file.set_clean_at(Some(commit))?;
        database.pack()?;
        database.close()?;
        let synced = file.disk().sync_data();
        synced.map_err(|error| failure::io("the file cannot be synced", error))?;
        Ok(draft)
    }

    /// An error where something has the path; that stays.
    pub(super) fn publish_new(self, place: &Place) -> Result<()> {
        let OwnName(own) = &self.name;
        match place.disk.hard_link(&own.path, &place.path) {
            Ok(()) => place.sync_directory(),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(place.exists()),
            Err(error) => Err(failure::io("the file cannot be given its name", error)),
        }
    }

    pub(super) fn publish_over(self, place: &Place, setup: &Setup) -> Result<Replaced> {
        let database = Database::of_pages(Arc::clone(&self.pager), setup)?;
        let OwnName(own) = &self.name;
        let renamed = place
            .disk
            .rename(&own.path, &place.path)
            .map_err(|error| failure::io("the file cannot be replaced", error))
            .and_then(|()| place.sync_directory());
        Ok(match renamed {
            Ok(()) => Replaced::New(Box::new(database)),
            Err(error) => Replaced::Unknown(error),
        })
    }

    /// Writes the bytes of the file, which has no name any more: however the process ends, nothing is
    /// left of it.
    pub(super) fn stream(self, out: &mut dyn Write) -> Result<()> {
        let Self { name, pager } = self;
        drop(name);
        let copied = each_chunk(pager.file().disk(), |chunk, _| out.write_all(chunk));
        let copied = copied.and_then(|()| out.flush());
        copied.map_err(|error| failure::io("the copy cannot be written", error))
    }
}
