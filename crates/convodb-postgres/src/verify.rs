//! Checks that everything that is derived agrees with the records it is derived from, and derives it anew.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use convodb_core::directory::Directory;
use convodb_core::{
    ConversationId, Error, ErrorKind, EventSeq, Hashes, Message, NewEvent, ProviderIdState, Result,
};
use tokio_postgres::Row;

use crate::PgStore;
use crate::counts;
use crate::fault::{Done, Fault};
use crate::head::Head;
use crate::keys;
use crate::load::message_of;
use crate::reader::{Reader, decode_conversation, event_record, read_notes, signed};
use crate::rows::{self, Table};
use crate::session::Statement;
use crate::stream;
use crate::tags::TagEdits;
use crate::write::{contact_row, conversation_row, message_row, provider_id_row};

/// Rows that are read at once.
const AT_ONCE: i64 = 4_096;

/// As many findings are reported.
const MOST_FINDINGS: usize = 100;

/// What [`PgStore::verify`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifyReport {
    /// How many conversations there are.
    pub conversations: u64,
    /// How many messages.
    pub messages: u64,
    /// How many notes.
    pub notes: u64,
    /// How many events.
    pub events: u64,
    /// What disagrees, the first hundred. Empty where all is well.
    pub findings: Vec<String>,
}

impl VerifyReport {
    /// Whether nothing was found.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    fn find(&mut self, finding: impl Into<String>) {
        if self.findings.len() < MOST_FINDINGS {
            self.findings.push(finding.into());
        }
    }
}

impl PgStore {
    /// Checks every row: that it can be decoded, that columns, lists and counts agree with the records, that
    /// provider's ids lead to their messages, and that events have no gap. Others can write meanwhile. O(rows).
    ///
    /// # Errors
    ///
    /// `Unavailable` if the server cannot be reached. What disagrees is no error: see
    /// [`VerifyReport::findings`].
    pub async fn verify(&self) -> Result<VerifyReport> {
        self.verify_with(|_, _| ControlFlow::Continue(())).await
    }

    /// The same, and calls `progress` every few thousand rows with the number of rows that were read and of all.
    /// It ends where that breaks.
    ///
    /// # Errors
    ///
    /// `Aborted` if `progress` ended it.
    pub async fn verify_with(
        &self,
        mut progress: impl FnMut(u64, u64) -> ControlFlow<()> + Send,
    ) -> Result<VerifyReport> {
        let snapshot = self.snapshot().await?;
        let (session, epoch, directory) = snapshot.parts().await?;
        let shared = self.shared();
        let reader = Reader {
            session,
            ws: shared.ws,
            directory: &directory,
            hashes: shared.hashes,
            epoch,
        };
        let rows = async {
            let sql = "SELECT (SELECT count(*) FROM convodb.conversation WHERE ws = $1) \
                     + (SELECT count(*) FROM convodb.message WHERE ws = $1) \
                     + (SELECT count(*) FROM convodb.provider_id WHERE ws = $1)";
            let rows = reader.query(Statement::new(sql).bind(reader.ws)).await?;
            let rows = rows.first().map_or(0, |row| row.get::<_, i64>(0));
            Ok(rows.unsigned_abs() + reader.head().await?.events())
        };
        let mut walk = Walk {
            all: rows.await.map_err(Fault::into_error)?,
            done: 0,
            progress: &mut progress,
        };
        let verified = verify(&reader, &mut walk).await;
        verified.map_err(Fault::into_error)
    }

    /// Derives the columns, the lists of views, the tags and the counts anew from the records, and verifies.
    /// No one writes meanwhile. O(rows).
    ///
    /// # Errors
    ///
    /// `Unavailable` if the server cannot be reached.
    pub async fn repair(&self) -> Result<VerifyReport> {
        crate::repair::repair(self.shared()).await?;
        self.verify().await
    }
}

/// How far a verification has come.
struct Walk<'a> {
    all: u64,
    done: u64,
    progress: &'a mut (dyn FnMut(u64, u64) -> ControlFlow<()> + Send),
}

