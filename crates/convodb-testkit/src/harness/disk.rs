//! A disk in memory that remembers, call by call, what was done to it, and asks at each whether
//! and how it may go on.

mod image;

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use convodb::testing::{Access, Disk, DiskFile, Metadata};

pub use image::{Event, Image};

/// What a store asks of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Open,
    Create,
    Metadata,
    Canonicalize,
    List,
    Link,
    Rename,
    Remove,
    SyncNames,
    Len,
    Read,
    Write { offset: u64, len: usize },
    SetLen { len: u64, now: u64 },
    Sync,
    Lock,
    Unlock,
}

/// How a call ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Done,
    /// Of a write or a sync nothing is done, and it says that it was: a positive control.
    Skipped,
    /// It fails, and nothing was done.
    Refused(io::ErrorKind),
    /// It fails, and was done all the same; of a write, the first half. A sync makes nothing
    /// durable, and no later one will: so a system may take pages for written that are not.
    Half(io::ErrorKind),
}

/// Who is asked before each call. It holds no lock of the disk then.
pub trait Gate: Send + Sync {
    fn before(&self, call: Call) -> Fate;
}

#[derive(Default)]
struct State {
    image: Image,
    locked: Vec<bool>,
    trace: Vec<Event>,
    records: bool,
}

impl State {
    fn change(&mut self, event: Event) {
        self.image.apply(&event);
        self.locked.resize(self.image.files.len(), false);
        if self.records {
            self.trace.push(event);
        }
    }
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    gate: Mutex<Option<Arc<dyn Gate>>>,
}

/// A disk in memory. Clones are one disk.
#[derive(Clone, Default)]
pub struct MemoryDisk(Arc<Shared>);

impl fmt::Debug for MemoryDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MemoryDisk")
            .field(&self.state().image.names)
            .finish()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MemoryDisk {
    /// A disk that holds this, and remembers nothing of what is done to it.
    pub fn of(image: Image) -> Self {
        let disk = Self::default();
        let locked = vec![false; image.files.len()];
        *disk.state() = State {
            image,
            locked,
            ..State::default()
        };
        disk
    }

    /// A disk that held this and to which that was done, and remembers what more is done.
    pub fn recording(base: &Image, trace: &[Event]) -> Self {
        let disk = Self::of(base.clone());
        disk.state().records = true;
        for event in trace {
            disk.state().change(event.clone());
        }
        disk
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0.state)
    }

    /// Asks this one from now on, or none.
    pub fn set_gate(&self, gate: Option<Arc<dyn Gate>>) {
        // What the gate held is dropped with the lock released.
        let old = std::mem::replace(&mut *lock(&self.0.gate), gate);
        drop(old);
    }

    pub fn image(&self) -> Image {
        self.state().image.clone()
    }

    /// How many events it remembers.
    pub fn position(&self) -> usize {
        self.state().trace.len()
    }

    pub fn trace(&self) -> Vec<Event> {
        self.state().trace.clone()
    }

    /// So many bytes are in files that have a name.
    pub fn used(&self) -> u64 {
        let state = self.state();
        let mut files: Vec<usize> = state.image.names.values().copied().collect();
        files.sort_unstable();
        files.dedup();
        files
            .iter()
            .map(|file| state.image.files[*file].len() as u64)
            .sum()
    }

    /// Acts as the gate decides; the argument of the act is how much of it to do.
    fn asked<T>(&self, call: Call, act: impl FnOnce(Fate) -> io::Result<T>) -> io::Result<T> {
        let gate = lock(&self.0.gate).clone();
        match gate.map_or(Fate::Done, |gate| gate.before(call)) {
            Fate::Refused(kind) => Err(kind.into()),
            half @ Fate::Half(kind) => act(half).and(Err(kind.into())),
            fate => act(fate),
        }
    }

    fn find(&self, path: &Path) -> io::Result<usize> {
        let found = self.state().image.names.get(path).copied();
        found.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn handle(&self, file: usize) -> Box<dyn DiskFile> {
        Box::new(Handle {
            disk: self.clone(),
            file,
            has_lock: Mutex::new(false),
        })
    }

    /// Gives a file a name that must be free.
    fn name(&self, name: &Path, file: Option<usize>) -> io::Result<usize> {
        let mut state = self.state();
        if state.image.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let file = file.unwrap_or(state.image.files.len());
        let name = name.to_owned();
        state.change(Event::Name { name, file });
        Ok(file)
    }
}

