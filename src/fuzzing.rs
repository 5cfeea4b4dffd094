//! What a fuzz target needs of the index. Only in builds by `cargo fuzz`.

/// Runs arbitrary bytes as commits of inserted and removed rows, and compares counts, pages and
/// ranks with sorted lists after each.
///
/// # Errors
///
/// They differ.
pub fn ranks(data: &[u8]) -> convodb_core::Result<()> {
    crate::index::run_bytes(data)
}
