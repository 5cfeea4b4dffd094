//! What changes do that reach beyond the entities that are loaded. Only an exclusive unit applies them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use convodb_core::records::{NoteRecord, RedirectStep, ViewBuilt};
use convodb_core::{
    Change, ChangeKind, ContactId, ConversationId, Error, EventSeq, InboxNumber, Message,
    MessageId, NewEvent, Note, NoteId, ProviderId, ProviderIdState, ViewId,
};

use crate::counts;
use crate::fault::Done;
use crate::keys::{self, micros};
use crate::load::message_of;
use crate::numbering::Numbering;
use crate::reader;
use crate::rows::{self, Row, Table};
use crate::session::Statement;
use crate::unit::Unit;
use crate::write::{add_view_rows, message_row, provider_id_row};

impl Unit {
    pub(crate) async fn write_wide(&mut self, change: &Change) -> Done<()> {
        if self.numbering == Numbering::Settled {
            // Events that have no number yet are changed like the others.
            counts::settle_within(&self.session, self.ws).await?;
        }
        match &change.kind {
            ChangeKind::ConversationDeleted { conversation } => {
                self.bury_messages(*conversation).await?;
                self.remove_history(*conversation, None).await
            }
            ChangeKind::ConversationMerged { from, into } => {
                self.move_messages(*from, *into).await?;
                self.remove_history(*from, Some(*into)).await
            }
            ChangeKind::ContactMerged { from, into } => {
                let (from, into) = (keys::contact(from), keys::contact(into));
                let sql =
                    "UPDATE convodb.contact_alias SET target = $3 WHERE ws = $1 AND target = $2";
                self.run(Statement::new(sql).bind(self.ws).bind(from).bind(into))
                    .await
            }
            ChangeKind::ContactErased { contact } => self.erase_from_events(contact).await,
            ChangeKind::UnmatchedPurged { before } => {
                let sql = "DELETE FROM convodb.provider_id WHERE ws = $1 AND since < $2";
                self.run(Statement::new(sql).bind(self.ws).bind(micros(*before)))
                    .await
            }
            ChangeKind::KeysPurged { before } => {
                let sql = "DELETE FROM convodb.idempotency WHERE ws = $1 AND at < $2";
                self.run(Statement::new(sql).bind(self.ws).bind(micros(*before)))
                    .await
            }
            ChangeKind::EventsPurged { before } => self.purge_events(*before).await,
            ChangeKind::ViewSaved(_)
            | ChangeKind::ViewRemoved { .. }
            | ChangeKind::ViewBuilt { .. }
            | ChangeKind::ViewRowsRemoved { .. } => self.write_view(&change.kind).await,
            ChangeKind::AssigneeRemoved {
                assignee,
                successor,
            } => {
                let directory = Arc::make_mut(&mut self.directory);
                let step = RedirectStep {
                    owner: directory.owner_of(successor.as_ref())?,
                    successor: successor.clone(),
                    at: change.at,
                    actor: change.actor.clone(),
                };
                self.drained.insert(directory.remove(assignee, &step)?);
                directory.views.reassign(assignee, successor.as_ref());
                self.flush_edits().await
            }
            _ => Ok(()),
        }
    }

    async fn run(&self, statement: Statement) -> Done<()> {
        self.session.query(&statement).await?;
        Ok(())
    }

    async fn flush_edits(&mut self) -> Done<()> {
        let mut statements = Vec::new();
        self.write_edits(&mut statements)?;
        self.session.pipeline(&statements).await?;
        Ok(())
    }

    /// Every message of a conversation, oldest first.
    async fn messages_of(&self, of: ConversationId) -> Done<Vec<Message>> {
        let (first, last) = keys::all_of(of);
        let sql = "SELECT key, place, record FROM convodb.message \
                   WHERE ws = $1 AND place BETWEEN $2 AND $3 ORDER BY place";
        let statement = Statement::new(sql).bind(self.ws).bind(first).bind(last);
        let rows = self.query(statement).await?;
        let messages = rows
            .iter()
            .map(|row| message_of(row.get(0), row.get(1), row.get(2)));
        Ok(messages.collect::<Result<_, _>>()?)
    }

