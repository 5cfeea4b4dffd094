//! Loads what commands read into the identity map: each load is one statement, which sees one snapshot.

use std::collections::{BTreeMap, BTreeSet};

use convodb_core::directory::Stored;
use convodb_core::records::{ContactRecord, ConversationRecord, NoteRecord, message};
use convodb_core::{
    ContactId, Conversation, ConversationId, Error, EventSeq, InboxRef, Key, Message, MessageId,
    Result, time,
};
use tokio_postgres::Row;

use crate::fault::{Done, Fault};
use crate::head::{HEAD_FROM, Head};
use crate::keys;
use crate::numbering::Numbering;
use crate::rows::{self, Table};
use crate::session::{Param, Statement};
use crate::unit::{Redirected, Unit};

/// The number of an arm of the statement that is of no table of entities.
mod arm {
    pub(super) const HEAD: i16 = -1;
    pub(super) const CONTACT_ALIAS: i16 = -2;
    pub(super) const CONVERSATION_ALIAS: i16 = -3;
}

/// What one statement loads.
#[derive(Default)]
struct Request {
    keys: BTreeMap<Table, BTreeSet<Vec<u8>>>,
    threads: BTreeSet<(Vec<u8>, i64)>,
}

impl Request {
    fn add(&mut self, table: Table, key: Vec<u8>) {
        self.keys.entry(table).or_default().insert(key);
    }

    /// The statement. A row has the number of its arm, its key, its version, its record, and what its arm
    /// has beside.
    fn statement(self, ws: i32) -> Statement {
        let mut sql = format!(
            "SELECT {}::smallint AS arm, NULL::bytea AS key, w.epoch AS version, h.newest_id AS record, \
             NULL::bytea AS beside, ARRAY[h.commit_seq, h.newest_event, w.oldest_event, h.newest_time, \
             w.next_owner, w.numbering, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint]::bigint[] AS numbers \
             FROM {HEAD_FROM}",
            arm::HEAD
        );
        let mut params = vec![Param::from(ws)];
        let mut arm = |text: String| {
            sql.push_str(" UNION ALL ");
            sql.push_str(&text);
        };
        for (table, keys) in self.keys {
            params.push(Vec::from_iter(keys).into());
            let at = params.len();
            let (number, name) = (table as i16, table.name());
            let beside = match table {
                Table::Conversation => "t.newest_id",
                Table::Message => "t.place",
                _ => "NULL::bytea",
            };
            arm(format!(
                "SELECT {number}::smallint, t.key, t.version, t.record, {beside}, NULL::bigint[] \
                 FROM unnest(${at}::bytea[]) AS k(key) CROSS JOIN {}",
                rows::found(name, "t.key = k.key", "")
            ));
            match table {
                Table::Conversation => {
                    let alias = arm::CONVERSATION_ALIAS;
                    let from = format!(
                        "FROM unnest(${at}::bytea[]) AS k(key) CROSS JOIN {}",
                        rows::found("convodb.conversation_alias", "t.key = k.key", "")
                    );
                    arm(format!(
                        "SELECT {alias}::smallint, t.key, 0, NULL::bytea, t.target, NULL::bigint[] {from}"
                    ));
                    arm(format!(
                        "SELECT {number}::smallint, c.key, c.version, c.record, c.newest_id, NULL::bigint[] \
                         {from} CROSS JOIN LATERAL (SELECT * FROM {name} c WHERE c.ws = $1 AND c.key = t.target \
                         LIMIT 1) c"
                    ));
                }
                Table::Contact => arm(format!(
                    "SELECT {}::smallint, t.key, 0, NULL::bytea, t.target, NULL::bigint[] \
                     FROM unnest(${at}::bytea[]) AS k(key) CROSS JOIN {}",
                    arm::CONTACT_ALIAS,
                    rows::found("convodb.contact_alias", "t.key = k.key", "")
                )),
                _ => {}
            }
        }
        if !self.threads.is_empty() {
            let (contacts, inboxes): (Vec<_>, Vec<_>) = self.threads.into_iter().unzip();
            params.push(contacts.into());
            params.push(inboxes.into());
            let at = params.len();
            arm(format!(
                "SELECT {}::smallint, t.key, t.version, t.record, t.newest_id, NULL::bigint[] \
                 FROM unnest(${}::bytea[], ${at}::bigint[]) AS k(contact, inbox) CROSS JOIN {}",
                Table::Conversation as i16,
                at - 1,
                rows::found(
                    Table::Conversation.name(),
                    "t.contact = k.contact AND t.inbox = k.inbox",
                    ""
                )
            ));
        }
        let mut statement = Statement::new(sql);
        statement.params = params;
        statement
    }
}

