//! Commands with keys that were done, by the keyed hashes of their keys, and in the order of time.

use std::ops::Bound;

use chrono::{DateTime, Utc};
use convodb_core::{Done, ErrorKind, HASH_LEN, Hashes, IdempotencyKey, Result};

use super::keys::{self, catalog_kind};
use super::records::DoneV1;
use super::{codec, tables};
use crate::kv::{Read, WriteTables};

/// With each key that is kept so many old ones go, so that they are never more than those of the
/// last while, and no command pays for all.
const FORGOTTEN_WITH_EACH: usize = 2;

pub(super) fn find(rows: &impl Read, hashes: Hashes, key: &IdempotencyKey) -> Result<Option<Done>> {
    read(rows, &hashes.of_key(key))
}

fn read(rows: &impl Read, hash: &[u8; HASH_LEN]) -> Result<Option<Done>> {
    let key = keys::command(hash);
    let bytes = rows.get(tables::CATALOG, &key)?;
    let done = bytes.map(|bytes| codec::decode::<DoneV1<'_>>(&key, &bytes)?.into_done());
    done.transpose()
}

/// When a command was done, and the hash of its key: where it stands in the order of time.
pub(super) type Dated = (DateTime<Utc>, [u8; HASH_LEN]);

pub(super) fn put(
    rows: &mut WriteTables<'_>,
    hashes: Hashes,
    key: &IdempotencyKey,
    done: &Done,
    (forgotten, forget_before): (&mut Option<Dated>, DateTime<Utc>),
) -> Result<()> {
    forget(rows, forgotten, forget_before, FORGOTTEN_WITH_EACH)?;
    let hash = hashes.of_key(key);
    if let Some(known) = read(rows, &hash)? {
        rows.remove(tables::CATALOG, &keys::command_time(known.at, &hash))?;
    }
    let key = keys::command(&hash);
    rows.put(
        tables::CATALOG,
        &key,
        &codec::encode(&key, &DoneV1::from(done))?,
    )?;
    rows.put(tables::CATALOG, &keys::command_time(done.at, &hash), &[])
}

/// The keys of commands that were done before a time, oldest first, behind those that are known to be
/// forgotten.
pub(super) fn older<'r, R: Read>(
    rows: &'r R,
    forgotten: Option<&Dated>,
    before: DateTime<Utc>,
) -> Result<impl Iterator<Item = Result<Dated>> + use<'r, R>> {
    let first = [catalog_kind::COMMAND_TIMES];
    let last = forgotten.map(|(at, hash)| keys::command_time(*at, hash));
    let to = keys::command_time(before, &[0; HASH_LEN]);
    let from = match &last {
        Some(last) if last[..] < to[..] => Bound::Excluded(&last[..]),
        Some(_) => Bound::Included(&to[..]),
        None => Bound::Included(&first[..]),
    };
    let range = (from, Bound::Excluded(&to[..]));
    let found = rows.range(tables::CATALOG, range)?;
    Ok(found.map(|row| keys::parse_command_time(&row?.0)))
}

/// Forgets the commands that were done before a time.
pub(super) fn forget_all(
    rows: &mut WriteTables<'_>,
    forgotten: &mut Option<Dated>,
    before: DateTime<Utc>,
) -> Result<()> {
    const AT_ONCE: usize = 1024;
    while forget(rows, forgotten, before, AT_ONCE)? == AT_ONCE {}
    Ok(())
}

/// Forgets commands that were done before a time, oldest first, and at most so many; tells how many.
/// No command is dated before one that was forgotten, so the next time it goes on behind the last: what
/// lies beneath the memtable would be walked each time.
fn forget(
    rows: &mut WriteTables<'_>,
    forgotten: &mut Option<Dated>,
    before: DateTime<Utc>,
    at_most: usize,
) -> Result<usize> {
    let old = older(rows, forgotten.as_ref(), before)?
        .take(at_most)
        .collect::<Result<Vec<_>>>()?;
    for (at, hash) in &old {
        rows.remove(tables::CATALOG, &keys::command(hash))?;
        rows.remove(tables::CATALOG, &keys::command_time(*at, hash))?;
    }
    *forgotten = old.last().copied().or(*forgotten);
    Ok(old.len())
}

/// What `verify` checks of every command that was done: that it is found by its time too.
pub(super) fn stands(rows: &impl Read, key: &[u8], bytes: &[u8]) -> Result<bool> {
    let hash = keys::parse_command(key)?;
    let done = codec::decode::<DoneV1<'_>>(key, bytes)?.into_done()?;
    let time = rows.get(tables::CATALOG, &keys::command_time(done.at, &hash))?;
    Ok(time.is_some())
}

/// What `verify` checks of every time: that its command is there.
pub(super) fn dates(rows: &impl Read, key: &[u8]) -> Result<bool> {
    let (at, hash) = keys::parse_command_time(key)?;
    match read(rows, &hash) {
        // One that cannot be read is reported once, by its own check.
        Err(error) if error.kind() == ErrorKind::Corrupted => Ok(true),
        done => Ok(done?.is_some_and(|done| done.at == at)),
    }
}
