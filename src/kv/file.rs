//! Files that appear whole or not at all, and that one process owns.
//!
//! A redb file that is being made cannot always be opened after a crash, so it is made under a
//! name of its own, closed, and only then given the path. A new store takes its path by a hard
//! link, which fails where the path exists: a rename would let two creators each own a store.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use redb::backends::FileBackend;

use super::{Database, Setup, failure};
use crate::error::{Error, ErrorKind, Result};

/// What became of a file that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Published {
    New,
    /// The path was taken meanwhile; what is there stays.
    Exists,
}

pub(super) fn open(path: &Path, setup: &Setup) -> Result<Database> {
    loop {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .map_err(|error| failure::io("the file cannot be opened", error))?;
        let identity = Identity::of(&file.metadata().map_err(unreadable)?);
        let len = file.metadata().map_err(unreadable)?.len();
        if len == 0 {
            // The engine would make an empty file into a database; it is somebody's mistake.
            return Err(Error::new(ErrorKind::NotAStore, "the file is empty"));
        }
        let inner = FileBackend::new(file)
            .and_then(|backend| setup.builder(len).create_with_backend(backend))
            .map_err(failure::database)?;
        // Between opening and locking, another process may have put a packed copy in the path's
        // place: what was locked then is a file without a name.
        let now = fs::metadata(path).map_err(unreadable)?;
        if Identity::of(&now) == identity {
            return Ok(Database::new(inner, setup));
        }
    }
}

fn unreadable(error: io::Error) -> Error {
    failure::io("the file cannot be read", error)
}

/// What tells two files apart, where the system has it.
#[derive(PartialEq, Eq)]
struct Identity(Option<(u64, u64)>);

impl Identity {
    #[cfg(unix)]
    fn of(metadata: &fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self(Some((metadata.dev(), metadata.ino())))
    }

    // Elsewhere an open file cannot be replaced.
    #[cfg(not(unix))]
    fn of(_: &fs::Metadata) -> Self {
        Self(None)
    }
}

/// A file under a name of its own, removed unless it was published.
pub(super) struct Draft {
    path: PathBuf,
    directory: PathBuf,
}

impl Draft {
    /// Makes an empty file beside the path it is for.
    pub(super) fn beside(path: &Path) -> Result<Self> {
        let name = path.file_name().ok_or_else(|| {
            Error::new(ErrorKind::Io, "the path names no file")
                .with_source(io::Error::from(io::ErrorKind::InvalidInput))
        })?;
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        for attempt in 0_u32.. {
            let mut own = std::ffi::OsString::from(".");
            own.push(name);
            own.push(format!(".{}-{attempt}.tmp", std::process::id()));
            let draft = directory.join(own);
            match File::create_new(&draft) {
                Ok(_) => {
                    return Ok(Self {
                        path: draft,
                        directory,
                    });
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
        let inner = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&self.path)
            .map_err(|error| failure::io("the file cannot be created", error))
            .and_then(|file| {
                FileBackend::new(file)
                    .and_then(|backend| setup.builder(u64::MAX).create_with_backend(backend))
                    .map_err(failure::database)
            })?;
        let mut database = Database::new(inner, setup);
        fill(&database)?;
        database.pack()?;
        database.close()?;
        File::open(&self.path)
            .and_then(|file| file.sync_all())
            .map_err(|error| failure::io("the file cannot be synced", error))
    }

    pub(super) fn publish_new(self, path: &Path) -> Result<Published> {
        match fs::hard_link(&self.path, path) {
            Ok(()) => self.sync_directory().map(|()| Published::New),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Published::Exists),
            Err(error) => Err(failure::io("the file cannot be given its name", error)),
        }
    }

    pub(super) fn publish_over(self, path: &Path, setup: &Setup) -> Result<Database> {
        let database = open(&self.path, setup)?;
        fs::rename(&self.path, path)
            .map_err(|error| failure::io("the file cannot be replaced", error))?;
        self.sync_directory()?;
        Ok(database)
    }

    fn sync_directory(&self) -> Result<()> {
        // Only unix opens directories; elsewhere the file system keeps names in its own order.
        if cfg!(unix) {
            File::open(&self.directory)
                .and_then(|directory| directory.sync_all())
                .map_err(|error| failure::io("the directory cannot be synced", error))?;
        }
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Published by a rename, or gone already: either way nothing is left to remove.
        let _ = fs::remove_file(&self.path);
    }
}