/// A message of its row.
pub(crate) fn message_of(key: &[u8], place: &[u8], record: &[u8]) -> Result<Message> {
    let table = Table::Message.name();
    let (of, at, id) = keys::place_of(place)?;
    let (version, payload) = rows::split(table, key, record)?;
    message::decode(version, payload, of, at, MessageId::from_raw(id))
        .map_err(|error| rows::damaged(table, key).with_source(error))
}

impl Unit {
    /// Loads entities that are not in the map yet.
    pub(crate) async fn load(&mut self, keys: &[Key]) -> Done<()> {
        let mut request = Request::default();
        let wanted: Vec<_> = keys
            .iter()
            .filter(|key| !self.state.contains(key))
            .collect();
        for key in &wanted {
            self.request(key, &mut request);
        }
        // What the directory has, and what asks for many, is not of the statement.
        let is_loaded = !request.keys.is_empty() || !request.threads.is_empty();
        if is_loaded || self.head.is_none() {
            let rows = self.session.query(&request.statement(self.ws)).await?;
            self.loads += 1;
            self.take_rows(&rows)?;
        }
        for key in &wanted {
            // Commands of one group may want the same.
            if !self.state.contains(key) {
                self.settle_key(key)?;
            }
        }
        for key in wanted {
            if let Key::Query(query) = key
                && !self.state.contains(key)
            {
                let answer = Box::pin(self.answer_query(query)).await?;
                self.state.insert_answer(query.clone(), answer);
            }
        }
        Ok(())
    }

    fn request(&self, key: &Key, request: &mut Request) {
        match key {
            Key::Conversation(id) => request.add(Table::Conversation, keys::conversation(*id)),
            Key::Thread(inbox, contact) => {
                if let Some(inbox) = self.directory.inboxes.number(inbox) {
                    let thread = (keys::contact(contact), i64::from(inbox.get()));
                    request.threads.insert(thread);
                }
            }
            Key::Message(of, id) => request.add(Table::Message, keys::message(*of, *id)),
            Key::Note(of, at, id) => request.add(Table::Note, keys::note(*of, *at, *id)),
            Key::ProviderId(inbox, id) => {
                if let Some(inbox) = self.directory.inboxes.number(inbox)
                    && !id.imported_in().is_some_and(|of| self.is_new(of))
                {
                    let hash = self.hashes.of_provider_id(inbox, id);
                    request.add(Table::ProviderId, keys::provider_id(inbox, hash));
                }
            }
            Key::Idempotency(key) => {
                request.add(Table::Idempotency, self.hashes.of_key(key).to_vec());
            }
            Key::Consumer(name) => {
                request.add(Table::Consumer, name.as_str().as_bytes().to_vec());
            }
            Key::Import(name) => request.add(Table::Import, name.as_str().as_bytes().to_vec()),
            Key::Contact(id) => request.add(Table::Contact, keys::contact(id)),
            Key::Identity(identity) => request.add(Table::Identity, keys::identity(identity)),
            Key::Assignee(_) | Key::Members(_) | Key::Inbox(_) | Key::View(_) | Key::Query(_) => {}
        }
    }

