//! What the lines of an import ask for, loaded for all of them before they are decided one after the other.

use std::collections::BTreeMap;
use std::ops::Range;

use chrono::{DateTime, Utc};
use convodb_core::{Command, ConversationId, Halt, Key, MessageId, Query};

use crate::fault::Done;
use crate::keys::{self, micros};
use crate::rows::Table;
use crate::session::Statement;
use crate::unit::{Given, Unit};

/// A conversation and a range of order times, in microseconds.
type Span = (ConversationId, i64, i64);

/// The places of the latest messages that are stored, where there are any.
pub(crate) type Latest = BTreeMap<Span, Option<(DateTime<Utc>, MessageId)>>;

/// What a command finds missing first hides what it finds missing then.
const ROUNDS: usize = 2;

pub(crate) fn span(of: ConversationId, times: &Range<DateTime<Utc>>) -> Span {
    (of, micros(times.start), micros(times.end))
}

impl Unit {
    /// Decides commands on what is loaded, and loads what they find missing, in two round trips for all of them.
    /// Nothing is applied: what they find missing only then is loaded when it is asked for.
    pub(crate) async fn load_ahead<C: Command>(
        &mut self,
        given: &Given,
        commands: &[&C],
    ) -> Done<()> {
        for _ in 0..ROUNDS {
            let mut missing = Vec::new();
            for command in commands {
                let mut env = self.env(given);
                let decided = convodb_core::decide(*command, &self.state, &mut env);
                if let Err(Halt::Missing(keys)) = decided {
                    missing.extend(keys);
                }
            }
            let mut spans = Latest::new();
            for key in &missing {
                if let Key::Query(Query::LatestMessage(of, times)) = key {
                    spans.insert(span(*of, times), None);
                }
            }
            missing.retain(|key| !matches!(key, Key::Query(_)));
            self.load(&missing).await?;
            self.load_latest(spans).await?;
        }
        Ok(())
    }

    async fn load_latest(&mut self, mut spans: Latest) -> Done<()> {
        spans.retain(|span, _| !self.latest.contains_key(span));
        if spans.is_empty() {
            return Ok(());
        }
        let (mut first, mut last) = (Vec::new(), Vec::new());
        for (of, start, end) in spans.keys() {
            for (places, at) in [(&mut first, start), (&mut last, end)] {
                let mut place = keys::conversation(*of);
                place.extend(at.to_be_bytes());
                places.push(place);
            }
        }
        let sql = "SELECT k.n, m.place FROM unnest($2::bytea[], $3::bytea[]) WITH ORDINALITY AS k(first, last, n) \
                   CROSS JOIN LATERAL (SELECT m.place FROM convodb.message m WHERE m.ws = $1 \
                     AND m.place >= k.first AND m.place < k.last ORDER BY m.place DESC LIMIT 1) m ORDER BY k.n";
        let statement = Statement::new(sql).bind(self.ws).bind(first).bind(last);
        let rows = self.query(statement).await?;
        let mut found = rows.iter().peekable();
        for ((span, mut latest), number) in spans.into_iter().zip(1_i64..) {
            if let Some(row) = found.next_if(|row| row.get::<_, i64>(0) == number) {
                let (_, at, id) = keys::place_of(row.get(1))?;
                latest = Some((at, MessageId::from_raw(id)));
            }
            self.latest.insert(span, latest);
        }
        Ok(())
    }

    /// The latest message of a span that is stored, if that is known without asking.
    pub(crate) fn known_latest(
        &self,
        of: ConversationId,
        times: &Range<DateTime<Utc>>,
    ) -> Option<Option<(DateTime<Utc>, MessageId)>> {
        match self.is_new(of) {
            true => Some(None),
            false => self.latest.get(&span(of, times)).copied(),
        }
    }

    /// Whether this unit has made a conversation, and not written it yet: nothing is stored that is of it.
    pub(crate) fn is_new(&self, of: ConversationId) -> bool {
        let stamp = (Table::Conversation, keys::conversation(of));
        let is_unwritten = self.stamps.get(&stamp).copied().flatten().is_none();
        is_unwritten && self.state.conversations.get(&of).flatten().is_some()
    }
}
