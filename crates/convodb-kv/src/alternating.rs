//! A block that is kept as two copies, written in turn: a write that is cut leaves the other whole.
//!
//! A copy is 16 bytes of magic, a counter, the content, and the XXH3-64 of all these at its end. The
//! whole copy with the greater counter counts.

use std::io;

use twox_hash::XxHash3_64;

use crate::disk::DiskFile;

/// The bytes of a copy beside its content.
pub(super) const OVERHEAD: usize = 32;

/// Where the copies are, and the counter of the newest.
#[derive(Debug)]
pub(super) struct Alternating {
    magic: &'static [u8; 16],
    offsets: [u64; 2],
    len: usize,
    seed: u64,
    counter: u64,
}

/// What was read of the copies.
#[derive(Debug, Default)]
pub(super) struct Copies {
    /// The content of the whole copy with the greater counter.
    pub(super) newest: Option<Vec<u8>>,
    pub(super) whole: usize,
    /// Whether one of them begins with the magic, whole or not.
    pub(super) is_marked: bool,
}

impl Alternating {
    pub(super) fn new(magic: &'static [u8; 16], offsets: [u64; 2], len: usize, seed: u64) -> Self {
        Self {
            magic,
            offsets,
            len,
            seed,
            counter: 0,
        }
    }

    /// How often it was written.
    pub(super) fn counter(&self) -> u64 {
        self.counter
    }

    pub(super) fn read(&mut self, file: &dyn DiskFile) -> io::Result<Copies> {
        let mut copies = Copies::default();
        self.counter = 0;
        for offset in self.offsets {
            let mut block = vec![0; self.len];
            match file.read_exact_at(&mut block, offset) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => continue,
                read => read?,
            }
            copies.is_marked |= block.starts_with(self.magic);
            let Some((counter, content)) = self.content(&block) else {
                continue;
            };
            copies.whole += 1;
            if counter > self.counter {
                self.counter = counter;
                copies.newest = Some(content.to_vec());
            }
        }
        Ok(copies)
    }

    fn sum(&self, bytes: &[u8]) -> u64 {
        XxHash3_64::oneshot_with_seed(self.seed, bytes)
    }

    /// The counter and the content of a whole copy.
    fn content<'b>(&self, block: &'b [u8]) -> Option<(u64, &'b [u8])> {
        let (summed, sum) = block.split_last_chunk()?;
        let (magic, rest) = summed.split_first_chunk()?;
        let (counter, content) = rest.split_first_chunk()?;
        let is_whole = magic == self.magic && u64::from_le_bytes(*sum) == self.sum(summed);
        is_whole.then(|| (u64::from_le_bytes(*counter), content))
    }

    /// Writes over the older copy, until it is [confirmed](Self::confirm): after an error the newer one
    /// is still whole, and the next write is over the same copy.
    pub(super) fn write(&self, file: &dyn DiskFile, content: &[u8]) -> io::Result<()> {
        let counter = self.counter + 1;
        let mut block = Vec::with_capacity(self.len);
        block.extend_from_slice(self.magic);
        block.extend_from_slice(&counter.to_le_bytes());
        block.extend_from_slice(content);
        block.resize(self.len - size_of::<u64>(), 0);
        let sum = self.sum(&block);
        block.extend_from_slice(&sum.to_le_bytes());
        let [even, odd] = self.offsets;
        let offset = if counter.is_multiple_of(2) { even } else { odd };
        file.write_all_at(&block, offset)
    }

    /// The last write is durable.
    pub(super) fn confirm(&mut self) {
        self.counter += 1;
    }
}
