//! What is stored under a key: `[version][payload]`. The page beneath has a checksum.

use convodb_core::codec::{CodecError, Record};
use convodb_core::{Details, Error, Hex, Result};

use convodb_kv::Table;

/// An error of a record under a key.
pub(super) fn damaged(table: Table, key: &[u8], what: &str) -> Error {
    let name = table.name;
    let message = format!("a record of `{name}` {what}, at key {}", Hex(key));
    Error::corrupted(message).with_details(Details::Record {
        table: name,
        key: key.into(),
    })
}

/// The version and payload of what is stored under a key.
pub(super) fn open<'a>(table: Table, key: &[u8], bytes: &'a [u8]) -> Result<(u8, &'a [u8])> {
    let (version, payload) = bytes
        .split_first()
        .ok_or_else(|| damaged(table, key, "is empty"))?;
    Ok((*version, payload))
}

/// Appends the bytes of a record.
pub(super) fn append_row<R: Record>(bytes: &mut Vec<u8>, record: &R) -> Result<()> {
    bytes.push(R::VERSION);
    record
        .encode(bytes)
        .map_err(|error| Error::corrupted("a record cannot be encoded").with_source(error))
}

/// The record that is stored under a key.
pub(super) fn decode_row<R: Record>(table: Table, key: &[u8], bytes: &[u8]) -> Result<R> {
    let (version, payload) = open(table, key, bytes)?;
    R::decode(version, payload).map_err(|error| undecodable(table, key, error))
}

pub(super) fn undecodable(table: Table, key: &[u8], error: CodecError) -> Error {
    damaged(table, key, "cannot be decoded").with_source(error)
}
