//! Values as bytes. No other file names `bincode`: another encoding is another version of a record.

use std::error::Error as StdError;

use bincode::config::{Configuration, Limit, LittleEndian, Varint, standard};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Payloads of at most these lengths, and the most that decoding one may count: a number counts eight
/// bytes, however short it is. So a length within a short payload cannot ask for much memory.
const SHORT: usize = 64 << 10;
const LONG: usize = 4 << 20;
const MAX_SHORT: usize = 8 * SHORT;
const MAX_LONG: usize = 8 * LONG;
/// More than a whole imported conversation has.
const MAX: usize = 1 << 30;

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

/// The value of these bytes, to the last of them.
pub fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let len = bytes.len();
    if len <= SHORT {
        decode(bytes, standard().with_limit::<MAX_SHORT>())
    } else if len <= LONG {
        decode(bytes, standard().with_limit::<MAX_LONG>())
    } else {
        decode(bytes, standard().with_limit::<MAX>())
    }
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
