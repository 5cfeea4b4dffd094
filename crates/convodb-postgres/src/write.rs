//! The statements that write the differences of the identity map.

use std::collections::BTreeMap;
use std::sync::Arc;

use convodb_core::directory::placement::{Position, placements};
use convodb_core::directory::views::SavedView;
use convodb_core::records::{
    ContactRecord, ConversationRecord, MessageRecord, NoteRecord, Numbers,
};
use convodb_core::{
    Contact, Conversation, Difference, Error, EventSeq, InboxNumber, InboxRef, Message,
    ProviderIdState, Result, indexed_name,
};

use crate::head;
use crate::keys::{self, micros};
use crate::numbering::Numbering;
use crate::rows::{self, Row, TABLES, Table, Value};
use crate::session::Statement;
use crate::stream::{self, ALL};
use crate::unit::Unit;

/// With each idempotency key that is stored this many old ones go, so that no command pays for all.
const FORGOTTEN_WITH_EACH: i64 = 2;

/// What is to be written of each table.
#[derive(Default)]
struct Writes {
    put: BTreeMap<Table, Vec<Row>>,
    removed: BTreeMap<Table, Vec<Vec<u8>>>,
}

impl Writes {
    fn put(&mut self, table: Table, key: Vec<u8>, record: Vec<u8>, values: Vec<Value>) {
        let row = Row {
            key,
            record,
            values,
        };
        self.put.entry(table).or_default().push(row);
    }

    fn remove(&mut self, table: Table, key: Vec<u8>) {
        self.removed.entry(table).or_default().push(key);
    }

    /// Puts a record, or removes the one that is there.
    fn set(&mut self, table: Table, key: Vec<u8>, record: Option<Vec<u8>>) {
        match record {
            Some(record) => self.put(table, key, record, Vec::new()),
            None => self.remove(table, key),
        }
    }
}

/// Where rows of views' lists come and go.
#[derive(Default)]
struct ViewRows {
    added: Vec<(i64, Vec<u8>, Vec<u8>)>,
    removed: Vec<(i64, Vec<u8>)>,
}

impl ViewRows {
    fn write(self, ws: i32, statements: &mut Vec<Statement>) {
        if !self.removed.is_empty() {
            let (lists, places): (Vec<_>, Vec<_>) = self.removed.into_iter().unzip();
            let sql = "DELETE FROM convodb.view_row t USING unnest($2::bigint[], $3::bytea[]) AS u(list, place) \
                       WHERE t.ws = $1 AND t.list = u.list AND t.place = u.place";
            statements.push(Statement::new(sql).bind(ws).bind(lists).bind(places));
        }
        if !self.added.is_empty() {
            let (mut lists, mut places, mut keys) = (Vec::new(), Vec::new(), Vec::new());
            for (list, place, key) in self.added {
                lists.push(list);
                places.push(place);
                keys.push(key);
            }
            statements.push(add_view_rows(ws, lists, places, keys));
        }
    }
}

pub(crate) fn add_view_rows(
    ws: i32,
    lists: Vec<i64>,
    places: Vec<Vec<u8>>,
    keys: Vec<Vec<u8>>,
) -> Statement {
    let sql = "INSERT INTO convodb.view_row (ws, list, place, key) \
               SELECT $1, u.* FROM unnest($2::bigint[], $3::bytea[], $4::bytea[]) AS u(list, place, key)";
    let add = Statement::new(sql).bind(ws);
    add.bind(lists).bind(places).bind(keys)
}

/// The row of a conversation.
pub(crate) fn conversation_row(
    known: &Conversation,
    numbers: Numbers,
    newest_id: u128,
) -> Result<Row> {
    let record = ConversationRecord::new(known, numbers);
    let [by_state, by_owner, unread, _] = placements(known, numbers);
    let (Some((by_state, place)), Some((by_owner, _))) = (by_state, by_owner) else {
        return Err(Error::corrupted("a conversation is in no list"));
    };
    Ok(Row {
        key: keys::conversation(known.id),
        record: rows::encode(&record)?,
        values: vec![
            Value::Bytes(Some(keys::contact(&known.contact_id))),
            Value::Number(Some(i64::from(numbers.inbox.get()))),
            Value::Number(Some(stream::of_partition(by_state))),
            Value::Number(Some(stream::of_partition(by_owner))),
            Value::Flag(unread.is_some()),
            Value::Bytes(Some(place.to_vec())),
            Value::Number(known.snoozed_until().map(micros)),
            Value::Bytes(Some(newest_id.to_be_bytes().to_vec())),
        ],
    })
}

