//! Whole conversations, many at a time, as exports have them.

use std::collections::BTreeMap;

use convodb_core::{Conversation, ConversationId, EntityKind, Error, Import, Message, Note};

use crate::fault::Done;
use crate::keys;
use crate::load::message_of;
use crate::reader::{Reader, read_notes};
use crate::session::Statement;

/// As many messages are read at once, and all of a conversation that has more.
const MESSAGES_AT_ONCE: u64 = 4_096;

/// Of the rows whose column begins with the key of a conversation.
fn within(column: &str) -> String {
    format!(
        "{column} > k.key AND {column} <= k.key || '\\x{}'",
        "ff".repeat(24)
    )
}

impl Reader<'_> {
    /// The first of these conversations with their messages and notes: at least one, and as many as have so many
    /// messages together as are read at once.
    pub(crate) async fn histories(&self, ids: &[ConversationId]) -> Done<Vec<Import>> {
        let mut conversations = Vec::with_capacity(ids.len());
        for (id, found) in ids.iter().zip(self.conversations(ids).await?) {
            let missing = || Error::not_found(EntityKind::Conversation, id);
            conversations.push(found.ok_or_else(missing)?);
        }
        let most = self.most_at_once(&conversations).await?;
        conversations.truncate(most);
        let keys: Vec<_> = conversations
            .iter()
            .map(|it| keys::conversation(it.id))
            .collect();
        // `OFFSET 0` keeps the planner from reading a workspace for each conversation.
        let of = |sql: String| Statement::new(sql).bind(self.ws).bind(keys.clone());
        let messages = format!(
            "SELECT m.key, m.place, m.record FROM unnest($2::bytea[]) AS k(key) CROSS JOIN LATERAL ( \
               SELECT * FROM convodb.message m WHERE m.ws = $1 AND {} OFFSET 0) m ORDER BY m.place",
            within("m.place")
        );
        let notes = format!(
            "SELECT n.key, n.record FROM unnest($2::bytea[]) AS k(key) CROSS JOIN LATERAL ( \
               SELECT * FROM convodb.note n WHERE n.ws = $1 AND {} OFFSET 0) n ORDER BY n.key",
            within("n.key")
        );
        let rows = self.session.pipeline(&[of(messages), of(notes)]).await?;
        let [messages, notes] = rows.as_slice() else {
            return Err(Error::corrupted("the histories were not answered").into());
        };
        let mut messages_of: BTreeMap<ConversationId, Vec<Message>> = BTreeMap::new();
        for row in messages {
            let message = message_of(row.get(0), row.get(1), row.get(2))?;
            messages_of
                .entry(message.conversation_id)
                .or_default()
                .push(message);
        }
        let mut notes_of: BTreeMap<ConversationId, Vec<Note>> = BTreeMap::new();
        for note in read_notes(notes)? {
            notes_of.entry(note.conversation_id).or_default().push(note);
        }
        let mut histories = Vec::with_capacity(conversations.len());
        for conversation in conversations {
            let id = conversation.id;
            let messages = messages_of.remove(&id).unwrap_or_default();
            let messages = self.shown(Some(&conversation), messages).await?;
            let notes = notes_of.remove(&id).unwrap_or_default();
            histories.push(Import::new(conversation, messages).notes(notes));
        }
        Ok(histories)
    }

    /// How many of these conversations are read at once.
    async fn most_at_once(&self, conversations: &[Conversation]) -> Done<usize> {
        let keys: Vec<_> = conversations
            .iter()
            .map(|it| keys::conversation(it.id))
            .collect();
        let sql = format!(
            "SELECT k.key, (SELECT count(*) FROM convodb.message m WHERE m.ws = $1 AND {}) \
             FROM unnest($2::bytea[]) AS k(key)",
            within("m.place")
        );
        let rows = self
            .query(Statement::new(sql).bind(self.ws).bind(keys))
            .await?;
        let mut counts = BTreeMap::new();
        for row in &rows {
            let id = keys::conversation_of(row.get(0))?;
            counts.insert(id, row.get::<_, i64>(1).unsigned_abs());
        }
        let mut messages = 0;
        let fits = |it: &&Conversation| {
            messages += counts.get(&it.id).copied().unwrap_or_default();
            messages <= MESSAGES_AT_ONCE
        };
        Ok(conversations.iter().take_while(fits).count().max(1))
    }
}
