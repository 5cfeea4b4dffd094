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

/// Whether the bytes of a change hold all of it. The directory has the names of assignees: a change
/// holds none.
pub(super) fn is_complete(change: &Change) -> bool {
    let (mut bytes, mut again) = (Vec::new(), Vec::new());
    let read_back = encode_onto(&mut bytes, change).and_then(|()| decode(&bytes));
    let encoded = read_back.and_then(|change| encode_onto(&mut again, &change));
    encoded.is_ok() && again == bytes
}
