//! Every read, of what is committed, of a snapshot, or within the transaction of an exclusive unit.

use std::collections::BTreeMap;
use std::ops::Bound;

use convodb_core::directory::views::SavedView;
use convodb_core::directory::{Directory, Stored};
use convodb_core::records::{ContactRecord, ConversationRecord, NoteRecord};
use convodb_core::{
    Assignee, AssigneeId, AssigneeKind, ConsumerName, ConsumerPosition, Contact, ContactFilter,
    ContactId, Conversation, ConversationId, EntityKind, Error, Event, EventSeq, Hashes, Identity,
    ImportName, ImportProgress, Inbox, InboxId, InboxRef, InvalidInput, Message, MessageId,
    MessageRange, MessageRef, NewEvent, Note, NoteId, Page, PagePosition, PageRequest, ProviderId,
    ProviderIdState, Result, TagCount, Team, TeamId, Transcript, View, ViewId, folded,
    indexed_name,
};
use tokio_postgres::Row;

use crate::fault::{Done, Fault};
use crate::head::Head;
use crate::keys;
use crate::load::message_of;
use crate::rows::{self, Table};
use crate::session::{Session, Statement};

/// A connection, and the directory that what is read refers to.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) session: &'a Session,
    pub(crate) ws: i32,
    pub(crate) directory: &'a Directory,
    pub(crate) hashes: Hashes,
    /// The number of the change of the directory that it has.
    pub(crate) epoch: i64,
}

/// A number as a column has it.
pub(crate) fn signed(seq: EventSeq) -> i64 {
    i64::try_from(seq.get()).unwrap_or(i64::MAX)
}

pub(crate) fn decode_conversation(
    directory: &Directory,
    key: &[u8],
    record: &[u8],
) -> Result<Stored> {
    let record: ConversationRecord = rows::decode(Table::Conversation.name(), key, record)?;
    Ok(directory.decode(keys::conversation_of(key)?, record)?)
}

pub(crate) fn event_record(number: i64, record: &[u8]) -> Result<NewEvent> {
    rows::decode("convodb.event", &number.to_be_bytes(), record)
}

fn read_event(row: &Row) -> Result<Event> {
    let number: i64 = row.get(0);
    let event = event_record(number, row.get(1))?;
    Ok(event.numbered(EventSeq::new(number.unsigned_abs())))
}

/// The notes of a conversation, behind one of them or from the first.
pub(crate) fn notes_statement(ws: i32, of: ConversationId, after: Option<&Note>) -> Statement {
    let (first, last) = keys::all_of(of);
    let after = after.map(|note| keys::note(of, note.created_at, note.id));
    let sql = "SELECT key, record FROM convodb.note WHERE ws = $1 AND key > $2 AND key <= $3 ORDER BY key";
    let statement = Statement::new(sql).bind(ws);
    statement.bind(after.unwrap_or(first)).bind(last)
}

pub(crate) fn read_notes(rows: &[Row]) -> Result<Vec<Note>> {
    let read = |row: &Row| {
        let key: &[u8] = row.get(0);
        let (of, at, id) = keys::place_of(key)?;
        let record: NoteRecord<'static> = rows::decode(Table::Note.name(), key, row.get(1))?;
        Ok(record.into_note(of, at, NoteId::from_raw(id)))
    };
    rows.iter().map(read).collect()
}

fn read_contact(key: &[u8], record: &[u8]) -> Result<Contact> {
    let record: ContactRecord = rows::decode(Table::Contact.name(), key, record)?;
    Ok(record.into_contact(keys::contact_of(key)?))
}

/// From which end of a thread to read at most so many messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Oldest,
    Newest,
}

