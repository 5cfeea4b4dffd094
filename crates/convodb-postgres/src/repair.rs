//! Derives anew what is derived: columns, places, the lists of views, tags, provider's ids, names and
//! identities, and the counts.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use convodb_core::{Conversation, ConversationId, InboxNumber, ProviderIdState, Result, time};
use tokio_postgres::Row;

use crate::counts;
use crate::exclusive::Exclusive;
use crate::fault::Done;
use crate::keys;
use crate::load::message_of;
use crate::reader::{decode_conversation, read_notes};
use crate::rows::{self, Table};
use crate::session::Statement;
use crate::store::Shared;
use crate::tags::TagEdits;
use crate::unit::Unit;
use crate::verify::lists_of;
use crate::write::{add_view_rows, contact_row, conversation_row, message_row, provider_id_row};

/// Rows that are read and written at once.
const AT_ONCE: i64 = 1_024;

/// Derives everything anew, while no other unit of the workspace runs.
pub(crate) async fn repair(shared: &Arc<Shared>) -> Result<()> {
    let mut work = Exclusive::begin(shared).await?;
    match derive(&mut work.unit).await {
        Ok(()) => work.commit().await.map(drop),
        Err(fault) => {
            let _ = work.roll_back().await;
            Err(fault.into_error())
        }
    }
}

async fn derive(unit: &mut Unit) -> Done<()> {
    unit.applied = true;
    // What is folded later is not in the rows that are counted.
    unit.settle().await?;
    unit.begin_command();
    let directory = Arc::make_mut(&mut unit.directory);
    directory.repair_members()?;
    directory.views.rebuilt();
    unit.raises_epoch = true;
    unit.flush().await?;
    let of = |sql: &'static str| Statement::new(sql).bind(unit.ws);
    unit.session
        .pipeline(&[
            of("DELETE FROM convodb.view_row WHERE ws = $1"),
            of("DELETE FROM convodb.tag WHERE ws = $1"),
            of("DELETE FROM convodb.identity WHERE ws = $1"),
        ])
        .await?;
    let (inbound, newest) = derive_messages(unit).await?;
    derive_notes(unit).await?;
    derive_conversations(unit, &inbound).await?;
    derive_contacts(unit).await?;
    unit.now = newest;
    let lists = lists_of(&unit.directory);
    counts::rebuild(&unit.session, unit.ws, &lists).await
}

/// The next rows of a table behind a key.
async fn next(unit: &Unit, columns: &str, table: Table, after: &[u8]) -> Done<Vec<Row>> {
    let name = table.name();
    let sql = format!(
        "SELECT key, {columns} FROM {name} WHERE ws = $1 AND key > $2 ORDER BY key LIMIT $3"
    );
    let statement = Statement::new(sql).bind(unit.ws).bind(after.to_vec());
    unit.query(statement.bind(AT_ONCE)).await
}

/// Where the rows behind these begin; nothing at the end.
fn behind(rows: &[Row]) -> Option<Vec<u8>> {
    let is_last = (rows.len() as i64) < AT_ONCE;
    rows.last().filter(|_| !is_last).map(|row| row.get(0))
}

/// How many messages of each conversation are from the contact; nothing where one cannot be read.
type Inbound = BTreeMap<ConversationId, Option<u64>>;

/// Counts the messages from the contact anew. If one of them cannot be read, the record may be right.
fn recount(inbound: &Inbound, conversation: &mut Conversation) {
    let counted = inbound.get(&conversation.id).copied().unwrap_or(Some(0));
    let counted = counted.unwrap_or(conversation.inbound_count);
    let read_count = conversation.read_count().min(counted);
    conversation.inbound_count = counted;
    conversation.unread_count = counted - read_count;
}

async fn derive_conversations(unit: &mut Unit, inbound: &Inbound) -> Done<()> {
    let directory = Arc::clone(&unit.directory);
    let mut tags = TagEdits::default();
    let mut after = Some(Vec::new());
    while let Some(from) = after {
        let rows = next(unit, "record", Table::Conversation, &from).await?;
        after = behind(&rows);
        let mut put = Vec::with_capacity(rows.len());
        let (mut lists, mut places, mut ids) = (Vec::new(), Vec::new(), Vec::new());
        for row in &rows {
            // `verify` reports what cannot be read.
            let Ok(mut stored) = decode_conversation(&directory, row.get(0), row.get(1)) else {
                continue;
            };
            recount(inbound, &mut stored.conversation);
            time::clamp(stored.conversation.times(), unit.now);
            tags.add(&stored.conversation, 1);
            put.push(conversation_row(
                &stored.conversation,
                stored.numbers,
                unit.newest_id,
            )?);
            let shown = stored.shown(&directory)?;
            for view in directory.views.iter() {
                if let Some((list, place)) = view.place(&shown) {
                    lists.push(i64::from(list));
                    places.push(place.to_vec());
                    ids.push(keys::conversation(shown.id));
                }
            }
        }
        let statements = [
            rows::update(unit.ws, unit.version, Table::Conversation, put),
            add_view_rows(unit.ws, lists, places, ids),
        ];
        unit.session.pipeline(&statements).await?;
    }
    let mut statements = Vec::new();
    tags.write(unit.ws, &mut statements);
    unit.session.pipeline(&statements).await?;
    Ok(())
}

