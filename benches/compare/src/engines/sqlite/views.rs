//! Saved views in SQLite: each is a condition, two indexes made for exactly that view, and a live
//! `count(*)` over the narrower one; an expert besides keeps its total and its counts a bucket by triggers.
//!
//! Both indexes have only the rows of the view, in its order, and the columns of its condition, so that
//! no count and no `OFFSET` looks at the table. The wider one has all that a row shows. For each page what
//! is faster is taken.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use convodb::Priority;
use rusqlite::{Connection, params, params_from_iter};

use super::load::{self, kind_code};
use super::{COLUMNS, connect, row};
use crate::data::Dataset;
use crate::plan::LIMIT;
use crate::views::{View, ViewPage, ViewRow, ViewRows, Viewer};

/// What the file is called.
pub(crate) const FILE: &str = "views.sqlite";

const TABLES: &str = "
    CREATE TABLE conversation(
        seq INTEGER PRIMARY KEY, id BLOB NOT NULL, contact_id TEXT NOT NULL,
        channel INTEGER NOT NULL, status INTEGER NOT NULL, assignee INTEGER NOT NULL,
        assignee_kind INTEGER, assignee_id TEXT, assignee_name TEXT,
        created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
        priority INTEGER, waiting_since INTEGER);
    CREATE TABLE view_total(view INTEGER PRIMARY KEY, n INTEGER NOT NULL, width INTEGER NOT NULL);
    CREATE TABLE view_bucket(
        view INTEGER NOT NULL, major INTEGER NOT NULL, bucket INTEGER NOT NULL,
        n INTEGER NOT NULL, PRIMARY KEY(view, major, bucket)) WITHOUT ROWID;";

/// What a row shows, but for the columns of [`COLUMNS`].
const FURTHER: &str = "c.priority, c.waiting_since";

/// To step over a bucket takes about as long as to step over so many entries of an index.
const ROWS_OF_A_BUCKET: f64 = 5.0;
/// So often each way to a page is tried before one is chosen.
const TRIALS: usize = 9;

/// A view in SQL.
struct Definition {
    view: View,
    /// `$` stands for the table.
    condition: &'static str,
    /// The columns of the condition that no other part of the index has.
    conditioned: &'static [&'static str],
    /// What the time is sorted within.
    major: Option<&'static str>,
    time: &'static str,
    descends: bool,
}

impl Definition {
    const fn of(view: View) -> Self {
        match view {
            View::Waiting => Self {
                view,
                condition: "$status = 0 AND $assignee = 0 AND $waiting_since IS NOT NULL",
                conditioned: &["status", "assignee"],
                major: None,
                time: "waiting_since",
                descends: false,
            },
            View::Urgent => Self {
                view,
                condition: "$status = 0 AND $priority >= 2",
                conditioned: &["status"],
                major: Some("priority"),
                time: "updated_at",
                descends: true,
            },
            View::Archive => Self {
                view,
                condition: "$status = 1 AND $channel IN (0, 1)",
                conditioned: &["status", "channel"],
                major: None,
                time: "created_at",
                descends: true,
            },
        }
    }

    fn condition(&self, of: &str) -> String {
        self.condition.replace('$', of)
    }

    fn major(&self, of: &str) -> String {
        let major = self.major.map(|column| format!("{of}{column}"));
        major.unwrap_or_else(|| "0".to_owned())
    }

    const fn number(&self) -> u8 {
        self.view as u8
    }

    fn index(&self, is_wide: bool) -> String {
        let width = if is_wide { "wide" } else { "narrow" };
        format!("{}_{width}", self.view.name())
    }