impl Disk for MemoryDisk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.asked(Call::Open, |_| {
            self.find(path).map(|file| self.handle(file))
        })
    }

    fn open_read_only(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.open(path)
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.asked(Call::Create, |_| {
            self.name(path, None).map(|file| self.handle(file))
        })
    }

    fn create_like(&self, path: &Path, _: &Access) -> io::Result<Box<dyn DiskFile>> {
        self.create_new(path)
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        self.asked(Call::Metadata, |_| {
            let file = self.find(path)?;
            let len = self.state().image.files[file].len() as u64;
            Ok(Metadata::new(len, Some((0, file as u64))))
        })
    }

    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        self.asked(Call::Canonicalize, |_| {
            self.find(path).map(|_| path.to_owned())
        })
    }

    fn read_directory(&self, path: &Path) -> io::Result<Vec<OsString>> {
        self.asked(Call::List, |_| {
            let state = self.state();
            let names = state.image.names.keys();
            let names = names.filter(|name| name.parent() == Some(path));
            Ok(names
                .filter_map(|name| name.file_name())
                .map(OsString::from)
                .collect())
        })
    }

    fn hard_link(&self, original: &Path, link: &Path) -> io::Result<()> {
        self.asked(Call::Link, |_| {
            let file = self.find(original)?;
            self.name(link, Some(file)).map(drop)
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.asked(Call::Rename, |_| {
            let file = self.find(from)?;
            let (from, to) = (from.to_owned(), to.to_owned());
            self.state().change(Event::Rename { from, to, file });
            Ok(())
        })
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.asked(Call::Remove, |_| {
            self.find(path)?;
            let name = path.to_owned();
            self.state().change(Event::Remove { name });
            Ok(())
        })
    }

    fn sync_directory(&self, _: &Path) -> io::Result<()> {
        self.asked(Call::SyncNames, |fate| {
            if fate == Fate::Done {
                self.state().change(Event::SyncNames);
            }
            Ok(())
        })
    }
}

/// An open file, locked by the first that took it.
#[derive(Debug)]
struct Handle {
    disk: MemoryDisk,
    file: usize,
    has_lock: Mutex<bool>,
}

impl Handle {
    fn len(&self) -> u64 {
        self.disk.state().image.files[self.file].len() as u64
    }

    fn release(&self) {
        if std::mem::take(&mut *lock(&self.has_lock)) {
            self.disk.state().locked[self.file] = false;
        }
    }
}

impl DiskFile for Handle {
    fn metadata(&self) -> io::Result<Metadata> {
        self.disk.asked(Call::Len, |_| {
            Ok(Metadata::new(self.len(), Some((0, self.file as u64))))
        })
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.disk.asked(Call::Read, |_| {
            let state = self.disk.state();
            let start = offset as usize;
            let bytes = state.image.files[self.file].get(start..start + buffer.len());
            buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        })
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let len = bytes.len();
        let call = Call::Write { offset, len };
        self.disk.asked(call, |fate| {
            let len = match fate {
                Fate::Half(_) => bytes.len() / 2,
                Fate::Skipped => return Ok(()),
                _ => bytes.len(),
            };
            self.disk.state().change(Event::Write {
                file: self.file,
                offset,
                bytes: bytes[..len].into(),
            });
            Ok(())
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let now = self.len();
        self.disk.asked(Call::SetLen { len, now }, |_| {
            let file = self.file;
            self.disk.state().change(Event::SetLen { file, len });
            Ok(())
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.asked(Call::Sync, |fate| {
            let file = self.file;
            match fate {
                Fate::Done => self.disk.state().change(Event::Sync { file }),
                Fate::Half(_) => self.disk.state().change(Event::Forget { file }),
                _ => {}
            }
            Ok(())
        })
    }

    fn try_lock(&self) -> io::Result<bool> {
        self.disk.asked(Call::Lock, |_| {
            let mut state = self.disk.state();
            let taken = std::mem::replace(&mut state.locked[self.file], true);
            if !taken {
                *lock(&self.has_lock) = true;
            }
            Ok(!taken)
        })
    }

    fn unlock(&self) -> io::Result<()> {
        self.disk.asked(Call::Unlock, |_| {
            self.release();
            Ok(())
        })
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.release();
    }
}