impl Walk<'_> {
    fn advance(&mut self, rows: usize) -> Result<()> {
        self.done = self.all.min(self.done + rows as u64);
        match (self.progress)(self.done, self.all) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Error::new(
                ErrorKind::Aborted,
                "the verification was stopped",
            )),
        }
    }
}

/// Visits the rows of a table by their keys, some at a time.
async fn each(
    reader: &Reader<'_>,
    walk: &mut Walk<'_>,
    columns: &str,
    table: &str,
    mut visit: impl FnMut(&Row) -> Result<()> + Send,
) -> Done<()> {
    let sql = format!(
        "SELECT key, {columns} FROM {table} WHERE ws = $1 AND key > $2 ORDER BY key LIMIT $3"
    );
    let mut after: Vec<u8> = Vec::new();
    loop {
        let statement = Statement::new(sql.clone()).bind(reader.ws).bind(after);
        let rows = reader.query(statement.bind(AT_ONCE)).await?;
        for row in &rows {
            visit(row)?;
        }
        walk.advance(rows.len())?;
        match rows.last() {
            Some(last) if rows.len() as i64 == AT_ONCE => after = last.get(0),
            _ => return Ok(()),
        }
    }
}

async fn verify(reader: &Reader<'_>, walk: &mut Walk<'_>) -> Done<VerifyReport> {
    let mut report = VerifyReport::default();
    let mut unread = BTreeMap::new();
    verify_conversations(reader, walk, &mut report, &mut unread).await?;
    verify_messages(reader, walk, &mut report, unread).await?;
    verify_others(reader, &mut report).await?;
    verify_events(reader, walk, &mut report).await?;
    let lists = lists_of(reader.directory);
    for finding in counts::verify(reader.session, reader.ws, &lists).await? {
        report.find(finding);
    }
    Ok(report)
}

/// The numbers of all lists, also of those that no view has any longer.
pub(crate) fn lists_of(directory: &Directory) -> Vec<u32> {
    let views = &directory.views;
    let lists = views.iter().map(|saved| saved.list);
    lists.chain(views.removed()).collect()
}

async fn verify_conversations(
    reader: &Reader<'_>,
    walk: &mut Walk<'_>,
    report: &mut VerifyReport,
    inbound: &mut BTreeMap<ConversationId, u64>,
) -> Done<()> {
    let directory = reader.directory;
    let mut tags = TagEdits::default();
    let mut listed: BTreeMap<(i64, Vec<u8>), Vec<u8>> = BTreeMap::new();
    let columns = "record, contact, inbox, by_state, by_owner, is_unread, place, due, newest_id";
    each(reader, walk, columns, Table::Conversation.name(), |row| {
        report.conversations += 1;
        let key: &[u8] = row.get(0);
        let stored = match decode_conversation(directory, key, row.get(1)) {
            Ok(stored) => stored,
            Err(error) => {
                report.find(error.to_string());
                return Ok(());
            }
        };
        let (known, numbers) = (&stored.conversation, stored.numbers);
        tags.add(known, 1);
        inbound.insert(known.id, known.inbound_count);
        let newest_id = row.get::<_, &[u8]>(9).try_into().map(u128::from_be_bytes);
        let expected = conversation_row(known, numbers, newest_id.unwrap_or_default())?;
        if expected.values != conversation_values(row) {
            report.find(format!(
                "the columns of the conversation {} differ from its record",
                known.id
            ));
        }
        let id = known.id;
        let shown = stored.shown(directory)?;
        for view in directory.views.iter() {
            if let Some((list, place)) = view.place(&shown) {
                listed.insert((i64::from(list), place.to_vec()), keys::conversation(id));
            }
        }
        Ok(())
    })
    .await?;
    let lists: Vec<i64> = directory
        .views
        .iter()
        .map(|saved| i64::from(saved.list))
        .collect();
    let sql = "SELECT list, place, key FROM convodb.view_row WHERE ws = $1 AND list = ANY($2)";
    let rows = reader
        .query(Statement::new(sql).bind(reader.ws).bind(lists))
        .await?;
    let stored: BTreeMap<(i64, Vec<u8>), Vec<u8>> = rows
        .iter()
        .map(|row| ((row.get(0), row.get(1)), row.get(2)))
        .collect();
    if stored != listed {
        report.find("the lists of views differ from the conversations that they select");
    }
    let sql = "SELECT key, count FROM convodb.tag WHERE ws = $1";
    let rows = reader.query(Statement::new(sql).bind(reader.ws)).await?;
    let stored: BTreeMap<Vec<u8>, i64> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    if stored != tags.counted() {
        report.find("the counts of tags differ from the conversations");
    }
    Ok(())
}

