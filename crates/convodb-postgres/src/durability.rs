//! What a commit has reached when it is acknowledged.

use convodb_core::{Error, ErrorKind, Result};

use crate::PgStore;
use crate::error::failed;
use crate::session::{Session, Statement};

/// What a commit has reached when it is acknowledged, as the server is set: from the least to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum PgDurability {
    /// The memory of the server, with `synchronous_commit=off` or `fsync=off`: a crash loses it.
    Memory,
    /// The server's disk. A standby that is promoted may not have it.
    Disk,
    /// A synchronous standby beside it, as `synchronous_standby_names` asks for one: the failover to it loses
    /// nothing.
    Standby,
}

impl PgStore {
    /// What a commit has reached when it is acknowledged. A failover can change it.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the server cannot be reached.
    ///
    /// ```no_run
    /// # async fn example(store: convodb_postgres::PgStore) -> convodb_core::Result<()> {
    /// use convodb_postgres::PgDurability;
    ///
    /// if store.durability().await? < PgDurability::Standby {
    ///     println!("a failover can lose what was acknowledged last");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn durability(&self) -> Result<PgDurability> {
        read(&self.shared().session().await?).await
    }
}

async fn read(session: &Session) -> Result<PgDurability> {
    let sql = "SELECT current_setting('synchronous_commit'), current_setting('fsync'), \
               current_setting('synchronous_standby_names')";
    let rows = session.query(&Statement::new(sql)).await.map_err(failed)?;
    let row = rows.first();
    let row = row.ok_or_else(|| Error::corrupted("the settings were not answered"))?;
    let (waits, syncs, standbys): (&str, &str, &str) = (row.get(0), row.get(1), row.get(2));
    Ok(match waits {
        "off" => PgDurability::Memory,
        _ if syncs == "off" => PgDurability::Memory,
        "local" => PgDurability::Disk,
        _ if standbys.trim().is_empty() => PgDurability::Disk,
        _ => PgDurability::Standby,
    })
}

/// An error where commits wait for less than a synchronous standby.
pub(crate) async fn require_standby(session: &Session) -> Result<()> {
    let found = read(session).await?;
    match found {
        PgDurability::Standby => Ok(()),
        _ => Err(Error::new(
            ErrorKind::Unsupported,
            format!(
                "commits wait for no synchronous standby ({found:?}): set `synchronous_standby_names` and \
                 `synchronous_commit = on`, or open without `require_synchronous_standby`"
            ),
        )),
    }
}
