//! The frame of every record: `[format byte][crc32][payload]`.
//!
//! The checksum covers the table, the key and the payload, so a record that was put under another
//! key is as damaged as one whose bits flipped. The payload is decoded within a limit and to its
//! last byte. `bincode` is named here alone: another encoding is another format byte. What pages and
//! histories are made of is packed by hand instead, in [`fields`].

mod fields;

use std::sync::LazyLock;

use bincode::config::{Configuration, Limit, LittleEndian, Varint, standard};
use bincode::error::DecodeError;
use convodb_core::{Error, Hex, Result};
use crc32fast::Hasher;
use serde::{Deserialize, Serialize};

use super::tables;
use crate::kv::Table;

pub(super) use fields::{Fields, put_number, put_text};

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

/// What of a record lies behind the frame.
pub(super) trait Payload<'a>: Record + Sized {
    fn write(&self, bytes: &mut Vec<u8>) -> Result<()>;

    /// The record of these bytes, to the last of them.
    fn read(bytes: &'a [u8]) -> std::result::Result<Self, Unreadable>;
}

/// A record that `bincode` lays out as it is described.
pub(super) trait Described: Record {}

/// Why bytes are no payload.
pub(super) struct Unreadable {
    what: &'static str,
    source: Option<DecodeError>,
}

impl Unreadable {
    const UNDECODABLE: Self = Self {
        what: "cannot be decoded",
        source: None,
    };
    const LEFT_OVER: Self = Self {
        what: "has bytes left over",
        source: None,
    };
}

impl<'a, R: Described + Serialize + Deserialize<'a>> Payload<'a> for R {
    fn write(&self, bytes: &mut Vec<u8>) -> Result<()> {
        encode_into(bytes, self)
    }

    fn read(bytes: &'a [u8]) -> std::result::Result<Self, Unreadable> {
        match bincode::serde::borrow_decode_from_slice(bytes, config::<MAX_PAYLOAD_BYTES>()) {
            Ok((record, len)) if len == bytes.len() => Ok(record),
            Ok(_) => Err(Unreadable::LEFT_OVER),
            Err(error) => Err(Unreadable {
                source: Some(error),
                ..Unreadable::UNDECODABLE
            }),
        }
    }
}

/// Reads a packed payload, to its last byte.
pub(super) fn unpack<'a, R>(
    bytes: &'a [u8],
    read: impl FnOnce(&mut Fields<'a>) -> Option<R>,
) -> std::result::Result<R, Unreadable> {
    let mut fields = Fields::new(bytes);
    let record = read(&mut fields).ok_or(Unreadable::UNDECODABLE)?;
    if fields.is_empty() {
        Ok(record)
    } else {
        Err(Unreadable::LEFT_OVER)
    }
}

type Standard<const LIMIT: usize> = Configuration<LittleEndian, Varint, Limit<LIMIT>>;

const fn config<const LIMIT: usize>() -> Standard<LIMIT> {
    standard().with_limit::<LIMIT>()
}

/// What the checksums of each table's records go on from: its name. To make one anew asks what the
/// processor can do, which takes a sixth of a row's checksum.
static NAMED: LazyLock<Vec<Hasher>> = LazyLock::new(|| {
    let named = |table: &Table| Hasher::new_with_initial(crc_of_name(*table));
    tables::ALL.iter().map(named).collect()
});

/// The CRC-32 of a table's name.
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
    let named = NAMED.get(R::TABLE.index).cloned();
    let mut hasher =
        named.unwrap_or_else(|| Hasher::new_with_initial(const { crc_of_name(R::TABLE) }));
    hasher.update(key);
    hasher.update(payload);
    hasher.finalize().to_le_bytes()
}

/// A record without its frame, to be framed for more than one key.
pub(super) fn payload<'a, R: Payload<'a>>(record: &R) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    record.write(&mut bytes)?;
    Ok(bytes)
}

/// The bytes of a record under a key.
pub(super) fn frame<R: Record>(key: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES + payload.len());
    frame_onto::<R>(&mut bytes, key, payload);
    bytes
}

/// Appends the bytes of a record under a key.
pub(super) fn frame_onto<R: Record>(bytes: &mut Vec<u8>, key: &[u8], payload: &[u8]) {
    bytes.push(R::FORMAT);
    bytes.extend_from_slice(&checksum::<R>(key, payload));
    bytes.extend_from_slice(payload);
}

/// Appends the bytes of a record under a key.
pub(super) fn encode_onto<'a, R: Payload<'a>>(
    bytes: &mut Vec<u8>,
    key: &[u8],
    record: &R,
) -> Result<()> {
    bytes.push(R::FORMAT);
    let header = bytes.len();
    bytes.extend_from_slice(&[0; HEADER_BYTES - 1]);
    record.write(bytes)?;
    if let Some((crc, payload)) = bytes
        .get_mut(header..)
        .and_then(<[u8]>::split_first_chunk_mut)
    {
        *crc = checksum::<R>(key, payload);
    }
    Ok(())
}

/// The bytes of a record under a key.
pub(super) fn encode<'a, R: Payload<'a>>(key: &[u8], record: &R) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    encode_onto(&mut bytes, key, record)?;
    Ok(bytes)
}

/// The record that lies under a key.
pub(super) fn decode<'a, R: Payload<'a>>(key: &[u8], bytes: &'a [u8]) -> Result<R> {
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
    R::read(payload).map_err(|Unreadable { what, source }| match source {
        Some(source) => damaged(what).with_source(source),
        None => damaged(what),
    })
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