    const fn order(&self) -> &'static str {
        if self.descends { "DESC" } else { "ASC" }
    }

    fn create_index(&self, is_wide: bool) -> String {
        let mut columns: Vec<&str> = self.major.into_iter().collect();
        columns.extend([self.time, "id"]);
        columns.extend(self.conditioned);
        if is_wide {
            let shown = COLUMNS.split(", ").chain(FURTHER.split(", "));
            for column in shown.map(|column| column.trim().trim_start_matches("c.")) {
                if !columns.contains(&column) {
                    columns.push(column);
                }
            }
        }
        format!(
            "CREATE INDEX {} ON conversation({}) WHERE {}",
            self.index(is_wide),
            columns.join(", "),
            self.condition("")
        )
    }

    /// Fills what the expert keeps, and the triggers that keep it. Buckets are as wide as makes the walk
    /// over them and the one within one as long.
    fn count(&self, connection: &Connection) -> Result<()> {
        let (number, time) = (self.number(), self.time);
        let condition = self.condition("");
        let sql = format!(
            "SELECT count(*), min({time}), max({time}) FROM conversation WHERE {condition}"
        );
        let (n, least, most) = connection.query_row(&sql, [], |row| {
            let time = |place| {
                row.get::<_, Option<i64>>(place)
                    .map(Option::unwrap_or_default)
            };
            Ok((row.get::<_, i64>(0)?, time(1)?, time(2)?))
        })?;
        let buckets = (n as f64 / ROWS_OF_A_BUCKET).sqrt().max(1.0);
        let width = ((most - least) as f64 / buckets) as i64 + 1;
        let major = self.major("");
        connection.execute_batch(&format!(
            "INSERT INTO view_total VALUES ({number}, {n}, {width});
             INSERT INTO view_bucket
                 SELECT {number}, {major}, {time} / {width}, count(*)
                 FROM conversation WHERE {condition} GROUP BY 2, 3;"
        ))?;
        let step = |of: &str, step: i8| {
            let major = self.major(of);
            format!(
                "UPDATE view_total SET n = n + {step} WHERE view = {number};
                 INSERT INTO view_bucket VALUES ({number}, {major}, {of}{time} / {width}, {step})
                     ON CONFLICT DO UPDATE SET n = n + {step};"
            )
        };
        let name = self.view.name();
        let columns = self
            .conditioned
            .iter()
            .chain(&self.major)
            .chain([&self.time]);
        let columns = columns.copied().collect::<Vec<_>>().join(", ");
        for (event, when, of, by) in [
            ("added", "INSERT ON".to_owned(), "new.", 1),
            ("deleted", "DELETE ON".to_owned(), "old.", -1),
            ("left", format!("UPDATE OF {columns} ON"), "old.", -1),
            ("joined", format!("UPDATE OF {columns} ON"), "new.", 1),
        ] {
            connection.execute_batch(&format!(
                "CREATE TRIGGER {name}_{event} AFTER {when} conversation WHEN {} BEGIN {} END",
                self.condition(of),
                step(of, by)
            ))?;
        }
        Ok(())
    }

    fn live_count(&self) -> String {
        let (index, condition) = (self.index(false), self.condition(""));
        format!("SELECT count(*) FROM conversation INDEXED BY {index} WHERE {condition}")
    }

    fn kept_count(&self) -> String {
        format!("SELECT n FROM view_total WHERE view = {}", self.number())
    }

    /// The parameters are the limit and the rows to skip, and where it is by counts, the end of the bucket
    /// where the page begins.
    fn page(&self, is_wide: bool, by_counts: bool, total: &str) -> String {
        let (time, order, index) = (self.time, self.order(), self.index(is_wide));
        let further = match (by_counts, self.major, self.descends) {
            (false, ..) => String::new(),
            (true, Some(major), true) => format!("AND (c.{major}, c.{time}) < (?3, ?4)"),
            (true, Some(major), false) => format!("AND (c.{major}, c.{time}) >= (?3, ?4)"),
            (true, None, true) => format!("AND c.{time} < ?3"),
            (true, None, false) => format!("AND c.{time} >= ?3"),
        };
        let major = self.major.map(|column| format!("c.{column} {order}, "));
        let order = format!(
            "{}c.{time} {order}, c.id {order}",
            major.unwrap_or_default()
        );
        let rows = format!(
            "FROM conversation c INDEXED BY {index} WHERE {} {further}
             ORDER BY {order} LIMIT ?1 OFFSET ?2",
            self.condition("c.")
        );
        match is_wide {
            true => format!("SELECT {COLUMNS}, {FURTHER}, ({total}) {rows}"),
            false => format!(
                "WITH page(seq) AS (SELECT c.seq {rows})
                 SELECT {COLUMNS}, {FURTHER}, ({total})
                 FROM page CROSS JOIN conversation c ON c.seq = page.seq"
            ),
        }
    }

    fn buckets(&self) -> String {
        let (number, order) = (self.number(), self.order());
        format!(
            "SELECT major, bucket, n FROM view_bucket WHERE view = {number}
             ORDER BY major {order}, bucket {order}"
        )
    }
}

