//! Counts of the rows of each stream by slices of their sort key, and how what commits add is folded into
//! them.
//!
//! A level has slices of 2^level keys, and a row of the table has the counts of the 64 slices that make up one
//! of the level above. A slice is divided further once more than [`DENSE`] conversations are in it, in every
//! stream of its family alike: so a page walks few rows, however many streams it merges.
//!
//! Invariant: the counts and what the journal has behind `folded` are the rows of the tables, in every
//! snapshot. Only one process folds a workspace at a time, and it folds all that its snapshot has.

use std::collections::{BTreeMap, BTreeSet};

use convodb_core::Error;
use tokio_postgres::Row;

use crate::fault::Done;
use crate::numbering::Numbering;
use crate::rows::damaged;
use crate::session::{Session, Statement};
use crate::stream;
use crate::write::CORRECTION;

/// Each slice of a level is divided into 2^6 of the next.
pub(crate) const BITS: i16 = 6;

/// The coarsest level first: a slice of it is two years of microseconds, and one of the last 16 of them.
pub(crate) const LEVELS: [i16; 8] = [46, 40, 34, 28, 22, 16, 10, 4];

pub(crate) const TOP: i16 = 46;

/// A slice with more conversations than this is divided.
const DENSE: i64 = 128;

const SLICES: usize = 1 << BITS;

/// The key of a row of counts: its stream, its level, and its slice of the level above.
type NodeKey = (i64, i16, i64);

type Counts = [i64; SLICES];

fn node_of(stream: i64, level: i16, key: i64) -> NodeKey {
    (stream, level, key >> (level + BITS))
}

/// The place of a key among the slices of its row.
const fn slice_of(level: i16, key: i64) -> usize {
    (key >> level & (SLICES as i64 - 1)) as usize
}

/// Rows of counts as they are read, and as they become.
#[derive(Default)]
struct Nodes {
    known: BTreeMap<NodeKey, Counts>,
    changed: BTreeSet<NodeKey>,
}

impl Nodes {
    fn read(&mut self, rows: &[Row]) -> Result<(), Error> {
        for row in rows {
            let key: NodeKey = (row.get(0), row.get(1), row.get(2));
            let counts: Vec<i64> = row.get(3);
            let counts = counts.try_into();
            let counts = counts.map_err(|_| damaged("convodb.node", &key.2.to_be_bytes()))?;
            self.known.insert(key, counts);
        }
        Ok(())
    }

    /// Adds to the count of the slice of a level that a key is in.
    fn add(&mut self, stream: i64, level: i16, key: i64, by: i64) {
        let node = node_of(stream, level, key);
        let counts = self.known.entry(node).or_insert([0; SLICES]);
        if let Some(count) = counts.get_mut(slice_of(level, key)) {
            *count += by;
        }
        self.changed.insert(node);
    }

    /// Adds what was counted from rows: a stream, a slice of a level, and how many are in it.
    fn add_rows(&mut self, rows: &[Row], level: i16) {
        for row in rows {
            let (stream, slice, count): (i64, i64, i64) = (row.get(0), row.get(1), row.get(2));
            self.add(stream, level, slice << level, count);
        }
    }

    /// Whether a slice of a family is divided.
    fn is_divided(&self, family: i64, level: i16, key: i64) -> bool {
        self.known.contains_key(&node_of(family, level - BITS, key))
    }

    fn count(&self, stream: i64, level: i16, key: i64) -> i64 {
        let counts = self.known.get(&node_of(stream, level, key));
        let count = counts.and_then(|counts| counts.get(slice_of(level, key)));
        count.copied().unwrap_or_default()
    }
}

/// Folds what commits have added to the lists of a workspace into its counts, if it is asked for, and numbers their
/// events where these are settled. Whether anything was there; nothing where another process does it.
pub(crate) async fn settle(session: &Session, ws: i32, folds: bool) -> Done<Option<bool>> {
    // Before the snapshot: who adds a row up to this one has begun by then.
    let sql = "SELECT last_value FROM convodb.journal_seq";
    let rows = session.query(&Statement::new(sql)).await?;
    let newest = rows.first().map_or(0, |row| row.get(0));
    session
        .execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        .await?;
    let settled = settle_in(session, ws, folds, Some(newest)).await;
    let end = match &settled {
        Ok(Some(true)) => "COMMIT",
        _ => "ROLLBACK",
    };
    let ended = session.execute(end).await;
    let settled = settled?;
    ended?;
    Ok(settled)
}

