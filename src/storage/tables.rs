//! The tables of the file. Few, as each that a commit touches costs it.

use convodb_kv::Table;

const fn table(index: usize, name: &'static str) -> Table {
    Table { index, name }
}

/// Conversation → its record.
pub(super) const CONVERSATIONS: Table = table(0, "conversations");
/// Conversation, time, message → its record; in the order of a transcript.
pub(super) const MESSAGES: Table = table(1, "messages");
/// Conversation, time, note → its record.
pub(super) const NOTES: Table = table(2, "notes");
/// Every stream and its total, kinds apart by their first byte.
pub(super) const INDEX: Table = table(3, "index");
/// What is small: threads, the directory, message times, consumers, meta; kinds apart by their first byte.
pub(super) const CATALOG: Table = table(4, "catalog");

/// Events by their numbers, and histories; kinds apart by their first byte.
pub(super) const EVENTS: Table = table(5, "events");

/// All of them, each in its own place.
pub(super) const ALL: &[Table] = &[CONVERSATIONS, MESSAGES, NOTES, INDEX, CATALOG, EVENTS];
