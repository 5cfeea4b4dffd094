//! The schema, and its steps. A step only adds, so that the version before it goes on working beside.

use convodb_core::{Error, ErrorKind, Result};

use crate::error::failed;
use crate::options::PgOptions;
use crate::partitions;
use crate::pool;
use crate::session::{Session, Statement};

/// The steps, in their order. A step that was released is never edited.
const STEPS: [&str; 1] = [include_str!("migrations/0001.sql")];

/// The version of the schema that this version of the crate reads and writes.
pub(crate) const VERSION: i32 = STEPS.len() as i32;

/// Creates the schema, or brings it to the version of this crate. It can run again at any time, beside running
/// stores of the version before. Answers how many steps were taken.
///
/// Each run makes partitions for the events to come, for 33 million or as many as a workspace keeps, and drops
/// empty ones behind. Where events go beyond them nothing fails: purges delete those by rows.
///
/// It needs a role that may create a schema in the database; running stores need less: see [`roles`].
///
/// # Errors
///
/// `NotPermitted` without the right to create; `UnsupportedVersion` if a later version of the crate has made the
/// schema; `Unavailable` if the server cannot be reached, or a lock is not had within two seconds.
///
/// ```no_run
/// use convodb_postgres::{PgOptions, migrate};
///
/// # async fn example() -> convodb_postgres::Result<()> {
/// migrate(&PgOptions::new("postgres://owner@localhost/support")?).await?;
/// # Ok(())
/// # }
/// ```
pub async fn migrate(options: &PgOptions) -> Result<u32> {
    let pool = pool::new(options)?;
    let session = pool::session(&pool, options).await?;
    session
        .execute("BEGIN; SET LOCAL lock_timeout = '2s'")
        .await
        .map_err(failed)?;
    let taken = take_steps(&session).await;
    let end = if taken.is_ok() { "COMMIT" } else { "ROLLBACK" };
    let ended = session.execute(end).await.map_err(failed);
    let taken = taken?;
    ended?;
    partitions::arrange(&session).await?;
    Ok(taken)
}

async fn take_steps(session: &Session) -> Result<u32> {
    // Only one process takes steps at a time.
    let lock = "CREATE SCHEMA IF NOT EXISTS convodb; \
                CREATE TABLE IF NOT EXISTS convodb.schema_version (version int NOT NULL); \
                LOCK TABLE convodb.schema_version IN ACCESS EXCLUSIVE MODE";
    session.execute(lock).await.map_err(failed)?;
    let version = read_version(session).await?;
    if version > VERSION {
        return Err(later(version));
    }
    let mut taken = 0;
    for (step, number) in STEPS.iter().zip(1..) {
        if number > version {
            session.execute(step).await.map_err(failed)?;
            let sql = format!(
                "DELETE FROM convodb.schema_version; INSERT INTO convodb.schema_version VALUES ({number})"
            );
            session.execute(&sql).await.map_err(failed)?;
            taken += 1;
        }
    }
    Ok(taken)
}

async fn read_version(session: &Session) -> Result<i32> {
    let sql = "SELECT version FROM convodb.schema_version";
    let rows = session.query(&Statement::new(sql)).await.map_err(failed)?;
    Ok(rows.first().map_or(0, |row| row.get(0)))
}

fn later(version: i32) -> Error {
    let message = format!(
        "the schema has version {version}, and this version of the crate reads version {VERSION}: use a later one"
    );
    Error::new(ErrorKind::UnsupportedVersion, message)
}

/// An error where the schema is not the one that this version reads. A later one only has more.
pub(crate) async fn check(session: &Session) -> Result<()> {
    let version = read_version(session).await?;
    match version < VERSION {
        true => Err(Error::new(
            ErrorKind::UnsupportedVersion,
            format!(
                "the schema has version {version}, and this version needs {VERSION}: run `migrate`"
            ),
        )),
        false => Ok(()),
    }
}

/// The statements that give roles what they need, and no more: `app` for running stores, `reader` for those
/// who only look. The roles must be there; run it as the owner of the schema, behind each [`migrate`] that took
/// steps. `app` may truncate tables, as purges do with partitions of events, also those that are made later.
///
/// # Errors
///
/// `InvalidInput` if a name is not one of letters, digits and underscores.
///
/// ```
/// let sql = convodb_postgres::roles("inbox_app", "inbox_reader")?;
/// assert!(sql.contains("GRANT SELECT ON ALL TABLES IN SCHEMA convodb TO inbox_reader"));
/// # Ok::<(), convodb_postgres::Error>(())
/// ```
pub fn roles(app: &str, reader: &str) -> Result<String> {
    for (field, name) in [("app", app), ("reader", reader)] {
        let is_plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if name.is_empty() || !name.bytes().all(is_plain) {
            let reason = "must be of lower-case letters, digits and underscores";
            return Err(convodb_core::InvalidInput::new(field, reason).into());
        }
    }
    Ok(format!(
        "GRANT USAGE ON SCHEMA convodb TO {app}, {reader};\n\
         GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA convodb TO {app};\n\
         ALTER DEFAULT PRIVILEGES IN SCHEMA convodb GRANT TRUNCATE ON TABLES TO {app};\n\
         GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA convodb TO {app};\n\
         REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON convodb.schema_version FROM {app};\n\
         GRANT SELECT ON ALL TABLES IN SCHEMA convodb TO {reader};\n"
    ))
}
