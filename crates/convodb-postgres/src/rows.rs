//! Tables of entities, and statements that write many of their rows.

use convodb_core::codec::Record;
use convodb_core::{Error, Hex, Result};

use crate::session::{Param, Statement};

/// A table with a key, a version and a record, and the columns of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Table {
    Conversation,
    Message,
    Note,
    ProviderId,
    Idempotency,
    Consumer,
    Import,
    Contact,
    Identity,
}

/// What a column holds.
#[derive(Clone, Copy)]
enum Type {
    Bytes,
    Number,
    Flag,
}

impl Type {
    const fn array(self) -> &'static str {
        match self {
            Self::Bytes => "bytea[]",
            Self::Number => "bigint[]",
            Self::Flag => "boolean[]",
        }
    }
}

/// In the order in which a commit locks and writes them.
pub(crate) const TABLES: [Table; 9] = [
    Table::Conversation,
    Table::ProviderId,
    Table::Message,
    Table::Note,
    Table::Contact,
    Table::Identity,
    Table::Consumer,
    Table::Import,
    Table::Idempotency,
];

impl Table {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Conversation => "convodb.conversation",
            Self::Message => "convodb.message",
            Self::Note => "convodb.note",
            Self::ProviderId => "convodb.provider_id",
            Self::Idempotency => "convodb.idempotency",
            Self::Consumer => "convodb.consumer",
            Self::Import => "convodb.import",
            Self::Contact => "convodb.contact",
            Self::Identity => "convodb.identity",
        }
    }

    /// The columns beside key, version and record.
    const fn columns(self) -> &'static [(&'static str, Type)] {
        match self {
            Self::Conversation => &[
                ("contact", Type::Bytes),
                ("inbox", Type::Number),
                ("by_state", Type::Number),
                ("by_owner", Type::Number),
                ("is_unread", Type::Flag),
                ("place", Type::Bytes),
                ("due", Type::Number),
                ("newest_id", Type::Bytes),
            ],
            Self::Message => &[("place", Type::Bytes)],
            Self::ProviderId => &[("since", Type::Number)],
            Self::Idempotency => &[("at", Type::Number)],
            Self::Contact => &[("name", Type::Bytes)],
            Self::Note | Self::Consumer | Self::Import | Self::Identity => &[],
        }
    }
}

/// A value of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Bytes(Option<Vec<u8>>),
    Number(Option<i64>),
    Flag(bool),
}

/// A row to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) key: Vec<u8>,
    pub(crate) record: Vec<u8>,
    /// Those of the table's own columns, in their order.
    pub(crate) values: Vec<Value>,
}

fn columns(table: Table, rows: Vec<Row>) -> Vec<Param> {
    let mut keys = Vec::with_capacity(rows.len());
    let mut records = Vec::with_capacity(rows.len());
    let own = table.columns();
    let mut bytes: Vec<Vec<Option<Vec<u8>>>> = vec![Vec::new(); own.len()];
    let mut numbers: Vec<Vec<Option<i64>>> = vec![Vec::new(); own.len()];
    let mut flags: Vec<Vec<bool>> = vec![Vec::new(); own.len()];
    for row in rows {
        keys.push(row.key);
        records.push(row.record);
        let each = bytes.iter_mut().zip(&mut numbers).zip(&mut flags);
        for (value, ((bytes, numbers), flags)) in row.values.into_iter().zip(each) {
            match value {
                Value::Bytes(value) => bytes.push(value),
                Value::Number(value) => numbers.push(value),
                Value::Flag(value) => flags.push(value),
            }
        }
    }
    let mut params = vec![Param::from(keys), Param::from(records)];
    let each = bytes.into_iter().zip(numbers).zip(flags);
    for ((_, kind), ((bytes, numbers), flags)) in own.iter().zip(each) {
        params.push(match kind {
            Type::Bytes => bytes.into(),
            Type::Number => numbers.into(),
            Type::Flag => flags.into(),
        });
    }
    params
}

/// The rows as a table of a statement, with parameters from the third on.
fn unnested(table: Table) -> (String, String) {
    let mut arrays = "$3::bytea[], $4::bytea[]".to_owned();
    let mut names = "key, record".to_owned();
    for (at, (name, kind)) in table.columns().iter().enumerate() {
        arrays.push_str(&format!(", ${}::{}", at + 5, kind.array()));
        names.push_str(&format!(", {name}"));
    }
    (format!("unnest({arrays}) AS u({names})"), names)
}

