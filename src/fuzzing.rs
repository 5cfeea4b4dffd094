//! What the fuzz targets reach into the crate for. Only in builds by `cargo fuzz`.

/// Decodes arbitrary bytes as a record or a change; what can be decoded must survive encoding.
///
/// # Panics
///
/// When it does not.
#[expect(clippy::panic, reason = "that is how a fuzz target tells")]
pub fn records(data: &[u8]) {
    if let Err(what) = crate::storage::check_decoding(data) {
        panic!("{what}");
    }
}

/// Runs arbitrary bytes as commits of rows that come to and go from streams, and compares counts,
/// pages and ranks with sorted lists after each.
///
/// # Panics
///
/// Where they differ.
#[expect(clippy::panic, reason = "that is how a fuzz target tells")]
pub fn ranks(data: &[u8]) {
    if let Err(error) = crate::index::run_bytes(data) {
        panic!("{error}");
    }
}