    fn take_rows(&mut self, rows: &[Row]) -> Done<()> {
        let head = rows.iter().find(|row| row.get::<_, i16>(0) == arm::HEAD);
        let head = head.ok_or_else(|| Error::corrupted("the workspace is missing"))?;
        let numbers: Vec<i64> = head.get(5);
        let head = Head::read(head.get(2), head.get(3), &numbers)?;
        if head.epoch != self.epoch {
            // The directory was changed since it was read.
            return Err(Fault::Stale);
        }
        if self.head.is_none() {
            self.now = self.clock(head.now);
        }
        self.head.get_or_insert(head);
        for row in rows {
            let (arm, key): (i16, Option<&[u8]>) = (row.get(0), row.get(1));
            let key = key.unwrap_or_default();
            match arm {
                arm::HEAD => {}
                arm::CONTACT_ALIAS => {
                    let target = keys::contact_of(row.get(4))?;
                    let id = keys::contact_of(key)?;
                    self.state.contact_aliases.insert(id, Some(target));
                }
                arm::CONVERSATION_ALIAS => {
                    let target = keys::conversation_of(row.get(4))?;
                    let id = keys::conversation_of(key)?;
                    self.state.conversation_aliases.insert(id, Some(target));
                }
                arm => self.take_row(arm, key, row)?,
            }
        }
        Ok(())
    }

    fn take_row(&mut self, arm: i16, key: &[u8], row: &Row) -> Done<()> {
        let table = rows::TABLES.into_iter().find(|table| *table as i16 == arm);
        let table = table.ok_or_else(|| Error::corrupted("a row is of no table"))?;
        let stamp = (table, key.to_vec());
        if self.stamps.contains_key(&stamp) {
            // Two keys led to it, or it is loaded already.
            return Ok(());
        }
        let record: &[u8] = row.get(3);
        match table {
            Table::Conversation => {
                let id = keys::conversation_of(key)?;
                let record: ConversationRecord = rows::decode(table.name(), key, record)?;
                let stored = self.directory.decode(id, record).map_err(Error::from)?;
                self.see(&stored.conversation, row.get(4));
                self.insert_conversation(id, stored)?;
            }
            Table::Message => {
                let message = message_of(key, row.get(4), record)?;
                let id = (message.conversation_id, message.id);
                self.state.messages.insert(id, Some(message));
            }
            // These are decoded by the key that asked for them.
            _ => {
                self.loaded.insert(stamp.clone(), record.to_vec());
            }
        }
        self.stamps.insert(stamp, Some(row.get(2)));
        Ok(())
    }

    /// Where nothing else orders commits, the time and the ids of a command are behind those of the conversations
    /// that it rests on.
    fn see(&mut self, known: &Conversation, newest_id: &[u8]) {
        if self.numbering == Numbering::Settled {
            let newest_id = newest_id.try_into().map_or(0, u128::from_be_bytes);
            self.seen_id = self.seen_id.max(newest_id);
            // An import may bring an activity of the future; an id has the millisecond of the commit.
            let of_commit = ConversationId::from_raw(newest_id).timestamp_ms();
            let micros = i64::try_from(of_commit).unwrap_or_default() * 1_000;
            let of_commit = match time::millis(known.updated_at) == of_commit {
                true => known.updated_at,
                false => time::from_micros(micros).unwrap_or_default(),
            };
            self.seen = self.seen.max(of_commit);
        }
    }

    /// A conversation of a removed assignee is shown as its successor's.
    fn insert_conversation(&mut self, id: ConversationId, stored: Stored) -> Result<()> {
        let owner = stored.numbers.owner;
        if !self.directory.is_redirected(owner) {
            let conversation = Some(stored.conversation);
            self.state.conversations.insert(id, conversation);
            return Ok(());
        }
        let shown = stored.clone().shown(&self.directory)?;
        self.state
            .conversations
            .insert_as(id, stored.conversation, shown);
        let redirected = Redirected {
            owner,
            is_reassigned: false,
        };
        self.redirected.insert(id, redirected);
        Ok(())
    }

