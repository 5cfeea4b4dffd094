//! What a fuzz target needs of the index. Only in builds by `cargo fuzz`.

/// Runs arbitrary bytes as commits of rows that are inserted and removed, and compares counts, pages and
/// ranks with sorted lists after each.
///
/// # Panics
///
/// If they differ.
#[expect(clippy::panic, reason = "a fuzz target reports by panicking")]
pub fn ranks(data: &[u8]) {
    if let Err(error) = crate::index::run_bytes(data) {
        panic!("{error}");
    }
}