pub(crate) fn message_row(message: &Message) -> Result<Row> {
    let (at, id) = message.position();
    let of = message.conversation_id;
    Ok(Row {
        key: keys::message(of, id),
        record: rows::encode(&MessageRecord::from(message))?,
        values: vec![Value::Bytes(Some(keys::place(of, at, id)))],
    })
}

pub(crate) fn provider_id_row(key: Vec<u8>, known: &ProviderIdState) -> Result<Row> {
    let since = match known {
        ProviderIdState::Unmatched(unmatched) => Some(micros(unmatched.since)),
        _ => None,
    };
    Ok(Row {
        key,
        record: rows::encode(known)?,
        values: vec![Value::Number(since)],
    })
}

impl Unit {
    /// The statements that write what became of the identity map, in the order of the tables.
    pub(crate) fn write(&mut self) -> Result<Vec<Statement>> {
        let mut statements = Vec::new();
        self.write_directory(&mut statements)?;
        let mut writes = Writes::default();
        self.write_conversations(&mut writes, &mut statements)?;
        self.write_others(&mut writes)?;
        self.write_rows(writes, &mut statements);
        self.write_aliases(&mut statements)?;
        self.write_events(&mut statements)?;
        self.write_journal(&mut statements);
        let raises_epoch = self.is_exclusive && std::mem::take(&mut self.raises_epoch);
        if raises_epoch {
            // By a random step: a failover that loses changes is followed by others, and a number that a process
            // knows of what was lost never means one of them.
            let step = fastrand::i64(1..1 << 32);
            self.epoch += step;
            let sql = "UPDATE convodb.workspace SET epoch = epoch + $2 WHERE ws = $1";
            statements.push(Statement::new(sql).bind(self.ws).bind(step));
        }
        Ok(statements)
    }

    fn write_directory(&mut self, statements: &mut Vec<Statement>) -> Result<()> {
        let assignees = self.state.assignees.take_differences();
        let members = self.state.members.take_differences();
        let inboxes = self.state.inboxes.take_differences();
        if !assignees.is_empty() || !members.is_empty() || !inboxes.is_empty() {
            let directory = Arc::make_mut(&mut self.directory);
            let head = self.head.as_mut();
            let head = head.ok_or_else(|| Error::corrupted("nothing was loaded"))?;
            let next_owner = head.next_owner;
            // A removal is wide: it has written its redirect.
            for assignee in assignees.into_iter().filter_map(|saved| saved.after) {
                directory.save(&mut head.next_owner, assignee)?;
            }
            for saved in members {
                if let Some(members) = saved.after {
                    directory.save_members(&saved.key, &members)?;
                }
            }
            for inbox in inboxes.into_iter().filter_map(|saved| saved.after) {
                directory.inboxes.save(inbox);
            }
            if head.next_owner != next_owner {
                let sql = "UPDATE convodb.workspace SET next_owner = $2 WHERE ws = $1";
                let next_owner = i64::from(head.next_owner);
                statements.push(Statement::new(sql).bind(self.ws).bind(next_owner));
            }
        }
        if self.is_exclusive {
            self.write_edits(statements)?;
        }
        Ok(())
    }

    /// Writes the rows of the directory that were changed.
    pub(crate) fn write_edits(&mut self, statements: &mut Vec<Statement>) -> Result<()> {
        for edit in Arc::make_mut(&mut self.directory).take_edits() {
            self.raises_epoch = true;
            statements.push(head::edit(self.ws, &edit)?);
        }
        Ok(())
    }

    fn write_conversations(
        &mut self,
        writes: &mut Writes,
        statements: &mut Vec<Statement>,
    ) -> Result<()> {
        let directory = Arc::clone(&self.directory);
        let mut view_rows = ViewRows::default();
        for Difference { key, before, after } in self.state.conversations.take_differences() {
            let redirected = self.redirected.remove(&key);
            let redirected = redirected.map(|redirected| redirected.owner);
            self.drained.extend(redirected);
            let before = before.map(|known| directory.stored(known, redirected));
            let after = after.map(|known| directory.stored(known, None));
            let (before, after) = (before.transpose()?, after.transpose()?);
            if let Some((known, numbers)) = &before {
                self.count(known, *numbers, -1);
                self.tags.add(known, -1);
            }
            if let Some((known, numbers)) = &after {
                self.count(known, *numbers, 1);
                self.tags.add(known, 1);
                let row = conversation_row(known, *numbers, self.newest_id)?;
                writes.put.entry(Table::Conversation).or_default().push(row);
            } else if before.is_some() {
                writes.remove(Table::Conversation, keys::conversation(key));
            }
            for view in directory.views.iter() {
                let placed = |(known, _): &(Conversation, Numbers)| view.place(known);
                let (old, new) = (
                    before.as_ref().and_then(placed),
                    after.as_ref().and_then(placed),
                );
                if old != new {
                    self.move_in_view(&mut view_rows, view, key, [old, new]);
                }
            }
        }
        view_rows.write(self.ws, statements);
        self.tags.write(self.ws, statements);
        Ok(())
    }

