//! Changes as bytes: `[version][payload]`, complete, so that recovery can apply them to the state that
//! they met.
//!
//! In builds with debug assertions every change passes through its bytes before it is applied: a test
//! cannot do without what a change leaves out.

use convodb_core::{Change, Error, Result, codec};

/// The version of the layout.
const VERSION: u8 = 1;

/// Appends the bytes of a change.
pub(super) fn encode_onto(bytes: &mut Vec<u8>, change: &Change) -> Result<()> {
    bytes.push(VERSION);
    codec::to_bytes(change, bytes)
        .map_err(|error| Error::corrupted("a change cannot be encoded").with_source(error))
}

/// The change of these bytes.
pub(super) fn decode(bytes: &[u8]) -> Result<Change> {
    match bytes.split_first() {
        Some((&VERSION, payload)) => codec::from_bytes(payload)
            .map_err(|error| Error::corrupted("a change cannot be decoded").with_source(error)),
        _ => Err(Error::corrupted("a change has an unknown version")),
    }
}

/// Whether the bytes of a change hold all of it.
pub(super) fn is_complete(change: &Change) -> bool {
    let mut bytes = Vec::new();
    let encoded = encode_onto(&mut bytes, change);
    encoded
        .and_then(|()| decode(&bytes))
        .is_ok_and(|read_back| {
            // The directory has the names of assignees: a change holds none.
            let mut again = Vec::new();
            encode_onto(&mut again, &read_back).is_ok() && again == bytes
        })
}
