//! The envelope of every stored record: `[version][crc32][payload]`.
//!
//! The checksum covers the table, the key and the payload: a record under another key is as damaged
//! as one whose bits flipped.

use std::sync::LazyLock;

use convodb_core::codec::{CodecError, Record};
use convodb_core::{Details, Error, Hex, Result};
use crc32fast::Hasher;

use super::tables;
use convodb_kv::Table;

/// A hasher for each table, which has taken in the table's number. To make one anew asks what the
/// processor can do, which is a sixth of the cost of a row's checksum.
static HASHERS: LazyLock<Vec<Hasher>> = LazyLock::new(|| {
    let of_table = |table: &Table| {
        let mut hasher = Hasher::new();
        hasher.update(&[u8::try_from(table.index).unwrap_or(u8::MAX)]);
        hasher
    };
    tables::ALL.iter().map(of_table).collect()
});

fn checksum(table: Table, key: &[u8], payload: &[u8]) -> [u8; 4] {
    let mut hasher = HASHERS.get(table.index).cloned().unwrap_or_default();
    hasher.update(key);
    hasher.update(payload);
    hasher.finalize().to_le_bytes()
}

/// An error of a record under a key.
pub(super) fn damaged(table: Table, key: &[u8], what: &str) -> Error {
    let name = table.name;
    let message = format!("a record of `{name}` {what}, at key {}", Hex(key));
    Error::corrupted(message).with_details(Details::Record {
        table: name,
        key: key.into(),
    })
}

/// Appends a payload in its envelope.
pub(super) fn seal(bytes: &mut Vec<u8>, table: Table, key: &[u8], version: u8, payload: &[u8]) {
    bytes.push(version);
    bytes.extend_from_slice(&checksum(table, key, payload));
    bytes.extend_from_slice(payload);
}

/// The version and payload of what is stored under a key.
pub(super) fn open<'a>(table: Table, key: &[u8], bytes: &'a [u8]) -> Result<(u8, &'a [u8])> {
    let (version, rest) = bytes
        .split_first()
        .ok_or_else(|| damaged(table, key, "is empty"))?;
    let (crc, payload) = rest
        .split_first_chunk()
        .ok_or_else(|| damaged(table, key, "is cut short"))?;
    if *crc != checksum(table, key, payload) {
        return Err(damaged(table, key, "does not match its checksum"));
    }
    Ok((*version, payload))
}

/// Appends the bytes of a record under a key.
pub(super) fn append_row<R: Record>(
    bytes: &mut Vec<u8>,
    table: Table,
    key: &[u8],
    record: &R,
) -> Result<()> {
    bytes.push(R::VERSION);
    let header = bytes.len();
    bytes.extend_from_slice(&[0; 4]);
    record
        .encode(bytes)
        .map_err(|error| Error::corrupted("a record cannot be encoded").with_source(error))?;
    let sealed = bytes.get_mut(header..);
    if let Some((crc, payload)) = sealed.and_then(<[u8]>::split_first_chunk_mut) {
        *crc = checksum(table, key, payload);
    }
    Ok(())
}

/// The record that is stored under a key.
pub(super) fn decode_row<R: Record>(table: Table, key: &[u8], bytes: &[u8]) -> Result<R> {
    let (version, payload) = open(table, key, bytes)?;
    R::decode(version, payload).map_err(|error| undecodable(table, key, error))
}

pub(super) fn undecodable(table: Table, key: &[u8], error: CodecError) -> Error {
    damaged(table, key, "cannot be decoded").with_source(error)
}
