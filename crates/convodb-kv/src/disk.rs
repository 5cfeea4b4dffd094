//! The one way to the file system: every call of the store goes through a [`Disk`], which is the
//! operating system's unless a test gives another.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// Where the files of a store lie: a seam for tests of services that embed one, with the feature
/// `testing`. A method that is not written is the operating system's.
///
/// A test's disk may record the calls, refuse them, run full, or forget what was not synced.
///
/// # Errors
///
/// A call does what `std::fs` does under the same name, and returns the system's errors: the store
/// distinguishes [`NotFound`](io::ErrorKind::NotFound) and
/// [`AlreadyExists`](io::ErrorKind::AlreadyExists) from the others.
///
/// ```
/// use std::io;
/// use std::path::Path;
/// use std::sync::Arc;
///
/// use convodb::testing::Disk;
/// use convodb::{ErrorKind, Options};
///
/// /// A file system without hard links.
/// #[derive(Debug)]
/// struct NoLinks;
///
/// impl Disk for NoLinks {
///     fn hard_link(&self, _: &Path, _: &Path) -> io::Result<()> {
///         Err(io::ErrorKind::Unsupported.into())
///     }
/// }
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("inbox.redb");
/// let created = Options::new().disk(Arc::new(NoLinks)).open(&path);
/// assert_eq!(created.unwrap_err().kind(), ErrorKind::Io);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Disk: fmt::Debug + Send + Sync {
    /// Opens an existing file, to be read and written.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        Ok(Box::new(file))
    }

    /// Opens an existing file, to be read alone.
    fn open_read_only(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(File::open(path)?))
    }

    /// Makes an empty file where none is.
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(File::create_new(path)?))
    }

    /// Makes an empty file where none is, with the permissions and the owner of another from the
    /// moment at which others can open it. After an error there is no such file.
    fn create_like(&self, path: &Path, access: &Access) -> io::Result<Box<dyn DiskFile>> {
        #[cfg(unix)]
        let created = create_like(path, access);
        #[cfg(not(unix))]
        let (_, created) = (access, self.create_new(path));
        created
    }

    /// The names in a directory, where the system lists them.
    fn read_directory(&self, path: &Path) -> io::Result<Vec<OsString>> {
        let names = fs::read_dir(path)?.map(|entry| Ok(entry?.file_name()));
        names.collect()
    }

    /// What the path leads to.
    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        fs::metadata(path).map(|metadata| Metadata::of(&metadata))
    }

    /// The absolute path of what the path leads to, without links.
    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        fs::canonicalize(path)
    }

    /// Gives a file a second name, which must be free.
    fn hard_link(&self, original: &Path, link: &Path) -> io::Result<()> {
        fs::hard_link(original, link)
    }

    /// Gives a file another name, instead of what had it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    /// Takes a name from a file, which lives on for who has it open.
    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    /// Makes the names in a directory durable.
    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        // Only unix opens directories; elsewhere the file system keeps names in its own order.
        if cfg!(unix) {
            File::open(path).and_then(|directory| directory.sync_all())?;
        }
        Ok(())
    }
}

/// An open file of a [`Disk`]. Dropping it closes it. Its methods return the system's errors.
pub trait DiskFile: fmt::Debug + Send + Sync {
    /// Its length, and what distinguishes it from others.
    fn metadata(&self) -> io::Result<Metadata>;

    /// Fills the buffer with the bytes at this place. Beyond the end the error is
    /// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof).
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;

    /// Writes all the bytes at this place. Nothing of it is durable before it is synced. After an error
    /// any part of the bytes may be written.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Writes all the bytes at this place, and makes these durable when it returns; what was written
    /// elsewhere need not be. After an error any part of the bytes may be written, durably or not.
    fn write_all_durable_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)?;
        self.sync_data()
    }

    /// Cuts the file, or fills it up with zeros.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Makes what was written durable, and the length. After an error what was written before may be
    /// lost, whatever comes after.
    fn sync_data(&self) -> io::Result<()>;

    /// Takes the file for this handle alone, and returns whether it was free. Where there are no locks the
    /// error is [`Unsupported`](io::ErrorKind::Unsupported).
    fn try_lock(&self) -> io::Result<bool>;

    /// The same for this handle and others that only read.
    fn try_lock_shared(&self) -> io::Result<bool> {
        self.try_lock()
    }

    /// The process that holds the file, where the system has it.
    fn lock_holder(&self) -> Option<u32> {
        None
    }

    /// Gives up what [`try_lock`](Self::try_lock) took.
    fn unlock(&self) -> io::Result<()>;
}

/// The name of a process's program, where the system has it.
pub(super) fn program(process: u32) -> Option<String> {
    let name = fs::read_to_string(format!("/proc/{process}/comm")).ok()?;
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// What a [`Disk`] reports about a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metadata {
    /// Its length in bytes.
    pub len: u64,
    /// What distinguishes it from other files, whatever their names, where the system has it.
    pub identity: Option<(u64, u64)>,
    /// Who may open it, where the system has it.
    pub access: Option<Access>,
}

/// Who may open a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// The bits of its permissions.
    pub mode: u32,
    /// The numbers of its user and group; none are those of the process.
    pub owner: Option<(u32, u32)>,
}

impl Access {
    /// For the user of the process alone.
    pub const PRIVATE: Self = Self {
        mode: 0o600,
        owner: None,
    };

