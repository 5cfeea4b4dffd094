//! The frame of every record: `[format byte][crc32][payload]`.
//!
//! The checksum covers the table, the key and the payload, so a record that was put under another
//! key is as damaged as one whose bits flipped. The payload is decoded within a limit and to its
//! last byte. `bincode` is named here alone: another encoding is another format byte.

use bincode::config::{Configuration, Limit, standard};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::kv::Table;

/// More than any record holds: a message of 64 KiB of text, as many parameters, and a name.
const MAX_PAYLOAD_BYTES: usize = 512 * 1024;
const HEADER_BYTES: usize = 1 + 4;

/// A struct that is stored as it stands. One that has shipped is never edited: a changed layout is
/// another struct with another format.
pub(super) trait Record {
    /// The format byte.
    const FORMAT: u8;
    /// The table that it lies in.
    const TABLE: Table;
}

fn config()
-> Configuration<bincode::config::LittleEndian, bincode::config::Varint, Limit<MAX_PAYLOAD_BYTES>> {
    standard().with_limit::<MAX_PAYLOAD_BYTES>()
}

fn checksum(table: Table, key: &[u8], payload: &[u8]) -> [u8; 4] {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(table.name.as_bytes());
    hasher.update(key);
    hasher.update(payload);
    hasher.finalize().to_le_bytes()
}

/// A record without its frame, to be framed for more than one key.
pub(super) fn payload<R: Record + Serialize>(record: &R) -> Result<Vec<u8>> {
    bincode::serde::encode_to_vec(record, config())
        .map_err(|error| Error::corrupted("a record cannot be encoded").with_source(error))
}

/// The bytes of a record under a key.
pub(super) fn frame<R: Record>(key: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES + payload.len());
    bytes.push(R::FORMAT);
    bytes.extend_from_slice(&checksum(R::TABLE, key, payload));
    bytes.extend_from_slice(payload);
    bytes
}

/// The bytes of a record under a key.
pub(super) fn encode<R: Record + Serialize>(key: &[u8], record: &R) -> Result<Vec<u8>> {
    Ok(frame::<R>(key, &payload(record)?))
}

/// The record that lies under a key.
pub(super) fn decode<'a, R: Record + Deserialize<'a>>(key: &[u8], bytes: &'a [u8]) -> Result<R> {
    let damaged = |what: &str| {
        Error::corrupted(format!(
            "a record of `{}` {what}, at key {key:02x?}",
            R::TABLE.name
        ))
    };
    let (format, rest) = bytes.split_first().ok_or_else(|| damaged("is empty"))?;
    let (crc, payload) = rest
        .split_first_chunk()
        .ok_or_else(|| damaged("is cut short"))?;
    if *format != R::FORMAT {
        return Err(damaged("has an unknown format"));
    }
    if *crc != checksum(R::TABLE, key, payload) {
        return Err(damaged("does not match its checksum"));
    }
    let (record, len) = bincode::serde::borrow_decode_from_slice(payload, config())
        .map_err(|error| damaged("cannot be decoded").with_source(error))?;
    if len != payload.len() {
        return Err(damaged("has bytes left over"));
    }
    Ok(record)
}
