//! An expert's detours to deep pages: from the far end where it is nearer, or by a table of
//! counts a day, of which whole days are summed and `OFFSET` walks within one only.
//!
//! The table has a row for every combination of filters, as the indexes of `sqlite` have one
//! each. It lies in a file of its own, so that the file of `sqlite` is not charged for it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rusqlite::{Connection, params, params_from_iter};

use super::{Sqlite, page, total};
use crate::data::{DAY_US, Dataset, Directory};
use crate::engine::{Answers, Command, Engine, Flood, Page, Rows, Thread};
use crate::plan::{Filter, LIMIT, Place, Plan, Target};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Detour {
    Offset,
    FarEnd,
    Days,
}

/// Stands for every value of a column.
const ANY: i64 = -1;
/// So often each detour is tried before one is chosen for a case.
const TRIALS: usize = 9;
/// Beyond so many rows, `OFFSET` from the first is never the fastest.
const NEAR_ROWS: u64 = 20_000;

pub(crate) struct Expert {
    inner: Sqlite,
    days: PathBuf,
    filters: Vec<Days>,
    chosen: HashMap<(usize, u64), Detour>,
}

/// How to sum the days of a filter.
struct Days {
    sql: String,
    params: Vec<i64>,
}

impl Days {
    fn new(filter: &Filter) -> Self {
        let status = filter.status.map_or(ANY, |status| status as i64);
        let channel = filter.channel.map_or(ANY, |channel| channel as i64);
        let fixed = format!("status = {status} AND channel = {channel}");
        let sql = match filter.assignees.len() {
            0 | 1 => format!(
                "SELECT day, n FROM days.counts WHERE assignee = ?1 AND {fixed} ORDER BY day DESC"
            ),
            many => {
                let places: Vec<_> = (1..=many).map(|place| format!("?{place}")).collect();
                let places = places.join(", ");
                format!(
                    "SELECT day, sum(n) FROM days.counts WHERE assignee IN ({places}) AND {fixed}
                     GROUP BY day ORDER BY day DESC"
                )
            }
        };
        let mut params: Vec<i64> = filter.assignees.iter().copied().map(i64::from).collect();
        if params.is_empty() {
            params.push(ANY);
        }
        Self { sql, params }
    }
}

impl Expert {
    pub(crate) fn new(directory: Directory, at: &Path) -> Self {
        Self {
            inner: Sqlite::best(directory, at),
            days: at.join("days.sqlite"),
            filters: Vec::new(),
            chosen: HashMap::new(),
        }
    }

