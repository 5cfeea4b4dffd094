//! Values as bytes. No other file names `bincode`: another encoding is another version of a record.

use std::error::Error as StdError;

use bincode::config::{Configuration, Limit, LittleEndian, Varint, standard};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// More than any record has: a message of 64 KiB of text, as many parameters, and a name.
const MAX_BYTES: usize = 512 * 1024;
/// More than a whole imported conversation has.
const MAX_LARGE_BYTES: usize = 1 << 30;

/// A value that is stored. Its version is stored beside its payload.
pub trait Record: Sized {
    /// The version that is written.
    const VERSION: u8;

    /// Appends the payload.
    fn encode(&self, payload: &mut Vec<u8>) -> Result<(), CodecError>;

    /// The record of a payload of any version that was ever written.
    fn decode(version: u8, payload: &[u8]) -> Result<Self, CodecError>;
}

/// A record that has had one version only, which is its derived encoding.
impl<R: Serialize + DeserializeOwned> Record for R {
    const VERSION: u8 = 1;

    fn encode(&self, payload: &mut Vec<u8>) -> Result<(), CodecError> {
        to_bytes(self, payload)
    }

    fn decode(version: u8, payload: &[u8]) -> Result<Self, CodecError> {
        match version {
            1 => from_bytes(payload),
            _ => Err(CodecError::UnknownVersion(version)),
        }
    }
}

/// Why bytes are no value, or a value has no bytes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// No version of this crate, or only a later one, writes this version of the record.
    #[error("has the unknown version {0}")]
    UnknownVersion(u8),
    /// The bytes break a rule of the encoding or of the value.
    #[error("cannot be decoded")]
    Malformed(#[source] Box<dyn StdError + Send + Sync>),
    /// The value ends before the bytes do.
    #[error("has bytes left over")]
    LeftOver,
}

impl CodecError {
    pub(crate) fn malformed(reason: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Malformed(reason.into())
    }
}

type Standard<const LIMIT: usize> = Configuration<LittleEndian, Varint, Limit<LIMIT>>;

/// Appends the bytes of a value.
pub fn to_bytes(value: &impl Serialize, bytes: &mut Vec<u8>) -> Result<(), CodecError> {
    bincode::serde::encode_into_std_write(value, bytes, standard())
        .map(drop)
        .map_err(CodecError::malformed)
}

/// The value of these bytes, to the last of them. It has at most 512 KiB.
pub fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    decode(bytes, standard().with_limit::<MAX_BYTES>())
}

/// The same for a change that may hold a whole conversation: it has at most 1 GiB.
pub fn from_bytes_large<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    decode(bytes, standard().with_limit::<MAX_LARGE_BYTES>())
}

fn decode<T: DeserializeOwned, const LIMIT: usize>(
    bytes: &[u8],
    config: Standard<LIMIT>,
) -> Result<T, CodecError> {
    match bincode::serde::borrow_decode_from_slice(bytes, config) {
        Ok((value, len)) if len == bytes.len() => Ok(value),
        Ok(_) => Err(CodecError::LeftOver),
        Err(error) => Err(CodecError::malformed(error)),
    }
}