/// The same within the transaction of an exclusive unit, which waits for another process that does it.
pub(crate) async fn settle_within(session: &Session, ws: i32) -> Done<()> {
    settle_in(session, ws, true, None).await.map(drop)
}

async fn settle_in(
    session: &Session,
    ws: i32,
    folds: bool,
    newest: Option<i64>,
) -> Done<Option<bool>> {
    let wait = if newest.is_some() { "SKIP LOCKED" } else { "" };
    let sql = format!(
        "SELECT f.folded, w.numbering::bigint FROM convodb.fold f \
         JOIN convodb.workspace w ON w.ws = f.ws WHERE f.ws = $1 FOR UPDATE OF f {wait}"
    );
    let rows = session.query(&Statement::new(sql).bind(ws)).await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let (folded, numbering) = (row.get::<_, i64>(0), Numbering::of(row.get(1))?);
    let rows = match folds {
        true => session.query(&unfolded(ws, folded)).await?,
        false => Vec::new(),
    };
    if rows.is_empty() && !(numbering == Numbering::Settled && has_pending(session, ws).await?) {
        return Ok(Some(false));
    }
    let mut added: BTreeMap<(i64, i64), i64> = BTreeMap::new();
    let mut commits = BTreeSet::new();
    for row in &rows {
        commits.insert(row.get::<_, i64>(0));
        if let (Some(stream), Some(key), Some(delta)) =
            (row.get(1), row.get(2), row.get::<_, Option<i32>>(3))
        {
            *added.entry((stream, key)).or_default() += i64::from(delta);
        }
    }
    added.retain(|_, by| *by != 0);
    let mut nodes = read_paths(session, ws, &added).await?;
    let dense = apply(&mut nodes, &added);
    if !dense.is_empty() {
        let states = states(session, ws, added.keys().map(|(stream, _)| *stream)).await?;
        divide(session, ws, &mut nodes, dense, &states).await?;
    }
    let mut statements = nodes.write(ws);
    match numbering {
        Numbering::Head => fold_through(ws, &commits, &mut statements),
        Numbering::Settled => {
            number(ws, &commits, &mut statements);
            if folds {
                settle_through(ws, &commits, newest, &mut statements);
            }
        }
    }
    if folds {
        forget_bars(ws, &mut statements);
    }
    session.pipeline(&statements).await?;
    Ok(Some(true))
}

/// Whether events have no number yet.
async fn has_pending(session: &Session, ws: i32) -> Done<bool> {
    let sql = "SELECT FROM convodb.pending_event WHERE ws = $1 LIMIT 1";
    let rows = session.query(&Statement::new(sql).bind(ws)).await?;
    Ok(!rows.is_empty())
}

/// What commits have added behind one: each row has the number of its commit.
fn unfolded(ws: i32, folded: i64) -> Statement {
    let sql = "SELECT j.seq, u.stream, u.key, u.delta FROM convodb.journal j \
               LEFT JOIN LATERAL unnest(j.streams, j.keys, j.deltas) AS u(stream, key, delta) ON true \
               WHERE j.ws = $1 AND j.seq > $2";
    Statement::new(sql).bind(ws).bind(folded)
}

/// Commits that are one behind the other: the counts have all up to the last one.
fn fold_through(ws: i32, commits: &BTreeSet<i64>, statements: &mut Vec<Statement>) {
    let Some(through) = commits.last().copied() else {
        return;
    };
    let sql = "UPDATE convodb.fold SET folded = $2 WHERE ws = $1";
    statements.push(Statement::new(sql).bind(ws).bind(through));
    // The rows of the latest commits say whether a commit that was not answered has happened; those below 0 keep
    // requests that may be under way from committing.
    let sql = "DELETE FROM convodb.journal WHERE ws = $1 AND seq BETWEEN 0 AND $2";
    let kept = through.saturating_sub(JOURNAL_KEPT);
    statements.push(Statement::new(sql).bind(ws).bind(kept));
}