/// Joins the row of a table that a condition on its key finds, and locks it by a clause. The limit keeps the planner
/// from reading a workspace for each key, as it does by a plan of the time when the table was empty.
pub(crate) fn found(table: &str, condition: &str, lock: &str) -> String {
    format!("LATERAL (SELECT t.* FROM {table} t WHERE t.ws = $1 AND {condition} LIMIT 1{lock}) t")
}

/// Adds rows, whose keys must not be there.
///
/// `COPY` would take as long, as most of it is the indexes: an import of 200,000 messages took 2.3 s by either, and
/// 6.6 µs of the server's processor a message instead of 7.0. It would be a second way, which poolers without
/// named statements do not have.
pub(crate) fn insert(ws: i32, version: i64, table: Table, rows: Vec<Row>) -> Statement {
    let (from, names) = unnested(table);
    let sql = format!(
        "INSERT INTO {} (ws, version, {names}) SELECT $1, $2, {} FROM {from}",
        table.name(),
        names
            .split(", ")
            .map(|name| format!("u.{name}"))
            .collect::<Vec<_>>()
            .join(", "),
    );
    bound(sql, ws, version, columns(table, rows))
}

/// Adds rows, in place of those that are there.
pub(crate) fn upsert(ws: i32, version: i64, table: Table, rows: Vec<Row>) -> Statement {
    let mut statement = insert(ws, version, table, rows);
    let own = table.columns().iter().map(|(name, _)| *name);
    let set: Vec<_> = ["version", "record"]
        .into_iter()
        .chain(own)
        .map(|name| format!("{name} = excluded.{name}"))
        .collect();
    statement.sql = format!(
        "{} ON CONFLICT (ws, key) DO UPDATE SET {}",
        statement.sql,
        set.join(", ")
    )
    .into();
    statement
}

/// Makes of rows what they have become.
pub(crate) fn update(ws: i32, version: i64, table: Table, rows: Vec<Row>) -> Statement {
    let (from, names) = unnested(table);
    let set = names
        .split(", ")
        .skip(1)
        .map(|name| format!("{name} = u.{name}"))
        .collect::<Vec<_>>()
        .join(", ");
    let sql = format!(
        "UPDATE {} AS t SET version = $2, {set} FROM {from} WHERE t.ws = $1 AND t.key = u.key",
        table.name()
    );
    bound(sql, ws, version, columns(table, rows))
}

pub(crate) fn delete(ws: i32, table: Table, keys: Vec<Vec<u8>>) -> Statement {
    let sql = format!(
        "DELETE FROM {} WHERE ws = $1 AND key = ANY($2)",
        table.name()
    );
    Statement::new(sql).bind(ws).bind(keys)
}

fn bound(sql: String, ws: i32, version: i64, params: Vec<Param>) -> Statement {
    let mut statement = Statement::new(sql).bind(ws).bind(version);
    statement.params.extend(params);
    statement
}

/// The bytes of a record, behind its version.
pub(crate) fn encode<R: Record>(record: &R) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(256);
    bytes.push(R::VERSION);
    record
        .encode(&mut bytes)
        .map_err(|error| Error::corrupted("a record cannot be encoded").with_source(error))?;
    Ok(bytes)
}

/// The record of these bytes.
pub(crate) fn decode<R: Record>(table: &str, key: &[u8], bytes: &[u8]) -> Result<R> {
    let (version, payload) = split(table, key, bytes)?;
    R::decode(version, payload).map_err(|error| damaged(table, key).with_source(error))
}

/// The version and the payload of a record.
pub(crate) fn split<'a>(table: &str, key: &[u8], bytes: &'a [u8]) -> Result<(u8, &'a [u8])> {
    let (version, payload) = bytes.split_first().ok_or_else(|| damaged(table, key))?;
    Ok((*version, payload))
}

pub(crate) fn damaged(table: &str, key: &[u8]) -> Error {
    Error::corrupted(format!(
        "a record of `{table}` cannot be decoded, at key {}",
        Hex(key)
    ))
}
