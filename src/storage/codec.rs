//! The frame of every record: `[format byte][crc32][payload]`.
//!
//! The checksum covers the table, the key and the payload, so a record that was put under another
//! key is as damaged as one whose bits flipped. The payload is decoded within a limit and to its
//! last byte. `bincode` is named here alone: another encoding is another format byte.

use bincode::config::{Configuration, Limit, LittleEndian, Varint, standard};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Hex, Result};
use crate::kv::Table;

/// More than any record holds: a message of 64 KiB of text, as many parameters, and a name.
const MAX_PAYLOAD_BYTES: usize = 512 * 1024;
/// More than a whole imported conversation takes.
const MAX_WHOLE_BYTES: usize = 1 << 30;
const HEADER_BYTES: usize = 1 + 4;

/// A struct that is stored as it stands. One that has shipped is never edited: a changed layout is
/// another struct with another format.
pub(super) trait Record {
    /// The format byte.
    const FORMAT: u8;
    /// The table that it lies in.
    const TABLE: Table;
}

type Standard<const LIMIT: usize> = Configuration<LittleEndian, Varint, Limit<LIMIT>>;

const fn config<const LIMIT: usize>() -> Standard<LIMIT> {
    standard().with_limit::<LIMIT>()
}

/// The CRC-32 of a table's name, on which those of its records go on: a page checks one a row.
const fn crc_of_name(table: Table) -> u32 {
    let mut crc = !0_u32;
    let mut rest = table.name.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        crc ^= *byte as u32;
        let mut bit = 0;
        while bit < 8 {
            let carry = crc & 1;
            crc >>= 1;
            if carry == 1 {
                crc ^= 0xEDB8_8320;
            }
            bit += 1;
        }
        rest = tail;
    }
    !crc
}

fn checksum<R: Record>(key: &[u8], payload: &[u8]) -> [u8; 4] {
    let mut hasher = crc32fast::Hasher::new_with_initial(const { crc_of_name(R::TABLE) });
    hasher.update(key);
    hasher.update(payload);
    hasher.finalize().to_le_bytes()
}

/// A record without its frame, to be framed for more than one key.
pub(super) fn payload<R: Record + Serialize>(record: &R) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    encode_into(&mut bytes, record)?;
    Ok(bytes)
}

/// The bytes of a record under a key.
pub(super) fn frame<R: Record>(key: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES + payload.len());
    bytes.push(R::FORMAT);
    bytes.extend_from_slice(&checksum::<R>(key, payload));
    bytes.extend_from_slice(payload);
    bytes
}

/// Appends the bytes of a record under a key.
pub(super) fn encode_onto<R: Record + Serialize>(
    bytes: &mut Vec<u8>,
    key: &[u8],
    record: &R,
) -> Result<()> {
    bytes.push(R::FORMAT);
    let header = bytes.len();
    bytes.extend_from_slice(&[0; HEADER_BYTES - 1]);
    encode_into(bytes, record)?;
    if let Some((crc, payload)) = bytes
        .get_mut(header..)
        .and_then(<[u8]>::split_first_chunk_mut)
    {
        *crc = checksum::<R>(key, payload);
    }
    Ok(())
}

/// The bytes of a record under a key.
pub(super) fn encode<R: Record + Serialize>(key: &[u8], record: &R) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    encode_onto(&mut bytes, key, record)?;
    Ok(bytes)
}

/// The record that lies under a key.
pub(super) fn decode<'a, R: Record + Deserialize<'a>>(key: &[u8], bytes: &'a [u8]) -> Result<R> {
    let damaged = |what: &str| {
        Error::corrupted(format!(
            "a record of `{}` {what}, at key {}",
            R::TABLE.name,
            Hex(key)
        ))
    };
    let (format, rest) = bytes.split_first().ok_or_else(|| damaged("is empty"))?;
    let (crc, payload) = rest
        .split_first_chunk()
        .ok_or_else(|| damaged("is cut short"))?;
    if *format != R::FORMAT {
        return Err(damaged("has an unknown format"));
    }
    if *crc != checksum::<R>(key, payload) {
        return Err(damaged("does not match its checksum"));
    }
    let (record, len) =
        bincode::serde::borrow_decode_from_slice(payload, config::<MAX_PAYLOAD_BYTES>())
            .map_err(|error| damaged("cannot be decoded").with_source(error))?;
    if len != payload.len() {
        return Err(damaged("has bytes left over"));
    }
    Ok(record)
}

/// Appends what is no record: it has neither a key nor a checksum of its own.
pub(super) fn encode_into(bytes: &mut Vec<u8>, value: &impl Serialize) -> Result<()> {
    bincode::serde::encode_into_std_write(value, bytes, standard())
        .map(drop)
        .map_err(|error| Error::corrupted("a value cannot be encoded").with_source(error))
}

/// The value of these bytes, to the last of them.
pub(super) fn decode_whole<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T> {
    let (value, len) = bincode::serde::borrow_decode_from_slice(bytes, config::<MAX_WHOLE_BYTES>())
        .map_err(|error| Error::corrupted("a value cannot be decoded").with_source(error))?;
    if len != bytes.len() {
        return Err(Error::corrupted("a value has bytes left over"));
    }
    Ok(value)
}