/// Events of commits that did not wait for one another get the next numbers, in the order in which they were written:
/// that is behind the locks of what they rest on.
fn number(ws: i32, commits: &BTreeSet<i64>, statements: &mut Vec<Statement>) {
    let count = i64::try_from(commits.len()).unwrap_or(i64::MAX);
    let last = commits.last().copied().unwrap_or_default();
    let sql = "WITH moved AS (DELETE FROM convodb.pending_event WHERE ws = $1 RETURNING *), \
        numbered AS (SELECT m.*, h.newest_event + row_number() OVER (ORDER BY m.id, m.n) AS number, \
        greatest(max(m.at) OVER (ORDER BY m.id, m.n), h.newest_time) AS latest \
        FROM moved m, convodb.head h WHERE h.ws = $1), \
        stored AS (INSERT INTO convodb.event (ws, number, at, audit, contacts, record) \
        SELECT ws, number, CASE WHEN latest - at > $3 THEN at ELSE latest END, audit, contacts, record \
        FROM numbered RETURNING number, at), \
        newest AS (SELECT coalesce((SELECT at FROM convodb.journal WHERE ws = $1 AND seq = $4), \
        (SELECT at FROM stored ORDER BY number DESC LIMIT 1)) AS at) \
        UPDATE convodb.head SET commit_seq = commit_seq + $2, \
        newest_event = greatest(newest_event, (SELECT max(number) FROM stored)), \
        newest_time = coalesce((SELECT CASE WHEN newest_time - n.at BETWEEN 0 AND $3 THEN newest_time ELSE n.at END \
        FROM newest n), newest_time), \
        newest_id = coalesce((SELECT j.newest_id FROM convodb.journal j WHERE j.ws = $1 AND j.seq = $4), newest_id) \
        WHERE ws = $1";
    let number = Statement::new(sql).bind(ws).bind(count);
    statements.push(number.bind(CORRECTION).bind(last));
}

/// Each of these commits that was folded gets the negative of its number.
fn settle_through(
    ws: i32,
    commits: &BTreeSet<i64>,
    newest: Option<i64>,
    statements: &mut Vec<Statement>,
) {
    let last = commits.last().copied().unwrap_or_default();
    let of = |sql: &'static str| Statement::new(sql).bind(ws);
    statements.push(
        of(
            "UPDATE convodb.journal SET seq = -seq, streams = '{}', keys = '{}', deltas = '{}' \
            WHERE ws = $1 AND seq = ANY($2)",
        )
        .bind(commits.iter().copied().collect::<Vec<_>>()),
    );
    statements.push(
        of("DELETE FROM convodb.journal WHERE ws = $1 AND seq < 0 AND seq > $2")
            .bind(JOURNAL_KEPT.saturating_sub(last).min(0)),
    );
    if let Some(newest) = newest {
        // Every transaction that began before the last fold has ended: it adds no row any longer.
        statements.push(
            of("UPDATE convodb.fold SET folded = CASE WHEN pg_snapshot_xmin(pg_current_snapshot()) \
                >= coalesce(horizon_xid, '0')::xid8 THEN greatest(folded, horizon) ELSE folded END, horizon = $2, \
                horizon_xid = pg_snapshot_xmax(pg_current_snapshot())::text WHERE ws = $1")
            .bind(newest),
        );
    }
}

/// Removes the rows that keep lost requests from committing, a day after they came: none is under way by then. Their
/// numbers are marks, far below those of commits.
fn forget_bars(ws: i32, statements: &mut Vec<Statement>) {
    let sql = "DELETE FROM convodb.journal WHERE ws = $1 AND seq < -(1::bigint << 40) \
               AND at < (extract(epoch FROM clock_timestamp() - interval '1 day') * 1000000)::bigint";
    statements.push(Statement::new(sql).bind(ws));
}

/// So many rows of the journal stay behind the fold.
pub(crate) const JOURNAL_KEPT: i64 = 10_000;

/// The rows of counts on the ways of what is added, of its streams and of their families.
async fn read_paths(session: &Session, ws: i32, added: &BTreeMap<(i64, i64), i64>) -> Done<Nodes> {
    let mut wanted = BTreeSet::new();
    for (stream, key) in added.keys() {
        for level in LEVELS {
            wanted.insert(node_of(*stream, level, *key));
            wanted.insert(node_of(stream::family(*stream), level, *key));
        }
    }
    let mut nodes = Nodes::default();
    nodes.read(&session.query(&find(ws, wanted)).await?)?;
    Ok(nodes)
}