    /// Leaves tombstones of the ids of a conversation's messages, so that they do not come back. A sender may
    /// use its reference again.
    async fn bury_messages(&mut self, of: ConversationId) -> Done<()> {
        // Found by a change's keys, or by its decision.
        let Some(Some(known)) = self.state.conversations.get(&of) else {
            return Ok(());
        };
        let inbox = self.directory.inboxes.number_of(known)?;
        let (mut removed, mut buried) = (Vec::new(), BTreeMap::new());
        for message in self.messages_of(of).await? {
            for id in message.foreign_ids() {
                let key = self.provider_key(inbox, &id);
                if id.is_reference() {
                    removed.push(key);
                } else {
                    let row = provider_id_row(key.clone(), &ProviderIdState::Tombstone)?;
                    buried.insert(key, row);
                }
            }
        }
        let table = Table::ProviderId;
        if !removed.is_empty() {
            self.run(rows::delete(self.ws, table, removed)).await?;
        }
        if !buried.is_empty() {
            let buried = buried.into_values().collect();
            self.run(rows::upsert(self.ws, self.version, table, buried))
                .await?;
        }
        Ok(())
    }

    fn provider_key(&self, inbox: InboxNumber, id: &ProviderId) -> Vec<u8> {
        keys::provider_id(inbox, self.hashes.of_provider_id(inbox, id))
    }

