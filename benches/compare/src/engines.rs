//! The engines. None knows another, but that an expert reads the file of `sqlite`.

pub mod convodb;
mod disk;
mod flood;
mod keys;
mod lmdb;
mod merge;
mod redb;
pub mod sqlite;

pub(crate) use convodb::{Convodb, ConvodbViews, Logged};
pub(crate) use lmdb::Lmdb;
pub(crate) use redb::Redb;
#[cfg(test)]
pub(crate) use sqlite::VIEWS_FILE;
pub(crate) use sqlite::{Expert, Sqlite, SqliteViews};