fn find(ws: i32, wanted: BTreeSet<NodeKey>) -> Statement {
    let (mut streams, mut levels, mut at) = (Vec::new(), Vec::new(), Vec::new());
    for (stream, level, node) in wanted {
        streams.push(stream);
        levels.push(level);
        at.push(node);
    }
    let sql = "SELECT n.stream, n.level, n.node, n.counts \
               FROM unnest($2::bigint[], $3::smallint[], $4::bigint[]) AS k(stream, level, node) \
               CROSS JOIN LATERAL (SELECT n.* FROM convodb.node n WHERE n.ws = $1 AND n.stream = k.stream \
               AND n.level = k.level AND n.node = k.node LIMIT 1) n";
    let statement = Statement::new(sql).bind(ws);
    statement.bind(streams).bind(levels).bind(at)
}

/// A slice of a family: its family, its level, and a key in it.
type Slice = (i64, i16, i64);

/// Adds to the counts of every level that there is. Returns the slices that are to be divided now.
fn apply(nodes: &mut Nodes, added: &BTreeMap<(i64, i64), i64>) -> Vec<Slice> {
    // Found out before anything is added, as that adds rows, which would pass for divided slices.
    let finest_of = |(stream, key): &(i64, i64)| {
        let family = stream::family(*stream);
        let mut level = TOP;
        while level > BITS && nodes.is_divided(family, level, *key) {
            level -= BITS;
        }
        level
    };
    let levels: Vec<i16> = added.keys().map(finest_of).collect();
    let mut finest = BTreeSet::new();
    for (((stream, key), by), level) in added.iter().zip(levels) {
        for at in LEVELS.into_iter().filter(|at| *at >= level) {
            nodes.add(*stream, at, *key, *by);
        }
        finest.insert((stream::family(*stream), level, key >> level << level));
    }
    let is_dense = |slice: &Slice| is_dense(nodes, *slice);
    finest.into_iter().filter(is_dense).collect()
}

fn is_dense(nodes: &Nodes, (family, level, key): Slice) -> bool {
    level > BITS && nodes.count(family, level, key) > DENSE
}

/// The streams of all conversations by their states, of which the counts have some already.
async fn states(session: &Session, ws: i32, added: impl Iterator<Item = i64>) -> Done<Vec<i64>> {
    let sql =
        "SELECT DISTINCT stream FROM convodb.node WHERE ws = $1 AND stream >= 0 AND stream < $2";
    let rows = session
        .query(&Statement::new(sql).bind(ws).bind(stream::UNREAD))
        .await?;
    let known = rows.iter().map(|row| row.get(0));
    let added = added.filter(|stream| (0..stream::UNREAD).contains(stream));
    let states: BTreeSet<i64> = known.chain(added).collect();
    Ok(states.into_iter().collect())
}

/// Divides slices, and what they are divided into, as far as they are dense: counted from the rows of the same
/// snapshot.
async fn divide(
    session: &Session,
    ws: i32,
    nodes: &mut Nodes,
    mut dense: Vec<Slice>,
    states: &[i64],
) -> Done<()> {
    while let Some((family, level, key)) = dense.pop() {
        let counted = count_slice(session, ws, (family, level, key), states).await?;
        let below = level - BITS;
        let mut slices = BTreeSet::new();
        // A family is counted even where it has no row of its own.
        nodes.known.insert(node_of(family, below, key), [0; SLICES]);
        nodes.add_rows(&counted, below);
        for row in &counted {
            slices.insert((family, below, row.get::<_, i64>(1) << below));
        }
        dense.extend(slices.into_iter().filter(|slice| is_dense(nodes, *slice)));
    }
    Ok(())
}

/// The rows of every stream of a family within a slice, by the slices of the next level.
async fn count_slice(
    session: &Session,
    ws: i32,
    (family, level, key): Slice,
    states: &[i64],
) -> Done<Vec<Row>> {
    let mut statement = match family {
        stream::ALL => Statement::new(format!(
            "WITH c AS (SELECT c.by_state, c.by_owner, c.is_unread, {SLICE} AS slice \
             FROM unnest($5::bigint[]) AS k(stream), LATERAL (SELECT * FROM convodb.conversation c \
             WHERE c.ws = $1 AND c.by_state = k.stream AND c.place >= $3 AND c.place < $4) c) {}",
            by_streams(),
        ))
        .bind(ws),
        list => Statement::new(format!(
            "SELECT {list}::bigint, {SLICE} AS slice, count(*) FROM convodb.view_row c \
             WHERE c.ws = $1 AND c.list = {} AND c.place >= $3 AND c.place < $4 GROUP BY 2",
            stream::list_of(list).unwrap_or_default()
        ))
        .bind(ws),
    };
    let first = (key >> level << level).cast_unsigned() ^ 1 << 63;
    let last = first | ((1 << level) - 1);
    let mut end = last.to_be_bytes().to_vec();
    end.extend([0xff; 17]);
    statement = statement
        .bind(level - BITS)
        .bind(first.to_be_bytes().to_vec())
        .bind(end);
    if family == stream::ALL {
        statement = statement.bind(states.to_vec());
    }
    Ok(session.query(&statement).await?)
}