    /// Removes the messages, notes and audit log of a conversation. What its aliases mean is another one, or
    /// nothing.
    async fn remove_history(
        &mut self,
        of: ConversationId,
        into: Option<ConversationId>,
    ) -> Done<()> {
        let ((first, last), key) = (keys::all_of(of), keys::conversation(of));
        let within = |sql: &'static str| {
            let statement = Statement::new(sql).bind(self.ws);
            statement.bind(first.clone()).bind(last.clone())
        };
        let of_key = |sql: &'static str| Statement::new(sql).bind(self.ws).bind(key.clone());
        let mut statements = vec![
            within("DELETE FROM convodb.message WHERE ws = $1 AND place BETWEEN $2 AND $3"),
            within("DELETE FROM convodb.note WHERE ws = $1 AND key BETWEEN $2 AND $3"),
            of_key("UPDATE convodb.event SET audit = NULL WHERE ws = $1 AND audit = $2"),
            of_key("DELETE FROM convodb.audit WHERE ws = $1 AND conversation = $2"),
        ];
        statements.push(match into {
            Some(into) => of_key(
                "UPDATE convodb.conversation_alias SET target = $3 WHERE ws = $1 AND target = $2",
            )
            .bind(keys::conversation(into)),
            None => of_key("DELETE FROM convodb.conversation_alias WHERE ws = $1 AND target = $2"),
        });
        self.session.pipeline(&statements).await?;
        Ok(())
    }

    /// Puts all messages and notes of a conversation into another one of the same inbox, each at its place. An
    /// id that the other one has too becomes the next free one.
    async fn move_messages(&mut self, from: ConversationId, into: ConversationId) -> Done<()> {
        let Some(Some(known)) = self.state.conversations.get(&from) else {
            return Ok(());
        };
        let inbox = self.directory.inboxes.number_of(known)?;
        let mut moved = self.messages_of(from).await?;
        let others = self.messages_of(into).await?;
        let mut taken: BTreeSet<MessageId> = others.iter().map(|message| message.id).collect();
        let imported = others.iter().filter_map(|message| message.extras.as_ref());
        let imported: BTreeSet<String> = imported
            .filter_map(|extras| extras.import_id.clone())
            .collect();
        let notes = self.notes_of(from).await?;
        let known_notes = self.notes_of(into).await?;
        let mut renamed = BTreeMap::new();
        let mut dropped = Vec::new();
        for message in &mut moved {
            let id = message.id;
            while !taken.insert(message.id) {
                message.id = MessageId::from_raw(message.id.raw().wrapping_add(1));
            }
            if message.id != id {
                renamed.insert(id, message.id);
            }
            message.conversation_id = into;
            if let Some(extras) = &mut message.extras
                && let Some(id) = &extras.import_id
            {
                // It is unique in its conversation: the other one's stays.
                dropped.push(self.provider_key(inbox, &ProviderId::of_import(from, id)));
                if imported.contains(id) {
                    extras.import_id = None;
                }
            }
        }
        for message in moved.iter_mut().filter(|_| !renamed.is_empty()) {
            let extras = message.extras.as_mut();
            let reference = extras.and_then(|extras| extras.reply_to.as_mut());
            let answered = reference.and_then(|reference| reference.message_id.as_mut());
            if let Some(answered) = answered
                && let Some(id) = renamed.get(answered)
            {
                *answered = *id;
            }
        }
        if !dropped.is_empty() {
            self.run(rows::delete(self.ws, Table::ProviderId, dropped))
                .await?;
        }
        self.put_messages(inbox, &moved).await?;
        let mut known: BTreeSet<NoteId> = known_notes.iter().map(|note| note.id).collect();
        let notes: Vec<Note> = notes
            .into_iter()
            .map(|mut note| {
                while !known.insert(note.id) {
                    note.id = NoteId::from_raw(note.id.raw().wrapping_add(1));
                }
                note.conversation_id = into;
                note
            })
            .collect();
        self.put_notes(&notes).await
    }

    async fn notes_of(&self, of: ConversationId) -> Done<Vec<Note>> {
        let rows = self
            .query(reader::notes_statement(self.ws, of, None))
            .await?;
        Ok(reader::read_notes(&rows)?)
    }

    async fn put_messages(&mut self, inbox: InboxNumber, messages: &[Message]) -> Done<()> {
        let (mut put, mut ids) = (Vec::with_capacity(messages.len()), BTreeMap::new());
        for message in messages {
            put.push(message_row(message)?);
            let known = ProviderIdState::Message(message.conversation_id, message.id);
            for id in message.foreign_ids() {
                let key = self.provider_key(inbox, &id);
                ids.insert(key.clone(), provider_id_row(key, &known)?);
            }
        }
        let mut statements = Vec::new();
        if !put.is_empty() {
            statements.push(rows::upsert(self.ws, self.version, Table::Message, put));
        }
        if !ids.is_empty() {
            let ids: Vec<Row> = ids.into_values().collect();
            statements.push(rows::upsert(self.ws, self.version, Table::ProviderId, ids));
        }
        self.session.pipeline(&statements).await?;
        Ok(())
    }

    async fn put_notes(&self, notes: &[Note]) -> Done<()> {
        let row = |note: &Note| {
            Ok(Row {
                key: keys::note(note.conversation_id, note.created_at, note.id),
                record: rows::encode(&NoteRecord::from(note))?,
                values: Vec::new(),
            })
        };
        let put: Vec<Row> = notes.iter().map(row).collect::<Result<_, Error>>()?;
        match put.is_empty() {
            true => Ok(()),
            false => {
                self.run(rows::upsert(self.ws, self.version, Table::Note, put))
                    .await
            }
        }
    }

    /// Takes a contact out of the events that name it, and its aliases. Their numbers stay, as there are no gaps.
    async fn erase_from_events(&mut self, contact: &ContactId) -> Done<()> {
        let sql = "DELETE FROM convodb.contact_alias WHERE ws = $1 AND target = $2 RETURNING key";
        let delete = Statement::new(sql)
            .bind(self.ws)
            .bind(keys::contact(contact));
        let aliases = self.query(delete).await?;
        let aliases = aliases.iter().map(|row| keys::contact_of(row.get(0)));
        let mut ids: Vec<ContactId> = aliases.collect::<Result<_, _>>()?;
        ids.push(contact.clone());
        let hashes: Vec<Vec<u8>> = ids
            .iter()
            .map(|id| self.hashes.of_contact(id).to_vec())
            .collect();
        let sql = "SELECT number, record FROM convodb.event WHERE ws = $1 AND contacts && $2";
        let named = self
            .query(Statement::new(sql).bind(self.ws).bind(hashes))
            .await?;
        if named.is_empty() {
            return Ok(());
        }
        let (mut numbers, mut records) = (Vec::new(), Vec::new());
        for row in &named {
            let number: i64 = row.get(0);
            let event: NewEvent = reader::event_record(number, row.get(1))?;
            numbers.push(number);
            records.push(rows::encode(&event.erased())?);
        }
        let sql = "UPDATE convodb.event t SET record = u.record, contacts = NULL \
                   FROM unnest($2::bigint[], $3::bytea[]) AS u(number, record) \
                   WHERE t.ws = $1 AND t.number = u.number";
        self.run(
            Statement::new(sql)
                .bind(self.ws)
                .bind(numbers)
                .bind(records),
        )
        .await
    }

    /// Drops the events before one. Audit logs keep those that they have.
    async fn purge_events(&mut self, before: EventSeq) -> Done<()> {
        let head = self.head()?;
        let (from, number) = (reader::signed(head.oldest_event), reader::signed(before));
        let kept = reader::signed(head.newest_event) - number + 1;
        let of = |sql: &'static str| Statement::new(sql).bind(self.ws).bind(number);
        let statements = [
            of(
                "INSERT INTO convodb.audit (ws, conversation, number, record) \
                SELECT ws, audit, number, record FROM convodb.event \
                WHERE ws = $1 AND number >= $3 AND number < $2 AND audit IS NOT NULL",
            )
            .bind(from),
            of("UPDATE convodb.workspace SET oldest_event = $2 WHERE ws = $1"),
        ];
        self.session.pipeline(&statements).await?;
        self.remove_events(from, number, kept).await?;
        if let Some(head) = &mut self.head {
            head.oldest_event = before;
        }
        Ok(())
    }

    /// Builds a part of a view's list, or takes a part of a list away that no view has any longer. At most so
    /// many conversations are read, or rows removed. Answers how many; nothing where there is no work.
    pub(crate) async fn build_views(&mut self, limit: usize) -> Done<Option<usize>> {
        if limit == 0 || !self.directory.views.has_work() {
            return Ok(None);
        }
        self.flush().await?;
        let views = &self.directory.views;
        let (kind, work) = match views.iter().find(|saved| !saved.built.is_complete()) {
            Some(saved) => {
                let (view, after) = (saved.view.id.clone(), saved.built.through);
                let ids = self.ids_after(after, limit).await?;
                let is_last = ids.len() < limit;
                let change = ChangeKind::ViewBuilt {
                    view,
                    through: ids.last().copied().filter(|_| !is_last),
                    read: u32::try_from(ids.len()).unwrap_or(u32::MAX),
                };
                (change, ids.len())
            }
            None => {
                let Some(list) = views.first_removed() else {
                    return Ok(None);
                };
                let rows = u32::try_from(limit).unwrap_or(u32::MAX);
                (ChangeKind::ViewRowsRemoved { list, rows }, limit)
            }
        };
        let change = Change {
            at: self.now,
            actor: None,
            kind,
        };
        Box::pin(self.apply(vec![change])).await?;
        Ok(Some(work.max(1)))
    }

    /// The same for as many views as there is room for.
    pub(crate) async fn build_at_once(&mut self, limit: usize) -> Done<()> {
        let mut left = limit;
        while let Some(work) = self.build_views(left).await? {
            left = left.saturating_sub(work);
        }
        Ok(())
    }

    async fn ids_after(
        &self,
        after: Option<ConversationId>,
        limit: usize,
    ) -> Done<Vec<ConversationId>> {
        let sql =
            "SELECT key FROM convodb.conversation WHERE ws = $1 AND key > $2 ORDER BY key LIMIT $3";
        let after = after.map(keys::conversation).unwrap_or_default();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let statement = Statement::new(sql).bind(self.ws).bind(after).bind(limit);
        let rows = self.query(statement).await?;
        let ids = rows.iter().map(|row| keys::conversation_of(row.get(0)));
        Ok(ids.collect::<Result<_, _>>()?)
    }

    async fn write_view(&mut self, change: &ChangeKind) -> Done<()> {
        let directory = Arc::make_mut(&mut self.directory);
        match change {
            ChangeKind::ViewSaved(view) => directory.views.save(convodb_core::View::clone(view)),
            ChangeKind::ViewRemoved { view } => directory.views.remove(view),
            ChangeKind::ViewBuilt {
                view,
                through,
                read,
            } => self.build_view(view, *through, *read).await?,
            ChangeKind::ViewRowsRemoved { list, rows } => self.remove_rows(*list, *rows).await?,
            _ => {}
        }
        self.flush_edits().await
    }

    /// Adds the conversations up to one to the list of a view, or all.
    async fn build_view(
        &mut self,
        id: &ViewId,
        through: Option<ConversationId>,
        read: u32,
    ) -> Done<()> {
        let known = self.directory.views.get(id).cloned();
        let mut saved =
            known.ok_or_else(|| Error::corrupted("a view is built that is not there"))?;
        let after = saved.built.through;
        saved.built = ViewBuilt {
            through,
            done: saved.built.done + u64::from(read),
            is_complete: through.is_none(),
        };
        let sql = "SELECT key, record FROM convodb.conversation WHERE ws = $1 AND key > $2 \
                   ORDER BY key LIMIT $3";
        let after = after.map(keys::conversation).unwrap_or_default();
        let statement = Statement::new(sql)
            .bind(self.ws)
            .bind(after)
            .bind(i64::from(read));
        let (mut lists, mut places, mut ids) = (Vec::new(), Vec::new(), Vec::new());
        for row in self.query(statement).await? {
            let stored = reader::decode_conversation(&self.directory, row.get(0), row.get(1))?;
            let shown = stored.shown(&self.directory)?;
            if let Some((list, place)) = saved.place(&shown) {
                self.count_in_view(list, &place, 1);
                lists.push(i64::from(list));
                places.push(place.to_vec());
                ids.push(keys::conversation(shown.id));
            }
        }
        self.run(add_view_rows(self.ws, lists, places, ids)).await?;
        Arc::make_mut(&mut self.directory).views.put(saved);
        Ok(())
    }

    /// Removes the first rows of a list that no view has any longer, and forgets it with the last one.
    async fn remove_rows(&mut self, list: u32, limit: u32) -> Done<()> {
        let sql = "DELETE FROM convodb.view_row WHERE ws = $1 AND list = $2 AND place = ANY(ARRAY( \
                   SELECT place FROM convodb.view_row WHERE ws = $1 AND list = $2 ORDER BY place LIMIT $3)) \
                   RETURNING place";
        let statement = Statement::new(sql).bind(self.ws).bind(i64::from(list));
        let rows = self.query(statement.bind(i64::from(limit))).await?;
        for row in &rows {
            let place = row.get::<_, &[u8]>(0).try_into();
            let place = place.map_err(|_| Error::corrupted("a place in a view is malformed"))?;
            self.count_in_view(list, &place, -1);
        }
        if rows.len() < limit as usize {
            let directory = Arc::make_mut(&mut self.directory);
            directory.views.forget_list(list);
        }
        Ok(())
    }
}
