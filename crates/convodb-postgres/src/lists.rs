//! Lists: pages, totals and ranks, each in one statement, which sees one snapshot: the rows, the counts that
//! were folded, and what commits have added since.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use convodb_core::directory::placement::{Position, position, position_at};
use convodb_core::directory::views::SavedView;
use convodb_core::{
    Conversation, ConversationId, Cursor, EntityKind, Error, Filter, Page, PagePosition,
    PageRequest, Sort, StatusFilter, ViewProgress,
};
use tokio_postgres::Row;

use crate::counts::{BITS, LEVELS, TOP};
use crate::fault::{Done, Fault};
use crate::reader::{Reader, decode_conversation};
use crate::session::Statement;
use crate::stream;

/// Where a page begins.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Start {
    /// Behind so many rows.
    Skip(u64),
    /// Behind this place.
    After(Cursor),
}

/// The streams that a list merges, and the rows that have them.
#[derive(Clone, Debug)]
struct Selection<'a> {
    streams: Vec<i64>,
    source: Source,
    /// The view whose list it is.
    view: Option<&'a SavedView>,
}

impl Selection<'_> {
    /// The order of the streams' rows.
    fn sort(&self) -> Sort {
        self.view
            .map_or(Sort::LatestActivity, |saved| saved.view.sort)
    }

    /// The stream whose counts say how the slices of these are divided.
    fn family(&self) -> i64 {
        self.streams
            .first()
            .map_or(stream::ALL, |first| stream::family(*first))
    }
}

/// Which rows have the streams of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    State { unread: bool },
    Owner { unread: bool },
    View,
}

impl Source {
    /// A table `c` with the rows of the stream `s.stream`, by their places.
    fn rows(self) -> String {
        self.rows_of("s.stream")
    }

    /// A table `c` with the rows of a stream, by their places.
    fn rows_of(self, stream: &str) -> String {
        let (column, unread) = match self {
            Self::View => {
                return format!("convodb.view_row c WHERE c.ws = $1 AND c.list = -2 - {stream}");
            }
            Self::State { unread } => ("by_state", unread),
            Self::Owner { unread } => ("by_owner", unread),
        };
        // The bit of the unread ones is not in the column.
        let (bit, unread) = match unread {
            true => (stream::UNREAD, " AND c.is_unread"),
            false => (0, ""),
        };
        format!("convodb.conversation c WHERE c.ws = $1 AND c.{column} = {stream} - {bit}{unread}")
    }

    /// The first rows, in their order, of so many streams together that meet a condition: a few streams are merged
    /// as they are read, and many are read as far as the limit, each.
    fn merged(self, streams: usize, columns: &str, condition: &str, limit: &str) -> String {
        let arm = |stream: &str| {
            let rows = self.rows_of(stream);
            format!(
                "SELECT {stream} AS stream, {columns} FROM {rows} AND {condition} ORDER BY c.place LIMIT {limit}"
            )
        };
        if !is_merged(streams) {
            let rows = arm("s.stream");
            return format!(
                "SELECT x.* FROM unnest($2) AS s(stream), LATERAL ({rows}) x ORDER BY place"
            );
        }
        let arms = (1..=streams).map(|nth| format!("({})", arm(&format!("($2)[{nth}]"))));
        let arms = arms.collect::<Vec<_>>().join(" UNION ALL ");
        format!("SELECT x.* FROM ({arms}) x ORDER BY place")
    }
}

/// Whether a statement names each of so many streams, and merges them.
fn is_merged(streams: usize) -> bool {
    (1..=16).contains(&streams)
}

/// How the rows of a list are found.
enum List<'a> {
    /// They are those of streams, in their order, or in the opposite one.
    Counted {
        selection: Selection<'a>,
        reversed: bool,
    },
    /// They were looked for: each with what the order sorts by.
    Found(Vec<(u64, ConversationId)>),
}

/// What commits have added to the streams `$2` since the counts were folded.
const ADDED: &str = "added AS MATERIALIZED ( \
    SELECT u.stream, u.key, u.delta FROM convodb.fold f \
    JOIN convodb.journal j ON j.ws = f.ws AND j.seq > f.folded, \
    unnest(j.streams, j.keys, j.deltas) AS u(stream, key, delta) \
    WHERE f.ws = $1 AND u.stream = ANY($2))";