/// The slice of the level `$2` that the row `c` is in.
const SLICE: &str = "(('x' || encode(substr(c.place, 1, 8), 'hex'))::bit(64)::bigint \
     # (-9223372036854775808)::bigint) >> $2::int";

/// Counts the rows `c` of conversations by their streams and slices.
fn by_streams() -> String {
    format!(
        "SELECT s.stream, c.slice, count(*) FROM c, LATERAL (VALUES ({all}::bigint), (c.by_state), (c.by_owner), \
         (CASE WHEN c.is_unread THEN c.by_state + {unread} END), \
         (CASE WHEN c.is_unread THEN c.by_owner + {unread} END)) AS s(stream) \
         WHERE s.stream IS NOT NULL GROUP BY 1, 2",
        all = stream::ALL,
        unread = stream::UNREAD,
    )
}

impl Nodes {
    /// The statements that write what was changed. Rows that count nothing go, but for those of the coarsest
    /// level nothing is lost by it.
    fn write(self, ws: i32) -> Vec<Statement> {
        let (mut streams, mut levels, mut at) = (Vec::new(), Vec::new(), Vec::new());
        let (mut totals, mut counts) = (Vec::new(), Vec::<i64>::new());
        let mut empty = (Vec::new(), Vec::new(), Vec::new());
        for key in &self.changed {
            let Some(known) = self.known.get(key) else {
                continue;
            };
            if known.iter().all(|count| *count == 0) {
                empty.0.push(key.0);
                empty.1.push(key.1);
                empty.2.push(key.2);
                continue;
            }
            streams.push(key.0);
            levels.push(key.1);
            at.push(key.2);
            totals.push(known.iter().sum::<i64>());
            counts.extend(known);
        }
        let mut statements = Vec::new();
        if !streams.is_empty() {
            let sql = format!(
                "INSERT INTO convodb.node (ws, stream, level, node, total, counts) \
                 SELECT $1, u.stream, u.level, u.node, u.total, ($6::bigint[])[(u.at - 1) * {SLICES} + 1 : u.at * {SLICES}] \
                 FROM unnest($2::bigint[], $3::smallint[], $4::bigint[], $5::bigint[]) \
                 WITH ORDINALITY AS u(stream, level, node, total, at) \
                 ON CONFLICT (ws, stream, level, node) DO UPDATE SET total = excluded.total, counts = excluded.counts"
            );
            let put = Statement::new(sql).bind(ws).bind(streams).bind(levels);
            statements.push(put.bind(at).bind(totals).bind(counts));
        }
        if !empty.0.is_empty() {
            let sql = "DELETE FROM convodb.node n \
                       USING unnest($2::bigint[], $3::smallint[], $4::bigint[]) AS k(stream, level, node) \
                       WHERE n.ws = $1 AND n.stream = k.stream AND n.level = k.level AND n.node = k.node";
            let remove = Statement::new(sql).bind(ws).bind(empty.0);
            statements.push(remove.bind(empty.1).bind(empty.2));
        }
        statements
    }
}

/// Counts everything anew from the rows, within the transaction of an exclusive unit.
pub(crate) async fn rebuild(session: &Session, ws: i32, lists: &[u32]) -> Done<()> {
    let sql = "DELETE FROM convodb.node WHERE ws = $1";
    session.query(&Statement::new(sql).bind(ws)).await?;
    let mut nodes = count_all(session, ws, lists).await?;
    let dense = nodes.dense_at_top();
    let states = nodes.states();
    divide(session, ws, &mut nodes, dense, &states).await?;
    session.pipeline(&nodes.write(ws)).await?;
    Ok(())
}

impl Nodes {
    /// The streams of all conversations by their states.
    fn states(&self) -> Vec<i64> {
        let streams = self.known.keys().map(|(stream, ..)| *stream);
        let states: BTreeSet<i64> = streams
            .filter(|it| (0..stream::UNREAD).contains(it))
            .collect();
        states.into_iter().collect()
    }

