//! Commands with idempotency keys that were done, by the keyed hashes of the keys, and in the order
//! of time.

use std::ops::Bound;

use chrono::{DateTime, Utc};
use convodb_core::{ErrorKind, HASH_LEN, Hashes, IdempotencyKey, IdempotencyRecord, Result};

use super::kinds::{COMMAND_TIMES, COMMANDS};
use super::tables;
use convodb_kv::{Read, WriteTables};

/// With each key that is stored this many old ones go, so that no command pays for all.
const FORGOTTEN_WITH_EACH: usize = 2;

/// When a command was done, and the hash of its key: its place in the order of time.
pub(super) type Dated = (DateTime<Utc>, [u8; HASH_LEN]);

pub(super) fn save(
    rows: &mut WriteTables<'_>,
    hashes: Hashes,
    key: &IdempotencyKey,
    record: &IdempotencyRecord,
    (forgotten, forget_before): (&mut Option<Dated>, DateTime<Utc>),
) -> Result<()> {
    forget(rows, forgotten, forget_before, FORGOTTEN_WITH_EACH)?;
    let hash = hashes.of_key(key);
    if let Some(known) = COMMANDS.get(rows, &hash)? {
        COMMAND_TIMES.remove(rows, &(known.at, hash))?;
    }
    COMMANDS.put(rows, &hash, record)?;
    COMMAND_TIMES.put_key(rows, &(record.at, hash))
}

/// The keys of commands before a time, oldest first, behind those that are forgotten already.
pub(super) fn older<'r, R: Read>(
    rows: &'r R,
    forgotten: Option<&Dated>,
    before: DateTime<Utc>,
) -> Result<impl Iterator<Item = Result<Dated>> + use<'r, R>> {
    let first = COMMAND_TIMES.beginning(&());
    let last = forgotten.map(|dated| COMMAND_TIMES.key(dated));
    let to = COMMAND_TIMES.beginning(&before);
    let from = match &last {
        Some(last) if last[..] < to[..] => Bound::Excluded(&last[..]),
        Some(_) => Bound::Included(&to[..]),
        None => Bound::Included(&first[..]),
    };
    let range = (from, Bound::Excluded(&to[..]));
    let found = rows.range(tables::CATALOG, range)?;
    Ok(found.map(|row| COMMAND_TIMES.parse(&row?.0)))
}

/// Forgets the commands before a time.
pub(super) fn forget_all(
    rows: &mut WriteTables<'_>,
    forgotten: &mut Option<Dated>,
    before: DateTime<Utc>,
) -> Result<()> {
    const AT_ONCE: usize = 1024;
    while forget(rows, forgotten, before, AT_ONCE)? == AT_ONCE {}
    Ok(())
}

/// Forgets commands before a time, oldest first, at most this many. Answers how many. No command is
/// dated before one that was forgotten, until the clock is corrected, so the next call goes on behind the last: the tombstones of
/// the memtable would be walked each time.
fn forget(
    rows: &mut WriteTables<'_>,
    forgotten: &mut Option<Dated>,
    before: DateTime<Utc>,
    at_most: usize,
) -> Result<usize> {
    let old = older(rows, forgotten.as_ref(), before)?
        .take(at_most)
        .collect::<Result<Vec<_>>>()?;
    for dated in &old {
        COMMANDS.remove(rows, &dated.1)?;
        COMMAND_TIMES.remove(rows, dated)?;
    }
    *forgotten = old.last().copied().or(*forgotten);
    Ok(old.len())
}

/// What `verify` checks of every command: that it is found by its time too.
pub(super) fn is_dated(rows: &impl Read, key: &[u8], bytes: &[u8]) -> Result<bool> {
    let (hash, record) = COMMANDS.decode(key, bytes)?;
    COMMAND_TIMES.contains(rows, &(record.at, hash))
}

/// What `verify` checks of every time: that its command is there.
pub(super) fn has_command(rows: &impl Read, key: &[u8]) -> Result<bool> {
    let (at, hash) = COMMAND_TIMES.parse(key)?;
    match COMMANDS.get(rows, &hash) {
        // One that cannot be read is reported once, by its own check.
        Err(error) if error.kind() == ErrorKind::Corrupted => Ok(true),
        record => Ok(record?.is_some_and(|record| record.at == at)),
    }
}