    /// The same for a file that the process owns: its group may be another one, and gets nothing.
    pub(super) fn of_process(self) -> Self {
        Self {
            mode: self.mode & !0o070,
            owner: None,
        }
    }
}

impl Metadata {
    /// What there is to tell.
    #[must_use]
    pub const fn new(len: u64, identity: Option<(u64, u64)>) -> Self {
        Self {
            len,
            identity,
            access: None,
        }
    }

    #[cfg(unix)]
    fn of(metadata: &fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        let identity = (metadata.dev(), metadata.ino());
        Self {
            access: Some(Access {
                mode: metadata.mode() & 0o7777,
                owner: Some((metadata.uid(), metadata.gid())),
            }),
            ..Self::new(metadata.len(), Some(identity))
        }
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

impl Disk for SystemDisk {}

#[cfg(unix)]
fn create_like(path: &Path, access: &Access) -> io::Result<Box<dyn DiskFile>> {
    use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
    // Others cannot open it before it is as it is to be.
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create_new(true);
    let file = options.mode(0o600 & access.mode).open(path)?;
    let made = file.metadata().and_then(|made| {
        if let Some((user, group)) = access.owner
            && (made.uid(), made.gid()) != (user, group)
        {
            fchown(&file, Some(user), Some(group))?;
        }
        file.set_permissions(fs::Permissions::from_mode(access.mode))
    });
    if let Err(error) = made {
        let _ = fs::remove_file(path);
        return Err(error);
    }
    Ok(Box::new(file))
}

/// Whether a list of users and groups says who may open a file, beside its permissions.
fn has_acl(file: &File) -> bool {
    #[cfg(target_os = "linux")]
    let has_acl = {
        let found = &mut [0; 256][..];
        match rustix::fs::fgetxattr(file, c"system.posix_acl_access", found) {
            Ok(len) => len > 0,
            // It is longer.
            Err(error) => error == rustix::io::Errno::RANGE,
        }
    };
    #[cfg(not(target_os = "linux"))]
    let has_acl = {
        let _ = file;
        false
    };
    has_acl
}

/// Whether a lock was free.
fn locked(taken: Result<(), TryLockError>) -> io::Result<bool> {
    match taken {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

impl DiskFile for File {
    fn metadata(&self) -> io::Result<Metadata> {
        let mut metadata = Metadata::of(&Self::metadata(self)?);
        if let Some(access) = &mut metadata.access
            && has_acl(self)
        {
            // The bits of the group are the mask of the list, of which the group may have less.
            access.mode &= !0o070;
        }
        Ok(metadata)
    }

    #[cfg(unix)]
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(self, buffer, offset)
    }

    #[cfg(unix)]
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::write_all_at(self, bytes, offset)
    }

    // A sync would make a checkpoint's pages durable too: the 99th percentile of a commit beside a
    // checkpoint was 6 to 12 times as long.
    #[cfg(target_os = "linux")]
    fn write_all_durable_at(&self, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
        use rustix::io::{Errno, ReadWriteFlags, pwritev2};
        while !bytes.is_empty() {
            let piece = [io::IoSlice::new(bytes)];
            match pwritev2(self, &piece, offset, ReadWriteFlags::DSYNC) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    bytes = bytes.get(written..).unwrap_or_default();
                    offset += written as u64;
                }
                Err(Errno::INTR) => {}
                // An old kernel, or a file system that has no such writes.
                Err(Errno::NOSYS | Errno::OPNOTSUPP) => {
                    DiskFile::write_all_at(self, bytes, offset)?;
                    return Self::sync_data(self);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    #[cfg(windows)]
    fn read_exact_at(&self, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
        use std::os::windows::fs::FileExt as _;
        while !buffer.is_empty() {
            let read = self.seek_read(buffer, offset)?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            buffer = buffer.get_mut(read..).unwrap_or_default();
            offset += read as u64;
        }
        Ok(())
    }

    #[cfg(windows)]
    fn write_all_at(&self, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
        use std::os::windows::fs::FileExt as _;
        while !bytes.is_empty() {
            let written = self.seek_write(bytes, offset)?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            bytes = bytes.get(written..).unwrap_or_default();
            offset += written as u64;
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        Self::set_len(self, len)
    }

    fn sync_data(&self) -> io::Result<()> {
        Self::sync_data(self)
    }

    fn try_lock(&self) -> io::Result<bool> {
        locked(Self::try_lock(self))
    }

    fn try_lock_shared(&self) -> io::Result<bool> {
        locked(Self::try_lock_shared(self))
    }

    #[cfg(target_os = "linux")]
    fn lock_holder(&self) -> Option<u32> {
        let (device, inode) = DiskFile::metadata(self).ok()?.identity?;
        let major = (device >> 8) & 0xFFF | (device >> 32) & !0xFFF;
        let minor = device & 0xFF | (device >> 12) & !0xFF;
        let file = format!("{major:02x}:{minor:02x}:{inode}");
        // Number, class, kind, mode, process, file, range.
        let locks = fs::read_to_string("/proc/locks").ok()?;
        locks.lines().find_map(|lock| {
            let fields: Vec<_> = lock.split_ascii_whitespace().collect();
            let process = fields.iter().rev().nth(3)?;
            fields
                .contains(&file.as_str())
                .then(|| process.parse().ok())?
        })
    }

    fn unlock(&self) -> io::Result<()> {
        Self::unlock(self)
    }
}