impl Reader<'_> {
    pub(crate) async fn query(&self, statement: Statement) -> Done<Vec<Row>> {
        Ok(self.session.query(&statement).await?)
    }

    fn of(&self, sql: &'static str) -> Statement {
        Statement::new(sql).bind(self.ws)
    }

    /// An error where the directory was changed since it was read.
    pub(crate) fn check_epoch(&self, rows: &[Row]) -> Done<()> {
        match rows.first().map(|row| row.get::<_, i64>(0)) {
            Some(epoch) if epoch != self.epoch => Err(Fault::Stale),
            _ => Ok(()),
        }
    }

    /// The counters of the workspace.
    pub(crate) async fn head(&self) -> Done<Head> {
        let rows = self.query(Head::statement(self.ws)).await?;
        let row = rows.first();
        let row = row.ok_or_else(|| Error::corrupted("the workspace is missing"))?;
        Ok(Head::of_row(row)?)
    }

    /// Checks that the directory is the present one, for what nothing else is read of.
    pub(crate) async fn current(&self) -> Done<&Self> {
        match self.head().await?.epoch == self.epoch {
            true => Ok(self),
            false => Err(Fault::Stale),
        }
    }

    pub(crate) async fn conversation(&self, id: ConversationId) -> Done<Conversation> {
        let found = self.conversations(&[id]).await?.pop().flatten();
        Ok(found.ok_or_else(|| Error::not_found(EntityKind::Conversation, id))?)
    }

    pub(crate) async fn conversations(
        &self,
        ids: &[ConversationId],
    ) -> Done<Vec<Option<Conversation>>> {
        let keys: Vec<_> = ids.iter().map(|id| keys::conversation(*id)).collect();
        let sql = "SELECT w.epoch, k.key, c.key, c.record FROM convodb.workspace w \
                   CROSS JOIN unnest($2::bytea[]) AS k(key) CROSS JOIN LATERAL ( \
                     SELECT c.key, c.record FROM convodb.conversation c WHERE c.ws = $1 AND c.key = coalesce( \
                       (SELECT a.target FROM convodb.conversation_alias a WHERE a.ws = $1 AND a.key = k.key), \
                       k.key) LIMIT 1) c WHERE w.ws = $1";
        let rows = self.query(self.of(sql).bind(keys)).await?;
        self.check_epoch(&rows)?;
        let mut found = BTreeMap::new();
        for row in &rows {
            let asked = keys::conversation_of(row.get(1))?;
            let stored = decode_conversation(self.directory, row.get(2), row.get(3))?;
            found.insert(asked, stored.shown(self.directory)?.shown());
        }
        Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
    }

    pub(crate) async fn find_conversation(
        &self,
        contact: &ContactId,
        inbox: &InboxRef,
    ) -> Done<Option<Conversation>> {
        let Some(inbox) = self.directory.inboxes.number(inbox) else {
            self.current().await?;
            return Ok(None);
        };
        let mut threads = self.threads(contact).await?;
        if !threads.iter().any(|stored| stored.numbers.inbox == inbox) {
            threads = self.threads(&self.contact_meant(contact).await?).await?;
        }
        let found = threads
            .into_iter()
            .find(|stored| stored.numbers.inbox == inbox);
        let shown = found
            .map(|stored| stored.shown(self.directory))
            .transpose()?;
        Ok(shown.map(Conversation::shown))
    }

    /// The conversations of a contact as they are stored, by the numbers of their inboxes.
    async fn threads(&self, contact: &ContactId) -> Done<Vec<Stored>> {
        let sql = "SELECT w.epoch, c.key, c.record FROM convodb.workspace w \
                   JOIN convodb.conversation c ON c.ws = w.ws AND c.contact = $2 \
                   WHERE w.ws = $1 ORDER BY c.inbox";
        let rows = self
            .query(self.of(sql).bind(keys::contact(contact)))
            .await?;
        self.check_epoch(&rows)?;
        let decoded = rows
            .iter()
            .map(|row| decode_conversation(self.directory, row.get(1), row.get(2)));
        Ok(decoded.collect::<Result<_>>()?)
    }

    /// The contact that an id means: where it was merged, the one that it was merged into.
    pub(crate) async fn contact_meant(&self, id: &ContactId) -> Done<ContactId> {
        let sql = "SELECT target FROM convodb.contact_alias WHERE ws = $1 AND key = $2";
        let rows = self.query(self.of(sql).bind(keys::contact(id))).await?;
        match rows.first() {
            Some(row) => Ok(keys::contact_of(row.get(0))?),
            None => Ok(id.clone()),
        }
    }

    pub(crate) async fn conversations_of(&self, contact: &ContactId) -> Done<Vec<Conversation>> {
        let mut threads = self.threads(contact).await?;
        if threads.is_empty() {
            threads = self.threads(&self.contact_meant(contact).await?).await?;
        }
        let shown = threads
            .into_iter()
            .map(|stored| stored.shown(self.directory).map(Conversation::shown));
        Ok(shown.collect::<Result<_>>()?)
    }

    pub(crate) async fn transcript(&self, id: ConversationId) -> Done<Transcript> {
        let conversation = self.conversation(id).await?;
        let all = MessageRange::all();
        let messages = self.stored_messages(conversation.id, &all, None).await?;
        let messages = self.shown(Some(&conversation), messages).await?;
        Ok(Transcript::new(conversation, messages))
    }

    /// The messages of a range as they are stored, oldest first; or the newest so many, newest first.
    pub(crate) async fn stored_messages(
        &self,
        of: ConversationId,
        range: &MessageRange,
        newest: Option<usize>,
    ) -> Done<Vec<Message>> {
        match newest {
            Some(limit) => self.messages_from(of, range, End::Newest, limit).await,
            None => self.messages_from(of, range, End::Oldest, usize::MAX).await,
        }
    }

    async fn messages_from(
        &self,
        of: ConversationId,
        range: &MessageRange,
        from: End,
        limit: usize,
    ) -> Done<Vec<Message>> {
        let place = |(us, id): (u64, MessageId)| {
            let mut place = keys::conversation(of);
            place.extend(us.to_be_bytes());
            place.extend(id.raw().to_be_bytes());
            place
        };
        let (first, last) = keys::all_of(of);
        let (start, end) = range.bounds();
        // A place with another byte is the next one behind it.
        let behind = |at| [place(at), vec![0]].concat();
        let start = match start {
            Bound::Included(at) => place(at),
            Bound::Excluded(at) => behind(at),
            Bound::Unbounded => first,
        };
        let end = match end {
            Bound::Included(at) => behind(at),
            Bound::Excluded(at) => place(at),
            Bound::Unbounded => [last, vec![0]].concat(),
        };
        let order = match from {
            End::Oldest => "ASC",
            End::Newest => "DESC",
        };
        let sql = format!(
            "SELECT key, place, record FROM convodb.message WHERE ws = $1 AND place >= $2 \
             AND place < $3 ORDER BY place {order} LIMIT $4"
        );
        let statement = Statement::new(sql).bind(self.ws).bind(start).bind(end);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = self.query(statement.bind(limit)).await?;
        let messages = rows
            .iter()
            .map(|row| message_of(row.get(0), row.get(1), row.get(2)));
        Ok(messages.collect::<Result<_>>()?)
    }

    /// At most `limit` messages of a range, from either end, in the order of reading.
    pub(crate) async fn messages(
        &self,
        of: ConversationId,
        range: &MessageRange,
        from: End,
        limit: usize,
    ) -> Done<Vec<Message>> {
        let of = self.conversation(of).await?.id;
        let messages = self.messages_from(of, range, from, limit).await?;
        self.shown(None, messages).await
    }

    /// Messages of one conversation as they are read: with what follows from other records.
    pub(crate) async fn shown(
        &self,
        conversation: Option<&Conversation>,
        mut messages: Vec<Message>,
    ) -> Done<Vec<Message>> {
        let loaded;
        let needs_conversation =
            |message: &Message| message.is_under_way() || message.answers_by_provider_id();
        let conversation = match messages.iter().find(|message| needs_conversation(message)) {
            Some(message) if conversation.is_none() => {
                loaded = self.stored(message.conversation_id).await?;
                loaded.as_ref().map(|stored| &stored.conversation)
            }
            _ => conversation,
        };
        for message in &mut messages {
            if let Some(conversation) = conversation {
                message.follow(conversation);
            }
            self.name_authors(message);
        }
        self.resolve_references(conversation, &mut messages).await?;
        Ok(messages)
    }

    async fn stored(&self, id: ConversationId) -> Done<Option<Stored>> {
        let sql = "SELECT key, record FROM convodb.conversation WHERE ws = $1 AND key = $2";
        let rows = self
            .query(self.of(sql).bind(keys::conversation(id)))
            .await?;
        let stored = rows
            .first()
            .map(|row| decode_conversation(self.directory, row.get(0), row.get(1)));
        Ok(stored.transpose()?)
    }

    /// Gives the authors of a message their present names.
    fn name_authors(&self, message: &mut Message) {
        let Some(extras) = &mut message.extras else {
            return;
        };
        let reactors = extras.reactions.iter_mut().map(|reaction| &mut reaction.by);
        for author in extras.author.iter_mut().chain(reactors) {
            if let Some(user) = author.user_id() {
                let known = self.directory.get(&AssigneeId::User(user));
                author.name = known.map(|known| known.name.to_string());
            }
        }
    }

    /// Gives messages the ids of those that they answer, where these are there, in one round trip.
    async fn resolve_references(
        &self,
        conversation: Option<&Conversation>,
        messages: &mut [Message],
    ) -> Done<()> {
        let inboxes = &self.directory.inboxes;
        let inbox = conversation.map(|it| inboxes.number_of(it)).transpose()?;
        let key = |id: &ProviderId| {
            let inbox = inbox?;
            Some(keys::provider_id(
                inbox,
                self.hashes.of_provider_id(inbox, id),
            ))
        };
        let (mut by_id, mut by_provider) = (Vec::new(), Vec::new());
        for message in messages.iter() {
            let extras = message.extras.as_ref();
            let Some(reference) = extras.and_then(|extras| extras.reply_to.as_ref()) else {
                continue;
            };
            match (&reference.message_id, &reference.provider_id) {
                (Some(id), _) => by_id.push(keys::message(message.conversation_id, *id)),
                (None, Some(id)) => by_provider.extend(key(id)),
                (None, None) => {}
            }
        }
        if by_id.is_empty() && by_provider.is_empty() {
            return Ok(());
        }
        let sql = "SELECT key, NULL::bytea FROM convodb.message WHERE ws = $1 AND key = ANY($2) \
                   UNION ALL SELECT key, record FROM convodb.provider_id WHERE ws = $1 AND key = ANY($3)";
        let rows = self
            .query(self.of(sql).bind(by_id).bind(by_provider))
            .await?;
        let found: BTreeMap<Vec<u8>, Option<Vec<u8>>> =
            rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        for message in messages {
            let of = message.conversation_id;
            let extras = message.extras.as_mut();
            let Some(reference) = extras.and_then(|extras| extras.reply_to.as_mut()) else {
                continue;
            };
            reference.message_id = match (reference.message_id, &reference.provider_id) {
                (Some(id), _) => found.contains_key(&keys::message(of, id)).then_some(id),
                (None, Some(id)) => {
                    let key = key(id).unwrap_or_default();
                    let record = found.get(&key).and_then(|record| record.as_ref());
                    let known = record.map(|record| decode_provider_id(&key, record));
                    match known.transpose()? {
                        // One of another conversation is never shown.
                        Some(ProviderIdState::Message(home, id)) if home == of => Some(id),
                        _ => None,
                    }
                }
                (None, None) => None,
            };
        }
        Ok(())
    }

    /// A message that must be there.
    pub(crate) async fn message(&self, message: &MessageRef) -> Done<Message> {
        let (conversation, id) = match message {
            MessageRef::Id {
                conversation,
                message,
            } => (*conversation, *message),
            foreign => {
                let Some((inbox, id)) = foreign.foreign_id() else {
                    return Err(Error::corrupted(format!("{foreign:?} is no message")).into());
                };
                let Some(inbox) = self.directory.inboxes.number(inbox) else {
                    self.current().await?;
                    return Err(Error::not_found(EntityKind::Inbox, inbox).into());
                };
                let key = keys::provider_id(inbox, self.hashes.of_provider_id(inbox, &id));
                let sql = "SELECT record FROM convodb.provider_id WHERE ws = $1 AND key = $2";
                let rows = self.query(self.of(sql).bind(key.clone())).await?;
                let known = rows.first().map(|row| decode_provider_id(&key, row.get(0)));
                match known.transpose()? {
                    Some(ProviderIdState::Message(conversation, id)) => (conversation, id),
                    Some(ProviderIdState::Tombstone) => return Err(Error::gone(&id).into()),
                    _ => return Err(Error::not_found(EntityKind::ProviderId, id.shown()).into()),
                }
            }
        };
        let sql = "SELECT m.key, m.place, m.record FROM convodb.message m WHERE m.ws = $1 AND m.key = ANY( \
                   ARRAY[$2::bytea] || ARRAY(SELECT a.target || $4::bytea FROM convodb.conversation_alias a \
                   WHERE a.ws = $1 AND a.key = $3))";
        let statement = self.of(sql).bind(keys::message(conversation, id));
        let statement = statement.bind(keys::conversation(conversation));
        let rows = self
            .query(statement.bind(id.raw().to_be_bytes().to_vec()))
            .await?;
        let missing = || Error::not_found(EntityKind::Message, id);
        let row = rows.first().ok_or_else(missing)?;
        let found = message_of(row.get(0), row.get(1), row.get(2))?;
        let mut shown = self.shown(None, vec![found]).await?;
        Ok(shown.pop().ok_or_else(missing)?)
    }

    pub(crate) async fn last_messages(&self, ids: &[ConversationId]) -> Done<Vec<Option<Message>>> {
        let keys: Vec<_> = ids.iter().map(|id| keys::conversation(*id)).collect();
        let sql = "SELECT k.key, m.key, m.place, m.record FROM unnest($2::bytea[]) AS k(key) \
                   CROSS JOIN LATERAL (SELECT coalesce((SELECT a.target FROM convodb.conversation_alias a \
                     WHERE a.ws = $1 AND a.key = k.key), k.key) AS key) c \
                   CROSS JOIN LATERAL (SELECT m.key, m.place, m.record FROM convodb.message m WHERE m.ws = $1 \
                     AND m.place > c.key AND m.place <= c.key || '\\xffffffffffffffffffffffffffffffffffffffffffffffff' \
                     ORDER BY m.place DESC LIMIT 1) m";
        let rows = self.query(self.of(sql).bind(keys)).await?;
        let mut last = BTreeMap::new();
        for row in &rows {
            let asked = keys::conversation_of(row.get(0))?;
            let message = message_of(row.get(1), row.get(2), row.get(3))?;
            let shown = self.shown(None, vec![message]).await?;
            last.extend(shown.into_iter().map(|message| (asked, message)));
        }
        Ok(ids.iter().map(|id| last.get(id).cloned()).collect())
    }

    /// The notes of a conversation that must be there, oldest first.
    pub(crate) async fn notes(&self, id: ConversationId) -> Done<Vec<Note>> {
        let id = self.conversation(id).await?.id;
        let rows = self.query(notes_statement(self.ws, id, None)).await?;
        Ok(read_notes(&rows)?)
    }

    pub(crate) async fn inbox(&self, id: &InboxId) -> Done<Inbox> {
        let known = self.current().await?.directory.inboxes.get(id).cloned();
        Ok(known.ok_or_else(|| Error::not_found(EntityKind::Inbox, id))?)
    }

    pub(crate) async fn inboxes(&self) -> Done<Vec<Inbox>> {
        let inboxes = self.current().await?.directory.inboxes.iter();
        Ok(inboxes.cloned().collect())
    }

    async fn shown_view(&self, saved: &SavedView) -> Done<View> {
        let mut view = View::clone(&saved.view);
        view.building = self.progress(saved).await?;
        Ok(view)
    }

    pub(crate) async fn view(&self, id: &ViewId) -> Done<View> {
        let saved = self.current().await?.directory.views.get(id);
        let saved = saved.ok_or_else(|| Error::not_found(EntityKind::View, id))?;
        self.shown_view(saved).await
    }

    pub(crate) async fn views(&self) -> Done<Vec<View>> {
        let mut views = Vec::new();
        for saved in self.current().await?.directory.views.iter() {
            views.push(self.shown_view(saved).await?);
        }
        Ok(views)
    }

    pub(crate) async fn assignee(&self, id: &AssigneeId) -> Done<Assignee> {
        let known = self.current().await?.directory.get(id).cloned();
        Ok(known.ok_or_else(|| Error::assignee_not_found(id))?)
    }

    pub(crate) async fn assignees(&self) -> Done<Vec<Assignee>> {
        Ok(self.current().await?.directory.iter().cloned().collect())
    }

    pub(crate) async fn team(&self, id: &TeamId) -> Done<Team> {
        let known = self.assignee(&id.into()).await?;
        let members = self.directory.members_of(id);
        Ok(Team::new(id, &known.name, members))
    }

    pub(crate) async fn tags(&self) -> Done<Vec<TagCount>> {
        let sql = "SELECT tag, count FROM convodb.tag WHERE ws = $1 ORDER BY key";
        let rows = self.query(self.of(sql)).await?;
        let read = |row: &Row| {
            let (tag, count): (&[u8], i64) = (row.get(0), row.get(1));
            Ok(TagCount::new(
                keys::text_of(tag)?.to_owned(),
                count.unsigned_abs(),
            ))
        };
        Ok(rows.iter().map(read).collect::<Result<_>>()?)
    }

    /// At most `limit` events behind one, in their order.
    pub(crate) async fn events(&self, after: EventSeq, limit: usize) -> Done<Vec<Event>> {
        let sql = "SELECT h.newest_event, w.oldest_event, e.number, e.record FROM convodb.workspace w \
                   JOIN convodb.head h ON h.ws = w.ws LEFT JOIN LATERAL ( \
                     SELECT e.number, e.record FROM convodb.event e WHERE e.ws = $1 AND e.number > $2 \
                     AND e.number <= h.newest_event AND e.number <= $4 ORDER BY e.number LIMIT $3) e ON true \
                   WHERE w.ws = $1 ORDER BY e.number";
        let at_most = i64::try_from(limit).unwrap_or(i64::MAX);
        let statement = self.of(sql).bind(signed(after)).bind(at_most);
        // As there are no gaps, that is the last one, which only few partitions can have.
        let last = signed(after).saturating_add(at_most);
        let rows = self.query(statement.bind(last)).await?;
        let first = rows.first();
        let first = first.ok_or_else(|| Error::corrupted("the workspace is missing"))?;
        let [newest, oldest] =
            [0, 1].map(|at| EventSeq::new(first.get::<_, i64>(at).unsigned_abs()));
        let Some(left) = newest.get().checked_sub(after.get()) else {
            // A position of another workspace: who waited at it would miss what comes until then.
            let reason = format!("must not be above the newest event, {newest}");
            return Err(Error::from(InvalidInput::new("after", reason)).into());
        };
        if after.next() < oldest {
            return Err(Error::events_purged(oldest).into());
        }
        let expected = usize::try_from(left).map_or(limit, |left| left.min(limit));
        let mut events = Vec::with_capacity(expected);
        let mut seq = after;
        for row in &rows {
            let (Some(number), Some(record)) = (row.get::<_, Option<i64>>(2), row.get(3)) else {
                break;
            };
            seq = seq.next();
            if signed(seq) != number {
                return Err(missing(seq).into());
            }
            events.push(event_record(number, record)?.numbered(seq));
        }
        match events.len() == expected {
            true => Ok(events),
            false => Err(missing(seq.next()).into()),
        }
    }

    pub(crate) async fn audit_log(&self, id: ConversationId) -> Done<Vec<Event>> {
        let id = self.conversation(id).await?.id;
        let sql = "SELECT number, record FROM convodb.audit WHERE ws = $1 AND conversation = $2 \
                   UNION ALL SELECT number, record FROM convodb.event WHERE ws = $1 AND audit = $2 \
                   AND number >= (SELECT oldest_event FROM convodb.workspace WHERE ws = $1) ORDER BY number";
        let rows = self
            .query(self.of(sql).bind(keys::conversation(id)))
            .await?;
        Ok(rows.iter().map(read_event).collect::<Result<_>>()?)
    }

    /// All consumers, by their names.
    pub(crate) async fn consumers(&self) -> Done<Vec<ConsumerPosition>> {
        let sql = "SELECT key, record FROM convodb.consumer WHERE ws = $1 ORDER BY key";
        let rows = self.query(self.of(sql)).await?;
        let read = |row: &Row| {
            let key: &[u8] = row.get(0);
            let damaged = || rows::damaged(Table::Consumer.name(), key);
            let name = ConsumerName::new(keys::text_of(key)?).map_err(|_| damaged())?;
            let position = rows::decode(Table::Consumer.name(), key, row.get(1))?;
            Ok(ConsumerPosition::new(name, position))
        };
        Ok(rows.iter().map(read).collect::<Result<_>>()?)
    }

    pub(crate) async fn import_progress(&self, name: &ImportName) -> Done<Option<ImportProgress>> {
        let key = name.as_str().as_bytes();
        let sql = "SELECT record FROM convodb.import WHERE ws = $1 AND key = $2";
        let rows = self.query(self.of(sql).bind(key.to_vec())).await?;
        let record = rows.first();
        let record = record.map(|row| rows::decode(Table::Import.name(), key, row.get(0)));
        Ok(record.transpose()?)
    }

    /// A contact that has a record or conversations.
    pub(crate) async fn contact(&self, id: &ContactId) -> Done<Contact> {
        let id = &self.contact_meant(id).await?;
        let sql = "SELECT key, record FROM convodb.contact WHERE ws = $1 AND key = $2";
        let rows = self.query(self.of(sql).bind(keys::contact(id))).await?;
        if let Some(row) = rows.first() {
            return Ok(read_contact(row.get(0), row.get(1))?);
        }
        let times = self.conversations_of(id).await?.into_iter();
        let oldest = times.map(|known| known.created_at).min();
        let oldest = oldest.ok_or_else(|| Error::not_found(EntityKind::Contact, id))?;
        Ok(Contact::new(id.clone(), oldest))
    }

    /// The contacts that have records, by their ids, after one.
    pub(crate) async fn contacts(
        &self,
        after: Option<&ContactId>,
        limit: usize,
    ) -> Done<Vec<Contact>> {
        let sql = "SELECT key, record FROM convodb.contact WHERE ws = $1 AND key > $2 ORDER BY key LIMIT $3";
        let after = after.map(keys::contact).unwrap_or_default();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = self.query(self.of(sql).bind(after).bind(limit)).await?;
        let contacts = rows.iter().map(|row| read_contact(row.get(0), row.get(1)));
        Ok(contacts.collect::<Result<_>>()?)
    }

    /// A page of contacts that have records. O(those that the filter selects).
    pub(crate) async fn list_contacts(
        &self,
        filter: &ContactFilter,
        request: &PageRequest,
    ) -> Done<Page<Contact>> {
        let PagePosition::Number(number) = request.position() else {
            let reason = "must be a number in a list of contacts";
            return Err(Error::from(InvalidInput::new("page", reason)).into());
        };
        filter.validate().map_err(Error::from)?;
        let limit = u64::from(request.limit());
        let offset = (number - 1).saturating_mul(limit);
        let found = self.find_contacts(filter).await?;
        let skip = usize::try_from(offset).unwrap_or(usize::MAX);
        let total = found.len() as u64;
        let data = found.into_iter().skip(skip).take(limit as usize).collect();
        let mut page = Page::new(data, total, None);
        (page.number, page.offset) = (Some(number), Some(offset));
        Ok(page)
    }

    /// Each contact that a filter selects, once.
    async fn find_contacts(&self, filter: &ContactFilter) -> Done<Vec<Contact>> {
        let statement = match filter {
            ContactFilter::All => {
                self.of("SELECT key, record FROM convodb.contact WHERE ws = $1 ORDER BY key")
            }
            ContactFilter::Name(prefix) => {
                let (first, last) = prefixed(indexed_name(prefix).into_bytes());
                self.of("SELECT key, record FROM convodb.contact WHERE ws = $1 AND name >= $2 AND name < $3 \
                         ORDER BY name, key")
                    .bind(first)
                    .bind(last)
            }
            ContactFilter::Identity(channel, prefix) => {
                let mut key = vec![*channel as u8];
                key.extend(prefix.as_bytes());
                let (first, last) = prefixed(key);
                return self.contacts_of_identities(filter, first, last).await;
            }
        };
        let rows = self.query(statement).await?;
        let contacts = rows.iter().map(|row| read_contact(row.get(0), row.get(1)));
        let mut contacts: Vec<Contact> = contacts.collect::<Result<_>>()?;
        if let ContactFilter::Name(prefix) = filter {
            // As much as the column has may be less than the prefix.
            let prefix = folded(prefix);
            let begins = |name: &str| folded(name).starts_with(&prefix);
            contacts.retain(|contact| contact.name.as_deref().is_some_and(begins));
            // Of one name, by the hashes of their ids, as everywhere.
            contacts.sort_by_cached_key(|contact| {
                let name = contact.name.as_deref().map(indexed_name);
                (name, self.hashes.of_contact(&contact.id))
            });
        }
        Ok(contacts)
    }

    async fn contacts_of_identities(
        &self,
        filter: &ContactFilter,
        first: Vec<u8>,
        last: Vec<u8>,
    ) -> Done<Vec<Contact>> {
        let sql = "SELECT i.key, i.record FROM convodb.identity i WHERE i.ws = $1 AND i.key >= $2 AND i.key < $3 \
                   ORDER BY i.key";
        let rows = self.query(self.of(sql).bind(first).bind(last)).await?;
        let mut found = Vec::new();
        for row in &rows {
            let key: &[u8] = row.get(0);
            let id: ContactId = rows::decode(Table::Identity.name(), key, row.get(1))?;
            found.push((key.to_vec(), keys::contact(&id)));
        }
        let ids: Vec<_> = found.iter().map(|(_, id)| id.clone()).collect();
        let sql = "SELECT key, record FROM convodb.contact WHERE ws = $1 AND key = ANY($2)";
        let rows = self.query(self.of(sql).bind(ids)).await?;
        let mut contacts = BTreeMap::new();
        for row in &rows {
            let key: &[u8] = row.get(0);
            contacts.insert(key.to_vec(), read_contact(key, row.get(1))?);
        }
        let mut selected = Vec::new();
        for (identity, id) in found {
            let Some(contact) = contacts.get(&id) else {
                return Err(Error::corrupted("the contact of an identity is missing").into());
            };
            // The least of its identities that match stands for it.
            let matching = contact.identities.iter().filter(|one| filter.matches(one));
            let least: Option<&Identity> = matching.min();
            if least.map(keys::identity) == Some(identity) {
                selected.push(contact.clone());
            }
        }
        Ok(selected)
    }

    /// How many users or teams there are.
    pub(crate) fn count_of(&self, kind: AssigneeKind) -> u64 {
        let assignees = self.directory.iter();
        assignees.filter(|one| one.id.kind() == kind).count() as u64
    }
}

fn decode_provider_id(key: &[u8], record: &[u8]) -> Result<ProviderIdState> {
    rows::decode(Table::ProviderId.name(), key, record)
}

fn missing(seq: EventSeq) -> Error {
    Error::corrupted(format!("event {seq} is missing"))
}

/// The bytes between which all begin with these.
fn prefixed(first: Vec<u8>) -> (Vec<u8>, Vec<u8>) {
    let mut last = first.clone();
    last.push(0xff);
    (first, last)
}