    /// Counts a conversation in its lists, or out of them.
    fn count(&mut self, known: &Conversation, numbers: Numbers, by: i64) {
        let placed = placements(known, numbers).into_iter().flatten();
        for (at, (partition, place)) in placed.enumerate() {
            let key = stream::key(&place);
            *self
                .moves
                .entry((stream::of_partition(partition), key))
                .or_default() += by;
            if at == 0 {
                *self.moves.entry((ALL, key)).or_default() += by;
            }
        }
    }

    fn move_in_view(
        &mut self,
        view_rows: &mut ViewRows,
        view: &SavedView,
        id: convodb_core::ConversationId,
        [old, new]: [Option<(u32, Position)>; 2],
    ) {
        view.count_write();
        if let Some((list, place)) = old {
            self.count_in_view(list, &place, -1);
            view_rows.removed.push((i64::from(list), place.to_vec()));
        }
        if let Some((list, place)) = new {
            self.count_in_view(list, &place, 1);
            let row = (i64::from(list), place.to_vec(), keys::conversation(id));
            view_rows.added.push(row);
        }
    }

    pub(crate) fn count_in_view(&mut self, list: u32, place: &Position, by: i64) {
        let at = (stream::of_list(list), stream::key(place));
        *self.moves.entry(at).or_default() += by;
    }

    fn write_others(&mut self, writes: &mut Writes) -> Result<()> {
        let (hashes, directory) = (self.hashes, Arc::clone(&self.directory));
        for Difference { after, .. } in self.state.messages.take_differences() {
            if let Some(message) = after {
                let row = message_row(&message)?;
                writes.put.entry(Table::Message).or_default().push(row);
            }
        }
        for Difference { key, after, .. } in self.state.notes.take_differences() {
            let record = after.map(|note| rows::encode(&NoteRecord::from(&note)));
            let key = keys::note(key.0, key.1, key.2);
            writes.set(Table::Note, key, record.transpose()?);
        }
        for Difference { key, after, .. } in self.state.provider_ids.take_differences() {
            if let Some(known) = after {
                let inbox = inbox_number(&directory, &key.0)?;
                let key = keys::provider_id(inbox, hashes.of_provider_id(inbox, &key.1));
                let row = provider_id_row(key, &known)?;
                writes.put.entry(Table::ProviderId).or_default().push(row);
            }
        }
        for Difference { key, after, .. } in self.state.idempotency.take_differences() {
            if let Some(record) = after {
                let at = Value::Number(Some(micros(record.at)));
                let key = hashes.of_key(&key).to_vec();
                writes.put(Table::Idempotency, key, rows::encode(&record)?, vec![at]);
            }
        }
        for Difference { key, after, .. } in self.state.consumers.take_differences() {
            let record = after.map(|position| rows::encode(&position)).transpose()?;
            let key = key.as_str().as_bytes().to_vec();
            writes.set(Table::Consumer, key, record);
        }
        for Difference { key, after, .. } in self.state.imports.take_differences() {
            let record = after.map(|progress| rows::encode(&progress)).transpose()?;
            let key = key.as_str().as_bytes().to_vec();
            writes.set(Table::Import, key, record);
        }
        for Difference { key, after, .. } in self.state.contacts.take_differences() {
            let key = keys::contact(&key);
            match after {
                Some(contact) => writes
                    .put
                    .entry(Table::Contact)
                    .or_default()
                    .push(contact_row(contact)?),
                None => writes.remove(Table::Contact, key),
            }
        }
        for Difference { key, after, .. } in self.state.identities.take_differences() {
            let record = after.map(|contact| rows::encode(&contact)).transpose()?;
            writes.set(Table::Identity, keys::identity(&key), record);
        }
        Ok(())
    }

