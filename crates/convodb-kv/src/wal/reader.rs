//! Reading a write-ahead log: which records count, and whether one that counted is lost.

use std::ops::RangeInclusive;

use convodb_core::{Error, Result};

use super::{ALIGNMENT, HEADER_BYTES, Header, Ring, WalPosition, checksum, record_len};
use crate::failure;
use crate::superblock::{FileId, StoreFile};

/// The records behind a checkpoint, each whole and chained to the one before.
#[derive(Debug)]
pub struct Records {
    /// The ring from the checkpoint on, once around.
    bytes: Vec<u8>,
    places: Vec<Place>,
    checkpoint: WalPosition,
    /// The newest commit that was durable, as far as the log shows.
    durable: u64,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    start: usize,
    len: usize,
    end: WalPosition,
}

impl Records {
    /// Reads the ring once. O(bytes of the ring), whatever they are.
    pub fn read(file: &StoreFile, checkpoint: WalPosition) -> Result<Self> {
        let (ring, id) = (Ring::of(file), &file.superblock().id);
        let len =
            usize::try_from(ring.len).map_err(|_| Error::corrupted("the log is too large"))?;
        let mut bytes = vec![0; len];
        let mut rest = &mut bytes[..];
        for (place, len) in ring.pieces(checkpoint.offset, ring.len) {
            let (piece, behind) = std::mem::take(&mut rest)
                .split_at_mut_checked(len)
                .unwrap_or_default();
            let read = file.disk().read_exact_at(piece, place);
            read.map_err(|error| failure::io("the log cannot be read", error))?;
            rest = behind;
        }
        let mut records = Self {
            bytes,
            places: Vec::new(),
            checkpoint,
            durable: checkpoint.commit,
        };
        while let Some((place, durable)) = records.next(id) {
            records.places.push(place);
            records.durable = records.durable.max(durable);
        }
        records.durable = records.durable.max(records.known_durable(id));
        Ok(records)
    }

    fn next(&self, id: &FileId) -> Option<(Place, u64)> {
        let last = self.end();
        let at = usize::try_from(last.offset - self.checkpoint.offset).ok()?;
        let record = self.bytes.get(at..)?;
        let header = Header::decode(id, record)?;
        let len = usize::try_from(header.payload).ok()?;
        let (before, rest) = record.split_at_checked(HEADER_BYTES - 4)?;
        let (own, rest) = rest.split_first_chunk()?;
        let payload = rest.get(..len)?;
        let own = u32::from_le_bytes(*own);
        let follows = header.commit == last.commit + 1
            && header.chain == last.chain
            && own == checksum(id, before, payload);
        follows.then(|| {
            let place = Place {
                start: at + HEADER_BYTES,
                len,
                end: WalPosition {
                    commit: header.commit,
                    offset: last.offset + record_len(len),
                    chain: own,
                },
            };
            (place, header.durable)
        })
    }

    /// The newest commit of which a record behind the last one says that it was durable. Such a record
    /// is not of an earlier round, as its commit is newer.
    fn known_durable(&self, id: &FileId) -> u64 {
        let last = self.end();
        let most = (self.bytes.len() as u64).div_ceil(ALIGNMENT);
        let at = usize::try_from(last.offset - self.checkpoint.offset).unwrap_or(usize::MAX);
        let step = usize::try_from(ALIGNMENT).unwrap_or(usize::MAX);
        let behind = self.bytes.get(at..).unwrap_or_default();
        let headers = behind
            .chunks(step)
            .filter_map(|slot| Header::decode(id, slot));
        headers
            .filter(|header| header.commit > last.commit && header.commit - last.commit <= most)
            .filter(|header| header.durable < header.commit)
            .map(|header| header.durable)
            .fold(last.commit, u64::max)
    }

    /// The durable commits behind the last record: their records are damaged.
    pub fn lost(&self) -> Option<RangeInclusive<u64>> {
        let last = self.end().commit;
        (self.durable > last).then_some(last + 1..=self.durable)
    }

    /// An error where a commit that was durable has no record.
    pub fn check_complete(&self) -> Result<()> {
        let Some(lost) = self.lost() else {
            return Ok(());
        };
        Err(Error::corrupted(format!(
            "the write-ahead log is damaged: commits {} to {} are durable and cannot be read; \
             `convodb recover`, or `Options::recover`, opens the store without them",
            lost.start(),
            lost.end(),
        )))
    }

    /// Each with its payload and the position behind it, in order, without a gap.
    pub fn iter(&self) -> impl Iterator<Item = (WalPosition, &[u8])> {
        self.places.iter().map(|place| {
            let payload = self.bytes.get(place.start..place.start + place.len);
            (place.end, payload.unwrap_or_default())
        })
    }

    /// The position behind the last record.
    pub fn end(&self) -> WalPosition {
        self.places
            .last()
            .map_or(self.checkpoint, |place| place.end)
    }

    /// What lies behind the last record.
    pub fn unread(&self) -> &[u8] {
        let at = self.end().offset - self.checkpoint.offset;
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        self.bytes.get(at..).unwrap_or_default()
    }
}