/// A way to a page.
struct Way {
    is_wide: bool,
    by_counts: bool,
    sql: String,
}

/// How a view is asked.
struct Question {
    definition: Definition,
    count: String,
    ways: Vec<Way>,
    buckets: String,
    width: i64,
}

impl Question {
    fn new(view: View, is_expert: bool, connection: &Connection) -> Result<Self> {
        let definition = Definition::of(view);
        let count = match is_expert {
            true => definition.kept_count(),
            false => definition.live_count(),
        };
        let all = [(false, false), (true, false), (false, true), (true, true)];
        let ways = all
            .into_iter()
            .filter(|(_, by_counts)| is_expert || !by_counts);
        let way = |(is_wide, by_counts)| Way {
            is_wide,
            by_counts,
            sql: definition.page(is_wide, by_counts, &count),
        };
        let ways = ways.map(way).collect();
        let width = "SELECT width FROM view_total WHERE view = ?1";
        let width = connection.query_row(width, [definition.number()], |row| row.get(0))?;
        Ok(Self {
            ways,
            buckets: definition.buckets(),
            width,
            count,
            definition,
        })
    }

    fn count(&self, connection: &Connection) -> Result<u64> {
        let mut statement = connection.prepare_cached(&self.count)?;
        let count: i64 = statement.query_row([], |row| row.get(0))?;
        Ok(count.cast_unsigned())
    }

    fn page(&self, connection: &Connection, way: &Way, skip: u64) -> Result<ViewPage> {
        let mut params = vec![i64::from(LIMIT), skip.cast_signed()];
        if way.by_counts {
            let (within, major, bucket) = self.bucket(connection, skip.cast_signed())?;
            let end = bucket + i64::from(self.definition.descends);
            params[1] = within;
            params.extend(self.definition.major.map(|_| major));
            params.push(end * self.width);
        }
        let mut statement = connection.prepare_cached(&way.sql)?;
        let mut found = statement.query(params_from_iter(params))?;
        let mut rows = Vec::with_capacity(LIMIT as usize);
        let mut total = None;
        while let Some(next) = found.next()? {
            let priority = next.get_ref_unwrap(9).as_i64_or_null()?;
            let priority = priority.map(|it| Priority::ALL.get(it as usize).context("priority"));
            rows.push(ViewRow {
                row: row(next)?,
                priority: priority.transpose()?.copied(),
                waiting_since_us: next.get_ref_unwrap(10).as_i64_or_null()?,
            });
            total = Some(next.get_ref_unwrap(11).as_i64()?.cast_unsigned());
        }
        Ok(ViewPage {
            total: total.map_or_else(|| self.count(connection), Ok)?,
            rows: ViewRows::Plain(rows),
        })
    }

    /// The rows before this one in its bucket, and the bucket.
    fn bucket(&self, connection: &Connection, mut skip: i64) -> Result<(i64, i64, i64)> {
        let mut statement = connection.prepare_cached(&self.buckets)?;
        let mut found = statement.query([])?;
        let mut last = (0, 0, 0);
        while let Some(bucket) = found.next()? {
            let n: i64 = bucket.get(2)?;
            last = (skip, bucket.get(0)?, bucket.get(1)?);
            if skip < n {
                break;
            }
            skip -= n;
        }
        Ok(last)
    }

    /// The fastest to this page. All have the same answer.
    fn choose(&self, connection: &Connection, skip: u64) -> Result<usize> {
        let mut best = None;
        let mut answer = None;
        for (place, way) in self.ways.iter().enumerate() {
            for _ in 0..TRIALS {
                let started = Instant::now();
                let page = self.page(connection, way, skip)?;
                let took = started.elapsed();
                if best.is_none_or(|(least, _)| took < least) {
                    best = Some((took, place));
                }
                let page = (page.rows.plain()?, page.total);
                let name = self.definition.view.name();
                ensure!(
                    *answer.get_or_insert_with(|| page.clone()) == page,
                    "two ways to the rows after {skip} of {name} differ"
                );
            }
        }
        best.map(|(_, place)| place).context("no way")
    }
}