fn conversation_values(row: &Row) -> Vec<rows::Value> {
    use rows::Value;
    vec![
        Value::Bytes(row.get(2)),
        Value::Number(row.get(3)),
        Value::Number(row.get(4)),
        Value::Number(row.get(5)),
        Value::Flag(row.get(6)),
        Value::Bytes(row.get(7)),
        Value::Number(row.get(8)),
        Value::Bytes(row.get(9)),
    ]
}

async fn verify_messages(
    reader: &Reader<'_>,
    walk: &mut Walk<'_>,
    report: &mut VerifyReport,
    mut inbound: BTreeMap<ConversationId, u64>,
) -> Done<()> {
    let mut ids: BTreeMap<Vec<u8>, (ConversationId, convodb_core::MessageId)> = BTreeMap::new();
    let sql = "SELECT key, inbox FROM convodb.conversation WHERE ws = $1";
    let rows = reader.query(Statement::new(sql).bind(reader.ws)).await?;
    let inboxes: BTreeMap<Vec<u8>, i64> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    each(
        reader,
        walk,
        "record, place",
        Table::Message.name(),
        |row| {
            report.messages += 1;
            let key: &[u8] = row.get(0);
            let message = match message_of(key, row.get(2), row.get(1)) {
                Ok(message) => message,
                Err(error) => {
                    report.find(error.to_string());
                    return Ok(());
                }
            };
            let (of, id) = (message.conversation_id, message.id);
            let expected = message_row(&message)?;
            if expected.key != key || expected.values != [rows::Value::Bytes(row.get(2))] {
                report.find(format!("the message {id} of {of} is not at its place"));
            }
            match inbound.get_mut(&of) {
                Some(count) if message.is_from_contact() => *count = count.wrapping_sub(1),
                Some(_) => {}
                None => report.find(format!("the message {id} has no conversation {of}")),
            }
            if let Some(inbox) = inboxes.get(&keys::conversation(of)) {
                ids.extend(own_ids(reader.hashes, *inbox, &message));
            }
            Ok(())
        },
    )
    .await?;
    for (of, left) in inbound {
        if left != 0 {
            report.find(format!(
                "the conversation {of} counts other messages than it has"
            ));
        }
    }
    each(
        reader,
        walk,
        "record, since",
        Table::ProviderId.name(),
        |row| {
            let key: &[u8] = row.get(0);
            let known: ProviderIdState =
                match rows::decode(Table::ProviderId.name(), key, row.get(1)) {
                    Ok(known) => known,
                    Err(error) => {
                        report.find(error.to_string());
                        return Ok(());
                    }
                };
            let row_of = provider_id_row(key.to_vec(), &known)?;
            if row_of.values != [rows::Value::Number(row.get(2))] {
                report.find("receipts wait since another time than their column has");
            }
            if let ProviderIdState::Message(of, id) = known
                && ids.remove(key) != Some((of, id))
            {
                report.find(format!(
                    "a provider's id leads to the message {id} of {of}, which has it not"
                ));
            }
            Ok(())
        },
    )
    .await?;
    for (of, id) in ids.into_values() {
        report.find(format!(
            "the message {id} of {of} is not found by its provider's id"
        ));
    }
    Ok(())
}

