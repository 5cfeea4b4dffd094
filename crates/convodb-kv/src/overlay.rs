//! A file that is read alone: what is written to it stays in memory, over the file.
//!
//! So recovery is the same for a store that is opened for reading alone, and nothing above has a case
//! of its own for it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::disk::{DiskFile, Metadata};
use crate::superblock::BLOCK_LEN;

#[derive(Debug)]
pub(super) struct Overlay {
    file: Arc<dyn DiskFile>,
    written: RwLock<Written>,
}

#[derive(Debug)]
struct Written {
    len: u64,
    /// The bytes of the file that count: what lies behind was cut off.
    kept: u64,
    blocks: BTreeMap<u64, Box<[u8; BLOCK_LEN]>>,
}

impl Overlay {
    pub(super) fn of(file: Arc<dyn DiskFile>) -> io::Result<Box<dyn DiskFile>> {
        let len = file.metadata()?.len;
        let blocks = BTreeMap::new();
        let written = RwLock::new(Written {
            len,
            kept: len,
            blocks,
        });
        Ok(Box::new(Self { file, written }))
    }

    fn written(&self) -> RwLockReadGuard<'_, Written> {
        self.written.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn written_mut(&self) -> RwLockWriteGuard<'_, Written> {
        self.written.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what the file has of a range, and zeros behind its end.
    fn read_file(&self, kept: u64, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let there = usize::try_from(kept.saturating_sub(offset)).unwrap_or(usize::MAX);
        let (there, behind) = buffer.split_at_mut(there.min(buffer.len()));
        behind.fill(0);
        match there.is_empty() {
            true => Ok(()),
            false => self.file.read_exact_at(there, offset),
        }
    }
}

/// The pieces of a range of so many bytes, each in one block: the block, where in it, and how long.
fn pieces(offset: u64, len: usize) -> impl Iterator<Item = (u64, usize, usize)> {
    let mut at = offset;
    let end = offset + len as u64;
    std::iter::from_fn(move || {
        let (block, start) = (at / BLOCK_LEN as u64, (at % BLOCK_LEN as u64) as usize);
        let len = (BLOCK_LEN - start).min(usize::try_from(end - at).unwrap_or(BLOCK_LEN));
        at += len as u64;
        (len > 0).then_some((block, start, len))
    })
}

impl DiskFile for Overlay {
    fn metadata(&self) -> io::Result<Metadata> {
        let mut metadata = self.file.metadata()?;
        metadata.len = self.written().len;
        Ok(metadata)
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let written = self.written();
        let end = offset.checked_add(buffer.len() as u64);
        if end.is_none_or(|end| end > written.len) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.read_file(written.kept, buffer, offset)?;
        let mut rest = buffer;
        for (block, start, len) in pieces(offset, rest.len()) {
            let (piece, behind) = rest.split_at_mut_checked(len).unwrap_or_default();
            let block = written.blocks.get(&block);
            if let Some(bytes) = block.and_then(|block| block.get(start..start + len)) {
                piece.copy_from_slice(bytes);
            }
            rest = behind;
        }
        Ok(())
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut written = self.written_mut();
        let kept = written.kept;
        let mut rest = bytes;
        for (number, start, len) in pieces(offset, bytes.len()) {
            let (piece, behind) = rest.split_at_checked(len).unwrap_or_default();
            let block = match written.blocks.entry(number) {
                Entry::Occupied(there) => there.into_mut(),
                Entry::Vacant(free) => {
                    let mut block = Box::new([0; BLOCK_LEN]);
                    self.read_file(kept, &mut block[..], number * BLOCK_LEN as u64)?;
                    free.insert(block)
                }
            };
            if let Some(place) = block.get_mut(start..start + len) {
                place.copy_from_slice(piece);
            }
            rest = behind;
        }
        written.len = written.len.max(offset + bytes.len() as u64);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut written = self.written_mut();
        if len < written.len {
            written.kept = written.kept.min(len);
            let gone = len.div_ceil(BLOCK_LEN as u64);
            written.blocks.split_off(&gone);
            let cut = (len % BLOCK_LEN as u64) as usize;
            if let Some(last) = written.blocks.get_mut(&(len / BLOCK_LEN as u64)) {
                last.iter_mut().skip(cut).for_each(|byte| *byte = 0);
            }
        }
        written.len = len;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    /// Others that only read share the file.
    fn try_lock(&self) -> io::Result<bool> {
        self.file.try_lock_shared()
    }

    fn lock_holder(&self) -> Option<u32> {
        self.file.lock_holder()
    }

    fn unlock(&self) -> io::Result<()> {
        self.file.unlock()
    }
}
