//! What a record of the write-ahead log holds: the changes of one commit, as they were applied.
//!
//! `[newest time][newest id]`, then for each time that changes were applied together their number,
//! and each with its length before it.

use chrono::{DateTime, Utc};
use convodb_core::{Change, Error, Result, time};

use super::{Head, changes};

const HEAD_BYTES: usize = 8 + 16;
/// Enough for most commits of one command.
const USUAL_BYTES: usize = 512;

/// The changes of a commit, as long as a record can hold them.
#[derive(Debug)]
pub(crate) struct LogRecord {
    bytes: Vec<u8>,
    max_bytes: usize,
}

impl LogRecord {
    pub(in crate::storage) fn new(max_bytes: usize) -> Self {
        let mut bytes = Vec::with_capacity(USUAL_BYTES);
        bytes.resize(HEAD_BYTES, 0);
        Self { bytes, max_bytes }
    }

    /// An empty one with the same bound.
    pub(in crate::storage) fn fresh(&self) -> Self {
        Self::new(self.max_bytes)
    }

    /// Whether they fit.
    pub(in crate::storage) fn push(&mut self, applied: &[Change]) -> Result<bool> {
        let bytes = &mut self.bytes;
        put_len(bytes, applied.len());
        for change in applied {
            let start = bytes.len();
            put_len(bytes, 0);
            let body = bytes.len();
            changes::encode_onto(bytes, change)?;
            let len = u32::try_from(bytes.len() - body).unwrap_or(u32::MAX);
            if let Some(slot) = bytes.get_mut(start..body) {
                slot.copy_from_slice(&len.to_le_bytes());
            }
            if bytes.len() > self.max_bytes {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The bytes, with where the clock and the ids stood when all was applied.
    pub(in crate::storage) fn finish(&mut self, head: &Head) -> &[u8] {
        let newest_us = head.newest_time.timestamp_micros().to_le_bytes();
        let newest_id = head.newest_id.to_le_bytes();
        for (slot, byte) in self
            .bytes
            .iter_mut()
            .zip(newest_us.iter().chain(&newest_id))
        {
            *slot = *byte;
        }
        &self.bytes
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Adds the changes of another, as they were applied together. Whether they fit.
    pub(in crate::storage) fn append(&mut self, other: &Self) -> bool {
        let changes = other.bytes.get(HEAD_BYTES..).unwrap_or_default();
        self.bytes.extend_from_slice(changes);
        self.bytes.len() <= self.max_bytes
    }
}

/// Applies what a record holds, in the steps in which it was applied first. Answers where the
/// clock and the ids stood then.
pub(in crate::storage) fn replay(
    payload: &[u8],
    mut apply: impl FnMut(Vec<Change>) -> Result<()>,
) -> Result<(DateTime<Utc>, u128)> {
    let damaged = || Error::corrupted("a record of the write-ahead log cannot be read");
    let mut rest = payload;
    let newest_us = i64::from_le_bytes(take(&mut rest).ok_or_else(damaged)?);
    let newest_id = u128::from_le_bytes(take(&mut rest).ok_or_else(damaged)?);
    let newest_time = time::from_micros(newest_us).ok_or_else(damaged)?;
    while !rest.is_empty() {
        let mut changes = Vec::new();
        for _ in 0..take_len(&mut rest).ok_or_else(damaged)? {
            let len = take_len(&mut rest).ok_or_else(damaged)?;
            let (change, behind) = rest.split_at_checked(len).ok_or_else(damaged)?;
            changes.push(changes::decode(change)?);
            rest = behind;
        }
        apply(changes)?;
    }
    Ok((newest_time, newest_id))
}

fn put_len(bytes: &mut Vec<u8>, len: usize) {
    bytes.extend_from_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes());
}

fn take_len(rest: &mut &[u8]) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(take(rest)?)).ok()
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(*taken)
}