pub(crate) struct SqliteViews {
    path: PathBuf,
    is_expert: bool,
    connection: Option<Connection>,
    /// In the order of [`View::ALL`].
    questions: Vec<Question>,
    chosen: HashMap<(View, u64), usize>,
}

impl SqliteViews {
    pub(crate) fn new(at: &Path, is_expert: bool) -> Self {
        Self {
            path: at.join(FILE),
            is_expert,
            connection: None,
            questions: Vec::new(),
            chosen: HashMap::new(),
        }
    }

    fn make(&self, data: &Dataset) -> Result<()> {
        let connection = Connection::open(&self.path)?;
        connection.execute_batch(load::BEGIN)?;
        connection.execute_batch(TABLES)?;
        connection.execute_batch("BEGIN")?;
        rows(&connection, data)?;
        for definition in View::ALL.map(Definition::of) {
            for is_wide in [false, true] {
                connection.execute_batch(&definition.create_index(is_wide))?;
            }
            definition.count(&connection)?;
        }
        connection.execute_batch("COMMIT")?;
        load::end(connection, &self.path)
    }

    fn asked(&self, view: View) -> Result<(&Connection, &Question)> {
        let connection = self.connection.as_ref().context("the file is closed")?;
        let question = self.questions.get(view as usize).context("no such view")?;
        Ok((connection, question))
    }
}

fn rows(connection: &Connection, data: &Dataset) -> Result<()> {
    let places = vec!["?"; 13].join(", ");
    let sql = format!("INSERT INTO conversation VALUES ({places})");
    let mut conversation = connection.prepare(&sql)?;
    for one in data.conversations() {
        let assignee = data.directory.get(one.assignee);
        conversation.execute(params![
            i64::from(one.number) + 1,
            &one.id.to_be_bytes()[..],
            one.contact(),
            one.channel as u8,
            one.status as u8,
            one.assignee,
            assignee.map(|assignee| kind_code(assignee.kind)),
            assignee.map(|assignee| &*assignee.id),
            assignee.map(|assignee| &*assignee.name),
            one.created_us,
            one.updated_us,
            one.priority().map(|priority| priority as u8),
            one.waiting_since_us(),
        ])?;
    }
    Ok(())
}

impl Viewer for SqliteViews {
    fn load(&mut self, data: &Dataset) -> Result<()> {
        // An expert reads the same file.
        if !self.path.exists() {
            self.make(data)?;
        }
        let connection = connect(&self.path)?;
        let questions = View::ALL.map(|view| Question::new(view, self.is_expert, &connection));
        self.questions = questions.into_iter().collect::<Result<_>>()?;
        self.connection = Some(connection);
        Ok(())
    }

    fn page(&mut self, view: View, number: u64) -> Result<ViewPage> {
        let skip = (number - 1) * u64::from(LIMIT);
        let chosen = self.chosen.get(&(view, number)).copied();
        let (connection, question) = self.asked(view)?;
        let place = match chosen {
            Some(place) => place,
            None => {
                let place = question.choose(connection, skip)?;
                self.chosen.insert((view, number), place);
                place
            }
        };
        let (connection, question) = self.asked(view)?;
        let way = question.ways.get(place).context("no such way")?;
        question.page(connection, way, skip)
    }

    fn count(&mut self, view: View) -> Result<u64> {
        let (connection, question) = self.asked(view)?;
        question.count(connection)
    }

    fn notes(&self) -> Vec<String> {
        let name = if self.is_expert {
            "sqlite_expert"
        } else {
            "sqlite"
        };
        let count = |wanted: fn(&Way) -> bool| {
            let ways = self.chosen.iter().filter_map(|((view, _), place)| {
                let question = self.questions.get(*view as usize)?;
                question.ways.get(*place)
            });
            ways.filter(|way| wanted(way)).count()
        };
        vec![format!(
            "{name} read {} of {} pages of views by the wide index, and {} by counts.",
            count(|way| way.is_wide),
            self.chosen.len(),
            count(|way| way.by_counts),
        )]
    }
}
