//! How events get their numbers.

use convodb_core::{Error, Result};

use crate::exclusive::Exclusive;
use crate::fault::Done;
use crate::session::Statement;
use crate::store::PgStore;

/// How the events of a workspace get their numbers. Either way these have no gap, and an event that rests on
/// another one has a greater number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Numbering {
    /// A commit numbers its events itself, behind the workspace's head row: commits of a workspace are one behind
    /// the other. The number is known when a command returns, and the events are there. The default, for callers
    /// that need that, and for the commands of one process, which commit together.
    #[default]
    Head,
    /// Commits do not wait for one another; a settler, in any of the processes, numbers their events some ten
    /// milliseconds later. [`Outcome::commit`](crate::Outcome::commit) is `None`. For a workspace that many servers
    /// write at a time.
    Settled,
}

impl Numbering {
    pub(crate) fn of(number: i64) -> Result<Self> {
        match number {
            0 => Ok(Self::Head),
            1 => Ok(Self::Settled),
            _ => Err(Error::corrupted(
                "the numbering of the workspace is unknown",
            )),
        }
    }

    pub(crate) const fn number(self) -> i64 {
        match self {
            Self::Head => 0,
            Self::Settled => 1,
        }
    }
}

impl PgStore {
    /// How the events of the workspace get their numbers.
    pub fn numbering(&self) -> Numbering {
        self.shared().known().numbering
    }

    /// Changes how events get their numbers, in one transaction, while other processes go on. The lists and the
    /// events are the same behind it.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the server cannot be reached.
    pub async fn set_numbering(&self, numbering: Numbering) -> Result<()> {
        let mut work = Exclusive::begin(self.shared()).await?;
        if work.unit.numbering == numbering {
            return work.roll_back().await;
        }
        match change(&mut work, numbering).await {
            Ok(()) => work.commit().await.map(drop),
            Err(fault) => {
                let _ = work.roll_back().await;
                Err(fault.into_error())
            }
        }
    }
}

/// All that was added is settled by the old numbering before the new one begins.
async fn change(work: &mut Exclusive, numbering: Numbering) -> Done<()> {
    let unit = &mut work.unit;
    unit.settle().await?;
    unit.begin_command();
    let of = |sql: &'static str| Statement::new(sql).bind(unit.ws);
    let statements = [
        of("UPDATE convodb.workspace SET numbering = $2 WHERE ws = $1").bind(numbering.number()),
        // An exclusive unit has taken its number by the head row, and gets one by the settler.
        of("UPDATE convodb.head SET commit_seq = commit_seq + CASE WHEN $2 = 0::bigint THEN 1 ELSE -1 END \
            WHERE ws = $1")
        .bind(numbering.number()),
        // The marks of commits stay, out of the way of numbers to come.
        of("UPDATE convodb.journal SET seq = -nextval('convodb.journal_seq') WHERE ws = $1"),
        of("UPDATE convodb.fold SET folded = CASE WHEN $2 = 0::bigint \
            THEN (SELECT commit_seq FROM convodb.head WHERE ws = $1) \
            ELSE (SELECT last_value FROM convodb.journal_seq) END, \
            horizon = 0, horizon_xid = NULL WHERE ws = $1")
        .bind(numbering.number()),
    ];
    unit.session.pipeline(&statements).await?;
    unit.numbering = numbering;
    unit.applied = true;
    unit.raises_epoch = true;
    Ok(())
}