fn own_ids(
    hashes: Hashes,
    inbox: i64,
    message: &Message,
) -> Vec<(Vec<u8>, (ConversationId, convodb_core::MessageId))> {
    let inbox = convodb_core::InboxNumber::new(u32::try_from(inbox).unwrap_or_default());
    let of = (message.conversation_id, message.id);
    let ids = message.foreign_ids();
    ids.map(|id| {
        (
            keys::provider_id(inbox, hashes.of_provider_id(inbox, &id)),
            of,
        )
    })
    .collect()
}

async fn verify_others(reader: &Reader<'_>, report: &mut VerifyReport) -> Done<()> {
    let sql = "SELECT key, record FROM convodb.note WHERE ws = $1";
    let notes = reader.query(Statement::new(sql).bind(reader.ws)).await?;
    report.notes = notes.len() as u64;
    if let Err(error) = read_notes(&notes) {
        report.find(error.to_string());
    }
    let mut identities = BTreeMap::new();
    for contact in reader.contacts(None, usize::MAX).await? {
        for identity in &contact.identities {
            identities.insert(keys::identity(identity), rows::encode(&contact.id)?);
        }
        let (key, name) = (keys::contact(&contact.id), contact_row(contact)?.values);
        let sql = "SELECT name FROM convodb.contact WHERE ws = $1 AND key = $2";
        let rows = reader
            .query(Statement::new(sql).bind(reader.ws).bind(key))
            .await?;
        let stored = rows.first().map(|row| vec![rows::Value::Bytes(row.get(0))]);
        if stored != Some(name) {
            report.find("the name of a contact differs from its record");
        }
    }
    let sql = "SELECT key, record FROM convodb.identity WHERE ws = $1";
    let rows = reader.query(Statement::new(sql).bind(reader.ws)).await?;
    let stored: BTreeMap<Vec<u8>, Vec<u8>> =
        rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    if stored != identities {
        report.find("identities lead to other contacts than have them");
    }
    Ok(())
}

async fn verify_events(
    reader: &Reader<'_>,
    walk: &mut Walk<'_>,
    report: &mut VerifyReport,
) -> Done<()> {
    let head: Head = reader.head().await?;
    let mut expected = head.oldest_event;
    let mut after = signed(expected) - 1;
    loop {
        let sql = "SELECT number, record, audit, contacts FROM convodb.event WHERE ws = $1 AND number > $2 \
                   ORDER BY number LIMIT $3";
        let statement = Statement::new(sql)
            .bind(reader.ws)
            .bind(after)
            .bind(AT_ONCE);
        let rows = reader.query(statement).await?;
        for row in &rows {
            let number: i64 = row.get(0);
            if number != signed(expected) {
                report.find(format!("event {expected} is missing"));
                expected = EventSeq::new(number.unsigned_abs());
            }
            expected = expected.next();
            report.events += 1;
            let event: NewEvent = match event_record(number, row.get(1)) {
                Ok(event) => event,
                Err(error) => {
                    report.find(error.to_string());
                    continue;
                }
            };
            let audit: Option<Vec<u8>> = row.get(2);
            // It is in none where its conversation was deleted.
            if audit.is_some() && audit != event.audited_in().map(keys::conversation) {
                report.find(format!(
                    "event {number} is in an audit log to which it does not belong"
                ));
            }
            let contacts = event.contacts();
            let contacts: Vec<_> = contacts
                .map(|id| reader.hashes.of_contact(id).to_vec())
                .collect();
            if row.get::<_, Option<Vec<Vec<u8>>>>(3).unwrap_or_default() != contacts {
                report.find(format!("event {number} is not found by its contacts"));
            }
        }
        walk.advance(rows.len())?;
        match rows.last() {
            Some(last) if rows.len() as i64 == AT_ONCE => after = last.get(0),
            _ => break,
        }
    }
    if expected != head.newest_event.next() {
        report.find(format!("event {expected} is missing"));
    }
    Ok(())
}