    /// Puts what a key leads to into the map, or that nothing is there. The map has what was loaded by its own key.
    fn settle_key(&mut self, key: &Key) -> Result<()> {
        match key {
            Key::Conversation(id) => {
                self.absent(Table::Conversation, keys::conversation(*id));
                self.state.conversations.insert(*id, None);
            }
            Key::Thread(inbox, contact) => self.settle_thread(inbox, contact),
            Key::Message(of, id) => {
                self.absent(Table::Message, keys::message(*of, *id));
                self.state.messages.insert((*of, *id), None);
            }
            Key::Note(of, at, id) => {
                let stored: Option<NoteRecord<'static>> =
                    self.take(Table::Note, keys::note(*of, *at, *id))?;
                let note = stored.map(|record| record.into_note(*of, *at, *id));
                self.state.notes.insert((*of, *at, *id), note);
            }
            Key::ProviderId(inbox, id) => {
                let known = match self.directory.inboxes.number(inbox) {
                    Some(inbox) => {
                        let hash = self.hashes.of_provider_id(inbox, id);
                        self.take(Table::ProviderId, keys::provider_id(inbox, hash))?
                    }
                    None => None,
                };
                let key = (inbox.clone(), id.clone());
                self.state.provider_ids.insert(key, known);
            }
            Key::Idempotency(key) => {
                let record = self.take(Table::Idempotency, self.hashes.of_key(key).to_vec())?;
                self.state.idempotency.insert(key.clone(), record);
            }
            Key::Consumer(name) => {
                let position: Option<EventSeq> =
                    self.take(Table::Consumer, name.as_str().as_bytes().to_vec())?;
                self.state.consumers.insert(name.clone(), position);
            }
            Key::Import(name) => {
                let progress = self.take(Table::Import, name.as_str().as_bytes().to_vec())?;
                self.state.imports.insert(name.clone(), progress);
            }
            Key::Contact(id) => {
                let record: Option<ContactRecord> = self.take(Table::Contact, keys::contact(id))?;
                let contact = record.map(|record| record.into_contact(id.clone()));
                self.state.contacts.insert(id.clone(), contact);
            }
            Key::Identity(identity) => {
                let contact: Option<ContactId> =
                    self.take(Table::Identity, keys::identity(identity))?;
                self.state.identities.insert(identity.clone(), contact);
            }
            Key::Assignee(id) => {
                let assignee = self.directory.get(id).cloned();
                self.state.assignees.insert(id.clone(), assignee);
            }
            Key::Members(team) => {
                let members = self.directory.members_of(team).to_vec();
                self.state.members.insert(team.clone(), Some(members));
            }
            Key::Inbox(id) => {
                let inbox = self.directory.inboxes.get(id).cloned();
                self.state.inboxes.insert(id.clone(), inbox);
            }
            Key::View(id) => {
                // How far it is built is asked by reads alone.
                let saved = self.directory.views.get(id);
                let view = saved.map(|saved| convodb_core::View::clone(&saved.view));
                self.state.views.insert(id.clone(), view);
            }
            Key::Query(_) => {}
        }
        Ok(())
    }

    fn settle_thread(&mut self, inbox: &InboxRef, contact: &ContactId) {
        let thread = (inbox.clone(), contact.clone());
        let known = self.state.conversations.range(..);
        let found = known
            .filter(|known| known.contact_id == *contact && known.inbox() == *inbox)
            .map(|known| known.id)
            .next();
        if found.is_none()
            && let Some(number) = self.directory.inboxes.number(inbox)
        {
            let absent = (keys::contact(contact), i64::from(number.get()));
            self.absent_threads.insert(absent);
        }
        self.state.threads.insert(thread, found);
    }

    /// What was loaded of a key, or that nothing was.
    fn take<R: convodb_core::codec::Record>(
        &mut self,
        table: Table,
        key: Vec<u8>,
    ) -> Result<Option<R>> {
        match self.loaded.remove(&(table, key.clone())) {
            Some(record) => rows::decode(table.name(), &key, &record).map(Some),
            None => {
                self.absent(table, key);
                Ok(None)
            }
        }
    }

    fn absent(&mut self, table: Table, key: Vec<u8>) {
        self.stamps.entry((table, key)).or_insert(None);
    }
}
