//! A file of a disk as the engine wants it.

use std::io;
use std::ops::Bound;

use convodb_core::Result;
use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};

use super::Setup;
use super::disk::DiskFile;
use super::failure;

/// Gives a file of this length to the engine, which makes an empty one into a database.
pub(super) fn database(file: Box<dyn DiskFile>, setup: &Setup, len: u64) -> Result<redb::Database> {
    let builder = setup.builder(len);
    let database = match file.as_system() {
        // The engine's own, with its own locks. What is opened is closed once more, before
        // anything is locked.
        Some(system) => {
            let own = system.try_clone();
            drop(file);
            let own = own.map_err(|error| failure::io("the file cannot be opened", error))?;
            FileBackend::new(own).and_then(|backend| builder.create_with_backend(backend))
        }
        None => builder.create_with_backend(Backend(file)),
    };
    database.map_err(failure::database)
}

/// A file that is not the operating system's.
#[derive(Debug)]
struct Backend(Box<dyn DiskFile>);

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.0.metadata().map(|metadata| metadata.len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(out, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write_all_at(data, offset)
    }

    fn close(&self) -> io::Result<()> {
        self.0.unlock()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        match (start, end) {
            // Told that parts of a file cannot be locked, the engine locks it whole.
            (Bound::Unbounded, Bound::Unbounded) => self.0.try_lock().map_err(BackendError::Io),
            _ => Err(BackendError::Unsupported),
        }
    }

    fn unlock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<(), BackendError> {
        self.0.unlock().map_err(BackendError::Io)
    }
}