    /// Removes rows, changes those that were loaded, and adds the others.
    fn write_rows(&mut self, mut writes: Writes, statements: &mut Vec<Statement>) {
        let (ws, version) = (self.ws, self.version);
        for table in TABLES {
            let removed = writes.removed.remove(&table).unwrap_or_default();
            if !removed.is_empty() {
                for key in &removed {
                    self.stamps.insert((table, key.clone()), None);
                }
                statements.push(rows::delete(ws, table, removed));
            }
            let (mut known, mut new, mut unseen) = (Vec::new(), Vec::new(), Vec::new());
            let mut put = writes.put.remove(&table).unwrap_or_default();
            // Units that write the same new keys wait for one another in one order.
            put.sort_by(|one, next| one.key.cmp(&next.key));
            for row in put {
                let stamp = (table, row.key.clone());
                match self.stamps.insert(stamp, Some(version)) {
                    Some(Some(_)) => known.push(row),
                    Some(None) => new.push(row),
                    None => unseen.push(row),
                }
            }
            if !known.is_empty() {
                statements.push(rows::update(ws, version, table, known));
            }
            if !new.is_empty() {
                if table == Table::Idempotency {
                    statements.push(self.forget_keys(new.len()));
                }
                statements.push(rows::insert(ws, version, table, new));
            }
            if !unseen.is_empty() {
                statements.push(rows::upsert(ws, version, table, unseen));
            }
        }
    }

    /// Forgets some of the oldest idempotency keys.
    fn forget_keys(&self, stored: usize) -> Statement {
        let sql = "DELETE FROM convodb.idempotency WHERE ws = $1 AND key = ANY(ARRAY( \
                   SELECT key FROM convodb.idempotency WHERE ws = $1 AND at < $2 ORDER BY at, key LIMIT $3 \
                   FOR UPDATE SKIP LOCKED))";
        let before = micros(self.forget_before.unwrap_or_default());
        let limit = FORGOTTEN_WITH_EACH * i64::try_from(stored).unwrap_or(i64::MAX / 2);
        Statement::new(sql).bind(self.ws).bind(before).bind(limit)
    }

    fn write_aliases(&mut self, statements: &mut Vec<Statement>) -> Result<()> {
        let contacts = self.state.contact_aliases.take_differences().into_iter();
        let contacts =
            contacts.filter_map(|it| Some((keys::contact(&it.key), keys::contact(&it.after?))));
        put_aliases(
            self.ws,
            "convodb.contact_alias",
            contacts.collect(),
            statements,
        );
        let conversations = self
            .state
            .conversation_aliases
            .take_differences()
            .into_iter();
        let conversations = conversations
            .filter_map(|it| Some((keys::conversation(it.key), keys::conversation(it.after?))));
        let table = "convodb.conversation_alias";
        put_aliases(self.ws, table, conversations.collect(), statements);
        Ok(())
    }

    /// Writes events, with their numbers where commits give them.
    fn write_events(&mut self, statements: &mut Vec<Statement>) -> Result<()> {
        let events = std::mem::take(&mut self.events);
        let count = i64::try_from(events.len()).unwrap_or(i64::MAX);
        let is_numbered = self.numbering == Numbering::Head;
        if is_numbered && !self.is_exclusive {
            statements.push(self.take_number(count));
        }
        if events.is_empty() {
            return Ok(());
        }
        if is_numbered && self.is_exclusive {
            // It took the number of the commit when it began.
            let sql = "UPDATE convodb.head SET newest_event = newest_event + $2 WHERE ws = $1";
            statements.push(Statement::new(sql).bind(self.ws).bind(count));
            if let Some(head) = &mut self.head {
                let newest = head.newest_event.get() + events.len() as u64;
                head.newest_event = EventSeq::new(newest);
            }
        }
        let (mut times, mut audits, mut records) = (Vec::new(), Vec::new(), Vec::new());
        let mut named = Vec::new();
        for (event, at) in events.iter().zip(1i64..) {
            times.push(micros(event.at));
            audits.push(event.audited_in().map(keys::conversation));
            records.push(rows::encode(event)?);
            let contacts = event.contacts();
            named.extend(contacts.map(|id| (at, self.hashes.of_contact(id).to_vec())));
        }
        let (named_at, named): (Vec<_>, Vec<_>) = named.into_iter().unzip();
        let sql = match self.numbering {
            Numbering::Head => format!(
                "INSERT INTO convodb.event (ws, number, at, audit, record, contacts) \
                 SELECT $1, h.newest_event - $2 + u.n, \
                 CASE WHEN h.newest_time - u.at BETWEEN 0 AND {CORRECTION} THEN h.newest_time ELSE u.at END, \
                 u.audit, u.record, {CONTACTS} FROM convodb.head h, {EVENTS} WHERE h.ws = $1"
            ),
            Numbering::Settled => format!(
                "WITH s AS MATERIALIZED (SELECT nextval('convodb.event_seq') AS id) \
                 INSERT INTO convodb.pending_event (ws, id, n, at, audit, record, contacts) \
                 SELECT $1, s.id, u.n, u.at, u.audit, u.record, {CONTACTS} FROM s, {EVENTS} WHERE $2 > 0"
            ),
        };
        let insert = Statement::new(sql).bind(self.ws).bind(count);
        let insert = insert.bind(times).bind(audits).bind(records);
        statements.push(insert.bind(named).bind(named_at));
        Ok(())
    }