    fn count_days(&self) -> Result<()> {
        let connection = Connection::open(&self.days)?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL;
             CREATE TABLE counts(
                 assignee INTEGER NOT NULL, status INTEGER NOT NULL, channel INTEGER NOT NULL,
                 day INTEGER NOT NULL, n INTEGER NOT NULL,
                 PRIMARY KEY(assignee, status, channel, day)) WITHOUT ROWID;",
        )?;
        let path = self.inner.path.to_str().context("a path that is no text")?;
        connection.execute("ATTACH ?1 AS inbox", params![path])?;
        for combination in 0..8 {
            let column = |bit: u8, name: &str| match combination & bit {
                0 => ANY.to_string(),
                _ => name.to_owned(),
            };
            let (assignee, status) = (column(4, "assignee"), column(2, "status"));
            let channel = column(1, "channel");
            connection.execute_batch(&format!(
                "INSERT INTO counts
                     SELECT {assignee} AS a, {status} AS s, {channel} AS c,
                            updated_at / {DAY_US} AS d, count(*)
                     FROM inbox.conversation GROUP BY a, s, c, d"
            ))?;
        }
        connection.execute_batch("ANALYZE main")?;
        connection.close().map_err(|(_, error)| error.into())
    }

    fn page_by(&self, detour: Detour, shape: usize, skip: u64) -> Result<Page> {
        let question = self.inner.question(shape)?;
        let connection = self.inner.connection()?;
        let limit = u64::from(LIMIT);
        let ask = |sql: &str, further: &[u64]| {
            let further = further.iter().map(|number| number.cast_signed());
            let params = question.assignees.iter().copied().chain(further);
            page(connection, sql, question, params_from_iter(params))
        };
        match detour {
            Detour::Offset => ask(&question.page, &[limit, skip]),
            Detour::FarEnd => {
                let total = total(connection, question)?;
                let shown = total.saturating_sub(skip).min(limit);
                let behind = total - skip.min(total) - shown;
                let mut found = ask(&question.upwards, &[shown, behind])?;
                if let Rows::Plain(rows) = &mut found.rows {
                    rows.reverse();
                }
                Ok(found)
            }
            Detour::Days => {
                let (until_us, rest) = self.day(shape, skip)?;
                ask(&question.before, &[limit, rest, until_us.unsigned_abs()])
            }
        }
    }

    /// The end of the day that holds the row, and the rows of that day before it.
    fn day(&self, shape: usize, mut skip: u64) -> Result<(i64, u64)> {
        let days = self.filters.get(shape).context("not prepared")?;
        let mut statement = self.inner.connection()?.prepare_cached(&days.sql)?;
        let mut found = statement.query(params_from_iter(&days.params))?;
        while let Some(day) = found.next()? {
            let (day, n): (i64, i64) = (day.get(0)?, day.get(1)?);
            let n = n.cast_unsigned();
            if skip < n {
                return Ok(((day + 1) * DAY_US, skip));
            }
            skip -= n;
        }
        // Behind the last row there is none.
        Ok((0, 0))
    }

    /// The fastest for this page.
    fn choose(&self, shape: usize, skip: u64) -> Result<Detour> {
        let fastest = |detour| {
            let once = || {
                let started = Instant::now();
                self.page_by(detour, shape, skip)?;
                Ok(started.elapsed())
            };
            let trials: Result<Vec<Duration>> = (0..TRIALS).map(|_| once()).collect();
            trials.map(|trials| (trials.into_iter().min(), detour))
        };
        let mut detours = vec![Detour::FarEnd, Detour::Days];
        if skip <= NEAR_ROWS {
            detours.push(Detour::Offset);
        }
        let measured = detours
            .into_iter()
            .map(fastest)
            .collect::<Result<Vec<_>>>()?;
        let best = measured.into_iter().min_by_key(|(time, _)| *time);
        best.map(|(_, detour)| detour).context("no detour")
    }
}

impl Answers for Expert {
    fn page(&mut self, shape: usize, place: &Place) -> Result<Page> {
        let Place::Page(page) = place else {
            return self.inner.page(shape, place);
        };
        let skip = (page - 1) * u64::from(LIMIT);
        let detour = match self.chosen.get(&(shape, skip)) {
            Some(detour) => *detour,
            None => {
                let detour = self.choose(shape, skip)?;
                self.chosen.insert((shape, skip), detour);
                detour
            }
        };
        self.page_by(detour, shape, skip)
    }

    fn counts(&mut self) -> Result<Vec<u64>> {
        self.inner.counts()
    }

    fn thread(&mut self, of: &Target) -> Result<Thread> {
        self.inner.thread(of)
    }
}

impl Engine for Expert {
    fn load(&mut self, data: &Dataset, loaded: &dyn Fn(u64)) -> Result<()> {
        if !self.inner.path.exists() {
            self.inner.load(data, loaded)?;
            self.inner.close()?;
        }
        self.count_days()?;
        self.open()
    }

    fn open(&mut self) -> Result<()> {
        self.inner.open()?;
        let path = self.days.to_str().context("a path that is no text")?;
        let connection = self.inner.connection()?;
        connection.execute("ATTACH ?1 AS days", params![path])?;
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        self.inner.close()
    }

    fn bytes(&self) -> Result<u64> {
        self.inner.bytes()
    }

    fn prepare(&mut self, plan: &Plan) -> Result<()> {
        self.filters = plan.shapes.iter().map(|s| Days::new(&s.filter)).collect();
        self.inner.prepare(plan)
    }

    fn run(&mut self, _: &Command) -> Result<()> {
        bail!("the table of days is here to be read")
    }

    fn ways(&self) -> &'static [&'static str] {
        &[]
    }

    fn flood(&mut self, _: usize, _: &[Vec<Command>]) -> Result<Flood> {
        bail!("the table of days is here to be read")
    }

    fn notes(&self) -> Vec<String> {
        let count = |wanted| self.chosen.values().filter(|one| **one == wanted).count();
        vec![format!(
            "sqlite_expert took the day counts for {} pages, the far end for {}, plain OFFSET for {}.",
            count(Detour::Days),
            count(Detour::FarEnd),
            count(Detour::Offset),
        )]
    }
}