/// The rows of the streams `$2`, and the number of the directory's latest change.
fn total() -> String {
    format!(
        "total AS (SELECT (coalesce((SELECT sum(n.total) FROM convodb.node n WHERE n.ws = $1 \
         AND n.stream = ANY($2) AND n.level = {TOP}), 0) \
         + coalesce((SELECT sum(delta) FROM added), 0))::bigint AS rows, \
         (SELECT epoch FROM convodb.workspace WHERE ws = $1) AS epoch)"
    )
}

/// The slice that has the row behind so many others, among slices of a level within one of the level above,
/// and how many of its rows come before.
fn slice(level: &str, within: &str, within_added: &str, skip: &str) -> String {
    format!(
        "SELECT y.slice, y.before FROM ( \
           SELECT x.slice, x.count, (sum(x.count) OVER (ORDER BY x.slice) - x.count)::bigint AS before FROM ( \
             SELECT z.slice, sum(z.count)::bigint AS count FROM ( \
               SELECT (n.node << {BITS}) + u.at - 1 AS slice, u.count \
               FROM convodb.node n, unnest(n.counts) WITH ORDINALITY AS u(count, at) \
               WHERE n.ws = $1 AND n.stream = ANY($2) AND n.level = {level} {within} AND u.count <> 0 \
               UNION ALL SELECT a.key >> {level}, a.delta FROM added a {within_added}) z \
             GROUP BY z.slice) x) y \
         WHERE y.before <= {skip} AND y.before + y.count > {skip} LIMIT 1"
    )
}

/// The statement of a page behind so many rows: `$3` is the stream of the family, `$4` so many, `$5` the limit.
/// It goes down the counts, from the slices of years to the finest that there are, and walks the rest.
/// `OFFSET 0` keeps the look for a division one by its key: as a join it would read all of the family's.
fn skipping(source: Source, streams: usize) -> String {
    let bits = BITS;
    let finest = LEVELS.last().copied().unwrap_or_default();
    let top = slice(&TOP.to_string(), "", "", "$4");
    let next = slice(
        &format!("(w.level - {bits})"),
        "AND n.node = w.slice",
        "WHERE a.key >> w.level = w.slice",
        "w.skip",
    );
    let page = source.merged(
        streams,
        "c.place",
        "c.place >= (SELECT int8send((slice << level) # (-9223372036854775808)::bigint) FROM start)",
        "(SELECT skip FROM start) + $5",
    );
    let total = total();
    let shown = shown(source);
    format!(
        "WITH RECURSIVE {ADDED}, {total}, walk(level, slice, skip) AS ( \
           (SELECT {TOP}, s.slice, $4 - s.before FROM ({top}) s) \
           UNION ALL \
           SELECT w.level - {bits}, s.slice, w.skip - s.before FROM walk w, LATERAL ({next}) s \
           WHERE w.level > {finest} AND EXISTS (SELECT FROM convodb.node n WHERE n.ws = $1 \
             AND n.stream = $3 AND n.level = w.level - {bits} AND n.node = w.slice OFFSET 0)), \
         start AS (SELECT * FROM walk ORDER BY level LIMIT 1), \
         page AS ({page} OFFSET coalesce((SELECT skip FROM start), 0) LIMIT $5) \
         {shown}"
    )
}

/// The statement of a page behind a place, `$3`: `$4` is the limit.
fn following(source: Source, streams: usize) -> String {
    // What merges reads no more rows than it shows.
    let is_whole = is_merged(streams) && source != Source::View;
    let columns = if is_whole {
        "c.place, c.key, c.record"
    } else {
        "c.place"
    };
    let page = source.merged(streams, columns, "c.place > $3", "$4");
    let total = total();
    let shown = match is_whole {
        true => of_total("page"),
        false => shown(source),
    };
    format!("WITH {ADDED}, {total}, page AS ({page} LIMIT $4) {shown}")
}

/// Records, with the total and the epoch in each row.
fn of_total(records: &str) -> String {
    format!(
        "SELECT t.epoch, t.rows, r.key, r.record FROM total t LEFT JOIN {records} r ON true ORDER BY r.place"
    )
}