    /// Writes what is added to the lists, which the counts have not yet. The row marks the commit.
    fn write_journal(&mut self, statements: &mut Vec<Statement>) {
        if self.holds_moves {
            return;
        }
        let moves = std::mem::take(&mut self.moves).into_iter();
        let moves = moves.filter(|(_, by)| *by != 0);
        let (mut streams, mut sort_keys, mut deltas) = (Vec::new(), Vec::new(), Vec::new());
        for ((stream, key), by) in moves {
            streams.push(stream);
            sort_keys.push(key);
            deltas.push(i32::try_from(by).unwrap_or_default());
        }
        if !self.is_exclusive || !streams.is_empty() {
            statements.push(self.journal(streams, sort_keys, deltas));
        }
    }

    pub(crate) fn journal(
        &self,
        streams: Vec<i64>,
        sort_keys: Vec<i64>,
        deltas: Vec<i32>,
    ) -> Statement {
        let seq = match self.numbering {
            Numbering::Head => "h.commit_seq",
            Numbering::Settled => "nextval('convodb.journal_seq')",
        };
        let more = match self.is_exclusive {
            true => {
                "ON CONFLICT (ws, version) DO UPDATE SET seq = CASE WHEN j.seq < 0 THEN excluded.seq \
                 ELSE j.seq END, streams = j.streams || excluded.streams, \
                 keys = j.keys || excluded.keys, deltas = j.deltas || excluded.deltas, \
                 at = excluded.at, newest_id = excluded.newest_id"
            }
            // The same commit, of which the answer was lost, stays, and this one fails.
            false => "",
        };
        let sql = format!(
            "INSERT INTO convodb.journal AS j (ws, seq, version, streams, keys, deltas, at, newest_id) \
             SELECT $1, {seq}, $2, $3, $4, $5, $6, $7 FROM convodb.head h WHERE h.ws = $1 {more} RETURNING seq"
        );
        let insert = Statement::new(sql).bind(self.ws).bind(self.version);
        let insert = insert.bind(streams).bind(sort_keys).bind(deltas);
        let insert = insert.bind(micros(self.now));
        insert.bind(self.newest_id.to_be_bytes().to_vec())
    }
}

/// A step of the clock back of more microseconds is a correction, as everywhere.
pub(crate) const CORRECTION: i64 = 60_000_000;

/// The events of a statement's parameters.
const EVENTS: &str =
    "unnest($3::bigint[], $4::bytea[], $5::bytea[]) WITH ORDINALITY AS u(at, audit, record, n)";

/// The hashes of the contacts that each of them names.
const CONTACTS: &str = "CASE WHEN cardinality($7::bigint[]) > 0 THEN (SELECT array_agg(c.contact) \
     FROM unnest($7, $6::bytea[]) AS c(n, contact) WHERE c.n = u.n) END";

pub(crate) fn contact_row(contact: Contact) -> Result<Row> {
    let name = contact.name.as_deref().map(indexed_name);
    Ok(Row {
        key: keys::contact(&contact.id),
        record: rows::encode(&ContactRecord::from(contact))?,
        values: vec![Value::Bytes(name.map(String::into_bytes))],
    })
}

fn put_aliases(
    ws: i32,
    table: &str,
    aliases: Vec<(Vec<u8>, Vec<u8>)>,
    statements: &mut Vec<Statement>,
) {
    if aliases.is_empty() {
        return;
    }
    let (keys, targets): (Vec<_>, Vec<_>) = aliases.into_iter().unzip();
    let sql = format!(
        "INSERT INTO {table} (ws, key, target) \
         SELECT $1, u.* FROM unnest($2::bytea[], $3::bytea[]) AS u(key, target) \
         ON CONFLICT (ws, key) DO UPDATE SET target = excluded.target"
    );
    statements.push(Statement::new(sql).bind(ws).bind(keys).bind(targets));
}

pub(crate) fn inbox_number(
    directory: &convodb_core::directory::Directory,
    inbox: &InboxRef,
) -> Result<InboxNumber> {
    let number = directory.inboxes.number(inbox);
    number.ok_or_else(|| Error::corrupted(format!("the inbox `{inbox}` is missing")))
}
