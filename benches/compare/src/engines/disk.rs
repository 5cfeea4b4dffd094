//! The system's disk, which counts what convodb gives it, and can be full or held.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use convodb::testing::{Access, Disk, DiskFile, Metadata, SystemDisk};

use crate::measure::Written;

/// The state of a disk and of its files.
#[derive(Debug, Default)]
struct State {
    written: AtomicU64,
    logged: AtomicU64,
    is_full: AtomicBool,
    /// Taken while nothing may change.
    held: RwLock<()>,
}

impl State {
    /// Waits until changes are let through.
    fn changing(&self) -> RwLockReadGuard<'_, ()> {
        self.held.read().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct CountingDisk {
    system: SystemDisk,
    state: Arc<State>,
}

impl CountingDisk {
    /// What was written, of it what had to be durable at once: the records of the log.
    pub(super) fn written(&self) -> Written<u64> {
        let logged = self.state.logged.load(Ordering::SeqCst);
        Written {
            all: self.state.written.load(Ordering::SeqCst) + logged,
            logged: Some(logged),
        }
    }

    /// Whether no file can grow any more.
    pub(super) fn set_full(&self, is_full: bool) {
        self.state.is_full.store(is_full, Ordering::SeqCst);
    }

    /// Lets no file change as long as the guard is held: what would change one waits.
    pub(super) fn hold(&self) -> RwLockWriteGuard<'_, ()> {
        let held = self.state.held.write();
        held.unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, file: Box<dyn DiskFile>) -> Box<dyn DiskFile> {
        Box::new(CountingFile {
            file,
            state: Arc::clone(&self.state),
        })
    }
}

impl Disk for CountingDisk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.file(self.system.open(path)?))
    }

    fn open_read_only(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.file(self.system.open_read_only(path)?))
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.file(self.system.create_new(path)?))
    }

    fn create_like(&self, path: &Path, access: &Access) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.file(self.system.create_like(path, access)?))
    }
}

#[derive(Debug)]
struct CountingFile {
    file: Box<dyn DiskFile>,
    state: Arc<State>,
}

impl DiskFile for CountingFile {
    fn metadata(&self) -> io::Result<Metadata> {
        self.file.metadata()
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let _changing = self.state.changing();
        let len = bytes.len() as u64;
        self.state.written.fetch_add(len, Ordering::Relaxed);
        self.file.write_all_at(bytes, offset)
    }

    fn write_all_durable_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let _changing = self.state.changing();
        let len = bytes.len() as u64;
        self.state.logged.fetch_add(len, Ordering::Relaxed);
        self.file.write_all_durable_at(bytes, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let _changing = self.state.changing();
        if self.state.is_full.load(Ordering::SeqCst) && len > self.file.metadata()?.len {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn try_lock(&self) -> io::Result<bool> {
        self.file.try_lock()
    }

    fn try_lock_shared(&self) -> io::Result<bool> {
        self.file.try_lock_shared()
    }

    fn lock_holder(&self) -> Option<u32> {
        self.file.lock_holder()
    }

    fn unlock(&self) -> io::Result<()> {
        self.file.unlock()
    }
}