/// Provider's ids are those of the messages; tombstones and what waits stay. Times in the future become the
/// present one, and the messages of the future keep their order, a microsecond apart.
async fn derive_messages(unit: &Unit) -> Done<(Inbound, DateTime<Utc>)> {
    remove_ids(unit).await?;
    let now = unit.now;
    let (mut inbound, mut clamped, mut newest) = (Inbound::new(), (None, now), now);
    let mut after = Some(Vec::new());
    while let Some(from) = after {
        let sql = "SELECT m.place, m.key, m.record, c.inbox FROM convodb.message m \
                   LEFT JOIN convodb.conversation c ON c.ws = m.ws AND c.key = substr(m.key, 1, 16) \
                   WHERE m.ws = $1 AND m.place > $2 ORDER BY m.place LIMIT $3";
        let statement = Statement::new(sql).bind(unit.ws).bind(from);
        let rows = unit.query(statement.bind(AT_ONCE)).await?;
        after = behind(&rows);
        let (mut put, mut ids) = (Vec::new(), BTreeMap::new());
        for row in &rows {
            let (of, ..) = keys::place_of(row.get(0))?;
            let counted = inbound.entry(of).or_insert(Some(0));
            let Ok(mut message) = message_of(row.get(1), row.get(0), row.get(2)) else {
                *counted = None;
                continue;
            };
            if let Some(counted) = counted {
                *counted += u64::from(message.is_from_contact());
            }
            let is_ahead = message.order_time > now;
            if time::clamp(message.times(), now) && is_ahead {
                let next = clamped.1 + TimeDelta::microseconds(1);
                clamped = (Some(of), if clamped.0 == Some(of) { next } else { now });
                message.order_time = clamped.1;
                newest = newest.max(clamped.1);
            }
            put.push(message_row(&message)?);
            let Some(inbox) = row.get::<_, Option<i64>>(3) else {
                continue;
            };
            let inbox = InboxNumber::new(u32::try_from(inbox).unwrap_or_default());
            let known = ProviderIdState::Message(of, message.id);
            for id in message.foreign_ids() {
                let key = keys::provider_id(inbox, unit.hashes.of_provider_id(inbox, &id));
                ids.insert(key.clone(), provider_id_row(key, &known)?);
            }
        }
        let ids = ids.into_values().collect();
        let statements = [
            rows::update(unit.ws, unit.version, Table::Message, put),
            rows::upsert(unit.ws, unit.version, Table::ProviderId, ids),
        ];
        unit.session.pipeline(&statements).await?;
    }
    Ok((inbound, newest))
}

async fn remove_ids(unit: &Unit) -> Done<()> {
    let mut after = Some(Vec::new());
    while let Some(from) = after {
        let rows = next(unit, "record", Table::ProviderId, &from).await?;
        after = behind(&rows);
        let is_stored = |row: &&Row| {
            let known = rows::decode(Table::ProviderId.name(), row.get(0), row.get(1));
            matches!(known, Ok(ProviderIdState::Message(..)))
        };
        let stored = rows
            .iter()
            .filter(is_stored)
            .map(|row| row.get(0))
            .collect();
        let remove = rows::delete(unit.ws, Table::ProviderId, stored);
        unit.query(remove).await?;
    }
    Ok(())
}

async fn derive_notes(unit: &Unit) -> Done<()> {
    let mut after = Some(Vec::new());
    while let Some(from) = after {
        let rows = next(unit, "record", Table::Note, &from).await?;
        after = behind(&rows);
        for row in &rows {
            let Ok(mut notes) = read_notes(std::slice::from_ref(row)) else {
                continue;
            };
            let Some(note) = notes.first_mut() else {
                continue;
            };
            if time::clamp([&mut note.created_at], unit.now) {
                let remove = rows::delete(unit.ws, Table::Note, vec![row.get(0)]);
                let put = rows::Row {
                    key: keys::note(note.conversation_id, note.created_at, note.id),
                    record: row.get(1),
                    values: Vec::new(),
                };
                let put = rows::upsert(unit.ws, unit.version, Table::Note, vec![put]);
                unit.session.pipeline(&[remove, put]).await?;
            }
        }
    }
    Ok(())
}

async fn derive_contacts(unit: &mut Unit) -> Done<()> {
    let contacts = unit.reader().contacts(None, usize::MAX).await?;
    let (mut put, mut identities) = (Vec::new(), Vec::new());
    for contact in contacts {
        for identity in &contact.identities {
            identities.push(rows::Row {
                key: keys::identity(identity),
                record: rows::encode(&contact.id)?,
                values: Vec::new(),
            });
        }
        put.push(contact_row(contact)?);
    }
    let statements = [
        rows::update(unit.ws, unit.version, Table::Contact, put),
        rows::upsert(unit.ws, unit.version, Table::Identity, identities),
    ];
    unit.session.pipeline(&statements).await?;
    Ok(())
}
