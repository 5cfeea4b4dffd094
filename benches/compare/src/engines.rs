//! The engines. None knows another, but that an expert reads the file of `sqlite`.

pub mod convodb;
mod flood;
mod keys;
mod lmdb;
mod merge;
mod redb;
pub mod sqlite;

pub(crate) use convodb::Convodb;
pub(crate) use lmdb::Lmdb;
pub(crate) use redb::{Redb, recovered};
pub(crate) use sqlite::{Expert, Sqlite};
