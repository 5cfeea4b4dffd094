//! The operator's way on from a log that is damaged: what is whole is replayed, and the rest is saved.

use std::ops::RangeInclusive;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use convodb_core::{CommitSeq, Result};

use super::health::Monitor;
use super::{Engine, Location, Opening, stored_position};
use crate::storage::{Head, meta};
use convodb_kv::{Database, Place, Records, Taken, Wal};

/// What [`Options::recover`](crate::Options::recover) did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovered {
    /// The last commit that the store has.
    pub commit: CommitSeq,
    /// The latest time that the store's clock had given out by then.
    pub time: DateTime<Utc>,
    /// The commits that the log shows as durable, and that are lost. No later commit gets their numbers.
    pub lost: Option<RangeInclusive<CommitSeq>>,
    /// The bytes of the log that were saved.
    pub saved_bytes: u64,
}

/// Saves what a log has behind its last whole record, replays the others, and closes the file.
/// Nothing is done where nothing is lost.
pub(crate) fn recover(
    place: &Place,
    opening: &Opening,
    saves_to: &Place,
) -> Result<Option<Recovered>> {
    let setup = &opening.setup;
    let taken = Taken::take(place, setup)?;
    // Nothing is written to the file before its log is saved. Dropped last, as it gives the file up.
    let found = taken.preview(setup)?;
    let Some(damaged) = Damaged::find(&found)? else {
        return Ok(None);
    };
    let unread = damaged.records.unread();
    saves_to.save(unread, found.access()?)?;

    let location = Location::File(place.resolve()?);
    let database = taken.open(setup)?;
    let mut engine = Engine::of(database, location, opening, Monitor::new(false))?;
    engine.replay_whole(&damaged)?;
    let head = engine.view()?.head();
    engine.close()?;
    let [first, last] = [damaged.lost.start(), damaged.lost.end()].map(|at| CommitSeq::new(*at));
    Ok(Some(Recovered {
        commit: CommitSeq::new(damaged.records.end().commit),
        time: head.newest_time,
        lost: (!damaged.lost.is_empty()).then_some(first..=last),
        saved_bytes: unread.len() as u64,
    }))
}

/// A log that an opening refuses.
struct Damaged {
    records: Records,
    lost: RangeInclusive<u64>,
}

impl Damaged {
    fn find(database: &Database) -> Result<Option<Self>> {
        meta::check_format(database)?;
        let Some(file) = database.file() else {
            return Ok(None);
        };
        let (checkpoint, clean_at) = (
            stored_position(&database.begin_read()?)?,
            file.superblock().clean_at,
        );
        if clean_at == Some(checkpoint.commit) {
            return Ok(None);
        }
        let records = Records::read(file, checkpoint)?;
        let first = records.end().commit + 1;
        let last = records.lost().map_or(0, |lost| *lost.end());
        let lost = first..=last.max(clean_at.unwrap_or(0));
        let is_refused = clean_at.is_some() || !lost.is_empty();
        Ok(is_refused.then_some(Self { records, lost }))
    }
}

impl Engine {
    /// Replays the records that are whole, checkpoints them, and erases everything else of the log.
    fn replay_whole(&mut self, Damaged { records, lost }: &Damaged) -> Result<()> {
        let Some(file) = self.database.file().cloned() else {
            return Ok(());
        };
        let wal = Wal::new(
            Arc::clone(&file),
            stored_position(&self.database.begin_read()?)?,
        );
        wal.mark_open()?;
        self.wal = Some(wal);
        self.recover(records)?;
        self.await_checkpoint()?;
        let mut position = records.end();
        position.commit = position.commit.max(*lost.end());
        let transaction = self.database.begin_buffered()?;
        let mut rows = transaction.tables();
        let mut head = Head::read(&rows)?;
        head.commit_seq = CommitSeq::new(position.commit);
        head.write(&mut rows)?;
        let rows = rows.into_memtable();
        self.commit_through(transaction, rows, position)?;
        match &self.wal {
            Some(wal) => wal.erase_rest(),
            None => Ok(()),
        }
    }
}
