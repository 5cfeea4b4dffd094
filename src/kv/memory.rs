//! A file in memory, which can be opened again after it was closed.

use std::io;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The bytes of a database without a file.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<RwLock<Vec<u8>>>);

impl Memory {
    pub fn len(&self) -> u64 {
        self.bytes().len() as u64
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn bytes(&self) -> RwLockReadGuard<'_, Vec<u8>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn bytes_mut(&self) -> RwLockWriteGuard<'_, Vec<u8>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn out_of_bounds() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "beyond the end of the memory")
}

fn place(offset: u64, len: usize) -> Option<std::ops::Range<usize>> {
    let start = usize::try_from(offset).ok()?;
    Some(start..start.checked_add(len)?)
}

impl redb::StorageBackend for Memory {
    fn len(&self) -> io::Result<u64> {
        Ok(Self::len(self))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let bytes = self.bytes();
        let source = place(offset, out.len()).and_then(|place| bytes.get(place));
        out.copy_from_slice(source.ok_or_else(out_of_bounds)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(io::Error::other)?;
        self.bytes_mut().resize(len, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut bytes = self.bytes_mut();
        let target = place(offset, data.len()).and_then(|place| bytes.get_mut(place));
        target.ok_or_else(out_of_bounds)?.copy_from_slice(data);
        Ok(())
    }
}
