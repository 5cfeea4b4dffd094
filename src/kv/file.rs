//! Files that appear whole or not at all, and that one process owns.
//!
//! A redb file that is being made cannot always be opened after a crash, so it is made under a
//! name of its own, closed, and only then given the path. A new store takes its path by a hard
//! link, which fails where the path exists: a rename would let two creators each own a store.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use convodb_core::{Details, EntityKind, Error, ErrorKind, Result};

use super::disk::{Disk, DiskFile};
use super::{Database, Setup, backend, failure};

/// A path on a disk.
#[derive(Clone, Debug)]
pub struct Place {
    disk: Arc<dyn Disk>,
    path: PathBuf,
}

impl Place {
    pub fn new(disk: Arc<dyn Disk>, path: PathBuf) -> Self {
        Self { disk, path }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file itself, wherever the process or a link goes later.
    pub fn resolve(&self) -> Result<Self> {
        let path = self.disk.canonicalize(&self.path);
        Ok(Self {
            path: path.map_err(|error| failure::io("the file's path cannot be resolved", error))?,
            disk: Arc::clone(&self.disk),
        })
    }

    /// How many bytes the file has.
    pub fn file_len(&self) -> Result<u64> {
        let metadata = self.disk.metadata(&self.path);
        metadata
            .map(|metadata| metadata.len)
            .map_err(|error| failure::io("the file's size cannot be read", error))
    }

    /// The file of the same name with this behind it.
    pub fn beside(&self, suffix: &str) -> Self {
        let mut path = self.path.clone().into_os_string();
        path.push(suffix);
        Self {
            disk: Arc::clone(&self.disk),
            path: path.into(),
        }
    }

    /// The file, where there is one.
    pub fn open(&self) -> Result<Option<Box<dyn DiskFile>>> {
        match self.disk.open(&self.path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failure::io("the journal cannot be opened", error)),
        }
    }

    /// An empty file where none is.
    pub fn create(&self) -> Result<Box<dyn DiskFile>> {
        let file = self.disk.create_new(&self.path);
        file.map_err(|error| failure::io("the journal cannot be created", error))
    }

    /// Takes the name away, durably.
    pub fn remove(&self) -> Result<()> {
        self.disk
            .remove_file(&self.path)
            .map_err(|error| failure::io("the journal cannot be removed", error))?;
        self.sync_directory()
    }

    /// The names beside it.
    fn directory(&self) -> &Path {
        match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        }
    }

    /// Writes every byte of the file once more and syncs it, for what is left by a sync that failed:
    /// a system may take pages for written that are not (Linux marks them clean), and would never
    /// write them. A crash in the midst leaves what one before could have left. O(file)!
    pub fn rewrite(&self) -> Result<()> {
        const CHUNK: usize = 1 << 20;
        let rewrite = || {
            let file = self.disk.open(&self.path)?;
            // Nobody may write meanwhile. The engine's own lock is this one on Linux alone.
            if file.as_system().is_some() && !cfg!(target_os = "linux") {
                return Ok(());
            }
            if !file.try_lock()? {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let len = file.metadata()?.len;
            let mut buffer = vec![0; CHUNK];
            let mut offset = 0;
            while offset < len {
                let rest = usize::try_from(len - offset).unwrap_or(CHUNK);
                let chunk = buffer.get_mut(..rest.min(CHUNK)).unwrap_or_default();
                file.read_exact_at(chunk, offset)?;
                file.write_all_at(chunk, offset)?;
                offset += chunk.len() as u64;
            }
            file.sync_data()
        };
        rewrite().map_err(|error: io::Error| match error.kind() {
            io::ErrorKind::WouldBlock => failure::locked(),
            _ => failure::io("the file cannot be written again", error),
        })
    }

    pub fn sync_directory(&self) -> Result<()> {
        self.disk
            .sync_directory(self.directory())
            .map_err(|error| failure::io("the directory cannot be synced", error))
    }
}

/// What became of a file that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    New,
    /// The path was taken meanwhile; what is there stays.
    Exists,
}

/// What became of a file that was to take another's place.
pub enum Replaced {
    New(Database),
    /// Which of the two has the name, now or after a crash, is not known; they hold the same.
    Unknown(Error),
}

pub(super) fn open(place: &Place, setup: &Setup) -> Result<Database> {
    loop {
        let file = place
            .disk
            .open(&place.path)
            .map_err(|error| cannot_open(&place.path, error))?;
        let opened = file.metadata().map_err(unreadable)?;
        if opened.len == 0 {
            // The engine would make an empty file into a database; it is somebody's mistake.
            return Err(Error::new(ErrorKind::NotADatabase, "the file is empty"));
        }
        let inner = backend::database(file, setup, opened.len)?;
        // Between opening and locking, another process may have put a packed copy in the path's
        // place: what was locked then is a file without a name.
        let named = place.disk.metadata(&place.path).map_err(unreadable)?;
        if named.identity == opened.identity {
            return Ok(Database::new(inner, setup));
        }
    }
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

/// A file under a name of its own, removed unless it was published.
pub(super) struct Draft {
    place: Place,
}

impl Draft {
    /// Makes an empty file beside the path it is for.
    pub(super) fn beside(place: &Place) -> Result<Self> {
        let name = place.path.file_name().ok_or_else(|| {
            Error::new(ErrorKind::Io, "the path names no file")
                .with_source(io::Error::from(io::ErrorKind::InvalidInput))
        })?;
        for attempt in 0_u32.. {
            let mut own = OsString::from(".");
            own.push(name);
            own.push(format!(".{}-{attempt}.tmp", std::process::id()));
            let path = place.directory().join(own);
            match place.disk.create_new(&path) {
                Ok(_) => {
                    let disk = Arc::clone(&place.disk);
                    let place = Place { disk, path };
                    return Ok(Self { place });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failure::io("the file cannot be created", error)),
            }
        }
        Err(Error::new(ErrorKind::Io, "no free name for a new file"))
    }

    pub(super) fn fill(
        &self,
        setup: &Setup,
        fill: impl FnOnce(&Database) -> Result<()>,
    ) -> Result<()> {
        let Place { disk, path } = &self.place;
        let file = disk
            .open(path)
            .map_err(|error| failure::io("the file cannot be created", error))?;
        let inner = backend::database(file, setup, u64::MAX)?;
        let mut database = Database::new(inner, setup);
        fill(&database)?;
        database.pack()?;
        database.close()?;
        disk.open(path)
            .and_then(|file| file.sync_data())
            .map_err(|error| failure::io("the file cannot be synced", error))
    }

    pub(super) fn publish_new(self, place: &Place) -> Result<Published> {
        match place.disk.hard_link(&self.place.path, &place.path) {
            Ok(()) => place.sync_directory().map(|()| Published::New),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Published::Exists),
            Err(error) => Err(failure::io("the file cannot be given its name", error)),
        }
    }

    pub(super) fn publish_over(self, place: &Place, setup: &Setup) -> Result<Replaced> {
        let database = open(&self.place, setup)?;
        let renamed = place
            .disk
            .rename(&self.place.path, &place.path)
            .map_err(|error| failure::io("the file cannot be replaced", error))
            .and_then(|()| place.sync_directory());
        Ok(match renamed {
            Ok(()) => Replaced::New(database),
            Err(error) => Replaced::Unknown(error),
        })
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Published by a rename, or gone already: either way nothing is left to remove.
        let _ = self.place.disk.remove_file(&self.place.path);
    }
}