/// What a workspace holds, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PgStats {
    /// How many conversations there are.
    pub conversations: u64,
    /// How many messages.
    pub messages: u64,
    /// How many notes.
    pub notes: u64,
    /// How many contacts have a record.
    pub contacts: u64,
    /// How many inboxes were saved.
    pub inboxes: u64,
    /// How many users.
    pub users: u64,
    /// How many teams.
    pub teams: u64,
    /// How many events are kept.
    pub events: u64,
    /// The number of the newest event.
    pub newest_event: EventSeq,
    /// The number of the latest commit.
    pub commit_seq: convodb_core::CommitSeq,
    /// When it was.
    pub last_commit_at: chrono::DateTime<chrono::Utc>,
    /// Messages that have not arrived and that receipts wait for.
    pub unmatched: u64,
    /// Conversations that are stored under a user or team that was removed.
    pub to_reassign: u64,
    /// Conversations whose latest activity lies in the future.
    pub times_in_the_future: u64,
    /// Idempotency keys that are kept.
    pub idempotency_keys: u64,
    /// Additions to the lists that are not folded into their counts.
    pub unfolded: u64,
}

impl PgStore {
    /// What the workspace holds, in numbers. O(messages), as PostgreSQL counts rows.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the server cannot be reached.
    pub async fn stats(&self) -> Result<PgStats> {
        let snapshot = self.snapshot().await?;
        let (session, epoch, directory) = snapshot.parts().await?;
        let shared = self.shared();
        let reader = Reader {
            session,
            ws: shared.ws,
            directory: &directory,
            hashes: shared.hashes,
            epoch,
        };
        stats(
            &reader,
            shared
                .options
                .clock
                .as_ref()
                .map(crate::options::Clock::now),
        )
        .await
        .map_err(Fault::into_error)
    }
}

async fn stats(reader: &Reader<'_>, now: Option<chrono::DateTime<chrono::Utc>>) -> Done<PgStats> {
    use convodb_core::AssigneeKind::{Team, User};
    use convodb_core::directory::placement::Partition;
    let head = reader.head().await?;
    let now = convodb_core::time::monotonic(now.unwrap_or(head.now), head.newest_time);
    let mut redirected = Vec::new();
    for owner in reader.directory.redirected() {
        let partitions = Partition::of_bucket(owner, &reader.directory.inboxes);
        redirected.extend(partitions.map(stream::of_partition));
    }
    let sql = "SELECT (SELECT count(*) FROM convodb.conversation WHERE ws = $1), \
               (SELECT count(*) FROM convodb.message WHERE ws = $1), \
               (SELECT count(*) FROM convodb.note WHERE ws = $1), \
               (SELECT count(*) FROM convodb.provider_id WHERE ws = $1 AND since IS NOT NULL), \
               (SELECT count(*) FROM convodb.conversation WHERE ws = $1 AND by_owner = ANY($2)), \
               (SELECT count(*) FROM convodb.idempotency WHERE ws = $1), \
               (SELECT count(*) FROM convodb.contact WHERE ws = $1)";
    let rows = reader
        .query(Statement::new(sql).bind(reader.ws).bind(redirected))
        .await?;
    let count = |at: usize| {
        rows.first()
            .map_or(0, |row| row.get::<_, i64>(at))
            .unsigned_abs()
    };
    Ok(PgStats {
        conversations: count(0),
        messages: count(1),
        notes: count(2),
        contacts: count(6),
        inboxes: reader.directory.inboxes.iter().count() as u64,
        users: reader.count_of(User),
        teams: reader.count_of(Team),
        events: head.events(),
        newest_event: head.newest_event,
        commit_seq: head.commit_seq,
        last_commit_at: head.newest_time,
        unmatched: count(3),
        to_reassign: count(4),
        times_in_the_future: reader.count_after(now).await?,
        idempotency_keys: count(5),
        unfolded: counts::backlog(reader.session, reader.ws).await?,
    })
}