/// The records of a page, with the total and the epoch in each row.
fn shown(source: Source) -> String {
    let rows = source.rows();
    let record = match source {
        Source::View => format!(
            "SELECT v.key, v.record, s.place FROM page s \
             CROSS JOIN LATERAL (SELECT c.key FROM {rows} AND c.place = s.place LIMIT 1) c \
             CROSS JOIN LATERAL (SELECT v.key, v.record FROM convodb.conversation v \
               WHERE v.ws = $1 AND v.key = c.key LIMIT 1) v"
        ),
        _ => format!(
            "SELECT c.key, c.record, s.place FROM page s \
             CROSS JOIN LATERAL (SELECT c.key, c.record FROM {rows} AND c.place = s.place LIMIT 1) c"
        ),
    };
    of_total(&format!("({record})"))
}

/// The statement of the rank of a place: `$3` is the stream of the family, `$4` the levels, `$5` the slices of
/// the place on them, `$6` the place. `OFFSET 0` is there for the same reason.
fn ranking(source: Source) -> String {
    let bits = BITS;
    let rows = source.rows();
    let total = total();
    format!(
        "WITH {ADDED}, {total}, path AS (SELECT * FROM unnest($4::smallint[], $5::bigint[]) AS p(level, slice)), \
         finest AS (SELECT p.level, p.slice FROM path p WHERE p.level = {TOP} OR EXISTS ( \
             SELECT FROM convodb.node n WHERE n.ws = $1 AND n.stream = $3 AND n.level = p.level \
             AND n.node = p.slice >> {bits} OFFSET 0) ORDER BY p.level LIMIT 1) \
         SELECT t.epoch, t.rows, ( \
           coalesce((SELECT sum(u.count) FROM path p JOIN convodb.node n ON n.ws = $1 AND n.stream = ANY($2) \
             AND n.level = p.level AND (n.node = p.slice >> {bits} OR p.level = {TOP} AND n.node < p.slice >> {bits}), \
             unnest(n.counts) WITH ORDINALITY AS u(count, at) \
             WHERE (n.node << {bits}) + u.at - 1 < p.slice), 0) \
           + coalesce((SELECT sum(a.delta) FROM added a, finest f WHERE a.key >> f.level < f.slice), 0) \
           + (SELECT count(*) FROM finest f, unnest($2) AS s(stream), LATERAL ( \
               SELECT FROM {rows} AND c.place < $6 \
               AND c.place >= int8send((f.slice << f.level) # (-9223372036854775808)::bigint)) x))::bigint \
         FROM total t"
    )
}

fn less_than_none() -> Error {
    Error::corrupted("a list has less than no rows")
}

