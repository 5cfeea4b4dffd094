//! The one way to the file system: every call of the store goes through a [`Disk`], which is the
//! operating system's unless a test gives another.

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// Where the files of a store lie: a seam for tests of services that embed one, with the feature
/// `testing`. The operating system's is the default, and has no detour.
///
/// A call does what `std::fs` does under the same name, and fails with the same kinds of errors:
/// the store tells [`NotFound`](io::ErrorKind::NotFound) and
/// [`AlreadyExists`](io::ErrorKind::AlreadyExists) from the others. A test's disk may record the
/// calls, refuse them, run full, or forget what was not synced.
///
/// ```
/// use std::io;
/// use std::path::{Path, PathBuf};
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicBool, Ordering};
///
/// use convodb::testing::{Disk, DiskFile, Metadata, SystemDisk};
/// use convodb::{ErrorKind, Options};
///
/// /// The operating system's, until it is pulled out.
/// #[derive(Debug, Default)]
/// struct Removable {
///     system: SystemDisk,
///     pulled: AtomicBool,
/// }
///
/// impl Removable {
///     fn system(&self) -> io::Result<&SystemDisk> {
///         match self.pulled.load(Ordering::SeqCst) {
///             true => Err(io::Error::other("there is no disk")),
///             false => Ok(&self.system),
///         }
///     }
/// }
///
/// impl Disk for Removable {
///     fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
///         self.system()?.open(path)
///     }
///     fn create_new(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
///         self.system()?.create_new(path)
///     }
///     fn metadata(&self, path: &Path) -> io::Result<Metadata> {
///         self.system()?.metadata(path)
///     }
///     fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
///         self.system()?.canonicalize(path)
///     }
///     fn hard_link(&self, original: &Path, link: &Path) -> io::Result<()> {
///         self.system()?.hard_link(original, link)
///     }
///     fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
///         self.system()?.rename(from, to)
///     }
///     fn remove_file(&self, path: &Path) -> io::Result<()> {
///         self.system()?.remove_file(path)
///     }
///     fn sync_directory(&self, path: &Path) -> io::Result<()> {
///         self.system()?.sync_directory(path)
///     }
/// }
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("inbox.redb");
/// let disk = Arc::new(Removable::default());
/// let store = Options::new().disk(disk.clone()).open(&path)?;
/// disk.pulled.store(true, Ordering::SeqCst);
/// let copied = store.backup(path.with_extension("copy"));
/// assert_eq!(copied.unwrap_err().kind(), ErrorKind::Io);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Disk: fmt::Debug + Send + Sync {
    /// Opens an existing file, to be read and written.
    ///
    /// # Errors
    ///
    /// The system's.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Makes an empty file where none is.
    ///
    /// # Errors
    ///
    /// The system's.
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// What the path leads to.
    ///
    /// # Errors
    ///
    /// The system's.
    fn metadata(&self, path: &Path) -> io::Result<Metadata>;

    /// The absolute path of what the path leads to, without links.
    ///
    /// # Errors
    ///
    /// The system's.
    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf>;

    /// Gives a file a second name, which must be free.
    ///
    /// # Errors
    ///
    /// The system's.
    fn hard_link(&self, original: &Path, link: &Path) -> io::Result<()>;

    /// Gives a file another name, instead of what had it.
    ///
    /// # Errors
    ///
    /// The system's.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Takes a name from a file, which lives on for who has it open.
    ///
    /// # Errors
    ///
    /// The system's.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    ///
    /// The system's.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;
}

/// An open file of a [`Disk`]. Dropping it closes it.
pub trait DiskFile: fmt::Debug + Send + Sync {
    /// Its length, and what tells it from others.
    ///
    /// # Errors
    ///
    /// The system's.
    fn metadata(&self) -> io::Result<Metadata>;

    /// Fills the buffer with the bytes at this place.
    ///
    /// # Errors
    ///
    /// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) beyond the end, and the system's.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;

    /// Writes all the bytes at this place. Nothing of it is durable before it is synced.
    ///
    /// # Errors
    ///
    /// The system's; any part of the bytes may be written then.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Cuts the file, or fills it up with zeros.
    ///
    /// # Errors
    ///
    /// The system's.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Makes what was written durable, and the length.
    ///
    /// # Errors
    ///
    /// The system's; what was written before may then be lost, whatever comes after.
    fn sync_data(&self) -> io::Result<()>;

    /// Takes the file for this handle alone. Whether it is free is the answer.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](io::ErrorKind::Unsupported) where there are no locks, and the system's.
    fn try_lock(&self) -> io::Result<bool>;

    /// Gives up what [`try_lock`](Self::try_lock) took.
    ///
    /// # Errors
    ///
    /// The system's.
    fn unlock(&self) -> io::Result<()>;

    /// The operating system's file, where it is one: the engine then reads, writes and locks it
    /// in its own way instead of by the calls above.
    fn as_system(&self) -> Option<&File> {
        None
    }
}

/// What a [`Disk`] tells of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metadata {
    /// Its length in bytes.
    pub len: u64,
    /// What tells it from other files, whatever their names, where the system has it.
    pub identity: Option<(u64, u64)>,
}

impl Metadata {
    /// What there is to tell.
    #[must_use]
    pub const fn new(len: u64, identity: Option<(u64, u64)>) -> Self {
        Self { len, identity }
    }

    #[cfg(unix)]
    fn of(metadata: &fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self::new(metadata.len(), Some((metadata.dev(), metadata.ino())))
    }

    // Elsewhere an open file cannot be replaced, so nothing asks.
    #[cfg(not(unix))]
    fn of(metadata: &fs::Metadata) -> Self {
        Self::new(metadata.len(), None)
    }
}

/// The operating system's files.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemDisk;

impl Disk for SystemDisk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        Ok(Box::new(file))
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(File::create_new(path)?))
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        fs::metadata(path).map(|metadata| Metadata::of(&metadata))
    }

    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        fs::canonicalize(path)
    }

    fn hard_link(&self, original: &Path, link: &Path) -> io::Result<()> {
        fs::hard_link(original, link)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        // Only unix opens directories; elsewhere the file system keeps names in its own order.
        if cfg!(unix) {
            File::open(path).and_then(|directory| directory.sync_all())?;
        }
        Ok(())
    }
}

impl DiskFile for File {
    fn metadata(&self) -> io::Result<Metadata> {
        Self::metadata(self).map(|metadata| Metadata::of(&metadata))
    }

    #[cfg(unix)]
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(self, buffer, offset)
    }

    #[cfg(unix)]
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::write_all_at(self, bytes, offset)
    }

    // Elsewhere the place in the file is the handle's. The journal has its handle to itself, and the
    // engine has the operating system's files without a detour.
    #[cfg(not(unix))]
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        use io::{Read as _, Seek as _};
        let mut file = self;
        file.seek(io::SeekFrom::Start(offset))?;
        file.read_exact(buffer)
    }

    #[cfg(not(unix))]
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        use io::{Seek as _, Write as _};
        let mut file = self;
        file.seek(io::SeekFrom::Start(offset))?;
        file.write_all(bytes)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        Self::set_len(self, len)
    }

    fn sync_data(&self) -> io::Result<()> {
        Self::sync_data(self)
    }

    fn try_lock(&self) -> io::Result<bool> {
        match Self::try_lock(self) {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn unlock(&self) -> io::Result<()> {
        Self::unlock(self)
    }

    fn as_system(&self) -> Option<&File> {
        Some(self)
    }
}
