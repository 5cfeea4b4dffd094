//! What is on a disk, and what is done to it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Something that changes what is on a disk, or makes it durable.
#[derive(Clone, PartialEq, Eq)]
pub enum Event {
    Write {
        file: usize,
        offset: u64,
        bytes: Arc<[u8]>,
    },
    SetLen {
        file: usize,
        len: u64,
    },
    Sync {
        file: usize,
    },
    /// A sync has failed: what it should have made durable is read, and never written again.
    Forget {
        file: usize,
    },
    /// A file is made, or gets another name.
    Name {
        name: PathBuf,
        file: usize,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
        file: usize,
    },
    Remove {
        name: PathBuf,
    },
    SyncNames,
}

/// Of bytes only the number is printed.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write {
                file,
                offset,
                bytes,
            } => {
                write!(f, "write {} to {file} at {offset}", bytes.len())
            }
            Self::SetLen { file, len } => write!(f, "set the length of {file} to {len}"),
            Self::Sync { file } => write!(f, "sync {file}"),
            Self::Forget { file } => write!(f, "fail to sync {file}"),
            Self::Name { name, file } => write!(f, "name {file} {}", name.display()),
            Self::Rename { from, to, .. } => {
                write!(f, "rename {} to {}", from.display(), to.display())
            }
            Self::Remove { name } => write!(f, "remove {}", name.display()),
            Self::SyncNames => f.write_str("sync the names"),
        }
    }
}

/// What lies on a disk: files by number, and the names that lead to them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Image {
    pub files: Vec<Arc<Vec<u8>>>,
    pub names: BTreeMap<PathBuf, usize>,
}

impl Image {
    fn file_mut(&mut self, file: usize) -> &mut Vec<u8> {
        while self.files.len() <= file {
            self.files.push(Arc::default());
        }
        Arc::make_mut(&mut self.files[file])
    }

    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Write {
                file,
                offset,
                bytes,
            } => self.write(*file, *offset, bytes),
            Event::SetLen { file, len } => self.file_mut(*file).resize(*len as usize, 0),
            Event::Name { name, file } => {
                self.file_mut(*file);
                self.names.insert(name.clone(), *file);
            }
            Event::Rename { from, to, file } => {
                // Another file may have the old name by now.
                if self.names.get(from) == Some(file) {
                    self.names.remove(from);
                }
                self.file_mut(*file);
                self.names.insert(to.clone(), *file);
            }
            Event::Remove { name } => {
                self.names.remove(name);
            }
            Event::Sync { .. } | Event::Forget { .. } | Event::SyncNames => {}
        }
    }

    /// A write beyond the end, whose lengthening was lost, fills up with zeros.
    pub fn write(&mut self, file: usize, offset: u64, bytes: &[u8]) {
        let contents = self.file_mut(file);
        let (start, end) = (offset as usize, offset as usize + bytes.len());
        if contents.len() < end {
            contents.resize(end, 0);
        }
        contents[start..end].copy_from_slice(bytes);
    }

    /// The contents behind a name.
    pub fn read(&self, name: &Path) -> Option<&Arc<Vec<u8>>> {
        self.names.get(name).map(|file| &self.files[*file])
    }
}