    fn dense_at_top(&self) -> Vec<Slice> {
        let mut dense = Vec::new();
        for ((stream, level, node), counts) in &self.known {
            if stream::family(*stream) != *stream || *level != TOP {
                continue;
            }
            for (slice, count) in counts.iter().enumerate() {
                if *count > DENSE {
                    let slice = *node << BITS | slice as i64;
                    dense.push((*stream, TOP, slice << TOP));
                }
            }
        }
        dense
    }
}

/// The counts of the coarsest level, from the rows.
async fn count_all(session: &Session, ws: i32, lists: &[u32]) -> Done<Nodes> {
    let mut nodes = Nodes::default();
    let sql = format!(
        "WITH c AS (SELECT c.by_state, c.by_owner, c.is_unread, {SLICE} AS slice \
         FROM convodb.conversation c WHERE c.ws = $1) {}",
        by_streams(),
    );
    let mut counted = session
        .query(&Statement::new(sql).bind(ws).bind(TOP))
        .await?;
    for list in lists {
        let sql = format!(
            "SELECT {}::bigint, {SLICE} AS slice, count(*) FROM convodb.view_row c \
             WHERE c.ws = $1 AND c.list = {list} GROUP BY 2",
            stream::of_list(*list)
        );
        counted.extend(
            session
                .query(&Statement::new(sql).bind(ws).bind(TOP))
                .await?,
        );
    }
    nodes.add_rows(&counted, TOP);
    Ok(nodes)
}

/// The streams of which the counts, with what commits have added since they were folded, differ from the rows,
/// at any level. Within a transaction that sees one snapshot.
pub(crate) async fn verify(session: &Session, ws: i32, lists: &[u32]) -> Done<Vec<String>> {
    let mut stored = Nodes::default();
    let sql = "SELECT stream, level, node, counts FROM convodb.node WHERE ws = $1";
    stored.read(&session.query(&Statement::new(sql).bind(ws)).await?)?;
    let sql = "SELECT u.stream, u.key, u.delta FROM convodb.fold f \
               JOIN convodb.journal j ON j.ws = f.ws AND j.seq > f.folded, \
               unnest(j.streams, j.keys, j.deltas) AS u(stream, key, delta) WHERE f.ws = $1";
    let mut added: BTreeMap<(i64, i64), i64> = BTreeMap::new();
    for row in session.query(&Statement::new(sql).bind(ws)).await? {
        let key = (row.get(0), row.get(1));
        *added.entry(key).or_default() += i64::from(row.get::<_, i32>(2));
    }
    added.retain(|_, by| *by != 0);
    apply(&mut stored, &added);
    stored
        .known
        .retain(|_, counts| counts.iter().any(|count| *count != 0));
    // The same counts from the rows, divided where the stored ones are.
    let mut counted = count_all(session, ws, lists).await?;
    let states = counted.states();
    let divided: Vec<Slice> = stored
        .known
        .keys()
        .filter(|(stream, level, _)| stream::family(*stream) == *stream && *level != TOP)
        .map(|(stream, level, node)| (*stream, level + BITS, *node << (level + BITS)))
        .collect();
    for (family, level, key) in divided {
        let rows = count_slice(session, ws, (family, level, key), &states).await?;
        counted.add_rows(&rows, level - BITS);
    }
    let keys: BTreeSet<NodeKey> = stored
        .known
        .keys()
        .chain(counted.known.keys())
        .copied()
        .collect();
    let differing = keys
        .into_iter()
        .filter(|key| stored.known.get(key) != counted.known.get(key));
    Ok(differing
        .map(|(stream, level, node)| {
            format!(
                "the counts of stream {stream} at level {level}, node {node} differ from its rows"
            )
        })
        .collect())
}

/// How many additions are not folded yet.
pub(crate) async fn backlog(session: &Session, ws: i32) -> Done<u64> {
    let sql = "SELECT coalesce(sum(cardinality(j.streams)), 0)::bigint FROM convodb.fold f \
               JOIN convodb.journal j ON j.ws = f.ws AND j.seq > f.folded WHERE f.ws = $1";
    let rows = session.query(&Statement::new(sql).bind(ws)).await?;
    Ok(rows
        .first()
        .map_or(0, |row| row.get::<_, i64>(0))
        .unsigned_abs())
}