impl<'a> Reader<'a> {
    fn select(&self, filter: &Filter) -> Done<Selection<'a>> {
        let view = filter.view_id().map(|id| {
            let saved = self.directory.views.get(id);
            saved.ok_or_else(|| Error::not_found(EntityKind::View, id))
        });
        if let Some(saved) = view.transpose()? {
            return Ok(Selection {
                streams: vec![stream::of_list(saved.list)],
                source: Source::View,
                view: Some(saved),
            });
        }
        let mut streams = Vec::new();
        self.directory.each_partition(filter, |partition| {
            streams.push(stream::of_partition(partition));
            Ok(())
        })?;
        let unread = filter.is_unread();
        let source = match filter.is_any_assignee() {
            true => Source::State { unread },
            false => Source::Owner { unread },
        };
        Ok(Selection {
            streams,
            source,
            view: None,
        })
    }

    /// An error where the list of a view is yet to be built.
    async fn check_view(&self, selection: &Selection<'_>) -> Done<()> {
        if let Some(saved) = selection.view
            && let Some(progress) = self.progress(saved).await?
        {
            return Err(Error::building(&saved.view.id, progress).into());
        }
        Ok(())
    }

    /// How far the list of a view has been built; nothing where it is complete.
    pub(crate) async fn progress(&self, saved: &SavedView) -> Done<Option<ViewProgress>> {
        if saved.built.is_complete() {
            return Ok(None);
        }
        let of = Box::pin(self.count(&Filter::all())).await?;
        Ok(Some(ViewProgress::new(saved.built.done.min(of), of)))
    }

    /// How the rows of a filter's list are found. The filter is a [meant](Self::meant) one.
    async fn plan(&self, filter: &Filter) -> Done<List<'a>> {
        filter.validate().map_err(Error::from)?;
        filter.check_order()?;
        if filter.contact_id().is_some() {
            return Ok(List::Found(self.of_contact(filter).await?));
        }
        let selection = self.select(filter)?;
        self.check_view(&selection).await?;
        if selection.view.is_none() {
            self.check_partitions(filter, &selection).await?;
        }
        if filter.reads_candidates() {
            filter.check_candidates(self.total(&selection).await?)?;
            return Ok(List::Found(self.candidates(filter, &selection).await?));
        }
        let reversed = selection.view.is_none() && filter.order() == Sort::EarliestActivity;
        Ok(List::Counted {
            selection,
            reversed,
        })
    }

    /// An error where more streams have rows than a list merges.
    async fn check_partitions(&self, filter: &Filter, selection: &Selection<'_>) -> Done<()> {
        // As many as there are may have none.
        if filter.validate_partitions(selection.streams.len()).is_ok() {
            return Ok(());
        }
        let sql = format!(
            "WITH {ADDED} SELECT count(*) FROM (SELECT x.stream FROM ( \
             SELECT n.stream, n.total AS count FROM convodb.node n WHERE n.ws = $1 AND n.stream = ANY($2) \
             AND n.level = {TOP} UNION ALL SELECT stream, delta FROM added) x \
             GROUP BY x.stream HAVING sum(x.count) > 0) y"
        );
        let streams = selection.streams.clone();
        let rows = self
            .query(Statement::new(sql).bind(self.ws).bind(streams))
            .await?;
        let count: i64 = rows.first().map_or(0, |row| row.get(0));
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        Ok(filter.validate_partitions(count).map_err(Error::from)?)
    }

    async fn total(&self, selection: &Selection<'_>) -> Done<u64> {
        let total = total();
        let sql = format!("WITH {ADDED}, {total} SELECT t.epoch, t.rows FROM total t");
        let streams = selection.streams.clone();
        let rows = self
            .query(Statement::new(sql).bind(self.ws).bind(streams))
            .await?;
        self.total_of(&rows)
    }

    /// The total of a statement's rows, if they are of this directory.
    fn total_of(&self, rows: &[Row]) -> Done<u64> {
        let total: i64 = self.first_of_epoch(rows)?.get(1);
        u64::try_from(total).map_err(|_| less_than_none().into())
    }

    /// The first of a statement's rows, if they are of this directory.
    fn first_of_epoch<'r>(&self, rows: &'r [Row]) -> Done<&'r Row> {
        let first = rows.first();
        let first = first.ok_or_else(|| Error::corrupted("the workspace is missing"))?;
        match first.get::<_, Option<i64>>(0) == Some(self.epoch) {
            true => Ok(first),
            false => Err(Fault::Stale),
        }
    }

    /// How many conversations a filter selects.
    pub(crate) async fn count(&self, filter: &Filter) -> Done<u64> {
        let counts = self.counts(std::slice::from_ref(filter)).await?;
        Ok(counts.first().copied().unwrap_or_default())
    }

    /// How many each filter selects: those of lists that are counted in one statement.
    pub(crate) async fn counts(&self, filters: &[Filter]) -> Done<Vec<u64>> {
        let mut selected = Vec::with_capacity(filters.len());
        for filter in filters {
            let filter = &*self.meant(filter).await?;
            // The same is refused of a list.
            filter.validate().map_err(Error::from)?;
            filter.check_order()?;
            selected.push(
                if filter.contact_id().is_some() || filter.reads_candidates() {
                    match Box::pin(self.plan(filter)).await? {
                        List::Counted { selection, .. } => Ok(selection.streams),
                        List::Found(found) => Err(found.len() as u64),
                    }
                } else {
                    let selection = self.select(filter)?;
                    self.check_view(&selection).await?;
                    Ok(selection.streams)
                },
            );
        }
        let streams = selected.iter().flatten().flatten().copied();
        let totals = self.totals(streams.collect()).await?;
        let of = |stream: &i64| totals.get(stream).copied().unwrap_or_default();
        let count = |selected: Result<Vec<i64>, u64>| match selected {
            Ok(streams) => {
                let total: i64 = streams.iter().map(of).sum();
                u64::try_from(total).map_err(|_| less_than_none())
            }
            Err(found) => Ok(found),
        };
        Ok(selected.into_iter().map(count).collect::<Result<_, _>>()?)
    }

    /// How many rows each of these streams has, if the directory is this one.
    async fn totals(&self, streams: BTreeSet<i64>) -> Done<BTreeMap<i64, i64>> {
        let sql = format!(
            "WITH {ADDED} SELECT w.epoch, x.stream, x.rows FROM convodb.workspace w LEFT JOIN ( \
             SELECT z.stream, sum(z.count)::bigint AS rows FROM ( \
               SELECT n.stream, n.total AS count FROM convodb.node n WHERE n.ws = $1 AND n.stream = ANY($2) \
               AND n.level = {TOP} UNION ALL SELECT stream, delta FROM added) z \
             GROUP BY z.stream) x ON true WHERE w.ws = $1"
        );
        let streams: Vec<i64> = streams.into_iter().collect();
        let rows = self
            .query(Statement::new(sql).bind(self.ws).bind(streams))
            .await?;
        self.first_of_epoch(&rows)?;
        let total = |row: &Row| Some((row.get::<_, Option<i64>>(1)?, row.get(2)));
        Ok(rows.iter().filter_map(total).collect())
    }

    pub(crate) async fn list(
        &self,
        filter: &Filter,
        request: &PageRequest,
    ) -> Done<Page<Conversation>> {
        let limit = request.limit();
        match request.position() {
            PagePosition::Number(number) => {
                let offset = (number - 1).saturating_mul(u64::from(limit));
                let mut page = self.page(filter, Start::Skip(offset), limit).await?;
                page.number = Some(number);
                page.offset = Some(offset);
                Ok(page)
            }
            PagePosition::After(cursor) => self.page(filter, Start::After(cursor), limit).await,
            PagePosition::Around(id) => self.list_around(filter, id, limit).await,
        }
    }

    pub(crate) async fn page(
        &self,
        filter: &Filter,
        start: Start,
        limit: u32,
    ) -> Done<Page<Conversation>> {
        let filter = &*self.meant(filter).await?;
        match self.plan(filter).await? {
            List::Counted {
                selection,
                reversed: false,
            } => self.page_of(&selection, start, limit).await,
            List::Counted { selection, .. } => self.page_reversed(&selection, start, limit).await,
            List::Found(found) => self.page_found(&found, filter.order(), start, limit).await,
        }
    }

    async fn page_of(
        &self,
        selection: &Selection<'_>,
        start: Start,
        limit: u32,
    ) -> Done<Page<Conversation>> {
        let sort = selection.sort();
        let shown = i64::from(limit) + 1;
        let streams = selection.streams.clone();
        let statement = match start {
            Start::Skip(0) => Statement::new(following(selection.source, streams.len()))
                .bind(self.ws)
                .bind(streams)
                .bind(Vec::<u8>::new())
                .bind(shown),
            Start::Skip(skip) => Statement::new(skipping(selection.source, streams.len()))
                .bind(self.ws)
                .bind(streams)
                .bind(selection.family())
                .bind(i64::try_from(skip).unwrap_or(i64::MAX >> 1))
                .bind(shown),
            Start::After(cursor) => {
                let (key, id) = cursor.key(sort).map_err(Error::from)?;
                Statement::new(following(selection.source, streams.len()))
                    .bind(self.ws)
                    .bind(streams)
                    .bind(position_at(sort, key, id).to_vec())
                    .bind(shown)
            }
        };
        let rows = self.query(statement).await?;
        let total = self.total_of(&rows)?;
        let mut data = Vec::with_capacity(rows.len());
        for row in &rows {
            if let (Some(key), Some(record)) = (row.get(2), row.get(3)) {
                let stored = decode_conversation(self.directory, key, record)?;
                data.push(stored.shown(self.directory)?.shown().into_listed());
            }
        }
        let more = data.len() > limit as usize;
        data.truncate(limit as usize);
        let next = data.last().filter(|_| more);
        let next = next.map(|row| Cursor::behind(row, sort));
        Ok(Page::new(data, total, next))
    }

    /// A page of the opposite order: the rows of one of this order from its end on.
    async fn page_reversed(
        &self,
        selection: &Selection<'_>,
        start: Start,
        limit: u32,
    ) -> Done<Page<Conversation>> {
        let sort = Sort::EarliestActivity;
        let (left, total) = match start {
            Start::Skip(skip) => {
                let total = self.total(selection).await?;
                (total.saturating_sub(skip), total)
            }
            Start::After(cursor) => {
                let (key, id) = cursor.key(sort).map_err(Error::from)?;
                // One less than the key is the time.
                let key = !key.saturating_sub(1);
                let place = position_at(Sort::LatestActivity, key, id);
                self.rank_of(selection, &place).await?
            }
        };
        let shown = left.min(u64::from(limit));
        if shown == 0 {
            return Ok(Page::new(Vec::new(), total, None));
        }
        let skip = Start::Skip(left - shown);
        let mut page = self.page_of(selection, skip, shown as u32).await?;
        page.data.reverse();
        let last = page.data.last().filter(|_| left > shown);
        page.next = last.map(|row| Cursor::behind(row, sort));
        Ok(page)
    }

    /// How many rows are before a place, and how many there are.
    async fn rank_of(&self, selection: &Selection<'_>, place: &Position) -> Done<(u64, u64)> {
        let key = stream::key(place);
        let levels: Vec<i16> = LEVELS.to_vec();
        let slices: Vec<i64> = LEVELS.iter().map(|level| key >> level).collect();
        let statement = Statement::new(ranking(selection.source))
            .bind(self.ws)
            .bind(selection.streams.clone())
            .bind(selection.family())
            .bind(levels)
            .bind(slices)
            .bind(place.to_vec());
        let rows = self.query(statement).await?;
        let total = self.total_of(&rows)?;
        let rank: i64 = rows.first().map_or(0, |row| row.get(2));
        Ok((rank.unsigned_abs(), total))
    }

    /// The conversations with a contact that a filter selects. O(its conversations).
    async fn of_contact(&self, filter: &Filter) -> Done<Vec<(u64, ConversationId)>> {
        let Some(contact) = filter.contact_id() else {
            return Ok(Vec::new());
        };
        let mut all = self.conversations_of(contact).await?;
        all.retain(|conversation| filter.selects(conversation));
        let sort = filter.order();
        let key = |row: &Conversation| (sort.key(row), row.id);
        let mut found: Vec<_> = all.iter().map(key).collect();
        found.sort_by_key(|(key, id)| position_at(sort, *key, *id));
        Ok(found)
    }

    /// The conversations of these streams that a filter selects by what no list is counted by, in its order.
    async fn candidates(
        &self,
        filter: &Filter,
        selection: &Selection<'_>,
    ) -> Done<Vec<(u64, ConversationId)>> {
        let sql = format!(
            "SELECT c.key, c.record FROM unnest($2::bigint[]) AS s(stream), LATERAL (SELECT c.key, c.record, \
             c.place FROM {}) c ORDER BY c.place",
            selection.source.rows()
        );
        let streams = selection.streams.clone();
        let rows = self
            .query(Statement::new(sql).bind(self.ws).bind(streams))
            .await?;
        let sort = filter.order();
        let mut found = Vec::new();
        for row in rows {
            let stored = decode_conversation(self.directory, row.get(0), row.get(1))?;
            let shown = stored.shown(self.directory)?;
            if filter.selects(&shown) {
                found.push((sort.key(&shown), shown.id));
            }
        }
        if sort == Sort::EarliestActivity {
            found.reverse();
        }
        Ok(found)
    }

    async fn page_found(
        &self,
        found: &[(u64, ConversationId)],
        sort: Sort,
        start: Start,
        limit: u32,
    ) -> Done<Page<Conversation>> {
        let total = found.len();
        let skip = match start {
            Start::Skip(skip) => skip.min(total as u64) as usize,
            Start::After(cursor) => {
                let (key, id) = cursor.key(sort).map_err(Error::from)?;
                let place = position_at(sort, key, id);
                found.partition_point(|(key, id)| position_at(sort, *key, *id) <= place)
            }
        };
        let left = found.get(skip..).unwrap_or_default();
        let shown: Vec<_> = left
            .iter()
            .take(limit as usize)
            .map(|(_, id)| *id)
            .collect();
        let data = self.conversations(&shown).await?;
        let data: Vec<_> = data
            .into_iter()
            .flatten()
            .map(Conversation::into_listed)
            .collect();
        let more = left.len() > data.len();
        let next = data.last().filter(|_| more);
        let next = next.map(|row| Cursor::behind(row, sort));
        Ok(Page::new(data, total as u64, next))
    }

    /// A filter by a contact that was merged means the other one. The members of a team are those that it has
    /// now.
    async fn meant<'f>(&self, filter: &'f Filter) -> Done<Cow<'f, Filter>> {
        let mut meant = Cow::Borrowed(filter);
        if let Some(contact) = filter.contact_id() {
            let contact = self.contact_meant(contact).await?;
            meant = Cow::Owned(filter.clone().contact(contact));
        }
        if let Some(team) = filter.members_team() {
            let members = self.directory.members_of(team);
            let named = meant.with_members(members).map_err(Error::from)?;
            meant = Cow::Owned(named);
        }
        Ok(meant)
    }

    /// The rank of a conversation in a list, and how long the list is; nothing where the filter does not select
    /// it.
    async fn place(&self, id: ConversationId, filter: &Filter) -> Done<Option<(u64, u64)>> {
        let conversation = self.conversation(id).await?;
        let filter = &*self.meant(filter).await?;
        match self.plan(filter).await? {
            List::Found(found) => {
                let rank = found.iter().position(|(_, id)| *id == conversation.id);
                Ok(rank.map(|rank| (rank as u64, found.len() as u64)))
            }
            List::Counted {
                selection,
                reversed,
            } => {
                let selects = match selection.view {
                    Some(saved) => saved.view.filter.selects(&conversation),
                    None => filter.selects(&conversation),
                };
                if !selects {
                    return Ok(None);
                }
                let place = position(selection.sort(), &conversation);
                let (rank, total) = self.rank_of(&selection, &place).await?;
                let rank = if reversed { total - 1 - rank } else { rank };
                Ok(Some((rank, total)))
            }
        }
    }

    pub(crate) async fn rank(&self, id: ConversationId, filter: &Filter) -> Done<Option<u64>> {
        Ok(self.place(id, filter).await?.map(|(rank, _)| rank))
    }

    /// How many conversations had their latest activity after a time.
    pub(crate) async fn count_after(&self, at: DateTime<Utc>) -> Done<u64> {
        let selection = self.select(&Filter::new(StatusFilter::All))?;
        let latest = ConversationId::from_raw(u128::MAX);
        let key = !at.timestamp_micros().cast_unsigned();
        let place = position_at(Sort::LatestActivity, key, latest);
        Ok(self.rank_of(&selection, &place).await?.0)
    }

    /// The resolved conversations without activity since before a time, the oldest first.
    pub(crate) async fn stale(
        &self,
        before: DateTime<Utc>,
        limit: u32,
    ) -> Done<Vec<ConversationId>> {
        let filter = Filter::resolved();
        let skip = self.count(&filter).await?.saturating_sub(u64::from(limit));
        let oldest = self.page(&filter, Start::Skip(skip), limit).await?.data;
        let stale = oldest
            .into_iter()
            .rev()
            .filter(|row| row.updated_at < before);
        Ok(stale.map(|row| row.id).collect())
    }

    /// Empty where the filter does not select the conversation.
    async fn list_around(
        &self,
        filter: &Filter,
        id: ConversationId,
        limit: u32,
    ) -> Done<Page<Conversation>> {
        let Some((rank, total)) = self.place(id, filter).await? else {
            return Ok(Page::new(Vec::new(), self.count(filter).await?, None));
        };
        // At either end of the list the page is as full as elsewhere.
        let last = total.saturating_sub(u64::from(limit));
        let offset = rank.saturating_sub(u64::from(limit / 2)).min(last);
        let mut page = self.page(filter, Start::Skip(offset), limit).await?;
        page.offset = Some(offset);
        Ok(page)
    }
}
